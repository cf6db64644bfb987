"""Acts of whoever answers for a component: works with an agreed mark, approval of moderators, and what seeds say of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import PRACTICE_PREFIX
from moderation.errors import StandardisationRefused
from moderation.records import samples
from moderation.records import standardisation as records
from moderation.records.standardisation import ModeratorStanding, WorkView
from moderation.standardisation import WorkKind
from moderation.tables import (
    Component,
    ModerationCase,
    PrincipalModerator,
    SampleItem,
    SeriesRow,
)
from repository import access, audit, blinding, evidence, people
from repository.access import Action, Scope
from repository.acts import standardisation_marks
from repository.acts.cases import actor_of
from repository.acts.standardisation_marks import ComponentLine
from repository.audit import Context
from repository.blinding import code_of
from repository.documents import DocumentState
from repository.errors import NotFound
from repository.tables import Evidence

CHOICES = 200
"""So many works can be chosen from at once; naming a centre leads to the others."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A sampled work that could be used."""

    item_id: str
    centre_number: str
    candidate_number: str
    centre_mark: int


@dataclass(frozen=True, slots=True)
class ComponentPage:
    """What whoever answers for a component decides about standardisation."""

    series_key: str
    component_code: str
    title: str
    maximum_mark: int
    tolerance_marks: int | None
    is_read_blind: bool
    approval_required: bool
    uses_seeds: bool
    works: tuple[WorkView, ...]
    labels: Mapping[str, str]
    """Work → whose it is, as this person may know."""
    choices: tuple[Choice, ...]
    standings: tuple[ModeratorStanding, ...]
    names: Mapping[str, str]
    me: str


def listed(session: Session, context: Context) -> tuple[ComponentLine, ...]:
    """Return the components that the person answers for, or has work in as a moderator."""
    actor = actor_of(context)
    if access.scope_of(actor, Action.STANDARDISATION_MARK) is not None:
        return standardisation_marks.mine(session, context)
    access.require_role(actor, Action.STANDARDISATION_READ)
    return tuple(
        ComponentLine(one.series_key, one.component_code, one.title, _counts(session, one))
        for one in _answered_for(session, context)
    )


def page(session: Session, context: Context, series_key: str, component_code: str, centre: str = "") -> ComponentPage:
    """Return what is decided about a component. Takes: ``centre``, to choose works of one centre from."""
    component = _answers_for(session, context, Action.STANDARDISATION_READ, series_key, component_code)
    plan = records.plan_of(session, series_key, component_code)
    works = records.works_of(session, series_key, component_code)
    standings = records.standings_of(session, series_key, component_code, context.now)
    used = {one.sample_item_id for one in works}
    named = {one.person_id for one in standings} | {one.proposed_by for one in works}
    named |= {one.confirmed_by or "" for one in works}
    return ComponentPage(
        series_key,
        component_code,
        component.title,
        component.maximum_mark,
        component.tolerance_marks,
        component.read_blind,
        plan is not None and plan.approval_required,
        plan is not None and plan.uses_seeds,
        works,
        {one.work_id: _label(session, context, one) for one in works},
        tuple(one for one in _choices(session, context, component_code, centre) if one.item_id not in used),
        standings,
        people.names_of(session, named),
        actor_of(context).person_id,
    )


def set_plan(
    session: Session,
    context: Context,
    series_key: str,
    component_code: str,
    *,
    approval_required: bool,
    uses_seeds: bool,
) -> None:
    """Say whether moderators need approval, and whether seeds are put among their works."""
    _answers_for(session, context, Action.STANDARDISATION_WRITE, series_key, component_code)
    records.set_plan(
        session,
        series_key,
        component_code,
        approval_required=approval_required,
        uses_seeds=uses_seeds,
        actor=actor_of(context).person_id,
        now=context.now,
    )
    audit.record(
        session,
        context,
        Action.STANDARDISATION_WRITE,
        "component",
        f"{series_key}/{component_code}",
        step="plan",
        approval=approval_required,
        seeds=uses_seeds,
    )


def propose(
    session: Session,
    context: Context,
    series_key: str,
    component_code: str,
    *,
    kind: WorkKind,
    sample_item_id: str,
    agreed_mark: int,
    commentary: str,
) -> WorkView:
    """Propose a work with an agreed mark. Its files must be released: otherwise nobody could read it."""
    _answers_for(session, context, Action.STANDARDISATION_WRITE, series_key, component_code)
    item = session.get(SampleItem, sample_item_id)
    files = {} if item is None else evidence.documents_of(session, item.sample_id)
    if not any(one.state is DocumentState.RELEASED for one in files.get(sample_item_id, ())):
        raise StandardisationRefused("Choose a sampled work of this component whose files have been checked.")
    made = records.propose_work(
        session,
        series_key,
        component_code,
        kind=kind,
        sample_item_id=sample_item_id,
        agreed_mark=agreed_mark,
        commentary=commentary,
        actor=actor_of(context).person_id,
        now=context.now,
    )
    _note(session, context, made, "propose")
    return made


