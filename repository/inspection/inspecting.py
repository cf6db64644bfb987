"""Opens documents in a child process, and makes new files of what it answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from repository.errors import InspectionFailed
from repository.inspection import bounds, children, frames, verdicts, words
from repository.inspection.children import BUNDLE_LIMITS, CHILD, DOCUMENT_LIMITS, Limits, Output
from repository.inspection.turns import Turns
from repository.inspection.verdicts import Verdict

VERDICT_LIMIT_BYTES = 64 * 1024
PAGE_LIMIT_BYTES = frames.PAYLOADS[b"P"]
PAGE_CPU_SECONDS = 2
"""For each page that a child draws, on top of what every child has."""
INSPECT_LIMITS = Limits(wall_seconds=300)
"""A recording is read to its end, from a store that may be slow; what computes is ended by its processor time."""
PROGRAMS = ("office", "recordings", "text")
Frames = AsyncIterator[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Converted:
    """The PDF that LibreOffice made of an office document, and codes of what a person should know of the making."""

    pdf: bytes
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inspection:
    """Opens documents in a child process: no network and no files where ``sandbox`` is set, bounded in any case."""

    sandbox: str | None
    films: Turns = field(default_factory=Turns, compare=False)
    """By turns, films are made playable (``releasing``)."""

    async def inspect(self, filename: str, content: AsyncIterator[bytes]) -> Verdict:
        """Judge a document by its content.

        Takes: the file's name, whose extension must agree with the content; the plaintext as it is decrypted.
        Returns: the verdict; a child that crashes, hangs or talks nonsense gives a held one.
        """
        try:
            untrusted_answer = await self.run([*CHILD, "inspect"], content, VERDICT_LIMIT_BYTES, INSPECT_LIMITS)
            untrusted = json.loads(untrusted_answer)
            return verdicts.checked(filename, untrusted)
        except InspectionFailed as failure:
            return verdicts.held(words.of_refusal(str(failure.facts.get("refused", ""))))
        except (ValueError, TypeError, AttributeError):
            return verdicts.held(words.CANNOT_OPEN)

    async def page_jpeg(self, content: AsyncIterator[bytes], number: int, width_pixels: int, *, turn: int = 0) -> bytes:
        """Return one page as a JPEG that we encoded ourselves from the child's pixels.

        Takes: ``turn``, by which the page is turned clockwise: 0, 90, 180 or 270.
        Raises: ``InspectionFailed`` when the child could not render it or its answer has the wrong shape.
        """
        untrusted = await self.run(
            [*CHILD, "page", str(number), str(width_pixels)],
            content,
            PAGE_LIMIT_BYTES,
        )
        return await asyncio.to_thread(frames.jpeg, frames.pixels(untrusted), turn)

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
        """Make a recording playable: gives the child's frames, as ``derive``; ``read`` begins to read it from its start.

        Takes: ``duration_seconds``, zero if it is not known.
        Raises: ``InspectionFailed``, without a sandbox always: ffmpeg would have a network and files.
        """
        self._check_shut_in()
        asked = ["--kind", media_type, "--size", str(size_bytes)]
        seconds = bounds.seconds_of(media_type, size_bytes, duration_seconds)
        limit_bytes = bounds.output_bytes(size_bytes, seconds)
        limits = bounds.recording(media_type, seconds)
        return self.frames([*CHILD, "transcode", *asked], _times(read, media_type), limit_bytes, limits)

    async def convert(self, media_type: str, content: AsyncIterator[bytes]) -> Converted:
        """Turn an office document into a PDF, which is a stranger's file again.

        Raises: ``InspectionFailed``, without a sandbox always: LibreOffice would have a network and files.
        """
        self._check_shut_in()
        pieces: list[bytes] = []
        notes: list[str] = []
        command = [*CHILD, "convert", "--kind", media_type]
        async with self.frames(command, content, bounds.PDF_LIMIT_BYTES, bounds.OFFICE) as found:
            async for letter, payload in found:
                if letter == b"M":
                    pieces.append(payload)
                elif letter == b"N":
                    code, _, _ = frames.note_of(payload)
                    notes += [code] if frames.is_note(code) else []
        return Converted(b"".join(pieces), tuple(dict.fromkeys(notes)))

    async def programs(self) -> frozenset[str]:
        """Return which kinds can be shown for which something is needed: ``office``, ``recordings``, ``text`` (a font).

        None without a sandbox.
        """
        if self.sandbox is None:
            return frozenset()
        try:
            untrusted = json.loads(await self.run([*CHILD, "programs"], _nothing(), VERDICT_LIMIT_BYTES, bounds.OFFICE))
            return frozenset(name for name in PROGRAMS if untrusted.get(name) is True)
        except (InspectionFailed, ValueError, AttributeError):
            return frozenset()

    def _check_shut_in(self) -> None:
        if self.sandbox is None:
            raise InspectionFailed(refused="no-sandbox")

    @contextlib.asynccontextmanager
    async def frames(
        self, arguments: Sequence[str], content: AsyncIterator[bytes], limit_bytes: int, limits: Limits
    ) -> AsyncIterator[Frames]:
        """Run a command that answers frames; takes as ``run``, and raises as ``frames.read`` while they are read."""
        async with children.running(self.sandbox, arguments, content, limit_bytes, limits) as output:
            yield frames.read(output)

    async def scan(
        self,
        arguments: Sequence[str],
        content: AsyncIterator[bytes],
        limit_bytes: int,
        limits: Limits = BUNDLE_LIMITS,
    ) -> bytes:
        """Run ``scripts.scanning`` in the child on a scan bundle; takes and raises as ``run``."""
        return await self.run([*children.module("scripts.scanning"), *arguments], content, limit_bytes, limits)

    def cut(
        self, arguments: Sequence[str], content: AsyncIterator[bytes], limit_bytes: int, limits: Limits
    ) -> AbstractAsyncContextManager[Output]:
        """Run ``scripts.scanning`` as ``scan`` does, and give what it writes as it comes; it ends with the block."""
        command = [*children.module("scripts.scanning"), *arguments]
        return children.running(self.sandbox, command, content, limit_bytes, limits)

    async def join(self, pdfs: Sequence[bytes], limits: Limits) -> bytes:
        """Put PDFs that the child cut out of bundles into one, in their order; raises as ``run``."""

        async def content() -> AsyncIterator[bytes]:
            for pdf in pdfs:
                yield pdf

        command = [*children.module("scripts.joining"), json.dumps([len(pdf) for pdf in pdfs])]
        return await self.run(command, content(), 2 * sum(map(len, pdfs)) + VERDICT_LIMIT_BYTES, limits)

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
    for _ in range(2 if media_type in bounds.INDEX_MAY_COME_LAST else 1):
        async for piece in read():
            yield piece


async def _nothing() -> AsyncIterator[bytes]:
    pieces: tuple[bytes, ...] = ()
    for piece in pieces:
        yield piece
