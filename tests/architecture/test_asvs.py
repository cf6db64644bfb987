"""The table of OWASP ASVS 5.0.0: every requirement of levels 1 and 2 stands in it once, and every test it names exists."""

from __future__ import annotations

import ast
import csv
from collections import Counter
from functools import cache
from pathlib import Path

TOP = Path(__file__).parents[2]
with (TOP / "infra" / "docs" / "asvs.csv").open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))

LEVELS = {
    "1.1": "22", "1.2": "1111122223", "1.3": "112222222223", "1.4": "222", "1.5": "123",
    "2.1": "122", "2.2": "112", "2.3": "12223", "2.4": "23",
    "3.1": "3", "3.2": "113", "3.3": "12223", "3.4": "11222233", "3.5": "11122333", "3.6": "3", "3.7": "22333",
    "4.1": "12233", "4.2": "23333", "4.3": "22", "4.4": "1222",
    "5.1": "2", "5.2": "112333", "5.3": "113", "5.4": "222",
    "6.1": "122", "6.2": "111111112222", "6.3": "11223333", "6.4": "112233", "6.5": "22222333", "6.6": "2223",
    "6.7": "33", "6.8": "2222",
    "7.1": "222", "7.2": "1111", "7.3": "22", "7.4": "11222", "7.5": "223", "7.6": "22",
    "8.1": "1233", "8.2": "1123", "8.3": "133", "8.4": "23",
    "9.1": "111", "9.2": "1222",
    "10.1": "22", "10.2": "223", "10.3": "22223", "10.4": "1111122222233333", "10.5": "22222", "10.6": "22", "10.7": "222",
    "11.1": "2233", "11.2": "22233", "11.3": "11233", "11.4": "1222", "11.5": "23", "11.6": "23", "11.7": "33",
    "12.1": "12233", "12.2": "11", "12.3": "22223",
    "13.1": "2333", "13.2": "222223", "13.3": "2233", "13.4": "1222233",
    "14.1": "22", "14.2": "12223333", "14.3": "122",
    "15.1": "12233", "15.2": "12233", "15.3": "1222222", "15.4": "3333",
    "16.1": "2", "16.2": "22222", "16.3": "2222", "16.4": "222", "16.5": "2223",
    "17.1": "23", "17.2": "22223333", "17.3": "22",
}  # fmt: skip
"""The level of each requirement of a section, in their order: "1.1" has two, both of level 2."""
LEVEL_3 = {
    "1.2": (10,), "2.3": (5,), "3.4": (7, 8), "3.5": (8,), "4.1": (4,), "4.2": (5,), "5.2": (4, 5, 6), "5.3": (3,),
    "6.3": (5, 7, 8), "6.5": (6, 8), "6.7": (1, 2), "7.5": (3,), "8.1": (3,), "8.2": (4,), "8.3": (2, 3),
    "11.1": (4,), "11.2": (4, 5), "11.3": (4,), "11.7": (2,), "13.1": (4,), "13.3": (4,), "14.2": (6, 7, 8),
    "15.4": (1, 2, 3, 4), "16.5": (4,),
}  # fmt: skip
"""Of level 3: what this service aims at as well."""
FURTHER = {f"{section}.{at}" for section, places in LEVEL_3.items() for at in places}


def levels() -> dict[str, str]:
    """Every requirement with its level."""
    return {f"{section}.{at}": level for section, all_ in LEVELS.items() for at, level in enumerate(all_, 1)}


@cache
def functions_of(path: str) -> frozenset[str]:
    """The names of the tests of a module."""
    place = TOP / path
    if not place.is_file():
        return frozenset()
    found = ast.walk(ast.parse(place.read_text("utf-8")))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in found if isinstance(node, kinds) and node.name.startswith("test_"))


def named(row: dict[str, str]) -> list[str]:
    return [one for one in row["tests"].split(";") if one]


def test_the_standard_has_as_many_requirements_as_it_has() -> None:
    assert Counter(levels().values()) == {"1": 70, "2": 183, "3": 92}


def test_every_requirement_stands_in_it_once_and_in_order() -> None:
    known = levels()
    wanted = [one for one, level in known.items() if level in "12" or one in FURTHER]
    assert known.keys() >= FURTHER
    assert [row["requirement"] for row in ROWS] == wanted
    assert [row["requirement"] for row in ROWS if row["level"] != known[row["requirement"]]] == []


def test_every_row_says_what_is_asked_and_how_it_stands() -> None:
    for row in ROWS:
        assert list(row) == ["requirement", "level", "what", "status", "tests", "note"]
        assert row["what"].strip(), row["requirement"]
        assert row["status"] in {"met", "not met", "not applicable"}, row["requirement"]


def test_what_is_met_names_a_test_and_what_is_not_says_why() -> None:
    for row in ROWS:
        if row["status"] == "met":
            assert named(row), row["requirement"]
        else:
            assert len(row["note"]) > 8, row["requirement"]


def test_every_named_test_exists() -> None:
    missing = []
    for row in ROWS:
        for one in named(row):
            path, _, name = one.partition("::")
            if not path.startswith("tests/") or name not in functions_of(path):
                missing.append(f"{row['requirement']}: {one}")
    assert missing == []
