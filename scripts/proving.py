"""What proves that a page without a code of its own belongs to the script whose cover sheet is before it (decision 0027).

A page between two cover sheets in the file lay between them in the pile, if no cover sheet of the pile went unseen: two
sheets that were drawn in together hide a cover, a cover may be missing, be written by hand, or be spoilt beyond
recognition. Three counts made outside the scanner tell: the sheets of the pile, its booklets, and the pages of a booklet.
Each has its own gap, so two of them must agree, and none may disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

AGREEING = 2
"""So many counts must agree before pages without codes are given to a candidate; project policy."""


class Duplex(StrEnum):
    """In which order the sides of the sheets are in the file."""

    MERGED = "merged"
    """Front, back, front, back: the scanner sees both sides at once."""
    FRONTS_THEN_BACKS = "fronts_then_backs"
    """All fronts, then the pile turned over: all backs, the last sheet's first."""
    NONE = "none"
    """Only fronts."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted outside the scanner, and by its feeder; None is not counted.

    Takes: ``sheets_fed``: counted by the feeder, which takes two sheets drawn in together for one, so that it can
        disagree but proves nothing; ``sheets``: by hand or scales; ``booklets``: by hand, every one of the pile, whatever
        its cover; ``booklet_pages``: the pages that a booklet has when it is scanned, its cover sheet included.
    """

    sheets_fed: int | None = None
    sheets: int | None = None
    booklets: int | None = None
    booklet_pages: int | None = None
    duplex: Duplex = Duplex.MERGED

    @property
    def sides(self) -> int:
        """Return how many pages a sheet gives."""
        return 1 if self.duplex is Duplex.NONE else 2


class Proof(StrEnum):
    """Whether pages are proven to belong to their cover sheet, and if not, why a person has to look."""

    PROVEN = "proven"
    UNCOUNTED = "uncounted"
    MISSING_PAGES = "missing_pages"
    DOUBLE_FEED = "double_feed"


@dataclass(frozen=True, slots=True)
class BundleSeen:
    """What was seen of a bundle: its pages, those seen twice counted once, and how many booklets begin in it."""

    pages: int
    booklets: int


def sheets_agree(counts: Counts, seen: BundleSeen) -> bool | None:
    """Say whether every sheet of the pile gave its pages; None when nobody counted them.

    The feeder's own count can only disagree.
    """
    if counts.sheets_fed is not None and counts.sheets_fed * counts.sides != seen.pages:
        return False
    return None if counts.sheets is None else counts.sheets * counts.sides == seen.pages


def bundle_proof(counts: Counts, seen: BundleSeen) -> Proof | None:
    """Return why nothing without a code can be given to anybody in this bundle, or None when its counts do not forbid it.

    Source: project policy (decision 0027).
    """
    if sheets_agree(counts, seen) is False:
        expected = max(n for n in (counts.sheets_fed, counts.sheets) if n is not None) * counts.sides
        return Proof.DOUBLE_FEED if seen.pages < expected else Proof.UNCOUNTED
    if counts.booklets is not None and counts.booklets != seen.booklets:
        return Proof.UNCOUNTED
    if counts.duplex is Duplex.FRONTS_THEN_BACKS and sheets_agree(counts, seen) is not True:
        # One sheet lost in each of the two runs shifts the backs of all sheets between, and the number of pages is even.
        return Proof.UNCOUNTED
    return None


def booklet_proof(counts: Counts, seen: BundleSeen, pages: int, *, is_extra: bool) -> Proof:
    """Say whether the pages after a cover sheet are proven to be its booklet's.

    Takes: ``pages`` from the cover sheet on, itself included; ``is_extra``: a booklet beyond the first, which may have
        fewer pages than the first.
    Source: project policy (decision 0027).
    """
    against = bundle_proof(counts, seen)
    if against is not None:
        return against
    agreeing = (sheets_agree(counts, seen) is True) + (counts.booklets is not None)
    if counts.booklet_pages is not None:
        if pages != counts.booklet_pages and not is_extra:
            return Proof.MISSING_PAGES if pages < counts.booklet_pages else Proof.UNCOUNTED
        agreeing += pages == counts.booklet_pages
    return Proof.PROVEN if agreeing >= AGREEING else Proof.UNCOUNTED


def paper_order(count: int, duplex: Duplex) -> tuple[int, ...] | None:
    """Return the pages of a file in the order of the paper, front and back of each sheet; None when they are no pairs."""
    if duplex is not Duplex.FRONTS_THEN_BACKS:
        return tuple(range(count))
    if count % 2:
        return None
    return tuple(page for sheet in range(count // 2) for page in (sheet, count - 1 - sheet))
