"""Runs the inspector child on a document and believes nothing it says until it is checked here."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import shutil
import signal
import struct
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repository.documents import MEDIA_TYPES
from repository.errors import InspectionFailed

VERDICT_LIMIT_BYTES = 64 * 1024
PAGE_WIDTH_LIMIT_PIXELS = 2_000
PAGE_LIMIT_BYTES = PAGE_WIDTH_LIMIT_PIXELS * PAGE_WIDTH_LIMIT_PIXELS * 4 * 3 + 8
PACKAGES = Path(__file__).resolve().parent.parent

HEAD_ONLY = ("audio/", "video/")
HEAD_BYTES = 1024 * 1024

REFUSALS: Mapping[str, tuple[str, str]] = {
    "empty": ("The file is empty.", "Export the work again and upload the new file."),
    "unknown-type": (
        "The file is not a PDF, JPEG, PNG, WAV, MP3, M4A, OGG, MP4 or WebM file.",
        "Save or export the work in one of these formats and upload that.",
    ),
    "password": ("The PDF is protected by a password.", "Remove the password and upload the file again."),
    "damaged": (
        "The file is damaged and cannot be opened.",
        "Open it on your computer, save it again and upload that.",
    ),
    "incomplete": ("The file is incomplete: its end is missing.", "Export the work again and upload the new file."),
    "trailing-data": (
        "The file holds other data after its end.",
        "Print or export the work to a new PDF and upload that.",
    ),
    "too-large": (
        "The file has more pages or pixels than can be shown.",
        "Split it into several files, or save it at a lower resolution.",
    ),
}
CANNOT_OPEN = (
    "The file could not be opened safely.",
    "Open it on your computer, save it as a new file and upload that. If it happens again, ask the awarding body.",
)


def _module(name: str) -> tuple[str, ...]:
    """Return the arguments with which Python runs one of our modules in the child, where only what it needs is visible."""
    start = (
        "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
        f"runpy.run_module('{name}', run_name='__main__', alter_sys=True)"
    )
    return ("-c", start, str(PACKAGES))


CHILD = _module("repository.inspector")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use before it is ended."""

    cpu_seconds: int = 20
    wall_seconds: float = 40
    address_space_bytes: int = 2 * 1024**3


DOCUMENT_LIMITS = Limits()
BUNDLE_LIMITS = Limits(cpu_seconds=240, wall_seconds=300, address_space_bytes=6 * 1024**3)
"""A scan bundle has up to 1,000 pages."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What inspection found. ``reason`` and ``remedy`` are set when the document must be held."""

    media_type: str | None
    page_count: int | None
    reason: str | None = None
    remedy: str | None = None

    @property
    def held(self) -> bool:
        """Return whether a person has to act before the document can be shown."""
        return self.reason is not None


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
            return _checked_verdict(filename, untrusted)
        except (InspectionFailed, ValueError, TypeError, AttributeError):
            return Verdict(None, None, *CANNOT_OPEN)

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
        return await self.run([*_module("scripts.scanning"), *arguments], content, limit_bytes, BUNDLE_LIMITS)

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
        process = await self._start(arguments, limits)
        feeding = asyncio.create_task(_feed(process, content))
        try:
            async with asyncio.timeout(limits.wall_seconds):
                output = await _read_at_most(process, limit_bytes)
                status = await process.wait()
        except TimeoutError as error:
            raise InspectionFailed(cause="timeout") from error
        finally:
            feeding.cancel()
            if process.returncode is None:
                await _end(process)
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await feeding
        if status != 0:
            raise InspectionFailed(cause="status", status=status)
        return output

    async def _start(self, arguments: Sequence[str], limits: Limits) -> asyncio.subprocess.Process:
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                *self._command(arguments, limits),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                start_new_session=True,  # so that `_end` reaches all of it
            )
        )
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            await _end(await starting)
            raise

    def _command(self, arguments: Sequence[str], limits: Limits) -> list[str]:
        bounded = [
            "prlimit", f"--cpu={limits.cpu_seconds}", f"--as={limits.address_space_bytes}",
            "--nofile=64", "--core=0", "--fsize=1048576",
            "--",
        ]  # fmt: skip
        return [*_sandbox_command(self.sandbox), *bounded, sys.executable, "-P", *arguments]


