"""The desk of one work: the viewer beside the marks, and whatever may be needed without leaving the work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy.orm import Session

from moderation.explanation import Differences, Point
from moderation.sampling import ReplacementReason, RequestKind
from moderation.submission import CaseState
from moderation.tracking import FINDING_WORDS
from repository.access import Action, scope_of
from repository.acts import concerns, desk, holds, sample_requests
from repository.acts.cases import STATE_WORDS
from repository.acts.desk import StandingPage, WorkPage
from repository.audit import Context
from repository.differences_plot import plot_of, signed
from repository.errors import FieldRefused, NotFound
from repository.rank_plot import rank_plot_of
from repository.web import viewer
from repository.web.api.sample_requests import COUNT_LIMIT, REASON_LIMIT, VERSION_LIMIT, reason_of
from repository.web.forms import FORM_ERRORS, errors_of, typed_in, wrong_in
from repository.web.pages import redirect, render
from repository.web.pages.explanations import FRAME
from repository.web.requests import actor_of, context_of, number_field, read_form, services_of, text_field

MARK_LIMIT = 999
COMMENT_LIMIT = 2000
STATEMENT_LIMIT = 1900
CONCERN_LIMIT = 3900
"""Less than the record takes: a report about a seed says to officers which work it is about."""
REASONS: tuple[tuple[ReplacementReason, str], ...] = (
    (ReplacementReason.UNREADABLE, "The work cannot be read"),
    (ReplacementReason.LOST, "The work is lost"),
    (ReplacementReason.ABSENT_IN_ERROR, "The candidate was absent; the mark was entered in error"),
    (ReplacementReason.WITHDRAWN_AFTER_DRAW, "The candidate withdrew after the sample was drawn"),
)
REQUEST_WORDS: Mapping[RequestKind, str] = {
    RequestKind.MORE_WORK: "More work",
    RequestKind.ALL_WORK: "All work",
    RequestKind.REPLACEMENT: "Another work in place of one",
}
WORKS_ON_A_PAGE = 50
CRITERION = "criterion-"
FINDABLE = frozenset({CaseState.SUBMITTED, CaseState.RECEIVED, CaseState.RECEIPT_QUERY})
"""States in which a moderator can say that something is wrong with what was sent."""


async def show(request: web.Request) -> web.Response:
    """Show one work of a case, with its viewer and its marks."""
    return await work_page(request)


async def show_standing(request: web.Request) -> web.Response:
    """Show how the marks of a case stand so far: differences and order, as plots and as tables."""
    context, case_id = context_of(request), request.match_info["case_id"]
    page = await services_of(request).database.write(lambda s: desk.standing(s, context, case_id))
    standing = page.standing
    number, pages = page_of(request, len(standing.compared))
    points = tuple(
        Point(page.labels.get(one.key, ""), one.centre_mark, one.moderator_mark, one.is_within)
        for one in standing.compared
    )
    differences = Differences(points, (), (), None, 0)
    return await render(
        request,
        "marking/standing.html",
        page=page,
        case=page.case,
        standing=standing,
        shown=standing.compared[(number - 1) * WORKS_ON_A_PAGE : number * WORKS_ON_A_PAGE],
        number=number,
        pages=pages,
        plot=plot_of(differences, standing.maximum, standing.tolerance_marks) if points else None,
        ranks=rank_plot_of(standing, page.labels) if points else None,
        frame=FRAME,
        signed=signed,
        is_mine=desk.is_reader(context),
        may_mark=scope_of(actor_of(request), Action.MODERATOR_MARK_READ) is not None,
    )


async def ask_more(request: web.Request) -> web.Response:
    """Ask for so many further works, from the desk."""
    form = await read_form(request)

    def ask(session: Session, context: Context, case_id: str) -> str:
        reason = text_field(form, "reason", limit=REASON_LIMIT)
        version = number_field(form, "version", 0, VERSION_LIMIT)
        count = number_field(form, "count", 1, COUNT_LIMIT)
        done = sample_requests.ask_more(
            session, context, case_id, count=count, candidate_ids=[], reason=reason, version=version
        )
        return f"{len(done.item_ids)} further works are asked for. The whole sample is now read."

    ids = {"reason": "more-reason", "count": "more-count"}
    return await _asked(request, form, ask, "more", ids, "More work asked for")


async def ask_all(request: web.Request) -> web.Response:
    """Ask for the work of every candidate, from the desk."""
    form = await read_form(request)

    def ask(session: Session, context: Context, case_id: str) -> str:
        reason = text_field(form, "reason", limit=REASON_LIMIT)
        version = number_field(form, "version", 0, VERSION_LIMIT)
        done = sample_requests.ask_all(session, context, case_id, reason=reason, version=version)
        return f"{len(done.item_ids)} works are asked for beside those already in the sample."

    return await _asked(request, form, ask, "all", {"reason": "all-reason"}, "All work asked for")


async def replace(request: web.Request) -> web.Response:
    """Ask for another work in place of the one on the desk."""
    form = await read_form(request)

    def ask(session: Session, context: Context, case_id: str) -> str:
        item_id = text_field(form, "item_id", limit=64)
        reason, note = reason_of(form), text_field(form, "note", limit=REASON_LIMIT)
        version = number_field(form, "version", 0, VERSION_LIMIT)
        found, new = sample_requests.replace(session, context, item_id, reason=reason, note=note, version=version)
        if found != case_id:
            raise NotFound
        if new is None:
            return "Nobody is left to take the place; the work is no longer waited for."
        return "Another work takes the place and is asked for. It is listed with the case."

    ids = {"reason_code": "replace-code", "reason": "replace-note", "note": "replace-note"}
    return await _asked(request, form, ask, "replace", ids, "Replaced", to_case=True)


async def report_suspicion(request: web.Request) -> web.Response:
    """Report suspected malpractice in the work on the desk, to the awarding body only."""
    form = await read_form(request)

    def report(session: Session, context: Context, case_id: str) -> str:
        statement = text_field(form, "statement", required=False, limit=STATEMENT_LIMIT)
        number, statement = desk.report_of(session, context, case_id, request.match_info["item_id"], statement)
        holds.raise_suspicion(session, context, case_id, number, statement)
        return "An officer of the awarding body decides. Do not contact the centre about it. Go on reading."

    return await _asked(request, form, report, "malpractice", {"statement": "statement"}, "Reported")


async def report_concern(request: web.Request) -> web.Response:
    """Raise a concern for somebody's safety from the work on the desk; officers are told at once."""
    form = await read_form(request)

    def report(session: Session, context: Context, case_id: str) -> str:
        statement = text_field(form, "concern", required=False, limit=CONCERN_LIMIT)
        number, statement = desk.report_of(session, context, case_id, request.match_info["item_id"], statement)
        concerns.raise_concern(session, context, case_id, number, statement)
        return "Officers of the awarding body have been told. The centre has not been told by this service."

    return await _asked(request, form, report, "safeguarding", {"concern": "concern"}, "Concern raised")


