from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.balancing import still_open, with_reason
from scripts.cases import Reason
from scripts.reconciliation import (
    Explanation,
    PacketFacts,
    PageCounts,
    Reconciliation,
    RegisterMark,
    RegisterState,
    SittingFacts,
    add_up,
    reconcile,
)
from scripts.tracking import PacketState

P, A, W, U = RegisterState.PRESENT, RegisterState.ABSENT, RegisterState.WITHDRAWN, RegisterState.UNMARKED


def numbers(first: int, count: int) -> list[str]:
    return [str(number) for number in range(first, first + count)]


def example() -> tuple[list[RegisterMark], list[PacketFacts]]:
    """The worked example: 30 entries, 2 withdrawn, 1 added; 27 present, 2 absent; packets of 15 and 12."""
    present = numbers(1001, 27)
    marks = [RegisterMark(number, P, added=number == "1027") for number in present]
    marks += [RegisterMark(number, A) for number in ("1028", "1029")]
    marks += [RegisterMark(number, W) for number in ("1030", "1031")]
    bags = [
        PacketFacts(1, frozenset(present[:15]), PacketState.OPENED, 15, 15),
        PacketFacts(2, frozenset(present[15:]), PacketState.OPENED, 12, 11),
    ]
    return marks, bags


def kinds(found: Reconciliation) -> list[str]:
    return [case.kind for case in found.cases]


@pytest.mark.fault("att:I03", "att:I06")
def test_the_worked_example() -> None:
    found = reconcile(*example())
    assert (found.entries, found.withdrawn, found.added, found.expected) == (30, 2, 1, 29)
    assert (found.present, found.absent, found.logged, found.received) == (27, 2, 27, 26)
    assert [(one.level, one.subject, one.expected, one.found) for one in found.differences] == [
        ("packet", "packet:2", 12, 11)
    ]
    (case,) = found.cases
    assert (case.kind, case.packet_number, case.count) == ("register_present_no_script", 2, 1)
    assert set(case.candidate_numbers) == set(numbers(1016, 12))
    assert not found.closes


def test_scanning_names_the_one() -> None:
    marks, bags = example()
    seen = frozenset(numbers(1001, 27)) - {"1020"}
    found = reconcile(marks, bags, scanned=seen, indexed=seen)
    assert found.missing == ("1020",)
    assert [(case.kind, case.candidate_numbers, case.count) for case in found.cases] == [
        ("register_present_no_script", ("1020",), 1)
    ]


def test_everything_here_closes() -> None:
    marks, bags = example()
    bags[1] = PacketFacts(2, bags[1].candidate_numbers, PacketState.OPENED, 12, 12)
    seen = frozenset(numbers(1001, 27))
    pages = PageCounts(108, 100, 8, 0, 0, 54)
    assert reconcile(marks, bags, scanned=seen, indexed=seen, pages=pages).closes
    queued = PageCounts(108, 99, 8, 0, 1, 54)
    assert not reconcile(marks, bags, scanned=seen, indexed=seen, pages=queued).closes


@pytest.mark.fault("att:I04")
def test_a_packet_that_has_not_come_is_outstanding_and_not_missing() -> None:
    marks, bags = example()
    bags[1] = PacketFacts(2, bags[1].candidate_numbers, PacketState.COLLECTED, 12)
    found = reconcile(marks, bags)
    assert (found.received, found.outstanding, found.missing, found.cases) == (15, 12, (), ())
    assert not found.closes


@pytest.mark.fault("att:I05")
def test_a_packet_inside_another_shows_as_more_than_was_sealed() -> None:
    marks, bags = example()
    bags[0] = PacketFacts(1, bags[0].candidate_numbers, PacketState.OPENED, 15, 16)
    assert kinds(reconcile(marks, bags)) == ["packet_count_over", "register_present_no_script"]


def test_silence_is_not_absence() -> None:
    marks, bags = example()
    marks[3] = RegisterMark("1004", U)
    found = reconcile(marks, bags)
    assert found.unmarked == 1
    assert "register_incomplete" in kinds(found)
    before = [PacketFacts(bag.number, bag.candidate_numbers, PacketState.LABEL_ISSUED) for bag in bags]
    assert reconcile(marks, before).cases == ()


