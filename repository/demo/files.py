"""Genuine files of candidates' work, made up here: PDF, JPEG, WAV, and MP4 where ffmpeg is installed."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import shutil
import struct
import tempfile
import wave
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

SAMPLE_RATE = 16_000
LARGE_SAMPLE_RATE = 44_100
LARGE_PICTURE_PIXELS = (1800, 1650)
PROBE_BYTES = 40
FFMPEG_SECONDS = 20
MARKER = "CANARY"


@dataclass(frozen=True, slots=True)
class WorkFile:
    """A file to upload: its name, type and bytes."""

    filename: str
    media_type: str
    content: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the bytes in lower-case hex."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def probe(self) -> bytes:
        """Return some bytes from the middle that a store of ciphertext must not contain."""
        middle = len(self.content) // 2
        return self.content[middle : middle + PROBE_BYTES]


def marker_of(seed: int) -> str:
    """Return the text that is hidden in every generated file, to look for on the disk."""
    return f"{MARKER}-{hashlib.sha256(f'demo|{seed}'.encode()).hexdigest()[:24]}"


def pdf(candidate_number: str, title: str, marker: str, pages: int, random: Random) -> WorkFile:
    """Return a PDF of so many pages of text; its text is not compressed, so that it could be found in the clear."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4, pageCompression=0, invariant=1)
    canvas.setTitle(f"{title}, candidate {candidate_number}")
    words = ("method", "result", "source", "design", "reason", "figure", "review", "draft", "record", "change")
    for page in range(1, pages + 1):
        canvas.setFont("Helvetica-Bold", 16)
        canvas.drawString(72, 770, f"{title}: candidate {candidate_number}, page {page} of {pages}")
        canvas.setFont("Helvetica", 11)
        for line in range(30):
            canvas.drawString(72, 740 - 18 * line, " ".join(random.choice(words) for _ in range(11)))
        canvas.drawString(72, 60, marker)
        canvas.showPage()
    canvas.save()
    return WorkFile(f"{candidate_number}_work.pdf", "application/pdf", target.getvalue())


def jpeg(candidate_number: str, title: str, marker: str, random: Random) -> WorkFile:
    """Return a JPEG drawing with the candidate's number on it and the marker in its comment."""
    image = Image.new("RGB", (900, 640), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        x, y = random.randrange(820), random.randrange(560)
        colour = (random.randrange(60, 240), random.randrange(60, 240), random.randrange(60, 240))
        draw.ellipse((x, y, x + random.randrange(20, 160), y + random.randrange(20, 160)), fill=colour)
    draw.text((20, 20), f"{title}: candidate {candidate_number}", fill="black")
    target = io.BytesIO()
    image.save(target, "JPEG", quality=80, comment=marker.encode("ascii"))
    return WorkFile(f"{candidate_number}_artwork.jpg", "image/jpeg", target.getvalue())


def wav(candidate_number: str, marker: str, random: Random, *, seconds: int = 2, large: bool = False) -> WorkFile:
    """Return a WAV recording: noise, so that no two stretches are alike, with the marker among its samples."""
    rate, channels = (LARGE_SAMPLE_RATE, 2) if large else (SAMPLE_RATE, 1)
    frames = bytearray(random.randbytes(seconds * rate * channels * 2))
    mark = marker.encode("ascii").ljust(len(marker) + len(marker) % 2)
    frames[1000 : 1000 + len(mark)] = mark
    target = io.BytesIO()
    with wave.open(target, "wb") as recording:
        recording.setnchannels(channels)
        recording.setsampwidth(2)
        recording.setframerate(rate)
        recording.writeframes(bytes(frames))
    return WorkFile(f"{candidate_number}_recording.wav", "audio/wav", target.getvalue())


def mp4(film: bytes, candidate_number: str, marker: str) -> WorkFile:
    """Return a film as this candidate's: the same pictures, and a free-space box with the marker, as players skip it."""
    words = f"{candidate_number} {marker}".encode("ascii")
    return WorkFile(
        f"{candidate_number}_film.mp4", "video/mp4", film + struct.pack(">I4s", 8 + len(words), b"free") + words
    )


def bmp(candidate_number: str, marker: str, random: Random) -> WorkFile:
    """Return a large picture of noise, with the marker among its pixels."""
    width, height = LARGE_PICTURE_PIXELS
    pixels = bytearray(random.randbytes(width * height * 3))
    mark = marker.encode("ascii")
    pixels[1000 : 1000 + len(mark)] = mark
    target = io.BytesIO()
    Image.frombytes("RGB", (width, height), bytes(pixels)).save(target, "BMP")
    return WorkFile(f"{candidate_number}_drawing.bmp", "image/bmp", target.getvalue())


async def film() -> bytes | None:
    """Return a short genuine MP4 film made by ffmpeg, or None where it is not installed or cannot make one."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        return None
    folder = await asyncio.to_thread(tempfile.mkdtemp)
    target = Path(folder, "film.mp4")
    source = ("-f", "lavfi", "-i", "testsrc=duration=2:size=320x240:rate=12")
    coding = ("-c:v", "mpeg4", "-movflags", "+faststart")
    try:
        child = await asyncio.create_subprocess_exec(
            ffmpeg, "-nostdin", "-loglevel", "error", *source, *coding, str(target),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await asyncio.wait_for(child.wait(), FFMPEG_SECONDS)
        except TimeoutError:
            child.kill()
            await child.wait()
        with contextlib.suppress(OSError):
            return await asyncio.to_thread(target.read_bytes) if child.returncode == 0 else None
        return None
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def work_of(
    candidate_number: str, title: str, kind: int, marker: str, film_bytes: bytes | None, random: Random
) -> WorkFile:
    """Return a candidate's work; ``kind`` counts candidates, so that all types of file occur."""
    kinds = 4 if film_bytes is not None else 2
    if kind % kinds == 0:
        return pdf(candidate_number, title, marker, 2 + kind % 2, random)
    if kind % kinds == 1 or film_bytes is None:
        return jpeg(candidate_number, title, marker, random)
    if kind % kinds == 2:
        return wav(candidate_number, marker, random)
    return mp4(film_bytes, candidate_number, marker)
