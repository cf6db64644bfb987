"""Every place where the service acts by itself, or looks beyond what the one who asks may see, is named here."""

from __future__ import annotations

import ast
from pathlib import Path

import repository

ROOT = Path(repository.__file__).parent
WIDE = {"widened", "as_service", "set_service"}
PLACES = {
    # A command, the worker, the sequencer of the log, the sender of mail: nobody asked.
    "__main__.py",
    "app.py",
    "audit/keeping.py",
    "audit/proofs.py",
    "commands/audit.py",
    # An upload's own token decides, and outlives the sign-in.
    "web/middleware.py",
    # Before it is known who asks: tokens looked up, refusals and looks recorded.
    "web/bearer.py",
    "web/refusals.py",
    "web/looks.py",
    # Parcels of a sample: a moderator and a teacher see no scripts, but the packets of the work that they may read.
    "acts/parcel_views.py",
    # A candidate is named as a tie by whoever must not see the work.
    "acts/conflicts.py",
    # A practice centre is made for somebody who is at another: its number is one that no real centre has.
    "acts/practice.py",
    # Works with an agreed mark are of centres that the moderator does not moderate; whose they are is not said.
    "acts/standardisation_marks.py",
    "acts/viewing.py",
}


def test_nobody_looks_further_in_silence() -> None:
    found = set()
    for path in ROOT.rglob("*.py"):
        if "node_modules" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
            if name in WIDE:
                found.add(path.relative_to(ROOT).as_posix())
    assert found == PLACES
