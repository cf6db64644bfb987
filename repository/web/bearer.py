"""Tokens of school systems in ``Authorization: Bearer``: to the API alone, for what was granted, and never a session."""

from __future__ import annotations

from aiohttp import web

from repository import acting
from repository.access import Action
from repository.audit import Context
from repository.audit.refusals import address_hash
from repository.errors import NotFound, TokenMistyped, TokenRefused
from repository.sign_in import token_format, tokens
from repository.web import keys

API = ("/api/", "/uploads")


def is_token(untrusted_text: str) -> bool:
    """Return whether a bearer's text means to be a token of a school system, and no session."""
    return untrusted_text.startswith(token_format.PREFIX)


async def identify(request: web.Request, untrusted_text: str, address: str) -> None:
    """Put the actor of a token onto the request.

    Takes: the ``address`` that the request came from.
    Raises: ``TokenMistyped`` for one that is not written as tokens are, before anything is looked up; ``TokenRefused``,
    always in the same words, for one that is not taken; ``NotFound`` for what no token opens, or this one does not.
    """
    services = request.app[keys.SERVICES]
    token_id = token_format.read_id(untrusted_text, live=not services.settings.rehearsal)
    if token_id is None:
        raise TokenMistyped
    now = services.clock()
    found = await services.database.read(lambda s: tokens.find(s, token_id, untrusted_text, now, address))
    if found.stale:
        hashed = address_hash(request.app[keys.ADDRESS_KEY], address)
        context = Context(None, now, request[keys.REQUEST_ID], address_hash=hashed)
        with acting.as_service("tokens"):
            await services.database.write(lambda s: tokens.note(s, context, found))
    if found.actor is None:
        raise TokenRefused
    action = request.app[keys.ACTIONS].get(request.match_info.handler)
    if action is not Action.PUBLIC and found.actor.actions is not None and action not in found.actor.actions:
        raise NotFound
    if not request.path.startswith(API) or (action is Action.PUBLIC and request.method != "OPTIONS"):
        raise NotFound
    request[keys.ACTOR] = found.actor
