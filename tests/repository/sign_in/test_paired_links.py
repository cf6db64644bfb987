"""Links and codes: what is made, what is kept, how a link stands; and who may give and reset what. Pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository.access import CENTRE_ROLES, Role
from repository.errors import FieldRefused
from repository.sign_in.invitations import may_give
from repository.sign_in.paired_links import CODE_TRIES, LinkState, code_field, mac_of, new_secrets, state_of
from repository.sign_in.people_tables import Invitation
from repository.sign_in.resets import may_reset

NOW = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
CENTRES = st.sampled_from(["99001", "99002"])
HELD = st.one_of(
    st.tuples(st.sampled_from(sorted(CENTRE_ROLES)), CENTRES),
    st.tuples(st.sampled_from(sorted(set(Role) - CENTRE_ROLES)), st.none()),
)


def link(**more: object) -> Invitation:
    values = {"failed_codes": 0, "expires_at": NOW + timedelta(days=14), "used_at": None, "revoked_at": None}
    return Invitation(**{**values, **more})


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({}, LinkState.OPEN),
        ({"failed_codes": CODE_TRIES - 1}, LinkState.OPEN),
        ({"failed_codes": CODE_TRIES}, LinkState.LOCKED),
        ({"expires_at": NOW}, LinkState.EXPIRED),
        ({"expires_at": NOW + timedelta(microseconds=1)}, LinkState.OPEN),
        ({"revoked_at": NOW}, LinkState.REVOKED),
        ({"used_at": NOW, "revoked_at": NOW, "failed_codes": 9, "expires_at": NOW}, LinkState.USED),
    ],
)
def test_how_a_link_stands(more: dict[str, object], state: LinkState) -> None:
    assert state_of(link(**more), NOW) is state


@given(st.lists(st.text(min_size=1), min_size=2, max_size=2, unique=True))
def test_a_code_is_eight_digits_from_its_own_randomness(tokens: list[str]) -> None:
    """The link says nothing about the code: each is of a random text of its own."""
    made = new_secrets(iter([tokens[0], tokens[1]]).__next__)
    assert made.token == tokens[1]
    assert len(made.code) == 8
    assert code_field(made.spoken_code) == made.code
    assert mac_of(made.token, made.code) != mac_of(made.token + "x", made.code)


@given(st.text(alphabet="0123456789 -a１", max_size=12))
def test_whatever_is_typed_is_a_code_or_is_refused(typed: str) -> None:
    bare = typed.replace(" ", "").replace("-", "")
    if len(bare) == 8 and set(bare) <= set("0123456789"):
        assert code_field(typed) == bare
        return
    with pytest.raises(FieldRefused) as refused:
        code_field(typed)
    assert refused.value.facts["field"] == "code"


@given(st.sampled_from(sorted(Role)), st.sampled_from(sorted(Role)), st.none() | CENTRES, st.none() | CENTRES)
def test_nobody_gives_what_is_above_or_beside_them(
    giver: Role, role: Role, own: str | None, centre: str | None
) -> None:
    if not may_give(giver, role, own, centre):
        return
    assert giver in {Role.EXAMS_OFFICER, Role.AB_OFFICER}
    if giver is Role.EXAMS_OFFICER:
        assert role in CENTRE_ROLES
        assert centre is not None
        assert centre == own
    else:
        assert role is not Role.TEACHER


@given(st.lists(HELD, max_size=4), st.sampled_from(sorted(Role)), st.none() | CENTRES)
def test_a_reset_opens_nothing_that_its_opener_could_not_give(
    held: list[tuple[Role, str | None]], giver: Role, own: str | None
) -> None:
    """An exams officer never opens the way to another centre's work, or to a role beside or above the own."""
    if not may_reset(held, giver, own):
        return
    assert held
    assert giver is Role.AB_OFFICER or {*held} == {(Role.TEACHER, own)}
