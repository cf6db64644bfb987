from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from moderation.errors import PolicyInvalid, ProfileIncomplete, RecordKept, UnknownProfile
from moderation.exchange.faults import FileRefused
from moderation.records.reference import ComponentReference, set_component
from moderation.records.rules import (
    governing_of,
    listed_assignments,
    listed_policies,
    listed_profiles,
    policy_for,
    policy_version,
    profile_for,
    profile_version,
)
from moderation.records.rules_import import import_rules
from moderation.records.samples import sample_of
from moderation.rule_files import FORMAT
from moderation.tables import Component, ImportFile, PolicyRow, ProfileRow, RuleAssignment
from tests.moderation.records import stage
from tests.moderation.records.stage import COMPONENT, NOW, OFFICER, SERIES
from tests.moderation.test_rule_files import POLICY, PROFILE


def bring(session: Session, **parts: Any) -> list[str]:
    data = json.dumps({"format": FORMAT, **parts}).encode()
    done = import_rules(session, "rules.json", data, actor=OFFICER, now=NOW)
    return [line.what for line in done.lines]


def refused(session: Session, **parts: Any) -> list[tuple[str, str]]:
    before = session.scalar(select(func.count()).select_from(RuleAssignment))
    with pytest.raises(FileRefused) as caught:
        bring(session, **parts)
    assert session.scalar(select(func.count()).select_from(RuleAssignment)) == before
    assert all(fault.line is not None for fault in caught.value.faults)
    return [(fault.code, fault.field) for fault in caught.value.faults]


def component(session: Session) -> Component:
    return session.get_one(Component, (SERIES, COMPONENT))


def test_without_rules_the_default_governs(session: Session) -> None:
    stage.make_series(session)
    assert profile_for(session, component(session)).profile_id == "ocr-gq-current"
    assert policy_for(session, component(session)).policy_id == "project-default"
    (mine,) = [one for one in governing_of(session, SERIES) if one.component_code == COMPONENT]
    assert (mine.profile_by, mine.policy_by) == ("the default of this project",) * 2
    assert listed_assignments(session) == []
    assert len(listed_policies(session)) == 1


def test_the_most_specific_assignment_governs_and_the_component_comes_first(session: Session) -> None:
    stage.make_series(session)
    body = {"awarding_body": "01", "profile_id": "common-old"}
    family = {"awarding_body": "01", "family": "A", "profile_id": "cxc-5"}
    series = {"awarding_body": "01", "series": "6A26", "profile_id": "pearson-2026"}
    exact = {"awarding_body": "01", "component": COMPONENT, "profile_id": "ocr-enrichment-visit"}
    other = {"awarding_body": "10", "component": COMPONENT, "profile_id": "ncfe-staged"}
    for row in (body, family, series, exact):
        assert bring(session, assignments=[row]) == ["new"]
        assert profile_for(session, component(session)).profile_id == row["profile_id"]
    assert refused(session, assignments=[other]) == [("no-figures", "assignments[0].profile_id")]
    set_component(session, SERIES, ComponentReference(COMPONENT, sample_profile_id="ocr-gq-current"))
    assert profile_for(session, component(session)).profile_id == "ocr-gq-current"
    assert [one.profile_id for one in listed_assignments(session)] == [
        "ocr-enrichment-visit",
        "pearson-2026",
        "cxc-5",
        "common-old",
    ]


def test_versions_are_kept_and_never_changed(session: Session) -> None:
    stage.make_series(session)
    assert bring(session, profiles=[PROFILE], policies=[POLICY]) == ["new", "new"]
    assert bring(session, profiles=[PROFILE], policies=[POLICY]) == ["unchanged", "unchanged"]
    assert session.scalar(select(func.count()).select_from(ImportFile).where(ImportFile.kind == "rules")) == 1
    changed = {**PROFILE, "sub_sample_size": 2}
    assert refused(session, profiles=[changed]) == [("version-exists", "profiles[0]")]
    assert refused(session, policies=[{**POLICY, "sample_working_days": 4}]) == [("version-exists", "policies[0]")]
    second = {**changed, "version": 3}
    assert bring(session, profiles=[second]) == ["new version"]
    assert refused(session, profiles=[{**second, "version": 2}]) == [("older-version", "profiles[0]")]
    assert profile_version(session, "made-up").version == 3
    assert profile_version(session, "made-up", 1).sub_sample_size == 3
    assert [one.version for one in listed_profiles(session) if one.profile_id == "made-up"] == [3, 1]
    shipped = session.scalars(select(ProfileRow.version).where(ProfileRow.profile_id == "ocr-gq-current")).all()
    assert shipped == []
    ocr = {**PROFILE, "profile_id": "ocr-gq-current"}
    assert refused(session, profiles=[ocr]) == [("version-exists", "profiles[0]")]
    with pytest.raises(UnknownProfile):
        profile_version(session, "made-up", 2)
    with pytest.raises(PolicyInvalid):
        policy_version(session, "none")


