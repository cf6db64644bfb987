"""The awarding body's side of requests after results: acknowledging, giving out, proposing, confirming, fees."""

from __future__ import annotations

from aiohttp import web

from moderation.review import RequestEvent
from repository.acts import review_decisions
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect
from repository.web.pages.reviews import (
    DETAILS_LIMIT,
    REASON_LIMIT,
    VERSION_LIMIT,
    choice_field,
    fee_words,
    index_page,
    proposal_from,
    request_page,
)
from repository.web.requests import context_of, number_field, read_form, services_of, text_field


async def decide(request: web.Request) -> web.Response:
    """Acknowledge, refuse or close a request."""
    form = await read_form(request)
    context, request_id = context_of(request), request.match_info["request_id"]
    try:
        event = choice_field(form, "step", RequestEvent)
        reason = text_field(form, "reason", required=False, limit=REASON_LIMIT)
        version = number_field(form, "version", 0, VERSION_LIMIT)
        await services_of(request).database.write(
            lambda s: review_decisions.decide(s, context, request_id, event, reason, version)
        )
    except FORM_ERRORS as error:
        return await request_page(request, errors=errors_of(error), form=form, status=422)
    return await redirect(request, f"/reviews/{request_id}", title="Done", text="The centre can see it.")


async def begin(request: web.Request) -> web.Response:
    """Begin a request, with its reviewer or its panel."""
    form = await read_form(request)
    context, request_id, services = context_of(request), request.match_info["request_id"], services_of(request)
    people = [str(one) for one in form.getall("people", []) if one]
    key = services.signer.public_key_hex
    try:
        version = number_field(form, "version", 0, VERSION_LIMIT)
        await services.database.write(lambda s: review_decisions.begin(s, context, key, request_id, people, version))
    except FORM_ERRORS as error:
        ids = {"reviewer": "people", "panel": "people"}
        return await request_page(request, errors=errors_of(error, ids), form=form, status=422)
    return await redirect(request, f"/reviews/{request_id}", title="Begun", text="The clock is shown on this page.")


async def propose(request: web.Request) -> web.Response:
    """Propose the outcome of a request."""
    form = await read_form(request)
    context, request_id = context_of(request), request.match_info["request_id"]
    try:
        proposal = proposal_from(form)
        await services_of(request).database.write(lambda s: review_decisions.propose(s, context, request_id, proposal))
    except FORM_ERRORS as error:
        return await request_page(request, errors=errors_of(error), form=form, status=422)
    return await redirect(
        request, f"/reviews/{request_id}", title="Proposed", text="Another officer must now confirm it."
    )


async def confirm(request: web.Request) -> web.Response:
    """Confirm what another person proposed."""
    form = await read_form(request)
    context, request_id = context_of(request), request.match_info["request_id"]
    try:
        version = number_field(form, "version", 0, VERSION_LIMIT)
        await services_of(request).database.write(lambda s: review_decisions.confirm(s, context, request_id, version))
    except FORM_ERRORS as error:
        return await request_page(request, errors=errors_of(error), form=form, status=422)
    text = "Where marks changed, two officers now release a new version of the results."
    return await redirect(request, f"/reviews/{request_id}", title="Confirmed", text=text)


async def invoice(request: web.Request) -> web.Response:
    """Settle the fee of a request."""
    form = await read_form(request)
    context, request_id = context_of(request), request.match_info["request_id"]
    try:
        version = number_field(form, "version", 0, VERSION_LIMIT)
        done = await services_of(request).database.write(
            lambda s: review_decisions.invoice(s, context, request_id, version)
        )
    except FORM_ERRORS as error:
        return await request_page(request, errors=errors_of(error), form=form, status=422)
    text = f"{fee_words(done.fee_pence)} is due." if done.is_fee_due else "Nothing is due."
    return await redirect(request, f"/reviews/{request_id}", title="Fee settled", text=text)


async def answer(request: web.Request) -> web.Response:
    """Answer a report of a missing result."""
    form = await read_form(request)
    context, report_id = context_of(request), request.match_info["report_id"]
    try:
        text = text_field(form, "answer", limit=DETAILS_LIMIT)
        version = number_field(form, "version", 0, VERSION_LIMIT)
        await services_of(request).database.write(
            lambda s: review_decisions.answer(s, context, report_id, text, version)
        )
    except FORM_ERRORS as error:
        ids = {"answer": f"answer-{report_id}"}
        return await index_page(request, errors=errors_of(error, ids), form=form, status=422)
    return await redirect(request, "/reviews", title="Answered", text="The centre can read it.")
