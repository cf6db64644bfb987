"""An upload: bytes still arriving. Rules of the tus protocol that need no network and no database. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from repository.errors import ChecksumUnknown, RequestMalformed

METADATA_LIMIT_BYTES = 8 * 1024
FILENAME_LIMIT_BYTES = 255
CHECKSUM_ALGORITHMS = ("sha256", "sha1")
CHECKED_BODY_LIMIT_BYTES = 16 * 1024 * 1024
"""A PATCH with a checksum is held whole in memory until its digest matches, so it is bounded."""


class UploadState(StrEnum):
    """Where an upload stands."""

    OPEN = "open"
    COMPLETE = "complete"
    TERMINATED = "terminated"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Checksum:
    """The digest a client declares for the body of one PATCH."""

    algorithm: str
    digest: bytes

    def matches(self, body: bytes | bytearray | memoryview) -> bool:
        """Return whether ``body`` has this digest."""
        return hashlib.new(self.algorithm, body, usedforsecurity=False).digest() == self.digest


def read_whole_number(untrusted_text: str | None, name: str) -> int:
    """Return a header's non-negative whole number below 2⁶³.

    Raises: ``RequestMalformed`` naming the header.
    """
    if untrusted_text is None:
        raise RequestMalformed(f"The {name} header is missing.", header=name)
    text = untrusted_text.strip()
    if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) >= 2**63:
        raise RequestMalformed(f"The {name} header must be a whole number of bytes, 0 or more.", header=name)
    return int(text)


def read_metadata(untrusted_header: str | None) -> Mapping[str, str]:
    """Return the pairs of an ``Upload-Metadata`` header.

    Returns: key → text; a key without a value gives an empty text.
    Raises: ``RequestMalformed`` naming the key that is repeated, not base64 or not UTF-8, or the limit.
    Source: https://tus.io/protocols/resumable-upload#upload-metadata
    """
    if untrusted_header is None or not untrusted_header.strip():
        return {}
    if len(untrusted_header) > METADATA_LIMIT_BYTES:
        raise RequestMalformed(f"The Upload-Metadata header is longer than {METADATA_LIMIT_BYTES} bytes.")
    pairs: dict[str, str] = {}
    for pair in untrusted_header.split(","):
        words = pair.strip(" ").split(" ")
        key = words[0]
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", key) or len(words) > 2:
            raise RequestMalformed("The Upload-Metadata header must be `key base64` pairs parted by commas.")
        if key in pairs:
            raise RequestMalformed(f"The Upload-Metadata key {key} stands twice.", key=key)
        try:
            value = base64.b64decode(words[1], validate=True).decode("utf-8") if len(words) == 2 else ""
        except ValueError as error:  # not base64, not even ASCII, or not UTF-8
            raise RequestMalformed(
                f"The Upload-Metadata value of {key} is not UTF-8 text in base64.", key=key
            ) from error
        if "\x00" in value:
            raise RequestMalformed(f"The Upload-Metadata value of {key} contains a NUL character.", key=key)
        pairs[key] = value
    return pairs


def read_checksum(untrusted_header: str | None) -> Checksum | None:
    """Return the declared checksum of a body, or None if none is declared.

    Raises: ``ChecksumUnknown`` for an algorithm not offered; ``RequestMalformed`` for a digest of the wrong form.
    """
    if untrusted_header is None:
        return None
    algorithm, _, encoded = untrusted_header.strip().partition(" ")
    if algorithm not in CHECKSUM_ALGORITHMS:
        raise ChecksumUnknown(algorithms=", ".join(CHECKSUM_ALGORITHMS))
    try:
        digest = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise RequestMalformed("The Upload-Checksum digest is not base64.") from error
    if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise RequestMalformed(f"The Upload-Checksum digest has the wrong length for {algorithm}.")
    return Checksum(algorithm, digest)


def read_filename(untrusted_name: str) -> str:
    """Return a file name fit to be shown: NFC, path parts kept as text, controls made visible.

    Raises: ``RequestMalformed`` for NUL bytes or a name over the limit, naming the limit.
    """
    if "\x00" in untrusted_name:
        raise RequestMalformed("The file name contains a NUL character. Rename the file and try again.")
    name = unicodedata.normalize("NFC", untrusted_name).strip()
    # Bidirectional controls can make `gpj.exe` read as an image, so they are shown, not obeyed.
    name = "".join(c if unicodedata.category(c) not in {"Cc", "Cf"} else "\N{REPLACEMENT CHARACTER}" for c in name)
    if len(name.encode("utf-8")) > FILENAME_LIMIT_BYTES:
        raise RequestMalformed(
            f"The file name is longer than {FILENAME_LIMIT_BYTES} bytes. Shorten it and try again.",
            limit_bytes=FILENAME_LIMIT_BYTES,
        )
    return name


def read_declared_sha256(untrusted_text: str | None) -> str | None:
    """Return the declared SHA-256 in lower-case hex, or None; raises ``RequestMalformed`` if it is not one."""
    if not untrusted_text:
        return None
    if not re.fullmatch(r"[0-9a-fA-F]{64}", untrusted_text):
        raise RequestMalformed("The declared sha256 must be 64 hexadecimal digits.", key="sha256")
    return untrusted_text.lower()


def hash_of_token(untrusted_token: str) -> bytes:
    """Return what is kept of an upload's token: its SHA-256, never itself."""
    return hashlib.sha256(untrusted_token.encode("utf-8", "surrogateescape")).digest()


def candidate_prefix(filename: str) -> str | None:
    """Return the 4-digit candidate number a file name starts with, or None. Only ASCII digits count.

    Source: OCR, http://www.ocr.org.uk/interchange/repository/faqs/, e.g. ``1234_coversheet.pdf``.
    """
    match = re.match(r"([0-9]{4})(?![0-9])", filename)
    return match[1] if match else None