def find_sandbox() -> str | None:
    """Return the path of bubblewrap if it is installed, else None; ``works`` says whether it may be used here."""
    return shutil.which("bwrap")


async def choose() -> Inspection:
    """Return an inspection with the strongest sandbox that works on this machine."""
    path = find_sandbox()
    if path is not None:
        trial = Inspection(path)
        with contextlib.suppress(InspectionFailed):
            await trial.run(["-c", "import PIL"], _nothing(), 16)
            return trial
    return Inspection(None)


def _sandbox_command(sandbox: str | None) -> list[str]:
    if sandbox is None:
        return []
    # Only what Python itself needs is visible: no project data, no keys, no home, no network.
    shown = ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", sys.prefix, sys.base_prefix]
    shown += [
        str(PACKAGES / name) for name in ("scripts", "moderation", "repository/__init__.py", "repository/inspector")
    ]
    binds = [word for path in dict.fromkeys(shown) if Path(path).exists() for word in ("--ro-bind", path, path)]
    return [
        sandbox, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv",
        "--setenv", "LANG", "C.UTF-8", "--setenv", "PATH", "/usr/bin:/bin",
        "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", *binds, "--chdir", "/tmp", "--",  # noqa: S108 - inside the sandbox
    ]  # fmt: skip


def _checked_verdict(filename: str, untrusted: object) -> Verdict:
    if not isinstance(untrusted, dict):
        raise InspectionFailed
    kind, refused, pages = untrusted.get("kind"), untrusted.get("refused"), untrusted.get("pages")
    if kind is not None and kind not in MEDIA_TYPES:
        raise InspectionFailed
    if refused is not None:
        return Verdict(kind, None, *REFUSALS.get(str(refused), CANNOT_OPEN))
    if kind is None or not (pages is None or (isinstance(pages, int) and 0 < pages <= 2_000)):
        raise InspectionFailed
    extension = filename.rpartition(".")[2].lower() if "." in filename else ""
    if extension not in MEDIA_TYPES[kind]:
        claimed = f".{extension}" if extension else "no extension"
        return Verdict(
            kind,
            pages,
            f"The name says {claimed}, but the content is {kind}.",
            f"Save the work as a real {claimed} file, or rename it to end in .{MEDIA_TYPES[kind][0]}, and upload it again.",
        )
    return Verdict(kind, pages)


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


async def _feed(process: asyncio.subprocess.Process, content: AsyncIterator[bytes]) -> None:
    if process.stdin is None:
        raise InspectionFailed
    try:
        # A child that has seen enough may close its end; what it answers then counts.
        with contextlib.suppress(ConnectionError):
            async for chunk in content:
                process.stdin.write(chunk)
                await process.stdin.drain()
            process.stdin.close()
            await process.stdin.wait_closed()
    except Exception:  # the content cannot be read: half of it is not to be judged, nor waited for
        _kill(process)
        raise


def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill a child with all it started, and tell it that nothing more will come."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdin is not None:
        process.stdin.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill a child and wait for its end.

    The sandbox dies with its parent, but only once it has asked the kernel for that; until then it is in the group.
    """
    _kill(process)
    while process.stdout is not None and await process.stdout.read(256 * 1024):
        pass  # a full pipe would keep the dead child's transport waiting for ever
    await process.wait()


async def _read_at_most(process: asyncio.subprocess.Process, limit_bytes: int) -> bytes:
    if process.stdout is None:
        raise InspectionFailed
    pieces: list[bytes] = []
    size = 0
    while chunk := await process.stdout.read(256 * 1024):
        size += len(chunk)
        if size > limit_bytes:
            raise InspectionFailed(cause="output")
        pieces.append(chunk)
    return b"".join(pieces)
