from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.choosing import CHOSEN_BY_A_PERSON, choose
from moderation.errors import ChoiceRefused
from moderation.profiles import GradeMinimum, SampleProfile
from moderation.sampling import Drawable, PickReason, profile_of, ranked

IPQ = profile_of("oxfordaqa-ipq")
# The grades of a spoken endorsement as marks: how boards key them is not published, so this is a test's own.
GRADED = replace(
    profile_of("aqa-spoken"),
    minima=(GradeMinimum("Distinction", 10, 3, 3), GradeMinimum("Merit", 10, 2, 2), GradeMinimum("Pass", 10, 1, 1)),
)


def cohort(*marks: int) -> list[Drawable]:
    return [Drawable(mark, "99901", f"{1001 + i}", f"k{i}", "AB"[i % 2]) for i, mark in enumerate(marks)]


def codes(rows: list[Drawable], profile: SampleProfile, chosen: set[str]) -> set[str]:
    with pytest.raises(ChoiceRefused) as caught:
        choose(rows, profile, chosen)
    faults: list[tuple[str, str, str]] = caught.value.facts["faults"]
    return {fault[1] for fault in faults}


def test_a_choice_is_kept_with_positions_and_reason() -> None:
    rows = cohort(*range(40, 20, -1))
    drawn = choose(rows, IPQ, {"k1", "k3", "k19"})
    assert [(one.position, one.reason) for one in drawn.picks] == [(place, PickReason.CHOSEN) for place in (2, 4, 20)]
    assert (drawn.size, drawn.candidates_total, drawn.picker_version) == (3, 20, CHOSEN_BY_A_PERSON)
    assert drawn.uncovered_sets == ("A",)


def test_too_many_none_strangers_and_too_few() -> None:
    rows = cohort(*range(40, 20, -1))
    everybody = {row.key for row in rows}
    assert codes(rows, IPQ, everybody) == {"size"}
    assert codes(rows, IPQ, set()) == {"size"}
    assert codes(rows, IPQ, {"k1", "stranger"}) == {"not-drawable"}
    exact = replace(IPQ, at_most=False)
    assert codes(rows, exact, {"k1"}) == {"size"}
    assert choose(rows, exact, {f"k{i}" for i in range(15)}).size == 15


@pytest.mark.fault("att:H04")
def test_where_the_profile_asks_for_them_both_ends_must_be_in() -> None:
    rows = cohort(*range(40, 20, -1))
    both_ends = replace(IPQ, extremes_required=True)
    assert codes(rows, both_ends, {"k1", "k2"}) == {"extreme-missing"}
    assert choose(rows, both_ends, {"k0", "k19"}).size == 2
    tied = cohort(*([40] * 10), *([10] * 10))
    assert choose(tied, both_ends, {"k5", "k15"}).size == 2  # any of those with the mark


def test_a_short_grade_is_taken_whole_and_filled_up_as_published() -> None:
    # 1 P and 82 M give 1 P and 29 M.
    rows = cohort(*([2] * 82), 1)
    merits = [row.key for row in rows if row.mark == 2]
    assert choose(rows, GRADED, {"k82", *merits[:29]}).size == 30
    assert codes(rows, GRADED, {*merits[:30]}) == {"grade-minimum"}
    mixed = cohort(*([3] * 20), *([2] * 20), *([1] * 20))
    by_mark = {mark: [row.key for row in mixed if row.mark == mark] for mark in (1, 2, 3)}
    assert choose(mixed, GRADED, {*by_mark[1][:10], *by_mark[2][:10], *by_mark[3][:10]}).size == 30
    assert codes(mixed, GRADED, {*by_mark[1][:9], *by_mark[2][:11], *by_mark[3][:10]}) == {"grade-minimum"}


def test_minima_whose_marks_are_not_known_are_not_counted() -> None:
    rows = cohort(*([3] * 40))
    assert choose(rows, profile_of("aqa-spoken"), {"k0"}).size == 1


@given(st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=16, max_size=60), st.data())
def test_parental_interest_is_added_on_top_of_a_choice(rows: list[tuple[int, bool]], data: st.DataObject) -> None:
    people = [Drawable(mark, "99901", f"{1001 + i}", f"k{i}", "", wish) for i, (mark, wish) in enumerate(rows)]
    chosen = data.draw(st.sets(st.sampled_from([one.key for one in people]), min_size=1, max_size=15))
    drawn = choose(people, IPQ, chosen)
    assert drawn.size == len(chosen)
    assert {one.key for one in drawn.picks} == chosen | {one.key for one in people if one.parental_interest}
    order = ranked(people)
    assert all(order[one.position - 1].key == one.key for one in drawn.picks)
