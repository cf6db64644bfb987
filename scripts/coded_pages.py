"""Pages that bear a code of their own: it says whose they are and where they belong, and shows what went wrong on the way.

The code alone decides to which script a page may go. Where the paper contradicts it (a page among those of another
candidate, two candidates on one sheet, one page twice) the page waits; where only the paper is incomplete or out of order,
the pages are proven all the same and the script is looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from scripts.labels import PageCode
from scripts.places import Finding, QueueReason, ScriptKey
from scripts.proving import Duplex
from scripts.readings import PageReading

Booklet = tuple[ScriptKey, int]
"""Whose script, and which of its booklets."""


@dataclass(frozen=True, slots=True)
class CodedPage:
    """A page whose code is good and whose candidate is expected; ``place`` counts the pages in the order of the paper."""

    place: int
    reading: PageReading
    code: PageCode
    booklet: Booklet


def doubts(pages: Sequence[CodedPage], covers: Mapping[int, Booklet], duplex: Duplex) -> dict[int, QueueReason]:
    """Say which pages must wait although their codes are good, by place.

    Takes: ``pages`` in the order of the paper; ``covers``: by place, the booklets that cover sheets begin.
    Source: project policy (domain: scripts, sections 8 and 11).
    """
    found: dict[int, QueueReason] = dict.fromkeys(
        (page.place for page in pages if page.reading.rejected), QueueReason.IMAGE_REJECTED
    )
    found |= dict.fromkeys(_repeated(pages), QueueReason.DUPLICATE_PAGE)
    found |= dict.fromkeys(_strays(pages, covers), QueueReason.PAGE_ORDER)
    found |= dict.fromkeys(_mismatched(pages, covers, duplex), QueueReason.FRONT_BACK_MISMATCH)
    return found


def _repeated(pages: Iterable[CodedPage]) -> set[int]:
    """Return pages that were scanned before; where two with one code look different, nobody can say which is right."""
    by_code: defaultdict[PageCode, list[CodedPage]] = defaultdict(list)
    for page in pages:
        by_code[page.code].append(page)
    repeated: set[int] = set()
    for first, *others in by_code.values():
        same = all(first.reading.looks_like(other.reading) for other in others)
        repeated.update(page.place for page in (others if same else [first, *others]))
    return repeated


def _strays(pages: Iterable[CodedPage], covers: Mapping[int, Booklet]) -> set[int]:
    """Return the pages that lie inside the booklet of somebody else."""
    places = [(page.place, page.booklet, True) for page in pages]
    places += [(place, booklet, False) for place, booklet in covers.items()]
    runs = [(owner, list(run)) for owner, run in groupby(sorted(places), key=lambda place: place[1])]
    strays: set[int] = set()
    for before, (_, run), after in zip(runs, runs[1:], runs[2:], strict=False):
        if before[0] == after[0]:
            strays.update(place for place, _, is_page in run if is_page)
    return strays


def _mismatched(pages: Iterable[CodedPage], covers: Mapping[int, Booklet], duplex: Duplex) -> set[int]:
    """Return both sides of the sheets whose sides are of two scripts: two sheets were drawn in as one, or printed so."""
    if duplex is Duplex.NONE:
        return set()
    by_place = {page.place: page for page in pages}
    wrong: set[int] = set()
    for place, back in by_place.items():
        front = by_place.get(place - 1)
        if place % 2 == 0:
            continue
        if front is not None and front.booklet != back.booklet and not _is_seam(front.code, back.code):
            wrong |= {front.place, back.place}
        elif covers.get(place - 1, back.booklet) != back.booklet:
            wrong.add(place)
    return wrong


def _is_seam(front: PageCode, back: PageCode) -> bool:
    """Say whether one booklet ends and the next begins here: the file is a page out of step with the sheets."""
    return front.page == front.of and front.of % 2 == 0 and back.page == 1


def findings(pages: Sequence[CodedPage], duplex: Duplex) -> list[Finding]:
    """Say what is wrong with one booklet whose pages are all proven: pages missing, sheets drawn in together, disorder.

    Takes: the pages of the booklet in the order of the paper, those that wait included.
    """
    key, number = pages[0].booklet
    wanted = max(page.code.of for page in pages)
    seen = {page.code.page for page in pages}
    found: list[Finding] = []
    missing = [page for page in range(1, wanted + 1) if page not in seen]
    if missing:
        listed = ", ".join(str(page) for page in missing)
        found.append(
            Finding("missing_pages", key, f"page {listed} of {wanted} of booklet {number} is not in the bundle")
        )
    together = [] if duplex is Duplex.NONE else [pair for pair in pairwise(pages) if _is_double_feed(*pair)]
    for front, back in together:
        detail = f"pages {front.code.page} and {back.code.page} of booklet {number} came as one sheet"
        found.append(Finding("double_feed", key, detail))
    sheets = [(page.code.page + 1) // 2 for page in pages]
    if sheets != sorted(sheets):
        found.append(Finding("page_order", key, f"the sheets of booklet {number} were scanned out of order"))
    return found


def _is_double_feed(front: CodedPage, back: CodedPage) -> bool:
    on_one_sheet = front.place % 2 == 0 and back.place == front.place + 1
    return (
        on_one_sheet and front.code.page % 2 == 1 and back.code.page % 2 == 0 and back.code.page != front.code.page + 1
    )
