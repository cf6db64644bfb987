from __future__ import annotations

from datetime import date, timedelta

import pytest

from scripts.missing import Alarm, Stage, packet_alarm, script_alarm, stage_of
from scripts.tracking import PacketState

MONDAY = date(2026, 6, 8)


def weekdays_after(on: date, days: int) -> date:
    while days:
        on += timedelta(days=1)
        days -= on.weekday() < 5
    return on


@pytest.mark.parametrize(
    ("days", "alarm"),
    [(0, Alarm.NONE), (2, Alarm.NONE), (3, Alarm.AMBER), (6, Alarm.AMBER), (7, Alarm.RED), (30, Alarm.RED)],
)
def test_amber_after_three_working_days_and_red_two_later(days: int, alarm: Alarm) -> None:
    assert script_alarm(MONDAY, MONDAY + timedelta(days=days), weekdays_after) is alarm


def test_red_at_once_when_all_its_siblings_are_indexed() -> None:
    assert script_alarm(MONDAY, MONDAY, weekdays_after, siblings_indexed=True) is Alarm.RED


def test_what_is_not_known_is_grey() -> None:
    assert script_alarm(None, MONDAY, weekdays_after) is Alarm.UNKNOWN
    assert packet_alarm(None, False, MONDAY, weekdays_after) is Alarm.UNKNOWN


@pytest.mark.fault("att:I04")
def test_a_packet_whose_sibling_is_here_alarms_at_once() -> None:
    assert packet_alarm(MONDAY, False, MONDAY, weekdays_after) is Alarm.NONE
    assert packet_alarm(MONDAY, False, MONDAY, weekdays_after, sibling_received=True) is Alarm.AMBER
    assert packet_alarm(MONDAY, False, MONDAY + timedelta(days=2), weekdays_after) is Alarm.AMBER
    assert packet_alarm(MONDAY, False, MONDAY + timedelta(days=3), weekdays_after) is Alarm.RED
    assert packet_alarm(MONDAY, True, MONDAY + timedelta(days=3), weekdays_after) is Alarm.NONE


def test_every_packet_state_has_a_stage() -> None:
    assert [stage_of(state) for state in PacketState][-1] is Stage.OPENED
    assert stage_of(None) is Stage.NOT_LOGGED
