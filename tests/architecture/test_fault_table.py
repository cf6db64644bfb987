"""The table of injected faults names tests that exist and carry the ids that it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).parents[2]
FAULTS = TOP / "tests" / "faults"
TEXT = (TOP / "infra" / "docs" / "faults.md").read_text("utf-8")
ROW = re.compile(r"^\| ((?:inj|att|real):[^|]+) \| `(test_\w+)[^|]*\|", re.MULTILINE)
WORD = re.compile(r"(?:(inj|att|real):)?([A-Z]\d\d?)(?:–[A-Z]?(\d\d?))?")


def ids_of(cell: str) -> Iterator[str]:
    """The ids of a cell, in which a family is named once for all that follow it."""
    family = ""
    for named, first, last in WORD.findall(cell.partition(";")[0]):
        family = named or family
        numbers = range(int(first[1:]), int(last or first[1:]) + 1)
        yield from (f"{family}:{first[0]}{number:0{len(first) - 1}}" for number in numbers)


def test_every_row_names_a_test_that_carries_its_ids() -> None:
    rows = ROW.findall(TEXT)
    assert len(rows) >= 10
    for cell, module in rows:
        text = (FAULTS / f"{module}.py").read_text("utf-8")
        missing = [one for one in ids_of(cell) if f'"{one}"' not in text]
        assert not missing, f"{module} carries no marker of {missing}"


def test_every_module_of_faults_is_in_the_table() -> None:
    named = {module for _, module in ROW.findall(TEXT)}
    assert {path.stem for path in FAULTS.glob("test_*.py")} == named


def test_every_fault_of_the_other_groups_is_carried_where_the_tables_say() -> None:
    rows = re.findall(r"^\| ([A-EGHI]\d\d(?:, [A-EGHI]\d\d)*) \| (`test_[^|]+) \|", TEXT, re.MULTILINE)
    assert len(rows) >= 22
    for ids, modules in rows:
        paths = [path for name in re.findall(r"`(test_\w+)`", modules) for path in TOP.glob(f"tests/**/{name}.py")]
        assert {path.stem for path in paths} == set(re.findall(r"`(test_\w+)`", modules)), modules
        carried = "".join(path.read_text("utf-8") for path in paths)
        missing = [one for one in ids.split(", ") if f'"att:{one}"' not in carried]
        assert not missing, f"{modules} carry no marker of {missing}"
