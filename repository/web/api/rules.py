"""Rules and exemptions, for programs."""

from __future__ import annotations

from datetime import date
from typing import Any

from aiohttp import web

from moderation.records.exemptions import ExemptionView
from moderation.records.rules_import import RulesImport
from moderation.rule_files import FILE_LIMIT_BYTES
from repository.acts import rules
from repository.errors import FieldRefused
from repository.web import authentication
from repository.web.api.sample_requests import profile_json
from repository.web.requests import context_of, read_file, read_json, services_of, text_field


def import_json(done: RulesImport) -> dict[str, Any]:
    """Return what an import of rules did as JSON."""
    return {
        "lines": [{"kind": line.kind, "name": line.name, "what": line.what} for line in done.lines],
        "moves": [
            {
                "series": move.series_key,
                "component": move.component_code,
                "before": move.before,
                "after": move.after,
            }
            for move in done.moves
        ],
    }


def exemption_json(one: ExemptionView) -> dict[str, Any]:
    """Return an exemption as JSON."""
    return {
        "id": one.exemption_id,
        "awarding_body": one.awarding_body,
        "centre_number": one.centre_number,
        "family": one.family,
        "component_code": one.component_code,
        "expires_on": one.expires_on.isoformat(),
        "reason": one.reason,
        "ended_at": one.ended_at.isoformat() if one.ended_at else None,
    }


async def index(request: web.Request) -> web.Response:
    """Answer every rule, and what governs each component of a series (``?series=``, the newest without it)."""
    context = context_of(request)
    page = await services_of(request).database.read(lambda s: rules.page(s, context, request.query.get("series")))
    return web.json_response(
        {
            "profiles": [profile_json(one) for one in page.profiles],
            "policies": [
                {"policy_id": one.policy_id, "version": one.version, "title": one.title, "source": one.source}
                for one in page.policies
            ],
            "assignments": [
                {
                    "awarding_body": one.awarding_body,
                    "family": one.family,
                    "series": one.series,
                    "component": one.component,
                    "profile_id": one.profile_id,
                    "profile_version": one.profile_version,
                    "policy_id": one.policy_id,
                    "policy_version": one.policy_version,
                }
                for one in page.assignments
            ],
            "governing": [
                {
                    "series": one.series_key,
                    "component": one.component_code,
                    "profile_id": one.profile.profile_id,
                    "profile_version": one.profile.version,
                    "profile_by": one.profile_by,
                    "policy_id": one.policy.policy_id,
                    "policy_version": one.policy.version,
                    "policy_by": one.policy_by,
                }
                for one in page.governing
            ],
            "exemptions": [exemption_json(one) for one in page.exemptions],
        }
    )


async def create(request: web.Request) -> web.Response:
    """Import the rules file that is the body; ``?dry_run=1`` says what would change and keeps nothing."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    data, context = await read_file(request, FILE_LIMIT_BYTES), context_of(request)
    dry_run, name = request.query.get("dry_run") == "1", request.query.get("name", "rules.json")[:255]
    done = await services_of(request).database.write(
        lambda s: rules.import_file(s, context, name, data, dry_run=dry_run)
    )
    return web.json_response(import_json(done), status=200 if dry_run or not done.is_new else 201)


async def grant_exemption(request: web.Request) -> web.Response:
    """Let a centre send no sample until a day."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body, context = await read_json(request), context_of(request)
    fields = exemption_fields(body)
    made = await services_of(request).database.write(lambda s: rules.grant_exemption(s, context, **fields))
    return web.json_response(exemption_json(made), status=201)


async def end_exemption(request: web.Request) -> web.Response:
    """End an exemption at once."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    exemption_id, context = request.match_info["exemption_id"], context_of(request)
    await services_of(request).database.write(lambda s: rules.end_exemption(s, context, exemption_id))
    return web.Response(status=204)


def exemption_fields(form: Any) -> dict[str, Any]:
    """Return the checked fields of an exemption; raises ``FieldRefused`` naming the field."""
    fields: dict[str, Any] = {
        "awarding_body": text_field(form, "awarding_body", limit=2),
        "centre_number": text_field(form, "centre_number", limit=5),
        "family": text_field(form, "family", required=False, limit=1).upper(),
        "component_code": text_field(form, "component_code", required=False, limit=12).upper(),
        "reason": text_field(form, "reason", limit=500),
    }
    if not (
        fields["awarding_body"].isascii() and fields["awarding_body"].isdigit() and len(fields["awarding_body"]) == 2
    ):
        raise FieldRefused("The awarding body is two digits.", field="awarding_body")
    try:
        fields["expires_on"] = date.fromisoformat(text_field(form, "expires_on", limit=10))
    except ValueError as error:
        raise FieldRefused("Write the last day as year, month, day: 2027-08-31.", field="expires_on") from error
    return fields
