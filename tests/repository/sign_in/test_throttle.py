"""How failed sign-ins are slowed: the rules, and the counts in both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository.database import Database
from repository.errors import TooManyTries
from repository.sign_in import throttle
from repository.sign_in.local_tables import Failures
from repository.sign_in.throttle import Count, left_to_wait, next_count, slowing_seconds, wait_seconds

NOW = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
KEY = bytes(32)


def test_the_waits_begin_at_the_fifth_failure_and_end_at_a_quarter_of_an_hour() -> None:
    assert [wait_seconds(failures) for failures in range(13)] == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 900, 900, 900]


@given(st.lists(st.integers(0, 4000), max_size=60))
def test_sf_09_nobody_waits_longer_than_a_quarter_of_an_hour_whatever_others_do(gaps: list[int]) -> None:
    now, count = NOW, None
    for gap in gaps:
        now += timedelta(seconds=gap)
        left = left_to_wait(count, now)
        assert 0 <= left <= 900
        if left == 0:
            count = Count(next_count(count, now), now)
    assert left_to_wait(count, now + timedelta(seconds=900)) == 0


def test_after_a_lock_there_are_five_more_tries_before_the_next() -> None:
    count = Count(10, NOW)
    now = NOW + timedelta(seconds=900)
    tries = 0
    while left_to_wait(count, now) < 900:
        now += timedelta(seconds=left_to_wait(count, now))
        count = Count(next_count(count, now), now)
        tries += 1
    assert tries == 6  # the sixth is the one that locks


def test_failures_are_forgotten_after_a_day_and_a_clock_set_back_makes_nobody_wait_longer() -> None:
    assert next_count(Count(9, NOW), NOW + timedelta(days=1)) == 1
    assert left_to_wait(Count(10, NOW), NOW - timedelta(days=3)) == 900


def test_only_answers_to_wrong_passwords_from_one_address_come_later_and_not_much() -> None:
    assert [slowing_seconds(failures) for failures in (0, 20, 21, 24, 100, 10_000)] == [0, 0, 0.25, 1, 4, 4]


@pytest.mark.parametrize(
    ("address", "network"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("fe80::1%eth0", "fe80::/64"),
     (None, "unknown"), ("not an address", "unknown")],
)  # fmt: skip
def test_an_address_of_ipv6_counts_with_its_network(address: str | None, network: str) -> None:
    assert throttle.network_of(address) == network


@pytest.fixture
async def database(migrated_url: str) -> Database:
    return Database(migrated_url)


async def test_tries_are_counted_until_the_right_thing_is_shown(database: Database) -> None:
    now = NOW
    for _ in range(5):
        await database.write(lambda s: throttle.begin(s, KEY, now))
    with pytest.raises(TooManyTries, match="Wait a second") as waiting:
        await database.write(lambda s: throttle.begin(s, KEY, now))
    assert waiting.value.facts["wait_seconds"] == 1
    row = await database.read(lambda s: s.get_one(Failures, KEY))
    assert row.count == 5, "a try that has to wait counts for nothing"
    await database.write(lambda s: throttle.forget(s, KEY))
    await database.write(lambda s: throttle.begin(s, KEY, now))
    await database.write(lambda s: throttle.give_back(s, KEY, now))
    assert await database.read(lambda s: s.get(Failures, KEY)) is None
    for _ in range(3):
        await database.write(lambda s: throttle.begin(s, KEY, now))
    await database.write(lambda s: throttle.give_back(s, KEY, now))
    assert (await database.read(lambda s: s.get_one(Failures, KEY))).count == 2
    await database.close()


async def test_tries_at_the_same_moment_do_not_slip_through(database: Database) -> None:
    answers = await asyncio.gather(
        *(database.write(lambda s: throttle.begin(s, KEY, NOW)) for _ in range(12)), return_exceptions=True
    )
    assert sorted(one for one in answers if isinstance(one, int)) == [1, 2, 3, 4, 5]
    assert sum(isinstance(one, TooManyTries) for one in answers) == 7
    await database.close()


async def test_counts_that_are_forgotten_are_deleted(database: Database) -> None:
    await database.write(lambda s: throttle.begin(s, KEY, NOW))
    await database.write(lambda s: throttle.count_address(s, bytes([1]) * 32, NOW + timedelta(hours=20)))
    await database.write(lambda s: throttle.sweep(s, NOW + timedelta(hours=25)))
    left = await database.read(lambda s: [row.key for row in s.query(Failures)])
    assert left == [bytes([1]) * 32]
    await database.close()
