"""What a fault test remembers outside the process under test: every ciphertext ever put, every answer ever sent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Trace:
    """An append-only file. Each record is one write to the system, so it outlives a process killed just after."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def add(self, kind: str, **facts: object) -> None:
        """Note something, before or after it happens, as the caller says."""
        os.write(self._file, json.dumps({"kind": kind, **facts}).encode() + b"\n")

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a trace."""

    kind: str
    facts: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.facts[name]


def records(path: Path, kind: str | None = None) -> Iterator[Record]:
    """What a trace holds, in its order; a line cut short by a kill is left out."""
    if not path.exists():
        return
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            facts = json.loads(line)
            found = Record(facts.pop("kind"), facts)
            if kind is None or found.kind == kind:
                yield found


def check_headers(path: Path) -> int:
    """Hold every ciphertext ever put against ST-01: no header stands on two different ones.

    Returns: how many ciphertexts there were.
    """
    seen: dict[str, str] = {}
    for put in records(path, "put"):
        assert seen.setdefault(put["header"], put["sha256"]) == put["sha256"], f"ST-01: a header twice: {put}"
    return len(seen)


def check_acknowledgements(path: Path) -> int:
    """Hold every offset ever answered against ST-02: none is below an earlier one of the same upload.

    Returns: the last offset answered, or -1 if none was.
    """
    last: dict[str, int] = {}
    for answer in records(path, "acknowledged"):
        before = last.get(answer["oid"], -1)
        assert answer["offset"] >= before, f"ST-02: {answer} after {before}"
        last[answer["oid"]] = answer["offset"]
    return max(last.values(), default=-1)
