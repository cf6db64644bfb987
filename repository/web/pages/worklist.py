"""The moderator's list of cases: by when, how far each is, what is new, and the way to the next work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy.orm import Session

from moderation.records.marking import WorklistLine
from moderation.submission import SETTLED, CaseEvent, CaseState
from moderation.working_days import LONDON
from repository.acts import marking
from repository.acts.cases import MODE_WORDS, STATE_WORDS
from repository.acts.marking import News
from repository.web.pages import render
from repository.web.requests import context_of, services_of

FINISHED = SETTLED | {
    CaseState.OUTCOME_PROPOSED,
    CaseState.INVALID_ORDER,
    CaseState.SUPPORT_CALL,
    CaseState.RETURNED_TO_CENTRE,
}
NEWS_WORDS: Mapping[CaseEvent, str] = {
    CaseEvent.SUBMIT_SAMPLE: "Work has arrived",
    CaseEvent.RECEIVE: "Work has arrived",
    CaseEvent.CALL_FULL_SAMPLE: "Sent back to you",
    CaseEvent.AMEND_MARKS: "Marks of the centre were amended",
    CaseEvent.WITHDRAW_OUTCOME: "The outcome was withdrawn",
    CaseEvent.REDRAW_SAMPLE: "A new sample is drawn",
    CaseEvent.REQUEST_MORE_WORK: "More work was asked for",
    CaseEvent.REQUEST_ALL_WORK: "All work was asked for",
    CaseEvent.RETURN_TO_CENTRE: "Marks went back to the centre",
    CaseEvent.CONFIRM_OUTCOME: "The outcome was confirmed",
}
GROUPS: tuple[tuple[str, str], ...] = (
    ("", "All"),
    ("ready", "Ready to read"),
    ("waiting", "Not here yet"),
    ("finished", "Read, with the awarding body"),
)
SORTS: tuple[tuple[str, str], ...] = (
    ("due", "What is due first"),
    ("news", "What is new"),
    ("left", "Fewest works left"),
    ("centre", "Centre"),
)
LINES_ON_A_PAGE = 30


async def show(request: web.Request) -> web.Response:
    """Show the moderator's cases: what can be read, what has not come, what is finished."""
    context = context_of(request)

    def read(session: Session) -> tuple[tuple[WorklistLine, ...], Mapping[str, News]]:
        lines = marking.worklist(session, context)
        return lines, marking.news(session, context, lines)

    lines, news = await services_of(request).database.read(read)
    show_only = _of(request, "show", GROUPS)
    sort = _of(request, "sort", SORTS)
    component = request.query.get("component", "")[:12]
    rows = [_row(line, news[line.case.case_id], context.now) for line in lines]
    components = sorted({row["case"].component_code for row in rows})
    component = component if component in components else ""
    chosen = [row for row in rows if component in {"", row["case"].component_code}]
    chosen.sort(key=_keys(context.now)[sort or "due"])
    groups = [_group(request, chosen, name, title, show_only) for name, title in GROUPS[1:] if show_only in {"", name}]
    first = next((row for row in chosen if row["line"].wanted), None)
    return await render(
        request,
        "worklist/index.html",
        is_empty=not rows,
        groups=groups,
        first=first,
        unread=sum(one.messages for one in news.values()),
        shows=[{"value": value, "text": text} for value, text in GROUPS],
        sorts=[{"value": value, "text": text} for value, text in SORTS],
        components=[{"value": "", "text": "All"}, *({"value": code, "text": code} for code in components)],
        show=show_only,
        sort=sort or "due",
        component=component,
        news_words=NEWS_WORDS,
    )


def days_until(due_at: datetime, now: datetime) -> int:
    """Return how many days from today, in the United Kingdom, something is due; below zero when its day is over."""
    return (due_at.astimezone(LONDON).date() - now.astimezone(LONDON).date()).days


def _of(request: web.Request, name: str, known: tuple[tuple[str, str], ...]) -> str:
    """Return what a query asks for, or nothing where that is not one of the choices."""
    asked = request.query.get(name, "")
    return asked if asked in {value for value, _ in known} else ""


def _keys(now: datetime) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
    never = now.replace(year=9999)

    def place(row: dict[str, Any]) -> tuple[str, str]:
        return row["case"].centre_number, row["case"].component_code

    return {
        "due": lambda row: (row["due_at"] or row["case"].sample_due_at or never, place(row)),
        "news": lambda row: (not row["is_new"], row["due_at"] or never, place(row)),
        "left": lambda row: (row["line"].wanted or 9999, place(row)),
        "centre": place,
    }


def _row(line: WorklistLine, news: News, now: datetime) -> dict[str, Any]:
    case = line.case
    is_finished = case.state in FINISHED
    group = "ready" if line.is_readable else "finished" if is_finished else "waiting"
    due_at = {"ready": line.closes_at, "waiting": case.sample_due_at, "finished": None}[group]
    return {
        "line": line,
        "case": case,
        "group": group,
        "state": STATE_WORDS[case.state],
        "mode": MODE_WORDS[case.submission_mode],
        "href": f"/marking/{case.case_id}" if case.sample_due_at is not None else None,
        "due_at": due_at,
        "days": None if due_at is None else days_until(due_at, now),
        "news": news,
        "is_new": news.happened is None or bool(news.happened) or news.messages > 0,
    }


def _group(request: web.Request, rows: list[dict[str, Any]], name: str, title: str, show_only: str) -> dict[str, Any]:
    """Return one table: its first lines beside others, or a page of it where it was asked for alone."""
    own = [row for row in rows if row["group"] == name]
    pages = max(1, -(-len(own) // LINES_ON_A_PAGE))
    asked = request.query.get("page", "1")
    page = int(asked) if show_only and asked.isascii() and asked.isdigit() and len(asked) < 6 else 1
    page = page if 1 <= page <= pages else 1
    start = (page - 1) * LINES_ON_A_PAGE
    return {
        "name": name,
        "title": title,
        "rows": own[start : start + LINES_ON_A_PAGE],
        "total": len(own),
        "page": page,
        "pages": pages if show_only else 1,
        "more": 0 if show_only else max(0, len(own) - LINES_ON_A_PAGE),
    }
