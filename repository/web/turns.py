"""Taking turns at drawing pages: each is drawn by a process of its own, so there are few at once, and nobody takes them all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from repository.errors import ServiceBusy

AT_ONCE = 6
"""Pages being drawn on a node; project policy."""
OF_ONE = 2
"""Of these, for one sign-in; whoever asks for a whole book at once waits behind everybody's next page."""
WAITING_OF_ONE = 300
"""Pages that one sign-in may wait for; more are put off."""


@dataclass
class _Place:
    own: asyncio.Semaphore
    waiting: int = 0


@dataclass
class Turns:
    """Who may draw now. First come, first served among all; of one sign-in only ``of_one`` stand in that queue."""

    at_once: int = AT_ONCE
    of_one: int = OF_ONE
    waiting_of_one: int = WAITING_OF_ONE
    _all: asyncio.Semaphore = field(init=False)
    _places: dict[str, _Place] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._all = asyncio.Semaphore(self.at_once)

    @asynccontextmanager
    async def of(self, who: str) -> AsyncIterator[None]:
        """Wait for a turn, and hold it until the block ends; raises ``ServiceBusy`` for one who waits for too much."""
        place = self._places.setdefault(who, _Place(asyncio.Semaphore(self.of_one)))
        if place.waiting >= self.waiting_of_one:
            raise ServiceBusy("Many pages were asked for at once. Wait for those that are being shown, then go on.")
        place.waiting += 1
        try:
            async with place.own, self._all:
                yield
        finally:
            place.waiting -= 1
            if not place.waiting:
                self._places.pop(who, None)
