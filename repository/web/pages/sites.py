"""The page of sites: where packets are scanned, and to which of them the packets of a component go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from repository.acts import sites
from repository.web.forms import FORM_ERRORS, errors_of, typed_in
from repository.web.pages import redirect, render
from repository.web.requests import context_of, read_form, services_of, text_field

KIND_WORDS = {
    "scanning": "Scanning site: packets arrive and are opened",
    "hub": "Hub: packets pass through",
    "centre": "A place at a centre",
}


async def show(request: web.Request) -> web.Response:
    """Show the sites and the routes."""
    return await _page(request)


async def save(request: web.Request) -> web.Response:
    """Add a site, or change the one that has this code."""
    form, context = await read_form(request), context_of(request)
    try:
        code = text_field(form, "code", limit=20).upper()
        name, kind = text_field(form, "name", limit=100), text_field(form, "kind", limit=10)
        zone, is_active = text_field(form, "time_zone", limit=40), form.get("is_active") == "yes"
        await services_of(request).database.write(
            lambda s: sites.save(s, context, code=code, name=name, kind=kind, time_zone=zone, is_active=is_active)
        )
    except FORM_ERRORS as error:
        return await _page(request, error, form)
    return await redirect(request, "/sites", text=f"{code} is kept. Stations offer it from their next look.")


async def set_route(request: web.Request) -> web.Response:
    """Say to which site the packets of a component go."""
    form, context = await read_form(request), context_of(request)
    try:
        body = text_field(form, "body", limit=2).upper()
        component = text_field(form, "component", required=False, limit=12).upper()
        site = text_field(form, "site", required=False, limit=20)
        await services_of(request).database.write(
            lambda s: sites.set_route(s, context, awarding_body=body, component_code=component, site_code=site)
        )
    except FORM_ERRORS as error:
        return await _page(request, error, form)
    return await redirect(
        request, "/sites", text="What arrives elsewhere from now on is noticed as gone to another site."
    )


async def _page(
    request: web.Request, error: Exception | None = None, form: Mapping[str, Any] | None = None
) -> web.Response:
    context = context_of(request)
    found = await services_of(request).database.read(lambda s: sites.listed(s, context))
    return await render(
        request,
        "tracking/sites.html",
        status=200 if error is None else 422,
        page=found,
        kinds=KIND_WORDS,
        typed=typed_in(form, "code", "name", "kind", "time_zone", "is_active", "body", "component", "site"),
        is_new=form is None,
        errors=errors_of(error) if error is not None else [],
    )
