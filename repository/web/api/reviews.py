"""Requests after results, for programs."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from moderation.records.missing_results import MissingKind, MissingView
from moderation.records.review_outcomes import FindingView
from moderation.records.review_requests import RequestView
from moderation.records.reviews import Offer
from moderation.review import RequestEvent
from repository.acts import retention, review_decisions, reviews
from repository.errors import FieldRefused
from repository.web import authentication
from repository.web.api.moderation import MARK_LIMIT
from repository.web.pages.reviews import choice_field, day_field, plea_from, proposal_from, service_field
from repository.web.requests import context_of, number_field, read_json, services_of, text_field

VERSION_LIMIT = 2**31
PEOPLE_LIMIT = 20


def request_json(one: RequestView) -> dict[str, Any]:
    """Return a request as JSON; the clock is shown with its trigger."""
    return {
        "id": one.request_id,
        "series": one.series_key,
        "centre_number": one.centre_number,
        "component": one.component_code,
        "service": one.service,
        "candidate_number": one.candidate_number,
        "about": one.about_id,
        "state": one.state,
        "version": one.version,
        "consent": one.consent,
        "fee_pence": one.terms.fee_pence,
        "clock_days": one.terms.clock_days,
        "clock_trigger": one.terms.clock_trigger,
        "trigger_at": one.trigger_at.isoformat() if one.trigger_at else None,
        "due_at": one.due_at.isoformat() if one.due_at else None,
        "reason": one.reason,
    }


def finding_json(finding: FindingView | None) -> dict[str, Any] | None:
    """Return what a request led to as JSON, or None."""
    if finding is None:
        return None
    return {
        "finding": finding.finding,
        "reason_code": finding.reason_code,
        "rationale": finding.rationale,
        "mark_before": finding.mark_before,
        "mark_after": finding.mark_after,
        "proposed_at": finding.proposed_at.isoformat(),
        "confirmed_at": finding.confirmed_at.isoformat() if finding.confirmed_at else None,
        "fee_pence": finding.fee_pence,
        "is_fee_due": finding.is_fee_due,
    }


def offer_json(offer: Offer) -> dict[str, Any]:
    """Return an offered service as JSON, with the reason when it cannot be asked for."""
    return {
        "service": offer.service,
        "fee_pence": offer.terms.fee_pence,
        "consent": offer.terms.consent,
        "clock_days": offer.terms.clock_days,
        "clock_trigger": offer.terms.clock_trigger,
        "opens_at": offer.opens_at.isoformat(),
        "closes_at": offer.closes_at.isoformat(),
        "refusal": None if offer.refusal is None else {"code": offer.refusal.name, "detail": offer.refusal.value},
    }


def missing_json(one: MissingView) -> dict[str, Any]:
    """Return a report of a missing result as JSON."""
    return {
        "id": one.report_id,
        "series": one.series_key,
        "centre_number": one.centre_number,
        "candidate_number": one.candidate_number,
        "component": one.component_code,
        "kind": one.kind,
        "details": one.details,
        "state": one.state,
        "version": one.version,
        "answer": one.answer,
    }


async def index(request: web.Request) -> web.Response:
    """List requests; with ``component`` as ``series|component``, also what can be asked for."""
    context, services = context_of(request), services_of(request)
    component, candidate = request.query.get("component", ""), request.query.get("candidate", "")
    key = services.signer.public_key_hex
    page = await services.database.read(lambda s: reviews.page(s, context, key, component, candidate))
    return web.json_response(
        {
            "reviews": [request_json(one) for one in page.requests],
            "offers": [offer_json(one) for one in page.offers],
            "missing_results": [missing_json(one) for one in page.missing],
        }
    )


async def start(request: web.Request) -> web.Response:
    """Write a request as a draft."""
    body = await _body(request)
    context, services = context_of(request), services_of(request)
    wanted, component = service_field(body), text_field(body, "component", limit=40)
    candidate = text_field(body, "candidate_number", required=False, limit=4)
    stake, kept = _flag(body, "place_at_stake"), _flag(body, "is_kept")
    made = await services.database.write(
        lambda s: reviews.start(
            s,
            context,
            services.signer.public_key_hex,
            component_key=component,
            service=wanted,
            candidate_number=candidate,
            place_at_stake=stake,
            is_kept=kept,
        )
    )
    return web.json_response({"id": made}, status=201)


async def show(request: web.Request) -> web.Response:
    """Answer one request with its history and, once confirmed, what it led to."""
    context, request_id = context_of(request), request.match_info["request_id"]
    page = await services_of(request).database.read(lambda s: reviews.show(s, context, request_id))
    return web.json_response(
        request_json(page.request)
        | {
            "finding": finding_json(page.finding),
            "history": [
                {"from": row.from_state, "to": row.to_state, "event": row.event, "at": row.occurred_at.isoformat()}
                for row in page.history
            ],
        }
    )


async def consent(request: web.Request) -> web.Response:
    """Note that the candidate's written consent is held."""
    body = await _body(request)
    context, request_id, version = context_of(request), request.match_info["request_id"], _version(body)
    given_on = day_field(body, "given_on")
    done = await services_of(request).database.write(
        lambda s: reviews.record_consent(s, context, request_id, given_on, version)
    )
    return web.json_response(request_json(done))


