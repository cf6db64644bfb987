"""Custody: the events that happen to packets and scripts, and the states that follow from them.

Events come late, twice and in any order, from sites whose clocks differ. What happened is therefore a set of events,
and the state is computed from the set: the same events in any order give the same state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from scripts.errors import EventRefused, TransitionRefused


class PacketState(StrEnum):
    """How far a packet has come, in order.

    Source: project policy (domain: scripts, section 7).
    """

    LABEL_ISSUED = "label_issued"
    PACKED = "packed"
    LOGGED = "logged"
    COLLECTED = "collected"
    IN_TRANSIT = "in_transit"
    RECEIVED = "received"
    OPENED = "opened"
    RECONCILED = "reconciled"
    CLOSED = "closed"


class SideState(StrEnum):
    """What is wrong or odd about a packet, beside how far it has come.

    Source: project policy (domain: scripts, section 7).
    """

    OVERDUE = "overdue"
    DAMAGED = "damaged"
    OPENED_IN_TRANSIT = "opened_in_transit"
    WRONG_COMPONENT = "wrong_component"
    DUPLICATE_LABEL = "duplicate_label"
    MISROUTED = "misrouted"
    LOST = "lost"
    RECEIVED_WITHOUT_DESPATCH = "received_without_despatch"


class EventKind(StrEnum):
    """What can happen to a packet: the steps of its journey, and what can be noticed on the way.

    Source: project policy (domain: scripts, section 7).
    """

    LABEL_ISSUED = "label_issued"
    PACKED = "packed"
    LOGGED = "logged"
    COLLECTED = "collected"
    IN_TRANSIT = "in_transit"
    RECEIVED = "received"
    OPENED = "opened"
    RECONCILED = "reconciled"
    CLOSED = "closed"
    DAMAGED = "damaged"
    OPENED_IN_TRANSIT = "opened_in_transit"
    WRONG_COMPONENT = "wrong_component"
    MISROUTED = "misrouted"
    LOST = "lost"
    WITHDRAWN = "withdrawn"
    """Takes back the event named in ``corrects_id``: both stay in the history."""


class ScriptState(StrEnum):
    """How far one script has come.

    Source: project policy (domain: scripts, section 8).
    """

    EXPECTED = "expected"
    PRESENT = "present"
    ABSENT = "absent"
    IN_PACKET = "in_packet"
    RECEIVED = "received"
    SCANNED = "scanned"
    INDEXED = "indexed"
    QUALITY_CHECKED = "quality_checked"
    RELEASED = "released"
    MARKED = "marked"
    RETURNED = "returned"
    ARCHIVED = "archived"


PACKET_ORDER: tuple[PacketState, ...] = tuple(PacketState)
OBSERVED = frozenset({EventKind.DAMAGED, EventKind.OPENED_IN_TRANSIT, EventKind.WRONG_COMPONENT, EventKind.MISROUTED})
DESPATCH = frozenset({EventKind.LOGGED, EventKind.COLLECTED, EventKind.IN_TRANSIT})
DECISIONS = frozenset({EventKind.RECONCILED, EventKind.CLOSED})
"""Steps that people here decide, and that must follow from the state; all others are facts and are always absorbed."""

PACKET_DECISIONS: Mapping[EventKind, frozenset[PacketState]] = MappingProxyType(
    {
        EventKind.RECONCILED: frozenset({PacketState.OPENED}),
        EventKind.CLOSED: frozenset({PacketState.RECONCILED}),
    }
)

_S = ScriptState
SCRIPT_TRANSITIONS: Mapping[ScriptState, frozenset[ScriptState]] = MappingProxyType(
    {
        _S.EXPECTED: frozenset({_S.PRESENT, _S.ABSENT, _S.IN_PACKET, _S.RECEIVED, _S.SCANNED, _S.INDEXED}),
        _S.PRESENT: frozenset({_S.ABSENT, _S.IN_PACKET, _S.RECEIVED, _S.SCANNED, _S.INDEXED}),
        # A register can be wrong: a script found for an absent candidate is a case, and is still a script.
        _S.ABSENT: frozenset({_S.PRESENT, _S.RECEIVED, _S.SCANNED, _S.INDEXED}),
        _S.IN_PACKET: frozenset({_S.RECEIVED, _S.SCANNED, _S.INDEXED}),
        _S.RECEIVED: frozenset({_S.SCANNED, _S.INDEXED}),
        _S.SCANNED: frozenset({_S.INDEXED}),
        _S.INDEXED: frozenset({_S.QUALITY_CHECKED}),
        _S.QUALITY_CHECKED: frozenset({_S.RELEASED}),
        _S.RELEASED: frozenset({_S.MARKED}),
        _S.MARKED: frozenset({_S.RETURNED, _S.ARCHIVED}),
        _S.RETURNED: frozenset(),
        _S.ARCHIVED: frozenset(),
    }
)


def require_script_move(state: ScriptState, to: ScriptState) -> ScriptState:
    """Return ``to`` when a script may go there from ``state``.

    Raises: ``TransitionRefused``.
    Source: project policy (domain: scripts, section 8).
    """
    if to not in SCRIPT_TRANSITIONS[state]:
        raise TransitionRefused(f"a script that is {state} cannot become {to}", state=str(state), to=str(to))
    return to


def require_packet_decision(state: PacketState, kind: EventKind) -> None:
    """Refuse a decision about a packet that does not follow from its state; facts are never refused.

    Raises: ``TransitionRefused``.
    Source: project policy (domain: scripts, section 7).
    """
    allowed = PACKET_DECISIONS.get(kind)
    if allowed is not None and state not in allowed:
        raise TransitionRefused(f"a packet that is {state} cannot be {kind}", state=str(state), to=str(kind))


@dataclass(frozen=True, slots=True)
class PacketEvent:
    """One thing that happened to a packet, with both clocks.

    Takes: ``id``: the sender's idempotency key, 1–64 characters; ``label``: payload of the label that was scanned;
        ``occurred_at``: the device's clock; ``received_at``: ours; ``actor``: who, by role or account; ``place``: the
        site; ``source``: ``page``, ``api``, ``csv``, ``scanner`` or another short word; ``details``: counts and the
        like, plain values only; ``corrects_id``: for ``withdrawn``, the event that is taken back.
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

    def __post_init__(self) -> None:
        if not 1 <= len(self.id) <= 64 or not self.id.isascii() or not self.id.isprintable():
            raise EventRefused("An event id has 1 to 64 printable characters.")
        if self.occurred_at.tzinfo is None or self.received_at.tzinfo is None:
            raise EventRefused("The times of an event carry their zone.")
        if not self.actor or len(self.actor) > 100 or len(self.place) > 100 or not 1 <= len(self.source) <= 20:
            raise EventRefused("An event says who, where and through what, in at most 100 characters each.")
        if (self.kind is EventKind.WITHDRAWN) != (self.corrects_id is not None):
            raise EventRefused("An event that takes another back names it, and only that kind does.")
        count = self.details.get("script_count")
        if count is not None and (type(count) is not int or not 0 <= count <= 999):
            raise EventRefused("A script count is a whole number from 0 to 999.")

    @property
    def content(self) -> tuple[object, ...]:
        """Return what the sender said, without our clock: equal for a true repeat of the same event."""
        details = tuple(sorted((key, repr(value)) for key, value in self.details.items()))
        return (
            self.label,
            str(self.kind),
            self.occurred_at,
            self.actor,
            self.place,
            self.source,
            self.corrects_id or "",
            details,
        )


