"""The ceiling: aiohttp writes each body to a file, plain, with no protocol, no fsync and no record. Words: port, folder."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from uuid import uuid4

import uvloop
from aiohttp import web

folder = Path(sys.argv[2])


async def create(_request: web.Request) -> web.Response:
    """Give out an address."""
    return web.Response(status=201, headers={"Location": f"/files/{uuid4()}"})


async def patch(request: web.Request) -> web.Response:
    """Write the body as it comes."""
    with (folder / request.match_info["name"]).open("wb") as file:
        while piece := await request.content.readany():
            file.write(piece)
    return web.Response(status=204)


async def show(request: web.Request) -> web.FileResponse:
    """Answer a file, whole or a range."""
    return web.FileResponse(folder / request.match_info["name"])


def serve() -> None:
    """Serve until stopped."""
    app = web.Application(client_max_size=2**40)
    app.router.add_post("/files", create)
    app.router.add_patch("/files/{name}", patch)
    app.router.add_get("/files/{name}", show)
    asyncio.set_event_loop(uvloop.new_event_loop())
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


serve()
