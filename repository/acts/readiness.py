"""The readiness board: what is missing at a centre, of every component, the most pressing at the top; also as a file.

It counts what the pages of samples show, by the same records: ``moderation.records.tracking``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from moderation.declarations import UNDECLARED, DeclarationState
from moderation.exchange.csv_text import write_table
from moderation.readiness import (
    GAP_WORDS,
    IF_MISSED,
    Gap,
    GapLine,
    Pressing,
    grouped,
    left_words,
    pressing,
    working_days_left,
)
from moderation.records import declarations as declaration_records
from moderation.records import outstanding, tracking
from moderation.records.outstanding import Outstanding
from moderation.records.tracking import TrackedItem, Tracking
from moderation.submission import CaseState
from moderation.tables import ModerationCase
from moderation.tracking import FINDING_WORDS, Finding, Subject
from repository import access, audit, evidence
from repository.access import Action, Role
from repository.acts import declarations
from repository.acts.cases import CENTRE_WORDS, STATE_WORDS, actor_of, listed
from repository.acts.declarations import Declarations
from repository.audit import Context
from repository.documents import STATE_WORDS as DOCUMENT_WORDS
from repository.documents import DocumentState
from repository.evidence import AttachedDocument
from repository.sign_in.people_tables import Teaching
from repository.tables import Assignment, Person

CSV_COLUMNS = (
    "series", "component", "title", "what", "state", "due_at", "time_left", "missing", "detail", "candidate", "teachers",
)  # fmt: skip
DECLARE_WORDS = {
    DeclarationState.MISSING: "To declare",
    DeclarationState.OVERTAKEN: "To declare again, because files changed since",
}
UNDER_CHECK = frozenset(DocumentState) - {
    DocumentState.RELEASED, DocumentState.HELD, DocumentState.REJECTED, DocumentState.WITHDRAWN,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of the board is looked at, and in which order; blanks narrow nothing."""

    component: str = ""
    teacher: str = ""
    gap: str = ""
    due: str = ""
    order: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One component of the board: when it is due, what is missing of it, and who teaches it."""

    waited: Outstanding
    state_words: str
    href: str
    left: str
    pressing: Pressing
    gaps: tuple[GapLine, ...]
    settled: int
    total: int
    teachers: tuple[str, ...]

    @property
    def if_missed(self) -> str:
        """Return what happens if it does not come in time."""
        return IF_MISSED[self.waited.subject]

    @property
    def missing(self) -> int:
        """Return how many of the sampled candidates' works are neither here nor explained."""
        return self.total - self.settled


@dataclass(frozen=True, slots=True)
class Done:
    """A component of which nothing is missing: where it stands."""

    case_id: str
    component_code: str
    title: str
    state_words: str


@dataclass(frozen=True, slots=True)
class ReadinessPage:
    """The board: what is missing, what is not, and what it can be narrowed by."""

    lines: tuple[Line, ...]
    done: tuple[Done, ...]
    total: int
    late: int
    soon: int
    works_missing: int
    components: tuple[tuple[str, str], ...]
    teachers: tuple[str, ...]


def page(session: Session, context: Context, wanted: Wanted) -> ReadinessPage:
    """Return the board of the centre of the person who asks: an exams officer's of everything, a teacher's of what they teach."""
    access.require_role(context.actor, Action.READINESS_READ)
    actor = actor_of(context)
    every = _lines(session, context)
    open_ids = {one.waited.case_id for one in every}
    done = tuple(
        Done(case.case_id, case.component_code, case.component_title, _words(case.state))
        for case in listed(session, context)
        if case.case_id not in open_ids
    )
    narrowed = [one for one in every if _is_wanted(one, wanted, context.now)]
    names = sorted({name for one in every for name in one.teachers}) if actor.role is Role.EXAMS_OFFICER else []
    return ReadinessPage(
        tuple(sorted(narrowed, key=_ORDERS.get(wanted.order, _by_pressing))),
        done,
        len(every),
        sum(one.pressing is Pressing.LATE for one in every),
        sum(one.pressing is Pressing.SOON for one in every),
        sum(one.missing for one in every),
        tuple(sorted({(one.waited.component_code, one.waited.component_title) for one in every})),
        tuple(names),
    )


