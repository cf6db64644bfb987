"""Series for officers: how far every case is, and what is known of every component."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy.orm import Session

from moderation.entries import SubmissionMode
from repository import progress_plot
from repository.acts import series
from repository.acts.cases import MODE_WORDS, STATE_WORDS
from repository.acts.progress import progress
from repository.acts.series import SeriesPage
from repository.audit import Context
from repository.errors import FieldRefused
from repository.progress_plot import Progress
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.pages.imports import FILE_WORDS
from repository.web.requests import context_of, number_field, read_form, services_of, text_field

CASES_SHOWN = 100
"""A page stays readable; the filters lead to the rest."""
TOLERANCE_LIMIT = 999
PICTURE = {
    "width": progress_plot.WIDTH,
    "height": progress_plot.HEIGHT,
    "left": progress_plot.LEFT,
    "right": progress_plot.WIDTH - progress_plot.RIGHT,
    "top": progress_plot.TOP,
    "foot": progress_plot.HEIGHT - progress_plot.BOTTOM,
}
"""The frame in which the picture of a series' progress stands."""


async def index(request: web.Request) -> web.Response:
    """List the series."""
    context = context_of(request)
    found = await services_of(request).database.read(lambda s: series.listed(s, context))
    return await render(request, "series/index.html", found=found)


async def show(request: web.Request) -> web.Response:
    """Show the progress of a series, narrowed by state, component and centre."""
    context, key = context_of(request), request.match_info["series_key"]
    page, picture = await services_of(request).database.read(lambda s: _page_and_picture(s, context, key))
    chosen = {name: request.query.get(name, "").strip() for name in ("state", "component", "centre")}
    cases = [
        case
        for case in page.cases
        if chosen["state"] in ("", case.state)
        and chosen["component"] in ("", case.component_code)
        and chosen["centre"] in ("", case.centre_number)
    ]
    return await render(
        request,
        "series/show.html",
        page=page,
        cases=cases[:CASES_SHOWN],
        cases_total=len(cases),
        chosen=chosen,
        states=[{"value": "", "text": "Any"}] + [{"value": str(s), "text": STATE_WORDS[s]} for s, _ in page.counts],
        codes=[{"value": "", "text": "All"}]
        + [{"value": code, "text": code} for code in sorted({case.component_code for case in page.cases})],
        state_words=STATE_WORDS,
        mode_words=MODE_WORDS,
        kind_words=FILE_WORDS,
        modes={one.component_code: mode_of(one.submission_mode) for one in page.components},
        component_href=lambda code: f"/series/{key}/component?{urlencode({'code': code})}",
        picture=picture,
        stage_words=progress_plot.STAGE_WORDS,
        stage_fills=progress_plot.FILLS,
        frame=PICTURE,
    )


def _page_and_picture(session: Session, context: Context, series_key: str) -> tuple[SeriesPage, Progress | None]:
    page = series.page(session, context, series_key)
    return page, progress(session, context, page)


async def show_component(request: web.Request) -> web.Response:
    """Show what an officer decides for a component."""
    return await _component_page(request)


async def set_component(request: web.Request) -> web.Response:
    """Keep what an officer decided for a component."""
    form = await read_form(request)
    context, key, code = context_of(request), request.match_info["series_key"], request.query.get("code", "")
    try:
        mode = mode_field(form)
        tolerance = number_field(form, "tolerance", 0, TOLERANCE_LIMIT) if form.get("tolerance") else None
        weighted = weighted_field(form)
        profile = text_field(form, "sample_profile", required=False, limit=40) if "sample_profile" in form else None
        blind = form["read_blind"] == "yes" if "read_blind" in form else None
        await services_of(request).database.write(
            lambda s: series.set_component(s, context, key, code, mode, tolerance, weighted, profile, blind)
        )
    except FORM_ERRORS as error:
        return await _component_page(request, form=form, errors=errors_of(error), status=422)
    return await redirect(request, f"/series/{key}", title="Saved", text=f"{code} was changed.")


async def _component_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, key, code = context_of(request), request.match_info["series_key"], request.query.get("code", "")
    found, rules = await services_of(request).database.read(
        lambda s: (series.component(s, context, key, code), series.rules_of(s, context, key, code))
    )
    typed: Mapping[str, str] = {
        "mode": found.submission_mode or "",
        "tolerance": "" if found.tolerance_marks is None else str(found.tolerance_marks),
        "weighted_maximum": found.weighted_maximum or "",
        "sample_profile": found.sample_profile_id or "",
        "read_blind": "yes" if found.read_blind else "no",
    }
    if form is not None:
        typed = {name: str(form.get(name, "")) for name in typed}
    return await render(
        request,
        "series/component.html",
        status=status,
        component=found,
        profile=rules.profile,
        profiles=[{"value": "", "text": "As assigned"}]
        + [{"value": name, "text": f"{name}: {title}"} for name, title in rules.choices],
        key=key,
        typed=typed,
        modes=[{"value": str(mode), "text": f"Work is {words}"} for mode, words in MODE_WORDS.items()],
        action=f"/series/{key}/component?{urlencode({'code': code})}",
        wrong={error["href"]: error["text"] for error in errors or []},
        errors=errors or [],
    )


def mode_of(text: str | None) -> str:
    """Return how work of a component travels, in words."""
    return f"Work is {MODE_WORDS[SubmissionMode(text)]}" if text else ""


def mode_field(form: Mapping[str, Any]) -> SubmissionMode:
    """Return the chosen mode; raises ``FieldRefused``."""
    try:
        return SubmissionMode(text_field(form, "mode", required=False))
    except ValueError as error:
        raise FieldRefused("Choose how the work is sent.", field="mode") from error


def weighted_field(form: Mapping[str, Any]) -> Fraction | None:
    """Return the weighted maximum, a decimal or a fraction above zero; None when it was left blank."""
    text = text_field(form, "weighted_maximum", required=False, limit=20)
    if not text:
        return None
    refused = FieldRefused(
        "The weighted maximum must be a number above zero, such as 60, 37.5 or 100/3.", field="weighted_maximum"
    )
    if "e" in text.lower() or not text.isascii():
        raise refused
    try:
        value = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise refused from error
    if value <= 0 or len(str(value)) > 20:
        raise refused
    return value
