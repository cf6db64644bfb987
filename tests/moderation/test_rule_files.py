from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.errors import ProfileIncomplete, ProfileInvalid, UnknownProfile
from moderation.exchange.faults import FileRefused
from moderation.located_json import JsonFault, read_located
from moderation.profiles import AllWorkOutcome, Band, Basis, GradeMinimum, PickedBy, SampleProfile, sample_size
from moderation.rule_files import (
    FILE_LIMIT_BYTES,
    FORMAT,
    Assignment,
    most_specific,
    packaged_profiles,
    packaged_rules,
    profile_of,
    read_rules,
)
from moderation.rules import DEFAULT_POLICY_ID, packaged_policies

PROFILE: dict[str, Any] = {
    "profile_id": "made-up",
    "version": 1,
    "title": "Made up",
    "bands": [{"first": 1, "last": 5, "size": None}, {"first": 6, "last": None, "size": 5}],
    "basis": "eligible",
    "sub_sample_size": 3,
    "picked_by": "system",
    "all_work_outcome": "fit",
    "source": "project policy",
    "verified": False,
}
POLICY: dict[str, Any] = {
    "policy_id": "made-up",
    "version": 1,
    "title": "Made up",
    "discordant_share": "1/20",
    "correlation": "0.9",
    "team_leader_check": "never",
    "disclosure": "outcome",
    "sample_working_days": 5,
    "reminder_working_days": [1],
    "source": "project policy",
    "verified": False,
}


def text(**parts: Any) -> bytes:
    return json.dumps({"format": FORMAT, **parts}, indent=1).encode()


def faults_of(data: bytes) -> list[tuple[str, str, int | None]]:
    with pytest.raises(FileRefused) as caught:
        read_rules("rules.json", data)
    return [(fault.code, fault.field, fault.line) for fault in caught.value.faults]


def test_what_ships_is_sound_and_names_its_sources() -> None:
    assert set(packaged_profiles()) == {
        "ocr-gq-current",
        "pearson-2026",
        "common-old",
        "ocr-enrichment-visit",
        "oxfordaqa-ipq",
        "oxfordaqa-endorsement",
        "aqa-spoken",
        "ncfe-staged",
        "cxc-5",
    }
    assert all(one.source for one in packaged_rules().profiles)
    assert [name for name, one in packaged_profiles().items() if not one.verified] == [
        "common-old",
        "ncfe-staged",
        "cxc-5",
    ]
    assert DEFAULT_POLICY_ID in packaged_policies()
    spoken = profile_of("aqa-spoken")
    assert (spoken.picked_by, spoken.at_most) == (PickedBy.CENTRE, True)
    assert [(one.grade, one.at_least, one.is_countable) for one in spoken.minima] == [
        ("Distinction", 10, False),
        ("Merit", 10, False),
        ("Pass", 10, False),
    ]
    with pytest.raises(UnknownProfile):
        profile_of("no-such-profile")


def test_a_profile_without_published_figures_is_listed_and_cannot_draw() -> None:
    staged = profile_of("ncfe-staged")
    assert (staged.is_usable, staged.sub_sample_size) == (False, 6)
    assert staged.all_work_outcome is AllWorkOutcome.MODERATOR_MARKS
    with pytest.raises(ProfileIncomplete):
        sample_size(staged, 10)


@pytest.mark.parametrize(
    ("bands", "where"),
    [
        ([], "bands"),
        ([{"first": 2, "last": None, "size": 2}], "bands[0].first"),
        ([{"first": 1, "last": 17, "size": None}, {"first": 19, "last": None, "size": 10}], "bands[1].first"),
        ([{"first": 1, "last": 20, "size": None}, {"first": 20, "last": None, "size": 10}], "bands[1].first"),
        ([{"first": 1, "last": 20, "size": None}], "bands"),
        ([{"first": 1, "last": None, "size": None}, {"first": 2, "last": None, "size": 1}], "bands[1]"),
        ([{"first": 1, "last": 9, "size": None}, {"first": 10, "last": None, "size": 11}], "bands[1].size"),
        ([{"first": 1, "last": 0, "size": None}, {"first": 1, "last": None, "size": 1}], "bands[0].last"),
    ],
)
def test_bands_with_gap_overlap_or_end_are_refused_and_located(bands: list[Any], where: str) -> None:
    ((code, field, line),) = faults_of(text(profiles=[{**PROFILE, "bands": bands}]))
    assert (code, field) == ("profile-invalid", f"profiles[0].{where}")
    assert line is not None
    assert line >= 8