@dataclass(frozen=True, slots=True)
class PacketHistory:
    """What a set of events amounts to: the state, what is odd, and the line of custody in order of receipt.

    ``logged_count`` and ``opened_count`` are the latest counts at sealing and at opening; None when never counted.
    """

    state: PacketState
    side_states: frozenset[SideState]
    timeline: tuple[PacketEvent, ...]
    logged_count: int | None
    opened_count: int | None
    collected_at: datetime | None
    received_at: datetime | None
    opened_at: datetime | None


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
    reached = [PacketState(str(event.kind)) for event in standing if str(event.kind) in set(PacketState)]
    return PacketHistory(
        state=max(reached, key=PACKET_ORDER.index, default=PacketState.LABEL_ISSUED),
        side_states=_side_states(standing),
        timeline=timeline,
        logged_count=_last_count(standing, frozenset({EventKind.PACKED, EventKind.LOGGED})),
        opened_count=_last_count(standing, frozenset({EventKind.OPENED})),
        collected_at=_first_at(standing, EventKind.COLLECTED),
        received_at=_first_at(standing, EventKind.RECEIVED),
        opened_at=_first_at(standing, EventKind.OPENED),
    )


def _receipt_order(event: PacketEvent) -> tuple[object, ...]:
    # Our clock first; the rest only so that equal receipt times still give one order.
    return (event.received_at, event.occurred_at, event.id, repr(event.content))


def _side_states(standing: list[PacketEvent]) -> frozenset[SideState]:
    kinds = {event.kind for event in standing}
    sides = {SideState(str(kind)) for kind in kinds & OBSERVED}
    arrivals = [event for event in standing if event.kind is EventKind.RECEIVED]
    if len({event.issue for event in arrivals}) > 1 or len({event.place for event in arrivals}) > 1:
        # Two issues of one label, or one single-use label at two sites: a person has to look.
        sides.add(SideState.DUPLICATE_LABEL)
    if arrivals and not kinds & DESPATCH:
        sides.add(SideState.RECEIVED_WITHOUT_DESPATCH)
    if EventKind.LOST in kinds and not arrivals:
        sides.add(SideState.LOST)
    return frozenset(sides)


def _last_count(standing: list[PacketEvent], kinds: frozenset[EventKind]) -> int | None:
    counts = [event.details.get("script_count") for event in standing if event.kind in kinds]
    numbers = [count for count in counts if isinstance(count, int)]
    return numbers[-1] if numbers else None


def _first_at(standing: list[PacketEvent], kind: EventKind) -> datetime | None:
    return next((event.occurred_at for event in standing if event.kind is kind), None)
