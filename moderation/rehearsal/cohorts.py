"""Invented marks of a centre and of its moderator, made so that moderation finds what the profile says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from moderation.outcome import OutcomeKind, Stage, decide
from moderation.sampling import Drawable, first_stage, pick, profile_of

ATTEMPTS_LIMIT = 500


class Profile(StrEnum):
    """How a centre marks, and so what moderation finds."""

    ACCURATE = "ACCURATE"
    LENIENT = "LENIENT"
    DISORDERED = "DISORDERED"


OUTCOMES = {
    Profile.ACCURATE: OutcomeKind.ACCEPTED,
    Profile.LENIENT: OutcomeKind.ADJUSTED,
    Profile.DISORDERED: OutcomeKind.INVALID_ORDER,
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One work: the centre's mark, the moderator's, and the teaching set."""

    centre_number: str
    candidate_number: str
    centre_mark: int
    moderator_mark: int
    teaching_set: str


def judge(
    places: Sequence[tuple[str, str, str]], profile: Profile, maximum: int, tolerance_marks: int, random: Random
) -> tuple[Judged, ...]:
    """Return marks of works by (centre, candidate, teaching set), moderated as one group, that give the outcome.

    Takes: ``maximum`` marks, at least 1. A group or maximum too small for the profile is marked accurately instead.
    """
    for _ in range(ATTEMPTS_LIMIT if _can_show(profile, len(places), maximum, tolerance_marks) else 0):
        works = _draw(places, profile, maximum, tolerance_marks, random)
        if found(works, maximum, tolerance_marks) is OUTCOMES[profile]:
            return works
    return _draw(places, Profile.ACCURATE, maximum, tolerance_marks, random)


def found(works: Sequence[Judged], maximum: int, tolerance_marks: int) -> OutcomeKind:
    """Return what moderation finds when the moderator gives these marks: first the sub-sample, then the sample."""
    sample_profile = profile_of(None)
    by_key = {f"{work.centre_number}/{work.candidate_number}": work for work in works}
    cohort = [
        Drawable(work.centre_mark, work.centre_number, work.candidate_number, key, work.teaching_set)
        for key, work in by_key.items()
    ]
    picks = pick(cohort, sample_profile, tolerance_marks).picks
    first = first_stage(picks, sample_profile.sub_sample_size)
    pairs = [(one.key, (by_key[one.key].centre_mark, by_key[one.key].moderator_mark)) for one in picks]
    read = [pair for key, pair in pairs if key in first]
    stage = Stage.SUB_SAMPLE if read else Stage.NO_SAMPLE
    decision = decide(
        stage, read, tolerance_marks=tolerance_marks, maximum=maximum, whole_sample_read=len(read) == len(pairs)
    )
    if decision is None:
        everything = [pair for _, pair in pairs]
        decision = decide(
            Stage.FULL_SAMPLE,
            everything,
            tolerance_marks=tolerance_marks,
            maximum=maximum,
            whole_sample_read=True,
        )
    return OutcomeKind.OFFICER_DECIDES if decision is None else decision.kind


def _can_show(profile: Profile, works: int, maximum: int, tolerance_marks: int) -> bool:
    return profile is Profile.ACCURATE or (works >= 4 and maximum >= 10 and tolerance_marks * 3 < maximum)


def _draw(
    places: Sequence[tuple[str, str, str]], profile: Profile, maximum: int, tolerance_marks: int, random: Random
) -> tuple[Judged, ...]:
    lowest = min(maximum, max(1, tolerance_marks + 4)) if profile is Profile.LENIENT else max(1, maximum // 8)
    # Teaching sets differ a little, as they do in centres: up to 5 % of the maximum each way.
    sets = sorted({(centre_number, teaching_set) for centre_number, _, teaching_set in places})
    shifts = {one: random.randint(-(maximum // 20), maximum // 20) for one in sets}
    works = []
    for centre_number, candidate_number, teaching_set in places:
        # The best of two draws, halved with a third: most marks lie above the middle, as they do in centres.
        draws = [random.randint(lowest, maximum) for _ in range(3)]
        mark = (max(draws[0], draws[1]) + draws[2]) // 2 + shifts[centre_number, teaching_set]
        mark = min(maximum, max(lowest, mark))
        moderated = min(maximum, max(0, mark - _difference(profile, mark, maximum, tolerance_marks, random)))
        works.append(Judged(centre_number, candidate_number, mark, moderated, teaching_set))
    return tuple(works)


def _difference(profile: Profile, mark: int, maximum: int, tolerance_marks: int, random: Random) -> int:
    """Return centre mark − moderator mark."""
    if profile is Profile.ACCURATE:
        most = min(2, tolerance_marks)
        return random.randint(-most, most)
    if profile is Profile.LENIENT:
        return tolerance_marks + 1 + mark * 4 // maximum
    most = max(tolerance_marks + 2, maximum // 4)
    return random.randint(-most, most)
