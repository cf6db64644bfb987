from __future__ import annotations

import pytest

from storage.backend import Composes, Copies, Purges
from storage.errors import BackendUnavailable, ObjectNotFound
from storage.memory import MemoryBackend
from storage.retry import retrying


class Failing(MemoryBackend):
    """Fails the next so many calls."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures
        self.calls = 0

    def _maybe_fail(self) -> None:
        self.calls += 1
        if self.failures:
            self.failures -= 1
            raise BackendUnavailable

    def put(self, key, data, *, metadata=None, sha256=None):
        self._maybe_fail()
        super().put(key, data, metadata=metadata, sha256=sha256)

    def get(self, key, start=0, stop=None):
        self._maybe_fail()
        return super().get(key, start, stop)

    def list(self, prefix):
        for number, head in enumerate(super().list(prefix)):
            if number == 2:
                self._maybe_fail()
            yield head


def wrapped(backend, *, random: float = 1.0):
    pauses: list[float] = []
    return retrying(backend, sleep=pauses.append, random=lambda: random, clock=lambda: sum(pauses)), pauses


@pytest.mark.fault("att:G02")
def test_four_failures_are_outlived():
    inner = Failing(4)
    backend, pauses = wrapped(inner)
    backend.put("a", b"hello")
    assert inner.calls == 5
    assert pauses == [0.2, 0.4, 0.8, 1.6]
    assert backend.get("a") == b"hello"


def test_the_fifth_failure_is_told():
    inner = Failing(99)
    backend, _ = wrapped(inner)
    with pytest.raises(BackendUnavailable):
        backend.put("a", b"hello")
    assert inner.calls == 5


def test_pauses_are_drawn_from_nought():
    backend, pauses = wrapped(Failing(4), random=0.0)
    backend.put("a", b"hello")
    assert pauses == [0.0] * 4


def test_no_pause_goes_beyond_the_budget():
    inner = Failing(99)
    slow = [0.0]

    def clock() -> float:
        slow[0] += 16.0
        return slow[0]

    backend = retrying(inner, sleep=lambda _: None, random=lambda: 1.0, clock=clock)
    with pytest.raises(BackendUnavailable):
        backend.get("a")
    assert inner.calls == 2


def test_what_is_so_is_not_tried_again():
    inner = Failing(0)
    backend, pauses = wrapped(inner)
    with pytest.raises(ObjectNotFound):
        backend.get("a")
    assert (inner.calls, pauses) == (1, [])


def test_a_listing_that_breaks_off_goes_on_without_repeating():
    inner = Failing(0)
    for name in "abcde":
        inner.put(name, b"")
    inner.failures = 2
    backend, _ = wrapped(inner)
    assert [head.key for head in backend.list("")] == list("abcde")


class Plain:
    put = get = head = delete = list = None


def test_the_wrapper_has_exactly_the_powers_of_what_it_wraps():
    every, _ = wrapped(MemoryBackend())
    none, _ = wrapped(Plain())
    assert isinstance(every, Composes)
    assert isinstance(every, Copies)
    assert not isinstance(every, Purges)
    assert not any(isinstance(none, power) for power in (Composes, Copies, Purges))
