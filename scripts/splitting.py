"""Splitting a scan bundle into scripts: what proves where a page belongs decides, and whatever is not certain waits.

The law: pages in = indexed + blank confirmed + queued + discarded. A page with a code of its own belongs where its code
says. A page without one belongs to the cover sheet before it only if it is proven that no cover sheet went unseen
(``proving``, decision 0027). A page is never given to a script on a guess: whoever decides sees a proposal and where it
comes from.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from scripts import coded_pages, proving
from scripts.coded_pages import CodedPage
from scripts.errors import CodeRefused, PagesNotConserved
from scripts.labels import Code, PacketLabel, PageCode, ScriptCover, read_code, refusal_reason
from scripts.page_walk import Segment, Waiting, Walk, key_of
from scripts.places import (
    Disposition,
    Expectation,
    Finding,
    HeaderPage,
    ProposedBy,
    QueuedPage,
    QueueReason,
    ScriptKey,
    ScriptPages,
    Split,
)
from scripts.proving import BundleSeen, Counts, Duplex, Proof
from scripts.readings import (
    MAX_CODES_A_PAGE,
    MAX_PAGES,
    NEAR_BITS,
    PageNote,
    PageReading,
    readings_from_json,
    readings_to_json,
)

__all__ = [
    "MAX_CODES_A_PAGE",
    "MAX_PAGES",
    "Counts",
    "Disposition",
    "Duplex",
    "Expectation",
    "Finding",
    "HeaderPage",
    "PageNote",
    "PageReading",
    "ProposedBy",
    "QueueReason",
    "QueuedPage",
    "ScriptKey",
    "ScriptPages",
    "Split",
    "readings_from_json",
    "readings_to_json",
    "split",
]


def split(readings: Iterable[PageReading], expected: Expectation) -> Split:
    """Take a bundle apart.

    Takes: the readings of its pages in order; what it may hold, and what was counted outside the scanner.
    Returns: scripts with their pages, booklets put together by candidate; packet headers; the queues; findings. A script
        whose candidate turns up twice is queued, all copies, until somebody decides.
    Raises: ``PagesNotConserved`` when the indices are not 0, 1, 2, ….
    Source: project policy (domain: scripts, sections 8, 9 and 11; decision 0027).
    """
    pages = tuple(readings)
    if [page.index for page in pages] != list(range(len(pages))):
        raise PagesNotConserved(pages_in=len(pages))
    read = [_read(page, expected) for page in pages]
    order = proving.paper_order(len(pages), expected.counts.duplex)
    if order is None:
        return _nothing_placed(read)
    repeated = _repeated([pages[index] for index in order if read[index] is None])
    seen = BundleSeen(len(pages) - len(repeated), _booklets(pages, read))
    counted = proving.sheets_agree(expected.counts, seen) is True
    walk = Walk(expected, repeated, counted)
    for place, index in enumerate(order):
        walk.step(place, pages[index], read[index])
    return _gathered(walk, seen, len(pages))


def _nothing_placed(read: Sequence[Code | Waiting | None]) -> Split:
    """Queue every page: fronts and backs are not equally many, so that a sheet went unseen and no back has its front."""
    queued = [
        QueuedPage(index, QueueReason.DOUBLE_FEED, key_of(found), ProposedBy.PAGE_CODE)
        if isinstance(found, ScriptCover | PageCode)
        else QueuedPage(index, QueueReason.DOUBLE_FEED)
        for index, found in enumerate(read)
    ]
    return Split(len(read), (), (), tuple(queued))


def _repeated(uncoded: Sequence[PageReading]) -> frozenset[int]:
    """Return the pages without a code that show what an earlier one shows, in the order of the paper.

    A sheet that is fed again comes after the time it lay in its place.
    """
    repeated: set[int] = set()
    hashes: set[str] = set()
    earlier: list[int] = []
    for page in uncoded:
        if page.blank:
            continue
        shown = int(page.fingerprint, 16) if page.fingerprint else None
        near = shown is not None and any((shown ^ other).bit_count() < NEAR_BITS for other in earlier)
        if near or page.sha256 in hashes:
            repeated.add(page.index)
        hashes.add(page.sha256)
        if shown is not None:
            earlier.append(shown)
    return frozenset(repeated)


def _booklets(pages: Sequence[PageReading], read: Sequence[Code | Waiting | None]) -> int:
    """Count the booklets that were seen: by their codes, each once, and by cover sheets that cannot be read or used."""
    known = {(key_of(found), found.number) for found in read if isinstance(found, ScriptCover)}
    known |= {(key_of(found), found.booklet) for found in read if isinstance(found, PageCode)}
    others = [
        page
        for page, found in zip(pages, read, strict=True)
        if isinstance(found, Waiting) and (page.mark or any(code.startswith("CV1|") for code in page.codes))
    ]
    distinct = [page for n, page in enumerate(others) if not any(page.looks_like(other) for other in others[:n])]
    return len(known) + len(distinct)


def _read(page: PageReading, expected: Expectation) -> Code | Waiting | None:
    """Say what a page's codes are: one that is good and expected, a reason to wait, or (None) that there is none."""
    if page.unreadable:
        return Waiting(QueueReason.UNREADABLE_PAGE)
    good: set[Code] = set()
    refused: list[QueueReason] = []
    for text in page.codes:
        try:
            good.add(read_code(text, series=expected.series, components=expected.components))
        except CodeRefused as refusal:
            refused.append(QueueReason(refusal_reason(refusal)))
    if len(good) > 1 or (good and QueueReason.WRONG_EXAM in refused):
        return Waiting(QueueReason.TWO_CODES)
    if not good:
        if refused:
            return Waiting(min(refused, key=list(QueueReason).index))
        return Waiting(QueueReason.UNREADABLE_COVER) if page.mark else None
    return _known(good.pop(), expected)


