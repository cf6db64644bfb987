"""Runs a child on a stranger's file: no network and no files where there is a sandbox, bounded in any case."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from repository.errors import InspectionFailed

PACKAGES = Path(__file__).resolve().parent.parent.parent
PIECE_BYTES = 256 * 1024
TOO_HEAVY = "too-heavy"
"""The refusal of a file whose child came to its end in time or memory."""
ENDED_AT_A_LIMIT = frozenset(
    value for number in (signal.SIGXCPU, signal.SIGKILL, signal.SIGABRT) for value in (-number, 128 + number)
)
"""How a child ends whose processor time is over, or whose library finds no more memory; the sandbox adds 128."""

ENVIRONMENT = MappingProxyType(
    {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        # Memory of one page's picture is kept for the next instead of being given back each time: a seventh faster.
        "MALLOC_TRIM_THRESHOLD_": str(64 * 1024**2),
        "MALLOC_MMAP_THRESHOLD_": str(16 * 1024**2),
    }
)
"""All that a child sees of the environment."""


def module(name: str) -> tuple[str, ...]:
    """Return the arguments with which Python runs one of our modules in the child, where only what it needs is visible."""
    start = (
        "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
        f"runpy.run_module('{name}', run_name='__main__', alter_sys=True)"
    )
    return ("-c", start, str(PACKAGES))


CHILD = module("repository.inspector")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use before it is ended."""

    cpu_seconds: int = 20
    wall_seconds: float = 40
    address_space_bytes: int = 2 * 1024**3
    file_size_bytes: int = 1024**2
    open_files: int = 64
    scratch_bytes: int = 64 * 1024**2
    """Its private folder in memory, the only place where it can write."""
    also_shown: tuple[str, ...] = ()
    """Settings of the system that a program which it starts has to read."""


DOCUMENT_LIMITS = Limits()
BUNDLE_LIMITS = Limits(cpu_seconds=240, wall_seconds=300, address_space_bytes=6 * 1024**3)
"""A scan bundle has up to 1,000 pages."""


def find_sandbox() -> str | None:
    """Return the path of bubblewrap if it is installed, else None; ``choose`` says whether it may be used here."""
    return shutil.which("bwrap")


class Output:
    """What a child writes, piece by piece, bounded in size and time.

    Nothing of it counts before its good end: a child may fail after it has said a lot.
    """

    def __init__(self, process: asyncio.subprocess.Process, limit_bytes: int, ends_at: float) -> None:
        self._process = process
        self._left_bytes = limit_bytes
        self._ends_at = ends_at
        self._held = bytearray()

    async def read(self) -> bytes:
        """Return the next piece, or nothing at the good end. Raises: ``InspectionFailed``."""
        if self._held:
            held = bytes(self._held)
            self._held.clear()
            return held
        return await self._next()

    async def exactly(self, size: int) -> bytes:
        """Return the next ``size`` bytes. Raises: ``InspectionFailed`` when the output ends before."""
        while len(self._held) < size:
            piece = await self._next()
            if not piece:
                raise InspectionFailed(cause="shape")
            self._held += piece
        with memoryview(self._held) as view:
            wanted = bytes(view[:size])
        del self._held[:size]
        return wanted

    async def _next(self) -> bytes:
        if self._process.stdout is None:
            raise InspectionFailed
        try:
            async with asyncio.timeout_at(self._ends_at):
                piece = await self._process.stdout.read(PIECE_BYTES)
                status = 0 if piece else await self._process.wait()
        except TimeoutError as error:
            raise InspectionFailed(cause="timeout", refused=TOO_HEAVY) from error
        self._left_bytes -= len(piece)
        if self._left_bytes < 0:
            raise InspectionFailed(cause="output")
        if status != 0:
            refused = TOO_HEAVY if status in ENDED_AT_A_LIMIT else ""
            raise InspectionFailed(cause="status", status=status, refused=refused)
        return piece


@contextlib.asynccontextmanager
async def running(
    sandbox: str | None, arguments: Sequence[str], content: AsyncIterator[bytes], limit_bytes: int, limits: Limits
) -> AsyncIterator[Output]:
    """Run our Python on ``arguments`` in a child, feed it ``content``, and give what it writes; it ends with the block.

    Takes: ``limit_bytes``, the most it may write; ``limits``, what it may use.
    """
    ends_at = asyncio.get_running_loop().time() + limits.wall_seconds
    process = await _start(sandbox, arguments, limits)
    feeding = asyncio.create_task(_feed(process, content))
    try:
        yield Output(process, limit_bytes, ends_at)
    finally:
        feeding.cancel()
        if process.returncode is None:
            await _end(process)
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await feeding


async def _start(sandbox: str | None, arguments: Sequence[str], limits: Limits) -> asyncio.subprocess.Process:
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *_command(sandbox, arguments, limits),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(ENVIRONMENT),
            start_new_session=True,  # so that `_end` reaches all of it
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _end(await starting)
        raise


def _command(sandbox: str | None, arguments: Sequence[str], limits: Limits) -> list[str]:
    bounded = [
        "prlimit", f"--cpu={limits.cpu_seconds}", f"--as={limits.address_space_bytes}",
        f"--nofile={limits.open_files}", "--core=0", f"--fsize={limits.file_size_bytes}",
        "--",
    ]  # fmt: skip
    return [*_sandbox_command(sandbox, limits), *bounded, sys.executable, "-P", *arguments]


def _sandbox_command(sandbox: str | None, limits: Limits) -> list[str]:
    if sandbox is None:
        return []
    # Only what Python itself needs is visible: no project data, no keys, no home, no network.
    shown = [
        "/usr",
        "/bin",
        "/lib",
        "/lib64",
        "/etc/ld.so.cache",
        "/etc/alternatives",
        sys.prefix,
        sys.base_prefix,
        *limits.also_shown,
    ]
    shown += [
        str(PACKAGES / name) for name in ("scripts", "moderation", "repository/__init__.py", "repository/inspector")
    ]
    binds = [word for path in dict.fromkeys(shown) if Path(path).exists() for word in ("--ro-bind", path, path)]
    return [
        sandbox, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv",
        *(word for name, value in ENVIRONMENT.items() for word in ("--setenv", name, value)),
        "--proc", "/proc", "--dev", "/dev", "--size", str(limits.scratch_bytes), "--tmpfs", "/tmp",  # noqa: S108 - inside the sandbox
        *binds, "--chdir", "/tmp", "--",  # noqa: S108 - inside the sandbox
    ]  # fmt: skip


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
