"""What a centre reads of an outcome: plain sentences of what was found, what it means and what can be done now."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from moderation.outcome import OutcomeKind, Stage


class Lean(StrEnum):
    """How the works read were marked on the whole."""

    GENEROUS = "GENEROUS"
    SEVERE = "SEVERE"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of the centre's marks go up, go down and stay, and the greatest change each way."""

    up: int
    down: int
    same: int
    most_up: int
    most_down: int


@dataclass(frozen=True, slots=True)
class Told:
    """What the sentences are made from; nothing in it is a moderator's mark."""

    kind: OutcomeKind
    stage: Stage
    read: int
    tolerance_marks: int
    is_outside: bool
    is_group: bool
    is_shift: bool
    is_review: bool
    was_returned: bool
    has_drawable: bool
    first_differed: bool | None
    lean: Lean | None
    tally: Tally

    @property
    def may_have_moved(self) -> bool:
        """Say whether a mark moved, here or, for all that this centre is told, at another of the consortium."""
        return self.is_group or bool(self.tally.up or self.tally.down)


def what_happened(told: Told) -> tuple[str, ...]:
    """Return what was read, what was found at each stage, and why the next step followed."""
    said = [*_reading(told), *_finding(told)]
    if told.was_returned:
        said.insert(
            0,
            "Marks that you entered before were returned to you, because the works did not follow their order. "
            "What follows is about the marks that you entered after that.",
        )
    if told.is_review:
        said.insert(0, "A review looked at the moderation again, on the same works. This is what it found.")
    if told.lean is not None:
        word = "generous" if told.lean is Lean.GENEROUS else "severe"
        within = "" if told.is_outside else ", within the tolerance"
        said.append(f"On the whole, the marking of the works read was {word}{within}.")
    return tuple(said)


def what_it_means(told: Told) -> tuple[str, ...]:
    """Return what the outcome does to the centre's candidates."""
    tally = told.tally
    if told.kind is OutcomeKind.INVALID_ORDER:
        return (
            "No candidate has a mark after moderation from this outcome.",
            "The marks go back to your centre: every candidate is marked again, not only the sample.",
        )
    if told.kind is OutcomeKind.OFFICER_DECIDES:
        return ("No candidate has a mark after moderation yet: an officer of the awarding body decides.",)
    if told.kind is OutcomeKind.ACCEPTED:
        return ("Every candidate keeps the mark that you gave.",)
    said = [
        f"Of your candidates’ marks, {_count(tally.down, 'goes down', 'go down')}, "
        f"{_count(tally.up, 'goes up', 'go up')} and {_count(tally.same, 'stays as it was', 'stay as they were')}."
    ]
    if tally.down:
        said.append(f"The largest fall is {_marks(tally.most_down)}.")
    if tally.up:
        said.append(f"The largest rise is {_marks(tally.most_up)}.")
    if told.kind is OutcomeKind.ADJUSTED:
        said.append(
            "The same rule was applied to every candidate, whether the work was in the sample or not: equal marks from "
            "you give equal marks after moderation, and no candidate is placed below another whom you marked lower."
        )
    return tuple(said)


def what_you_can_do(told: Told) -> tuple[str, ...]:
    """Return what a centre can do now.

    Source: OCR service 3, https://ocr-live-prd95.cambridgeassessment.org.uk/administration/general-qualifications/post-results/service-3-moderation-review;
    lead centre of a consortium:
    https://ocr-live-prd95.cambridgeassessment.org.uk/administration/cambridge-nationals/assessment/internal-assessment/consortium-arrangements.
    """
    if told.kind is OutcomeKind.INVALID_ORDER:
        return (
            "Look again at the marking criteria together, and at the order in which the works stand to each other.",
            "Enter new marks for every candidate; a new sample is then chosen.",
        )
    if told.kind is OutcomeKind.OFFICER_DECIDES:
        return ("Nothing yet.",)
    if told.is_review:
        return ("The page of your request says what is open to you after the review.",)
    read_report = "Read the moderator’s report with the colleagues who marked, before the next series."
    if told.kind is OutcomeKind.ACCEPTED or not told.may_have_moved:
        said = "A review of moderation is not offered, because your marks were accepted unchanged."
        return (read_report, said) if told.stage is not Stage.NO_SAMPLE else (said,)
    return (
        read_report,
        "You can ask for a review of moderation. It looks again at the moderation of the whole component, on the same "
        "sample; it cannot be asked for one candidate. Marks may then go up or down, but no grade already published "
        "in this series is lowered by it.",
        *(("Only the lead centre of your consortium can ask for it.",) if told.is_group else ()),
    )


