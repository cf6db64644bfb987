"""The objects that the published test cases are about, sealed from fixed bytes; see `make_vectors.py`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from storage import keyring
from storage.facts import DataKey, Layout, Part, ScopeKey, StoredObject
from storage.keyring import SecretKey
from storage.streaming import SDR1, SUITE, part_aad, seal

P = SDR1.part_plain_bytes
C = SDR1.part_ciphertext_bytes
S = SDR1.segment_ciphertext_bytes
SCOPE_KEY = SecretKey(bytes(range(0x20, 0x40)))
SK_ID = "sk-1"
MODULUS = 251


@dataclass(frozen=True)
class Made:
    """An object, its facts and its stored bytes."""

    name: str
    key: SecretKey
    facts: StoredObject
    plaintext_start: int
    stored: bytes

    @property
    def rows(self) -> list[list[object]]:
        return [[part.header.hex(), part.sha256.hex(), part.plain_bytes] for part in self.facts.parts]


def fixed(label: str, size: int = 32) -> bytes:
    return hashlib.sha256(f"sdr1 test cases|{label}".encode()).digest()[:size]


def plaintext(start: int, size: int) -> bytes:
    period = bytes(range(MODULUS))
    shift = start % MODULUS
    return ((period[shift:] + period[:shift]) * (size // MODULUS + 1))[:size]


def sealed(key: SecretKey, oid: str, aad: bytes, plain: bytes, label: str) -> tuple[bytes, bytes]:
    into = memoryview(bytearray(SDR1.sealed_bytes(len(plain))))
    stream_key = keyring.derive(key, "stream", oid).reveal()
    header = seal(stream_key, aad, plain, into, lambda size: fixed(f"{label}|{size}", size), SDR1)
    return header, bytes(into)


def make(name: str, number: int, total: int, *, key_of: str = "", start: int = 0) -> Made:
    oid = f"00000000-0000-4000-8000-{number:012x}"
    key = SecretKey(fixed(f"data key|{key_of or name}"))
    parts, stored = [], bytearray()
    plain = plaintext(start, total)
    for index in range(SDR1.parts(total)):
        piece = plain[index * P : (index + 1) * P]
        header, part = sealed(key, oid, part_aad(oid, total, index), piece, f"{name}|{index}")
        parts.append(Part(index, "", header, hashlib.sha256(part).digest(), len(piece), len(part)))
        stored += part
    blob = wrap(key, oid, total, f"wrap|{name}")
    data_key = DataKey(oid, SK_ID, SUITE, total, blob, keyring.commitment(key, oid))
    return Made(
        name,
        key,
        StoredObject(ScopeKey(SK_ID, "", "", b""), data_key, tuple(parts), Layout.WHOLE),
        start,
        bytes(stored),
    )


def wrap(key: SecretKey, oid: str, total: int, label: str) -> bytes:
    bound = {"oid": oid, "sk_id": SK_ID, "total_bytes": total}
    return keyring.wrap_data_key(SCOPE_KEY, key, random=lambda size: fixed(label, size), **bound)


def segment_start(segment: int) -> int:
    return SDR1.segment_plain_start(segment)


def changed(data: bytes, at: int) -> str:
    return (data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]).hex()


def as_row(made: Made) -> dict[str, object]:
    """The recipe of an object, as the file gives it."""
    data_key = made.facts.data_key
    return {
        "oid": data_key.oid,
        "data_key": made.key.reveal().hex(),
        "stream_key": keyring.derive(made.key, "stream", data_key.oid).reveal().hex(),
        "commitment": data_key.commitment.hex(),
        "wrapped_key": data_key.blob.hex(),
        "total_len": data_key.total_bytes,
        "plaintext_start": made.plaintext_start,
        "stored_bytes": len(made.stored),
        "stored_sha256": hashlib.sha256(made.stored).hexdigest(),
        "parts": made.rows,
    }
