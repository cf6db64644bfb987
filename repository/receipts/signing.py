"""The signature of receipts, and the one byte form of what is signed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from repository import private_files
from repository.errors import SettingRefused

KEY_BYTES = 32


def canonical(value: Mapping[str, Any]) -> bytes:
    """Return the one byte form of a JSON object: keys sorted, no spaces, ASCII escapes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """Signs receipts with Ed25519. Its ``repr`` shows nothing."""

    private_key: Ed25519PrivateKey

    @property
    def public_key_hex(self) -> str:
        """Return the public key as 64 hexadecimal digits: all that is needed to verify a receipt."""
        return self.private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    def sign(self, body: bytes) -> bytes:
        """Return the 64-byte signature over ``body``."""
        return self.private_key.sign(body)


def verify(body: bytes, signature: bytes, public_key_hex: str) -> bool:
    """Return whether ``signature`` is that of the key's owner over exactly these bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key_hex)).verify(signature, body)
    except (InvalidSignature, ValueError):
        return False
    return True


def load_signer(path: Path) -> Signer:
    """Return the signer of a key file, made at first start with mode 0600.

    Raises: ``SettingRefused`` if others on the machine can read the file, or it holds no random key.
    """
    try:
        raw = private_files.make_key(path, KEY_BYTES, os.urandom)
    except private_files.UnsafeFile as error:
        raise SettingRefused(f"{path.name} in the data folder {error.remedy}.", variable="NEA_DATA_DIR") from error
    return Signer(Ed25519PrivateKey.from_private_bytes(raw))
