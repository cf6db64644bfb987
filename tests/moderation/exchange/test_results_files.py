from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.entries import Series
from moderation.exchange.faults import Fault, FileRefused
from moderation.exchange.reading import summary_of
from moderation.exchange.results_records import read_results, write_results
from moderation.exchange.results_values import CandidateResult, CentreResults, ComponentResult
from moderation.exchange.results_xml import LABEL, write_results_xml
from moderation.exchange.results_xml_reading import read_results_xml
from moderation.exchange.safe_xml import SIZE_LIMIT_BYTES
from moderation.results import exact_text

DAY, NOW = date(2026, 8, 12), datetime(2026, 8, 12, 9, 30, tzinfo=UTC)
SERIES = Series("01", "6A", 26)
PARTS = (
    ComponentResult("H446/01", "M", 60, 140, "120", "280"),
    ComponentResult("H446/03", "A", None, 70, "", "112/3"),
    ComponentResult("H446/80", "N", None, 70, "", "70"),
)
ADA = CandidateResult("1001", "H446A", "A*", "#", "637/3", PARTS, "999990241001C")
BEN = CandidateResult("1002", "J277", "", "X", "")
CENTRE = CentreResults("99999", 2, (ADA, BEN))

exact = st.builds(Fraction, st.integers(0, 99_999), st.sampled_from([1, 2, 3, 7, 40, 250])).map(exact_text)
components = st.builds(
    ComponentResult,
    st.sampled_from(["H446/01", "H446/02", "X/3"]),
    st.just("M"),
    st.integers(0, 9999),
    st.integers(1, 9999),
    exact,
    exact,
) | st.builds(
    ComponentResult, st.just("H446/03"), st.sampled_from("AN"), st.none(), st.integers(1, 9999), st.just(""), exact
)
results = st.builds(
    CandidateResult,
    st.integers(1, 30).map("{:04d}".format),
    st.sampled_from(["H446A", "J277", "9999"]),
    st.sampled_from(["", "A*", "9-8", "U"]),
    st.sampled_from(["", "X", "#", "Q", "A"]),
    st.just("") | exact,
    st.lists(components, max_size=3, unique_by=lambda part: part.component_code).map(tuple),
)
KEY = lambda row: (row.candidate_number, row.option_code)  # noqa: E731
centre_rows = st.lists(results, min_size=1, max_size=8, unique_by=KEY).map(tuple)


def test_results_records_stand_where_the_layout_says() -> None:
    name, content = write_results(SERIES, [CENTRE], written_on=DAY)
    assert name == "R9999901.X02"
    lines = content.decode().split("\r\n")
    assert {len(line) for line in lines[:-1]} == {112}
    assert lines[2].rstrip() == "R5R999991001999990241001CH446A             A*  #         637/3"
    assert lines[3].rstrip() == (
        "R5K999991001999990241001CH446A H446/01          M00600140120             280"
    )  # fmt: skip
    assert lines[-3].rstrip() == "R79999900000071208260000001637/3"
    assert lines[-2].rstrip() == "R999999000000900000010000001637/3"
    assert read_results(name, content) == (SERIES, (CENTRE,))


@given(st.lists(centre_rows, min_size=1, max_size=3))
def test_results_of_one_centre_or_many_survive_a_round_trip_as_records(
    centres: list[tuple[CandidateResult, ...]],
) -> None:
    written = tuple(CentreResults(f"{10001 + place}", 1, rows) for place, rows in enumerate(centres))
    name, content = write_results(SERIES, written, written_on=DAY)
    assert read_results(name, content) == (SERIES, written)
    total = sum((one.total for one in written), Fraction(0))
    assert summary_of(name, content).counts["sum of totals"] == exact_text(total)


