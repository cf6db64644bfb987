"""The staff of a centre: an exams officer's colleagues, their roles, what teachers teach, invitations and resets."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from repository.access import ROLE_TITLES, Action, Role
from repository.acts import people_lists, people_resets, people_roles, people_teaching, people_waiting
from repository.acts.people_roles import Handover
from repository.errors import FieldRefused
from repository.web.forms import FORM_ERRORS, errors_of, typed_in, wrong_in
from repository.web.pages import redirect, render
from repository.web.requests import context_of, read_form, services_of, text_field

MANAGE = Action.PEOPLE_MANAGE_CENTRE
SECOND_FACTOR_WORDS = {True: "Set up", False: "Not set up"}
WHOLE_CENTRE = "*"


async def show(request: web.Request) -> web.Response:
    """Show the staff of the exams officer's own centre."""
    return await _page(request)


async def invite(request: web.Request) -> web.Response:
    """Invite a colleague, and show the code to tell them."""
    form = await read_form(request)
    services, context = services_of(request), context_of(request)
    try:
        role, name, email = (text_field(form, one, required=False, limit=320) for one in ("role", "name", "email"))
        made = await services.database.write(
            lambda s: people_roles.invite(s, context, MANAGE, services.new_token, role=role, name=name, email=email)
        )
    except FORM_ERRORS as error:
        return await _page(request, form=form, errors=errors_of(error), status=422)
    # Not sent on to another page, as everywhere else: the code is nowhere but in this answer.
    return await _page(request, handover=made, handover_name=name)


async def revoke(request: web.Request) -> web.Response:
    """Take an invitation back."""
    await read_form(request)
    context, invitation_id = context_of(request), request.match_info["invitation_id"]
    await services_of(request).database.write(lambda s: people_roles.revoke(s, context, MANAGE, invitation_id))
    return await redirect(request, "/staff", title="Taken back", text="The invitation can no longer be used.")


async def grant(request: web.Request) -> web.Response:
    """Give a role to somebody who signed in at an identity provider and waits."""
    form = await read_form(request)
    context, request_id = context_of(request), request.match_info["request_id"]
    try:
        role = text_field(form, "role", required=False, limit=32)
        await services_of(request).database.write(lambda s: people_waiting.grant(s, context, MANAGE, request_id, role))
    except FORM_ERRORS as error:
        errors = errors_of(error, {"role": f"role-{request_id}"})
        return await _page(request, errors=errors, status=422)
    return await redirect(request, "/staff", title="Given", text="The role is given. Say next what a teacher teaches.")


async def refuse(request: web.Request) -> web.Response:
    """Give no role to somebody who waits."""
    await read_form(request)
    context, request_id = context_of(request), request.match_info["request_id"]
    await services_of(request).database.write(lambda s: people_waiting.refuse(s, context, MANAGE, request_id))
    return await redirect(request, "/staff", title="Refused", text="The person was given no role.")


async def show_member(request: web.Request) -> web.Response:
    """Show one person of the centre."""
    return await _member_page(request)


async def end(request: web.Request) -> web.Response:
    """End a role."""
    await read_form(request)
    context, assignment_id = context_of(request), request.match_info["assignment_id"]
    try:
        await services_of(request).database.write(lambda s: people_roles.end_role(s, context, MANAGE, assignment_id))
    except FORM_ERRORS as error:
        return await _member_page(request, errors=errors_of(error), status=409)
    text = "The role has ended. The person’s next request is refused, and invitations that they made open nothing."
    return await redirect(request, "/staff", title="Ended", text=text)


async def give_teaching(request: web.Request) -> web.Response:
    """Give a teacher something to teach."""
    form = await read_form(request)
    context, assignment_id = context_of(request), request.match_info["assignment_id"]
    try:
        series_key, component_code = _component_field(form)
        teaching_set = text_field(form, "teaching_set", required=False, limit=20) or None
        await services_of(request).database.write(
            lambda s: people_teaching.give(
                s,
                context,
                assignment_id,
                series_key=series_key,
                component_code=component_code,
                teaching_set=teaching_set,
            )
        )
    except FORM_ERRORS as error:
        return await _member_page(request, form=form, errors=errors_of(error), status=422)
    return await redirect(request, f"/staff/{assignment_id}", title="Given", text="The teacher sees it from now on.")


