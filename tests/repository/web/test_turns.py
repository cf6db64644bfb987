"""Whoever asks for every page at once waits behind everybody's next page."""

from __future__ import annotations

import asyncio

import pytest

from repository.errors import ServiceBusy
from repository.web.turns import Turns

pytestmark = pytest.mark.fault("att:C16")


async def test_one_reader_of_a_whole_book_does_not_keep_others_waiting() -> None:
    turns, drawn, at_once, most = Turns(at_once=4, of_one=2), [], 0, 0

    async def draw(who: str) -> None:
        nonlocal at_once, most
        async with turns.of(who):
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0)
            at_once -= 1
            drawn.append(who)

    greedy = [asyncio.create_task(draw("greedy")) for _ in range(200)]
    await asyncio.sleep(0)
    others = [asyncio.create_task(draw(f"other {number}")) for number in range(5)]
    await asyncio.gather(*greedy, *others)
    assert most <= 4
    assert len(drawn) == 205
    assert max(index for index, who in enumerate(drawn) if who != "greedy") < 20
    assert turns._places == {}


async def test_a_flood_of_one_is_put_off() -> None:
    turns = Turns(at_once=1, of_one=1, waiting_of_one=3)
    async with turns.of("one"):
        waiting = [asyncio.create_task(turns.of("one").__aenter__()) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(ServiceBusy):
            await turns.of("one").__aenter__()
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    async with turns.of("one"):
        pass
    assert turns._places == {}
