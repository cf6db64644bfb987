from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.errors import ProfileNotPicked, UnknownProfile
from moderation.sampling import (
    Drawable,
    Pick,
    PickReason,
    first_stage,
    packaged_profiles,
    pick,
    positions,
    profile_of,
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
