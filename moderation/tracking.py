"""How a sample stands, work by work: expected, received, late, incomplete, mislabelled or explained. Pure.

One table of rules says what a work is, ``RULES``; one order says what a sample is, ``WORST_FIRST``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from moderation.working_days import LONDON, Nation, is_working_day
from moderation.working_days import due_at as after_working_days

PARCEL_WORKING_DAYS: Final = 5
"""A parcel not opened so many working days after it was posted is overdue. Source: project policy, a default."""


class ItemState(StrEnum):
    """Where the work of one sampled candidate stands."""

    EXPECTED = "EXPECTED"
    RECEIVED = "RECEIVED"
    LATE = "LATE"
    INCOMPLETE = "INCOMPLETE"
    MISLABELLED = "MISLABELLED"
    EXPLAINED = "EXPLAINED"


class Finding(StrEnum):
    """What a moderator found when a work was unpacked or opened. Source: project policy."""

    RECEIVED = "RECEIVED"
    MISSING = "MISSING"
    MISLABELLED = "MISLABELLED"
    UNREADABLE = "UNREADABLE"


class MissingCode(StrEnum):
    """Why there is no work of a sampled candidate.

    Source: domain notes, statuses absent, no evidence and lost; the words are project policy.
    """

    ABSENT = "ABSENT"
    """The candidate was absent and the mark was given in error."""
    NO_EVIDENCE = "NO_EVIDENCE"
    """The work was done and leaves nothing that could be sent."""
    LOST = "LOST"
    """Lost through no fault of the candidate."""


class LossReason(StrEnum):
    """How work was lost. Source: project policy."""

    AT_CENTRE = "AT_CENTRE"
    IN_POST = "IN_POST"
    DAMAGED = "DAMAGED"
    STOLEN = "STOLEN"
    OTHER = "OTHER"


FOUND_AGAIN: Final = "FOUND"
"""Beside the codes: what was said before is taken back, and the work is waited for again."""


class Subject(StrEnum):
    """What a centre has to send by a day."""

    MARKS = "MARKS"
    SAMPLE = "SAMPLE"


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What is known of one sampled candidate's work.

    Takes: ``required``, ``released`` and ``under_way``, slots to be filled, holding a released file, and holding only
    files that are being checked or were held back; both empty for work that is not uploaded. ``finding``, the last
    thing a moderator found, if nothing was sent since. ``seen``: a visiting moderator has seen it. ``sent_at``: when
    the last part of it was sent, declared or posted. ``in_post``: it is in a parcel that was not opened yet.
    """

    due_at: datetime
    now: datetime
    required: frozenset[str] = frozenset()
    released: frozenset[str] = frozenset()
    under_way: frozenset[str] = frozenset()
    finding: Finding | None = None
    explained: bool = False
    seen: bool = False
    in_post: bool = False
    sent_at: datetime | None = None

    @property
    def all_here(self) -> bool:
        """Say whether everything of it has arrived."""
        digital = bool(self.required) and self.required <= self.released
        return self.finding is Finding.RECEIVED or (self.finding is None and (digital or self.seen))

    @property
    def something_here(self) -> bool:
        """Say whether something of it has arrived, though not all, or not so that it can be read."""
        return bool(self.released or self.under_way) or self.finding is Finding.UNREADABLE

    @property
    def is_past_due(self) -> bool:
        """Say whether it was sent after the sample was due, or was not sent and the time is over.

        What was declared, or posted, in time is in time: it may arrive later.
        Source: project policy, after the rule for uploads whose manifest came before the deadline.
        """
        arrived = self.all_here or self.in_post or self.finding in {Finding.MISLABELLED, Finding.UNREADABLE}
        sent = self.sent_at if arrived else None
        return (sent or self.now) > self.due_at


Rule = tuple[str, Callable[[ItemFacts], bool], ItemState]

RULES: Final[tuple[Rule, ...]] = (
    ("a reason was given why there is none", lambda f: f.explained, ItemState.EXPLAINED),
    ("a moderator cannot tell whose it is", lambda f: f.finding is Finding.MISLABELLED, ItemState.MISLABELLED),
    ("all of it is here", lambda f: f.all_here, ItemState.RECEIVED),
    ("some of it is here", lambda f: f.something_here, ItemState.INCOMPLETE),
    ("nothing of it was sent in time", lambda f: f.is_past_due, ItemState.LATE),
    ("otherwise", lambda _: True, ItemState.EXPECTED),
)
"""What a work is: the first rule that holds, read from top to bottom. Source: project policy."""


@dataclass(frozen=True, slots=True)
class ItemStanding:
    """Where a work stands, and whether it is, or was, late."""

    state: ItemState
    is_late: bool

    @property
    def is_settled(self) -> bool:
        """Say whether nothing more is waited for."""
        return self.state in SETTLED


SETTLED: Final = frozenset({ItemState.RECEIVED, ItemState.EXPLAINED})

