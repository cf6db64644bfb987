"""Where the pages of a scan bundle can end, and what may be in a bundle."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum

from scripts.errors import PagesNotConserved
from scripts.labels import PacketLabel
from scripts.proving import Counts


class Disposition(StrEnum):
    """Where a page ended; there is no other end.

    Source: project policy (domain: scripts, section 8).
    """

    INDEXED = "indexed"
    BLANK_CONFIRMED = "blank_confirmed"
    QUEUED = "queued"
    DISCARDED = "discarded"


class QueueReason(StrEnum):
    """Why a page waits for a person.

    Source: project policy (domain: scripts, sections 5, 8 and 11).
    """

    BEFORE_FIRST_COVER = "before_first_cover"
    BLANK = "blank"
    UNREADABLE_COVER = "unreadable_cover"
    UNREADABLE_PAGE = "unreadable_page"
    FOREIGN_CODE = "foreign_code"
    WRONG_EXAM = "wrong_exam"
    WRONG_CENTRE_NUMBER = "wrong_centre_number"
    NOT_ON_REGISTER = "not_on_register"
    DUPLICATE_CANDIDATE = "duplicate_candidate"
    DUPLICATE_PAGE = "duplicate_page"
    EXTRA_BOOKLET_UNMATCHED = "extra_booklet_unmatched"
    TWO_CODES = "two_codes"
    LABEL_UNKNOWN = "label_unknown"
    UNCOUNTED = "uncounted"
    """No code on the page, and too few counts to prove that it belongs to the cover sheet before it, or they disagree."""
    MISSING_PAGES = "missing_pages"
    """The booklet has fewer pages than a booklet has."""
    PAGE_ORDER = "page_order"
    """The page lies among the pages of another candidate."""
    INVERTED = "inverted"
    """The page lies on its side, and nothing on it says how to turn it."""
    FRONT_BACK_MISMATCH = "front_back_mismatch"
    """Front and back of one sheet bear codes of different scripts."""
    DOUBLE_FEED = "double_feed"
    """Fewer pages than the counted sheets have: a sheet went through under another."""
    IMAGE_REJECTED = "image_rejected"
    """The image is too dark, too light or too coarse to be marked from."""


class ProposedBy(StrEnum):
    """Where the proposal for a waiting page comes from; a person decides."""

    PAGE_CODE = "page_code"
    COVER = "cover"
    """The cover sheet before it."""
    POSITION = "position"
    """It lies between pages that bear the codes of this script."""
    OTHER_SIDE = "other_side"
    """The other side of its sheet bears a code of this script."""
    CANDIDATE_NUMBER = "candidate_number"
    """The candidate number alone: its centre number is another."""


@dataclass(frozen=True, slots=True, order=True)
class ScriptKey:
    """Whose script: centre, component and candidate."""

    centre_number: str
    component_code: str
    candidate_number: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """What may be in a bundle: the series, the candidates on the registers, the labels issued, what is indexed already.

    ``labels``: payloads of the packet labels issued, to tell a batch header of ours; None leaves them unchecked.
    ``counts``: what was counted outside the scanner, without which no page that has no code is given to anybody.
    """

    series: str
    candidates: frozenset[ScriptKey]
    indexed: frozenset[ScriptKey] = frozenset()
    labels: frozenset[str] | None = None
    counts: Counts = field(default_factory=Counts)

    @property
    def components(self) -> frozenset[str]:
        """Return the components that the bundle may hold."""
        return frozenset(key.component_code for key in self.candidates)


@dataclass(frozen=True, slots=True)
class ScriptPages:
    """One script found in a bundle: its pages in order, cover sheets included, and its booklets as (number, of).

    ``cover_pages``: how many of the pages are sides of cover sheets.
    """

    key: ScriptKey
    pages: tuple[int, ...]
    booklets: tuple[tuple[int, int], ...]
    label: PacketLabel | None = None
    cover_pages: int = 0

    @property
    def answer_pages(self) -> int:
        """Return the number of pages that are not sides of cover sheets."""
        return len(self.pages) - self.cover_pages


@dataclass(frozen=True, slots=True)
class HeaderPage:
    """A sheet with the packet's label, scanned before its scripts: indexed to the packet."""

    index: int
    label: PacketLabel


@dataclass(frozen=True, slots=True)
class QueuedPage:
    """A page that waits for a person, the reason, and the script it may belong to, with what says so."""

    index: int
    reason: QueueReason
    proposed: ScriptKey | None = None
    proposed_by: ProposedBy | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a script whose pages are proven that needs a look.

    ``kind``: ``missing_pages``, ``double_feed`` or ``page_order``.
    """

    kind: str
    key: ScriptKey
    detail: str


@dataclass(frozen=True, slots=True)
class Split:
    """A bundle taken apart: every page is in exactly one place.

    Raises: ``PagesNotConserved`` when built from places that lose or double a page.
    """

    pages_in: int
    scripts: tuple[ScriptPages, ...]
    headers: tuple[HeaderPage, ...]
    queued: tuple[QueuedPage, ...]
    findings: tuple[Finding, ...] = field(default=())

    def __post_init__(self) -> None:
        places = [index for script in self.scripts for index in script.pages]
        places += [header.index for header in self.headers]
        places += [page.index for page in self.queued]
        if sorted(places) != list(range(self.pages_in)):
            raise PagesNotConserved(pages_in=self.pages_in, pages_out=len(places))

    @property
    def indexed_count(self) -> int:
        """Return how many pages have a place without a person."""
        return self.pages_in - len(self.queued)

    @property
    def queues(self) -> dict[QueueReason, tuple[int, ...]]:
        """Return the page numbers that wait, by reason."""
        waiting: defaultdict[QueueReason, list[int]] = defaultdict(list)
        for page in self.queued:
            waiting[page.reason].append(page.index)
        return {reason: tuple(indices) for reason, indices in waiting.items()}
