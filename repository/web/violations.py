"""What browsers report of the content security policy: which rule stopped what kind of thing. Nothing else of it is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from repository import logs
from repository.errors import BodyTooLarge, RequestMalformed
from repository.web import limits

TYPES = frozenset({"application/csp-report", "application/reports+json", "application/json"})
DIRECTIVES = frozenset(
    {
        "base-uri", "connect-src", "default-src", "font-src", "form-action", "frame-ancestors", "frame-src", "img-src",
        "manifest-src", "media-src", "object-src", "require-trusted-types-for", "script-src", "script-src-attr",
        "script-src-elem", "style-src", "style-src-attr", "style-src-elem", "trusted-types", "worker-src",
    }
)  # fmt: skip
KINDS = frozenset({"inline", "eval", "wasm-eval", "data", "blob", "self", "trusted-types-sink", "trusted-types-policy"})
REPORTS_AT_ONCE = 20


async def take(request: web.Request) -> web.Response:
    """Note reports in the log: the directive and the kind of thing, both from lists of ours; an address may name a person."""
    if request.content_type not in TYPES:
        raise RequestMalformed("Reports of the content security policy are JSON.")
    body = await request.content.read(limits.REPORT_BYTES + 1)
    if len(body) > limits.REPORT_BYTES or not request.content.at_eof():
        raise BodyTooLarge(limit_bytes=limits.REPORT_BYTES)
    try:
        untrusted = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestMalformed("The report is not JSON.") from error
    reports = untrusted if isinstance(untrusted, list) else [untrusted]
    for report in reports[:REPORTS_AT_ONCE]:
        directive, kind = directive_of(report)
        logs.write("warning", "content-policy-violation", directive=directive, kind=kind)
    return web.Response(status=204)


def directive_of(untrusted: Any) -> tuple[str, str]:
    """Return which directive a report names and what kind of thing it stopped; ``other`` for what is not in our lists."""
    inner = untrusted
    if isinstance(untrusted, Mapping):
        inner = untrusted.get("csp-report") or untrusted.get("body") or {}
    if not isinstance(inner, Mapping):
        return "other", "other"
    named = inner.get("effectiveDirective") or inner.get("effective-directive") or inner.get("violated-directive") or ""
    blocked = inner.get("blockedURL") or inner.get("blocked-uri") or ""
    directive = str(named).partition(" ")[0]
    kind = str(blocked).partition(":")[0]
    return (directive if directive in DIRECTIVES else "other"), (kind if kind in KINDS else "other")
