"""The states of packets and scripts, what can happen to them, and the legal moves: all in this one place.

Facts that come from outside are always absorbed, in any order; only decisions that people here take must follow from the
state. Nothing is ever taken out of a history: an event that was wrong is withdrawn by another event.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from scripts.errors import TransitionRefused


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

    Source: project policy (domain: scripts, section 7; ``packet_in_packet``: faults I05).
    """

    OVERDUE = "overdue"
    """Derived from the clocks whenever somebody looks; never stored."""
    DAMAGED = "damaged"
    OPENED_IN_TRANSIT = "opened_in_transit"
    WRONG_COMPONENT = "wrong_component"
    PACKET_IN_PACKET = "packet_in_packet"
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
    """Something of another component was found inside; ``details`` say what."""
    PACKET_IN_PACKET = "packet_in_packet"
    """Another packet was found inside; ``details`` hold its label, and it has events of its own."""
    MISROUTED = "misrouted"
    FORWARDED = "forwarded"
    """Sent on from the site where it had arrived: it may then arrive elsewhere under the same label."""
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
    DESTROYED = "destroyed"
    """Its scan was destroyed at the end of the time for which it is kept."""


class ScriptException(StrEnum):
    """What can be wrong with one script or a page of it; each becomes a case or waits in a queue.

    Source: project policy (domain: scripts, section 8).
    """

    NOT_ON_REGISTER = "not_on_register"
    REGISTER_PRESENT_NO_SCRIPT = "register_present_no_script"
    REGISTER_ABSENT_SCRIPT_FOUND = "register_absent_script_found"
    UNREADABLE_COVER = "unreadable_cover"
    FOREIGN_CODE = "foreign_code"
    WRONG_EXAM = "wrong_exam"
    DUPLICATE_CANDIDATE = "duplicate_candidate"
    WRONG_CENTRE_NUMBER = "wrong_centre_number"
    CANDIDATE_NUMBER_WRONG_NAME_RIGHT = "candidate_number_wrong_name_right"
    MISSING_PAGES = "missing_pages"
    DUPLICATE_PAGE = "duplicate_page"
    PAGE_ORDER = "page_order"
    INVERTED = "inverted"
    FRONT_BACK_MISMATCH = "front_back_mismatch"
    DOUBLE_FEED = "double_feed"
    EXTRA_BOOKLET_UNMATCHED = "extra_booklet_unmatched"
    FOREIGN_STATIONERY = "foreign_stationery"
    CONTAMINATED = "contaminated"
    IMAGE_REJECTED = "image_rejected"
    MALPRACTICE_HOLD = "malpractice_hold"
    MISSING = "missing"


PACKET_ORDER: tuple[PacketState, ...] = tuple(PacketState)
PACKET_RANK: Mapping[str, int] = MappingProxyType({str(state): rank for rank, state in enumerate(PACKET_ORDER)})
"""How far each state is on the way; a kind of event that is not in it moves no packet."""
OBSERVED = frozenset(
    {
        EventKind.DAMAGED,
        EventKind.OPENED_IN_TRANSIT,
        EventKind.WRONG_COMPONENT,
        EventKind.PACKET_IN_PACKET,
        EventKind.MISROUTED,
    }
)
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
        # What is done with a script elsewhere may never be told: that keeps nobody from destroying it in its time.
        # Not every script is looked at a second time.
        _S.INDEXED: frozenset({_S.QUALITY_CHECKED, _S.RELEASED, _S.DESTROYED}),
        _S.QUALITY_CHECKED: frozenset({_S.RELEASED, _S.DESTROYED}),
        _S.RELEASED: frozenset({_S.MARKED, _S.DESTROYED}),
        _S.MARKED: frozenset({_S.RETURNED, _S.ARCHIVED, _S.DESTROYED}),
        _S.RETURNED: frozenset({_S.DESTROYED}),
        _S.ARCHIVED: frozenset({_S.RETURNED, _S.DESTROYED}),
        _S.DESTROYED: frozenset(),
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
