import string
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.entries import Series, SubmissionMode
from moderation.exchange.basedata import DisallowedPair, Option, SeriesBasedata
from moderation.exchange.entry_checks import check_entries
from moderation.exchange.entry_files import EntryRecord, read_entries, write_entries
from moderation.exchange.faults import FileRefused
from moderation.exchange.names import NameTooLong, to_ascii

from .test_basedata import BASEDATA

DAY = date(2026, 2, 14)
EXAMPLE = """E199999016A26SOPENNEA10014
E399999016A26001ZZ99 9ZZ
E5C999991001EXAMPLE:ADA TEST                        F010109999990241001C             9990000017             H446A  J277
E5C999991002SAMPLE:BEN                              M311208999990241002H             9990000025             H446B
E7999990000004140226
E99999900000060000001
"""
SERIES = Series("99", "6B", 26)


def record(number: str = "1001", *options: str) -> EntryRecord:
    return EntryRecord(number, "EXAMPLE", "ADA TEST", "999990241001C", options or ("X446A",), "F", date(2009, 1, 1))


def faults(text: str | bytes) -> list[tuple[str, int | None]]:
    with pytest.raises(FileRefused) as refused:
        read_entries("E9999901.X01", text if isinstance(text, bytes) else text.encode())
    return [(fault.code, fault.line) for fault in refused.value.faults]


def test_the_worked_example_is_read() -> None:
    read = read_entries("E9999901.X01", EXAMPLE.encode())
    assert (read.kind, read.centre_number, read.sequence, read.series.key) == ("E", "99999", 1, "01-6A26")
    ada, ben = read.entries
    assert (ada.surname, ada.forenames, ada.options, ada.born_on) == (
        "EXAMPLE", "ADA TEST", ("H446A", "J277"), date(2009, 1, 1),
    )  # fmt: skip
    assert (ben.options, ben.uln) == (("H446B",), "9990000025")
    assert read.warnings == ()


def test_round_trip_with_a_continuation_record() -> None:
    many = tuple(f"X{number:03d}" for number in range(15))
    entries = [record("1001", *many), EntryRecord("1002", "SAMPLE", "BEN", "999990241002H", ("X446A",))]
    name, content = write_entries(SERIES, "99999", entries, written_on=DAY)
    assert name == "E9999999.X01"
    lines = content.split(b"\r\n")
    assert [len(line) for line in lines] == [192] * 7 + [0]
    read = read_entries(name, content)
    assert list(read.entries) == entries


def test_accents_are_transliterated_and_what_cannot_be_is_refused() -> None:
    _, content = write_entries(
        SERIES, "99999", [EntryRecord("1001", "ÉXÅMPLE", "ZOË ß", "", ("X446A",))], written_on=DAY
    )
    assert b"EXAMPLE:ZOE ss" in content
    with pytest.raises(ValueError, match="U\\+6F22"):
        write_entries(SERIES, "99999", [EntryRecord("1001", "漢", "", "", ("X446A",))], written_on=DAY)
    with pytest.raises(ValueError, match="40 fit"):
        write_entries(SERIES, "99999", [EntryRecord("1001", "E" * 40, "A", "", ())], written_on=DAY)


@pytest.mark.parametrize("kept", range(6))
def test_a_file_cut_off_after_any_record_is_refused(kept: int) -> None:
    assert faults("\n".join(EXAMPLE.split("\n")[:kept]))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("0000004", "0000005", [("count", 5)]),
        ("0000006", "0000005", [("count", 6)]),
        ("999990241001C", "999990241001D", [("uci", 3)]),
        ("9990000025", "9990000026", [("uln", 4)]),
        ("E5C999991002", "E5C999991001", [("duplicate-candidate", 4)]),
        ("E5C999991002", "E5C999990000", [("candidate-number", 4)]),
        ("E5C999991002", "E5C999981002", [("other-centre", 4)]),
        ("E5C999991002", "E5X999991002", [("status", 4)]),
        ("M311208", "M321308", [("not-a-date", 4)]),
        ("H446A  J277", "H446A  H446A", [("duplicate-option", 3)]),
        ("E7999990000004140226\n", "", [("record-7", 5)]),
        ("E399999016A26", "E399999016B26", [("series", 2)]),
    ],
)
def test_faults_are_located(before: str, after: str, expected: list[tuple[str, int]]) -> None:
    assert before in EXAMPLE
    assert faults(EXAMPLE.replace(before, after)) == expected


