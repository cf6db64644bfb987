"""Which candidates' work is asked for: size profiles as data, and the deterministic picker, version 1."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from hashlib import sha256
from importlib import resources
from types import MappingProxyType
from typing import Any, NamedTuple

from moderation.errors import ProfileInvalid, ProfileNotPicked, UnknownProfile

PICKER_VERSION = "picker/1"
DEFAULT_PROFILE_ID = "ocr-gq-current"


# Profiles


@dataclass(frozen=True, slots=True)
class Band:
    """From ``first`` to ``last`` candidates (``None`` = and more), ``size`` works are drawn (``None`` = all)."""

    first: int
    last: int | None
    size: int | None


@dataclass(frozen=True, slots=True)
class SampleProfile:
    """How large a sample is and who picks it, as an awarding body publishes it.

    Raises: ``ProfileInvalid`` unless the bands start at 1, follow each other without gap or overlap and end open.
    Source: each profile's own ``source``; ``verified`` says whether that source was seen.
    """

    profile_id: str
    version: int
    title: str
    bands: tuple[Band, ...]
    basis: str
    sub_sample_size: int
    picked_by: str
    all_work_outcome: str
    source: str
    verified: bool

    def __post_init__(self) -> None:
        expected: int | None = 1
        for band in self.bands:
            if expected is None or band.first != expected:
                raise ProfileInvalid(
                    f"Sample profile {self.profile_id}: a band starts at {band.first}, not {expected}."
                )
            if band.last is not None and band.last < band.first:
                raise ProfileInvalid(
                    f"Sample profile {self.profile_id}: the band from {band.first} ends before it starts."
                )
            if band.size is not None and not 1 <= band.size <= band.first:
                raise ProfileInvalid(
                    f"Sample profile {self.profile_id}: {band.first} candidates cannot give {band.size}."
                )
            expected = None if band.last is None else band.last + 1
        if expected is not None:
            raise ProfileInvalid(f"Sample profile {self.profile_id}: no band covers {expected} candidates.")
        if self.basis not in {"eligible", "entered"} or self.picked_by not in {"system", "centre", "moderator"}:
            raise ProfileInvalid(f"Sample profile {self.profile_id}: unknown basis or picker.")
        if self.sub_sample_size < 1 or self.version < 1 or self.all_work_outcome not in {"fit", "moderator_marks"}:
            raise ProfileInvalid(f"Sample profile {self.profile_id}: sub-sample, version or all-work outcome is wrong.")


def load_profiles(text: str) -> Mapping[str, SampleProfile]:
    """Return the profiles written in a JSON text by identifier; raises ``ProfileInvalid`` naming what is wrong."""
    try:
        rows: list[dict[str, Any]] = json.loads(text)["profiles"]
        profiles = [SampleProfile(**{**row, "bands": tuple(Band(**band) for band in row["bands"])}) for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise ProfileInvalid(f"The sample profiles cannot be read: {error}") from error
    by_id = {profile.profile_id: profile for profile in profiles}
    if len(by_id) != len(profiles):
        raise ProfileInvalid("Two sample profiles have the same identifier.")
    return MappingProxyType(by_id)


@cache
def packaged_profiles() -> Mapping[str, SampleProfile]:
    """Return the profiles that ship with the package."""
    return load_profiles(resources.files("moderation.data").joinpath("sample_profiles.json").read_text("utf-8"))


def profile_of(profile_id: str | None) -> SampleProfile:
    """Return the packaged profile (the default for ``None``); raises ``UnknownProfile``."""
    try:
        return packaged_profiles()[profile_id or DEFAULT_PROFILE_ID]
    except KeyError:
        raise UnknownProfile(f"There is no sample profile {profile_id}.", profile_id=profile_id) from None


def sample_size(profile: SampleProfile, candidates_total: int) -> int:
    """Return how many works are drawn from so many candidates; 0 from 0."""
    for band in profile.bands:
        if candidates_total >= band.first and (band.last is None or candidates_total <= band.last):
            return candidates_total if band.size is None else band.size
    return 0


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
    ADDED = "added"
    REPLACEMENT = "replacement"


@dataclass(frozen=True, slots=True)
class Pick:
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
    if size >= candidates_total:
        return list(range(1, candidates_total + 1))
    if size < 1:
        return []
    if size == 1:
        return [1]
    gaps, steps = candidates_total - 1, size - 1
    return [(2 * i * gaps + steps) // (2 * steps) + 1 for i in range(size)]


def ranked(cohort: Sequence[Drawable]) -> list[Drawable]:
    """Return the candidates by mark, best first; ties by centre number, then candidate number."""
    return sorted(cohort, key=_rank)


def pick(cohort: Sequence[Drawable], profile: SampleProfile, swap_limit_marks: int = 0) -> Sample:
    """Draw the sample of a centre, or of a consortium as one group.

    Takes: ``cohort``, drawable candidates in any order; ``swap_limit_marks``, the largest mark difference allowed when
    a candidate is exchanged to cover a teaching set (the component's tolerance).
    Returns: the sample with a reason for each pick; highest and lowest marks are always in.
    Raises: ``ProfileNotPicked`` when under this profile a person chooses.
    Source: https://www.ocr.org.uk/administration/general-qualifications/assessment/non-exam-assessment/ (whole range);
    the rest is project policy, picker v1.
    """
    order = ranked(cohort)
    total = len(order)
    size = sample_size(profile, total)
    if profile.picked_by != "system" and size < total:
        raise ProfileNotPicked(f"Under profile {profile.profile_id} the {profile.picked_by} chooses the sample.")
    drawn = positions(total, size)
    swaps, uncovered = _cover_sets(order, drawn, swap_limit_marks) if 2 < size < total else ((), _missed(order, drawn))
    swapped_in = {swap.in_position: swap for swap in swaps}
    chosen = set(drawn) - {swap.out_position for swap in swaps} | set(swapped_in)
    added = [i for i, row in enumerate(order, 1) if row.parental_interest and i not in chosen]
    picks = []
    for position in sorted(chosen.union(added)):
        row = order[position - 1]
        reason, explanation = _explain(position, total, size, swapped_in.get(position), position in chosen)
        picks.append(Pick(position, row.key, row.mark, reason, explanation))
    return Sample(
        list_digest(order),
        total,
        size,
        profile.profile_id,
        profile.version,
        PICKER_VERSION,
        tuple(picks),
        swaps,
        uncovered,
    )


def first_stage(picks: Sequence[Pick], sub_sample_size: int) -> frozenset[str]:
    """Return the keys read first: the picker over the sample, and every work added on top of it.

    Source: project policy, marking; six works as NCFE illustrates,
    https://www.ncfe.org.uk/customer-and-learner-support/preparing-for-eqa/moderation-review.
    """
    drawn = [one for one in picks if one.reason is not PickReason.ADDED]
    keys = [drawn[position - 1].key for position in positions(len(drawn), sub_sample_size)]
    return frozenset(keys).union(one.key for one in picks if one.reason is PickReason.ADDED)


def list_digest(order: Sequence[Drawable]) -> str:
    """Return the SHA-256 of a ranked list, so that a later change of the list shows."""
    lines = "".join(f"{row[1]}|{row[2]}|{row[0]}|{row[4]}|{int(row[5])}\n" for row in order)
    return sha256(lines.encode()).hexdigest()


def _rank(row: Drawable) -> tuple[int, str, str]:
    return -row[0], row[1], row[2]


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
    for teaching_set in missed:
        best: tuple[int, int, int, int] | None = None
        movable = [y for y in sorted(chosen) if 1 < y < len(order) and _may_leave(order[y - 1], drawn_of_set)]
        for x, row in enumerate(order, 1):
            if row.teaching_set != teaching_set:
                continue
            for y in movable:
                candidate = (abs(row.mark - order[y - 1].mark), abs(x - y), y, x)
                if best is None or candidate < best:
                    best = candidate
        if best is None or best[0] > limit_marks:
            uncovered.append(teaching_set)
            continue
        difference, _, y, x = best
        chosen ^= {x, y}
        drawn_of_set[order[y - 1].teaching_set] -= 1
        drawn_of_set[teaching_set] += 1
        swaps.append(Swap(teaching_set, y, x, difference))
    return tuple(swaps), tuple(uncovered)


def _may_leave(row: Drawable, drawn_of_set: Counter[str]) -> bool:
    # A candidate without a teaching set leaves no set uncovered.
    return row.teaching_set == "" or drawn_of_set[row.teaching_set] >= 2


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