async def submit(request: web.Request) -> web.Response:
    """Send a request to the awarding body."""
    body = await _body(request)
    context, services, request_id = context_of(request), services_of(request), request.match_info["request_id"]
    version, key = _version(body), services.signer.public_key_hex
    done = await services.database.write(lambda s: reviews.submit(s, context, key, request_id, version))
    return web.json_response(request_json(done))


async def withdraw(request: web.Request) -> web.Response:
    """Withdraw a request, with a reason."""
    body = await _body(request)
    context, request_id, version = context_of(request), request.match_info["request_id"], _version(body)
    reason = text_field(body, "reason", limit=500)
    done = await services_of(request).database.write(
        lambda s: reviews.withdraw(s, context, request_id, reason, version)
    )
    return web.json_response(request_json(done))


async def appeal(request: web.Request) -> web.Response:
    """Write an appeal against an outcome."""
    body = await _body(request)
    context, request_id, plea = context_of(request), request.match_info["request_id"], plea_from(body)
    made = await services_of(request).database.write(lambda s: reviews.appeal(s, context, request_id, plea))
    return web.json_response({"id": made}, status=201)


async def report(request: web.Request) -> web.Response:
    """Report a missing or incomplete result."""
    body = await _body(request)
    context, kind = context_of(request), choice_field(body, "kind", MissingKind)
    component, candidate = text_field(body, "component", limit=40), text_field(body, "candidate_number", limit=4)
    details = text_field(body, "details", limit=1000)
    made = await services_of(request).database.write(
        lambda s: reviews.report(
            s, context, component_key=component, candidate_number=candidate, kind=kind, details=details
        )
    )
    return web.json_response({"id": made}, status=201)


async def decide(request: web.Request) -> web.Response:
    """Acknowledge, refuse or close a request."""
    body = await _body(request)
    context, request_id, version = context_of(request), request.match_info["request_id"], _version(body)
    event: RequestEvent = choice_field(body, "step", RequestEvent)
    reason = text_field(body, "reason", required=False, limit=500)
    done = await services_of(request).database.write(
        lambda s: review_decisions.decide(s, context, request_id, event, reason, version)
    )
    return web.json_response(request_json(done))


async def begin(request: web.Request) -> web.Response:
    """Begin a request with the people who look at it."""
    body = await _body(request)
    context, services, request_id = context_of(request), services_of(request), request.match_info["request_id"]
    people, version = body.get("people", []), _version(body)
    if not isinstance(people, list) or len(people) > PEOPLE_LIMIT or not all(isinstance(one, str) for one in people):
        raise FieldRefused("people must be a list of person identifiers.", field="people")
    key = services.signer.public_key_hex
    done = await services.database.write(lambda s: review_decisions.begin(s, context, key, request_id, people, version))
    return web.json_response(request_json(done))


