"""Amendments of centre marks: proposed by one person, decided by an officer who also says what becomes of the sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from moderation.amendments import AmendmentDecision, AmendmentKind, SampleChoice
from moderation.marks import CentreMark, MarkStatus
from repository.access import CENTRE_ROLES, Action, Role, scope_of
from repository.acts import amendments
from repository.acts.amendments import AmendmentsPage
from repository.acts.cases import state_words
from repository.blinding import NUMBER_LIMIT
from repository.errors import FieldRefused
from repository.web.forms import FORM_ERRORS, errors_of, typed_in, wrong_in
from repository.web.pages import redirect, render
from repository.web.pages.outcomes import STATUS_WORDS
from repository.web.requests import actor_of, context_of, number_field, read_form, services_of, text_field

MARK_LIMIT = 999
REASON_LIMIT = 500
KIND_WORDS: Mapping[AmendmentKind, str] = {
    AmendmentKind.CLERICAL_ERROR: "Clerical error: a slip of addition or transcription",
    AmendmentKind.CENTRE_ERROR: "Error that the centre reports",
}
CHOICE_WORDS: Mapping[SampleChoice, tuple[str, str]] = {
    SampleChoice.KEEP: ("Keep the sample", "The outcome is found again from the works read"),
    SampleChoice.ADD: ("Add this candidate’s work", "The centre is asked for it, and the whole sample is then read"),
    SampleChoice.REDRAW: ("Draw the sample anew", "Works read so far no longer count; the centre sends a new sample"),
}
STATUSES = (MarkStatus.PRESENT, MarkStatus.ABSENT, MarkStatus.ZERO_NO_WORTH, MarkStatus.LOST)


async def show(request: web.Request) -> web.Response:
    """Show the amendments of a case."""
    return await _page(request)


async def propose(request: web.Request) -> web.Response:
    """Propose a changed mark."""
    form = await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    try:
        number = text_field(form, "candidate_number", limit=NUMBER_LIMIT)
        mark, status = _typed_mark(form)
        reason = text_field(form, "reason", limit=REASON_LIMIT)
        kind = _kind(str(form.get("kind", "")))
        await services_of(request).database.write(
            lambda s: amendments.propose(
                s, context, case_id, number, kind=kind, mark=mark, status=status, reason=reason
            )
        )
    except FORM_ERRORS as error:
        return await _page(request, form=form, errors=errors_of(error), status=422)
    text = f"The mark of candidate {number} stays as it is until an officer has decided."
    return await redirect(request, f"/cases/{case_id}/amendments", title="Proposed", text=text)


async def approve(request: web.Request) -> web.Response:
    """Approve an amendment; the outcome is found again."""
    form = await read_form(request)
    context, amendment_id = context_of(request), request.match_info["amendment_id"]
    case_id = str(form.get("case_id", ""))
    try:
        choice = _choice(str(form.get("choice", "")), amendment_id)
        reason = text_field(form, "reason", limit=REASON_LIMIT)
        done = await services_of(request).database.write(
            lambda s: amendments.approve(s, context, amendment_id, choice, reason)
        )
    except FORM_ERRORS as error:
        return await _page(request, case_id, form=form, errors=errors_of(error, _ids(amendment_id)), status=422)
    text = f"The marks in force are version {done.mark_set_version}. What was found is found again from them."
    return await redirect(request, f"/cases/{done.case_id}/amendments", title="Approved", text=text)


async def refuse(request: web.Request) -> web.Response:
    """Refuse an amendment; the mark stays."""
    form = await read_form(request)
    context, amendment_id = context_of(request), request.match_info["amendment_id"]
    case_id = str(form.get("case_id", ""))
    try:
        reason = text_field(form, "reason", limit=REASON_LIMIT)
        done = await services_of(request).database.write(lambda s: amendments.refuse(s, context, amendment_id, reason))
    except FORM_ERRORS as error:
        return await _page(request, case_id, form=form, errors=errors_of(error, _ids(amendment_id)), status=422)
    return await redirect(request, f"/cases/{done.case_id}/amendments", title="Refused", text="The mark stays.")


async def _page(
    request: web.Request,
    case_id: str | None = None,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, actor = context_of(request), actor_of(request)
    wanted = request.match_info["case_id"] if case_id is None else case_id
    page = await services_of(request).database.read(lambda s: amendments.page(s, context, wanted))
    typed = typed_in(form, "candidate_number", "mark", "status", "reason", "kind")
    return await render(
        request,
        "amendments/show.html",
        status=status,
        page=page,
        state=state_words(actor, page.case.state),
        is_officer=actor.role is Role.AB_OFFICER,
        is_centre=actor.role in CENTRE_ROLES,
        may_decide=scope_of(actor, Action.AMENDMENT_DECIDE) is not None,
        waiting=[one for one in page.amendments if one.decision is None],
        decided=[one for one in page.amendments if one.decision is not None],
        candidates=_candidates(page),
        kinds=[{"value": kind.value, "text": words} for kind, words in KIND_WORDS.items()],
        choices=[{"value": c.value, "text": w[0], "hint": w[1]} for c, w in CHOICE_WORDS.items()],
        choices_sampled=[
            {"value": c.value, "text": w[0], "hint": w[1]} for c, w in CHOICE_WORDS.items() if c is not SampleChoice.ADD
        ],
        statuses=[{"value": one.value, "text": STATUS_WORDS[one] or "Present, with a mark"} for one in STATUSES],
        kind_words=KIND_WORDS,
        short_kinds={AmendmentKind.CLERICAL_ERROR: "Clerical error", AmendmentKind.CENTRE_ERROR: "Centre’s error"},
        choice_words={choice: words[0] for choice, words in CHOICE_WORDS.items()},
        decision_words={AmendmentDecision.APPROVED: "Approved", AmendmentDecision.REFUSED: "Refused"},
        in_words=in_words,
        typed=typed,
        wrong=wrong_in(errors),
        maximum_reason=REASON_LIMIT,
        errors=errors or [],
    )


def in_words(mark: CentreMark) -> str:
    """Return a mark with its status as people read it."""
    words = STATUS_WORDS[mark.status]
    if mark.mark is None:
        return words or "No mark"
    return f"{mark.mark} ({words.lower()})" if words else str(mark.mark)


def _candidates(page: AmendmentsPage) -> list[dict[str, str]]:
    found = [{"value": "", "text": "Choose"}]
    for line in page.candidates:
        if line.status is None:
            continue
        text = f"{line.candidate_number}: {in_words(CentreMark(line.status, line.mark))}"
        if line.candidate_id in page.sampled:
            text += ", in the sample"
        found.append({"value": line.candidate_number, "text": text})
    return found


def _typed_mark(form: Mapping[str, Any]) -> tuple[int | None, MarkStatus | None]:
    status = str(form.get("status", "") or MarkStatus.PRESENT.value)
    if status not in {one.value for one in STATUSES}:
        raise FieldRefused("Choose how the candidate stands.", field="status")
    if not str(form.get("mark", "")).strip():
        if status == MarkStatus.PRESENT:
            raise FieldRefused("Enter the mark as it should be.", field="mark")
        return None, MarkStatus(status)
    return number_field(form, "mark", 0, MARK_LIMIT), MarkStatus(status)


def _kind(typed: str) -> AmendmentKind | None:
    try:
        return AmendmentKind(typed) if typed else None
    except ValueError as error:
        raise FieldRefused("Say whose error it is.", field="kind") from error


def _choice(typed: str, amendment_id: str) -> SampleChoice:
    try:
        return SampleChoice(typed)
    except ValueError as error:
        raise FieldRefused("Say what becomes of the sample.", field="choice") from error


def _ids(amendment_id: str) -> dict[str, str]:
    return {"reason": f"reason-{amendment_id}", "choice": f"choice-{amendment_id}"}
