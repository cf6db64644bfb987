"""Which candidates' work is asked for: the deterministic picker, version 1, more works, and replacements."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from operator import itemgetter
from typing import NamedTuple

from moderation.errors import ProfileNotPicked
from moderation.profiles import Band, Basis, PickedBy, SampleProfile, sample_size
from moderation.rule_files import DEFAULT_PROFILE_ID, packaged_profiles, profile_of

__all__ = [
    "DEFAULT_PROFILE_ID",
    "PICKER_VERSION",
    "Band",
    "Drawable",
    "Pick",
    "PickReason",
    "ReplacementReason",
    "RequestKind",
    "Sample",
    "SampleProfile",
    "Swap",
    "first_stage",
    "list_digest",
    "more_of",
    "packaged_profiles",
    "pick",
    "positions",
    "profile_of",
    "ranked",
    "replacement_for",
    "sample_size",
    "size_for",
]

PICKER_VERSION = "picker/1"
REMEMBERED = 4096
"""So many answers that depend on sizes and positions alone are kept at hand: most cohorts are of few sizes."""


# The picker


class Drawable(NamedTuple):
    """A candidate who can be drawn: ``mark`` ≥ 1; ``key`` identifies the candidate to the caller."""

    mark: int
    centre_number: str
    candidate_number: str
    key: str
    teaching_set: str = ""
    parental_interest: bool = False


class PickReason(StrEnum):
    """Why a candidate is in the sample."""

    PICKED = "picked"
    TEACHING_SET = "teaching_set"
    CHOSEN = "chosen"
    """A person chose it: the profile says so."""
    ADDED = "added"
    """On top of the sample: parental interest, or work that was asked for later."""
    REPLACEMENT = "replacement"


class ReplacementReason(StrEnum):
    """Why another work is asked for in place of a sampled one.

    Source: project policy; that the nearest mark takes the place is custom, not published.
    """

    LOST = "lost"
    ABSENT_IN_ERROR = "absent_in_error"
    UNREADABLE = "unreadable"
    WITHDRAWN_AFTER_DRAW = "withdrawn_after_draw"


class RequestKind(StrEnum):
    """What was asked for after the first request.

    Source: more work or all work where disagreement is significant,
    https://qualifications.pearson.com/content/demo/en/support/support-topics/assessment-and-verification/moderation-and-internal-assessment.html.
    """

    MORE_WORK = "more_work"
    ALL_WORK = "all_work"
    REPLACEMENT = "replacement"


class Pick(NamedTuple):
    """One sampled candidate; ``position`` counts from 1 at the highest mark."""

    position: int
    key: str
    mark: int
    reason: PickReason
    explanation: str


@dataclass(frozen=True, slots=True)
class Swap:
    """A drawn candidate exchanged so that a teaching set is covered."""

    teaching_set: str
    out_position: int
    in_position: int
    difference: int


@dataclass(frozen=True, slots=True)
class Sample:
    """What was drawn, from which list, by which rules: enough to draw it again and compare."""

    list_sha256: str
    candidates_total: int
    size: int
    profile_id: str
    profile_version: int
    picker_version: str
    picks: tuple[Pick, ...]
    swaps: tuple[Swap, ...]
    uncovered_sets: tuple[str, ...]


def positions(candidates_total: int, size: int) -> list[int]:
    """Return the positions, counted from 1, of ``size`` candidates spread evenly over a ranked list.

    Source: project policy, picker v1: floor(i·(N−1)/(n−1) + ½) + 1, in integers.
    """
    return list(_positions(candidates_total, size))


@lru_cache(maxsize=REMEMBERED)
def _positions(candidates_total: int, size: int) -> tuple[int, ...]:
    if size >= candidates_total:
        return tuple(range(1, candidates_total + 1))
    if size < 1:
        return ()
    if size == 1:
        return (1,)
    gaps, steps = candidates_total - 1, size - 1
    return tuple((2 * i * gaps + steps) // (2 * steps) + 1 for i in range(size))


def ranked(cohort: Sequence[Drawable]) -> list[Drawable]:
    """Return the candidates by mark, best first; ties by centre number, then candidate number."""
    order = sorted(cohort, key=_NUMBERS)
    order.sort(key=_MARK, reverse=True)
    return order


def pick(
    cohort: Sequence[Drawable], profile: SampleProfile, swap_limit_marks: int = 0, *, entered_total: int | None = None
) -> Sample:
    """Draw the sample of a centre, or of a consortium as one group.

    Takes: ``cohort``, drawable candidates in any order; ``swap_limit_marks``, the largest mark difference allowed when
    a candidate is exchanged to cover a teaching set (the component's tolerance); ``entered_total``, everybody entered,
    which a profile on that basis counts (default: the cohort).
    Returns: the sample with a reason for each pick; highest and lowest marks are always in.
    Raises: ``ProfileNotPicked`` when under this profile a person chooses; ``ProfileIncomplete``.
    Source: https://www.ocr.org.uk/administration/general-qualifications/assessment/non-exam-assessment/ (whole range);
    the rest is project policy, picker v1.
    """
    order = ranked(cohort)
    total = len(order)
    size = size_for(profile, total, entered_total)
    if profile.picked_by is not PickedBy.SYSTEM and size < total:
        raise ProfileNotPicked(f"Under profile {profile.profile_id} the {profile.picked_by} chooses the sample.")
    drawn = positions(total, size)
    swaps: tuple[Swap, ...] = ()
    uncovered: tuple[str, ...] = ()
    if profile.teaching_set_cover and 2 < size < total:
        swaps, uncovered = _cover_sets(order, drawn, swap_limit_marks)
    elif size < total:
        uncovered = _missed(order, drawn)
    picks = _all_of(order) if size == total else _picks(order, size, drawn, swaps)
    return Sample(
        list_digest(order), total, size, profile.profile_id, profile.version, PICKER_VERSION, picks, swaps, uncovered
    )


def size_for(profile: SampleProfile, drawable_total: int, entered_total: int | None = None) -> int:
    """Return how many works are drawn, counted on the profile's basis and never more than can be drawn."""
    counted = drawable_total if profile.basis is Basis.ELIGIBLE or entered_total is None else entered_total
    return min(sample_size(profile, max(counted, drawable_total)), drawable_total)


def more_of(order: Sequence[Drawable], drawn: Collection[str], count: int) -> list[int]:
    """Return the positions of further works: spread evenly over those of the ranked list not drawn yet.

    Takes: ``drawn``, the keys of candidates in the sample, replaced ones included.
    Source: project policy, picker v1 over what is left.
    """
    left = [position for position, row in enumerate(order, 1) if row.key not in drawn]
    return [left[place - 1] for place in positions(len(left), count)]


def replacement_for(order: Sequence[Drawable], drawn: Collection[str], mark: int, position: int) -> int | None:
    """Return the position of the candidate who takes the place of a sampled one, or ``None`` when nobody is left.

    Source: project policy: the nearest mark not yet drawn, then the nearest position, then the higher place.
    """
    left = (
        (abs(row.mark - mark), abs(place - position), place)
        for place, row in enumerate(order, 1)
        if row.key not in drawn
    )
    best = min(left, default=None)
    return None if best is None else best[2]


def first_stage(picks: Sequence[Pick], sub_sample_size: int) -> frozenset[str]:
    """Return the keys read first: the picker over the sample, and every work added on top of it.

    Source: project policy, marking; six works as NCFE illustrates,
    https://www.ncfe.org.uk/customer-and-learner-support/preparing-for-eqa/moderation-review.
    """
    added = [one.key for one in picks if one.reason is PickReason.ADDED]
    drawn = [one for one in picks if one.reason is not PickReason.ADDED] if added else picks
    keys = [drawn[position - 1].key for position in _positions(len(drawn), sub_sample_size)]
    return frozenset(keys + added)


def list_digest(order: Sequence[Drawable]) -> str:
    """Return the SHA-256 of a ranked list, so that a later change of the list shows."""
    lines = "".join(
        [f"{centre}|{number}|{mark}|{name}|{interest:d}\n" for mark, centre, number, _, name, interest in order]
    )
    return sha256(lines.encode()).hexdigest()


_MARK, _NUMBERS = itemgetter(0), itemgetter(1, 2)


def _all_of(order: Sequence[Drawable]) -> tuple[Pick, ...]:
    """Return a pick for everybody: by far the most frequent case, so it is made in one go."""
    total = len(order)
    words = f"All {total} candidates are sampled"
    reason, make = PickReason.PICKED, Pick._make
    picks = [make((i, row[3], row[0], reason, words)) for i, row in enumerate(order, 1)]
    for end in (total, 1) if total else ():
        picks[end - 1] = picks[end - 1]._replace(explanation=_explain(end, total, total, None, True)[1])
    return tuple(picks)


def _picks(order: Sequence[Drawable], size: int, drawn: Sequence[int], swaps: Sequence[Swap]) -> tuple[Pick, ...]:
    swapped_in = {swap.in_position: swap for swap in swaps}
    chosen = set(drawn) - {swap.out_position for swap in swaps} | set(swapped_in)
    added = [i for i, row in enumerate(order, 1) if row[5] and i not in chosen]
    picks = []
    for position in sorted(chosen.union(added)):
        row = order[position - 1]
        reason, explanation = _explain(position, len(order), size, swapped_in.get(position), position in chosen)
        picks.append(Pick(position, row.key, row.mark, reason, explanation))
    return tuple(picks)


def _missed(order: Sequence[Drawable], drawn: Sequence[int]) -> tuple[str, ...]:
    covered = {order[position - 1].teaching_set for position in drawn}
    return tuple(sorted({row.teaching_set for row in order} - covered - {""}))


def _cover_sets(
    order: Sequence[Drawable], drawn: Sequence[int], limit_marks: int
) -> tuple[tuple[Swap, ...], tuple[str, ...]]:
    """Exchange drawn candidates, never the first or the last, so that each teaching set is seen where marks allow."""
    missed = _missed(order, drawn)
    if not missed:
        return (), ()
    chosen = set(drawn)
    drawn_of_set = Counter(order[position - 1].teaching_set for position in chosen)
    swaps: list[Swap] = []
    uncovered: list[str] = []
    of_set: dict[str, list[int]] = {teaching_set: [] for teaching_set in missed}
    for x, row in enumerate(order, 1):
        if row.teaching_set in of_set:
            of_set[row.teaching_set].append(x)
    for teaching_set in missed:
        movable = [y for y in sorted(chosen) if 1 < y < len(order) and _may_leave(order[y - 1], drawn_of_set)]
        best = min((_nearest(order, movable, x) for x in of_set[teaching_set]), default=None) if movable else None
        if best is None or best[0] > limit_marks:
            uncovered.append(teaching_set)
            continue
        difference, _, y, x = best
        chosen ^= {x, y}
        drawn_of_set[order[y - 1].teaching_set] -= 1
        drawn_of_set[teaching_set] += 1
        swaps.append(Swap(teaching_set, y, x, difference))
    return tuple(swaps), tuple(uncovered)


def _nearest(order: Sequence[Drawable], movable: Sequence[int], x: int) -> tuple[int, int, int, int]:
    """Return mark difference, distance, y and x of the drawn candidate y who is best exchanged for x.

    Marks never rise along the list, so on either side the nearest place has the nearest mark.
    """
    above = bisect_left(movable, x)
    mark = order[x - 1].mark
    return min((abs(mark - order[y - 1].mark), abs(x - y), y, x) for y in movable[max(0, above - 1) : above + 1])


def _may_leave(row: Drawable, drawn_of_set: Counter[str]) -> bool:
    # A candidate without a teaching set leaves no set uncovered.
    return row.teaching_set == "" or drawn_of_set[row.teaching_set] >= 2


@lru_cache(maxsize=REMEMBERED)
def _explain(position: int, total: int, size: int, swap: Swap | None, drawn: bool) -> tuple[PickReason, str]:
    if not drawn:
        return PickReason.ADDED, "Parental interest declared: added on top of the sample"
    if swap is not None:
        marks = "the same mark" if swap.difference == 0 else f"{swap.difference} marks apart"
        return (
            PickReason.TEACHING_SET,
            f"Covers teaching set {swap.teaching_set}, in place of position {swap.out_position} ({marks})",
        )
    if position == 1:
        return PickReason.PICKED, "Highest mark"
    if position == total:
        return PickReason.PICKED, "Lowest mark above zero"
    if size >= total:
        return PickReason.PICKED, f"All {total} candidates are sampled"
    return PickReason.PICKED, f"Position {position} of {total}, spread evenly over the range of marks"