async def propose(request: web.Request) -> web.Response:
    """Propose the outcome of a request."""
    body = await _body(request)
    context, request_id, proposal = context_of(request), request.match_info["request_id"], proposal_from(body)
    done = await services_of(request).database.write(
        lambda s: review_decisions.propose(s, context, request_id, proposal)
    )
    return web.json_response(finding_json(done), status=201)


async def confirm(request: web.Request) -> web.Response:
    """Confirm what another person proposed."""
    body = await _body(request)
    context, request_id, version = context_of(request), request.match_info["request_id"], _version(body)
    done = await services_of(request).database.write(
        lambda s: review_decisions.confirm(s, context, request_id, version)
    )
    return web.json_response(request_json(done))


async def invoice(request: web.Request) -> web.Response:
    """Settle the fee of a request."""
    body = await _body(request)
    context, request_id, version = context_of(request), request.match_info["request_id"], _version(body)
    done = await services_of(request).database.write(
        lambda s: review_decisions.invoice(s, context, request_id, version)
    )
    return web.json_response(finding_json(done))


async def answer(request: web.Request) -> web.Response:
    """Answer a report of a missing result."""
    body = await _body(request)
    context, report_id, version = context_of(request), request.match_info["report_id"], _version(body)
    text = text_field(body, "answer", limit=1000)
    done = await services_of(request).database.write(
        lambda s: review_decisions.answer(s, context, report_id, text, version)
    )
    return web.json_response(missing_json(done))


async def desk(request: web.Request) -> web.Response:
    """Answer the original sample with the original marks and the review marks."""
    context, request_id = context_of(request), request.match_info["request_id"]
    found = await services_of(request).database.write(lambda s: review_decisions.desk(s, context, request_id))
    return web.json_response(
        request_json(found.request)
        | {
            "left": found.left,
            "found": found.found,
            "items": [
                {
                    "id": item.item_id,
                    "candidate_number": item.candidate_number,
                    "centre_mark": item.centre_mark,
                    "moderator_mark": item.original_mark,
                    "review_mark": item.review_mark,
                    "number": item.number,
                    "documents": [one.document_id for one in files],
                }
                for item, files in found.items
            ],
        }
    )


async def mark(request: web.Request) -> web.Response:
    """Record a review mark."""
    body = await _body(request)
    context, request_id, item_id = context_of(request), request.match_info["request_id"], request.match_info["item_id"]
    given = number_field(body, "mark", 0, MARK_LIMIT)
    comment = text_field(body, "comment", required=False, limit=2000)
    number = number_field(body, "number", 0, VERSION_LIMIT) if "number" in body else None
    await services_of(request).database.write(
        lambda s: review_decisions.mark(s, context, request_id, item_id, given, comment, number)
    )
    return web.json_response({"item": item_id, "mark": given})


async def show_retention(request: web.Request) -> web.Response:
    """Answer until when each case's work is kept and why: the dry run of a disposal."""
    context, key = context_of(request), request.match_info["series_key"]
    lines = await services_of(request).database.read(lambda s: retention.due(s, context, key))
    return web.json_response(
        {
            "cases": [
                {
                    "case": one.line.case_id,
                    "component": one.line.component_code,
                    "centre_number": one.line.centre_number,
                    "state": one.line.state,
                    "kept_until": one.line.retention.until.isoformat() if one.line.retention.until else None,
                    "kept_by": list(one.line.retention.kept_by),
                    "is_due": one.line.is_due,
                    "files": one.files,
                }
                for one in lines
            ]
        }
    )


async def _body(request: web.Request) -> dict[str, Any]:
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    return await read_json(request)


def _version(body: dict[str, Any]) -> int | None:
    return number_field(body, "version", 0, VERSION_LIMIT) if "version" in body else None


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise FieldRefused(f"{name} must be true or false.", field=name)
    return value
