"""The children by themselves: how long one takes to begin, how many pages it draws, an office document, a recording."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from statistics import median

from repository.deriving import PAGE_WIDTH_PIXELS, THUMBNAIL_WIDTH_PIXELS
from repository.inspection import Inspection, frames
from repository.inspection.children import find_sandbox

from ..figures import Figure
from . import documents

AT_ONCE = 3
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PIECE_BYTES = 256 * 1024


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    """Give a file as the store does."""
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]


async def seconds(work: Callable[[], Awaitable[object]], rounds: int) -> float:
    """Return the median of some rounds, after one that warms up."""
    taken = []
    for _ in range(rounds + 1):
        begun = time.monotonic()
        await work()
        taken.append(time.monotonic() - begun)
    return median(taken[1:])


async def draw(inspection: Inspection, data: bytes, count: int) -> None:
    """Draw pages and make the pictures of them, as the service does for a release, but for sealing and storing."""
    made: set[asyncio.Task[object]] = set()
    async with inspection.derive("application/pdf", pieces(data), 1, count, PAGE_WIDTH_PIXELS) as found:
        async for kind, payload in found:
            if kind == b"P":
                work = asyncio.to_thread(frames.jpeg_with_thumbnail, frames.pixels(payload), THUMBNAIL_WIDTH_PIXELS)
                made.add(asyncio.ensure_future(work))
                if len(made) >= AT_ONCE:
                    _, made = await asyncio.wait(made, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.gather(*made)


async def drawn_bare(data: bytes, count: int) -> None:
    """Draw pages with pypdfium2 alone: one process, no sandbox, no picture kept."""
    script = (
        "import sys, pypdfium2\n"
        "document = pypdfium2.PdfDocument(sys.stdin.buffer.read())\n"
        f"for page in list(document)[:{count}]: page.render(scale={PAGE_WIDTH_PIXELS} / page.get_width()).to_pil()\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdin=asyncio.subprocess.PIPE)
    await process.communicate(data)


def film(folder: Path) -> bytes:
    """Return ten seconds of a film as a telephone makes it: 720p, H.264 and AAC."""
    path = folder / "film.mp4"
    subprocess.run(
        [
            "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25:duration=10",
            "-f", "lavfi", "-i", "sine=frequency=440:duration=10", "-c:v", "libx264", "-preset", "ultrafast",
            "-pix_fmt", "yuv420p", "-c:a", "aac", path,
        ],
        check=True,
        timeout=120,
    )  # fmt: skip
    return path.read_bytes()


async def _measure(quick: bool) -> list[Figure]:
    inspection, rounds = Inspection(find_sandbox()), 1 if quick else 5
    essay, scan = documents.essay(20), documents.scan(20)
    one = await seconds(lambda: inspection.inspect("one.pdf", pieces(documents.essay(1))), rounds)
    looked = await seconds(lambda: inspection.inspect("essay.pdf", pieces(essay)), rounds)
    drawn = await seconds(lambda: draw(inspection, essay, 20), rounds)
    bare = await seconds(lambda: drawn_bare(essay, 20), rounds)
    scanned = await seconds(lambda: draw(inspection, scan, 20), rounds)
    office = await seconds(lambda: inspection.convert(DOCX, pieces(documents.letter(5))), 1 if quick else 3)
    with tempfile.TemporaryDirectory() as folder:
        recording = film(Path(folder))

    async def played() -> None:
        async with inspection.transcode("video/mp4", lambda: pieces(recording), len(recording), 10.0) as found:
            async for _ in found:
                pass

    coded = await seconds(played, 1 if quick else 3)
    return [
        Figure("a child begins, looks at one page and ends", round(one, 2), "s"),
        Figure("20 pages of text and pictures looked through", round(looked, 2), "s"),
        Figure("pages drawn, text and pictures, in the sandbox", round(20 / drawn, 1), "pages/s", 20),
        Figure("  ÷ pypdfium2 alone, without sandbox and pictures", round(bare / drawn, 2), "×", 0.5),
        Figure("pages drawn, colour scans of 200 dots an inch", round(20 / scanned, 1), "pages/s", 10),
        Figure("a text document of 5 pages becomes a PDF", round(office, 1), "s", 10, at_most=True),
        Figure("10 s of film become web-playable", round(coded, 1), "s", 10, at_most=True),
    ]


def measure(quick: bool) -> list[Figure]:
    """Measure the children."""
    return asyncio.run(_measure(quick))
