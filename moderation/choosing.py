"""A sample that a person chooses: what the profile asks of it, and whether a choice keeps to that."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from moderation.errors import ChoiceRefused
from moderation.profiles import GradeMinimum, SampleProfile
from moderation.sampling import Drawable, Pick, PickReason, Sample, list_digest, ranked, size_for

CHOSEN_BY_A_PERSON = "person/1"
"""Stands where a drawn sample names the picker."""
Fault = tuple[str, str, str]
"""Key of the candidate, or nothing; code; sentence."""


def choose(
    cohort: Sequence[Drawable], profile: SampleProfile, chosen: Collection[str], *, entered_total: int | None = None
) -> Sample:
    """Return the sample that a person chose; parental-interest candidates come on top of it.

    Takes: ``cohort``, everybody who can be drawn; ``chosen``, the keys of the candidates chosen.
    Raises: ``ChoiceRefused`` with ``faults``: too many or too few, a candidate who cannot be drawn, the highest or the
    lowest mark missing where the profile asks for them, fewer of a grade than its minimum.
    Source: AQA and OxfordAQA, as each profile names; where a grade has fewer candidates than its minimum, all of them:
    https://www.aqa.org.uk/nea-replacement/selecting-samples.
    """
    order = ranked(cohort)
    size = size_for(profile, len(order), entered_total)
    wanted = set(chosen)
    by_key = {row.key: (position, row) for position, row in enumerate(order, 1)}
    faults: list[Fault] = [
        (key, "not-drawable", "A chosen candidate cannot be in the sample: absent, zero, withdrawn or pending.")
        for key in sorted(wanted - by_key.keys())
    ]
    picked = [by_key[key][1] for key in wanted & by_key.keys()]
    faults += _size_faults(profile, len(wanted), size)
    faults += _extreme_faults(profile, order, picked)
    for minimum in profile.minima:
        faults += _minimum_faults(minimum, order, picked)
    if faults:
        raise ChoiceRefused(faults=faults)
    picks = []
    for position, row in enumerate(order, 1):
        if row.key in wanted:
            picks.append(
                Pick(position, row.key, row.mark, PickReason.CHOSEN, "Chosen by a person, as the profile says")
            )
        elif row.parental_interest:
            words = "Parental interest declared: added on top of the sample"
            picks.append(Pick(position, row.key, row.mark, PickReason.ADDED, words))
    seen = {row.teaching_set for row in picked}
    uncovered = tuple(sorted({row.teaching_set for row in order} - seen - {""}))
    return Sample(
        list_digest(order),
        len(order),
        len(wanted),
        profile.profile_id,
        profile.version,
        CHOSEN_BY_A_PERSON,
        tuple(picks),
        (),
        uncovered,
    )


def _size_faults(profile: SampleProfile, chosen: int, size: int) -> list[Fault]:
    if profile.at_most and 1 <= chosen <= size:
        return []
    if not profile.at_most and chosen == size:
        return []
    words = f"from 1 to {size}" if profile.at_most else f"exactly {size}"
    return [("", "size", f"Choose {words} candidates; {chosen} are chosen.")]


def _extreme_faults(profile: SampleProfile, order: Sequence[Drawable], picked: Sequence[Drawable]) -> list[Fault]:
    if not profile.extremes_required or not order:
        return []
    marks = {row.mark for row in picked}
    return [
        ("", "extreme-missing", f"Choose a candidate with the {words}, {mark}.")
        for words, mark in (("highest mark", order[0].mark), ("lowest mark above zero", order[-1].mark))
        if mark not in marks
    ]


def _minimum_faults(minimum: GradeMinimum, order: Sequence[Drawable], picked: Sequence[Drawable]) -> list[Fault]:
    lowest, highest = minimum.lowest_mark, minimum.highest_mark
    if lowest is None or highest is None:
        return []
    there = sum(lowest <= row.mark <= highest for row in order)
    chosen = sum(lowest <= row.mark <= highest for row in picked)
    needed = min(minimum.at_least, there)
    if chosen >= needed:
        return []
    all_of = ", all there are" if needed == there else ""
    return [("", "grade-minimum", f"Choose at least {needed} of grade {minimum.grade}{all_of}; {chosen} are chosen.")]
