"""The words and numbers of an explained outcome that its page and its PDF share."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from moderation.adjustment import Method
from moderation.explanation import Differences, ExplainedMark, Explanation, Line, MarkReason, decimal_text
from moderation.outcome import OutcomeKind, Stage
from moderation.reports import Section, Verdict
from repository.differences_plot import Plot, signed

R, K = MarkReason, OutcomeKind
KIND_WORDS: Mapping[OutcomeKind, tuple[str, str]] = {
    K.ACCEPTED: ("Your marks stand", "green"),
    K.ADJUSTED: ("Your marks were adjusted", "orange"),
    K.INVALID_ORDER: ("Your order of candidates does not hold", "red"),
    K.MODERATOR_MARKS: ("The moderator’s marks stand", "orange"),
    K.OFFICER_DECIDES: ("An officer decides", "yellow"),
}
STAGE_WORDS: Mapping[Stage, str] = {
    Stage.NO_SAMPLE: "No work was read",
    Stage.SUB_SAMPLE: "The first part of the sample was read",
    Stage.FULL_SAMPLE: "The whole sample was read",
    Stage.ALL_WORK: "All the work was read",
}
REASON_WORDS: Mapping[MarkReason, str] = {
    R.ACCEPTED: "Your mark stands",
    R.ADJUSTED: "As the rule gives it",
    R.AT_MAXIMUM: "The rule gives more than the maximum; a mark goes no higher",
    R.AT_ZERO: "The rule gives less than 0; a mark goes no lower",
    R.IN_ORDER: "Kept level with a lower mark of yours, so that the order stays",
    R.ZERO: "A mark of 0 stays 0",
    R.UNCHANGED: "Not part of the adjustment",
    R.NO_MARK: "You gave no mark",
    R.MODERATOR_MARK: "The moderator’s mark for this work",
    R.NOT_MADE: "No mark from this outcome",
}
SECTION_WORDS: Mapping[Section, str] = {
    Section.TASK_SUITABILITY: "Suitability of the tasks",
    Section.ACCURACY: "Accuracy of the marking",
    Section.ADMINISTRATION: "Administration",
    Section.GENERAL: "General comments",
}
VERDICT_WORDS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.AGREED: ("Agreed", "green"),
    Verdict.GENEROUS: ("Generous", "orange"),
    Verdict.SEVERE: ("Severe", "purple"),
}
NOT_A_BOARDS_RULE = (
    "No awarding body publishes its exact rule. This one is this project’s own, and is not presented as any board’s."
)
WITHHELD = "Under the policy of this awarding body the rest of the arithmetic is not shown to centres."


def reason_words(one: ExplainedMark) -> str:
    """Return why a mark is what it is; a status without a mark is named."""
    return "Pending" if one.reason is R.NO_MARK and one.status == "PENDING_Q" else REASON_WORDS[one.reason]


def change_words(one: ExplainedMark) -> str | None:
    """Return the change of a mark with its sign; ``None`` without two marks."""
    return None if one.change is None else signed(one.change)


def number_words(value: Fraction, places: int = 4) -> str:
    """Return a fraction exactly, with its decimals where it does not end: ``25447/28057 (about 0.9070)``."""
    if value.denominator == 1:
        return str(value.numerator).replace("-", "−")
    exact = f"{value.numerator}/{value.denominator}".replace("-", "−")
    return f"{exact} (about {decimal_text(value, places).replace('-', '−')})"


def rule_words(line: Line) -> str:
    """Return the rule of an adjustment as one formula."""
    if line.method is Method.SHIFT:
        return f"your mark {'+' if line.intercept >= 0 else '−'} {number_words(abs(line.intercept))}"
    sign = "+" if line.slope >= 0 else "−"
    return f"{number_words(line.intercept)} {sign} {number_words(abs(line.slope))} × your mark"


def step_rows(explanation: Explanation) -> list[tuple[str, int, str, str, int, int, int]]:
    """Return the arithmetic of each mark that the rule made: exact, decimal, rounded, kept, and the mark in the end."""
    return [
        (
            one.candidate_number,
            one.centre_mark or 0,
            f"{one.steps.exact.numerator}/{one.steps.exact.denominator}"
            if one.steps.exact.denominator != 1
            else str(one.steps.exact.numerator),
            decimal_text(one.steps.exact),
            one.steps.rounded,
            one.steps.kept,
            one.moderated_mark if one.moderated_mark is not None else one.steps.kept,
        )
        for one in explanation.marks
        if one.steps is not None
    ]


def legend_of(plot: Plot, tolerance_marks: int) -> tuple[str, ...]:
    """Return what each thing in the plot means."""
    said = [
        f"Grey band: within the tolerance of {tolerance_marks} marks",
        "Filled circle: a work within the tolerance. Hollow diamond: a work outside it",
    ]
    if plot.line:
        said.append("Dashed line: what the rule takes from each of your marks (or adds, below 0)")
    if plot.unread:
        said.append("Small hollow circles on the line: your candidates whose work was not read")
    return tuple(said)


def group_and_order(differences: Differences) -> tuple[str, ...]:
    """Return what else was read in the consortium, and how the order of merit was tested."""
    said = []
    if differences.others:
        said.append(
            f"{differences.others} works of other centres of the consortium were read as well. They are not shown here."
        )
    order = differences.order
    if order is not None:
        said.append(
            f"Order of merit: of {order.comparable} pairs of works, {order.discordant} were placed the other way round "
            f"by the moderator (at most {order.discordant_limit} of them may be). Correlation "
            f"{order.correlation or 'cannot be computed'} (at least {order.correlation_limit} is needed)."
        )
    return tuple(said)
