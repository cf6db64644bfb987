"""What is due of a packet, and how urgent it is, in working days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.working_days import due_at
from scripts.clocks import ALARM_ORDER, Alarm, ClockPolicy, clocks
from scripts.states import PACKET_ORDER, PacketState

HELD_ON = date(2026, 6, 11)  # a Thursday
AT = datetime(2026, 6, 11, 15, tzinfo=UTC)


@dataclass(frozen=True)
class Packet:
    state: str
    packed_at: datetime | None = None
    collected_at: datetime | None = None
    received_at: datetime | None = None
    opened_at: datetime | None = None


def calendar(at: datetime, days: int) -> datetime:
    return due_at(at, "ENGLAND", days)


def look(packet: Packet, now: datetime, **more: object):
    return clocks(packet, held_on=HELD_ON, now=now, calendar=calendar, **more)


def london_evening(on: date, *, seconds: int = 0) -> datetime:
    return datetime(on.year, on.month, on.day, 22, 59, 59, tzinfo=UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("packet", "step", "amber_on", "red_on"),
    [
        (Packet("label_issued"), PacketState.PACKED, date(2026, 6, 11), date(2026, 6, 12)),
        (Packet("packed", AT), PacketState.COLLECTED, date(2026, 6, 12), date(2026, 6, 15)),
        (Packet("collected", AT, AT), PacketState.RECEIVED, date(2026, 6, 15), date(2026, 6, 16)),
        (Packet("in_transit", AT, AT), PacketState.RECEIVED, date(2026, 6, 15), date(2026, 6, 16)),
        (Packet("received", received_at=AT), PacketState.OPENED, date(2026, 6, 12), date(2026, 6, 15)),
        (Packet("opened", opened_at=AT), PacketState.RECONCILED, date(2026, 6, 12), date(2026, 6, 15)),
    ],
)
def test_each_step_has_its_clock_in_working_days(
    packet: Packet, step: PacketState, amber_on: date, red_on: date
) -> None:
    found = look(packet, london_evening(amber_on))
    assert found.next is not None
    assert (found.next.step, found.alarm, found.is_overdue) == (step, Alarm.NONE, False)
    assert (found.next.amber_at, found.next.red_at) == (london_evening(amber_on), london_evening(red_on))
    assert look(packet, london_evening(amber_on, seconds=1)).alarm is Alarm.AMBER
    late = look(packet, london_evening(red_on, seconds=1))
    assert (late.alarm, late.is_overdue) == (Alarm.RED, True)


def test_a_bank_holiday_is_no_working_day() -> None:
    before = Packet("collected", AT, datetime(2026, 5, 22, 15, tzinfo=UTC))  # the Friday before the spring bank holiday
    found = look(before, AT)
    assert found.next is not None
    assert found.next.amber_at == london_evening(date(2026, 5, 27))


@pytest.mark.fault("att:I15")
def test_without_a_recorded_collection_nothing_is_assumed_and_it_is_grey() -> None:
    found = look(Packet("in_transit"), AT + timedelta(days=30))
    assert found.next is not None
    assert (found.next.step, found.alarm, found.next.amber_at) == (PacketState.RECEIVED, Alarm.UNKNOWN, None)


@pytest.mark.parametrize("state", ["reconciled", "closed"])
def test_what_is_reconciled_has_nothing_due(state: str) -> None:
    found = look(Packet(state), AT + timedelta(days=300))
    assert (found.next, found.alarm, found.is_overdue) == (None, Alarm.NONE, False)


@pytest.mark.fault("att:I04")
@pytest.mark.parametrize("state", [str(state) for state in PACKET_ORDER[:5]])
def test_a_packet_is_an_alarm_from_the_moment_a_sibling_arrives_without_it(state: str) -> None:
    packet = Packet(state, AT, AT)
    alone, beside = look(packet, AT), look(packet, AT, sibling_received=True)
    assert not alone.sibling_alarm
    assert beside.sibling_alarm
    assert ALARM_ORDER[beside.alarm] >= ALARM_ORDER[Alarm.AMBER]
    assert not look(Packet("received", received_at=AT), AT, sibling_received=True).sibling_alarm


def test_an_awarding_body_has_clocks_of_its_own() -> None:
    weekly = ClockPolicy(dict.fromkeys(PACKET_ORDER, (5, 7)))  # at least weekly, as overseas
    packet = Packet("packed", AT)
    assert look(packet, AT + timedelta(days=6), policy=weekly).alarm is Alarm.NONE
    assert look(packet, AT + timedelta(days=8), policy=weekly).alarm is Alarm.AMBER


@given(st.sampled_from([str(state) for state in PACKET_ORDER]), st.integers(0, 60), st.integers(0, 60))
def test_waiting_never_makes_anything_less_urgent(state: str, hours: int, more: int) -> None:
    packet = Packet(state, AT, AT, AT, AT)
    early, late = look(packet, AT + timedelta(hours=hours)), look(packet, AT + timedelta(hours=hours + more))
    assert ALARM_ORDER[early.alarm] <= ALARM_ORDER[late.alarm]
