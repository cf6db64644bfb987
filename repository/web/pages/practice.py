"""The page of a practice centre: what it is, begin, leave, wipe."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.orm import Session

from repository.acts import practice
from repository.errors import NotSignedIn
from repository.sign_in import sessions
from repository.web import authentication, keys
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, read_form, services_of


async def show(request: web.Request) -> web.Response:
    """Show what a practice centre is, and the person's own if there is one."""
    services, context = services_of(request), context_of(request)
    mine = await services.database.read(lambda s: practice.mine(s, context))
    return await render(request, "practice/show.html", mine=mine, days=services.settings.practice_days)


async def begin(request: web.Request) -> web.Response:
    """Make the person's practice centre, if there is none, and go on inside it."""
    await read_form(request)
    services, context = services_of(request), context_of(request)

    def work(session: Session) -> str:
        role = practice.begin(session, context, services.new_token(), services.settings.practice_days)
        return _switch(session, request, role)

    return _go_on(request, await services.database.write(work), "/readiness")


async def leave(request: web.Request) -> web.Response:
    """Go back to the real centre; the practice centre stays."""
    await read_form(request)
    services, context = services_of(request), context_of(request)
    token = await services.database.write(lambda s: _switch(s, request, practice.home_of(s, context)))
    return _go_on(request, token, "/")


async def wipe(request: web.Request) -> web.Response:
    """Wipe the practice centre, and go back to the real centre where one was inside it."""
    await read_form(request)
    services, context = services_of(request), context_of(request)
    inside = actor_of(request).is_in_practice

    def work(session: Session) -> tuple[str, list[str]]:
        token = _switch(session, request, practice.home_of(session, context)) if inside else ""
        return token, practice.wipe(session, context)

    token, objects = await services.database.write(work)
    await practice.discard(services, objects)
    if token:
        return _go_on(request, token, "/practice?wiped=yes")
    return await redirect(request, "/practice", text="Your practice centre was wiped. Nothing of it is left.")


def _switch(session: Session, request: web.Request, assignment_id: str) -> str:
    signed_in = request[keys.SESSION]
    if signed_in is None:
        raise NotSignedIn
    return sessions.renew(session, context_of(request), signed_in.token, assignment_id=assignment_id)


def _go_on(request: web.Request, token: str, location: str) -> web.Response:
    response = web.Response(status=303, headers={"Location": location})
    authentication.set_cookie(response, services_of(request).settings, token)
    return response
