"""Giving work to moderators."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy.orm import Session

from moderation.independence import Permission
from repository.access import Role
from repository.acts import allocations, series
from repository.acts.allocations import Colleague
from repository.acts.cases import STATE_WORDS
from repository.acts.series import SeriesPage
from repository.errors import FieldRefused, NotFound
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.pages.conflicts import ALLOCATION_WORDS
from repository.web.requests import context_of, read_form, services_of, text_field


async def show(request: web.Request) -> web.Response:
    """Show who moderates what, and what nobody moderates yet."""
    return await _allocations_page(request, request.query.get("series", ""))


async def allocate(request: web.Request) -> web.Response:
    """Give the ticked components at centres to a moderator, all or none."""
    form = await read_form(request)
    context, key = context_of(request), str(form.get("series", ""))
    chosen = {str(value) for value in form.getall("cases", [])}

    def work(session: Session) -> int:
        person = text_field(form, "person_id", required=False, limit=36)
        if not person:
            raise FieldRefused("Choose a moderator.", field="person_id")
        found = [case for case in series.page(session, context, key).cases if case.case_id in chosen]
        if not found:
            raise FieldRefused("Tick what to give to the moderator.", field="cases")
        for case in found:
            allocations.allocate(session, context, person, key, case.component_code, case.centre_number)
        return len(found)

    try:
        given = await services_of(request).database.write(work)
    except FORM_ERRORS as error:
        return await _allocations_page(request, key, form=form, errors=errors_of(error), status=422)
    text = f"{given} component{'s' if given != 1 else ''} at centres given to the moderator, who finds them on the worklist."
    return await redirect(request, f"/allocations?series={key}", title="Given", text=text)


async def show_case(request: web.Request) -> web.Response:
    """Show who could be given one case and who cannot, with the reasons."""
    return await _case_page(request)


async def allocate_case(request: web.Request) -> web.Response:
    """Give one case to a person: to moderate, to review, or to hear an appeal."""
    form = await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]

    def work(session: Session) -> str:
        act = act_field(form)
        person = text_field(form, "person_id", required=False, limit=36)
        if not person:
            raise FieldRefused("Choose a person.", field="person_id")
        case, _ = allocations.choices(session, context, case_id, act)
        allocations.allocate(session, context, person, case.series_key, case.component_code, case.centre_number, act)
        return f"{case.component_code} at centre {case.centre_number}"

    try:
        what = await services_of(request).database.write(work)
    except FORM_ERRORS as error:
        return await _case_page(request, form=form, errors=errors_of(error), status=422)
    act = str(form.get("act", ""))
    return await redirect(
        request, f"/cases/{case_id}/allocation?act={act}", title="Given", text=f"{what} was given to the person."
    )


def act_field(form: Any) -> Permission:
    """Return what an allocation is for, to moderate when nothing is said; raises ``FieldRefused``."""
    try:
        return Permission(text_field(form, "act", required=False, limit=20) or Permission.MODERATE)
    except ValueError as error:
        raise FieldRefused("Choose what the person is to do.", field="act") from error


async def _case_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, case_id = context_of(request), request.match_info["case_id"]
    asked = str((form if form is not None else request.query).get("act", ""))
    act = Permission(asked) if asked in set(Permission) else Permission.MODERATE
    (case, choices), given = await services_of(request).database.read(
        lambda s: (
            allocations.choices(s, context, case_id, act),
            allocations.allocations_of(s, context, case_id),
        )
    )
    return await render(
        request,
        "allocations/case.html",
        status=status,
        case=case,
        act=str(act),
        acts=[{"value": str(one), "text": words} for one, words in ALLOCATION_WORDS.items()],
        act_words=ALLOCATION_WORDS,
        items=[
            {
                "value": one.person.person_id,
                "text": one.person.name,
                "hint": " ".join(["Cannot be chosen.", *(reason.detail for reason in one.reasons)])
                if one.reasons
                else "",
                "disabled": bool(one.reasons),
            }
            for one in choices
        ],
        given=given,
        state_words=STATE_WORDS,
        typed_person=str(form.get("person_id", "")) if form is not None else "",
        wrong={error["href"]: error["text"] for error in errors or []},
        errors=errors or [],
    )


async def _allocations_page(
    request: web.Request,
    key: str,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context = context_of(request)

    def read(session: Session) -> tuple[tuple[Any, ...], SeriesPage | None, tuple[Colleague, ...]]:
        listed = series.listed(session, context)
        chosen = key or (listed[0].key if listed else "")
        if key and key not in {one.key for one in listed}:
            raise NotFound
        page = series.page(session, context, chosen) if chosen else None
        return listed, page, allocations.people(session, context, Role.MODERATOR)

    listed, page, people = await services_of(request).database.read(read)
    cases = page.cases if page else ()
    moderators = page.moderators if page else {}
    return await render(
        request,
        "allocations/index.html",
        status=status,
        page=page,
        listed=[{"value": one.key, "text": one.title} for one in listed],
        free=[case for case in cases if (case.component_code, case.centre_number) not in moderators],
        given=[
            (case, moderators[case.component_code, case.centre_number])
            for case in cases
            if (case.component_code, case.centre_number) in moderators
        ],
        people=[{"value": "", "text": "Choose"}] + [{"value": one.person_id, "text": one.name} for one in people],
        typed_person=str(form.get("person_id", "")) if form is not None else "",
        ticked=[str(value) for value in form.getall("cases", [])] if form is not None else [],
        state_words=STATE_WORDS,
        wrong={error["href"]: error["text"] for error in errors or []},
        errors=errors or [],
    )
