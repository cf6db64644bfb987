"""The moderator's report to the centre: its sections, its verdicts, and what may not stand in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from moderation.errors import MarksInReport

WHOLE_WORK = ""
"""Code of the line on a whole work, where no criteria are known: project policy."""
SECTION_LIMIT_CHARACTERS = 4_000
COMMENT_LIMIT_CHARACTERS = 500


class Section(StrEnum):
    """The sections of a report.

    Source: AQA's form per component names the first three, https://www.aqa.org.uk/nea-replacement/moderation-outcomes-feedback-and-return-of-samples;
    the last is project policy.
    """

    TASK_SUITABILITY = "task_suitability"
    ACCURACY = "accuracy"
    ADMINISTRATION = "administration"
    GENERAL = "general"


class Verdict(StrEnum):
    """How a work was marked under a criterion."""

    AGREED = "AGREED"
    GENEROUS = "GENEROUS"
    SEVERE = "SEVERE"


@dataclass(frozen=True, slots=True)
class Line:
    """What is said of one work under one criterion."""

    item_id: str
    criterion_code: str
    verdict: Verdict
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that a report still lacks: a section, or a verdict on a work under a criterion."""

    section: Section | None = None
    item_id: str = ""
    criterion_code: str = ""


_COUNTED = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    "eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
)
_STATED = re.compile(
    rf"\b(?:\d+|(?:{_COUNTED})(?:[- ](?:{_COUNTED}))?)\s*(?:more\s+|fewer\s+)?marks?\b"
    r"|\b\d+\s*(?:/|out\s+of|of)\s*\d+|\b\d+\s*(?:%|per\s*cent)"
    r"|\bmarks?\s*(?:of|is|was|to|from|at|by|as|=|:)?\s*\d+",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\d.,])\d{1,4}(?![\d]|[.,]\d)")


def check_no_marks(text: str, moderator_marks: Collection[int] = (), *, where: str, field: str) -> None:
    """Refuse a text that states a mark: in so many words, or as the very number the moderator gave.

    Takes: ``moderator_marks`` of the work the text is about; ``where``, as a person calls the place; ``field`` of the
    form. Raises: ``MarksInReport`` naming the place and the words.
    Source: the moderator may discuss criteria, never the marks, https://www.ocr.org.uk/blog/supporting-teachers-through-the-moderation-process;
    what counts as stating a mark is project policy, and an officer reads the report before it is released.
    """
    stated = _STATED.search(text)
    if stated is None:
        stated = next((found for found in _NUMBER.finditer(text) if int(found[0]) in moderator_marks), None)
    if stated is not None:
        raise MarksInReport(
            f"{where} says “{stated[0].strip()}”. A report never states marks: say what was agreed, generous or severe, "
            "and why. Write a number that is no mark in words.",
            field=field,
        )


def gaps(
    sections: Mapping[Section, str], lines: Iterable[Line], items: Collection[str], criteria: Collection[str]
) -> tuple[Gap, ...]:
    """Return what a report lacks before it can be handed in.

    Takes: ``items``, the works that were read; ``criteria``, codes, none where none are known.
    Source: project policy: every section is written, every work read has a verdict under every criterion.
    """
    said = {(line.item_id, line.criterion_code) for line in lines}
    missing = [Gap(section) for section in Section if not sections.get(section, "").strip()]
    missing += [
        Gap(item_id=item, criterion_code=code)
        for item in items
        for code in (criteria or (WHOLE_WORK,))
        if (item, code) not in said
    ]
    return tuple(missing)
