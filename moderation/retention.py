"""How long work is kept: never a typed date, always what happened last and a margin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from moderation.working_days import due_after_calendar_days


class Keeping(StrEnum):
    """What keeps work."""

    REVIEW_DEADLINE = "the window for reviews"
    REVIEW = "a review"
    APPEAL = "an appeal"
    MALPRACTICE = "a malpractice case"
    LEGAL_HOLD = "a legal hold"
    RESULTS = "results that are not out yet"
    OPEN_CASE = "a case about them that is open"
    WAITING_PAGES = "scanned pages that wait for a person"


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing that keeps work; ``ended_at`` is ``None`` while it is not over."""

    by: Keeping
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Retention:
    """Until when work is kept, and by what; ``until`` is ``None`` while something is open."""

    until: datetime | None
    kept_by: tuple[Keeping, ...]

    def is_over(self, now: datetime) -> bool:
        """Say whether the work may be disposed of."""
        return self.until is not None and now > self.until


def retain_until(things: Iterable[Kept], *, margin_days: int) -> Retention:
    """Return until when work is kept: the latest end of all that keeps it, plus a margin in calendar days.

    Anything that is open keeps it without end, a legal hold first of all.
    Takes: ``margin_days``, data; 23:59:59 in London of the last day.
    Source: JCQ, https://www.jcq.org.uk/exams-office/online-forms/guidance-notes-concerning-centre-consortium-arrangements/
    (window closes or any review, appeal or malpractice case ends, whichever is later); the margin is project policy.
    """
    found = list(things)
    still_open = tuple(dict.fromkeys(one.by for one in found if one.ended_at is None))
    if still_open or not found:
        first = (Keeping.LEGAL_HOLD,) if Keeping.LEGAL_HOLD in still_open else ()
        return Retention(None, (*first, *(one for one in still_open if one is not Keeping.LEGAL_HOLD)))
    ends = [(one.ended_at, one.by) for one in found if one.ended_at is not None]
    last = max(ended_at for ended_at, _ in ends)
    return Retention(
        due_after_calendar_days(last, margin_days),
        tuple(dict.fromkeys(by for ended_at, by in ends if ended_at == last)),
    )
