from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.bodies import packaged, rules_of
from scripts.errors import LabelRefused, RegisterRefused, SecondPersonNeeded
from scripts.packets import first_free_number, plan_packets, require_room_on_label
from scripts.reconciliation import RegisterState
from scripts.registers import (
    ENTRIES,
    Clash,
    CorrectionField,
    LineFacts,
    Sat,
    checked_correction,
    clashes,
    entry_changes,
    require_second_name,
    seat_key,
)

NUMBERS = st.sampled_from([f"{number}" for number in range(1001, 1009)])
LINES = st.builds(
    LineFacts,
    candidate_number=NUMBERS,
    state=st.sampled_from(RegisterState),
    added=st.booleans(),
    marked_by=st.sampled_from([ENTRIES, "officer", None]),
    is_moved=st.booleans(),
)


def test_entries_add_strike_out_and_bring_back_and_leave_marks_alone() -> None:
    lines = [
        LineFacts("1001", RegisterState.UNMARKED),
        LineFacts("1002", RegisterState.PRESENT),
        LineFacts("1003", RegisterState.WITHDRAWN, marked_by=ENTRIES),
        LineFacts("1004", RegisterState.WITHDRAWN, marked_by="officer"),
        LineFacts("1005", RegisterState.PRESENT, added=True),
        LineFacts("1006", RegisterState.WITHDRAWN, marked_by=ENTRIES, is_moved=True),
    ]
    changes = entry_changes({"1003", "1004", "1006", "1007"}, lines)
    assert (changes.late, changes.withdrawn, changes.restored, changes.kept) == (
        ("1007",),
        ("1001",),
        ("1003",),
        ("1002",),
    )


@given(st.sets(NUMBERS), st.lists(LINES, unique_by=lambda line: line.candidate_number))
def test_entries_never_change_a_mark_and_settle_at_once(entered: set[str], lines: list[LineFacts]) -> None:
    changes = entry_changes(entered, lines)
    on = {line.candidate_number: line for line in lines}
    touched = {*changes.withdrawn, *changes.restored}
    assert all(on[number].state in (RegisterState.UNMARKED, RegisterState.WITHDRAWN) for number in touched)
    after = {number: line for number, line in on.items() if number not in touched}
    after |= {number: LineFacts(number, RegisterState.WITHDRAWN, marked_by=ENTRIES) for number in changes.withdrawn}
    unmarked = (*changes.late, *changes.restored)
    after |= {number: LineFacts(number, RegisterState.UNMARKED, on.get(number, LINE).added) for number in unmarked}
    again = entry_changes(entered, list(after.values()))
    assert (again.late, again.withdrawn, again.restored, again.kept) == ((), (), (), changes.kept)


LINE = LineFacts("0000", RegisterState.UNMARKED)


@pytest.mark.parametrize(
    ("field", "after"),
    [
        (CorrectionField.CENTRE_NUMBER, "9999"),
        (CorrectionField.CANDIDATE_NUMBER, "0000"),
        (CorrectionField.CANDIDATE_NUMBER, "12345"),
        (CorrectionField.NAME, ""),
        (CorrectionField.NAME, "x" * 121),
        (CorrectionField.MARK, "unmarked"),
        (CorrectionField.NAME, "before"),
    ],
)
def test_a_correction_that_cannot_be_is_refused_with_its_field(field: CorrectionField, after: str) -> None:
    with pytest.raises(RegisterRefused) as caught:
        checked_correction(field, "before", after, "Misread")
    assert caught.value.facts["field"] == "after"


def test_a_correction_has_a_reason_and_loses_its_spaces() -> None:
    assert checked_correction(CorrectionField.NAME, "A", "  Ann   Other ", "Misread") == "Ann Other"
    with pytest.raises(RegisterRefused):
        checked_correction(CorrectionField.NAME, "A", "Ann", " ")


@pytest.mark.parametrize("second", ["Ann Other", "ann  other", "ANN-OTHER."])
def test_one_person_does_not_sign_twice(second: str) -> None:
    with pytest.raises(SecondPersonNeeded):
        require_second_name(second, "Ann Other")
    require_second_name("Bill Other", "Ann Other")


def test_seats_come_first_and_then_numbers() -> None:
    lines = [(None, "1001"), (2, "1003"), (None, "1000"), (1, "1009")]
    assert sorted(lines, key=lambda line: seat_key(*line)) == [
        (1, "1009"),
        (2, "1003"),
        (None, "1000"),
        (None, "1001"),
    ]


def test_who_is_in_two_places_at_once_is_found() -> None:
    on = date(2026, 5, 15)
    sat = [
        Sat("1001", "a", on, "AM"),
        Sat("1001", "b", on, "AM"),
        Sat("1002", "a", on, "AM"),
        Sat("1002", "b", on, "PM"),
    ]
    assert clashes(sat) == (Clash("1001", on, "AM", ("a", "b")),)


def test_what_bodies_ask_is_data_with_a_default() -> None:
    assert rules_of("01").emergency_from(date(2026, 5, 15)) == date(2026, 5, 12)
    assert rules_of("01").labels_from(date(2026, 5, 15)) is None
    assert rules_of("70").labels_from(date(2026, 5, 15)) == date(2026, 5, 8)
    assert rules_of("99") is packaged()["*"]


@given(st.integers(1, 40), st.integers(1, 60), st.sets(st.integers(1, 99)))
def test_numbers_of_packets_never_meet_those_of_another_sitting(first: int, count: int, taken: set[int]) -> None:
    begin = first_free_number(first, count, taken)
    assert not set(range(begin, begin + count)) & taken
    assert first_free_number(None, count, taken) == max(taken, default=0) + 1


def test_a_label_counts_999_packets() -> None:
    require_room_on_label(999)
    with pytest.raises(LabelRefused):
        require_room_on_label(1000)
    assert len(plan_packets((f"{number:04}" for number in range(1, 1000)), capacity=1)) == 999
