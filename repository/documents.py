"""A document: a received thing with a state, and the moves it may make. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class DocumentState(StrEnum):
    """Where a document stands. Only ``RELEASED`` can be shown to a moderator."""

    UPLOADED = "uploaded"
    VERIFIED = "verified"
    RELEASED = "released"
    HELD = "held"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


S = DocumentState
MOVES: Mapping[DocumentState, frozenset[DocumentState]] = {
    S.UPLOADED: frozenset({S.VERIFIED, S.HELD, S.REJECTED, S.WITHDRAWN}),
    S.VERIFIED: frozenset({S.RELEASED, S.HELD, S.REJECTED, S.WITHDRAWN}),
    S.RELEASED: frozenset({S.WITHDRAWN}),
    S.HELD: frozenset({S.WITHDRAWN, S.VERIFIED}),
    S.REJECTED: frozenset({S.WITHDRAWN}),
    S.WITHDRAWN: frozenset(),
}
"""Legal moves. HELD → VERIFIED is a second inspection."""

STATE_WORDS: Mapping[DocumentState, str] = {
    S.UPLOADED: "Checking",
    S.VERIFIED: "Checking",
    S.RELEASED: "Received",
    S.HELD: "Needs attention",
    S.REJECTED: "Not accepted",
    S.WITHDRAWN: "Withdrawn",
}

MEDIA_TYPES: Mapping[str, tuple[str, ...]] = {
    "application/pdf": ("pdf",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/png": ("png",),
    "audio/wav": ("wav",),
    "audio/mpeg": ("mp3",),
    "audio/mp4": ("m4a",),
    "audio/ogg": ("ogg", "oga"),
    "video/mp4": ("mp4", "m4v"),
    "video/webm": ("webm",),
}
"""The types accepted and served, with the extensions that must agree. Served types come from here, never a client."""


def may_move(before: DocumentState, after: DocumentState) -> bool:
    """Return whether a document may go from ``before`` to ``after``."""
    return after in MOVES[before]


def is_viewable_as_pages(media_type: str | None) -> bool:
    """Return whether the document is shown as page images that we rendered."""
    return media_type in {"application/pdf", "image/jpeg", "image/png"}
