"""The moderator's desk: one centre's sample, the works to read now, and marks with comments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from moderation.errors import StaleVersion
from moderation.outcome import OutcomeKind, Stage
from moderation.submission import CaseState
from moderation.tracking import FINDING_WORDS
from moderation.tracking import STATE_WORDS as ITEM_WORDS
from repository.access import Action, scope_of
from repository.acts import marking, samples
from repository.acts.cases import MODE_WORDS, STATE_WORDS
from repository.acts.marking import Desk, DeskItem
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
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
FINDABLE = frozenset({CaseState.SUBMITTED, CaseState.RECEIVED, CaseState.RECEIPT_QUERY})
"""States in which a moderator can say that something is wrong with what was sent."""


async def show(request: web.Request) -> web.Response:
    """Show the desk of a case."""
    return await _desk_page(request)


async def record_mark(request: web.Request) -> web.Response:
    """Record one mark; the last wanted mark decides what follows, and the notice says what it is."""
    form = await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    database = services_of(request).database
    item_id = str(form.get("item_id", ""))
    try:
        mark = number_field(form, "mark", 0, MARK_LIMIT)
        comment = text_field(form, "comment", required=False, limit=COMMENT_LIMIT)
        seen = number_field(form, "number", 0, 10_000)
        await database.write(lambda s: marking.record_mark(s, context, item_id, mark, comment, seen))
    except FORM_ERRORS as error:
        conflict = isinstance(error, StaleVersion)
        return await _desk_page(request, form=form, errors=errors_of(error), conflict=conflict, status=422)
    desk = await database.write(lambda s: marking.desk(s, context, case_id))
    number = next((one.item.candidate_number for one in desk.items if one.item.item_id == item_id), "")
    return await redirect(request, f"/marking/{case_id}", title=f"Mark saved for {number}", text=next_words(desk))


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
    conflict: bool = False,
    status: int = 200,
) -> web.Response:
    context, case_id = context_of(request), request.match_info["case_id"]
    desk = await services_of(request).database.write(lambda s: marking.desk(s, context, case_id))
    arrival = await services_of(request).database.read(lambda s: samples.arrival(s, context, case_id))
    typed_id = str(form.get("item_id", "")) if form is not None else ""
    errors = [
        {"text": error["text"], "href": _href(desk, typed_id, error["href"]) if typed_id else error["href"]}
        for error in errors or []
    ]
    may_mark = scope_of(actor_of(request), Action.MODERATOR_MARK_WRITE) is not None

    def row(one: DeskItem) -> dict[str, Any]:
        mine = form is not None and one.item.item_id == typed_id
        return {
            "one": one,
            "number": 0 if one.mark is None else one.mark.number,
            "mark": str(form.get("mark", "")) if mine and form else ("" if one.mark is None else str(one.mark.mark)),
            "comment": str(form.get("comment", "")) if mine and form else (one.mark.comment if one.mark else ""),
            "error": errors[0]["text"] if mine and errors else "",
            "is_open": mine,
            "saved": one.mark if mine and conflict else None,
        }

    return await render(
        request,
        "marking/show.html",
        status=status,
        desk=desk,
        wanted=[row(one) for one in desk.wanted],
        read=[row(one) for one in desk.read],
        later=desk.later,
        state=STATE_WORDS[desk.case.state],
        mode=MODE_WORDS[desk.case.submission_mode],
        may_mark=may_mark and desk.is_readable,
        may_receive=scope_of(actor_of(request), Action.CONSIGNMENT_RECEIVE) is not None,
        arrival=arrival,
        may_find=desk.case.state in FINDABLE and scope_of(actor_of(request), Action.CONSIGNMENT_RECEIVE) is not None,
        may_view=scope_of(actor_of(request), Action.DOCUMENT_VIEW) is not None,
        item_words=ITEM_WORDS,
        item_colours=STATE_COLOURS,
        finding_words=FINDING_WORDS,
        numbers={one.item.item_id: one.item.candidate_number for one in desk.items},
        next_words=next_words(desk),
        reading=READING_WORDS[desk.stage],
        may_propose=may_mark and desk.may_propose,
        unsaved=None if form is None or desk.is_readable else _unsaved(desk, typed_id, form),
        maximum_comment=COMMENT_LIMIT,
        errors=errors,
    )


def _unsaved(desk: Desk, item_id: str, form: MultiDictProxy[Any]) -> dict[str, str]:
    """Return what a person typed for a case that takes no marks any more, so that it is not lost with the form."""
    number = next((one.item.candidate_number for one in desk.items if one.item.item_id == item_id), "")
    return {"number": number, "mark": str(form.get("mark", "")), "comment": str(form.get("comment", ""))}


def _href(desk: Desk, item_id: str, href: str) -> str:
    """Return where an error leads: the field of the candidate whose form was sent."""
    number = next((one.item.candidate_number for one in desk.items if one.item.item_id == item_id), None)
    if number is None:
        return "#main-content"
    return f"#comment-{number}" if href == "#comment" else f"#mark-{number}"
