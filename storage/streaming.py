"""The format SDR1: how an object is cut into parts and segments, and how each is sealed and opened.

Every size in the product is computed here. A part is one Tink AES256-GCM-HKDF stream with 64 KiB segments, so any Tink
library opens it. A unit is sealed whole, in memory, under 39 fresh random bytes; no cipher state outlives the call.

Source: infra/docs/format.md; https://developers.google.com/tink/streaming-aead/aes_gcm_hkdf_streaming
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storage.errors import GeometryRefused, LengthMismatch, ObjectTampered

SUITE = "tink-aes256gcm-hkdf-64k"
HEADER_BYTES = 40
TAG_BYTES = 16
SALT_BYTES = 32
NONCE_PREFIX_BYTES = 7
SEGMENT_LIMIT = 2**32
PARTS_LIMIT = 10_000

Buffer = bytes | bytearray | memoryview
Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Geometry:
    """The sizes of the format, all derived from two; other values than the defaults serve tests only."""

    part_ciphertext_bytes: int = 8_388_608
    segment_ciphertext_bytes: int = 65_536

    def __post_init__(self) -> None:
        if self.segment_ciphertext_bytes <= HEADER_BYTES + TAG_BYTES:
            raise GeometryRefused("A segment must be longer than the header and one tag.")
        if self.part_ciphertext_bytes < 1 or self.part_ciphertext_bytes % self.segment_ciphertext_bytes:
            raise GeometryRefused("A part must be a whole number of segments.")

    @property
    def first_segment_plain_bytes(self) -> int:
        """What segment 0 carries, as it shares its place with the header."""
        return self.segment_ciphertext_bytes - HEADER_BYTES - TAG_BYTES

    @property
    def segment_plain_bytes(self) -> int:
        """What every other full segment carries."""
        return self.segment_ciphertext_bytes - TAG_BYTES

    @property
    def part_plain_bytes(self) -> int:
        """What every part but the last carries."""
        segments = self.part_ciphertext_bytes // self.segment_ciphertext_bytes
        return self.first_segment_plain_bytes + (segments - 1) * self.segment_plain_bytes

    def segments(self, plain_bytes: int) -> int:
        """How many segments a part of that plaintext length has.

        Raises: GeometryRefused if the segment counter could not number them.
        """
        rest_bytes = plain_bytes - self.first_segment_plain_bytes
        count = 1 if rest_bytes <= 0 else 1 + -(-rest_bytes // self.segment_plain_bytes)
        if plain_bytes < 0 or count > SEGMENT_LIMIT:
            raise GeometryRefused
        return count

    def sealed_bytes(self, plain_bytes: int) -> int:
        """The length of a part, header and tags included, from its plaintext length."""
        return HEADER_BYTES + plain_bytes + TAG_BYTES * self.segments(plain_bytes)

    def parts(self, total_bytes: int) -> int:
        """How many parts an object of that plaintext length has; an empty object has one.

        Raises: GeometryRefused above 10 000 parts.
        """
        count = max(1, -(-total_bytes // self.part_plain_bytes))
        if total_bytes < 0 or count > PARTS_LIMIT:
            raise GeometryRefused("The object is larger than the format allows.")
        return count

    def part_length(self, total_bytes: int, index: int) -> int:
        """The plaintext length of part `index`.

        Raises: GeometryRefused if the object has no such part.
        """
        if not 0 <= index < self.parts(total_bytes):
            raise GeometryRefused("The object has no such part.")
        return min(self.part_plain_bytes, total_bytes - index * self.part_plain_bytes)

    def stored_bytes(self, total_bytes: int) -> int:
        """The length of the whole stored object from its plaintext length."""
        last = self.parts(total_bytes) - 1
        return last * self.part_ciphertext_bytes + self.sealed_bytes(self.part_length(total_bytes, last))

    def part_start(self, index: int) -> int:
        """Where part `index` begins in an object stored whole."""
        return index * self.part_ciphertext_bytes

    def segment_of(self, plain_offset: int) -> int:
        """The segment, within its part, that holds a plaintext byte."""
        if plain_offset < self.first_segment_plain_bytes:
            return 0
        return 1 + (plain_offset - self.first_segment_plain_bytes) // self.segment_plain_bytes

    def segment_plain_start(self, segment: int) -> int:
        """The plaintext offset, within its part, at which a segment begins."""
        return 0 if segment == 0 else self.first_segment_plain_bytes + (segment - 1) * self.segment_plain_bytes

    def segment_span(self, segment: int, sealed_bytes: int) -> tuple[int, int]:
        """The bytes of the part, header not included, that a segment occupies: start and stop."""
        start = HEADER_BYTES if segment == 0 else segment * self.segment_ciphertext_bytes
        return start, min(sealed_bytes, (segment + 1) * self.segment_ciphertext_bytes)


SDR1 = Geometry()


def part_aad(oid: str, total_bytes: int, index: int) -> bytes:
    """What binds a part to its object, the object's length and its place."""
    return f"sdr1|{oid}|{total_bytes}|{index}".encode("ascii")


def tail_aad(oid: str, index: int, plain_bytes: int) -> bytes:
    """What binds a tail to its object, its place and its length; never a prefix of the part that replaces it."""
    return f"tail|{oid}|{index}|{plain_bytes}".encode("ascii")


def _cipher(stream_key: bytes, salt: bytes, aad: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=aad).derive(stream_key))


