from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.despatch import (
    CollectionKind,
    DespatchLine,
    LabelKind,
    NumberKind,
    booking_allowed,
    log_difference,
    read_tracking_number,
    require_label_kind,
    s10_check_digit,
)
from scripts.errors import DespatchRefused, TrackingNumberRefused

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("serial", "digit"), [("47312482", 9), ("12345678", 5), ("32345678", 5), ("00000000", 5), ("00000008", 0)]
)
def test_the_check_digit_vectors(serial: str, digit: int) -> None:
    assert s10_check_digit(serial) == digit


def test_an_s10_number_is_normalised_and_checked() -> None:
    number = read_tracking_number(" rr 4731-2482 9gb ")
    assert (number.text, number.kind, number.warning) == ("RR473124829GB", NumberKind.S10, "")
    with pytest.raises(TrackingNumberRefused):
        read_tracking_number("RR473124828GB")
    with pytest.raises(TrackingNumberRefused):
        s10_check_digit("1234")


@pytest.mark.parametrize("text", ["PB1234567890A"[:11], "PBAB12345678"[:11] + "001"])
def test_a_parcelforce_number_is_known_by_pattern_and_says_so(text: str) -> None:
    number = read_tracking_number(text.lower())
    assert number.kind is NumberKind.PARCELFORCE
    assert number.warning


def test_other_carriers_are_kept_unchecked_and_rubbish_is_refused() -> None:
    assert read_tracking_number("1Z 999 AA1 01 2345 6784").kind is NumberKind.UNCHECKED
    for bad in ("", "   ", "A" * 36, "12<script>", "é1234"):
        with pytest.raises(TrackingNumberRefused):
            read_tracking_number(bad)


@given(st.integers(0, 99_999_999))
def test_every_serial_has_one_digit(serial: int) -> None:
    text = f"{serial:08d}"
    good = [figure for figure in range(10) if figure == s10_check_digit(text)]
    assert len(good) == 1
    assert read_tracking_number(f"RR{text}{good[0]}GB").kind is NumberKind.S10


def test_a_collection_is_booked_between_a_day_and_a_fortnight_ahead() -> None:
    assert booking_allowed(NOW, NOW + timedelta(hours=24))
    assert booking_allowed(NOW, NOW + timedelta(days=14))
    assert not booking_allowed(NOW, NOW + timedelta(hours=23, minutes=59))
    assert not booking_allowed(NOW, NOW + timedelta(days=14, seconds=1))


def test_the_yellow_service_is_not_for_moderation() -> None:
    require_label_kind(LabelKind.YELLOW, externally_marked=True)
    require_label_kind(LabelKind.WHITE, externally_marked=False)
    with pytest.raises(DespatchRefused):
        require_label_kind(LabelKind.YELLOW, externally_marked=False)


def line(**changes: Any) -> DespatchLine:
    values: dict[str, Any] = {
        "label": "SL1|99999|6A26|H446/01|1/2|1|DA13",
        "script_count": 15,
        "collection": CollectionKind.SCHEDULED,
        "sealed_by": "exams officer",
        "witnessed_by": "deputy head",
    }
    return DespatchLine(**(values | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"script_count": -1},
        {"witnessed_by": "Exams Officer "},
        {"sealed_by": " "},
        {"collection": CollectionKind.AD_HOC},
        {"collection": CollectionKind.POST},
        {"remarks": "x" * 201},
    ],
)
def test_a_line_that_proves_nothing_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DespatchRefused):
        line(**changes)


def test_the_log_agrees_with_the_register() -> None:
    lines = [line(), line(script_count=12)]
    assert log_difference(lines, present=27, explained=0) == 0
    assert log_difference(lines, present=28, explained=0) == -1
    assert line(tracking_number="rr473124829gb").as_details()["tracking_number"] == "RR473124829GB"
