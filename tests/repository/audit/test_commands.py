"""`nea audit`: verify, prove, publish, export; and what a stranger does with an export, from an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from repository import audit
from repository.__main__ import main
from repository.audit import Context
from repository.database import Database

from .conftest import NOW

VERIFIER = Path(__file__).parents[3] / "infra" / "dev" / "verify_log.py"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def installation(tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder whose database has 300 events in its inbox."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    shutil.copy(migrated_file, data / "nea.sqlite3")
    for name in [name for name in os.environ if name.startswith("NEA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NEA_DATA_DIR", str(data))
    monkeypatch.setenv("NEA_AUDIT_PUBLISH_DIR", str(tmp_path / "elsewhere"))
    return data


async def fill(data: Path, count: int = 300) -> None:
    database = Database(f"sqlite:///{data / 'nea.sqlite3'}")

    def act(session):
        for at in range(count):
            audit.record(session, Context(None, NOW, f"request-{at}"), "test.act", "test", f"thing-{at}")

    await database.write(act)
    await database.close()


@pytest.fixture
def filled(installation: Path) -> Path:
    import asyncio

    asyncio.run(fill(installation))
    return installation


@pytest.fixture
def stranger(tmp_path: Path) -> Run:
    """Runs the standalone verifier from a folder that holds nothing but it."""
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(VERIFIER, empty)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-O", "verify_log.py", *words]
        return subprocess.run(command, cwd=empty, capture_output=True, text=True, timeout=300, check=False)

    return run


def nea(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    status = main(["audit", *words])
    said = capsys.readouterr()
    return status, said.out + said.err


def test_a_log_is_published_verified_exported_and_checked_by_a_stranger(
    filled: Path, tmp_path: Path, stranger: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(VERIFIER.read_text().splitlines()) < 100
    status, said = nea(capsys, "publish")
    assert (status, "300 events of 127.0.0.1/audit" in said, "2 places" in said) == (0, True, True), said
    status, said = nea(capsys, "verify", "--json")
    report = json.loads(said)
    assert (status, report["sound"], report["events"], report["checkpoints"]) == (0, True, 300, 3), said
    status, said = nea(capsys, "export", str(tmp_path / "bundle"))
    key = next(line for line in said.splitlines() if line.startswith("key: "))[5:]
    assert status == 0, said
    for folder in (tmp_path / "bundle" / "audit" / "1", tmp_path / "elsewhere" / "audit" / "1"):
        found = stranger("log", str(folder), key)
        assert (found.returncode, found.stdout) == (0, "sound: 300 events under 1 signed checkpoints\n"), found.stderr
    assert nea(capsys, "verify", "--since", "299", "--bundle", str(tmp_path / "bundle"))[0] == 0


def test_a_stranger_names_the_event_that_was_altered(
    filled: Path, tmp_path: Path, stranger: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    del filled
    _, said = nea(capsys, "export", str(tmp_path / "bundle"))
    key = next(line for line in said.splitlines() if line.startswith("key: "))[5:]
    folder = tmp_path / "bundle" / "audit" / "1"
    entries = folder / "tile" / "entries" / "000"
    whole = entries.read_bytes()
    entries.write_bytes(whole.replace(b"thing-77", b"thing-78"))
    found = stranger("log", str(folder), key)
    assert (found.returncode, found.stderr) == (1, "NOT SOUND: event 77 was altered\n")
    entries.write_bytes(whole)
    for name in ("checkpoint", "checkpoints/000000000300", "tile/0/000", "tile/entries/001.p/44"):
        before = (folder / name).read_bytes()
        for at in (0, len(before) // 2, len(before) - 3):
            (folder / name).write_bytes(before[:at] + bytes([before[at] ^ 1]) + before[at + 1 :])
            assert stranger("log", str(folder), key).returncode == 1, (name, at)
        (folder / name).write_bytes(before)
    assert stranger("log", str(folder), key).returncode == 0
    assert stranger("log", str(folder), key.replace("127.0.0.1", "127.0.0.2")).returncode == 1


def test_a_proof_is_checked_by_a_stranger_and_no_byte_of_it_can_change(
    filled: Path, tmp_path: Path, stranger: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    del filled
    nea(capsys, "publish")
    status, proof = nea(capsys, "prove", "123")
    assert status == 0
    key = (tmp_path / "elsewhere" / "audit" / "1" / "vkey").read_text().strip()
    file = tmp_path / "event.tlog-proof"
    file.write_text(proof)
    found = stranger("proof", str(file), key)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("sound: event 123 of 300: {")
    assert "thing-123" in found.stdout
    event_id = json.loads(found.stdout.partition(": event 123 of 300: ")[2])["id"]
    assert nea(capsys, "prove", event_id) == (0, proof)
    for line in range(len(proof.splitlines())):
        lines = proof.splitlines()
        if lines[line]:
            at = len(lines[line]) // 2
            lines[line] = lines[line][:at] + ("A" if lines[line][at] != "A" else "B") + lines[line][at + 1 :]
            file.write_text("\n".join(lines) + "\n")
            assert stranger("proof", str(file), key).returncode == 1, lines[line]


def test_what_was_altered_is_said_with_its_number(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nea(capsys, "publish")
    engine = create_engine(f"sqlite:///{filled / 'nea.sqlite3'}")
    with engine.begin() as connection:
        guard = connection.execute(
            text("SELECT sql FROM sqlite_master WHERE name = 'guard_audit_log_kept'")
        ).scalar_one()
        connection.execute(text("DROP TRIGGER guard_audit_log_kept"))
        connection.execute(text("UPDATE audit_log SET outcome = 'refused' WHERE seq = 42"))
        connection.execute(text(guard))
    engine.dispose()
    status, said = nea(capsys, "verify")
    assert status == 1
    assert "event 42: its column outcome does not say what the event says" in said


@pytest.mark.parametrize("words", [("prove", "999"), ("prove", "no-such-event"), ("verify", "--bundle", "nowhere")])
def test_what_is_not_there_is_said_plainly(
    filled: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    del filled
    nea(capsys, "publish")
    status, said = nea(capsys, *words)
    assert status == 1
    assert said.startswith("nea: There is no")


def test_a_key_that_others_can_read_is_refused(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nea(capsys, "publish")
    (filled / "audit-signing.key").chmod(0o644)
    status, said = nea(capsys, "publish")
    assert (status, "chmod 600" in said) == (1, True), said


def test_doctor_says_how_the_log_is(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said() -> dict[str, str]:
        main(["doctor", "--json"])
        checks = json.loads(capsys.readouterr().out)
        checks = checks["checks"] if isinstance(checks, dict) else checks
        return next(one for one in checks if one["subject"] == "audit log")

    assert (said()["state"], "has waited" in said()["says"]) == ("warning", True)
    nea(capsys, "publish")
    assert (said()["state"], "300 of them signed" in said()["says"]) == ("ok", True)
    checkpoint = filled / "objects" / "objects" / "audit" / "checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"\n300\n", b"\n299\n"))
    assert said()["state"] == "failed"
