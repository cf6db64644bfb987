"""The moderator's desk: one centre's sample, the works to read now, and marks with comments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy.orm import Session

from moderation.errors import StaleVersion
from moderation.outcome import OutcomeKind, Stage
from moderation.records.marking import WorklistLine
from moderation.submission import CaseState
from moderation.tracking import FINDING_WORDS
from moderation.tracking import STATE_WORDS as ITEM_WORDS
from repository.access import Action, scope_of
from repository.acts import marking, samples
from repository.acts.cases import MODE_WORDS, STATE_WORDS
from repository.acts.desk import next_wanted, standing
from repository.acts.marking import Desk
from repository.audit import Context
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.pages.desk import CRITERION, WORKS_ON_A_PAGE, criteria_in, page_of, work_page
from repository.web.pages.samples import STATE_COLOURS
from repository.web.requests import actor_of, context_of, number_field, read_form, services_of, text_field

READING_WORDS: Mapping[Stage, str] = {
    Stage.NO_SAMPLE: "Nothing",
    Stage.SUB_SAMPLE: "The first part of the sample",
    Stage.FULL_SAMPLE: "The whole sample",
    Stage.ALL_WORK: "The work of every candidate",
}
MARK_LIMIT = 999
COMMENT_LIMIT = 2000


async def show(request: web.Request) -> web.Response:
    """Show the desk of a case."""
    return await _desk_page(request)


async def record_mark(request: web.Request) -> web.Response:
    """Record one mark and go on to the next work; the last wanted mark decides what follows, and the notice says what."""
    form = await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    database = services_of(request).database
    item_id = str(form.get("item_id", ""))[:64]
    try:
        criteria = criteria_in(form)
        is_blank = not str(form.get("mark", "")).strip()
        mark = None if is_blank else number_field(form, "mark", 0, MARK_LIMIT)
        comment = text_field(form, "comment", required=False, limit=COMMENT_LIMIT)
        seen = number_field(form, "number", 0, 10_000)
        await database.write(lambda s: marking.record_mark(s, context, item_id, mark, comment, seen, criteria))
    except FORM_ERRORS as error:
        ids = {code: f"{CRITERION}{code}" for code in criteria_codes(form)} | {"mark": "mark"}
        errors = errors_of(error, ids)
        desk = await database.write(lambda s: marking.desk(s, context, case_id))
        if not desk.is_readable or all(one.item.item_id != item_id for one in desk.items):
            return await _desk_page(request, form=form, errors=errors, status=422)
        errors = [one | {"href": "#mark" if one["href"] == "#main-content" else one["href"]} for one in errors]
        is_stale = isinstance(error, StaleVersion)
        return await work_page(request, item_id=item_id, form=form, errors=errors, conflict=is_stale, status=422)
    desk = await database.write(lambda s: marking.desk(s, context, case_id))
    number = next((one.item.candidate_number for one in desk.items if one.item.item_id == item_id), "")
    following = next_wanted(desk, item_id) if form.get("then") != "stay" else None
    there = f"/marking/{case_id}"
    if form.get("then") == "stay":
        there = f"{there}/works/{item_id}"
    elif following is not None:
        there = f"{there}/works/{following.item.item_id}"
    return await redirect(request, there, title=f"Mark saved for {number}", text=next_words(desk))


def next_words(desk: Desk) -> str:
    """Return what happens next, in a sentence or two."""
    outcome, state = desk.outcome, desk.case.state
    if outcome is not None and not desk.is_readable and state is not CaseState.RETURNED_TO_CENTRE:
        found = {
            OutcomeKind.ACCEPTED: "The centre’s marks stand: every difference is within the tolerance.",
            OutcomeKind.ADJUSTED: "The centre’s marks are to be adjusted by the rule.",
            OutcomeKind.MODERATOR_MARKS: "Every work was read, and your marks are to stand.",
            OutcomeKind.INVALID_ORDER: "The order in which the centre put its candidates does not hold.",
            OutcomeKind.OFFICER_DECIDES: "The rule cannot decide; an officer does.",
        }[outcome.kind]
        if outcome.confirmed_at is not None:
            return f"{found} An officer has confirmed it."
        return f"{found} An officer who did not mark these works confirms it. You need do nothing more."
    if not desk.is_readable:
        return "The works are not with you yet. You will find them here when the centre has handed them in."
    if desk.may_propose:
        return "The works came back to you, and all of them are marked. Change what needs changing, then let the rule decide."
    left = len(desk.wanted)
    works = "1 work is" if left == 1 else f"{left} works are"
    if desk.stage is Stage.ALL_WORK:
        return f"All work of the cohort was called. {works} left."
    if desk.stage is Stage.FULL_SAMPLE:
        return f"The first works differ by more than the tolerance, so the whole sample is read. {works} left."
    if left:
        return (
            f"{works} left in the first part of the sample. If every difference is within {desk.case.tolerance_marks} "
            "marks, nothing more is read; otherwise the rest of the sample is called."
        )
    return "What is wanted of this centre has been read. The other centres of the consortium come first."


async def propose(request: web.Request) -> web.Response:
    """Let the rule find the outcome from the marks as they stand."""
    form = await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    try:
        version = number_field(form, "version", 0, 2**31)
        await services_of(request).database.write(lambda s: marking.propose_again(s, context, case_id, version))
    except FORM_ERRORS as error:
        return await _desk_page(request, errors=errors_of(error), status=422)
    desk = await services_of(request).database.write(lambda s: marking.desk(s, context, case_id))
    return await redirect(request, f"/marking/{case_id}", title="Decided by the rule", text=next_words(desk))


async def _desk_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    """Return the overview of a case: how it stands, its works, and the way to the next one."""
    context, case_id, actor = context_of(request), request.match_info["case_id"], actor_of(request)
    database = services_of(request).database
    desk = await database.write(lambda s: marking.desk(s, context, case_id))
    arrival = await database.read(lambda s: samples.arrival(s, context, case_id))
    running = await database.write(lambda s: standing(s, context, case_id))
    is_mine = scope_of(actor, Action.WORKLIST_READ) is not None
    following = await database.read(lambda s: _next_case(s, context, case_id)) if is_mine else None
    typed_id = str(form.get("item_id", "")) if form is not None else ""
    page, pages = page_of(request, len(desk.items))
    may_receive = scope_of(actor, Action.CONSIGNMENT_RECEIVE) is not None
    return await render(
        request,
        "marking/show.html",
        status=status,
        desk=desk,
        works=desk.items[(page - 1) * WORKS_ON_A_PAGE : page * WORKS_ON_A_PAGE],
        page=page,
        pages=pages,
        next_work=next((one for one in desk.items if one.is_wanted_now), None),
        next_case=following,
        standing=running.standing,
        labels=running.labels,
        state=STATE_WORDS[desk.case.state],
        mode=MODE_WORDS[desk.case.submission_mode],
        may_mark=scope_of(actor, Action.MODERATOR_MARK_WRITE) is not None and desk.is_readable,
        may_receive=may_receive,
        arrival=arrival,
        may_find=False,  # the page of each work has the form
        may_view=scope_of(actor, Action.DOCUMENT_VIEW) is not None,
        item_words=ITEM_WORDS,
        item_colours=STATE_COLOURS,
        finding_words=FINDING_WORDS,
        numbers={one.item.item_id: one.item.candidate_number for one in desk.items},
        next_words=next_words(desk),
        reading=READING_WORDS[desk.stage],
        may_propose=scope_of(actor, Action.MODERATOR_MARK_WRITE) is not None and desk.may_propose,
        unsaved=None if form is None else _unsaved(desk, typed_id, form),
        errors=errors or [],
    )


def _next_case(session: Session, context: Context, case_id: str) -> WorklistLine | None:
    """Return the case to go on with after this one: the first on the worklist that has something to read."""
    lines = marking.worklist(session, context)
    return next((line for line in lines if line.wanted and line.case.case_id != case_id), None)


def criteria_codes(form: MultiDictProxy[Any]) -> list[str]:
    """Return the codes of the criteria that a form names."""
    return [name.removeprefix(CRITERION) for name in form if name.startswith(CRITERION)]


def _unsaved(desk: Desk, item_id: str, form: MultiDictProxy[Any]) -> dict[str, str]:
    """Return what a person typed for a case that takes no marks any more, so that it is not lost with the form."""
    number = next((one.item.candidate_number for one in desk.items if one.item.item_id == item_id), "")
    return {"number": number, "mark": str(form.get("mark", "")), "comment": str(form.get("comment", ""))}
