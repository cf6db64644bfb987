"""What the file of a receipt proves, and what it does not: everything that is needed is in the file and the published key."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from repository.audit import notes
from repository.audit.merkle import leaf_hash
from repository.errors import LogDamaged, ReceiptUnreadable
from repository.receipts import custody, destruction
from repository.receipts.bodies import FORMATS, sha256_hex
from repository.receipts.files import ReceiptFile, log_key_statement
from repository.receipts.kinds import ReceiptKind
from repository.receipts.signing import canonical, verify

ISSUED = "receipt.issued"
"""The action of the event by which a receipt stands in the log."""


class Verdict(StrEnum):
    """What one check came to. ``OPEN``: it could not be made, for want of something that the sentence names."""

    GOOD = "good"
    BAD = "bad"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of a receipt, in plain words."""

    check: str
    verdict: Verdict
    sentence: str


def examine(file: ReceiptFile, key: str | None) -> tuple[Finding, ...]:
    """Return what a receipt proves.

    Takes: ``key``, the public key that the awarding body published, as 64 hexadecimal digits, if it is known.
    """
    checks = (
        _key(file, key),
        _signature(file),
        _says(file),
        _log(file),
        _marks(file),
        _custody(file),
        _destruction(file),
    )
    return tuple(one for one in checks if one is not None)


def holds(findings: tuple[Finding, ...]) -> bool:
    """Return whether nothing was found to be wrong."""
    return all(one.verdict is not Verdict.BAD for one in findings)


def _key(file: ReceiptFile, key: str | None) -> Finding:
    if key is None:
        sentence = (
            f"Whose key {file.public_key} is, this check cannot know. Compare it with the one that was published."
        )
        return Finding("key", Verdict.OPEN, sentence)
    if key.strip().lower() == file.public_key:
        return Finding("key", Verdict.GOOD, "The key is the one that you gave.")
    return Finding("key", Verdict.BAD, "The key in the file is not the one that you gave: another service signed this.")


def _signature(file: ReceiptFile) -> Finding:
    if verify(file.body, bytes.fromhex(file.signature), file.public_key):
        return Finding("signature", Verdict.GOOD, "The text is exactly what was signed; not one character was changed.")
    return Finding("signature", Verdict.BAD, "The text, the signature or the key was changed after it was signed.")


def _says(file: ReceiptFile) -> Finding:
    try:
        content = file.content
    except ReceiptUnreadable:
        return Finding("text", Verdict.BAD, "The signed text is not that of a receipt.")
    if canonical(content) != file.body or content.get("format", FORMATS[0]) not in FORMATS:
        return Finding("text", Verdict.BAD, "The signed text is not written as a receipt is.")
    if content.get("public_key_ed25519", file.public_key) != file.public_key:
        return Finding("text", Verdict.BAD, "The receipt names another key than the file.")
    return Finding("text", Verdict.GOOD, "The text is that of a receipt, in a form that this check knows.")


def _log(file: ReceiptFile) -> Finding | None:
    if file.is_first_format:
        return None  # receipts were not in the log then
    if file.log_proof is None or file.log_key is None or file.log_key_signature is None:
        return Finding(
            "log",
            Verdict.OPEN,
            "The proof from the audit log is not in the file. Download the receipt again to get it.",
        )
    if not verify(log_key_statement(file.log_key), bytes.fromhex(file.log_key_signature), file.public_key):
        return Finding("log", Verdict.BAD, "The key of the audit log is not the one that the service vouched for.")
    try:
        name, log_key = notes.public_key_of(file.log_key)
        if notes.verifier_key(name, log_key) != file.log_key:
            raise LogDamaged
        proof = notes.read_proof(file.log_proof)
        checkpoint = notes.check_proof(proof, leaf_hash(proof.event), name, log_key)
        if proof.text() != file.log_proof or proof.note != _note(proof.note, checkpoint):
            raise LogDamaged
    except (LogDamaged, ValueError):
        return Finding("log", Verdict.BAD, "The proof from the audit log was changed, or is not one.")
    if not _is_of(proof.event, file):
        return Finding("log", Verdict.BAD, "The proof is that of another receipt.")
    sentence = (
        f"It stands in the audit log {name} as entry {proof.index}; the log had {checkpoint.size} entries when its "
        "checkpoint was signed. It cannot be made up later, nor taken back unnoticed."
    )
    return Finding("log", Verdict.GOOD, sentence)


