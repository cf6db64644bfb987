"""Outcomes: proposed when a stage is read, confirmed by a second person, applied to the whole cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.adjustment import POLICY_VERSION
from moderation.errors import (
    IllegalTransition,
    OutcomeMissing,
    OutcomeNotConfirmable,
    ReasonMissing,
    RecomputationDiffers,
    StaleVersion,
)
from moderation.marks import MarkStatus
from moderation.outcome import Decision, Origin, OutcomeKind, Stage, decide
from moderation.records.applying import differing, marks_given, stored_marks, without_own_mark, write_marks
from moderation.records.cases import advance, case_of, check_version, component_of
from moderation.records.rules import policy_for
from moderation.records.second_people import need_check, need_second_person
from moderation.records.works import locked_group
from moderation.submission import CaseEvent, CaseState
from moderation.tables import Candidate, MarkAmendment, ModeratedMark, ModerationCase, Outcome, Sample

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
    policy_id: str
    policy_revision: int
    origin: Origin
    mark_set_version: int
    reason: str
    proposed_by: str
    proposed_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    superseded_at: datetime | None


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
    particulars: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Propose one outcome for all cases moderated together; an earlier one is superseded, not changed.

    The same outcome found again by the same person, while it still waits to be confirmed, changes nothing.
    Takes: ``particulars``, case → further numbers that belong to that case alone.
    """
    invalid = decision.kind is OutcomeKind.INVALID_ORDER
    event = CaseEvent.FIND_INVALID_ORDER if invalid else CaseEvent.PROPOSE_OUTCOME
    to_state = CaseState.INVALID_ORDER if invalid else CaseState.OUTCOME_PROPOSED
    governed = _governing(session, members[0])
    for member in members:
        old = _current(session, member.id)
        made = Outcome(
            case_id=member.id,
            number=_next_number(session, member.id),
            kind=decision.kind.value,
            stage=decision.stage.value,
            numbers={**decision.numbers(), **governed.numbers, **(particulars or {}).get(member.id, {})},
            policy_version=decision.policy_version,
            policy_id=governed.policy_id,
            policy_revision=governed.policy_revision,
            mark_set_version=member.mark_set_version,
            reason=reason,
            proposed_by=actor,
            proposed_at=now,
        )
        if old is not None and member.state == to_state and _is_same(old, made):
            continue
        if old is not None:
            old.superseded_at = now
        session.add(made)
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
        limits=policy_for(session, component).limits,
    )
    if decision is not None:
        propose_outcome(session, members, decision, actor=SYSTEM, now=now, reason=reason)


def last_reason_without_sample(session: Session, case_id: str) -> str:
    """Return why no sample of the case was read, as the latest outcome without one says; empty without such an outcome."""
    query = select(Outcome.reason).where(Outcome.case_id == case_id, Outcome.stage == Stage.NO_SAMPLE.value)
    return session.scalars(query.order_by(Outcome.number.desc())).first() or ""


def accept_by_officer(
    session: Session, case_id: str, *, reason: str, officer: str, now: datetime, expected_version: int | None = None
) -> OutcomeView:
    """Propose, with a reason, that the centre's marks stand although they are outside tolerance; twice changes nothing.

    Raises: ``ReasonMissing``; ``OutcomeMissing``; ``StaleVersion``; ``IllegalTransition`` once an outcome is locked or
    returned.
    Source: project policy v1: an officer may accept outside tolerance only with a reason; another person confirms.
    """
    if not reason.strip():
        raise ReasonMissing
    members = locked_group(session, case_id)
    old = _need_current(session, case_id)
    if (old.kind, old.reason, old.proposed_by) == (OutcomeKind.ACCEPTED, reason.strip(), officer):
        return _view(old)
    check_version(case_of(session, case_id), expected_version)
    governed = _governing(session, members[0])
    for member in members:
        before = _current(session, member.id)
        advance(session, member, CaseEvent.PROPOSE_OUTCOME, actor=officer, now=now, reason=reason)
        if before is not None:
            before.superseded_at = now
        session.add(
            Outcome(
                case_id=member.id,
                number=_next_number(session, member.id),
                kind=OutcomeKind.ACCEPTED.value,
                stage=old.stage,
                numbers={**old.numbers, **governed.numbers, "mapping": None, "method": None, "moderator_marks": None},
                policy_version=POLICY_VERSION,
                policy_id=governed.policy_id,
                policy_revision=governed.policy_revision,
                mark_set_version=member.mark_set_version,
                reason=reason.strip(),
                proposed_by=officer,
                proposed_at=now,
            )
        )
    session.flush()
    return _view(_need_current(session, case_id))


