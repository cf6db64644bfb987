"""Showing documents: page images that we rendered, and media by range, decrypted as they stream."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import TypeVar
from urllib.parse import quote

from aiohttp import web
from sqlalchemy.orm import Session

from repository import people, watermark
from repository.access import CENTRE_ROLES, Action, Role, scope_of
from repository.acts import annotations as annotating
from repository.acts import reading, standardisation_marks, viewing
from repository.acts.viewing import Shown, Viewing
from repository.derivatives import DerivativeKind
from repository.documents import is_recording
from repository.errors import NotFound, RangeRefused
from repository.web import keys, viewer
from repository.web.headers import CONTENT_POLICY
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, read_form, services_of

T = TypeVar("T")
PAGE_WIDTH_PIXELS = 1240
THUMBNAIL_WIDTH_PIXELS = 200
UNSAFE_IN_NAMES = re.compile(r"[^A-Za-z0-9 ._()-]", re.ASCII)


async def show(request: web.Request) -> web.Response:
    """Show a document on a page: its pages as images, or a player."""
    seen = await _view(request)
    context, role = context_of(request), actor_of(request).role
    may_note = await services_of(request).database.read(lambda s: annotating.may_write(s, context, seen.case_id))
    desks = {Role.MODERATOR: "marking", Role.TEAM_LEADER: "checks", Role.PRINCIPAL_MODERATOR: "checks"}
    return await render(
        request,
        "documents/show.html",
        document=seen,
        may_note=may_note,
        shown=viewer.shown(request, seen, first=_first_plain_page(request)),
        back_href=f"/{desks[role]}/{seen.case_id}" if role in desks else f"/cases/{seen.case_id}/sample",
        back_text="Back to the works" if role in desks else "Back to the sample",
    )


async def addresses(request: web.Request) -> web.Response:
    """Answer from where a viewer that stands open for long may load a document's pages, for the next minute or with a pass."""
    seen = await _view(request)
    one = viewer.shown(request, seen)
    return web.json_response({"base": one.base, "ticket": one.ticket}, headers={"Cache-Control": "private, no-store"})


def _first_plain_page(request: web.Request) -> int:
    asked = request.query.get("from", "1")
    return max(1, int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1


async def content(request: web.Request) -> web.StreamResponse:
    """Stream a document as it was sent, to a program of the centre that sent it. A browser's cookie gives no leave to it."""
    _programs_only(request)
    services, context = services_of(request), context_of(request)
    seen = await _view(request)
    stored = await services.database.read(lambda s: viewing.original(s, context, seen))
    document_id = seen.document_id
    return await stream(
        request,
        seen.media_type,
        seen.size_bytes,
        attachment_header(seen.filename),
        lambda start, stop: reading.pieces(services, context, document_id, stored, start, stop),
    )


async def recording(request: web.Request) -> web.StreamResponse:
    """Stream what is played in place of a recording, on the content host.

    Raises: ``NotFound`` for any other kind of file, and to moderators for a recording that nothing was made of yet.
    """
    services, context = services_of(request), context_of(request)
    seen, made = await _view_with(request, lambda s, seen: viewing.whole(s, seen, DerivativeKind.MEDIA))
    if not is_recording(seen.media_type):
        raise NotFound
    document_id = seen.document_id
    if made is None:  # it was released by an older version
        stored = await services.database.read(lambda s: viewing.original(s, context, seen))
        return await stream(
            request,
            seen.media_type,
            seen.size_bytes,
            "inline",
            lambda start, stop: reading.pieces(services, context, document_id, stored, start, stop),
        )
    return await stream(
        request,
        made.media_type,
        made.size_bytes,
        "inline",
        lambda start, stop: reading.shown(services, context, document_id, made.part(start, stop)),
    )


async def stream(
    request: web.Request,
    media_type: str,
    size_bytes: int,
    disposition: str,
    read: Callable[[int, int], AsyncIterator[bytes]],
) -> web.StreamResponse:
    """Answer the whole or one range, each segment authenticated before it leaves."""
    start, stop, status = _range(request, size_bytes)
    headers = {
        "Content-Type": media_type,
        "Content-Length": str(stop - start),
        "Accept-Ranges": "bytes",
        "Content-Security-Policy": CONTENT_POLICY,
        "Cache-Control": "private, no-store",
        "Content-Disposition": disposition,
    }
    if status == 206:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size_bytes}"
    response = web.StreamResponse(status=status, headers=headers)
    if request.method == "HEAD" or start == stop:
        await response.prepare(request)
        return response
    # The first segment is opened before the headers leave, so that a damaged object still gets an honest answer.
    pieces = read(start, stop)
    first = await anext(pieces)
    await response.prepare(request)
    await response.write(first)
    try:
        async for piece in pieces:
            await response.write(piece)
    except Exception:
        # The length was announced: a short body must look broken, never whole.
        if request.transport is not None:
            request.transport.abort()
        raise
    await response.write_eof()
    return response


async def page_image(request: web.Request) -> web.Response:
    """Answer one page as a JPEG that we made from pixels; no byte the uploader chose reaches the browser."""
    return await _picture(request, DerivativeKind.PAGES, PAGE_WIDTH_PIXELS)


async def thumbnail(request: web.Request) -> web.Response:
    """Answer one page as a small JPEG that we made from pixels."""
    return await _picture(request, DerivativeKind.THUMBNAILS, THUMBNAIL_WIDTH_PIXELS)


async def poster(request: web.Request) -> web.Response:
    """Answer the picture that stands for a recording; raises ``NotFound`` for what has none."""
    seen, made = await _view_with(request, lambda s, seen: viewing.whole(s, seen, DerivativeKind.POSTER))
    if made is None:
        raise NotFound
    return _bytes(await _all_of(request, seen, made), made.media_type)


