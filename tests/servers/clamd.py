"""Debian's clamd, with one signature of our own for the antivirus test string, under the settings that we ship."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from repository.antivirus import eicar

from ..patience import PATIENCE_SECONDS

SHIPPED = Path(__file__).parents[2] / "infra" / "config" / "clamd.conf"
SIGNATURE = "Test.Eicar"


def configuration(folder: Path, changed: Mapping[str, str]) -> str:
    """Return the settings that we ship, with the socket and database of a test, and what it changes."""
    lines = [line.split(maxsplit=1) for line in SHIPPED.read_text().splitlines() if line and not line.startswith("#")]
    words = dict(lines)
    words |= {"LocalSocket": str(folder / "s"), "DatabaseDirectory": str(folder / "signatures")}
    words |= {"Foreground": "yes", "SelfCheck": "0", "MaxThreads": "4"} | changed
    return "".join(f"{name} {value}\n" for name, value in words.items())


@contextmanager
def running(folder: Path, **changed: str) -> Iterator[Path]:
    """Run a clamd of the test's own; gives the path of its socket.

    Takes: ``folder``, an empty one; ``changed``, settings that differ from those we ship.
    """
    (folder / "signatures").mkdir(parents=True)
    (folder / "signatures" / "tests.ndb").write_text(f"{SIGNATURE}:0:*:{eicar()[:60].hex()}\n")
    settings = folder / "clamd.conf"
    settings.write_text(configuration(folder, changed))
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(["/usr/sbin/clamd", "--config-file", settings], stdout=output, stderr=output)
    try:
        _wait(process, folder)
        yield folder / "s"
    finally:
        process.terminate()
        process.wait(30)


def _wait(process: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(folder / "s"))
            except OSError:
                time.sleep(0.05)
                continue
            client.sendall(b"zPING\0")
            if client.recv(16) == b"PONG\0":
                return
    raise AssertionError(f"clamd did not start: {(folder / 'output').read_text()}")
