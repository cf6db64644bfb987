"""Carriers' files: forms are data that is checked, and every line says what can be taken of it, or why not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import carriers
from scripts.carriers import CarrierLine, read_file, read_formats, shipped_formats
from scripts.errors import CarrierFileRefused, CarrierFormatsInvalid
from scripts.states import EventKind

HEADER = "tracking_number,event,occurred_at,place,remarks"
GENERAL = shipped_formats()["general"]


def lines(*rows: str, form: str = "general", header: str = HEADER) -> tuple[CarrierLine, ...]:
    return read_file(shipped_formats()[form], "\r\n".join((header, *rows)) + "\r\n")


def test_the_default_stands_first_and_no_code_ever_means_that_a_packet_has_arrived() -> None:
    assert next(iter(shipped_formats())) == "general"
    assert len(shipped_formats()) >= 4
    kinds = {meaning.kind for form in shipped_formats().values() for meaning in form.events.values()}
    assert kinds <= {None, *carriers.KINDS}
    assert EventKind.RECEIVED not in kinds


def test_a_line_says_which_packet_what_when_and_where() -> None:
    (one,) = lines("RR 4731 2482 9 GB,Out-for-delivery,2026-06-12T10:30:00,Chester,")
    assert (one.line, one.number, one.kind, one.place) == (2, "RR473124829GB", EventKind.IN_TRANSIT, "Chester")
    assert one.at == datetime(2026, 6, 12, 9, 30, tzinfo=UTC)
    assert one.says == "Out for delivery"
    assert one.fault == ""
    (own,) = lines("RR473124829GB,lost,12/06/2026 10:30,,Not found at the depot")
    assert (own.says, own.place) == ("Not found at the depot", "Carrier")
    (other,) = lines(
        "PB1234567890,Delivered,12/06/2026,16:05,Crewe é", form="parcelforce",
        header="Consignment Number,Status,Date,Time,Depot",
    )  # fmt: skip
    assert (other.kind, other.at) == (EventKind.IN_TRANSIT, datetime(2026, 6, 12, 15, 5, tzinfo=UTC))
    header = "Item,Extra,Event,Event time"
    (post,) = lines("RR473124829GB,x,EMI,2026-06-12T10:30+02:00", form="upu", header=header)
    assert post.at == datetime(2026, 6, 12, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "words", "is_bad_time"),
    [
        (",collected,2026-06-12T10:30,,", "1 to 35 letters and digits", False),
        ("RR473124820GB,collected,2026-06-12T10:30,,", "check digit", False),
        ("RR473124829GB,teleported,2026-06-12T10:30,,", "does not know this code", False),
        ("RR473124829GB,,2026-06-12T10:30,,", "no code that says what happened", False),
        ("RR473124829GB,collected,,,", "does not say when", True),
        ("RR473124829GB,collected,tomorrow,,", "not written as the form says", True),
        ("RR473124829GB,collected,06/13/2026 10:30,,", "not written as the form says", True),
        ("RR473124829GB,collected,1926-06-12T10:30,,", "The year is not", True),
        ("RR473124829GB,collected,2026-03-29T01:30,,", "the clocks went forward", True),
        ("RR473124829GB,collected,2026-06-12T10:30", "3 cells where the header has 5", False),
    ],
)
def test_a_line_that_cannot_be_right_says_why_and_hides_no_other(row: str, words: str, is_bad_time: bool) -> None:
    bad, good = lines(row, "RR473124829GB,collected,2026-06-12T10:30,,")
    assert words in bad.fault
    assert (bad.line, bad.is_bad_time, bad.event_id) == (2, is_bad_time, "")
    assert (good.line, good.fault) == (3, "")


def test_an_hour_that_comes_twice_is_the_first_one_and_some_codes_move_nothing() -> None:
    twice, nothing = lines(
        "RR473124829GB,collected,2026-10-25T01:30,,", "", "RR473124829GB,announced,whenever,,"
    )  # fmt: skip
    assert twice.at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert (nothing.line, nothing.kind, nothing.fault, nothing.event_id) == (4, None, "", "")


def test_the_same_line_is_the_same_event_in_any_file_and_another_line_another() -> None:
    row = "RR473124829GB,collected,2026-06-12T10:30,Chester,"
    (one,), (_, again) = (
        lines(row),
        lines("RR473124829GB,announced,,,", "rr 473124829 gb,collected,12/06/2026 10:30,Chester,"),
    )
    assert one.event_id == again.event_id
    assert len(one.event_id) <= 64
    others = {
        lines(row.replace(a, b))[0].event_id
        for a, b in (("10:30", "10:31"), ("Chester", "Crewe"), ("collected", "lost"))
    }
    assert len({one.event_id, *others}) == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "The file is empty"),
        (HEADER + "\n", "a header and no line below it"),
        ("number,event,occurred_at\nx,y,z\n", "Line 1: no column is called “tracking_number” or “tracking number”"),
        (HEADER + '\nRR473124829GB,"collected,2026-06-12T10:30,,\n', "Line 2: the line is not quoted correctly"),
        (HEADER + "\n" + "x,y,z,a,b\n" * 10_001, "Line 10002: the file has over 10,000 lines"),
        ("x" * (1024 * 1024 + 1), "larger than 1 MiB"),
    ],
    ids=["empty", "header alone", "column", "quotes", "lines", "size"],
)
def test_a_file_whose_lines_cannot_be_told_apart_is_refused_with_the_line(text: str, words: str) -> None:
    with pytest.raises(CarrierFileRefused, match=words.replace("(", r"\(")):
        read_file(GENERAL, text)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a,b\nc\xff,d\n", "Line 2: a character is not utf-8"),
        ("a,b\n".encode("utf-16"), "Line 1: the file is no text in utf-8"),
        (b"a" * (1024 * 1024 + 1), "larger than 1 MiB"),
    ],
    ids=["latin", "utf-16", "large"],
)
def test_bytes_that_are_no_text_of_the_form_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(CarrierFileRefused, match=words):
        carriers.decode(GENERAL, data)
    assert carriers.decode(GENERAL, b"\xef\xbb\xbfa") == "a"
    assert carriers.decode(shipped_formats()["parcelforce"], b"\xe9") == "é"


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    for untrusted in (text, f"{HEADER}\n{text}"):
        try:
            found = read_file(GENERAL, untrusted)
        except CarrierFileRefused:
            continue
        assert all(one.fault or one.kind is None or (one.at and one.event_id) for one in found)


FORM: dict[str, Any] = {
    "key": "own", "title": "Own", "carrier": "Own carrier", "source": "a contract", "zone": "Europe/London",
    "columns": {"number": ["parcel"], "code": ["what"], "at": ["when"]},
    "events": {"P": {"kind": "collected", "says": "Picked up"}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"key": "Own Form"}, "Form 1: “key”"),
        ({"title": ""}, "“title” must be a text"),
        ({"columns": {"number": ["parcel"], "at": ["when"]}}, "needs number and code"),
        ({"columns": FORM["columns"] | {"date": ["day"]}}, "either at, or date"),
        ({"columns": FORM["columns"] | {"colour": ["x"]}}, "and for nothing else"),
        ({"times": ["%Q"]}, "“times” is a list"),
        ({"events": {"P": {"kind": "received", "says": "Here"}}}, "code “P”"),
        ({"events": {}}, "“events” gives"),
        ({"zone": "Mars/Olympus"}, "no time zone"),
        ({"zone": "../etc/passwd"}, "no time zone"),
        ({"encoding": "utf-7"}, "“encoding” is"),
        ({"delimiter": ""}, "“delimiter” is"),
    ],
)
def test_a_declared_form_that_is_wrong_is_named_with_what_is_wrong(changes: dict[str, Any], words: str) -> None:
    def text(form: dict[str, Any]) -> str:
        return json.dumps({"format": carriers.FORMAT, "formats": [form]})

    (one,) = read_formats(text(FORM)).values()
    assert read_file(one, "parcel,what,when\nRR473124829GB,p,2026-06-12T10:30\n")[0].kind is EventKind.COLLECTED
    with pytest.raises(CarrierFormatsInvalid, match=words):
        read_formats(text(FORM | changes))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "nea-carrier-formats/1", "formats": [7]}'])
def test_what_is_no_file_of_forms_is_refused(text: str) -> None:
    with pytest.raises(CarrierFormatsInvalid):
        read_formats(text)
