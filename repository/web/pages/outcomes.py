"""The outcome of moderation: what was found, every number it rests on, and the second person's decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy.orm import Session

from moderation.adjustment import Method
from moderation.checking import Verdict
from moderation.errors import StaleVersion
from moderation.marks import MarkStatus
from moderation.outcome import OutcomeKind, Stage
from moderation.submission import CaseState
from repository.access import Action, Actor, scope_of
from repository.acts import outcomes
from repository.acts.cases import STATE_WORDS
from repository.acts.outcomes import OutcomePage
from repository.audit import Context
from repository.web.forms import FORM_ERRORS, errors_of, typed_in, wrong_in
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, number_field, read_form, services_of, text_field

K = OutcomeKind
VERSION_LIMIT = 2**31
REASON_LIMIT = 500
FEEDBACK_LIMIT = 2000
SPOKEN_LIMIT = 120
OPEN = frozenset({CaseState.OUTCOME_PROPOSED, CaseState.INVALID_ORDER, CaseState.SUPPORT_CALL})
KIND_WORDS: Mapping[OutcomeKind, tuple[str, str]] = {
    K.ACCEPTED: ("The centre’s marks stand", "green"),
    K.ADJUSTED: ("The centre’s marks are adjusted", "orange"),
    K.INVALID_ORDER: ("The centre’s order of candidates does not hold", "red"),
    K.MODERATOR_MARKS: ("The moderator’s marks stand", "orange"),
    K.OFFICER_DECIDES: ("The rule cannot decide: an officer does", "yellow"),
}
KIND_MEANING: Mapping[OutcomeKind, str] = {
    K.ACCEPTED: "Every candidate keeps the mark that the centre gave.",
    K.ADJUSTED: "Every candidate of the centre gets the mark that the line through the works read gives for it.",
    K.INVALID_ORDER: "No adjustment can be fair: the works read do not follow the order in which the centre put them. "
    "The marks go back to the centre, which marks everybody again; a new sample is then chosen.",
    K.MODERATOR_MARKS: "Every work was read, and each candidate gets the moderator’s own mark: the sample profile says so.",
    K.OFFICER_DECIDES: "The works differ by more than the tolerance, and too few were read for a rule: fewer than three, "
    "or not every work where all are needed. "
    "An officer accepts the centre’s marks with a reason, or has the whole sample read again.",
}
STAGE_WORDS: Mapping[Stage, str] = {
    Stage.NO_SAMPLE: "No work was to be read",
    Stage.SUB_SAMPLE: "The first part of the sample",
    Stage.FULL_SAMPLE: "The whole sample",
    Stage.ALL_WORK: "The work of every candidate",
}
VERDICT_WORDS: Mapping[Verdict, str] = {
    Verdict.AGREED: "Agreed",
    Verdict.RETURNED: "Returned to the moderator",
    Verdict.ESCALATED: "Passed to the principal moderator",
}
METHOD_WORDS: Mapping[str, str] = {
    Method.LINE: "Least-squares line, rounded half up, kept within 0 and the maximum, never falling",
    Method.SHIFT: "The same shift for every mark, as all centre marks read are equal",
}
STATUS_WORDS: Mapping[MarkStatus, str] = {
    MarkStatus.PRESENT: "",
    MarkStatus.ABSENT: "Absent",
    MarkStatus.ZERO_NO_WORTH: "Zero: work of no worth",
    MarkStatus.ZERO_UNAUTHENTICATED: "Zero: not the candidate’s own work",
    MarkStatus.LOST: "Work lost after marking",
    MarkStatus.CARRIED_FORWARD: "Carried forward",
    MarkStatus.WITHDRAWN: "Withdrawn",
    MarkStatus.PENDING_Q: "Pending",
    MarkStatus.SPECIAL_CONSIDERATION: "Special consideration",
}


async def show(request: web.Request) -> web.Response:
    """Show the outcome of a case."""
    return await _outcome_page(request)


async def confirm(request: web.Request) -> web.Response:
    """Confirm what was found."""
    text = "Every candidate of the centre now has a moderated mark."
    return await _step(request, lambda form, version: _with(outcomes.confirm, version), "Confirmed", text)


async def accept(request: web.Request) -> web.Response:
    """Propose, with a reason, that the centre's marks stand; another officer confirms."""
    return await _step(
        request,
        lambda form, version: _with(outcomes.accept, _reason(form), version),
        "Proposed",
        "Another officer must now confirm it.",
    )


