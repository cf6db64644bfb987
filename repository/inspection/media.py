"""Recordings: the child makes one that every browser plays, and tells a still, the outline of its sound and its length."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from repository.errors import InspectionFailed
from repository.inspection import frames, words
from repository.inspection.children import CHILD, Limits
from repository.inspection.inspecting import Frames, Inspection
from repository.inspection.words import Words

DURATION_LIMIT_SECONDS = 4 * 3600
READ_TWICE = frozenset(("audio/mp4", "video/mp4", "video/quicktime", "video/3gpp"))
"""Types whose index may stand at their end: the child reads the index first, then the whole, and holds neither."""
CPU_SECONDS = {"audio": 60, "video": 120}
CPU_OF_ONE_SECOND = {"audio": 0.2, "video": 8.0}
"""What making a second of a recording anew may cost: a film of 4K by a slow coder is the worst that is taken."""
LEAST_BYTES_OF_ONE_SECOND = {"audio": 1_000, "video": 16_000}
"""Where a recording does not say how long it is, no longer than this allows is believed."""
MOST_BYTES_OF_ONE_SECOND = 400_000
ADDRESS_SPACE_BYTES = 3 * 1024**3
PEAKS_LIMIT = 1_000
POSTER_SIDE_LIMIT_PIXELS = 640


def limits(media_type: str, size_bytes: int, seconds: float) -> Limits:
    """Return what making a recording anew may use: by its length, and by its size where the length is not known.

    Takes: ``seconds``, zero if it is not known.
    """
    family = media_type.partition("/")[0]
    longest = min(seconds or size_bytes / LEAST_BYTES_OF_ONE_SECOND[family], DURATION_LIMIT_SECONDS)
    cpu = round(CPU_SECONDS[family] + CPU_OF_ONE_SECOND[family] * longest)
    return Limits(cpu_seconds=cpu, wall_seconds=300 + 2 * cpu, address_space_bytes=ADDRESS_SPACE_BYTES)


def transcode(
    inspection: Inspection,
    media_type: str,
    read: Callable[[], AsyncIterator[bytes]],
    size_bytes: int,
    seconds: float = 0,
) -> AbstractAsyncContextManager[Frames]:
    """Make a recording anew: gives the child's frames, which end with the block.

    ``M`` are bytes of the new recording in order, ``H`` what stands before all of them, once, after them; the rest is for
    ``Told``. Takes: ``read``, which reads the recording anew each time; ``seconds``, zero if it is not known.
    Raises: ``InspectionFailed``, also after frames were given: they count for nothing then. Without a sandbox always.
    """
    if inspection.sandbox is None:
        raise InspectionFailed(cause="sandbox")
    asked = [*CHILD, "transcode", "--kind", media_type, "--size", str(size_bytes)]
    bounds = limits(media_type, size_bytes, seconds)
    most = 2 * size_bytes + MOST_BYTES_OF_ONE_SECOND * DURATION_LIMIT_SECONDS
    return inspection.frames(asked, _content(media_type, read), most, bounds)


def plays_as(media_type: str, has_picture: bool) -> str:
    """Return the media type of the new recording."""
    return "video/mp4" if media_type.startswith("video/") and has_picture else "audio/mp4"


class Told:
    """What the child tells of a recording beside its bytes, checked."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.peaks: list[int] = []
        self.milliseconds_each = 0
        self.notes: tuple[str, ...] = ()
        self.poster: bytes | None = None
        """A JPEG of ours."""
        self.poster_size = (0, 0)
        self.why_not: Words | None = None
        """Set when the child refused the recording; the frames end without their end then."""

    async def take(self, letter: bytes, payload: bytes) -> None:
        """Take a ``P`` or ``N`` frame. Raises: ``InspectionFailed`` for one of the wrong shape."""
        if letter == b"P":
            picture = frames.pixels(payload, POSTER_SIDE_LIMIT_PIXELS)
            self.poster = await asyncio.to_thread(frames.jpeg, picture)
            self.poster_size = (picture.width, picture.height)
        elif letter == b"N":
            code, _, facts = frames.note_of(payload)
            self._note(code, facts)

    def _note(self, code: str, untrusted: dict[str, Any]) -> None:
        if code == "refused":
            self.why_not = words.of_refusal(str(untrusted.get("why")))
        elif code == "duration":
            self.seconds = _number(untrusted.get("milliseconds"), DURATION_LIMIT_SECONDS * 1000) / 1000
        elif code == "waveform":
            peaks = untrusted.get("peaks")
            if not isinstance(peaks, list) or len(peaks) > PEAKS_LIMIT:
                raise InspectionFailed(cause="shape")
            self.peaks = [_number(peak, 100) for peak in peaks]
            self.milliseconds_each = _number(untrusted.get("milliseconds_each"), DURATION_LIMIT_SECONDS * 1000)
        elif frames.is_note(code):
            self.notes = tuple(dict.fromkeys((*self.notes, code)))


def _number(untrusted: object, most: int) -> int:
    if type(untrusted) is not int or not 0 <= untrusted <= most:
        raise InspectionFailed(cause="shape")
    return untrusted


async def _content(media_type: str, read: Callable[[], AsyncIterator[bytes]]) -> AsyncIterator[bytes]:
    for _ in range(2 if media_type in READ_TWICE else 1):
        async for piece in read():
            yield piece
