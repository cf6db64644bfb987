"""The names of stored blobs: one shape per purpose, never derived from what a user typed."""

from __future__ import annotations

import re

from storage.errors import NameRefused

_KEY = re.compile(r"[a-z0-9_-][a-z0-9._-]*(?:/[a-z0-9_-][a-z0-9._-]*)*", re.ASCII)
_PREFIX = re.compile(r"(?:[a-z0-9_-][a-z0-9._-]*/?)*", re.ASCII)
_OID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII)
KEY_LIMIT = 512
RANDOM_BYTES = 16

STAGING = "q/"
DOCUMENTS = "d/"
KEYS = "k/"


def checked_key(untrusted_key: str) -> str:
    """The key, if every store keeps it apart from every other key.

    Takes: ASCII lower case, digits and `. _ -`, in segments divided by `/`; no segment begins with a dot.
    Raises: NameRefused.
    """
    if len(untrusted_key) > KEY_LIMIT or not _KEY.fullmatch(untrusted_key):
        raise NameRefused
    return untrusted_key


def checked_prefix(untrusted_prefix: str) -> str:
    """The prefix of keys, possibly empty.

    Raises: NameRefused.
    """
    if len(untrusted_prefix) > KEY_LIMIT or not _PREFIX.fullmatch(untrusted_prefix):
        raise NameRefused
    return untrusted_prefix


def checked_oid(untrusted_oid: str) -> str:
    """The object id, if it is a lower-case UUIDv4.

    Raises: NameRefused.
    """
    if not _OID.fullmatch(untrusted_oid):
        raise NameRefused("That is not an object id.")
    return untrusted_oid


def staged_prefix(oid: str) -> str:
    """Where everything staged for an object lies."""
    return f"{STAGING}{oid}/"


def staged_part(oid: str, index: int, random: bytes) -> str:
    """A fresh name for one attempt at a part; 128 random bits, so that it is never used again."""
    return f"{STAGING}{oid}/{index}.{random.hex()}"


def staged_tail(oid: str, random: bytes) -> str:
    """A fresh name for one tail."""
    return f"{STAGING}{oid}/tail.{random.hex()}"


def document(oid: str) -> str:
    """Where a released object lies when it is one blob."""
    return f"{DOCUMENTS}{oid}"


def document_part(oid: str, index: int) -> str:
    """Where one part of a released object lies when the store cannot join parts."""
    return f"{DOCUMENTS}{oid}/{index}"


def sidecar(oid: str) -> str:
    """Where the recovery copy of an object's facts lies."""
    return f"{KEYS}{oid}.json"
