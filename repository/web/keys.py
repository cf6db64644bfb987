"""Typed keys of what the application and each request carry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from aiohttp import web
from jinja2 import Environment

from repository.access import Action, Actor
from repository.acts.viewing import Viewings
from repository.audit.refusals import Bound
from repository.receiving import Receiver
from repository.services import Services
from repository.web.turns import Turns


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The sign-in a request came under."""

    token: str
    csrf_token: str
    notice: dict[str, Any] | None
    by_cookie: bool
    account_id: str | None = None
    """None for a development sign-in of the rehearsal mode."""
    methods: frozenset[str] = frozenset()
    """What was shown when it was opened (``sign_in.methods.Method``)."""
    proved_at: datetime | None = None
    language: str | None = None
    """In which the person reads the pages, once chosen."""


class Site(StrEnum):
    """Whose request it is, by the host name that it came under."""

    APPLICATION = "application"
    CONTENT = "content"


SERVICES = web.AppKey("services", Services)
RECEIVER = web.AppKey("receiver", Receiver)
VIEWINGS = web.AppKey("viewings", Viewings)
TEMPLATES: web.AppKey[Mapping[str, Environment]] = web.AppKey("templates")
"""Of each language's code, the templates in its words."""
ACTIONS: web.AppKey[Mapping[Callable[..., Any], Action]] = web.AppKey("actions")

TICKET_KEY = web.AppKey("ticket_key", bytes)
TURNS = web.AppKey("turns", Turns)
EDGES: web.AppKey[Mapping[Callable[..., Any], tuple[Site, int]]] = web.AppKey("edges")
"""Of each handler: the host name it answers under, and its largest body in bytes."""

ADDRESS_KEY = web.AppKey("address_key", bytes)
"""Under which addresses are hashed before they enter the audit log."""
REFUSALS = web.AppKey("refusals", Bound)

REQUEST_ID = web.RequestKey("request_id", str)
NONCE = web.RequestKey("nonce", str)
ACTOR: web.RequestKey[Actor | None] = web.RequestKey("actor")
SESSION: web.RequestKey[SignedIn | None] = web.RequestKey("session")
SITE: web.RequestKey[Site | None] = web.RequestKey("site")
SIGN_IN = web.RequestKey("sign_in", str)
"""Under which sign-in uploaded bytes are shown: the hash of its token."""
NEW_PASS = web.RequestKey("new_pass", str)
