"""`nea doctor` and the self-test at start: each line says what was tried and what to do."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from repository import app, migrating
from repository.care import collecting, health, marks, scrubbing
from repository.care.health import Check, State
from repository.care.scrubbing import Wish
from repository.commands import doctor
from repository.database import Database
from repository.errors import SettingRefused
from repository.settings import S3Settings, Settings, from_environ
from repository.tables import ScopeKeyRow
from storage.capabilities import capabilities
from storage.errors import BackendUnavailable, StoreRefused
from storage.memory import MemoryBackend

from .conftest import Keep
from .keeping import Kept, flipped


def states(checks: list[Check]) -> dict[str, State]:
    return {check.subject: check.state for check in checks}


def of(checks: list[Check], subject: str) -> Check:
    (found,) = (check for check in checks if check.subject == subject)
    return found


def settings_of(folder: Path, **more: str) -> Settings:
    return from_environ({"NEA_DATA_DIR": str(folder / "data"), "NEA_REHEARSAL": "yes", **more})


async def migrated(settings: Settings) -> None:
    database = Database(settings.database_url)
    await migrating.migrate(database)
    await database.close()


async def test_a_service_in_good_order_has_no_failed_line(tmp_path: Path, database_url: str) -> None:
    settings = settings_of(tmp_path, NEA_DATABASE_URL=database_url)
    before = await doctor.examine(settings)
    assert of(before, "database").state is State.FAILED
    assert of(before, "database").remedy == "Run `nea migrate`."
    await migrated(settings)
    checks = await doctor.examine(settings)
    assert State.FAILED not in states(checks).values(), checks
    assert {"disk", "database", "store", "keys", "sandbox", "clock", "collector", "objects", "scrub"} <= set(
        states(checks)
    )
    assert all(check.remedy for check in checks if check.state is not State.OK)
    assert "secret" not in json.dumps([dataclasses.asdict(check) for check in checks])


async def test_a_keyring_that_others_can_read_is_a_failed_line(tmp_path: Path, migrated_file: Path) -> None:
    settings = settings_of(tmp_path)
    settings.data_dir.mkdir()
    shutil.copy(migrated_file, settings.data_dir / "nea.sqlite3")
    services = await app.compose(settings)
    await services.database.close()
    settings.keyring_path.chmod(0o644)
    checks = await doctor.examine(settings)
    assert of(checks, "keys").state is State.FAILED
    assert "0600" in of(checks, "keys").says


async def test_a_database_that_does_not_answer_is_a_failed_line(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret")
    password.chmod(0o600)
    more = {"NEA_DATABASE_URL": "postgresql+psycopg://nea@127.0.0.1:1/nea", "NEA_DATABASE_PASSWORD_FILE": str(password)}
    settings = settings_of(tmp_path, **more)
    found = of(await doctor.examine(settings), "database")
    assert found.state is State.FAILED
    assert "secret" not in found.says


async def test_a_store_that_does_not_answer_is_a_failed_line(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    nowhere = S3Settings("nea", "http://127.0.0.1:1", "us-east-1", "key", "secret")
    checks = await doctor.examine(dataclasses.replace(settings, s3=nowhere))
    assert of(checks, "store").state is State.FAILED
    assert of(checks, "store").remedy


@pytest.mark.s3
def test_a_real_store_shows_its_habits(open_bucket) -> None:
    checks = health.probe(open_bucket())
    assert states(checks) == {
        "store": State.OK,
        "store: joining": State.OK,
        "store: transport": State.OK,
        "store: overwriting": State.OK,
        "store: versions": State.WARNING,
        "store: locks": State.OK,
    }


def test_what_a_store_lacks_decides_the_line() -> None:
    whole = capabilities(MemoryBackend(), random=os.urandom)
    for lacking in ("reads_after_write", "reads_ranges", "lists_all", "deletes"):
        checks = health.store_checks(dataclasses.replace(whole, **{lacking: False}))
        assert of(checks, "store").state is State.FAILED
    parts = health.store_checks(dataclasses.replace(whole, composes=False, copies=False))
    assert of(parts, "store: joining").state is State.WARNING
    careless = health.store_checks(dataclasses.replace(whole, refuses_wrong_checksum=False, refuses_wrong_md5=False))
    assert "SHA-256 or MD5" in of(careless, "store: transport").says


class Stale(MemoryBackend):
    """Answers from a moment ago."""

    def get(self, key: str, start: int = 0, stop: int | None = None) -> bytes:
        return b"what was here before"


class Shut(MemoryBackend):
    """Refuses every write."""

    def put(self, *_: object, **__: object) -> None:
        raise StoreRefused


class Away(MemoryBackend):
    """Does not answer."""

    def put(self, *_: object, **__: object) -> None:
        raise BackendUnavailable


@pytest.mark.parametrize("backend", [Stale(), Shut(), Away()], ids=lambda backend: type(backend).__name__)
async def test_the_service_does_not_start_on_a_store_that_is_not_fit(keep: Keep, backend: MemoryBackend) -> None:
    kept = await keep(backend)
    with pytest.raises(SettingRefused, match="NEA_DATA_DIR"):
        await health.require_fit_store(kept.services)
    assert of(health.probe(backend), "store").state is State.FAILED


async def test_it_starts_on_each_that_is(kept_on_each_store: Kept) -> None:
    assert (await health.require_fit_store(kept_on_each_store.services)).sufficient
    assert kept_on_each_store.names() == []


async def test_clocks_that_differ(kept: Kept) -> None:
    assert (await health.clock_check(kept.services)).state is State.OK
    kept.clock.advance(minutes=5)
    assert (await health.clock_check(kept.services)).state is State.WARNING
    kept.clock.advance(hours=-1)
    found = await health.clock_check(kept.services)
    assert (found.state, "54 minutes" in found.says or "55 minutes" in found.says) == (State.FAILED, True)


async def test_keys_of_another_provider_are_a_failed_line(kept_on_each_database: Kept) -> None:
    kept = kept_on_each_database
    assert states(await health.key_checks(kept.services)) == {"keys": State.OK}
    stored = await kept.stored(await kept.released(b"one"))
    assert states(await health.key_checks(kept.services)) == {"keys": State.OK}
    blob = flipped(stored.scope_key.blob, 8 * len(stored.scope_key.blob) - 1)
    await kept.write(lambda s: s.execute(update(ScopeKeyRow).values(blob=blob)))
    assert states(await health.key_checks(kept.services)) == {"keys": State.OK, "keys: older": State.FAILED}


async def test_care_that_was_neglected_shows(kept: Kept) -> None:
    async def now() -> dict[str, State]:
        return states(await health.care_checks(kept.services))

    assert set((await now()).values()) == {State.OK}
    oid = await kept.released(os.urandom(200))
    await collecting.collect(kept.services, kept.context())
    assert set((await now()).values()) == {State.OK}
    kept.clock.advance(days=31)
    assert await now() == {"collector": State.WARNING, "objects": State.OK, "scrub": State.WARNING}
    kept.change(f"d/{oid}", lambda blob: flipped(blob, 900))
    await scrubbing.scrub(kept.services, kept.context(), Wish())
    assert await now() == {"collector": State.WARNING, "objects": State.FAILED, "scrub": State.OK}
    marks.store_run(kept.backend, 7)
    off = of(await health.care_checks(kept.services), "collector")
    assert (off.state, "restored" in off.says, "nea reconcile" in off.remedy) == (State.WARNING, True, True)


@pytest.mark.parametrize(("free_gib", "state"), [(0.5, State.FAILED), (5, State.WARNING), (50, State.OK)])
def test_free_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_gib: float, state: State) -> None:
    monkeypatch.setattr(health, "DISK_LEAST_BYTES", _free(tmp_path) * (2 if free_gib < 1 else 0.1))
    monkeypatch.setattr(health, "DISK_LOW_BYTES", _free(tmp_path) * (2 if free_gib < 10 else 0.5))
    assert health.disk_check(tmp_path).state is state


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def test_spans_are_said_in_units() -> None:
    spans = [timedelta(seconds=5), timedelta(minutes=3), timedelta(hours=30), timedelta(days=31)]
    assert [health._span(span) for span in spans] == ["5 seconds", "3 minutes", "30 hours", "31 days"]
