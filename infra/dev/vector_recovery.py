"""The published cases of tails, of sealed metadata and of the sidecar."""

from __future__ import annotations

import hashlib
import json

from vector_cases import Case, replace, xor
from vector_objects import Made, changed, fixed, plaintext, sealed

from storage import keyring
from storage.sidecar import sidecar_facts
from storage.streaming import SDR1, tail_aad


def tails(made: dict[str, Made]) -> tuple[dict[str, object], list[Case]]:
    four = made["four"]
    oid = four.facts.data_key.oid
    rows = {}
    for name, start, size in (("short", 0, 1000), ("again", 3, 1000), ("long", 0, 131001)):
        header, blob = sealed(four.key, oid, tail_aad(oid, 0, size), plaintext(start, size), f"tail {name}")
        rows[name] = {
            "object": "four",
            "part": 0,
            "length": size,
            "plaintext_start": start,
            "header": header.hex(),
            "sha256": hashlib.sha256(blob).hexdigest(),
            "stored_bytes": len(blob),
        }
    sizes = {name: SDR1.sealed_bytes(int(str(row["length"]))) for name, row in rows.items()}

    def case(tail: str, what: str, read: str, **more: object) -> Case:
        return {"id": f"tail {tail}: {what}", "kind": "tail", "tail": tail, **more, "read": read}

    cases = [case(name, "as it was stored", "opens") for name in rows]
    for tail, size in sizes.items():
        if tail != "again":
            cases += [
                case(tail, f"byte {at}", "E3" if at < 40 else "E6", change=[xor(at)])
                for at in (0, 1, 39, 40, size - 17, size - 1)
            ]
            cases += [
                case(tail, f"cut to {at} bytes", "E3" if at < 40 else "E4", change=[replace(at, size)])
                for at in (0, 39, 40, size - 1)
            ]
            cases.append(case(tail, "one byte added", "E4", change=[replace(size, size, "00")]))
    cases.append(case("short", "an earlier tail of the same length", "E3", instead="again"))
    cases.append(case("short", "taken for a part's beginning elsewhere", "E5", facts={"part": 1}))
    cases.append(case("long", "with a lying length", "E4", facts={"length": 131000}))
    cases.append(case("long", "under another hash", "E6", facts={"sha256": "00" * 32}))
    return rows, cases


def sidecars(made: dict[str, Made]) -> tuple[dict[str, object], list[Case]]:
    four, sibling = made["four"], made["sibling"]
    key, oid = four.key, four.facts.data_key.oid
    business = {"filename": "1001_work.pdf", "sha256": hashlib.sha256(plaintext(0, 196530)).hexdigest()}
    blob = keyring.seal_metadata(key, oid, business, lambda size: fixed("metadata", size))
    text = keyring.manifest(key, oid, sidecar_facts(four.facts, blob)).decode()
    metadata = [
        ("as it was sealed", blob, "opens"),
        ("first byte of the nonce", changed(blob, 0), "E5"),
        ("first byte", changed(blob, 12), "E5"),
        ("last byte of the tag", changed(blob, len(blob) - 1), "E5"),
        ("cut by one byte", blob[:-1], "E5"),
        ("cut to its nonce", blob[:12], "E5"),
        ("nothing", b"", "E5"),
        ("one byte added", blob + b"\0", "E5"),
    ]
    cases: list[Case] = [
        {
            "id": f"metadata: {what}",
            "kind": "metadata",
            "object": "four",
            "blob": value if isinstance(value, str) else value.hex(),
            "read": says,
        }
        for what, value, says in metadata
    ]
    cases.append(
        {
            "id": "metadata: of a sibling's key",
            "kind": "metadata",
            "object": "sibling",
            "blob": blob.hex(),
            "read": "E5",
        }
    )
    row, held = four.rows[0], json.loads(text)
    sets: list[tuple[str, dict[str, object], str]] = [
        ("as it was written", {}, "opens"),
        ("v", {"v": 2}, "E2"),
        ("suite", {"suite": "tink-aes256gcm-hkdf-1m"}, "E1"),
        ("oid", {"oid": sibling.facts.data_key.oid}, "E1"),
        ("sk_id", {"sk_id": "sk-2"}, "E1"),
        ("total_len", {"total_len": 196529}, "E1"),
        ("layout", {"layout": "parts"}, "E2"),
        ("wrapped_key", {"wrapped_key": changed(four.facts.data_key.blob, 60)}, "E1"),
        ("wrapped_key of a sibling", {"wrapped_key": sibling.facts.data_key.blob.hex()}, "E1"),
        ("commitment", {"commitment": changed(four.facts.data_key.commitment, 0)}, "E2"),
        ("a part's header", {"parts": [[made["older"].rows[0][0], *row[1:]]]}, "E2"),
        ("a part's hash", {"parts": [[row[0], made["older"].rows[0][1], row[2]]]}, "E2"),
        ("a part's length", {"parts": [[*row[:2], 196529]]}, "E2"),
        ("no parts", {"parts": []}, "E2"),
        ("metadata", {"metadata": changed(blob, 20)}, "E2"),
        ("mac", {"mac": changed(bytes.fromhex(held["mac"]), 0)}, "E2"),
        ("mac not a text", {"mac": 7}, "E2"),
        ("something added", {"note": "x"}, "E2"),
    ]
    cases += [{"id": f"sidecar: {what}", "kind": "sidecar", "set": values, "read": says} for what, values, says in sets]
    cases += [
        {"id": f"sidecar: without {name}", "kind": "sidecar", "drop": [name], "read": "E2"}
        for name in ("mac", "parts", "wrapped_key", "metadata", "oid")
    ]
    cases += [
        {"id": f"sidecar: {what}", "kind": "sidecar", "text": words, "read": "E2"}
        for what, words in (("empty", ""), ("not JSON", text[:-1]), ("a list", "[]"), ("a number", "1"))
    ]
    return {
        "metadata": {"object": "four", "plain": business, "blob": blob.hex()},
        "sidecar": {"object": "four", "text": text},
    }, cases
