"""Pages of what-if: an officer changes a tolerance, the limits or a mark on a copy and sees who would move."""

from __future__ import annotations

from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from moderation.records.what_if import Change, Correction, GroupWhatIf
from moderation.what_if import Rules, Simulated
from repository.acts import what_if
from repository.errors import FieldRefused
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import render
from repository.web.pages.outcomes import KIND_WORDS
from repository.web.requests import context_of, number_field, services_of, text_field

MARK_LIMIT = 9999
FIELDS = ("tolerance", "discordant", "correlation", "candidate", "whose", "mark")


async def show_case(request: web.Request) -> web.Response:
    """Show what would differ for a case."""
    context, case_id = context_of(request), request.match_info["case_id"]
    change, errors = _asked(request)
    database = services_of(request).database
    try:
        page = await database.write(lambda s: what_if.of_case(s, context, case_id, change))
    except FORM_ERRORS as error:
        if change == Change():
            raise
        errors = errors_of(error, {"": "candidate"}) or errors
        page = await database.write(lambda s: what_if.of_case(s, context, case_id, Change()))
    return await render(
        request,
        "what_if/case.html",
        status=422 if errors else 200,
        case=page.case,
        group=page.found.group,
        **_common(request, page.found.before, page.found.after, errors),
    )


async def case_csv(request: web.Request) -> web.Response:
    """Answer who would move as CSV."""
    context, case_id, change = context_of(request), request.match_info["case_id"], change_of(request)
    page = await services_of(request).database.write(lambda s: what_if.of_case(s, context, case_id, change))
    return _csv(what_if.candidates_csv([page.found.group]), "what-if")


async def show_component(request: web.Request) -> web.Response:
    """Show what would differ at every centre of a component."""
    key = request.match_info["series_key"]
    change, errors = _asked(request)
    page = await _component(request, change)
    groups = page.found.groups
    return await render(
        request,
        "what_if/component.html",
        status=422 if errors else 200,
        component=page.component,
        key=key,
        groups=[group for group in groups if group.kind_changes or group.moved],
        figures=[
            {"label": "Centres or consortia looked at", "value": len(groups)},
            {"label": "With another kind of outcome", "value": sum(group.kind_changes for group in groups)},
            {"label": "With works to read first", "value": sum(group.after.kind is None for group in groups)},
            {"label": "Marks that would move", "value": sum(len(group.moved) for group in groups)},
            {"label": "Grades that would change", "value": sum(group.grades_moved for group in groups)},
        ],
        left_out=page.found.left_out,
        **_common(request, page.found.before, page.found.after, errors),
    )


async def component_csv(request: web.Request) -> web.Response:
    """Answer the centres, or with ``of=candidates`` the candidates, as CSV."""
    page = await _component(request, change_of(request))
    if request.query.get("of") == "candidates":
        return _csv(what_if.candidates_csv(page.found.groups), "what-if-candidates")
    return _csv(what_if.groups_csv(page.found.groups), "what-if-centres")


async def _component(request: web.Request, change: Change) -> what_if.ComponentPage:
    """Return the component that was asked for, once the look is recorded; the long part holds no writer up."""
    context, key, code = context_of(request), request.match_info["series_key"], request.query.get("code", "")
    database = services_of(request).database
    page = await database.read(lambda s: what_if.of_component(s, context, key, code, change))
    await database.write(lambda s: what_if.note_component(s, context, key, code, change))
    return page


def change_of(request: web.Request) -> Change:
    """Return what is changed on the copy, from the address; raises ``FieldRefused`` naming the field."""
    query = request.query
    tolerance = number_field(query, "tolerance", 0, MARK_LIMIT) if query.get("tolerance", "").strip() else None
    candidate = text_field(query, "candidate", required=False, limit=4)
    correction = None
    if candidate or query.get("mark", "").strip():
        if not (candidate.isascii() and candidate.isdigit()):
            raise FieldRefused("Enter the candidate number, such as 1001.", field="candidate")
        mark = number_field(query, "mark", 0, MARK_LIMIT)
        correction = Correction(candidate.zfill(4), mark, query.get("whose") == "moderator")
    return Change(tolerance, _share(request, "discordant"), _share(request, "correlation"), correction)


def _asked(request: web.Request) -> tuple[Change, list[dict[str, str]]]:
    try:
        return change_of(request), []
    except FieldRefused as error:
        return Change(), errors_of(error)


def _share(request: web.Request, name: str) -> Fraction | None:
    text = text_field(request.query, name, required=False, limit=12)
    if not text:
        return None
    words = {"discordant": "the share of pairs in the other order", "correlation": "the correlation"}[name]
    refused = FieldRefused(f"Enter {words} as a number from 0 to 1, such as 0.05 or 1/20.", field=name)
    if not text.isascii() or "e" in text.lower() or "_" in text:
        raise refused
    try:
        value = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise refused from error
    if not 0 <= value <= 1:
        raise refused
    return value


def _common(request: web.Request, before: Rules, after: Rules, errors: list[dict[str, str]]) -> dict[str, Any]:
    asked = {name: request.query[name] for name in ("code", *FIELDS) if request.query.get(name)}
    return {
        "typed": {name: request.query.get(name, "") for name in FIELDS},
        "before": before,
        "after": after,
        "kind_words": _kind_words,
        "recorded_words": _recorded_words,
        "is_asked": any(name in asked for name in FIELDS if name != "whose") and not errors,
        "query": urlencode({name: text for name, text in asked.items() if not errors or name == "code"}),
        "wrong": {error["href"]: error["text"] for error in errors},
        "errors": errors,
    }


def _kind_words(found: Simulated) -> str:
    """Return what would be found, or how much must be read first."""
    if found.kind is None:
        return f"Not known: {found.unread} more to read"
    return KIND_WORDS[found.kind][0]


def _recorded_words(group: GroupWhatIf) -> str:
    return "None yet" if group.recorded is None else KIND_WORDS[group.recorded][0]


def _csv(body: bytes, name: str) -> web.Response:
    return web.Response(
        body=body,
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
