from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.errors import ProfileNotPicked, UnknownProfile
from moderation.profiles import Basis
from moderation.sampling import (
    Drawable,
    Pick,
    PickReason,
    first_stage,
    more_of,
    packaged_profiles,
    pick,
    positions,
    profile_of,
    ranked,
    replacement_for,
    sample_size,
)

TOTALS = (0, 1, 5, 6, 7, 10, 11, 15, 16, 100, 101, 200, 201)


@pytest.mark.fault("att:H03")
@pytest.mark.parametrize(
    ("profile_id", "sizes"),
    [
        ("ocr-gq-current", (0, 1, 5, 6, 7, 10, 11, 15, 15, 15, 20, 20, 25)),
        ("pearson-2026", (0, 1, 5, 6, 7, 10, 11, 15, 15, 15, 20, 20, 25)),
        ("common-old", (0, 1, 5, 6, 7, 10, 10, 10, 10, 10, 15, 15, 20)),
        ("ocr-enrichment-visit", (0, 1, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6)),
        ("cxc-5", (0, 1, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5)),
        ("oxfordaqa-ipq", (0, 1, 5, 6, 7, 10, 11, 15, 15, 15, 15, 15, 15)),
        ("oxfordaqa-endorsement", (0, 1, 5, 6, 7, 10, 11, 15, 15, 15, 15, 15, 15)),
        ("aqa-spoken", (0, 1, 5, 6, 7, 10, 11, 15, 16, 30, 30, 30, 30)),
    ],
)
def test_sample_sizes_are_those_of_the_table(profile_id: str, sizes: tuple[int, ...]) -> None:
    assert tuple(sample_size(profile_of(profile_id), total) for total in TOTALS) == sizes


@pytest.mark.parametrize(
    ("total", "size", "expected"),
    [
        (16, 15, "1 2 3 4 5 6 7 9 10 11 12 13 14 15 16"),
        (40, 15, "1 4 7 9 12 15 18 21 23 26 29 32 34 37 40"),
        (100, 15, "1 8 15 22 29 36 43 51 58 65 72 79 86 93 100"),
        (101, 20, "1 6 12 17 22 27 33 38 43 48 54 59 64 69 75 80 85 90 96 101"),
        (200, 20, "1 11 22 32 43 53 64 74 85 95 106 116 127 137 148 158 169 179 190 200"),
        (21, 5, "1 6 11 16 21"),
        (40, 5, "1 11 21 30 40"),
        (15, 6, "1 4 7 9 12 15"),
        (20, 6, "1 5 9 12 16 20"),
        (25, 6, "1 6 11 15 20 25"),
        (3, 1, "1"),
        (3, 3, "1 2 3"),
        (0, 0, ""),
        (4, 0, ""),
    ],
)
def test_positions_are_those_of_the_vectors(total: int, size: int, expected: str) -> None:
    assert positions(total, size) == [int(text) for text in expected.split()]


def cohort(marks: list[int], sets: list[str] | None = None, centre_number: str = "99999") -> list[Drawable]:
    return [
        Drawable(mark, centre_number, f"{1001 + i}", f"{centre_number}-{i}", (sets or [""] * len(marks))[i])
        for i, mark in enumerate(marks)
    ]


@pytest.mark.fault("att:H04")
@given(st.lists(st.integers(1, 90), min_size=1, max_size=230), st.randoms(use_true_random=False))
def test_top_and_bottom_are_in_size_is_exact_and_input_order_is_nothing(
    marks: list[int], chance: random.Random
) -> None:
    rows = cohort(marks)
    profile = profile_of(None)
    drawn = pick(rows, profile)
    shuffled = rows[:]
    chance.shuffle(shuffled)
    assert pick(shuffled, profile) == drawn
    assert len(drawn.picks) == drawn.size == sample_size(profile, len(marks))
    assert len({one.key for one in drawn.picks}) == drawn.size
    assert drawn.picks[0].mark == max(marks)
    assert drawn.picks[-1].mark == min(marks)