def confirm_outcome(
    session: Session, case_id: str, *, officer: str, now: datetime, expected_version: int | None = None
) -> OutcomeView:
    """Confirm the outcome of a case, and of every case moderated with it.

    Every candidate gets a moderated mark, after a second calculation agreed on each. Confirming twice changes nothing.
    Takes: ``expected_version``, the version of the case that the officer saw; ``None`` checks nothing.
    Raises: ``OutcomeMissing``; ``StaleVersion``; ``SamePerson`` when the officer marked, proposed or checked;
    ``OutcomeNotConfirmable`` where there are no marks to give, or an amendment waits; ``CheckMissing``;
    ``RecomputationDiffers`` with ``candidates``, the identifiers of those whose marks differ.
    Source: project policy v1, step 7.
    """
    members = locked_group(session, case_id)
    outcome = _need_current(session, case_id)
    if outcome.confirmed_at is not None:
        if expected_version is not None and outcome.confirmed_by != officer:
            raise StaleVersion("Another officer has confirmed this outcome in the meantime.")
        return _view(outcome)
    check_version(case_of(session, case_id), expected_version)
    need_second_person(session, members[0], outcome, officer)
    _need_confirmable(session, members, outcome)
    need_check(session, members, outcome, officer)
    for member in members:
        row = _need_current(session, member.id)
        given = marks_given(session, member, row)
        if row.kind == OutcomeKind.MODERATOR_MARKS and without_own_mark(row, given):
            raise OutcomeNotConfirmable("Some works were never read, so the moderator’s marks cannot stand for them.")
        row.confirmed_by, row.confirmed_at = officer, now
        write_marks(session, member, row, given)
        found = differing(session, member, row, stored_marks(session, row))
        if found:
            raise RecomputationDiffers(candidates=found, component_code=member.component_code)
        advance(session, member, CaseEvent.CONFIRM_OUTCOME, actor=officer, now=now)
    session.flush()
    return _view(outcome)


def withdraw_outcome(
    session: Session, case_id: str, *, reason: str, officer: str, now: datetime, expected_version: int | None = None
) -> None:
    """Withdraw a confirmed outcome before results are out, with a reason; it stays in the history of the case.

    The works keep the moderator's marks: the outcome is found again from them, or after the moderator changed some.
    Raises: ``ReasonMissing``; ``StaleVersion``; ``IllegalTransition`` unless the outcome is confirmed and not out.
    """
    if not reason.strip():
        raise ReasonMissing
    members = locked_group(session, case_id)
    check_version(case_of(session, case_id), expected_version)
    for member in members:
        if member.state != CaseState.OUTCOME_LOCKED:
            raise IllegalTransition(
                "Only a confirmed outcome whose results are not out can be withdrawn here.", state=member.state
            )
        _need_current(session, member.id).superseded_at = now
        advance(session, member, CaseEvent.WITHDRAW_OUTCOME, actor=officer, now=now, reason=reason.strip())


def supersede_outcomes(session: Session, members: Sequence[ModerationCase], now: datetime) -> None:
    """Take the present outcome of each case out of force; it stays in the history."""
    for member in members:
        old = _current(session, member.id)
        if old is not None:
            old.superseded_at = now
    session.flush()


def recomputation_of(session: Session, case: ModerationCase) -> list[str]:
    """Return the candidates whose recorded moderated mark a second calculation does not give; empty when all agree.

    Before an outcome is confirmed, the marks that it would give are compared.
    """
    outcome = _need_current(session, case.id)
    given = stored_marks(session, outcome) if outcome.confirmed_at else marks_given(session, case, outcome)
    return differing(session, case, outcome, given)


@dataclass(frozen=True, slots=True)
class _Governing:
    policy_id: str
    policy_revision: int
    numbers: Mapping[str, Any]


def _governing(session: Session, case: ModerationCase) -> _Governing:
    """Return which policy governs an outcome, and what is kept of it and of the sample beside the arithmetic."""
    policy = policy_for(session, component_of(session, case))
    sample = session.get(Sample, case.sample_id) if case.sample_id else None
    kept = {
        "policy": {
            "policy_id": policy.policy_id,
            "version": policy.version,
            "team_leader_check": policy.team_leader_check.value,
        },
        "sample": sample
        and {"sample_id": sample.id, "profile_id": sample.profile_id, "profile_version": sample.profile_version},
    }
    return _Governing(policy.policy_id, policy.version, kept)


def _is_same(old: Outcome, new: Outcome) -> bool:
    fields = ("kind", "stage", "numbers", "mark_set_version", "reason", "proposed_by", "policy_id", "policy_revision")
    return old.confirmed_at is None and all(getattr(old, name) == getattr(new, name) for name in fields)


def _next_number(session: Session, case_id: str) -> int:
    return (session.scalar(select(func.max(Outcome.number)).where(Outcome.case_id == case_id)) or 0) + 1


def _need_confirmable(session: Session, members: Sequence[ModerationCase], outcome: Outcome) -> None:
    kind = OutcomeKind(outcome.kind)
    if kind is OutcomeKind.OFFICER_DECIDES:
        raise OutcomeNotConfirmable(kind=kind.value)
    if kind is OutcomeKind.INVALID_ORDER:
        raise OutcomeNotConfirmable(
            "An invalid order of merit gives no marks. Return the marks to the centre with feedback.", kind=kind.value
        )
    waiting = select(MarkAmendment.id).where(
        MarkAmendment.case_id.in_([member.id for member in members]), MarkAmendment.decided_at.is_(None)
    )
    if session.scalars(waiting).first() is not None:
        raise OutcomeNotConfirmable("An amendment of a centre mark waits for a decision. Decide on it first.")


def _current(session: Session, case_id: str) -> Outcome | None:
    return session.scalars(
        select(Outcome)
        .where(Outcome.case_id == case_id, Outcome.superseded_at.is_(None))
        .execution_options(populate_existing=True)
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
        row.policy_id,
        row.policy_revision,
        Origin(row.origin),
        row.mark_set_version,
        row.reason,
        row.proposed_by,
        row.proposed_at,
        row.confirmed_by,
        row.confirmed_at,
        row.superseded_at,
    )
