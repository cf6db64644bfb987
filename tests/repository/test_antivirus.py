"""The virus scanner: a real clamd, and one that hangs, lies, is old or talks nonsense."""

from __future__ import annotations

import asyncio
import io
import struct
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pikepdf
import pytest

from repository.antivirus import (
    Clamd,
    NoAntivirus,
    Patience,
    Reader,
    ScannerFailed,
    ScanState,
    eicar,
    nested_eicar,
    signatures_made_at,
    verdict_of,
)

from ..servers import clamd
from .files import pdf as pdf_bytes

NOW = datetime(2026, 5, 15, 12, 0, tzinfo=UTC)
PATIENT = Patience(connect_seconds=60, probe_seconds=60, retries_seconds=(0.01, 0.01))
HURRIED = Patience(connect_seconds=60, write_seconds=1, answer_seconds=1, probe_seconds=60, retries_seconds=(0.01,))
"""For scanners that hang; a real one on a busy machine takes its time."""
VERSION = "ClamAV 1.4.6/27000/Fri May 15 07:00:00 2026"


@pytest.fixture(scope="module")
def socket_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with clamd.running(tmp_path_factory.mktemp("clamd")) as path:
        yield path


def scanner(path: Path, *, max_age: timedelta | None = None, patience: Patience = PATIENT, limit: int = 2**31) -> Clamd:
    return Clamd(path, max_age, lambda: NOW, patience, limit)


def reading(content: bytes, piece_bytes: int = 64 * 1024) -> Reader:
    async def read() -> AsyncIterator[bytes]:
        for start in range(0, len(content), piece_bytes):
            yield content[start : start + piece_bytes]

    return read


def zipped(content: bytes, name: str = "word/document.xml") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, b"padding " * 500 + content)
    return buffer.getvalue()


def locked_pdf() -> bytes:
    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf_bytes(1))) as document:
        document.save(buffer, encryption=pikepdf.Encryption(owner="owner", user="user"))
    return buffer.getvalue()


# ---- a real clamd -------------------------------------------------------------------------------------------------


@pytest.mark.fault("att:B15")
@pytest.mark.parametrize(
    ("content", "state", "signature"),
    [
        (b"", ScanState.CLEAN, ""),
        (b"harmless", ScanState.CLEAN, ""),
        (pdf_bytes(3), ScanState.CLEAN, ""),
        (eicar(), ScanState.INFECTED, clamd.SIGNATURE),
        (zipped(eicar()), ScanState.INFECTED, clamd.SIGNATURE),
        (zipped(zipped(eicar()), "embedded.zip"), ScanState.INFECTED, clamd.SIGNATURE),
        (nested_eicar(16), ScanState.LIMITS, "Heuristics.Limits.Exceeded"),
        (locked_pdf(), ScanState.LIMITS, "Heuristics.Encrypted"),
    ],
    ids=["empty", "text", "pdf", "eicar", "eicar-zipped", "eicar-zipped-twice", "eicar-too-deep", "locked-pdf"],
)
async def test_a_real_scanner_decides(socket_path: Path, content: bytes, state: ScanState, signature: str) -> None:
    result = await scanner(socket_path).scan(reading(content), len(content))
    assert result.state is state
    assert result.signature.startswith(signature)
    assert result.engine.startswith("ClamAV ")


async def test_the_settings_that_we_ship_pass_the_probe(socket_path: Path) -> None:
    assert (await scanner(socket_path).examine()).state is ScanState.CLEAN


async def test_signatures_without_a_date_are_not_taken_where_their_age_counts(socket_path: Path) -> None:
    result = await scanner(socket_path, max_age=timedelta(hours=48)).scan(reading(b"harmless"), 8)
    assert (result.state, "how old" in result.why) == (ScanState.FAILED, True)


@pytest.mark.fault("att:B15")
async def test_what_the_scanner_calls_too_large_is_not_clean(tmp_path: Path) -> None:
    with clamd.running(tmp_path / "small", StreamMaxLength="1M", MaxFileSize="300K") as path:
        beyond_stream = await scanner(path).scan(reading(bytes(3_000_000)), 3_000_000)
        beyond_file = await scanner(path).scan(reading(bytes(500_000)), 500_000)
    assert (beyond_stream.state, "StreamMaxLength" in beyond_stream.why) == (ScanState.FAILED, True)
    assert beyond_file.state is ScanState.LIMITS


