from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.tracking import (
    RULES,
    SETTLED,
    WORST_FIRST,
    Finding,
    ItemFacts,
    ItemStanding,
    ItemState,
    parcel_due_at,
    reminder_begins_at,
    reminder_due,
    sample_standing,
    standing_of,
    working_days_late,
)
from moderation.working_days import LONDON, Nation, add_working_days, end_of_day

DUE = datetime(2026, 5, 20, 22, 59, 59, tzinfo=UTC)
BEFORE, AFTER = DUE - timedelta(days=1), DUE + timedelta(days=1)
BOTH = frozenset({"work", "log"})

slots = st.frozensets(st.sampled_from(["work", "log", "notes"]))
instants = st.datetimes(datetime(2026, 5, 1), datetime(2026, 6, 30), timezones=st.just(UTC))  # noqa: DTZ001
facts = st.builds(
    ItemFacts,
    due_at=st.just(DUE),
    now=instants,
    required=slots,
    released=slots,
    under_way=slots,
    finding=st.none() | st.sampled_from(Finding),
    explained=st.booleans(),
    seen=st.booleans(),
    in_post=st.booleans(),
    sent_at=st.none() | instants,
)
standings = st.lists(st.builds(ItemStanding, st.sampled_from(ItemState), st.booleans()), max_size=12)


def digital(released: frozenset[str] = frozenset(), now: datetime = BEFORE, **more: object) -> ItemStanding:
    return standing_of(ItemFacts(due_at=DUE, now=now, required=BOTH, released=released, **more))


def test_a_digital_work_is_followed_to_its_last_required_slot() -> None:
    assert digital() == ItemStanding(ItemState.EXPECTED, is_late=False)
    assert digital(now=AFTER) == ItemStanding(ItemState.LATE, is_late=True)
    assert digital(frozenset({"work"})) == ItemStanding(ItemState.INCOMPLETE, is_late=False)
    assert digital(frozenset({"work"}), AFTER) == ItemStanding(ItemState.INCOMPLETE, is_late=True)
    assert digital(under_way=frozenset({"log"})) == ItemStanding(ItemState.INCOMPLETE, is_late=False)
    assert digital(BOTH, AFTER, sent_at=BEFORE) == ItemStanding(ItemState.RECEIVED, is_late=False)
    assert digital(BOTH, AFTER, sent_at=AFTER) == ItemStanding(ItemState.RECEIVED, is_late=True)
    assert digital(now=AFTER, explained=True) == ItemStanding(ItemState.EXPLAINED, is_late=False)
    assert digital(BOTH, sent_at=BEFORE, finding=Finding.UNREADABLE).state is ItemState.INCOMPLETE
    assert digital(BOTH, sent_at=BEFORE, finding=Finding.MISLABELLED).state is ItemState.MISLABELLED


@pytest.mark.parametrize(
    ("finding", "in_post", "now", "state", "late"),
    [
        (None, False, BEFORE, ItemState.EXPECTED, False),
        (None, False, AFTER, ItemState.LATE, True),
        (None, True, AFTER, ItemState.EXPECTED, False),  # posted in time: it may arrive later
        (Finding.RECEIVED, False, AFTER, ItemState.RECEIVED, False),
        (Finding.MISSING, False, BEFORE, ItemState.EXPECTED, False),
        (Finding.MISSING, False, AFTER, ItemState.LATE, True),
        (Finding.MISLABELLED, False, AFTER, ItemState.MISLABELLED, False),
        (Finding.UNREADABLE, False, AFTER, ItemState.INCOMPLETE, False),
    ],
)
def test_a_posted_work_is_what_was_found_in_its_parcel(
    finding: Finding | None, in_post: bool, now: datetime, state: ItemState, late: bool
) -> None:
    sent_at = BEFORE if in_post or finding not in {None, Finding.MISSING} else None
    found = standing_of(ItemFacts(due_at=DUE, now=now, finding=finding, in_post=in_post, sent_at=sent_at))
    assert found == ItemStanding(state, late)


def test_work_seen_at_a_visit_is_received() -> None:
    assert standing_of(ItemFacts(due_at=DUE, now=BEFORE, seen=True)).state is ItemState.RECEIVED


@given(facts)
def test_every_work_is_in_exactly_the_state_of_the_first_rule_that_holds(one: ItemFacts) -> None:
    holding = [state for _, holds, state in RULES if holds(one)]
    assert standing_of(one).state is holding[0]
    assert holding[-1] is ItemState.EXPECTED  # the last rule holds always, so no work is without a state


