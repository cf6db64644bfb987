"""The JSON interface of scan bundles: sent in, followed, and their waiting pages decided about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from repository.acts import scan_queues
from repository.acts.scan_queues import BundlePage
from repository.bundles import staging
from repository.bundles.staging import Announced
from repository.errors import FieldRefused
from repository.web import authentication
from repository.web.requests import context_of, limit_of, read_json, services_of, text_field, too_large
from scripts.proving import Duplex
from scripts.queues import DecisionKind
from scripts.records import Asked
from scripts.splitting import Disposition

COUNT_LIMIT = 10_000


async def take_bundle(request: web.Request) -> web.Response:
    """Take in a scan bundle: answered once it is sealed and its reading is on the list of work."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    announced = announced_by(dict(request.query), request.content_length)
    if announced.size_bytes > limit_of(request):
        raise too_large(limit_of(request))
    taken = await staging.take(services_of(request), context_of(request), announced, _body(request))
    return web.json_response(
        {"id": taken.bundle_id, "state": taken.state, "repeat": taken.repeat},
        status=200 if taken.repeat else 202,
        headers={"Location": f"/api/bundles/{taken.bundle_id}"},
    )


async def _body(request: web.Request) -> AsyncIterator[bytes]:
    async for piece in request.content.iter_any():
        yield piece


def announced_by(values: dict[str, Any], size_bytes: int | None, *, source: str = "api") -> Announced:
    """Return what a sender says of a bundle; raises ``FieldRefused`` naming the field."""
    if size_bytes is None:
        raise FieldRefused("Say how long the file is: send a Content-Length.", field="Content-Length")
    duplex = text_field(values, "duplex", required=False, limit=20) or str(Duplex.MERGED)
    if duplex not in set(map(str, Duplex)):
        raise FieldRefused(f"duplex is one of {', '.join(Duplex)}.", field="duplex")
    sha256 = text_field(values, "sha256", required=False, limit=64).lower()
    if sha256 and (len(sha256) != 64 or set(sha256) - set("0123456789abcdef")):
        raise FieldRefused("sha256 is 64 hexadecimal digits.", field="sha256")
    return Announced(
        size_bytes=size_bytes,
        filename=text_field(values, "filename", required=False, limit=255) or "bundle.pdf",
        sha256=sha256 or None,
        sitting_id=text_field(values, "sitting", required=False, limit=36) or None,
        label=text_field(values, "label", required=False, limit=80),
        batch=text_field(values, "batch", required=False, limit=64),
        station=text_field(values, "station", required=False, limit=64),
        sheets=_count(values, "sheets"),
        sheets_checked=_count(values, "sheets_checked"),
        booklets=_count(values, "booklets"),
        booklet_pages=_count(values, "booklet_pages"),
        duplex=duplex,
        source=source,
    )


def _count(values: dict[str, Any], name: str) -> int | None:
    text = str(values.get(name) or "").strip()
    if not text:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= COUNT_LIMIT:
        raise FieldRefused(f"Enter a whole number from 1 to {COUNT_LIMIT:,}.", field=name)
    return int(text)


async def show(request: web.Request) -> web.Response:
    """Answer where a bundle stands, and what became of its pages."""
    bundle_id, context = request.match_info["bundle_id"], context_of(request)
    page = await services_of(request).database.read(lambda s: scan_queues.bundle(s, context, bundle_id))
    return web.json_response(bundle_json(page))


def bundle_json(page: BundlePage) -> dict[str, Any]:
    """Return a bundle as JSON: pages in = pages out, with where each is."""
    bundle = page.bundle
    scripts = {one.script_id: one.candidate_number for one in page.pages if one.script_id}
    return {
        "id": bundle.id,
        "state": bundle.state,
        "reason": bundle.reason,
        "sitting_id": bundle.sitting_id,
        "pages": bundle.pages,
        "ended": dict(page.counts),
        "scripts": [{"script_id": script_id, "candidate_number": number} for script_id, number in scripts.items()],
        "queued": [
            {
                "page": one.page_index,
                "reason": one.reason,
                "candidate_number": one.candidate_number,
                "proposal_id": one.proposal_id,
                "awaiting": one.awaiting,
            }
            for one in page.pages
            if one.disposition == Disposition.QUEUED
        ],
    }


async def decide(request: web.Request) -> web.Response:
    """Decide about a page that waits and those that wait with it."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body, context = await read_json(request), context_of(request)
    bundle_id, index = request.match_info["bundle_id"], page_index(request)
    asked = asked_by(body)
    decision = await services_of(request).database.write(
        lambda s: scan_queues.decide(s, context, bundle_id, index, asked, only_this=body.get("only_this") is True)
    )
    services_of(request).bell.ring()
    return web.json_response(
        {"id": decision.id, "stage": decision.stage, "pages": list(decision.page_indices)}, status=201
    )


async def answer(request: web.Request) -> web.Response:
    """Confirm what another person proposed, or disagree."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body, context = await read_json(request), context_of(request)
    agrees, decision_id = body.get("agrees"), request.match_info["decision_id"]
    if not isinstance(agrees, bool):
        raise FieldRefused("agrees is true or false.", field="agrees")
    decision = await services_of(request).database.write(
        lambda s: scan_queues.answer(s, context, decision_id, agrees=agrees)
    )
    services_of(request).bell.ring()
    return web.json_response({"id": decision.id, "stage": decision.stage, "pages": list(decision.page_indices)})


def page_index(request: web.Request) -> int:
    """Return the index of the page in the address, from 0; what is no index is no page."""
    text = request.match_info["page_index"]
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else -1


def asked_by(values: dict[str, Any]) -> Asked:
    """Return what somebody decides; raises ``FieldRefused`` naming the field."""
    try:
        kind = DecisionKind(text_field(values, "decision", required=False, limit=10))
    except ValueError as error:
        raise FieldRefused("Choose what to do with the page.", field="decision") from error
    if kind is DecisionKind.UNDO:
        raise FieldRefused("Choose what to do with the page.", field="decision")
    turn = str(values.get("turn") or 0)
    return Asked(
        kind,
        text_field(values, "candidate_number", required=False, limit=4),
        text_field(values, "reason", required=False, limit=40),
        int(turn) if turn.isdecimal() and len(turn) <= 3 else -1,
    )
