"""Changes of marks after the sample is drawn, and what a centre may be told when its order fails."""

from __future__ import annotations

import re
from enum import StrEnum

from moderation.errors import FeedbackRefused

_NUMBER = re.compile(r"(?<![\w.])\d{1,3}(?:[.,]\d+)?(?![\w])")


class AmendmentKind(StrEnum):
    """Whose slip an amendment puts right.

    Source: clerical errors as in the boards' notifications (undated wording); both are corrected before the fit and are
    not part of the adjustment: project policy.
    """

    CLERICAL_ERROR = "CLERICAL_ERROR"
    """A slip of addition or transcription that the moderator or an officer found."""
    CENTRE_ERROR = "CENTRE_ERROR"
    """A wrong mark that the centre itself reports."""


class AmendmentDecision(StrEnum):
    """What an officer decided about an amendment."""

    APPROVED = "APPROVED"
    REFUSED = "REFUSED"


class SampleChoice(StrEnum):
    """What becomes of the sample when a mark of its cohort changes; it is never redrawn silently.

    Source: project policy.
    """

    KEEP = "KEEP"
    ADD = "ADD"
    """The work of the amended candidate is called on top of the sample."""
    REDRAW = "REDRAW"
    """A new sample is drawn from the amended marks."""


def check_feedback(feedback: str) -> str:
    """Return what a centre is told about its order of merit, without surrounding space.

    A number of up to three figures is taken for a mark. Candidate numbers have four figures and may be named.
    Raises: ``FeedbackRefused`` when it is empty or holds what looks like a mark.
    Source: the moderator may discuss rank order and criteria, never the marks,
    https://www.ocr.org.uk/blog/supporting-teachers-through-the-moderation-process; the test is project policy.
    """
    words = feedback.strip()
    if not words:
        raise FeedbackRefused("Write what the centre should look at: order and criteria, not marks.", field="feedback")
    found = _NUMBER.search(words)
    if found is not None:
        raise FeedbackRefused(
            f"“{found.group()}” could be a mark. Speak of order and criteria only; "
            "name candidates by their four figures, and write other numbers as words.",
            field="feedback",
        )
    return words
