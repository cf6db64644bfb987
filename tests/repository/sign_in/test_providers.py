"""Rules from claims to centres and roles: what no rule names gives nothing, whatever an issuer says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository.access import CENTRE_ROLES, Role
from repository.errors import ProviderAnswerRefused
from repository.sign_in.methods import Method
from repository.sign_in.providers import CentreRule, Issuer, Offer, RoleRule, identity_of, shows_multi_factor

SCHOOL = Issuer(
    key="school",
    name="School",
    issuer="https://login.school.example",
    client_id="nea",
    client_secret="-",
    centre=CentreRule(claim="urn", table={"123456": "99001", "654321": "99002"}),
    roles=(
        RoleRule("groups", "staff", Role.TEACHER, at_once=True),
        RoleRule("groups", "staff", Role.EXAMS_OFFICER),
        RoleRule("level", "7", Role.MODERATOR, at_once=True),
    ),
    multi_factor_acr=frozenset({"two"}),
    multi_factor_amr=frozenset({"mfa"}),
)
STRANGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
CLAIMS = st.dictionaries(
    st.sampled_from(["sub", "sid", "name", "given_name", "urn", "groups", "level", "acr", "amr", "auth_time"]), STRANGE
)


def claims(**changes: Any) -> dict[str, Any]:
    return {"sub": "subject-1"} | changes


def test_a_table_leads_to_centres_and_what_is_not_in_it_nowhere() -> None:
    assert identity_of(SCHOOL, claims(urn="123456")).centres == ("99001",)
    assert identity_of(SCHOOL, claims(urn=123456)).centres == ("99001",)
    assert identity_of(SCHOOL, claims(urn=["654321", "123456", "1"])).centres == ("99001", "99002")
    for urn in ("99001", "", None, True, {"123456": 1}, [["123456"]]):
        assert identity_of(SCHOOL, claims(urn=urn)).centres == ()


def test_roles_go_with_centres_and_those_of_the_body_with_two_factors() -> None:
    offered = identity_of(SCHOOL, claims(urn="123456", groups=["staff"], level=7)).offers
    assert offered == (Offer(Role.EXAMS_OFFICER, "99001"), Offer(Role.TEACHER, "99001", at_once=True))
    found = identity_of(SCHOOL, claims(level="7", acr="two"))
    assert found.offers == (Offer(Role.MODERATOR, None, at_once=True),)
    assert found.method is Method.PROVIDER_MULTI_FACTOR
    assert identity_of(SCHOOL, claims(groups=["staff"])).offers == ()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"acr": "two"}, True),
        ({"amr": ["pwd", "mfa"]}, True),
        ({"amr": "mfa"}, False),
        ({"acr": ["two"]}, False),
        ({"acr": "mfa"}, False),
        ({"amr": ["two"]}, False),
        ({"amr": [["mfa"]]}, False),
        ({}, False),
    ],
)
def test_two_factors_are_shown_by_the_values_written_down_only(said: dict[str, Any], shown: bool) -> None:
    assert shows_multi_factor(SCHOOL, said) is shown


@given(said=CLAIMS)
def test_whatever_is_said_nobody_gets_more_than_the_rules_give(said: dict[str, Any]) -> None:
    try:
        found = identity_of(SCHOOL, said)
    except ProviderAnswerRefused:
        assert not isinstance(said.get("sub"), str) or not (said["sub"].isascii() and said["sub"].strip())
        return
    assert set(found.centres) <= {"99001", "99002"}
    assert {offer.role for offer in found.offers} <= {rule.role for rule in SCHOOL.roles}
    for offer in found.offers:
        assert (offer.role, offer.centre_number) in found.spoken_for
        if offer.role in CENTRE_ROLES:
            assert offer.centre_number in found.centres
        else:
            assert found.method is Method.PROVIDER_MULTI_FACTOR
    assert found.name.strip() == found.name != ""
    assert len(found.name) <= 200
    assert found.name.isprintable()


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"email": "robin@school.example", "email_verified": True}, "robin@school.example"),
        ({"email": "robin@school.example"}, None),
        ({"email": "robin@school.example", "email_verified": "true"}, None),
        ({"email": "robin@school.example\r\nBcc: all@school.example", "email_verified": True}, None),
        ({"email": "robin", "email_verified": True}, None),
        ({"email": "a@" + "b" * 400 + ".example", "email_verified": True}, None),
        ({"email": ["robin@school.example"], "email_verified": True}, None),
    ],
)
def test_an_address_is_kept_when_it_was_checked(said: dict[str, Any], kept: str | None) -> None:
    assert identity_of(SCHOOL, claims(**said)).email == kept


def test_a_name_is_cleaned_and_proves_nothing() -> None:
    assert identity_of(SCHOOL, claims(name="  Robin\x00\n\u202eNewcomer ")).name == "Robin Newcomer"
    assert identity_of(SCHOOL, claims(given_name="Robin", family_name="Newcomer")).name == "Robin Newcomer"
    assert identity_of(SCHOOL, claims(name=["x"])).name == "Somebody without a name"
