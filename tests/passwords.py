"""Passwords that cost a test little: the same hashes at the least cost, in processes that are started once.

A service starts two processes of its own for passwords and has each hash cost a fifth of a second; a thousand services
that live for one test need neither. `tests/repository/sign_in/test_hashing.py` tests the real thing.
"""

from __future__ import annotations

import atexit
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import cache

from repository.sign_in import hashing
from repository.sign_in.hashing import ADDRESS_PLACES, FLOOR, PROCESSES, Hasher, hash_password

_NOBODYS = hash_password("nobody's", FLOOR)


@cache
def _processes() -> ProcessPoolExecutor:
    pool = ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn"), initializer=hashing._begin)
    atexit.register(pool.shutdown, cancel_futures=True)
    return pool


class QuickHasher(Hasher):
    """Hashes at the least cost, in processes that all services of a test run share."""

    def __init__(self) -> None:
        super().__init__(FLOOR)
        self._pool = _processes()

    def close(self) -> None:
        """The processes are not this service's alone."""

    async def check(
        self, password: str, phc: str | None, *, address: bytes | None = None, places: int = ADDRESS_PLACES
    ) -> bool:
        right = await super().check(password, phc or _NOBODYS, address=address, places=places)
        return right and phc is not None