@pytest.mark.fault("att:B15")
async def test_a_scanner_that_is_open_beyond_its_limits_is_not_believed(tmp_path: Path) -> None:
    with clamd.running(tmp_path / "open", AlertExceedsMax="no") as path:
        result = await scanner(path).examine()
    assert (result.state, "AlertExceedsMax" in result.why) == (ScanState.FAILED, True)


async def test_of_a_file_that_is_too_large_the_head_is_scanned(socket_path: Path) -> None:
    limited = scanner(socket_path, limit=100_000)
    whole, larger = bytes(100_000), bytes(100_001)
    assert (await limited.scan(reading(whole), len(whole))).state is ScanState.CLEAN
    assert (await limited.scan(reading(larger), len(larger))).state is ScanState.PARTIAL
    infected = eicar() + bytes(200_000)
    assert (await limited.scan(reading(infected), len(infected))).state is ScanState.INFECTED


async def test_many_files_are_scanned_at_once(socket_path: Path) -> None:
    files = [(eicar() if number % 3 == 0 else b"harmless") + b"%d" % number for number in range(30)]
    results = await asyncio.gather(*(scanner(socket_path).scan(reading(one), len(one)) for one in files))
    assert [one.state is ScanState.INFECTED for one in results] == [number % 3 == 0 for number in range(30)]


# ---- one that does not do as it should ----------------------------------------------------------------------------


Answering = Callable[[bytes, bytes], Awaitable[bytes | None]]


