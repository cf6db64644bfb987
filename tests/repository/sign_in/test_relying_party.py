"""At which addresses passkeys work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository.sign_in.relying_party import RelyingParty, relying_party


@pytest.mark.parametrize(
    ("base_url", "host", "origin"),
    [
        ("https://nea.example.org", "nea.example.org", "https://nea.example.org"),
        ("https://NEA.example.org:443", "nea.example.org", "https://nea.example.org"),
        ("https://nea.example.org:8443/", "nea.example.org", "https://nea.example.org:8443"),
        ("http://localhost:8080", "localhost", "http://localhost:8080"),
        ("http://localhost:80", "localhost", "http://localhost"),
        ("https://localhost", "localhost", "https://localhost"),
    ],
)
def test_a_name_by_https_and_localhost_have_passkeys(base_url: str, host: str, origin: str) -> None:
    assert relying_party(base_url) == RelyingParty(host, origin)


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1:8080",
        "https://127.0.0.1",
        "https://192.0.2.7",
        "http://[::1]:8080",
        "https://[2001:db8::1]",
        "http://nea.example.org",
        "http://localhost:0",
        "http://localhost:99999",
        "https://",
        "",
    ],
)
def test_addresses_of_numbers_and_names_without_https_have_none(base_url: str) -> None:
    assert relying_party(base_url) is None


@given(st.text(max_size=60))
def test_no_text_whatever_breaks_it(text: str) -> None:
    relying_party(text)
    found = relying_party(f"https://{text}")
    assert found is None or found.origin.startswith(f"https://{found.host}")
