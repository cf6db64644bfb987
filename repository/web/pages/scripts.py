"""Pages of examination scripts: what there is, and what is missing."""

from __future__ import annotations

from aiohttp import web

from repository.access import Action, scope_of
from repository.acts import script_boards, sittings
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, read_form, services_of

MISSING_SHOWN = 50
"""So many missing scripts stand above the sittings; the boards have all of them."""


async def index(request: web.Request) -> web.Response:
    """List the sittings, and scripts that are missing, red first."""
    context, services = context_of(request), services_of(request)
    found = await services.database.read(lambda s: sittings.listed(s, context))
    missing = await services.database.read(lambda s: script_boards.missing(s, context, ""))
    return await render(
        request,
        "scripts/index.html",
        sittings=found,
        missing=missing[:MISSING_SHOWN],
        missing_total=len(missing),
        may_open=scope_of(actor_of(request), Action.SITTING_OPEN) is not None,
        may_write=scope_of(actor_of(request), Action.REGISTER_WRITE) is not None,
        may_retain=scope_of(actor_of(request), Action.SCRIPT_RETENTION) is not None,
        may_copy=scope_of(actor_of(request), Action.SCRIPT_COPY) is not None,
        errors=[],
    )


async def reconcile(request: web.Request) -> web.Response:
    """Do the arithmetic and open a case for every difference."""
    await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    figures = await services_of(request).database.write(lambda s: sittings.reconcile(s, context, sitting_id))
    text = "Everything adds up." if figures.closes else f"{len(figures.differences)} differences; each has a case."
    kind = "success" if figures.closes else "important"
    return await redirect(request, f"/sittings/{sitting_id}", title="Reconciled", text=text, kind=kind)
