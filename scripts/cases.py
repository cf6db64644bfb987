"""What a case of scripts is about: its level, who has it, how long it may take, and which reasons can close it.

Everything here is data with a stated default; an awarding body that works otherwise changes the tables, not the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from zoneinfo import ZoneInfo

from scripts.reconciliation import Explanation

LONDON = ZoneInfo("Europe/London")
DECIDE_BEFORE_RESULTS_DAYS = 10
"""Something is decided about a missing script so many working days before results, at the latest.

Source: project policy (domain: scripts, section 10); no public rule exists.
"""
NOTE_LIMIT = 2000

WorkingDaysAfter = Callable[[date, int], date]
"""Gives the date a number of working days after another; a negative number counts back."""


class Level(StrEnum):
    """Where a difference appeared.

    Source: project policy (domain: scripts, section 9).
    """

    SITTING = "sitting"
    PACKET = "packet"
    SCRIPT = "script"
    PAGE = "page"


class CaseState(StrEnum):
    """How a case stands: ``answered`` means that its difference is gone, and that a person's reason is still wanted."""

    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


class CaseEventKind(StrEnum):
    """What happens to a case."""

    OPENED = "opened"
    ASSIGNED = "assigned"
    COMMENTED = "commented"
    DUE_CHANGED = "due_changed"
    ALARM = "alarm"
    """It became amber or red, and its centre and its owner were told."""
    REPLIED = "replied"
    """Its centre answered."""
    ANSWERED = "answered"
    """The difference is gone."""
    CLOSED = "closed"
    REOPENED = "reopened"
    LOCATED = "located"
    """A script that was declared missing turned up."""


class Reason(StrEnum):
    """Why a case is closed.

    Source: project policy (domain: scripts, sections 9 and 10).
    """

    LOCATED_LATE = "located_late"
    COUNTING_ERROR = "counting_error"
    REGISTER_ERROR = "register_error"
    OTHER_ROUTE = "other_route"
    SPECIAL_ARRANGEMENTS = "special_arrangements"
    MALPRACTICE_HOLD = "malpractice_hold"
    ESTIMATED_MARK = "estimated_mark"
    RESULT_X = "result_x"
    RESCANNED = "rescanned"
    PAGES_SETTLED = "pages_settled"
    OTHER = "other"


EXPLAINS: Mapping[Reason, Explanation] = MappingProxyType(
    {
        Reason.OTHER_ROUTE: Explanation.OTHER_ROUTE,
        Reason.SPECIAL_ARRANGEMENTS: Explanation.SPECIAL_ARRANGEMENTS,
        Reason.MALPRACTICE_HOLD: Explanation.MALPRACTICE_HOLD,
        Reason.REGISTER_ERROR: Explanation.REGISTER_ERROR,
    }
)
"""Reasons that explain why a present candidate's script does not come: they enter equation 3."""
DECLARES = frozenset({Reason.ESTIMATED_MARK, Reason.RESULT_X})
"""Reasons that declare a script missing: its candidate gets something in its place, and results wait until that is done."""

_FOUND = frozenset({Reason.LOCATED_LATE})
_ABOUT_SCRIPTS = _FOUND | DECLARES | frozenset(EXPLAINS) | {Reason.COUNTING_ERROR}
_ABOUT_PAGES = frozenset({Reason.PAGES_SETTLED, Reason.RESCANNED, Reason.COUNTING_ERROR})
CLERK, OFFICER = "tracking_clerk", "ab_officer"


@dataclass(frozen=True, slots=True)
class CasePolicy:
    """How cases of a kind are handled.

    ``due_days``: working days from opening; ``owner_role``: the team that has it; ``asks_centre``: the centre is asked
    from amber on, or from the start when the case is about what the centre recorded (``at_once``).
    """

    level: Level
    due_days: int
    reasons: frozenset[Reason]
    owner_role: str = CLERK
    asks_centre: bool = False
    at_once: bool = False


def _centre(level: Level, days: int, reasons: frozenset[Reason], *, at_once: bool = False) -> CasePolicy:
    return CasePolicy(level, days, reasons, CLERK, True, at_once)


