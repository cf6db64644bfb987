"""What centres still have to send, for officers: by centre and component, how late, what was said; also as a file."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiMapping

from repository.acts import outstanding, series
from repository.acts.outstanding import Wanted
from repository.web.pages import render
from repository.web.requests import context_of, services_of

FIELD_LIMIT = 12
SHOWN_NUMBERS = 12
PAGES_LIMIT = 100_000


async def show(request: web.Request) -> web.Response:
    """Show what is outstanding."""
    wanted = wanted_of(request.query)
    services, context = services_of(request), context_of(request)
    page = await services.database.read(lambda s: outstanding.page(s, context, wanted))
    listed = await services.database.read(lambda s: series.listed(s, context))
    query = {
        "series": wanted.series_key,
        "component": wanted.component_code,
        "centre": wanted.centre_number,
        "late": "yes" if wanted.only_late else "",
    }
    text = urlencode({name: value for name, value in query.items() if value})
    return await render(
        request,
        "outstanding/index.html",
        page=page,
        wanted=wanted,
        series=[{"value": "", "text": "Every series"}, *({"value": one.key, "text": one.title} for one in listed)],
        query=text,
        shown=SHOWN_NUMBERS,
    )


async def download(request: web.Request) -> web.Response:
    """Answer what is outstanding as a CSV file."""
    wanted = wanted_of(request.query)
    services, context = services_of(request), context_of(request)
    body = await services.database.write(lambda s: outstanding.as_csv(s, context, wanted))
    return web.Response(
        body=body,
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": 'attachment; filename="outstanding.csv"'},
    )


def wanted_of(query: MultiMapping[str]) -> Wanted:
    """Return which part of the list an address names; what it cannot mean narrows nothing."""
    number = query.get("page", "1")
    page = int(number) if number.isascii() and number.isdigit() and len(number) < 7 else 1
    return Wanted(
        query.get("series", "").strip()[:FIELD_LIMIT].replace("\x00", ""),
        query.get("component", "").strip()[:FIELD_LIMIT].replace("\x00", ""),
        query.get("centre", "").strip()[:5].replace("\x00", ""),
        query.get("late", "") == "yes",
        min(max(page, 1), PAGES_LIMIT),
    )
