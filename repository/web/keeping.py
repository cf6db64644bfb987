"""Pages that a browser keeps, so that they open without a line: each has a service worker with a list of what it keeps."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from repository.web import files, headers
from repository.web.requests import services_of

WORKER = "worker.js"
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class KeptPage:
    """A page that opens without a line.

    Takes: ``name``, which no other has; ``path`` of the page; ``kept``: where the page is as it may be kept, with nothing
        of anybody on it; ``files``: those of ours that it needs, and all that is kept beside it; ``templates`` that it is
        made of.
    """

    name: str
    path: str
    kept: str
    files: tuple[str, ...]
    templates: tuple[str, ...]


async def worker(request: web.Request, page: KeptPage) -> web.Response:
    """Answer a page's service worker, which names the files that it keeps by their hash: a new version is a new worker."""
    built = services_of(request).settings.frontend_dir
    text, digest = await asyncio.to_thread(_worker, built, page)
    head = {
        "name": page.name,
        "version": digest,
        "page": page.path,
        "kept": page.kept,
        "files": [f"/static/{name}" for name in page.files],
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


def _worker(built: Path, page: KeptPage) -> tuple[str, str]:
    text = (files.OWN / WORKER).read_text("utf-8")
    digest = hashlib.sha256(text.encode())
    for name in (*page.templates, "base.html"):
        digest.update((TEMPLATES / name).read_bytes())
    for name in page.files:
        path = built / name.removeprefix("build/") if name.startswith("build/") else files.OWN / name
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return text, digest.hexdigest()[:16]