def test_an_assignment_may_name_a_version_or_follow_the_newest(session: Session) -> None:
    stage.make_series(session)
    first, second = PROFILE, {**PROFILE, "version": 2, "sub_sample_size": 1}
    row = {"awarding_body": "01", "profile_id": "made-up", "policy_id": "made-up"}
    assert bring(session, profiles=[first], policies=[POLICY], assignments=[row]) == ["new", "new", "new"]
    assert policy_for(session, component(session)).sample_working_days == 5
    bring(session, profiles=[second])
    assert profile_for(session, component(session)).version == 2
    assert bring(session, assignments=[{**row, "profile_version": 1}]) == ["replaced"]
    assert profile_for(session, component(session)).version == 1
    assert refused(session, assignments=[{**row, "profile_version": 9}]) == [
        ("unknown-profile", "assignments[0].profile_id")
    ]
    assert refused(session, assignments=[{**row, "policy_id": "none"}]) == [
        ("unknown-policy", "assignments[0].policy_id")
    ]
    rows = session.scalars(select(RuleAssignment)).all()
    assert sorted(one.superseded_at is not None for one in rows) == [False, True]


def test_an_import_says_which_components_it_moves_and_leaves_drawn_samples_alone(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 40)
    stage.confirm(session, case_id, [70 - i for i in range(40)])
    before = sample_of(session, case_id)
    row = {"awarding_body": "01", "component": COMPONENT, "profile_id": "cxc-5", "policy_id": "made-up"}
    data = json.dumps({"format": FORMAT, "policies": [POLICY], "assignments": [row]}).encode()
    done = import_rules(session, "rules.json", data, actor=OFFICER, now=NOW)
    (move,) = done.moves
    assert (move.component_code, move.before, move.after) == (
        COMPONENT,
        "ocr-gq-current version 1, policy project-default version 1",
        "cxc-5 version 1, policy made-up version 1",
    )
    assert sample_of(session, case_id) == before
    other = stage.make_centre(session, 40, "99902")
    stage.confirm(session, other, [70 - i for i in range(40)])
    drawn = sample_of(session, other)
    assert [item.position for item in drawn.items] == [1, 11, 21, 30, 40]
    assert (drawn.profile_id, drawn.profile_version) == ("cxc-5", 1)
    assert drawn.due_at.isoformat() == "2026-05-22T22:59:59+00:00"  # five working days


def test_a_component_is_not_given_a_profile_without_figures(session: Session) -> None:
    stage.make_series(session)
    with pytest.raises(ProfileIncomplete):
        set_component(session, SERIES, ComponentReference(COMPONENT, sample_profile_id="ncfe-staged"))
    with pytest.raises(UnknownProfile):
        set_component(session, SERIES, ComponentReference(COMPONENT, sample_profile_id="none"))
    bring(session, profiles=[PROFILE])
    set_component(session, SERIES, ComponentReference(COMPONENT, sample_profile_id="made-up"))
    assert profile_for(session, component(session)).profile_id == "made-up"


@pytest.mark.parametrize("table", [ProfileRow, PolicyRow])
def test_the_database_itself_keeps_versions_as_they_were_imported(
    session: Session, table: type[ProfileRow] | type[PolicyRow]
) -> None:
    bring(session, profiles=[PROFILE], policies=[POLICY])
    session.commit()
    with pytest.raises(RecordKept):
        session.execute(update(table).values(version=7))
    session.rollback()
    with pytest.raises(RecordKept):
        session.execute(delete(table))
