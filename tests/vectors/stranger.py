"""What a stranger builds who has the published test cases and the description of the format, and nothing of ours.

Only `cryptography` is used: a second implementation of sealing, from infra/docs/format.md and the file's own words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SEGMENT = 65_536
PART = 8_388_608
PART_PLAIN = 8_386_520


def derived(data_key: bytes, label: str, oid: str) -> bytes:
    return HKDF(SHA256(), 32, None, f"sdr1/{label}|{oid}".encode()).derive(data_key)


def plaintext(start: int, size: int) -> bytes:
    """Byte x is (start + x) mod 251."""
    period = bytes((start + x) % 251 for x in range(251))
    return (period * (size // 251 + 1))[:size]


def sealed(stream_key: bytes, aad: str, header: bytes, plain: bytes) -> bytes:
    """One part or tail under a given header: §3."""
    cipher = AESGCM(HKDF(SHA256(), 32, header[1:33], aad.encode()).derive(stream_key))
    pieces, at = [plain[: SEGMENT - 56]], SEGMENT - 56
    while at < len(plain):
        pieces.append(plain[at : at + SEGMENT - 16])
        at += SEGMENT - 16
    last = len(pieces) - 1
    segments = [
        cipher.encrypt(header[33:] + index.to_bytes(4, "big") + bytes([index == last]), piece, None)
        for index, piece in enumerate(pieces)
    ]
    return header + b"".join(segments)


def stored(row: Mapping[str, Any]) -> bytes:
    """The bytes of an object, from its recipe."""
    plain = plaintext(row["plaintext_start"], row["total_len"])
    stream_key = derived(bytes.fromhex(row["data_key"]), "stream", row["oid"])
    parts = [
        sealed(
            stream_key,
            f"sdr1|{row['oid']}|{row['total_len']}|{index}",
            bytes.fromhex(header),
            plain[index * PART_PLAIN : (index + 1) * PART_PLAIN],
        )
        for index, (header, _, _) in enumerate(row["parts"])
    ]
    return b"".join(parts)


def tail(row: Mapping[str, Any], of: Mapping[str, Any]) -> bytes:
    """The bytes of a tail, from its recipe."""
    stream_key = derived(bytes.fromhex(of["data_key"]), "stream", of["oid"])
    aad = f"tail|{of['oid']}|{row['part']}|{row['length']}"
    return sealed(stream_key, aad, bytes.fromhex(row["header"]), plaintext(row["plaintext_start"], row["length"]))


def changed(data: bytes, changes: list[dict[str, Any]], objects: Mapping[str, bytes]) -> bytes:
    """What is left of stored bytes after a case's changes."""
    now = bytearray(data)
    for change in changes:
        if "xor" in change:
            at, mask = change["xor"][0], bytes.fromhex(change["xor"][1])
            for offset, bits in enumerate(mask):
                now[at + offset] ^= bits
        else:
            (start, stop), source = change["replace"], change["with"]
            if isinstance(source, str):
                put = bytes.fromhex(source)
            else:
                name, begin, end = source
                put = objects[name][begin:end]
            now[start:stop] = put
    return bytes(now)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
