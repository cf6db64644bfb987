"""Failpoints around a service under test: before and after each call of the store, each statement, commit and reply.

Nothing of this is in the product. The child process of a fault test composes the product's own parts and puts these
around them.
"""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from aiohttp import web
from sqlalchemy import Engine, event

from storage.backend import Backend, Composes, Copies, Data, ObjectHead, Purges, Sweeps, pieces
from storage.names import STAGING

from .trace import Trace

HEADER_BYTES = 40
Strike = Callable[[str, Any], None]


def kill(_label: str, _subject: object) -> None:
    """End this process at once, as a loss of power to it alone would."""
    os.kill(os.getpid(), signal.SIGKILL)


class Failpoints:
    """Counts the points that a run passes and strikes at the chosen one."""

    def __init__(
        self, trace: Trace, strike_at: int | None, strike: Strike = kill, counts: Callable[[str], bool] = bool
    ) -> None:
        """Takes: ``counts``, which labels are points at all."""
        self._trace = trace
        self._strike_at = strike_at
        self._strike = strike
        self._counts = counts
        self._lock = threading.Lock()
        self.armed = False
        self.passed = 0

    def reach(self, label: str, subject: object = None) -> None:
        """Pass a point."""
        with self._lock:
            if not self.armed or not self._counts(label):
                return
            self.passed += 1
            struck = self.passed == self._strike_at
            if struck:
                self._trace.add("struck", number=self.passed, label=label)
        if struck:
            self._strike(label, subject)


class Witness:
    """A backend with a point before and after everything that changes the store; remembers every ciphertext put."""

    def __init__(self, backend: Backend, points: Failpoints, trace: Trace) -> None:
        self._backend = backend
        self._points = points
        self._trace = trace

    def put(
        self, key: str, data: Data, *, metadata: Mapping[str, str] | None = None, sha256: bytes | None = None
    ) -> None:
        blob = b"".join(pieces(data))
        if key.startswith(STAGING):
            digest = hashlib.sha256(blob).hexdigest()
            self._trace.add("put", key=key, header=blob[:HEADER_BYTES].hex(), sha256=digest)
        self._points.reach(f"before put {_kind(key)}")
        self._backend.put(key, data, metadata=metadata, sha256=sha256)
        self._points.reach(f"after put {_kind(key)}")

    def get(self, key: str, start: int = 0, stop: int | None = None) -> bytes:
        return self._backend.get(key, start, stop)

    def head(self, key: str) -> ObjectHead:
        return self._backend.head(key)

    def delete(self, key: str) -> None:
        self._points.reach(f"before delete {_kind(key)}")
        self._backend.delete(key)
        self._points.reach(f"after delete {_kind(key)}")

    def list(self, prefix: str) -> Iterator[ObjectHead]:
        return self._backend.list(prefix)


class _WitnessComposes(Witness):
    @property
    def compose_minimum_bytes(self) -> int:
        return cast(Composes, self._backend).compose_minimum_bytes

    def compose(self, target: str, sources: Sequence[str], metadata: Mapping[str, str]) -> None:
        self._points.reach("before compose")
        cast(Composes, self._backend).compose(target, sources, metadata)
        self._points.reach("after compose")


class _WitnessCopies(Witness):
    def copy(self, source: str, target: str, metadata: Mapping[str, str]) -> None:
        self._points.reach("before copy")
        cast(Copies, self._backend).copy(source, target, metadata)
        self._points.reach("after copy")


class _WitnessPurges(Witness):
    def purge(self, key: str) -> None:
        self._points.reach(f"before purge {_kind(key)}")
        cast(Purges, self._backend).purge(key)
        self._points.reach(f"after purge {_kind(key)}")


class _WitnessSweeps(Witness):
    def sweep_hidden(self, older_than_at: datetime) -> int:
        self._points.reach("before sweep")
        swept = cast(Sweeps, self._backend).sweep_hidden(older_than_at)
        self._points.reach("after sweep")
        return swept


_POWERS: tuple[tuple[type, type[Witness]], ...] = (
    (Composes, _WitnessComposes),
    (Copies, _WitnessCopies),
    (Purges, _WitnessPurges),
    (Sweeps, _WitnessSweeps),
)


def witnessed(backend: Backend, points: Failpoints, trace: Trace) -> Witness:
    """The backend with points around it, and exactly its optional powers."""
    bases = tuple(kind for power, kind in _POWERS if isinstance(backend, power)) or (Witness,)
    return cast(type[Witness], type("Witness", bases, {}))(backend, points, trace)


def _kind(key: str) -> str:
    area, _, rest = key.partition("/")
    return f"{area}/tail" if "/tail." in rest else area


def is_sql(label: str) -> bool:
    """Whether the point is just before a statement or commit."""
    return label.startswith("before ") and label.split()[1].isupper() and not label.startswith("before reply")


def is_store(label: str) -> bool:
    """Whether the point is beside a call of the store."""
    return label.split()[1] in {"put", "delete", "compose", "copy"}


def watch_database(engine: Engine, points: Failpoints) -> None:
    """Put points before and after each statement and each commit."""

    @event.listens_for(engine, "before_cursor_execute")
    def before(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        points.reach(f"before {_words(statement)}", connection)

    @event.listens_for(engine, "after_cursor_execute")
    def after(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        points.reach(f"after {_words(statement)}", connection)

    commit = engine.dialect.do_commit

    def do_commit(connection: Any) -> None:
        points.reach("before COMMIT", connection)
        commit(connection)
        points.reach("after COMMIT")

    engine.dialect.do_commit = do_commit


def _words(statement: str) -> str:
    words = statement.replace("\n", " ").split()
    return " ".join(words[:3] if words[0] in {"INSERT", "DELETE"} else words[:2] if words[0] == "UPDATE" else words[:1])


def watch_replies(app: web.Application, points: Failpoints, trace: Trace) -> None:
    """Put a point before each reply; what it acknowledges is on record before it can leave."""

    async def note(request: web.Request, response: web.StreamResponse) -> None:
        trace.add("reply", method=request.method, path=request.path, status=response.status)
        oid = request.match_info.get("oid") or response.headers.get("Location", "").rpartition("/")[2]
        if oid and response.status < 300 and "Upload-Offset" in response.headers:
            trace.add("acknowledged", oid=oid, offset=int(response.headers["Upload-Offset"]))
        points.reach(f"before reply {request.method} {response.status}")

    app.on_response_prepare.append(note)
