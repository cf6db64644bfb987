"""More work, all work, replacements and samples chosen by a person, for programs."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from moderation.profiles import SampleProfile
from moderation.records.ranked_lists import RankedLine, RankedList
from moderation.records.work_requests import RequestView
from moderation.sampling import ReplacementReason
from repository.acts import sample_requests
from repository.acts.sample_requests import RequestsPage
from repository.errors import FieldRefused
from repository.web import authentication
from repository.web.api.cases import case_json
from repository.web.requests import context_of, number_field, read_json, services_of, text_field

COUNT_LIMIT = 9999
VERSION_LIMIT = 2**31
REASON_LIMIT = 500


def profile_json(profile: SampleProfile) -> dict[str, Any]:
    """Return a profile as JSON, in the names of a rules file."""
    return {
        "profile_id": profile.profile_id,
        "version": profile.version,
        "title": profile.title,
        "bands": [{"first": one.first, "last": one.last, "size": one.size} for one in profile.bands],
        "basis": profile.basis,
        "sub_sample_size": profile.sub_sample_size,
        "picked_by": profile.picked_by,
        "all_work_outcome": profile.all_work_outcome,
        "extremes_required": profile.extremes_required,
        "teaching_set_cover": profile.teaching_set_cover,
        "at_most": profile.at_most,
        "minima": [
            {
                "grade": one.grade,
                "at_least": one.at_least,
                "lowest_mark": one.lowest_mark,
                "highest_mark": one.highest_mark,
            }
            for one in profile.minima
        ],
        "conditions": list(profile.conditions),
        "unpublished": profile.unpublished,
        "source": profile.source,
        "verified": profile.verified,
    }


def request_json(one: RequestView) -> dict[str, Any]:
    """Return a later request as JSON."""
    return {
        "id": one.request_id,
        "kind": one.kind,
        "reason": one.reason,
        "requested_at": one.requested_at.isoformat(),
        "due_at": one.due_at.isoformat(),
        "items": list(one.item_ids),
    }


def _line_json(line: RankedLine) -> dict[str, Any]:
    return {
        "position": line.position,
        "candidate_id": line.candidate_id,
        "centre_number": line.centre_number,
        "candidate_number": line.candidate_number,
        "mark": line.mark,
        "teaching_set": line.teaching_set,
        "parental_interest": line.parental_interest,
        "withdrawn": line.is_withdrawn,
        "item_id": line.item.id if line.item else None,
        "reason": line.item.reason if line.item else None,
        "explanation": line.item.explanation if line.item else "",
        "replaced": line.item is not None and line.item.replaced_at is not None,
    }


def _ranking_json(ranking: RankedList) -> dict[str, Any]:
    return {"as_drawn": ranking.is_as_drawn, "lines": [_line_json(line) for line in ranking.lines]}


def _page_json(page: RequestsPage) -> dict[str, Any]:
    sample = page.sample
    return {
        "case": case_json(page.case),
        "profile": profile_json(page.profile),
        "waiting_for_choice": page.is_waiting_for_choice,
        "stage": sample.stage if sample else None,
        "list_sha256": sample.list_sha256 if sample else None,
        "swaps": [dict(swap) for swap in sample.swaps] if sample else [],
        "uncovered_sets": list(sample.uncovered_sets) if sample else [],
        "requests": [request_json(one) for one in page.requests],
        "withdrawn_items": [item.item_id for item in page.withdrawn],
        "ranked_list": _ranking_json(page.ranking),
    }


async def show(request: web.Request) -> web.Response:
    """Answer how a sample came to be, what was asked for since, and the ranked list."""
    case_id, context = request.match_info["case_id"], context_of(request)
    page = await services_of(request).database.read(lambda s: sample_requests.page(s, context, case_id))
    return web.json_response(_page_json(page))


async def create(request: web.Request) -> web.Response:
    """Ask for more work or all work: ``{"kind": "more_work", "count": 5, "candidates": [], "reason": "…"}``."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    context, case_id, database = context_of(request), request.match_info["case_id"], services_of(request).database
    kind, reason = text_field(body, "kind"), text_field(body, "reason", limit=REASON_LIMIT)
    version = version_of(body)
    if kind == "all_work":
        done = await database.write(
            lambda s: sample_requests.ask_all(s, context, case_id, reason=reason, version=version)
        )
    elif kind == "more_work":
        count = number_field(body, "count", 0, COUNT_LIMIT) if "count" in body else 0
        named = ids_of(body, "candidates")
        done = await database.write(
            lambda s: sample_requests.ask_more(
                s, context, case_id, count=count, candidate_ids=named, reason=reason, version=version
            )
        )
    else:
        raise FieldRefused("kind must be more_work or all_work.", field="kind")
    return web.json_response(request_json(done), status=201)


async def replace(request: web.Request) -> web.Response:
    """Ask for another work in place of a sampled one."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    context, item_id = context_of(request), request.match_info["item_id"]
    reason, note, version = reason_of(body), text_field(body, "note", limit=REASON_LIMIT), version_of(body)
    _, new = await services_of(request).database.write(
        lambda s: sample_requests.replace(s, context, item_id, reason=reason, note=note, version=version)
    )
    return web.json_response({"item_id": new.item_id if new else None}, status=201)


async def show_choice(request: web.Request) -> web.Response:
    """Answer what a person needs to choose a sample."""
    case_id, context = request.match_info["case_id"], context_of(request)
    page = await services_of(request).database.read(lambda s: sample_requests.choice(s, context, case_id))
    return web.json_response(
        {
            "case": case_json(page.case),
            "profile": profile_json(page.profile),
            "size": page.size,
            "waiting": page.is_waiting,
            "ranked_list": _ranking_json(page.ranking),
        }
    )


async def choose(request: web.Request) -> web.Response:
    """Keep a sample that a person chose: ``{"candidates": ["…"], "reason": "…"}``."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    named, reason, version = (
        ids_of(body, "candidates"),
        text_field(body, "reason", limit=REASON_LIMIT),
        version_of(body),
    )
    await services_of(request).database.write(
        lambda s: sample_requests.choose(s, context, case_id, named, reason=reason, version=version)
    )
    return web.Response(status=204)


def version_of(body: dict[str, Any]) -> int | None:
    """Return the case's version that the sender saw, if it was sent."""
    return number_field(body, "version", 0, VERSION_LIMIT) if body.get("version") is not None else None


def reason_of(body: Any, name: str = "reason_code") -> ReplacementReason:
    """Return why a work is replaced; raises ``FieldRefused``."""
    try:
        return ReplacementReason(text_field(body, name))
    except ValueError as error:
        raise FieldRefused("Choose why the work is replaced.", field=name) from error


def ids_of(body: dict[str, Any], name: str) -> list[str]:
    """Return a list of identifiers; raises ``FieldRefused``."""
    value = body.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) and len(one) <= 64 for one in value):
        raise FieldRefused(f"{name} must be a list of identifiers.", field=name)
    return value
