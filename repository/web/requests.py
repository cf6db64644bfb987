"""Reading requests: forms, JSON bodies and the context of an act. What comes back is still the caller's to check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from repository.access import Actor
from repository.audit import Context
from repository.audit.refusals import address_hash
from repository.errors import BodyTooLarge, FieldRefused, NotSignedIn, RequestMalformed
from repository.services import Services
from repository.web import authentication, hosts, keys, limits


def services_of(request: web.Request) -> Services:
    """Return the parts of the running service."""
    return request.app[keys.SERVICES]


def actor_of(request: web.Request) -> Actor:
    """Return who asks; raises ``NotSignedIn`` when nobody is signed in."""
    actor = request[keys.ACTOR]
    if actor is None:
        raise NotSignedIn
    return actor


def context_of(request: web.Request) -> Context:
    """Return who acts, when, and under which request."""
    address = address_hash(request.app[keys.ADDRESS_KEY], hosts.client_address(request))
    return Context(request[keys.ACTOR], services_of(request).clock(), request[keys.REQUEST_ID], address_hash=address)


def limit_of(request: web.Request) -> int:
    """Return the largest body, in bytes, that the request's route takes."""
    return request.app[keys.EDGES][request.match_info.handler][1]


def too_large(limit_bytes: int) -> BodyTooLarge:
    """Return the refusal of a body beyond a limit."""
    words = f"{limit_bytes // limits.MIB} MiB" if limit_bytes >= limits.MIB else f"{limit_bytes // limits.KIB} KiB"
    return BodyTooLarge(
        f"What was sent is larger than the {words} accepted here. Nothing was saved; send less, or split the file.",
        limit_bytes=limit_bytes,
    )


async def read_form(request: web.Request) -> MultiDictProxy[Any]:
    """Return a posted form whose synchroniser token is right; raises ``RequestForged`` or ``RequestMalformed``."""
    try:
        form = await request.post()
    except (ValueError, UnicodeDecodeError, AssertionError) as error:
        raise RequestMalformed("The form could not be read.") from error
    token = form.get("csrf_token") or request.headers.get("X-CSRF-Token")
    authentication.check_csrf(request, token if isinstance(token, str) else None)
    return form


def text_field(form: Mapping[str, Any], name: str, *, required: bool = True, limit: int = 1000) -> str:
    """Return a text field without surrounding space.

    Raises: ``FieldRefused`` naming the field when it is missing, too long, or not text.
    """
    value = form.get(name, "")
    if not isinstance(value, str):
        raise FieldRefused(f"{name} must be text.", field=name)
    value = value.strip()
    if required and not value:
        raise FieldRefused(f"Enter {name.replace('_', ' ')}.", field=name)
    if len(value) > limit:
        raise FieldRefused(f"{name.replace('_', ' ')} must be {limit} characters or fewer.", field=name)
    if "\x00" in value:
        raise FieldRefused(f"{name.replace('_', ' ')} contains a character that cannot be stored.", field=name)
    return value


def secret_field(form: Mapping[str, Any], name: str, *, limit: int = 1000) -> str:
    """Return a password exactly as it was typed, spaces included; empty if it is missing.

    Raises: ``FieldRefused`` naming the field when it is far too long or not text.
    """
    value = form.get(name, "")
    if not isinstance(value, str) or len(value) > limit:
        raise FieldRefused(f"The {name.replace('_', ' ')} is too long.", field=name)
    return value


def number_field(form: Mapping[str, Any], name: str, lowest: int, highest: int) -> int:
    """Return a whole-number field; raises ``FieldRefused`` naming the field and the range."""
    value = form.get(name, "")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip().lstrip("-").isdigit() or not value.strip().isascii():
        raise FieldRefused(f"{name.replace('_', ' ')} must be a whole number.", field=name)
    if len(value) > 12 or not lowest <= int(value) <= highest:
        raise FieldRefused(f"{name.replace('_', ' ')} must be from {lowest} to {highest}.", field=name)
    return int(value)


async def read_json(request: web.Request) -> dict[str, Any]:
    """Return a JSON object; raises ``RequestMalformed`` for anything else, ``BodyTooLarge`` beyond the route's limit."""
    body = await read_file(request, limits.JSON_BYTES)
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise RequestMalformed("The body is not JSON.") from error
    if not isinstance(value, dict):
        raise RequestMalformed("The body must be a JSON object.")
    return value


async def read_file(request: web.Request, limit_bytes: int) -> bytes:
    """Return a raw body up to a limit, or the route's where that is lower; raises ``BodyTooLarge`` beyond it."""
    limit_bytes = min(limit_bytes, limit_of(request))
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit_bytes:
            raise too_large(limit_bytes)
    return bytes(body)
