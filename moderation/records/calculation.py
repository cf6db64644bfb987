"""The first calculation of results: from moderated and external marks to totals and grades, range by range."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.entries import SubmissionMode
from moderation.marks import MarkStatus
from moderation.outcome import Origin
from moderation.records.bulk import read_rows
from moderation.records.ranges import Range
from moderation.results import OptionRule, check_boundaries, exact_text, keep_published
from moderation.submission import SETTLED
from moderation.tables import (
    Candidate,
    Component,
    Entry,
    EntryOption,
    ExternalMark,
    GradeBoundary,
    ModeratedMark,
    ModerationCase,
    OptionComponent,
    OptionResult,
    Outcome,
    ResultVersion,
    ResultWithdrawal,
)

PROTECTING = (Origin.REVIEW.value, Origin.APPEAL.value)
"""Outcomes that may lower marks but not published grades of the same series."""

REMEMBERED = 40_000
"""Combinations of marks whose result is kept at hand, so that a national series needs no more memory than this."""

_Mark = tuple[int | None, str | None]


class ResultLine(NamedTuple):
    """The result of one candidate in one option; ``text`` is what the digest is made of."""

    candidate_id: str
    centre_number: str
    candidate_number: str
    option_code: str
    total: str | None
    grade: str | None
    indicator: str | None
    components: list[dict[str, Any]]
    is_protected: bool
    text: str


class Entered(NamedTuple):
    """A candidate's entry for an option."""

    candidate_id: str
    centre_number: str
    candidate_number: str
    option_code: str


class _Part(NamedTuple):
    """A component of an option; ``is_moderated`` unless the option carries its mark forward."""

    component_code: str
    maximum_mark: int
    weighted_maximum: Fraction
    is_moderated: bool


class _Shown(NamedTuple):
    """A component's mark as results show it, and as the digest reads it."""

    json: dict[str, Any]
    text: str


@dataclass(frozen=True, slots=True)
class _Option:
    parts: tuple[_Part, ...]
    boundaries: tuple[tuple[str, int], ...]
    rule: OptionRule


class _Known(NamedTuple):
    """What follows from the marks of an option, whoever has them."""

    total: str | None
    grade: str | None
    indicator: str | None
    components: list[dict[str, Any]]
    text: str


