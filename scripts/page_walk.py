"""Going through a scan bundle once, page by page in the order of the paper: which booklet begins, and what follows it."""

from __future__ import annotations

from dataclasses import dataclass, field

from scripts.coded_pages import Booklet, CodedPage
from scripts.labels import Code, PacketLabel, PageCode, ScriptCover
from scripts.places import Expectation, HeaderPage, ProposedBy, QueuedPage, QueueReason, ScriptKey
from scripts.proving import Duplex
from scripts.readings import PageReading


def key_of(code: ScriptCover | PageCode) -> ScriptKey:
    """Return whose script a code is on."""
    return ScriptKey(code.centre_number, code.component_code, code.candidate_number)


@dataclass(slots=True)
class Waiting:
    """What pages without a code fall to when there is no cover sheet to follow: a reason, and perhaps a proposal."""

    reason: QueueReason
    proposed: ScriptKey | None = None
    proposed_by: ProposedBy | None = None


@dataclass(slots=True)
class Segment:
    """A booklet as it lies in the file: its cover sheet, if it was seen, and what follows without a code of its own."""

    booklet: Booklet
    cover: ScriptCover | None
    label: PacketLabel | None
    sides: list[int] = field(default_factory=list)
    """Pages of the cover sheet: its front, and its back if that is blank."""
    pages: list[PageReading] = field(default_factory=list)
    """Pages without a code, not blank, none seen before."""
    length: int = 1
    """Pages from the cover sheet on, blank ones included, those seen before left out."""
    is_cut_short: bool = False
    """A page that bears another booklet's code follows it, without a cover sheet between."""


@dataclass(slots=True)
class Walk:
    """A bundle gone through once, page by page in the order of the paper."""

    expected: Expectation
    repeated: frozenset[int]
    counted: bool
    label: PacketLabel | None = None
    current: Segment | Waiting = field(default_factory=lambda: Waiting(QueueReason.BEFORE_FIRST_COVER))
    segments: list[Segment] = field(default_factory=list)
    coded: list[CodedPage] = field(default_factory=list)
    covers: dict[int, Booklet] = field(default_factory=dict)
    headers: list[HeaderPage] = field(default_factory=list)
    queued: list[QueuedPage] = field(default_factory=list)
    front: Segment | HeaderPage | None = None
    """The cover sheet or header whose back the next page is."""

    def step(self, place: int, page: PageReading, found: Code | Waiting | None) -> None:
        """Take the next page."""
        front, self.front = self.front, None
        if isinstance(found, PacketLabel):
            header = HeaderPage(page.index, found)
            self.headers.append(header)
            self.label, self.current = found, Waiting(QueueReason.BEFORE_FIRST_COVER)
            self._begin_sheet(place, header)
        elif isinstance(found, ScriptCover):
            segment = Segment((key_of(found), found.number), found, self.label, [page.index])
            self.covers[place] = segment.booklet
            self.current = segment
            self.segments.append(segment)
            self._begin_sheet(place, segment)
        elif isinstance(found, PageCode):
            self._coded(place, page, found)
        elif found is not None:
            self._queue(page, found)
            self.current = found
        else:
            self._uncoded(page, front)

    def _begin_sheet(self, place: int, front: Segment | HeaderPage) -> None:
        """Expect the back of a sheet next, if sheets have two sides and none of them can have gone unseen."""
        if self.counted and self.expected.counts.duplex is not Duplex.NONE and place % 2 == 0:
            self.front = front

    def _coded(self, place: int, page: PageReading, code: PageCode) -> None:
        booklet = (key_of(code), code.booklet)
        if not isinstance(self.current, Segment) or self.current.booklet != booklet:
            if isinstance(self.current, Segment):
                self.current.is_cut_short = True
            self.current = Segment(booklet, None, self.label)
            self.segments.append(self.current)
        self.coded.append(CodedPage(place, page, code, booklet))

    def _uncoded(self, page: PageReading, front: Segment | HeaderPage | None) -> None:
        if page.blank and isinstance(front, HeaderPage):
            self.headers.append(HeaderPage(page.index, front.label))
            return
        if not isinstance(self.current, Segment):
            reason = QueueReason.BLANK if page.blank else self.current.reason
            self._queue(page, Waiting(reason, self.current.proposed, self.current.proposed_by))
            return
        self.current.length += page.index not in self.repeated
        if page.blank and front is self.current:
            self.current.sides.append(page.index)
        elif page.blank or page.index in self.repeated:
            reason = QueueReason.BLANK if page.blank else QueueReason.DUPLICATE_PAGE
            self._queue(page, Waiting(reason, self.current.booklet[0], ProposedBy.COVER))
        else:
            self.current.pages.append(page)

    def _queue(self, page: PageReading, why: Waiting) -> None:
        self.queued.append(QueuedPage(page.index, why.reason, why.proposed, why.proposed_by))
