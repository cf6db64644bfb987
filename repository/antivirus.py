"""Asks an antivirus daemon about a file as it is decrypted. What it does not answer, or answers oddly, is never "clean".

clamd is spoken to by its ``INSTREAM`` command: nothing is written to a disk on the way. It is fail-open by default (what lies
beyond its limits counts as clean), so that it is asked for the test string too: after each clean answer, and in an archive
deeper than it looks. Only a scanner that finds both is believed.
Source: https://docs.clamav.net/manual/Usage/Scanning.html#clamd and clamd(8).
"""

from __future__ import annotations

import asyncio
import io
import struct
import zipfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Protocol

ANSWER_LIMIT_BYTES = 4096
CHUNK_BYTES = 256 * 1024
STREAM_LIMIT_BYTES = 2000 * 1024 * 1024
"""What clamd takes in one stream at most (``StreamMaxLength 2000M``); of larger files the head is scanned."""
NESTED = 16
"""Deeper than ``MaxRecursion 10``: what the probe of limits puts the test string into."""
RETRIES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
LIMITS_WORDS = ("Heuristics.Limits.Exceeded", "Heuristics.Encrypted")
NOTES = {"Heuristics.OLE2.ContainsMacros": "macros"}
"""Alerts that tell what a file holds, not that it is harmful; what is shown of it holds nothing of the kind."""


class ScanState(StrEnum):
    """What a scan found."""

    CLEAN = "clean"
    INFECTED = "infected"
    PARTIAL = "partial"
    """The head of a file that is too large to be scanned whole holds nothing known."""
    LIMITS = "limits"
    """Neither clean nor infected: locked, or packed deeper or larger than the scanner looks."""
    FAILED = "failed"
    """No answer that can be believed: the scanner is down, hangs, is out of date, or does not find what it must."""
    NONE = "none"
    """No scanner is configured."""


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan found. ``engine`` is the scanner with the version and day of its signatures, as it says itself."""

    state: ScanState
    signature: str = ""
    engine: str = ""
    why: str = ""
    """Of a failed scan: what went wrong, for operators."""
    notes: tuple[str, ...] = ()


Reader = Callable[[], AsyncIterator[bytes]]
"""Begins to read a file from its start; called again for each try."""


class Antivirus(Protocol):
    """Something that can be asked about a file."""

    async def scan(self, read: Reader, size_bytes: int) -> ScanResult:
        """Scan a file of this size; never raises for what the scanner does."""
        ...

    async def examine(self) -> ScanResult:
        """Find out whether the scanner works: clean if it can be believed, else what is wrong, or that there is none."""
        ...


class NoAntivirus:
    """No scanner is configured; it is said wherever a file is shown."""

    async def scan(self, read: Reader, size_bytes: int) -> ScanResult:
        """Answer that nothing was scanned."""
        del read, size_bytes
        return ScanResult(ScanState.NONE)

    async def examine(self) -> ScanResult:
        """Answer that there is no scanner."""
        return ScanResult(ScanState.NONE)


class ScannerFailed(Exception):
    """The scanner gave no answer that can be believed."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the scanner is waited for, in seconds."""

    connect_seconds: float = 5
    write_seconds: float = 60
    """For one piece of a file to be taken."""
    answer_seconds: float = 660
    """clamd gives up by itself after ``MaxScanTime 600000``."""
    probe_seconds: float = 30
    retries_seconds: Sequence[float] = RETRIES_SECONDS


