"""The moderator's list of cases."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from moderation.records.marking import WorklistLine
from moderation.submission import SETTLED, CaseState
from repository.acts import marking
from repository.acts.cases import MODE_WORDS, STATE_WORDS
from repository.web.pages import render
from repository.web.requests import context_of, services_of

FINISHED = SETTLED | {
    CaseState.OUTCOME_PROPOSED,
    CaseState.INVALID_ORDER,
    CaseState.SUPPORT_CALL,
    CaseState.RETURNED_TO_CENTRE,
}


async def show(request: web.Request) -> web.Response:
    """Show the moderator's cases: what can be read, what has not come, what is finished."""
    context = context_of(request)
    lines = await services_of(request).database.read(lambda s: marking.worklist(s, context))
    ready = [_row(line) for line in lines if line.is_readable]
    finished = [_row(line) for line in lines if line.case.state in FINISHED]
    waiting = [_row(line) for line in lines if not line.is_readable and line.case.state not in FINISHED]
    return await render(request, "worklist/index.html", ready=ready, waiting=waiting, finished=finished)


def _row(line: WorklistLine) -> dict[str, Any]:
    case = line.case
    return {
        "line": line,
        "case": case,
        "state": STATE_WORDS[case.state],
        "mode": MODE_WORDS[case.submission_mode],
        "href": f"/marking/{case.case_id}" if case.sample_due_at is not None else None,
    }
