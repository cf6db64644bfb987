"""Showing documents: page images that we rendered, and media by range, decrypted as they stream."""

from __future__ import annotations

import re
from urllib.parse import quote

from aiohttp import web

from repository import people
from repository.access import Action, Role, scope_of
from repository.acts import reading, standardisation, viewing
from repository.acts.viewing import Viewing
from repository.errors import NotFound, RangeRefused
from repository.web import keys, viewer
from repository.web.headers import CONTENT_POLICY
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, read_form, services_of

PAGE_WIDTH_PIXELS = 1240
THUMBNAIL_WIDTH_PIXELS = 200
UNSAFE_IN_NAMES = re.compile(r"[^A-Za-z0-9 ._()-]", re.ASCII)


async def show(request: web.Request) -> web.Response:
    """Show a document on a page: its pages as images, or a player."""
    seen = await _view(request)
    role = actor_of(request).role
    desks = {Role.MODERATOR: "marking", Role.TEAM_LEADER: "checks", Role.PRINCIPAL_MODERATOR: "checks"}
    return await render(
        request,
        "documents/show.html",
        document=seen,
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
    """Stream a document as it was sent to a program, to be kept as a file. A browser's cookie gives no leave to it."""
    _programs_only(request)
    seen = await _view(request)
    return await _stream(request, seen, attachment_header(seen.filename))


async def recording(request: web.Request) -> web.StreamResponse:
    """Stream a recording to the player of a page, on the content host; raises ``NotFound`` for any other kind of file."""
    seen = await _view(request)
    if not seen.media_type.startswith(("audio/", "video/")):
        raise NotFound
    return await _stream(request, seen, "inline")


async def _stream(request: web.Request, seen: Viewing, disposition: str) -> web.StreamResponse:
    """Answer the whole or one range, each segment authenticated before it leaves."""
    start, stop, status = _range(request, seen.size_bytes)
    headers = {
        "Content-Type": seen.media_type,
        "Content-Length": str(stop - start),
        "Accept-Ranges": "bytes",
        "Content-Security-Policy": CONTENT_POLICY,
        "Cache-Control": "private, no-store",
        "Content-Disposition": disposition,
    }
    if status == 206:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{seen.size_bytes}"
    response = web.StreamResponse(status=status, headers=headers)
    if request.method == "HEAD" or start == stop:
        await response.prepare(request)
        return response
    # The first segment is opened before the headers leave, so that a damaged object still gets an honest answer.
    pieces = reading.pieces(services_of(request), context_of(request), seen.document_id, seen.stored, start, stop)
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
    return await _picture(request, PAGE_WIDTH_PIXELS)


async def thumbnail(request: web.Request) -> web.Response:
    """Answer one page as a small JPEG that we made from pixels."""
    return await _picture(request, THUMBNAIL_WIDTH_PIXELS)


async def poster(request: web.Request) -> web.Response:
    """Answer the picture that stands for a recording; raises ``NotFound`` for what has none."""
    await _view(request)
    raise NotFound


async def text(request: web.Request) -> web.Response:
    """Answer the words of one page, each with its place in thousandths of the page, for marking and for reading aloud."""
    seen = await _view(request)
    number = _page_number(request, seen)
    return web.json_response({"page": number, "words": []}, headers={"Cache-Control": "private, no-store"})


async def _picture(request: web.Request, width_pixels: int) -> web.Response:
    seen = await _view(request)
    number = _page_number(request, seen)
    services = services_of(request)
    content = reading.pieces(services, context_of(request), seen.document_id, seen.stored)
    async with request.app[keys.TURNS].of(actor_of(request).assignment_id):
        jpeg = await services.inspection.page_jpeg(content, number, width_pixels)
    return web.Response(body=jpeg, content_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


def _page_number(request: web.Request, seen: Viewing) -> int:
    number = request.match_info["number"]
    if not (number.isascii() and number.isdigit()) or not 1 <= int(number) <= len(seen.pages):
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
    database, context, viewings = services_of(request).database, context_of(request), request.app[keys.VIEWINGS]
    document_id, signed_in = request.match_info["document_id"], request[keys.SESSION]
    # A page and the pictures on it come by two host names under one sign-in, and are one viewing.
    sign_in = people.hash_token(signed_in.token).hex() if signed_in else request[keys.SIGN_IN]
    recorded = viewings.stands(sign_in, document_id, context.now)
    run = database.read if recorded else database.write
    try:
        seen = await run(lambda s: viewing.view(s, context, document_id, recorded=recorded))
    except NotFound:
        if scope_of(actor_of(request), Action.STANDARDISATION_MARK) is None:
            raise
        seen = await run(lambda s: standardisation.view(s, context, document_id, recorded=recorded))
    viewings.note(sign_in, document_id, context.now)
    return seen


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
