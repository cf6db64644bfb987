"""Argon2id in processes of its own: what is kept, what is refused, and that a flood of sign-ins is turned away."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from repository.errors import ServiceBusy
from repository.sign_in import hashing
from repository.sign_in.hashing import COST, FLOOR, Cost, Hasher, hash_password, is_outdated, is_right

CHEAP = Cost(19_456, 2, 1)


def test_a_hash_names_its_own_cost_and_salt() -> None:
    first, second = hash_password("three hares", COST), hash_password("three hares", COST)
    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert first != second
    assert is_right("three hares", first)
    assert is_right("three hares", second)


def test_what_differs_in_anything_is_wrong() -> None:
    phc = hash_password(" Three Hares ", CHEAP)
    assert is_right(" Three Hares ", phc)
    for other in ("Three Hares", " three hares ", " Three Hares", "", " Three Hares \x00"):
        assert not is_right(other, phc)


def test_the_floor_is_in_the_code() -> None:
    assert not COST.is_below(FLOOR)
    with pytest.raises(ValueError, match="floor"):
        hash_password("three hares", Cost(FLOOR.memory_kib - 1, 3, 4))
    with pytest.raises(ValueError, match="floor"):
        hash_password("three hares", Cost(65_536, 1, 4))


def test_the_hash_for_names_that_nobody_has_costs_what_the_others_cost() -> None:
    assert not is_outdated(hashing.NOBODYS, COST)
    assert hashing.NOBODYS.startswith(f"$argon2id$v=19$m={COST.memory_kib},t={COST.iterations},p={COST.lanes}$")


def test_a_cheaper_hash_is_outdated_and_a_dearer_one_is_not() -> None:
    assert is_outdated(hash_password("three hares", CHEAP), COST)
    assert not is_outdated(hash_password("three hares", COST), COST)
    assert not is_outdated(hash_password("three hares", COST), CHEAP)
    assert is_outdated("$2b$12$somebody.elses.hash", COST)


async def test_one_more_than_may_wait_is_asked_to_come_again() -> None:
    hasher = Hasher(CHEAP, processes=1, queue=2)
    try:
        phc = await hasher.hash("three hares")
        answers = await asyncio.gather(*(hasher.check("three hares", phc) for _ in range(5)), return_exceptions=True)
        assert [one for one in answers if one is True] == [True] * 3
        assert [type(one) for one in answers if one is not True] == [ServiceBusy] * 2
        assert await hasher.check("three hares", phc), "a place is free again"
    finally:
        hasher.close()


async def test_one_address_leaves_places_for_everybody_else() -> None:
    """Who floods from one address does not fill the queue of the whole service."""
    hasher = Hasher(CHEAP, processes=1, queue=13)
    try:
        phc = await hasher.hash("three hares")
        flood = (hasher.check("wrong", phc, address=b"one") for _ in range(13))
        crowd = (hasher.check("wrong", phc, address=b"crowd", places=1) for _ in range(2))
        others = (hasher.check("three hares", phc, address=address) for address in (None, b"another"))
        answers = await asyncio.gather(*flood, *crowd, *others, return_exceptions=True)
        assert [type(one) for one in answers[:15] if one is not False] == [ServiceBusy] * 3
        assert answers[15:] == [True] * 2
        assert await hasher.check("three hares", phc, address=b"one"), "its places are free again"
        assert not hasher._by_address
    finally:
        hasher.close()


def test_the_processes_end_with_the_service_that_was_killed() -> None:
    program = (
        "import asyncio, multiprocessing, sys\n"
        "from repository.sign_in.hashing import Cost, Hasher\n"
        "async def main():\n"
        "    await Hasher(Cost(19456, 2, 1)).hash('three hares')\n"
        "    print(*(one.pid for one in multiprocessing.active_children()), flush=True)\n"
        "    sys.stdin.read()\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as service:
        assert service.stdout is not None
        children = [int(pid) for pid in service.stdout.readline().split()]
        assert children
        assert all(Path(f"/proc/{pid}").exists() for pid in children)
        service.kill()
        give_up_at = time.monotonic() + 20
        while any(_is_running(pid) for pid in children):
            assert time.monotonic() < give_up_at, "the processes outlived their service"
            time.sleep(0.05)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_nobodys_password_is_never_right_and_a_lost_process_is_replaced() -> None:
    hasher = Hasher(CHEAP, processes=1)
    try:
        assert not await hasher.check("hello", None)
        assert is_right("hello", hashing.NOBODYS), "so only the missing hash refused it"
        pool = hasher._pool
        assert pool is not None
        for process in list(pool._processes.values()):
            process.kill()
        for process in list(pool._processes.values()):
            await asyncio.to_thread(process.join)
        with pytest.raises(ServiceBusy):
            await hasher.check("hello", None)
        assert not await hasher.check("hello", None)
    finally:
        hasher.close()
