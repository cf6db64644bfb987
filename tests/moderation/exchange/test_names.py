from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.exchange.names import NAME_LIMIT_CHARACTERS, TRANSLITERATION, file_form, shortened, to_ascii


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("é", "e"),
        ("ß", "ss"),
        ("ø", "o"),
        ("’", "'"),
        ("ZOË D’ARCY", "ZOE D'ARCY"),
        ("Łukasz Đặng", "Lukasz Dang"),
        ("e\u0301", "e"),
        ("ÅNGSTRÖM–ŞAHİN", "ANGSTROM-SAHIN"),
        ("Þórður Æsa", "Thordur AEsa"),
    ],
)
def test_the_published_table(text: str, plain: str) -> None:
    assert to_ascii(text) == plain


@pytest.mark.parametrize("text", ["漢", "Иван", "①", "½", "ﬁ", "😀", "\u202e"])
def test_what_the_table_lacks_is_refused_and_not_replaced(text: str) -> None:
    with pytest.raises(ValueError, match=f"U\\+{ord(text[0]):04X}"):
        to_ascii(text)


def test_every_form_of_the_table_is_plain_and_plain_text_is_left_alone() -> None:
    assert all(plain.isascii() and plain.isprintable() for plain in TRANSLITERATION.values())
    assert to_ascii(string.printable) == string.printable


def test_a_colon_cannot_stand_in_a_surname() -> None:
    with pytest.raises(ValueError, match="colon"):
        file_form("EX:AMPLE", "ADA")


@pytest.mark.parametrize(
    ("name", "proposal"),
    [
        ("EXAMPLE:ADA TEST", "EXAMPLE:ADA TEST"),
        ("EXAMPLE-HYPHENATED:ADA BEATRICE CAROLINE DOROTHEA", "EXAMPLE-HYPHENATED:ADA BEATRICE C D"),
        ("EXAMPLE-HYPHENATED-SURNAME-INDEED:ADA BEATRICE CAROLINE", "EXAMPLE-HYPHENATED-SURNAME-INDEED:ADA B"),
        ("E" * 50 + ":ADA", "E" * 38 + ":A"),
        ("E" * 50 + ":", "E" * 39 + ":"),
    ],
)
def test_the_shortening_that_is_proposed(name: str, proposal: str) -> None:
    assert shortened(name) == proposal


@given(st.text(string.ascii_letters + "- '", min_size=1, max_size=80), st.text(string.ascii_letters + " ", max_size=80))
def test_every_proposal_fits_and_keeps_the_surname_as_long_as_it_can(surname: str, forenames: str) -> None:
    proposal = shortened(f"{surname}:{forenames}")
    assert len(proposal) <= NAME_LIMIT_CHARACTERS
    kept, colon, _ = proposal.partition(":")
    assert colon == ":"
    assert surname.strip().startswith(kept.strip())
    if len(surname) <= NAME_LIMIT_CHARACTERS - 2:
        assert kept.strip() == surname.strip()