async def _asked(
    request: web.Request,
    form: MultiDictProxy[Any],
    act: Callable[[Session, Context, str], str],
    opened: str,
    ids: Mapping[str, str],
    title: str,
    *,
    to_case: bool = False,
) -> web.Response:
    """Do what a form of the desk asks for and come back to the work; what is wrong is said where it was typed."""
    context, case_id = context_of(request), request.match_info["case_id"]
    item_id = request.match_info.get("item_id") or str(form.get("item_id", ""))[:64]
    try:
        text = await services_of(request).database.write(lambda s: act(s, context, case_id))
    except FORM_ERRORS as error:
        return await work_page(
            request, item_id=item_id, form=form, errors=errors_of(error, ids), opened=opened, status=422
        )
    there = f"/marking/{case_id}" if to_case or not item_id else f"/marking/{case_id}/works/{item_id}"
    return await redirect(request, there, title=title, text=text)


async def work_page(
    request: web.Request,
    *,
    item_id: str | None = None,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    conflict: bool = False,
    opened: str = "",
    status: int = 200,
) -> web.Response:
    """Return the page of one work; ``form`` and ``errors`` are what came back, ``opened`` the part they belong to."""
    context, case_id = context_of(request), request.match_info["case_id"]
    wanted = item_id or request.match_info.get("item_id", "")

    def read(session: Session) -> tuple[WorkPage, StandingPage]:
        return desk.work(session, context, case_id, wanted), desk.standing(session, context, case_id)

    page, running = await services_of(request).database.write(read)
    one, actor = page.one, actor_of(request)
    may_mark = scope_of(actor, Action.MODERATOR_MARK_WRITE) is not None and page.desk.is_readable
    mine = form if not opened else None
    place = page.desk.items.index(one) + 1
    return await render(
        request,
        "marking/work.html",
        status=status,
        page=page,
        desk=page.desk,
        case=page.desk.case,
        one=one,
        number=one.item.candidate_number,
        place=place,
        total=len(page.desk.items),
        state=STATE_WORDS[page.desk.case.state],
        documents=_shown(request, page),
        may_view=scope_of(actor, Action.DOCUMENT_VIEW) is not None,
        may_mark=may_mark and not one.item.is_replaced and (one.is_wanted_now or one.mark is not None),
        may_ask=page.may_ask and scope_of(actor, Action.SAMPLE_REQUEST) is not None,
        may_raise=scope_of(actor, Action.SUSPICION_RAISE) is not None,
        may_find=page.desk.case.state in FINDABLE and scope_of(actor, Action.CONSIGNMENT_RECEIVE) is not None,
        fields=_fields(page, mine),
        mark_number=0 if one.mark is None else one.mark.number,
        saved=one.mark if conflict else None,
        criteria_prefix=CRITERION,
        standing=running.standing,
        labels=running.labels,
        request_words=REQUEST_WORDS,
        reasons=[{"value": reason.value, "text": words} for reason, words in REASONS],
        finding_words=FINDING_WORDS,
        emergency=services_of(request).settings.safeguarding_words,
        opened=opened,
        typed=typed_in(form if opened else None, "reason", "count", "note", "reason_code", "statement", "concern"),
        wrong=wrong_in(errors),
        unread=sum(thread.unread for thread in page.threads),
        maximum_comment=COMMENT_LIMIT,
        maximum_statement=STATEMENT_LIMIT,
        maximum_concern=CONCERN_LIMIT,
        maximum_reason=REASON_LIMIT,
        errors=errors or [],
    )


