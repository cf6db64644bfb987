"""Node, with the browser modules that need no page."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

MODULES = Path(__file__).parents[4] / "repository" / "web" / "static" / "uploads"
Ask = Callable[..., Any]


def find_node() -> str:
    """Node, as infra/dev/prepare.sh finds it: on the machine, or in the virtual environment."""
    found = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    assert found, "Node.js is neither on the machine nor in the virtual environment; infra/test installs it"
    return found


@pytest.fixture(scope="session")
def ask() -> Iterator[Ask]:
    """Calls a function of a module: ``ask("names.js", "wordsOf", "Smith")``, or something special by its name."""
    process = subprocess.Popen(
        [find_node(), "--no-warnings", str(Path(__file__).with_name("answering.mjs")), str(MODULES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def call(module: str = "", function: str = "", /, *args: object, **special: object) -> Any:
        process.stdin.write(json.dumps(special or {"module": module, "name": function, "args": args}) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["value"]

    yield call
    process.stdin.close()
    process.wait(10)
    process.stdout.close()
