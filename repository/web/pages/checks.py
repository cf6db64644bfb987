"""Checks of moderators: the list, a check made blind, its verdict, and how far moderators are covered and drift."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from moderation.checking import Verdict
from repository.access import Role
from repository.acts import checks
from repository.acts.cases import STATE_WORDS
from repository.errors import FieldRefused
from repository.web.forms import FORM_ERRORS, errors_of, typed_in, wrong_in
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, number_field, read_form, services_of, text_field

MARK_LIMIT = 999
COMMENT_LIMIT = 2000
REASON_LIMIT = 500
VERSION_LIMIT = 2**31
VERDICT_WORDS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.AGREED: ("Agreed", "An officer may confirm the outcome"),
    Verdict.RETURNED: ("Returned to the moderator", "The whole sample is read again"),
    Verdict.ESCALATED: ("Passed to the principal moderator", "The principal moderator checks, and decides"),
}


async def index(request: web.Request) -> web.Response:
    """Show the cases that the person watches over."""
    context = context_of(request)
    lines = await services_of(request).database.read(lambda s: checks.listed(s, context))
    principal = actor_of(request).role is Role.PRINCIPAL_MODERATOR
    return await render(
        request,
        "checks/index.html",
        due=[line for line in lines if line.is_due or (line.is_escalated and principal)],
        others=[line for line in lines if not line.is_due and not (line.is_escalated and principal)],
        state_words=STATE_WORDS,
        is_principal=principal,
    )


async def show(request: web.Request) -> web.Response:
    """Show a case as the person checks it."""
    return await _page(request)


async def begin(request: web.Request) -> web.Response:
    """Begin a check."""
    await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    try:
        await services_of(request).database.write(lambda s: checks.begin(s, context, case_id))
    except FORM_ERRORS as error:
        return await _page(request, errors=errors_of(error), status=422)
    text = "Mark each work as you see it. The moderator’s marks are shown when all of yours are in."
    return await redirect(request, f"/checks/{case_id}", title="Check begun", text=text)


async def record_mark(request: web.Request) -> web.Response:
    """Keep the person's own mark of a work."""
    form = await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    number = str(form.get("candidate_number", ""))
    ids = {"mark": f"mark-{number}", "comment": f"comment-{number}"}
    try:
        check_id = text_field(form, "check_id", limit=36)
        item_id = text_field(form, "item_id", limit=36)
        mark = number_field(form, "mark", 0, MARK_LIMIT)
        comment = text_field(form, "comment", required=False, limit=COMMENT_LIMIT)
        version = number_field(form, "version", 0, VERSION_LIMIT)
        await services_of(request).database.write(
            lambda s: checks.record_mark(s, context, check_id, item_id, mark, comment, version)
        )
    except FORM_ERRORS as error:
        return await _page(request, form=form, errors=errors_of(error, ids), status=422)
    return await redirect(
        request, f"/checks/{case_id}", title="Saved", text=f"Your mark for candidate {number} is kept."
    )


async def decide(request: web.Request) -> web.Response:
    """End a check with a verdict."""
    form = await read_form(request)
    context = context_of(request)
    try:
        check_id = text_field(form, "check_id", limit=36)
        try:
            verdict = Verdict(str(form.get("verdict", "")))
        except ValueError as error:
            raise FieldRefused("Choose a verdict.", field="verdict") from error
        reason = text_field(form, "reason", required=False, limit=REASON_LIMIT)
        version = number_field(form, "version", 0, VERSION_LIMIT)
        await services_of(request).database.write(
            lambda s: checks.decide(s, context, check_id, verdict, reason, version)
        )
    except FORM_ERRORS as error:
        return await _page(request, form=form, errors=errors_of(error), status=422)
    title, text = VERDICT_WORDS[verdict]
    return await redirect(request, "/checks", title=title, text=f"{text}.")


async def coverage(request: web.Request) -> web.Response:
    """Show how far each moderator was checked, and the drift."""
    context = context_of(request)
    lines = await services_of(request).database.read(lambda s: checks.coverage(s, context))
    return await render(request, "checks/coverage.html", lines=lines, drift_words=drift_words, share_words=share_words)


async def _page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, case_id = context_of(request), request.match_info["case_id"]
    actor = actor_of(request)
    page = await services_of(request).database.write(lambda s: checks.page(s, context, case_id))
    typed_id = str(form.get("item_id", "")) if form is not None else ""
    verdicts = [
        {"value": verdict.value, "text": words[0], "hint": words[1]}
        for verdict, words in VERDICT_WORDS.items()
        if verdict is not Verdict.ESCALATED or actor.role is Role.TEAM_LEADER
    ]
    return await render(
        request,
        "checks/show.html",
        status=status,
        page=page,
        check=page.check,
        state=STATE_WORDS[page.case.state],
        verdicts=verdicts,
        verdict_words={verdict: words[0] for verdict, words in VERDICT_WORDS.items()},
        typed_id=typed_id,
        typed=typed_in(form, "mark", "comment", "verdict", "reason"),
        wrong=wrong_in(errors),
        maximum_reason=REASON_LIMIT,
        errors=errors or [],
    )


def drift_words(drift: Fraction | None) -> str:
    """Return a drift rounded for reading, with the exact fraction it is kept as."""
    if drift is None:
        return "Not checked yet"
    if drift.denominator == 1:
        return f"{drift.numerator:+d}" if drift else "0"
    return f"{float(drift):+.2f} ({drift})"


def share_words(share: Fraction | None) -> str:
    """Return a share in whole per cent."""
    return "–" if share is None else f"{round(share * 100)} %"