def _note(untrusted_note: str, checkpoint: notes.Checkpoint) -> str:
    """Return a checkpoint as it is written with one signature, the log's: nothing beside it goes unchecked."""
    last = untrusted_note.rstrip("\n").rpartition(" ")[2]
    return f"{checkpoint.text()}\n\u2014 {checkpoint.origin} {_same_base64(last)}\n"


def _same_base64(text: str) -> str:
    return base64.b64encode(base64.b64decode(text, validate=True)).decode("ascii")


def _is_of(event: bytes, file: ReceiptFile) -> bool:
    try:
        said: Any = json.loads(event)
        about = {"kind": "receipt", "id": file.content["receipt"]}
        whole = (said["action"], said["object"], said["details"]["sha256"])
        return whole == (ISSUED, about, sha256_hex(file.body))
    except (ValueError, KeyError, TypeError, ReceiptUnreadable):
        return False


def _marks(file: ReceiptFile) -> Finding | None:
    try:
        wanted = file.content.get("marks_sha256")
    except ReceiptUnreadable:
        return None
    if wanted is None:
        if file.marks_text is None:
            return None
        return Finding("marks", Verdict.BAD, "There are marks in the file, but the receipt is not one of marks.")
    if file.marks_text is None:
        return Finding(
            "marks", Verdict.OPEN, "The marks are not in the file; an exams officer can download it with them."
        )
    if sha256_hex(file.marks_text.encode("utf-8", "surrogatepass")) != wanted:
        return Finding("marks", Verdict.BAD, "The marks in the file are not those that were submitted.")
    return Finding("marks", Verdict.GOOD, "The marks in the file are those that were submitted.")


def _custody(file: ReceiptFile) -> Finding | None:
    try:
        content = file.content
    except ReceiptUnreadable:
        return None
    if content.get("kind") != ReceiptKind.CUSTODY:
        return None
    said = content.get("custody")
    found = custody.faults(said if isinstance(said, dict) else {})
    if found:
        return Finding("custody", Verdict.BAD, " ".join(found))
    sentence = "The events of every script and packet are all here, unchanged and in their order."
    return Finding("custody", Verdict.GOOD, sentence)


def _destruction(file: ReceiptFile) -> Finding | None:
    try:
        content = file.content
    except ReceiptUnreadable:
        return None
    if content.get("kind") != ReceiptKind.SCRIPTS_DESTROYED:
        return None
    said = content.get("destruction")
    found = destruction.faults(said if isinstance(said, dict) else {})
    if found:
        return Finding("destruction", Verdict.BAD, " ".join(found))
    sentence = "Every script is destroyed, kept or was never there, and the counts are those of the list."
    return Finding("destruction", Verdict.GOOD, sentence)


# Files of work


@dataclass(frozen=True, slots=True)
class Listed:
    """A file that a receipt lists. ``candidate_number`` is empty for what is about the whole group."""

    candidate_number: str
    name: str
    size_bytes: int
    sha256: str


class Match(StrEnum):
    """How a file on the receipt compares with those in a folder."""

    SAME = "same"
    RENAMED = "renamed"
    DIFFERENT = "different"
    NOT_HERE = "not here"


def listed_of(content: Mapping[str, Any]) -> tuple[Listed, ...]:
    """Return the files that a receipt lists; raises ``ReceiptUnreadable`` for a receipt that is not written as one."""
    try:
        groups = [(str(one["candidate_number"]), one.get("files", ())) for one in content.get("candidates", ())]
        groups.append(("", content.get("cohort_files", ())))
        return tuple(
            Listed(number, str(one["name"]), int(one["size_bytes"]), str(one["sha256"]))
            for number, files in groups
            for one in files
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ReceiptUnreadable("The list of files in the receipt is not one.") from error


def compare(listed: tuple[Listed, ...], folder: Path) -> Iterator[tuple[Listed, Match]]:
    """Hash the files of a folder, and those in it, and yield how each file on the receipt compares."""
    by_name: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                by_name.setdefault(path.name, set()).add(hashlib.file_digest(file, "sha256").hexdigest())
    hashes = {one for found in by_name.values() for one in found}
    for one in listed:
        if one.sha256 in by_name.get(one.name, ()):
            yield one, Match.SAME
        elif one.sha256 in hashes:
            yield one, Match.RENAMED
        else:
            yield one, Match.DIFFERENT if one.name in by_name else Match.NOT_HERE
