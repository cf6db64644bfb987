"""Which sample profile and which policy govern a component of a series: what officers imported, then what ships."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import PRACTICE_PREFIX, Series
from moderation.errors import PolicyInvalid, UnknownProfile
from moderation.profiles import SampleProfile, sample_size
from moderation.rule_files import (
    DEFAULT_PROFILE_ID,
    Assignment,
    most_specific,
    packaged_rules,
    profile_from,
)
from moderation.rules import DEFAULT_POLICY_ID, ModerationPolicy, policy_from
from moderation.tables import Component, PolicyRow, ProfileRow, RuleAssignment


@dataclass(frozen=True, slots=True)
class Governing:
    """What governs a component, and by what it does."""

    series_key: str
    component_code: str
    component_title: str
    profile: SampleProfile
    profile_by: str
    policy: ModerationPolicy
    policy_by: str


def profile_for(session: Session, component: Component) -> SampleProfile:
    """Return the sample profile of a component: its own, else the most specific assignment's, else the default.

    Raises: ``UnknownProfile``.
    """
    known = _KnownRules.of_body(session, _series(component).awarding_body)
    return known.profile_of(session, component)[0]


def policy_for(session: Session, component: Component) -> ModerationPolicy:
    """Return the moderation policy of a component: the most specific assignment's, else the default."""
    known = _KnownRules.of_body(session, _series(component).awarding_body)
    return known.policy_of(session, component)[0]


def profile_version(session: Session, profile_id: str, version: int | None = None) -> SampleProfile:
    """Return a version of a profile, the newest for ``None``; raises ``UnknownProfile``.

    A sample that was drawn names the version it was drawn by.
    """
    query = select(ProfileRow.content).where(ProfileRow.profile_id == profile_id)
    if version is not None:
        query = query.where(ProfileRow.version == version)
    rows = [profile_from(content) for content in session.scalars(query)]
    rows += [
        one for one in packaged_rules().profiles if one.profile_id == profile_id and version in (None, one.version)
    ]
    if not rows:
        words = f"There is no sample profile {profile_id}" + (f", version {version}." if version else ".")
        raise UnknownProfile(words, profile_id=profile_id)
    return max(rows, key=lambda one: one.version)


def usable_profile(session: Session, profile_id: str) -> SampleProfile:
    """Return the newest version of a profile that a component may be given.

    Raises: ``UnknownProfile``; ``ProfileIncomplete`` when its figures are not available.
    """
    profile = profile_version(session, profile_id)
    sample_size(profile, 1)
    return profile


def policy_version(session: Session, policy_id: str, version: int | None = None) -> ModerationPolicy:
    """Return a version of a policy, the newest for ``None``; raises ``PolicyInvalid`` when there is none."""
    query = select(PolicyRow.content).where(PolicyRow.policy_id == policy_id)
    if version is not None:
        query = query.where(PolicyRow.version == version)
    rows = [policy_from(content) for content in session.scalars(query)]
    rows += [one for one in packaged_rules().policies if one.policy_id == policy_id and version in (None, one.version)]
    if not rows:
        raise PolicyInvalid(f"There is no moderation policy {policy_id}.", policy_id=policy_id)
    return max(rows, key=lambda one: one.version)


def listed_profiles(session: Session) -> list[SampleProfile]:
    """Return every version of every profile, imported and shipped, newest version first."""
    known = {(one.profile_id, one.version): one for one in packaged_rules().profiles}
    known |= {(row.profile_id, row.version): profile_from(row.content) for row in session.scalars(select(ProfileRow))}
    return sorted(known.values(), key=lambda one: (one.profile_id, -one.version))


def listed_policies(session: Session) -> list[ModerationPolicy]:
    """Return every version of every policy, imported and shipped, newest version first."""
    known = {(one.policy_id, one.version): one for one in packaged_rules().policies}
    known |= {(row.policy_id, row.version): policy_from(row.content) for row in session.scalars(select(PolicyRow))}
    return sorted(known.values(), key=lambda one: (one.policy_id, -one.version))


def listed_assignments(session: Session) -> list[Assignment]:
    """Return the assignments in force, the most specific first."""
    found = [*_imported_assignments(session), *_shipped(_imported_assignments(session))]
    return sorted(found, key=lambda one: (*(not part for part in one.specificity), one.words))


