"""Documents, for programs and for the upload page."""

from __future__ import annotations

from aiohttp import web

from repository.acts import viewing
from repository.documents import STATE_WORDS, DocumentState
from repository.web import authentication
from repository.web.requests import context_of, services_of


async def status(request: web.Request) -> web.Response:
    """Answer how a document stands. Only ``released`` means received."""
    services, context = services_of(request), context_of(request)
    document_id = request.match_info["document_id"]
    row = await services.database.read(lambda s: viewing.status(s, context, document_id))
    return web.json_response(
        {
            "id": row.id,
            "state": row.state,
            "state_words": STATE_WORDS[DocumentState(row.state)],
            "filename": row.filename,
            "size_bytes": row.size_bytes,
            "media_type": row.media_type,
            "page_count": row.page_count,
            "sha256": row.sha256,
            "sha256_declared": row.declared_sha256 is not None,
            "reason": row.reason,
            "remedy": row.remedy,
        }
    )


async def withdraw(request: web.Request) -> web.Response:
    """Withdraw a document whose sample is not submitted yet."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    services, context = services_of(request), context_of(request)
    document_id = request.match_info["document_id"]
    await services.database.write(lambda s: viewing.withdraw(s, context, services.signer, document_id))
    return web.Response(status=204)
