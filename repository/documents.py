"""A document: a received thing with a state, and the moves it may make. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class DocumentState(StrEnum):
    """Where a document stands. Only ``RELEASED`` can be shown to a moderator."""

    UPLOADED = "uploaded"
    """Its last byte is stored."""
    VERIFYING = "verifying"
    """A worker reads all of it again, compares its hash, and finds out by its content what it is."""
    TYPED = "typed"
    """It is what was sent, and its type is known and accepted."""
    SCANNED = "scanned"
    """The virus scanner found nothing, or there is none."""
    DERIVED = "derived"
    """What is shown in its place is stored."""
    RELEASED = "released"
    HELD = "held"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


S = DocumentState
IN_INSPECTION = (S.UPLOADED, S.VERIFYING, S.TYPED, S.SCANNED, S.DERIVED)
"""The states of a document that the service is working on, in their order."""

_ENDS = frozenset({S.HELD, S.REJECTED, S.WITHDRAWN})
MOVES: Mapping[DocumentState, frozenset[DocumentState]] = {
    **{before: _ENDS | {after} for before, after in zip(IN_INSPECTION, (*IN_INSPECTION[1:], S.RELEASED), strict=True)},
    S.RELEASED: frozenset({S.WITHDRAWN}),
    S.HELD: frozenset({S.WITHDRAWN, S.VERIFYING}),
    S.REJECTED: frozenset({S.WITHDRAWN}),
    S.WITHDRAWN: frozenset(),
}
"""Legal moves: one step at a time, and from each to an end. HELD → VERIFYING is a second inspection, of everything."""

STATE_WORDS: Mapping[DocumentState, str] = {
    **dict.fromkeys(IN_INSPECTION, "Checking"),
    S.RELEASED: "Received",
    S.HELD: "Needs attention",
    S.REJECTED: "Not accepted",
    S.WITHDRAWN: "Withdrawn",
}

MEDIA_TYPES: Mapping[str, tuple[str, ...]] = {
    "application/pdf": ("pdf",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/png": ("png",),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "image/tiff": ("tif", "tiff"),
    "image/bmp": ("bmp",),
    "text/plain": ("txt", "csv", "md"),
    "audio/wav": ("wav",),
    "audio/mpeg": ("mp3",),
    "audio/mp4": ("m4a",),
    "audio/ogg": ("ogg", "oga", "opus"),
    "audio/flac": ("flac",),
    "audio/aac": ("aac",),
    "audio/aiff": ("aiff", "aif"),
    "audio/amr": ("amr",),
    "video/mp4": ("mp4", "m4v"),
    "video/quicktime": ("mov", "qt"),
    "video/3gpp": ("3gp", "3g2"),
    "video/webm": ("webm",),
    "video/x-matroska": ("mkv",),
    "video/x-msvideo": ("avi",),
    "video/x-ms-asf": ("wmv", "wma", "asf"),
    "video/mpeg": ("mpg", "mpeg"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ("docx",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ("xlsx",),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ("pptx",),
    "application/vnd.ms-word.document.macroenabled.12": ("docm",),
    "application/vnd.ms-excel.sheet.macroenabled.12": ("xlsm",),
    "application/vnd.ms-powerpoint.presentation.macroenabled.12": ("pptm",),
    "application/vnd.oasis.opendocument.text": ("odt",),
    "application/vnd.oasis.opendocument.spreadsheet": ("ods",),
    "application/vnd.oasis.opendocument.presentation": ("odp",),
}
"""The types accepted and served, with the extensions that must agree. Served types come from here, never a client."""


def may_move(before: DocumentState, after: DocumentState) -> bool:
    """Return whether a document may go from ``before`` to ``after``."""
    return after in MOVES[before]


def is_recording(media_type: str | None) -> bool:
    """Return whether the document is played."""
    return (media_type or "").startswith(("audio/", "video/"))


def is_viewable_as_pages(media_type: str | None) -> bool:
    """Return whether the document is shown as page images that we rendered."""
    return media_type in MEDIA_TYPES and not is_recording(media_type)


def is_office(media_type: str | None) -> bool:
    """Return whether the document is turned into a PDF before it is drawn."""
    return (media_type or "").startswith("application/vnd.")
