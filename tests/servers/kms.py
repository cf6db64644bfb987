"""A KMS server for tests: moto's, as a process of its own that speaks HTTP on a free loopback port."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from ..patience import PATIENCE_SECONDS
from .seaweed import end_with_parent, free_ports

STOP_SECONDS = 10.0


@contextmanager
def running_kms(directory: Path) -> Iterator[str]:
    """Start the server; gives its address. It checks no credentials."""
    (port,) = free_ports(1)
    log = directory / "kms.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            cwd=directory, env=environment, stdout=output, stderr=output, preexec_fn=end_with_parent,
        )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        _await_ready(process, address, log)
        yield address
    finally:
        process.kill()
        process.wait(STOP_SECONDS)


def _await_ready(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up_at:
        if process.poll() is not None:
            raise RuntimeError(f"the KMS server ended at once:\n{log.read_text(errors='replace')[-2000:]}")
        try:
            with urlopen(f"{address}/moto-api/data.json", timeout=5):
                return
        except HTTPError as refused:
            refused.close()
        except (URLError, OSError):
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the KMS server was not ready in time:\n{log.read_text(errors='replace')[-2000:]}")
