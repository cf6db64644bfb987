from __future__ import annotations

from typing import Any

import pytest

from moderation.entries import Series
from moderation.exchange.faults import FileRefused
from moderation.exchange.marks_csv import MarkRow, MarksFile, MarkSheetRow, read_marks_csv, write_marks_csv
from moderation.marks import MarkStatus

SERIES = Series("99", "6B", 26)
CANDIDATES = {"0001": "EXAMPLE", "0002": "SAMPLE", "0003": "SPECIMEN"}
HEADER = "series,centre,component,entry_option,candidate_number,uci,surname,forenames,mark,status,teacher,comment\r\n"


def line(number: str = "0001", mark: str = "62", status: str = "present", **cells: str) -> str:
    row = {
        "series": "99-6B26",
        "centre": "99001",
        "component": "X446/03",
        "option": "",
        "surname": "",
        "teacher": "",
    } | cells
    place = f"{row['series']},{row['centre']},{row['component']},{row['option']}"
    return f"{place},{number},,{row['surname']},,{mark},{status},{row['teacher']},\r\n"


def read(*lines: str, **options: Any) -> MarksFile:
    known: dict[str, Any] = {
        "series": SERIES,
        "centre_number": "99001",
        "component_code": "X446/03",
        "maximum_mark": 70,
        "candidates": CANDIDATES,
        "carried_forward": {"0007"},
        "other_routes": {"0008"},
        "entry_options": {"0001": "X446A"},
    }
    return read_marks_csv("marks.csv", (HEADER + "".join(lines)).encode(), **(known | options))


def codes(*lines: str, **options: Any) -> list[str]:
    with pytest.raises(FileRefused) as caught:
        read(*lines, **options)
    return [fault.code for fault in caught.value.faults]


def test_a_whole_file() -> None:
    file = read(
        line("0001", "62", teacher="SET A", option="X446A", surname="Example"),
        line("0002", "", "absent"),
        line("0003", "0", ""),
    )
    assert file.rows == (
        MarkRow("0001", MarkStatus.PRESENT, 62, "SET A"),
        MarkRow("0002", MarkStatus.ABSENT, None),
        MarkRow("0003", MarkStatus.PRESENT, 0),
    )
    assert (file.control_total, file.missing, file.warnings) == (62, (), ())


@pytest.mark.fault("att:H02")
@pytest.mark.fault("att:H02")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (line("0009"), "unknown-candidate"),
        (line(mark="71"), "mark-too-high"),
        (line(mark="-1"), "number-negative"),
        (line(mark="6.5"), "number-decimal"),
        (line(mark="1.0E1"), "number-exponent"),
        (line(mark='"1,000"'), "number-thousands"),
        (line(mark="62", status="absent"), "mark-not-allowed"),
        (line(mark="62", status="withdrawn"), "mark-not-allowed"),
        (line(mark=""), "mark-missing"),
        (line(mark="", status=""), "mark-missing"),
        (line(status="lost"), "status-unknown"),
        (line(component="X446/04"), "wrong-route"),
        (line(option="X446B"), "wrong-route"),
        (line("0008"), "wrong-route"),
        (line("0007"), "carried-forward"),
        (line(centre="99002"), "wrong-centre"),
        (line(series="99-6B25"), "wrong-series"),
        (line("0000"), "number-invalid"),
    ],
)
def test_each_fault_refuses_the_file(text: str, expected: str) -> None:
    assert codes(line("0002"), text) == [expected]


def test_a_duplicate_names_the_first_line() -> None:
    with pytest.raises(FileRefused, match="1 fault") as caught:
        read(line(), line("0002"), line("1"))
    (fault,) = caught.value.faults
    assert (fault.code, fault.line, fault.first_column) == ("duplicate-candidate", 4, 5)
    assert "line 2" in fault.message


def test_every_fault_is_listed() -> None:
    assert codes(line("0009"), line(mark="71"), line("0003", mark="", status=""), line("0007")) == [
        "unknown-candidate",
        "mark-too-high",
        "mark-missing",
        "carried-forward",
    ]


def test_a_submitted_set_is_refused_first() -> None:
    assert codes(line(), submitted=True) == ["marks-submitted"]


def test_another_surname_is_only_a_warning_and_is_not_repeated() -> None:
    file = read(line(surname="PATTERN"), line("2"))
    assert [fault.code for fault in file.warnings] == ["surname-differs", "zeros-added"]
    assert not any("PATTERN" in str(fault) for fault in file.warnings)
    assert file.rows[0].mark == 62


def test_missing_candidates_are_told_and_the_rest_is_taken() -> None:
    assert read(line("0002")).missing == ("0001", "0003")


def test_a_written_file_reads_back() -> None:
    rows = [
        MarkSheetRow("0001", surname="EXAMPLE", mark=62, status=MarkStatus.PRESENT, comment="=1+1", teaching_set="-A"),
        MarkSheetRow("0002", status=MarkStatus.ABSENT),
        MarkSheetRow("0003", mark=0, status=MarkStatus.ZERO_NO_WORTH),
    ]
    data = write_marks_csv(rows, series=SERIES, centre_number="99001", component_code="X446/03")
    file = read_marks_csv(
        "m.csv",
        data,
        series=SERIES,
        centre_number="99001",
        component_code="X446/03",
        maximum_mark=70,
        candidates=CANDIDATES,
    )
    assert file.rows == (
        MarkRow("0001", MarkStatus.PRESENT, 62, "-A", "=1+1"),
        MarkRow("0002", MarkStatus.ABSENT, None),
        MarkRow("0003", MarkStatus.PRESENT, 0),
    )


def test_a_blank_form_is_refused_until_it_is_filled() -> None:
    data = write_marks_csv([MarkSheetRow("0001")], series=SERIES, centre_number="99001", component_code="X446/03")
    with pytest.raises(FileRefused):
        read_marks_csv(
            "m.csv",
            data,
            series=SERIES,
            centre_number="99001",
            component_code="X446/03",
            maximum_mark=70,
            candidates=CANDIDATES,
        )


def test_a_status_kept_on_screen_is_not_written() -> None:
    with pytest.raises(ValueError, match="LOST"):
        write_marks_csv(
            [MarkSheetRow("0001", status=MarkStatus.LOST)],
            series=SERIES,
            centre_number="99001",
            component_code="X446/03",
        )


def test_a_surname_is_compared_without_case_and_accents() -> None:
    known = {"0001": "MULLER-OBRIEN"}
    assert read(line("0001", "62", surname="Müller-O'Brien"), candidates=known, entry_options={}).warnings == ()
    (warning,) = read(line("0001", "62", surname="Miller"), candidates=known, entry_options={}).warnings
    assert warning.code == "surname-differs"
