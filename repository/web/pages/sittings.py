"""The page of a sitting: what an exams officer opens on the day; its register, packets and what is printed."""

from __future__ import annotations

from datetime import date

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy.orm import Session

from repository.access import Action, Role, scope_of
from repository.acts import exam_days, openings, packet_plans, registers, script_case_words, sittings
from repository.errors import FieldRefused
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, read_form, services_of, text_field
from scripts.despatch import CollectionKind

COLLECTION_WORDS = {
    CollectionKind.SCHEDULED: "Scheduled collection",
    CollectionKind.AD_HOC: "Booked collection",
    CollectionKind.POST: "Handed in at a post office",
    CollectionKind.COURIER: "Courier",
}


async def open_sittings(request: web.Request) -> web.Response:
    """Open the sittings of a series, or of one written component, at every centre that has entries."""
    form = await read_form(request)
    context, database = context_of(request), services_of(request).database
    series = text_field(form, "series", limit=12)
    component = text_field(form, "component", required=False, limit=12)
    if component:
        opened = await database.write(lambda s: openings.open_all(s, context, series, component))
        return await redirect(request, "/scripts", text=f"{len(opened)} sittings are open.")
    whole = await database.write(lambda s: openings.open_series(s, context, series))
    done = whole.done
    said = [
        f"Sittings open: {len(done.sitting_ids)}, {done.opened} of them new.",
        f"Late entries added: {done.late}. Withdrawn ones struck out: {done.withdrawn}.",
    ]
    if done.kept:
        said.append(f"Marked, though the entry is withdrawn since: {done.kept}. Nothing was changed there.")
    if done.stuck:
        said.append(f"Sittings that stay on their day, because something is marked or packed there: {done.stuck}.")
    if whole.undated:
        said.append(f"Timetabled components without a day: {', '.join(whole.undated[:10])}.")
    text = " ".join(said)
    return await redirect(request, "/scripts", title="Sittings opened", text=text)


async def show(request: web.Request) -> web.Response:
    """Show one sitting: register, packets, arithmetic."""
    return await sitting_page(request)


async def show_day(request: web.Request) -> web.Response:
    """Show a day of an exams officer: every sitting by session, what is next in each, and who clashes."""
    context = context_of(request)
    try:
        on = date.fromisoformat(request.query["on"]) if request.query.get("on") else None
    except ValueError as error:
        raise FieldRefused("The day is a date such as 2027-05-15.", field="on") from error
    found = await services_of(request).database.read(lambda s: exam_days.day(s, context, on))
    return await render(request, "sittings/day.html", day=found, errors=[])


async def sitting_page(
    request: web.Request,
    *,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
    form: MultiDictProxy[str] | None = None,
) -> web.Response:
    """Answer with the page of a sitting, with what is wrong on it and what had been typed."""
    context, sitting_id, actor = context_of(request), request.match_info["sitting_id"], actor_of(request)

    def work(session: Session) -> tuple[sittings.SittingPage, registers.RegisterView, packet_plans.PlanView]:
        return (
            sittings.page(session, context, sitting_id),
            registers.show(session, context, sitting_id),
            packet_plans.show(session, context, sitting_id),
        )

    page, register, plan = await services_of(request).database.read(work)
    steps = exam_days.steps(register, plan) if page.sitting.purpose == "scripts" else ()
    return await render(
        request,
        "sittings/show.html",
        status=status,
        page=page,
        register=register,
        plan=plan,
        steps=steps,
        next_step=next((step for step in steps if not step.is_done), None),
        labels={face.label.number: face.label.payload for face in plan.faces.values()},
        may_write=scope_of(actor, Action.REGISTER_WRITE) is not None,
        kind_words=script_case_words.kind_words,
        subject_words=script_case_words.subject_words,
        is_clerk=actor.role is Role.TRACKING_CLERK,
        collections=[{"value": kind, "text": words} for kind, words in COLLECTION_WORDS.items()],
        typed={name: str(value) for name, value in form.items()} if form is not None else {},
        errors=errors or [],
    )
