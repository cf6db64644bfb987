"""The published test cases: made again byte for byte, built by a stranger's code, judged by our reader and by stock Tink."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from storage import keyring
from storage.errors import GeometryRefused, KeyRefused, ObjectTampered, SuiteUnknown
from storage.facts import DataKey, Layout, Part, ScopeKey, StoredObject, Tail
from storage.keyring import SecretKey, canonical_json
from storage.keys.file import FileKeyring
from storage.memory import MemoryBackend
from storage.names import document, sidecar
from storage.streaming import SDR1, open_sealed
from storage.vault import Vault

from ..vectors import stranger

TOP = Path(__file__).parents[2]
PUBLISHED = TOP / "tests" / "vectors" / "sdr1-cases.json"
FILE: dict[str, Any] = json.loads(PUBLISHED.read_text("ascii"))
Case = dict[str, Any]
SCOPE = "test cases"


def cases(kind: str) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in FILE["cases"] if case["kind"] == kind]


@dataclass
class Bench:
    """A real vault over a store in memory, and the objects as a stranger built them."""

    vault: Vault
    backend: MemoryBackend
    keyring: FileKeyring
    objects: dict[str, bytes]

    def scope_key(self, facts: dict[str, Any]) -> ScopeKey:
        """The scope key of the file, wrapped by a real key file."""
        sk_id = FILE["sk_id"]
        context = {"svc": "nea-storage", "scope": SCOPE, "sk_id": sk_id, "v": "1"}
        secret = SecretKey(bytes.fromhex(facts.get("scope_key", FILE["scope_key"])))
        return ScopeKey(sk_id, SCOPE, self.keyring.current(), self.keyring.wrap(secret, context))

    def put(self, case: Case) -> StoredObject:
        """Store the changed bytes, and return the facts as the case has them."""
        row = FILE["objects"][case["object"]]
        facts = {**row, "sk_id": FILE["sk_id"], "suite": FILE["suite"], **case.get("facts", {})}
        data = stranger.changed(self.objects[case["object"]], case.get("change", []), self.objects)
        self.backend.put(document(facts["oid"]), data)
        data_key = DataKey(
            facts["oid"], facts["sk_id"], facts["suite"], facts["total_len"],
            bytes.fromhex(facts["wrapped_key"]), bytes.fromhex(facts["commitment"]),
        )  # fmt: skip
        parts = tuple(
            Part(
                index,
                document(facts["oid"]),
                bytes.fromhex(header),
                bytes.fromhex(digest),
                size,
                SDR1.sealed_bytes(size),
            )
            for index, (header, digest, size) in enumerate(facts["parts"])
        )
        return StoredObject(self.scope_key(case.get("facts", {})), data_key, parts, Layout.WHOLE)

    def plain(self, case: Case) -> bytes:
        """The plaintext that a reader may give out, of the range that the case asks for."""
        row = FILE["objects"][case.get("plaintext_of", case["object"])]
        return stranger.plaintext(row["plaintext_start"], row["total_len"])[case.get("start", 0) : case.get("stop")]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    keys = FileKeyring(tmp_path_factory.mktemp("keys") / "root.json")
    backend = MemoryBackend()
    objects = {name: stranger.stored(row) for name, row in FILE["objects"].items()}
    return Bench(Vault(backend, keys), backend, keys, objects)


def verdict(read: Callable[[], Iterator[bytes]], given: bytearray) -> str:
    """The code with which a reader refuses, or `opens`; what it gave out before is in `given`."""
    try:
        for piece in read():
            given += piece
    except (ObjectTampered, KeyRefused) as error:
        return str(error.facts["diagnosis"])
    return "opens"


def says(expected: object) -> str:
    return expected if isinstance(expected, str) else str(expected[0])


def test_the_file_is_made_again_byte_for_byte(tmp_path: Path) -> None:
    again = tmp_path / "again.json"
    maker = [sys.executable, str(TOP / "infra" / "dev" / "make_vectors.py"), str(again)]
    subprocess.run(maker, check=True, timeout=120)
    assert again.read_bytes() == PUBLISHED.read_bytes()


@pytest.mark.fault("att:F01", "att:F02", "att:F03", "att:F04", "att:F05", "att:F06", "att:F07")
def test_the_file_holds_enough_and_stays_small() -> None:
    assert PUBLISHED.stat().st_size < 300_000
    ids = [case["id"] for case in FILE["cases"]]
    assert len(ids) == len(set(ids))
    refused = [case for case in FILE["cases"] if case["read"] != "opens" or case.get("verify", "opens") != "opens"]
    assert len(refused) >= 200
    assert {says(case["read"]) for case in FILE["cases"]} == {"opens", "E1", "E2", "E3", "E4", "E5", "E6"}


@pytest.mark.parametrize("name", FILE["objects"])
def test_a_stranger_builds_the_same_objects(name: str, bench: Bench) -> None:
    row, data = FILE["objects"][name], bench.objects[name]
    assert (len(data), stranger.sha256(data)) == (row["stored_bytes"], row["stored_sha256"])
    pieces = [data[at : at + stranger.PART] for at in range(0, len(data), stranger.PART)]
    assert [stranger.sha256(piece) for piece in pieces] == [digest for _, digest, _ in row["parts"]]
    assert stranger.derived(bytes.fromhex(row["data_key"]), "stream", row["oid"]).hex() == row["stream_key"]
    assert stranger.derived(bytes.fromhex(row["data_key"]), "commit", row["oid"]).hex() == row["commitment"]


@pytest.mark.parametrize("case", cases("object"))
def test_st07_our_reader_comes_to_the_verdict(case: Case, bench: Bench) -> None:
    stored, plain, given = bench.put(case), bench.plain(case), bytearray()
    start, stop = case.get("start", 0), case.get("stop")
    assert verdict(lambda: bench.vault.open(stored).read(start, stop), given) == says(case["read"])
    assert given == plain[: len(given)]
    if case["read"] == "opens":
        assert given == plain
        assert case.get("sha256", stranger.sha256(plain)) == stranger.sha256(bytes(given))
    else:
        assert len(given) <= case["read"][1]


@pytest.mark.parametrize("case", cases("object"))
def test_st11_our_verification_comes_to_the_verdict(case: Case, bench: Bench) -> None:
    stored = bench.put(case)
    assert verdict(lambda: iter([bench.vault.verify(stored).encode()]), bytearray()) == says(case["verify"])


def by_tink(primitive: Any, data: bytes, oid: str, total: int) -> str:
    """What a stranger's program says that has Tink and counts."""
    pieces = [data[at : at + stranger.PART] for at in range(0, len(data), stranger.PART)]
    opened = 0
    for index, piece in enumerate(pieces):
        found = tink_opens(primitive, piece, f"sdr1|{oid}|{total}|{index}")
        if found is None:
            return "refuses"
        opened += found
    return "opens" if opened == total and len(pieces) == SDR1.parts(total) else "refuses"


