"""Opened parcels of postal samples against what was sealed in them: exactly the works that are not there."""

from __future__ import annotations

from scripts.parcels import OVER, SHORT, OpenedParcel, differences


def parcel(number: int, sealed: str, found: str) -> OpenedParcel:
    return OpenedParcel(number, frozenset(sealed.split()), frozenset(found.split()))


def test_a_complete_parcel_calls_for_nothing() -> None:
    assert differences([parcel(1, "1001 1002", "1002 1001")]) == ()


def test_a_short_parcel_names_exactly_the_works_that_were_not_in_it() -> None:
    (case,) = differences([parcel(1, "1001 1002 1003", "1001")])
    assert (case.kind, case.subject, case.candidate_numbers, case.count) == (SHORT, "packet:1", ("1002", "1003"), 2)
    (case,) = differences([parcel(1, "1001 1002 1003", "1001")], settled={"1003"})
    assert case.candidate_numbers == ("1002",)


def test_work_that_nobody_sealed_in_any_parcel_is_another_case() -> None:
    (case,) = differences([parcel(1, "1001", "1001 1009")])
    assert (case.kind, case.candidate_numbers, case.packet_number) == (OVER, ("1009",), 1)


def test_work_that_came_in_another_parcel_is_no_difference() -> None:
    assert differences([parcel(1, "1001 1002", "1001"), parcel(2, "1002", "1002")]) == ()
    assert differences([parcel(1, "1001", "1001 1002"), parcel(2, "1002", "")]) == ()  # it was in the other envelope
