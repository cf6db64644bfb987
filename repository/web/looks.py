"""Reading a centre's marks, sample or outcome is an event as well, where no act records it: once a quarter of an hour.

It is committed before the first byte of the answer. People of the centre read their own marks all day; what is recorded of
them is what they open and download.
Source: project policy.
"""

from __future__ import annotations

from aiohttp import web

from repository import acting, audit
from repository.access import CENTRE_ROLES, Action
from repository.web import keys
from repository.web.requests import context_of

READING = frozenset(
    {Action.CASE_READ, Action.MARKS_READ, Action.SAMPLE_READ, Action.AMENDMENT_READ, Action.OUTCOME_READ}
)


async def note(request: web.Request, action: Action, response: web.StreamResponse) -> None:
    """Record that somebody from outside a centre was shown something of one of its cases."""
    actor, case_id = request[keys.ACTOR], request.match_info.get("case_id")
    if actor is None or case_id is None or action not in READING or actor.role in CENTRE_ROLES:
        return
    if request.method != "GET" or response.status != 200:
        return
    context, viewings = context_of(request), request.app[keys.VIEWINGS]
    reader, subject = actor.assignment_id, f"{action.value} {case_id}"
    if viewings.stands(reader, subject, context.now):
        return
    database = request.app[keys.SERVICES].database
    with acting.as_service("looks"):
        await database.write(lambda session: audit.record(session, context, action, "case", case_id))
    viewings.note(reader, subject, context.now)