@given(st.lists(st.tuples(st.integers(1, 60), st.sampled_from("ABCDEFG")), min_size=1, max_size=120), st.integers(0, 6))
def test_swaps_for_teaching_sets_keep_size_and_extremes(rows: list[tuple[int, str]], limit_marks: int) -> None:
    people = cohort([mark for mark, _ in rows], [name for _, name in rows])
    drawn = pick(people, profile_of(None), limit_marks)
    seen = {person.teaching_set for person in people if person.key in {one.key for one in drawn.picks}}
    assert len(drawn.picks) == drawn.size
    assert {drawn.picks[0].position, drawn.picks[-1].position} == {1, len(rows)}
    assert all(swap.difference <= limit_marks for swap in drawn.swaps)
    assert seen | set(drawn.uncovered_sets) == {name for _, name in rows}
    assert not seen & set(drawn.uncovered_sets)


def test_a_missed_teaching_set_is_covered_by_the_nearest_mark() -> None:
    marks = [60 - i for i in range(40)]
    sets = ["A"] * 40
    sets[1] = "B"  # position 2, not drawn
    drawn = pick(cohort(marks, sets), profile_of(None), 4)
    (swap,) = drawn.swaps
    assert (swap.teaching_set, swap.in_position, swap.out_position, swap.difference) == ("B", 2, 4, 2)
    covering = next(one for one in drawn.picks if one.position == 2)
    assert covering.reason is PickReason.TEACHING_SET
    assert "position 4" in covering.explanation
    too_far = pick(cohort(marks, sets), profile_of(None), 1)
    assert too_far.swaps == ()
    assert too_far.uncovered_sets == ("B",)


def test_parental_interest_comes_on_top_of_the_sample() -> None:
    rows = cohort([60 - i for i in range(40)])
    rows[1] = rows[1]._replace(parental_interest=True)
    rows[0] = rows[0]._replace(parental_interest=True)
    drawn = pick(rows, profile_of(None))
    assert drawn.size == 15
    assert len(drawn.picks) == 16
    assert [one.position for one in drawn.picks if one.reason is PickReason.ADDED] == [2]
    read_first = first_stage(drawn.picks, 6)
    assert len(read_first) == 7
    assert rows[1].key in read_first


@pytest.mark.fault("att:H02")
def test_ties_are_broken_by_centre_then_candidate_number() -> None:
    rows = cohort([30, 30, 30], centre_number="99902") + cohort([30, 30], centre_number="99901")
    assert [one.key for one in pick(rows, profile_of(None)).picks] == [
        "99901-0",
        "99901-1",
        "99902-0",
        "99902-1",
        "99902-2",
    ]


def test_the_list_hash_changes_with_the_list_only() -> None:
    rows = cohort([30, 20, 10])
    same = pick(rows[::-1], profile_of(None)).list_sha256
    assert pick(rows, profile_of(None)).list_sha256 == same
    assert pick([rows[0]._replace(mark=31), *rows[1:]], profile_of(None)).list_sha256 != same


def test_a_profile_picked_by_a_person_is_not_picked_here() -> None:
    profile = profile_of("oxfordaqa-ipq")
    assert len(pick(cohort([1] * 15), profile).picks) == 15
    with pytest.raises(ProfileNotPicked):
        pick(cohort([1] * 16), profile)


def test_unknown_profile() -> None:
    with pytest.raises(UnknownProfile):
        profile_of("no-such-profile")


def test_the_packaged_profiles_name_their_sources() -> None:
    assert "ocr-gq-current" in packaged_profiles()
    assert all(profile.source for profile in packaged_profiles().values())
    assert not profile_of("common-old").verified


def test_first_stage_of_a_small_sample_is_all_of_it() -> None:
    picks = [Pick(i, f"k{i}", 10, PickReason.PICKED, "") for i in range(1, 6)]
    assert first_stage(picks, 6) == {"k1", "k2", "k3", "k4", "k5"}


@given(st.integers(1, 400), st.integers(2, 60))
def test_positions_are_distinct_rise_and_hold_both_ends(total: int, size: int) -> None:
    found = positions(total, size)
    assert len(set(found)) == len(found) == min(size, total)
    assert found == sorted(found)
    assert (found[0], found[-1]) == (1, total)


