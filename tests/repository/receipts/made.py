"""A receipt with everything: made by the product's own parts, for tests that take it apart."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from repository.audit.events import canonical as event_text
from repository.audit.merkle import Tree, leaf_hash, split
from repository.audit.notes import Checkpoint, LogProof, LogSigner, verifier_key
from repository.receipts.bodies import By, Missing, Place, body, marks_text, sha256_hex
from repository.receipts.checking import ISSUED
from repository.receipts.files import ReceiptFile, log_key_statement
from repository.receipts.kinds import ReceiptKind
from repository.receipts.signing import Signer

ORIGIN = "nea.example/audit"
AT = datetime(2026, 5, 15, 14, 3, 7, tzinfo=UTC)
RECEIPT_ID = "6d7f0c0e-6b3a-4a0e-9c11-2f0d3c1b7a55"
PLACE = Place("2026-06", "June 2026", "7552/C", "Drama: devised work", "64001", "Llandudno School – Ysgol")
BY = By("person-1", "R. Officer", "exams_officer", "Exams officer")
SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
LOG_SIGNER = LogSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64))))


@dataclass(frozen=True)
class Work:
    """A file of work, with its bytes."""

    name: str
    data: bytes

    def line(self) -> Mapping[str, object]:
        return {
            "document": f"document-{self.name}",
            "slot": "work",
            "name": self.name,
            "media_type": "application/pdf",
            "size_bytes": len(self.data),
            "sha256": hashlib.sha256(self.data).hexdigest(),
            "sha256_declared_by_sender": True,
            "declared_at": "2026-05-15T13:58:00+00:00",
            "declared_in_time": True,
            "received_at": "2026-05-15T14:01:00+00:00",
        }


WORKS = (Work("1001_devising log.pdf", b"%PDF-1.7 of 1001"), Work("1002 étude.pdf", b"%PDF-1.7 of 1002" * 500))


def sample_body() -> bytes:
    """The signed text of a receipt of a sample."""
    return body(
        ReceiptKind.SAMPLE_SUBMITTED,
        RECEIPT_ID,
        AT,
        PLACE,
        BY,
        {
            "sample": "sample-1",
            "due_at": "2026-05-15T22:59:59+00:00",
            "candidates": [
                {"candidate_number": "1001", "position": 1, "no_work_reason": "", "files": [WORKS[0].line()]},
                {"candidate_number": "1002", "position": 2, "no_work_reason": "", "files": [WORKS[1].line()]},
                {"candidate_number": "1003", "position": 3, "no_work_reason": "Absent", "files": []},
            ],
            "cohort_files": [],
            "replaces": None,
        },
        missing=[Missing("1003", ("Work",), "Absent")],
        public_key_hex=SIGNER.public_key_hex,
    )


def proof_of(text: bytes, receipt_id: str = RECEIPT_ID, *, size: int = 300, index: int = 137, **changes: object) -> str:
    """The proof that a receipt's event stands in a log of ``size`` entries."""
    event = event_text(
        {
            "event_id": "event-1",
            "inbox_id": 7,
            "request_id": "request-1",
            "person_id": "person-1",
            "assignment_id": "assignment-1",
            "role": "exams_officer",
            "action": ISSUED,
            "centre_number": "64001",
            "outcome": "done",
            "address_hash": None,
            "details": {"sha256": sha256_hex(text), "origin": "web"},
            "at": AT,
            "object_kind": "receipt",
            "object_id": receipt_id,
        }
        | changes
    ).encode("ascii")
    leaves = [leaf_hash(event if number == index else b"other %d" % number) for number in range(size)]
    tiles: dict[tuple[int, int], list[bytes]] = {}
    for number, leaf in enumerate(leaves):
        tiles.setdefault((0, number // 256), []).append(leaf)
    from repository.audit.merkle import full_tile_hash

    for (level, place), hashes in list(tiles.items()):
        if len(hashes) == 256:
            tiles.setdefault((level + 1, 0), []).insert(place, full_tile_hash(b"".join(hashes)))

    def read(level: int, first: int, count: int) -> list[bytes]:
        return tiles[level, first // 256][first % 256 : first % 256 + count]

    tree = Tree(size, read)
    assert list(split(b"".join(leaves))) == leaves
    note = LOG_SIGNER.sign(ORIGIN, Checkpoint(ORIGIN, size, tree.root()).text())
    return LogProof(event, index, tuple(tree.inclusion(index)), note).text()


def whole(text: bytes | None = None, *, proof: str | None = None, marks: str | None = None) -> ReceiptFile:
    """A receipt file with its proof."""
    text = sample_body() if text is None else text
    log_key = verifier_key(ORIGIN, LOG_SIGNER.public_key)
    return ReceiptFile(
        text.decode(),
        SIGNER.sign(text).hex(),
        SIGNER.public_key_hex,
        proof_of(text) if proof is None else proof,
        log_key,
        SIGNER.sign(log_key_statement(log_key)).hex(),
        marks,
    )


def marks_receipt() -> ReceiptFile:
    """A receipt of marks, with the marks."""
    marks = marks_text(RECEIPT_ID, "00" * 16, [{"candidate_number": "1001", "mark": 34, "status": "MARK"}])
    content = {
        "marks": {"version": 3, "candidates": 1, "with_mark": 1, "control_total": 34, "maximum_mark": 60},
        "marks_sha256": sha256_hex(marks),
        "replaces": None,
    }
    text = body(ReceiptKind.MARKS_SUBMITTED, RECEIPT_ID, AT, PLACE, BY, content, public_key_hex=SIGNER.public_key_hex)
    return whole(text, marks=marks.decode())
