from __future__ import annotations

import pytest

from moderation.exchange.basedata import read_basedata
from moderation.exchange.faults import FileRefused
from moderation.exchange.reading import summary_of
from moderation.exchange.unit_links import read_unit_links

from . import test_entry_files, test_marks_records, test_results_files
from .test_basedata import written


def test_any_file_is_known_by_its_content() -> None:
    assert summary_of("x", test_entry_files.EXAMPLE.encode()).counts == {
        "centre": "99999", "sequence": 1, "candidates": 2, "entries": 3,
    }  # fmt: skip
    marks = summary_of("x", test_marks_records.EXAMPLE.encode())
    assert (marks.what, marks.counts["sum of marks"]) == ("marks P1 (JCQ-style, not JCQ)", 62)
    assert summary_of("x", written()["O6B26_99.X02"]).counts == {"O": 4}
    xml = summary_of("x", test_results_files.GOOD)
    assert (xml.what, xml.counts["grades"]) == ("XML of results (A2C-like, not certified)", 1)


@pytest.mark.parametrize("data", [b"", b"Zxx", b"\xff\xfe", b"series,centre\r\n"])
def test_what_is_no_file_of_exchange_is_said(data: bytes) -> None:
    with pytest.raises(FileRefused):
        summary_of("x", data)


LINKS = b"H446  F451  \r\nH446  F452\r\n"


def test_unit_links_without_a_frame_are_named_and_left_out() -> None:
    assert read_unit_links("ULINKS10.X13", LINKS).links == (("H446", "F451"), ("H446", "F452"))
    read = read_basedata([*written().items(), ("ulinks10.x13", LINKS)])
    assert [warning.code for warning in read.warnings] == ["unit-links"]
    with pytest.raises(FileRefused) as refused:
        read_basedata([*written().items(), ("ULINKS10.X13", LINKS + b"H446\r\n" + b"x" * 13)])
    assert [(fault.code, fault.line) for fault in refused.value.faults] == [("unit-link", 3), ("unit-link", 4)]
