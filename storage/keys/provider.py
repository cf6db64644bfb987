"""The contract of a key provider, its optional powers, and the frame that three of the four put around a wrap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from storage.errors import KeyRefused
from storage.keyring import SecretKey, canonical_json

WRAP_VERSION = 1


class KeyProvider(Protocol):
    """Keeps root keys and wraps scope keys under them.

    The newest version wraps, every version still held unwraps. The context is authenticated: a wrap opens only under
    exactly the context it was made with. Safe to call from several threads.
    """

    def current(self) -> str:
        """The id of the version that wraps now.

        Raises: KeyUnavailable.
        """

    def wrap(self, key: SecretKey, context: Mapping[str, str]) -> bytes:
        """The key, sealed under the current version and bound to the context.

        Raises: KeyUnavailable.
        """

    def unwrap(self, blob: bytes, context: Mapping[str, str]) -> SecretKey:
        """The key back.

        Raises: KeyRefused if version, context or blob are not those of the wrap; KeyUnavailable if the provider cannot
        be reached.
        """


@runtime_checkable
class Rotates(Protocol):
    """A provider that can make a new version of its root key itself."""

    def rotate(self) -> str:
        """Add a new version that wraps from now on; the older ones still unwrap.

        Returns: its id.
        Raises: KeyUnavailable.
        """


@runtime_checkable
class Retires(Protocol):
    """A provider that can make an older version of its root key useless for good."""

    def retire(self, kid: str) -> None:
        """Forget a version under which no wrap remains.

        Raises: KeyRefused if it is the current one or not held; KeyUnavailable.
        """


def framed(kid: str, sealed: bytes) -> bytes:
    """A wrap as it is stored: version byte, length of the version id, version id, what the provider sealed."""
    name = kid.encode("ascii")
    return bytes((WRAP_VERSION, len(name))) + name + sealed


def unframed(blob: bytes) -> tuple[str, bytes]:
    """The version id and what was sealed under it; nothing of either is believed yet.

    Raises: KeyRefused (E1) for bytes that are no wrap of ours.
    """
    if len(blob) < 2 or blob[0] != WRAP_VERSION:
        raise KeyRefused(diagnosis="E1", level="root")
    name = blob[2 : 2 + blob[1]]
    if not name.isascii():
        raise KeyRefused(diagnosis="E1", level="root")
    return name.decode("ascii"), blob[2 + blob[1] :]


def associated_data(kid: str, context: Mapping[str, str]) -> bytes:
    """What a wrap is bound to, where the provider takes bytes: the context and the version."""
    return canonical_json({"context": dict(context), "kid": kid})
