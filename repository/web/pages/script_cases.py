"""Pages of cases of scripts: the list, red first, and one case, worked by the board's people and answered by the centre."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiDictProxy, MultiMapping
from sqlalchemy.orm import Session

from repository.access import Action, scope_of
from repository.acts import script_case_pictures, script_case_views, script_case_words, script_cases
from repository.acts.script_case_views import CasePage, Wanted
from repository.errors import FieldRefused, PictureRefused
from repository.web import content
from repository.web.forms import FORM_ERRORS, errors_of, typed_in, wrong_in
from repository.web.pages import redirect, render
from repository.web.pages.script_boards import csv_answer, day_field
from repository.web.requests import actor_of, context_of, number_field, read_form, services_of, text_field
from scripts.ofqual import CAUSES, STAGES

FIELD_LIMIT = 12
PAGES_LIMIT = 100_000
SHEETS_LIMIT = 10_000
CANDIDATES_LIMIT = 1_000
WORDS: dict[str, Any] = {
    "kind_words": script_case_words.kind_words,
    "subject_words": script_case_words.subject_words,
    "ask_words": script_case_words.ask_words,
    "reason_words": script_case_words.REASON_WORDS,
    "event_words": script_case_words.EVENT_WORDS,
    "where_words": script_case_words.WHERE_WORDS,
    "team_words": script_case_words.TEAM_WORDS,
    "is_undecided": script_case_views.is_undecided,
    "alarm_words": script_case_words.ALARM_WORDS,
    "alarm_colours": script_case_words.ALARM_COLOURS,
}


async def index(request: web.Request) -> web.Response:
    """List the cases that the person may see, the most urgent first."""
    wanted, context = wanted_of(request.query), context_of(request)
    page = await services_of(request).database.read(lambda s: script_case_views.listed(s, context, wanted))
    of_centre = script_case_views.is_of_centre(actor_of(request))
    return await render(
        request,
        "script_boards/cases.html",
        page=page,
        wanted=wanted,
        query=_query(wanted),
        of_centre=of_centre,
        **WORDS,
    )


async def download(request: web.Request) -> web.Response:
    """Answer the list as a CSV file."""
    wanted, context = wanted_of(request.query), context_of(request)
    body = await services_of(request).database.write(lambda s: script_case_views.as_csv(s, context, wanted))
    return csv_answer(body, "script-cases.csv")


async def show(request: web.Request) -> web.Response:
    """Show one case."""
    return await _case_page(request)


async def assign(request: web.Request) -> web.Response:
    """Give a case to a team, or take it on oneself."""

    def work(session: Session, form: MultiDictProxy[Any], case_id: str) -> None:
        script_cases.assign(session, context_of(request), case_id, text_field(form, "to", required=False, limit=20))

    return await _done(request, work, "The case has a new owner.")


async def comment(request: web.Request) -> web.Response:
    """Say something about a case."""

    def work(session: Session, form: MultiDictProxy[Any], case_id: str) -> None:
        text = text_field(form, "text", required=False, limit=4000)
        script_cases.comment(session, context_of(request), case_id, text, to_centre="to_centre" in form)

    return await _done(request, work, "The comment was added.")


async def reply(request: web.Request) -> web.Response:
    """Answer as the centre, with a photograph or without."""
    form = await read_form(request)
    context, services, case_id = context_of(request), services_of(request), request.match_info["script_case_id"]
    field = form.get("picture")
    try:
        text = text_field(form, "text", required=False, limit=4000)
        if isinstance(field, web.FileField) and field.filename:
            if not text.strip():
                raise FieldRefused("Write a few words about what you found.", field="text")
            data = await asyncio.to_thread(field.file.read)
            await script_case_pictures.reply(services, context, case_id, text, data)
        else:
            await services.database.write(lambda s: script_cases.reply(s, context, case_id, text))
    except (*FORM_ERRORS, PictureRefused) as error:
        return await _case_page(request, errors=errors_of(error), status=422, form=form)
    return await redirect(
        request, f"/script-cases/{case_id}", text="Your answer was sent. The awarding body sees it at once."
    )


async def change_due(request: web.Request) -> web.Response:
    """Give a case until another day."""

    def work(session: Session, form: MultiDictProxy[Any], case_id: str) -> None:
        day = day_field(form, "due")
        text = text_field(form, "text", required=False, limit=4000)
        script_cases.change_due(session, context_of(request), case_id, day, text)

    return await _done(request, work, "The day was changed.")


async def close(request: web.Request) -> web.Response:
    """Close a case with a reason that balances."""

    def work(session: Session, form: MultiDictProxy[Any], case_id: str) -> None:
        reason = text_field(form, "reason", required=False, limit=40)
        if not reason:
            raise FieldRefused("Choose why the case can be closed.", field="reason")
        sheets = number_field(form, "sheets", 1, SHEETS_LIMIT) if form.get("sheets") else None
        script_cases.close(
            session,
            context_of(request),
            case_id,
            reason,
            numbers=[str(number) for number in form.getall("candidates", [])[:CANDIDATES_LIMIT]],
            text=text_field(form, "text", required=False, limit=4000),
            sheets=sheets,
            stage_lost=text_field(form, "stage", required=False, limit=40) or "before_marking",
            cause=text_field(form, "cause", required=False, limit=80) or "not_known",
        )

    return await _done(request, work, "The case is closed.")


async def reopen(request: web.Request) -> web.Response:
    """Open a closed case again."""

    def work(session: Session, form: MultiDictProxy[Any], case_id: str) -> None:
        script_cases.reopen(session, context_of(request), case_id, text_field(form, "text", required=False, limit=4000))

    return await _done(request, work, "The case is open again.")


async def _done(
    request: web.Request, work: Callable[[Session, MultiDictProxy[Any], str], None], said: str
) -> web.Response:
    form = await read_form(request)
    case_id = request.match_info["script_case_id"]
    try:
        await services_of(request).database.write(lambda s: work(s, form, case_id))
    except FORM_ERRORS as error:
        return await _case_page(request, errors=errors_of(error), status=422, form=form)
    return await redirect(request, f"/script-cases/{case_id}", text=said)


async def _case_page(
    request: web.Request,
    *,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
    form: MultiDictProxy[Any] | None = None,
) -> web.Response:
    context, actor = context_of(request), actor_of(request)
    case_id = request.match_info["script_case_id"]
    page: CasePage = await services_of(request).database.read(lambda s: script_case_views.page(s, context, case_id))
    words = script_case_words
    return await render(
        request,
        "script_boards/case.html",
        status=status,
        page=page,
        count=int((page.case.details or {}).get("count") or 0),
        of_centre=script_case_views.is_of_centre(actor),
        may_work=scope_of(actor, Action.SCRIPT_CASE_WORK) is not None,
        may_close=scope_of(actor, Action.SCRIPT_CASE_CLOSE) is not None,
        may_decide=scope_of(actor, Action.SCRIPT_DECIDE) is not None,
        reasons=[{"value": reason, "text": words.REASON_WORDS[reason]} for reason in page.reasons],
        candidates=[{"value": one.candidate_number, "text": one.candidate_number} for one in page.scripts],
        chosen=[str(number) for number in form.getall("candidates", [])] if form is not None else [],
        stages=[{"value": one.code, "text": one.text.capitalize()} for one in STAGES],
        causes=[{"value": one.code, "text": one.text.capitalize()} for one in CAUSES],
        teams=[
            {"value": "me", "text": "Me"},
            *({"value": code, "text": text} for code, text in words.TEAM_WORDS.items()),
        ],
        typed=typed_in(form, "text", "reason", "sheets", "stage", "cause"),
        wrong=wrong_in(errors),
        address=partial(content.address, request),
        errors=errors or [],
        **WORDS,
    )


def wanted_of(query: MultiMapping[str]) -> Wanted:
    """Return which part of the list an address names; what it cannot mean narrows nothing."""
    number = query.get("page", "1")
    page = int(number) if number.isascii() and number.isdigit() and len(number) < 7 else 1
    series, component, centre = (
        query.get(name, "").strip()[:FIELD_LIMIT].replace("\x00", "") for name in ("series", "component", "centre")
    )
    state = query.get("state", "open")
    return Wanted(
        series,
        component,
        centre[:5],
        state if state in {"open", "closed", "all"} else "open",
        query.get("mine", "") == "yes",
        min(max(page, 1), PAGES_LIMIT),
    )


def _query(wanted: Wanted) -> str:
    named = {
        "series": wanted.series_key,
        "component": wanted.component_code,
        "centre": wanted.centre_number,
        "state": "" if wanted.state == "open" else wanted.state,
        "mine": "yes" if wanted.mine else "",
    }
    return urlencode({name: value for name, value in named.items() if value})
