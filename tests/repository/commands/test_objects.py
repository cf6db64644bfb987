"""``nea object``: a stranger opens an export, a hold protects, two officers destroy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from storage.streaming import SDR1
from storage.vault import Layout

from .installation import SECOND, SURE, Installation, installation, random_bytes

__all__ = ["installation"]

SCRIPT = Path(__file__).parents[3] / "infra" / "dev" / "decrypt_with_tink.py"
TWO_PARTS = SDR1.part_plain_bytes + 70_000


@pytest.mark.parametrize("layout", [Layout.WHOLE, Layout.PARTS])
@pytest.mark.parametrize("size", [0, 1, TWO_PARTS])
def test_a_stranger_opens_an_export_with_tink_alone(
    installation: Installation, tmp_path: Path, layout: Layout, size: int
) -> None:
    data = random_bytes(size)
    oid = installation.store(data, layout=layout)
    empty = tmp_path / "stranger"
    empty.mkdir()
    status, out, err = installation.nea("object", "export-key", oid, "--output", str(empty / "key.json"))
    assert (status, out) == (0, "")
    assert (empty / "key.json").stat().st_mode & 0o777 == 0o600
    names = err.removeprefix("The object is ").partition(" in the store")[0].split(", then ")
    assert names == ([f"d/{oid}"] if layout is Layout.WHOLE else [f"d/{oid}/{i}" for i in range(1 + (size > 1))])
    store = installation.settings.data_dir / "objects" / "objects"
    (empty / "object").write_bytes(b"".join((store / name).read_bytes() for name in names))
    subprocess.run(
        [sys.executable, "-I", str(SCRIPT), "key.json", "object", "plain"], cwd=empty, check=True, timeout=120
    )
    assert (empty / "plain").read_bytes() == data
    assert installation.events().count("key.exported") == 1


def test_the_script_of_the_stranger_stays_short_and_needs_nothing_of_ours() -> None:
    lines = SCRIPT.read_text().splitlines()
    assert len(lines) <= 40
    imported = {line.split()[1].split(".")[0] for line in lines if line.startswith(("import ", "from "))}
    assert imported <= {"base64", "io", "json", "sys", "pathlib", "tink"}


def test_an_export_is_printed_or_written_to_a_new_file(installation: Installation, tmp_path: Path) -> None:
    oid = installation.store(b"the work")
    status, out, _ = installation.nea("object", "export-key", oid)
    assert status == 0
    export = json.loads(out)
    assert (export["oid"], export["total_bytes"], len(export["stream_key"])) == (oid, 8, 64)
    there = tmp_path / "there"
    there.write_text("mine")
    status, _, err = installation.nea("object", "export-key", oid, "--output", str(there))
    assert (status, "is there already" in err, there.read_text()) == (1, True, "mine")
    status, _, err = installation.nea("object", "export-key", "00000000-0000-4000-8000-000000000001")
    assert (status, "no complete object" in err) == (1, True)


@pytest.mark.fault("att:F16")
def test_st22_a_held_object_is_destroyed_only_after_the_hold_was_lifted(installation: Installation) -> None:
    oid = installation.store(b"the work")
    shred = ("object", "shred", oid)
    assert installation.nea(*shred, "--propose", "--as", SURE)[0] == 0
    assert installation.nea("object", "hold", oid, "--as", SURE, "--reason", "a court asks")[0] == 0
    status, out, _ = installation.nea(*shred, "--dry-run")
    assert (status, "UNDER A LEGAL HOLD" in out) == (0, True)
    status, _, err = installation.nea(*shred, "--confirm", "--as", SECOND)
    assert (status, "hold is in force" in err) == (1, True)
    assert installation.load(oid) == b"the work"
    assert installation.nea("object", "hold", "--scope", "99001/01-6A26/original", "--as", SURE)[0] == 0
    assert installation.nea("object", "unhold", oid, "--as", SECOND)[0] == 0
    assert installation.nea(*shred, "--confirm", "--as", SECOND)[0] == 1
    assert installation.nea("object", "unhold", "--scope", "99001/01-6A26/original", "--as", SECOND)[0] == 0
    status, out, _ = installation.nea(*shred, "--confirm", "--as", SECOND)
    assert (status, "Destroyed: 1 objects" in out) == (0, True)
    status, _, err = installation.nea("object", "export-key", oid)
    assert (status, "destroyed" in err) == (1, True)
    assert not [path for path in installation.settings.data_dir.rglob("*") if path.is_file() and oid in str(path)]
    assert [event for event in installation.events() if event.startswith(("hold.", "shred."))] == [
        "shred.proposed", "hold.placed", "hold.placed", "hold.lifted", "hold.lifted", "shred.started", "shred.finished",
    ]  # fmt: skip


def test_an_unknown_object_is_not_found(installation: Installation) -> None:
    nobody = "00000000-0000-4000-8000-000000000001"
    for words in (("shred", nobody, "--dry-run"), ("hold", nobody, "--as", SURE), ("unhold", nobody, "--as", SURE)):
        status, _, err = installation.nea("object", *words)
        assert (status, err.startswith("nea: ")) == (1, True)
