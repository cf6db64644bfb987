"""What a store can really do, found by trying it.

A feature depends on this record, never on the vendor's name. The probes write under `p/`, a prefix nothing else uses,
and clean up.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from storage.backend import Backend, Composes, Copies
from storage.errors import ComposeRefused, ObjectNotFound, StorageError
from storage.streaming import SDR1, Random

PROBES = "p/"
_PAGE_PROBES = 3


@runtime_checkable
class AnswersProbes(Protocol):
    """A store with habits that only it can show."""

    def refuses_wrong_checksum(self, key: str) -> bool:
        """Whether bytes that do not match their SHA-256 checksum are refused."""

    def refuses_wrong_md5(self, key: str) -> bool:
        """Whether bytes that do not match their `Content-MD5` are refused."""

    def refuses_overwrite(self, key: str) -> bool:
        """Whether a write that must not replace is refused; `key` must exist."""

    def keeps_versions(self) -> bool:
        """Whether old versions are kept."""

    def locks_objects(self) -> bool:
        """Whether objects can be held against deletion."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The record of one self-test; None where the question does not arise."""

    reads_after_write: bool
    reads_ranges: bool
    lists_all: bool
    deletes: bool
    composes: bool
    copies: bool
    refuses_wrong_checksum: bool | None = None
    refuses_wrong_md5: bool | None = None
    refuses_overwrite: bool | None = None
    keeps_versions: bool | None = None
    locks_objects: bool | None = None

    @property
    def sufficient(self) -> bool:
        """Whether the service may start on this store."""
        return self.reads_after_write and self.reads_ranges and self.lists_all and self.deletes


def capabilities(backend: Backend, *, random: Random) -> Capabilities:
    """Try the store.

    Takes: a backend without retries around it, so that its own habits show; `random`, the source of probe content.
    Raises: BackendUnavailable, StoreRefused or StorageFull where the first write already fails.
    """
    base = f"{PROBES}{random(16).hex()}/"
    try:
        return _probed(backend, base, random)
    finally:
        for head in list(backend.list(base)):
            backend.delete(head.key)


def _probed(backend: Backend, base: str, random: Random) -> Capabilities:
    content = random(4096)
    key = f"{base}0"
    backend.put(key, content, metadata={"probe": "1"}, sha256=hashlib.sha256(content).digest())
    head = backend.head(key)
    reads = backend.get(key) == content and head.size_bytes == len(content) and dict(head.metadata) == {"probe": "1"}
    ranges = backend.get(key, 100, 200) == content[100:200] and backend.get(key, 4000, 5000) == content[4000:]
    names = [key, *(f"{base}{number}" for number in range(1, _PAGE_PROBES))]
    for name in names[1:]:
        backend.put(name, b"")
    listed = [found.key for found in backend.list(base)] == names
    backend.delete(names[-1])
    deletes = _absent(backend, names[-1])
    composes = _composes(backend, base, random)
    copies = isinstance(backend, Copies) and _copies(backend, backend, key, f"{base}copy", content)
    if not isinstance(backend, AnswersProbes):
        return Capabilities(reads, ranges, listed, deletes, composes, copies)
    return Capabilities(
        reads,
        ranges,
        listed,
        deletes,
        composes,
        copies,
        refuses_wrong_checksum=backend.refuses_wrong_checksum(f"{base}checksum"),
        refuses_wrong_md5=backend.refuses_wrong_md5(f"{base}md5"),
        refuses_overwrite=backend.refuses_overwrite(key),
        keeps_versions=backend.keeps_versions(),
        locks_objects=backend.locks_objects(),
    )


def _absent(backend: Backend, key: str) -> bool:
    try:
        backend.head(key)
    except ObjectNotFound:
        return True
    return False


def _composes(backend: Backend, base: str, random: Random) -> bool:
    if not isinstance(backend, Composes) or backend.compose_minimum_bytes > SDR1.part_ciphertext_bytes:
        return False
    first, second = random(64) * (max(64, backend.compose_minimum_bytes) // 64), random(64)
    backend.put(f"{base}first", first)
    backend.put(f"{base}second", second)
    try:
        backend.compose(f"{base}joined", [f"{base}first", f"{base}second"], {"probe": "2"})
        return backend.get(f"{base}joined") == first + second
    except (ComposeRefused, ObjectNotFound):
        return False


def _copies(backend: Backend, copier: Copies, source: str, target: str, content: bytes) -> bool:
    try:
        copier.copy(source, target, {"probe": "3"})
        return backend.get(target) == content and dict(backend.head(target).metadata) == {"probe": "3"}
    except StorageError:
        return False
