"""A bundle of sound pages at 300 dots to the inch, from its last byte to pushed: received, read, split, cut, all sealed.

The whole service runs: HTTP, the embedded database, the sandboxed child, encryption, the background worker.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from io import BytesIO

from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository import acting, app, migrating, people, rehearsing, sign_in_lines
from repository.access import Role
from repository.database import Database
from repository.services import Services
from repository.settings import from_environ
from repository.tables import ScriptVersion
from scripts.tables import ScanBundle, Script, Sitting
from tests.corpus.scans import QUALITY, SOUND_STATES, Face, Scanner, Side, pdf
from tests.scripts import bundles

from ..figures import Figure

DPI = 300
BOOKLETS, EACH = 5, 40
PAGES = BOOKLETS * EACH
TARGET_PAGES_PER_SECOND = 80
CENTRE = "99002"
PATIENCE_SECONDS = 60


def measure(quick: bool) -> list[Figure]:
    """Measure the median of three bundles after one to warm up, or of one."""
    rates = sorted(asyncio.run(_measure(1 if quick else 3)))
    name = f"intake: {PAGES} sound pages, last byte to pushed, all sealed"
    return [Figure(name, rates[len(rates) // 2], "pages/s", TARGET_PAGES_PER_SECOND)]


async def _measure(rounds: int) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="nea-bench-") as folder:
        settings = from_environ({"NEA_DATA_DIR": folder, "NEA_REHEARSAL": "yes", "NEA_PORT": "0"})
        database = Database(settings.database_url)
        await migrating.migrate(database)
        await database.close()
        services = await app.compose(settings)
        # Whoever asks the database in between is this, not nobody, who would see no bundle.
        with acting.as_service("bench"):
            token = await services.database.write(_seed)
            sitting_id, component, numbers = await services.database.read(_sitting)
            scanner = Scanner(DPI)
            files = [_bundle(scanner, component, numbers, number) for number in range(rounds + 1)]
            async with TestClient(TestServer(app.create_app(services))) as client:
                answer = await client.post("/api/sessions", json={"token": token})
                client.session.headers["Authorization"] = f"Bearer {(await answer.json())['token']}"
                rates = [await _rate(services, client, sitting_id, data) for data in files]
            versions = await services.database.read(lambda s: s.scalar(select(func.count()).select_from(ScriptVersion)))
        await services.database.close()
    if versions != BOOKLETS * len(files):
        raise RuntimeError(f"{versions} scripts were sealed, not {BOOKLETS * len(files)}")
    return rates[1:]


def _seed(session: Session) -> str:
    now = datetime.now(UTC)
    rehearsing.seed(session, now)
    clerk = people.add_person(session, "Clerk of the benchmark", Role.TRACKING_CLERK, now)
    token = sign_in_lines.token_of(clerk.id)
    people.add_sign_in_link(session, clerk.id, token)
    return token


def _sitting(session: Session) -> tuple[str, str, list[str]]:
    sitting = session.scalars(select(Sitting).filter_by(centre_number=CENTRE).order_by(Sitting.component_code)).first()
    if sitting is None:
        raise RuntimeError("the seeded service has no sitting")
    of_sitting = select(Script.candidate_number).filter_by(sitting_id=sitting.id).order_by(Script.candidate_number)
    return sitting.id, sitting.component_code, list(session.scalars(of_sitting))


def _bundle(scanner: Scanner, component: str, numbers: Sequence[str], number: int) -> bytes:
    """Return each booklet's cover and written pages; every bundle has other candidates and other pages."""
    jpegs = []
    for at in range(number * BOOKLETS, (number + 1) * BOOKLETS):
        target = BytesIO()
        cover = bundles.cover(numbers[at], component=component, centre=CENTRE, dpi=DPI)
        cover.resize(scanner.size).save(target, "JPEG", quality=QUALITY)
        jpegs.append(target.getvalue())
        for page in range(1, EACH):
            look = at * EACH + page
            side = Side(None, Face.ANSWER, page, EACH - 1, state=SOUND_STATES[look % len(SOUND_STATES)], look=look)
            jpegs.append(scanner.jpeg(side))
    return pdf(jpegs, scanner.size, DPI)


async def _rate(services: Services, client: TestClient, sitting_id: str, data: bytes) -> float:
    """Send one bundle and wait until it is pushed; return its pages a second since its last byte was sent."""
    sent: list[float] = []

    async def body() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 1 << 20):
            yield data[start : start + (1 << 20)]
        sent.append(time.perf_counter())

    counted = f"sheets={PAGES}&sheets_checked={PAGES}&booklets={BOOKLETS}&booklet_pages={EACH}&duplex=none"
    headers = {"Content-Type": "application/pdf", "Content-Length": str(len(data))}
    answer = await client.post(f"/api/bundles?sitting={sitting_id}&{counted}", data=body(), headers=headers)
    if answer.status != 202:
        raise RuntimeError(await answer.text())
    bundle_id = (await answer.json())["id"]
    of_bundle = select(ScanBundle.state, ScanBundle.reason).where(ScanBundle.id == bundle_id)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            state, reason = await services.database.read(lambda session: session.execute(of_bundle).one())
            if state == "pushed":
                return PAGES / (time.perf_counter() - sent[0])
            if state in {"failed", "unplaced"}:
                raise RuntimeError(f"the bundle is {state}: {reason}")
            await asyncio.sleep(0.01)
