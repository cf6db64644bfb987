"""Uploads that were not finished, for the page that sends work and for programs: what there is, and going on with one."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from repository.acts import unfinished
from repository.acts.unfinished import Unfinished
from repository.errors import FieldRefused
from repository.uploads import read_declared_sha256
from repository.web import authentication, keys
from repository.web.requests import context_of, number_field, read_json, services_of, text_field


def unfinished_json(one: Unfinished) -> dict[str, Any]:
    """Return an unfinished upload as JSON."""
    return {
        "id": one.oid,
        "item_id": one.sample_item_id,
        "slot": one.slot,
        "filename": one.filename,
        "size_bytes": one.size_bytes,
        "sha256": one.declared_sha256,
        "offset_bytes": one.offset_bytes,
        "begun_at": one.begun_at.isoformat(),
        "expires_at": one.expires_at.isoformat(),
        "own": one.is_own,
    }


async def index(request: web.Request) -> web.Response:
    """Answer the unfinished uploads of a case.

    A page that was open while its person signed out and in again learns here what its next form must carry.
    """
    context, case_id = context_of(request), request.match_info["case_id"]
    found = await services_of(request).database.read(lambda s: unfinished.of_case(s, context, case_id))
    signed_in = request[keys.SESSION]
    by_cookie = signed_in is not None and signed_in.by_cookie
    more = {"X-CSRF-Token": authentication.masked(signed_in.csrf_token)} if signed_in is not None and by_cookie else {}
    return web.json_response({"uploads": [unfinished_json(one) for one in found]}, headers=more)


async def go_on(request: web.Request) -> web.Response:
    """Give the sender of the same file a token with which the rest of an upload is sent."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    sha256 = read_declared_sha256(text_field(body, "sha256", limit=64))
    if sha256 is None:
        raise FieldRefused("sha256 must be 64 hexadecimal digits.", field="sha256")
    size_bytes = number_field(body, "size_bytes", 0, 10**12 - 1)
    services, context, oid = services_of(request), context_of(request), request.match_info["oid"]
    made = await services.database.write(
        lambda s: unfinished.go_on(s, services, context, oid, sha256=sha256, size_bytes=size_bytes)
    )
    return web.json_response(
        {
            "location": f"/uploads/{made.oid}",
            "token": made.token,
            "document": f"/api/documents/{made.oid}",
            "offset_bytes": made.offset_bytes,
            "expires_at": made.expires_at.isoformat(),
        }
    )