def test_no_fault_names_a_person() -> None:
    with pytest.raises(FileRefused) as refused:
        read_entries("E9999901.X01", EXAMPLE.replace("0241001C", "0241001D").encode())
    assert "EXAMPLE" not in str(refused.value.faults)


def test_a_record_of_193_characters_is_located() -> None:
    lines = EXAMPLE.split("\n")
    lines[2] = lines[2].ljust(192) + "X"
    assert ("too-long", 3) in faults("\n".join(lines))


def check(*entries: EntryRecord) -> list[str]:
    name, content = write_entries(SERIES, "99999", entries, written_on=DAY)
    return [fault.code for fault in check_entries(read_entries(name, content), BASEDATA)]


def test_entries_are_held_against_the_series() -> None:
    assert check(record("1001", "X446A"), record("1002", "X446A")) == []
    assert check(record("1001", "X446A"), record("1002", "X446C")) == []
    assert check(record("1001", "X446A"), record("1002", "X446B")) == ["mixed_submission_mode"]
    assert check(record("1001", "X446A", "X446B")) == ["mixed_submission_mode"]
    assert check(record("1001", "Z1")) == ["unknown-option"]


def units(*options: Option) -> SeriesBasedata:
    return SeriesBasedata(SERIES, options=options, disallowed=(DisallowedPair("X9*", "X8*"),))


UNIT_A, UNIT_B, UNIT_C = (
    Option(code, "X001", f"SPECIMEN UNIT {words}", exam_item="U")
    for code, words in (("X001A", "OCR REP"), ("X001B", "PSTL MOD"), ("X001C", "VISIT MODERATION"))
)


@pytest.mark.parametrize(
    ("basedata", "codes", "expected"),
    [
        (units(UNIT_A, UNIT_B), ("X001A", "X001B"), ["mixed_submission_mode"]),
        (units(UNIT_B, UNIT_C), ("X001B", "X001C"), ["mixed_submission_mode"]),
        (units(UNIT_A, replace(UNIT_B, code="X002B", syllabus_code="X002")), ("X001A", "X002B"), []),
        # Two units of one syllabus, whose codes do not say that they are one.
        (units(replace(UNIT_A, syllabus_code="Y"), replace(UNIT_B, syllabus_code="Y")), ("X001A", "X001B"), []),
        (units(Option("X91", "X9", "ONE"), Option("X82", "X8", "OTHER")), ("X82", "X91"), ["disallowed-pair"]),
        (units(Option("X91", "X9", "ONE"), Option("X82", "X8", "OTHER")), ("X91", "X82"), ["disallowed-pair"]),
    ],
)
def test_units_keep_one_mode_and_pairs_hold_in_both_orders(
    basedata: SeriesBasedata, codes: tuple[str, str], expected: list[str]
) -> None:
    name, content = write_entries(SERIES, "99999", [record("1001", *codes)], written_on=DAY)
    assert [fault.code for fault in check_entries(read_entries(name, content), basedata)] == expected


def test_what_an_officer_confirmed_counts_more_than_a_title() -> None:
    name, content = write_entries(SERIES, "99999", [record("1001", "X446A"), record("1002", "X446B")], written_on=DAY)
    file = read_entries(name, content)
    confirmed = {"X446A": SubmissionMode.POSTAL}
    assert check_entries(file, BASEDATA, confirmed_modes=confirmed) == []


