"""Passwords as Argon2id, worked out in a few processes of their own, so that many sign-ins at once starve nobody else.

Source: RFC 9106 (Argon2); OWASP Password Storage Cheat Sheet for the floor; what is used is project policy, above it.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from repository.errors import ServiceBusy

T = TypeVar("T")
PROCESSES = 2
QUEUE = 20
"""So many may wait for a process; whoever comes after them is asked to come again."""
ADDRESS_PLACES = 11
"""So many places are for one address; half of them stay free for everybody else."""
CROWD_PLACES = 4
"""So many are for one address that failed often lately."""
SALT_BYTES = 16
KEY_BYTES = 32
BUSY = "Many people are signing in at this moment. Try again in a few seconds."
_NICE = 19
_PHC = re.compile(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$[^$]+\$[^$]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cost:
    """How dear one hash is."""

    memory_kib: int
    iterations: int
    lanes: int

    def is_below(self, other: Cost) -> bool:
        """Return whether this is cheaper than ``other`` in memory or in work."""
        return self.memory_kib < other.memory_kib or self.iterations < other.iterations


FLOOR = Cost(memory_kib=19_456, iterations=2, lanes=1)
"""The least that is ever used."""
COST = Cost(memory_kib=65_536, iterations=3, lanes=4)
NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$eHh4eHh4eHh4eHh4eHh4eA$a2svTCJbhv7RD5Zj8roWTQVpZC1gR8cjRukPiW+YNP4"
"""The hash that is tried for a name that nobody has, so that it costs the same; nothing is let in by it."""


def hash_password(password: str, cost: Cost = COST) -> str:
    """Return the Argon2id string (PHC) of a password, under a fresh salt; raises ``ValueError`` below the floor."""
    if cost.is_below(FLOOR):
        raise ValueError("the cost of a password hash is below the floor")
    kdf = Argon2id(
        salt=os.urandom(SALT_BYTES),
        length=KEY_BYTES,
        iterations=cost.iterations,
        lanes=cost.lanes,
        memory_cost=cost.memory_kib,
    )
    return kdf.derive_phc_encoded(_bytes(password))


def is_right(password: str, phc: str) -> bool:
    """Return whether a password is the one that was hashed."""
    try:
        Argon2id.verify_phc_encoded(_bytes(password), phc)
    except InvalidKey:
        return False
    return True


def is_outdated(phc: str, cost: Cost = COST) -> bool:
    """Return whether a stored hash is cheaper than today's, and is to be made anew while the password is at hand."""
    found = _PHC.fullmatch(phc)
    return found is None or Cost(*map(int, found.groups())).is_below(cost)


class Hasher:
    """Hashes and checks passwords in processes of their own, started when the first is asked for.

    Takes: the ``cost`` of new hashes; how many ``processes``; how many may wait in the ``queue``.
    """

    def __init__(self, cost: Cost = COST, *, processes: int = PROCESSES, queue: int = QUEUE) -> None:
        self.cost = cost
        self._processes = processes
        self._places = processes + queue
        self._taken = 0
        self._by_address: Counter[bytes] = Counter()
        self._pool: ProcessPoolExecutor | None = None

    async def hash(self, password: str) -> str:
        """Return the hash of a new password; raises ``ServiceBusy`` when the queue is full."""
        return await self._run(hash_password, password, self.cost)

    def has_room(self, address: bytes, places: int = ADDRESS_PLACES) -> bool:
        """Return whether a password from an address could be checked now."""
        return self._taken < self._places and self._by_address[address] < places

    async def check(
        self, password: str, phc: str | None, *, address: bytes | None = None, places: int = ADDRESS_PLACES
    ) -> bool:
        """Return whether a password is right; with no hash (nobody has that name) it takes as long, and is not.

        Takes: the ``address`` that it comes from, which has so many ``places``; None for whoever may take any.
        Raises: ``ServiceBusy`` when the queue, or the address's part of it, is full.
        """
        if address is not None and self._by_address[address] >= places:
            raise ServiceBusy(BUSY)
        if address is not None:
            self._by_address[address] += 1
        try:
            right = await self._run(is_right, password, phc or NOBODYS)
        finally:
            if address is not None:
                self._by_address[address] -= 1
                self._by_address += Counter()  # which forgets whoever has no place
        return right and phc is not None

    async def _run(self, work: Callable[..., T], *words: object) -> T:
        if self._taken >= self._places:
            raise ServiceBusy(BUSY)
        self._taken += 1
        try:
            if self._pool is None:
                self._pool = ProcessPoolExecutor(
                    self._processes, mp_context=multiprocessing.get_context("spawn"), initializer=_begin
                )
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *words)
        except BrokenProcessPool as error:
            self.close()
            raise ServiceBusy from error
        finally:
            self._taken -= 1

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _begin() -> None:
    """Let uploads and pages go before, leave Ctrl-C to the service, and end with it however it ends."""
    os.nice(_NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_service, daemon=True).start()


def _end_with_service() -> None:
    service = multiprocessing.parent_process()
    if service is not None:
        service.join()
        os._exit(1)


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