def refused(text: str) -> list[tuple[str, int | None]]:
    with pytest.raises(FileRefused) as caught:
        read_results("r", text.encode())
    return [(fault.code, fault.line) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("637/3 ", "636/3 ", [("control-total", 8), ("control-total", 9)]),
        ("A*  #", "    #", [("control-grades", 8), ("control-grades", 9)]),
        ("0000001637/3", "0000002637/3", [("control-grades", 8)]),
        ("R5K999991001", "R5K999991009", [("orphan", 4)]),
        ("R5R999991002", "R5Z999991002", None),
        ("M0060", "A0060", [("mark", 4)]),
        ("A*  #", "A*  Z", [("indicator", 3)]),
        ("112/3", "112/0", [("not-a-number", 5)]),
        ("R5R999991002             J277 ", "R5R999991001             H446A", [("duplicate-result", 7)]),
        ("6A26SOPENNEA100P1", "6A26SOPENNEA10014", [("version", 1)]),
    ],
)
def test_faults_of_results_records_are_located(before: str, after: str, expected: list[tuple[str, int]] | None) -> None:
    text = write_results(SERIES, [replace(CENTRE, rows=(ADA, BEN))], written_on=DAY)[1].decode()
    assert before in text
    found = refused(text.replace(before, after, 1))
    assert set(found) >= set(expected) if expected else found


@pytest.mark.parametrize(
    "row",
    [
        replace(ADA, grade="LONGER"),
        replace(ADA, total="1.2.3"),
        replace(ADA, total="1" * 17),
        replace(ADA, uci="Ä"),
        replace(ADA, indicator="Z"),
        replace(ADA, components=(replace(PARTS[0], flag="Q"),)),
    ],
)
def test_what_records_cannot_carry_is_refused(row: CandidateResult) -> None:
    with pytest.raises(ValueError):
        write_results(SERIES, [CentreResults("99999", 1, (row,))], written_on=DAY)


# XML

NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=30
)


def written(rows: tuple[CandidateResult, ...]) -> tuple[CentreResults, bytes]:
    centre = CentreResults("99999", 1, rows)
    return centre, write_results_xml(SERIES, centre, message_id="0-1", sent_at=NOW, issued_at=NOW)[1]


@given(centre_rows, NAMES, NAMES, st.none() | st.dates(date(1950, 1, 1), date(2020, 1, 1)))
def test_results_survive_a_round_trip_as_xml(
    rows: tuple[CandidateResult, ...], surname: str, forenames: str, born_on: date | None
) -> None:
    named = tuple(replace(row, surname=surname, forenames=forenames, born_on=born_on) for row in rows)
    centre, content = written(named)
    assert read_results_xml("a.xml", content).results == centre


def test_the_shape_is_that_of_an_a2c_message_and_says_that_it_is_not_certified() -> None:
    name, content = write_results_xml(SERIES, CENTRE, message_id="3f-1", sent_at=NOW, issued_at=NOW)
    text = content.decode()
    assert name == "a2c.99999.01.EDIResults.3f-1.xml"
    assert LABEL in text.splitlines()[1]
    assert '<A2CMessage xmlns="http://jcq.org.uk/a2c">' in text
    for block in ("Party", "PartyName", "PartyRelationship", "PartyRelationshipRole", "QEOutcome"):
        assert f"<DataBlock><DataBlockName>{block}</DataBlockName><{block}_DS>" in text
    for words in (
        "<TransactionName>ProcessResults</TransactionName>",
        "<Exchange_Name>JCQ-A2C</Exchange_Name>",
        "<Initiator_Party_Id>01</Initiator_Party_Id>",
        "<Receiver_Party_Id>99999</Receiver_Party_Id>",
        "<QE_Outcome_Value_Type>Scaled/Weighted Mark</QE_Outcome_Value_Type>",
        "<QE_Outcome_Status_Type>Issued</QE_Outcome_Status_Type>",
        "<Identifier_Type>Candidate Number</Identifier_Type>",
    ):
        assert words in text
    message = read_results_xml(name, content)
    assert (message.message_id, message.awarding_body, message.results.release) == ("3f-1", "01", 2)


@pytest.mark.parametrize("text", ["a\0b", "a\x0bb", "a\ud800", "a\rb", "a\ufffe"])
def test_what_xml_cannot_carry_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        written((replace(ADA, surname=text),))


def xml_faults(data: bytes) -> list[Fault]:
    with pytest.raises(FileRefused) as caught:
        read_results_xml("a.xml", data)
    return list(caught.value.faults)


