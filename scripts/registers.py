"""The attendance register as rules: what entries change on it, who may correct what, who sits where, who clashes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from scripts.errors import RegisterRefused, SecondPersonNeeded
from scripts.labels import CANDIDATE, CENTRE
from scripts.reconciliation import RegisterState

ENTRIES = "entries"
"""Who strikes a line out when its entry was withdrawn."""
NAME_CHARACTERS = 120
REASON_CHARACTERS = 200


class ChangeKind(StrEnum):
    """What can happen to a register after it was opened.

    Source: project policy (domain: scripts, section 2, step 1).
    """

    LATE_ENTRY = "late_entry"
    ENTRY_WITHDRAWN = "entry_withdrawn"
    ENTRY_RESTORED = "entry_restored"
    ADDED = "added"
    MARKED = "marked"
    SEATED = "seated"
    BOOKLETS = "booklets"
    EXPLAINED = "explained"
    CORRECTED = "corrected"
    CORRECTION_REFUSED = "correction_refused"
    MOVED_AWAY = "moved_away"
    MOVED_HERE = "moved_here"
    RESCHEDULED = "rescheduled"
    SIGNED_OFF = "signed_off"


class CorrectionField(StrEnum):
    """What of a line two people may correct; ``mark`` only once the register is signed off.

    Source: OCR, https://www.ocr.org.uk/administration/general-qualifications/assessment/exams/send-scripts-for-marking/:
    only centre number, candidate number and name may be corrected, counter-signed.
    """

    CENTRE_NUMBER = "centre_number"
    CANDIDATE_NUMBER = "candidate_number"
    NAME = "name"
    MARK = "mark"


@dataclass(frozen=True, slots=True)
class Addition:
    """A candidate who sat without being listed: the number, the name as written in, and why."""

    candidate_number: str
    name: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LineFacts:
    """What the rules need of a line: the mark, who made it, whether written in by hand, whether moved to another time."""

    candidate_number: str
    state: RegisterState
    added: bool = False
    marked_by: str | None = None
    is_moved: bool = False


@dataclass(frozen=True, slots=True)
class EntryChanges:
    """What the entries of today change on a register: nobody's mark.

    ``kept``: candidates who were marked and whose entry is withdrawn since; their lines stand as they are.
    """

    late: tuple[str, ...]
    withdrawn: tuple[str, ...]
    restored: tuple[str, ...]
    kept: tuple[str, ...]


def entry_changes(entered: Collection[str], lines: Collection[LineFacts]) -> EntryChanges:
    """Compare a register with the entries of today; a line that somebody marked is never changed.

    Source: project policy (domain: scripts, sections 2 and 9): a withdrawn candidate is struck out, not removed.
    """
    on = {line.candidate_number: line for line in lines}
    gone = [line for line in lines if not line.added and line.candidate_number not in entered]
    struck = [line for line in lines if line.state == RegisterState.WITHDRAWN and line.marked_by == ENTRIES]
    return EntryChanges(
        late=tuple(sorted(set(entered) - set(on))),
        withdrawn=tuple(sorted(line.candidate_number for line in gone if line.state == RegisterState.UNMARKED)),
        restored=tuple(
            sorted(line.candidate_number for line in struck if line.candidate_number in entered and not line.is_moved)
        ),
        kept=tuple(
            sorted(
                line.candidate_number for line in gone if line.state in (RegisterState.PRESENT, RegisterState.ABSENT)
            )
        ),
    )


def checked_correction(field: CorrectionField, before: str, after: str, reason: str) -> str:
    """Return the corrected value in its proper form.

    Raises: ``RegisterRefused``, naming what is wrong: the value, that nothing differs, or that there is no reason.
    Source: project policy (domain: scripts, section 2): only centre number, candidate number and name.
    """
    after = re.sub(r"\s+", " ", after).strip()
    if field is CorrectionField.CENTRE_NUMBER and CENTRE.fullmatch(after) is None:
        raise RegisterRefused("A centre number is five digits.", field="after")
    if field is CorrectionField.CANDIDATE_NUMBER and (CANDIDATE.fullmatch(after) is None or after == "0000"):
        raise RegisterRefused("A candidate number is four digits from 0001 to 9999.", field="after")
    if field is CorrectionField.NAME and not 1 <= len(after) <= NAME_CHARACTERS:
        raise RegisterRefused(f"A name has 1 to {NAME_CHARACTERS} characters.", field="after")
    if field is CorrectionField.MARK and after not in (
        RegisterState.PRESENT,
        RegisterState.ABSENT,
        RegisterState.WITHDRAWN,
    ):
        raise RegisterRefused("A mark on the register is present, absent or withdrawn.", field="after")
    if after == before:
        raise RegisterRefused("That is what the register says already.", field="after")
    require_reason(reason)
    return after


def require_reason(reason: str) -> None:
    """Refuse a change of the register that says nothing about why; raises ``RegisterRefused``."""
    if not 1 <= len(reason.strip()) <= REASON_CHARACTERS:
        raise RegisterRefused(f"Say why, in at most {REASON_CHARACTERS} characters.", field="reason")


def require_second_name(second_name: str, own_name: str) -> None:
    """Refuse a second signature of the same person; raises ``SecondPersonNeeded``."""
    if _plain(second_name) == _plain(own_name):
        raise SecondPersonNeeded("The second signature is your own. Somebody else must sign.", field="second_name")


def _plain(name: str) -> str:
    return re.sub(r"\W+", " ", name).strip().casefold()


def seat_key(seat: int | None, candidate_number: str) -> tuple[bool, int, str]:
    """Return the order of the printed register: by seat, then whoever has none by candidate number."""
    return seat is None, seat or 0, candidate_number


@dataclass(frozen=True, slots=True)
class Sat:
    """A candidate of one centre who is to sit a component at a date and session."""

    candidate_number: str
    sitting_id: str
    held_on: date
    session_of_day: str


@dataclass(frozen=True, slots=True)
class Clash:
    """A candidate with two papers or more in one session: the centre moves all but one, under supervision.

    Source: project policy; which paper is moved, and when to, is for the centre to decide.
    """

    candidate_number: str
    held_on: date
    session_of_day: str
    sitting_ids: tuple[str, ...]


def clashes(sat: Iterable[Sat]) -> tuple[Clash, ...]:
    """Return every candidate who is to be in two sittings at the same time, by day, session and number."""
    places: dict[tuple[date, str, str], list[str]] = {}
    for one in sat:
        places.setdefault((one.held_on, one.session_of_day, one.candidate_number), []).append(one.sitting_id)
    return tuple(
        Clash(number, held_on, session, tuple(sorted(ids)))
        for (held_on, session, number), ids in sorted(places.items())
        if len(set(ids)) > 1
    )
