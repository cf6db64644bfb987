"""What a centre still has to do, of everything, in one look: gaps of each component, and which are the most pressing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Final

from moderation.tracking import Subject
from moderation.working_days import LONDON, Nation, is_working_day

SOON_WORKING_DAYS: Final = 1
"""What is due today or on the next working day is pressing. Source: project policy."""


class Gap(StrEnum):
    """What may be missing of a component."""

    MARKS = "marks"
    WORK = "work"
    """Nothing, or not all, of a candidate's work was sent."""
    ATTENTION = "attention"
    """A file was held back, or the moderator cannot use what was sent."""
    CHECKING = "checking"
    """It was sent and is still being checked: nothing is to be done but to wait."""
    DECLARATION = "declaration"
    GROUP = "group"
    """Documents about the whole group."""
    SUBMIT = "submit"
    """Everything is there: it only has to be submitted."""


GAP_WORDS: Final[Mapping[Gap, str]] = {
    Gap.MARKS: "Marks to enter",
    Gap.WORK: "Work not sent",
    Gap.ATTENTION: "Needs attention",
    Gap.CHECKING: "Being checked",
    Gap.DECLARATION: "Not declared",
    Gap.GROUP: "About the whole group",
    Gap.SUBMIT: "Ready to submit",
}

IF_MISSED: Final[Mapping[Subject, str]] = {
    Subject.MARKS: "Late marks may mean that no sample can be chosen in time, and the candidates would have no result.",
    Subject.SAMPLE: "Late work may mean that marks cannot be moderated, and the candidates would have no result.",
}
"""What happens when something does not come in time. Source: project policy, after the boards' own words on late work."""


class Pressing(IntEnum):
    """How pressing a component is; the lowest comes first."""

    LATE = 0
    SOON = 1
    OPEN = 2
    WAITING = 3
    """Something is under way and the centre can only wait."""


@dataclass(frozen=True, slots=True)
class GapLine:
    """One kind of gap of a component: of which candidates, and what it is in words, such as the slots."""

    gap: Gap
    words: str
    candidate_numbers: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Return how many things it stands for: candidates, or one."""
        return len(self.candidate_numbers) or 1


def grouped(found: Iterable[tuple[Gap, str, str]]) -> tuple[GapLine, ...]:
    """Return gaps of single candidates put together: those of one kind and words stand in one line.

    Takes: kind, words and candidate number (empty for none), in the order in which candidates are listed.
    """
    lines: dict[tuple[Gap, str], list[str]] = {}
    for gap, words, number in found:
        held = lines.setdefault((gap, words), [])
        if number:
            held.append(number)
    order = list(Gap)
    return tuple(
        GapLine(gap, words, tuple(sorted(numbers)))
        for (gap, words), numbers in sorted(lines.items(), key=lambda one: (order.index(one[0][0]), one[0][1]))
    )


def pressing(gaps: Iterable[GapLine], *, is_late: bool, working_days: int | None) -> Pressing:
    """Return how pressing a component with these gaps is.

    Takes: ``working_days`` left until it is due, None where it has no day.
    """
    if all(one.gap is Gap.CHECKING for one in gaps):
        return Pressing.WAITING
    if is_late:
        return Pressing.LATE
    if working_days is not None and working_days <= SOON_WORKING_DAYS:
        return Pressing.SOON
    return Pressing.OPEN


def working_days_left(due_at: datetime, now: datetime, nation: Nation) -> int:
    """Return how many working days are left after today until something is due; 0 when it is due today or was before."""
    today, day = now.astimezone(LONDON).date(), due_at.astimezone(LONDON).date()
    return sum(is_working_day(one, nation) for one in _days_after(today, day))


def _days_after(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=number) for number in range(1, (last - first).days + 1))


def left_words(due_at: datetime | None, now: datetime, nation: Nation, late_by: int) -> str:
    """Return in words how much time is left, or how late something is."""
    if due_at is None:
        return "No day is set"
    if due_at < now:
        return f"Late by {_days(late_by)}" if late_by else "Late"
    left = working_days_left(due_at, now, nation)
    if due_at.astimezone(LONDON).date() == now.astimezone(LONDON).date():
        return "Due today"
    return f"{_days(left)} left" if left else "Due before the next working day"


def _days(number: int) -> str:
    return f"{number} working day{'' if number == 1 else 's'}"
