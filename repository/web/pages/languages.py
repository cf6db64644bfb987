"""Choosing the language of the pages."""

from __future__ import annotations

from aiohttp import web

from repository import people
from repository.errors import FieldRefused
from repository.web import authentication, keys
from repository.web.languages import LANGUAGES
from repository.web.pages.sign_in import safe_next
from repository.web.requests import context_of, read_form, services_of, text_field


async def choose(request: web.Request) -> web.Response:
    """Show the pages in another language from now on: kept with the person who is signed in, and in this browser.

    Raises: ``FieldRefused`` for a language that the pages do not have.
    """
    form = await read_form(request)
    code = text_field(form, "language", limit=10)
    if code not in LANGUAGES:
        raise FieldRefused("The pages are not there in this language. Choose one of those offered.", field="language")
    services, context, signed_in = services_of(request), context_of(request), request[keys.SESSION]
    if signed_in is not None and context.actor is not None:
        person_id = context.actor.person_id
        await services.database.write(lambda session: people.set_language(session, context, person_id, code))
    next_path = safe_next(text_field(form, "next", required=False, limit=2000))
    response = web.Response(status=303, headers={"Location": next_path})
    authentication.set_language_cookie(response, services.settings, code)
    return response
