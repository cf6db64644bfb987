"""The contract of a key provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from storage.keyring import SecretKey


class KeyProvider(Protocol):
    """Keeps root keys and wraps scope keys under them.

    The newest version wraps, every version still held unwraps. The context is authenticated: a wrap opens only under
    exactly the context it was made with. Safe to call from several threads.
    """

    def current(self) -> str:
        """The id of the version that wraps now."""

    def wrap(self, key: SecretKey, context: Mapping[str, str]) -> bytes:
        """The key, sealed under the current version and bound to the context.

        Raises: KeyUnavailable.
        """

    def unwrap(self, blob: bytes, context: Mapping[str, str]) -> SecretKey:
        """The key back.

        Raises: KeyRefused if version, context or blob are not those of the wrap; KeyUnavailable if the provider cannot
        be reached.
        """
