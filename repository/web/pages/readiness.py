"""The readiness board of a centre: what is missing, of every component, the most pressing at the top; also as a file."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiMapping

from moderation.readiness import GAP_WORDS, Gap, Pressing
from repository.acts import readiness
from repository.acts.readiness import Wanted
from repository.web.pages import render
from repository.web.requests import context_of, services_of

FIELD_LIMIT = 200
OPEN_AT_FIRST = 12
"""So many components are shown unfolded; the others open with a click, and all of them on paper."""
ORDERS = {
    "": "Most pressing first",
    "due": "By deadline",
    "component": "By component",
    "teacher": "By teacher",
    "missing": "Most missing first",
}
DUE = {"": "Any day", "late": "Late", "soon": "Due now: today or the next working day", "week": "Due within 7 days"}
GAP_COLOURS = {
    Gap.MARKS: "yellow",
    Gap.WORK: "red",
    Gap.ATTENTION: "orange",
    Gap.CHECKING: "blue",
    Gap.DECLARATION: "purple",
    Gap.GROUP: "yellow",
    Gap.SUBMIT: "green",
}
PRESSING = {
    Pressing.LATE: ("Late", "red"),
    Pressing.SOON: ("Due now", "orange"),
    Pressing.OPEN: ("Open", "yellow"),
    Pressing.WAITING: ("Waiting", "blue"),
}


async def show(request: web.Request) -> web.Response:
    """Show what is missing."""
    wanted = wanted_of(request.query)
    services, context = services_of(request), context_of(request)
    page = await services.database.read(lambda s: readiness.page(s, context, wanted))
    given = {
        "component": wanted.component,
        "teacher": wanted.teacher,
        "missing": wanted.gap,
        "due": wanted.due,
        "order": wanted.order,
    }
    return await render(
        request,
        "readiness/index.html",
        page=page,
        wanted=wanted,
        narrowed=any(value for name, value in given.items() if name != "order"),
        query=urlencode({name: value for name, value in given.items() if value}),
        choices={
            "component": [("", "Every component"), *((code, f"{code}, {title}") for code, title in page.components)],
            "teacher": [("", "Every teacher"), *((name, name) for name in page.teachers)],
            "missing": [("", "Anything"), *((gap.value, words) for gap, words in GAP_WORDS.items())],
            "due": list(DUE.items()),
            "order": list(ORDERS.items()),
        },
        gap_words=GAP_WORDS,
        gap_colours=GAP_COLOURS,
        pressing_words=PRESSING,
        open_at_first=OPEN_AT_FIRST,
    )


async def download(request: web.Request) -> web.Response:
    """Answer what is missing as a CSV file."""
    wanted = wanted_of(request.query)
    services, context = services_of(request), context_of(request)
    body = await services.database.write(lambda s: readiness.as_csv(s, context, wanted))
    return web.Response(
        body=body,
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": 'attachment; filename="what-is-missing.csv"'},
    )


def wanted_of(query: MultiMapping[str]) -> Wanted:
    """Return which part of the board an address names; what it cannot mean narrows nothing."""

    def text(name: str) -> str:
        return query.get(name, "").strip()[:FIELD_LIMIT].replace("\x00", "")

    gap, due, order = text("missing"), text("due"), text("order")
    return Wanted(
        text("component"),
        text("teacher"),
        gap if gap in set(Gap) else "",
        due if due in DUE else "",
        order if order in ORDERS else "",
    )
