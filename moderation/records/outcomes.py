"""Outcomes: proposed when a stage is read, confirmed by a second person, applied to the whole cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.adjustment import POLICY_VERSION
from moderation.errors import (
    OutcomeMissing,
    OutcomeNotConfirmable,
    ReasonMissing,
    RecomputationDiffers,
    SamePerson,
)
from moderation.marks import MarkStatus, is_adjustable
from moderation.outcome import Decision, OutcomeKind, Stage, decide
from moderation.recomputation import disagreements, is_adjustable_order
from moderation.records.cases import advance, candidates_of, case_of, component_of, group_of
from moderation.submission import CaseEvent
from moderation.tables import (
    Candidate,
    CentreMark,
    ModeratedMark,
    ModerationCase,
    ModeratorMark,
    Outcome,
    SampleItem,
)

SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """The outcome of a case with everything it was computed from; ``numbers`` as ``Decision.numbers``."""

    outcome_id: str
    case_id: str
    kind: OutcomeKind
    stage: Stage
    numbers: Mapping[str, Any]
    policy_version: str
    mark_set_version: int
    reason: str
    proposed_by: str
    proposed_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ModeratedLine:
    """A candidate's mark before and after moderation."""

    candidate_id: str
    candidate_number: str
    uci: str
    centre_mark: int | None
    moderated_mark: int | None
    status: MarkStatus


def outcome_of(session: Session, case_id: str) -> OutcomeView | None:
    """Return the present outcome of a case, or ``None``."""
    row = _current(session, case_id)
    return None if row is None else _view(row)


def outcomes_of(session: Session, case_id: str) -> list[OutcomeView]:
    """Return every outcome a case ever had, superseded ones included, oldest first."""
    rows = session.scalars(select(Outcome).where(Outcome.case_id == case_id).order_by(Outcome.number))
    return [_view(row) for row in rows]


def moderated_marks(session: Session, case_id: str) -> list[ModeratedLine]:
    """Return the moderated marks of a case by candidate number; empty until its outcome is confirmed."""
    rows = session.execute(
        select(ModeratedMark, Candidate)
        .join(Outcome, Outcome.id == ModeratedMark.outcome_id)
        .join(Candidate, Candidate.id == ModeratedMark.candidate_id)
        .where(ModeratedMark.case_id == case_id, Outcome.superseded_at.is_(None))
        .order_by(Candidate.candidate_number)
    )
    return [
        ModeratedLine(
            candidate.id,
            candidate.candidate_number,
            candidate.uci,
            mark.centre_mark,
            mark.moderated_mark,
            MarkStatus(mark.status),
        )
        for mark, candidate in rows
    ]


def propose_outcome(
    session: Session,
    members: Sequence[ModerationCase],
    decision: Decision,
    *,
    actor: str,
    now: datetime,
    reason: str = "",
) -> None:
    """Propose one outcome for all cases moderated together; an earlier one is superseded, not changed."""
    invalid = decision.kind is OutcomeKind.INVALID_ORDER
    event = CaseEvent.FIND_INVALID_ORDER if invalid else CaseEvent.PROPOSE_OUTCOME
    for member in members:
        old = _current(session, member.id)
        if old is not None:
            old.superseded_at = now
        session.add(
            Outcome(
                case_id=member.id,
                number=1 if old is None else old.number + 1,
                kind=decision.kind.value,
                stage=decision.stage.value,
                numbers=decision.numbers(),
                policy_version=decision.policy_version,
                mark_set_version=member.mark_set_version,
                reason=reason,
                proposed_by=actor,
                proposed_at=now,
            )
        )
        advance(session, member, event, actor=actor, now=now, reason=reason or decision.kind.value)


def propose_without_sample(
    session: Session, members: Sequence[ModerationCase], *, now: datetime, reason: str = "No candidate can be drawn"
) -> None:
    """Propose that the centre's marks stand where no sample is read: nobody can be drawn, or the centre is exempt."""
    component = component_of(session, members[0])
    decision = decide(
        Stage.NO_SAMPLE,
        (),
        tolerance_marks=component.tolerance_marks or 0,
        maximum=component.maximum_mark,
        whole_sample_read=True,
    )
    if decision is not None:
        propose_outcome(session, members, decision, actor=SYSTEM, now=now, reason=reason)