def _known(code: Code, expected: Expectation) -> Code | Waiting:
    if isinstance(code, PacketLabel):
        known = expected.labels is None or code.payload in expected.labels
        return code if known else Waiting(QueueReason.LABEL_UNKNOWN)
    key = key_of(code)
    if key in expected.candidates:
        return code
    places = {(other.centre_number, other.component_code) for other in expected.candidates}
    if (key.centre_number, key.component_code) in places:
        return Waiting(QueueReason.NOT_ON_REGISTER)
    same = [
        other
        for other in expected.candidates
        if (other.component_code, other.candidate_number) == (key.component_code, key.candidate_number)
    ]
    proposed = (same[0], ProposedBy.CANDIDATE_NUMBER) if len(same) == 1 else (None, None)
    return Waiting(QueueReason.WRONG_CENTRE_NUMBER, *proposed)


def _gathered(walk: Walk, seen: BundleSeen, pages_in: int) -> Split:
    """Put booklets of one candidate together, and say of each page whether it has its place."""
    by_key: defaultdict[ScriptKey, list[Segment]] = defaultdict(list)
    for segment in walk.segments:
        by_key[segment.booklet[0]].append(segment)
    coded: defaultdict[ScriptKey, list[CodedPage]] = defaultdict(list)
    for page in walk.coded:
        coded[page.booklet[0]].append(page)
    doubts = coded_pages.doubts(walk.coded, walk.covers, walk.expected.counts.duplex)
    scripts: list[ScriptPages] = []
    findings: list[Finding] = []
    queued = list(walk.queued)
    for key, segments in by_key.items():
        candidate = _Candidate(key, walk.expected, seen, segments, coded[key], doubts)
        queued += candidate.queued
        if candidate.script is not None:
            scripts.append(candidate.script)
            findings += candidate.findings()
    every = tuple(sorted(queued, key=lambda page: page.index))
    return Split(pages_in, tuple(scripts), tuple(walk.headers), every, tuple(findings))


