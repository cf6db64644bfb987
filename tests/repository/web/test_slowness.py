"""The rule of slow connections, on a clock that the test moves."""

from __future__ import annotations

import pytest

from repository.web.limits import Limits
from repository.web.slowness import Breach, Watch

LIMITS = Limits()
pytestmark = pytest.mark.fault("att:C08")


def test_a_new_connection_has_ten_seconds_for_its_head() -> None:
    watch = Watch(LIMITS, 100.0)
    assert watch.breach(109.9) is None
    watch.received(109.9, 10, heads_ended=False, body_is_open=False)
    assert watch.breach(110.0) is Breach.HEAD_SLOW


def test_a_head_byte_by_byte_does_not_win_time() -> None:
    watch = Watch(LIMITS, 0.0)
    watch.received(0.0, 30, heads_ended=True, body_is_open=False)
    assert watch.breach(5_000.0) is None  # idle between requests: keep-alive decides
    for second in range(10):
        watch.received(5_000.0 + second, 1, heads_ended=False, body_is_open=False)
    assert watch.breach(5_009.9) is None
    assert watch.breach(5_010.0) is Breach.HEAD_SLOW


def test_a_head_has_a_length() -> None:
    watch = Watch(LIMITS, 0.0)
    watch.received(1.0, LIMITS.head_bytes, heads_ended=False, body_is_open=False)
    assert watch.breach(1.0) is None
    watch.received(1.1, 1, heads_ended=False, body_is_open=False)
    assert watch.breach(1.1) is Breach.HEAD_LARGE


def test_a_silent_body_ends_after_thirty_seconds() -> None:
    watch = Watch(LIMITS, 0.0)
    watch.received(1.0, 100, heads_ended=True, body_is_open=True)
    watch.received(2.0, 5_000_000, heads_ended=False, body_is_open=True)
    assert watch.breach(31.9) is None
    assert watch.breach(32.0) is Breach.BODY_SILENT


def test_a_byte_a_second_is_too_slow_even_after_a_fast_beginning() -> None:
    watch = Watch(LIMITS, 0.0)
    watch.received(0.0, 100, heads_ended=True, body_is_open=True)
    watch.received(0.5, 50_000_000, heads_ended=False, body_is_open=True)
    ended_at = None
    for second in range(1, 200):
        watch.received(float(second), 1, heads_ended=False, body_is_open=True)
        if watch.breach(float(second)) is Breach.BODY_SLOW:
            ended_at = second
            break
    assert ended_at == 60  # the first stretch was well filled, the second was not


def test_a_slow_but_steady_line_goes_on() -> None:
    watch = Watch(LIMITS, 0.0)
    watch.received(0.0, 100, heads_ended=True, body_is_open=True)
    for second in range(1, 3_600):
        watch.received(float(second), 1_100, heads_ended=False, body_is_open=True)
        assert watch.breach(float(second)) is None


def test_nobody_is_slow_who_is_not_listened_to() -> None:
    watch = Watch(LIMITS, 0.0)
    watch.received(0.0, 100, heads_ended=True, body_is_open=True)
    for second in range(300):
        watch.excuse(float(second))
        assert watch.breach(float(second)) is None
    assert watch.breach(299.0 + LIMITS.silence_seconds) is Breach.BODY_SILENT


def test_a_reader_who_takes_nothing_is_left_and_one_who_takes_is_served() -> None:
    watch = Watch(LIMITS, 0.0)
    watch.received(0.0, 100, heads_ended=True, body_is_open=False)
    watch.unsent(1.0, 500_000, is_held_up=True, is_closing=False)
    assert watch.breach(30.9) is None
    assert watch.breach(31.0) is Breach.READER_SILENT
    left = 500_000
    for second in range(2, 120):
        left -= 2_000
        watch.unsent(float(second), left, is_held_up=True, is_closing=False)
        assert watch.breach(float(second)) is None
    watch = Watch(LIMITS, 0.0)
    watch.received(0.0, 100, heads_ended=True, body_is_open=False)
    for second in range(40):
        watch.unsent(float(second), 500_000 - second, is_held_up=True, is_closing=False)
    assert watch.breach(40.0) is Breach.READER_SLOW


def test_a_connection_that_does_not_finish_closing_is_cut() -> None:
    watch = Watch(LIMITS, 0.0)
    watch.received(0.0, 100, heads_ended=True, body_is_open=False)
    watch.unsent(5.0, 40_000, is_held_up=False, is_closing=True)
    watch.unsent(34.0, 40_000, is_held_up=False, is_closing=True)
    assert watch.breach(34.9) is None
    assert watch.breach(35.0) is Breach.NOT_CLOSING
