"""After results: what a centre can ask for and on what terms, one request from draft to outcome, missing results."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from moderation.records.appeals import STATEMENT_LIMIT, Plea
from moderation.records.missing_results import MissingKind, MissingState
from moderation.records.review_outcomes import RATIONALE_LIMIT, FindingView, Proposal
from moderation.records.review_requests import RequestView
from moderation.review import (
    CLERICAL_REASONS,
    FINDINGS,
    MARKING,
    PANEL_SIZE,
    Consent,
    Finding,
    Grounds,
    ReasonCode,
    RequestState,
    Service,
)
from repository.access import Action, scope_of
from repository.acts import review_decisions, reviews, series
from repository.acts.reviews import SERVICE_WORDS, STATE_WORDS, TRIGGER_WORDS
from repository.errors import FieldRefused
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, number_field, read_form, services_of, text_field

VERSION_LIMIT = 2**31
REASON_LIMIT = 500
DETAILS_LIMIT = 1000
BUNDLE_TEXT_LIMIT = 20_000
FINDING_WORDS: Mapping[Finding, str] = {
    Finding.NO_CHANGE: "No change",
    Finding.MARK_CHANGED: "The mark changes",
    Finding.UPHELD: "The moderation stands",
    Finding.CENTRE_MARKS_REINSTATED: "The centre’s marks are reinstated",
    Finding.MODERATION_CHANGED: "The moderation changes",
    Finding.SCRIPT_GIVEN: "The script is given out",
    Finding.APPEAL_DISMISSED: "The appeal is dismissed",
    Finding.APPEAL_ALLOWED: "The appeal is allowed",
}
CHOOSE: Mapping[str, str] = {
    "service": "Choose a service.",
    "kind": "Choose what is wrong.",
    "finding": "Choose what was found.",
    "grounds": "Choose the grounds of the appeal.",
    "reason_code": "Choose a reason from the list.",
}
CONSENT_WORDS: Mapping[Consent, str] = {
    Consent.NONE: "Not needed",
    Consent.WRITTEN: "Written",
    Consent.PERMISSION: "Permission",
}
MISSING_WORDS: Mapping[MissingKind, str] = {
    MissingKind.ABSENT_IN_ERROR: "Shown absent in error",
    MissingKind.MARK_NOT_RECEIVED: "A mark was not received",
    MissingKind.TWO_UCIS: "One candidate under two UCIs",
}
_DRAFTS = frozenset({RequestState.DRAFT, RequestState.CONSENTED})
_WITHDRAWABLE = _DRAFTS | {RequestState.SUBMITTED, RequestState.ACKNOWLEDGED}


def fee_words(pence: int | None) -> str:
    """Return a fee as people say it: ``£44.50``, ``Free``, or that none has been set."""
    if pence is None:
        return "Not set: ask the awarding body"
    return "Free" if not pence else f"£{pence // 100}.{pence % 100:02d}"


async def index(request: web.Request) -> web.Response:
    """Show requests and, to an exams officer, what can be asked for."""
    return await index_page(request)


async def start(request: web.Request) -> web.Response:
    """Write a request as a draft."""
    form = await read_form(request)
    context, services = context_of(request), services_of(request)
    try:
        wanted = service_field(form)
        component = text_field(form, "component", limit=40)
        candidate = text_field(form, "candidate", required=False, limit=4)
        made = await services.database.write(
            lambda s: reviews.start(
                s,
                context,
                services.signer.public_key_hex,
                component_key=component,
                service=wanted,
                candidate_number="" if wanted is Service.REVIEW_OF_MODERATION else candidate,
                place_at_stake=form.get("place_at_stake") == "yes",
                is_kept=form.get("is_kept") == "yes",
            )
        )
    except FORM_ERRORS as error:
        return await index_page(request, errors=errors_of(error), form=form, status=422)
    return await redirect(request, f"/reviews/{made}", title="Written", text="The request is not sent yet.")


async def show(request: web.Request) -> web.Response:
    """Show one request."""
    return await request_page(request)


async def consent(request: web.Request) -> web.Response:
    """Note that the candidate's written consent is held."""
    form = await read_form(request)
    context, request_id = context_of(request), request.match_info["request_id"]
    try:
        if form.get("held") != "yes":
            raise FieldRefused("Confirm that the centre holds the candidate’s written consent.", field="held")
        given_on = day_field(form, "given_on")
        version = number_field(form, "version", 0, VERSION_LIMIT)
        await services_of(request).database.write(
            lambda s: reviews.record_consent(s, context, request_id, given_on, version)
        )
    except FORM_ERRORS as error:
        return await request_page(request, errors=errors_of(error), form=form, status=422)
    return await redirect(request, f"/reviews/{request_id}", title="Recorded", text="The request can now be sent.")


