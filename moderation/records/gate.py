"""The results gate: nothing leaves while anything is open, unaccounted for, or computed twice differently."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from fractions import Fraction
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from moderation.entries import SubmissionMode
from moderation.errors import UnknownSeries
from moderation.records.bulk import read_rows, uncollected
from moderation.records.calculation import Calculation, Entered, ResultLine
from moderation.records.entries import MODERATED_MODES
from moderation.records.holds import held_candidates
from moderation.records.ranges import Range, centre_ranges
from moderation.records.second_calculation import SecondCalculation, SecondCase, SecondResult
from moderation.results import Reconciliation, kind_of_mark
from moderation.submission import SETTLED, CaseState
from moderation.tables import (
    Component,
    Entry,
    EntryOption,
    ExternalMark,
    GateHeld,
    GateRun,
    GradeBoundary,
    ModeratedMark,
    ModerationCase,
    OptionComponent,
    Outcome,
    SeriesRow,
    new_id,
)

NAMED = 10
"""So many candidates are named in a sentence; the block itself lists more."""
LISTED = 200
KEPT = 1000
"""So many blocks are kept with a run; their number is kept in any case."""


@dataclass(frozen=True, slots=True)
class GateBlock:
    """One thing that keeps results from being released, e.g. ``case-open``; ``candidates`` are candidate numbers."""

    code: str
    detail: str
    component_code: str = ""
    centre_number: str = ""
    case_id: str = ""
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GateReport:
    """Whether the results of a series may leave, why not, what became of every entry, and the digest of the results.

    ``digest`` is the SHA-256 of every result in order, so that what is published can be shown to be what was cleared.
    """

    series_key: str
    blocks: tuple[GateBlock, ...]
    reconciliations: tuple[Reconciliation, ...]
    held_case_ids: tuple[str, ...]
    digest: str
    results_total: int

    @property
    def is_open(self) -> bool:
        """Say whether nothing stands in the way."""
        return not self.blocks

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "series": self.series_key,
            "open": self.is_open,
            "blocks": [{**asdict(block), "candidates": list(block.candidates)} for block in self.blocks],
            "reconciliations": [_row_json(row) for row in self.reconciliations],
            "held_case_ids": list(self.held_case_ids),
            "digest": self.digest,
            "results": self.results_total,
        }

    def by_component(self) -> tuple[Reconciliation, ...]:
        """Return the reconciliation of each component over all its centres."""
        sums: dict[str, Counter[str]] = defaultdict(Counter)
        for row in self.reconciliations:
            for name, value in asdict(row).items():
                if isinstance(value, int):
                    sums[row.component_code][name] += value
        return tuple(Reconciliation(code, "", **counts) for code, counts in sorted(sums.items()))


@dataclass(frozen=True, slots=True)
class GateRunView:
    """A recorded run of the gate."""

    run_id: str
    number: int
    ran_at: datetime
    ran_by: str
    is_clear: bool
    digest: str
    results_total: int
    blocks_total: int


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a recorded run found: the first of its blocks, and the reconciliation of each component."""

    run: GateRunView
    blocks: tuple[GateBlock, ...]
    reconciliations: tuple[Reconciliation, ...]


def gate(
    session: Session,
    series_key: str,
    *,
    held_case_ids: Collection[str] = (),
    more_blocks: Iterable[GateBlock] = (),
    progress: Callable[[int, int], None] | None = None,
    take: Callable[[list[ResultLine]], None] | None = None,
) -> GateReport:
    """Return whether results may leave: every case locked, every mark and grade computed twice, every entry found again.

    Takes: ``held_case_ids``, cases that an officer holds back from this release; their candidates get ``Q``. A case
    or candidate held for malpractice is held back anyway. ``more_blocks``, what other rooms know to be open, such as missing
    scripts. ``progress`` is told (done, total) after each range of centres; ``take`` is given the results of each.
    Raises: ``UnknownSeries``.
    Source: project policy, results gate; a board paid £175,000 after 1,527 wrong results.
    """
    if session.get(SeriesRow, series_key) is None:
        raise UnknownSeries(series_key=series_key)
    ranges = centre_ranges(session, series_key)
    alone = held_candidates(session, series_key)
    first = Calculation(session, series_key, held_case_ids=held_case_ids, held_candidates=alone)
    second = SecondCalculation(session, series_key, held_case_ids=held_case_ids, held_candidates=alone)
    examination = _Examination(session, series_key, frozenset(held_case_ids), alone)
    digest, total = sha256(), 0
    for done, centres in enumerate(ranges, 1):
        with uncollected():
            lines = _examine(session, centres, first, second, examination)
        digest.update("".join([line.text for line in lines]).encode())
        total += len(lines)
        if take is not None:
            take(lines)
        if progress is not None:
            progress(done, len(ranges))
    blocks = (*examination.blocks, *_reference_blocks(session, series_key), *more_blocks)
    return GateReport(
        series_key,
        blocks,
        tuple(sorted(examination.rows, key=lambda row: (row.component_code, row.centre_number))),
        tuple(examination.held),
        digest.hexdigest(),
        total,
    )