@pytest.mark.fault("att:I06")
def test_a_script_of_an_absent_candidate_is_a_case() -> None:
    marks, bags = example()
    found = reconcile(marks, bags, scanned=frozenset({"1028"}))
    assert "register_absent_script_found" in kinds(found)


def test_an_explained_script_is_not_missing() -> None:
    marks, _ = example()
    marks[0] = RegisterMark("1001", P, explained=Explanation.OTHER_ROUTE)
    bag = PacketFacts(1, frozenset(numbers(1001, 27)), PacketState.OPENED, 26, 26)
    seen = frozenset(numbers(1002, 26))
    assert reconcile(marks, [bag], scanned=seen, indexed=seen).closes


def test_a_log_that_does_not_agree_with_the_register() -> None:
    marks, bags = example()
    bags[1] = PacketFacts(2, bags[1].candidate_numbers, PacketState.COLLECTED, 11)
    assert kinds(reconcile(marks, bags)) == ["log_differs_from_register"]


@pytest.mark.fault("att:I07")
def test_pages_lost_in_a_double_feed_show_against_the_sheet_counter() -> None:
    marks, bags = example()
    found = reconcile(marks, bags, pages=PageCounts(10, 8, 1, 0, 1, sheets=6))
    assert ("page", 12, 10) in [(one.level, one.expected, one.found) for one in found.differences]
    lost = reconcile(marks, bags, pages=PageCounts(10, 8, 1, 0, 0))
    assert ("page", 10, 9) in [(one.level, one.expected, one.found) for one in lost.differences]


def facts(**more: object) -> SittingFacts:
    marks, bags = example()
    return replace(SittingFacts(tuple(marks), tuple(bags)), **more)


def test_the_six_equations_are_said_with_their_figures() -> None:
    found = add_up(facts(pages=PageCounts(10, 8, 1, 0, 1, sheets=5), scanned=frozenset(), indexed=frozenset()))
    said = {(one.number, one.subject): (one.left, one.right, one.holds) for one in found.equations}
    assert {number for number, _ in said} == {1, 2, 3, 4, 5, 6}
    assert said[1, ""] == (29, 29, True)
    assert said[2, ""] == (29, 29, True)
    assert said[3, ""] == (27, 26, False)
    assert said[4, "packet:2"] == (11, 12, False)
    assert [one.holds for one in found.equations if one.number == 6] == [True, True]
    assert add_up(facts(entries=31)).cases[0].kind == "register_differs_from_entries"


def test_no_register_at_all_is_not_absence() -> None:
    """Regression: register missing."""
    marks, bags = example()
    silent = [RegisterMark(mark.candidate_number, U) for mark in marks]
    found = reconcile(silent, bags, scanned=frozenset(numbers(1001, 27)))
    assert found.absent == 0
    assert kinds(found)[0] == "register_incomplete"
    assert found.cases[0].count == 31


def test_a_candidate_on_two_registers_is_a_case_and_missing_at_neither_once_seen() -> None:
    """Regression: candidate on two registers."""
    seen = frozenset(numbers(1001, 27)) - {"1020"}
    found = add_up(facts(scanned=seen, indexed=seen, elsewhere=frozenset({"1020"}), seen_elsewhere=frozenset({"1020"})))
    assert [(case.kind, case.subject) for case in found.cases] == [("candidate_on_two_registers", "candidate:1020")]
    assert found.missing == ()
    neither = add_up(facts(scanned=seen, indexed=seen, elsewhere=frozenset({"1020"})))
    assert "1020" in neither.missing


@pytest.mark.fault("att:I03")
def test_scripts_of_another_component_make_a_packet_too_full_and_too_empty() -> None:
    """Regression: packet with two components: the other's scripts are not ours, and ours are short."""
    marks, bags = example()
    bags[0] = PacketFacts(1, bags[0].candidate_numbers, PacketState.OPENED, 15, 17)
    bags[1] = PacketFacts(2, bags[1].candidate_numbers, PacketState.OPENED, 12, 12)
    found = reconcile(marks, bags)
    assert [(case.kind, case.subject, case.count) for case in found.cases] == [("packet_count_over", "packet:1", 2)]


