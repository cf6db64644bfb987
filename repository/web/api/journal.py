"""The journal of the desk, and notes upon documents, for the pages' scripts and for programs."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from aiohttp import web

from repository import journal
from repository.acts import annotations as acts
from repository.acts.annotations import Annotation
from repository.errors import FieldRefused
from repository.journal import End
from repository.web import authentication, keys
from repository.web.requests import actor_of, context_of, read_json, services_of, text_field

NO_STORE = {"Cache-Control": "private, no-store"}


def end_json(end: End) -> dict[str, Any]:
    """Return one revision as JSON."""
    return {
        "entry_id": end.entry_id,
        "kind": end.kind,
        "item": end.sample_item_id,
        "document": end.document_id,
        "revision": end.revision,
        "tab": end.tab,
        "body": dict(end.body),
        "written_at": end.written_at.isoformat(),
        "received_at": end.received_at.isoformat(),
        "late": end.is_late,
    }


async def write(request: web.Request) -> web.Response:
    """Take strokes, each once, and answer what became of each; the answer leaves after they are committed."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body, context = await read_json(request), context_of(request)
    entries = body.get("entries")
    if not isinstance(entries, list) or not 1 <= len(entries) <= journal.ENTRIES_AT_ONCE:
        raise FieldRefused(f"entries must be a list of 1 to {journal.ENTRIES_AT_ONCE}.", field="entries")
    strokes = [journal.stroke_of(one, f"entries[{index}]") for index, one in enumerate(entries)]
    results = await services_of(request).database.write(lambda s: acts.write(s, context, strokes))
    answers = [
        {"entry_id": one.stroke.entry_id, "revision": one.stroke.revision, "tab": one.stroke.tab, "state": one.kept}
        for one in results
    ]
    received_at = context.now.isoformat()
    return web.json_response({"results": answers, "received_at": received_at}, headers=NO_STORE)


async def show(request: web.Request) -> web.Response:
    """Answer the person's own entries of a case: of each the newest revision, and what other windows wrote beside it."""
    context, case_id = context_of(request), text_field(request.query, "case", limit=36)
    found = await services_of(request).database.read(lambda s: acts.mine(s, context, case_id))
    entries = [{**end_json(ends[0]), "others": [end_json(one) for one in ends[1:]]} for ends in found.values()]
    return web.json_response({"entries": entries}, headers=NO_STORE)


async def local_key(request: web.Request) -> web.Response:
    """Answer under which name and key this browser keeps the person's strokes until the server has them.

    Who signs in later at the same computer is given another key, and can neither read nor send them.
    """
    person_id = actor_of(request).person_id.encode()

    def derived(purpose: bytes) -> bytes:
        return hmac.new(
            request.app[keys.TICKET_KEY], b"nea journal " + purpose + b"\x00" + person_id, hashlib.sha256
        ).digest()

    name = derived(b"name").hex()[:32]
    return web.json_response({"name": name, "key": base64.b64encode(derived(b"key")).decode()}, headers=NO_STORE)


async def of_document(request: web.Request) -> web.Response:
    """Answer the notes upon a document."""
    context, document_id = context_of(request), request.match_info["document_id"]
    found = await services_of(request).database.write(lambda s: acts.of_document(s, context, document_id))
    return web.json_response({"annotations": [annotation_json(one) for one in found]}, headers=NO_STORE)


def annotation_json(one: Annotation) -> dict[str, Any]:
    """Return a note as JSON."""
    return {
        **end_json(one.end),
        "mine": one.is_mine,
        "author": one.author,
        "others": [end_json(end) for end in one.others],
    }
