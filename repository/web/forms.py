"""What went wrong on a form, as the page shows it: a list of sentences, each leading to its field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moderation.errors import ModerationError
from moderation.exchange.faults import FileRefused
from repository.errors import FieldRefused, RepositoryError, SlotClosed, WrongSubmissionMode
from scripts.errors import ScriptsError

FormError = FieldRefused | ModerationError | ScriptsError | FileRefused | SlotClosed | WrongSubmissionMode
FORM_ERRORS = (FieldRefused, ModerationError, ScriptsError, FileRefused, SlotClosed, WrongSubmissionMode)
"""What a person can put right on the page itself; anything else is a problem page."""


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