@given(facts)
def test_a_reason_ends_the_waiting_whatever_else_is_known(one: ItemFacts) -> None:
    if one.explained:
        assert standing_of(one) == ItemStanding(ItemState.EXPLAINED, is_late=False)


@given(facts, st.sampled_from(["work", "log", "notes"]))
def test_another_file_never_makes_a_received_work_wait_again(one: ItemFacts, slot: str) -> None:
    more = ItemFacts(
        one.due_at, one.now, one.required, one.released | {slot}, one.under_way, one.finding, one.explained, one.seen,
        one.in_post, one.sent_at,
    )  # fmt: skip
    if standing_of(one).state in SETTLED:
        assert standing_of(more) == standing_of(one)


@given(standings, st.randoms(use_true_random=False))
def test_a_sample_does_not_depend_on_the_order_of_its_works(held: list[ItemStanding], random: Random) -> None:
    shuffled = list(held)
    random.shuffle(shuffled)
    assert sample_standing(shuffled, due_at=DUE, now=BEFORE) == sample_standing(held, due_at=DUE, now=BEFORE)


@given(standings)
def test_a_sample_is_complete_when_every_work_is_settled_and_only_then(held: list[ItemStanding]) -> None:
    whole = sample_standing(held, due_at=DUE, now=BEFORE)
    assert whole.is_complete == all(one.is_settled for one in held)
    assert sum(whole.counts.values()) == len(held)
    assert whole.is_late == any(one.is_late for one in held)
    worst = min((WORST_FIRST.index(one.state) for one in held), default=len(WORST_FIRST))
    assert whole.is_complete or WORST_FIRST.index(whole.state) <= worst


def test_documents_about_the_group_are_waited_for_like_work() -> None:
    received = [ItemStanding(ItemState.RECEIVED, is_late=False)]
    assert sample_standing(received, due_at=DUE, now=AFTER).is_complete
    waiting = sample_standing(received, ["record"], due_at=DUE, now=AFTER)
    assert (waiting.state, waiting.is_late, waiting.is_complete) == (ItemState.INCOMPLETE, True, False)
    some = sample_standing([*received, ItemStanding(ItemState.EXPECTED, is_late=False)], due_at=DUE, now=BEFORE)
    assert some.state is ItemState.INCOMPLETE


def test_reminders_come_on_working_days_of_the_nation() -> None:
    friday = end_of_day(date(2026, 5, 29))  # Monday 25 May is a bank holiday
    assert reminder_begins_at(friday, Nation.ENGLAND, 0).astimezone(LONDON).date() == date(2026, 5, 29)
    assert reminder_begins_at(friday, Nation.ENGLAND, 4).astimezone(LONDON).date() == date(2026, 5, 22)
    assert reminder_begins_at(friday, Nation.ENGLAND, -1).astimezone(LONDON).date() == date(2026, 6, 1)
    assert reminder_begins_at(friday, Nation.ENGLAND, 1).astimezone(LONDON).hour == 0
    july = end_of_day(date(2026, 7, 14))  # the day after a bank holiday of Northern Ireland
    assert reminder_begins_at(july, Nation.NORTHERN_IRELAND, 1).astimezone(LONDON).date() == date(2026, 7, 10)
    assert reminder_begins_at(july, Nation.ENGLAND, 1).astimezone(LONDON).date() == date(2026, 7, 13)


def test_of_several_reminders_that_are_due_the_newest_is_made() -> None:
    days = (3, 1, 0, -1)
    due = end_of_day(date(2026, 5, 20))
    at = [datetime(2026, 5, day, 8, tzinfo=UTC) for day in (14, 15, 18, 19, 20, 21, 28)]
    assert [reminder_due(due, now, Nation.ENGLAND, days) for now in at] == [None, 3, 3, 1, 0, -1, -1]
    assert reminder_due(due, at[-1], Nation.ENGLAND, ()) is None


@given(st.dates(date(2026, 1, 1), date(2026, 12, 1)), st.integers(1, 9), st.sampled_from(Nation))
def test_days_late_count_as_the_days_of_a_clock_do(on: date, days: int, nation: Nation) -> None:
    due = end_of_day(on)
    then = add_working_days(on, days, nation)
    assert working_days_late(due, end_of_day(then), nation) == days
    assert working_days_late(due, due, nation) == 0
    assert reminder_begins_at(due, nation, -days).astimezone(LONDON).date() == then


def test_a_parcel_is_overdue_after_five_working_days() -> None:
    posted = datetime(2026, 5, 20, 9, tzinfo=UTC)
    assert parcel_due_at(posted, Nation.ENGLAND).astimezone(LONDON).date() == date(2026, 5, 28)
