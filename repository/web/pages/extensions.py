"""Pages of what a centre asks for: more time, and marks or a sample back; and of incidents that many centres share."""

from __future__ import annotations

from datetime import date

from aiohttp import web
from sqlalchemy.orm import Session

from moderation.errors import RequestUnknown
from moderation.marks import MarkStatus
from moderation.records import reopening
from moderation.reopening import MarkFact
from moderation.tables import Extension
from moderation.tracking import Subject
from repository.access import Action, scope_of
from repository.acts import extensions, reopenings, series
from repository.acts.cases import STATE_WORDS, state_words
from repository.errors import FieldRefused, NotFound
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, read_form, services_of, text_field

REASON_LIMIT = 500
SUBJECT_WORDS = {Subject.MARKS: "The centre’s marks", Subject.SAMPLE: "The sample"}
CHANGE_WORDS = {"ADDED": "Added", "WITHDRAWN": "Withdrawn", "REPLACED": "Replaced"}


async def show(request: web.Request) -> web.Response:
    """Show what a centre asked for in a component, what was decided, and what it may ask for."""
    return await _case_page(request, request.match_info["case_id"])


async def ask(request: web.Request) -> web.Response:
    """Ask for more time."""
    form = await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]

    def work(session: Session) -> str:
        wanted_on = day(str(form.get("wanted_on", "")), "wanted_on")
        reason = text_field(form, "reason", required=False, limit=REASON_LIMIT)
        return extensions.ask(session, context, case_id, reason, wanted_on)

    try:
        await services_of(request).database.write(work)
    except FORM_ERRORS as error:
        typed = {name: str(form.get(name, "")) for name in ("reason", "wanted_on")}
        return await _case_page(request, case_id, typed=typed, errors=_at(error, "wanted_on", "reason"), status=422)
    text = "An officer of the awarding body decides. Until then the day on which it is due stays as it is."
    return await redirect(request, f"/cases/{case_id}/requests", title="More time asked for", text=text)


async def decide(request: web.Request) -> web.Response:
    """Grant more time, or refuse it."""
    form = await read_form(request)
    context, extension_id = context_of(request), request.match_info["extension_id"]
    granted = form.get("act") == "grant"

    def work(session: Session) -> str:
        granted_on = day(str(form.get("granted_on", "")), f"granted_on-{extension_id}") if granted else None
        reason = text_field(form, "reason", required=False, limit=REASON_LIMIT)
        return extensions.decide(session, context, extension_id, granted_on, reason).case_id

    try:
        case_id = await services_of(request).database.write(work)
    except FORM_ERRORS as error:
        case_id = await services_of(request).database.read(lambda s: _case_of_extension(s, extension_id))
        errors = _at(error, f"granted_on-{extension_id}", f"reason-{extension_id}")
        return await _case_page(request, case_id, errors=errors, status=422)
    return await redirect(
        request, f"/cases/{case_id}/requests", text="More time was granted." if granted else "It was refused."
    )


async def ask_back(request: web.Request) -> web.Response:
    """Ask for submitted marks, or the submitted sample, back."""
    form = await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    try:
        reason = text_field(form, "reason", required=False, limit=REASON_LIMIT)
        await services_of(request).database.write(lambda s: reopenings.ask(s, context, case_id, reason))
    except FORM_ERRORS as error:
        typed = {"back": str(form.get("reason", ""))}
        return await _case_page(request, case_id, typed=typed, errors=_at(error, "back", "back"), status=422)
    text = "An officer of the awarding body decides. Until then everything stays as you submitted it."
    return await redirect(request, f"/cases/{case_id}/requests", title="Asked for back", text=text)


async def decide_back(request: web.Request) -> web.Response:
    """Give marks or a sample back to the centre, or refuse."""
    form = await read_form(request)
    context, reopening_id = context_of(request), request.match_info["reopening_id"]
    granted = form.get("act") == "grant"
    database, signer = services_of(request).database, services_of(request).signer
    try:
        reason = text_field(form, "reason", required=False, limit=REASON_LIMIT)
        done = await database.write(lambda s: reopenings.decide(s, context, signer, reopening_id, granted, reason))
    except FORM_ERRORS as error:
        case_id = await database.read(lambda s: _case_of_reopening(s, reopening_id))
        place = f"reason-{reopening_id}"
        return await _case_page(request, case_id, errors=_at(error, place, place), status=422)
    text = "The centre can change it now, and submits it again." if granted else "It was refused."
    return await redirect(request, f"/cases/{done.case_id}/requests", text=text)


async def index(request: web.Request) -> web.Response:
    """Show officers what waits for a decision, and incidents."""
    return await _index_page(request)