@given(st.lists(st.integers(1, 40), max_size=6, unique=True))
def test_bands_cover_every_cohort_once(ends: list[int]) -> None:
    starts = [1, *sorted(end + 1 for end in ends)]
    bands = tuple(
        Band(first, following - 1 if following else None, 1)
        for first, following in zip(starts, [*starts[1:], None], strict=True)
    )
    profile = SampleProfile(
        "p", 1, "", bands, Basis.ELIGIBLE, 1, PickedBy.SYSTEM, AllWorkOutcome.FIT, "project policy", False
    )
    for total in range(1, 50):
        assert sum(band.first <= total and (band.last is None or total <= band.last) for band in bands) == 1
        assert sample_size(profile, total) == 1
    assert sample_size(profile, 0) == 0


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"version": "1"}, "wrong-kind", "profiles[0].version"),
        ({"version": 0}, "profile-invalid", "profiles[0].version"),
        ({"version": True}, "wrong-kind", "profiles[0].version"),
        ({"basis": "everybody"}, "wrong-kind", "profiles[0].basis"),
        ({"picked_by": "chance"}, "wrong-kind", "profiles[0].picked_by"),
        ({"verified": "yes"}, "wrong-kind", "profiles[0].verified"),
        ({"bands": {}}, "wrong-kind", "profiles[0].bands"),
        ({"bands": [1]}, "not-an-object", "profiles[0].bands[0]"),
        ({"bands": [{"first": 1, "last": None}]}, "missing", "profiles[0].bands[0]"),
        ({"minima": [{"grade": "D", "at_least": 1}]}, "profile-invalid", "profiles[0].picked_by"),
        (
            {"picked_by": "centre", "minima": [{"grade": "D", "at_least": 0}]},
            "profile-invalid",
            "profiles[0].minima[0]",
        ),
        (
            {"picked_by": "centre", "minima": [{"grade": "D", "at_least": 1, "lowest_mark": 5}]},
            "profile-invalid",
            "profiles[0].minima[0]",
        ),
        (
            {"picked_by": "centre", "minima": [{"grade": "D", "at_least": 1, "lowest_mark": 5, "highest_mark": 4}]},
            "profile-invalid",
            "profiles[0].minima[0]",
        ),
        ({"colour": "green"}, "unknown-name", "profiles[0].colour"),
        ({"source": " "}, "profile-invalid", "profiles[0].source"),
        ({"profile_id": "x" * 41}, "profile-invalid", "profiles[0].profile_id"),
        ({"sub_sample_size": 0}, "profile-invalid", "profiles[0].sub_sample_size"),
        ({"title": 3}, "wrong-kind", "profiles[0].title"),
        ({"conditions": [1]}, "wrong-kind", "profiles[0].conditions"),
    ],
)
def test_what_is_wrong_with_a_profile_is_said_where_it_stands(changes: dict[str, Any], code: str, field: str) -> None:
    assert [found[:2] for found in faults_of(text(profiles=[{**PROFILE, **changes}]))] == [(code, field)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"discordant_share": 0.05}, "policies[0]"),
        ({"discordant_share": "1/0"}, "policies[0]"),
        ({"correlation": "9"}, "policies[0]"),
        ({"team_leader_check": "perhaps"}, "policies[0]"),
        ({"sample_working_days": 61}, "policies[0]"),
        ({"reminder_working_days": ["1"]}, "policies[0]"),
        ({"verified": 1}, "policies[0].verified"),
        ({"colour": "green"}, "policies[0].colour"),
    ],
)
def test_what_is_wrong_with_a_policy_is_said_where_it_stands(changes: dict[str, Any], field: str) -> None:
    assert [found[1] for found in faults_of(text(policies=[{**POLICY, **changes}]))] == [field]


@pytest.mark.parametrize(
    ("row", "code", "field"),
    [
        ({"awarding_body": "1", "profile_id": "x"}, "wrong-kind", "assignments[0].awarding_body"),
        ({"awarding_body": None, "profile_id": "x"}, "wrong-kind", "assignments[0].awarding_body"),
        ({"profile_id": "x"}, "missing", "assignments[0]"),
        ({"awarding_body": "01"}, "missing", "assignments[0]"),
        ({"awarding_body": "01", "series": "June", "profile_id": "x"}, "wrong-kind", "assignments[0].series"),
        ({"awarding_body": "01", "family": "AA", "profile_id": "x"}, "wrong-kind", "assignments[0].family"),
        ({"awarding_body": "01", "component": "", "profile_id": "x"}, "wrong-kind", "assignments[0].component"),
        (
            {"awarding_body": "01", "family": "B", "series": "6A26", "profile_id": "x"},
            "contradiction",
            "assignments[0].series",
        ),
        (7, "not-an-object", "assignments[0]"),
    ],
)
def test_what_is_wrong_with_an_assignment_is_said_where_it_stands(row: Any, code: str, field: str) -> None:
    assert [found[:2] for found in faults_of(text(assignments=[row]))] == [(code, field)]