class _Candidate:
    """What a bundle holds of one candidate: the script, if there is one, and what waits with this candidate proposed."""

    def __init__(
        self,
        key: ScriptKey,
        expected: Expectation,
        seen: BundleSeen,
        segments: Sequence[Segment],
        coded: Sequence[CodedPage],
        doubts: Mapping[int, QueueReason],
    ) -> None:
        self.key = key
        self.queued: list[QueuedPage] = []
        self._counts, self._seen = expected.counts, seen
        self._segments, self._coded = segments, coded
        self._covers: defaultdict[int, list[int]] = defaultdict(list)
        self._answers: defaultdict[int, list[int]] = defaultdict(list)
        self._empty = True
        self._take_coded(doubts)
        for segment in segments:
            self._take(segment)
        collision = self._collision(expected)
        if collision is None and self._empty:
            collision = QueueReason.MISSING_PAGES
        self.script = self._whole() if collision is None else None
        if collision is not None:
            self._wait([index for pages in self._covers.values() for index in pages], collision)
            self._wait([index for pages in self._answers.values() for index in pages], collision)

    def _collision(self, expected: Expectation) -> QueueReason | None:
        """Say why nothing of this candidate may be indexed: it would meet what is there already, here or elsewhere."""
        numbers = Counter(segment.booklet[1] for segment in self._segments if segment.cover is not None)
        numbers_seen = {segment.booklet[1] for segment in self._segments}
        twice = max(numbers.values(), default=0) > 1
        if self.key in expected.indexed and min(numbers_seen) > 1 and not twice:
            return QueueReason.EXTRA_BOOKLET_UNMATCHED
        return QueueReason.DUPLICATE_CANDIDATE if twice or self.key in expected.indexed else None

    def _take_coded(self, doubts: Mapping[int, QueueReason]) -> None:
        for page in sorted(self._coded, key=lambda page: (page.booklet, page.code.page, page.place)):
            index = page.reading.index
            if page.place in doubts:
                self._wait([index], doubts[page.place], ProposedBy.PAGE_CODE)
            else:
                self._answers[page.booklet[1]].append(index)
                self._empty = False

    def _take(self, segment: Segment) -> None:
        number = segment.booklet[1]
        if any(page.booklet == segment.booklet for page in self._coded):
            self._covers[number] += segment.sides
            self._wait([page.index for page in segment.pages], QueueReason.UNCOUNTED, ProposedBy.POSITION)
            return
        reason = self._unproven(segment)
        if reason is not None:
            self._wait([*segment.sides, *(page.index for page in segment.pages)], reason)
            return
        self._covers[number] += segment.sides
        self._empty = False
        for page in segment.pages:
            if page.rejected:
                self._wait([page.index], QueueReason.IMAGE_REJECTED)
            elif PageNote.ON_ITS_SIDE in page.notes:
                self._wait([page.index], QueueReason.INVERTED)
            else:
                self._answers[number].append(page.index)

    def _unproven(self, segment: Segment) -> QueueReason | None:
        if segment.length == len(segment.sides):
            return QueueReason.MISSING_PAGES
        if segment.is_cut_short:
            return QueueReason.UNCOUNTED
        is_extra = segment.booklet[1] > 1
        proof = proving.booklet_proof(self._counts, self._seen, segment.length, is_extra=is_extra)
        return None if proof is Proof.PROVEN else QueueReason(str(proof))

    def _wait(self, pages: Iterable[int], reason: QueueReason, proposed_by: ProposedBy = ProposedBy.COVER) -> None:
        self.queued += [QueuedPage(index, reason, self.key, proposed_by) for index in pages]

    def _whole(self) -> ScriptPages:
        numbers = sorted({*self._covers, *self._answers})
        of = {segment.booklet[1]: segment.cover.of for segment in self._segments if segment.cover is not None}
        return ScriptPages(
            self.key,
            tuple(index for number in numbers for index in [*self._covers[number], *self._answers[number]]),
            tuple((number, of.get(number, 0)) for number in numbers),
            next((segment.label for segment in self._segments if segment.label is not None), None),
            sum(len(pages) for pages in self._covers.values()),
        )

    def findings(self) -> Iterable[Finding]:
        """Say what about the script has to be looked at."""
        booklets = sorted({page.booklet for page in self._coded})
        for booklet in booklets:
            pages = [page for page in self._coded if page.booklet == booklet]
            yield from coded_pages.findings(pages, self._counts.duplex)
        wanted = max((segment.cover.of for segment in self._segments if segment.cover is not None), default=0)
        missing = sorted(set(range(1, wanted + 1)) - {segment.booklet[1] for segment in self._segments})
        if missing:
            numbers = ", ".join(str(number) for number in missing)
            yield Finding("missing_pages", self.key, f"booklet {numbers} of {wanted} is not in the bundle")
