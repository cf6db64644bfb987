"""A real PostgreSQL server for tests: one per test process, on a free loopback port, in a directory of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ..patience import PATIENCE_SECONDS
from .seaweed import end_with_parent, free_ports

STOP_SECONDS = 60.0
ROOM_BYTES = 3 * 2**30
ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": "UTC"}


def postgres_programs() -> Path:
    """The folder of the newest installed server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    beside = shutil.which("initdb")
    if beside is None:
        raise RuntimeError("PostgreSQL is not installed: infra/test installs Debian's package `postgresql`")
    return Path(beside).resolve().parent


def _as_whom() -> dict[str, Any]:
    """PostgreSQL refuses to run as root, so root lends it the account that its package made."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("postgres")
    return {"user": account.pw_uid, "group": account.pw_gid}


def _roomy_memory() -> Path | None:
    """Where files lie in memory, if it has room: a copy of a database is a thousand files, which many discs make slowly."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free >= ROOM_BYTES else None


@contextmanager
def running_postgres(*settings: str) -> Iterator[str]:
    """Start a server; gives the URL of its first database, for the psycopg driver.

    Takes: ``settings`` such as ``shared_buffers=256MB``, in place of those of tests; with any, the data lies on the disk.

    Its data lies outside pytest's own folders: those belong to the account that runs the tests, and every other pytest
    that starts closes them to all others, among them the account that PostgreSQL runs under.
    """
    programs, whom = postgres_programs(), _as_whom()
    directory = Path(tempfile.mkdtemp(prefix="nea-postgres-", dir=None if settings else _roomy_memory()))
    try:
        directory.chmod(0o711)
        data = directory / "data"
        data.mkdir(mode=0o700)
        if whom:
            os.chown(data, whom["user"], whom["group"])
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "nea", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
            check=True, capture_output=True, env=ENVIRONMENT, cwd="/", **whom,
        )  # fmt: skip
        with (directory / "postgres.log").open("wb") as log:
            server, port = _started(programs, data, log, whom, settings)
            try:
                yield f"postgresql+psycopg://nea@127.0.0.1:{port}/postgres"
            finally:
                _stop(server)
    finally:
        shutil.rmtree(directory)


def _started(
    programs: Path, data: Path, log: BinaryIO, whom: dict[str, Any], settings: Sequence[str]
) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server on a free port; another process may take the port first, so try more than one."""
    for attempts_left in (2, 1, 0):
        (port,) = free_ports(1)
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", "",
             "-c", "fsync=off", "-c", "max_connections=100", "-c", "shared_buffers=64MB",
             # Every test gets a copy of a database: the log of that is neither filled with zeros nor kept for others.
             "-c", "wal_level=minimal", "-c", "max_wal_senders=0", "-c", "wal_init_zero=off",
             "-c", "full_page_writes=off", "-c", "max_wal_size=512MB", "-c", "checkpoint_timeout=30min",
             *(word for setting in settings for word in ("-c", setting))],
            stdout=log, stderr=log, env=ENVIRONMENT, cwd="/", preexec_fn=end_with_parent, **whom,
        )  # fmt: skip
        try:
            _wait_until_ready(server, programs, port, Path(log.name))
            return server, port
        except RuntimeError:
            _stop(server)
            if not attempts_left:
                raise
    raise AssertionError("not reached")


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _wait_until_ready(server: subprocess.Popen[bytes], programs: Path, port: int, log: Path) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up_at:
        if server.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended at once: {log.read_text()[-500:]}")
        asked = subprocess.run([programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], check=False)
        if asked.returncode == 0:
            return
        time.sleep(0.1)
    raise RuntimeError(f"PostgreSQL did not become ready: {log.read_text()[-500:]}")
