"""Pages of scripts after marking: copies for centres, until when scripts are kept, and their destruction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from aiohttp import web

from moderation.review_terms import retention_margin_days
from repository.access import Action, scope_of
from repository.acts import script_copies, script_endings, script_retention, series
from repository.errors import FieldRefused, RepositoryError
from repository.keys import shredding
from repository.web import step_up
from repository.web.api.script_endings import make_copy
from repository.web.forms import FORM_ERRORS, errors_of, typed_in, wrong_in
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, number_field, read_form, services_of, text_field

ROWS_SHOWN = 200
RULE_FIELDS = ("awarding_body", "component", "what", "margin_days", "source")
PAPER_FIELDS = ("destroyed_by", "witnessed_by", "method", "destroyed_on", "boxes")


async def copies(request: web.Request) -> web.Response:
    """Show the scripts that a centre may have copies of, and the copies that were given."""
    context, database = context_of(request), services_of(request).database
    may_ask = scope_of(actor_of(request), Action.SCRIPT_COPY) is not None
    entitled = await database.read(lambda s: script_copies.entitled(s, context)) if may_ask else ()
    given = await database.read(lambda s: script_copies.given(s, context))
    return await render(
        request, "script_endings/copies.html", entitled=entitled, given=given, may_ask=may_ask, errors=[]
    )


async def copy(request: web.Request) -> web.Response:
    """Make a copy of one script and hand it out; that it was given is recorded first."""
    await read_form(request)
    return await make_copy(request)


async def show(request: web.Request) -> web.Response:
    """Show until when the scans and the paper of each sitting are kept, and why."""
    return await _page(request)


async def _page(
    request: web.Request,
    *,
    key: str = "",
    form: Mapping[str, Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, database = context_of(request), services_of(request).database
    every = await database.read(lambda s: series.listed(s, context))
    chosen = key or request.query.get("series", "")[:12] or (every[0].key if every else "")
    lines = await database.read(lambda s: script_retention.due(s, context, chosen)) if chosen else ()
    rules = await database.read(lambda s: script_retention.rules(s, context))
    now = context.now
    due = [one for one in lines if one.scans.is_over(now) or one.paper.is_over(now)]
    return await render(
        request,
        "script_endings/retention.html",
        status=status,
        series=every,
        chosen=chosen,
        lines=[*due, *(one for one in lines if one not in due)][:ROWS_SHOWN],
        total=len(lines),
        due=len(due),
        me=actor_of(request).person_id,
        methods=script_endings.METHODS,
        rules=rules,
        shipped_days=retention_margin_days(),
        now=now,
        typed=typed_in(form, *RULE_FIELDS, *PAPER_FIELDS),
        wrong=wrong_in(errors),
        errors=errors or [],
    )


async def set_rule(request: web.Request) -> web.Response:
    """Set for how many days more scripts are kept."""
    form, context = await read_form(request), context_of(request)
    key = text_field(form, "series", required=False, limit=12)
    try:
        days = _days(form)
        await services_of(request).database.write(
            lambda s: script_retention.set_rule(
                s,
                context,
                body=text_field(form, "awarding_body", limit=2),
                component=text_field(form, "component", required=False, limit=12),
                what=text_field(form, "what", limit=5),
                days=days,
                source=text_field(form, "source", limit=200),
            )
        )
    except FORM_ERRORS as error:
        return await _page(request, key=key, form=form, errors=errors_of(error), status=422)
    return await redirect(request, f"/script-retention?series={key}", text="The rule holds from now on.")


async def propose(request: web.Request) -> web.Response:
    """Propose to destroy the scans or the paper of a sitting."""
    form, context, sitting_id = await read_form(request), context_of(request), request.match_info["sitting_id"]
    step_up.require_proof(request, Action.SCRIPT_RETENTION)
    key, what = text_field(form, "series", limit=12), text_field(form, "what", limit=5)
    try:
        await services_of(request).database.write(lambda s: script_endings.propose(s, context, sitting_id, what))
    except (*FORM_ERRORS, RepositoryError) as error:
        return await _page(request, key=key, errors=errors_of(error), status=409)
    return await redirect(
        request, f"/script-retention?series={key}", text="The destruction is proposed. Another officer confirms it."
    )


async def decide(request: web.Request) -> web.Response:
    """Confirm a destruction as another officer, carry on with one that was broken off, or take a proposal back."""
    form, context, row_id = await read_form(request), context_of(request), request.match_info["destruction_id"]
    step_up.require_proof(request, Action.SCRIPT_RETENTION)
    services, key = services_of(request), text_field(form, "series", limit=12)
    back = f"/script-retention?series={key}"
    try:
        if form.get("step") == "withdraw":
            await services.database.write(lambda s: script_endings.withdraw(s, context, row_id))
            return await redirect(request, back, text="The proposal was taken back.")
        words = {name: text_field(form, name, required=False, limit=100) for name in ("destroyed_by", "witnessed_by")}
        method = text_field(form, "method", required=False, limit=20)
        boxes = text_field(form, "boxes", required=False, limit=200)
        day = _day(text_field(form, "destroyed_on", required=False, limit=10))
        proposals = await services.database.write(
            lambda s: script_endings.confirm(s, context, row_id, **words, method=method, boxes=boxes, destroyed_on=day)
        )
        for proposal in proposals:
            await shredding.carry_out(services, context, proposal)
        receipt_id = await services.database.write(lambda s: script_endings.finish(s, context, services.signer, row_id))
    except (*FORM_ERRORS, RepositoryError) as error:
        ids = {name: f"{name}-{row_id}" for name in PAPER_FIELDS}
        return await _page(request, key=key, form=form, errors=errors_of(error, ids), status=409)
    link = ("Open the certificate", f"/receipts/{receipt_id}")
    text = "It is destroyed. The certificate names every script, and which were kept and why."
    return await redirect(request, back, title="Destroyed", text=text, link=link)


def _days(form: Mapping[str, Any]) -> int:
    try:
        return number_field(form, "margin_days", 0, script_retention.MARGIN_DAYS_LIMIT)
    except FieldRefused as error:
        words = f"Enter the days as a whole number from 0 to {script_retention.MARGIN_DAYS_LIMIT:,}."
        raise FieldRefused(words, field="margin_days") from error


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise FieldRefused("Enter the day as year-month-day, for example 2027-03-01.", field="destroyed_on") from error
