"""Downloads: one address for every kind of file, and one of its own for results as A2C-like XML."""

from __future__ import annotations

import io
import zipfile

from aiohttp import web
from sqlalchemy.orm import Session

from moderation.errors import ResultsEmbargoed, ResultsWithdrawn
from repository.acts import exports
from repository.acts.exports import Exported, ExportKind, Wish
from repository.errors import FieldRefused, NotFound
from repository.web.requests import context_of, services_of


async def download(request: web.Request) -> web.Response:
    """Answer a file; ``?centre=`` narrows it, ``?bom=0`` writes CSV for machines, ``?kind=A&sequence=2`` an amendment."""
    try:
        kind = ExportKind(request.match_info["what"])
    except ValueError as error:
        raise NotFound from error
    return await _answer(request, kind)


async def results_xml(request: web.Request) -> web.Response:
    """Answer one centre's results as XML: A2C-like, not certified."""
    return await _answer(request, ExportKind.RESULTS_XML)


async def _answer(request: web.Request, kind: ExportKind) -> web.Response:
    context, database = context_of(request), services_of(request).database
    wish = _wish(request, kind)

    def work(session: Session) -> Exported:
        return exports.run(session, context, wish)

    try:
        done = await database.write(work)
    except (ResultsEmbargoed, ResultsWithdrawn):
        await database.write(lambda session: exports.note_refusal(session, context, wish))
        raise
    name, body, media_type = done.files[0][0], done.files[0][1], done.media_type
    if len(done.files) > 1:
        name, body, media_type = f"{wish.kind}-{wish.series_key}.zip", _zipped(done), "application/zip"
    return web.Response(
        body=body,
        content_type=media_type,
        charset="utf-8" if media_type in {exports.CSV, exports.XML} else None,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Left-Out": str(len(done.warnings))},
    )


def _wish(request: web.Request, kind: ExportKind) -> Wish:
    sequence = request.query.get("sequence", "1")
    entry_kind = request.query.get("kind", "E")
    if not (sequence.isascii() and sequence.isdigit() and len(sequence) <= 3) or entry_kind not in {"E", "A"}:
        raise FieldRefused("The sequence is a number up to 999, and the kind E or A.", field="sequence")
    return Wish(
        kind,
        request.match_info["series_key"],
        request.query.get("centre") or None,
        bom=request.query.get("bom") != "0",
        entry_kind=entry_kind,
        sequence=int(sequence),
    )


def _zipped(done: Exported) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in done.files:
            archive.writestr(name, data)
    return packed.getvalue()
