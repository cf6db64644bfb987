"""Opens documents in a child process, and makes new files of what it answers."""

from __future__ import annotations

import contextlib
import io
import json
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from repository.errors import InspectionFailed
from repository.inspection import children, verdicts, words
from repository.inspection.children import BUNDLE_LIMITS, CHILD, DOCUMENT_LIMITS, Limits
from repository.inspection.verdicts import Verdict

VERDICT_LIMIT_BYTES = 64 * 1024
PAGE_WIDTH_LIMIT_PIXELS = 2_000
PAGE_LIMIT_BYTES = PAGE_WIDTH_LIMIT_PIXELS * PAGE_WIDTH_LIMIT_PIXELS * 4 * 3 + 8

HEAD_BYTES = 1024 * 1024


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
                _as_much_as_needed(content),
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
        if len(untrusted) < 8:
            raise InspectionFailed
        width, height = struct.unpack(">II", untrusted[:8])
        if not (0 < width <= PAGE_WIDTH_LIMIT_PIXELS and height > 0 and len(untrusted) == 8 + width * height * 3):
            raise InspectionFailed
        from PIL import Image  # of use to page views only

        jpeg = io.BytesIO()
        Image.frombytes("RGB", (width, height), untrusted[8:]).save(jpeg, "JPEG", quality=80)
        return jpeg.getvalue()

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


async def _nothing() -> AsyncIterator[bytes]:
    pieces: tuple[bytes, ...] = ()
    for piece in pieces:
        yield piece


async def _as_much_as_needed(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass a file on, but only the head of audio and video, which can be very large and are typed by their head."""
    sent = 0
    head = b""
    async for chunk in content:
        if sent == 0:
            head = chunk[:64]
        yield chunk
        sent += len(chunk)
        if sent >= HEAD_BYTES and _is_media(head):
            return


def _is_media(head: bytes) -> bool:
    if head[:4] in {b"RIFF", b"OggS", b"\x1a\x45\xdf\xa3"} or head[4:8] == b"ftyp" or head[:3] == b"ID3":
        return True
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2