async def report(request: web.Request) -> web.Response:
    """Report an incident that keeps many centres from sending in time."""
    form = await read_form(request)
    context = context_of(request)

    def work(session: Session) -> str:
        return extensions.report(
            session,
            context,
            series_key=text_field(form, "series", limit=12),
            component_code=text_field(form, "component", required=False, limit=12) or None,
            centre_numbers=centre_list(text_field(form, "centres", required=False, limit=6000)),
            reason=text_field(form, "reason", limit=REASON_LIMIT),
            due_on=day(str(form.get("due_on", "")), "due_on"),
        )

    try:
        await services_of(request).database.write(work)
    except FORM_ERRORS as error:
        typed = {name: str(form.get(name, "")) for name in ("series", "component", "centres", "reason", "due_on")}
        return await _index_page(request, typed=typed, errors=errors_of(error), status=422)
    text = "Another officer now grants the new day, or refuses it."
    return await redirect(request, "/requests", title="Incident reported", text=text)


async def decide_incident(request: web.Request) -> web.Response:
    """Grant the new day of an incident to everybody it concerns, or refuse it."""
    form = await read_form(request)
    context, incident_id = context_of(request), request.match_info["incident_id"]
    granted = form.get("act") == "grant"
    try:
        reason = text_field(form, "reason", required=False, limit=REASON_LIMIT)
        done = await services_of(request).database.write(
            lambda s: extensions.decide_incident(s, context, incident_id, granted, reason)
        )
    except FORM_ERRORS as error:
        place = f"reason-{incident_id}"
        return await _index_page(request, errors=_at(error, place, place), status=422)
    count = done.cases_extended
    text = (
        f"{count} component{'s' if count != 1 else ''} at centres have the new day." if granted else "It was refused."
    )
    return await redirect(request, "/requests", text=text)


def day(text: str, field: str) -> date:
    """Return a day written as 2026-05-20; raises ``FieldRefused`` naming the field."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise FieldRefused("Enter a day, such as 2026-05-20.", field=field) from error


def centre_list(text: str) -> list[str]:
    """Return centre numbers written one after another; raises ``FieldRefused`` for what is none."""
    numbers = text.replace(",", " ").split()
    for number in numbers:
        if not (number.isascii() and number.isdigit() and len(number) == 5):
            raise FieldRefused("Centre numbers are five digits each, with spaces between them.", field="centres")
    return numbers


def mark_words(fact: MarkFact | None) -> str:
    """Return a submitted mark as it is shown in a comparison."""
    if fact is None:
        return "Not entered"
    if fact.status == MarkStatus.PRESENT:
        return str(fact.mark)
    words = fact.status.replace("_", " ").capitalize()
    return words if fact.mark is None else f"{fact.mark} ({words.lower()})"


def _at(error: Exception, day_field: str, reason_field: str) -> list[dict[str, str]]:
    """Return what went wrong, leading to the field that it is about."""
    place = reason_field if type(error).__name__ == "ReasonMissing" else day_field
    listed = errors_of(error)
    return [
        {"text": one["text"], "href": f"#{place}" if one["href"] == "#main-content" else one["href"]} for one in listed
    ]


def _case_of_extension(session: Session, extension_id: str) -> str:
    row = session.get(Extension, extension_id)
    if row is None:
        raise NotFound
    return row.case_id


def _case_of_reopening(session: Session, reopening_id: str) -> str:
    try:
        return reopening.reopening_of(session, reopening_id).case_id
    except RequestUnknown as error:
        raise NotFound from error


async def _case_page(
    request: web.Request,
    case_id: str,
    *,
    typed: dict[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    services, context, actor = services_of(request), context_of(request), actor_of(request)
    page = await services.database.read(lambda s: extensions.page(s, context, case_id))
    return await render(
        request,
        "requests/case.html",
        status=status,
        page=page,
        state=state_words(actor, page.case.state),
        subject_words=SUBJECT_WORDS,
        change_words=CHANGE_WORDS,
        mark_words=mark_words,
        may_ask=scope_of(actor, Action.EXTENSION_ASK) is not None,
        may_ask_back=scope_of(actor, Action.REOPEN_ASK) is not None,
        may_read_amendments=scope_of(actor, Action.AMENDMENT_READ) is not None,
        may_decide=scope_of(actor, Action.EXTENSION_GRANT) is not None,
        may_decide_back=scope_of(actor, Action.REOPEN_GRANT) is not None,
        typed={"reason": "", "wanted_on": "", "back": ""} | (typed or {}),
        errors=errors or [],
        wrong={error["href"].removeprefix("#"): error["text"] for error in errors or []},
    )


async def _index_page(
    request: web.Request,
    *,
    typed: dict[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    services, context = services_of(request), context_of(request)
    found = await services.database.read(lambda s: extensions.open_requests(s, context))
    listed = await services.database.read(lambda s: series.listed(s, context))
    blank = dict.fromkeys(("series", "component", "centres", "reason", "due_on"), "")
    return await render(
        request,
        "requests/index.html",
        status=status,
        found=found,
        state_words=STATE_WORDS,
        subject_words=SUBJECT_WORDS,
        series=[{"value": one.key, "text": one.title} for one in listed],
        me=actor_of(request).person_id,
        typed=blank | (typed or {}),
        errors=errors or [],
        wrong={error["href"].removeprefix("#"): error["text"] for error in errors or []},
    )
