"""Splitting a scan bundle into scripts: covers begin scripts, and whatever is not certain waits for a person.

The law: pages in = indexed + blank confirmed + queued + discarded. A page is never given to a script on a guess: after a
cover that could not be read or used, everything up to the next good cover is queued.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from scripts.errors import BundleUnreadable, CodeRefused, PagesNotConserved
from scripts.labels import MAX_CODE_CHARACTERS, PacketLabel, ScriptCover, read_code, refusal_reason

MAX_PAGES = 1000
MAX_CODES_A_PAGE = 8


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


@dataclass(frozen=True, slots=True)
class PageReading:
    """What a look at one page gave.

    Takes: ``index`` from 0; ``codes``: texts of the barcodes, as read; ``blank``: nothing seen on it; ``mark``: the bars
        of a cover sheet were seen, whether or not its code could be read; ``unreadable``: the image could not be
        opened; ``sha256`` of the image, hex.
    """

    index: int
    sha256: str
    codes: tuple[str, ...] = ()
    blank: bool = False
    mark: bool = False
    unreadable: bool = False
    width_px: int = 0
    height_px: int = 0

    @property
    def code(self) -> str | None:
        """Return the text of the page's code when it has exactly one."""
        return self.codes[0] if len(self.codes) == 1 else None


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
    """

    series: str
    candidates: frozenset[ScriptKey]
    indexed: frozenset[ScriptKey] = frozenset()
    labels: frozenset[str] | None = None

    @property
    def components(self) -> frozenset[str]:
        """Return the components that the bundle may hold."""
        return frozenset(key.component_code for key in self.candidates)


@dataclass(frozen=True, slots=True)
class ScriptPages:
    """One script found in a bundle: its pages in order, cover sheets included, and its booklets as (number, of)."""

    key: ScriptKey
    pages: tuple[int, ...]
    booklets: tuple[tuple[int, int], ...]
    label: PacketLabel | None = None

    @property
    def answer_pages(self) -> int:
        """Return the number of pages that are not cover sheets."""
        return len(self.pages) - len(self.booklets)


@dataclass(frozen=True, slots=True)
class HeaderPage:
    """A sheet with the packet's label, scanned before its scripts: indexed to the packet."""

    index: int
    label: PacketLabel


