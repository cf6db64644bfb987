"""The lines that requests come by: what the parser itself refuses is answered as a problem, like every other refusal."""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_server import Server

from repository.errors import RequestMalformed
from repository.web.middleware import TUS_VERSION
from repository.web.problems import problem_of

logger = logging.getLogger(__name__)


class Line(RequestHandler):
    """One connection."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that could not be read; it is its sender's fault, so it is no fault in the log."""
        if status != 400 or request.writer.output_size > 0:
            return super().handle_error(request, status, exc, message)
        request_id = str(uuid4())
        logger.info("request %s could not be read: %s", request_id, type(exc).__name__)
        detail = "The request could not be read: it is not HTTP as the server understands it."
        if isinstance(exc, LineTooLong):
            detail = "A line of the request's head is too long. Shorten the address, the file name or the metadata."
        response = web.json_response(
            problem_of(RequestMalformed(detail)).as_json(request_id),
            status=status,
            content_type="application/problem+json",
            headers={
                "Tus-Resumable": TUS_VERSION,
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
                "X-Request-Id": request_id,
            },
        )
        response.force_close()
        return response


class Lines(Server):
    """aiohttp's server, whose connections are ours."""

    def __call__(self) -> RequestHandler:
        """Return what handles a new connection."""
        return Line(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application over our connections. Bodies are taken as they come: a little must not unpack to very much."""

    def __init__(self, app: web.Application, **settings: Any) -> None:
        super().__init__(app, **{"auto_decompress": False, **settings})

    async def _make_server(self) -> Server:
        made = await super()._make_server()
        return Lines(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            loop=made._loop,
            **made._kwargs,
        )
