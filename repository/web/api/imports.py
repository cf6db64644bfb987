"""Imports, for programs: files in, counts and located faults out."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from sqlalchemy.orm import Session

from moderation.records.sequences import WaitingView
from repository.acts import import_entries, imports
from repository.acts.imports import File, Imported, ImportKind
from repository.audit import Context
from repository.errors import NotFound, RequestMalformed
from repository.services import Services
from repository.web import authentication
from repository.web.problems import fault_as_json
from repository.web.requests import context_of, services_of

FILES_LIMIT = 50
FILE_LIMIT_BYTES = 64 * 1024 * 1024


class _DryRun(Exception):
    """Carries the result out of a transaction that must not be committed."""

    def __init__(self, done: Imported) -> None:
        self.done = done


async def create_entries(request: web.Request) -> web.Response:
    """Import entry files: an officer's, or an exams officer's own centre's."""
    return await _create(request, ImportKind.ENTRIES)


async def create_marks(request: web.Request) -> web.Response:
    """Import marks files: an officer's, or an exams officer's own centre's."""
    return await _create(request, ImportKind.MARKS)


async def create_reference(request: web.Request) -> web.Response:
    """Import basedata or reference data."""
    return await _create(request, kind_of(request))


async def _create(request: web.Request, kind: ImportKind) -> web.Response:
    """Import the posted files, all or none; ``?dry_run=1`` does everything but keep it, and says what would change."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    files = await read_files(request)
    series_key = request.query.get("series")
    dry_run, accept_gap = (request.query.get(name) == "1" for name in ("dry_run", "accept_gap"))
    done = await import_files(
        services_of(request), context_of(request), kind, files, series_key, dry_run=dry_run, accept_gap=accept_gap
    )
    return web.json_response(
        {
            "imports": [
                {
                    "name": receipt.name,
                    "kind": receipt.kind,
                    "series": receipt.series_key,
                    "centre_number": receipt.centre_number,
                    "counts": dict(receipt.counts),
                    "repeat": receipt.was_known,
                }
                for receipt in done.receipts
            ],
            "waiting": [waiting_as_json(one) for one in done.waiting],
            "changes": None if done.changes is None else done.changes.as_json(),
            "warnings": [fault_as_json(warning) for warning in done.warnings],
        }
    )


async def import_files(
    services: Services,
    context: Context,
    kind: ImportKind,
    files: list[File],
    series_key: str | None,
    *,
    dry_run: bool,
    accept_gap: bool = False,
    seen: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Import files in one transaction, which a dry run does not commit; a dry run says what would change."""

    def work(session: Session) -> Imported:
        done = imports.run(session, context, kind, files, series_key, preview=dry_run, accept_gap=accept_gap, seen=seen)
        if dry_run:
            raise _DryRun(done)
        return done

    try:
        return await services.database.write(work)
    except _DryRun as dry:
        return dry.done


def waiting_as_json(one: WaitingView) -> dict[str, object]:
    """Return a file that waits, for programs."""
    return {
        "id": one.waiting_id,
        "name": one.name,
        "kind": one.kind,
        "series": one.series_key,
        "centre_number": one.centre_number,
        "sequence": one.sequence,
        "waits_for": one.waits_for,
        "arrived_at": one.arrived_at.isoformat(),
    }


async def waiting(request: web.Request) -> web.Response:
    """List the files that wait for the one before them."""
    context = context_of(request)
    found = await services_of(request).database.read(lambda s: import_entries.listed_waiting(s, context))
    return web.json_response({"waiting": [waiting_as_json(one) for one in found]})


def kind_of(request: web.Request) -> ImportKind:
    """Return what the address says is imported; raises ``NotFound`` for anything else."""
    try:
        return ImportKind(request.match_info["kind"])
    except ValueError as error:
        raise NotFound from error


async def read_files(request: web.Request) -> list[File]:
    """Return the files of a multipart body, each under its own name."""
    if not request.content_type.startswith("multipart/"):
        raise RequestMalformed("Send the files as multipart/form-data, in fields named `files`.")
    form = await request.post()
    fields = [field for field in form.getall("files", []) if isinstance(field, web.FileField)]
    if len(fields) > FILES_LIMIT:
        raise RequestMalformed(f"At most {FILES_LIMIT} files can be imported at once.")
    return [(field.filename, field.file.read()) for field in fields if field.filename]
