"""Addresses and proxies: what the service cannot safely be reached by, it does not start with."""

from __future__ import annotations

import pytest

from repository.errors import SettingRefused
from repository.settings import from_environ
from repository.web.hosts import forwarded_for

HTTPS = {"NEA_BASE_URL": "https://nea.example.org", "NEA_CONTENT_URL": "https://files.nea.example.org"}


def test_on_loopback_the_other_name_carries_uploaded_bytes() -> None:
    assert from_environ({}).content_url == "http://localhost:8080"
    settings = from_environ({"NEA_BASE_URL": "http://localhost:9000"})
    assert settings.content_url == "http://127.0.0.1:9000"
    assert settings.on_loopback


@pytest.mark.parametrize("content", ["https://files.nea.example.org", "https://nea-files.example.org"])
def test_over_a_network_both_names_are_given(content: str) -> None:
    settings = from_environ(HTTPS | {"NEA_CONTENT_URL": content})
    assert settings.secure_cookies
    assert not settings.on_loopback
    assert settings.content_url == content


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"NEA_CONTENT_URL": ""}, "NEA_CONTENT_URL"),
        ({"NEA_CONTENT_URL": "https://nea.example.org"}, "cookies ignore ports"),
        ({"NEA_CONTENT_URL": "https://nea.example.org:8443"}, "cookies ignore ports"),
        ({"NEA_CONTENT_URL": "https://NEA.example.org"}, "cookies ignore ports"),
        ({"NEA_CONTENT_URL": "https://files.elsewhere.net"}, "beside or below"),
        ({"NEA_CONTENT_URL": "https://other.org"}, "beside or below"),
        ({"NEA_CONTENT_URL": "http://files.nea.example.org"}, "https"),
        ({"NEA_CONTENT_URL": "https://files.nea.example.org/path"}, "a scheme and a host only"),
        ({"NEA_BASE_URL": "http://nea.example.org"}, "must start with https"),
        ({"NEA_BASE_URL": "https://nea.example.org/path"}, "a scheme and a host only"),
        ({"NEA_BASE_URL": "https://user:word@nea.example.org"}, "a scheme and a host only"),
        ({"NEA_BASE_URL": "https://nea.example.org?x"}, "a scheme and a host only"),
        ({"NEA_BASE_URL": "https://"}, "must start with"),
        ({"NEA_BASE_URL": "https://nea.example.org:port"}, "a scheme and a host only"),
        ({"NEA_BASE_URL": "", "NEA_HOST": "0.0.0.0"}, "NEA_BASE_URL is missing"),
        ({"NEA_TRUSTED_PROXIES": "proxy"}, "NEA_TRUSTED_PROXIES"),
        ({"NEA_TRUSTED_PROXIES": "0.0.0.0/0"}, "every address"),
        ({"NEA_TRUSTED_PROXIES": "::/0"}, "every address"),
        ({"NEA_LOG_FORMAT": "xml"}, "text or json"),
    ],
)
def test_what_is_unsafe_is_refused(changes: dict[str, str], named: str) -> None:
    with pytest.raises(SettingRefused, match=named):
        from_environ(HTTPS | changes)


@pytest.mark.parametrize(
    ("peer", "lines", "found"),
    [
        ("192.0.2.1", ["203.0.113.5"], "192.0.2.1"),  # nobody we believe
        ("10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.5"], "203.0.113.5"),  # what the client wrote itself is not believed
        ("10.0.0.1", ["6.6.6.6", "203.0.113.5, 10.0.0.2"], "203.0.113.5"),
        ("10.0.0.1", ["<script>"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.5, x"], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("", ["203.0.113.5"], ""),
    ],
)
def test_only_what_a_trusted_proxy_says_of_the_client_is_believed(peer: str, lines: list[str], found: str) -> None:
    settings = from_environ(HTTPS | {"NEA_TRUSTED_PROXIES": "10.0.0.0/24"})
    assert forwarded_for(peer, lines, settings) == found
    assert forwarded_for(peer, lines, from_environ(HTTPS)) == peer
