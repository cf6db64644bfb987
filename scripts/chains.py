r"""The chain of hashes that ties the events of one packet, or of one script, together in the order in which they came.

Each event carries the hash of its own contents and of the hash before it; the packet or script keeps how many events it
has and the last hash. A change, a removal (the last one's too), an insertion or another order all show.

Format, stable for ever: ``SHA-256(UTF-8("nea-custody-1\n" + previous + "\n" + contents))`` in lower-case hexadecimal, where
``previous`` is empty for the first, and ``contents`` is the JSON of the event with sorted keys, no spaces, ASCII only, and
instants as ``2026-06-08T12:00:00.000000Z``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

FORMAT = "nea-custody-1"
_json = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Link:
    """One event as the chain holds it: its place (from 1), its canonical contents, the hash that was kept with it."""

    number: int
    contents: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Broken:
    """Where a chain does not hold: the place in it, and what is wrong in a code (``changed``, ``missing``, ``head``)."""

    number: int
    what: str


@lru_cache(maxsize=1024)
def instant(at: datetime) -> str:
    """Return an instant as the chain writes it; the events of a batch have few."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def canonical(contents: Mapping[str, object]) -> str:
    """Return the contents of an event in the one form that is hashed; raises ``TypeError`` for what is no plain value."""
    return _json({key: instant(value) if isinstance(value, datetime) else value for key, value in contents.items()})


def plain(details: Mapping[str, object]) -> str:
    """Return details in one form, equal whenever they say the same."""
    return _json(details)


def following(previous: str, contents: str) -> str:
    """Return the hash of an event that follows ``previous`` (empty for the first)."""
    return hashlib.sha256(f"{FORMAT}\n{previous}\n{contents}".encode()).hexdigest()


def broken(links: Iterable[Link], *, count: int, head: str) -> list[Broken]:
    """Follow a chain from its first event and return where it does not hold; nothing when it is whole.

    Takes: the links in any order; ``count`` and ``head`` as kept with the packet or script itself.
    """
    found: list[Broken] = []
    previous, number = "", 0
    for link in sorted(links, key=lambda one: one.number):
        number += 1
        if link.number != number:
            found.append(Broken(number, "missing"))
            number = link.number
        if following(previous, link.contents) != link.sha256:
            found.append(Broken(link.number, "changed"))
        previous = link.sha256
    if (number, previous) != (count, head):
        found.append(Broken(number, "head"))
    return found
