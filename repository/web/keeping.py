"""Pages that a browser keeps, so that they open without a line: each has a service worker with a list of what it keeps."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from repository.web import built, files, headers
from repository.web.requests import services_of

WORKER = "worker.js"
OF_EVERY_PAGE = ("application.css", "page.js")
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class KeptPage:
    """A page that opens without a line.

    Takes: ``name``, which no other has; ``path`` of the page; ``kept``: where the page is as it may be kept, with nothing
        of anybody on it; ``names``: the modules that it names, beside what every page does; ``files``: others of ours that
        it needs; ``templates`` that it is made of.
    """

    name: str
    path: str
    kept: str
    names: tuple[str, ...]
    files: tuple[str, ...]
    templates: tuple[str, ...]

    def named(self, built_dir: Path) -> tuple[str, ...]:
        """Return the addresses of built files that stand on the page itself: another version of it has others."""
        return tuple(built.needed(built_dir, name)[0] for name in (*OF_EVERY_PAGE, *self.names))

    def needed(self, built_dir: Path) -> tuple[str, ...]:
        """Return the addresses of all files of ours that the page needs, and so all that is kept beside it."""
        own = [address for name in (*OF_EVERY_PAGE, *self.names) for address in built.needed(built_dir, name)]
        return tuple(dict.fromkeys([*own, *(f"/static/{name}" for name in ("icon.svg", *self.files))]))


async def worker(request: web.Request, page: KeptPage) -> web.Response:
    """Answer a page's service worker, which names the files that it keeps by their hash: a new version is a new worker."""
    built_dir = services_of(request).settings.frontend_dir
    text, digest = await asyncio.to_thread(_worker, built_dir, page)
    head = {
        "name": page.name,
        "version": digest,
        "page": page.path,
        "kept": page.kept,
        "files": page.needed(built_dir),
        "named": page.named(built_dir),
    }
    return web.Response(
        text=f"self.NEA = {json.dumps(head)};\n{text}",
        content_type="text/javascript",
        headers={
            "Content-Security-Policy": headers.WORKER_POLICY,
            "Service-Worker-Allowed": page.path,
            "Cache-Control": "no-store",
        },
    )


def _worker(built_dir: Path, page: KeptPage) -> tuple[str, str]:
    text = (files.OWN / WORKER).read_text("utf-8")
    digest = hashlib.sha256(text.encode())
    for name in (*page.templates, "base.html"):
        digest.update((TEMPLATES / name).read_bytes())
    for address in page.needed(built_dir):
        name = address.removeprefix("/static/")
        path = built_dir / name.removeprefix("build/") if name.startswith("build/") else files.OWN / name
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return text, digest.hexdigest()[:16]
