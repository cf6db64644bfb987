"""The first calculation of results: from moderated and external marks to totals and grades, range by range."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.entries import SubmissionMode
from moderation.marks import MarkStatus
from moderation.outcome import Origin
from moderation.records.ranges import Range
from moderation.results import ComponentMark, aggregate, check_boundaries, exact_text, keep_published
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

REMEMBERED = 100_000
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


@dataclass(frozen=True, slots=True)
class _Option:
    parts: tuple[Component, ...]
    boundaries: tuple[tuple[str, int], ...]
    is_carried: bool


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

    def lines(self, centres: Range) -> Iterator[ResultLine]:
        """Yield the results of a range of centres by centre, candidate and option."""
        marks = self._marks(centres)
        waiting, reviewed = self._places(centres)
        published = self._published_grades(centres) if reviewed else {}
        rows = self._session.execute(
            select(Candidate.id, Candidate.centre_number, Candidate.candidate_number, Entry.option_code)
            .join(Entry, Entry.candidate_id == Candidate.id)
            .where(
                Candidate.series_key == self._series_key,
                Candidate.centre_number.between(*centres),
                Entry.withdrawn_at.is_(None),
            )
            .order_by(Candidate.centre_number, Candidate.candidate_number, Entry.option_code)
        )
        nothing: Mapping[str, _Mark] = {}
        for candidate_id, centre_number, number, code in rows:
            option = self._options[code]
            own = marks.get(candidate_id, nothing)
            found = tuple(self._mark(option, part, own, candidate_id, centre_number, waiting) for part in option.parts)
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
        option: _Option,
        part: Component,
        own: Mapping[str, _Mark],
        candidate_id: str,
        centre_number: str,
        waiting: Collection[tuple[str, str]],
    ) -> _Mark:
        code = part.component_code
        is_moderated = part.teacher_marks and not option.is_carried
        if is_moderated and ((centre_number, code) in waiting or (candidate_id, code) in self._held_candidates):
            return None, MarkStatus.PENDING_Q.value
        return own.get(code, (None, None))

    def _learn(self, code: str, option: _Option, found: tuple[_Mark, ...]) -> _Known:
        components = [
            ComponentMark(
                part.component_code,
                # Without a maximum a mark says nothing; the gate names such components.
                mark if part.maximum_mark else None,
                None if status is None else MarkStatus(status),
                part.maximum_mark,
                Fraction(part.weighted_maximum) if part.weighted_maximum else Fraction(part.maximum_mark),
            )
            for part, (mark, status) in zip(option.parts, found, strict=True)
        ]
        result = aggregate(components, option.boundaries)
        total = None if result.total is None else exact_text(result.total)
        indicator = None if result.indicator is None else result.indicator.value
        shown = [_component_json(one) for one in components]
        text = json.dumps([code, total, result.grade, indicator, shown], sort_keys=True, separators=(",", ":"))[1:-1]
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        known = self._known[code, found] = _Known(total, result.grade, indicator, shown, text)
        return known

    def _marks(self, centres: Range) -> Mapping[str, Mapping[str, _Mark]]:
        """Return candidate → component → mark; a moderated mark goes before one from elsewhere."""
        marks: dict[str, dict[str, _Mark]] = defaultdict(dict)
        external = self._session.execute(
            select(ExternalMark.candidate_id, ExternalMark.component_code, ExternalMark.mark, ExternalMark.status)
            .join(Candidate, Candidate.id == ExternalMark.candidate_id)
            .where(
                ExternalMark.series_key == self._series_key,
                Candidate.series_key == self._series_key,
                Candidate.centre_number.between(*centres),
            )
        )
        for candidate_id, code, mark, status in external:
            marks[candidate_id][code] = (mark, status)
        moderated = self._session.execute(
            select(
                ModeratedMark.candidate_id,
                ModerationCase.component_code,
                ModeratedMark.moderated_mark,
                ModeratedMark.status,
            )
            .join(Outcome, Outcome.id == ModeratedMark.outcome_id)
            .join(ModerationCase, ModerationCase.id == Outcome.case_id)
            .where(*_cases_in(self._series_key, centres), Outcome.superseded_at.is_(None))
        )
        for candidate_id, code, mark, status in moderated:
            marks[candidate_id][code] = (mark, status)
        return marks

    def _places(self, centres: Range) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
        """Return the (centre, component) pairs that wait, and those whose outcome came from a review."""
        waiting, reviewed = set(), set()
        rows = self._session.execute(
            select(
                ModerationCase.id,
                ModerationCase.centre_number,
                ModerationCase.component_code,
                ModerationCase.state,
                Outcome.origin,
            )
            .outerjoin(Outcome, (Outcome.case_id == ModerationCase.id) & Outcome.superseded_at.is_(None))
            .where(*_cases_in(self._series_key, centres))
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
        rows = self._session.execute(
            select(OptionResult.candidate_id, OptionResult.option_code, OptionResult.grade)
            .join(Candidate, Candidate.id == OptionResult.candidate_id)
            .where(
                OptionResult.version_id == self._published.id,
                Candidate.series_key == self._series_key,
                Candidate.centre_number.between(*centres),
            )
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
    parts: dict[str, list[Component]] = defaultdict(list)
    links = session.execute(
        select(OptionComponent.option_code, Component)
        .join(
            Component,
            (Component.series_key == OptionComponent.series_key)
            & (Component.component_code == OptionComponent.component_code),
        )
        .where(OptionComponent.series_key == series_key)
        .order_by(OptionComponent.option_code, Component.component_code)
    )
    for option_code, component in links:
        parts[option_code].append(component)
    pairs: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in session.scalars(select(GradeBoundary).where(GradeBoundary.series_key == series_key)):
        pairs[row.option_code].append((row.grade, row.mark))
    rows = session.execute(
        select(EntryOption.option_code, EntryOption.submission_mode).where(EntryOption.series_key == series_key)
    )
    return {
        code: _Option(
            tuple(parts[code]),
            check_boundaries(pairs[code], None) if code in pairs else (),
            mode == SubmissionMode.CARRIED_FORWARD,
        )
        for code, mode in rows
    }


def _component_json(one: ComponentMark) -> dict[str, Any]:
    return {
        "component": one.component_code,
        "mark": one.mark,
        "status": None if one.status is None else one.status.value,
        "maximum_mark": one.maximum_mark,
        "weighted_maximum": exact_text(one.weighted_maximum),
        "weighted_mark": None if one.mark is None else exact_text(one.weighted_maximum * one.mark / one.maximum_mark),
    }
