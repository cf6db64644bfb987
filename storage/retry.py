"""The one place where a failed call to a store is repeated.

Only `BackendUnavailable` is repeated: five tries, each pause drawn at random up to a doubling limit ("full jitter"),
thirty seconds in all. A repeated `put` sends the same bytes under the same name, so it cannot do harm.
"""

from __future__ import annotations

import random as random_module
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar, cast

from storage.backend import Backend, Caches, Composes, Copies, Data, ObjectHead, Purges, Sweeps
from storage.errors import BackendUnavailable

Result = TypeVar("Result")
ATTEMPTS = 5
BUDGET_SECONDS = 30.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 8.0


class Retrying:
    """A backend that tries again; its optional powers are those of the backend it wraps."""

    def __init__(
        self,
        backend: Backend,
        *,
        sleep: Callable[[float], None],
        random: Callable[[], float],
        clock: Callable[[], float],
        attempts: int = ATTEMPTS,
        budget_seconds: float = BUDGET_SECONDS,
    ) -> None:
        self._backend = backend
        self._sleep = sleep
        self._random = random
        self._clock = clock
        self._attempts = attempts
        self._budget_seconds = budget_seconds

    def _again(self, call: Callable[[], Result]) -> Result:
        began = self._clock()
        for attempt in range(1, self._attempts):
            try:
                return call()
            except BackendUnavailable:
                pause = self._random() * min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**attempt)
                if self._clock() - began + pause > self._budget_seconds:
                    raise
                self._sleep(pause)
        return call()

    def put(
        self, key: str, data: Data, *, metadata: Mapping[str, str] | None = None, sha256: bytes | None = None
    ) -> None:
        """Keep a blob; every try sends the same bytes."""
        self._again(lambda: self._backend.put(key, data, metadata=metadata, sha256=sha256))

    def get(self, key: str, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes of a range."""
        return self._again(lambda: self._backend.get(key, start, stop))

    def head(self, key: str) -> ObjectHead:
        """Size, instant and metadata."""
        return self._again(lambda: self._backend.head(key))

    def delete(self, key: str) -> None:
        """Forget a blob."""
        self._again(lambda: self._backend.delete(key))

    def list(self, prefix: str) -> Iterator[ObjectHead]:
        """Every blob under a prefix; a listing that breaks off begins again and leaves out what it gave already."""
        last = ""
        broken = 0
        while True:
            try:
                for head in self._backend.list(prefix):
                    if head.key > last:
                        last = head.key
                        broken = 0
                        yield head
            except BackendUnavailable:
                broken += 1
                if broken >= self._attempts:
                    raise
                self._sleep(self._random() * min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**broken))
            else:
                return


class _RetryingComposes(Retrying):
    @property
    def compose_minimum_bytes(self) -> int:
        return cast(Composes, self._backend).compose_minimum_bytes

    def compose(self, target: str, sources: Sequence[str], metadata: Mapping[str, str]) -> None:
        """Join blobs; a join begins from nothing each time."""
        self._again(lambda: cast(Composes, self._backend).compose(target, sources, metadata))


class _RetryingCopies(Retrying):
    def copy(self, source: str, target: str, metadata: Mapping[str, str]) -> None:
        """Copy a blob."""
        self._again(lambda: cast(Copies, self._backend).copy(source, target, metadata))


class _RetryingPurges(Retrying):
    def purge(self, key: str) -> None:
        """Forget every version of a blob."""
        self._again(lambda: cast(Purges, self._backend).purge(key))


class _RetryingSweeps(Retrying):
    def sweep_hidden(self, older_than_at: datetime) -> int:
        """Clear remains of interrupted writes away."""
        return self._again(lambda: cast(Sweeps, self._backend).sweep_hidden(older_than_at))


class _RetryingCaches(Retrying):
    def forget_cached(self, key: str) -> None:
        """Let the next read come from where the blob is kept."""
        self._again(lambda: cast(Caches, self._backend).forget_cached(key))


_POWERS: tuple[tuple[type, type[Retrying]], ...] = (
    (Composes, _RetryingComposes),
    (Copies, _RetryingCopies),
    (Purges, _RetryingPurges),
    (Sweeps, _RetryingSweeps),
    (Caches, _RetryingCaches),
)


def retrying(
    backend: Backend,
    *,
    sleep: Callable[[float], None] = time.sleep,
    random: Callable[[], float] = random_module.random,
    clock: Callable[[], float] = time.monotonic,
    attempts: int = ATTEMPTS,
    budget_seconds: float = BUDGET_SECONDS,
) -> Retrying:
    """A backend that tries again, with exactly the optional powers of `backend`."""
    bases = tuple(wrapper for power, wrapper in _POWERS if isinstance(backend, power)) or (Retrying,)
    kind = cast(type[Retrying], type("Retrying", bases, {}))
    return kind(backend, sleep=sleep, random=random, clock=clock, attempts=attempts, budget_seconds=budget_seconds)
