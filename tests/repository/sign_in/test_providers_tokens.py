"""Tokens of providers under arbitrary bytes: refused by name, never by an accident of the reader."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import KeySet

from repository.errors import ProviderAnswerRefused
from repository.sign_in.providers import Issuer
from repository.sign_in.providers_tokens import check_id_token, check_logout_token, read_keys
from tests.servers.lying_provider import LyingProvider, signing_key

NOW = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
ISSUER = Issuer("school", "School", "https://login.school.example", "nea-repository", "-")
PROVIDER = LyingProvider(lambda: NOW, address=ISSUER.issuer)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
HEADERS = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "zip", "cty"]), JSON | st.just("RS256")
)
NAMES = ["iss", "sub", "aud", "exp", "iat", "nbf", "nonce", "azp", "jti", "events", "sid"]


def keys() -> KeySet:
    return read_keys({"keys": PROVIDER.public_keys})


def refused(token: Any) -> None:
    for check in (
        lambda: check_id_token(ISSUER, keys(), token, "nonce", NOW),
        lambda: check_logout_token(ISSUER, keys(), token, NOW),
    ):
        with pytest.raises(ProviderAnswerRefused) as error:
            check()
        assert error.value.reason.isascii()
        assert len(error.value.reason) < 40


def test_what_is_right_is_taken() -> None:
    token = PROVIDER.sign(PROVIDER.id_claims("nonce"))
    assert check_id_token(ISSUER, keys(), token, "nonce", NOW)["sub"] == "subject-1"
    assert check_logout_token(ISSUER, keys(), PROVIDER.logout_token(), NOW).subject == "subject-1"


@given(token=st.text(max_size=80) | st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}"))
def test_arbitrary_text_is_refused(token: str) -> None:
    refused(token)


@given(header=HEADERS | JSON, claims=JSON, signature=st.binary(max_size=8))
def test_arbitrary_headers_are_refused(header: Any, claims: Any, signature: bytes) -> None:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    refused(".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(name=st.sampled_from(NAMES), value=JSON)
def test_arbitrary_claims_under_a_right_signature_are_read_or_refused(name: str, value: Any) -> None:
    claims = PROVIDER.id_claims("nonce")
    token = PROVIDER.sign(claims | {name: value})
    try:
        read = check_id_token(ISSUER, keys(), token, "nonce", NOW)
    except ProviderAnswerRefused:
        return
    assert (read["iss"], read["nonce"]) == (ISSUER.issuer, "nonce")
    assert read["aud"] in ("nea-repository", ["nea-repository"])
    assert abs(read["iat"] - NOW.timestamp()) <= 660


@given(listed=JSON | st.lists(st.dictionaries(st.sampled_from(["kty", "n", "e", "crv", "x", "y", "kid", "use"]), JSON)))
def test_arbitrary_keys_are_left_out(listed: Any) -> None:
    with pytest.raises(ProviderAnswerRefused):
        read_keys({"keys": listed})


def test_a_right_key_is_found_among_odd_ones_and_its_private_part_is_not_taken() -> None:
    private = dict(signing_key("RSA", "key-1").as_dict(private=True))
    found = read_keys({"keys": [None, {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}, private]})
    assert [key.kid for key in found] == ["key-1"]
    assert not any(key.is_private for key in found)


def test_a_token_without_kid_is_checked_where_there_is_one_key_only() -> None:
    token = LyingProvider(lambda: NOW, address=ISSUER.issuer, header={"kid": None}).sign(PROVIDER.id_claims("nonce"))
    assert check_id_token(ISSUER, keys(), token, "nonce", NOW)
    two = read_keys({"keys": [*PROVIDER.public_keys, dict(signing_key("RSA", "key-2").as_dict(private=False))]})
    with pytest.raises(ProviderAnswerRefused, match="could not be trusted"):
        check_id_token(ISSUER, two, token, "nonce", NOW)
