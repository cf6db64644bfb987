from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.errors import EventRefused, TransitionRefused
from scripts.tracking import (
    PACKET_ORDER,
    SCRIPT_TRANSITIONS,
    EventKind,
    PacketEvent,
    PacketState,
    ScriptState,
    SideState,
    apply,
    require_packet_decision,
    require_script_move,
)

START = datetime(2026, 6, 8, 12, tzinfo=UTC)


def event(name: str, kind: EventKind, minutes: int = 0, **changes: Any) -> PacketEvent:
    values: dict[str, Any] = {
        "label": "SL1|99999|6A26|H446/01|1/2|1|DA13",
        "occurred_at": START + timedelta(minutes=minutes),
        "received_at": START + timedelta(minutes=minutes),
        "actor": "operator",
        "place": "hub",
        "source": "page",
    }
    return PacketEvent(name, kind=kind, **(values | changes))


JOURNEY = (
    event("a", EventKind.LABEL_ISSUED),
    event("b", EventKind.PACKED, 1, details={"script_count": 15}),
    event("c", EventKind.LOGGED, 2, details={"script_count": 15}),
    event("d", EventKind.COLLECTED, 3),
    event("e", EventKind.RECEIVED, 4, place="scanning site"),
    event("f", EventKind.OPENED, 5, details={"script_count": 14}),
    event("g", EventKind.DAMAGED, 6),
    event("h", EventKind.WITHDRAWN, 7, corrects_id="g"),
    event("i", EventKind.RECEIVED, 8, place="scanning site", issue=2),
)


@pytest.mark.fault("att:I01", "att:I15")
@given(st.permutations(JOURNEY), st.lists(st.sampled_from(JOURNEY), max_size=6))
def test_any_order_and_any_repeats_give_the_same_history(order: list[PacketEvent], repeats: list[PacketEvent]) -> None:
    assert apply([*order, *repeats]) == apply(JOURNEY)


@given(st.lists(st.sampled_from(JOURNEY)), st.sampled_from(JOURNEY))
def test_a_further_event_never_moves_a_packet_back(some: list[PacketEvent], one: PacketEvent) -> None:
    before, after = apply(some).state, apply([*some, one]).state
    assert PACKET_ORDER.index(after) >= PACKET_ORDER.index(before)


def test_the_journey_amounts_to_counts_and_times() -> None:
    history = apply(JOURNEY)
    assert history.state is PacketState.OPENED
    assert (history.logged_count, history.opened_count) == (15, 14)
    assert history.received_at == START + timedelta(minutes=4)
    assert SideState.DAMAGED not in history.side_states


@pytest.mark.fault("att:I15")
def test_received_before_any_despatch_is_normal_and_joins_when_the_log_arrives() -> None:
    early = [event("e", EventKind.RECEIVED)]
    assert apply(early).state is PacketState.RECEIVED
    assert apply(early).side_states == {SideState.RECEIVED_WITHOUT_DESPATCH}
    late = [*early, event("d", EventKind.COLLECTED, 60)]
    assert apply(late).state is PacketState.RECEIVED
    assert apply(late).side_states == set()


@pytest.mark.fault("att:I01", "att:I02")
def test_two_issues_or_two_sites_are_a_conflict_for_a_person() -> None:
    collected = event("d", EventKind.COLLECTED)
    once = event("e", EventKind.RECEIVED, 1)
    again = event("f", EventKind.RECEIVED, 2)
    assert apply([collected, once, again]).side_states == set()
    emergency = event("f", EventKind.RECEIVED, 2, issue=2)
    assert apply([collected, once, emergency]).side_states == {SideState.DUPLICATE_LABEL}
    elsewhere = event("f", EventKind.RECEIVED, 2, place="other site")
    assert apply([collected, once, elsewhere]).side_states == {SideState.DUPLICATE_LABEL}


@pytest.mark.fault("att:I16")
def test_clocks_that_differ_are_kept_and_our_receipt_orders() -> None:
    slow = event("d", EventKind.COLLECTED, occurred_at=START + timedelta(hours=5), received_at=START)
    fast = event(
        "e", EventKind.RECEIVED, occurred_at=START - timedelta(hours=5), received_at=START + timedelta(hours=1)
    )
    history = apply([fast, slow])
    assert [one.id for one in history.timeline] == ["d", "e"]
    assert history.timeline[0].occurred_at == START + timedelta(hours=5)  # theirs is kept
    assert history.collected_at == START  # but cannot be right, so that ours is counted from
    assert history.received_at == START - timedelta(hours=5)  # sent late by a device that was off line
    assert history.received_at == START - timedelta(hours=5)


def test_lost_is_answered_by_arrival() -> None:
    assert apply([event("l", EventKind.LOST)]).side_states == {SideState.LOST}
    found = apply([event("l", EventKind.LOST), event("d", EventKind.COLLECTED), event("e", EventKind.RECEIVED)])
    assert found.side_states == set()


@pytest.mark.parametrize(
    "changes",
    [
        {"occurred_at": datetime(2026, 6, 8, 12)},  # noqa: DTZ001
        {"actor": ""},
        {"source": "x" * 21},
        {"corrects_id": "b"},
        {"details": {"script_count": -1}},
        {"details": {"script_count": True}},
    ],
)
def test_an_event_nobody_can_place_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(EventRefused):
        event("x", EventKind.PACKED, **changes)


def test_decisions_follow_from_the_state() -> None:
    require_packet_decision(PacketState.OPENED, EventKind.RECONCILED)
    require_packet_decision(PacketState.LABEL_ISSUED, EventKind.RECEIVED)
    for state, kind in [(PacketState.RECEIVED, EventKind.RECONCILED), (PacketState.OPENED, EventKind.CLOSED)]:
        with pytest.raises(TransitionRefused):
            require_packet_decision(state, kind)


def test_scripts_go_forward_one_way() -> None:
    line = [ScriptState.EXPECTED, ScriptState.PRESENT, ScriptState.IN_PACKET, ScriptState.RECEIVED, ScriptState.SCANNED]
    line += [ScriptState.INDEXED, ScriptState.QUALITY_CHECKED, ScriptState.RELEASED, ScriptState.MARKED]
    for state, to in pairwise(line):
        assert require_script_move(state, to) is to
        with pytest.raises(TransitionRefused):
            require_script_move(to, state)
    assert set(SCRIPT_TRANSITIONS) == set(ScriptState)