def _reading(told: Told) -> list[str]:
    works = f"{told.read} works" if told.read != 1 else "1 work"
    group = " The centres of your consortium were moderated as one group, on one sample." if told.is_group else ""
    if told.stage is Stage.NO_SAMPLE:
        if told.has_drawable:
            return ["No work was read: the awarding body did not ask your centre for a sample this time."]
        return ["No work was read, because nobody had a mark that could be chosen for a sample."]
    if told.stage is Stage.ALL_WORK:
        return [f"The moderator was asked to read all the work: {works} with a mark above 0.{group}"]
    if told.stage is Stage.SUB_SAMPLE:
        if told.kind is OutcomeKind.ACCEPTED and not told.is_outside:
            return [f"The moderator read the first part of the sample: {works}.{group}"]
        return [f"The moderator read the sample: {works}.{group}"]
    why = {
        True: f"At least one of the first works differed by more than the tolerance of {_marks(told.tolerance_marks)}, "
        "so the whole sample was read",
        False: "The awarding body had the whole sample read",
        None: "The whole sample was read",
    }[told.first_differed]
    return [f"The moderator began with the first part of the sample.{group}", f"{why}: {works}."]


def _finding(told: Told) -> list[str]:
    tolerance = _marks(told.tolerance_marks)
    said_before = told.first_differed is True and told.stage is Stage.FULL_SAMPLE
    outside = f"At least one work differed from your mark by more than the tolerance of {tolerance}."
    differed = [] if said_before else [outside]
    if told.kind is OutcomeKind.ACCEPTED:
        if told.stage is Stage.NO_SAMPLE:
            return ["Your marks stand as you gave them."]
        if told.is_outside:
            return [
                *differed,
                "An officer of the awarding body decided, for a reason that is kept on record, that your marks stand; "
                "a second officer confirmed it.",
            ]
        more = "Nothing more had to be read" if told.stage is Stage.SUB_SAMPLE else "Nothing had to be changed"
        return [
            f"Every difference between your mark and the moderator’s was within the tolerance of {tolerance}; "
            "exactly the tolerance counts as within.",
            f"{more}, and the marks of all your candidates stand.",
        ]
    if told.kind is OutcomeKind.INVALID_ORDER:
        return [
            *differed,
            "The works read do not follow the order in which they were placed by your marks: works that you marked "
            "higher were found weaker than works that you marked lower, too often or by too much.",
            "No adjustment could be fair to your candidates, because one rule for all would keep that order. None was made.",
        ]
    if told.kind is OutcomeKind.OFFICER_DECIDES:
        return ["The rule cannot decide from the works that could be read."]
    if told.kind is OutcomeKind.MODERATOR_MARKS:
        return [*differed, "Under the rules of this component the moderator’s marks for the works stand."]
    if told.is_shift:
        return [
            *differed,
            "You gave all the works read the same mark, so there is no order to compare: every mark moves by the "
            "average difference.",
        ]
    return [
        *differed,
        "The moderator placed the works in nearly the same order as your marks do, so one rule could be found that "
        "brings all your marks to the standard.",
    ]


def _marks(number: int) -> str:
    return "1 mark" if number == 1 else f"{number} marks"


def _count(number: int, one: str, many: str) -> str:
    return f"1 {one}" if number == 1 else f"{number or 'none'} {many if number else one}"