def test_twins_are_refused() -> None:
    same = {"awarding_body": "01", "profile_id": "cxc-5"}
    assert [found[0] for found in faults_of(text(assignments=[same, {**same, "policy_id": "x"}]))] == ["twice"]
    assert [found[0] for found in faults_of(text(profiles=[PROFILE, PROFILE]))] == ["twice"]
    assert len(read_rules("r", text(profiles=[PROFILE, {**PROFILE, "version": 2}])).profiles) == 2


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (b"", "not-json", 1),
        (b'{"format":\n"nea-rules/1",}', "not-json", 2),
        (b'{"format": "nea-rules/1",\n"format": "x"}', "not-json", 2),
        (b"\xff\xfe", "encoding", None),
        (b"[]", "not-rules", None),
        (b'{"format": "nea-rules/2"}', "format", 1),
        (b'{"format": "nea-rules/1", "profiles": 1}', "not-a-list", 1),
        (b'{"format": "nea-rules/1", "other": []}', "unknown-name", 1),
        (b'{"format": "nea-rules/1", "note": NaN}', "not-json", 1),
        (b"[" * 100_000, "not-json", 1),
        (b"[" * 100 + b"]" * 100, "not-json", 1),
        (b'{"format": "nea-rules/1", "note": ' + b"9" * 5000 + b"}", "not-json", 1),
        (b" " * (FILE_LIMIT_BYTES + 1), "file-too-large", None),
    ],
    ids=range(13),
)
def test_a_file_that_is_no_rules_file_is_refused_by_name(data: bytes, code: str, line: int | None) -> None:
    found = faults_of(data)
    assert found[0][0] == code
    if line is not None:
        assert found[0][2] == line


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=12,
    ),
    st.sampled_from([None, 1, 3]),
)
def test_located_json_reads_what_json_reads(value: Any, indent: int | None) -> None:
    written = json.dumps(value, indent=indent, ensure_ascii=False)
    assert read_located(written)[0] == value


def test_located_json_knows_its_lines() -> None:
    value, lines = read_located('{\n "a": [1,\n  {"b": 2}],\n "c": "x"}')
    assert value == {"a": [1, {"b": 2}], "c": "x"}
    assert (lines["a"], lines["a[0]"], lines["a[1].b"], lines["c"]) == (2, 2, 3, 4)
    with pytest.raises(JsonFault) as caught:
        read_located('{"a": 1,\n"b": {"c": 1, "c": 2}}')
    assert (caught.value.line, caught.value.path) == (2, "b.c")


def test_the_most_specific_assignment_wins() -> None:
    body = Assignment("01", profile_id="body", policy_id="body")
    family = Assignment("01", family="A", profile_id="family")
    series = Assignment("01", series="6A26", profile_id="series")
    component = Assignment("01", component="X446/03", profile_id="component")
    both = Assignment("01", series="6A26", component="X446/03", profile_id="both")
    growing = [body, family, series, component, both]
    for count in range(1, 6):
        found = most_specific(growing[:count][::-1], "profile_id")
        assert found is growing[count - 1]
        policy = most_specific(growing[:count], "policy_id")
        assert policy is body
    assert most_specific([], "profile_id") is None
    assert both.governs("01", "6A26", "X446/03")
    assert not both.governs("01", "6A27", "X446/03")
    assert not family.governs("01", "6B26", "X446/03")
    assert not body.governs("10", "6A26", "X446/03")
    assert both.words == "awarding body 01, series 6A26, component X446/03"


def test_a_profile_says_which_of_its_fields_is_wrong() -> None:
    with pytest.raises(ProfileInvalid) as caught:
        SampleProfile(
            "p",
            1,
            "",
            (Band(1, None, None),),
            Basis.ELIGIBLE,
            6,
            PickedBy.CENTRE,
            AllWorkOutcome.FIT,
            "project policy",
            False,
            minima=(GradeMinimum("D", 1), GradeMinimum(" ", 1)),
        )
    assert caught.value.facts["field"] == "minima[1]"
