"""The key provider goes away while the service runs: reading goes on for five minutes, nothing new begins, and nothing
is ever written in the clear.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from repository import app
from repository.settings import from_environ
from storage.errors import KeyRefused, KeyUnavailable
from storage.keyring import SecretKey
from storage.keys.file import FileKeyring
from storage.scope_keys import CACHE_SECONDS, CONFIRMED_SECONDS
from storage.vault import Vault
from tests.repository.files import pdf
from tests.repository.web.conftest import Clock, Server, Service
from tests.repository.web.uploading import P, Stage, make_stage

from ...patience import PATIENCE_SECONDS
from .conftest import Keeping

WORDS = "Words that only a candidate wrote"


class Provider:
    """A key file behind a line that can break, be slow, or lead to a service that refuses."""

    def __init__(self, inner: FileKeyring) -> None:
        self.inner = inner
        self.failure: type[Exception] | None = None
        self.answers = threading.Event()
        self.answers.set()
        self.asked = 0

    def _ask(self) -> None:
        self.asked += 1
        assert self.answers.wait(30)
        if self.failure is not None:
            raise self.failure

    def current(self) -> str:
        self._ask()
        return self.inner.current()

    def wrap(self, key: SecretKey, context: Mapping[str, str]) -> bytes:
        self._ask()
        return self.inner.wrap(key, context)

    def unwrap(self, blob: bytes, context: Mapping[str, str]) -> SecretKey:
        self._ask()
        return self.inner.unwrap(blob, context)


class Seconds:
    """A monotonic clock that the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Broken:
    """A service whose key provider can be broken off."""

    keeping: Keeping
    provider: Provider
    seconds: Seconds

    @property
    def stage(self) -> Stage:
        return self.keeping.stage

    async def created(self) -> int:
        return (await self.stage.post(10)).status


@pytest.fixture
async def broken(tmp_path: Path, migrated_url: str) -> AsyncIterator[Broken]:
    folder = tmp_path / "data"
    settings = from_environ(
        {"NEA_DATA_DIR": str(folder), "NEA_DATABASE_URL": migrated_url, "NEA_REHEARSAL": "yes", "NEA_PORT": "0"}
    )
    clock, seconds = Clock(), Seconds()
    provider = Provider(FileKeyring(settings.keyring_path))
    services = dataclasses.replace(
        await app.compose(settings, clock=clock),
        vault=Vault(app.open_backend(settings), provider, clock=seconds),
    )
    server = Server(app.create_app(services), host="127.0.0.1")
    await server.start_server()
    service = Service(services, server, clock, folder)
    yield Broken(Keeping(await make_stage(service), services), provider, seconds)
    for client in service._clients:
        await client.close()
    await server.close()
    await services.database.close()


def in_the_clear(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and WORDS.encode() in path.read_bytes()]


@pytest.mark.fault("inj:F13", "att:F09")
async def test_st27_reading_goes_on_for_five_minutes_and_no_longer(broken: Broken) -> None:
    (oid,) = await broken.keeping.receive(1)
    broken.provider.failure = KeyUnavailable
    broken.seconds.now += CACHE_SECONDS - 1
    assert await broken.keeping.read(oid) == broken.keeping.files[oid]
    broken.seconds.now += 2
    with pytest.raises(KeyUnavailable):
        await broken.keeping.read(oid)
    broken.provider.failure = None
    assert await broken.keeping.read(oid) == broken.keeping.files[oid]


@pytest.mark.parametrize("failure", [KeyUnavailable, KeyRefused])
@pytest.mark.fault("inj:F13", "att:F09")
async def test_st27_no_upload_begins_while_the_provider_is_down(broken: Broken, failure: type[Exception]) -> None:
    await broken.keeping.receive(1)
    broken.provider.failure = failure
    broken.seconds.now += CONFIRMED_SECONDS
    before = await broken.stage.kept()
    answer = await broken.stage.post(10)
    assert answer.status == (503 if failure is KeyUnavailable else 500)
    assert answer.content_type == "application/problem+json"
    assert ("Retry-After" in answer.headers) == (failure is KeyUnavailable)
    assert "key" not in (await answer.json())["detail"].lower()
    assert await broken.stage.kept() == before
    broken.provider.failure = None
    assert await broken.created() == 201


@pytest.mark.fault("inj:F13")
async def test_st27_the_first_upload_of_a_scope_does_not_begin_either(broken: Broken) -> None:
    broken.provider.failure = KeyUnavailable
    before = await broken.stage.kept()
    assert await broken.created() == 503
    assert await broken.stage.kept() == before
    assert await broken.keeping.rows() == ({}, {})


@pytest.mark.fault("inj:F13", "att:F13")
async def test_st27_an_upload_under_way_waits_and_nothing_of_it_lies_in_the_clear(broken: Broken) -> None:
    data = pdf(2, WORDS) + b"%" * P
    assert WORDS.encode() in data
    made = await broken.stage.create(len(data), data[:600])
    broken.provider.failure = KeyUnavailable
    broken.seconds.now += CACHE_SECONDS - 1
    assert (await broken.stage.patch(made, 600, data[600:1200]))[0] == 204
    broken.seconds.now += 2
    before = await broken.stage.kept()
    for _ in range(2):
        assert (await broken.stage.patch(made, 1200, data[1200:]))[0] == 503
    assert await broken.stage.offset(made) == 1200
    assert await broken.stage.kept() == before
    assert in_the_clear(broken.stage.service.folder) == []
    broken.provider.failure = None
    assert (await broken.stage.patch(made, 1200, data[1200:])) == (204, str(len(data)))
    assert (await broken.stage.document(made))["size_bytes"] == len(data)
    assert in_the_clear(broken.stage.service.folder) == []


@pytest.mark.fault("inj:F13")
async def test_a_provider_that_does_not_answer_keeps_nobody_else_waiting(broken: Broken) -> None:
    """Neither the event loop nor a lock of the database waits for it."""
    import asyncio

    (oid,) = await broken.keeping.receive(1)
    asked = broken.provider.asked
    broken.provider.answers.clear()
    broken.seconds.now += CONFIRMED_SECONDS
    creating = asyncio.create_task(broken.stage.post(10))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while broken.provider.asked == asked:
                await asyncio.sleep(0.01)
            assert (await broken.stage.teacher.get("/api/cases")).status == 200
            assert await broken.keeping.read(oid) == broken.keeping.files[oid]
            await broken.keeping.officer()  # writes
            assert not creating.done()
    finally:
        broken.provider.answers.set()
    assert (await creating).status == 201


@pytest.mark.fault("inj:F13")
async def test_a_root_key_rotated_in_the_middle_of_an_upload_is_not_noticed(broken: Broken) -> None:
    data = pdf(1, WORDS)
    made = await broken.stage.create(len(data), data[:600])
    broken.provider.inner.rotate()
    broken.seconds.now += CACHE_SECONDS
    assert (await broken.stage.patch(made, 600, data[600:]))[0] == 204
    assert (await broken.stage.document(made))["state"] == "released"


@pytest.mark.fault("inj:F13")
async def test_new_objects_ask_the_provider_once_in_ten_seconds(broken: Broken) -> None:
    assert await broken.created() == 201
    asked = broken.provider.asked
    for _ in range(5):
        assert await broken.created() == 201
    assert broken.provider.asked == asked
    broken.seconds.now += CONFIRMED_SECONDS
    assert await broken.created() == 201
    assert broken.provider.asked == asked + 1
