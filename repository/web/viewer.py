"""What the viewer of a page shows: of each document its pages or its recording, and where a browser may load them from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from repository.documents import is_viewable_as_pages
from repository.web import content

PAGE_PIXELS = (1240, 1754)
"""Width and height of a page whose derivative says neither: A4 at 150 dots to the inch."""
PLAIN_PAGES = 20
"""So many pages stand on a page for browsers without scripts; the others follow by a link."""


class Showable(Protocol):
    """A document as a list or a viewing has it; further facts (``pages``, ``notes``) are used where they are there."""

    @property
    def document_id(self) -> str: ...  # noqa: D102
    @property
    def filename(self) -> str: ...  # noqa: D102
    @property
    def media_type(self) -> str | None: ...  # noqa: D102
    @property
    def page_count(self) -> int | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class PlainPage:
    """One page as a picture, for a browser without scripts."""

    number: int
    address: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One document in the viewer. ``kind`` is ``pages``, ``audio``, ``video`` or ``none`` (nothing can be shown)."""

    document_id: str
    label: str
    slot: str
    kind: str
    page_count: int
    shapes: str
    """Width and height of each page in pixels, as JSON; short where all are alike."""
    base: str
    ticket: str
    plain: tuple[PlainPage, ...]
    following: int
    """The first page that is not among the plain ones, 0 for none."""
    recording: str
    notes: tuple[str, ...] = ()


def shown(request: web.Request, document: Showable, *, label: str = "", slot: str = "", first: int = 1) -> Shown:
    """Return what the viewer shows of a document that the person of this request may view.

    Takes: ``label``, what it is called on the page where its name is not to be seen; ``first``, the first of the plain pages.
    """
    media_type = document.media_type or ""
    is_recording = media_type.startswith(("audio/", "video/"))
    is_pages = is_viewable_as_pages(media_type) or bool(document.page_count and not is_recording)
    kind = "pages" if is_pages else media_type.partition("/")[0]
    kind = kind if kind in {"pages", "audio", "video"} else "none"
    count = (document.page_count or 0) if kind == "pages" else 0
    base, _, ticket = content.address(request, "documents", document.document_id, "").partition("?ticket=")
    last = min(count, first + PLAIN_PAGES - 1)
    return Shown(
        document.document_id,
        label or document.filename,
        slot,
        kind,
        count,
        _shapes(document),
        base.rstrip("/"),
        ticket,
        tuple(PlainPage(number, f"{base}pages/{number}?ticket={ticket}") for number in range(first, last + 1)),
        last + 1 if last < count else 0,
        f"{base}recording?ticket={ticket}" if kind in {"audio", "video"} else "",
        tuple(getattr(document, "notes", ())),
    )


def all_shown(request: web.Request, documents: Iterable[Showable]) -> tuple[Shown, ...]:
    """Return what the viewer shows of several documents of one work, in their order."""
    return tuple(shown(request, one, slot=str(getattr(one, "slot", ""))) for one in documents)


def _shapes(document: Showable) -> str:
    """Return the pages' sizes: one pair where all pages have it, so that a long document makes no long page."""
    pages = getattr(document, "pages", ())
    sizes = [[one.width_pixels, one.height_pixels] for one in pages] or [list(PAGE_PIXELS)]
    return json.dumps(sizes[:1] if all(one == sizes[0] for one in sizes) else sizes, separators=(",", ":"))