@pytest.mark.fault("att:I05")
def test_a_packet_inside_another_closes_once_every_script_is_seen() -> None:
    """Regression: packet inside another: what the outer count has too many is here, and no count is believed alone."""
    marks, bags = example()
    bags[0] = PacketFacts(1, bags[0].candidate_numbers, PacketState.OPENED, 15, 27)
    bags[1] = PacketFacts(2, bags[1].candidate_numbers, PacketState.COLLECTED, 12)
    packed = SittingFacts(tuple(marks), tuple(bags))
    wrong = with_reason(packed, "packet_count_over", "packet:1", Reason.COUNTING_ERROR, frozenset())
    assert still_open(wrong, "packet_count_over", "packet:1", frozenset()) != ""
    seen = frozenset(numbers(1001, 27))
    wrong = replace(wrong, scanned=seen, indexed=seen)
    assert still_open(wrong, "packet_count_over", "packet:1", frozenset()) == ""
    assert add_up(wrong).closes


@pytest.mark.parametrize(
    ("reason", "number", "left"),
    [
        (Reason.ESTIMATED_MARK, "1020", ""),
        (Reason.RESULT_X, "1020", ""),
        (Reason.OTHER_ROUTE, "1020", ""),
        (Reason.REGISTER_ERROR, "1020", ""),
        (Reason.MALPRACTICE_HOLD, "1020", ""),
        (Reason.OTHER_ROUTE, "1001", "1 script is still not accounted for"),
        (Reason.LOCATED_LATE, "1020", "1 script is still not accounted for"),
        (Reason.COUNTING_ERROR, "1020", "1 script is still not accounted for"),
    ],
)
def test_a_reason_closes_a_case_only_if_the_equation_with_it_balances(reason: Reason, number: str, left: str) -> None:
    about = frozenset(numbers(1016, 12))
    after = with_reason(facts(), "register_present_no_script", "packet:2", reason, frozenset({number}))
    said = still_open(after, "register_present_no_script", "packet:2", about)
    assert said.startswith(left) if left else said == ""
    if not left:
        assert add_up(after).missing == ()
        assert not any(case.subject == "packet:2" for case in add_up(after).cases)


def test_a_script_found_for_an_absent_candidate_balances_once_the_register_is_corrected() -> None:
    seen = frozenset(numbers(1001, 28))
    bag = PacketFacts(1, frozenset(numbers(1001, 28)), PacketState.OPENED, 27, 28)
    marks, _ = example()
    found = SittingFacts(tuple(marks), (bag,), seen, seen)
    assert {case.kind for case in add_up(found).cases} == {"register_absent_script_found", "packet_count_over"}
    named = frozenset({"1028"})
    after = with_reason(found, "register_absent_script_found", "candidate:1028", Reason.REGISTER_ERROR, named)
    assert add_up(after).cases == ()
    assert add_up(after).closes


def test_what_is_handled_by_hand_is_here_and_not_scanned() -> None:
    marks, bags = example()
    bags[1] = PacketFacts(2, bags[1].candidate_numbers, PacketState.OPENED, 12, 12)
    seen = frozenset(numbers(1001, 27)) - {"1020"}
    here = SittingFacts(tuple(marks), tuple(bags), seen, seen)
    assert add_up(here).missing == ("1020",)
    assert add_up(replace(here, manual=frozenset({"1020"}))).closes


def test_pages_that_ended_nowhere_are_a_case() -> None:
    marks, bags = example()
    found = reconcile(marks, bags, pages=PageCounts(10, 8, 1, 0, 0))
    assert ("pages_unaccounted", "pages", 1) in [(case.kind, case.subject, case.count) for case in found.cases]


@given(st.lists(st.sampled_from([P, A, W, U]), max_size=40), st.data())
def test_nobody_is_lost_in_the_arithmetic(states: list[RegisterState], data: st.DataObject) -> None:
    marks = [RegisterMark(number, state) for number, state in zip(numbers(1001, len(states)), states, strict=True)]
    present = [mark.candidate_number for mark in marks if mark.state is P]
    cut = data.draw(st.integers(0, len(present)))
    seen = frozenset(data.draw(st.sets(st.sampled_from(present)))) if present else frozenset()
    bags = [
        PacketFacts(1, frozenset(present[:cut]), PacketState.RECEIVED),
        PacketFacts(2, frozenset(present[cut:]), PacketState.RECEIVED),
    ]
    found = reconcile(marks, bags, scanned=seen, indexed=seen)
    assert found.expected == found.present + found.absent + found.unmarked == found.entries - found.withdrawn
    assert found.present == found.received + found.outstanding + len(found.missing)
    assert found.closes == (seen == set(present) and U not in states)