def accept_by_officer(session: Session, case_id: str, *, reason: str, officer: str, now: datetime) -> OutcomeView:
    """Propose, with a reason, that the centre's marks stand although they are outside tolerance.

    Raises: ``ReasonMissing``; ``OutcomeMissing``; ``IllegalTransition`` once an outcome is locked or returned.
    Source: project policy v1: an officer may accept outside tolerance only with a reason; another person confirms.
    """
    if not reason.strip():
        raise ReasonMissing
    case = case_of(session, case_id)
    old = _current(session, case_id)
    if old is None:
        raise OutcomeMissing
    for member in group_of(session, case):
        before = _current(session, member.id)
        advance(session, member, CaseEvent.PROPOSE_OUTCOME, actor=officer, now=now, reason=reason)
        if before is not None:
            before.superseded_at = now
        session.add(
            Outcome(
                case_id=member.id,
                number=1 if before is None else before.number + 1,
                kind=OutcomeKind.ACCEPTED.value,
                stage=old.stage,
                numbers={**old.numbers, "mapping": None, "method": None},
                policy_version=POLICY_VERSION,
                mark_set_version=member.mark_set_version,
                reason=reason.strip(),
                proposed_by=officer,
                proposed_at=now,
            )
        )
    session.flush()
    return _view(_need_current(session, case_id))


def confirm_outcome(session: Session, case_id: str, *, officer: str, now: datetime) -> OutcomeView:
    """Confirm the outcome of a case, and of every case moderated with it.

    Accepted and adjusted outcomes give every candidate a moderated mark, after a second calculation agreed on each;
    an invalid order of merit goes back to the centre and gives none. Confirming twice changes nothing.
    Raises: ``OutcomeMissing``; ``SamePerson`` when the officer marked or proposed; ``OutcomeNotConfirmable``;
    ``RecomputationDiffers`` with ``candidates``, the identifiers of those whose marks differ.
    Source: project policy v1, step 7.
    """
    case = case_of(session, case_id)
    outcome = _need_current(session, case_id)
    if outcome.confirmed_at is not None:
        return _view(outcome)
    members = group_of(session, case)
    _need_second_person(session, case, outcome, officer)
    kind = OutcomeKind(outcome.kind)
    if kind is OutcomeKind.OFFICER_DECIDES:
        raise OutcomeNotConfirmable(kind=kind.value)
    for member in members:
        row = _need_current(session, member.id)
        row.confirmed_by, row.confirmed_at = officer, now
        if kind is OutcomeKind.INVALID_ORDER:
            advance(session, member, CaseEvent.RETURN_TO_CENTRE, actor=officer, now=now)
            continue
        _apply(session, member, row)
        found = recomputation_of(session, member)
        if found:
            raise RecomputationDiffers(candidates=found, component_code=member.component_code)
        advance(session, member, CaseEvent.CONFIRM_OUTCOME, actor=officer, now=now)
    session.flush()
    return _view(outcome)


def recomputation_of(session: Session, case: ModerationCase) -> list[str]:
    """Return the candidates whose recorded moderated mark a second calculation does not give; empty when all agree.

    The calculation starts from the stored marks: an outcome made from older marks differs for every candidate.
    """
    outcome = _need_current(session, case.id)
    component = component_of(session, case)
    rows = session.execute(
        select(ModeratedMark, CentreMark)
        .outerjoin(
            CentreMark,
            (CentreMark.case_id == ModeratedMark.case_id)
            & (CentreMark.candidate_id == ModeratedMark.candidate_id)
            & (CentreMark.mark_set_version == case.mark_set_version),
        )
        .where(ModeratedMark.outcome_id == outcome.id)
    ).all()
    everybody = [moderated.candidate_id for moderated, _ in rows]
    if outcome.mark_set_version != case.mark_set_version:
        return everybody
    found = [
        moderated.candidate_id
        for moderated, centre in rows
        if centre is None or (centre.mark, centre.status) != (moderated.centre_mark, moderated.status)
    ]
    plain = [
        (moderated.candidate_id, moderated.centre_mark, moderated.moderated_mark)
        for moderated, _ in rows
        if not is_adjustable(moderated.status, moderated.centre_mark) or outcome.kind == OutcomeKind.ACCEPTED
    ]
    found += [key for key, centre_mark, recorded in plain if recorded != centre_mark]
    if outcome.kind == OutcomeKind.ADJUSTED:
        pairs = _pairs_read(session, case)
        limits = outcome.numbers["limits"]
        if not is_adjustable_order(pairs, limits["discordant_share"], limits["correlation"]):
            return everybody
        adjusted = (
            (moderated.candidate_id, moderated.centre_mark, moderated.moderated_mark)
            for moderated, _ in rows
            if moderated.centre_mark is not None and is_adjustable(moderated.status, moderated.centre_mark)
        )
        found += [row.key for row in disagreements(adjusted, pairs, component.maximum_mark)]
    return found


