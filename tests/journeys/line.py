"""A line between a client and the service that goes dead when the test says so: half-open, as a lost router leaves it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

PIECE_BYTES = 64 * 1024
STALL_SECONDS = 60.0


class Line:
    """Passes bytes both ways until so many have gone to the service; then the connection that sent them falls silent.

    A silent connection stays open towards the service, whatever becomes of the client; others pass as before.
    """

    def __init__(self, target: str) -> None:
        address = urlsplit(target)
        self._target = (address.hostname or "", address.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._left: int | None = None
        self._lock = threading.Lock()
        self._withheld: list[tuple[socket.socket, bytes]] = []
        self._stalled = threading.Event()
        self._open: list[socket.socket] = []
        self.passed_bytes = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def stall_after(self, count_bytes: int) -> None:
        """Let so many more bytes through to the service, then fall silent."""
        self._stalled.clear()
        self._left = count_bytes

    def until_stalled(self) -> None:
        """Wait until a connection has fallen silent; what comes later passes."""
        assert self._stalled.wait(STALL_SECONDS), "the client never sent so much"

    def send_what_was_withheld(self) -> None:
        """The silent connections' bytes arrive after all, late."""
        for upstream, data in self._withheld:
            with contextlib.suppress(OSError):
                upstream.sendall(data)

    def close(self) -> None:
        """Cut everything."""
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                upstream = socket.create_connection(self._target)
            except OSError:
                return
            self._open += [client, upstream]
            threading.Thread(target=self._up, args=(client, upstream), daemon=True).start()
            threading.Thread(target=self._down, args=(upstream, client), daemon=True).start()

    def _up(self, client: socket.socket, upstream: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(PIECE_BYTES):
                with self._lock:
                    silent = self._left is not None and len(data) > self._left
                    passing, self._left = (data[: self._left], None) if silent else (data, self._less(len(data)))
                    self.passed_bytes += len(passing)
                upstream.sendall(passing)
                if silent:
                    self._withheld.append((upstream, data[len(passing) :]))
                    self._stalled.set()
                    return  # and neither side is told
            upstream.shutdown(socket.SHUT_WR)

    def _less(self, count: int) -> int | None:
        return None if self._left is None else self._left - count

    def _down(self, upstream: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := upstream.recv(PIECE_BYTES):
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)


@contextmanager
def line_to(target: str) -> Iterator[Line]:
    """A line to a service, cut at the end."""
    line = Line(target)
    try:
        yield line
    finally:
        line.close()
