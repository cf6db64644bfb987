"""Refused requests leave events: who was refused what, and why; nothing of what was sent but ids of our own making.

A flood is counted in this process before it reaches the database: past the bound of an address and minute, numbers are
written once a second.
"""

from __future__ import annotations

import contextlib
import re

from aiohttp import web

from repository import acting, audit
from repository.audit import Context
from repository.audit.refusals import UNKNOWN_ADDRESS, Bound
from repository.database import Database
from repository.errors import (
    NotFound,
    NotSignedIn,
    RepositoryError,
    RequestForged,
    ServiceBusy,
    StepUpNeeded,
    TokenMistyped,
    TokenRefused,
)
from repository.web import keys
from repository.web.requests import context_of

REFUSED = (NotFound, NotSignedIn, RequestForged, StepUpNeeded, TokenMistyped, TokenRefused)
ACTION = "request.refused"
_OURS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


async def note(request: web.Request, error: Exception) -> None:
    """Record that a request was refused; the answer is the same whether or not it can be recorded."""
    action = request.app[keys.ACTIONS].get(request.match_info.handler)
    if not isinstance(error, REFUSED) or action is None or _only_looked(request, error):
        return
    bound, context = request.app[keys.REFUSALS], context_of(request)
    database = request.app[keys.SERVICES].database
    address = context.address_hash or UNKNOWN_ADDRESS
    with contextlib.suppress(ServiceBusy), acting.as_service("refusals"):
        if bound.note(address, context.now):
            resource = request.match_info.route.resource
            await audit.record_refusal(
                database,
                context,
                ACTION,
                "route",
                (resource.canonical if resource is not None else "")[:64],
                reason=error.code,
                asked=action.value,
                method=request.method,
                subject=next((one for one in request.match_info.values() if _OURS.fullmatch(one)), None),
            )
        await write(database, bound, context)


async def write_rest(app: web.Application) -> None:
    """Write down the numbers that still wait, when the service stops."""
    services, bound = app[keys.SERVICES], app[keys.REFUSALS]
    bound.written_at = None
    with contextlib.suppress(ServiceBusy), acting.as_service("refusals"):
        await write(services.database, bound, Context(None, services.clock(), "stopping"))


async def write(database: Database, bound: Bound, context: Context) -> None:
    """Write down the numbers that wait."""
    for address, count in bound.due(context.now).items():
        known = None if address == UNKNOWN_ADDRESS else address
        nobody = Context(None, context.now, context.request_id, address_hash=known)
        await audit.record_refusal(
            database, nobody, ACTION, "address", address, reason="counted", count=count, only_count=True
        )


def _only_looked(request: web.Request, error: RepositoryError) -> bool:
    """Whoever opens a page without showing a sign-in tried nothing; they are asked to sign in."""
    shows = request.cookies or "Authorization" in request.headers
    return isinstance(error, NotSignedIn) and request.method in {"GET", "HEAD"} and not shows