def confirm(session: Session, context: Context, work_id: str) -> WorkView:
    """Confirm an agreed mark that somebody else proposed."""
    _work(session, context, Action.STANDARDISATION_WRITE, work_id)
    done = records.confirm_work(session, work_id, actor=actor_of(context).person_id, now=context.now)
    _note(session, context, done, "confirm")
    return done


def retire(session: Session, context: Context, work_id: str) -> WorkView:
    """Give a work to nobody any more."""
    _work(session, context, Action.STANDARDISATION_WRITE, work_id)
    done = records.retire_work(session, work_id, now=context.now)
    _note(session, context, done, "retire")
    return done


def decide(
    session: Session,
    context: Context,
    series_key: str,
    component_code: str,
    person_id: str,
    *,
    is_approved: bool,
    reason: str,
) -> None:
    """Decide that a moderator may mark live work of a component, or may not."""
    _answers_for(session, context, Action.STANDARDISATION_WRITE, series_key, component_code)
    if person_id not in {
        one.person_id for one in records.standings_of(session, series_key, component_code, context.now)
    }:
        raise NotFound
    records.decide_approval(
        session,
        series_key,
        component_code,
        person_id,
        is_approved=is_approved,
        reason=reason,
        actor=actor_of(context).person_id,
        now=context.now,
    )
    audit.record(
        session,
        context,
        Action.STANDARDISATION_WRITE,
        "component",
        f"{series_key}/{component_code}",
        step="approval",
        moderator=person_id,
        approved=is_approved,
    )


def _answered_for(session: Session, context: Context) -> list[Component]:
    actor = actor_of(context)
    query = (
        select(Component)
        .join(SeriesRow, SeriesRow.key == Component.series_key)
        .where(Component.teacher_marks.is_(True), Component.series_key.not_like(f"{PRACTICE_PREFIX}%"))
        .order_by(Component.series_key.desc(), Component.component_code)
    )
    if access.scope_of(actor, Action.STANDARDISATION_READ) is Scope.COMPONENT:
        query = query.join(
            PrincipalModerator,
            (PrincipalModerator.series_key == Component.series_key)
            & (PrincipalModerator.component_code == Component.component_code),
        ).where(PrincipalModerator.person_id == actor.person_id)
    return list(session.scalars(query))


def _answers_for(session: Session, context: Context, action: Action, series_key: str, component_code: str) -> Component:
    actor = actor_of(context)
    access.require_role(actor, action)
    component = session.get(Component, (series_key, component_code))
    if component is None:
        raise NotFound
    answers = session.get(PrincipalModerator, (series_key, component_code, actor.person_id)) is not None
    if access.scope_of(actor, action) is not Scope.ALL and not answers:
        raise NotFound
    return component


def _work(session: Session, context: Context, action: Action, work_id: str) -> WorkView:
    try:
        work = records.work_of(session, work_id)
    except LookupError as error:
        raise NotFound from error
    _answers_for(session, context, action, work.series_key, work.component_code)
    return work


def _note(session: Session, context: Context, work: WorkView, step: str) -> None:
    audit.record(
        session, context, Action.STANDARDISATION_WRITE, "standardisation_work", work.work_id, step=step, kind=work.kind
    )


def _counts(session: Session, component: Component) -> Mapping[WorkKind, int]:
    works = records.works_of(session, component.series_key, component.component_code)
    return {kind: sum(one.kind is kind and one.is_in_use for one in works) for kind in WorkKind}


def _choices(session: Session, context: Context, component_code: str, centre: str) -> list[Choice]:
    """Return sampled works with files that may be seen, those of cases that the person reads blind under codes."""
    query = (
        select(SampleItem.case_id)
        .join(Evidence, Evidence.sample_item_id == SampleItem.id)
        .join(ModerationCase, ModerationCase.id == SampleItem.case_id)
        .where(ModerationCase.component_code == component_code, Evidence.withdrawn_at.is_(None))
        .distinct()
    )
    if centre:
        query = query.where(ModerationCase.centre_number == centre)
    found: list[Choice] = []
    for case_id in session.scalars(query.order_by(SampleItem.case_id)):
        if len(found) >= CHOICES:
            break
        sample = blinding.mask(session, context, case_id, samples.sample_of(session, case_id))
        files = evidence.documents_of(session, sample.sample_id)
        found += [
            Choice(one.item_id, one.centre_number, one.candidate_number, one.centre_mark)
            for one in sample.items
            if any(file.state is DocumentState.RELEASED for file in files.get(one.item_id, ()))
        ]
    return sorted(found, key=lambda one: (one.centre_number, one.candidate_number))[:CHOICES]


def _label(session: Session, context: Context, work: WorkView) -> str:
    case = session.get(ModerationCase, work.case_id)
    if case is None:
        return code_of(work.sample_item_id)
    item = blinding.mask(session, context, work.case_id, samples.sample_item_of(session, work.sample_item_id))
    return f"{item.centre_number}, {item.candidate_number}"
