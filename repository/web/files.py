"""Our own static files: a fixed list read from two folders, never a path a client chose."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from aiohttp import web

from repository.errors import NotFound
from repository.web import built
from repository.web.requests import services_of

OWN = Path(__file__).parent / "static"
TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".map": "application/json",
    ".wasm": "application/wasm",
}
FOR_EVER = "public, max-age=31536000, immutable"
FOR_FIVE_MINUTES = "public, max-age=300"
WORTH_BYTES = 1000
"""A smaller file fits into one packet as it is."""


async def static(request: web.Request) -> web.StreamResponse:
    """Answer one of our own files, or 404."""
    asked = request.match_info["path"]
    folder = services_of(request).settings.frontend_dir if asked.startswith("build/") else OWN
    path = (folder / asked.removeprefix("build/")).resolve()
    if not path.is_relative_to(folder.resolve()) or path.suffix not in TYPES or not path.is_file():
        raise NotFound
    # Not sent past our buffers by the system: nobody could see then that a reader does not read.
    body = await asyncio.to_thread(path.read_bytes)
    tag = hashlib.sha256(body).hexdigest()[:32]
    headers = {
        "Content-Type": TYPES[path.suffix],
        "Cache-Control": FOR_EVER if asked.startswith(built.NEVER_CHANGE) else FOR_FIVE_MINUTES,
        "ETag": f'"{tag}"',
        "Vary": "Accept-Encoding",
    }
    if any(known.value == tag for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    taken = {word.split(";")[0].strip() for word in request.headers.get("Accept-Encoding", "").split(",")}
    if "br" in taken and (smallest := path.with_name(f"{path.name}.br")).is_file():
        small = await asyncio.to_thread(smallest.read_bytes)
        return web.Response(body=small, headers=headers | {"Content-Encoding": "br"})
    if "gzip" in taken and len(body) > WORTH_BYTES:
        return web.Response(body=await asyncio.to_thread(packed, body), headers=headers | {"Content-Encoding": "gzip"})
    return web.Response(body=body, headers=headers)


@lru_cache(maxsize=64)
def packed(body: bytes) -> bytes:
    """Return a file compressed as far as it goes: done once, as our files do not change while the service runs."""
    return gzip.compress(body, compresslevel=9, mtime=0)
