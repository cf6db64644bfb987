"""Examination scripts, for programs: the arithmetic of a sitting."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aiohttp import web

from repository.acts import sittings
from repository.web.requests import context_of, services_of
from scripts.reconciliation import Reconciliation


def figures_json(figures: Reconciliation) -> dict[str, Any]:
    """Return the arithmetic of a sitting as JSON."""
    return {
        "expected": figures.expected,
        "present": figures.present,
        "absent": figures.absent,
        "unmarked": figures.unmarked,
        "explained": figures.explained,
        "logged": figures.logged,
        "received": figures.received,
        "scanned": figures.scanned,
        "indexed": figures.indexed,
        "outstanding": figures.outstanding if isinstance(figures.outstanding, int) else list(figures.outstanding),
        "missing": list(figures.missing),
        "differences": [asdict(one) for one in figures.differences],
        "closes": figures.closes,
    }


async def reconciliation(request: web.Request) -> web.Response:
    """Do the arithmetic of a sitting; differences open cases."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    figures = await services_of(request).database.write(lambda s: sittings.reconcile(s, context, sitting_id))
    return web.json_response(figures_json(figures))
