"""Typed keys of what the application and each request carry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from jinja2 import Environment

from repository.access import Action, Actor
from repository.acts.viewing import Viewings
from repository.receiving import Receiver
from repository.services import Services


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The sign-in a request came under."""

    token: str
    csrf_token: str
    notice: dict[str, Any] | None
    by_cookie: bool


SERVICES = web.AppKey("services", Services)
RECEIVER = web.AppKey("receiver", Receiver)
VIEWINGS = web.AppKey("viewings", Viewings)
TEMPLATES = web.AppKey("templates", Environment)
ACTIONS: web.AppKey[Mapping[Callable[..., Any], Action]] = web.AppKey("actions")

REQUEST_ID = web.RequestKey("request_id", str)
NONCE = web.RequestKey("nonce", str)
ACTOR: web.RequestKey[Actor | None] = web.RequestKey("actor")
SESSION: web.RequestKey[SignedIn | None] = web.RequestKey("session")
