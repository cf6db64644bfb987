"""Who looked: for an exams officer, every look at the centre's work and marks; for officers, the audit log as metadata."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiMapping

from repository.acts import audit_reading
from repository.acts.audit_reading import Wanted
from repository.web.pages import render
from repository.web.requests import context_of, services_of

FIELD_LIMIT = 64
PAGES_LIMIT = 100_000
TEXTS = ("candidate", "document", "action", "centre", "person", "outcome")
DATES = {"from": "from_on", "to": "to_on"}


async def show(request: web.Request) -> web.Response:
    """Show who looked."""
    wanted, errors = wanted_of(request.query)
    services, context = services_of(request), context_of(request)
    page = await services.database.read(lambda s: audit_reading.who_looked(s, context, wanted))
    return await render(
        request,
        "audit/who_looked.html",
        page=page,
        wanted=wanted,
        asked=_asked(request.query),
        query=_query(wanted),
        errors=_summary(errors),
        wrong=errors,
    )


async def download(request: web.Request) -> web.Response:
    """Answer who looked as a CSV file."""
    wanted, _ = wanted_of(request.query)
    services, context = services_of(request), context_of(request)
    body = await services.database.write(lambda s: audit_reading.who_looked_csv(s, context, wanted))
    return web.Response(
        body=body,
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": 'attachment; filename="who-looked.csv"'},
    )


async def show_log(request: web.Request) -> web.Response:
    """Show the events of the log."""
    wanted, errors = wanted_of(request.query)
    services, context = services_of(request), context_of(request)
    page = await services.database.write(lambda s: audit_reading.events(s, context, wanted))
    return await render(
        request,
        "audit/events.html",
        page=page,
        wanted=wanted,
        asked=_asked(request.query),
        query=_query(wanted),
        errors=_summary(errors),
        wrong=errors,
    )


def wanted_of(query: MultiMapping[str]) -> tuple[Wanted, dict[str, str]]:
    """Return which events an address names, and what is wrong with its dates, by field; a wrong one narrows nothing."""
    number = query.get("page", "1")
    page = int(number) if number.isascii() and number.isdigit() and len(number) < 7 else 1
    days: dict[str, date | None] = {}
    errors: dict[str, str] = {}
    for name in DATES:
        untrusted = _plain(query.get(name, ""))
        try:
            days[name] = date.fromisoformat(untrusted) if untrusted else None
        except ValueError:
            errors[name] = f"{name.capitalize()} must be a real date, such as 2026-05-15."
    texts = {name: _plain(query.get(name, "")) for name in TEXTS}
    page = max(1, min(page, PAGES_LIMIT))
    return Wanted(**texts, from_on=_sane(days.get("from")), to_on=_sane(days.get("to")), page=page), errors


def _sane(day: date | None) -> date | None:
    """Return a day within the years that a database and its zones can reckon with."""
    return None if day is None else max(date(2000, 1, 1), min(day, date(2200, 1, 1)))


def _plain(untrusted: str) -> str:
    return untrusted.strip().replace("\x00", "")[:FIELD_LIMIT]


def _asked(query: MultiMapping[str]) -> Mapping[str, str]:
    return {name: _plain(query.get(name, "")) for name in (*TEXTS, *DATES)}


def _query(wanted: Wanted) -> str:
    given = {name: getattr(wanted, name) for name in TEXTS}
    given |= {name: day.isoformat() for name, attribute in DATES.items() if (day := getattr(wanted, attribute))}
    return urlencode({name: value for name, value in given.items() if value})


def _summary(errors: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"text": text, "href": f"#{name}"} for name, text in errors.items()]