class Calculation:
    """Results of a series from what is recorded now; nothing is stored or released.

    Takes: ``held_case_ids``, cases whose candidates wait: they get ``Q``; cases without a confirmed outcome wait
    anyway. ``held_candidates``, (candidate, component) pairs that wait by themselves.
    """

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
        self._options = _options(session, series_key)
        self._published = published_version(session, series_key)
        self._known: dict[tuple[str, tuple[_Mark, ...]], _Known] = {}
        self._parts_shown: dict[tuple[str, int | None, str | None], _Shown] = {}

    def entered(self, centres: Range) -> list[Entered]:
        """Return the entries of a range of centres by centre, candidate and option; withdrawn ones are left out."""
        rows = read_rows(
            self._session,
            select(Candidate.id, Candidate.centre_number, Candidate.candidate_number, Entry.option_code)
            .join(Entry, Entry.candidate_id == Candidate.id)
            .where(
                Candidate.series_key == self._series_key,
                Candidate.centre_number.between(*centres),
                Entry.withdrawn_at.is_(None),
            )
            .order_by(Candidate.centre_number, Candidate.candidate_number, Entry.option_code),
        )
        return [Entered(*row) for row in rows]

    def lines(self, centres: Range, entered: Sequence[Entered] | None = None) -> Iterator[ResultLine]:
        """Yield the results of a range of centres by centre, candidate and option.

        Takes: ``entered``, the entries of the range where the caller has read them.
        """
        marks = self._marks(centres)
        waiting, reviewed = self._places(centres)
        published = self._published_grades(centres) if reviewed else {}
        nothing: Mapping[str, _Mark] = {}
        for entry in self.entered(centres) if entered is None else entered:
            candidate_id, centre_number, number, code = entry
            option = self._options[code]
            own = marks.get(candidate_id, nothing)
            found = tuple([self._mark(part, own, candidate_id, centre_number, waiting) for part in option.parts])
            known = self._known.get((code, found)) or self._learn(code, option, found)
            grade, text, is_protected = known.grade, known.text, False
            if published and any((centre_number, part.component_code) in reviewed for part in option.parts):
                before = published.get((candidate_id, code))
                if keep_published(grade, before, option.boundaries):
                    grade, is_protected = before, True
                    text = f"{known.text},{json.dumps(before)}"
            yield ResultLine(
                candidate_id,
                centre_number,
                number,
                code,
                known.total,
                grade,
                known.indicator,
                known.components,
                is_protected,
                f'["{candidate_id}",{text}]\n',
            )

    def _mark(
        self,
        part: _Part,
        own: Mapping[str, _Mark],
        candidate_id: str,
        centre_number: str,
        waiting: Collection[tuple[str, str]],
    ) -> _Mark:
        code = part.component_code
        if part.is_moderated and ((centre_number, code) in waiting or (candidate_id, code) in self._held_candidates):
            return None, MarkStatus.PENDING_Q.value
        return own.get(code, (None, None))

    def _learn(self, code: str, option: _Option, found: tuple[_Mark, ...]) -> _Known:
        # Without a maximum a mark says nothing; the gate names such components.
        given = [
            (mark if part.maximum_mark else None, status)
            for part, (mark, status) in zip(option.parts, found, strict=True)
        ]
        result = option.rule.result(given)
        total = None if result.total is None else exact_text(result.total)
        indicator = None if result.indicator is None else result.indicator.value
        shown = [self._show(part, mark) for part, mark in zip(option.parts, given, strict=True)]
        head = json.dumps([code, total, result.grade, indicator], separators=(",", ":"))[1:-1]
        text = f"{head},[{','.join(one.text for one in shown)}]"
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        known = self._known[code, found] = _Known(total, result.grade, indicator, [one.json for one in shown], text)
        return known

    def _show(self, part: _Part, given: _Mark) -> _Shown:
        mark, status = given
        shown = self._parts_shown.get((part.component_code, mark, status))
        if shown is None:
            value = {
                "component": part.component_code,
                "mark": mark,
                "status": status,
                "maximum_mark": part.maximum_mark,
                "weighted_maximum": exact_text(part.weighted_maximum),
                "weighted_mark": None if mark is None else exact_text(part.weighted_maximum * mark / part.maximum_mark),
            }
            shown = _Shown(value, json.dumps(value, sort_keys=True, separators=(",", ":")))
            self._parts_shown[part.component_code, mark, status] = shown
        return shown

    def _marks(self, centres: Range) -> Mapping[str, Mapping[str, _Mark]]:
        """Return candidate → component → mark; a moderated mark goes before one from elsewhere."""
        marks: dict[str, dict[str, _Mark]] = defaultdict(dict)
        external = read_rows(
            self._session,
            select(ExternalMark.candidate_id, ExternalMark.component_code, ExternalMark.mark, ExternalMark.status)
            .join(Candidate, Candidate.id == ExternalMark.candidate_id)
            .where(
                ExternalMark.series_key == self._series_key,
                Candidate.series_key == self._series_key,
                Candidate.centre_number.between(*centres),
            ),
        )
        for candidate_id, code, mark, status in external:
            marks[candidate_id][code] = (mark, status)
        moderated = read_rows(
            self._session,
            select(
                ModeratedMark.candidate_id,
                ModerationCase.component_code,
                ModeratedMark.moderated_mark,
                ModeratedMark.status,
            )
            .join(Outcome, Outcome.id == ModeratedMark.outcome_id)
            .join(ModerationCase, ModerationCase.id == Outcome.case_id)
            .where(*_cases_in(self._series_key, centres), Outcome.superseded_at.is_(None)),
        )
        for candidate_id, code, mark, status in moderated:
            marks[candidate_id][code] = (mark, status)
        return marks

    def _places(self, centres: Range) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
        """Return the (centre, component) pairs that wait, and those whose outcome came from a review."""
        waiting, reviewed = set(), set()
        rows = read_rows(
            self._session,
            select(
                ModerationCase.id,
                ModerationCase.centre_number,
                ModerationCase.component_code,
                ModerationCase.state,
                Outcome.origin,
            )
            .outerjoin(Outcome, (Outcome.case_id == ModerationCase.id) & Outcome.superseded_at.is_(None))
            .where(*_cases_in(self._series_key, centres)),
        )
        for case_id, centre_number, code, state, origin in rows:
            if case_id in self._held_case_ids or state not in SETTLED:
                waiting.add((centre_number, code))
            if origin in PROTECTING:
                reviewed.add((centre_number, code))
        return waiting, reviewed

    def _published_grades(self, centres: Range) -> Mapping[tuple[str, str], str | None]:
        if self._published is None:
            return {}
        rows = read_rows(
            self._session,
            select(OptionResult.candidate_id, OptionResult.option_code, OptionResult.grade)
            .join(Candidate, Candidate.id == OptionResult.candidate_id)
            .where(
                OptionResult.version_id == self._published.id,
                Candidate.series_key == self._series_key,
                Candidate.centre_number.between(*centres),
            ),
        )
        return {(candidate_id, code): grade for candidate_id, code, grade in rows}