@asynccontextmanager
async def pretending(path: Path, answer: Answering, *, reads: bool = True) -> AsyncIterator[Path]:
    """Serve the protocol with the answers of ``answer(command, stream)``; None hangs up, ``reads=False`` takes nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            command = (await reader.readuntil(b"\0")).strip(b"z\0")
            stream = b""
            if command == b"INSTREAM" and not reads:
                await reader_closed(reader)
                return
            while command == b"INSTREAM" and (size := struct.unpack(">I", await reader.readexactly(4))[0]):
                stream += await reader.readexactly(size)
            said = await answer(command, stream)
            if said is not None:
                writer.write(said)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def reader_closed(reader: asyncio.StreamReader) -> None:
        await asyncio.sleep(30)

    server = await asyncio.start_unix_server(serve, path, limit=2**20)
    try:
        yield path
    finally:
        server.close()


def honest(command: bytes, stream: bytes, version: str = VERSION) -> bytes:
    if command == b"VERSION":
        return version.encode() + b"\0"
    if stream.startswith((b"X5O", b"PK")):
        return b"stream: Test.Eicar FOUND\0"
    return b"stream: OK\0"


async def scan_with(
    path: Path, answer: Answering, *, reads: bool = True, size: int = 8, patience: Patience = PATIENT
) -> tuple[ScanState, str]:
    async with pretending(path, answer, reads=reads) as address:
        asked = scanner(address, max_age=timedelta(hours=48), patience=patience)
        result = await asked.scan(reading(b"h" * size), size)
    return result.state, result.why or result.signature


@pytest.mark.fault("inj:F14", "att:G07")
@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"stream: ERROR\0", "something else"),
        (b"stream: Can't allocate memory ERROR\0", "something else"),
        (b"OK\0", "something else"),
        (b"stream: ok\0", "something else"),
        (b"stream: OK\nstream: X FOUND\0", "something else"),
        (b"stream:  FOUND\0", "something else"),
        (b"stream: \x1b[2J FOUND\0", "something else"),
        (b"stream: OK", "hung up"),
        (b"A" * 100_000, "hung up"),
        (None, "hung up"),
    ],
)
async def test_nonsense_is_no_verdict(tmp_path: Path, said: bytes | None, why: str) -> None:
    async def answer(command: bytes, stream: bytes) -> bytes | None:
        return said if stream.startswith(b"h") else honest(command, stream)

    state, reason = await scan_with(tmp_path / "s", answer)
    assert (state, why in reason) == (ScanState.FAILED, True), reason


@pytest.mark.fault("inj:F14", "att:G07")
async def test_a_scanner_that_is_down_fails_the_scan(tmp_path: Path) -> None:
    result = await scanner(tmp_path / "nobody").scan(reading(b"harmless"), 8)
    assert (result.state, "nothing answers" in result.why) == (ScanState.FAILED, True)


@pytest.mark.fault("inj:F14", "att:G07")
@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("ClamAV 1.4.6/27000/Tue May 12 07:00:00 2026", "3 days old"),
        ("ClamAV 1.4.6", "how old"),
        ("ClamAV 1.4.6/27000/yesterday", "how old"),
        ("Other 1.0", "not ClamAV"),
    ],
)
async def test_signatures_that_are_old_or_of_no_known_age_fail_the_scan(tmp_path: Path, version: str, why: str) -> None:
    async def answer(command: bytes, stream: bytes) -> bytes:
        return honest(command, stream, version)

    state, reason = await scan_with(tmp_path / "s", answer)
    assert (state, why in reason) == (ScanState.FAILED, True), reason


@pytest.mark.fault("inj:F14", "att:G07")
async def test_a_scanner_that_calls_everything_clean_is_not_believed(tmp_path: Path) -> None:
    async def answer(command: bytes, stream: bytes) -> bytes:
        return honest(command, b"")

    state, why = await scan_with(tmp_path / "s", answer)
    assert (state, "test string" in why) == (ScanState.FAILED, True)


@pytest.mark.fault("inj:F14", "att:G07")
@pytest.mark.parametrize(("reads", "why"), [(True, "in time"), (False, "does not take")])
async def test_a_scanner_that_hangs_is_not_waited_for(tmp_path: Path, reads: bool, why: str) -> None:
    async def answer(command: bytes, stream: bytes) -> bytes:
        if stream.startswith(b"h"):
            await asyncio.sleep(30)
        return honest(command, stream)

    size = 8 if reads else 20_000_000
    state, reason = await scan_with(tmp_path / "s", answer, reads=reads, size=size, patience=HURRIED)
    assert (state, why in reason) == (ScanState.FAILED, True), reason


@pytest.mark.fault("inj:F14")
async def test_a_scanner_that_fails_once_is_asked_again(tmp_path: Path) -> None:
    asked: list[bytes] = []

    async def answer(command: bytes, stream: bytes) -> bytes | None:
        if stream.startswith(b"h"):
            asked.append(stream)
            return None if len(asked) == 1 else b"stream: OK\0"
        return honest(command, stream)

    state, _ = await scan_with(tmp_path / "s", answer)
    assert (state, asked) == (ScanState.CLEAN, [b"h" * 8] * 2)


async def test_macros_are_noted_and_no_harm_by_themselves(tmp_path: Path) -> None:
    async def answer(command: bytes, stream: bytes) -> bytes:
        return b"stream: Heuristics.OLE2.ContainsMacros.VBA FOUND\0" if stream[:1] == b"h" else honest(command, stream)

    async with pretending(tmp_path / "s", answer) as address:
        result = await scanner(address).scan(reading(b"harmless"), 8)
    assert (result.state, result.notes) == (ScanState.CLEAN, ("macros",))


async def test_without_a_scanner_nothing_is_called_clean() -> None:
    assert (await NoAntivirus().scan(reading(b"harmless"), 8)).state is ScanState.NONE
    assert (await NoAntivirus().examine()).state is ScanState.NONE


def test_verdicts_are_read_to_the_letter() -> None:
    assert verdict_of("stream: OK") == "OK"
    assert verdict_of("stream: Win.Test.EICAR_HDB-1 FOUND") == "Win.Test.EICAR_HDB-1"
    for answer in ("", "stream: ", "OK", "stream: OK FOUND extra", "file: OK", "stream: " + "a" * 201 + " FOUND"):
        with pytest.raises(ScannerFailed):
            verdict_of(answer)


def test_the_age_of_signatures_is_read() -> None:
    assert signatures_made_at("27000/Thu Apr 29 11:10:10 2021") == datetime(2021, 4, 29, 11, 10, 10, tzinfo=UTC)
    assert signatures_made_at("27000") is None
