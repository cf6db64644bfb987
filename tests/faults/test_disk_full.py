"""Full disks: a real small file system, filled at every step. 507 or 503, nothing acknowledged is lost, and it goes on.

Each case runs in a process of its own in a mount namespace of its own, so the small file system ends with it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from .full import Case

TOP = Path(__file__).parents[2]
SECONDS = 600


def run(case: Case) -> dict[str, Any]:
    """Run a case inside its small file system; returns what it reports."""
    done = subprocess.run(
        ["unshare", "--mount", "--map-root-user", sys.executable, "-m", "tests.faults.full", case.as_json()],
        cwd=TOP,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def check(report: dict[str, Any], refusals: set[int]) -> None:
    statuses = Counter({int(status): count for status, count in report["statuses"].items()})
    print(statuses)
    assert not [status for status in statuses if status == 500]
    assert set(statuses) & refusals, "the disk was never full"


@pytest.mark.fault("inj:F8", "att:G05", "real:R19")
@pytest.mark.parametrize(
    ("what", "refusals"),
    [
        ("objects", {507}),
        ("inodes", {507}),
        ("read-only", {503}),
        ("database", {503, 507}),
    ],
)
def test_a_full_disk_at_every_write_loses_nothing_acknowledged(tmp_path: Path, what: str, refusals: set[int]) -> None:
    check(run(Case(str(tmp_path), what, steps=12)), refusals)


@pytest.mark.long
@pytest.mark.fault("inj:F8", "att:G05", "real:R19")
@pytest.mark.parametrize("what", ["objects", "inodes", "database"])
def test_a_full_disk_at_every_single_step(tmp_path: Path, what: str) -> None:
    check(run(Case(str(tmp_path), what, steps=150)), {503, 507})
