from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from moderation.retention import Keeping, Kept, retain_until

T = datetime(2026, 9, 23, 22, 59, 59, tzinfo=UTC)
KEPT = st.builds(
    Kept,
    st.sampled_from(list(Keeping)),
    st.one_of(st.none(), st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))),  # noqa: DTZ001
)


def test_the_latest_of_all_and_a_margin() -> None:
    found = retain_until(
        [Kept(Keeping.REVIEW_DEADLINE, T), Kept(Keeping.REVIEW, T - timedelta(days=9))], margin_days=28
    )
    assert found.until == datetime(2026, 10, 21, 22, 59, 59, tzinfo=UTC)
    assert found.kept_by == (Keeping.REVIEW_DEADLINE,)
    assert not found.is_over(found.until)
    assert found.is_over(found.until + timedelta(seconds=1))


def test_a_legal_hold_wins_and_is_named_first() -> None:
    found = retain_until(
        [Kept(Keeping.APPEAL, None), Kept(Keeping.REVIEW_DEADLINE, T), Kept(Keeping.LEGAL_HOLD, None)], margin_days=0
    )
    assert (found.until, found.kept_by) == (None, (Keeping.LEGAL_HOLD, Keeping.APPEAL))
    assert not found.is_over(T + timedelta(days=9999))


def test_nothing_known_keeps() -> None:
    assert retain_until([], margin_days=5).until is None


@given(st.lists(KEPT, min_size=1, max_size=8), st.integers(0, 100))
def test_nothing_that_keeps_is_passed_over(things: list[Kept], margin_days: int) -> None:
    found = retain_until(things, margin_days=margin_days)
    if any(one.ended_at is None for one in things):
        assert found.until is None
    else:
        assert found.until is not None
        assert all(one.ended_at is not None and one.ended_at <= found.until for one in things)
    assert retain_until(list(reversed(things)), margin_days=margin_days).until == found.until
