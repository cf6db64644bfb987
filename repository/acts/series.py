"""Acts on a series as a whole: the list, its components, and how far every case is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import PRACTICE_PREFIX, SubmissionMode, is_practice
from moderation.profiles import SampleProfile
from moderation.records import reference, rules
from moderation.records.cases import CaseView, list_cases
from moderation.records.reference import ComponentReference
from moderation.submission import WORK_EXPECTED, CaseState
from moderation.tables import Component, ImportFile, SeriesRow
from repository import access, audit
from repository.access import Action
from repository.acts.allocations import moderators_of
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.errors import NotFound

_REAL = select(SeriesRow).where(SeriesRow.key.not_like(f"{PRACTICE_PREFIX}%"))


@dataclass(frozen=True, slots=True)
class SeriesPage:
    """A series: its cases with their moderators, its moderated components, and what was imported."""

    series: SeriesRow
    cases: tuple[CaseView, ...]
    counts: tuple[tuple[CaseState, int], ...]
    moderators: dict[tuple[str, str], str]
    components: tuple[Component, ...]
    imports: tuple[ImportFile, ...]
    late: int


@dataclass(frozen=True, slots=True)
class ComponentRules:
    """The profile that governs a component, and those it could be given: identifier and title."""

    profile: SampleProfile
    choices: tuple[tuple[str, str], ...]


def listed(session: Session, context: Context) -> tuple[SeriesRow, ...]:
    """Return every series, newest first; those of practice centres are nobody's but their own."""
    access.require(actor_of(context), Action.SERIES_READ)
    return tuple(session.scalars(_REAL.order_by(SeriesRow.year.desc(), SeriesRow.key)))


def page(session: Session, context: Context, series_key: str) -> SeriesPage:
    """Return the progress of a series; for officers."""
    access.require(actor_of(context), Action.REFERENCE_IMPORT)
    series = session.get(SeriesRow, series_key)
    if series is None or is_practice(series_key):
        raise NotFound
    cases = tuple(list_cases(session, series_key=series_key))
    counts = Counter(case.state for case in cases)
    codes = {case.component_code for case in cases}
    components = session.scalars(
        select(Component)
        .where(Component.series_key == series_key, (Component.component_code.in_(codes)) | Component.teacher_marks)
        .order_by(Component.component_code)
    )
    imports = session.scalars(
        select(ImportFile).where(ImportFile.series_key == series_key).order_by(ImportFile.imported_at.desc()).limit(50)
    )
    late = sum(
        case.state in WORK_EXPECTED and case.sample_due_at is not None and case.sample_due_at < context.now
        for case in cases
    )
    ordered = tuple((state, counts[state]) for state in CaseState if counts[state])
    return SeriesPage(
        series, cases, ordered, moderators_of(session, series_key, context.now), tuple(components), tuple(imports), late
    )


def component(session: Session, context: Context, series_key: str, component_code: str) -> Component:
    """Return a component of a series; for officers."""
    access.require(actor_of(context), Action.REFERENCE_IMPORT)
    found = session.get(Component, (series_key, component_code))
    if found is None or is_practice(series_key):
        raise NotFound
    return found


def rules_of(session: Session, context: Context, series_key: str, component_code: str) -> ComponentRules:
    """Return what governs a component, and the profiles it could be given; for officers."""
    found = component(session, context, series_key, component_code)
    profiles = {one.profile_id: one.title for one in reversed(rules.listed_profiles(session)) if one.is_usable}
    return ComponentRules(rules.profile_for(session, found), tuple(sorted(profiles.items())))


def set_component(
    session: Session,
    context: Context,
    series_key: str,
    component_code: str,
    mode: SubmissionMode | None,
    tolerance: int | None,
    weighted_maximum: Fraction | None = None,
    sample_profile_id: str | None = None,
    read_blind: bool | None = None,
) -> None:
    """Confirm how a component's work is submitted, enter its tolerance and weighted maximum in marks, and its profile.

    Takes: None for what stays as it is; an empty profile leaves the component to the assignments.
    """
    component(session, context, series_key, component_code)
    entered = ComponentReference(
        component_code, mode, tolerance, weighted_maximum, sample_profile_id, read_blind=read_blind
    )
    reference.set_component(session, series_key, entered)
    reference.open_all_cases(session, series_key, actor=actor_of(context).person_id, now=context.now)
    audit.record(session, context, "component.set", "component", f"{series_key}/{component_code}")