def _examine(
    session: Session,
    centres: Range,
    first: Calculation,
    second: SecondCalculation,
    examination: _Examination,
) -> list[ResultLine]:
    """Examine a range of centres, and return its results by the first calculation."""
    cases = second.cases(centres)
    entered = first.entered(centres)
    examination.cases(centres, cases, entered)
    of_entry = ((one.candidate_id, one.centre_number, one.option_code) for one in entered)
    again = {(row.candidate_id, row.option_code): row for row in second.results(centres, cases, of_entry)}
    lines = list(first.lines(centres, entered))
    for line in lines:
        examination.result(line, again.pop((line.candidate_id, line.option_code), None))
    examination.end_of_range(len(again))
    return lines


def record_run(session: Session, report: GateReport, *, actor: str, now: datetime) -> str:
    """Record a run of the gate, clear or not, and return its identifier; runs are only ever added."""
    newest = select(func.max(GateRun.number)).where(GateRun.series_key == report.series_key)
    run = GateRun(
        id=new_id(),
        series_key=report.series_key,
        number=(session.scalar(newest) or 0) + 1,
        ran_at=now,
        ran_by=actor,
        is_clear=report.is_open,
        digest=report.digest,
        results_total=report.results_total,
        blocks=[{"total": len(report.blocks)}, *report.as_json()["blocks"][:KEPT]],
        reconciliations=[_row_json(row) for row in report.by_component()],
    )
    session.add(run)
    session.flush()
    if report.held_case_ids:
        session.execute(
            insert(GateHeld), [{"gate_run_id": run.id, "case_id": case_id} for case_id in report.held_case_ids]
        )
    return run.id


def runs_of(session: Session, series_key: str, limit: int = 20) -> list[GateRunView]:
    """Return the newest recorded runs of the gate of a series, newest first."""
    rows = session.scalars(
        select(GateRun).where(GateRun.series_key == series_key).order_by(GateRun.number.desc()).limit(limit)
    )
    return [_run_view(row) for row in rows]


def newest_run(session: Session, series_key: str) -> RunReport | None:
    """Return the newest recorded run of the gate of a series with what it found, or ``None``."""
    row = session.scalars(
        select(GateRun).where(GateRun.series_key == series_key).order_by(GateRun.number.desc()).limit(1)
    ).first()
    if row is None:
        return None
    counts = [
        {name: value for name, value in one.items() if name not in {"moderated", "difference"}}
        for one in row.reconciliations
    ]
    blocks = tuple(GateBlock(**{**one, "candidates": tuple(one["candidates"])}) for one in row.blocks[1:])
    return RunReport(_run_view(row), blocks, tuple(Reconciliation(**one) for one in counts))


def _run_view(row: GateRun) -> GateRunView:
    return GateRunView(
        row.id,
        row.number,
        row.ran_at,
        row.ran_by,
        row.is_clear,
        row.digest,
        row.results_total,
        row.blocks[0]["total"] if row.blocks else 0,
    )


# The examination, range by range


class _Entered(NamedTuple):
    candidate_number: str
    is_carried: bool


class _Examination:
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


def _reference_blocks(session: Session, series_key: str) -> list[GateBlock]:
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


def _row_json(row: Reconciliation) -> dict[str, Any]:
    return {**asdict(row), "moderated": row.moderated, "difference": row.difference}
