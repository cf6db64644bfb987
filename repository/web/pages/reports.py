"""Pages of the moderator's report: writing it, handing it in, and the officer's decision about it."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from moderation.records.reports import Draft
from moderation.reports import (
    COMMENT_LIMIT_CHARACTERS,
    SECTION_LIMIT_CHARACTERS,
    WHOLE_WORK,
    Gap,
    Line,
    Section,
    Verdict,
)
from repository.acts import reports
from repository.acts.reports import ReportPage
from repository.errors import FieldRefused
from repository.explanation_text import SECTION_WORDS, VERDICT_WORDS
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.requests import context_of, number_field, read_form, services_of, text_field

NUMBER_LIMIT = 2**31
REASON_LIMIT = 500
SECTION_HINTS = {
    Section.TASK_SUITABILITY: "Did the tasks let candidates of every level show what they can do?",
    Section.ACCURACY: "Where the criteria were applied well, and where not. Never state a mark.",
    Section.ADMINISTRATION: "Forms, annotation, files, dates.",
    Section.GENERAL: "What would help this centre next time.",
}


async def show(request: web.Request) -> web.Response:
    """Show the report as it stands."""
    return await _report_page(request)


async def save(request: web.Request) -> web.Response:
    """Keep what was typed as a new version and, when asked, hand it in."""
    form = await read_form(request)
    context, case_id, services = context_of(request), request.match_info["case_id"], services_of(request)
    page = await services.database.write(lambda s: reports.page(s, context, case_id))
    hands_in = form.get("act") == "submit"
    try:
        number = number_field(form, "number", 0, NUMBER_LIMIT)
        draft = _draft(form, page)
        saved = await services.database.write(lambda s: reports.save(s, context, case_id, draft, number))
    except FORM_ERRORS as error:
        return await _report_page(request, form=form, errors=errors_of(error, _ids(page)), status=422)
    if not hands_in:
        return await redirect(
            request, _path(case_id), title="Saved", text=f"Version {saved.number} is kept. The centre does not see it."
        )
    try:
        await services.database.write(lambda s: reports.submit(s, context, case_id, saved.number))
    except FORM_ERRORS as error:
        kept = await services.database.write(lambda s: reports.page(s, context, case_id))
        missing = [{"text": _gap_words(gap, kept), "href": _gap_href(gap, kept)} for gap in kept.gaps]
        return await _report_page(request, errors=missing or errors_of(error), status=422)
    return await redirect(
        request, _path(case_id), title="Handed in", text="It goes to the centre with its results, not before."
    )


async def send_back(request: web.Request) -> web.Response:
    """Give the report back to its moderator with a reason."""
    form = await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    try:
        reason = text_field(form, "reason", limit=REASON_LIMIT)
        number = number_field(form, "number", 0, NUMBER_LIMIT)
        await services_of(request).database.write(lambda s: reports.send_back(s, context, case_id, reason, number))
    except FORM_ERRORS as error:
        return await _report_page(request, form=form, errors=errors_of(error), status=422)
    return await redirect(request, _path(case_id), title="Returned", text="The moderator writes a new version.")


async def release(request: web.Request) -> web.Response:
    """Release a report that came after the results."""
    await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    try:
        await services_of(request).database.write(lambda s: reports.release(s, context, case_id))
    except FORM_ERRORS as error:
        return await _report_page(request, errors=errors_of(error), status=422)
    return await redirect(request, _path(case_id), title="Released", text="The centre can now read the report.")


async def _report_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, case_id = context_of(request), request.match_info["case_id"]
    page = await services_of(request).database.write(lambda s: reports.page(s, context, case_id))
    wrong = {error["href"]: error["text"] for error in errors or []}
    kept = {} if page.report is None else {(line.item_id, line.criterion_code): line for line in page.report.lines}

    def typed(name: str, before: str) -> str:
        return before if form is None or name not in form else str(form.get(name, ""))

    works = []
    for at, work in enumerate(page.works):
        rows = []
        for place, (code, title) in enumerate(_criteria(page)):
            line = kept.get((work.item_id, code))
            rows.append(
                {
                    "id": f"{at}-{place}",
                    "code": code,
                    "title": title,
                    "verdict": typed(f"verdict-{at}-{place}", str(line.verdict) if line else ""),
                    "comment": typed(f"comment-{at}-{place}", line.comment if line else ""),
                    "verdict_error": wrong.get(f"#verdict-{at}-{place}", ""),
                    "comment_error": wrong.get(f"#comment-{at}-{place}", ""),
                }
            )
        works.append({"work": work, "rows": rows})
    return await render(
        request,
        "reports/show.html",
        status=status,
        page=page,
        report=page.report,
        works=works,
        sections=[
            {
                "name": section.value,
                "title": SECTION_WORDS[section],
                "hint": SECTION_HINTS[section],
                "value": typed(section.value, page.report.sections[section] if page.report else ""),
                "error": wrong.get(f"#{section.value}", ""),
            }
            for section in Section
        ],
        verdict_items=[
            {"value": "", "text": "Choose"},
            *({"value": str(verdict), "text": words[0]} for verdict, words in VERDICT_WORDS.items()),
        ],
        verdicts={str(verdict): words for verdict, words in VERDICT_WORDS.items()},
        number=page.report.number if page.report else 0,
        typed_reason=typed("reason", ""),
        reason_error=wrong.get("#reason", ""),
        section_limit=SECTION_LIMIT_CHARACTERS,
        errors=errors or [],
    )


def _criteria(page: ReportPage) -> list[tuple[str, str]]:
    """Return (code, what to call it) of what each work is judged under."""
    known = [(one.code, f"{one.code} {one.title}, out of {one.maximum_mark}") for one in page.criteria]
    return known or [(WHOLE_WORK, "The whole work")]


def _draft(form: MultiDictProxy[Any], page: ReportPage) -> Draft:
    sections = {
        section: text_field(form, section.value, required=False, limit=SECTION_LIMIT_CHARACTERS) for section in Section
    }
    lines = []
    for at, work in enumerate(page.works):
        for place, (code, _) in enumerate(_criteria(page)):
            name = f"{at}-{place}"
            asked = text_field(form, f"verdict-{name}", required=False, limit=10)
            comment = text_field(form, f"comment-{name}", required=False, limit=COMMENT_LIMIT_CHARACTERS)
            if not asked:
                if comment:
                    raise FieldRefused(
                        f"Say whether candidate {work.candidate_number} was marked as agreed, generous or severe.",
                        field=f"verdict-{name}",
                    )
                continue
            try:
                verdict = Verdict(asked)
            except ValueError as error:
                raise FieldRefused("Choose agreed, generous or severe.", field=f"verdict-{name}") from error
            lines.append(Line(work.item_id, code, verdict, comment))
    return Draft(sections, lines)


def _ids(page: ReportPage) -> dict[str, str]:
    """Return where an error of the records leads: a comment is named by its work and criterion."""
    return {
        f"{work.item_id} {code}": f"comment-{at}-{place}"
        for at, work in enumerate(page.works)
        for place, (code, _) in enumerate(_criteria(page))
    }


def _gap_words(gap: Gap, page: ReportPage) -> str:
    if gap.section is not None:
        return f"Write the section “{SECTION_WORDS[gap.section]}”."
    number = next(work.candidate_number for work in page.works if work.item_id == gap.item_id)
    under = f" under {gap.criterion_code}" if gap.criterion_code else ""
    return f"Say how candidate {number} was marked{under}."


def _gap_href(gap: Gap, page: ReportPage) -> str:
    if gap.section is not None:
        return f"#{gap.section.value}"
    at = next(at for at, work in enumerate(page.works) if work.item_id == gap.item_id)
    place = next(place for place, (code, _) in enumerate(_criteria(page)) if code == gap.criterion_code)
    return f"#verdict-{at}-{place}"


def _path(case_id: str) -> str:
    return f"/marking/{case_id}/report"
