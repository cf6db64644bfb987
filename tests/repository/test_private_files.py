"""Secrets are read from files that nobody else can read, and from no others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from repository import private_files
from repository.errors import SettingRefused
from repository.private_files import UnsafeFile
from repository.settings import from_environ


def private(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o602, 0o601, 0o610, 0o644, 0o666])
def test_a_secret_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(UnsafeFile, match="chmod 600"):
        private_files.read(private(tmp_path / "secret", b"x", mode))


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_secret_of_ones_own_is_read(tmp_path: Path, mode: int) -> None:
    assert private_files.read(private(tmp_path / "secret", b"x", mode)) == b"x"


def test_a_link_is_followed_and_what_it_leads_to_is_judged(tmp_path: Path) -> None:
    target = private(tmp_path / "target", b"x")
    link = tmp_path / "link"
    link.symlink_to(target)
    assert private_files.read(link) == b"x"
    target.chmod(0o644)
    with pytest.raises(UnsafeFile):
        private_files.read(link)


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(UnsafeFile, match="not a file"):
        private_files.read(tmp_path / "pipe")
    with pytest.raises((UnsafeFile, OSError)):
        private_files.read(tmp_path)
    with pytest.raises(UnsafeFile, match="longer"):
        private_files.read(private(tmp_path / "long", b"x" * 100_000))


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "some.key"
    key = private_files.make_key(path, 32, os.urandom)
    assert path.stat().st_mode & 0o777 == 0o600
    assert private_files.make_key(path, 32, os.urandom) == key
    assert [one.name for one in path.parent.iterdir()] == ["some.key"]


@pytest.mark.parametrize("weak", [b"", b"short", bytes(32), b"ab" * 16, bytes(range(31)), bytes(range(33))])
def test_a_weak_key_is_refused(tmp_path: Path, weak: bytes) -> None:
    with pytest.raises(UnsafeFile):
        private_files.make_key(private(tmp_path / "some.key", weak), 32, os.urandom)


def test_a_folder_that_everybody_can_write_to_is_refused(tmp_path: Path) -> None:
    private_files.require_safe_folder(tmp_path)
    tmp_path.chmod(0o777)
    with pytest.raises(UnsafeFile, match="chmod o-w"):
        private_files.require_safe_folder(tmp_path)
    tmp_path.chmod(0o700)


@pytest.mark.parametrize("words", ["short", "aaaaaaaaaaaaaaaaaaaaaaaa", "ababababababababab"])
def test_a_passphrase_that_can_be_guessed_is_refused(tmp_path: Path, words: str) -> None:
    with pytest.raises(SettingRefused, match="NEA_KEYRING_PASSPHRASE_FILE") as refused:
        from_environ({"NEA_KEYRING_PASSPHRASE_FILE": str(private(tmp_path / "words", words.encode()))})
    assert words not in refused.value.detail
