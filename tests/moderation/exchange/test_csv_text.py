from __future__ import annotations

import csv
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.exchange.csv_text import Findings, Row, Table, padded, read_table, whole_number, write_table
from moderation.exchange.faults import Fault, FileRefused

COLUMNS = ("key", "text", "mark")


def read(data: bytes, **options: frozenset[str]) -> tuple[Table, Findings]:
    findings = Findings("a.csv")
    table = read_table(data, findings, columns=COLUMNS, **options)
    return table, findings


def refused(data: bytes) -> list[Fault]:
    with pytest.raises(FileRefused) as caught:
        read(data)[1].refuse_if_any()
    return list(caught.value.faults)


def codes(data: bytes) -> list[str]:
    return [fault.code for fault in refused(data)]


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
DANGEROUS = st.builds(
    lambda quotes, spaces, first, rest: "'" * quotes + " " * spaces + first + rest,
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([*"=+-@\t\r\n＝＋－＠'"]),
    CELLS,
)


@given(st.lists(st.one_of(CELLS, DANGEROUS)), st.booleans())
def test_every_text_survives_a_round_trip(texts: list[str], bom: bool) -> None:
    rows: list[dict[str, str | int | None]] = [
        {"key": "k", "text": text, "mark": number} for number, text in enumerate(texts, -2)
    ]
    table, findings = read(write_table(COLUMNS, rows, numeric={"mark"}, bom=bom))
    assert [row["text"] for row in table.rows] == texts
    assert [row["mark"] for row in table.rows] == [str(row["mark"]) for row in rows]
    findings.refuse_if_any()
    assert findings.warnings == ()


@pytest.mark.fault("att:A16")
@given(st.one_of(CELLS, DANGEROUS))
def test_no_cell_begins_as_a_formula(text: str) -> None:
    data = write_table(COLUMNS, [{"key": "k", "text": text, "mark": text}], numeric={"mark"}, bom=False).decode()
    _, cells = csv.reader(StringIO(data, newline=""))
    assert not cells[1].lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    assert not cells[1].startswith(("\t", "\r"))


def test_only_numbers_of_number_columns_are_written_bare() -> None:
    row = {"key": "-2", "text": "=1+1", "mark": "-2"}
    assert write_table(COLUMNS, [row], numeric={"mark"}) == b'\xef\xbb\xbfkey,text,mark\r\n"\'-2","\'=1+1",-2\r\n'
    assert write_table(COLUMNS, [{"mark": "-2+cmd"}], numeric={"mark"}, bom=False).endswith(b',,"\'-2+cmd"\r\n')


@pytest.mark.parametrize("text", ["a\0b", "x" * 1001, "\ud800"])
def test_what_cannot_be_written_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        write_table(COLUMNS, [{"text": text}])


def test_a_cell_of_no_column_is_refused() -> None:
    with pytest.raises(ValueError, match="columns"):
        write_table(COLUMNS, [{"other": "x"}])


def test_order_of_columns_bom_and_line_ends_are_free() -> None:
    table, findings = read(b'\xef\xbb\xbfMark, text ,key\n7,"a, ""b""\nc",001\n\n8,d,002')
    assert table.columns == ("mark", "text", "key")
    assert [(row.line, row["text"], row["mark"]) for row in table.rows] == [(2, 'a, "b"\nc', "7"), (5, "d", "8")]
    assert findings.warnings == ()


