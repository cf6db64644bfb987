"""Forks a warmed-up process for each life, so that a kill costs a fraction of a second.

Run as a program it reads one plan a line and answers one line with how that life ended: 0, or minus the signal's number.
Before the first over SQLite it lives through a copy of it, to its end, so that no later life compiles the same statements
again. Between lives it has one thread only, so forking it is safe.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..compiled import shared_statements
from .life import Plan, run

TOP = Path(__file__).parents[2]
LIFE_SECONDS = 300
"""A life that takes longer is ended by the system and counts as failed."""


class Nursery:
    """The test's side: hands over plans and is told how each ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def raise_one(self, plan: Plan) -> int:
        """Let a life run; returns 0 if it ended by itself, or minus the number of the signal that ended it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(plan.as_json(), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        status = int(answer or -signal.SIGABRT)
        if status not in {0, -signal.SIGKILL}:
            raise AssertionError(f"a life ended with {status}:\n{(Path(plan.folder) / 'log').read_text()[-6000:]}")
        return status


@contextmanager
def running_nursery() -> Iterator[Nursery]:
    """Start the nursery, and end it with its last life."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__], cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield Nursery(process)
        assert process.stdin is not None
        process.stdin.close()


def _serve() -> None:
    is_warm = False
    for line in sys.stdin:
        plan = Plan(**json.loads(line))
        if not is_warm and "NEA_DATABASE_URL" not in plan.environ and "NEA_S3_BUCKET" not in plan.environ:
            _warm_up(plan)
            is_warm = True
        child = os.fork()
        if child == 0:
            _live(plan)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _warm_up(plan: Plan) -> None:
    with warming(plan.folder) as folder:
        run(replace(plan, folder=folder, environ=plan.environ | {"NEA_DATA_DIR": folder}, strike_at=None))


@contextmanager
def warming(folder: str) -> Iterator[str]:
    """Give a copy of a folder to live in, in this process, before it is forked from; afterwards it has one thread."""
    copy = f"{folder}-warming"
    shutil.copytree(folder, copy)
    yield copy
    shutil.rmtree(copy)
    gc.collect()
    gc.freeze()
    assert threading.active_count() == 1, threading.enumerate()


def _live(plan: Plan) -> None:
    status = 1
    try:
        signal.alarm(LIFE_SECONDS)
        log = os.open(Path(plan.folder) / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        run(plan)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    with shared_statements():
        _serve()