WORST_FIRST: Final[tuple[ItemState, ...]] = (
    ItemState.MISLABELLED,
    ItemState.LATE,
    ItemState.INCOMPLETE,
    ItemState.EXPECTED,
    ItemState.RECEIVED,
    ItemState.EXPLAINED,
)
"""A sample is what the worst of its works is; part of it being here makes one that is waited for incomplete."""

STATE_WORDS: Final[Mapping[ItemState, str]] = MappingProxyType(
    {
        ItemState.EXPECTED: "Expected",
        ItemState.RECEIVED: "Received",
        ItemState.LATE: "Late",
        ItemState.INCOMPLETE: "Incomplete",
        ItemState.MISLABELLED: "Mislabelled",
        ItemState.EXPLAINED: "Explained",
    }
)
FINDING_WORDS: Final[Mapping[Finding, str]] = MappingProxyType(
    {
        Finding.RECEIVED: "Received",
        Finding.MISSING: "Missing",
        Finding.MISLABELLED: "Mislabelled: cannot tell whose it is",
        Finding.UNREADABLE: "Unreadable or damaged",
    }
)
MISSING_WORDS: Final[Mapping[MissingCode, str]] = MappingProxyType(
    {
        MissingCode.ABSENT: "Absent: the mark was given in error",
        MissingCode.NO_EVIDENCE: "No evidence: the work leaves nothing to send",
        MissingCode.LOST: "Lost through no fault of the candidate",
    }
)
LOSS_WORDS: Final[Mapping[LossReason, str]] = MappingProxyType(
    {
        LossReason.AT_CENTRE: "At the centre",
        LossReason.IN_POST: "In the post",
        LossReason.DAMAGED: "Damaged beyond reading",
        LossReason.STOLEN: "Stolen",
        LossReason.OTHER: "In another way",
    }
)


def standing_of(facts: ItemFacts) -> ItemStanding:
    """Return where one sampled work stands, by the first rule of ``RULES`` that holds."""
    state = next(state for _, holds, state in RULES if holds(facts))
    return ItemStanding(state, state is not ItemState.EXPLAINED and facts.is_past_due)


@dataclass(frozen=True, slots=True)
class SampleStanding:
    """Where a sample stands: the state of the whole, how many works are in each, and whether anything is late."""

    state: ItemState
    counts: Mapping[ItemState, int]
    is_late: bool
    missing_cohort: tuple[str, ...] = ()
    """Required documents about the whole group that are not here."""

    @property
    def is_complete(self) -> bool:
        """Say whether every work is here or explained, and so are the documents about the group."""
        return self.state in SETTLED


def sample_standing(
    items: Iterable[ItemStanding], missing_cohort: Iterable[str] = (), *, due_at: datetime, now: datetime
) -> SampleStanding:
    """Return where a sample stands from where its works stand, in whatever order they come."""
    held = tuple(items)
    counts = Counter(one.state for one in held)
    cohort = tuple(missing_cohort)
    state = next((state for state in WORST_FIRST if counts[state]), ItemState.RECEIVED)
    settled = sum(counts[one] for one in SETTLED)
    if (cohort and state in SETTLED) or (state is ItemState.EXPECTED and settled):
        state = ItemState.INCOMPLETE
    late = any(one.is_late for one in held) or (bool(cohort) and now > due_at)
    return SampleStanding(state, MappingProxyType({one: counts[one] for one in ItemState}), late, cohort)


# Clocks


def parcel_due_at(despatched_at: datetime, nation: Nation, working_days: int = PARCEL_WORKING_DAYS) -> datetime:
    """Return the instant after which a parcel that was not opened is overdue."""
    return after_working_days(despatched_at, nation, working_days)


def reminder_begins_at(due_at: datetime, nation: Nation, working_days: int) -> datetime:
    """Return when a reminder is to be made: at the beginning of its day in London.

    Takes: ``working_days`` before the day on which something is due; 0 is that day, negative ones come after it.
    """
    day = due_at.astimezone(LONDON).date()
    step = timedelta(days=-1 if working_days > 0 else 1)
    left = abs(working_days)
    while left:
        day += step
        left -= is_working_day(day, nation)
    return datetime(day.year, day.month, day.day, tzinfo=LONDON).astimezone(due_at.tzinfo)


def reminder_due(due_at: datetime, now: datetime, nation: Nation, days: Iterable[int]) -> int | None:
    """Return which reminder is due now: of those whose day has come the newest one, or None.

    A service that stood still for days makes one reminder when it is back, not one for each day it missed.
    Takes: ``days``, working days before something is due on which the centre is reminded, negative ones after.
    """
    come = [one for one in days if reminder_begins_at(due_at, nation, one) <= now]
    return min(come, default=None)


def working_days_late(due_at: datetime, now: datetime, nation: Nation) -> int:
    """Return how many working days have ended since something was due; 0 for what is not late."""
    day, today = due_at.astimezone(LONDON).date(), now.astimezone(LONDON).date()
    late = 0
    while day < today:
        day += timedelta(days=1)
        late += is_working_day(day, nation)
    return late
