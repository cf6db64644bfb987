"""How long the demo takes, and how many of the main pages a seeded server answers a second."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from repository import acting, migrating, rehearsing, sign_in_lines
from repository.access import Role
from repository.database import Database
from repository.demo import serving
from repository.settings import Settings, from_environ

from . import figures
from .figures import Figure

DEMO_TARGET_SECONDS = 60
PAGES_TARGET = 50
DEMO_LIMIT_SECONDS = 600
RUNS = 3
CLIENTS = 4
SECONDS = 4.0
QUICK_SECONDS = 1.5
WARM_UP = 4


def demo_seconds() -> float:
    """Return the seconds of one whole `nea demo` process."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "repository", "demo", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=DEMO_LIMIT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit("The demo failed; run `nea demo` to see what is wrong.")
    return time.monotonic() - begun


async def seed(settings: Settings) -> Mapping[str, str]:
    """Migrate and seed a rehearsal series; returns the sign-in token of one person of each kind."""
    database = Database(settings.database_url)
    try:
        with acting.as_service("benchmark"):
            await migrating.migrate(database)
            made = await database.write(lambda session: rehearsing.seed(session, datetime.now(UTC)))
            signed = await database.read(sign_in_lines.read)
    finally:
        await database.close()
    # The second centre has both: marks that are in, and a sample to send.
    second = made.centre_numbers[1]
    return {str(one.role): one.token for one in signed if one.centre_number in {None, second}}


async def pages_of(session: ClientSession, address: str, tokens: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return the main pages: name, path and the bearer token of who reads it."""
    bearers = {}
    for role, token in tokens.items():
        async with session.post(f"{address}/api/sessions", json={"token": token}) as answer:
            bearers[role] = (await answer.json())["token"]
    officer = {"Authorization": f"Bearer {bearers[Role.TEACHER]}"}
    async with session.get(f"{address}/api/cases", headers=officer) as answer:
        cases = (await answer.json())["cases"]
    case = next(one for one in cases if one["submission_mode"] == "UPLOAD")
    pages = [(f"home, {role.replace('_', ' ')}", "/", bearers[role]) for role in bearers]
    pages += [
        ("marks page", f"/cases/{case['id']}/marks", bearers[Role.TEACHER]),
        ("sample page", f"/cases/{case['id']}/sample", bearers[Role.TEACHER]),
        ("worklist", "/worklist", bearers[Role.MODERATOR]),
        ("series page", f"/series/{case['series']}", bearers[Role.AB_OFFICER]),
    ]
    return pages


async def requests_per_second(
    session: ClientSession, address: str, path: str, bearer: str, seconds: float
) -> float | None:
    """Return how many answers a second a page gives to clients that keep their connections; None if it is not there."""
    headers = {"Authorization": f"Bearer {bearer}", "Accept": "text/html"}
    done = 0

    async def ask() -> int:
        async with session.get(f"{address}{path}", headers=headers, allow_redirects=False) as answer:
            await answer.read()
            return answer.status

    statuses = {await ask() for _ in range(WARM_UP)}
    if statuses != {200}:
        return None
    begun = time.monotonic()

    async def client() -> None:
        nonlocal done
        while time.monotonic() - begun < seconds:
            if await ask() == 200:
                done += 1

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return done / (time.monotonic() - begun)


async def measure_pages(folder: Path, seconds: float) -> list[Figure]:
    """Measure every main page of a freshly seeded server."""
    settings = serving.settings_in(folder, from_environ({}).frontend_dir)
    tokens = await seed(settings)
    found = []
    async with (
        serving.running(settings) as server,
        ClientSession(connector=TCPConnector(limit=CLIENTS), timeout=ClientTimeout(total=60)) as session,
    ):
        for name, path, bearer in await pages_of(session, server.address, tokens):
            rate = await requests_per_second(session, server.address, path, bearer, seconds)
            if rate is None:
                print(f"{name}: {path} does not answer 200.", file=sys.stderr)
            found.append(Figure(name, round(rate or 0.0, 1), "requests/s", PAGES_TARGET))
    return found


def main() -> int:
    """Run the benchmark."""
    options = figures.read_options("journey")
    runs = [demo_seconds() for _ in range(1 if options.quick else RUNS)]
    measured = [Figure("nea demo", round(median(runs), 1), "seconds", DEMO_TARGET_SECONDS, at_most=True)]
    with tempfile.TemporaryDirectory(prefix="nea-bench-") as folder:
        measured += asyncio.run(measure_pages(Path(folder), QUICK_SECONDS if options.quick else SECONDS))
    return figures.show("The journey", measured, options)


if __name__ == "__main__":
    sys.exit(main())
