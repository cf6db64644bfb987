"""Data keys: deriving, wrapping, committing to them, and the manifest that names what they seal.

Source: infra/docs/format.md; HKDF is RFC 5869, https://www.rfc-editor.org/rfc/rfc5869
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storage.errors import KeyRefused, LengthMismatch, ObjectTampered
from storage.streaming import SUITE, Random

KEY_BYTES = 32
NONCE_BYTES = 12
WRAP_BYTES = 61
_WRAP_VERSION = b"\x01"


class SecretKey:
    """Thirty-two secret bytes that show themselves to nobody by accident."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise LengthMismatch("A key has 32 bytes.")
        self._secret = bytes(secret)

    def reveal(self) -> bytes:
        """The bytes, for a cipher only."""
        return self._secret

    def __repr__(self) -> str:
        return "SecretKey(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretKey) and hmac.compare_digest(self._secret, other._secret)

    def __hash__(self) -> int:
        return id(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret key is never serialised")


def canonical_json(value: object) -> bytes:
    """The one spelling of a value: keys sorted, no spaces, ASCII escapes, integers as integers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def new_key(random: Random) -> SecretKey:
    """A fresh key."""
    return SecretKey(random(KEY_BYTES))


def derive(data_key: SecretKey, label: str, oid: str) -> SecretKey:
    """A key for one purpose: `stream`, `commit`, `meta` or `manifest`."""
    hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"sdr1/{label}|{oid}".encode("ascii"))
    return SecretKey(hkdf.derive(data_key.reveal()))


def commitment(data_key: SecretKey, oid: str) -> bytes:
    """The 32 public bytes that only this data key gives."""
    return derive(data_key, "commit", oid).reveal()


def check_commitment(data_key: SecretKey, oid: str, stored: bytes) -> None:
    """Compare, in constant time and before anything is decrypted.

    Raises: ObjectTampered (E2).
    """
    if not hmac.compare_digest(commitment(data_key, oid), stored):
        raise ObjectTampered(diagnosis="E2", oid=oid)


def _wrap_aad(oid: str, sk_id: str, suite: str, total_bytes: int) -> bytes:
    return canonical_json({"oid": oid, "sk_id": sk_id, "suite": suite, "total_len": total_bytes, "v": 1})


def wrap_data_key(
    scope_key: SecretKey,
    data_key: SecretKey,
    *,
    oid: str,
    sk_id: str,
    total_bytes: int,
    random: Random,
    suite: str = SUITE,
) -> bytes:
    """The data key, sealed under its scope key and bound to its object: 61 bytes."""
    nonce = random(NONCE_BYTES)
    aad = _wrap_aad(oid, sk_id, suite, total_bytes)
    return _WRAP_VERSION + nonce + AESGCM(scope_key.reveal()).encrypt(nonce, data_key.reveal(), aad)


def unwrap_data_key(
    scope_key: SecretKey, blob: bytes, *, oid: str, sk_id: str, total_bytes: int, suite: str = SUITE
) -> SecretKey:
    """The data key back.

    Raises: KeyRefused (E1) unless scope key, object, length and suite are those it was wrapped for.
    """
    if len(blob) != WRAP_BYTES or blob[:1] != _WRAP_VERSION:
        raise KeyRefused(diagnosis="E1", level="data", oid=oid)
    try:
        secret = AESGCM(scope_key.reveal()).decrypt(
            blob[1 : 1 + NONCE_BYTES], blob[1 + NONCE_BYTES :], _wrap_aad(oid, sk_id, suite, total_bytes)
        )
    except InvalidTag:
        raise KeyRefused(diagnosis="E1", level="data", oid=oid) from None
    return SecretKey(secret)


def seal_metadata(data_key: SecretKey, oid: str, metadata: Mapping[str, object], random: Random) -> bytes:
    """The business metadata, readable with the data key only: nonce, then ciphertext and tag."""
    nonce = random(NONCE_BYTES)
    return nonce + AESGCM(derive(data_key, "meta", oid).reveal()).encrypt(nonce, canonical_json(dict(metadata)), None)


def open_metadata(data_key: SecretKey, oid: str, blob: bytes) -> dict[str, object]:
    """The business metadata back.

    Raises: ObjectTampered (E5).
    """
    try:
        plain = AESGCM(derive(data_key, "meta", oid).reveal()).decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], None)
    except (InvalidTag, ValueError):
        raise ObjectTampered(diagnosis="E5", oid=oid) from None
    opened: dict[str, object] = json.loads(plain)
    return opened


def manifest(data_key: SecretKey, oid: str, facts: Mapping[str, object]) -> bytes:
    """The facts as canonical JSON, closed by their HMAC under `mac`."""
    mac = hmac.digest(derive(data_key, "manifest", oid).reveal(), canonical_json(dict(facts)), hashlib.sha256)
    return canonical_json({**facts, "mac": mac.hex()})


def check_manifest(data_key: SecretKey, oid: str, facts: Mapping[str, object]) -> None:
    """Compare the HMAC of a manifest that was read back.

    Raises: ObjectTampered (E2) if any fact was changed.
    """
    claimed = facts.get("mac")
    body = canonical_json({name: value for name, value in facts.items() if name != "mac"})
    mac = hmac.digest(derive(data_key, "manifest", oid).reveal(), body, hashlib.sha256).hex()
    if not isinstance(claimed, str) or not claimed.isascii() or not hmac.compare_digest(mac, claimed):
        raise ObjectTampered(diagnosis="E2", oid=oid)
