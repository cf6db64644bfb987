"""What centres still have to send, for how long it has been waited for, and the reminders that were made of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import TypeVar

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from moderation.entries import PRACTICE_PREFIX, SubmissionMode
from moderation.records.rules import policy_for
from moderation.records.slots import slots_for
from moderation.slots import required_slots
from moderation.submission import MARKS_EDITABLE, WORK_EXPECTED, CaseState
from moderation.tables import (
    Candidate,
    Centre,
    CentreMark,
    Component,
    Consignment,
    Entry,
    EntryOption,
    Extension,
    ItemFinding,
    ModerationCase,
    OptionComponent,
    Reminder,
    Sample,
    SampleItem,
    new_id,
)
from moderation.tracking import Finding, Subject, reminder_due, working_days_late
from moderation.working_days import Nation, end_of_day

T = TypeVar("T")
TOGETHER = 500
"""So many cases are looked at in one statement."""


@dataclass(frozen=True, slots=True)
class Outstanding:
    """Something a centre still has to send: the marks of a component, or its sample."""

    case_id: str
    series_key: str
    component_code: str
    component_title: str
    centre_number: str
    centre_name: str
    nation: Nation
    submission_mode: str
    state: CaseState
    subject: Subject
    due_at: datetime | None

    def is_late(self, now: datetime) -> bool:
        """Say whether it should have come by now."""
        return self.due_at is not None and self.due_at < now

    def working_days_late(self, now: datetime) -> int:
        """Return how many working days ago it should have come; 0 for what is not late."""
        return 0 if self.due_at is None else working_days_late(self.due_at, now, self.nation)


@dataclass(frozen=True, slots=True)
class ReminderView:
    """A reminder that was made: of which case and what, due when, and when it was made."""

    case_id: str
    subject: Subject
    due_at: datetime
    working_days: int
    made_at: datetime


def outstanding(
    session: Session,
    *,
    series_key: str | None = None,
    component_code: str | None = None,
    centre_number: str | None = None,
) -> list[Outstanding]:
    """Return what centres still have to send, what is due first at the top and what has no day at the end."""
    query = (
        select(
            ModerationCase.id,
            ModerationCase.series_key,
            ModerationCase.component_code,
            Component.title,
            ModerationCase.centre_number,
            Centre.name,
            Centre.nation,
            ModerationCase.submission_mode,
            ModerationCase.state,
            func.coalesce(ModerationCase.marks_extended_on, Component.due_on),
            Sample.due_at,
        )
        .join(
            Component,
            (Component.series_key == ModerationCase.series_key)
            & (Component.component_code == ModerationCase.component_code),
        )
        .outerjoin(Sample, Sample.id == ModerationCase.sample_id)
        .outerjoin(Centre, Centre.centre_number == ModerationCase.centre_number)
        .where(ModerationCase.state.in_([*MARKS_EDITABLE, *WORK_EXPECTED]))
    )
    for column, value in (
        (ModerationCase.series_key, series_key),
        (ModerationCase.component_code, component_code),
        (ModerationCase.centre_number, centre_number),
    ):
        if value is not None:
            query = query.where(column == value)
    if centre_number is None:
        query = query.where(ModerationCase.centre_number.not_like(f"{PRACTICE_PREFIX}%"))  # practice counts nowhere
    ends: dict[date, datetime] = {}
    found = []
    for case_id, key, code, title, number, name, nation, mode, state, marks_due_on, sample_due_at in session.execute(
        query
    ):
        marks = state in MARKS_EDITABLE
        if marks and marks_due_on is not None and marks_due_on not in ends:
            ends[marks_due_on] = end_of_day(marks_due_on)
        found.append(
            Outstanding(
                case_id,
                key,
                code,
                title,
                number,
                name or "",
                Nation(nation or Nation.ENGLAND),
                mode,
                CaseState(state),
                Subject.MARKS if marks else Subject.SAMPLE,
                ends.get(marks_due_on) if marks else sample_due_at,
            )
        )
    never = datetime.max.replace(tzinfo=UTC)
    return sorted(found, key=lambda one: (one.due_at or never, one.centre_number, one.component_code))


def missing_of(
    session: Session, lines: Sequence[Outstanding], released: Mapping[str, frozenset[str]]
) -> dict[str, tuple[str, ...]]:
    """Return what is missing of each case: candidate numbers of works, or in words how many marks.

    Takes: ``released``, the slots of each sample item that hold a released file, as the service knows them.
    """
    missing: dict[str, tuple[str, ...]] = {}
    for part in _parts(lines):
        samples = [line for line in part if line.subject is Subject.SAMPLE]
        missing |= _missing_works(session, samples, released)
        missing |= _missing_marks(session, [line for line in part if line.subject is Subject.MARKS])
    return missing


def extensions_asked(session: Session) -> frozenset[str]:
    """Return the cases for which more time was asked and nobody has decided yet."""
    return frozenset(session.scalars(select(Extension.case_id).where(Extension.decided_at.is_(None))))


# Reminders


def reminders_due(session: Session, now: datetime) -> list[ReminderView]:
    """Return the reminders that are due and were not made before; it only reads.

    Source: days are the policy's of each component, ``ModerationPolicy.reminder_working_days``; for marks and samples
    alike, which is project policy.
    """
    days: dict[tuple[str, str], tuple[int, ...]] = {}
    clocks: dict[tuple[datetime, Nation, tuple[int, ...]], int | None] = {}
    due: list[ReminderView] = []
    for line in outstanding(session):
        if line.due_at is None:
            continue
        place = (line.series_key, line.component_code)
        if place not in days:
            days[place] = policy_for(session, session.get_one(Component, place)).reminder_working_days
        clock = (line.due_at, line.nation, days[place])
        if clock not in clocks:
            clocks[clock] = reminder_due(line.due_at, now, line.nation, days[place])
        when = clocks[clock]
        if when is not None:
            due.append(ReminderView(line.case_id, line.subject, line.due_at, when, now))
    made = _made(session, [one.case_id for one in due])
    # A later one of the same clock stands for those before it.
    return [
        one for one in due if made.get((one.case_id, one.subject, one.due_at), one.working_days + 1) > one.working_days
    ]


def add_reminders(session: Session, reminders: Sequence[ReminderView]) -> None:
    """Write reminders; the database refuses one that was made before."""
    rows = [{"id": new_id(), **asdict(one), "subject": one.subject.value} for one in reminders]
    for part in _parts(rows):
        session.execute(insert(Reminder), part)


def make_reminders(session: Session, now: datetime) -> int:
    """Make the reminders that are due and were not made before; returns how many."""
    due = reminders_due(session, now)
    add_reminders(session, due)
    return len(due)


def _made(session: Session, case_ids: Sequence[str]) -> dict[tuple[str, str, datetime], int]:
    """Return the newest reminder made of each clock of the cases."""
    made: dict[tuple[str, str, datetime], int] = {}
    for part in _parts(case_ids):
        query = (
            select(Reminder.case_id, Reminder.subject, Reminder.due_at, func.min(Reminder.working_days))
            .where(Reminder.case_id.in_(part))
            .group_by(Reminder.case_id, Reminder.subject, Reminder.due_at)
        )
        made |= {(case_id, subject, due_at): when for case_id, subject, due_at, when in session.execute(query)}
    return made


def reminders_of(session: Session, case_ids: Collection[str]) -> dict[str, list[ReminderView]]:
    """Return the reminders made of each case, oldest first."""
    found: dict[str, list[ReminderView]] = defaultdict(list)
    for part in _parts(list(case_ids)):
        query = select(Reminder).where(Reminder.case_id.in_(part)).order_by(Reminder.made_at)
        for row in session.scalars(query):
            view = ReminderView(row.case_id, Subject(row.subject), row.due_at, row.working_days, row.made_at)
            found[row.case_id].append(view)
    return found


def inbox(session: Session, centre_number: str) -> list[tuple[Outstanding, ReminderView]]:
    """Return the newest reminder of everything a centre still has to send, what is due first at the top."""
    lines = outstanding(session, centre_number=centre_number)
    reminders = reminders_of(session, [line.case_id for line in lines])
    return [
        (line, newest) for line in lines if (newest := _standing(line, reminders.get(line.case_id, ()))) is not None
    ]


def _standing(line: Outstanding, reminders: Sequence[ReminderView]) -> ReminderView | None:
    """Return the newest reminder of the clock that runs now; those of one that was extended are over."""
    return next((one for one in reversed(reminders) if (one.subject, one.due_at) == (line.subject, line.due_at)), None)


def _parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), TOGETHER):
        yield rows[start : start + TOGETHER]


# What is missing


def _missing_works(
    session: Session, lines: Sequence[Outstanding], released: Mapping[str, frozenset[str]]
) -> dict[str, tuple[str, ...]]:
    by_case = {line.case_id: line for line in lines}
    required = {
        place: required_slots(slots_for(session, *place))
        for place in {(line.series_key, line.component_code) for line in lines}
    }
    rows = session.execute(
        select(SampleItem.id, SampleItem.case_id, Candidate.candidate_number)
        .join(ModerationCase, ModerationCase.id == SampleItem.case_id)
        .join(Candidate, Candidate.id == SampleItem.candidate_id)
        .where(
            SampleItem.case_id.in_(by_case),
            SampleItem.sample_id == ModerationCase.sample_id,
            SampleItem.no_work_reason == "",
            SampleItem.replaced_at.is_(None),
        )
        .order_by(SampleItem.position)
    ).all()
    unpacked = _unpacked(session, [line.case_id for line in lines if line.submission_mode != "UPLOAD"])
    missing: dict[str, list[str]] = {line.case_id: [] for line in lines}
    for item_id, case_id, number in rows:
        line = by_case[case_id]
        if line.submission_mode == "UPLOAD":
            here = required[line.series_key, line.component_code] <= released.get(item_id, frozenset())
        else:
            here = item_id in unpacked
        if not here:
            missing[case_id].append(number)
    return {case_id: tuple(numbers) for case_id, numbers in missing.items()}


def _unpacked(session: Session, case_ids: Collection[str]) -> frozenset[str]:
    """Return the works that are with the moderator: by the newest finding, or by a parcel opened without any."""
    here: set[str] = set()
    for contents in session.scalars(
        select(Consignment.received_contents).where(
            Consignment.case_id.in_(case_ids), Consignment.received_at.is_not(None)
        )
    ):
        here |= set(contents or ())
    findings = session.execute(
        select(ItemFinding.sample_item_id, ItemFinding.finding)
        .join(SampleItem, SampleItem.id == ItemFinding.sample_item_id)
        .where(SampleItem.case_id.in_(case_ids))
        .order_by(ItemFinding.number)
    )
    for item_id, finding in findings:
        (here.add if finding == Finding.RECEIVED else here.discard)(item_id)
    return frozenset(here)


def _missing_marks(session: Session, lines: Sequence[Outstanding]) -> dict[str, tuple[str, ...]]:
    entered = {
        (series_key, component_code, centre_number): count
        for series_key, component_code, centre_number, count in session.execute(
            select(
                Candidate.series_key,
                OptionComponent.component_code,
                Candidate.centre_number,
                func.count(Candidate.id.distinct()),
            )
            .join(Entry, Entry.candidate_id == Candidate.id)
            .join(
                OptionComponent,
                (OptionComponent.series_key == Entry.series_key) & (OptionComponent.option_code == Entry.option_code),
            )
            .join(
                EntryOption,
                (EntryOption.series_key == Entry.series_key) & (EntryOption.option_code == Entry.option_code),
            )
            .where(
                func.coalesce(EntryOption.submission_mode, "") != SubmissionMode.CARRIED_FORWARD.value,
                Candidate.centre_number.in_({line.centre_number for line in lines}),
                OptionComponent.component_code.in_({line.component_code for line in lines}),
                Entry.withdrawn_at.is_(None),
            )
            .group_by(Candidate.series_key, OptionComponent.component_code, Candidate.centre_number)
        )
    }
    marked = {
        row[0]: row[1]
        for row in session.execute(
            select(CentreMark.case_id, func.count())
            .join(ModerationCase, ModerationCase.id == CentreMark.case_id)
            .where(
                CentreMark.case_id.in_([line.case_id for line in lines]),
                CentreMark.mark_set_version == ModerationCase.mark_set_version,
            )
            .group_by(CentreMark.case_id)
        )
    }
    missing: dict[str, tuple[str, ...]] = {}
    for line in lines:
        total = entered.get((line.series_key, line.component_code, line.centre_number), 0)
        done = 0 if line.state is CaseState.RETURNED_TO_CENTRE else min(marked.get(line.case_id, 0), total)
        words = f"{total - done} of {total} marks" if done < total else "The marks are not submitted"
        missing[line.case_id] = (words,)
    return missing