def tink_opens(primitive: Any, piece: bytes, aad: str) -> int | None:
    """How many bytes of plaintext stock Tink gives, or None if it refuses."""
    from tink import TinkError

    try:
        return len(primitive.new_decrypting_stream(io.BytesIO(piece), aad.encode()).read())
    except (TinkError, OSError):
        return None


@pytest.mark.parametrize("case", [one for one in cases("object") if "tink" in one.values[0]])
def test_st06_stock_tink_agrees(case: Case, bench: Bench, tink: Callable[[bytes], Any]) -> None:
    row = FILE["objects"][case["object"]]
    data = stranger.changed(bench.objects[case["object"]], case["change"], bench.objects)
    assert by_tink(tink(bytes.fromhex(row["stream_key"])), data, row["oid"], row["total_len"]) == case["tink"]


STRANGERS = ("pair: as it was stored", "pair: cut to 8388608 bytes", "empty: cut to 0 bytes", "triple: without its last part",
             "pair: its first part added once more", "four: one byte added", "empty: as it was stored")  # fmt: skip


@pytest.mark.fault("att:F03", "att:F04")
@pytest.mark.parametrize("case", [one for one in cases("object") if one.id in STRANGERS])
def test_the_strangers_script_agrees(case: Case, bench: Bench, tmp_path: Path) -> None:
    """Also where every part that is there is authentic, and one is missing or too many."""
    row = FILE["objects"][case["object"]]
    export = {"oid": row["oid"], "total_bytes": row["total_len"], "stream_key": row["stream_key"]}
    (tmp_path / "key.json").write_text(json.dumps(export))
    data = stranger.changed(bench.objects[case["object"]], case["change"], bench.objects)
    (tmp_path / "object").write_bytes(data)
    script = TOP / "infra" / "dev" / "decrypt_with_tink.py"
    words = [sys.executable, str(script), "key.json", "object", "plain"]
    done = subprocess.run(words, cwd=tmp_path, timeout=300, check=False, capture_output=True)
    assert (done.returncode == 0) == (case["tink"] == "opens"), done.stderr
    if done.returncode == 0:
        assert (tmp_path / "plain").read_bytes() == bench.plain(case)


