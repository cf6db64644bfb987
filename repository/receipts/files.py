"""The file of a receipt, to keep: the signed text, the signature, the proof from the log, and the keys.

Reading is strict: every character that matters is either signed, or checked against what is; two texts never mean the
same, so no byte of a signature, a proof or a key can be changed unnoticed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from repository.errors import ReceiptUnreadable
from repository.receipts.signing import Signer

FILE_FORMAT = "nea-receipt-file/2"
FILE_LIMIT_BYTES = 20 * 1024 * 1024
LOG_KEY_STATEMENT = "nea-receipt: the audit log is checked with "
"""What the receipts' key signs of the log's key, so that whoever knows the one key needs no other."""
_NEEDED = frozenset({"signed_text", "signature", "public_key"})
_KNOWN = _NEEDED | {"format", "log_proof", "log_key", "log_key_signature", "marks_text"}
_HEX_64, _HEX_128 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{128}")


@dataclass(frozen=True, slots=True)
class ReceiptFile:
    """A receipt as it is kept outside. ``marks_text`` are the marks that a receipt of marks commits to, if they came along.

    Files of earlier versions have the first three only.
    """

    signed_text: str
    signature: str
    public_key: str
    log_proof: str | None = None
    log_key: str | None = None
    log_key_signature: str | None = None
    marks_text: str | None = None
    is_first_format: bool = False

    @property
    def body(self) -> bytes:
        """Return the bytes that were signed."""
        return self.signed_text.encode("utf-8", "surrogatepass")

    @property
    def content(self) -> dict[str, Any]:
        """Return what the receipt says; raises ``ReceiptUnreadable`` if that is no JSON object."""
        return _object(self.signed_text)

    def text(self) -> str:
        """Return the file."""
        found: dict[str, str] = {} if self.is_first_format else {"format": FILE_FORMAT}
        found |= {"signed_text": self.signed_text, "signature": self.signature, "public_key": self.public_key}
        for name in ("log_proof", "log_key", "log_key_signature", "marks_text"):
            if (value := getattr(self, name)) is not None:
                found[name] = value
        return json.dumps(found, indent=1) + "\n"


def made(
    signer: Signer,
    body: bytes,
    signature: bytes,
    *,
    has_event: bool,
    proof: str | None,
    log_key: str | None,
    marks: bytes | None,
) -> ReceiptFile:
    """Return a receipt as the file to keep.

    Takes: ``has_event``, whether it stands in the audit log, as all but those of the first format do; ``marks``, those
    that it commits to, if they go along.
    """
    vouched = log_key if proof is not None else None
    return ReceiptFile(
        body.decode("ascii"),
        signature.hex(),
        signer.public_key_hex,
        proof,
        vouched,
        signer.sign(log_key_statement(vouched)).hex() if vouched else None,
        marks.decode("ascii") if marks is not None else None,
        is_first_format=not has_event,
    )


def log_key_statement(log_key: str) -> bytes:
    """Return the bytes by which the receipts' key vouches for the log's."""
    return (LOG_KEY_STATEMENT + log_key).encode("utf-8", "surrogatepass")


def read(untrusted: bytes) -> ReceiptFile:
    """Return the file of a receipt, unverified.

    Raises: ``ReceiptUnreadable`` for anything that is not one, saying what is wrong.
    """
    if len(untrusted) > FILE_LIMIT_BYTES:
        raise ReceiptUnreadable("The file is too large to be a receipt.")
    try:
        text = untrusted.decode("utf-8")
    except UnicodeDecodeError as error:
        if untrusted.startswith(b"%PDF"):
            raise ReceiptUnreadable(
                "That is the PDF, which is for reading. The proof is the file beside it that ends in .json."
            ) from error
        raise ReceiptUnreadable from error
    if text.startswith("%PDF"):
        raise ReceiptUnreadable("That is the PDF, which is for reading. The proof is the file that ends in .json.")
    found = _object(text)
    if not found.keys() >= _NEEDED or not found.keys() <= _KNOWN or not all(isinstance(v, str) for v in found.values()):
        raise ReceiptUnreadable
    if found.get("format", FILE_FORMAT) != FILE_FORMAT or (len(found) > len(_NEEDED) and "format" not in found):
        raise ReceiptUnreadable(f"The file is not of the format {FILE_FORMAT}. A newer verifier may know it.")
    if not _HEX_128.fullmatch(found["signature"]) or not _HEX_64.fullmatch(found["public_key"]):
        raise ReceiptUnreadable("The signature or the key in the file is not one: it was changed or cut off.")
    if "log_key_signature" in found and not _HEX_128.fullmatch(found["log_key_signature"]):
        raise ReceiptUnreadable("The signature of the log’s key is not one: it was changed or cut off.")
    together = {"log_proof", "log_key", "log_key_signature"} & found.keys()
    if together and len(together) != 3:
        raise ReceiptUnreadable("A part of the proof from the log is missing.")
    is_first = "format" not in found
    found.pop("format", None)
    return ReceiptFile(**found, is_first_format=is_first)


def _object(text: str) -> dict[str, Any]:
    """Return a JSON object in which no name stands twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ReceiptUnreadable("A name stands twice in the file.")
        return found

    try:
        found = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise ReceiptUnreadable from error
    if not isinstance(found, dict):
        raise ReceiptUnreadable
    return found
