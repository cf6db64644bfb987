"""The results gate: nothing leaves while anything is open, unaccounted for, or computed twice differently."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from moderation.errors import UnknownSeries
from moderation.records.bulk import uncollected
from moderation.records.calculation import Calculation, ResultLine
from moderation.records.gate_examination import Examination, GateBlock, reference_blocks
from moderation.records.holds import held_candidates
from moderation.records.ranges import Range, centre_ranges
from moderation.records.second_calculation import SecondCalculation
from moderation.results import Reconciliation
from moderation.tables import (
    GateHeld,
    GateRun,
    SeriesRow,
    new_id,
)

KEPT = 1000
"""So many blocks are kept with a run; their number is kept in any case."""


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
    examination = Examination(session, series_key, frozenset(held_case_ids), alone)
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
    blocks = (*examination.blocks, *reference_blocks(session, series_key), *more_blocks)
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
    examination: Examination,
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


def _row_json(row: Reconciliation) -> dict[str, Any]:
    return {**asdict(row), "moderated": row.moderated, "difference": row.difference}