def page_of(request: web.Request, total: int) -> tuple[int, int]:
    """Return which page of some works is asked for, and how many there are; what is no page is the first."""
    pages = max(1, -(-total // WORKS_ON_A_PAGE))
    asked = request.query.get("page", "1")
    page = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1
    return (page if 1 <= page <= pages else 1), pages


def criteria_in(form: Mapping[str, Any]) -> dict[str, int | None]:
    """Return the marks by criterion of a form, ``None`` for those left empty; raises ``FieldRefused`` naming the field."""
    found: dict[str, int | None] = {}
    for name in (one for one in form if one.startswith(CRITERION)):
        code, text = name.removeprefix(CRITERION), str(form[name]).strip()
        if text and not (text.isascii() and text.isdigit() and len(text) <= 3):
            raise FieldRefused(f"The mark for {code} must be a whole number.", field=name)
        found[code] = int(text) if text else None
    return found


def _fields(page: WorkPage, form: MultiDictProxy[Any] | None) -> dict[str, Any]:
    """Return what stands in the fields of the mark: what was typed, or what is saved."""
    mark = page.one.mark
    given = {} if mark is None else {one.code: str(one.mark) for one in mark.criteria}
    if form is not None:
        given = {one.code: str(form.get(f"{CRITERION}{one.code}", "")) for one in page.desk.criteria}
    return {
        "criteria": given,
        "mark": str(form.get("mark", "")) if form is not None else ("" if mark is None else str(mark.mark)),
        "comment": str(form.get("comment", "")) if form is not None else ("" if mark is None else mark.comment),
    }


def _shown(request: web.Request, page: WorkPage) -> tuple[viewer.Shown, ...]:
    """Return what the viewer shows: the candidate's files, why the centre gave its mark, then files about the group."""
    if scope_of(actor_of(request), Action.DOCUMENT_VIEW) is None:
        return ()
    return tuple(
        viewer.shown(request, file, slot=page.slot_titles.get(file.slot, file.slot))
        for file in (*page.work, *page.commentary, *page.cohort_documents)
    )
