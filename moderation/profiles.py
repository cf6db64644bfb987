"""Sample profiles: how large a sample is, from whom it is counted and who picks it, as an awarding body publishes it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from moderation.errors import ProfileIncomplete, ProfileInvalid


class Basis(StrEnum):
    """Whom a band counts.

    Source: project policy; no board says whether absentees count, so ``eligible`` is the default.
    """

    ELIGIBLE = "eligible"
    """Candidates who can be drawn."""
    ENTERED = "entered"
    """Everybody entered and not withdrawn, absentees and zeroes included; carried-forward entries are not."""


class PickedBy(StrEnum):
    """Who picks the sample."""

    SYSTEM = "system"
    CENTRE = "centre"
    MODERATOR = "moderator"


class AllWorkOutcome(StrEnum):
    """What follows when every work of a centre was read.

    Source: NCFE reads the cohort where no adjustment is reliable,
    https://www.ncfe.org.uk/qualifications/preparing-for-eqa/moderation-review/; ``fit`` is project policy.
    """

    FIT = "fit"
    """An adjustment is computed over all works."""
    MODERATOR_MARKS = "moderator_marks"
    """The moderator's marks stand."""


@dataclass(frozen=True, slots=True)
class Band:
    """From ``first`` to ``last`` candidates (``None`` = and more), ``size`` works are drawn (``None`` = all)."""

    first: int
    last: int | None
    size: int | None


@dataclass(frozen=True, slots=True)
class GradeMinimum:
    """How many works of a grade a person must choose; with fewer in the cohort, all of that grade.

    Takes: ``lowest_mark`` and ``highest_mark``, the marks of the grade where they are known; otherwise whoever chooses
    is told the minimum and the service cannot count it.
    Source: AQA, https://www.aqa.org.uk/nea-replacement/selecting-samples.
    """

    grade: str
    at_least: int
    lowest_mark: int | None = None
    highest_mark: int | None = None

    @property
    def is_countable(self) -> bool:
        """Say whether the marks of the grade are known."""
        return self.lowest_mark is not None and self.highest_mark is not None


@dataclass(frozen=True, slots=True)
class SampleProfile:
    """How large a sample is and who picks it, as an awarding body publishes it.

    Takes: ``at_most``, true where a person may choose fewer than the size; ``extremes_required``, the highest and the
    lowest mark must be in; ``teaching_set_cover``, drawn candidates are exchanged so that each teaching set is seen;
    ``conditions``, what is published and only a person can see to; ``unpublished``, which figures are not available: a
    profile without bands is listed and cannot be used.
    Raises: ``ProfileInvalid`` with ``field``, unless the bands start at 1, follow each other without gap or overlap and
    end open.
    Source: each profile's own ``source``; ``verified`` says whether that source was seen.
    """

    profile_id: str
    version: int
    title: str
    bands: tuple[Band, ...]
    basis: Basis
    sub_sample_size: int
    picked_by: PickedBy
    all_work_outcome: AllWorkOutcome
    source: str
    verified: bool
    extremes_required: bool = True
    teaching_set_cover: bool = True
    at_most: bool = False
    minima: tuple[GradeMinimum, ...] = ()
    conditions: tuple[str, ...] = ()
    unpublished: str = ""

    def __post_init__(self) -> None:
        if not self.profile_id or len(self.profile_id) > 40:
            self._refuse("profile_id", "the identifier must have 1 to 40 characters")
        if self.version < 1:
            self._refuse("version", "versions count from 1")
        if self.sub_sample_size < 1:
            self._refuse("sub_sample_size", "at least one work is read first")
        if not self.source.strip():
            self._refuse("source", "it must be said where the figures come from, or that they are project policy")
        if self.bands or not self.unpublished:
            self._check_bands()
        self._check_choice()

    @property
    def is_usable(self) -> bool:
        """Say whether the profile has figures to draw by."""
        return bool(self.bands)

    def _check_bands(self) -> None:
        expected: int | None = 1
        for index, band in enumerate(self.bands):
            place = f"bands[{index}]"
            if expected is None:
                self._refuse(place, "a band follows one that has no end")
            if band.first != expected:
                self._refuse(f"{place}.first", f"the band starts at {band.first}, not {expected}")
            if band.last is not None and band.last < band.first:
                self._refuse(f"{place}.last", f"the band from {band.first} ends before it starts")
            if band.size is not None and not 1 <= band.size <= band.first:
                self._refuse(f"{place}.size", f"{band.first} candidates cannot give {band.size}")
            expected = None if band.last is None else band.last + 1
        if expected is not None:
            self._refuse("bands", f"no band covers {expected} candidates")

    def _check_choice(self) -> None:
        if self.picked_by is PickedBy.SYSTEM and (self.at_most or self.minima or self.conditions):
            self._refuse("picked_by", "“at most”, minima and conditions are for samples that a person chooses")
        for index, one in enumerate(self.minima):
            place = f"minima[{index}]"
            if not one.grade.strip() or one.at_least < 1:
                self._refuse(place, "a minimum names a grade and asks for at least one work")
            if (one.lowest_mark is None) != (one.highest_mark is None):
                self._refuse(place, "give both the lowest and the highest mark of a grade, or neither")
            if one.lowest_mark is not None and one.highest_mark is not None and one.lowest_mark > one.highest_mark:
                self._refuse(place, "the lowest mark of the grade is above its highest")

    def _refuse(self, field: str, words: str) -> None:
        raise ProfileInvalid(f"Sample profile {self.profile_id}: {words}.", profile_id=self.profile_id, field=field)


def sample_size(profile: SampleProfile, candidates_total: int) -> int:
    """Return how many works are drawn from so many candidates; 0 from 0.

    Raises: ``ProfileIncomplete`` for a profile whose figures are not published.
    """
    if not profile.bands:
        raise ProfileIncomplete(
            f"The figures of sample profile {profile.profile_id} are not available. Import a version that has them, "
            "or assign another profile.",
            profile_id=profile.profile_id,
        )
    for band in profile.bands:
        if candidates_total >= band.first and (band.last is None or candidates_total <= band.last):
            return candidates_total if band.size is None else band.size
    return 0
