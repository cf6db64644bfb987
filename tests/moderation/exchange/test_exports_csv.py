from __future__ import annotations

import csv
from datetime import UTC, datetime
from io import StringIO

import pytest

from moderation.entries import Series
from moderation.exchange import exports_csv as out
from moderation.exchange import ofqual

SERIES = Series("01", "6A", 26)
NOW = datetime(2026, 5, 20, 8, 0, tzinfo=UTC)


def rows_of(pieces: object) -> list[list[str]]:
    return list(csv.reader(StringIO(b"".join(pieces).decode("utf-8-sig"), newline="")))


def test_the_sample_csv_has_its_columns_and_reasons() -> None:
    line = out.SampleLine("99901", "H446/03", "0001", 1, 62, "=A", "picked", NOW, NOW)
    data = b"".join(out.sample_csv(SERIES, [line]))
    assert data == (
        b"\xef\xbb\xbfseries,centre,component,candidate_number,position,centre_mark,teaching_set,reason,requested_at,due_at\r\n"
        b'01-6A26,99901,H446/03,0001,1,62,"\'=A",picked,2026-05-20T08:00:00+00:00,2026-05-20T08:00:00+00:00\r\n'
    )
    with pytest.raises(ValueError, match="reason"):
        list(out.sample_csv(SERIES, [out.SampleLine("99901", "H", "0001", 1, 62, "", "liked", NOW, NOW)]))


def test_the_outcome_csv_has_its_columns() -> None:
    line = out.OutcomeLine("99901", "H446/03", "0001", "", 62, "PRESENT", "ADJUSTED", 58, "adjustment/1")
    assert rows_of(out.outcome_csv(SERIES, [line], bom=False)) == [
        [
            "series", "centre", "component", "candidate_number", "uci", "centre_mark", "status", "outcome",
            "moderated_mark", "policy_version",
        ],
        ["01-6A26", "99901", "H446/03", "0001", "", "62", "present", "adjusted", "58", "adjustment/1"],
    ]  # fmt: skip


def test_component_marks_stand_under_the_headers_that_schools_know() -> None:
    line = out.ComponentMarkLine("0001", "H446A", "62", "H446/03", "124.5", "")
    header, row = rows_of(out.component_marks_csv(SERIES, [line]))
    assert header == [
        "Series Year", "Series Code", "Candidate Number", "Entry Code", "Result Mark", "Component Code",
        "Component Scaled Mark", "Component UMS", "Component Status Notes",
    ]  # fmt: skip
    assert row == ["2026", "6A", "0001", "H446A", "62", "H446/03", "124.5", "", ""]


def test_the_cie_template_has_three_columns_for_each_component() -> None:
    line = out.CieLine("0417", "A", "99901", "0001", "=EXAMPLE ADA", {"0417/02": (40, "39", "B")}, "120", "A")
    header, row = rows_of(out.cie_csv(["0417/02", "0417/03"], [line]))
    assert header == [
        "Syllabus", "Option code", "Centre number", "Candidate number", "Candidate name", "0417/02 Raw mark",
        "0417/02 Adjusted mark", "0417/02 Grade", "0417/03 Raw mark", "0417/03 Adjusted mark", "0417/03 Grade",
        "Syllabus total", "Syllabus grade",
    ]  # fmt: skip
    assert row == ["0417", "A", "99901", "0001", "'=EXAMPLE ADA", "40", "39", "B", "", "", "", "120", "A"]


def test_entries_and_results() -> None:
    assert rows_of(out.entries_csv(SERIES, [("99901", "0001", "EXAMPLE", "ADA", "", "H446A")]))[1] == [
        "01-6A26", "99901", "0001", "EXAMPLE", "ADA", "", "H446A",
    ]  # fmt: skip
    assert rows_of(out.results_csv(SERIES, [("99901", "0001", "", "H446A", "212.5", "A*", "")]))[1] == [
        "01-6A26", "99901", "0001", "", "H446A", "212.5", "A*", "", "yes",
    ]  # fmt: skip


SPECIAL = ofqual.SpecialConsiderationLine(
    "June 2026", "2026-07-01", "99", "99901", "R-1", "999990241001C", "60149115", "SPECIMEN", "H446", "3"
)


def test_the_public_columns_of_the_return_on_special_consideration() -> None:
    header, row = rows_of(ofqual.special_consideration_csv([SPECIAL]))
    assert header == [
        "series", "reporting date", "awarding organisation", "centre", "request id", "UCI", "QAN", "title",
        "specification code", "level",
    ]  # fmt: skip
    assert row[0] == "June 2026"
    assert ofqual.NOT_PUBLIC


@pytest.mark.parametrize(
    ("what", "right", "wrong"),
    [
        ("series", "January 2026", "May 2026"),
        ("centre", "1", "999999"),
        ("specification code", "H446", "H4460000"),
        ("component code", "H446/03", "H446/030000"),
        ("uci", "999990241001C", "999990241001CC"),
        ("qan", "601/4911/5", "601/4911/50"),
        ("raw mark", "-2", "-1"),
        ("raw mark", "100", "1000"),
        ("mark after review", "TBD", "tbd"),
    ],
)
def test_the_patterns_of_the_regulator(what: str, right: str, wrong: str) -> None:
    assert ofqual.check(what, right) == right
    with pytest.raises(ValueError, match=what):
        ofqual.check(what, wrong)


def test_a_series_as_the_regulator_writes_it() -> None:
    assert ofqual.series_label(SERIES) == "June 2026"
    with pytest.raises(ValueError, match="series"):
        ofqual.series_label(Series("01", "5A", 26))
    assert len(set(ofqual.REASONS)) == 17
