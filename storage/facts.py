"""What must be remembered to read an object again; the caller commits these to its database."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Layout(StrEnum):
    """How an object's parts lie in the store."""

    STAGED = "staged"
    WHOLE = "whole"
    PARTS = "parts"


@dataclass(frozen=True, slots=True)
class ScopeKey:
    """The key of one scope, wrapped by the key provider."""

    sk_id: str
    scope: str
    kid: str
    blob: bytes


@dataclass(frozen=True, slots=True)
class DataKey:
    """The key of one object, wrapped under its scope key, with its commitment."""

    oid: str
    sk_id: str
    suite: str
    total_bytes: int
    blob: bytes
    commitment: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """One sealed part: where it lies, and what it must be."""

    index: int
    key: str
    header: bytes
    sha256: bytes
    plain_bytes: int
    sealed_bytes: int


@dataclass(frozen=True, slots=True)
class Tail:
    """The sealed leftover of an unfinished part."""

    index: int
    key: str
    header: bytes
    sha256: bytes
    plain_bytes: int
    sealed_bytes: int


@dataclass(frozen=True, slots=True)
class StoredObject:
    """Everything needed to read, release or shred one object."""

    scope_key: ScopeKey
    data_key: DataKey
    parts: tuple[Part, ...]
    layout: str