def outcome_rows(session: Session, case_id: str) -> list[dict[str, Any]]:
    """Return the rows of the outcome CSV of a case, keyed by column name; embargoed until results."""
    case = case_of(session, case_id)
    outcome = _need_current(session, case_id)
    return [
        {
            "series": case.series_key,
            "centre": case.centre_number,
            "component": case.component_code,
            "candidate_number": line.candidate_number,
            "uci": line.uci,
            "centre_mark": line.centre_mark,
            "status": line.status.value,
            "outcome": outcome.kind,
            "moderated_mark": line.moderated_mark,
            "policy_version": outcome.policy_version,
        }
        for line in moderated_marks(session, case_id)
    ]


def _apply(session: Session, case: ModerationCase, outcome: Outcome) -> None:
    """Write the moderated mark of every candidate still entered."""
    mapping = outcome.numbers["mapping"] if outcome.kind == OutcomeKind.ADJUSTED else None
    entered = {candidate.id for candidate in candidates_of(session, case)}
    rows = session.scalars(
        select(CentreMark).where(CentreMark.case_id == case.id, CentreMark.mark_set_version == case.mark_set_version)
    )
    for row in rows:
        if row.candidate_id not in entered:
            continue
        mark = row.mark
        if mapping is not None and mark is not None and is_adjustable(row.status, mark):
            mark = mapping[mark]
        session.add(
            ModeratedMark(
                outcome_id=outcome.id,
                candidate_id=row.candidate_id,
                case_id=case.id,
                centre_mark=row.mark,
                moderated_mark=mark,
                status=row.status,
            )
        )
    session.flush()


def _pairs_read(session: Session, case: ModerationCase) -> list[tuple[int, int]]:
    """Return the pairs from the marks themselves, not from the outcome; the centre mark is that of the mark set."""
    rows = session.execute(
        select(CentreMark.mark, ModeratorMark.mark)
        .join(SampleItem, SampleItem.candidate_id == CentreMark.candidate_id)
        .join(ModerationCase, (ModerationCase.id == CentreMark.case_id) & (ModerationCase.id == SampleItem.case_id))
        .join(ModeratorMark, ModeratorMark.sample_item_id == SampleItem.id)
        .where(
            SampleItem.sample_id == case.sample_id,
            SampleItem.no_work_reason == "",
            CentreMark.mark_set_version == ModerationCase.mark_set_version,
            ModeratorMark.superseded_at.is_(None),
        )
    )
    return [(centre, moderator) for centre, moderator in rows if centre is not None]


def _need_second_person(session: Session, case: ModerationCase, outcome: Outcome, officer: str) -> None:
    markers = set(
        session.scalars(
            select(ModeratorMark.marked_by)
            .join(SampleItem, SampleItem.id == ModeratorMark.sample_item_id)
            .where(SampleItem.sample_id == case.sample_id)
        )
    )
    if officer in markers or officer == outcome.proposed_by:
        raise SamePerson("Whoever marked the works or proposed the outcome cannot confirm it.")


def _current(session: Session, case_id: str) -> Outcome | None:
    return session.scalars(
        select(Outcome).where(Outcome.case_id == case_id, Outcome.superseded_at.is_(None))
    ).one_or_none()


def _need_current(session: Session, case_id: str) -> Outcome:
    outcome = _current(session, case_id)
    if outcome is None:
        raise OutcomeMissing(case_id=case_id)
    return outcome


def _view(row: Outcome) -> OutcomeView:
    return OutcomeView(
        row.id,
        row.case_id,
        OutcomeKind(row.kind),
        Stage(row.stage),
        row.numbers,
        row.policy_version,
        row.mark_set_version,
        row.reason,
        row.proposed_by,
        row.proposed_at,
        row.confirmed_by,
        row.confirmed_at,
    )