def published_version(session: Session, series_key: str) -> ResultVersion | None:
    """Return the newest version of a series' results that was not withdrawn, or ``None``."""
    newest = (
        select(func.max(ResultVersion.number))
        .outerjoin(ResultWithdrawal, ResultWithdrawal.version_id == ResultVersion.id)
        .where(ResultVersion.series_key == series_key, ResultWithdrawal.version_id.is_(None))
        .scalar_subquery()
    )
    return session.scalars(
        select(ResultVersion).where(ResultVersion.series_key == series_key, ResultVersion.number == newest)
    ).one_or_none()


def _cases_in(series_key: str, centres: Range) -> tuple[Any, ...]:
    return ModerationCase.series_key == series_key, ModerationCase.centre_number.between(*centres)


def _options(session: Session, series_key: str) -> Mapping[str, _Option]:
    pairs: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in session.scalars(select(GradeBoundary).where(GradeBoundary.series_key == series_key)):
        pairs[row.option_code].append((row.grade, row.mark))
    parts: dict[str, list[_Part]] = {
        code: []
        for code in session.scalars(select(EntryOption.option_code).where(EntryOption.series_key == series_key))
    }
    links = session.execute(
        select(OptionComponent.option_code, EntryOption.submission_mode, Component)
        .join(
            EntryOption,
            (EntryOption.series_key == OptionComponent.series_key)
            & (EntryOption.option_code == OptionComponent.option_code),
        )
        .join(
            Component,
            (Component.series_key == OptionComponent.series_key)
            & (Component.component_code == OptionComponent.component_code),
        )
        .where(OptionComponent.series_key == series_key)
        .order_by(OptionComponent.option_code, Component.component_code)
    )
    for code, mode, component in links:
        weight = Fraction(component.weighted_maximum) if component.weighted_maximum else component.maximum_mark
        parts[code].append(
            _Part(
                component.component_code,
                component.maximum_mark,
                Fraction(weight),
                component.teacher_marks and mode != SubmissionMode.CARRIED_FORWARD,
            )
        )
    found = {}
    for code, own in parts.items():
        boundaries = check_boundaries(pairs[code], None) if code in pairs else ()
        rule = OptionRule([(part.maximum_mark, part.weighted_maximum) for part in own], boundaries)
        found[code] = _Option(tuple(own), boundaries, rule)
    return found
