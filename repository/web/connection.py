"""The lines that requests come by: what the parser refuses is answered like every other refusal, and nobody holds one for ever."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast
from uuid import uuid4

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_server import Server

from repository import logs
from repository.errors import RequestMalformed, ServiceBusy
from repository.settings import Settings
from repository.web import headers, hosts, keys
from repository.web.limits import Limits
from repository.web.middleware import TUS_VERSION
from repository.web.problems import Problem, problem_of, status_phrase
from repository.web.slowness import Breach, Guarded, Watch

SLOW_HEAD = Problem(
    408, "request-too-slow", "Request Timeout", "The request did not arrive in time. Send it again.", {}, None
)
LARGE_HEAD = Problem(
    431, "head-too-large", status_phrase(431), "The request's head is too long. Remove cookies or shorten it.", {}, None
)


class Line(Guarded, RequestHandler):
    """One connection."""

    __slots__ = ("_lines", "_payload", "_refused", "_watch", "_wire", "address", "is_known")

    def __init__(self, lines: Lines, **settings: Any) -> None:
        super().__init__(lines, **settings)
        self._lines = lines
        self._watch = Watch(lines.limits, self._loop.time())
        self._wire: asyncio.Transport | None = None
        self._payload: StreamReader | None = None
        self._refused = False
        self.address: str | None = None
        """Whom it counts for; None for a proxy that is believed, which speaks for many."""
        self.is_known = False

    @property
    def is_idle(self) -> bool:
        """Return whether nothing is asked on it at the moment."""
        return self._waiter is not None and not self._waiter.done() and not self._watch.head_bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or answer at once that there are too many."""
        self._wire = wire = cast(asyncio.Transport, transport)
        peer = wire.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else None
        if not self._lines.admit(self):
            self._refused = True
            wire.write(self._lines.raw_answer(problem_of(ServiceBusy())))
            wire.close()
            return
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let go of the connection."""
        self._lines.leave(self)
        if not self._refused:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, and note it."""
        if self._refused:
            return
        before = self._request_count
        super().data_received(data)
        ended = self._request_count > before
        if ended and self._messages:
            self._payload = self._messages[-1][1]
        is_open = self._payload is not None and not self._payload.is_eof()
        self._watch.received(self._loop.time(), len(data), heads_ended=ended, body_is_open=is_open)
        if self._watch.head_bytes > self._lines.limits.head_bytes:
            self.look()

    def look(self) -> None:
        """End the connection if it is beyond a limit. What was acknowledged on it is kept."""
        wire, now = self._wire, self._loop.time()
        if wire is None:
            return
        if self._reading_paused or self._buffer_paused:
            self._watch.excuse(now)
        if self._payload is not None and self._payload.is_eof():
            self._payload, self._watch.body_is_open = None, False
        waiting = wire.get_write_buffer_size()
        self._watch.unsent(now, waiting, is_held_up=self._paused, is_closing=wire.is_closing())
        breach = self._watch.breach(now)
        if breach is None:
            return
        logs.write("info", "connection-ended", reason=breach.value)
        if breach in {Breach.HEAD_SLOW, Breach.HEAD_LARGE} and not self._request_in_progress:
            if self._watch.head_bytes:
                wire.write(self._lines.raw_answer(SLOW_HEAD if breach is Breach.HEAD_SLOW else LARGE_HEAD))
            self.force_close()
        else:
            wire.abort()

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
        logs.write("info", "request-unreadable", request_id=request_id, reason=type(exc).__name__)
        detail = "The request could not be read: it is not HTTP as the server understands it."
        if isinstance(exc, LineTooLong):
            detail = "A line of the request's head is too long. Shorten the address, the file name or the metadata."
        response = web.json_response(
            problem_of(RequestMalformed(detail)).as_json(request_id),
            status=status,
            content_type="application/problem+json",
            headers={"Tus-Resumable": TUS_VERSION, "X-Request-Id": request_id, **self._lines.headers},
        )
        response.force_close()
        return response


class Lines(Server):
    """aiohttp's server, whose connections are ours: counted, and looked at every so often."""

    def __init__(self, *arguments: Any, limits: Limits, settings: Settings, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.limits = limits
        self.headers: Mapping[str, str] = headers.of_application(settings, headers.DATA_POLICY)
        self._settings = settings
        self._open: dict[Line, None] = {}
        """In the order in which they came."""
        self._looking: asyncio.TimerHandle | None = None

    def __call__(self) -> RequestHandler:
        """Return what handles a new connection."""
        return Line(self, loop=self._loop, **self._kwargs)

    def admit(self, line: Line) -> bool:
        """Return whether there is room for one more; the connection idle for longest makes room, strangers' first."""
        if line.address is not None and hosts.is_trusted(line.address, self._settings.trusted_proxies):
            line.address = None
        if line.address is not None:
            alike = [one for one in self._open if one.address == line.address and not one.is_known]
            if len(alike) >= self.limits.unknown_per_address and not _make_room(alike):
                return self._full("address")
        if len(self._open) >= self.limits.connections:
            strangers = [one for one in self._open if not one.is_known]
            if not _make_room(strangers) and not _make_room(list(self._open)):
                return self._full("node")
        self._open[line] = None
        if self._looking is None:
            self._looking = self._loop.call_later(self.limits.look_seconds, self._look)
        return True

    def leave(self, line: Line) -> None:
        """Count a connection no longer."""
        self._open.pop(line, None)

    def raw_answer(self, problem: Problem) -> bytes:
        """Return the bytes of an answer to what is no request yet; the connection ends with it."""
        body = json.dumps(problem.as_json(str(uuid4()))).encode("ascii")
        lines = [
            f"HTTP/1.1 {problem.status} {problem.title}",
            "Content-Type: application/problem+json",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        if problem.retry_after_seconds is not None:
            lines.append(f"Retry-After: {problem.retry_after_seconds}")
        return "\r\n".join([*lines, "", ""]).encode("ascii") + body

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as it is above
        """Close every connection."""
        if self._looking is not None:
            self._looking.cancel()
        await super().shutdown(timeout)

    def _full(self, what: str) -> bool:
        logs.write("warning", "connection-refused", reason=what, count=len(self._open))
        return False

    def _look(self) -> None:
        self._looking = None
        for line in list(self._open):
            line.look()
        if self._open:
            self._looking = self._loop.call_later(self.limits.look_seconds, self._look)


def _make_room(lines: list[Line]) -> bool:
    for line in lines:
        if line.is_idle:
            line.force_close()
            return True
    return False


class Runner(web.AppRunner):
    """Runs an application over our connections. Bodies are taken as they come: a little must not unpack to very much."""

    def __init__(self, app: web.Application, *, limits: Limits | None = None, **settings: Any) -> None:
        self._limits = limits or Limits()
        ours = {"auto_decompress": False, "keepalive_timeout": self._limits.keepalive_seconds}
        super().__init__(app, **{**ours, **settings})

    async def _make_server(self) -> Server:
        made = await super()._make_server()
        return Lines(
            made.request_handler,
            limits=self._limits,
            settings=self.app[keys.SERVICES].settings,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            loop=made._loop,
            **made._kwargs,
        )
