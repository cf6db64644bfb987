"""The second calculation, from the marks that were given to the grades, sharing nothing with the first.

It never reads a moderated mark: it starts from centre marks, moderator marks, marks from elsewhere and the kind of
outcome that an officer confirmed, and ends at totals and grades. Results leave only when both agree on every one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.recomputation import Part, SecondLine, is_adjustable_order, recompute_result
from moderation.records.bulk import read_rows
from moderation.records.ranges import Range
from moderation.records.reviewed_marks import reviewed_marks
from moderation.tables import (
    Candidate,
    CentreMark,
    Component,
    EntryOption,
    ExternalMark,
    GradeBoundary,
    ModerationCase,
    ModeratorMark,
    OptionComponent,
    Outcome,
    SampleItem,
)

REMEMBERED = 40_000
"""Combinations of marks whose result is kept at hand, so that a national series needs no more memory than this."""
_CONFIRMED_STATES = (
    "OUTCOME_LOCKED",
    "RESULTS_ISSUED",
    "REPORT_RELEASED",
    "REVIEW_REQUESTED",
    "REVIEW_DONE",
    "APPEAL",
    "RETENTION",
    "DISPOSED",
)


class Given(NamedTuple):
    """A candidate's centre mark in the mark set in force."""

    candidate_id: str
    status: str
    mark: int | None


@dataclass(slots=True)
class SecondCase:
    """A case as the second calculation finds it.

    ``marks`` is what each candidate should have, (status, centre mark, moderated mark); ``faults`` says, as (code,
    sentence), what makes the outcome itself wrong.
    """

    case_id: str
    component_code: str
    centre_number: str
    state: str
    kind: str | None
    is_confirmed: bool
    marks: dict[str, tuple[str, int | None, int | None]] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)


class SecondResult(NamedTuple):
    """Total, grade and indicator of a candidate in an option."""

    candidate_id: str
    option_code: str
    total: Fraction | None
    grade: str | None
    indicator: str | None


class _Read(NamedTuple):
    """A work that was read: whose it is, both marks."""

    candidate_id: str
    centre_mark: int
    moderator_mark: int