async def submit(request: web.Request) -> web.Response:
    """Send a request to the awarding body."""
    form = await read_form(request)
    context, request_id, services = context_of(request), request.match_info["request_id"], services_of(request)
    key = services.signer.public_key_hex
    try:
        version = number_field(form, "version", 0, VERSION_LIMIT)
        await services.database.write(lambda s: reviews.submit(s, context, key, request_id, version))
    except FORM_ERRORS as error:
        return await request_page(request, errors=errors_of(error), form=form, status=422)
    return await redirect(request, f"/reviews/{request_id}", title="Sent", text="The awarding body has the request.")


async def withdraw(request: web.Request) -> web.Response:
    """Withdraw a request."""
    form = await read_form(request)
    context, request_id = context_of(request), request.match_info["request_id"]
    try:
        reason = text_field(form, "reason", limit=REASON_LIMIT)
        version = number_field(form, "version", 0, VERSION_LIMIT)
        await services_of(request).database.write(lambda s: reviews.withdraw(s, context, request_id, reason, version))
    except FORM_ERRORS as error:
        return await request_page(request, errors=errors_of(error), form=form, status=422)
    return await redirect(request, f"/reviews/{request_id}", title="Withdrawn", text="Nothing is reviewed.")


async def appeal(request: web.Request) -> web.Response:
    """Write an appeal against an outcome."""
    form = await read_form(request)
    context, request_id = context_of(request), request.match_info["request_id"]
    try:
        plea = plea_from(form)
        made = await services_of(request).database.write(lambda s: reviews.appeal(s, context, request_id, plea))
    except FORM_ERRORS as error:
        return await request_page(request, errors=errors_of(error), form=form, status=422)
    return await redirect(request, f"/reviews/{made}", title="Written", text="The appeal is not sent yet.")


async def report(request: web.Request) -> web.Response:
    """Report a missing or incomplete result."""
    form = await read_form(request)
    context = context_of(request)
    try:
        kind = choice_field(form, "kind", MissingKind)
        component = text_field(form, "component", limit=40)
        candidate = text_field(form, "candidate", limit=4)
        details = text_field(form, "details", limit=DETAILS_LIMIT)
        await services_of(request).database.write(
            lambda s: reviews.report(
                s, context, component_key=component, candidate_number=candidate, kind=kind, details=details
            )
        )
    except FORM_ERRORS as error:
        ids = {"component": "missing-component", "candidate": "missing-candidate"}
        return await index_page(request, errors=errors_of(error, ids), form=form, status=422)
    return await redirect(request, "/reviews", title="Reported", text="An officer looks at it. There is no fee.")


# Reading what was sent


def service_field(form: Mapping[str, Any]) -> Service:
    """Return the service asked for; raises ``FieldRefused``."""
    found: Service = choice_field(form, "service", Service)
    return found


def choice_field(form: Mapping[str, Any], name: str, kind: type[Any]) -> Any:
    """Return one of the words of an enumeration; raises ``FieldRefused`` naming the field."""
    try:
        return kind(text_field(form, name, required=False, limit=80))
    except ValueError as error:
        raise FieldRefused(CHOOSE.get(name, f"Choose {name.replace('_', ' ')} from the list."), field=name) from error


def day_field(form: Mapping[str, Any], name: str) -> date:
    """Return a day written as ``2026-08-20``; raises ``FieldRefused``."""
    try:
        return date.fromisoformat(text_field(form, name, limit=10))
    except ValueError as error:
        raise FieldRefused("Enter the day as year, month and day, such as 2026-08-20.", field=name) from error


def proposal_from(form: Mapping[str, Any]) -> Proposal:
    """Return what is proposed as an outcome; raises ``FieldRefused``."""
    finding: Finding = choice_field(form, "finding", Finding)
    code = text_field(form, "reason_code", required=False, limit=80)
    mark = form.get("mark_after", "")
    return Proposal(
        finding,
        text_field(form, "rationale", limit=RATIONALE_LIMIT),
        choice_field(form, "reason_code", ReasonCode) if code else None,
        None if mark in ("", None) else number_field(form, "mark_after", 0, 9999),
    )


def plea_from(form: Mapping[str, Any]) -> Plea:
    """Return what an appeal says; each line of the bundle is a SHA-256, a space and a name. Raises ``FieldRefused``."""
    lines = text_field(form, "evidence", required=False, limit=BUNDLE_TEXT_LIMIT).splitlines()
    bundle = []
    for line in lines:
        digest, _, name = line.strip().partition(" ")
        if digest:
            bundle.append((name.strip().lstrip("*"), digest.lower()))
    return Plea(
        choice_field(form, "grounds", Grounds),
        text_field(form, "statement", limit=STATEMENT_LIMIT),
        form.get("acts_for_head") in ("yes", True),
        form.get("reasons_asked") in ("yes", True),
        tuple(bundle),
    )


# The pages


