"""What can be wrong in storage, named for what is so."""

from __future__ import annotations

import inspect
import re


class StorageError(Exception):
    """Something in storage is not as it must be."""

    def __init__(self, detail: str = "", /, **facts: object) -> None:
        self.detail = detail or inspect.cleandoc(type(self).__doc__ or "").splitlines()[0]
        self.facts = facts
        super().__init__(self.detail)

    @property
    def code(self) -> str:
        """The class name in kebab case."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(self).__name__).lower()


class ObjectNotFound(StorageError):
    """The store has no object of that name; it was deleted or never stored."""


class BackendUnavailable(StorageError):
    """The store cannot be reached or did not answer properly; try again in a moment."""


class StorageFull(StorageError):
    """The store has no room left; the operator must add space before more can be received."""


class StoreRefused(StorageError):
    """The store refuses our credentials or request; the operator must check bucket, keys and permissions."""


class NameRefused(StorageError):
    """That is not a name the store accepts: ASCII lower case, digits and . / _ - only."""


class EndpointInsecure(StorageError):
    """The store's address is not TLS; plain HTTP is accepted for this machine only."""


class ComposeRefused(StorageError):
    """The store cannot join these parts into one object on its own side."""


class LengthMismatch(StorageError):
    """The number of bytes given is not the number that belongs at this place."""


class RangeRefused(StorageError):
    """The range asked for lies outside the object."""


class GeometryRefused(StorageError):
    """These sizes do not belong to the format."""


class SuiteUnknown(StorageError):
    """This object was sealed with a cipher suite this version does not read."""


class ObjectTampered(StorageError):
    """The stored object is not what was written; it must be restored from a replica or a backup."""


class KeyUnavailable(StorageError):
    """The key service cannot be reached; nothing is written or read until it answers."""


class KeyRefused(StorageError):
    """The key service does not open this key: wrong key, wrong context, or an altered record."""


class KeyringUnsafe(StorageError):
    """The key file can be read by others; make it readable by its owner only (mode 0600)."""


class KeyringUnreadable(StorageError):
    """The key file is not a key file this version can read; restore it from the key backup."""
