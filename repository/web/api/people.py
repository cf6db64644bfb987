"""People for programs: the staff of a centre and what they teach, people everywhere, contacts. Nobody is invited here.

A code to be told has no business in a program, so invitations, resets and proposals are made on pages only.
"""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from repository.access import Action, Role
from repository.acts import people_contacts, people_lists, people_roles, people_teaching
from repository.acts.people_lists import PersonLine, RoleLine, Search
from repository.errors import FieldRefused
from repository.teaching import Taught
from repository.web import authentication
from repository.web.requests import context_of, number_field, read_json, services_of, text_field

PAGES_LIMIT = 10_000


async def staff(request: web.Request) -> web.Response:
    """List the staff of the own centre."""
    context = context_of(request)
    page = await services_of(request).database.read(lambda s: people_lists.staff(s, context))
    return web.json_response({"people": [_person(one, context.now) for one in page.people]})


async def end_of_centre(request: web.Request) -> web.Response:
    """End a role at the own centre."""
    return await _end(request, Action.PEOPLE_MANAGE_CENTRE)


async def end_anywhere(request: web.Request) -> web.Response:
    """End a role, as an officer of the awarding body."""
    return await _end(request, Action.PEOPLE_MANAGE_BODY)


async def give_teaching(request: web.Request) -> web.Response:
    """Give a teacher something to teach; the whole centre when nothing is named."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    series, component, teaching_set = (
        text_field(body, name, required=False, limit=limit) or None
        for name, limit in (("series", 12), ("component", 12), ("teaching_set", 20))
    )
    context, assignment_id = context_of(request), request.match_info["assignment_id"]
    made = await services_of(request).database.write(
        lambda s: people_teaching.give(
            s, context, assignment_id, series_key=series, component_code=component, teaching_set=teaching_set
        )
    )
    return web.json_response(_taught(made), status=201)


async def take_teaching(request: web.Request) -> web.Response:
    """Take something away that a teacher teaches."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    context, assignment_id = context_of(request), request.match_info["assignment_id"]
    teaching_id = request.match_info["teaching_id"]
    await services_of(request).database.write(lambda s: people_teaching.take(s, context, assignment_id, teaching_id))
    return web.Response(status=204)


async def everybody(request: web.Request) -> web.Response:
    """List people everywhere, narrowed by role, centre and words, a page at a time."""
    context, asked = context_of(request), request.query
    role = text_field(asked, "role", required=False, limit=32)
    if role and role not in set(Role):
        raise FieldRefused("There is no role of that name.", field="role")
    search = Search(
        Role(role) if role else None,
        text_field(asked, "centre", required=False, limit=5),
        text_field(asked, "words", required=False, limit=200),
        number_field(asked, "page", 1, PAGES_LIMIT) if "page" in asked else 1,
    )
    page = await services_of(request).database.read(lambda s: people_lists.everybody(s, context, search))
    return web.json_response({"people": [_person(one, context.now) for one in page.people], "total": page.total})


async def contacts(request: web.Request) -> web.Response:
    """List the contacts of the own centre; to officers those of the centre they name."""
    context, centre = context_of(request), text_field(request.query, "centre", required=False, limit=5)
    found = await services_of(request).database.read(lambda s: people_contacts.listed(s, context, centre))
    return web.json_response(
        {
            "contacts": [
                {
                    "id": one.contact_id,
                    "office": one.office,
                    "email": one.email,
                    "kinds": [kind.value for kind in one.kinds],
                    "verified_at": _at(one.verified_at),
                }
                for one in found
            ]
        }
    )


async def _end(request: web.Request, action: Action) -> web.Response:
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    context, assignment_id = context_of(request), request.match_info["assignment_id"]
    await services_of(request).database.write(lambda s: people_roles.end_role(s, context, action, assignment_id))
    return web.Response(status=204)


def _person(one: PersonLine, now: datetime) -> dict[str, object]:
    return {
        "id": one.person_id,
        "name": one.name,
        "is_suspended": one.is_suspended,
        "accounts": [
            {"is_local": account.is_local, "has_second_factor": account.has_second_factor} for account in one.accounts
        ],
        "roles": [_role(role) for role in one.roles if role.is_live(now)],
    }


def _role(one: RoleLine) -> dict[str, object]:
    return {
        "id": one.assignment_id,
        "role": one.role.value,
        "centre_number": one.centre_number,
        "since": _at(one.since),
        "last_sign_in_at": _at(one.last_sign_in_at),
        "teaches": [_taught(taught) for taught in one.taught] if one.role is Role.TEACHER else None,
    }


def _taught(one: Taught) -> dict[str, object]:
    return {
        "id": one.teaching_id,
        "series": one.series_key,
        "component": one.component_code,
        "teaching_set": one.teaching_set,
    }


def _at(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
