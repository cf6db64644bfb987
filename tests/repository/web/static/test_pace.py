"""Speed, time left and what starts next."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import Ask

MB = 1_000_000


def test_the_speed_is_that_of_the_last_seconds(ask: Ask) -> None:
    slow, fast = [[at * 1000, at * MB] for at in range(10)], [[at * 1000, at * 4 * MB] for at in range(60)]
    assert ask(special="pace", notes=slow, left=90 * MB) == [MB, 90]
    assert ask(special="pace", notes=fast, left=4 * MB) == [4 * MB, 1]
    turning = [*fast, *[[(60 + at) * 1000, (240 + at) * MB] for at in range(25)]]
    assert ask(special="pace", notes=turning, left=10 * MB) == [MB, 10]


def test_nothing_is_said_before_something_is_known(ask: Ask) -> None:
    for notes in ([], [[0, 0]], [[0, 0], [500, MB]], [[0, MB], [4000, 0]]):
        assert ask(special="pace", notes=notes, left=MB) == [0, None]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.integers(0, 40_000), min_size=2, max_size=30, unique=True))
def test_words_for_what_is_left_go_up_with_the_time(ask: Ask, seconds: list[int]) -> None:
    def size(words: str) -> float:
        if words == "a few seconds":
            return 1
        count = 1.0 if words in {"about a minute", "about an hour"} else float(words.split()[1])
        return count * (1 if "second" in words else 60 if "minute" in words else 3600)

    told = [size(ask("words.js", "leftInWords", one)) for one in sorted(seconds)]
    assert all(one <= other for one, other in pairwise(told))


def test_three_at_once_in_their_order(ask: Ask) -> None:
    states = ["released", "sending", "waiting", "paused", "reading", "waiting", "waiting", "stopped"]
    started = ask("pace.js", "startable", [{"state": one, "at": at} for at, one in enumerate(states)], 3)
    assert [one["at"] for one in started] == [2]


def test_what_is_refused_counts_for_nothing(ask: Ask) -> None:
    files = [
        {"state": "released", "sent": 0, "size": 5},
        {"state": "sending", "sent": 3, "size": 10},
        {"state": "refused", "sent": 0, "size": 99},
        {"state": "waiting", "sent": 0, "size": 7},
    ]
    assert ask("pace.js", "totals", files) == {"sent": 8, "total": 22}
