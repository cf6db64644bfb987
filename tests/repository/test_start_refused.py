"""The service does not start over keys that others can read or that are not random, nor in a folder that anybody can change."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from repository import app
from repository.errors import SettingRefused
from repository.settings import Settings, from_environ

KEYS = ("receipt-signing.key", "content-ticket.key", "audit-signing.key", "sign-in.key")


@pytest.fixture
def settings(tmp_path: Path, migrated_file: Path) -> Settings:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    shutil.copy(migrated_file, folder / "nea.sqlite3")
    return from_environ({"NEA_DATA_DIR": str(folder), "NEA_PORT": "0"})


async def start(settings: Settings) -> None:
    services = await app.compose(settings)
    try:
        app.create_app(services)
    finally:
        await services.database.close()


async def test_it_starts_and_every_key_is_its_own(settings: Settings) -> None:
    await start(settings)
    for name in KEYS:
        assert (settings.data_dir / name).stat().st_mode & 0o777 == 0o600, name
    assert len({(settings.data_dir / name).read_bytes() for name in KEYS}) == len(KEYS)


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize(
    ("content", "mode"),
    [(os.urandom(32), 0o644), (os.urandom(32), 0o660), (bytes(32), 0o600), (b"short", 0o600), (b"", 0o600)],
    ids=["readable", "group", "zeros", "short", "empty"],
)
async def test_it_does_not_start_over_a_bad_key(settings: Settings, name: str, content: bytes, mode: int) -> None:
    path = settings.data_dir / name
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(SettingRefused) as refused:
        await start(settings)
    assert name in refused.value.detail
    assert path.read_bytes() == content  # nothing was put in its place


async def test_it_does_not_start_in_a_folder_that_anybody_can_change(settings: Settings) -> None:
    settings.data_dir.chmod(0o777)
    with pytest.raises(SettingRefused, match="data folder"):
        await start(settings)
    settings.data_dir.chmod(0o700)
