"""Tokens of school systems: what a centre has, one more, one less. A token is shown once, on the page that made it."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from repository.acts import tokens
from repository.acts.tokens import Asked
from repository.errors import FieldRefused
from repository.sign_in import token_format
from repository.sign_in.token_format import DAYS_DEFAULT, DAYS_LIMIT, GRANT_WORDS, LIVE_LIMIT, NAME_LIMIT, Grant
from repository.sign_in.tokens import SHOWN_LIMIT
from repository.web.forms import FORM_ERRORS, errors_of, typed_in, wrong_in
from repository.web.pages import redirect, render
from repository.web.requests import context_of, number_field, read_form, services_of, text_field

FIELDS = ("name", "network", "days")


async def show(request: web.Request) -> web.Response:
    """Show the school systems that send tokens."""
    return await _page(request)


async def make(request: web.Request) -> web.Response:
    """Make the first token of a system, and show it."""
    return await _make(request, None)


async def make_next(request: web.Request) -> web.Response:
    """Make the token that takes over from the one a system uses now, and show it."""
    return await _make(request, request.match_info["integration_id"])


async def revoke(request: web.Request) -> web.Response:
    """Revoke a token."""
    await read_form(request)
    context, token_id = context_of(request), request.match_info["token_id"]
    name = await services_of(request).database.write(lambda s: tokens.revoke(s, context, token_id))
    text = f"The token {token_id} of {name} is refused from now on, and so is what it was sending."
    return await redirect(request, "/tokens", title="Revoked", text=text)


async def _make(request: web.Request, integration_id: str | None) -> web.Response:
    form = await read_form(request)
    services, context = services_of(request), context_of(request)
    try:
        asked = _asked(form, integration_id)
        random, live = (services.new_token(), services.new_token()), not services.settings.rehearsal
        text = await services.database.write(lambda s: tokens.make(s, context, asked, random, live=live))
    except FORM_ERRORS as error:
        ids = {} if integration_id is None else {one: f"{one}-{integration_id}" for one in ("grants", *FIELDS)}
        return await _page(request, form=form, errors=errors_of(error, ids), at=integration_id, status=422)
    # Not sent on to another page, as everywhere else: the token is nowhere but in this answer.
    return await _page(request, made=text)


def _asked(form: MultiDictProxy[Any], integration_id: str | None) -> Asked:
    name = ""
    if integration_id is None:
        name = text_field(form, "name", required=False, limit=NAME_LIMIT)
        if not name:
            raise FieldRefused("Enter what your centre calls the system, such as the exams office’s.", field="name")
        if not name.isprintable():
            raise FieldRefused("The name of the system holds a character that cannot be shown.", field="name")
    chosen = {one for one in form.getall("grants", []) if isinstance(one, str)}
    network = token_format.read_network(text_field(form, "network", required=False, limit=43))
    days = number_field(form, "days", 1, DAYS_LIMIT)
    return Asked(tuple(one for one in Grant if one in chosen), network, days, name, integration_id)


async def _page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    at: str | None = None,
    made: str = "",
    status: int = 200,
) -> web.Response:
    context = context_of(request)
    centre = request.query.get("centre", "").strip()[:5]
    found = await services_of(request).database.read(lambda s: tokens.page(s, context, centre or None))
    typed = typed_in(form, *FIELDS)
    if form is None:
        typed["days"] = str(DAYS_DEFAULT)
    return await render(
        request,
        "tokens/index.html" if found.is_own else "tokens/all.html",
        status=status,
        integrations=found.integrations,
        centre=centre,
        is_cut=len(found.integrations) == SHOWN_LIMIT,
        grants=[{"value": str(grant), "text": title, "hint": hint} for grant, (title, hint) in GRANT_WORDS.items()],
        grant_words={grant: title for grant, (title, _) in GRANT_WORDS.items()},
        chosen=[] if form is None else [str(one) for one in form.getall("grants", [])],
        typed=typed,
        wrong=wrong_in(errors),
        errors=errors or [],
        at=at,
        made=made,
        days_default=DAYS_DEFAULT,
        days_limit=DAYS_LIMIT,
        live_limit=LIVE_LIMIT,
    )
