"""Reading blind: what the mask does to what passes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from repository.blinding import HIDDEN, Blinding, code_of

CODES = {("99901", "1001"): "B2C3D4", ("99902", "1001"): "F5G6H7"}


@dataclass(frozen=True)
class File:
    slot: str
    version: int
    filename: str


@dataclass(frozen=True)
class Work:
    candidate_number: str
    surname: str
    centre_number: str
    files: tuple[File, ...]
    notes: Mapping[str, str]


def test_numbers_become_codes_and_names_go() -> None:
    mask = Blinding("99901", CODES).mask
    seen = mask(
        Work(
            "1001",
            "EXAMPLE",
            "99902",
            (File("work", 1, "1001_example.pdf"), File("notes", 1, "n.pdf"), File("work", 1, "1001_b.pdf")),
            {"candidate_number": "1001"},
        )
    )
    assert (seen.candidate_number, seen.surname, seen.centre_number) == ("F5G6H7", "", "99902")
    assert seen.files == (File("work", 1, "Work 1"), File("notes", 1, "Notes 1"), File("work", 1, "Work 2"))
    assert mask([replace(seen, candidate_number="9999")])[0].candidate_number == HIDDEN
    assert mask({"candidate_numbers": ["1001"], "mark": 3}) == {"candidate_numbers": ("B2C3D4",), "mark": 3}


def test_a_code_of_a_form_leads_back_to_the_candidate_of_the_own_case_only() -> None:
    blinding = Blinding("99901", CODES)
    assert [blinding.number(code) for code in ("B2C3D4", "F5G6H7", "", "1001")] == ["1001", "F5G6H7", "", "1001"]


@given(st.uuids(version=4).map(str))
def test_a_code_is_always_the_same_and_no_number(candidate_id: str) -> None:
    assert code_of(candidate_id) == code_of(candidate_id)
    assert re.fullmatch(r"([B-Z][2-9]){3}", code_of(candidate_id))
