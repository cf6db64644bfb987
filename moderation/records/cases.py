"""Cases: finding one, who is in it, and moving it on with its history."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy.orm.exc import StaleDataError

from moderation.entries import SubmissionMode
from moderation.errors import (
    IllegalTransition,
    ReasonMissing,
    StaleVersion,
    UnknownCase,
    UnknownComponent,
    WrongSubmissionMode,
)
from moderation.submission import MODE_OF_EVENT, CaseEvent, CaseState, move
from moderation.tables import (
    Candidate,
    CaseTransition,
    Component,
    Entry,
    EntryOption,
    ModerationCase,
    OptionComponent,
    Sample,
)


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case as pages show it."""

    case_id: str
    series_key: str
    component_code: str
    component_title: str
    centre_number: str
    consortium_id: str | None
    submission_mode: SubmissionMode
    state: CaseState
    version: int
    maximum_mark: int
    tolerance_marks: int | None
    marks_due_on: date | None
    sample_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class TransitionView:
    """One step in the history of a case."""

    number: int
    from_state: str
    to_state: str
    event: str
    actor: str
    occurred_at: datetime
    reason: str


def case_of(session: Session, case_id: str) -> ModerationCase:
    """Return the case; raises ``UnknownCase``."""
    case = session.get(ModerationCase, case_id)
    if case is None:
        raise UnknownCase(case_id=case_id)
    return case


def component_of(session: Session, case: ModerationCase) -> Component:
    """Return the component of a case; raises ``UnknownComponent``."""
    component = session.get(Component, (case.series_key, case.component_code))
    if component is None:
        raise UnknownComponent(component_code=case.component_code)
    return component


def view_case(session: Session, case_id: str) -> CaseView:
    """Return a case as pages show it; raises ``UnknownCase``."""
    case_of(session, case_id)
    return list_cases(session, case_id=case_id)[0]