def as_csv(session: Session, context: Context, wanted: Wanted) -> bytes:
    """Return the board as a CSV file, one row for each thing that is missing; that it was taken is recorded."""
    access.require_role(context.actor, Action.READINESS_READ)
    found = [one for one in _lines(session, context) if _is_wanted(one, wanted, context.now)]
    rows = [row for one in sorted(found, key=_ORDERS.get(wanted.order, _by_pressing)) for row in _rows(one, wanted)]
    audit.record(
        session, context, Action.READINESS_READ, "centre", actor_of(context).centre_number or "", rows=len(rows)
    )
    return write_table(CSV_COLUMNS, rows)


# What is missing


def _lines(session: Session, context: Context) -> list[Line]:
    actor = actor_of(context)
    waited = outstanding.outstanding(session, centre_number=actor.centre_number)
    sampled = [one.case_id for one in waited if one.subject is Subject.SAMPLE]
    cases = session.scalars(select(ModerationCase).where(ModerationCase.id.in_(sampled))).all()
    documents = evidence.documents_of(session, *{case.sample_id for case in cases if case.sample_id})
    cohort = evidence.cohort_documents(session, sampled)
    held = {item_id: evidence.held_files(files) for item_id, files in documents.items()}
    filled = {case_id: evidence.filled(files) for case_id, files in cohort.items()}
    tracked = tracking.track_all(session, cases, held, filled, context.now)
    declared = _declarations(session, waited, tracked, documents)
    marks = outstanding.missing_of(session, [one for one in waited if one.subject is Subject.MARKS], {})
    teachers = _teachers(session, context, actor.centre_number)
    lines = []
    for one in waited:
        found = tracked.get(one.case_id)
        if one.subject is Subject.MARKS:
            gaps = grouped([(Gap.MARKS, words, "") for words in marks.get(one.case_id, ())])
        else:
            gaps = grouped(_gaps(one, found, declared.get(one.case_id), documents, cohort.get(one.case_id, ())))
        late_by = one.working_days_late(context.now)
        left = left_words(one.due_at, context.now, one.nation, late_by)
        items = found.items if found else ()
        lines.append(
            Line(
                one,
                _words(one.state),
                f"/cases/{one.case_id}/{_place(one)}",
                left,
                pressing(gaps, is_late=one.is_late(context.now), working_days=_days_left(one, context.now)),
                gaps,
                sum(item.standing.is_settled for item in items),
                len(items),
                teachers(one),
            )
        )
    return lines


def _gaps(
    one: Outstanding,
    found: Tracking | None,
    declared: Declarations | None,
    documents: Mapping[str, Sequence[AttachedDocument]],
    cohort: Sequence[AttachedDocument],
) -> Iterator[tuple[Gap, str, str]]:
    """Give what is missing of a sample, candidate by candidate: kind, words, number."""
    if found is None:
        return
    several = len([slot for slot in found.slots if slot.required]) > 1
    blocked = False
    for item in found.items:
        if not item.standing.is_settled:
            blocked = True
            yield from _of_item(item, documents.get(item.item.item_id, ()), several=several, mode=one.submission_mode)
    if found.missing_cohort:
        blocked = True
        yield Gap.GROUP, ", ".join(slot.title for slot in found.missing_cohort), ""
    if any(file.state in {DocumentState.HELD, DocumentState.REJECTED} for file in cohort):
        yield Gap.ATTENTION, "A file about the whole group was held back", ""
    if declared is not None and declared.terms.each_candidate:
        for item in found.items:
            said = declared.items[item.item.item_id]
            if said.state in UNDECLARED:
                blocked = True
                yield Gap.DECLARATION, DECLARE_WORDS[said.state], item.item.candidate_number
    if not blocked:
        yield (
            Gap.SUBMIT,
            "Everything is here: submit it" if one.submission_mode == "UPLOAD" else "Nothing is missing",
            "",
        )


def _of_item(
    item: TrackedItem, files: Sequence[AttachedDocument], *, several: bool, mode: str
) -> Iterator[tuple[Gap, str, str]]:
    number = item.item.candidate_number
    if item.finding is not None and item.finding.finding is not Finding.RECEIVED:
        yield Gap.ATTENTION, f"The moderator says: {FINDING_WORDS[item.finding.finding].lower()}", number
        return
    if mode != "UPLOAD":
        words = "In the post" if item.in_post else "Not posted" if mode == "POSTAL" else "Not seen by the moderator yet"
        yield (Gap.CHECKING if item.in_post else Gap.WORK), words, number
        return
    by_slot: dict[str, set[DocumentState]] = defaultdict(set)
    for file in files:
        by_slot[file.slot].add(file.state)
    for slot in item.missing_slots:
        states = by_slot[slot.slot]
        title = f"{slot.title}: " if several else ""
        if states & UNDER_CHECK:
            yield Gap.CHECKING, f"{title}being checked", number
        elif states:
            yield Gap.ATTENTION, f"{title}{DOCUMENT_WORDS[next(iter(states))].lower()}", number
        else:
            yield Gap.WORK, slot.title if several else "Nothing sent", number


