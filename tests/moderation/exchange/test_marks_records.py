from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.entries import Series
from moderation.exchange.faults import FileRefused
from moderation.exchange.lines import Findings
from moderation.exchange.marks_checks import CasePlace, CentrePlaces, Entered, marks_to_save
from moderation.exchange.marks_records import CentreMarks, MarkRecord, centres_of, marks_lines, read_marks, write_marks
from moderation.exchange.own_records import OwnReader
from moderation.exchange.records import read_file
from moderation.marks import MarkStatus

NAME = "M9999901.X01"
EXAMPLE = """M199999016A26SOPENNEA100P1
M399999016A26001ZZ99 9ZZ
M5C999991001999990241001CH446/03     H446A M0062   SETA
M5C999991003999990241003TH446/03     H446A A       SETB
M799999000000415052600000062
M99999900000060000001
"""
DAY = date(2026, 5, 15)
SERIES = Series("01", "6A", 26)
ADA = MarkRecord("1001", "H446/03", "H446A", "M", 62, "", "999990241001C", "SETA")
CAL = MarkRecord("1003", "H446/03", "H446A", "A", None, "", "999990241003T", "SETB")


def padded(text: str = EXAMPLE) -> bytes:
    return "".join(f"{line:<96}\r\n" for line in text.splitlines()).encode()


def faults(text: str | bytes) -> list[tuple[str, int | None]]:
    with pytest.raises(FileRefused) as refused:
        read_marks(NAME, text if isinstance(text, bytes) else text.encode())
    return [(fault.code, fault.line) for fault in refused.value.faults]


def test_the_example_is_read_and_written_byte_for_byte() -> None:
    read = read_marks(NAME, EXAMPLE.encode())
    assert read.series == SERIES
    assert read.centres == (CentreMarks("99999", 1, (ADA, CAL), 62, "ZZ99 9ZZ"),)
    assert write_marks(SERIES, read.centres, written_on=DAY) == (NAME, padded())


def test_a_jcq_reader_refuses_it_and_this_one_refuses_version_14() -> None:
    with pytest.raises(FileRefused) as refused:
        read_file(NAME, padded(), "EASOCLDM")
    assert refused.value.faults[0].code == "wrong-type"
    assert faults(EXAMPLE.replace("P1", "14", 1)) == [("version", 1)]


rows = st.builds(
    MarkRecord,
    candidate_number=st.integers(1, 9999).map("{:04d}".format),
    component_code=st.sampled_from(["H446/03", "J277/03", "X"]),
    option_code=st.sampled_from(["H446A", "J277"]),
    flag=st.just("M"),
    mark=st.integers(0, 9999),
    uci=st.sampled_from(["", "999990241001C"]),
    teaching_set=st.sampled_from(["", "SETA", "A-9 & CO."]),
    status=st.sampled_from("CP"),
) | st.builds(
    MarkRecord,
    candidate_number=st.integers(1, 9999).map("{:04d}".format),
    component_code=st.just("H446/03"),
    option_code=st.just("H446A"),
    flag=st.sampled_from("AW"),
) | st.builds(
    MarkRecord,
    candidate_number=st.integers(1, 9999).map("{:04d}".format),
    component_code=st.just("H446/80"),
    option_code=st.just("H446A"),
    flag=st.just("G"),
    grade=st.sampled_from(["A*", "P", "NCL"]),
)  # fmt: skip


@given(
    st.lists(st.lists(rows, unique_by=lambda row: (row.candidate_number, row.component_code)), min_size=1, max_size=4)
)
def test_every_file_of_one_centre_or_many_survives_a_round_trip(centres: list[list[MarkRecord]]) -> None:
    written = tuple(
        CentreMarks(f"{10001 + place}", 7, tuple(found), sum(row.mark or 0 for row in found))
        for place, found in enumerate(centres)
    )
    name, content = write_marks(SERIES, written, written_on=DAY, sequence=7)
    assert {len(line) for line in content.split(b"\r\n")} == {96, 0}
    assert name == ("M1000101.X07" if len(written) == 1 else "M0000001.X07")
    assert read_marks(name, content).centres == written


@pytest.mark.parametrize("kept", range(6))
def test_a_file_cut_off_after_any_record_is_refused(kept: int) -> None:
    assert faults("\n".join(EXAMPLE.split("\n")[:kept]))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("M0062", "M0026", [("control-total", 5)]),
        ("00000062\n", "00000026\n", [("control-total", 5)]),
        ("0000004", "0000005", [("count", 5)]),
        ("00000060000001", "00000070000001", [("count", 6)]),
        ("00000060000001", "00000060000002", [("centres", 6)]),
        ("M5C999991003", "M5C999991001", [("duplicate-candidate", 4)]),
        ("M5C999991003", "M5C999990000", [("candidate-number", 4)]),
        ("M5C999991003", "M5C999981003", [("other-centre", 4)]),
        ("M5C999991003", "M5X999991003", [("status", 4)]),
        ("0241003T", "0241003A", [("uci", 4)]),
        ("A       SETB", "A0000   SETB", [("mark", 4)]),
        ("A       SETB", "        SETB", [("flag", 4)]),
        ("A       SETB", "G       SETB", [("grade", 4)]),
        ("A       SETB", "A    B  SETB", [("grade", 4)]),
        ("M0062", "M  62", [("mark", 3), ("control-total", 5)]),
        ("H446/03     H446A A", "            H446A A", [("missing", 4)]),
        ("M399999016A26", "M399999016B26", [("series", 2)]),
        ("016A26001ZZ", "016A26000ZZ", [("sequence", 2)]),
        ("M799999", "M599999", None),
        ("M199999016A26", "M19999901DA26", [("series", 1)]),
    ],
)
def test_faults_are_located(before: str, after: str, expected: list[tuple[str, int]] | None) -> None:
    assert before in EXAMPLE
    found = faults(EXAMPLE.replace(before, after, 1))
    assert found if expected is None else found == expected


