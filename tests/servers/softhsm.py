"""A token of SoftHSM for tests: one per test process, in a directory of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TOKEN = "tests"
PIN = "87654321"
CONFIGURATION = "SOFTHSM2_CONF"


@dataclass(frozen=True, slots=True)
class Token:
    """What opens the token."""

    module: Path
    label: str
    pin: str


def softhsm_module() -> Path:
    """The library that Debian's package `softhsm2` installs."""
    for folder in ("/usr/lib/softhsm", "/usr/lib/x86_64-linux-gnu/softhsm", "/usr/lib/aarch64-linux-gnu/softhsm"):
        found = Path(folder) / "libsofthsm2.so"
        if found.exists():
            return found
    raise RuntimeError("SoftHSM is not installed: infra/test installs Debian's package `softhsm2`")


@contextmanager
def softhsm_token() -> Iterator[Token]:
    """Make a token. The library reads its configuration once in a process, from the environment."""
    directory = Path(tempfile.mkdtemp(prefix="nea-softhsm-"))
    before = os.environ.get(CONFIGURATION)
    try:
        (directory / "tokens").mkdir(mode=0o700)
        configuration = directory / "softhsm2.conf"
        configuration.write_text(
            f"directories.tokendir = {directory}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        os.environ[CONFIGURATION] = str(configuration)
        module = softhsm_module()
        subprocess.run(
            ["softhsm2-util", "--module", str(module), "--init-token", "--free", "--label", TOKEN, "--pin", PIN,
             "--so-pin", PIN],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        yield Token(module, TOKEN, PIN)
    finally:
        if before is None:
            os.environ.pop(CONFIGURATION, None)
        else:
            os.environ[CONFIGURATION] = before
        shutil.rmtree(directory)
