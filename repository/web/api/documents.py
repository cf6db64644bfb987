"""Documents, for programs and for the upload page."""

from __future__ import annotations

from aiohttp import web

from repository.acts import viewing
from repository.documents import IN_INSPECTION
from repository.web import authentication
from repository.web.requests import context_of, services_of


async def status(request: web.Request) -> web.Response:
    """Answer how a document stands. Only ``released`` means received; while ``checking`` is true, ask again."""
    services, context = services_of(request), context_of(request)
    document_id = request.match_info["document_id"]
    found = await services.database.read(lambda s: viewing.status(s, context, document_id))
    return web.json_response(
        {
            "id": found.document_id,
            "state": found.state,
            "checking": found.state in IN_INSPECTION,
            "state_words": found.state_words,
            "filename": found.filename,
            "size_bytes": found.size_bytes,
            "media_type": found.media_type,
            "page_count": found.page_count,
            "sha256": found.sha256,
            "sha256_declared": found.declared,
            "reason": found.reason,
            "remedy": found.remedy,
        }
    )


async def withdraw(request: web.Request) -> web.Response:
    """Withdraw a document whose sample is not submitted yet."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    services, context = services_of(request), context_of(request)
    document_id = request.match_info["document_id"]
    await services.database.write(lambda s: viewing.withdraw(s, context, services.signer, document_id))
    return web.Response(status=204)
