"""Pages of scans as pictures that we made from pixels."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from aiohttp import web
from sqlalchemy.orm import Session

from repository.acts import images, reading
from repository.acts.images import Image
from repository.audit import Context
from repository.bundles import cutting
from repository.bundles.sealing import TIFF
from repository.errors import NotFound
from repository.services import Services
from repository.web import keys
from repository.web.pages.documents import PAGE_WIDTH_PIXELS
from repository.web.requests import actor_of, context_of, services_of


async def of_script(request: web.Request) -> web.Response:
    """Answer one page of a script."""
    return await _page(request, images.of_script, request.match_info["script_id"])


async def of_bundle(request: web.Request) -> web.Response:
    """Answer one page of a bundle as it was scanned."""
    return await _page(request, images.of_bundle, request.match_info["bundle_id"])


async def _page(
    request: web.Request, find: Callable[[Session, Context, str, int], Image], subject_id: str
) -> web.Response:
    services, context, text = services_of(request), context_of(request), request.match_info["number"]
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise NotFound
    number = int(text)
    found = await services.database.write(lambda s: find(s, context, subject_id, number))
    content = reading.pieces(services, context, found.document_id, found.stored)
    async with request.app[keys.TURNS].of(actor_of(request).assignment_id):
        if found.media_type == TIFF:
            content, number = _one_page(services, content, found.size_bytes, number), 1
        jpeg = await services.inspection.page_jpeg(content, number, PAGE_WIDTH_PIXELS, turn=found.turn)
    return web.Response(body=jpeg, content_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


async def _one_page(
    services: Services, content: AsyncIterator[bytes], size_bytes: int, number: int
) -> AsyncIterator[bytes]:
    """Give one page of a TIFF as the PDF that a script would be made of: what is looked at is what would be kept."""
    wanted, limits = cutting.asked([[number - 1]], {}), cutting.limits(size_bytes)
    async with services.inspection.cut(wanted, content, cutting.output_limit(size_bytes), limits) as output:
        yield await cutting.next_file(output)
