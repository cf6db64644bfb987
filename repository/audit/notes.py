"""The texts that prove the log to others: signed notes, checkpoints and proofs, and the key that signs them.

Source: https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint, https://c2sp.org/tlog-proof; Ed25519 is RFC 8032.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from repository import private_files
from repository.audit.merkle import HASH_BYTES, root_of_proof
from repository.errors import LogDamaged, SettingRefused

ED25519 = b"\x01"
KEY_FILE = "audit-signing.key"
KEY_BYTES = 32
PROOF_HEADER = "c2sp.org/tlog-proof@v1"
_DASH = "\u2014"


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _bytes(untrusted: str) -> bytes:
    try:
        return base64.b64decode(untrusted, validate=True)
    except (binascii.Error, ValueError) as error:
        raise LogDamaged("A line of a checkpoint or proof is not base64.") from error


def key_id(name: str, public_key: bytes) -> bytes:
    """Return the four bytes by which a signature names its key."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public_key).digest()[:4]


def verifier_key(name: str, public_key: bytes) -> str:
    """Return the line that a verifier is given: name, key id and key, as ``name+hex+base64``."""
    return f"{name}+{key_id(name, public_key).hex()}+{_text(ED25519 + public_key)}"


def public_key_of(untrusted_line: str) -> tuple[str, bytes]:
    """Return name and public key of a verifier's line; raises ``LogDamaged`` for one that is none."""
    parts = untrusted_line.strip().split("+", 2)  # base64 may hold a plus itself
    key = _bytes(parts[2]) if len(parts) == 3 else b""
    if len(key) != 33 or key[:1] != ED25519 or key_id(parts[0], key[1:]).hex() != parts[1]:
        raise LogDamaged("That is not the verifier key of a log.")
    return parts[0], key[1:]


@dataclass(frozen=True, slots=True, repr=False)
class LogSigner:
    """The key of the log. Its ``repr`` shows nothing."""

    private_key: Ed25519PrivateKey

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that verify its signatures."""
        return self.private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def address_key(self) -> bytes:
        """Return the key under which addresses are hashed: whoever has only the log cannot find them by trying all."""
        raw = self.private_key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return hmac.digest(raw, b"nea audit: addresses", "sha256")

    def sign(self, name: str, text: str) -> str:
        """Return ``text`` as a note signed under a name."""
        signature = key_id(name, self.public_key) + self.private_key.sign(text.encode())
        return f"{text}\n{_DASH} {name} {_text(signature)}\n"


def load_signer(path: Path) -> LogSigner:
    """Return the signer of a key file, made at first start with mode 0600.

    Raises: ``SettingRefused`` if others on the machine can read the file or it is not a key.
    """
    try:
        raw = private_files.make_key(path, KEY_BYTES, secrets.token_bytes)
    except private_files.UnsafeFile as error:
        raise SettingRefused(
            f"The signing key of the audit log, {path.name}, {error.remedy}.", variable="NEA_AUDIT_KEY_FILE"
        ) from error
    return LogSigner(Ed25519PrivateKey.from_private_bytes(raw))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself at one moment: under this name, so many events, this root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{_text(self.root)}\n"


def open_checkpoint(untrusted_note: str, origin: str, public_key: bytes) -> Checkpoint:
    """Return what a signed checkpoint says, if the log's own key signed it.

    Raises: ``LogDamaged`` for anything else: another name, another key, a changed byte.
    """
    text, blank, signatures = untrusted_note.rpartition("\n\n")
    text += "\n"
    lines = text.split("\n")
    if not blank or len(lines) != 4 or lines[0] != origin or not lines[1].isascii() or not lines[1].isdigit():
        raise LogDamaged(f"A checkpoint is not one of {origin}.")
    ours = key_id(origin, public_key)
    signed = False
    for line in signatures.splitlines():
        dash, _, rest = line.partition(" ")
        name, _, value = rest.partition(" ")
        if dash != _DASH or name != origin:
            continue
        signature = _bytes(value)
        if signature[:4] == ours:
            try:
                Ed25519PublicKey.from_public_bytes(public_key).verify(signature[4:], text.encode())
            except InvalidSignature as error:
                raise LogDamaged(f"The signature of a checkpoint of {origin} is wrong.") from error
            signed = True
    root = _bytes(lines[2])
    if not signed or len(root) != HASH_BYTES or str(int(lines[1])) != lines[1]:
        raise LogDamaged(f"A checkpoint of {origin} does not carry the log's signature.")
    return Checkpoint(origin, int(lines[1]), root)


def origin_of(untrusted_note: str) -> str:
    """Return the name that a checkpoint claims, unverified."""
    return untrusted_note.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class LogProof:
    """That one event is in the log: the event, its place, the hashes beside its way up, and a signed checkpoint."""

    event: bytes
    index: int
    hashes: tuple[bytes, ...]
    note: str

    def text(self) -> str:
        """Return the proof as a file; the event itself is its extra data."""
        lines = [PROOF_HEADER, f"extra {_text(self.event)}", f"index {self.index}", *map(_text, self.hashes), ""]
        return "\n".join(lines) + "\n" + self.note


def read_proof(untrusted: str) -> LogProof:
    """Return a proof as it is written, unverified; raises ``LogDamaged`` for a text that is none."""
    head, blank, note = untrusted.partition("\n\n")
    lines = head.split("\n")
    if (
        not blank
        or len(lines) < 3
        or lines[0] != PROOF_HEADER
        or not lines[1].startswith("extra ")
        or not lines[2].startswith("index ")
        or not (lines[2][6:].isascii() and lines[2][6:].isdigit() and len(lines[2]) < 30)
    ):
        raise LogDamaged("That is not a proof of the log.")
    hashes = tuple(_bytes(line) for line in lines[3:])
    return LogProof(_bytes(lines[1][6:]), int(lines[2][6:]), hashes, note)


def check_proof(proof: LogProof, leaf: bytes, origin: str, public_key: bytes) -> Checkpoint:
    """Return the checkpoint that a proof leads to; raises ``LogDamaged`` if it does not."""
    checkpoint = open_checkpoint(proof.note, origin, public_key)
    try:
        root = root_of_proof(leaf, proof.index, checkpoint.size, proof.hashes)
    except ValueError as error:
        raise LogDamaged(f"The proof does not fit its checkpoint: {error}.") from error
    if root != checkpoint.root:
        raise LogDamaged("The event is not the one that stands in the log at that place.")
    return checkpoint