def test_line_ends_padding_and_what_old_programs_leave_are_read_leniently() -> None:
    for data in (EXAMPLE.encode(), padded(), padded() + b"\x1a", padded() + b"\r\n", b"\xef\xbb\xbf" + padded()):
        assert read_marks(NAME, data).centres[0].rows == (ADA, CAL)
    for data in (
        EXAMPLE.replace("\n", "\r").encode(),
        EXAMPLE.encode("utf-16"),
        b"",
        EXAMPLE.replace("\n", "\n\n").encode(),
    ):
        assert faults(data)


@given(st.binary(max_size=300), st.integers(0, 600), st.integers(0, 40))
def test_whatever_the_bytes_a_file_is_read_or_refused(noise: bytes, place: int, cut: int) -> None:
    good = padded()
    for data in (noise, good[:place] + noise + good[place + cut :]):
        try:
            read_marks(NAME, data)
        except FileRefused as refused:
            assert refused.faults  # noqa: PT017 - anything but a refusal fails the test


@pytest.mark.parametrize(
    "row",
    [
        replace(ADA, candidate_number="10001"),
        replace(ADA, teaching_set="TEN LETTERS"),
        replace(ADA, teaching_set="SÉT"),
        replace(ADA, mark=10_000),
        replace(ADA, mark=None),
        replace(ADA, flag="G"),
    ],
)
def test_what_does_not_fit_is_refused_when_writing(row: MarkRecord) -> None:
    with pytest.raises(ValueError):
        write_marks(SERIES, [CentreMarks("99999", 1, (row,), 0)], written_on=DAY)


def test_a_sequence_number_that_no_file_can_have_is_not_written() -> None:
    for sequence in (0, 100, 1000):
        with pytest.raises(ValueError, match="sequence"):
            write_marks(SERIES, [CentreMarks("99999", sequence, (ADA,), 62)], written_on=DAY)


def test_many_centres_are_read_one_at_a_time() -> None:
    def lines() -> list[bytes]:
        centres = (CentreMarks(f"{number}", 1, (ADA,) * 1, 62) for number in range(20001, 20011))
        return b"".join(marks_lines(SERIES, centres, written_on=DAY)).splitlines(keepends=True)

    taken: list[int] = []

    def counted() -> object:
        for number, line in enumerate(lines(), 1):
            taken.append(number)
            yield line

    reader = OwnReader("M", Findings(NAME))
    first = next(centres_of(reader, counted()))
    assert first.centre_number == "20001"
    assert len(taken) == 4


PLACES = CentrePlaces(
    {
        "H446/03": CasePlace(
            "case-1",
            "H446/03",
            70,
            True,
            {
                "1001": Entered("a", "H446A", "999990241001C"),
                "1003": Entered("c", "H446A"),
                "1004": Entered("d", "H446A", "", MarkStatus.LOST, 40),
                "1005": Entered("e", "H446A", "", MarkStatus.ZERO_UNAUTHENTICATED, 0),
            },
        ),
        "H446/04": CasePlace("case-2", "H446/04", 70, False, {}),
    },
    {"H446/03": frozenset({"1008"})},
    frozenset({"1001", "1003", "1004", "1005", "1008", "1009"}),
)


@pytest.mark.fault("att:H02")
@pytest.mark.parametrize(
    ("row", "code"),
    [
        (ADA, None),
        (replace(ADA, mark=70), None),
        (replace(ADA, mark=71), "mark-too-high"),
        (replace(ADA, option_code="H446B"), "wrong-route"),
        (replace(ADA, component_code="H446/05"), "wrong-route"),
        (replace(ADA, component_code="H446/04"), "marks-submitted"),
        (replace(ADA, uci="999990241002H"), "uci-differs"),
        (replace(ADA, candidate_number="1008", uci=""), "carried-forward"),
        (replace(ADA, candidate_number="1009", uci=""), "wrong-route"),
        (replace(ADA, candidate_number="1010", uci=""), "unknown-candidate"),
        (replace(ADA, flag="G", mark=None, grade="A"), "grade"),
        (replace(ADA, candidate_number="1004", uci="", mark=41), "kept-on-screen"),
        (replace(ADA, candidate_number="1005", uci="", flag="A", mark=None), "kept-on-screen"),
    ],
)
def test_a_file_is_held_against_the_entries(row: MarkRecord, code: str | None) -> None:
    findings = Findings(NAME)
    found = marks_to_save(CentreMarks("99999", 1, (row,), 0), PLACES, findings)
    assert [fault.code for fault in findings.errors] == ([code] if code else [])
    assert bool(found) is (code is None)


def test_what_was_keyed_on_screen_stays_and_who_is_missing_is_told() -> None:
    findings = Findings(NAME)
    lost = replace(ADA, candidate_number="1004", uci="", mark=40)
    found = marks_to_save(CentreMarks("99999", 1, (lost, CAL), 40), PLACES, findings)
    assert [row.candidate_id for row in found["case-1"]] == ["c"]
    assert [(fault.code, "2 entered" in fault.message) for fault in findings.warnings] == [("missing", True)]
