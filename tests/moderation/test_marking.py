from __future__ import annotations

import pytest

from moderation.errors import MarkOutOfRange
from moderation.marking import Work, check_moderator_mark, report_stage
from moderation.outcome import OutcomeKind, Stage
from tests.moderation.test_adjustment import B


def works(read: int) -> list[Work]:
    first = {1, 4, 7, 9, 12, 15}
    rows = [Work(f"k{i}", c, m, i in first) for i, (c, m) in enumerate(B, 1)]
    order = sorted(rows, key=lambda work: not work.first_stage)
    seen = {work.key for work in order[:read]}
    return [work if work.key in seen else Work(work.key, work.centre_mark, None, work.first_stage) for work in rows]


def test_the_sub_sample_is_read_first() -> None:
    report = report_stage(works(5), Stage.SUB_SAMPLE, tolerance_marks=4, maximum=70)
    assert report.total == 6
    assert report.unread == ("k15",)
    assert not report.is_complete


def test_outside_tolerance_the_whole_sample_is_read() -> None:
    report = report_stage(works(6), Stage.SUB_SAMPLE, tolerance_marks=4, maximum=70)
    assert report.is_complete
    assert report.decision is None
    full = report_stage(works(6), Stage.FULL_SAMPLE, tolerance_marks=4, maximum=70)
    assert len(full.unread) == 9
    done = report_stage(works(15), Stage.FULL_SAMPLE, tolerance_marks=4, maximum=70)
    assert done.decision is not None
    assert done.decision.kind is OutcomeKind.ADJUSTED


def test_inside_tolerance_nothing_more_is_read() -> None:
    report = report_stage(works(6), Stage.SUB_SAMPLE, tolerance_marks=6, maximum=70)
    assert report.decision is not None
    assert report.decision.kind is OutcomeKind.ACCEPTED


@pytest.mark.parametrize("mark", [-1, 71, True, 3.5])
def test_a_moderator_mark_outside_the_range_is_refused(mark: int) -> None:
    with pytest.raises(MarkOutOfRange):
        check_moderator_mark(mark, 70)
