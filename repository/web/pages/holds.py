"""Suspicions and holds: reported by whoever reads works, decided by officers, with reasons that only officers see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy.orm import Session

from moderation.records.holds import SuspicionDecision
from repository.access import Action, Role
from repository.acts import holds, series
from repository.acts.cases import STATE_WORDS, permitted
from repository.blinding import NUMBER_LIMIT
from repository.errors import FieldRefused, NotFound
from repository.web.forms import FORM_ERRORS, errors_of, typed_in, wrong_in
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, read_form, services_of, text_field

REASON_LIMIT = 500
STATEMENT_LIMIT = 2000
DECISION_WORDS: Mapping[SuspicionDecision, str] = {
    SuspicionDecision.HOLD_CANDIDATE: "Hold this candidate; the others go on",
    SuspicionDecision.HOLD_CASE: "Hold the whole component at this centre",
    SuspicionDecision.NO_ACTION: "No action",
}


async def index(request: web.Request) -> web.Response:
    """Show what is open in a series."""
    context, key = context_of(request), request.query.get("series", "")

    def read(session: Session) -> tuple[tuple[Any, ...], str, Any]:
        listed = series.listed(session, context)
        if key and key not in {one.key for one in listed}:
            raise NotFound
        chosen = key or (listed[0].key if listed else "")
        return listed, chosen, holds.listed(session, context, chosen)

    listed, chosen, found = await services_of(request).database.read(read)
    return await render(
        request,
        "holds/index.html",
        found=found,
        chosen=chosen,
        listed=[{"value": one.key, "text": one.title} for one in listed],
    )


async def show(request: web.Request) -> web.Response:
    """Show the suspicions and holds of a case."""
    return await _page(request, request.match_info["case_id"])


async def hold(request: web.Request) -> web.Response:
    """Hold a case or one candidate."""
    form = await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    try:
        number = text_field(form, "candidate_number", required=False, limit=NUMBER_LIMIT)
        reason = text_field(form, "reason", limit=REASON_LIMIT)
        await services_of(request).database.write(lambda s: holds.hold(s, context, case_id, number, reason))
    except FORM_ERRORS as error:
        return await _page(request, case_id, form=form, errors=errors_of(error), status=422)
    text = f"Candidate {number} waits; the others go on." if number else "Nothing moves until the hold ends."
    return await redirect(request, f"/cases/{case_id}/holds", title="Held", text=text)


async def release(request: web.Request) -> web.Response:
    """End a hold."""
    form = await read_form(request)
    context, hold_id = context_of(request), request.match_info["hold_id"]
    try:
        reason = text_field(form, "reason", limit=REASON_LIMIT)
        done = await services_of(request).database.write(lambda s: holds.release(s, context, hold_id, reason))
    except FORM_ERRORS as error:
        ids = {"reason": f"release-{hold_id}"}
        case_id = str(form.get("case_id", ""))
        return await _page(request, case_id, form=form, errors=errors_of(error, ids), status=422)
    return await redirect(request, f"/cases/{done.case_id}/holds", title="Hold ended", text="It goes on where it was.")


async def decide(request: web.Request) -> web.Response:
    """Decide about a suspicion."""
    form = await read_form(request)
    context, suspicion_id = context_of(request), request.match_info["suspicion_id"]
    ids = {"reason": f"reason-{suspicion_id}", "decision": f"decision-{suspicion_id}"}
    try:
        try:
            decision = SuspicionDecision(str(form.get("decision", "")))
        except ValueError as error:
            raise FieldRefused("Choose what is to be done.", field="decision") from error
        reason = text_field(form, "reason", limit=REASON_LIMIT)
        case_id = await services_of(request).database.write(
            lambda s: holds.decide(s, context, suspicion_id, decision, reason)
        )
    except FORM_ERRORS as error:
        case_id = str(form.get("case_id", ""))
        return await _page(request, case_id, form=form, errors=errors_of(error, ids), status=422)
    return await redirect(request, f"/cases/{case_id}/holds", title="Decided", text=DECISION_WORDS[decision])


async def ask(request: web.Request) -> web.Response:
    """Show the form on which a suspicion is reported."""
    return await _suspicion_page(request)


async def report(request: web.Request) -> web.Response:
    """Report a suspicion to the awarding body."""
    form = await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    try:
        number = text_field(form, "candidate_number", required=False, limit=NUMBER_LIMIT)
        statement = text_field(form, "statement", limit=STATEMENT_LIMIT)
        await services_of(request).database.write(
            lambda s: holds.raise_suspicion(s, context, case_id, number, statement)
        )
    except FORM_ERRORS as error:
        return await _suspicion_page(request, form=form, errors=errors_of(error), status=422)
    text = "An officer of the awarding body decides. Do not contact the centre about it."
    return await redirect(request, f"/cases/{case_id}/suspicion", title="Reported", text=text)


async def _suspicion_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, case_id = context_of(request), request.match_info["case_id"]
    case, lines = await services_of(request).database.read(
        lambda s: (permitted(s, context, Action.SUSPICION_RAISE, case_id), holds.candidates(s, context, case_id))
    )
    role = actor_of(request).role
    back = {Role.MODERATOR: f"/marking/{case_id}", Role.AB_OFFICER: f"/cases/{case_id}/holds"}
    return await render(
        request,
        "holds/suspicion.html",
        status=status,
        case=case,
        back=back.get(role, f"/checks/{case_id}"),
        candidates=_candidates(lines),
        typed=typed_in(form, "candidate_number", "statement"),
        wrong=wrong_in(errors),
        maximum_statement=STATEMENT_LIMIT,
        errors=errors or [],
    )


async def _page(
    request: web.Request,
    case_id: str,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context = context_of(request)
    page = await services_of(request).database.write(lambda s: holds.page(s, context, case_id))
    return await render(
        request,
        "holds/show.html",
        status=status,
        page=page,
        state=STATE_WORDS[page.case.state],
        candidates=_candidates([line.candidate_number for line in page.candidates]),
        open_suspicions=[one for one in page.suspicions if one.decision is None],
        closed_suspicions=[one for one in page.suspicions if one.decision is not None],
        open_holds=[one for one in page.holds if one.released_at is None],
        closed_holds=[one for one in page.holds if one.released_at is not None],
        decisions=[{"value": one.value, "text": words} for one, words in DECISION_WORDS.items()],
        decision_words=DECISION_WORDS,
        typed=typed_in(form, "candidate_number", "reason", "decision"),
        wrong=wrong_in(errors),
        maximum_reason=REASON_LIMIT,
        errors=errors or [],
    )


def _candidates(numbers: list[str]) -> list[dict[str, str]]:
    everybody = {"value": "", "text": "The whole component at this centre"}
    return [everybody, *({"value": number, "text": f"Candidate {number}"} for number in numbers)]
