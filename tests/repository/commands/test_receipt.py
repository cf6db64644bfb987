from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from repository.__main__ import main
from tests.repository.receipts import made

KEY = made.SIGNER.public_key_hex


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / "receipt.json"
    path.write_text(made.whole().text())
    return path


def test_a_receipt_is_verified_with_the_key_and_says_what_it_says(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["receipt", "verify", str(kept), "--key", KEY]) == 0
    said = capsys.readouterr().out
    assert said.count("proven ") == 4
    assert "Sample submitted, 7552/C, centre 64001" in said
    assert "1003, Work: Absent" in said


def test_without_the_key_it_says_that_the_key_is_to_be_compared(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["receipt", "verify", str(kept)]) == 0
    assert f"not checked Whose key {KEY} is" in capsys.readouterr().out


def test_what_was_changed_is_named_and_fails(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept.write_text(kept.read_text().replace("1001_", "1009_"))
    assert main(["receipt", "verify", str(kept), "--key", KEY]) == 1
    said = capsys.readouterr().out
    assert "WRONG       The text, the signature or the key was changed" in said
    assert "It says" not in said


@pytest.mark.parametrize("words", [["--key", "abc"], ["--key", "0" * 64], ["--files", "/nowhere"]])
def test_another_key_or_folder_that_is_none_fails(kept: Path, words: list[str]) -> None:
    assert main(["receipt", "verify", str(kept), *words]) == 1


def test_files_of_work_are_compared(kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / made.WORKS[0].name).write_bytes(made.WORKS[0].data)
    assert main(["receipt", "verify", str(kept), "--files", str(folder)]) == 0
    said = capsys.readouterr().out
    assert f"{made.WORKS[0].name}: the same" in said
    assert f"{made.WORKS[1].name}: not in the folder" in said
    (folder / made.WORKS[0].name).write_bytes(b"changed")
    assert main(["receipt", "verify", str(kept), "--files", str(folder)]) == 1
    assert "DIFFERENT" in capsys.readouterr().out


def test_one_bad_receipt_of_several_fails_and_the_others_are_still_said(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "receipt.pdf").write_bytes(b"%PDF-1.7")
    assert main(["receipt", "verify", str(tmp_path / "none.json"), str(tmp_path / "receipt.pdf"), str(kept)]) == 1
    said = capsys.readouterr().out
    assert "cannot be read" in said
    assert "the PDF, which is for reading" in said
    assert "7552/C" in said


def test_it_works_from_an_empty_folder_without_the_service(kept: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "repository", "receipt", "verify", str(kept), "--key", KEY],
        cwd=empty,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list(empty.iterdir()) == []
