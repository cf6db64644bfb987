"""`nea demo` as a person runs it, and what it says when something is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Demo
from .serving import NEA

pytestmark = pytest.mark.journey

LIMIT_SECONDS = 600

# A demo whose own arithmetic is wrong in one place: exactly the checks that rest on it must fail, and the process too.
BROKEN = """
import sys
from repository.demo import arithmetic
arithmetic.grade = lambda points, boundaries: "not a grade"
from repository.__main__ import main
sys.exit(main(["demo", "--centres", "1", "--json"]))
"""


def _run(words: list[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False, env=environment)


def test_the_demo_does_the_whole_journey_on_the_invented_series(demo: Demo) -> None:
    report = demo.report
    failed = [check for check in report["checks"] if not check["passed"]]
    assert not failed, failed
    assert report["passed"]
    assert demo.status == 0, demo.complaints[-2000:]

    steps = {check["step"].split()[0] for check in report["checks"]}
    assert {str(number) for number in range(1, 10)} <= steps

    lines = report["candidates"]
    outcomes = {line["outcome"] for line in lines}
    assert {"accepted", "adjusted", "absent", "carried forward", "invalid order, then accepted"} <= outcomes
    assert {line["centre_number"] for line in lines} == {"99001", "99002", "99003", "99004"}
    for line in lines:
        if line["outcome"] == "accepted":
            assert line["final_mark"] == line["centre_mark"], line
        if line["outcome"] == "absent":
            assert (line["final_mark"], line["bytes_stored"]) == (None, 0), line
            assert line["grade"].endswith("#") or line["grade"] == "A", line
        assert line["outcome"] == "carried forward" or line["sampled"] or line["moderator_mark"] is None, line
    adjusted = [line for line in lines if line["outcome"] == "adjusted" and line["centre_mark"]]
    assert any(line["final_mark"] < line["centre_mark"] and not line["sampled"] for line in adjusted)
    assert report["bytes_stored"] >= sum(line["bytes_stored"] for line in lines) > 9_000_000
    assert (demo.folder / "nea.sqlite3").exists()


def test_a_check_that_fails_makes_the_demo_fail() -> None:
    done = _run([sys.executable, "-P", "-c", BROKEN])
    report = json.loads(done.stdout)
    failed = [check["claim"] for check in report["checks"] if not check["passed"]]
    assert len(failed) == 1, failed
    assert "every total, grade and indicator" in failed[0]
    assert not report["passed"]
    assert done.returncode == 1
    assert "1 of" in done.stderr


@pytest.mark.parametrize("words", [["--centres", "0"], ["no-such-folder"]])
def test_words_that_make_no_sense_are_refused_in_one_sentence(words: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [*NEA, "demo", *words], capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stderr.startswith("nea: ")
    assert len(done.stderr.splitlines()) == 1
    assert not done.stdout


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = _run([*NEA, "demo", "--keep", str(tmp_path)])
    assert done.returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
