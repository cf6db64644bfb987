"""Boards of scripts per component and per centre, red first; what is missing; the regulator's return on it."""

from __future__ import annotations

from datetime import date
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiMapping

from repository.access import Action, scope_of
from repository.acts import script_boards
from repository.acts.script_boards import Wanted
from repository.acts.script_case_words import ALARM_COLOURS, ALARM_WORDS, STAGE_WORDS
from repository.errors import FieldRefused
from repository.web.forms import FORM_ERRORS, errors_of, wrong_in
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, read_form, services_of, text_field

FIELD_LIMIT = 12


async def show(request: web.Request) -> web.Response:
    """Show a board: of all components, the centres of one, or the sittings of one at a centre."""
    return await _board(request, wanted_of(request.query))


async def _board(
    request: web.Request, wanted: Wanted, *, errors: list[dict[str, str]] | None = None, status: int = 200
) -> web.Response:
    context, actor = context_of(request), actor_of(request)
    page = await services_of(request).database.read(lambda s: script_boards.board(s, context, wanted))

    def query(name: str, value: str) -> str:
        return _query(page.wanted) + ("&" if _query(page.wanted) else "") + urlencode({name: value})

    return await render(
        request,
        "script_boards/board.html",
        status=status,
        page=page,
        series=[{"value": "", "text": "Every series"}, *({"value": key, "text": title} for key, title in page.series)],
        query=query,
        here=_query(page.wanted),
        alarm_words=ALARM_WORDS,
        alarm_colours=ALARM_COLOURS,
        stage_words=STAGE_WORDS,
        of_centre=actor.centre_number is not None,
        may_decide=scope_of(actor, Action.SCRIPT_DECIDE) is not None,
        may_export=scope_of(actor, Action.MISSING_EXPORT) is not None,
        wrong=wrong_in(errors),
        errors=errors or [],
    )


async def download(request: web.Request) -> web.Response:
    """Answer a board as a CSV file."""
    wanted, context = wanted_of(request.query), context_of(request)
    body = await services_of(request).database.write(lambda s: script_boards.as_csv(s, context, wanted))
    return csv_answer(body, "script-board.csv")


async def download_missing(request: web.Request) -> web.Response:
    """Answer what is missing as a CSV file."""
    wanted, context = wanted_of(request.query), context_of(request)
    centre = wanted.centre_number or None
    body = await services_of(request).database.write(
        lambda s: script_boards.missing_csv(s, context, wanted.series_key, centre)
    )
    return csv_answer(body, "missing-scripts.csv")


async def set_results_day(request: web.Request) -> web.Response:
    """Set the day of results of a series."""
    form = await read_form(request)
    context = context_of(request)
    series = text_field(form, "series", limit=FIELD_LIMIT)
    try:
        day = day_field(form, "results_on")
        await services_of(request).database.write(lambda s: script_boards.set_results_day(s, context, series, day))
    except FORM_ERRORS as error:
        return await _board(request, Wanted(series), errors=errors_of(error), status=422)
    return await redirect(request, f"/script-boards?series={series}", text="The day of results is set.")


async def show_return(request: web.Request) -> web.Response:
    """Show of which series there is a return on missing scripts."""
    context, database = context_of(request), services_of(request).database
    found = await database.read(lambda s: script_boards.returns(s, context))
    return await render(request, "script_boards/return.html", series=found)


async def download_return(request: web.Request) -> web.Response:
    """Answer the regulator's return on missing scripts of a series."""
    context, key = context_of(request), request.match_info["series_key"]
    body = await services_of(request).database.write(lambda s: script_boards.return_csv(s, context, key))
    return csv_answer(body, f"missing-scripts-{key}.csv")


def wanted_of(query: MultiMapping[str]) -> Wanted:
    """Return which board an address names; what it cannot mean narrows nothing."""
    series, component, centre = (
        query.get(name, "").strip()[:FIELD_LIMIT].replace("\x00", "") for name in ("series", "component", "centre")
    )
    return Wanted(series, component, centre[:5])


def day_field(form: MultiMapping[str], name: str) -> date:
    """Return a day from a form; raises ``FieldRefused``."""
    try:
        return date.fromisoformat(text_field(form, name, limit=10))
    except ValueError as error:
        raise FieldRefused("Enter a day, such as 2026-08-20.", field=name) from error


def csv_answer(body: bytes, name: str) -> web.Response:
    """Return a CSV file to keep."""
    return web.Response(
        body=body,
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _query(wanted: Wanted) -> str:
    named = {"series": wanted.series_key, "component": wanted.component_code, "centre": wanted.centre_number}
    return urlencode({name: value for name, value in named.items() if value})
