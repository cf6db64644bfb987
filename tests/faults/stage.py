"""What fault tests start from: a migrated database, a centre whose sample is requested, a teacher who is signed in."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from moderation.records.samples import sample_of
from repository import acting, migrating, people, receipts
from repository.access import Role
from repository.audit import Context
from repository.database import Database
from repository.keys.providers import open_provider
from repository.settings import from_environ
from tests.moderation.records.stage import confirm, make_centre, make_series
from tests.servers.fixtures import BUCKET
from tests.servers.seaweed import S3Server

CENTRE = "99901"
TUS = {"Tus-Resumable": "1.0.0"}
STREAM = {**TUS, "Content-Type": "application/offset+octet-stream"}


@dataclass(frozen=True, slots=True)
class Prepared:
    """The teacher's bearer token, the sample items that await work, and two officers: person and assignment of each."""

    bearer: str
    items: list[str]
    officers: list[tuple[str, str]]

    def write(self, path: Path) -> None:
        """Keep it for processes to come."""
        path.write_text(json.dumps(asdict(self)))


def read_prepared(path: Path) -> Prepared:
    """What an earlier process prepared."""
    return Prepared(**json.loads(path.read_text()))


def environ_of(folder: Path, **more: str) -> dict[str, str]:
    """The service's whole environment: everything in one folder, on a free port, its work done when the test says so."""
    return {"NEA_DATA_DIR": str(folder), "NEA_PORT": "0", "NEA_WORKS_ITSELF": "no", **more}


async def prepare(
    environ: Mapping[str, str], now: datetime, *, uploaders: int = 1, migrated: bool = False
) -> list[Prepared]:
    """Migrate an empty database, unless it is migrated, fill it, and make the keys that a first start makes.

    Takes: how many teachers to sign in, each of the same centre.
    """
    acting.set_service("preparing")
    settings = from_environ(environ)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    open_provider(settings)
    receipts.load_signer(settings.data_dir / "receipt-signing.key")
    database = Database(settings.database_url)

    def fill(session: Session) -> list[Prepared]:
        make_series(session)
        case_id = make_centre(session, 6, CENTRE)
        confirm(session, case_id, [60, 50, 40, 30, 20, 10])
        items = [item.item_id for item in sample_of(session, case_id).items]
        officers = []
        for number in range(2):
            officer = people.add_person(session, f"Officer {number + 1}", Role.AB_OFFICER, now)
            officers.append((officer.person_id, officer.id))
        prepared = []
        for number in range(uploaders):
            teacher = people.add_person(session, f"Teacher {number + 1}", Role.TEACHER, now, centre_number=CENTRE)
            session.flush()
            context = Context(None, now, "preparation")
            prepared.append(Prepared(people.open_session(session, context, teacher.id), items, officers))
        return prepared

    try:
        if not migrated:
            await migrating.migrate(database)
        return await database.write(fill)
    finally:
        await database.close()


def upload_metadata(**pairs: str) -> str:
    """An ``Upload-Metadata`` header."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


def s3_environ(folder: Path, endpoint: str, server: S3Server) -> dict[str, str]:
    """The settings of a bucket on the tests' server, reached at ``endpoint``."""
    secret = folder / "s3.secret"
    secret.touch(0o600)
    secret.write_text(server.secret_key)
    return {
        "NEA_S3_BUCKET": BUCKET,
        "NEA_S3_ENDPOINT_URL": endpoint,
        "NEA_S3_ACCESS_KEY_ID": server.access_key,
        "NEA_S3_SECRET_ACCESS_KEY_FILE": str(secret),
    }
