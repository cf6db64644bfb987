"""The clocks of a packet: what is due next, from when on it is amber and red, in working days.

Green is never assumed: a step whose beginning nobody has recorded has no clock, and is grey.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from scripts.states import PACKET_RANK, PacketState

Calendar = Callable[[datetime, int], datetime]
"""Gives the end of the working day that lies so many working days after an instant (0: the end of that very day); the
calendar, with its bank holidays and its time zone, lives in moderation (``moderation.working_days.due_at``)."""

_NOON = time(12, tzinfo=UTC)


class Alarm(StrEnum):
    """How worrying it is. ``unknown`` is grey: nothing is known of a hand-over, and nothing is assumed."""

    UNKNOWN = "unknown"
    NONE = "none"
    AMBER = "amber"
    RED = "red"


ALARM_ORDER: Mapping[Alarm, int] = MappingProxyType({Alarm.NONE: 0, Alarm.UNKNOWN: 1, Alarm.AMBER: 2, Alarm.RED: 3})


class Progress(Protocol):
    """What the clocks must know of a packet: a history of events has it, and so has the packet's row."""

    @property
    def state(self) -> str:
        """How far it has come."""

    @property
    def packed_at(self) -> datetime | None:
        """When it was sealed."""

    @property
    def collected_at(self) -> datetime | None:
        """When it was handed over."""

    @property
    def received_at(self) -> datetime | None:
        """When it arrived."""

    @property
    def opened_at(self) -> datetime | None:
        """When it was opened and counted."""


@dataclass(frozen=True, slots=True)
class ClockPolicy:
    """From when on each step is overdue, in working days after the step before it: ``(amber, red)``.

    ``packed`` and ``collected`` count from the day of the exam, ``received`` from the collection, ``opened`` from the
    receipt, ``reconciled`` from the opening.
    """

    days: Mapping[PacketState, tuple[int, int]] = field(
        default_factory=lambda: MappingProxyType(
            {
                PacketState.PACKED: (0, 1),
                PacketState.COLLECTED: (1, 2),
                PacketState.RECEIVED: (2, 3),
                PacketState.OPENED: (1, 2),
                PacketState.RECONCILED: (1, 2),
            }
        )
    )


DEFAULT_CLOCKS = ClockPolicy()
"""Packed by the end of the exam day; collected by the next working day, which stands for the next collection; received 2
working days after collection amber and 3 red; opened and reconciled a working day after the step before.

Source: project policy (domain: scripts, section 7); the red days of all but ``received`` are ours alone.
"""


@dataclass(frozen=True, slots=True)
class Due:
    """One step that is still to come, and its clock; without ``amber_at`` nothing is known from when to count."""

    step: PacketState
    alarm: Alarm
    amber_at: datetime | None = None
    red_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Clocks:
    """What is due of one packet: the next step first."""

    next: Due | None
    alarm: Alarm
    """The most urgent of all; amber at least from the moment a sibling has arrived and this packet has not."""
    is_overdue: bool
    sibling_alarm: bool


def clocks(
    progress: Progress,
    *,
    held_on: date,
    now: datetime,
    calendar: Calendar,
    policy: ClockPolicy = DEFAULT_CLOCKS,
    sibling_received: bool = False,
) -> Clocks:
    """Say what is due next of a packet and how urgent it is.

    Takes: ``progress``: a ``PacketHistory`` or the packet's row; ``held_on``: the day of the exam; ``sibling_received``:
        another packet of the same sitting has arrived.
    Returns: the next step and its alarm; a packet that is reconciled has nothing due.
    Source: project policy (domain: scripts, section 7).
    """
    rank = PACKET_RANK[str(progress.state)]
    due = _next(progress, rank, held_on, now, calendar, policy)
    missing = sibling_received and rank < PACKET_RANK[PacketState.RECEIVED.value]
    alarm = Alarm.NONE if due is None else due.alarm
    overdue = ALARM_ORDER[alarm] >= ALARM_ORDER[Alarm.AMBER]
    if missing and not overdue:
        alarm = Alarm.AMBER
    return Clocks(due, alarm, overdue, missing)


def _next(
    progress: Progress, rank: int, held_on: date, now: datetime, calendar: Calendar, policy: ClockPolicy
) -> Due | None:
    exam = datetime.combine(held_on, _NOON)
    steps: tuple[tuple[PacketState, datetime | None], ...] = (
        (PacketState.PACKED, exam),
        (PacketState.COLLECTED, exam),
        (PacketState.RECEIVED, progress.collected_at),
        (PacketState.OPENED, progress.received_at),
        (PacketState.RECONCILED, progress.opened_at),
    )
    for step, since in steps:
        if rank >= PACKET_RANK[step.value]:
            continue
        if since is None:  # in transit, say, and no collection recorded: grey until the log arrives
            return Due(step, Alarm.UNKNOWN)
        amber_days, red_days = policy.days[step]
        amber_at, red_at = calendar(since, amber_days), calendar(since, red_days)
        alarm = Alarm.RED if now > red_at else Alarm.AMBER if now > amber_at else Alarm.NONE
        return Due(step, alarm, amber_at, red_at)
    return None
