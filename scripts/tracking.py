"""Custody: the events that happen to packets and scripts, and the states that follow from them.

Events come late, twice and in any order, from sites whose clocks differ. What happened is therefore a set of events,
and the state is computed from the set: the same events in any order give the same state. States and legal moves are in
``scripts.states``, the clocks of what is due in ``scripts.clocks``; both are said here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from scripts import chains
from scripts.clocks import DEFAULT_CLOCKS, Alarm, Calendar, ClockPolicy, Clocks, Due, clocks
from scripts.errors import EventRefused
from scripts.states import (
    DECISIONS,
    DESPATCH,
    OBSERVED,
    PACKET_DECISIONS,
    PACKET_ORDER,
    PACKET_RANK,
    SCRIPT_TRANSITIONS,
    EventKind,
    PacketState,
    ScriptException,
    ScriptState,
    SideState,
    require_packet_decision,
    require_script_move,
)

__all__ = [
    "DECISIONS",
    "DEFAULT_CLOCKS",
    "DESPATCH",
    "OBSERVED",
    "PACKET_DECISIONS",
    "PACKET_ORDER",
    "PACKET_RANK",
    "SCRIPT_TRANSITIONS",
    "Alarm",
    "Calendar",
    "ClockPolicy",
    "Clocks",
    "Due",
    "EventKind",
    "PacketEvent",
    "PacketHistory",
    "PacketState",
    "ScriptException",
    "ScriptState",
    "SideState",
    "apply",
    "clock_note",
    "clocks",
    "require_packet_decision",
    "require_script_move",
]

CLOCK_AHEAD = timedelta(minutes=5)
"""A device may be so far before our clock; an event cannot be heard of before it happened.

Source: project policy.
"""
CLOCK_BEHIND = timedelta(days=7)
"""A device off line may send so late; what claims to be older is noted, and our clock is counted from.

Source: project policy.
"""
DETAILS_LIMIT = 4_000
"""Characters of JSON that the details of one event may have."""
_SITE = re.compile(r"[A-Z0-9][A-Z0-9\-]{0,19}")


@dataclass(frozen=True, slots=True)
class PacketEvent:
    """One thing that happened to a packet, with both clocks.

    Takes: ``id``: the sender's idempotency key, 1–64 characters; ``label``: payload of the label that was scanned;
        ``occurred_at``: the device's clock; ``received_at``: ours; ``actor``: who, by role or account; ``place``: where,
        in words; ``source``: ``page``, ``api``, ``csv``, ``scanner`` or another short word; ``details``: counts and the
        like, plain values only; ``corrects_id``: for ``withdrawn``, the event that is taken back; ``site``: the code of
        our site, where it is one; ``expected_site``: ours, like ``received_at``: where the packet should have gone.
    Raises: ``EventRefused`` for an event nobody could order or attribute.
    Source: project policy (domain: scripts, section 12).
    """

    id: str
    label: str
    kind: EventKind
    occurred_at: datetime
    received_at: datetime
    actor: str
    place: str
    source: str
    issue: int = 1
    corrects_id: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    site: str = ""
    expected_site: str = ""

    def __post_init__(self) -> None:
        if not 1 <= len(self.id) <= 64 or not self.id.isascii() or not self.id.isprintable():
            raise EventRefused("An event id has 1 to 64 printable characters.")
        if self.occurred_at.tzinfo is None or self.received_at.tzinfo is None:
            raise EventRefused("The times of an event carry their zone.")
        if not self.actor or len(self.actor) > 100 or len(self.place) > 100 or not 1 <= len(self.source) <= 20:
            raise EventRefused("An event says who, where and through what, in at most 100 characters each.")
        if not (self.actor.isprintable() and self.place.isprintable() and self.source.isprintable()):
            raise EventRefused("Who, where and through what are written in letters, digits and spaces only.")
        if (self.kind is EventKind.WITHDRAWN) != (self.corrects_id is not None):
            raise EventRefused("An event that takes another back names it, and only that kind does.")
        if self.site and _SITE.fullmatch(self.site) is None:
            raise EventRefused("A site is named by its code: 1 to 20 capital letters, digits and hyphens.")
        count = self.details.get("script_count")
        if count is not None and (type(count) is not int or not 0 <= count <= 999):
            raise EventRefused("A script count is a whole number from 0 to 999.")
        if self.details and len(_plain(self.details)) > DETAILS_LIMIT:
            raise EventRefused(f"The details of an event have at most {DETAILS_LIMIT} characters.")

    @property
    def content(self) -> tuple[object, ...]:
        """Return what the sender said, without our clock: equal for a true repeat of the same event."""
        return (
            self.label,
            str(self.kind),
            self.occurred_at,
            self.actor,
            self.place,
            self.source,
            self.corrects_id or "",
            _plain(self.details),
            self.site,
        )

    @property
    def happened_at(self) -> datetime:
        """Return the instant to count from: the device's, or ours where the device's clock cannot be right."""
        return self.received_at if clock_note(self) else min(self.occurred_at, self.received_at)

    @property
    def where(self) -> str:
        """Return the site's code, or the place in words where it is no site of ours."""
        return self.site or self.place