@dataclass(frozen=True, slots=True)
class QueuedPage:
    """A page that waits for a person, the reason, and the script it may belong to when there is one."""

    index: int
    reason: QueueReason
    proposed: ScriptKey | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a script that was found complete enough to index but needs a look: ``missing_pages``."""

    kind: str
    key: ScriptKey
    detail: str


@dataclass(frozen=True, slots=True)
class Split:
    """A bundle taken apart: every page is in exactly one place.

    Raises: ``PagesNotConserved`` when it is not so.
    Source: project policy (domain: scripts, sections 8 and 9, equation 6).
    """

    pages_in: int
    scripts: tuple[ScriptPages, ...]
    headers: tuple[HeaderPage, ...]
    queued: tuple[QueuedPage, ...]
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        placed = [index for script in self.scripts for index in script.pages]
        placed += [page.index for page in self.headers] + [page.index for page in self.queued]
        if sorted(placed) != list(range(self.pages_in)):
            raise PagesNotConserved(pages_in=self.pages_in, pages_out=len(placed))

    @property
    def indexed_count(self) -> int:
        """Return the pages tied to a script or, for a header, to its packet."""
        return sum(len(script.pages) for script in self.scripts) + len(self.headers)

    @property
    def queues(self) -> dict[QueueReason, tuple[int, ...]]:
        """Return the queued pages by reason."""
        found: defaultdict[QueueReason, list[int]] = defaultdict(list)
        for page in self.queued:
            found[page.reason].append(page.index)
        return {reason: tuple(pages) for reason, pages in found.items()}


@dataclass(slots=True)
class _Segment:
    cover: ScriptCover
    key: ScriptKey
    label: PacketLabel | None
    pages: list[int] = field(default_factory=list)


def split(readings: Iterable[PageReading], expected: Expectation) -> Split:
    """Split the pages of one bundle into scripts and queues.

    Takes: the readings in page order, indices 0, 1, 2, …; what the bundle may hold.
    Returns: the split; a script whose candidate turns up twice is queued, all copies, until somebody decides.
    Raises: ``PagesNotConserved`` when the indices are not 0, 1, 2, ….
    Source: project policy (domain: scripts, sections 8, 9 and 11).
    """
    pages = tuple(readings)
    headers: list[HeaderPage] = []
    queued: list[QueuedPage] = []
    segments: list[_Segment] = []
    seen: set[str] = set()
    label: PacketLabel | None = None
    current: _Segment | QueueReason = QueueReason.BEFORE_FIRST_COVER
    for page in pages:
        found = _begins(page, expected)
        if isinstance(found, PacketLabel):
            headers.append(HeaderPage(page.index, found))
            label, current = found, QueueReason.BEFORE_FIRST_COVER
        elif isinstance(found, ScriptCover):
            current = _Segment(found, _key_of(found), label, [page.index])
            segments.append(current)
        elif found is not None:
            queued.append(QueuedPage(page.index, found))
            current = found
        elif page.blank or page.sha256 in seen:
            reason = QueueReason.BLANK if page.blank else QueueReason.DUPLICATE_PAGE
            queued.append(QueuedPage(page.index, reason, current.key if isinstance(current, _Segment) else None))
        elif isinstance(current, _Segment):
            current.pages.append(page.index)
        else:
            queued.append(QueuedPage(page.index, current))
        seen.add(page.sha256)
    scripts, collided = _gather(segments, expected)
    findings = tuple(finding for script in scripts for finding in _findings(script))
    every = tuple(sorted([*queued, *collided], key=lambda page: page.index))
    return Split(len(pages), scripts, tuple(headers), every, findings)


def _key_of(cover: ScriptCover) -> ScriptKey:
    return ScriptKey(cover.centre_number, cover.component_code, cover.candidate_number)


def _begins(page: PageReading, expected: Expectation) -> PacketLabel | ScriptCover | QueueReason | None:
    """Say what begins on a page: a script, a packet, something that must be queued, or (None) nothing new."""
    if page.unreadable:
        return QueueReason.UNREADABLE_PAGE
    good: set[PacketLabel | ScriptCover] = set()
    refused: list[QueueReason] = []
    for text in page.codes:
        try:
            good.add(read_code(text, series=expected.series, components=expected.components))
        except CodeRefused as refusal:
            refused.append(QueueReason(refusal_reason(refusal)))
    if len(good) > 1 or (good and QueueReason.WRONG_EXAM in refused):
        return QueueReason.TWO_CODES
    if not good:
        if refused:
            return min(refused, key=list(QueueReason).index)
        return QueueReason.UNREADABLE_COVER if page.mark else None
    return _known(good.pop(), expected)


def _known(code: PacketLabel | ScriptCover, expected: Expectation) -> PacketLabel | ScriptCover | QueueReason:
    if isinstance(code, PacketLabel):
        known = expected.labels is None or code.payload in expected.labels
        return code if known else QueueReason.LABEL_UNKNOWN
    key = _key_of(code)
    if key in expected.candidates:
        return code
    places = {(other.centre_number, other.component_code) for other in expected.candidates}
    if (key.centre_number, key.component_code) in places:
        return QueueReason.NOT_ON_REGISTER
    return QueueReason.WRONG_CENTRE_NUMBER


def _gather(segments: Sequence[_Segment], expected: Expectation) -> tuple[tuple[ScriptPages, ...], list[QueuedPage]]:
    """Put booklets of one candidate together; queue those that collide with another or with one indexed before."""
    by_key: defaultdict[ScriptKey, list[_Segment]] = defaultdict(list)
    for segment in segments:
        by_key[segment.key].append(segment)
    scripts: list[ScriptPages] = []
    queued: list[QueuedPage] = []
    for key, parts in by_key.items():
        numbers = Counter(part.cover.number for part in parts)
        if key in expected.indexed or max(numbers.values()) > 1:
            extra = key in expected.indexed and min(numbers) > 1 and max(numbers.values()) == 1
            reason = QueueReason.EXTRA_BOOKLET_UNMATCHED if extra else QueueReason.DUPLICATE_CANDIDATE
            queued += [QueuedPage(index, reason, key) for part in parts for index in part.pages]
            continue
        parts.sort(key=lambda part: part.cover.number)
        scripts.append(
            ScriptPages(
                key,
                tuple(index for part in parts for index in part.pages),
                tuple((part.cover.number, part.cover.of) for part in parts),
                parts[0].label,
            )
        )
    return tuple(scripts), queued


def _findings(script: ScriptPages) -> Iterable[Finding]:
    if script.answer_pages == 0:
        yield Finding("missing_pages", script.key, "the cover sheet is not followed by any answer page")
    wanted = max(of for _, of in script.booklets)
    missing = sorted(set(range(1, wanted + 1)) - {number for number, _ in script.booklets})
    if missing:
        numbers = ", ".join(str(number) for number in missing)
        yield Finding("missing_pages", script.key, f"booklet {numbers} of {wanted} is not in the bundle")


def readings_to_json(readings: Iterable[PageReading]) -> str:
    """Return the readings as JSON, ASCII only, for the way out of the child process."""
    return json.dumps({"version": 1, "pages": [asdict(page) for page in readings]}, separators=(",", ":"))


def readings_from_json(untrusted_text: str | bytes) -> tuple[PageReading, ...]:
    """Read the child's description of a bundle, believing only its shape.

    Raises: ``BundleUnreadable`` when it is anything but 1 to 1,000 well-formed pages in order.
    """
    try:
        document = json.loads(untrusted_text)
        pages = document["pages"]
        if document["version"] != 1 or not 1 <= len(pages) <= MAX_PAGES:
            raise ValueError("not a description of 1 to 1,000 pages")
        return tuple(_reading(index, page) for index, page in enumerate(pages))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as cause:
        raise BundleUnreadable from cause


def _reading(index: int, page: dict[str, object]) -> PageReading:
    codes, sha256 = page["codes"], page["sha256"]
    if page["index"] != index or not isinstance(codes, list) or len(codes) > MAX_CODES_A_PAGE:
        raise ValueError("pages out of order, or codes that are no list")
    if not all(isinstance(code, str) and len(code) <= MAX_CODE_CHARACTERS + 1 for code in codes):
        raise ValueError("a code is longer than any code of ours")
    if not isinstance(sha256, str) or len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise ValueError("not a hash")
    flags = [page["blank"], page["mark"], page["unreadable"]]
    sizes = [page["width_px"], page["height_px"]]
    if any(type(flag) is not bool for flag in flags) or any(type(size) is not int for size in sizes):
        raise ValueError("not a reading")
    return PageReading(
        index=index,
        sha256=sha256,
        codes=tuple(codes),
        blank=flags[0] is True,
        mark=flags[1] is True,
        unreadable=flags[2] is True,
        width_px=int(str(sizes[0])),
        height_px=int(str(sizes[1])),
    )
