import asyncio
import io
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image
from pypdf import PdfWriter
from reportlab.pdfgen.canvas import Canvas

from repository import inspection
from repository.errors import InspectionFailed
from repository.inspection import Inspection, Limits
from storage.errors import ObjectTampered

from ..patience import PATIENCE_SECONDS


async def pieces(data: bytes, size: int = 65536) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def pdf(pages: int = 2) -> bytes:
    target = io.BytesIO()
    canvas = Canvas(target)
    for number in range(pages):
        canvas.drawString(72, 720, f"Page {number + 1}")
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def picture(kind: str = "JPEG") -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (320, 200), (200, 30, 30)).save(target, kind)
    return target.getvalue()


def pixel_flood() -> bytes:
    """A picture of 900 million pixels in a small file."""
    target = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(target, "PNG")
    return target.getvalue()


def sound() -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\x00\x10" * 800)
    return target.getvalue()


def read_command(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:  # it ended meanwhile
        return ""


@pytest.fixture
async def inspect() -> Inspection:
    return await inspection.choose()


@pytest.mark.parametrize(
    ("name", "data", "media_type", "pages"),
    [
        ("1001.pdf", pdf(), "application/pdf", 2),
        ("1001.jpg", picture(), "image/jpeg", 1),
        ("1001.PNG", picture("PNG"), "image/png", 1),
        ("1001.wav", sound(), "audio/wav", None),
    ],
)
async def test_sound_files_pass(
    inspect: Inspection, name: str, data: bytes, media_type: str, pages: int | None
) -> None:
    verdict = await inspect.inspect(name, pieces(data))
    assert (verdict.held, verdict.media_type, verdict.page_count) == (False, media_type, pages)


def locked_pdf() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    writer.encrypt("secret")
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


@pytest.mark.fault("att:B01", "att:B02", "att:B10", "att:B16", "att:B17")
@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("1001.pdf", b"", "empty"),
        ("1001.pdf", picture(), "content is a JPEG picture"),
        ("1001", pdf(), "no extension"),
        ("1001.exe", b"MZ" + bytes(200), "a program"),
        ("1001.html", b"<html><script>alert(1)</script>", "a web page"),
        ("1001.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "vector drawing"),
        ("1001.zip", b"PK\x03\x04" + bytes(200), "damaged"),
        ("1001.docx", b"PK\x03\x04" + bytes(200), "damaged"),
        ("1001.pdf", b"PK\x03\x04" + bytes(200), "damaged"),
        ("1001.png", pixel_flood(), "more pages or pixels"),
        ("1001.pdf", locked_pdf(), "password"),
        ("1001.pdf", pdf()[:400], "incomplete"),
        ("1001.jpg", picture()[:300], "incomplete"),
        ("1001.pdf", pdf() + b"PK\x03\x04" + bytes(5000), "after its end"),
    ],
)
async def test_other_files_are_held_with_a_reason_and_a_remedy(
    inspect: Inspection, name: str, data: bytes, reason: str
) -> None:
    verdict = await inspect.inspect(name, pieces(data))
    assert verdict.held
    assert reason in (verdict.reason or "")
    assert verdict.remedy


async def test_a_page_is_an_image_that_we_encoded(inspect: Inspection) -> None:
    jpeg = await inspect.page_jpeg(pieces(pdf()), 2, 400)
    with Image.open(io.BytesIO(jpeg)) as image:
        assert (image.format, image.width) == ("JPEG", 400)
        size = image.size
    with Image.open(io.BytesIO(await inspect.page_jpeg(pieces(pdf()), 2, 400, turn=90))) as image:
        assert image.size == (size[1], size[0])


@pytest.mark.fault("att:B18")
async def test_nothing_of_the_camera_survives(inspect: Inspection) -> None:
    target = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "CANARY-CAMERA"
    Image.new("RGB", (300, 200)).save(target, "JPEG", exif=exif)
    assert b"CANARY-CAMERA" in target.getvalue()
    assert b"CANARY-CAMERA" not in await inspect.page_jpeg(pieces(target.getvalue()), 1, 300)


async def test_a_page_that_is_not_there_fails_cleanly(inspect: Inspection) -> None:
    with pytest.raises(InspectionFailed):
        await inspect.page_jpeg(pieces(pdf()), 9, 400)


@pytest.mark.fault("inj:F14")
async def test_a_child_that_hangs_floods_or_crashes_is_held(
    inspect: Inspection,
) -> None:
    short = Limits(wall_seconds=1)
    with pytest.raises(InspectionFailed):
        await inspect.run(["-c", "import time; time.sleep(60)"], pieces(b""), 10, short)
    with pytest.raises(InspectionFailed):
        await inspect.run(["-c", "print('x' * 10_000_000)"], pieces(b""), 10)
    with pytest.raises(InspectionFailed):
        await inspect.run(["-c", "raise SystemExit(3)"], pieces(b""), 10)


async def test_a_child_cancelled_at_any_moment_of_its_start_ends_and_leaves_nothing(inspect: Inspection) -> None:
    marker = f"marker-{uuid4().hex}"

    def alive() -> list[str]:
        found = (read_command(path) for path in Path("/proc").glob("[0-9]*/cmdline"))
        return [command for command in found if marker in command and "pytest" not in command]

    async def never() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(60)

    for tenths in range(0, 300, 3):  # of a millisecond: through the making of namespaces to the running child
        running = asyncio.create_task(
            inspect.run(["-c", "import sys; sys.stdin.buffer.read()", marker], never(), 10, Limits(wall_seconds=60))
        )
        await asyncio.sleep(tenths / 10_000)
        running.cancel()
        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(asyncio.CancelledError):
                await running
    async with asyncio.timeout(PATIENCE_SECONDS):
        while alive():
            await asyncio.sleep(0.05)


async def test_the_sandbox_shows_no_project_files_and_no_network(inspect: Inspection) -> None:
    if inspect.sandbox is None:
        pytest.fail("bubblewrap does not work here, so the sandbox cannot be shown to hold")
    project = Path(__file__).parents[2]
    probe = (
        "import os, socket\n"
        f"seen = [p for p in ('/etc/passwd', '/var/lib', {str(project / 'pyproject.toml')!r}, {str(project / 'storage')!r})"
        " if os.path.exists(p)]\n"
        "print(seen, [name for _, name in socket.if_nameindex()], os.getpid(), end='')"
    )
    answer = (await inspect.run(["-c", probe], pieces(b""), 2000)).decode()
    assert answer.startswith("[] ['lo'] ")


@pytest.mark.fault("att:F04")
async def test_content_that_breaks_off_is_not_judged_and_not_waited_for(inspect: Inspection) -> None:
    """A damaged object ends the child at once: half a file gets no verdict, and the reason is the damage."""

    async def breaks_off() -> AsyncIterator[bytes]:
        yield pdf()[:1000]
        raise ObjectTampered(diagnosis="E5")

    async with asyncio.timeout(inspection.DOCUMENT_LIMITS.wall_seconds / 2):
        with pytest.raises(ObjectTampered):
            await inspect.inspect("1001.pdf", breaks_off())
        with pytest.raises(ObjectTampered):
            await inspect.page_jpeg(breaks_off(), 1, 400)
