"""The commands of care as an operator runs them: what they print, and how they end."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from rich.console import Console

from repository import app
from repository.__main__ import main
from repository.commands.progress import Bar
from repository.settings import from_environ

from .keeping import Clock, Kept, flipped

MIB = 2**20


@pytest.fixture
def folder(tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a migrated database, and the environment that names it."""
    for name in [name for name in os.environ if name.startswith("NEA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NEA_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    shutil.copy(migrated_file, tmp_path / "data" / "nea.sqlite3")
    return tmp_path / "data"


def put_in(folder: Path, *contents: bytes) -> list[str]:
    """Keep released objects in the service of a folder."""

    async def work() -> list[str]:
        services = await app.compose(from_environ({"NEA_DATA_DIR": str(folder)}))
        kept = Kept(services, Clock())
        try:
            return [await kept.released(content) for content in contents]
        finally:
            await services.database.close()

    return asyncio.run(work())


def place(folder: Path, key: str) -> Path:
    return folder / "objects" / "objects" / key


def damage(folder: Path, key: str, how: Callable[[bytes], bytes]) -> None:
    path = place(folder, key)
    path.write_bytes(how(path.read_bytes()))


def test_scrub_says_what_it_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound, rotten, lost = put_in(folder, b"one", os.urandom(MIB), b"three")
    assert main(["scrub"]) == 0
    shown = capsys.readouterr().out
    assert "Read 3 objects" in shown
    assert "Planted faults found: 2 of 2." in shown
    assert "Oldest unscrubbed object: 0.0 days." in shown
    assert main(["scrub"]) == 0
    assert "Read 0 objects" in capsys.readouterr().out
    damage(folder, f"d/{rotten}", lambda blob: flipped(blob, 8 * MIB // 2))
    place(folder, f"d/{lost}").unlink()
    assert main(["scrub", "--everything"]) == 1
    shown = capsys.readouterr().out
    assert rotten in shown
    assert "E6" in shown
    assert lost in shown
    assert "absent" in shown
    assert sound not in shown
    assert main(["scrub", "--older-than", "0", "--budget", "2GiB", "--threads", "1", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert sorted((one["oid"], one["code"]) for one in document["findings"]) == sorted(
        [(rotten, "E6"), (lost, "absent")]
    )
    assert (document["sound"], document["failed"], document["objects_read"]) == (False, False, 3)


@pytest.mark.parametrize(
    "words",
    [
        ["scrub", "--budget", "lots"],
        ["scrub", "--budget", "0"],
        ["scrub", "--threads", "0"],
        ["scrub", "--older-than", "soon"],
        ["gc", "--grace-hours", "1"],
        ["gc", "--grace-hours", "nan"],
    ],
)
def test_what_cannot_be_meant_is_refused(folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert words[1] in capsys.readouterr().err


def test_gc_and_reconcile_say_what_they_did(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (oid,) = put_in(folder, b"one")
    orphan = place(folder, f"q/{uuid4()}/0.{os.urandom(16).hex()}")
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"never committed")
    three_hours_ago = orphan.stat().st_mtime - 10_800
    os.utime(orphan, (three_hours_ago, three_hours_ago))
    assert main(["gc"]) == 0
    assert "Deleted 0 of 3 names" in capsys.readouterr().out
    assert main(["gc", "--grace-hours", "2", "--dry-run"]) == 0
    assert "Would delete 1 of 3 names, of 1 objects, 15 bytes" in capsys.readouterr().out
    assert main(["gc", "--grace-hours", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["deleted"] == 1
    assert not orphan.exists()
    place(folder, f"k/{oid}.json").unlink()
    assert main(["reconcile", "--dry-run"]) == 0
    assert "1 recovery copies absent or out of date: would be renewed." in capsys.readouterr().out
    assert main(["reconcile"]) == 0
    assert "1 renewed" in capsys.readouterr().out
    unknown = str(uuid4())
    for name in (f"d/{unknown}", f"k/{unknown}.json"):
        place(folder, name).write_bytes(b"{}")
        os.utime(place(folder, name), (three_hours_ago - 86_400,) * 2)
    place(folder, f"d/{oid}").unlink()
    assert main(["reconcile"]) == 1
    shown = capsys.readouterr().out
    assert unknown in shown
    assert "missing" in shown
    assert main(["reconcile", "--json"]) == 1
    assert {one["wrong"] for one in json.loads(capsys.readouterr().out)["discrepancies"]} == {"missing", "unknown"}
    assert main(["gc"]) == 1
    assert unknown in capsys.readouterr().out
    place(folder, "c/runs").write_bytes(b"99")
    assert main(["gc"]) == 1
    assert "nea: The collector is off" in capsys.readouterr().err


def test_doctor_says_what_to_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    assert "wraps and unwraps" in capsys.readouterr().out
    (oid,) = put_in(folder, os.urandom(100))
    damage(folder, f"d/{oid}", lambda blob: blob[:-1])
    assert main(["scrub"]) == 1
    capsys.readouterr()
    assert main(["doctor", "--json"]) == 1
    (failed,) = (one for one in json.loads(capsys.readouterr().out)["checks"] if one["state"] == "failed")
    assert (failed["subject"], "1 × E4" in failed["says"]) == ("objects", True)


def test_a_store_that_is_away_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    secret.chmod(0o600)
    monkeypatch.setenv("NEA_S3_BUCKET", "nea")
    monkeypatch.setenv("NEA_S3_ENDPOINT_URL", "https://127.0.0.1:1")
    monkeypatch.setenv("NEA_S3_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("NEA_S3_SECRET_ACCESS_KEY_FILE", str(secret))
    assert main(["reconcile"]) == 1
    assert capsys.readouterr().err.startswith("nea: The store cannot be reached")
    for command in ("serve", "work"):
        assert main([command]) == 1
        shown = capsys.readouterr()
        assert shown.err.startswith("nea: The store named by NEA_S3_BUCKET does not work: The store cannot be reached")
        assert shown.out == ""


def test_ctrl_c_keeps_what_was_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The real command in a process of its own; one object holds it up until it has been interrupted."""
    oids = sorted(put_in(folder, *(os.urandom(1000) for _ in range(12))))
    held_up = place(folder, f"d/{oids[4]}")
    content = held_up.read_bytes()
    held_up.unlink()
    os.mkfifo(held_up)
    process = subprocess.Popen(
        [sys.executable, "-m", "repository", "scrub", "--threads", "1", "--json"], stdout=subprocess.PIPE, text=True
    )
    for _ in range(3_000):  # only when the faults of the cycle are planted is there something to interrupt
        if len(list(place(folder, "k").glob("*.json"))) > len(oids) or process.poll() is not None:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    while process.poll() is None:
        with suppress(OSError):  # nobody reads it yet
            os.close(os.open(held_up, os.O_WRONLY | os.O_NONBLOCK))
        time.sleep(0.02)
    document = json.loads(process.communicate(timeout=300)[0])
    assert (process.returncode, document["interrupted"], document["failed"]) == (130, True, False)
    assert document["objects_read"] < len(oids)
    held_up.unlink()
    held_up.write_bytes(content)
    assert len(list(place(folder, "k").glob("*.json"))) == len(oids)
    assert main(["scrub", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["objects_read"] == len(oids) - document["objects_read"]


def test_the_bar_stays_away_from_what_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar("Reading", in_bytes=True) as bar:
        bar.total(10)
        bar._began -= 10
        bar.seen(5)
    assert capsys.readouterr() == ("", "")


def test_the_bar_shows_bytes_speed_and_time_left() -> None:
    shown = io.StringIO()
    with Bar("Reading", in_bytes=True, console=Console(file=shown, force_terminal=True, width=120)) as bar:
        bar.total(10 * MIB)
        bar.seen(MIB)
        assert shown.getvalue() == ""
        bar._began -= 10
        bar.seen(4 * MIB)
    assert "5.0/10.0 MiB" in shown.getvalue()
    assert "Reading" in shown.getvalue()
