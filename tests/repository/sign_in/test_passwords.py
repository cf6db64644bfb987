"""Which passwords are taken."""

from __future__ import annotations

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from repository.errors import FieldRefused
from repository.sign_in import passwords
from repository.sign_in.passwords import is_common, is_of_the_place, require_good

OWN = files("repository.sign_in").joinpath("common_passwords.txt").read_text("utf-8").splitlines()[2:]


@pytest.mark.parametrize(
    "password",
    ["Password123!", "p4$$w0rd2026", "Letmein2026", "QWERTYUIOP", "1234567890123456", "abcdefgh", "zxcvbnm,./1",
     "Liverpool1892", "summer2026!!", "iloveyou<3", "aaaaaaaaaaaaaaaa", "passwordpassword", "87654321", "1qaz2wsx3edc",
     "m a n c h e s t e r", "GCSE-2026-gcse", "!!!Sunshine!!!"],
)  # fmt: skip
def test_what_is_tried_first_is_refused_in_all_its_forms(password: str) -> None:
    assert is_common(password) or is_of_the_place(password, ())
    with pytest.raises(FieldRefused) as refused:
        require_good(password, second_factor=True, field="new_password")
    assert refused.value.facts["field"] == "new_password"


@pytest.mark.parametrize(
    "password",
    ["three hares under one moon", "correct kettle sonnet badger", "xK9#vq2!Lm", "Zugspitze im Nebel", "ÿ日本語のパスワード",
     "83920174629384", "teapot-in-the-harbour"],
)  # fmt: skip
def test_what_nobody_tries_first_is_taken_without_rules_of_composition(password: str) -> None:
    require_good(password, second_factor=True, context=["Ada Example", "ada@example.org", "99001"])


@pytest.mark.parametrize(
    "password",
    ["AdaExample2026", "ada.example.99001", "99001-school-exam", "Example-Academy-99001", "examsofficer1"],
)
def test_the_persons_own_words_and_the_place_are_no_password(password: str) -> None:
    with pytest.raises(FieldRefused, match=r"made of your name|tried first"):
        require_good(
            password, second_factor=True, context=["Ada Example", "ada@example.org", "99001", "Example Academy"]
        )


def test_length_is_what_counts_and_a_second_factor_makes_it_shorter() -> None:
    fourteen, fifteen = "kettle sonnet.", "kettle sonnet.."
    assert (len(fourteen), len(fifteen)) == (14, 15)
    require_good(fourteen, second_factor=True)
    require_good(fifteen, second_factor=False)
    with pytest.raises(FieldRefused, match="at least 15"):
        require_good(fourteen, second_factor=False)
    with pytest.raises(FieldRefused, match="at least 8"):
        require_good("kett so", second_factor=True)
    long = "kettle sonnet badger " * 7
    require_good(long[:128], second_factor=False)
    with pytest.raises(FieldRefused, match="128"):
        require_good(long[:129], second_factor=False)


@given(st.text(max_size=140), st.booleans(), st.lists(st.text(max_size=30), max_size=4))
def test_whatever_is_typed_is_taken_or_refused_with_a_sentence(password: str, second: bool, context: list[str]) -> None:
    said = ""
    try:
        require_good(password, second_factor=second, context=context)
    except FieldRefused as refused:
        said = refused.detail
    fits = (8 if second else 15) <= len(password) <= 128
    assert said.endswith(".") if said else fits
    assert fits or said


@given(st.sampled_from(OWN), st.integers(0, 9999), st.sampled_from(["", "!", "#1", ".", "123"]))
def test_digits_and_signs_around_a_common_word_do_not_help(word: str, number: int, sign: str) -> None:
    assert is_common(f"{word}{number}{sign}")
    assert is_common(word.upper() + sign)


def test_the_list_is_part_of_the_package_and_says_where_it_is_from() -> None:
    text = files("repository.sign_in").joinpath("common_passwords.txt").read_text("utf-8")
    assert "Our own list" in text
    words = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(words) > 700
    assert all(word == word.casefold() and word.isascii() for word in words)


def test_the_three_thousand_that_are_met_most_and_long_enough_are_refused() -> None:
    """OWASP ASVS 5.0, 6.2.4."""
    most = [word for word in FREQUENCY_LISTS["passwords"] if len(word) >= passwords.SHORTEST_WITH_SECOND_FACTOR]
    assert len(most) > 3000
    for word in most:
        assert is_common(word)
        assert is_common(word.upper())


def test_a_number_that_is_long_enough_is_taken_with_a_word_before_it() -> None:
    require_good("sunshine839201746293", second_factor=False)
    with pytest.raises(FieldRefused):
        require_good("sunshine20262027", second_factor=True)
