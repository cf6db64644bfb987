"""Recordings of sound and film: looked at by their index and first bytes, and made playable in every browser by ffmpeg."""

from __future__ import annotations

from collections.abc import Iterator

from . import boxes, recordings, transcoding
from .boxes import Source
from .findings import Findings, Refused
from .frames import Frame
from .recordings import Recording

FRONT_BYTES = 8 * 1024 * 1024
SHORTEST_SECONDS = 0.05
TAIL_BYTES = 128 * 1024


def inspect(source: Source, kind: str) -> Findings:
    """Return what a recording holds. It is read as far as that needs, and never held whole.

    Raises: ``Refused`` when it is incomplete, damaged, locked, empty, beyond the limits, or of a codec that is not taken.
    """
    if kind in recordings.BOXED:
        index = boxes.Front(source)
        front = index.head() + index.sample
    else:
        front = source.read(FRONT_BYTES)
    found = recordings.probe(front, kind)
    if kind not in recordings.BOXED:
        size, tail = _to_the_end(front, source)
        _check_end(front, size, kind)
        found = found._replace(seconds=found.seconds or _seconds(found, size, tail, kind))
    if not found.video and 0 < found.seconds < SHORTEST_SECONDS:
        raise Refused("recording-empty")
    if found.seconds > recordings.DURATION_LIMIT_SECONDS:
        raise Refused("recording-too-long")
    notes = []
    if found.video and not found.sound:
        notes.append("no-sound")
    if not (found.copies_video or not found.video) or not (found.plays_sound or not found.sound):
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


def _to_the_end(front: bytes, source: Source) -> tuple[int, bytes]:
    """Return how long a recording is in bytes, and its last ones."""
    size, tail = len(front), front[-TAIL_BYTES:]
    while piece := source.read(boxes.PIECE_BYTES):
        size += len(piece)
        tail = (tail + piece)[-TAIL_BYTES:]
    return size, tail


def _seconds(found: Recording, size: int, tail: bytes, kind: str) -> float:
    """Return how long a recording lasts that does not say so at its front; zero if that cannot be told."""
    if kind == "audio/ogg":
        at = tail.rfind(b"OggS")
        rate = 48_000 if found.sound == "opus" else found.sound_rate
        ticks = int.from_bytes(tail[at + 6 : at + 14], "little", signed=True) if at >= 0 else 0
        return max(ticks, 0) / rate if rate else 0.0
    return size * 8 / found.bits_per_second if found.bits_per_second else 0.0


def _check_end(front: bytes, size: int, kind: str) -> None:
    """Refuse a file whose own length says that its end is missing, or that something follows it."""
    if kind not in {"audio/wav", "video/x-msvideo", "audio/aiff"} or len(front) < 12:
        return
    said = int.from_bytes(front[4:8], "little" if front[:4] == b"RIFF" else "big") + 8
    if said in {8, 0xFFFFFFFF + 8}:
        return  # written by a recorder that never came back to say it
    if said > size + 1:
        raise Refused("incomplete")
    if size > said + boxes.SPARE_BYTES and size < 2**32:
        raise Refused("trailing-data")
