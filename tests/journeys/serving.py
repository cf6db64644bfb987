"""The service as an operator runs it: `nea migrate`, `nea rehearsal seed`, `nea serve`, each a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..patience import PATIENCE_SECONDS

STOP_SECONDS = 60.0
NEA = [sys.executable, "-P", "-m", "repository"]
ADDRESS = re.compile(r"NEA Repository is at (http://[0-9a-z.]+:[0-9]+) ")
SIGN_IN_LINE = re.compile(
    r"^  Rehearsal (?P<who>[a-z A-Z]+?)(?:, centre (?P<centre>\d{5}))? \([a-z ]+\) +\S+(?P<path>/sign-in/\w+)$"
)


@dataclass(frozen=True, slots=True)
class Running:
    """A running service: its address, and the path that signs each person in, as the service printed them."""

    address: str
    sign_in_paths: Mapping[tuple[str, str | None], str]
    log: Path

    def sign_in_url(self, who: str, centre: str | None = None) -> str:
        """The address that signs this person in, such as `teacher` of centre 99001."""
        return self.address + self.sign_in_paths[who, centre]

    def token(self, who: str, centre: str | None = None) -> str:
        """The code at the end of that address."""
        return self.sign_in_paths[who, centre].rpartition("/")[2]


def environment(folder: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The whole environment of a command: nothing of the machine's own settings leaks in."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "NEA_DATA_DIR": str(folder),
        "NEA_REHEARSAL": "yes",
        "NEA_PORT": "0",
        **(more or {}),
    }


def seed(environ: Mapping[str, str]) -> None:
    """Migrate an empty database and put the rehearsal series into it."""
    for words in (["migrate"], ["rehearsal", "seed"]):
        done = subprocess.run(
            [*NEA, *words], env=environ, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]


@contextmanager
def running(environ: Mapping[str, str], log: Path) -> Iterator[Running]:
    """Run `nea serve` until the block ends; it must stop cleanly when asked, and nothing in it may have failed."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*NEA, "serve"], env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield _ready(process, log)
    finally:
        process.terminate()
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            status = None
    text = log.read_text("utf-8", "replace")
    assert status == 0, f"the service ended with {status}:\n{text[-3000:]}"
    assert "where=" not in text, text[-5000:]


def _ready(process: subprocess.Popen[bytes], log: Path) -> Running:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up_at:
        text = log.read_text("utf-8", "replace")
        found = ADDRESS.search(text)
        if found and text.endswith("\n"):
            paths = {
                (line["who"], line["centre"]): line["path"]
                for line in map(SIGN_IN_LINE.match, text.splitlines())
                if line
            }
            return Running(found[1], paths, log)
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"the service did not start:\n{log.read_text('utf-8', 'replace')[-3000:]}")
