"""How tokens of school systems are written and read, what they may, and from where they come."""

from __future__ import annotations

import re
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository.access import POLICY, Action, Role, Scope
from repository.errors import FieldRefused
from repository.sign_in import token_format
from repository.sign_in.token_format import GRANT_WORDS, GRANTS, Grant

WHOLE = re.compile(r"sdr_(live|test)_[0-9a-z]{12}_[0-9A-Za-z]{43}_[0-9a-f]{8}")


def new(*, live: bool = True) -> token_format.Written:
    return token_format.write(secrets.token_urlsafe(32), secrets.token_urlsafe(32), live=live)


def test_a_token_is_written_as_searchers_for_secrets_know_it() -> None:
    for live in (True, False):
        token = new(live=live)
        match = WHOLE.fullmatch(token.text)
        assert match is not None
        assert match[1] == ("live" if live else "test")
        assert token_format.read_id(token.text, live=live) == token.token_id


def test_a_known_token_is_written_so_for_good() -> None:
    token = token_format.write("A" * 43, "_" * 42 + "8", live=True)
    assert token.text == KNOWN
    assert token.token_id == "0" * 12


KNOWN = "sdr_live_000000000000_1Px8WoR5J2acUNJh7gll8MwzwhMy1la1zo6aDWKSJHY_283d8849"


def test_a_token_of_a_rehearsal_is_none_of_a_real_service() -> None:
    assert token_format.read_id(new(live=False).text, live=True) is None
    assert token_format.read_id(new(live=True).text, live=False) is None


@given(st.integers(0, 75), st.characters(codec="ascii", categories=("L", "N", "P")))
def test_any_one_character_typed_wrong_is_seen_without_the_database(place: int, typed: str) -> None:
    token = token_format.write("B" * 43, "C" * 43, live=True).text
    wrong = token[:place] + typed + token[place + 1 :]
    assert token_format.read_id(wrong, live=True) == (None if wrong != token else token[9:21])


@given(st.text(max_size=100))
def test_any_other_text_is_no_token(text: str) -> None:
    assert token_format.read_id(text, live=True) is None
    assert token_format.read_id("sdr_live_" + text, live=True) is None


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_the_secret_keeps_all_its_bits(one: bytes, other: bytes) -> None:
    import base64

    texts = {
        token_format.write("D" * 43, base64.urlsafe_b64encode(secret).decode().rstrip("="), live=True).text
        for secret in (one, other)
    }
    assert len(texts) == len({one, other})


def test_tokens_reach_nothing_but_what_a_centre_may_send_and_ask_about() -> None:
    every = frozenset[Action]().union(*GRANTS.values())
    assert every == {
        Action.SERIES_READ,
        Action.ENTRIES_IMPORT,
        Action.MARKS_IMPORT,
        Action.CASE_READ,
        Action.MARKS_READ,
        Action.MARKS_SAVE,
        Action.SAMPLE_READ,
        Action.UPLOAD_CREATE,
        Action.UPLOAD_CONTINUE,
        Action.DOCUMENT_STATUS,
        Action.RECEIPT_READ,
    }
    assert all(
        POLICY[action][Role.EXAMS_OFFICER] in {Scope.MY_CENTRE, Scope.OWN} for action in every - {Action.SERIES_READ}
    )
    assert set(GRANTS) == set(GRANT_WORDS) == set(Grant)


def test_what_is_no_grant_any_more_allows_nothing() -> None:
    assert token_format.actions_of(["entries", "was_once"]) == {Action.ENTRIES_IMPORT}
    assert token_format.actions_of([]) == frozenset()


@pytest.mark.parametrize(
    ("network", "address", "comes"),
    [
        (None, "203.0.113.9", True),
        (None, None, True),
        ("192.0.2.0/24", "192.0.2.77", True),
        ("192.0.2.0/24", "192.0.3.77", False),
        ("192.0.2.0/24", "::ffff:192.0.2.77", True),
        ("192.0.2.0/24", "2001:db8::1", False),
        ("192.0.2.0/24", None, False),
        ("192.0.2.0/24", "unknown", False),
        ("2001:db8::/32", "2001:db8::1", True),
        ("192.0.2.7/32", "192.0.2.7", True),
    ],
)
def test_a_network_holds_its_addresses_only(network: str | None, address: str | None, comes: bool) -> None:
    assert token_format.comes_from(network, address) is comes


def test_a_network_is_kept_as_networks_are_written() -> None:
    assert token_format.read_network("") is None
    assert token_format.read_network("192.0.2.7") == "192.0.2.7/32"
    assert token_format.read_network("2001:DB8::/32") == "2001:db8::/32"
    for wrong in ("192.0.2.7/24", "school", "192.0.2.0/33", "*", "1"):
        with pytest.raises(FieldRefused):
            token_format.read_network(wrong)
