"""Results: the gate that keeps them in, two officers who release them, and the page a centre waits for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from moderation.errors import ResultsEmbargoed, ResultsGateClosed, ResultsWithdrawn
from moderation.marks import MarkStatus
from moderation.records.results import ComputedResult
from moderation.results import Embargo, Indicator, IssueReason, embargo_from
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
REASON_LIMIT = 500
REASON_WORDS: Mapping[IssueReason, str] = {
    IssueReason.FIRST_ISSUE: "First issue",
    IssueReason.HELD_RESULTS: "Results that were held back",
    IssueReason.CORRECTION: "A correction",
    IssueReason.REVIEW: "A review",
    IssueReason.APPEAL: "An appeal",
    IssueReason.EMBARGO_CHANGED: "The same results, at another time",
}
GIVEN_REASONS = (IssueReason.HELD_RESULTS, IssueReason.CORRECTION, IssueReason.REVIEW, IssueReason.APPEAL)
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
    except ResultsWithdrawn:
        return await render(request, "results/withdrawn.html", status=403, title=one.title)
    changes = await services_of(request).database.read(lambda s: results.changes(s, context, released))
    return await render(
        request,
        "results/show.html",
        title=one.title,
        released=released,
        reason_words=REASON_WORDS,
        changes=changes[:ROWS_SHOWN],
        changes_total=len(changes),
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


async def run_gate(request: web.Request) -> web.Response:
    """Run the gate and record what it found."""
    await read_form(request)
    context, key = context_of(request), request.match_info["series_key"]
    report = await services_of(request).database.write(lambda s: results.run_gate(s, context, key))
    text = "Nothing is open." if report.is_open else f"{len(report.blocks)} things are open."
    return await redirect(request, f"/series/{key}/gate", title="The gate was run", text=text, kind="important")


async def propose(request: web.Request) -> web.Response:
    """Propose a release; another officer carries it out."""
    form = await read_form(request)
    context, key = context_of(request), request.match_info["series_key"]
    try:
        embargo = embargo_field(form)
        code = reason_code_field(form)
        reason = text_field(form, "reason", required=code is not None, limit=REASON_LIMIT)
        held = [str(value) for value in form.getall("held", [])]
        await services_of(request).database.write(
            lambda s: results.propose(
                s, context, key, embargo.restricted_at, embargo.candidates_at, embargo.public_at, held, code, reason
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
    database = services_of(request).database
    try:
        done = await database.write(lambda s: results.release(s, context, key))
    except ResultsGateClosed:
        await database.write(lambda s: results.note_refusal(s, context, key))
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


async def propose_withdrawal(request: web.Request) -> web.Response:
    """Propose to take back the results in force; another officer does it."""
    form = await read_form(request)
    context, key = context_of(request), request.match_info["series_key"]
    try:
        reason = text_field(form, "withdrawal-reason", required=False, limit=REASON_LIMIT)
        await services_of(request).database.write(lambda s: results.propose_withdrawal(s, context, key, reason))
    except FORM_ERRORS as error:
        return await _gate_page(request, form=form, errors=errors_of(error), status=422)
    return await redirect(
        request, f"/series/{key}/gate", title="Proposed", text="Another officer must now withdraw the results."
    )


async def withdraw(request: web.Request) -> web.Response:
    """Take back the results in force, as another officer proposed."""
    await read_form(request)
    context, key = context_of(request), request.match_info["series_key"]
    try:
        done = await services_of(request).database.write(lambda s: results.withdraw(s, context, key))
    except FORM_ERRORS as error:
        return await _gate_page(request, errors=errors_of(error), status=422)
    return await redirect(
        request,
        f"/series/{key}/gate",
        title="Withdrawn",
        text=f"Nobody outside the awarding body sees version {done.number} any more. Issue the results anew when they "
        "are right.",
    )


async def _gate_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, key, actor = context_of(request), request.match_info["series_key"], actor_of(request)
    page = await services_of(request).database.read(lambda s: results.gate(s, context, key, live=False))
    found = page.report or page.run
    blocks = found.blocks if found else ()
    return await render(
        request,
        "results/gate.html",
        status=status,
        page=page,
        key=key,
        blocks=blocks[:ROWS_SHOWN],
        blocks_total=len(page.report.blocks) if page.report else page.run.run.blocks_total if page.run else 0,
        reconciliations=(found.reconciliations[:ROWS_SHOWN] if found else ()),
        is_clear=page.report.is_open if page.report else page.run is not None and page.run.run.is_clear,
        mine=page.proposal is not None and page.proposal.proposed_by == actor.person_id,
        my_withdrawal=page.withdrawal is not None and page.withdrawal.proposed_by == actor.person_id,
        reason_words=REASON_WORDS,
        reasons=[{"value": "", "text": "Choose a reason"}]
        + [{"value": code.value, "text": REASON_WORDS[code]} for code in GIVEN_REASONS],
        typed={name: str(value) for name, value in form.items()} if form is not None else {},
        typed_held=[str(value) for value in form.getall("held", [])] if form is not None else [],
        errors=errors or [],
        wrong={error["href"]: error["text"] for error in errors or []},
    )


def reason_code_field(form: Mapping[str, Any]) -> IssueReason | None:
    """Return why results are issued again, or ``None`` where nothing was chosen; raises ``FieldRefused``."""
    text = text_field(form, "reason_code", required=False, limit=30)
    if not text:
        return None
    if text not in GIVEN_REASONS:
        raise FieldRefused("Choose a reason from the list.", field="reason_code")
    return IssueReason(text)


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
        "is_protected": one.is_protected,
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
