"""The custody line: nothing green by assumption, red when overdue, grey when unknown, corrections struck and kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.custody import STEPS, About, CustodyEvent, CustodyLine, ScriptFacts, Standing, Step, custody_line, tally
from tests.scripts.test_clocks import calendar

MONDAY = datetime(2026, 6, 8, 12, tzinfo=UTC)
SCRIPT = ScriptFacts("s", "1001", "present", 0, date(2026, 6, 8), register="present", packet_id="p", packet_number=1)
OF_PACKET = ("logged", "collected", "received", "opened")


@pytest.fixture(scope="module", autouse=True)
def bank_holidays() -> None:
    """The calendar is read once, outside the time that one example may take."""
    calendar(MONDAY, 1)


def event(kind: str, about: About = About.PACKET, days: float = 0, **changes: object) -> CustodyEvent:
    at = MONDAY + timedelta(days=days)
    made = CustodyEvent(f"{about}-{kind}-{days}", about, kind, at, at, "clerk", "site A")
    return replace(made, **changes)


def line(*events: CustodyEvent, now: datetime = MONDAY, script: ScriptFacts = SCRIPT) -> CustodyLine:
    return custody_line(script, events, now=now, calendar=calendar)


def standings(found: CustodyLine) -> dict[Step, Standing]:
    return {mark.step: mark.standing for mark in found.marks}


@given(st.lists(st.sampled_from(OF_PACKET)), st.integers(0, 60))
def test_whatever_happens_to_the_packet_is_never_known_of_the_script(kinds: list[str], days: int) -> None:
    events = [event(kind, days=place) for place, kind in enumerate(kinds)]
    log = event("in_packet", About.SCRIPT)
    found = line(*events, log, now=MONDAY + timedelta(days=days))
    assert Standing.SCRIPT not in standings(found).values()


@given(st.permutations([*(event(kind) for kind in OF_PACKET), event("indexed", About.SCRIPT, 2)]))
def test_events_in_any_order_give_one_line(events: list[CustodyEvent]) -> None:
    assert line(*events) == line(*sorted(events, key=lambda one: one.id))


def test_what_nobody_recorded_is_unknown_and_not_green() -> None:
    found = standings(line(event("received", days=1), event("indexed", About.SCRIPT, 2)))
    assert found[Step.PACKED] is found[Step.COLLECTED] is found[Step.OPENED] is Standing.UNKNOWN
    assert found[Step.DELIVERED] is Standing.PACKET
    assert found[Step.SCANNED] is found[Step.INDEXED] is Standing.SCRIPT


@pytest.mark.parametrize(
    ("days", "expected"), [(1, Standing.WAITING), (3, Standing.LATE), (4, Standing.OVERDUE), (40, Standing.OVERDUE)]
)
def test_delivery_is_due_two_working_days_after_collection_and_red_after_three(days: int, expected: Standing) -> None:
    found = line(event("logged"), event("collected"), now=MONDAY + timedelta(days=days))
    assert found.next is not None
    assert (found.next.step, found.next.standing) == (Step.DELIVERED, expected)
    assert found.next.due_at == datetime(2026, 6, 10, 22, 59, 59, tzinfo=UTC)
    assert found.alarm is expected


def test_a_device_whose_clock_runs_ahead_puts_nothing_off() -> None:
    ahead = event("collected", occurred_at=MONDAY + timedelta(days=300))
    found = line(ahead, now=MONDAY + timedelta(days=10))
    assert found.alarm is Standing.OVERDUE


def test_what_was_taken_back_counts_for_no_step_and_stays_struck() -> None:
    taken = event("collected")
    back = event("withdrawn", days=1, corrects_id=taken.id)
    found = line(event("logged"), taken, back, now=MONDAY)
    assert standings(found)[Step.COLLECTED] is not Standing.PACKET
    assert [(one.event.kind, one.struck_by) for one in found.history] == [
        ("logged", None), ("collected", back), ("withdrawn", None),
    ]  # fmt: skip
    assert standings(line(event("logged"), taken))[Step.COLLECTED] is Standing.PACKET


def test_a_withdrawal_that_was_itself_taken_back_strikes_nothing() -> None:
    taken = event("collected")
    back = event("withdrawn", days=1, corrects_id=taken.id)
    again = event("withdrawn", days=2, corrects_id=back.id)
    assert standings(line(taken, back, again))[Step.COLLECTED] is Standing.PACKET


def test_the_history_is_in_the_order_in_which_we_learnt_of_it() -> None:
    late = event("collected", received_at=MONDAY + timedelta(days=5))
    found = line(late, event("received", days=1))
    assert [one.event.kind for one in found.history] == ["received", "collected"]
    assert late.clocks_differ


def test_absence_needs_the_register_and_silence_is_no_alarm() -> None:
    later = MONDAY + timedelta(days=30)
    absent = line(now=later, script=replace(SCRIPT, register="absent"))
    unmarked = line(now=later, script=replace(SCRIPT, register="unmarked"))
    present = line(now=later)
    assert (absent.alarm, unmarked.alarm, present.alarm) == (Standing.NONE, Standing.UNKNOWN, Standing.OVERDUE)
    counts = tally([absent, unmarked, present])
    assert (counts[Standing.NONE], counts[Standing.UNKNOWN], counts[Standing.OVERDUE]) == (1, 1, 1)
    found = line(event("indexed", About.SCRIPT), script=replace(SCRIPT, register="absent", pages=4))
    assert standings(found)[Step.INDEXED] is Standing.SCRIPT  # a script of somebody marked absent is still a script


def test_a_script_that_does_not_travel_with_the_packets_passes_none_of_their_steps() -> None:
    found = line(now=MONDAY + timedelta(days=30), script=replace(SCRIPT, explained="other_route"))
    assert found.next is not None
    assert (found.next.step, found.next.standing, found.next.due_at) == (Step.SCANNED, Standing.WAITING, None)


def test_the_line_ends_with_what_became_of_the_script_and_stays_readable() -> None:
    kinds = ("scanned", "indexed", "quality_checked", "marked", "archived", "destroyed")
    found = line(*(event(kind, About.SCRIPT, place) for place, kind in enumerate(kinds)))
    assert found.ended is not None
    assert (found.ended.kind, found.marks[-1].event, found.next) == ("destroyed", found.ended, None)
    assert len(found.history) == len(kinds)
    assert [mark.step for mark in found.marks] == list(STEPS)
