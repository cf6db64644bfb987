"""Teams: who leads which moderators in a component, and who is its principal moderator."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy.orm import Session

from repository.acts import series, teams
from repository.acts.allocations import Colleague
from repository.acts.teams import TeamsPage
from repository.errors import NotFound
from repository.web.forms import FORM_ERRORS, errors_of, typed_in, wrong_in
from repository.web.pages import redirect, render
from repository.web.requests import context_of, read_form, services_of, text_field


async def show(request: web.Request) -> web.Response:
    """Show the teams of a series."""
    return await _page(request, request.query.get("series", ""))


async def set_team(request: web.Request) -> web.Response:
    """Put moderators into a leader's team."""
    form = await read_form(request)
    context, key = context_of(request), str(form.get("series", ""))
    try:
        component = text_field(form, "component", limit=12)
        leader = text_field(form, "leader_id", limit=64)
        members = [str(value) for value in form.getall("member_ids", [])]
        made = await services_of(request).database.write(
            lambda s: teams.set_team(s, context, key, component, leader, members)
        )
    except FORM_ERRORS as error:
        return await _page(request, key, form=form, errors=errors_of(error), status=422)
    text = f"{len(made.member_ids)} moderators in the team for {component}."
    return await redirect(request, f"/teams?series={key}", title="Team saved", text=text)


async def set_principal(request: web.Request) -> web.Response:
    """Name the principal moderator of a component."""
    form = await read_form(request)
    context, key = context_of(request), str(form.get("series", ""))
    ids = {"component": "principal-component"}
    try:
        component = text_field(form, "component", limit=12)
        person = text_field(form, "person_id", limit=64)
        await services_of(request).database.write(lambda s: teams.set_principal(s, context, key, component, person))
    except FORM_ERRORS as error:
        return await _page(request, key, form=form, errors=errors_of(error, ids), status=422)
    return await redirect(request, f"/teams?series={key}", title="Principal moderator named", text=component)


async def _page(
    request: web.Request,
    key: str,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context = context_of(request)

    def read(session: Session) -> tuple[tuple[Any, ...], TeamsPage | None]:
        listed = series.listed(session, context)
        if key and key not in {one.key for one in listed}:
            raise NotFound
        chosen = key or (listed[0].key if listed else "")
        return listed, teams.page(session, context, chosen) if chosen else None

    listed, page = await services_of(request).database.read(read)
    return await render(
        request,
        "teams/index.html",
        status=status,
        page=page,
        listed=[{"value": one.key, "text": one.title} for one in listed],
        components=_options([(code, f"{code}, {title}") for code, title in page.components] if page else []),
        leaders=_people(page.leaders if page else ()),
        principals=_people(page.principal_people if page else ()),
        moderators=[{"value": one.person_id, "text": one.name} for one in page.moderators] if page else [],
        typed=typed_in(form, "component", "leader_id", "person_id"),
        ticked=[str(value) for value in form.getall("member_ids", [])] if form is not None else [],
        wrong=wrong_in(errors),
        errors=errors or [],
    )


def _options(pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"value": "", "text": "Choose"}, *({"value": value, "text": text} for value, text in pairs)]


def _people(found: tuple[Colleague, ...]) -> list[dict[str, str]]:
    return _options([(one.person_id, one.name) for one in found])