_PAGE = CasePolicy(Level.PAGE, 1, _ABOUT_PAGES)
_BAG = CasePolicy(Level.PACKET, 1, frozenset({Reason.LOCATED_LATE, Reason.OTHER}))
_LOG = _centre(Level.PACKET, 1, frozenset({Reason.COUNTING_ERROR, Reason.REGISTER_ERROR, Reason.OTHER}), at_once=True)
CASE_POLICY: Mapping[str, CasePolicy] = MappingProxyType(
    {
        # What does not add up
        "register_incomplete": _centre(Level.SITTING, 1, frozenset({Reason.REGISTER_ERROR}), at_once=True),
        "log_differs_from_register": _centre(
            Level.SITTING, 1, frozenset({Reason.COUNTING_ERROR, Reason.REGISTER_ERROR}), at_once=True
        ),
        "packet_count_over": CasePolicy(Level.PACKET, 1, frozenset({Reason.COUNTING_ERROR, Reason.REGISTER_ERROR})),
        "register_present_no_script": _centre(Level.SCRIPT, 3, _ABOUT_SCRIPTS),
        "register_absent_script_found": _centre(Level.SCRIPT, 3, frozenset({Reason.REGISTER_ERROR}), at_once=True),
        "candidate_on_two_registers": _centre(Level.SCRIPT, 3, frozenset({Reason.REGISTER_ERROR}), at_once=True),
        "pages_unaccounted": CasePolicy(Level.PAGE, 1, _ABOUT_PAGES),
        # The alarm
        "missing": _centre(Level.SCRIPT, 5, _ABOUT_SCRIPTS),
        "packet_overdue": _centre(Level.PACKET, 2, _ABOUT_SCRIPTS),
        "packet_unseen": _centre(Level.PACKET, 2, _ABOUT_SCRIPTS),
        # What is noticed about a packet
        "damaged": _BAG,
        "opened_in_transit": _BAG,
        "wrong_component": _BAG,
        "duplicate_label": _BAG,
        # What the despatch log says differently from the register, or twice
        "log_count_differs": _LOG,
        "sealed_twice": _LOG,
        "handed_over_twice": _LOG,
        "misrouted": CasePolicy(Level.PACKET, 2, _BAG.reasons),
        "lost": _centre(Level.PACKET, 5, _ABOUT_SCRIPTS | {Reason.OTHER}),
        # What is noticed when pages are read
        "missing_pages": CasePolicy(Level.SCRIPT, 2, _ABOUT_PAGES | {Reason.OTHER}),
        "double_feed": _PAGE,
        # A marker may have seen the images that a new version replaces: somebody tells the marker
        "rescan_after_release": CasePolicy(Level.SCRIPT, 1, frozenset({Reason.RESCANNED, Reason.OTHER}), OFFICER),
        "manual_handling": CasePolicy(Level.SCRIPT, 2, frozenset({Reason.RESCANNED, Reason.OTHER})),
    }
)
"""Kinds of cases and how each is handled. Source: project policy (domain: scripts, sections 7 to 10)."""
OF_PAGES = CasePolicy(Level.PAGE, 1, _ABOUT_PAGES | {Reason.OTHER})
"""Every kind that is not named: a reason for which scanned pages wait for a person, or what somebody noticed about them."""
ABOUT_MISSING = frozenset({"missing", "register_present_no_script", "packet_overdue", "packet_unseen", "lost"})
"""Kinds of cases that say that a script is not here: results wait for a decision about each."""


def policy_of(kind: str) -> CasePolicy:
    """Return how cases of this kind are handled."""
    return CASE_POLICY.get(kind, OF_PAGES)


def due_on(kind: str, opened_on: date, working_days_after: WorkingDaysAfter) -> date:
    """Return the day by which something must be done about a case opened on this day."""
    return working_days_after(opened_on, policy_of(kind).due_days)


def decide_by(results_on: date, working_days_after: WorkingDaysAfter) -> date:
    """Return the last day for a decision about a missing script.

    Source: project policy (domain: scripts, section 10): ten working days before results.
    """
    return working_days_after(results_on, -DECIDE_BEFORE_RESULTS_DAYS)


def weekdays_after(on: date, days: int) -> date:
    """Return the date so many weekdays after another (before it, when negative): where nobody gives a calendar."""
    step = 1 if days >= 0 else -1
    for _ in range(abs(days)):
        on += timedelta(days=step)
        while on.weekday() >= 5:
            on += timedelta(days=step)
    return on


def end_of(on: date) -> datetime:
    """Return the last second of a day in London, as an aware instant in UTC."""
    return datetime.combine(on, time(23, 59, 59), LONDON).astimezone(UTC)


def day_of(instant: datetime) -> date:
    """Return the day of an instant, in London."""
    return instant.astimezone(LONDON).date()
