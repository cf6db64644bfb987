"""Outcomes of a whole series at once: confirmed by a second person, computed twice, applied to everybody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.checking import Verdict, needs_check
from moderation.errors import RecomputationDiffers
from moderation.marks import is_adjustable
from moderation.outcome import OutcomeKind
from moderation.recomputation import is_adjustable_order, recompute_mark
from moderation.records.bulk import change_rows, count_anew, insert_rows, many_rows, read_rows
from moderation.records.rules import policy_for
from moderation.records.whole_series import (
    CaseLine,
    CaseSteps,
    Seen,
    StepReport,
    each_component,
    entered_in,
    groups_of,
    unseen,
)
from moderation.submission import CaseEvent, CaseState
from moderation.tables import (
    CaseTransition,
    CentreMark,
    Component,
    MarkAmendment,
    ModeratedMark,
    ModerationCase,
    ModeratorCheck,
    ModeratorMark,
    Outcome,
    SampleItem,
)


@dataclass(frozen=True, slots=True)
class _Proposed:
    """The outcome in force of a case."""

    id: str
    kind: OutcomeKind
    mapping: Sequence[int] | None
    limits: Mapping[str, str]
    mark_set_version: int
    proposed_by: str
    works_read: int
    left_out: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Works:
    """What was read of a sample: candidate → pair of marks, and everybody who ever marked in it."""

    pairs: dict[str, tuple[int, int]]
    markers: set[str]


def confirm_series(
    session: Session, series_key: str, *, officer: str, now: datetime, seen: Seen = unseen
) -> StepReport:
    """Confirm every outcome of a series that this officer may confirm, and give each candidate a moderated mark.

    Each mark is computed a second time from the works read before it is kept. Left and named: outcomes that the officer
    marked for, proposed or checked; that a team leader has yet to check; that give no marks, or the moderator's own;
    those for which an amendment of a mark waits.
    Raises: ``UnknownSeries``; ``RecomputationDiffers`` with ``candidates``, and nothing is confirmed; ``StaleVersion``.
    """
    report = StepReport("outcomes confirmed")
    with many_rows(session):
        for component, cases in each_component(session, series_key, _FOUND, seen):
            _Confirming(session, component, officer, now, report).run(cases)
        count_anew(session, Outcome, ModeratedMark, CaseTransition, ModerationCase)
    return report


class _Confirming:
    """The outcomes of one component."""

    def __init__(self, session: Session, component: Component, officer: str, now: datetime, report: StepReport) -> None:
        self._session, self._component, self._report = session, component, report
        self._officer, self._now = officer, now
        self._policy = policy_for(session, component)
        self._steps = CaseSteps()
        self._amended = self._amendments()
        self._checks = self._last_checks()

    def run(self, cases: Sequence[CaseLine]) -> None:
        """Confirm what can be, write it, and move the cases on."""
        proposed = self._proposed()
        works = self._works()
        confirmed: list[str] = []
        to_apply: dict[str, tuple[CaseLine, _Proposed, _Works]] = {}
        for members in groups_of(cases):
            outcomes = [proposed.get(case.id) for case in members]
            found = [(case, outcome) for case, outcome in zip(members, outcomes, strict=True) if outcome is not None]
            if not found:
                continue
            read = works.get(members[0].sample_id or "", _Works({}, set()))
            refusal = self._refusal(found, members, read)
            if refusal is not None:
                for case, _ in found:
                    self._report.leave(case, *refusal)
                continue
            for case, outcome in found:
                confirmed.append(outcome.id)
                self._step(case, CaseEvent.CONFIRM_OUTCOME)
                self._report.add(outcome.kind.value.lower(), 1)
                to_apply[case.id] = (case, outcome, read)
        self._write(confirmed, self._applied(to_apply))

    def _refusal(
        self, found: Sequence[tuple[CaseLine, _Proposed]], members: Sequence[CaseLine], read: _Works
    ) -> tuple[str, str] | None:
        outcome = found[0][1]
        if len(found) != len(members):
            return "outcome-missing", "A case that is moderated with this one has no outcome."
        if self._officer == outcome.proposed_by or self._officer in read.markers:
            return "same-person", "Whoever marked the works or proposed the outcome cannot confirm it."
        if outcome.kind not in _GIVES_MARKS:
            return "outcome-not-confirmable", _WORDS[outcome.kind]
        if any(case.id in self._amended for case in members):
            return "outcome-not-confirmable", "An amendment of a centre mark waits for a decision."
        if needs_check(outcome.kind, self._policy.team_leader_check, outcome.works_read):
            return self._unchecked([one.id for _, one in found], read)
        if any(one.mark_set_version != case.mark_set_version for case, one in found):
            return "marks-changed", "The centre's marks changed after the outcome was found."
        return None

    def _unchecked(self, outcome_ids: Collection[str], read: _Works) -> tuple[str, str] | None:
        """Return why the check of an outcome does not let this officer confirm it, or ``None``."""
        found = [self._checks[one] for one in outcome_ids if one in self._checks]
        if not found:
            return "check-missing", "A team leader has yet to check the moderator."
        _, verdict, checker = max(found)
        if verdict != Verdict.AGREED:
            return "check-missing", "The check did not agree with the moderator yet."
        if checker == self._officer or checker in read.markers:
            return "same-person", "Whoever checked the moderator neither marked the works nor confirms the outcome."
        return None

    def _applied(self, to_apply: Mapping[str, tuple[CaseLine, _Proposed, _Works]]) -> list[tuple[Any, ...]]:
        """Return the moderated mark of every candidate still entered, each computed twice."""
        if not to_apply:
            return []
        entered = entered_in(self._session, self._component)
        again = {case_id: _Again(outcome, read, self._component) for case_id, (_, outcome, read) in to_apply.items()}
        rows: list[tuple[Any, ...]] = []
        differing: list[str] = []
        for case_id, candidate_id, status, mark in self._marks():
            if case_id not in to_apply or candidate_id not in entered:
                continue
            outcome = to_apply[case_id][1]
            moderated = mark
            if outcome.mapping is not None and mark is not None and is_adjustable(status, mark):
                moderated = outcome.mapping[mark]
            if moderated != again[case_id].mark_of(status, mark):
                differing.append(candidate_id)
            rows.append((outcome.id, candidate_id, case_id, mark, moderated, status))
        if differing:
            raise RecomputationDiffers(candidates=differing, component_code=self._component.component_code)
        return rows

    def _write(self, confirmed: Collection[str], rows: list[tuple[Any, ...]]) -> None:
        session, report = self._session, self._report
        change_rows(
            session,
            Outcome,
            ("id",),
            (),
            [(one,) for one in confirmed],
            {"confirmed_by": self._officer, "confirmed_at": self._now},
        )
        report.add("moderated marks", insert_rows(session, ModeratedMark, _MODERATED, rows))
        report.add("cases", self._steps.write(session))

    def _step(self, case: CaseLine, event: CaseEvent) -> None:
        self._steps.step(case, event, actor=self._officer, now=self._now)

    # What is read

    def _in_component(self) -> tuple[Any, ...]:
        return (
            ModerationCase.series_key == self._component.series_key,
            ModerationCase.component_code == self._component.component_code,
        )

    def _amendments(self) -> set[str]:
        return set(
            self._session.scalars(
                select(MarkAmendment.case_id)
                .join(ModerationCase, ModerationCase.id == MarkAmendment.case_id)
                .where(*self._in_component(), MarkAmendment.decided_at.is_(None))
            )
        )

    def _last_checks(self) -> dict[str, tuple[tuple[datetime, int], str, str]]:
        """Return outcome → when its latest check was decided, its verdict and who made it."""
        rows = read_rows(
            self._session,
            select(
                ModeratorCheck.outcome_id,
                ModeratorCheck.decided_at,
                ModeratorCheck.number,
                ModeratorCheck.verdict,
                ModeratorCheck.checker_id,
            )
            .join(Outcome, Outcome.id == ModeratorCheck.outcome_id)
            .join(ModerationCase, ModerationCase.id == Outcome.case_id)
            .where(*self._in_component(), Outcome.superseded_at.is_(None), ModeratorCheck.verdict.is_not(None))
            .order_by(ModeratorCheck.decided_at, ModeratorCheck.number),
        )
        return {
            outcome_id: ((decided_at, number), verdict, checker)
            for outcome_id, decided_at, number, verdict, checker in rows
        }

    def _proposed(self) -> dict[str, _Proposed]:
        rows = read_rows(
            self._session,
            select(
                Outcome.case_id,
                Outcome.id,
                Outcome.kind,
                Outcome.numbers,
                Outcome.mark_set_version,
                Outcome.proposed_by,
            )
            .join(ModerationCase, ModerationCase.id == Outcome.case_id)
            .where(
                *self._in_component(),
                ModerationCase.state.in_(_FOUND),
                Outcome.superseded_at.is_(None),
                Outcome.confirmed_at.is_(None),
            ),
        )
        return {
            case_id: _Proposed(
                outcome_id,
                OutcomeKind(kind),
                numbers["mapping"] if kind == OutcomeKind.ADJUSTED else None,
                numbers["limits"],
                mark_set_version,
                proposed_by,
                int(numbers.get("n") or 0),
                frozenset(numbers.get("left_out") or ()),
            )
            for case_id, outcome_id, kind, numbers, mark_set_version, proposed_by in rows
        }

    def _works(self) -> dict[str, _Works]:
        """Return the works read by sample, from the marks themselves, not from the outcome."""
        samples = select(ModerationCase.sample_id).where(*self._in_component())
        rows = read_rows(
            self._session,
            select(
                SampleItem.sample_id,
                SampleItem.candidate_id,
                SampleItem.no_work_reason,
                SampleItem.replaced_at,
                CentreMark.status,
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
            .where(SampleItem.sample_id.in_(samples), *self._in_component()),
        )
        found: dict[str, _Works] = defaultdict(lambda: _Works({}, set()))
        for sample_id, candidate_id, no_work, replaced_at, status, centre_mark, mark, marked_by, superseded_at in rows:
            works = found[sample_id]
            works.markers.add(marked_by)
            if superseded_at is None and replaced_at is None and not no_work and is_adjustable(status, centre_mark):
                works.pairs[candidate_id] = (centre_mark, mark)
        return found

    def _marks(self) -> Iterable[tuple[str, str, str, int | None]]:
        return read_rows(
            self._session,
            select(CentreMark.case_id, CentreMark.candidate_id, CentreMark.status, CentreMark.mark)
            .join(
                ModerationCase,
                (ModerationCase.id == CentreMark.case_id)
                & (ModerationCase.mark_set_version == CentreMark.mark_set_version),
            )
            .where(
                *self._in_component(),
                ModerationCase.state.in_(_FOUND),
            ),
        )


class _Again:
    """The second calculation of one case's marks; it shares no code with the first."""

    def __init__(self, outcome: _Proposed, read: _Works, component: Component) -> None:
        self._adjusts = outcome.kind is OutcomeKind.ADJUSTED
        pairs = [pair for candidate_id, pair in read.pairs.items() if candidate_id not in outcome.left_out]
        self._pairs, self._maximum = pairs, component.maximum_mark
        self._known: dict[int, int | None] = {}
        limits = outcome.limits
        self._allowed = not self._adjusts or is_adjustable_order(
            pairs, limits["discordant_share"], limits["correlation"]
        )

    def mark_of(self, status: str, mark: int | None) -> int | None:
        """Return the moderated mark that follows from the works read; ``-1`` where they allow none."""
        if not self._adjusts or mark is None or not is_adjustable(status, mark):
            return mark
        if mark not in self._known:
            self._known[mark] = recompute_mark(self._pairs, mark, self._maximum) if self._allowed else -1
        return self._known[mark]


_FOUND = (CaseState.OUTCOME_PROPOSED,)
_GIVES_MARKS = frozenset({OutcomeKind.ACCEPTED, OutcomeKind.ADJUSTED})
_WORDS = {
    OutcomeKind.OFFICER_DECIDES: "The works read give no line: an officer decides this case by itself.",
    OutcomeKind.MODERATOR_MARKS: "The moderator's own marks would stand: confirm this case by itself.",
    OutcomeKind.INVALID_ORDER: "An invalid order of merit gives no marks: return them to the centre with feedback.",
}
_MODERATED = ("outcome_id", "candidate_id", "case_id", "centre_mark", "moderated_mark", "status")
