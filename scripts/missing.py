"""The missing-script alarm: while there is still time, and seen by the centre from amber on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from scripts.clocks import ALARM_ORDER
from scripts.clocks import Alarm as Alarm
from scripts.states import PACKET_ORDER, PacketState

AMBER_AFTER_DAYS = 3
RED_AFTER_AMBER_DAYS = 2
PACKET_AMBER_AFTER_DAYS = 2
PACKET_RED_AFTER_DAYS = 3

WorkingDaysAfter = Callable[[date, int], date]
"""Gives the date a number of working days after another; the calendar, with its bank holidays, lives in moderation."""


class Stage(StrEnum):
    """Where the trail of a script ends."""

    NOT_LOGGED = "not_logged"
    LOGGED = "logged"
    IN_TRANSIT = "in_transit"
    RECEIVED = "received"
    OPENED = "opened"


@dataclass(frozen=True, slots=True)
class MissingScript:
    """A script that the register says exists and that nobody has seen yet, with its clock."""

    script_id: str
    centre_number: str
    component_code: str
    candidate_number: str
    packet_number: int | None
    stage: Stage
    alarm: Alarm
    collected_on: date | None
    amber_on: date | None
    red_on: date | None
    age_days: int


def stage_of(state: PacketState | None) -> Stage:
    """Return where the trail ends for scripts of a packet in this state; None for a script in no packet."""
    if state is None or PACKET_ORDER.index(state) < PACKET_ORDER.index(PacketState.LOGGED):
        return Stage.NOT_LOGGED
    if PACKET_ORDER.index(state) >= PACKET_ORDER.index(PacketState.OPENED):
        return Stage.OPENED
    return {
        PacketState.LOGGED: Stage.LOGGED,
        PacketState.COLLECTED: Stage.IN_TRANSIT,
        PacketState.IN_TRANSIT: Stage.IN_TRANSIT,
        PacketState.RECEIVED: Stage.RECEIVED,
    }[state]


def script_alarm(
    collected_on: date | None, today: date, working_days_after: WorkingDaysAfter, *, siblings_indexed: bool = False
) -> Alarm:
    """Say how worrying it is that a present candidate's script has not been seen.

    Takes: the date of collection, None when no hand-over is recorded; ``siblings_indexed``: every other script of its
        packet is indexed.
    Returns: amber from the third working day after collection, red two working days later, or at once when all its
        siblings are indexed; ``unknown`` without a recorded collection.
    Source: project policy (domain: scripts, section 10); no public threshold exists.
    """
    if siblings_indexed:
        return Alarm.RED
    if collected_on is None:
        return Alarm.UNKNOWN
    amber_on = working_days_after(collected_on, AMBER_AFTER_DAYS)
    if today >= working_days_after(amber_on, RED_AFTER_AMBER_DAYS):
        return Alarm.RED
    return Alarm.AMBER if today >= amber_on else Alarm.NONE


def packet_alarm(
    collected_on: date | None,
    received: bool,
    today: date,
    working_days_after: WorkingDaysAfter,
    *,
    sibling_received: bool = False,
) -> Alarm:
    """Say how worrying it is that a packet has not been received.

    Returns: none once received; amber at once when a sibling packet is here, or two working days after collection; red
        after three.
    Source: project policy (domain: scripts, section 7).
    """
    if received:
        return Alarm.NONE
    late = Alarm.UNKNOWN if collected_on is None else Alarm.NONE
    if collected_on is not None and today >= working_days_after(collected_on, PACKET_RED_AFTER_DAYS):
        return Alarm.RED
    if collected_on is not None and today >= working_days_after(collected_on, PACKET_AMBER_AFTER_DAYS):
        late = Alarm.AMBER
    return Alarm.AMBER if sibling_received else late


DECISION_AMBER_BEFORE_DAYS = 5
"""So many working days before the last day for a decision a case without one becomes amber. Source: project policy."""


def decision_alarm(decide_by: date, today: date, working_days_after: WorkingDaysAfter) -> Alarm:
    """Say how worrying it is that nothing is decided about a missing script.

    Returns: amber from five working days before the last day for a decision, red once it has passed.
    Source: project policy (domain: scripts, section 10).
    """
    if today > decide_by:
        return Alarm.RED
    return Alarm.AMBER if today >= working_days_after(decide_by, -DECISION_AMBER_BEFORE_DAYS) else Alarm.NONE


def is_worse(one: Alarm, other: Alarm) -> bool:
    """Say whether the first alarm is more worrying than the second."""
    return ALARM_ORDER[one] > ALARM_ORDER[other]


def worse(one: Alarm, other: Alarm) -> Alarm:
    """Return the more worrying of two alarms; the second when they are the same."""
    return one if is_worse(one, other) else other
