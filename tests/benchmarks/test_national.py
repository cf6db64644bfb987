"""The benchmark of a national series still runs, so that it can be asked any day."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from .national.series import National

TOP = Path(__file__).parents[2]


def test_the_short_form_runs_to_the_release_and_writes_its_figures(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    # A process of its own, as the tests before this one have their part in what this one holds.
    words = [sys.executable, "-m", "tests.benchmarks.national", "--quick", "--database", "sqlite", "--json", str(file)]
    done = subprocess.run(words, cwd=TOP, check=False, capture_output=True, text=True, timeout=600)
    # 1 says that a target was missed, as on a slow machine it is; that it went wrong leaves no figures behind.
    assert done.returncode in {0, 1}, done.stderr[-4000:]
    assert file.exists(), done.stderr[-4000:]
    figures = json.loads(file.read_text())["figures"]
    assert figures["sqlite, 1 %: end to end"]["value"] > 0
    assert figures["sqlite, 1 %: peak memory of ours"]["met"]
    assert figures["rules together"]["unit"] == "candidates/s"


def test_the_whole_series_is_of_national_size() -> None:
    placed = [one for places in National().placements.values() for one in places]
    assert len(National().placements) == 6000
    assert 3 * len(placed) == 60_000
    assert 850_000 < 3 * sum(one.size + one.extra for one in placed) < 950_000
    assert {0, 1, 15, 16, 100, 101, 200, 201} <= {one.size for one in placed}
