"""Why a page waits, as far as it was seen: what its codes say, where the proposal comes from, and what was counted."""

from __future__ import annotations

from dataclasses import dataclass

from repository.acts.scan_words import PROPOSED_WORDS
from scripts import records
from scripts.errors import CodeRefused
from scripts.labels import PacketLabel, ScriptCover, read_code
from scripts.splitting import QueueReason
from scripts.tables import ScanBundle, ScanPage

_BY_COUNTS = frozenset({QueueReason.UNCOUNTED, QueueReason.MISSING_PAGES, QueueReason.DOUBLE_FEED})
"""Reasons that come from counts, not from the page."""


@dataclass(frozen=True, slots=True)
class CodeLine:
    """One code as it was read: what it is (``packet``, ``cover``, ``page``, or ``other``) and what it says."""

    kind: str
    text: str
    centre_number: str = ""
    component_code: str = ""
    candidate_number: str = ""
    number: int = 0
    of: int = 0


@dataclass(frozen=True, slots=True)
class CountLine:
    """What was counted of a bundle, against what came of it: pages in the file and pages that the sheets have."""

    pages: int
    sides: int
    sheets_fed: int | None
    sheets: int | None
    booklets: int | None
    booklet_pages: int | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the machine saw of a page that waits; ``counts`` where they are why it waits."""

    codes: tuple[CodeLine, ...]
    proposed_by: str
    counts: CountLine | None


def seen(page: ScanPage, bundle: ScanBundle) -> Seen:
    """Return what speaks for the reason and the proposal of a page that waits."""
    proposed_by = PROPOSED_WORDS.get(page.proposed_by, "")
    counts = _counts(bundle) if page.reason in _BY_COUNTS else None
    return Seen(tuple(_line(text) for text in page.codes), proposed_by, counts)


def _counts(bundle: ScanBundle) -> CountLine:
    counted = records.counts_of(bundle)
    return CountLine(
        bundle.pages, counted.sides, counted.sheets_fed, counted.sheets, counted.booklets, counted.booklet_pages
    )


def _line(text: str) -> CodeLine:
    try:
        code = read_code(text)
    except CodeRefused:
        return CodeLine("other", text)
    if isinstance(code, PacketLabel):
        return CodeLine("packet", text, code.centre_number, code.component_code, number=code.number, of=code.of)
    kind, number = ("cover", code.number) if isinstance(code, ScriptCover) else ("page", code.page)
    return CodeLine(kind, text, code.centre_number, code.component_code, code.candidate_number, number, code.of)