def test_blank_rows_of_a_spreadsheet_are_left_out_with_a_warning() -> None:
    table, findings = read(b"key,text,mark\r\n1,a,1\r\n,,\r\n")
    assert len(table.rows) == 1
    assert [(fault.code, fault.line) for fault in findings.warnings] == [("blank-row", 3)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ["header-missing"]),
        (b"\xef\xbb\xbf", ["header-missing"]),
        ("key,text,mark\r\n1,a,2\r\n".encode("utf-16"), ["utf-16"]),
        ("key,text,mark\r\n1,a,2\r\n".encode("utf-16-le"), ["utf-16"]),
        ("key,text,mark\r\n1,a,2\r\n".encode("utf-16-be"), ["utf-16"]),
        (b"key,text,mark\r\n1,a\0,2\r\n", ["nul-byte"]),
        (b"key,text,mark\r\n1,\xe9,2\r\n", ["not-utf-8"]),
        (b"key,text,mark,mark,other\r\n", ["repeated-column", "unknown-column"]),
        (b"key,text\r\n", ["missing-column"]),
        (b"key;text;mark\r\n", ["unknown-column", *["missing-column"] * 3]),
        (b'key,text,mark\r\n1,"a,2\r\n', ["quoting"]),
        (b'key,text,mark\r\n1,"a"b,2\r\n', ["quoting"]),
        (b"key,text,mark\r\n1,a\r\n2,b,3,4\r\n", ["row-length", "row-length"]),
        (b"key,text,mark\r\n1," + b"x" * 1001 + b",2\r\n", ["cell-too-long"]),
        (b"key,text,mark\r\n1," + b"x" * 200_000 + b",2\r\n", ["quoting"]),
        (b"key,text,mark\r\n" + b"1,a,2\r\n" * 50_001, ["too-many-rows"]),
        (b"mark," * 2_000_000, ["too-many-columns"]),
        (b"x" * (10 * 1024 * 1024 + 1), ["too-large"]),
        (b"key,text,mark" + b",z" * 30 + b"\r\n", ["too-many-columns"]),
    ],
)
def test_faults_of_the_file(data: bytes, expected: list[str]) -> None:
    assert codes(data) == expected


def test_exactly_fifty_thousand_rows_are_taken() -> None:
    assert len(read(b"key,text,mark\r\n" + b"1,a,2\r\n" * 50_000)[0].rows) == 50_000


def test_a_missing_header_repeats_nothing_of_the_data() -> None:
    faults = refused(b"0001,EXAMPLE:ADA,62\r\n")
    assert not any("EXAMPLE" in str(fault).upper().replace("E.G.", "") for fault in faults)


def test_a_fault_is_located() -> None:
    fault = refused(b"text,key,mark\r\na,1,2\r\n" + b"x" * 1001 + b",1,2\r\n")[0]
    assert (fault.file, fault.line, fault.first_column, fault.field) == ("a.csv", 3, 1, "text")


def test_faults_past_the_limit_are_counted() -> None:
    with pytest.raises(FileRefused) as caught:
        read(b"key,text,mark\r\n" + b"1\r\n" * 300)[1].refuse_if_any()
    assert (len(caught.value.faults), caught.value.total) == (200, 300)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("62", 62),
        (" 0 ", 0),
        ("007", 7),
        ("", "number-missing"),
        ("-1", "number-negative"),
        ("1.0E3", "number-exponent"),
        ("1E3", "number-exponent"),
        ("1,000", "number-thousands"),
        ("1 000", "number-thousands"),
        ("62.0", "number-decimal"),
        ("62,5", "number-decimal"),
        (".5", "number-decimal"),
        ("+5", "number-invalid"),
        ("٣", "number-invalid"),
        ("x", "number-invalid"),
        ("9999999999", "number-invalid"),
        pytest.param("1" * 130_000, "number-invalid", id="very long"),
        ("71", "mark-too-high"),
    ],
)
def test_whole_numbers(text: str, expected: int | str) -> None:
    findings = Findings("a.csv")
    number = whole_number(Row(2, {"mark": text}), "mark", findings, maximum=70)
    if isinstance(expected, int):
        assert number == expected
        findings.refuse_if_any()
    else:
        assert number is None
        with pytest.raises(FileRefused) as caught:
            findings.refuse_if_any()
        assert [fault.code for fault in caught.value.faults] == [expected]


def test_shortened_numbers_are_filled_up_with_a_warning() -> None:
    findings = Findings("a.csv")
    assert padded(Row(2, {"key": "1"}), "key", 4, findings) == "0001"
    assert [fault.code for fault in findings.warnings] == ["zeros-added"]
    assert padded(Row(3, {"key": "0002"}), "key", 4, findings) == "0002"
    assert len(findings.warnings) == 1
    for text in ("", "0000", "00001", "1a", "1.0"):
        assert padded(Row(4, {"key": text}), "key", 4, findings) is None
    assert findings.total == 5