async def take_teaching(request: web.Request) -> web.Response:
    """Take something away that a teacher teaches."""
    await read_form(request)
    context, assignment_id = context_of(request), request.match_info["assignment_id"]
    teaching_id = request.match_info["teaching_id"]
    await services_of(request).database.write(lambda s: people_teaching.take(s, context, assignment_id, teaching_id))
    text = "The teacher does not see it any more."
    return await redirect(request, f"/staff/{assignment_id}", title="Taken away", text=text)


async def reset(request: web.Request) -> web.Response:
    """Open a reset for a teacher, and show the code to tell them."""
    form = await read_form(request)
    services, context = services_of(request), context_of(request)
    try:
        account_id = text_field(form, "account_id", limit=36)
        made = await services.database.write(
            lambda s: people_resets.start(s, context, MANAGE, account_id, services.new_token)
        )
    except FORM_ERRORS as error:
        return await _member_page(request, errors=errors_of(error), status=422)
    return await _member_page(request, handover=made)


def _component_field(form: MultiDictProxy[Any]) -> tuple[str | None, str | None]:
    """Return series and component of a choice such as ``01-6A26|X446/03``, ``|X446/03``, or of the whole centre."""
    chosen = text_field(form, "component", required=False, limit=30)
    if chosen == WHOLE_CENTRE:
        return None, None
    series_key, mark, component_code = chosen.partition("|")
    if not mark or not component_code:
        raise FieldRefused("Choose a component, or the whole centre.", field="component")
    return series_key or None, component_code


async def _page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    handover: Handover | None = None,
    handover_name: str = "",
    status: int = 200,
) -> web.Response:
    context = context_of(request)
    page = await services_of(request).database.read(lambda s: people_lists.staff(s, context))
    return await render(
        request,
        "people/staff.html",
        status=status,
        page=page,
        titles=ROLE_TITLES,
        roles=_role_choices(),
        factor_words=SECOND_FACTOR_WORDS,
        handover=handover,
        base_url=services_of(request).settings.base_url,
        handover_name=handover_name,
        typed=typed_in(form, "role", "name", "email"),
        wrong=wrong_in(errors),
        errors=errors or [],
    )


async def _member_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    handover: Handover | None = None,
    status: int = 200,
) -> web.Response:
    context, assignment_id = context_of(request), request.match_info["assignment_id"]
    page = await services_of(request).database.read(lambda s: people_lists.member(s, context, assignment_id))
    choices = [{"value": "", "text": "Choose"}, {"value": WHOLE_CENTRE, "text": "Every component of the centre"}]
    codes = {one.component_code: one.title for one in page.offered}
    choices += [{"value": f"|{code}", "text": f"{code} {title}, in every series"} for code, title in codes.items()]
    choices += [
        {
            "value": f"{one.series_key}|{one.component_code}",
            "text": f"{one.component_code} {one.title}, {one.series_title} only",
        }
        for one in page.offered
    ]
    return await render(
        request,
        "people/member.html",
        status=status,
        page=page,
        titles=ROLE_TITLES,
        is_teacher=page.role.role is Role.TEACHER,
        choices=choices,
        component_titles=codes,
        series_titles={one.series_key: one.series_title for one in page.offered},
        sets=sorted({teaching_set for one in page.offered for teaching_set in one.teaching_sets}),
        factor_words=SECOND_FACTOR_WORDS,
        handover=handover,
        base_url=services_of(request).settings.base_url,
        typed=typed_in(form, "component", "teaching_set"),
        wrong=wrong_in(errors),
        errors=errors or [],
    )


def _role_choices() -> list[dict[str, str]]:
    return [
        {
            "value": Role.TEACHER,
            "text": "Teacher",
            "hint": "Sees nothing until you say which components and groups they teach.",
        },
        {
            "value": Role.EXAMS_OFFICER,
            "text": "Exams officer",
            "hint": "Sees and sends everything of the centre, and manages its staff as you do.",
        },
    ]
