from __future__ import annotations

import pytest

from moderation.errors import MarkMissing, MarkNotAllowed, MarkOutOfRange
from moderation.marks import CentreMark, MarkStatus, check_mark, control_total, is_adjustable, is_drawable


@pytest.mark.fault("att:H02")
@pytest.mark.parametrize(
    ("mark", "status", "kept"),
    [
        (62, None, CentreMark(MarkStatus.PRESENT, 62)),
        (70, MarkStatus.PRESENT, CentreMark(MarkStatus.PRESENT, 70)),
        (0, MarkStatus.PRESENT, CentreMark(MarkStatus.ZERO_NO_WORTH, 0)),
        (None, MarkStatus.ZERO_UNAUTHENTICATED, CentreMark(MarkStatus.ZERO_UNAUTHENTICATED, 0)),
        (None, MarkStatus.ABSENT, CentreMark(MarkStatus.ABSENT, None)),
        (40, MarkStatus.LOST, CentreMark(MarkStatus.LOST, 40)),
        (None, MarkStatus.LOST, CentreMark(MarkStatus.LOST, None)),
    ],
)
def test_a_mark_is_kept_as_its_status_says(mark: int | None, status: MarkStatus | None, kept: CentreMark) -> None:
    assert check_mark(mark, status, 70) == kept


@pytest.mark.fault("att:H02")
@pytest.mark.parametrize(
    ("mark", "status", "error"),
    [
        (None, None, MarkMissing),
        (None, MarkStatus.PRESENT, MarkMissing),
        (71, MarkStatus.PRESENT, MarkOutOfRange),
        (-1, MarkStatus.PRESENT, MarkOutOfRange),
        (3.5, MarkStatus.PRESENT, MarkOutOfRange),
        (True, MarkStatus.PRESENT, MarkOutOfRange),
        (5, MarkStatus.ABSENT, MarkNotAllowed),
        (0, MarkStatus.ABSENT, MarkNotAllowed),
        (3, MarkStatus.ZERO_NO_WORTH, MarkNotAllowed),
    ],
)
def test_contradictions_are_refused(mark: int | None, status: MarkStatus | None, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_mark(mark, status, 70)


def test_absent_is_neither_zero_nor_drawable_nor_adjusted() -> None:
    assert not is_drawable(MarkStatus.ABSENT, None)
    assert not is_adjustable(MarkStatus.ABSENT, None)
    assert not is_drawable(MarkStatus.ZERO_NO_WORTH, 0)
    assert not is_adjustable(MarkStatus.ZERO_NO_WORTH, 0)


def test_lost_work_is_adjusted_but_never_drawn() -> None:
    assert not is_drawable(MarkStatus.LOST, 40)
    assert is_adjustable(MarkStatus.LOST, 40)
    assert not is_adjustable(MarkStatus.LOST, None)
    assert is_drawable(MarkStatus.PRESENT, 1)


def test_control_total_counts_marks_only() -> None:
    assert control_total([62, None, 0, 38]) == 100


def test_error_codes_and_sentences() -> None:
    error = MarkOutOfRange(maximum=70)
    assert error.code == "mark-out-of-range"
    assert error.detail.startswith("The mark must be")
    assert error.facts == {"maximum": 70}