@given(
    st.lists(st.tuples(st.integers(1, 60), st.sampled_from(["", *"ABCDEFGHIJKLMNOP"])), min_size=1, max_size=150),
    st.integers(0, 60),
)
def test_an_exchange_uncovers_no_set_that_was_covered(rows: list[tuple[int, str]], limit_marks: int) -> None:
    people = cohort([mark for mark, _ in rows], [name for _, name in rows])
    plain = pick(people, replace(profile_of(None), teaching_set_cover=False))
    covered = pick(people, profile_of(None), limit_marks)
    of_key = {person.key: person.teaching_set for person in people}
    before = {of_key[one.key] for one in plain.picks} - {""}
    after = {of_key[one.key] for one in covered.picks} - {""}
    assert before <= after
    assert plain.swaps == ()
    assert len({one.position for one in covered.picks}) == covered.size == plain.size
    assert {1, len(rows)} <= {one.position for one in covered.picks}


@given(st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=1, max_size=80))
def test_parental_interest_is_always_in_and_never_instead_of_somebody(rows: list[tuple[int, bool]]) -> None:
    people = [
        one._replace(parental_interest=wish) for one, (_, wish) in zip(cohort([m for m, _ in rows]), rows, strict=True)
    ]
    drawn = pick(people, profile_of(None))
    plain = pick(cohort([mark for mark, _ in rows]), profile_of(None))
    keys = {one.key for one in drawn.picks}
    assert keys == {one.key for one in plain.picks} | {one.key for one in people if one.parental_interest}
    assert drawn.size == plain.size


@pytest.mark.fault("att:H03")
@pytest.mark.parametrize(
    ("drawable", "entered", "on_eligible", "on_entered"),
    [(14, 20, 14, 14), (95, 105, 15, 20), (100, 101, 15, 20), (200, 201, 20, 25), (16, 16, 15, 15), (0, 30, 0, 0)],
)
def test_a_profile_may_count_everybody_entered(drawable: int, entered: int, on_eligible: int, on_entered: int) -> None:
    people = cohort([1 + i % 60 for i in range(drawable)])
    eligible, counting_all = profile_of(None), replace(profile_of(None), basis=Basis.ENTERED)
    assert pick(people, eligible, entered_total=entered).size == on_eligible
    drawn = pick(people, counting_all, entered_total=entered)
    assert (drawn.size, len(drawn.picks)) == (on_entered, on_entered)


@given(st.integers(1, 120), st.integers(1, 130), st.data())
def test_further_works_are_spread_over_those_not_drawn(total: int, count: int, data: st.DataObject) -> None:
    order = ranked(cohort([total - i for i in range(total)]))
    drawn = data.draw(st.sets(st.sampled_from([row.key for row in order])))
    more = more_of(order, drawn, count)
    left = [place for place, row in enumerate(order, 1) if row.key not in drawn]
    assert len(set(more)) == len(more) == min(count, len(left))
    assert set(more) <= set(left)
    if count > 1 and left:
        assert {left[0], left[-1]} <= {*more}


@given(st.lists(st.integers(1, 30), min_size=1, max_size=60).map(lambda marks: sorted(marks, reverse=True)), st.data())
def test_a_replacement_has_the_nearest_mark_then_the_nearest_position(marks: list[int], data: st.DataObject) -> None:
    order = ranked(cohort(marks))
    position = data.draw(st.integers(1, len(marks)))
    drawn = data.draw(st.sets(st.sampled_from([row.key for row in order]))) | {order[position - 1].key}
    mark = order[position - 1].mark
    found = replacement_for(order, drawn, mark, position)
    left = [place for place, row in enumerate(order, 1) if row.key not in drawn]
    if not left:
        assert found is None
        return
    assert found in left
    assert found is not None
    nearest = min(abs(order[place - 1].mark - mark) for place in left)
    assert abs(order[found - 1].mark - mark) == nearest
    fair = [place for place in left if abs(order[place - 1].mark - mark) == nearest]
    assert abs(found - position) == min(abs(place - position) for place in fair)


@pytest.mark.fault("att:H02")
@pytest.mark.parametrize("total", [1, 15, 16, 100, 101])
def test_all_the_same_mark_is_drawn_by_numbers(total: int) -> None:
    drawn = pick(cohort([30] * total), profile_of(None))
    assert [one.position for one in drawn.picks] == positions(total, drawn.size)
    assert {one.mark for one in drawn.picks} == {30}


@pytest.mark.fault("att:H03")
def test_nobody_gives_an_empty_sample() -> None:
    drawn = pick([], profile_of(None))
    assert (drawn.size, drawn.candidates_total, drawn.picks, drawn.uncovered_sets) == (0, 0, (), ())
