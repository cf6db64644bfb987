"""Uploads in flight while others try passwords: what is left of their throughput, measured in one run with real processes.

Run as a program it is the flood itself: threads that send wrong passwords, to names that exist and names that do not,
until it is told to end; then it says how many answers of each status it got.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import median
from urllib.parse import urlencode, urlsplit

from repository import people
from repository.access import Role
from repository.audit import Context
from repository.database import Database
from repository.settings import from_environ
from repository.sign_in import hashing, local

from ..figures import Figure
from ..upload import contenders
from ..upload.__main__ import MIB, Scenario
from ..upload.__main__ import measure as send
from ..upload.contenders import Contender

KEPT = 0.8
"""The least that uploads keep of their throughput; the target of the issue."""
ACCOUNTS = 10
FLOOD_THREADS = 16
WARM_UP_SECONDS = 1.0


def measure(quick: bool) -> list[Figure]:
    """Return what is left of the throughput of uploads under a flood of sign-ins, and what the flood got."""
    rounds = 2 if quick else 4
    load = Scenario("4 uploads", 4, (128 if quick else 256) * MIB, 4)
    still: list[float] = []
    flooded: list[float] = []
    answers: Counter[str] = Counter()
    seconds = 0.0
    with tempfile.TemporaryDirectory(prefix="nea-flood-") as made, contenders.ours(Path(made), "flood") as service:
        asyncio.run(_add_accounts(service.folder))
        send(service, load)  # warm
        for _ in range(rounds):
            still.append(_megabytes_a_second(service, load))
            with flood(service) as got:
                flooded.append(_megabytes_a_second(service, load))
            answers += got
            seconds += load.files * load.size_bytes / MIB / flooded[-1]
    refused = sum(number for status, number in answers.items() if status in {"401", "403", "422", "429"})
    return [
        Figure(
            "throughput of uploads under a flood of sign-ins, of that without",
            median(flooded) / median(still),
            "×",
            KEPT,
        ),
        Figure("throughput of uploads without the flood", median(still), "MiB/s"),
        Figure("throughput of uploads under the flood", median(flooded), "MiB/s"),
        Figure("sign-ins refused under the flood", refused / seconds, "1/s"),
        Figure("sign-ins put off as busy under the flood", answers["503"] / seconds, "1/s"),
        Figure("sign-ins that got in under the flood", float(answers["303"]), "", 0.0, at_most=True),
    ]


@contextmanager
def flood(service: Contender) -> Iterator[Counter[str]]:
    """Flood a service with sign-ins until the block ends; the counter is filled then."""
    counted: Counter[str] = Counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.access.flood", service.base],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(WARM_UP_SECONDS)
        yield counted
    finally:
        said, _ = process.communicate("end\n", timeout=120)
        counted.update(json.loads(said))


def _megabytes_a_second(service: Contender, load: Scenario) -> float:
    return load.files * load.size_bytes / MIB / send(service, load).seconds


async def _add_accounts(folder: Path) -> None:
    database = Database(from_environ({"NEA_DATA_DIR": str(folder)}).database_url)
    now = datetime.now(UTC)
    hashed = hashing.hash_password("three hares under one moon")
    try:
        for number in range(ACCOUNTS):
            name = _name(number)

            def add(session, name=name):
                made = people.add_person(session, name, Role.TEACHER, now, centre_number="99001")
                local.add_account(session, Context(None, now, "a benchmark"), made.person_id, name, hashed)

            await database.write(add)
    finally:
        await database.close()


def _name(number: int) -> str:
    return f"teacher-{number}@example.org"


def main(base: str) -> None:
    """Be the flood; a real one would not take the service's processors, so its own work goes last."""
    os.nice(19)
    ended, numbers = threading.Event(), count()
    counted: Counter[str] = Counter()
    parts = urlsplit(base)

    def attack() -> None:
        while not ended.is_set():
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
            try:
                while not ended.is_set():
                    number = next(numbers)
                    name = _name(number % (2 * ACCOUNTS))
                    body = urlencode({"name": name, "password": f"a wrong password {number}"})
                    headers = {
                        "Content-Type": "application/x-www-form-urlencoded",
                        "Sec-Fetch-Site": "same-origin",
                        "Accept": "text/html",
                    }
                    connection.request("POST", "/sign-in", body, headers)
                    answer = connection.getresponse()
                    answer.read()
                    counted[str(answer.status)] += 1
            except (OSError, http.client.HTTPException):
                counted["broken"] += 1
            finally:
                connection.close()

    threads = [threading.Thread(target=attack) for _ in range(FLOOD_THREADS)]
    for thread in threads:
        thread.start()
    sys.stdin.readline()
    ended.set()
    for thread in threads:
        thread.join()
    print(json.dumps(counted))


if __name__ == "__main__":
    main(sys.argv[1])