def governing_of(session: Session, series_key: str | None = None) -> list[Governing]:
    """Return what governs each component that a centre marks, of one series or of all; practice has none of its own.

    A component whose profile is not known is left out of nothing: it raises ``UnknownProfile``.
    """
    query = select(Component).where(Component.teacher_marks | Component.submission_mode.is_not(None))
    if series_key is not None:
        query = query.where(Component.series_key == series_key)
    else:
        query = query.where(Component.series_key.not_like(f"{PRACTICE_PREFIX}%"))
    components = session.scalars(query.order_by(Component.series_key, Component.component_code)).all()
    known = _KnownRules.of_body(session, None)
    return [known.governing(session, component) for component in components]


class _KnownRules:
    """The assignments of one body, or of all, and the versions they lead to, each read once."""

    def __init__(self, assignments: tuple[Assignment, ...]) -> None:
        self.assignments = assignments
        self._profiles: dict[tuple[str, int | None], SampleProfile] = {}
        self._policies: dict[tuple[str, int | None], ModerationPolicy] = {}

    @classmethod
    def of_body(cls, session: Session, awarding_body: str | None) -> _KnownRules:
        imported = _imported_assignments(session, awarding_body)
        return cls((*imported, *_shipped(imported)))

    def profile_of(self, session: Session, component: Component) -> tuple[SampleProfile, str]:
        if component.sample_profile_id:
            return self._profile(session, component.sample_profile_id, None), "the component itself"
        found = most_specific(self._that_govern(component), "profile_id")
        if found is None or found.profile_id is None:
            return self._profile(session, DEFAULT_PROFILE_ID, None), "the default of this project"
        return self._profile(session, found.profile_id, found.profile_version), found.words

    def policy_of(self, session: Session, component: Component) -> tuple[ModerationPolicy, str]:
        found = most_specific(self._that_govern(component), "policy_id")
        if found is None or found.policy_id is None:
            return self._policy(session, DEFAULT_POLICY_ID, None), "the default of this project"
        return self._policy(session, found.policy_id, found.policy_version), found.words

    def governing(self, session: Session, component: Component) -> Governing:
        profile, profile_by = self.profile_of(session, component)
        policy, policy_by = self.policy_of(session, component)
        return Governing(
            component.series_key, component.component_code, component.title, profile, profile_by, policy, policy_by
        )

    def _profile(self, session: Session, profile_id: str, version: int | None) -> SampleProfile:
        key = profile_id, version
        if key not in self._profiles:
            self._profiles[key] = profile_version(session, *key)
        return self._profiles[key]

    def _policy(self, session: Session, policy_id: str, version: int | None) -> ModerationPolicy:
        key = policy_id, version
        if key not in self._policies:
            self._policies[key] = policy_version(session, *key)
        return self._policies[key]

    def _that_govern(self, component: Component) -> list[Assignment]:
        series = _series(component)
        return [
            one for one in self.assignments if one.governs(series.awarding_body, series.label, component.component_code)
        ]


def _series(component: Component) -> Series:
    return Series.from_key(component.series_key)


def _imported_assignments(session: Session, awarding_body: str | None = None) -> list[Assignment]:
    query = select(RuleAssignment).where(RuleAssignment.superseded_at.is_(None))
    if awarding_body is not None:
        query = query.where(RuleAssignment.awarding_body == awarding_body)
    return [assignment_of(row) for row in session.scalars(query)]


def _shipped(imported: Iterable[Assignment]) -> list[Assignment]:
    """Return the assignments that ship, but those whose key an officer assigned otherwise."""
    keys = {one.key for one in imported}
    return [one for one in packaged_rules().assignments if one.key not in keys]


def assignment_of(row: RuleAssignment) -> Assignment:
    """Return an assignment as the rules read it."""
    return Assignment(
        row.awarding_body,
        row.family or None,
        row.series or None,
        row.component_code or None,
        row.profile_id,
        row.profile_version,
        row.policy_id,
        row.policy_version,
    )


def _names(one: Governing) -> str:
    return (
        f"{one.profile.profile_id} version {one.profile.version}, "
        f"policy {one.policy.policy_id} version {one.policy.version}"
    )
