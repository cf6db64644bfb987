"""Showing documents: page images that we rendered, and media by range, decrypted as they stream."""

from __future__ import annotations

from aiohttp import web

from repository.access import Role
from repository.acts import reading, viewing
from repository.acts.viewing import Viewing
from repository.documents import is_viewable_as_pages
from repository.errors import NotFound, RangeRefused
from repository.web import keys
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, read_form, services_of

PAGE_WIDTH_PIXELS = 1240
CONTENT_POLICY = (
    "default-src 'none'; img-src 'self'; media-src 'self'; object-src 'self'; plugin-types application/pdf; "
    "style-src 'unsafe-inline'; frame-ancestors 'self'"
)


async def show(request: web.Request) -> web.Response:
    """Show a document on a page: its pages as images, or a player."""
    seen = await _view(request)
    role = actor_of(request).role
    desks = {Role.MODERATOR: "marking", Role.TEAM_LEADER: "checks", Role.PRINCIPAL_MODERATOR: "checks"}
    return await render(
        request,
        "documents/show.html",
        document=seen,
        as_pages=is_viewable_as_pages(seen.media_type),
        back_href=f"/{desks[role]}/{seen.case_id}" if role in desks else f"/cases/{seen.case_id}/sample",
        back_text="Back to the works" if role in desks else "Back to the sample",
    )


async def content(request: web.Request) -> web.StreamResponse:
    """Stream the document's bytes, whole or one range, each segment authenticated before it leaves."""
    seen = await _view(request)
    start, stop, status = _range(request, seen.size_bytes)
    headers = {
        "Content-Type": seen.media_type,
        "Content-Length": str(stop - start),
        "Accept-Ranges": "bytes",
        "Content-Security-Policy": CONTENT_POLICY,
        "Cache-Control": "private, no-store",
        "Content-Disposition": "inline",
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
    seen = await _view(request)
    number = request.match_info["number"]
    if (
        not number.isdigit()
        or not is_viewable_as_pages(seen.media_type)
        or not 1 <= int(number) <= (seen.page_count or 0)
    ):
        raise NotFound
    services = services_of(request)
    content = reading.pieces(services, context_of(request), seen.document_id, seen.stored)
    jpeg = await services.inspection.page_jpeg(content, int(number), PAGE_WIDTH_PIXELS)
    return web.Response(body=jpeg, content_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


async def withdraw(request: web.Request) -> web.Response:
    """Withdraw a document from the sample page."""
    await read_form(request)
    services, context = services_of(request), context_of(request)
    document_id = request.match_info["document_id"]
    case_id = await services.database.write(lambda s: viewing.withdraw(s, context, document_id))
    return await redirect(request, f"/cases/{case_id}/sample", text="The file was withdrawn.")


async def _view(request: web.Request) -> Viewing:
    database, context, viewings = services_of(request).database, context_of(request), request.app[keys.VIEWINGS]
    document_id, signed_in = request.match_info["document_id"], request[keys.SESSION]
    sign_in = signed_in.token if signed_in else ""
    if viewings.stands(sign_in, document_id, context.now):
        return await database.read(lambda s: viewing.view(s, context, document_id, recorded=True))
    seen = await database.write(lambda s: viewing.view(s, context, document_id))
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