def test_faults_of_options_are_located_at_their_slot_and_line() -> None:
    codes = tuple(f"X{number:03d}" for number in range(12))
    name, content = write_entries(SERIES, "99999", [record("1001", *codes, "X446A", "Z1")], written_on=DAY)
    spaced = content.replace(b"X000   X001   ", b"X000          ", 1)
    assert len(spaced) == len(content)
    (*_, fault) = check_entries(read_entries(name, spaced), BASEDATA)
    assert (fault.code, fault.line, fault.field, fault.first_column) == ("unknown-option", 4, "option 2", 116)
    first, second, *_ = check_entries(read_entries(name, spaced), BASEDATA)
    assert (first.first_column, second.first_column) == (109, 123)


def test_flags_behind_options_are_kept_and_not_read() -> None:
    one = replace(record("1001", "X446A", "X999"), flags=("", "W"))
    name, content = write_entries(SERIES, "99999", [one], written_on=DAY)
    assert b"X446A  X999  W" in content
    assert list(read_entries(name, content).entries) == [one]


def test_a_candidate_has_a_bounded_number_of_records() -> None:
    codes = tuple(f"X{number:03d}" for number in range(61))
    write_entries(SERIES, "99999", [record("1001", *codes[:60])], written_on=DAY)
    with pytest.raises(ValueError, match="more than 5 records"):
        write_entries(SERIES, "99999", [record("1001", *codes)], written_on=DAY)


def test_candidate_numbers_from_0001_to_9999() -> None:
    for number in ("0001", "9999"):
        name, content = write_entries(SERIES, "99999", [record(number)], written_on=DAY)
        assert read_entries(name, content).entries[0].candidate_number == number
    for number in ("0000", "10000", "1"):
        with pytest.raises(ValueError):
            write_entries(SERIES, "99999", [record(number)], written_on=DAY)


def test_a_name_one_character_too_long_moves_the_padding_and_is_refused_there() -> None:
    lines = EXAMPLE.split("\n")
    lines[2] = lines[2].ljust(192).replace("ADA TEST", "ADA TESTER ")
    assert len(lines[2]) == 195
    assert ("too-long", 3) in faults("\n".join(lines))


def test_a_surname_in_windows_1252_is_read_with_a_warning() -> None:
    read = read_entries("E9999901.X01", EXAMPLE.encode().replace(b"SAMPLE:BEN", b"S\xc4MPLE:BEN"))
    assert read.entries[1].surname == "SÄMPLE"
    (warning,) = read.warnings
    assert (warning.code, warning.line, warning.first_column) == ("windows-1252", 4, 14)


def example_rows() -> list[EntryRecord]:
    return [
        EntryRecord("1001", "EXAMPLE", "ADA TEST", "999990241001C", ("H446A", "J277"), "F", date(2009, 1, 1), "", "9990000017"),
        EntryRecord("1002", "SAMPLE", "BEN", "999990241002H", ("H446B",), "M", date(2008, 12, 31), "", "9990000025"),
    ]  # fmt: skip


def test_the_worked_example_is_written_byte_for_byte() -> None:
    name, content = write_entries(Series("01", "6A", 26), "99999", example_rows(), written_on=DAY)
    assert name == "E9999901.X01"
    assert content == "".join(f"{line:<192}\r\n" for line in EXAMPLE.splitlines()).encode()


def test_the_worked_example_is_accepted_by_the_reader_and_mixed_for_the_series() -> None:
    options = tuple(
        Option(code, syllabus, title, "GCE", "A")
        for code, syllabus, title in (
            ("H446A", "H446", "COMPUTER SCIENCE OCR REP"),
            ("H446B", "H446", "COMPUTER SCIENCE POSTAL"),
            ("J277", "J277", "COMPUTER SCIENCE GCSE"),
        )
    )
    basedata = SeriesBasedata(Series("01", "6A", 26), options=options)
    (fault,) = check_entries(read_entries("E9999901.X01", EXAMPLE.encode()), basedata)
    assert (fault.code, fault.line) == ("mixed_submission_mode", 4)
    clean = read_entries("E9999901.X01", EXAMPLE.replace("H446B", "H446A").encode())
    assert check_entries(clean, basedata) == []


