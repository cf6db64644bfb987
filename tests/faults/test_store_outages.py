"""A store that fails at a rate: errors, time-outs, broken lines, lost answers; uploads go on, and nothing is wrong."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from storage.streaming import SDR1, Geometry

from .inventory import examine
from .life import SMALL
from .proxied import Stage
from .proxy import Answer, Forward, Request, Reset, error, honest
from .serving import Sent

P = SMALL.part_plain_bytes
AT_ONCE = 8
STALL_SECONDS = 3.0
"""Longer than the client waits for an answer, as the stage sets it."""


def failing(rate: float, chosen: random.Random, kinds: Counter[str]):
    """A rule by which each request fails with that probability, in one of seven ways."""

    async def rule(request: Request, forward: Forward) -> Answer:
        if chosen.random() >= rate:
            return await forward(request)
        kind = chosen.choice(["500", "503", "stall", "reset", "lost", "cut", "late"])
        kinds[kind] += 1
        match kind:
            case "500":
                return error(500, "InternalError")
            case "503":
                return error(503, "SlowDown")
            case "stall":
                await asyncio.sleep(STALL_SECONDS)
                raise Reset
            case "reset":
                raise Reset
            case "lost":
                await forward(request)
                raise Reset
            case "late":  # it happened, but nobody waited for the answer
                await forward(request)
                await asyncio.sleep(STALL_SECONDS)
                raise Reset
            case _:
                answer = await forward(request)
                return Answer(answer.status, {**answer.headers, "content-length": "999999"}, answer.body, cut_at=0)

    return rule


@pytest.mark.s3
@pytest.mark.fault("inj:F4", "att:G02", "att:G03", "real:R05")
@pytest.mark.parametrize(
    ("percent", "uploads", "geometry"),
    [
        pytest.param(10, 4, SMALL, id="10-percent"),
        *(
            pytest.param(percent, 200, geometry, id=f"{percent}-percent-{name}", marks=pytest.mark.long)
            for percent in (1, 10, 50)
            for name, geometry in (("small-parts", SMALL), ("real-parts", SDR1))
        ),
    ],
)
async def test_uploads_go_on_while_the_store_fails(
    open_stage, seed: int, percent: int, uploads: int, geometry: Geometry
) -> None:
    chosen = random.Random(seed)
    kinds: Counter[str] = Counter()
    async with open_stage(geometry) as stage:
        stage.proxy.rule = failing(percent / 100, chosen, kinds)
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> Sent | None:
            async with limit:
                try:
                    size = chosen.randint(9, 4 * P)  # shorter ones would be twins by chance
                    return await stage.serving.send(
                        size, chosen.randrange(2**32), cut=chosen.choice(["first", "random"])
                    )
                except AssertionError as gave_up:
                    if "again and again" not in str(gave_up):
                        raise
                    return None

        sent = [one for one in await asyncio.gather(*(one(number) for number in range(uploads))) if one]
        await stage.serving.work()
        assert kinds, "nothing ever failed"
        stage.proxy.rule = honest
        await stage.serving.work()
        await check(stage, sent)
        print(f"{percent} %: {len(sent)} of {uploads} sent through {dict(kinds)}")
        if percent <= 10:
            assert len(sent) >= 0.99 * uploads


async def check(stage: Stage, sent: list[Sent]) -> None:
    """Hold every upload against what was sent: received once, and exactly."""
    found = await examine(stage.serving.services)
    documents = {document["oid"]: document for document in found["documents"]}
    events = {(oid, action): count for oid, action, count in found["events"]}
    for one in sent:
        assert (documents[one.oid]["state"], documents[one.oid]["read_back"]) == ("released", one.sha256)
        assert events[one.oid, "document.arrived"] == 1
        assert events[one.oid, "document.released"] == 1
