"""Whose work a file is: by number, by name, by place; and never by guessing."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import Ask

PDF, SOUND = [".pdf", ".docx"], [".mp3", ".wav"]
WORK = {"key": "work", "title": "Work", "hint": "", "endings": [*PDF, *SOUND]}
ESSAY = {"key": "essay", "title": "Critical essay", "hint": "About 2,000 words", "endings": PDF}
LOG = {"key": "log", "title": "Production log", "hint": "The diary of the project", "endings": PDF}
FILM = {"key": "recording", "title": "Recording", "hint": "", "endings": SOUND}
GROUP = {
    "item": "case",
    "slots": [
        {
            "key": "cohort",
            "title": "Documents about the whole group",
            "hint": "For example the centre's assessment record, task sheets or notes of internal standardisation.",
            "endings": PDF,
        }
    ],
}
PEOPLE = [
    ("0042", "Smith", "John"),
    ("0043", "O’Brien", "Zoë Marie"),
    ("1204", "García López", "José"),
    ("2024", "Smith-Jones", "Anna"),
    ("0107", "Li", "Wei"),
    ("0108", "Brown", "Sam"),
    ("0109", "Brown", "Sam"),
]


def sample(*slots: dict[str, object]) -> dict[str, object]:
    return {
        "candidates": [
            {
                "item": f"i{number}",
                "number": number,
                "surname": surname,
                "forenames": forenames,
                "slots": list(slots) or [WORK],
            }
            for number, surname, forenames in PEOPLE
        ],
        "group": GROUP,
    }


def place(ask: Ask, path: str, *slots: dict[str, object]) -> dict[str, Any]:
    (one,) = ask("allocation.js", "allocate", [path], sample(*slots))
    return dict(one)


def shown(one: dict[str, Any]) -> tuple[str, str | None]:
    return one["confidence"], (one["item"] or "").removeprefix("i") or None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("0042_project.pdf", ("certain", "0042")),
        ("0042essay.pdf", ("certain", "0042")),
        ("Candidate 0042.pdf", ("certain", "0042")),
        ("c0042-final.pdf", ("certain", "0042")),
        ("99001_0042_work.pdf", ("certain", "0042")),  # a centre's number is no candidate's
        ("X446-03 0042 (2).pdf", ("certain", "0042")),
        ("Art/0042 Smith/final.pdf", ("certain", "0042")),
        ("Art/0042/pages/01.pdf", ("certain", "0042")),
        ("0043/IMG_0042.pdf", ("certain", "0043")),  # the folder's number, not the camera's
        ("2026-05-12 0042.pdf", ("certain", "0042")),
        ("2026 0042.pdf", ("certain", "0042")),
        ("0042 2024-01-02.pdf", ("certain", "0042")),  # a date is not candidate 2024
        ("Smith John.pdf", ("likely", "0042")),
        ("john_smith_final_v2.pdf", ("likely", "0042")),
        ("SmithJohn.pdf", ("likely", "0042")),
        ("OBRIEN ZOE.pdf", ("likely", "0043")),
        ("Zoe O'Brien - essay.pdf", ("likely", "0043")),
        ("o brien, zoë.pdf", ("likely", "0043")),
        ("Jose Garcia.pdf", ("likely", "1204")),
        ("anna smith jones.pdf", ("likely", "2024")),
        ("Wei Li.pdf", ("likely", "0107")),
        ("Smith, John/essay.pdf", ("likely", "0042")),
        ("0042 0043.pdf", ("check", None)),
        ("0043/0042.pdf", ("check", None)),
        ("0042 Zoe OBrien.pdf", ("check", None)),  # number and name of two people
        ("Sam Brown.pdf", ("check", None)),  # two people of one name
        ("IMG_0042.pdf", ("check", None)),
        ("Scan 0042.pdf", ("check", None)),
        ("0099_Smith_John.pdf", ("check", None)),
        ("0099 Jones/0042.pdf", ("check", None)),
        ("0099_work.pdf", ("nobody", None)),
        ("0099/essay.pdf", ("nobody", None)),
        ("00420.pdf", ("nobody", None)),
        ("990010042.pdf", ("nobody", None)),
        ("Smith.pdf", ("nobody", None)),  # one word is not enough
        ("J Smith.pdf", ("nobody", None)),  # an initial names nobody
        ("essay.pdf", ("nobody", None)),
        ("\uff10\uff10\uff14\uff12.pdf", ("nobody", None)),  # full-width digits
        ("\u0660\u0660\u0664\u0662 essay.pdf", ("nobody", None)),  # Arabic-Indic digits
        ("0042\u0663.pdf", ("nobody", None)),
        ("Internal standardisation notes.pdf", ("likely", "case")),
        ("Assessment record 2026.pdf", ("likely", "case")),
        ("notes.pdf", ("nobody", None)),
    ],
)
@pytest.mark.fault("att:A10", "att:A11", "att:A18")
def test_a_name_says_whose_a_file_is_or_that_somebody_must_look(
    ask: Ask, path: str, expected: tuple[str, str | None]
) -> None:
    assert shown(place(ask, path)) == expected
    assert place(ask, path)["why"].endswith((".", "?"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("0042 essay.pdf", ("certain", "essay")),
        ("0042_Production-Log.pdf", ("certain", "log")),
        ("0042/diary.pdf", ("certain", "log")),
        ("0042 track.mp3", ("certain", "recording")),  # the only place that takes sound
        ("0042 essays of 2026.pdf", ("certain", "essay")),
        ("0042.pdf", ("check", None)),
        ("0042 essay log.pdf", ("check", None)),
    ],
)
def test_a_name_says_which_place_a_file_is_for(ask: Ask, path: str, expected: tuple[str, str | None]) -> None:
    one = place(ask, path, ESSAY, LOG, FILM)
    assert (one["confidence"], one["slot"]) == expected
    if one["slot"] is None:
        assert one["maybe"] == ["i0042"]
        assert "Critical essay" in one["why"]


@pytest.mark.fault("att:D17")
def test_two_files_for_one_place_are_told(ask: Ask) -> None:
    work, log = {"item": "i0042", "slot": "work"}, {"item": "i0042", "slot": "log"}
    assert ask(special="shared", places=[work, None, log, work]) == [["i0042|work", [0, 3]]]


NUMBERS = [number for number, _, _ in PEOPLE]
letters = st.text(st.characters(categories=["Ll", "Lu"], max_codepoint=0x24F), max_size=8)
apart = st.sampled_from([" ", "_", "-", ".", " - ", "__", "("])
digits = st.text("0123456789", min_size=1, max_size=9)
quick = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@quick
@given(st.lists(st.one_of(letters, digits, apart, st.sampled_from(NUMBERS)), max_size=9))
def test_nobody_gets_a_file_that_carries_the_number_of_somebody_else(ask: Ask, pieces: list[str]) -> None:
    name = "".join(pieces) + ".pdf"
    confidence, number = shown(place(ask, name))
    runs = ask("names.js", "numeralsOf", name[:-4])
    said = {run["digits"] for run in runs if run["digits"] in NUMBERS and not run["counted"]}
    if confidence == "certain":
        assert said == {number}
    elif confidence == "likely":
        assert not said
    assert (confidence in {"certain", "likely"}) == (number is not None)


@quick
@given(letters, st.sampled_from(NUMBERS), st.integers(0, 3), letters)
def test_other_digits_and_longer_runs_are_no_numbers(ask: Ask, before: str, number: str, at: int, after: str) -> None:
    wide = "".join(chr(ord(digit) - ord("0") + 0xFF10) for digit in number)
    arabic = number[:at] + chr(ord(number[at]) - ord("0") + 0x0660) + number[at + 1 :]
    for written in (wide, arabic, number + "7", "9" + number):
        confidence, _ = shown(place(ask, f"{before} {written} {after}.pdf"))
        assert confidence != "certain"


@quick
@given(st.sampled_from(PEOPLE[:5]), st.booleans(), apart, st.sampled_from(["NFC", "NFD"]), st.booleans())
def test_order_accents_and_case_of_a_name_do_not_matter(
    ask: Ask, person: tuple[str, str, str], turned: bool, between: str, form: str, upper: bool
) -> None:
    number, surname, forenames = person
    text = between.join([forenames, surname] if turned else [surname, forenames])
    text = text.upper() if upper else text
    plain = unicodedata.normalize("NFD", text)
    bare = "".join(letter for letter in plain if not unicodedata.combining(letter))
    for written in (unicodedata.normalize(form, text), bare):
        assert shown(place(ask, f"{written}.pdf")) == ("likely", number)
