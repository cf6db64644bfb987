"""What the results gate looks at, a range of centres at a time: what stands in the way, what became of every entry."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import SubmissionMode
from moderation.records.bulk import read_rows
from moderation.records.calculation import Entered, ResultLine
from moderation.records.entries import MODERATED_MODES
from moderation.records.ranges import Range
from moderation.records.second_calculation import SecondCase, SecondResult
from moderation.results import Reconciliation, kind_of_mark
from moderation.submission import SETTLED, CaseState
from moderation.tables import (
    Component,
    Entry,
    EntryOption,
    ExternalMark,
    GradeBoundary,
    ModeratedMark,
    ModerationCase,
    OptionComponent,
    Outcome,
)

NAMED = 10
"""So many candidates are named in a sentence; the block itself lists more."""
LISTED = 200


@dataclass(frozen=True, slots=True)
class GateBlock:
    """One thing that keeps results from being released, e.g. ``case-open``; ``candidates`` are candidate numbers."""

    code: str
    detail: str
    component_code: str = ""
    centre_number: str = ""
    case_id: str = ""
    candidates: tuple[str, ...] = ()


class _Entered(NamedTuple):
    candidate_number: str
    is_carried: bool


class Examination:
    """Collects what stands in the way and what became of every entry."""

    def __init__(
        self,
        session: Session,
        series_key: str,
        held_case_ids: frozenset[str],
        held_candidates: frozenset[tuple[str, str]],
    ) -> None:
        self._session, self._series_key = session, series_key
        self._held_case_ids, self._held_candidates = held_case_ids, held_candidates
        self._modes: dict[str, str | None] = dict(
            session.execute(
                select(Component.component_code, Component.submission_mode).where(
                    Component.series_key == series_key, Component.teacher_marks.is_(True)
                )
            ).all()
        )
        self._moderated = _moderated_parts(session, series_key, self._modes)
        self.blocks: list[GateBlock] = []
        self.rows: list[Reconciliation] = []
        self.held: list[str] = []
        self._differing: dict[tuple[str, str], list[str]] = defaultdict(list)

    def cases(self, centres: Range, cases: Collection[SecondCase], entries: Iterable[Entered]) -> None:
        """Examine the cases of a range of centres, and the entries that have no case."""
        entered = self._entered(entries)
        recorded = self._recorded(centres)
        for case in cases:
            place = (case.centre_number, case.component_code)
            self._case(case, entered.pop(place, {}), recorded.get(case.case_id, {}))
        for (centre_number, code), candidates in entered.items():
            self._without_case(centre_number, code, candidates)

    def result(self, line: ResultLine, again: SecondResult | None) -> None:
        """Compare the two results of a candidate in an option."""
        if again is not None:
            total = None if line.total is None else Fraction(line.total)
            same = total == again.total and line.indicator == again.indicator
            if same and (line.grade == again.grade or line.is_protected):
                return
        self._differing[line.centre_number, line.option_code].append(line.candidate_number)

    def end_of_range(self, unseen: int) -> None:
        """Say which results differ; ``unseen`` is how many only the second calculation found."""
        for (centre_number, option_code), numbers in sorted(self._differing.items()):
            self.blocks.append(
                GateBlock(
                    "result-differs",
                    f"Option {option_code} at centre {centre_number}: a second calculation gives {_named(numbers)} "
                    "another total or grade.",
                    "",
                    centre_number,
                    candidates=tuple(numbers[:LISTED]),
                )
            )
        self._differing.clear()
        if unseen:
            detail = f"{unseen} results are found by the second calculation only."
            self.blocks.append(GateBlock("result-differs", detail))

    def _case(
        self,
        case: SecondCase,
        entered: Mapping[str, _Entered],
        recorded: Mapping[str, tuple[str, int | None, int | None]],
    ) -> None:
        code, centre_number = case.component_code, case.centre_number
        counts: Counter[str] = Counter(carried_forward=sum(one.is_carried for one in entered.values()))
        is_held = case.case_id in self._held_case_ids or case.state == CaseState.MALPRACTICE_HOLD
        if is_held or case.state not in SETTLED:
            counts["held"] = len(entered) - counts["carried_forward"]
            self.rows.append(Reconciliation(code, centre_number, len(entered), **counts))
            if is_held:
                self.held.append(case.case_id)
            else:
                self._block(case, "case-open", f"has no confirmed outcome: {case.state.lower().replace('_', ' ')}.")
            return
        if not case.is_confirmed:
            self._block(case, "outcome-unconfirmed", "the outcome is not confirmed.")
        for fault, sentence in case.faults:
            self._block(case, fault, f"{sentence}.")
        lost, differing = [], []
        for candidate_id, one in entered.items():
            if one.is_carried:
                continue
            mark = recorded.get(candidate_id)
            if mark is None:
                lost.append(one.candidate_number)
                continue
            is_held_alone = (candidate_id, code) in self._held_candidates
            kind = kind_of_mark(mark[0], mark[2], adjusted=case.kind != "ACCEPTED")
            counts["held" if is_held_alone else kind] += 1
            if mark != case.marks.get(candidate_id):
                differing.append(one.candidate_number)
        if lost:
            self._block(case, "entries-unaccounted", f"no moderated mark for {_named(lost)}.", lost)
        if differing:
            detail = f"a second calculation gives {_named(differing)} another moderated mark."
            self._block(case, "recomputation-differs", detail, differing)
        self.rows.append(Reconciliation(code, centre_number, len(entered), **counts))

    def _without_case(self, centre_number: str, code: str, candidates: Mapping[str, _Entered]) -> None:
        carried = sum(one.is_carried for one in candidates.values())
        waiting = [one.candidate_number for one in candidates.values() if not one.is_carried]
        mode = self._modes[code]
        if mode == SubmissionMode.CARRIED_FORWARD:
            carried, waiting = len(candidates), []
        if mode is not None and mode not in MODERATED_MODES and not carried:
            return
        self.rows.append(Reconciliation(code, centre_number, len(candidates), carried_forward=carried))
        if not waiting:
            return
        detail = f"{code} at centre {centre_number}: no moderation was opened for {_named(waiting)}."
        self.blocks.append(GateBlock("case-missing", detail, code, centre_number, candidates=tuple(waiting[:LISTED])))

    def _block(self, case: SecondCase, code: str, detail: str, numbers: list[str] | None = None) -> None:
        self.blocks.append(
            GateBlock(
                code,
                f"{case.component_code} at centre {case.centre_number}: {detail}",
                case.component_code,
                case.centre_number,
                case.case_id,
                tuple((numbers or [])[:LISTED]),
            )
        )

    def _entered(self, entries: Iterable[Entered]) -> dict[tuple[str, str], dict[str, _Entered]]:
        """Return who is entered for each moderated component, by (centre, component)."""
        found: dict[tuple[str, str], dict[str, _Entered]] = defaultdict(dict)
        for candidate_id, centre_number, number, option_code in entries:
            for code, is_carried in self._moderated.get(option_code, ()):
                place = found[centre_number, code]
                before = place.get(candidate_id)
                # Who also has an entry that is moderated here is moderated here.
                place[candidate_id] = _Entered(number, is_carried and (before is None or before.is_carried))
        return found

    def _recorded(self, centres: Range) -> Mapping[str, dict[str, tuple[str, int | None, int | None]]]:
        rows = read_rows(
            self._session,
            select(
                ModeratedMark.case_id,
                ModeratedMark.candidate_id,
                ModeratedMark.status,
                ModeratedMark.centre_mark,
                ModeratedMark.moderated_mark,
            )
            .join(Outcome, Outcome.id == ModeratedMark.outcome_id)
            .join(ModerationCase, ModerationCase.id == Outcome.case_id)
            .where(
                ModerationCase.series_key == self._series_key,
                ModerationCase.centre_number.between(*centres),
                Outcome.superseded_at.is_(None),
            ),
        )
        found: dict[str, dict[str, tuple[str, int | None, int | None]]] = defaultdict(dict)
        for case_id, candidate_id, status, centre_mark, mark in rows:
            found[case_id][candidate_id] = (status, centre_mark, mark)
        return found


def _moderated_parts(session: Session, series_key: str, modes: Collection[str]) -> Mapping[str, list[tuple[str, bool]]]:
    """Return option → its moderated components, each with whether the option carries its mark forward."""
    rows = session.execute(
        select(OptionComponent.option_code, OptionComponent.component_code, EntryOption.submission_mode)
        .join(
            EntryOption,
            (EntryOption.series_key == OptionComponent.series_key)
            & (EntryOption.option_code == OptionComponent.option_code),
        )
        .where(OptionComponent.series_key == series_key)
    )
    found: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for option_code, code, mode in rows:
        if code in modes:
            found[option_code].append((code, mode == SubmissionMode.CARRIED_FORWARD))
    return found


def reference_blocks(session: Session, series_key: str) -> list[GateBlock]:
    """Return what is missing beside marks: entries at all, grade boundaries, maximum marks."""
    entered = set(
        session.scalars(
            select(Entry.option_code).where(Entry.series_key == series_key, Entry.withdrawn_at.is_(None)).distinct()
        )
    )
    if not entered:
        return [GateBlock("no-entries", "There are no entries in this series.")]
    known = set(session.scalars(select(GradeBoundary.option_code).where(GradeBoundary.series_key == series_key)))
    without_maximum = session.scalars(
        select(Component.component_code)
        .join(
            ExternalMark,
            (ExternalMark.series_key == Component.series_key)
            & (ExternalMark.component_code == Component.component_code),
        )
        .where(Component.series_key == series_key, Component.maximum_mark == 0, ExternalMark.mark.is_not(None))
        .distinct()
    )
    return [
        *(
            GateBlock("boundaries-missing", f"Option {option_code} has entries but no grade boundaries.")
            for option_code in sorted(entered - known)
        ),
        *(
            GateBlock("maximum-missing", f"Component {code} has marks but no maximum mark.", code)
            for code in sorted(without_maximum)
        ),
    ]


def _named(numbers: list[str]) -> str:
    """Return candidates by their numbers, the first of many, e.g. ``candidates 0007, 0012``."""
    shown = ", ".join(sorted(numbers)[:NAMED])
    rest = len(numbers) - NAMED
    more = f" and {rest} more" if rest > 0 else ""
    return f"{'candidate' if len(numbers) == 1 else 'candidates'} {shown}{more}"
