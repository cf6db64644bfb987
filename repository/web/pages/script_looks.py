"""A look at a script's pages from its history: the reason first, then the pages."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from repository.acts import script_looks
from repository.acts.script_case_words import kind_words, subject_words
from repository.acts.script_looks import Looking
from repository.errors import FieldRefused
from repository.web import content
from repository.web.forms import errors_of, wrong_in
from repository.web.pages import render
from repository.web.requests import context_of, read_form, services_of, text_field


async def ask(request: web.Request) -> web.Response:
    """Ask why somebody looks; no page is shown yet."""
    context, script_id = context_of(request), request.match_info["script_id"]
    found = await services_of(request).database.read(lambda s: script_looks.asked(s, context, script_id))
    return await _page(request, found)


async def look(request: web.Request) -> web.Response:
    """Show the pages; that and why they were shown is recorded."""
    form, context, script_id = await read_form(request), context_of(request), request.match_info["script_id"]
    database = services_of(request).database
    try:
        reason = text_field(form, "reason", required=False, limit=50)
        found = await database.write(lambda s: script_looks.look(s, context, script_id, reason))
    except FieldRefused as error:
        found = await database.read(lambda s: script_looks.asked(s, context, script_id))
        return await _page(request, found, errors=errors_of(error), status=422)
    return await _page(request, found, shown=True)


async def _page(
    request: web.Request,
    found: Looking,
    *,
    shown: bool = False,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    reasons = [{"value": value, "text": text} for value, text in found.reasons.items()]
    return await render(
        request,
        "custody/look.html",
        status=status,
        page=found,
        shown=shown,
        reasons=reasons,
        kind_words=kind_words,
        subject_words=subject_words,
        address=partial(content.address, request),
        errors=errors or [],
        wrong=wrong_in(errors),
    )
