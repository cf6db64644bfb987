"""The service's own key for signing in: seals the secrets of authenticator apps, and makes names unreadable in counters.

A file beside the receipt key, and not a key of the root provider: a sign-in must not wait for a key service, and what it
protects is worth little by itself (it is the second factor, never the first). Who loses the file loses the authenticator
apps, which people enrol again with their recovery codes; nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from repository import private_files
from repository.errors import SettingRefused

KEY_BYTES = 32
NONCE_BYTES = 12


@dataclass(frozen=True, slots=True, repr=False)
class SecretsBox:
    """Seals small secrets and derives others from one key. Its ``repr`` shows nothing."""

    key: bytes

    def seal(self, secret: bytes, place: str) -> bytes:
        """Return ``secret`` sealed (AES-256-GCM) for one place, such as an account; it opens nowhere else."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(self._derived("seal")).encrypt(nonce, secret, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes | None:
        """Return what was sealed for ``place``, or None: another key, another place, or altered."""
        try:
            return AESGCM(self._derived("seal")).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError):
            return None

    def fingerprint(self, kind: str, *words: str) -> bytes:
        """Return 32 bytes that stand for ``words`` and, without the key, cannot be traced back to them."""
        text = "\x1f".join((kind, *words)).encode("utf-8", "surrogatepass")
        return hmac.new(self._derived("fingerprint"), text, hashlib.sha256).digest()

    def _derived(self, purpose: str) -> bytes:
        return hmac.new(self.key, b"nea sign-in " + purpose.encode(), hashlib.sha256).digest()


def load(path: Path) -> SecretsBox:
    """Return the box whose key is in a file, made at first start with mode 0600.

    Raises: ``SettingRefused`` for a file that others on the machine can read, or that is not a key.
    """
    try:
        return SecretsBox(private_files.make_key(path, KEY_BYTES, os.urandom))
    except private_files.UnsafeFile as error:
        raise SettingRefused(f"{path.name} {error.remedy}.") from error
