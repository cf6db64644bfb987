"""What is known about a piece of work when a centre asks for a review of it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import Series, SubmissionMode
from moderation.outcome import OutcomeKind
from moderation.records.cases import candidates_query, group_of
from moderation.review import Before, MarkedWork, ModeratedWork, RequestState, Service
from moderation.submission import CaseState
from moderation.tables import (
    Candidate,
    Component,
    Consignment,
    Consortium,
    Entry,
    EntryOption,
    ModeratedMark,
    ModerationCase,
    OptionComponent,
    Outcome,
    ReviewRequest,
    SeriesRow,
)

JUNE = "6"


@dataclass(frozen=True, slots=True)
class SampleProof:
    """What the service that keeps the works says of the submitted sample.

    Takes: ``is_sealed``, a signed manifest of it exists for every centre moderated together; ``is_intact``, that
    manifest verifies and every work in it is still here, unchanged; ``is_filmed``, there are works at all.
    """

    is_sealed: bool
    is_intact: bool
    is_filmed: bool


def moderated_work(
    session: Session,
    series_key: str,
    component_code: str,
    centre_number: str,
    proof: SampleProof | None,
    *,
    is_kept: bool,
) -> ModeratedWork | None:
    """Return what is known about the moderation of a component at a centre, or ``None`` where there was none.

    A posted sample is sealed by its contents list: it must have been received, whole.
    """
    case = session.scalars(
        select(ModerationCase).where(
            ModerationCase.series_key == series_key,
            ModerationCase.component_code == component_code,
            ModerationCase.centre_number == centre_number,
        )
    ).one_or_none()
    if case is None:
        return None
    mode = SubmissionMode(case.submission_mode)
    sealed, intact = (proof.is_sealed, proof.is_intact) if proof else (False, False)
    if mode is SubmissionMode.POSTAL:
        sealed = intact = _is_received(session, case)
    filmed = proof is not None and proof.is_filmed
    if mode is SubmissionMode.VISIT and filmed:
        sealed, intact = True, proof is not None and proof.is_intact
    return ModeratedWork(
        mode,
        _kind(session, case),
        _is_lead(session, case),
        sealed,
        intact,
        filmed,
        is_kept,
        case.state == CaseState.DISPOSED,
    )


def marked_work(
    session: Session,
    series_key: str,
    component_code: str,
    centre_number: str,
    candidate_id: str,
    *,
    place_at_stake: bool,
) -> MarkedWork:
    """Return what is known about a candidate's mark in a component."""
    entered = candidates_query(series_key, component_code, centre_number).where(Candidate.id == candidate_id)
    component = session.get(Component, (series_key, component_code))
    levels = session.scalars(
        select(EntryOption.level)
        .join(
            OptionComponent,
            (OptionComponent.series_key == EntryOption.series_key)
            & (OptionComponent.option_code == EntryOption.option_code),
        )
        .join(Entry, (Entry.series_key == EntryOption.series_key) & (Entry.option_code == EntryOption.option_code))
        .where(
            EntryOption.series_key == series_key,
            OptionComponent.component_code == component_code,
            Entry.candidate_id == candidate_id,
        )
    )
    series = session.get(SeriesRow, series_key)
    return MarkedWork(
        session.scalars(entered).first() is not None,
        component is not None and component.teacher_marks,
        frozenset(levels),
        series is not None and Series(series.awarding_body, series.code, series.year).code[0] == JUNE,
        place_at_stake,
    )


def before_about(session: Session, row: ReviewRequest, *, leave_out: str = "") -> list[Before]:
    """Return the other requests about the same thing as this one."""
    rows = session.execute(
        select(ReviewRequest.service, ReviewRequest.state).where(
            ReviewRequest.series_key == row.series_key,
            ReviewRequest.component_code == row.component_code,
            ReviewRequest.centre_number == row.centre_number,
            ReviewRequest.subject == row.subject,
            ReviewRequest.id != leave_out,
        )
    )
    return [Before(Service(service), RequestState(state)) for service, state in rows]


def _kind(session: Session, case: ModerationCase) -> OutcomeKind | None:
    """Return what moderation found; an adjustment that moved no mark of the group left the centre's marks unchanged."""
    outcome = session.scalars(
        select(Outcome).where(
            Outcome.case_id == case.id, Outcome.superseded_at.is_(None), Outcome.confirmed_at.is_not(None)
        )
    ).one_or_none()
    if outcome is None:
        return None
    kind = OutcomeKind(outcome.kind)
    if kind in {OutcomeKind.ADJUSTED, OutcomeKind.MODERATOR_MARKS}:
        members = [member.id for member in group_of(session, case)]
        moved = select(ModeratedMark.candidate_id).join(Outcome, Outcome.id == ModeratedMark.outcome_id)
        moved = moved.where(
            ModeratedMark.case_id.in_(members),
            Outcome.superseded_at.is_(None),
            ModeratedMark.centre_mark.is_distinct_from(ModeratedMark.moderated_mark),
        )
        if session.scalars(moved.limit(1)).first() is None:
            return OutcomeKind.ACCEPTED
    return kind


def _is_lead(session: Session, case: ModerationCase) -> bool:
    if case.consortium_id is None:
        return True
    consortium = session.get_one(Consortium, case.consortium_id)
    return consortium.lead_centre_number == case.centre_number


def _is_received(session: Session, case: ModerationCase) -> bool:
    members = [member.id for member in group_of(session, case)]
    received = set(
        session.scalars(
            select(Consignment.case_id).where(
                Consignment.case_id.in_(members), Consignment.received_at.is_not(None), Consignment.discrepancy == ""
            )
        )
    )
    return received == set(members)