@dataclass(frozen=True, slots=True)
class Clamd:
    """A clamd at a Unix socket of this machine: files go to it as they are, so no network is on the way.

    Takes: ``max_age``, how old its signatures may be; None takes signatures without a date, such as one's own.
    """

    socket_path: Path
    max_age: timedelta | None
    clock: Callable[[], datetime]
    patience: Patience = Patience()
    stream_limit_bytes: int = STREAM_LIMIT_BYTES

    async def scan(self, read: Reader, size_bytes: int) -> ScanResult:
        """Scan a file of this size, at most ``stream_limit_bytes`` of it; tries again when the scanner fails."""
        result = await self._try(read, size_bytes)
        for pause in self.patience.retries_seconds:
            if result.state is not ScanState.FAILED:
                break
            await asyncio.sleep(pause)
            result = await self._try(read, size_bytes)
        return result

    async def examine(self) -> ScanResult:
        """Return clean if the scanner answers, is not out of date, and finds the test string plain and packed deep."""
        try:
            engine = await self._engine()
            await self._find_test_string()
            if await self._ask_stream(_one(nested_eicar(NESTED)), self.patience.probe_seconds) == "OK":
                raise ScannerFailed("it calls clean what is packed deeper than it looks: set AlertExceedsMax yes")
        except ScannerFailed as failure:
            return ScanResult(ScanState.FAILED, why=str(failure))
        return ScanResult(ScanState.CLEAN, engine=engine)

    async def _try(self, read: Reader, size_bytes: int) -> ScanResult:
        try:
            engine = await self._engine()
            answer = await self._ask_stream(_head(read(), self.stream_limit_bytes), self.patience.answer_seconds)
            if answer == "OK":
                await self._find_test_string()  # a scanner that finds nothing any more says "OK" to everything
        except ScannerFailed as failure:
            return ScanResult(ScanState.FAILED, why=str(failure))
        if answer == "OK":
            whole = size_bytes <= self.stream_limit_bytes
            return ScanResult(ScanState.CLEAN if whole else ScanState.PARTIAL, engine=engine)
        if answer.startswith(LIMITS_WORDS):
            return ScanResult(ScanState.LIMITS, answer, engine)
        for alert, note in NOTES.items():
            if answer.startswith(alert):
                return ScanResult(ScanState.CLEAN, engine=engine, notes=(note,))
        return ScanResult(ScanState.INFECTED, answer, engine)

    async def _engine(self) -> str:
        answer = await self._ask(b"VERSION")
        name, _, rest = answer.partition("/")
        if not name.startswith("ClamAV "):
            raise ScannerFailed("what answers is not ClamAV")
        if self.max_age is None:
            return answer
        made_at = signatures_made_at(rest)
        if made_at is None:
            raise ScannerFailed("it does not say how old its signatures are: run freshclam")
        age = self.clock() - made_at
        if age > self.max_age:
            days = age.days
            raise ScannerFailed(
                f"its signatures are {days} day{'s' if days != 1 else ''} old: see why freshclam does not run"
            )
        return answer

    async def _find_test_string(self) -> None:
        if await self._ask_stream(_one(eicar()), self.patience.probe_seconds) == "OK":
            raise ScannerFailed("it does not find the antivirus test string")

    async def _ask(self, command: bytes) -> str:
        async with self._connection() as (reader, writer):
            writer.write(b"z" + command + b"\0")
            return await _answer(reader, self.patience.probe_seconds)

    async def _ask_stream(self, content: AsyncIterator[bytes], seconds: float) -> str:
        """Return ``OK``, or the name of what was found; raises ``ScannerFailed`` for any other answer or none."""
        async with self._connection() as (reader, writer):
            writer.write(b"zINSTREAM\0")
            try:
                async for piece in content:
                    for start in range(0, len(piece), CHUNK_BYTES):
                        chunk = piece[start : start + CHUNK_BYTES]
                        writer.write(struct.pack(">I", len(chunk)) + chunk)
                        await asyncio.wait_for(writer.drain(), self.patience.write_seconds)
                writer.write(struct.pack(">I", 0))
                await asyncio.wait_for(writer.drain(), self.patience.write_seconds)
            except TimeoutError as error:
                raise ScannerFailed("it does not take what it is sent") from error
            except ConnectionError as error:
                raise ScannerFailed(
                    "it hung up before it had the whole file: set StreamMaxLength 2000M, and see its log"
                ) from error
            answer = await _answer(reader, seconds)
        return verdict_of(answer)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        opening = asyncio.open_unix_connection(self.socket_path, limit=ANSWER_LIMIT_BYTES)
        try:
            reader, writer = await asyncio.wait_for(opening, self.patience.connect_seconds)
        except (OSError, TimeoutError) as error:
            raise ScannerFailed(f"nothing answers at {self.socket_path}") from error
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


def verdict_of(answer: str) -> str:
    """Return ``OK``, or the name of what was found, from clamd's answer to a stream; raises ``ScannerFailed``."""
    words = answer.removeprefix("stream: ") if answer.startswith("stream: ") else ""
    if words == "OK":
        return "OK"
    name, _, found = words.rpartition(" ")
    if found == "FOUND" and name and name.isprintable() and len(name) <= 200:
        return name
    if "size limit exceeded" in answer:
        raise ScannerFailed("it takes less in one stream than it is sent: set StreamMaxLength 2000M")
    raise ScannerFailed("it answers something else than a verdict")


def signatures_made_at(version: str) -> datetime | None:
    """Return when signatures were made, from what follows the engine in clamd's version: ``27000/Thu Apr 29 11:10:10 2021``."""
    _, _, day = version.partition("/")
    try:
        return datetime.strptime(day.strip(), "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    except ValueError:
        return None


@cache
def eicar() -> bytes:
    """Return the antivirus test string of EICAR, which harms nobody; put together here so that no file of ours holds it.

    Source: https://www.eicar.org/download-anti-malware-testfile/
    """
    return b"".join((b"X5O!P%@AP[4", b"\\PZX54(P^)7CC)7}$", b"EICAR-STANDARD-", b"ANTIVIRUS-TEST-FILE!", b"$H+H*"))


@cache
def nested_eicar(depth: int) -> bytes:
    """Return the test string in a ZIP file in a ZIP file, and so on, ``depth`` times."""
    content, name = b"a b c " * 200 + eicar(), "test.txt"
    for _ in range(depth):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
        content, name = buffer.getvalue(), "test.zip"
    return content


async def _answer(reader: asyncio.StreamReader, seconds: float) -> str:
    try:
        raw = await asyncio.wait_for(reader.readuntil(b"\0"), seconds)
    except TimeoutError as error:
        raise ScannerFailed("it does not answer in time") from error
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError) as error:
        raise ScannerFailed("it hung up without an answer") from error
    return raw[:-1].decode("ascii", "replace").strip()


async def _head(content: AsyncIterator[bytes], limit_bytes: int) -> AsyncIterator[bytes]:
    left = limit_bytes
    async for piece in content:
        yield piece[:left]
        left -= len(piece)
        if left <= 0:
            return


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content
