"""On whose behalf the database is asked: a person doing one action, the service itself, or nobody.

It is set once where a request, a command or a piece of background work begins, and every transaction carries it
(``session.info[ACTING]``). Who set nothing is nobody, and nobody sees no row that belongs to a centre or a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

from repository.access import Action, Actor

ACTING = "acting"
"""The key of ``Session.info`` under which a transaction carries it."""
WRITES = "writes"
"""The key of ``Session.info`` that says whether a transaction may write."""
OWN_CLOCK = "own_clock"
"""The key of ``Session.info`` that says that the service's clock is not the computer's."""


@dataclass(frozen=True, slots=True)
class Acting:
    """Who asks, and for what.

    ``service`` names the part of the service that acts by itself (worker, command, sequencer …), never a person.
    """

    actor: Actor | None = None
    action: Action | None = None
    service: str | None = None
    now: datetime | None = None
    """The instant of the request, by the service's clock."""


NOBODY = Acting()
_now: ContextVar[Acting] = ContextVar("acting", default=NOBODY)


def current() -> Acting:
    """Return on whose behalf this task acts."""
    return _now.get()


def set_person(actor: Actor | None, action: Action, now: datetime) -> None:
    """Say, for the rest of this request, who asks, for what, and when; nobody when nobody is signed in."""
    _now.set(NOBODY if actor is None else Acting(actor, action, now=now))


def set_nobody() -> None:
    """Say that nobody acts: what a request begins with."""
    _now.set(NOBODY)


def set_service(name: str) -> None:
    """Say, for the rest of this task, that a part of the service acts by itself."""
    _now.set(Acting(service=name))


@contextmanager
def as_service(name: str) -> Iterator[None]:
    """Let a part of the service act by itself for a while, such as the worker or a command."""
    token = _now.set(Acting(service=name))
    try:
        yield
    finally:
        _now.reset(token)
