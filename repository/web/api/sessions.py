"""Sign-in for programs."""

from __future__ import annotations

from aiohttp import web

from repository import people
from repository.errors import NotFound
from repository.web.requests import context_of, read_json, services_of, text_field


async def create(request: web.Request) -> web.Response:
    """Exchange a development sign-in token for a session token, sent as ``Authorization: Bearer`` from then on.

    Raises: ``NotFound`` outside the rehearsal mode, where there is no such thing.
    """
    services, context = services_of(request), context_of(request)
    if not services.settings.rehearsal:
        raise NotFound
    token = text_field(await read_json(request), "token", limit=200)
    session_token, _ = await services.database.write(lambda s: people.sign_in_with_link(s, context, token))
    return web.json_response({"token": session_token}, status=201)
