"""What becomes of candidates whose script was declared missing: their mark or result, and what results still wait for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from moderation.marks import MarkStatus
from moderation.records.gate_examination import LISTED, NAMED, GateBlock
from moderation.tables import Candidate, ExternalMark
from scripts.cases import ABOUT_MISSING, CaseState, Reason
from scripts.tables import DeclaredMissing, Script, ScriptCase, Sitting


@dataclass(frozen=True, slots=True)
class ResultLink:
    """A script that was declared missing, and what stands in its candidate's results.

    ``is_done``: the estimated mark is keyed, or that there is none; ``located_at`` when the script turned up after all.
    """

    case_id: str
    script_id: str
    series_key: str
    centre_number: str
    component_code: str
    candidate_number: str
    outcome: str
    stage_lost: str
    cause: str
    declared_at: datetime
    located_at: datetime | None
    is_known: bool
    mark: int | None
    status: str

    @property
    def is_done(self) -> bool:
        """Return whether the candidate has what was decided."""
        if not self.is_known or self.status == MarkStatus.PENDING_Q:
            return False
        return self.mark is not None if self.outcome == Reason.ESTIMATED_MARK else self.mark is None

    @property
    def waits(self) -> bool:
        """Return whether results wait for it; a script that turned up is marked, as every other."""
        return self.located_at is None and not self.is_done


def links(
    session: Session, *, series_key: str | None = None, case_ids: Collection[str] | None = None
) -> list[ResultLink]:
    """Return every declaration of a series, or of some cases, with what stands in the candidates' results."""
    query = (
        select(
            DeclaredMissing,
            Script.candidate_number,
            Sitting.series_key,
            Sitting.centre_number,
            Sitting.component_code,
            ExternalMark.candidate_id,
            ExternalMark.mark,
            ExternalMark.status,
        )
        .join(Script, Script.id == DeclaredMissing.script_id)
        .join(Sitting, Sitting.id == Script.sitting_id)
        .outerjoin(
            Candidate,
            and_(
                Candidate.series_key == Sitting.series_key,
                Candidate.centre_number == Sitting.centre_number,
                Candidate.candidate_number == Script.candidate_number,
            ),
        )
        .outerjoin(
            ExternalMark,
            and_(
                ExternalMark.candidate_id == Candidate.id,
                ExternalMark.series_key == Sitting.series_key,
                ExternalMark.component_code == Sitting.component_code,
            ),
        )
        .where(Sitting.purpose == "scripts", DeclaredMissing.withdrawn_at.is_(None))
        .order_by(Sitting.component_code, Sitting.centre_number, Script.candidate_number)
    )
    if series_key is not None:
        query = query.where(Sitting.series_key == series_key)
    if case_ids is not None:
        query = query.where(DeclaredMissing.script_case_id.in_(case_ids))
    return [
        ResultLink(
            declared.script_case_id,
            declared.script_id,
            key,
            centre,
            component,
            number,
            declared.outcome,
            declared.stage_lost,
            declared.cause,
            declared.declared_at,
            declared.located_at,
            found is not None,
            mark,
            status or "",
        )
        for declared, number, key, centre, component, found, mark, status in session.execute(query)
    ]


def blocks(session: Session, series_key: str) -> list[GateBlock]:
    """Return what scripts that are not here keep in: until something is decided, and until what was decided is keyed."""
    undecided: dict[tuple[str, str], set[str]] = {}
    unnamed: dict[tuple[str, str], int] = {}
    rows = session.execute(
        select(Sitting.component_code, Sitting.centre_number, ScriptCase.details)
        .join(ScriptCase, ScriptCase.sitting_id == Sitting.id)
        .where(
            Sitting.series_key == series_key,
            Sitting.purpose == "scripts",
            ScriptCase.kind.in_(sorted(ABOUT_MISSING)),
            ScriptCase.state == str(CaseState.OPEN),
        )
        .order_by(Sitting.component_code, Sitting.centre_number)
    )
    for code, centre, details in rows:
        numbers = {str(number) for number in (details or {}).get("candidates") or ()}
        undecided.setdefault((code, centre), set()).update(numbers)
        wanted = int((details or {}).get("count") or len(numbers) or 1)
        unnamed[code, centre] = unnamed.get((code, centre), 0) + wanted
    found = [
        GateBlock(
            "scripts-missing",
            f"{code} at centre {centre}: {_scripts_are(unnamed[code, centre])} missing and nothing is decided about it"
            f"{_named(numbers)}. Open the case and record a decision.",
            code,
            centre,
            candidates=tuple(sorted(numbers)[:LISTED]),
        )
        for (code, centre), numbers in undecided.items()
    ]
    waiting: dict[tuple[str, str, str], list[str]] = {}
    for link in links(session, series_key=series_key):
        if link.waits:
            place = link.component_code, link.centre_number, link.outcome
            waiting.setdefault(place, []).append(link.candidate_number)
    found += [
        GateBlock(
            "scripts-declared",
            f"{code} at centre {centre}: {_scripts_are(len(numbers))} declared missing, and "
            + ("the estimated mark" if outcome == Reason.ESTIMATED_MARK else "that there is no mark (result X)")
            + f" is not keyed yet{_named(set(numbers))}. Import the mark of the component.",
            code,
            centre,
            candidates=tuple(numbers[:LISTED]),
        )
        for (code, centre, outcome), numbers in waiting.items()
    ]
    return found


def _scripts_are(total: int) -> str:
    return "1 script is" if total == 1 else f"{total} scripts are"


def _named(numbers: set[str]) -> str:
    if not numbers:
        return ""
    more = f" and {len(numbers) - NAMED} more" if len(numbers) > NAMED else ""
    return f" (candidates {', '.join(sorted(numbers)[:NAMED])}{more})"
