"""Browsers in words."""

from __future__ import annotations

import pytest

from repository.sign_in.devices import words_of

_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15"
_EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0"
_BOOK = "Mozilla/5.0 (X11; CrOS x86_64 16181.61.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
_PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 CriOS/140.0 Mobile Safari/604.1"


@pytest.mark.parametrize(
    ("said", "words"),
    [(_MAC, "Safari on a Mac"), (_EDGE, "Edge on Windows"), (_BOOK, "Chrome on a Chromebook"),
     (_PHONE, "Chrome on an iPhone"), ("Firefox/140", "Firefox"), ("curl/8", None), ("", None)],
)  # fmt: skip
def test_a_browser_is_named_as_people_know_it(said: str, words: str | None) -> None:
    assert words_of(said) == words
