"""What is written: facts fill it, nothing ends a header or becomes markup, and no letter has a place for a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository.mail.composing import compose
from repository.mail.letters import LETTERS, check, write
from repository.mail.queueing import is_address

from .conftest import START

VALUES: dict[str, str | int | list[str]] = {
    "component_code": "7552/C",
    "lines": ["Component 7552/C, due 5 May 2026", "Component 7717/C, due 6 May 2026"],
}


def facts_of(name: str) -> dict[str, str | int | list[str]]:
    return {fact: VALUES.get(fact, f"({fact})") for fact in LETTERS[name].wants}


@pytest.mark.parametrize("name", sorted(LETTERS))
def test_every_letter_says_in_its_page_what_it_says_in_its_text(name: str) -> None:
    facts = facts_of(name)
    check(name, facts)
    written = write(name, facts, "https://nea.example")
    for value in facts.values():
        for one in value if isinstance(value, list) else [value]:
            assert str(one) in written.text
            assert str(one) in written.html
    assert "{" not in written.text + written.subject


@pytest.mark.parametrize("name", sorted(LETTERS))
def test_a_subject_says_no_more_than_the_code_of_a_component(name: str) -> None:
    assert LETTERS[name].wants & {"candidate", "name", "surname", "forenames", "mark"} == set()
    subject = LETTERS[name].subject
    assert "{" not in subject.replace("{component_code}", "")


@pytest.mark.parametrize("name", sorted(LETTERS))
def test_a_letter_takes_its_own_facts_and_no_others(name: str) -> None:
    with pytest.raises(ValueError, match="takes"):
        check(name, facts_of(name) | {"candidate_name": "x"})
    if LETTERS[name].wants:
        with pytest.raises(ValueError, match="takes"):
            check(name, {})


def test_an_unknown_letter_and_a_code_that_is_none_are_mistakes() -> None:
    with pytest.raises(ValueError, match="no letter"):
        check("gossip", {})
    for code in ("7552\r\nBcc: x@y.example", "", "x" * 21, "é"):
        with pytest.raises(ValueError, match="subject"):
            check("receipt-to-fetch", facts_of("receipt-to-fetch") | {"component_code": code})


@given(st.text())
def test_no_fact_ends_a_header_or_becomes_markup(text: str) -> None:
    facts = facts_of("security-notice") | {"what": text, "when": text}
    written = write("security-notice", facts, "https://nea.example")
    assert "<" not in written.html.split("</title>")[1].replace("<p>", "").replace("</p>", "").replace("</html>", "")
    message = compose(written, sender="nea@board.example", to="a@b.example", message_id="<1@b.example>", sent_at=START)
    head = message.as_bytes().split(b"\r\n\r\n")[0]
    assert {line.split(b":")[0] for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))} == {
        b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Auto-Submitted", b"MIME-Version", b"Content-Type",
    }  # fmt: skip


@given(st.text(max_size=300))
def test_an_address_is_one_plain_address_or_none(text: str) -> None:
    if is_address(text):
        assert text.isascii()
        assert text.count("@") == 1
        assert not set(text) & set(' \r\n\t<>,;:"()[]\\\x00')


@pytest.mark.parametrize(
    "text",
    ["a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example", "<a@b.example>", "a b@c.example", "@b.example", "a@", "a@b@c"],
)  # fmt: skip
def test_what_could_be_more_than_one_address_is_none(text: str) -> None:
    assert not is_address(text)
