"""Rules files become rules: every fault located, versions never overwritten, and what would change said first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moderation.errors import StaleVersion
from moderation.exchange.faults import Fault, FileRefused
from moderation.records.rules import Governing, assignment_of, governing_of, listed_policies, listed_profiles
from moderation.rule_files import Assignment, RulesFile, read_rules
from moderation.tables import ImportFile, PolicyRow, ProfileRow, RuleAssignment


@dataclass(frozen=True, slots=True)
class RulesLine:
    """What an import does with one profile, policy or assignment."""

    kind: str
    name: str
    what: str


@dataclass(frozen=True, slots=True)
class RulesMove:
    """A component that another profile or policy governs after an import; samples already drawn stay as they are."""

    series_key: str
    component_code: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RulesImport:
    """What an import of rules did, or would do."""

    lines: tuple[RulesLine, ...]
    moves: tuple[RulesMove, ...]

    @property
    def is_new(self) -> bool:
        """Say whether anything changes."""
        return any(line.what != _SAME for line in self.lines)


_SAME = "unchanged"
_Known = dict[tuple[str, int], Any]
_KINDS = ("profile", "policy", "assignment")


def import_rules(session: Session, name: str, data: bytes, *, actor: str, now: datetime) -> RulesImport:
    """Import a rules file: all of it or nothing. The same file again changes nothing.

    Raises: ``FileRefused`` with located faults: a version that is known with other content, an older version, an
    assignment to a profile or policy that is not known or has no figures.
    """
    rules = read_rules(name, data)
    faults = _Faults(name, rules)
    profiles = {(one.profile_id, one.version): one for one in listed_profiles(session)}
    policies = {(one.policy_id, one.version): one for one in listed_policies(session)}
    lines = [
        *_new_versions(faults, "profile", rules.profiles, profiles, lambda one: one.profile_id),
        *_new_versions(faults, "policy", rules.policies, policies, lambda one: one.policy_id),
    ]
    _check_assignments(faults, rules, profiles, policies)
    if faults.found:
        raise FileRefused(faults.found)
    before = {(one.series_key, one.component_code): _names(one) for one in governing_of(session)}
    _keep_versions(session, rules, lines, actor=actor, now=now)
    lines += _keep_assignments(session, rules.assignments, actor=actor, now=now)
    after = {(one.series_key, one.component_code): _names(one) for one in governing_of(session)}
    moves = tuple(RulesMove(*key, before[key], after[key]) for key in after if before[key] != after[key])
    done = RulesImport(tuple(lines), moves)
    if done.is_new:
        counts = {kind: sum(line.kind == kind and line.what != _SAME for line in lines) for kind in _KINDS}
        session.add(
            ImportFile(
                kind="rules",
                name=name[:255],
                sha256=hashlib.sha256(data).hexdigest(),
                size_bytes=len(data),
                imported_at=now,
                imported_by=actor,
                counts=counts,
            )
        )
        session.flush()
    return done


def _names(one: Governing) -> str:
    return (
        f"{one.profile.profile_id} version {one.profile.version}, "
        f"policy {one.policy.policy_id} version {one.policy.version}"
    )


class _Faults:
    def __init__(self, name: str, rules: RulesFile) -> None:
        self.name, self.rules = name, rules
        self.found: list[Fault] = []

    def add(self, code: str, path: str, message: str, remedy: str) -> None:
        self.found.append(Fault(code, self.name, self.rules.lines.get(path), None, None, path, message, remedy))


def _new_versions(
    faults: _Faults, kind: str, given: Sequence[Any], known: _Known, name_of: Callable[[Any], str]
) -> list[RulesLine]:
    lines = []
    plural = "policies" if kind == "policy" else "profiles"
    for index, one in enumerate(given):
        path, name, key = f"{plural}[{index}]", name_of(one), (name_of(one), one.version)
        newest = max((version for known_name, version in known if known_name == name), default=0)
        if key in known and known[key] != one:
            faults.add(
                "version-exists",
                path,
                f"Version {one.version} of {name} is known already, with other content.",
                f"Give the changed {kind} a new version, {newest + 1} or higher.",
            )
        elif key not in known and one.version < newest:
            faults.add(
                "older-version",
                path,
                f"Version {newest} of {name} is known already, and this is version {one.version}.",
                f"Give it version {newest + 1} or higher.",
            )
        what = _SAME if key in known else ("new version" if newest else "new")
        lines.append(RulesLine(kind, f"{name}, version {one.version}", what))
    return lines


def _check_assignments(faults: _Faults, rules: RulesFile, profiles: _Known, policies: _Known) -> None:
    known_profiles = profiles | {(one.profile_id, one.version): one for one in rules.profiles}
    known_policies = policies | {(one.policy_id, one.version): one for one in rules.policies}
    for index, one in enumerate(rules.assignments):
        path = f"assignments[{index}]"
        for kind, name, version, known in (
            ("profile", one.profile_id, one.profile_version, known_profiles),
            ("policy", one.policy_id, one.policy_version, known_policies),
        ):
            if name is None:
                continue
            fitting = [value for key, value in known.items() if key[0] == name and version in (None, key[1])]
            words = f"{kind} {name}" + (f" version {version}" if version else "")
            if not fitting:
                faults.add("unknown-" + kind, f"{path}.{kind}_id", f"There is no {words}.", "Add it to the file.")
            elif kind == "profile" and not max(fitting, key=lambda found: found.version).is_usable:
                faults.add(
                    "no-figures",
                    f"{path}.profile_id",
                    f"The figures of {words} are not available, so nothing can be drawn by it.",
                    "Add a version that has bands.",
                )


def _keep_versions(
    session: Session, rules: RulesFile, lines: Sequence[RulesLine], *, actor: str, now: datetime
) -> None:
    fresh = {(line.kind, line.name) for line in lines if line.what != _SAME}
    for profile in rules.profiles:
        if ("profile", f"{profile.profile_id}, version {profile.version}") in fresh:
            key = profile.profile_id, profile.version
            content = dict(rules.profile_rows[key])
            row = ProfileRow(profile_id=key[0], version=key[1], content=content, imported_at=now, imported_by=actor)
            session.add(row)
    for policy in rules.policies:
        if ("policy", f"{policy.policy_id}, version {policy.version}") in fresh:
            key = policy.policy_id, policy.version
            content = dict(rules.policy_rows[key])
            session.add(
                PolicyRow(policy_id=key[0], version=key[1], content=content, imported_at=now, imported_by=actor)
            )
    _flush(session)


def _keep_assignments(session: Session, given: Sequence[Assignment], *, actor: str, now: datetime) -> list[RulesLine]:
    rows = {
        assignment_of(row).key: row
        for row in session.scalars(select(RuleAssignment).where(RuleAssignment.superseded_at.is_(None)))
    }
    lines = []
    for one in given:
        old = rows.get(one.key)
        named = " and ".join(str(name) for name in (one.profile_id, one.policy_id) if name)
        if old is not None and assignment_of(old) == one:
            lines.append(RulesLine("assignment", f"{one.words}: {named}", _SAME))
            continue
        if old is not None:
            old.superseded_at = now
            _flush(session)
        session.add(
            RuleAssignment(
                awarding_body=one.awarding_body,
                family=one.family or "",
                series=one.series or "",
                component_code=one.component or "",
                profile_id=one.profile_id,
                profile_version=one.profile_version,
                policy_id=one.policy_id,
                policy_version=one.policy_version,
                assigned_at=now,
                assigned_by=actor,
            )
        )
        lines.append(RulesLine("assignment", f"{one.words}: {named}", "replaced" if old is not None else "new"))
    _flush(session)
    return lines


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise StaleVersion(
            "Somebody else imported rules at the same moment. Look at them, then send yours again."
        ) from None
