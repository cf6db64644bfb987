"""The daily round of the embedded service."""

from __future__ import annotations

import asyncio
import logging
import os
from uuid import uuid4

import pytest

from repository.care import marks, nightly

from .keeping import Kept, flipped

ACTIONS = ("store.reconciled", "store.collected", "store.scrubbed")


async def test_a_round_is_done_once_a_day_by_one_process(kept_on_each_database: Kept) -> None:
    kept = kept_on_each_database
    await kept.released(os.urandom(1000))
    assert not await nightly.round_if_due(kept.services)  # a service that just began has a day
    kept.clock.advance(days=26)
    done = await asyncio.gather(*(nightly.round_if_due(kept.services) for _ in range(3)))
    assert sorted(done) == [False, False, True]
    assert len(await kept.events(*ACTIONS)) == 3
    (scrubbed,) = await kept.events("store.scrubbed")
    assert (scrubbed[2]["objects"], scrubbed[2]["canaries"]) == (1, 2)
    assert not await nightly.round_if_due(kept.services)
    kept.clock.advance(days=1)
    assert await nightly.round_if_due(kept.services)
    assert (await kept.events("store.scrubbed"))[1][2]["objects"] == 0


async def test_what_it_finds_is_in_the_log(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    await nightly.round_if_due(kept.services)
    oid, lost = await kept.released(os.urandom(1000)), await kept.released(b"x")
    kept.change(f"d/{oid}", lambda blob: flipped(blob, 4000))
    kept.backend.delete(f"d/{lost}")
    for _ in range(20):
        kept.backend.put(f"q/{uuid4()}/0.{os.urandom(16).hex()}", b"x")
    kept.clock.advance(days=26)
    marks.store_run(kept.backend, 9)
    with caplog.at_level(logging.ERROR):
        assert await nightly.round_if_due(kept.services)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 3
    assert "differ in 1 names" in said[0]
    assert "The collector is off" in said[1]
    assert "2 faults" in said[2]
    assert len(kept.names("q/")) == 20


async def test_a_store_too_large_for_the_round_is_in_the_log(
    kept: Kept, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly, "SCRUB_BUDGET_BYTES", 1)
    await nightly.round_if_due(kept.services)
    made_on = f"{kept.clock():%Y-%m-%d}"
    for _ in range(2):
        await kept.released(os.urandom(100))
    kept.clock.advance(days=31)
    with caplog.at_level(logging.ERROR):
        assert await nightly.round_if_due(kept.services)
        (said,) = caplog.records
        assert f"not been read since {made_on}" in said.getMessage()
        kept.clock.advance(days=1)
        assert await nightly.round_if_due(kept.services)
    assert len(caplog.records) == 1