async def index_page(
    request: web.Request,
    *,
    errors: list[dict[str, str]] | None = None,
    form: MultiDictProxy[Any] | None = None,
    status: int = 200,
) -> web.Response:
    """Return the page of requests, with what was wrong with a form."""
    context, services, actor = context_of(request), services_of(request), actor_of(request)
    asked = form if form is not None else request.query
    component, candidate = str(asked.get("component", "")), str(asked.get("candidate", "")).strip()
    if form is not None and "details" in form:
        component = candidate = ""
    key = services.signer.public_key_hex
    try:
        page = await services.database.read(lambda s: reviews.page(s, context, key, component, candidate))
    except FORM_ERRORS as error:
        errors, status = errors or errors_of(error), 422
        page = await services.database.read(lambda s: reviews.page(s, context, key))
    is_officer = scope_of(actor, Action.REVIEW_DECIDE) is not None
    every = await services.database.read(lambda s: series.listed(s, context)) if is_officer else []
    return await render(
        request,
        "reviews/index.html",
        status=status,
        page=page,
        is_centre=scope_of(actor, Action.REVIEW_REQUEST) is not None,
        is_officer=is_officer,
        series=every,
        service_words=SERVICE_WORDS,
        state_words=STATE_WORDS,
        missing_words=MISSING_WORDS,
        open_missing=MissingState.OPEN,
        fee=fee_words,
        consent_words=CONSENT_WORDS,
        typed=form or {},
        maximum=DETAILS_LIMIT,
        errors=errors or [],
        wrong={error["href"]: error["text"] for error in errors or []},
    )


async def request_page(
    request: web.Request,
    *,
    errors: list[dict[str, str]] | None = None,
    form: MultiDictProxy[Any] | None = None,
    status: int = 200,
) -> web.Response:
    """Return the page of one request, with what was wrong with a form."""
    context, request_id, actor = context_of(request), request.match_info["request_id"], actor_of(request)
    database = services_of(request).database
    page = await database.read(lambda s: reviews.show(s, context, request_id))
    is_officer = scope_of(actor, Action.REVIEW_DECIDE) is not None
    one = page.request
    people = []
    if is_officer and one.state is RequestState.ACKNOWLEDGED:
        people = [
            {"value": person.person_id, "text": f"{person.name}, {person.role_title.lower()}"}
            for person in await database.read(lambda s: review_decisions.people_for(s, context, one.service))
        ]
    return await render(
        request,
        "reviews/show.html",
        status=status,
        page=page,
        one=one,
        is_officer=is_officer,
        is_centre=not is_officer,
        is_draft=one.state in _DRAFTS,
        may_withdraw=not is_officer and one.state in _WITHDRAWABLE,
        needs_consent=one.state is RequestState.DRAFT and one.consent is not Consent.NONE,
        may_propose=is_officer
        and one.state is RequestState.IN_REVIEW
        and one.service is not Service.REVIEW_OF_MODERATION,
        may_confirm=is_officer and one.state is RequestState.IN_REVIEW and page.finding is not None,
        is_mine=page.finding is not None and page.finding.proposed_by == actor.person_id,
        may_appeal=not is_officer and page.appeal_window is not None and not _stands(page.appeals),
        people=people,
        panel_size=PANEL_SIZE.get(one.service, 1),
        findings=[{"value": finding, "text": FINDING_WORDS[finding]} for finding in sorted(FINDINGS[one.service])],
        reasons=[{"value": code.value, "text": code.value} for code in _reasons(one)],
        marks_change=one.service in MARKING,
        grounds=[{"value": ground.value, "text": ground.value} for ground in Grounds],
        finding_words=FINDING_WORDS,
        service_words=SERVICE_WORDS,
        state_words=STATE_WORDS,
        clock=_clock(one),
        fee=fee_words,
        fee_state=_fee_state(page.finding),
        statement_limit=STATEMENT_LIMIT,
        rationale_limit=RATIONALE_LIMIT,
        reason_limit=REASON_LIMIT,
        typed=form or {},
        errors=errors or [],
        wrong={error["href"]: error["text"] for error in errors or []},
    )


def _stands(found: tuple[RequestView, ...]) -> bool:
    return any(one.state not in {RequestState.WITHDRAWN, RequestState.REFUSED} for one in found)


def _reasons(one: RequestView) -> list[ReasonCode]:
    return [code for code in ReasonCode if one.service is not Service.CLERICAL_RECHECK or code in CLERICAL_REASONS]


def _clock(one: RequestView) -> str:
    """Return what the clock of a request counts, in words."""
    terms = one.terms
    if terms.clock_days is None:
        return "No target is published for this service."
    return f"{terms.clock_days} calendar days from {TRIGGER_WORDS[terms.clock_trigger]}"


def _fee_state(finding: FindingView | None) -> str:
    if finding is None or finding.is_fee_due is None:
        return ""
    return "due" if finding.is_fee_due else "waived: nothing is due"