@pytest.mark.fault("att:F01")
@pytest.mark.parametrize("case", cases("part"))
def test_st08_a_part_by_itself(case: Case, bench: Bench, tink: Callable[[bytes], Any]) -> None:
    row = FILE["objects"][case["object"]]
    header, _, size = row["parts"][case["part"]]
    piece = bench.objects[case["object"]][case["part"] * stranger.PART :][: SDR1.sealed_bytes(size)]
    key = bytes.fromhex(case.get("stream_key", row["stream_key"]))
    given = bytearray()
    opening = open_sealed(key, case["aad"].encode(), bytes.fromhex(header), piece, size, SDR1)
    assert verdict(lambda: opening, given) == case["read"]
    assert len(given) == (size if case["read"] == "opens" else 0)
    assert (tink_opens(tink(key), piece, case["aad"]) is not None) == (case["read"] == "opens")


@pytest.mark.fault("att:F07")
@pytest.mark.parametrize("case", cases("tail"))
def test_st09_tails(case: Case, bench: Bench) -> None:
    row, found = FILE["tails"][case["tail"]], FILE["tails"][case.get("instead", case["tail"])]
    of = FILE["objects"][row["object"]]
    built = stranger.tail(found, of)
    assert (len(built), stranger.sha256(built)) == (found["stored_bytes"], found["sha256"])
    facts = {**row, **case.get("facts", {})}
    bench.backend.put("q/tail", stranger.changed(built, case.get("change", []), bench.objects))
    writer = bench.vault.resume(*keys_of(bench, "four"))
    size = facts["length"]
    header, digest = bytes.fromhex(facts["header"]), bytes.fromhex(facts["sha256"])
    tail = Tail(facts["part"], "q/tail", header, digest, size, SDR1.sealed_bytes(size))
    given = bytearray()
    assert verdict(lambda: iter([writer.open_tail(tail)]), given) == case["read"]
    if case["read"] == "opens":
        assert given == stranger.plaintext(row["plaintext_start"], row["length"])


def keys_of(bench: Bench, name: str) -> tuple[ScopeKey, DataKey]:
    stored = bench.put({"object": name})
    return stored.scope_key, stored.data_key


@pytest.mark.parametrize("case", cases("metadata"))
def test_metadata(case: Case) -> None:
    row = FILE["objects"][case["object"]]
    key, given = SecretKey(bytes.fromhex(row["data_key"])), bytearray()
    blob = bytes.fromhex(case["blob"])
    assert verdict(lambda: iter([canonical_json(keyring.open_metadata(key, row["oid"], blob))]), given) == case["read"]
    assert given == (canonical_json(FILE["metadata"]["plain"]) if case["read"] == "opens" else b"")


@pytest.mark.fault("att:F02", "att:F05")
@pytest.mark.parametrize("case", cases("sidecar"))
def test_sidecars(case: Case, bench: Bench) -> None:
    oid = FILE["objects"]["four"]["oid"]
    facts = {**json.loads(FILE["sidecar"]["text"]), **case.get("set", {})}
    kept = {name: value for name, value in facts.items() if name not in case.get("drop", [])}
    text = case.get("text", canonical_json(kept).decode())
    if case["read"] == "opens":
        assert text == FILE["sidecar"]["text"]
    bench.put({"object": "four"})
    bench.backend.put(sidecar(oid), text.encode())
    found: list[tuple[StoredObject, dict[str, object]]] = []

    def recover() -> Iterator[bytes]:
        found.append(bench.vault.recover(bench.scope_key({}), oid))
        return iter([])

    assert verdict(recover, bytearray()) == case["read"]
    for stored, metadata in found:
        assert metadata == FILE["metadata"]["plain"]
        assert [part.header.hex() for part in stored.parts] == [row[0] for row in FILE["objects"]["four"]["parts"]]


