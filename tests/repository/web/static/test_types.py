"""The browser modules keep to the types that they write down."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .conftest import find_node

WEB = Path(__file__).parents[4] / "repository" / "web"


def test_the_modules_of_uploads_keep_to_their_types() -> None:
    checker = WEB / "node_modules" / "typescript" / "bin" / "tsc"
    assert checker.exists(), "the front end's packages are missing; infra/test installs them"
    done = subprocess.run(
        [find_node(), str(checker), "-p", str(WEB)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout
