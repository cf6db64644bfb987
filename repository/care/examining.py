"""One object read from end to end, compared with everything the database knows of it, and named by its code."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from storage import names
from storage.backend import Backend, Caches
from storage.errors import KeyRefused, NameRefused, ObjectNotFound, ObjectTampered
from storage.facts import Layout
from storage.vault import StoredObject, Vault

ABSENT = "absent"
"""Not a code of damage: the store has no blob of that name."""
OBJECT = "object"
SIDECAR = "sidecar"
_NO_KEY = frozenset({"E1", "E2"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database says of an object at one moment."""

    stored: StoredObject
    plain_sha256: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be: an object or its recovery copy, and the code of what is wrong."""

    oid: str
    place: str
    code: str

    @property
    def mark(self) -> str:
        """Return what the object's row remembers of it."""
        return self.code if self.place == OBJECT else f"{self.place} {self.code}"


def examine(vault: Vault, facts: Facts, seen: Callable[[int], None]) -> tuple[Finding, ...]:
    """Read an object and its recovery copy.

    Takes: ``seen``, called with the bytes of every part that was read; what it raises ends the reading.
    Raises: errors of storage that say nothing about the object, such as a store that does not answer.
    """
    oid = facts.stored.data_key.oid
    _forget_cached(vault.backend, facts.stored)
    found = _object(vault, facts, seen)
    findings = [Finding(oid, OBJECT, found)] if found else []
    # Without the key nothing in the recovery copy can be believed or doubted.
    if found not in _NO_KEY and facts.stored.layout != Layout.STAGED:
        copy = _code(lambda: vault.check_sidecar(facts.stored))
        if copy:
            findings.append(Finding(oid, SIDECAR, copy))
    return tuple(findings)


def _forget_cached(backend: Backend, stored: StoredObject) -> None:
    """See to it that the disk is read, not this machine's memory of it."""
    if isinstance(backend, Caches):
        for key in {part.key for part in stored.parts} | {names.sidecar(stored.data_key.oid)}:
            with suppress(NameRefused):
                backend.forget_cached(key)


def _object(vault: Vault, facts: Facts, seen: Callable[[int], None]) -> str | None:
    digest = ""

    def verify() -> None:
        nonlocal digest
        digest = vault.verify(facts.stored, seen)

    code = _code(verify)
    if code is None and facts.plain_sha256 is not None and facts.plain_sha256 != digest:
        return "E6"  # what was sealed is here, but it is not what the record of the document says
    return code


def _code(check: Callable[[], object]) -> str | None:
    try:
        check()
    except (KeyRefused, ObjectTampered, ObjectNotFound, NameRefused) as error:
        return diagnosis(error)
    return None


def diagnosis(error: KeyRefused | ObjectTampered | ObjectNotFound | NameRefused) -> str:
    """Return the code of what was raised: E1 to E6, or absent."""
    if isinstance(error, ObjectNotFound | NameRefused):
        return ABSENT  # a name that no store can have is a name that was altered
    return "E1" if isinstance(error, KeyRefused) else str(error.facts.get("diagnosis", "E5"))