@pytest.mark.fault("att:F05")
def test_another_suite_properly_wrapped_is_named_as_such(bench: Bench) -> None:
    stored = bench.put({"object": "four"})
    secret = SecretKey(bytes.fromhex(FILE["objects"]["four"]["data_key"]))
    scope = SecretKey(bytes.fromhex(FILE["scope_key"]))
    bound = {"oid": stored.data_key.oid, "sk_id": stored.data_key.sk_id, "total_bytes": stored.data_key.total_bytes}
    blob = keyring.wrap_data_key(scope, secret, random=lambda size: bytes(size), suite="later", **bound)
    later = DataKey(**bound, suite="later", blob=blob, commitment=stored.data_key.commitment)
    with pytest.raises(SuiteUnknown):
        bench.vault.open(StoredObject(stored.scope_key, later, stored.parts, Layout.WHOLE))
    with pytest.raises(GeometryRefused):
        SDR1.parts(-1)


def test_the_worked_examples_of_the_description(vectors: dict[str, Any]) -> None:
    """Each is built by a stranger's code and by ours, and stands in the description as it is."""
    described = (TOP / "infra" / "docs" / "format.md").read_text("utf-8")
    oid, key = vectors["oid"], bytes.fromhex(vectors["data_key"])
    secret, header = SecretKey(key), b"\x28" + bytes.fromhex(vectors["salt"] + vectors["nonce_prefix"])
    for label, name in (
        ("stream", "stream_key"),
        ("commit", "commitment"),
        ("meta", "meta_key"),
        ("manifest", "manifest_key"),
    ):
        derived = stranger.derived(key, label, oid)
        assert derived == keyring.derive(secret, label, oid).reveal()
        assert derived.hex() == vectors[name]
        assert vectors[name] in described
    stream_key = stranger.derived(key, "stream", oid)
    for stream in vectors["streams"]:
        plain = bytes.fromhex(stream["plaintext_byte"]) * stream["total"]
        part = stranger.sealed(stream_key, f"sdr1|{oid}|{stream['total']}|0", header, plain)
        assert (len(part), stranger.sha256(part)) == (stream["sealed_bytes"], stream["sha256"])
        assert stream["sha256"] in described
        assert len(part) > 60 or part[40:].hex() in described
    tail = vectors["tail"]
    piece = bytes.fromhex(tail["plaintext"])
    sealed = stranger.sealed(stream_key, f"tail|{oid}|{tail['part']}|{len(piece)}", header, piece)
    assert sealed[40:].hex() == tail["sealed_after_header"]
    assert tail["sealed_after_header"] in described
    metadata = vectors["metadata"]
    blob = keyring.seal_metadata(secret, oid, metadata["plain"], lambda _: bytes.fromhex(metadata["nonce"]))
    assert blob.hex() == metadata["blob"]
    held = json.loads(vectors["sidecar"]["without_mac"])
    assert canonical_json(held).decode() == vectors["sidecar"]["without_mac"]
    assert json.loads(keyring.manifest(secret, oid, held))["mac"] == vectors["sidecar"]["mac"]
    for value in (
        metadata["blob"],
        vectors["wrap"]["blob"],
        vectors["sidecar"]["mac"],
        vectors["sidecar"]["without_mac"],
    ):
        assert value in described
    assert (held["wrapped_key"], held["metadata"]) == (vectors["wrap"]["blob"], metadata["blob"])


def test_the_description_counts_right() -> None:
    described = (TOP / "infra" / "docs" / "format.md").read_text("utf-8")
    refused = [case for case in FILE["cases"] if case["read"] != "opens" or case.get("verify", "opens") != "opens"]
    assert f"holds {len(FILE['cases'])} cases for another implementation, {len(refused)} of them refusals" in described