def _nonce(prefix: bytes, segment: int, last: bool) -> bytes:
    if segment >= SEGMENT_LIMIT:
        raise GeometryRefused("The segment counter is exhausted.")
    return prefix + segment.to_bytes(4, "big") + (b"\x01" if last else b"\x00")


def place(plain_start: int, piece: memoryview, into: memoryview, geometry: Geometry) -> None:
    """Copy plaintext to where its ciphertext will stand: the one copy that is made of what arrives.

    Takes: `plain_start`, the offset of `piece` within its part; `into`, the buffer of the part.
    """
    while piece:
        segment = geometry.segment_of(plain_start)
        start, stop = geometry.segment_span(segment, geometry.part_ciphertext_bytes)
        start += plain_start - geometry.segment_plain_start(segment)
        room = min(stop - TAG_BYTES - start, len(piece))
        into[start : start + room] = piece[:room]
        piece = piece[room:]
        plain_start += room


def seal_placed(
    stream_key: bytes, aad: bytes, into: memoryview, plain_bytes: int, random: Random, geometry: Geometry
) -> bytes:
    """Seal one part or tail, whole, where it stands: each segment becomes its own ciphertext.

    Takes: `into`, exactly `geometry.sealed_bytes(plain_bytes)` bytes long, its plaintext put there by `place`;
    `random`, the source of fresh random bytes.
    Returns: the 40-byte header, also written at the start of `into`.
    """
    size_bytes = geometry.sealed_bytes(plain_bytes)
    if len(into) != size_bytes:
        raise LengthMismatch(expected=size_bytes, given=len(into))
    salt, prefix = random(SALT_BYTES), random(NONCE_PREFIX_BYTES)
    if len(salt) != SALT_BYTES or len(prefix) != NONCE_PREFIX_BYTES:
        raise LengthMismatch("The source of random bytes is broken.")
    header = bytes((HEADER_BYTES,)) + salt + prefix
    into[:HEADER_BYTES] = header
    cipher = _cipher(stream_key, salt, aad)
    count = geometry.segments(plain_bytes)
    for segment in range(count):
        start, stop = geometry.segment_span(segment, size_bytes)
        sealed = into[start:stop]
        cipher.encrypt_into(_nonce(prefix, segment, segment == count - 1), sealed[:-TAG_BYTES], None, sealed)
    return header


def seal(
    stream_key: bytes, aad: bytes, plaintext: Buffer, into: memoryview, random: Random, geometry: Geometry
) -> bytes:
    """Seal one part or tail, whole, from one buffer into another; as `place` and `seal_placed`."""
    source = memoryview(plaintext).cast("B")
    if len(into) != geometry.sealed_bytes(len(source)):
        raise LengthMismatch(expected=geometry.sealed_bytes(len(source)), given=len(into))
    place(0, source, into, geometry)
    return seal_placed(stream_key, aad, into, len(source), random, geometry)


class Opener:
    """Opens the segments of one part, in any order, under the header its owner remembers."""

    __slots__ = ("_cipher", "_count", "_geometry", "_prefix", "sealed_bytes")

    def __init__(self, stream_key: bytes, aad: bytes, header: bytes, plain_bytes: int, geometry: Geometry) -> None:
        if len(header) != HEADER_BYTES or header[0] != HEADER_BYTES:
            raise ObjectTampered(diagnosis="E3")
        self._geometry = geometry
        self._cipher = _cipher(stream_key, header[1 : 1 + SALT_BYTES], aad)
        self._prefix = header[1 + SALT_BYTES :]
        self._count = geometry.segments(plain_bytes)
        self.sealed_bytes = geometry.sealed_bytes(plain_bytes)

    def open_segment(self, segment: int, sealed: Buffer) -> bytes:
        """The plaintext of one segment.

        Raises: ObjectTampered (E5) before any byte of it is returned; GeometryRefused if the part has no such segment.
        """
        if not 0 <= segment < self._count:
            raise GeometryRefused("The part has no such segment.")
        try:
            return self._cipher.decrypt(_nonce(self._prefix, segment, segment == self._count - 1), sealed, None)
        except InvalidTag:
            raise ObjectTampered(diagnosis="E5", segment=segment) from None

    def open_window(self, first: int, stop: int, sealed: memoryview) -> Iterator[bytes]:
        """The plaintext of consecutive segments, one by one.

        Takes: `sealed`, the bytes from the start of segment `first` to the end of segment `stop - 1`, header not
        included.
        """
        base, _ = self._geometry.segment_span(first, self.sealed_bytes)
        for segment in range(first, stop):
            start, end = self._geometry.segment_span(segment, self.sealed_bytes)
            yield self.open_segment(segment, sealed[start - base : end - base])

    @property
    def segment_count(self) -> int:
        """How many segments the part has."""
        return self._count


def open_sealed(
    stream_key: bytes, aad: bytes, header: bytes, sealed: Buffer, plain_bytes: int, geometry: Geometry
) -> Iterator[bytes]:
    """The plaintext of a whole part or tail, segment by segment, after its header and length are compared.

    Raises: ObjectTampered (E3 header, E4 length, E5 content).
    """
    opener = Opener(stream_key, aad, header, plain_bytes, geometry)
    view = memoryview(sealed)
    if bytes(view[:HEADER_BYTES]) != header:
        raise ObjectTampered(diagnosis="E3")
    if len(view) != opener.sealed_bytes:
        raise ObjectTampered(diagnosis="E4", expected=opener.sealed_bytes, stored=len(view))
    yield from opener.open_window(0, opener.segment_count, view[HEADER_BYTES:])
