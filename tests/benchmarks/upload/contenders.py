"""The servers compared: ours on a local directory and on S3, and those that people would otherwise pick."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from repository import acting, migrating, rehearsing, sign_in_lines
from repository.access import Role
from repository.database import Database
from repository.settings import from_environ

from ...servers.seaweed import S3Server, free_ports
from .processes import running

PEERS = Path(__file__).with_name("peers")
BUCKET = "bench"


@dataclass(frozen=True, slots=True)
class Contender:
    """A running server: where files are created, what must be sent with them, and its process id."""

    name: str
    address: str
    pid: int
    folder: Path
    headers: dict[str, str] = field(default_factory=dict)
    metadata: list[dict[str, str]] = field(default_factory=list)
    in_one_request: bool = False

    @property
    def base(self) -> str:
        """Return the address without a path."""
        return self.address.rpartition("/")[0]


def _make_bucket(s3: S3Server) -> None:
    import boto3

    client = boto3.client(
        "s3", endpoint_url=s3.endpoint, region_name="us-east-1",
        aws_access_key_id=s3.access_key, aws_secret_access_key=s3.secret_key,
    )  # fmt: skip
    client.create_bucket(Bucket=BUCKET)


@contextmanager
def sink(folder: Path) -> Iterator[S3Server]:
    """Run the store in memory."""
    (port,) = free_ports(1)
    endpoint = f"http://127.0.0.1:{port}"
    words = [sys.executable, "-m", "tests.benchmarks.upload.sink", str(port)]
    with running(words, endpoint, folder / "sink.log") as pid:
        yield S3Server(endpoint, "access", "secret-secret", pid)


@contextmanager
def ours(folder: Path, name: str, s3: S3Server | None = None, *, real: bool = False) -> Iterator[Contender]:
    """Run this service as `nea serve`; received files are checked afterwards by `nea work`, as on a busy day."""
    home = folder / name.replace(" ", "-")
    home.mkdir()
    (port,) = free_ports(1)
    environ = {
        "NEA_DATA_DIR": str(home), "NEA_REHEARSAL": "yes", "NEA_PORT": str(port), "NEA_WORKS_ITSELF": "no",
    }  # fmt: skip
    if s3 is not None:
        secret = home / "secret"
        secret.write_text(s3.secret_key)
        secret.chmod(0o600)
        environ |= {
            "NEA_S3_BUCKET": BUCKET,
            "NEA_S3_ENDPOINT_URL": s3.endpoint,
            "NEA_S3_ACCESS_KEY_ID": s3.access_key,
            "NEA_S3_SECRET_ACCESS_KEY_FILE": str(secret),
        }
        if real:
            _make_bucket(s3)
    token = asyncio.run(_seed(environ))
    base = f"http://127.0.0.1:{port}"
    with running([sys.executable, "-m", "repository", "serve"], f"{base}/sign-in", home / "log", environ) as pid:
        bearer = _json(f"{base}/api/sessions", {}, {"token": token})["token"]
        headers = {"Authorization": f"Bearer {bearer}"}
        cases = _json(f"{base}/api/cases", headers)["cases"]
        wanted = [
            one["id"] for one in cases if one["state"] == "SAMPLE_REQUESTED" and one["submission_mode"] == "UPLOAD"
        ]
        items = [item["id"] for case in wanted for item in _json(f"{base}/api/cases/{case}/sample", headers)["items"]]
        metadata = [{"item": item, "slot": "work", "filename": "EXAMPLE.wav"} for item in items]
        yield Contender(name, f"{base}/uploads", pid, home, headers, metadata, in_one_request=True)


async def _seed(environ: dict[str, str]) -> str:
    settings = from_environ(environ)
    database = Database(settings.database_url)
    try:
        await migrating.migrate(database)
        with acting.as_service("command"):
            made = await database.write(lambda session: rehearsing.seed(session, datetime.now(UTC)))
            signed = await database.read(sign_in_lines.read)
    finally:
        await database.close()
    officers = [one for one in signed if one.role == Role.EXAMS_OFFICER and one.centre_number == made.centre_numbers[1]]
    return officers[0].token


def _json(address: str, headers: dict[str, str], body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(address, data, {**headers, "Content-Type": "application/json"}), timeout=30) as answer:
        return json.load(answer)


@contextmanager
def node(folder: Path, name: str, s3: S3Server | None = None) -> Iterator[Contender]:
    """Run `@tus/server` with its file store, or its S3 store."""
    home = folder / name.replace(" ", "-").replace("@", "").replace("/", "-")
    home.mkdir()
    (port,) = free_ports(1)
    environ = {"STORE": "file", "PORT": str(port), "FOLDER": str(home), "BUCKET": BUCKET, "TMPDIR": str(home)}
    if s3 is not None:
        environ |= {"STORE": "s3", "ENDPOINT": s3.endpoint, "ACCESS_KEY": s3.access_key, "SECRET_KEY": s3.secret_key}
    base = f"http://127.0.0.1:{port}"
    with running(["node", str(PEERS / "tus_node.mjs")], base, folder / f"{home.name}.log", environ) as pid:
        yield Contender(name, f"{base}/files", pid, home, in_one_request=True)


@contextmanager
def python(folder: Path, name: str, program: str, *, in_one_request: bool) -> Iterator[Contender]:
    """Run one of the peers written in Python."""
    home = folder / name.replace(" ", "-")
    home.mkdir()
    (port,) = free_ports(1)
    words = [sys.executable, str(PEERS / program), str(port), str(home)]
    base = f"http://127.0.0.1:{port}"
    with running(words, base, folder / f"{home.name}.log", {"PATH": os.environ["PATH"]}) as pid:
        yield Contender(name, f"{base}/files", pid, home, in_one_request=in_one_request)