class SecondCalculation:
    """Everything the second calculation finds in a series, a range of centres at a time."""

    def __init__(
        self,
        session: Session,
        series_key: str,
        *,
        held_case_ids: Collection[str] = (),
        held_candidates: Collection[tuple[str, str]] = (),
    ) -> None:
        self._session, self._series_key = session, series_key
        self._held_case_ids, self._held_candidates = frozenset(held_case_ids), frozenset(held_candidates)
        self._maxima = dict(
            session.execute(
                select(Component.component_code, Component.maximum_mark).where(Component.series_key == series_key)
            ).all()
        )
        self._parts, self._carried = _parts(session, series_key)
        self._boundaries: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for row in session.scalars(select(GradeBoundary).where(GradeBoundary.series_key == series_key)):
            self._boundaries[row.option_code].append((row.mark, row.grade))
        self._known: dict[tuple[str, tuple[tuple[str | None, int | None], ...]], Any] = {}

    def cases(self, centres: Range) -> list[SecondCase]:
        """Return the cases of a range of centres, with the mark that each candidate should have where one is due."""
        read, markers = self._works_read(centres)
        rows = read_rows(
            self._session,
            select(
                ModerationCase.id,
                ModerationCase.component_code,
                ModerationCase.centre_number,
                ModerationCase.state,
                ModerationCase.mark_set_version,
                ModerationCase.sample_id,
                Outcome.kind,
                Outcome.reason,
                Outcome.mark_set_version,
                Outcome.proposed_by,
                Outcome.confirmed_by,
                Outcome.numbers["tolerance_marks"].as_integer(),
                Outcome.numbers["limits"]["discordant_share"].as_string(),
                Outcome.numbers["limits"]["correlation"].as_string(),
                Outcome.numbers["left_out"],
            )
            .outerjoin(Outcome, (Outcome.case_id == ModerationCase.id) & Outcome.superseded_at.is_(None))
            .where(*self._cases_in(centres))
            .order_by(ModerationCase.component_code, ModerationCase.centre_number),
        ).all()
        given = self._given(centres)
        found = []
        for row in rows:
            case_id, code, centre_number, state, version, sample_id, kind, reason, of_version, *people_and_limits = row
            proposed_by, confirmed_by, tolerance, share, correlation, left_out = people_and_limits
            case = SecondCase(case_id, code, centre_number, state, kind, confirmed_by is not None)
            found.append(case)
            if state not in _CONFIRMED_STATES or kind is None:
                continue
            # Candidates held while the outcome was found are left out of it, and it says who they were.
            works = [work for work in read.get(sample_id or "", []) if work.candidate_id not in (left_out or ())]
            if of_version != version:
                case.faults.append(("marks-changed", "the centre’s marks changed after the outcome was found"))
            if confirmed_by == proposed_by or confirmed_by in markers.get(sample_id or "", ()):
                case.faults.append(("not-independent", "the outcome was confirmed by who marked or proposed it"))
            self._judge(case, works, reason, tolerance, share, correlation)
            self._fill(case, given.get(case_id, ()), works)
        return found

    def results(
        self, centres: Range, cases: Collection[SecondCase], entered: Iterable[tuple[str, str, str]]
    ) -> Iterator[SecondResult]:
        """Yield the result of every entry of a range of centres, from the marks that its cases should have.

        Takes: ``entered``, (candidate, centre number, option) of every entry.
        """
        marks: dict[str, dict[str, tuple[str | None, int | None]]] = defaultdict(dict)
        for candidate_id, code, external_status, external_mark in self._external(centres):
            marks[candidate_id][code] = (external_status, external_mark)
        waiting = set()
        for case in cases:
            if case.case_id in self._held_case_ids or case.state not in _CONFIRMED_STATES:
                waiting.add((case.centre_number, case.component_code))
                continue
            for candidate_id, (status, _, mark) in case.marks.items():
                marks[candidate_id][case.component_code] = (status, mark)
        for candidate_id, centre_number, option_code in entered:
            own = marks.get(candidate_id, {})
            found: list[tuple[str | None, int | None]] = []
            for code, is_moderated, _ in self._parts.get(option_code, ()):
                is_due = is_moderated and option_code not in self._carried
                if is_due and ((centre_number, code) in waiting or (candidate_id, code) in self._held_candidates):
                    found.append(("PENDING_Q", None))
                    continue
                given_status, given_mark = own.get(code, (None, None))
                found.append((given_status, given_mark if self._maxima[code] else None))
            yield SecondResult(candidate_id, option_code, *self._result(option_code, tuple(found)))

    # The outcome

    def _judge(
        self,
        case: SecondCase,
        works: list[_Read],
        reason: str,
        tolerance: int | None,
        share: str | None,
        correlation: str | None,
    ) -> None:
        """Note where the works read contradict what was found: an adjustment left out is the costliest fault."""
        outside = tolerance is not None and any(
            abs(work.centre_mark - work.moderator_mark) > tolerance for work in works
        )
        if case.kind == "ACCEPTED" and outside and not reason:
            case.faults.append(
                ("decision-differs", "marks were accepted although works differ by more than the tolerance")
            )
        if case.kind == "ADJUSTED":
            pairs = [(work.centre_mark, work.moderator_mark) for work in works]
            if not outside:
                case.faults.append(("decision-differs", "marks were adjusted although every work is within tolerance"))
            if share is None or correlation is None or not is_adjustable_order(pairs, share, correlation):
                case.faults.append(("decision-differs", "the order of the works read allows no adjustment"))
        if case.kind not in {"ACCEPTED", "ADJUSTED", "MODERATOR_MARKS"}:
            case.faults.append(("decision-differs", f"an outcome of kind {case.kind} gives no marks"))

    def _fill(self, case: SecondCase, given: Collection[Given], works: list[_Read]) -> None:
        pairs = [(work.centre_mark, work.moderator_mark) for work in works]
        by_candidate = {work.candidate_id: work.moderator_mark for work in works}
        maximum = self._maxima[case.component_code]
        line = SecondLine(pairs, maximum) if case.kind == "ADJUSTED" and len(pairs) >= 3 else None
        for candidate_id, status, mark in given:
            final = mark
            if status in {"PRESENT", "LOST"} and mark is not None and mark >= 1:
                if line is not None:
                    final = line.mark(mark)
                elif case.kind == "MODERATOR_MARKS":
                    final = by_candidate.get(candidate_id)
            case.marks[candidate_id] = (status, mark, final)

    # What is read

    def _cases_in(self, centres: Range) -> tuple[Any, ...]:
        return ModerationCase.series_key == self._series_key, ModerationCase.centre_number.between(*centres)

    def _given(self, centres: Range) -> Mapping[str, list[Given]]:
        rows = read_rows(
            self._session,
            select(CentreMark.case_id, CentreMark.candidate_id, CentreMark.status, CentreMark.mark)
            .join(
                ModerationCase,
                (ModerationCase.id == CentreMark.case_id)
                & (ModerationCase.mark_set_version == CentreMark.mark_set_version),
            )
            .where(*self._cases_in(centres)),
        )
        given: dict[str, list[Given]] = defaultdict(list)
        for case_id, candidate_id, status, mark in rows:
            given[case_id].append(Given(candidate_id, status, mark))
        return given

    def _works_read(self, centres: Range) -> tuple[Mapping[str, list[_Read]], Mapping[str, set[str]]]:
        """Return the works read of each sample that a case of the range rests on, and who ever marked in it."""
        samples = select(ModerationCase.sample_id).where(*self._cases_in(centres))
        reviewed = reviewed_marks(self._session, samples)
        rows = read_rows(
            self._session,
            select(
                SampleItem.id,
                SampleItem.sample_id,
                SampleItem.candidate_id,
                CentreMark.mark,
                ModeratorMark.mark,
                ModeratorMark.marked_by,
                ModeratorMark.superseded_at,
            )
            .join(ModeratorMark, ModeratorMark.sample_item_id == SampleItem.id)
            .join(ModerationCase, ModerationCase.id == SampleItem.case_id)
            .join(
                CentreMark,
                (CentreMark.case_id == SampleItem.case_id)
                & (CentreMark.candidate_id == SampleItem.candidate_id)
                & (CentreMark.mark_set_version == ModerationCase.mark_set_version),
            )
            .where(
                SampleItem.sample_id.in_(samples), SampleItem.no_work_reason == "", SampleItem.replaced_at.is_(None)
            ),
        )
        read: dict[str, list[_Read]] = defaultdict(list)
        markers: dict[str, set[str]] = defaultdict(set)
        for item_id, sample_id, candidate_id, centre_mark, moderator_mark, marked_by, superseded_at in rows:
            markers[sample_id].add(marked_by)
            if superseded_at is None and centre_mark:
                read[sample_id].append(_Read(candidate_id, centre_mark, reviewed.get(item_id, moderator_mark)))
        return read, markers

    def _external(self, centres: Range) -> Iterator[tuple[str, str, str, int | None]]:
        yield from (
            read_rows(
                self._session,
                select(ExternalMark.candidate_id, ExternalMark.component_code, ExternalMark.status, ExternalMark.mark)
                .join(Candidate, Candidate.id == ExternalMark.candidate_id)
                .where(ExternalMark.series_key == self._series_key, Candidate.centre_number.between(*centres)),
            ).all()
        )

    def _result(
        self, option_code: str, marks: tuple[tuple[str | None, int | None], ...]
    ) -> tuple[Fraction | None, str | None, str | None]:
        known = self._known.get((option_code, marks))
        if known is None:
            parts = [Part(self._maxima[code], weight) for code, _, weight in self._parts.get(option_code, ())]
            known = recompute_result(marks, parts, self._boundaries[option_code])
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[option_code, marks] = known
        found: tuple[Fraction | None, str | None, str | None] = known
        return found


def _parts(session: Session, series_key: str) -> tuple[Mapping[str, list[tuple[str, bool, str]]], frozenset[str]]:
    """Return option → (component, moderated here, weight as written), and the options that carry marks forward."""
    rows = session.execute(
        select(
            OptionComponent.option_code,
            Component.component_code,
            Component.teacher_marks,
            Component.weighted_maximum,
            Component.maximum_mark,
        )
        .join(Component, Component.component_code == OptionComponent.component_code)
        .where(OptionComponent.series_key == series_key, Component.series_key == series_key)
    )
    parts: dict[str, list[tuple[str, bool, str]]] = defaultdict(list)
    for option_code, code, is_moderated, weight, maximum in rows:
        parts[option_code].append((code, bool(is_moderated), weight or str(maximum)))
    carried = session.scalars(
        select(EntryOption.option_code).where(
            EntryOption.series_key == series_key, EntryOption.submission_mode == "CARRIED_FORWARD"
        )
    )
    return parts, frozenset(carried)
