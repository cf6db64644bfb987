"""The results gate: nothing leaves while anything is open, unaccounted for, or computed twice differently."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import UnknownSeries
from moderation.records.cases import candidates_of
from moderation.records.outcomes import outcome_of, recomputation_of
from moderation.results import (
    Reconciliation,
    reconcile,
)
from moderation.submission import SETTLED, CaseState
from moderation.tables import (
    Entry,
    GradeBoundary,
    ModeratedMark,
    ModerationCase,
    Outcome,
    SeriesRow,
)


@dataclass(frozen=True, slots=True)
class GateBlock:
    """One thing that keeps results from being released, e.g. ``case-open``."""

    code: str
    detail: str
    component_code: str = ""
    centre_number: str = ""
    case_id: str = ""


@dataclass(frozen=True, slots=True)
class GateReport:
    """Whether the results of a series may leave, why not, and what became of every entry."""

    series_key: str
    blocks: tuple[GateBlock, ...]
    reconciliations: tuple[Reconciliation, ...]
    held_case_ids: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """Say whether nothing stands in the way."""
        return not self.blocks

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        rows = [{**asdict(row), "difference": row.difference} for row in self.reconciliations]
        return {
            "series": self.series_key,
            "open": self.is_open,
            "blocks": [asdict(block) for block in self.blocks],
            "reconciliations": rows,
            "held_case_ids": list(self.held_case_ids),
        }


def gate(session: Session, series_key: str, *, held_case_ids: Collection[str] = ()) -> GateReport:
    """Return whether results may leave: every case locked, recomputed and accounted for, every option with boundaries.

    Takes: ``held_case_ids``, cases that an officer holds back from this release; their candidates get ``Q``. A case
    held for malpractice is held back anyway.
    Raises: ``UnknownSeries``.
    Source: project policy, results gate; a board paid £175,000 after 1,527 wrong results.
    """
    if session.get(SeriesRow, series_key) is None:
        raise UnknownSeries(series_key=series_key)
    cases = session.scalars(
        select(ModerationCase)
        .where(ModerationCase.series_key == series_key)
        .order_by(ModerationCase.component_code, ModerationCase.centre_number)
    ).all()
    blocks: list[GateBlock] = []
    reconciliations: list[Reconciliation] = []
    held_ids: list[str] = []
    for case in cases:
        held = case.id in held_case_ids or case.state == CaseState.MALPRACTICE_HOLD
        if held:
            held_ids.append(case.id)
        found, reconciliation = _examine(session, case, held=held)
        blocks += [GateBlock(code, detail, case.component_code, case.centre_number, case.id) for code, detail in found]
        reconciliations.append(reconciliation)
    blocks += _boundary_blocks(session, series_key)
    return GateReport(series_key, tuple(blocks), tuple(reconciliations), tuple(held_ids))


def _examine(session: Session, case: ModerationCase, *, held: bool) -> tuple[list[tuple[str, str]], Reconciliation]:
    candidates = candidates_of(session, case)
    place = f"{case.component_code} at centre {case.centre_number}"
    if held or case.state not in SETTLED:
        found = [] if held else [("case-open", f"{place} has no confirmed outcome: {case.state}.")]
        empty = reconcile(case.component_code, case.centre_number, len(candidates), (), held=True)
        return found, empty
    found = []
    outcome = outcome_of(session, case.id)
    if outcome is None or outcome.confirmed_at is None:
        found.append(("outcome-unconfirmed", f"{place}: the outcome is not confirmed."))
    else:
        differing = recomputation_of(session, case)
        if differing:
            found.append(
                ("recomputation-differs", f"{place}: {len(differing)} marks differ in the second calculation.")
            )
    entered = {candidate.id for candidate in candidates}
    marks = session.execute(
        select(ModeratedMark.candidate_id, ModeratedMark.status, ModeratedMark.moderated_mark)
        .join(Outcome, Outcome.id == ModeratedMark.outcome_id)
        .where(ModeratedMark.case_id == case.id, Outcome.superseded_at.is_(None))
    )
    rows = [(status, mark) for candidate_id, status, mark in marks if candidate_id in entered]
    reconciliation = reconcile(case.component_code, case.centre_number, len(candidates), rows, held=False)
    if reconciliation.difference:
        found.append(("entries-unaccounted", f"{place}: {reconciliation.difference} entries have no moderated mark."))
    return found, reconciliation


def _boundary_blocks(session: Session, series_key: str) -> list[GateBlock]:
    entered = set(
        session.scalars(
            select(Entry.option_code).where(Entry.series_key == series_key, Entry.withdrawn_at.is_(None)).distinct()
        )
    )
    known = set(session.scalars(select(GradeBoundary.option_code).where(GradeBoundary.series_key == series_key)))
    if not entered:
        return [GateBlock("no-entries", "There are no entries in this series.")]
    return [
        GateBlock("boundaries-missing", f"Option {option_code} has entries but no grade boundaries.")
        for option_code in sorted(entered - known)
    ]
