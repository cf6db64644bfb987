"""Hostile and awkward files, made by script when a test wants them, each with what must become of it.

No file here is malware: active content does nothing but exist. A module of this package offers ``CASES``; its name stands in
``MODULES``. ``tests/repository/inspector/test_corpus.py`` drives every file through the real child.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

MODULES = ("pdfs", "broken_pdfs", "pictures", "containers", "texts", "kinds", "office", "media")


@dataclass(frozen=True, slots=True)
class Expected:
    """What must become of a file: exactly this type, refusal and notes; or the end of the child at its limit."""

    kind: str | None = None
    refused: str | None = None
    notes: frozenset[str] = frozenset()
    pages: int | None = None
    other_name: bool = False
    """The name disagrees with the content: held, and both are named."""
    limit: bool = False
    """The child may be ended at its limit; the file is held."""
    draws: bool = True
    """Its pages can be drawn; otherwise the child may be ended at its limit while it draws, and the file is held."""

    @property
    def held(self) -> bool:
        """Return whether somebody has to act before the file can be shown."""
        return self.refused is not None or self.other_name or self.limit or not self.draws


@dataclass(frozen=True, slots=True)
class Case:
    """One file: what it is called here, the name it is uploaded under, how it is made, what must become of it."""

    name: str
    filename: str
    make: Callable[[], bytes]
    expected: Expected


def sound(kind: str, pages: int | None = None, *notes: str) -> Expected:
    """A file that passes, with these notes."""
    return Expected(kind, None, frozenset(notes), pages)


def costly(kind: str, pages: int | None = None, *notes: str) -> Expected:
    """A file that looks sound and is too dear to draw."""
    return Expected(kind, None, frozenset(notes), pages, draws=False)


def refused(code: str, kind: str | None = None) -> Expected:
    """A file that is held with this code; ``kind`` where its type was known before."""
    return Expected(kind, code)


def cases() -> tuple[Case, ...]:
    """Every file of the corpus."""
    found = tuple(case for name in MODULES for case in import_module(f"{__name__}.{name}").CASES)
    names = [case.name for case in found]
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)
    return found