GOOD = written((ADA, BEN))[1]
BOMB = b"<!DOCTYPE A2CMessage [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>"


@pytest.mark.fault("att:B06")
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (GOOD.replace(b"<A2CMessage", BOMB + b"<A2CMessage", 1), "dtd"),
        (GOOD.replace(b"<A2CMessage", b"<!DOCTYPE A2CMessage SYSTEM 'file:///etc/passwd'><A2CMessage", 1), "dtd"),
        (GOOD.replace(b"<A2CMessage", b"<!DOCTYPE x [<!ENTITY % p SYSTEM 'http://x/'> %p;]><A2CMessage", 1), "dtd"),
        (GOOD.replace(b">1001<", b">&xxe;<", 1), "not-xml"),
        (GOOD.replace(b"UTF-8", b"ISO-8859-1", 1), "encoding"),
        (GOOD.decode().encode("utf-16"), "utf-16"),
        (GOOD[: len(GOOD) // 2], "not-xml"),
        (b"", "not-xml"),
        (b"<html></html>", "wrong-root"),
        (GOOD.replace(b"http://jcq.org.uk/a2c", b"http://jcq.org.uk/other", 1), "wrong-root"),
        (b'<A2CMessage xmlns="http://jcq.org.uk/a2c">' + b"<a>" * 17, "too-deep"),
        (GOOD.replace(b"<MsgInfo>", b"<MsgInfo " + b" ".join(b'a%d=""' % n for n in range(17)) + b">", 1), "too-wide"),
        (GOOD.replace(b">1001<", b">" + b"1" * 1001 + b"<", 1), "text-too-long"),
        (GOOD.replace(b"<Sequence>1<", b"<Sequence>x<", 1), "header"),
        (GOOD.replace(b"<Receiver_Party_Id>99999<", b"<Receiver_Party_Id>9<", 1), "header"),
        (GOOD.replace(b"ProcessResults", b"ProcessOrders", 1), "header"),
        (GOOD.replace(b">637/3<", b">637,3<", 1), "not-a-number"),
        (GOOD.replace(b">#<", b">!<", 1), "indicator"),
        (GOOD.replace(b"<Identifier>1001<", b"<Identifier>0000<", 1), "candidate-number"),
        (GOOD.replace(b">60<", b">6.0<", 1), "mark"),
        (b"x" * (SIZE_LIMIT_BYTES + 1), "too-large"),
    ],
)
def test_xml_that_is_not_to_be_trusted_is_refused(data: bytes, code: str) -> None:
    assert data != GOOD
    assert code in [fault.code for fault in xml_faults(data)]


def test_a_fault_of_xml_has_its_line_and_column() -> None:
    (fault,) = xml_faults(GOOD.replace(b"</MsgInfo>", b"</MsgInfo", 1))
    assert (fault.code, fault.line) == ("not-xml", 4)
    assert fault.first_column is not None
    assert fault.first_column > 1


def test_elements_that_have_no_place_are_kept_and_named() -> None:
    stranger = GOOD.replace(b"<QEOutcome_CN>", b"<QEOutcome_CN><Marker_Note>kept</Marker_Note>", 1)
    other = stranger.replace(b"</A2CMessage>", b'<x:Extra xmlns:x="urn:x">y</x:Extra></A2CMessage>')
    message = read_results_xml("a.xml", other)
    assert message.results == CentreResults("99999", 1, (ADA, BEN))
    assert ("A2CMessage/{urn:x}Extra", "y") in message.unknown
    assert any(path.endswith("/QEOutcome_CN/Marker_Note") and text == "kept" for path, text in message.unknown)
    assert [warning.code for warning in message.warnings] == ["unknown-element"] * 2


@given(st.binary(max_size=200), st.integers(0, len(GOOD)), st.integers(0, 60))
def test_whatever_the_bytes_xml_is_read_or_refused(noise: bytes, place: int, cut: int) -> None:
    for data in (noise, GOOD[:place] + noise + GOOD[place + cut :]):
        try:
            read_results_xml("a.xml", data)
        except FileRefused as caught:
            assert caught.faults  # noqa: PT017 - anything but a refusal fails the test
