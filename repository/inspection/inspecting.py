"""Opens documents in a child process, and makes new files of what it answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from repository.errors import InspectionFailed
from repository.inspection import children, frames, verdicts, words
from repository.inspection.children import BUNDLE_LIMITS, CHILD, DOCUMENT_LIMITS, Limits
from repository.inspection.verdicts import Verdict

VERDICT_LIMIT_BYTES = 64 * 1024
PAGE_LIMIT_BYTES = frames.PAYLOADS[b"P"]
PAGE_CPU_SECONDS = 2
"""For each page that a child draws, on top of what every child has."""
RECORDING_SECONDS = 120
RECORDING_CPU = 8
"""Seconds of computing, and of waiting, for each second of a recording; project policy."""
RECORDING_BYTES = 1_000_000
"""What a second of a recording that was coded anew may hold at most."""
CONVERTED_LIMIT_BYTES = 256 * 1024 * 1024
OFFICE_LIMITS = Limits(
    cpu_seconds=120,
    wall_seconds=150,
    address_space_bytes=6 * 1024**3,
    file_size_bytes=256 * 1024**2,
    open_files=512,
    scratch_bytes=1024**3,
    also_shown=("/etc/fonts", "/etc/libreoffice", "/var/cache/fontconfig", "/etc/passwd"),
)
TWICE = frozenset({"audio/mp4", "video/mp4", "video/quicktime", "video/3gpp"})
"""Recordings whose index may come last: the child, which cannot go back, is given them twice."""
Frames = AsyncIterator[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Inspection:
    """Opens documents in a child process: no network and no files where ``sandbox`` is set, bounded in any case."""

    sandbox: str | None

    async def inspect(self, filename: str, content: AsyncIterator[bytes]) -> Verdict:
        """Judge a document by its content.

        Takes: the file's name, whose extension must agree with the content; the plaintext as it is decrypted.
        Returns: the verdict; a child that crashes, hangs or talks nonsense gives a held one.
        """
        try:
            untrusted_answer = await self.run(
                [*CHILD, "inspect"],
                content,
                VERDICT_LIMIT_BYTES,
            )
            untrusted = json.loads(untrusted_answer)
            return verdicts.checked(filename, untrusted)
        except (InspectionFailed, ValueError, TypeError, AttributeError):
            return verdicts.held(words.CANNOT_OPEN)

    async def page_jpeg(self, content: AsyncIterator[bytes], number: int, width_pixels: int) -> bytes:
        """Return one page as a JPEG that we encoded ourselves from the child's pixels.

        Raises: ``InspectionFailed`` when the child could not render it or its answer has the wrong shape.
        """
        untrusted = await self.run(
            [*CHILD, "page", str(number), str(width_pixels)],
            content,
            PAGE_LIMIT_BYTES,
        )
        return await asyncio.to_thread(frames.jpeg, frames.pixels(untrusted))

    def derive(
        self, media_type: str, content: AsyncIterator[bytes], first: int, count: int, width_pixels: int
    ) -> AbstractAsyncContextManager[Frames]:
        """Draw pages: gives the child's frames of ``count`` pages from ``first``; they end with the block.

        Raises: ``InspectionFailed``, also after frames were given: they count for nothing then.
        """
        asked = ["--kind", media_type, "--first", str(first), "--count", str(count), "--width", str(width_pixels)]
        limits = Limits(
            cpu_seconds=DOCUMENT_LIMITS.cpu_seconds + PAGE_CPU_SECONDS * count,
            wall_seconds=DOCUMENT_LIMITS.wall_seconds + 2 * PAGE_CPU_SECONDS * count,
        )
        return self.frames([*CHILD, "derive", *asked], content, (PAGE_LIMIT_BYTES + 2**20) * (count + 1), limits)

    def transcode(
        self,
        media_type: str,
        read: Callable[[], AsyncIterator[bytes]],
        size_bytes: int,
        duration_seconds: float,
    ) -> AbstractAsyncContextManager[Frames]:
        """Make a recording playable: gives the child's frames, as ``derive``; ``read`` begins to read it from its start."""
        asked = ["--kind", media_type, "--size", str(size_bytes)]
        limits = Limits(
            cpu_seconds=RECORDING_SECONDS + round(RECORDING_CPU * duration_seconds),
            wall_seconds=RECORDING_SECONDS + RECORDING_CPU * duration_seconds,
        )
        limit_bytes = 2 * size_bytes + round(RECORDING_BYTES * duration_seconds) + 2**26
        return self.frames([*CHILD, "transcode", *asked], _times(read, media_type), limit_bytes, limits)

    async def convert(self, media_type: str, content: AsyncIterator[bytes]) -> bytes:
        """Turn an office document into a PDF, which is a stranger's file again. Raises: ``InspectionFailed``."""
        pieces: list[bytes] = []
        command = [*CHILD, "convert", "--kind", media_type]
        async with self.frames(command, content, CONVERTED_LIMIT_BYTES, OFFICE_LIMITS) as found:
            async for letter, payload in found:
                if letter == b"M":
                    pieces.append(payload)
        return b"".join(pieces)

    @contextlib.asynccontextmanager
    async def frames(
        self, arguments: Sequence[str], content: AsyncIterator[bytes], limit_bytes: int, limits: Limits
    ) -> AsyncIterator[Frames]:
        """Run a command that answers frames; takes as ``run``, and raises as ``frames.read`` while they are read."""
        async with children.running(self.sandbox, arguments, content, limit_bytes, limits) as output:
            yield frames.read(output)

    async def scan(self, arguments: Sequence[str], content: AsyncIterator[bytes], limit_bytes: int) -> bytes:
        """Run ``scripts.scanning`` in the child on a scan bundle; takes and raises as ``run``."""
        return await self.run([*children.module("scripts.scanning"), *arguments], content, limit_bytes, BUNDLE_LIMITS)

    async def run(
        self,
        arguments: Sequence[str],
        content: AsyncIterator[bytes],
        limit_bytes: int,
        limits: Limits = DOCUMENT_LIMITS,
    ) -> bytes:
        """Run our Python on ``arguments`` in the child, feed it ``content``, and return what it wrote.

        Takes: ``limit_bytes``, the most it may write; ``limits``, what it may use.
        Raises: ``InspectionFailed`` when it fails, writes more, or takes longer than it may.
        """
        pieces: list[bytes] = []
        async with children.running(self.sandbox, arguments, content, limit_bytes, limits) as output:
            while piece := await output.read():
                pieces.append(piece)
        return b"".join(pieces)


async def choose() -> Inspection:
    """Return an inspection with the strongest sandbox that works on this machine."""
    path = children.find_sandbox()
    if path is not None:
        trial = Inspection(path)
        with contextlib.suppress(InspectionFailed):
            await trial.run(["-c", "import PIL"], _nothing(), 16)
            return trial
    return Inspection(None)


async def _times(read: Callable[[], AsyncIterator[bytes]], media_type: str) -> AsyncIterator[bytes]:
    for _ in range(2 if media_type in TWICE else 1):
        async for piece in read():
            yield piece


async def _nothing() -> AsyncIterator[bytes]:
    pieces: tuple[bytes, ...] = ()
    for piece in pieces:
        yield piece