async def reopen(request: web.Request) -> web.Response:
    """Send the case back to the moderator, who reads the whole sample."""
    return await _step(
        request,
        lambda form, version: _with(outcomes.reopen, _reason(form), version),
        "Sent back",
        "The moderator now reads the whole sample.",
        ids={"reason": "reopen-reason"},
    )


async def withdraw(request: web.Request) -> web.Response:
    """Withdraw a confirmed outcome before results."""
    return await _step(
        request,
        lambda form, version: _with(outcomes.withdraw, _reason(form), version),
        "Withdrawn",
        "The outcome stays in the history. Have it found again, or let the moderator change marks.",
        ids={"reason": "withdraw-reason"},
    )


async def find_again(request: web.Request) -> web.Response:
    """Let the rule find the outcome again."""
    text = "From the centre’s marks in force and the moderator’s marks as they are."
    return await _step(request, lambda form, version: _with(outcomes.find_again, version), "Found again", text)


async def return_to_centre(request: web.Request) -> web.Response:
    """Return the marks to the centre with feedback."""
    return await _step(
        request,
        lambda form, version: _with(
            outcomes.return_to_centre, text_field(form, "feedback", limit=FEEDBACK_LIMIT), version
        ),
        "Returned to the centre",
        "The centre reads the feedback and marks every candidate again.",
    )


async def offer_call(request: web.Request) -> web.Response:
    """Note that the centre is to be called."""
    return await _step(
        request,
        lambda form, version: _with(outcomes.offer_call, _reason(form), version),
        "Support call",
        "Note here what was said when you have spoken with the centre.",
        ids={"reason": "call-reason"},
    )


async def note_call(request: web.Request) -> web.Response:
    """Keep what was said in a support call."""
    return await _step(
        request,
        lambda form, version: _with(
            outcomes.note_call,
            text_field(form, "spoken_with", limit=SPOKEN_LIMIT),
            text_field(form, "notes", limit=FEEDBACK_LIMIT),
        ),
        "Call noted",
        "The marks can now be returned to the centre.",
        ids={"feedback": "notes"},
    )


def _reason(form: Mapping[str, Any]) -> str:
    return text_field(form, "reason", limit=REASON_LIMIT)


def _with(act: Callable[..., object], *rest: object) -> Callable[[Session, Context, str], object]:
    """Return an act on a case with what the form says about it."""
    return lambda session, context, case_id: act(session, context, case_id, *rest)


async def _step(
    request: web.Request,
    chosen: Callable[[Mapping[str, Any], int], Callable[[Session, Context, str], object]],
    title: str,
    text: str,
    ids: Mapping[str, str] | None = None,
) -> web.Response:
    """Do one step of an officer, and show the page again with what was typed when it is refused."""
    form = await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    seen: int | None = None
    try:
        version = seen = number_field(form, "version", 0, VERSION_LIMIT)
        act = chosen(form, version)
        await services_of(request).database.write(lambda s: act(s, context, case_id))
    except FORM_ERRORS as error:
        stale = seen if isinstance(error, StaleVersion) else None
        return await _outcome_page(request, form=form, errors=errors_of(error, ids), seen=stale, status=422)
    return await redirect(request, _path(case_id), title=title, text=text)


