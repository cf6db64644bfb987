"""What went wrong on a form, as the page shows it: a list of sentences, each leading to its field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moderation.errors import ModerationError
from moderation.exchange.faults import FileRefused
from repository.errors import FieldRefused, ReplacementRefused, RepositoryError, SlotClosed, WrongSubmissionMode
from scripts.errors import ScriptsError

FORM_ERRORS = (
    FieldRefused, ModerationError, ScriptsError, FileRefused, SlotClosed, WrongSubmissionMode, ReplacementRefused,
)  # fmt: skip
"""What a person can put right on the page itself; anything else is a problem page."""


class Said(dict[str, str]):
    """What was typed, or what is wrong, by field; nothing for any other field, so that templates need not ask first."""

    def __missing__(self, key: str) -> str:
        return ""


def typed_in(form: Mapping[str, Any] | None, *names: str) -> Said:
    """Return what a person typed in the named fields, so that a refused form is shown as it was sent."""
    return Said({name: str(form.get(name, "")) for name in names} if form is not None else {})


def wrong_in(errors: list[dict[str, str]] | None) -> Said:
    """Return what is wrong by the id of the field."""
    return Said({error["href"].lstrip("#"): error["text"] for error in errors or []})


def errors_of(error: Exception, ids: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """Return what went wrong for the error summary.

    Takes: ``ids``, field or candidate id → the id of its input on the page.
    """
    ids = ids or {}
    if isinstance(error, FileRefused):
        return [{"text": str(fault), "href": "#files"} for fault in error.faults]
    if isinstance(error, ModerationError) and error.facts.get("faults"):
        faults: Any = error.facts["faults"]
        return [{"text": fault[2], "href": f"#{ids.get(fault[0], 'main-content')}"} for fault in faults]
    if isinstance(error, RepositoryError | ModerationError | ScriptsError):
        field = str(error.facts.get("field", ""))
        return [{"text": error.detail, "href": f"#{ids.get(field, field or 'main-content')}"}]
    return [{"text": str(error), "href": "#main-content"}]
