"""The recovery copy of an object's facts, `k/<oid>.json`: how it is spelt and how it is read back.

It lies beside the object, where whoever writes the bucket can change it, so nothing in it is believed before the
wrapped key opened, the commitment matched and the HMAC held; and it is never read while serving.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from storage.errors import KeyRefused, ObjectTampered
from storage.facts import DataKey, StoredObject


@dataclass(frozen=True, slots=True)
class UntrustedSidecar:
    """A sidecar as it was read, with its shape checked and nothing else."""

    facts: Mapping[str, object]
    data_key: DataKey
    parts: tuple[tuple[bytes, bytes, int], ...]
    metadata: bytes


def sidecar_facts(stored: StoredObject, metadata: bytes) -> dict[str, object]:
    """What a sidecar says, before its HMAC closes it.

    Takes: `metadata`, the business metadata, already sealed.
    """
    data_key = stored.data_key
    return {
        "v": 1,
        "suite": data_key.suite,
        "oid": data_key.oid,
        "sk_id": data_key.sk_id,
        "total_len": data_key.total_bytes,
        "layout": str(stored.layout),
        "wrapped_key": data_key.blob.hex(),
        "commitment": data_key.commitment.hex(),
        "parts": [[part.header.hex(), part.sha256.hex(), part.plain_bytes] for part in stored.parts],
        "metadata": metadata.hex(),
    }


def read_sidecar(untrusted: bytes, oid: str) -> UntrustedSidecar:
    """A sidecar read back, in shape.

    Raises: ObjectTampered (E2) if it is not a sidecar at all; KeyRefused (E1) if its key is another object's.
    """
    try:
        facts = json.loads(untrusted)
        data_key = DataKey(
            oid=str(facts["oid"]),
            sk_id=str(facts["sk_id"]),
            suite=str(facts["suite"]),
            total_bytes=int(facts["total_len"]),
            blob=bytes.fromhex(facts["wrapped_key"]),
            commitment=bytes.fromhex(facts["commitment"]),
        )
        parts = tuple((bytes.fromhex(h), bytes.fromhex(digest), int(size)) for h, digest, size in facts["parts"])
        found = UntrustedSidecar(facts, data_key, parts, bytes.fromhex(facts["metadata"]))
    except (ValueError, KeyError, TypeError):
        raise ObjectTampered(diagnosis="E2", oid=oid) from None
    if data_key.oid != oid:
        raise KeyRefused(diagnosis="E1", level="data", oid=oid)
    return found
