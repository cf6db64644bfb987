"""Pages of scans as pictures that we made from pixels."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from sqlalchemy.orm import Session

from repository.acts import images, reading
from repository.acts.images import Image
from repository.audit import Context
from repository.errors import NotFound
from repository.web import keys
from repository.web.pages.documents import PAGE_WIDTH_PIXELS
from repository.web.requests import actor_of, context_of, services_of


async def of_script(request: web.Request) -> web.Response:
    """Answer one page of a script."""
    return await _page(request, images.of_script, request.match_info["script_id"])


async def of_bundle(request: web.Request) -> web.Response:
    """Answer one page of a bundle as it was scanned."""
    return await _page(request, images.of_bundle, request.match_info["bundle_id"])


async def _page(request: web.Request, find: Callable[[Session, Context, str], Image], subject_id: str) -> web.Response:
    services, context, number = services_of(request), context_of(request), request.match_info["number"]
    found = await services.database.write(lambda s: find(s, context, subject_id))
    if not number.isdigit() or not 1 <= int(number) <= found.page_count:
        raise NotFound
    content = reading.pieces(services, context, found.document_id, found.stored)
    async with request.app[keys.TURNS].of(actor_of(request).assignment_id):
        jpeg = await services.inspection.page_jpeg(content, int(number), PAGE_WIDTH_PIXELS)
    return web.Response(body=jpeg, content_type="image/jpeg", headers={"Cache-Control": "private, no-store"})
