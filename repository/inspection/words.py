"""What a person reads of a file: one table, code → reason, remedy, and who has to act.

The child answers with codes only. Sentences stand here, so that no byte of a stranger's file ever becomes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class RemedyKind(StrEnum):
    """Who has to act on a held file."""

    REPLACE = "replace"
    """The centre: it sends another file."""
    RESCAN = "rescan"
    """Whoever runs the service: the file is inspected again once what was missing is there."""
    REVIEW = "review"
    """An officer of the awarding body: looks into it, and sends it to inspection again or has it replaced."""


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences of one code: why the file is held, what to do, and who does it."""

    reason: str
    remedy: str
    remedy_kind: RemedyKind = RemedyKind.REPLACE


CANNOT_OPEN = Words(
    "The file could not be opened safely.",
    "Open it on your computer, save it as a new file and upload that. If it happens again, ask the awarding body.",
)

REFUSALS: Mapping[str, Words] = {
    "empty": Words("The file is empty.", "Export the work again and upload the new file."),
    "unknown-type": Words(
        "The file is not a PDF, JPEG, PNG, WAV, MP3, M4A, OGG, MP4 or WebM file.",
        "Save or export the work in one of these formats and upload that.",
    ),
    "password": Words("The PDF is protected by a password.", "Remove the password and upload the file again."),
    "damaged": Words(
        "The file is damaged and cannot be opened.",
        "Open it on your computer, save it again and upload that.",
    ),
    "incomplete": Words(
        "The file is incomplete: its end is missing.", "Export the work again and upload the new file."
    ),
    "trailing-data": Words(
        "The file holds other data after its end.",
        "Print or export the work to a new PDF and upload that.",
    ),
    "too-large": Words(
        "The file has more pages or pixels than can be shown.",
        "Split it into several files, or save it at a lower resolution.",
    ),
}
"""What the child may refuse a file for."""

NOTES: Mapping[str, str] = {
    "blank": "This page seems to be blank.",
}
"""What the child may note about a file or one of its pages, and a person should see; none of it holds the file."""


def of_refusal(code: str) -> Words:
    """Return the sentences of a refusal; a code that is not in the table means that the file cannot be opened."""
    return REFUSALS.get(code, CANNOT_OPEN)