def _declarations(
    session: Session,
    waited: Iterable[Outstanding],
    tracked: Mapping[str, Tracking],
    documents: Mapping[str, tuple[AttachedDocument, ...]],
) -> dict[str, Declarations]:
    """Return how declarations stand where each candidate's work needs one."""
    found = {}
    terms = {}
    for one in waited:
        place = (one.series_key, one.component_code)
        if one.case_id not in tracked:
            continue
        if place not in terms:
            terms[place] = declaration_records.terms_for(session, *place)
        if terms[place].each_candidate:
            found[one.case_id] = declarations.of_items(session, terms[place], tracked[one.case_id].items, documents)
    return found


# Who teaches it


class _TaughtBy:
    """Answers who teaches a component."""

    def __init__(self, rows: Sequence[tuple[str, str | None, str | None]]) -> None:
        self._rows = rows

    def __call__(self, one: Outstanding) -> tuple[str, ...]:
        return tuple(
            dict.fromkeys(
                name
                for name, series_key, code in self._rows
                if series_key in {None, one.series_key} and code in {None, one.component_code}
            )
        )


def _teachers(session: Session, context: Context, centre_number: str | None) -> _TaughtBy:
    rows = session.execute(
        select(Person.display_name, Teaching.series_key, Teaching.component_code)
        .join(Assignment, Assignment.person_id == Person.id)
        .join(Teaching, Teaching.assignment_id == Assignment.id)
        .where(
            Assignment.centre_number == centre_number,
            Assignment.role == Role.TEACHER,
            Assignment.valid_from <= context.now,
            or_(Assignment.valid_to.is_(None), Assignment.valid_to > context.now),
        )
        .order_by(Person.display_name)
    )
    return _TaughtBy([(row[0], row[1], row[2]) for row in rows])


# Narrowing, order, words


def _is_wanted(one: Line, wanted: Wanted, now: datetime) -> bool:
    due_at = one.waited.due_at
    return (
        wanted.component in {"", one.waited.component_code}
        and (not wanted.teacher or wanted.teacher in one.teachers)
        and (not wanted.gap or any(gap.gap == wanted.gap for gap in one.gaps))
        and {
            "late": due_at is not None and due_at < now,
            "soon": one.pressing is Pressing.SOON,
            "week": due_at is not None and now <= due_at and (due_at - now).days < 7,
        }.get(wanted.due, True)
    )


def _by_pressing(one: Line) -> tuple[object, ...]:
    return (one.pressing, *_by_day(one))


def _by_day(one: Line) -> tuple[object, ...]:
    due_at = one.waited.due_at
    return (due_at is None, due_at.timestamp() if due_at else 0, one.waited.component_code)


_ORDERS = {
    "component": lambda one: (one.waited.component_code, one.waited.series_key),
    "due": _by_day,
    "teacher": lambda one: (not one.teachers, one.teachers, one.waited.component_code),
    "missing": lambda one: (-one.missing, one.waited.component_code),
}


def _days_left(one: Outstanding, now: datetime) -> int | None:
    return None if one.due_at is None else working_days_left(one.due_at, now, one.nation)


def _words(state: CaseState) -> str:
    return CENTRE_WORDS.get(state, STATE_WORDS[state])


def _place(one: Outstanding) -> str:
    if one.subject is Subject.MARKS:
        return "marks"
    return "sample" if one.submission_mode == "UPLOAD" else "post"


def _rows(one: Line, wanted: Wanted) -> Iterator[dict[str, str | int | None]]:
    for gap in one.gaps:
        if wanted.gap and gap.gap != wanted.gap:
            continue
        for number in gap.candidate_numbers or ("",):
            yield {
                "series": one.waited.series_key,
                "component": one.waited.component_code,
                "title": one.waited.component_title,
                "what": one.waited.subject.lower(),
                "state": one.state_words,
                "due_at": one.waited.due_at.isoformat() if one.waited.due_at else None,
                "time_left": one.left,
                "missing": GAP_WORDS[gap.gap],
                "detail": gap.words,
                "candidate": number,
                "teachers": "; ".join(one.teachers),
            }
