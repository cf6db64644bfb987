"""Files out: what can be downloaded of each series, and what the formats are."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from repository.access import Action, scope_of
from repository.acts import series
from repository.acts.exports import OF_ONE_CENTRE, OF_RESULTS, ExportKind
from repository.web.pages import render
from repository.web.requests import actor_of, context_of, services_of

KIND_WORDS: Mapping[ExportKind, tuple[str, str]] = {
    ExportKind.ENTRIES: ("Entries, EDI", "JCQ EDI entry file (E), version 14."),
    ExportKind.ENTRIES_CSV: ("Entries, CSV", "One line for each entry."),
    ExportKind.MARKS: ("Centre marks, records", "This project’s marks file (M), version P1: JCQ-style, not JCQ."),
    ExportKind.SAMPLE: ("Samples, CSV", "The candidates whose work is asked for."),
    ExportKind.RESULTS: ("Results, CSV", "Total, grade and indicator of each entry."),
    ExportKind.COMPONENT_MARKS: ("Component marks, CSV", "Under the headers that schools’ systems read."),
    ExportKind.CIE: ("Results by component, CSV", "In the columns of one published CIE template."),
    ExportKind.RESULT_RECORDS: ("Results, records", "This project’s results file (R), version P1: JCQ-style, not JCQ."),
    ExportKind.RESULTS_XML: ("Results, XML", "A2C-like, not certified. One centre at a time."),
    ExportKind.OUTCOMES: ("Outcomes of moderation, CSV", "Centre mark and moderated mark of each candidate."),
    ExportKind.BASEDATA: ("Basedata, EDI", "S, O, C, L and D as recorded here, in one archive."),
}


async def show(request: web.Request) -> web.Response:
    """Show what can be downloaded; the awarding body narrows it to a centre."""
    context = context_of(request)
    found = await services_of(request).database.read(lambda s: series.listed(s, context))
    is_officer = scope_of(actor_of(request), Action.REFERENCE_IMPORT) is not None
    kinds = [
        {"kind": str(kind), "title": title, "hint": hint, "late": kind in OF_RESULTS, "single": kind in OF_ONE_CENTRE}
        for kind, (title, hint) in KIND_WORDS.items()
        if is_officer or kind is not ExportKind.BASEDATA
    ]
    return await render(
        request,
        "exports/show.html",
        is_officer=is_officer,
        series=[{"key": one.key, "title": one.title} for one in found],
        kinds=kinds,
        centre=request.query.get("centre", "")[:5],
    )