async def _outcome_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    seen: int | None = None,
    status: int = 200,
) -> web.Response:
    context, case_id, actor = context_of(request), request.match_info["case_id"], actor_of(request)
    page = await services_of(request).database.read(lambda s: outcomes.page(s, context, case_id, seen))
    outcome = page.outcome
    is_officer = scope_of(actor, Action.OUTCOME_CONFIRM) is not None
    is_open = outcome is not None and outcome.confirmed_at is None and page.case.state in OPEN
    return await render(
        request,
        "outcomes/show.html",
        status=status,
        page=page,
        outcome=outcome,
        state=STATE_WORDS[page.case.state],
        kind=KIND_WORDS[outcome.kind] if outcome else None,
        meaning=KIND_MEANING[outcome.kind] if outcome else "",
        stage=STAGE_WORDS[outcome.stage] if outcome else "",
        numbers=_numbers(outcome.numbers) if outcome else [],
        mapping=list(enumerate(outcome.numbers["mapping"] or [])) if outcome else [],
        status_words=STATUS_WORDS,
        may_decide=is_officer and is_open,
        barred=_barred(page, actor) if is_officer and is_open else "",
        proposed_by=page.names.get(outcome.proposed_by, "The service") if outcome else "",
        confirmed_by=page.names.get(outcome.confirmed_by or "", "") if outcome else "",
        typed=str(form.get("reason", "")) if form is not None else "",
        typed_in=typed_in(form, "feedback", "spoken_with", "notes"),
        wrong=wrong_in(errors),
        is_officer=is_officer,
        may_withdraw=is_officer and page.case.state == CaseState.OUTCOME_LOCKED,
        earlier=[
            (one, KIND_WORDS[one.kind][0], STAGE_WORDS[one.stage], page.names.get(one.proposed_by, "The service"))
            for one in page.earlier
        ],
        step_words=[(step, page.names.get(step.actor, "The service")) for step in page.since],
        state_words=STATE_WORDS,
        verdict_words=VERDICT_WORDS,
        maximum_reason=REASON_LIMIT,
        maximum_feedback=FEEDBACK_LIMIT,
        errors=errors or [],
    )


def _barred(page: OutcomePage, actor: Actor) -> str:
    """Return why this officer may not confirm, or nothing."""
    if page.outcome is None:
        return ""
    if actor.person_id in page.marked_by:
        return "You marked works of this sample. Another officer must confirm the outcome."
    if actor.person_id == page.outcome.proposed_by:
        return "You proposed this. Another officer must confirm it."
    if page.outcome.kind is K.OFFICER_DECIDES:
        return "There are no marks to confirm yet. Decide below."
    if any(actor.person_id == one.checker_id for one in page.checks):
        return "You checked the moderator. Another officer must confirm the outcome."
    unmet = [f"{proof.title}: {proof.words[0].lower()}{proof.words[1:]}." for proof in page.proofs if not proof.is_met]
    return f"This cannot be confirmed yet. {' '.join(unmet)}" if unmet else ""


def _numbers(numbers: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return every number of an outcome in words, fractions exactly and as decimals."""
    limits = numbers["limits"]
    rows = [
        ("Works read", str(numbers["n"])),
        ("Tolerance", f"{numbers['tolerance_marks']} marks"),
        ("Greatest difference", f"{numbers['greatest_difference']} marks"),
        ("Maximum mark", str(numbers["maximum"])),
        ("Pairs in the wrong order", f"{numbers['discordant']} of {numbers['comparable']}"),
        ("Most that may be in the wrong order", exact(limits["discordant_share"])),
        ("Correlation (rounded; decided on exact squares)", exact(numbers["correlation"])),
        ("Least correlation", exact(limits["correlation"])),
        ("Sxx, spread of the centre’s marks", exact(numbers["sxx"])),
        ("Sxy, spread of both together", exact(numbers["sxy"])),
        ("Syy, spread of the moderator’s marks", exact(numbers["syy"])),
        ("Slope of the line", exact(numbers["slope"])),
        ("Intercept of the line", exact(numbers["intercept"])),
        ("Method", METHOD_WORDS.get(numbers["method"] or "", "Marks are not changed")),
    ]
    return [(name, value) for name, value in rows if value]


def exact(value: object) -> str:
    """Return a number as it is kept and, if that is a fraction, about what it is as a decimal; nothing for none."""
    if value is None:
        return ""
    text = str(value)
    if "/" not in text:
        return text
    return f"{text}, about {float(Fraction(text)):.6f}"


def _path(case_id: str) -> str:
    return f"/cases/{case_id}/outcome"
