"""The real server, started for a demo or a benchmark: its own folder, its own process, a free port of this computer."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from repository import migrating, rehearsing
from repository.database import Database
from repository.rehearsing import SignIn
from repository.settings import VARIABLES, Settings, from_environ

START_SECONDS = 60
STOP_SECONDS = 15
ADDRESS = re.compile(r"http://[0-9.:\[\]a-f]+:[0-9]+")
LINES_KEPT = 40
LOG_FILE = "server.log"
"""What the server said, in its data folder."""


class ServerFailed(Exception):
    """The server did not start, or stopped by itself."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it is, and its process."""

    address: str
    process: asyncio.subprocess.Process


def settings_in(folder: Path, frontend_dir: Path, *, rehearsal: bool = True) -> Settings:
    """Return the settings of a server that keeps everything in one folder; in a rehearsal with development sign-in."""
    environ = {
        "NEA_DATA_DIR": str(folder),
        "NEA_REHEARSAL": "yes" if rehearsal else "no",
        "NEA_PORT": "0",
        "NEA_LOG_FORMAT": "json",
    }
    return replace(from_environ(environ), frontend_dir=frontend_dir)


async def prepare(settings: Settings, centre_numbers: tuple[str, ...]) -> list[SignIn]:
    """Migrate an empty database and, for a rehearsal, add its people; nothing else is put in by hand."""
    database = Database(settings.database_url)
    try:
        await migrating.migrate(database)
        if not settings.rehearsal:
            return []
        now = datetime.now(UTC)
        return await database.write(lambda session: rehearsing.add_people(session, now, centre_numbers))
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Server]:
    """Run `nea serve` in a process of its own until the block ends.

    Raises: ``ServerFailed`` with the server's last lines when it does not start.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "repository",
        "serve",
        env=environment(settings),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    lines: deque[str] = deque(maxlen=LINES_KEPT)
    reading: asyncio.Task[None] | None = None
    try:
        try:
            address = await asyncio.wait_for(_address(process, lines), START_SECONDS)
        except TimeoutError as error:
            raise ServerFailed("The server said nothing for a minute.\n" + "\n".join(lines)) from error
        reading = asyncio.create_task(_read_on(process, lines, settings.data_dir / LOG_FILE))
        yield Server(address, process)
    finally:
        await _stop(process)
        if reading is not None:
            await reading


async def command(settings: Settings, *words: str) -> tuple[int, str]:
    """Run a command of ``nea`` beside the server; returns its status and all that it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "repository",
        *words,
        env=environment(settings),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode("utf-8", "replace")


def environment(settings: Settings) -> dict[str, str]:
    """Return the whole environment of the server: nothing of ours leaks in, so that a demo is the same everywhere."""
    values = {
        "NEA_DATA_DIR": str(settings.data_dir),
        "NEA_REHEARSAL": "yes" if settings.rehearsal else "no",
        "NEA_PORT": str(settings.port),
        "NEA_LOG_FORMAT": settings.log_format,
        "NEA_FRONTEND_DIR": str(settings.frontend_dir),
        "NEA_CLAMD_SOCKET": str(settings.clamd_socket or ""),
        "NEA_CLAMD_SIGNATURES_HOURS": str(settings.clamd_signatures_hours),
    }
    if not set(values) <= set(VARIABLES):
        raise ServerFailed("The demo sets a variable that is no setting.")
    return {**values, "PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}


async def _address(process: asyncio.subprocess.Process, lines: deque[str]) -> str:
    stream = process.stdout
    while stream is not None and (line := await stream.readline()):
        lines.append(line.decode("utf-8", "replace").rstrip())
        found = ADDRESS.search(lines[-1])
        if found is not None:
            return found[0]
    raise ServerFailed("The server stopped before it could be reached.\n" + "\n".join(lines))


async def _read_on(process: asyncio.subprocess.Process, lines: deque[str], log: Path) -> None:
    # A full pipe would stop the server, so its words are read to the end; they are kept with the data.
    stream = process.stdout
    with log.open("a", encoding="utf-8") as file:
        while stream is not None and (line := await stream.readline()):
            lines.append(line.decode("utf-8", "replace").rstrip())
            file.write(lines[-1] + "\n")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
