"""What the child found in a file, and why it refuses one. Codes only: the sentences stand with the parent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Refused(Exception):
    """The file is not acceptable; carries the code of the reason."""


class Findings(NamedTuple):
    """What an acceptable file holds: pages to show, codes of what a person should know, small numbers."""

    pages: int | None = None
    notes: tuple[str, ...] = ()
    facts: Mapping[str, int] = {}