def test_faults_of_the_framework_and_of_records_are_listed_together() -> None:
    spoilt = (
        EXAMPLE.replace("0000004", "0000005").replace("999990241001C", "999990241001D").replace("M311208", "M321308")
    )
    assert sorted(faults(spoilt)) == [("count", 5), ("not-a-date", 4), ("uci", 3)]


def test_a_name_too_long_is_refused_with_a_proposal_that_a_person_confirms() -> None:
    long = replace(record(), surname="EXAMPLE-HYPHENATED-SURNAME", forenames="ADA BEATRICE CAROLINE")
    with pytest.raises(NameTooLong) as refused:
        write_entries(SERIES, "99999", [long], written_on=DAY)
    assert refused.value.proposal == "EXAMPLE-HYPHENATED-SURNAME:ADA B C"
    assert "EXAMPLE" not in str(refused.value)
    _, content = write_entries(
        SERIES, "99999", [long], written_on=DAY, confirmed_names={"1001": refused.value.proposal}
    )
    assert b"EXAMPLE-HYPHENATED-SURNAME:ADA B C " in content


@pytest.mark.parametrize(
    "wrong",
    [
        replace(record(), sex="Z"),
        replace(record(), status="X"),
        replace(record(), upn="B123456789012"),
        replace(record(), uln="9990000018"),
        replace(record(), uci="999990241001D"),
        replace(record(), surname="EX:AMPLE"),
        replace(record(), options=("TOOLONG",)),
    ],
)
def test_the_writer_is_strict_about_everything(wrong: EntryRecord) -> None:
    with pytest.raises(ValueError):
        write_entries(SERIES, "99999", [wrong], written_on=DAY)


def test_the_reader_doubts_what_is_odd_and_keeps_it() -> None:
    odd = EXAMPLE.replace("    F010109", "    X010109").replace(
        "             9990000017", "B123456789012" + "9990000017"
    )
    read = read_entries("E9999901.X01", odd.encode())
    assert [(warning.code, warning.line) for warning in read.warnings] == [("sex", 3), ("upn", 3)]
    assert (read.entries[0].sex, read.entries[0].upn) == ("X", "B123456789012")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_of_both_kinds_are_read_and_a_carriage_return_alone_is_named(end: str) -> None:
    assert len(read_entries("E9999901.X01", EXAMPLE.replace("\n", end).encode()).entries) == 2
    assert faults(EXAMPLE.replace("\n", "\r")) == [("line-ends", 1)]


def test_versions_12_to_14_are_read_and_others_refused() -> None:
    for version in ("12", "13", "14"):
        assert read_entries("E9999901.X01", EXAMPLE.replace("A10014", f"A100{version}").encode()).entries
    for version in ("11", "15", "P1", "  "):
        assert faults(EXAMPLE.replace("A10014", f"A100{version}")) == [("version", 1)]


names = st.text(string.ascii_letters + " -'éßøŁ’", max_size=12).map(str.strip)
people = st.builds(
    EntryRecord,
    st.just("1001"),
    names.filter(bool),
    names,
    st.sampled_from(["", "999990241001C"]),
    st.lists(st.integers(0, 99).map("X{:03d}".format), unique=True, max_size=30).map(tuple),
    st.sampled_from(["", "M", "F"]),
    st.none() | st.dates(date(1927, 1, 1), date(2026, 12, 31)),
    st.sampled_from(["", "A123456789012"]),
    st.sampled_from(["", "9990000017"]),
    st.sampled_from("CP"),
)


@given(st.lists(people, max_size=4), st.sampled_from("EA"))
def test_every_file_of_entries_survives_a_round_trip(found: list[EntryRecord], kind: str) -> None:
    rows = [replace(one, candidate_number=f"{number:04d}") for number, one in enumerate(found, 1)]
    name, content = write_entries(SERIES, "99999", rows, written_on=DAY, kind=kind)
    read = read_entries(name, content)
    assert read.kind == kind
    assert list(read.entries) == [
        replace(one, surname=to_ascii(one.surname).strip(), forenames=to_ascii(one.forenames).strip()) for one in rows
    ]
