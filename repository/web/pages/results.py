"""Results: the gate that keeps them in, two officers who release them, and the page a centre waits for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from moderation.errors import ResultsEmbargoed, ResultsGateClosed
from moderation.marks import MarkStatus
from moderation.records.results import ComputedResult
from moderation.results import Embargo, Indicator, embargo_from
from repository.access import Action, scope_of
from repository.acts import results, series
from repository.errors import FieldRefused
from repository.web.api.results import read_results
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.pages.outcomes import STATUS_WORDS
from repository.web.requests import actor_of, context_of, read_form, services_of, text_field

ROWS_SHOWN = 500
"""A page stays readable; the filter and the CSV file lead to the rest."""
INDICATOR_WORDS: Mapping[Indicator, str] = {
    Indicator.NO_RESULT: "no result",
    Indicator.PARTLY_ABSENT: "absent from a part",
    Indicator.PENDING: "pending",
    Indicator.ABSENT: "absent from every part",
}


async def index(request: web.Request) -> web.Response:
    """List the series whose results a person may see, or will, and when."""
    context = context_of(request)
    is_officer = scope_of(actor_of(request), Action.RESULTS_GATE) is not None
    audience = results.audience_of(actor_of(request))
    database = services_of(request).database
    found = await database.read(lambda s: results.released_series(s, context))
    released = {
        one.key: (release, release.embargo.is_open(audience, context.now), release.embargo.opens_at(audience))
        for one, release in found
    }
    every = await database.read(lambda s: series.listed(s, context)) if is_officer else [one for one, _ in found]
    return await render(request, "results/index.html", series=every, released=released, is_officer=is_officer)


async def show(request: web.Request) -> web.Response:
    """Show the results of a series: a centre its own, an officer any centre's or all."""
    context, key = context_of(request), request.match_info["series_key"]
    is_officer = scope_of(actor_of(request), Action.RESULTS_GATE) is not None
    centre = request.query.get("centre", "").strip() if is_officer else ""
    one, released = await services_of(request).database.read(lambda s: results.released_one(s, context, key))
    try:
        found = await read_results(request, centre or None)
    except ResultsEmbargoed:
        opens_at = released.embargo.opens_at(results.audience_of(actor_of(request)))
        return await render(request, "results/embargoed.html", status=403, title=one.title, opens_at=opens_at)
    return await render(
        request,
        "results/show.html",
        title=one.title,
        released=released,
        rows=[_row(result) for result in found[:ROWS_SHOWN]],
        total=len(found),
        centre=centre,
        is_officer=is_officer,
        grades=_grades(found),
        key=key,
    )


async def gate(request: web.Request) -> web.Response:
    """Show what keeps the results of a series in, and what became of every entry."""
    return await _gate_page(request)


async def propose(request: web.Request) -> web.Response:
    """Propose a release; another officer carries it out."""
    form = await read_form(request)
    context, key = context_of(request), request.match_info["series_key"]
    try:
        embargo = embargo_field(form)
        held = [str(value) for value in form.getall("held", [])]
        await services_of(request).database.write(
            lambda s: results.propose(
                s, context, key, embargo.restricted_at, embargo.candidates_at, embargo.public_at, held
            )
        )
    except FORM_ERRORS as error:
        return await _gate_page(request, form=form, errors=errors_of(error), status=422)
    return await redirect(
        request, f"/series/{key}/gate", title="Proposed", text="Another officer must now release the results."
    )


async def release(request: web.Request) -> web.Response:
    """Release what another officer proposed."""
    await read_form(request)
    context, key = context_of(request), request.match_info["series_key"]
    try:
        done = await services_of(request).database.write(lambda s: results.release(s, context, key))
    except ResultsGateClosed:
        closed = "Something is open, so nothing was released. The list below says what."
        return await _gate_page(request, errors=[{"text": closed, "href": "#main-content"}], status=409)
    except FORM_ERRORS as error:
        return await _gate_page(request, errors=errors_of(error), status=422)
    return await redirect(
        request,
        f"/series/{key}/gate",
        title="Released",
        text=f"Version {done.number} of the results waits for its time; nobody has to press anything then.",
    )


async def _gate_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, key, actor = context_of(request), request.match_info["series_key"], actor_of(request)
    page = await services_of(request).database.read(lambda s: results.gate(s, context, key))
    return await render(
        request,
        "results/gate.html",
        status=status,
        page=page,
        key=key,
        mine=page.proposal is not None and page.proposal.proposed_by == actor.person_id,
        typed=str(form.get("restricted_on", "")) if form is not None else "",
        typed_held=[str(value) for value in form.getall("held", [])] if form is not None else [],
        errors=errors or [],
        wrong={error["href"]: error["text"] for error in errors or []},
    )


def embargo_field(form: Mapping[str, Any]) -> Embargo:
    """Return the embargo that follows from the restricted day typed; raises ``FieldRefused``."""
    text = text_field(form, "restricted_on", required=False, limit=10)
    try:
        return embargo_from(date.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise FieldRefused(
            "Enter the restricted day, on which centres see their results, such as 2026-08-19.", field="restricted_on"
        ) from error


def _row(one: ComputedResult) -> dict[str, Any]:
    return {
        "centre": one.centre_number,
        "candidate": one.candidate_number,
        "name": f"{one.surname} {one.forenames}".strip(),
        "option": one.option_code,
        "title": one.option_title,
        "parts": [_part(part) for part in one.components],
        "total": one.total,
        "grade": one.grade,
        "indicator": one.indicator,
        "meaning": INDICATOR_WORDS[Indicator(one.indicator)] if one.indicator else "",
    }


def _part(part: Mapping[str, Any]) -> str:
    status = MarkStatus(part["status"]) if part["status"] else None
    if part["mark"] is None:
        return f"{part['component']}: {(STATUS_WORDS[status] if status else '') or 'no mark'}"
    return f"{part['component']}: {part['mark']} of {part['maximum_mark']}"


def _grades(found: Sequence[ComputedResult]) -> list[dict[str, Any]]:
    counts = Counter(
        f"Grade {one.grade}" if one.grade else f"{one.indicator}, {INDICATOR_WORDS[Indicator(one.indicator or '')]}"
        for one in found
        if one.grade or one.indicator
    )
    # A* before A, as on every list of grades: the sign after it sorts behind the star.
    return [{"label": name, "value": count} for name, count in sorted(counts.items(), key=lambda one: f"{one[0]}~")]
