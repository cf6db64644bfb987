"""People everywhere, as officers of the awarding body manage them: roles, invitations, proposals, suspensions, resets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy.orm import Session
from yarl import URL

from repository.access import CENTRE_ROLES, GIVES, ROLE_TITLES, ROLES_OF_TWO, Action, Role
from repository.acts import people_lists, people_proposals, people_resets, people_roles, people_waiting
from repository.acts.people_lists import PAGE_PEOPLE, Search
from repository.acts.people_roles import Handover
from repository.web.forms import FORM_ERRORS, errors_of, typed_in, wrong_in
from repository.web.pages import redirect, render
from repository.web.pages.people_centre import SECOND_FACTOR_WORDS
from repository.web.requests import context_of, read_form, services_of, text_field

MANAGE = Action.PEOPLE_MANAGE_BODY
FIELDS = ("role", "centre_number", "name", "email")
GIVEN = tuple(role for role in Role if role in GIVES[Role.AB_OFFICER])
PAGES_LIMIT = 10_000


async def show(request: web.Request) -> web.Response:
    """Show people, narrowed by role, centre and words."""
    return await _page(request)


async def invite(request: web.Request) -> web.Response:
    """Invite somebody to a role and show the code to tell them; propose a role that two officers give."""
    form = await read_form(request)
    services, context = services_of(request), context_of(request)
    try:
        role, centre, name, email = (text_field(form, one, required=False, limit=320) for one in FIELDS)
        if role in ROLES_OF_TWO:
            await services.database.write(
                lambda s: people_proposals.propose(s, context, role=role, name=name, email=email)
            )
            text = "Proposed. Another officer has to confirm it; only then is the person invited."
            return await redirect(request, "/people", title="Proposed", text=text)
        made = await services.database.write(
            lambda s: people_roles.invite(
                s, context, MANAGE, services.new_token, role=role, name=name, email=email, centre_number=centre
            )
        )
    except FORM_ERRORS as error:
        return await _page(request, form=form, errors=errors_of(error), status=422)
    return await _page(request, handover=made, handover_name=name)


async def revoke(request: web.Request) -> web.Response:
    """Take an invitation back."""
    await read_form(request)
    context, invitation_id = context_of(request), request.match_info["invitation_id"]
    await services_of(request).database.write(lambda s: people_roles.revoke(s, context, MANAGE, invitation_id))
    return await redirect(request, "/people", title="Taken back", text="The invitation can no longer be used.")


async def confirm(request: web.Request) -> web.Response:
    """Confirm, as a second officer, a role that another proposed."""
    await read_form(request)
    services, context, proposal_id = services_of(request), context_of(request), request.match_info["proposal_id"]
    try:
        made = await services.database.write(
            lambda s: people_proposals.confirm(s, context, proposal_id, services.new_token)
        )
    except FORM_ERRORS as error:
        return await _page(request, errors=errors_of(error), status=409)
    if made is None:
        return await redirect(request, "/people", title="Confirmed", text="The role holds from now on.")
    return await _page(request, handover=made)


async def withdraw(request: web.Request) -> web.Response:
    """Take a proposal back."""
    await read_form(request)
    context, proposal_id = context_of(request), request.match_info["proposal_id"]
    await services_of(request).database.write(lambda s: people_proposals.withdraw(s, context, proposal_id))
    return await redirect(request, "/people", title="Taken back", text="The proposal was taken back.")


async def grant(request: web.Request) -> web.Response:
    """Give a role to somebody who signed in at an identity provider and waits."""
    form = await read_form(request)
    context, request_id = context_of(request), request.match_info["request_id"]
    try:
        role, centre = (text_field(form, one, required=False, limit=32) for one in ("role", "centre_number"))
        await services_of(request).database.write(
            lambda s: people_waiting.grant(s, context, MANAGE, request_id, role, centre)
        )
    except FORM_ERRORS as error:
        errors = errors_of(error, {"role": f"role-{request_id}", "centre_number": f"centre_number-{request_id}"})
        return await _page(request, errors=errors, status=422)
    return await redirect(request, "/people", title="Given", text="The role is given.")


async def refuse(request: web.Request) -> web.Response:
    """Give no role to somebody who waits."""
    await read_form(request)
    context, request_id = context_of(request), request.match_info["request_id"]
    await services_of(request).database.write(lambda s: people_waiting.refuse(s, context, MANAGE, request_id))
    return await redirect(request, "/people", title="Refused", text="The person was given no role.")


async def show_one(request: web.Request) -> web.Response:
    """Show one person."""
    return await _one_page(request)


async def give(request: web.Request) -> web.Response:
    """Give somebody who is here a further role; propose one that two officers give."""
    form = await read_form(request)
    context, person_id = context_of(request), request.match_info["person_id"]
    try:
        role, centre = (text_field(form, one, required=False, limit=32) for one in ("role", "centre_number"))

        def work(session: Session) -> str:
            if role in ROLES_OF_TWO:
                people_proposals.propose(session, context, role=role, person_id=person_id)
                return "Proposed. Another officer has to confirm it."
            people_roles.give(session, context, MANAGE, person_id, role, centre)
            return "The role holds from now on."

        text = await services_of(request).database.write(work)
    except FORM_ERRORS as error:
        return await _one_page(request, form=form, errors=errors_of(error), status=422)
    return await redirect(request, f"/people/{person_id}", title="Done", text=text)


async def end(request: web.Request) -> web.Response:
    """End a role."""
    assignment_id = request.match_info["assignment_id"]
    context = context_of(request)
    return await _change(
        request,
        lambda s: people_roles.end_role(s, context, MANAGE, assignment_id),
        "The role has ended. The person’s next request under it is refused.",
    )


async def suspend(request: web.Request) -> web.Response:
    """Disable the accounts of a person."""
    context, person_id = context_of(request), request.match_info["person_id"]
    text = "The person’s accounts are suspended, and every session has ended."
    return await _change(request, lambda s: people_roles.suspend(s, context, person_id), text)


async def restore(request: web.Request) -> web.Response:
    """Let the accounts of a person be used again."""
    context, person_id = context_of(request), request.match_info["person_id"]
    text = "The person can sign in again."
    return await _change(request, lambda s: people_roles.restore(s, context, person_id), text)


async def reset(request: web.Request) -> web.Response:
    """Open a reset, and show the code to tell the person."""
    form = await read_form(request)
    services, context = services_of(request), context_of(request)
    try:
        account_id = text_field(form, "account_id", limit=36)
        made = await services.database.write(
            lambda s: people_resets.start(s, context, MANAGE, account_id, services.new_token)
        )
    except FORM_ERRORS as error:
        return await _one_page(request, errors=errors_of(error), status=422)
    return await _one_page(request, handover=made)


async def _change(request: web.Request, work: Callable[[Session], object], text: str) -> web.Response:
    await read_form(request)
    try:
        await services_of(request).database.write(work)
    except FORM_ERRORS as error:
        return await _one_page(request, errors=errors_of(error), status=409)
    return await redirect(request, f"/people/{request.match_info['person_id']}", title="Done", text=text)


def _search(request: web.Request) -> Search:
    """Return what is looked for; something that is none of the choices narrows nothing."""
    role, page = request.query.get("role", ""), request.query.get("page", "1")
    return Search(
        Role(role) if role in set(Role) else None,
        request.query.get("centre", "").strip()[:5].replace("\x00", ""),
        request.query.get("words", "").strip()[:200].replace("\x00", ""),
        min(max(int(page), 1), PAGES_LIMIT) if page.isascii() and page.isdigit() and len(page) < 8 else 1,
    )


async def _page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    handover: Handover | None = None,
    handover_name: str = "",
    status: int = 200,
) -> web.Response:
    context, search = context_of(request), _search(request)
    page = await services_of(request).database.read(lambda s: people_lists.everybody(s, context, search))
    narrowed = {"role": search.role or "", "centre": search.centre_number, "words": search.words}
    return await render(
        request,
        "people/index.html",
        status=status,
        page=page,
        search=search,
        pages=max(-(-page.total // PAGE_PEOPLE), 1),
        href=str(URL("/people").with_query(narrowed)) + "&page={page}",
        every_role=[{"value": "", "text": "All roles"}, *_choices(tuple(Role))],
        given=_choices(GIVEN, two=True),
        granted=_choices(tuple(role for role in GIVEN if role not in ROLES_OF_TWO)),
        titles=ROLE_TITLES,
        handover=handover,
        base_url=services_of(request).settings.base_url,
        handover_name=handover_name,
        typed=typed_in(form, *FIELDS),
        wrong=wrong_in(errors),
        errors=errors or [],
    )


async def _one_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    handover: Handover | None = None,
    status: int = 200,
) -> web.Response:
    context, person_id = context_of(request), request.match_info["person_id"]
    person = await services_of(request).database.read(lambda s: people_lists.one(s, context, person_id))
    return await render(
        request,
        "people/show.html",
        status=status,
        who=person,
        is_self=context.actor is not None and context.actor.person_id == person_id,
        given=_choices(GIVEN, two=True),
        gives=GIVES[Role.AB_OFFICER],
        titles=ROLE_TITLES,
        factor_words=SECOND_FACTOR_WORDS,
        handover=handover,
        base_url=services_of(request).settings.base_url,
        typed=typed_in(form, "role", "centre_number"),
        wrong=wrong_in(errors),
        errors=errors or [],
    )


def _choices(roles: tuple[Role, ...], *, two: bool = False) -> list[dict[str, str]]:
    return [
        {
            "value": role,
            "text": ROLE_TITLES[role]
            + (" (needs a second officer)" if two and role in ROLES_OF_TWO else "")
            + (", of a centre" if two and role in CENTRE_ROLES else ""),
        }
        for role in roles
    ]