def list_cases(
    session: Session,
    *,
    series_key: str | None = None,
    centre_number: str | None = None,
    component_code: str | None = None,
    case_id: str | None = None,
    case_ids: Collection[str] | None = None,
) -> list[CaseView]:
    """Return the cases that match, by centre and component."""
    query = (
        select(ModerationCase, Component, Sample.due_at)
        .join(
            Component,
            (Component.series_key == ModerationCase.series_key)
            & (Component.component_code == ModerationCase.component_code),
        )
        .outerjoin(Sample, Sample.id == ModerationCase.sample_id)
        .order_by(ModerationCase.series_key, ModerationCase.centre_number, ModerationCase.component_code)
    )
    for column, value in (
        (ModerationCase.series_key, series_key),
        (ModerationCase.centre_number, centre_number),
        (ModerationCase.component_code, component_code),
        (ModerationCase.id, case_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if case_ids is not None:
        query = query.where(ModerationCase.id.in_(case_ids))
    return [_view(case, component, due_at) for case, component, due_at in session.execute(query)]


def history_of(session: Session, case_id: str) -> list[TransitionView]:
    """Return every step of a case, oldest first."""
    rows = session.scalars(
        select(CaseTransition).where(CaseTransition.case_id == case_id).order_by(CaseTransition.number)
    )
    return [
        TransitionView(row.number, row.from_state, row.to_state, row.event, row.actor, row.occurred_at, row.reason)
        for row in rows
    ]


def candidates_query(series_key: str, component_code: str, centre_number: str) -> Select[Candidate]:
    """Return the query of the candidates entered for a component at a centre, carried-forward entries left out."""
    return (
        select(Candidate)
        .join(Entry, Entry.candidate_id == Candidate.id)
        .join(
            OptionComponent,
            (OptionComponent.series_key == Entry.series_key) & (OptionComponent.option_code == Entry.option_code),
        )
        .join(
            EntryOption, (EntryOption.series_key == Entry.series_key) & (EntryOption.option_code == Entry.option_code)
        )
        .where(
            Candidate.series_key == series_key,
            Candidate.centre_number == centre_number,
            OptionComponent.component_code == component_code,
            Entry.withdrawn_at.is_(None),
            or_(
                EntryOption.submission_mode.is_(None),
                EntryOption.submission_mode != SubmissionMode.CARRIED_FORWARD.value,
            ),
        )
        .order_by(Candidate.candidate_number)
        .distinct()
    )


def candidates_of(session: Session, case: ModerationCase) -> Sequence[Candidate]:
    """Return the candidates of a case in the order of their numbers; withdrawn entries are left out."""
    return session.scalars(candidates_query(case.series_key, case.component_code, case.centre_number)).all()


def group_of(session: Session, case: ModerationCase) -> list[ModerationCase]:
    """Return the cases moderated together: those that share the sample, else those of the consortium, else this one."""
    query = select(ModerationCase).order_by(ModerationCase.centre_number)
    if case.sample_id is not None:
        return list(session.scalars(query.where(ModerationCase.sample_id == case.sample_id)))
    if case.consortium_id is not None:
        return list(session.scalars(query.where(ModerationCase.consortium_id == case.consortium_id)))
    return [case]


def advance(
    session: Session, case: ModerationCase, event: CaseEvent, *, actor: str, now: datetime, reason: str = ""
) -> CaseState:
    """Move a case on and add the step to its history; the only place where a case changes its state.

    Raises: ``IllegalTransition``; ``WrongSubmissionMode``; ``StaleVersion`` when somebody moved it in the meantime.
    """
    mode = MODE_OF_EVENT.get(event)
    to_state = move(CaseState(case.state), event)
    if mode is not None and case.submission_mode != mode:
        raise WrongSubmissionMode(
            f"The work of this component travels by {case.submission_mode.lower()}, not by {mode.lower()}.",
            expected=case.submission_mode,
            given=str(mode),
        )
    if event is CaseEvent.HOLD:
        case.state_before_hold = case.state
    _change(session, case, to_state, event, actor=actor, now=now, reason=reason)
    return to_state


def check_version(case: ModerationCase, expected_version: int | None) -> None:
    """Refuse with ``StaleVersion`` when the case is no longer the version that the person saw; ``None`` checks nothing."""
    if expected_version is not None and case.version != expected_version:
        raise StaleVersion(expected=expected_version, found=case.version)


def hold_case(session: Session, case_id: str, *, reason: str, actor: str, now: datetime) -> None:
    """Hold a case while malpractice is looked into; its candidates are shown ``Q`` until the hold ends."""
    _need_reason(reason)
    advance(session, case_of(session, case_id), CaseEvent.HOLD, actor=actor, now=now, reason=reason)


def release_hold(session: Session, case_id: str, *, reason: str, actor: str, now: datetime) -> CaseState:
    """Return a held case to the state it had before; raises ``IllegalTransition`` when it is not held."""
    _need_reason(reason)
    case = case_of(session, case_id)
    if case.state != CaseState.MALPRACTICE_HOLD or case.state_before_hold is None:
        raise IllegalTransition("This case is not held.", state=case.state, event=str(CaseEvent.RELEASE_HOLD))
    to_state = CaseState(case.state_before_hold)
    case.state_before_hold = None
    _change(session, case, to_state, CaseEvent.RELEASE_HOLD, actor=actor, now=now, reason=reason)
    return to_state


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise ReasonMissing


def _change(
    session: Session,
    case: ModerationCase,
    to_state: CaseState,
    event: CaseEvent,
    *,
    actor: str,
    now: datetime,
    reason: str,
) -> None:
    from_state = case.state
    case.state = to_state.value
    # A step that leaves the state as it was still makes a new version.
    flag_modified(case, "state")
    try:
        session.flush()
    except StaleDataError:
        raise StaleVersion from None
    session.add(
        CaseTransition(
            case_id=case.id,
            number=case.version,
            from_state=from_state,
            to_state=to_state.value,
            event=event.value,
            actor=actor,
            occurred_at=now,
            reason=reason,
        )
    )


def _view(case: ModerationCase, component: Component, due_at: datetime | None) -> CaseView:
    return CaseView(
        case.id,
        case.series_key,
        case.component_code,
        component.title,
        case.centre_number,
        case.consortium_id,
        SubmissionMode(case.submission_mode),
        CaseState(case.state),
        case.version,
        component.maximum_mark,
        component.tolerance_marks,
        case.marks_extended_on or component.due_on,
        due_at,
    )