def clock_note(event: PacketEvent) -> str:
    """Say whether the device's clock cannot be right: ``ahead``, ``behind``, or nothing. The event is taken all the same.

    Source: project policy (faults I16): ordered by our receipt time, the device's kept.
    """
    if event.occurred_at - event.received_at > CLOCK_AHEAD:
        return "ahead"
    return "behind" if event.received_at - event.occurred_at > CLOCK_BEHIND else ""


def _plain(details: Mapping[str, object]) -> str:
    try:
        return chains.plain(details) if details else "{}"
    except (TypeError, ValueError) as error:
        raise EventRefused("The details of an event are plain values: words, whole numbers, yes or no.") from error


@dataclass(frozen=True, slots=True)
class PacketHistory:
    """What a set of events amounts to: the state, what is odd, and the line of custody in order of receipt.

    ``logged_count`` and ``opened_count`` are the latest counts at sealing and at opening; None when never counted. The
    instants are those of the first standing event of each kind, by the device's clock where it can be right.
    """

    state: PacketState
    side_states: frozenset[SideState]
    timeline: tuple[PacketEvent, ...]
    logged_count: int | None
    opened_count: int | None
    packed_at: datetime | None
    logged_at: datetime | None
    collected_at: datetime | None
    received_at: datetime | None
    opened_at: datetime | None
    reconciled_at: datetime | None


def apply(events: Iterable[PacketEvent]) -> PacketHistory:
    """Work out the state of one packet from its events, whatever their order and however often each came.

    Returns: the history; the state is the furthest step any standing event reports, so that a receipt that reaches us
        before the despatch log is normal and nothing ever moves a packet back but a withdrawal.
    Source: project policy (domain: scripts, sections 7 and 12): order by our receipt time, theirs kept.
    """
    by_id: dict[str, PacketEvent] = {}
    for event in sorted(events, key=_receipt_order):
        by_id.setdefault(event.id, event)
    timeline = tuple(by_id.values())
    withdrawn = {event.corrects_id for event in timeline if event.kind is EventKind.WITHDRAWN}
    standing = [event for event in timeline if event.id not in withdrawn and event.kind is not EventKind.WITHDRAWN]
    furthest = max((PACKET_RANK.get(event.kind.value, 0) for event in standing), default=0)
    first: dict[EventKind, datetime] = {}
    for event in standing:
        first.setdefault(event.kind, event.happened_at)
    return PacketHistory(
        state=PACKET_ORDER[furthest],
        side_states=_side_states(standing),
        timeline=timeline,
        logged_count=_last_count(standing, frozenset({EventKind.PACKED, EventKind.LOGGED})),
        opened_count=_last_count(standing, frozenset({EventKind.OPENED})),
        packed_at=first.get(EventKind.PACKED),
        logged_at=first.get(EventKind.LOGGED),
        collected_at=first.get(EventKind.COLLECTED),
        received_at=first.get(EventKind.RECEIVED),
        opened_at=first.get(EventKind.OPENED),
        reconciled_at=first.get(EventKind.RECONCILED),
    )


def _receipt_order(event: PacketEvent) -> tuple[object, ...]:
    # Our clock first; the rest only so that equal receipt times still give one order.
    return (event.received_at, event.occurred_at, event.id, repr(event.content))


def _side_states(standing: list[PacketEvent]) -> frozenset[SideState]:
    kinds = {event.kind for event in standing}
    sides = {SideState(kind.value) for kind in kinds & OBSERVED}
    arrivals = [event for event in standing if event.kind is EventKind.RECEIVED]
    sent_on = {event.where for event in standing if event.kind is EventKind.FORWARDED}
    arrived = {event.where for event in arrivals}
    if len({event.issue for event in arrivals}) > 1 or len(arrived - sent_on) > 1:
        # Two issues of one label, or one single-use label at two sites: a person has to look.
        sides.add(SideState.DUPLICATE_LABEL)
    aimed = [event for event in arrivals if event.site and event.expected_site]
    if aimed and not any(event.site == event.expected_site for event in aimed):
        sides.add(SideState.MISROUTED)
    if arrivals and not kinds & DESPATCH:
        sides.add(SideState.RECEIVED_WITHOUT_DESPATCH)
    if EventKind.LOST in kinds and not arrivals:
        sides.add(SideState.LOST)
    return frozenset(sides)


def _last_count(standing: list[PacketEvent], kinds: frozenset[EventKind]) -> int | None:
    counts = [event.details.get("script_count") for event in standing if event.kind in kinds]
    numbers = [count for count in counts if isinstance(count, int)]
    return numbers[-1] if numbers else None
