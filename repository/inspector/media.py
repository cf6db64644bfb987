"""Recordings of sound and film: looked at by their index and first bytes, and made playable in every browser by ffmpeg."""

from __future__ import annotations

from collections.abc import Iterator

from . import boxes, recordings, transcoding
from .boxes import Source
from .findings import Findings, Refused
from .frames import Frame

FRONT_BYTES = 8 * 1024 * 1024


def inspect(source: Source, kind: str) -> Findings:
    """Return what a recording holds. It is read as far as that needs, and never held whole.

    Raises: ``Refused`` when it is incomplete, damaged, locked, empty, beyond the limits, or of a codec that is not taken.
    """
    if kind in recordings.BOXED:
        index = boxes.Front(source)
        front = index.head() + index.sample
    else:
        front = source.read(FRONT_BYTES)
        if len(front) < FRONT_BYTES:
            _check_end(front, kind)
    found = recordings.probe(front, kind)
    notes = []
    if found.video and not found.sound:
        notes.append("no-sound")
    if not (found.copies_video or not found.video) or not (found.copies_sound or not found.sound):
        notes.append("converted")
    return Findings(
        notes=tuple(notes),
        facts={
            "seconds": round(found.seconds),
            "width": found.width,
            "height": found.height,
            "channels": found.channels,
            "copies_video": int(found.copies_video),
        },
    )


def transcode(source: Source, kind: str, size: int) -> Iterator[Frame]:
    """Give the frames of a recording that every browser plays; takes and raises as ``transcoding.run``."""
    return transcoding.run(source, kind, size)


def _check_end(data: bytes, kind: str) -> None:
    """Refuse a small file whose own length says that its end is missing, or that something follows it."""
    if kind not in {"audio/wav", "video/x-msvideo"} or len(data) < 12:
        return
    said = int.from_bytes(data[4:8], "little" if data[:4] == b"RIFF" else "big") + 8
    if said in {8, 0xFFFFFFFF + 8}:
        return  # written by a recorder that never came back to say it
    if said > len(data) + 1:
        raise Refused("incomplete")
    if len(data) > said + boxes.SPARE_BYTES and not data[said:].startswith((b"RIFF", b"LIST")):
        raise Refused("trailing-data")