async def text(request: web.Request) -> web.Response:
    """Answer the words of one page, each with its place in thousandths of the page, for marking and for reading aloud."""
    number = _number(request)
    seen, made = await _view_with(request, lambda s, seen: viewing.page(s, seen, DerivativeKind.TEXT, number))
    if number > len(seen.pages):
        raise NotFound
    found = json.loads(await _all_of(request, seen, made)) if made else {"words": []}
    return web.json_response({"page": number, **found}, headers={"Cache-Control": "private, no-store"})


async def _picture(request: web.Request, kind: DerivativeKind, width_pixels: int) -> web.Response:
    number = _number(request)
    seen, made = await _view_with(request, lambda s, seen: viewing.page(s, seen, kind, number))
    if number > len(seen.pages):
        raise NotFound
    if made is not None:
        return _bytes(await _marked(request, kind, await _all_of(request, seen, made)), made.media_type)
    # It was released by an older version, and what is shown in its place is not made yet.
    services = services_of(request)
    content = reading.pieces(services, context_of(request), seen.document_id, seen.stored)
    async with request.app[keys.TURNS].of(actor_of(request).assignment_id):
        jpeg = await services.inspection.page_jpeg(content, number, width_pixels)
    return _bytes(await _marked(request, kind, jpeg), "image/jpeg")


async def _marked(request: web.Request, kind: DerivativeKind, jpeg: bytes) -> bytes:
    """Draw into a page who looks at it and when, unless it is the own centre's work."""
    actor = actor_of(request)
    if kind is not DerivativeKind.PAGES or actor.role in CENTRE_ROLES:
        return jpeg
    words = watermark.words_of(actor.person_id, services_of(request).clock())
    async with request.app[keys.TURNS].of(actor.assignment_id):
        return await asyncio.to_thread(watermark.marked, jpeg, words)


async def _all_of(request: web.Request, seen: Viewing, made: Shown) -> bytes:
    pieces = reading.shown(services_of(request), context_of(request), seen.document_id, made)
    return b"".join([piece async for piece in pieces])


def _bytes(body: bytes, media_type: str) -> web.Response:
    return web.Response(body=body, content_type=media_type, headers={"Cache-Control": "private, no-store"})


def _number(request: web.Request) -> int:
    number = request.match_info["number"]
    if not (number.isascii() and number.isdigit() and len(number) < 6) or int(number) < 1:
        raise NotFound
    return int(number)


async def page_for_programs(request: web.Request) -> web.Response:
    """Answer one page as a picture to a program; a browser's cookie gives no leave to it."""
    _programs_only(request)
    return await page_image(request)


def attachment_header(filename: str) -> str:
    """Return the disposition of a file to be kept: a name that is ours in the plain form, theirs in the escaped one.

    Source: RFC 6266, with the name of RFC 8187; https://www.rfc-editor.org/rfc/rfc6266
    """
    plain = UNSAFE_IN_NAMES.sub("_", filename).strip(". ") or "document"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _programs_only(request: web.Request) -> None:
    signed_in = request[keys.SESSION]
    if signed_in is not None and signed_in.by_cookie:
        raise NotFound


async def withdraw(request: web.Request) -> web.Response:
    """Withdraw a document from the sample page."""
    await read_form(request)
    services, context = services_of(request), context_of(request)
    document_id = request.match_info["document_id"]
    case_id = await services.database.write(lambda s: viewing.withdraw(s, context, services.signer, document_id))
    link = ("Your receipts", f"/cases/{case_id}/receipts")
    return await redirect(request, f"/cases/{case_id}/sample", text="The file was withdrawn.", link=link)


async def _view(request: web.Request) -> Viewing:
    return (await _view_with(request, lambda session, seen: None))[0]


async def _view_with(request: web.Request, look: Callable[[Session, Viewing], T]) -> tuple[Viewing, T]:
    """Permit and record a viewing, and look up in the same transaction what is shown."""
    database, context, viewings = services_of(request).database, context_of(request), request.app[keys.VIEWINGS]
    document_id, signed_in = request.match_info["document_id"], request[keys.SESSION]
    # A page and the pictures on it come by two host names under one sign-in, and are one viewing.
    sign_in = people.hash_token(signed_in.token).hex() if signed_in else request[keys.SIGN_IN]
    stands = viewings.stands(sign_in, document_id, context.now)
    is_standardised = scope_of(actor_of(request), Action.STANDARDISATION_MARK) is not None

    def both(session: Session) -> tuple[Viewing, T]:
        try:
            seen = viewing.view(session, context, document_id, recorded=stands)
        except NotFound:
            if not is_standardised:
                raise
            seen = standardisation_marks.view(session, context, document_id, recorded=stands)
        return seen, look(session, seen)

    if stands:
        return await database.read(both)
    found = await database.write(both)
    viewings.note(sign_in, document_id, context.now)
    return found


def _range(request: web.Request, size_bytes: int) -> tuple[int, int, int]:
    """Return [start, stop) and the status for the request's Range header; one range only, others get the whole."""
    try:
        asked = request.http_range
    except ValueError as error:
        raise RangeRefused(size_bytes=size_bytes) from error
    if asked.start is None and asked.stop is None:
        return 0, size_bytes, 200
    start = asked.start if asked.start is not None else 0
    if start < 0:
        return max(0, size_bytes + start), size_bytes, 206
    stop = size_bytes if asked.stop is None else min(asked.stop, size_bytes)
    if start >= size_bytes or stop <= start:
        raise RangeRefused(size_bytes=size_bytes)
    return start, stop, 206
