"""The table of the upload protocol names tests that exist, and leaves no sentence without one or a reason."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TOP = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\d+) \| ([SCB]) \| (.+) \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`(test_\w+)::(test_\w+)`")
ROWS = ROW.findall((TOP / "infra" / "docs" / "tus.md").read_text("utf-8"))


def functions_of(module: str) -> set[str]:
    """The test functions of a module, by its name."""
    (path,) = (TOP / "tests").rglob(f"{module}.py")
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_rows_are_numbered_without_a_gap() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, len(ROWS) + 1))
    assert len(ROWS) > 100


def test_every_sentence_has_a_test_or_a_reason() -> None:
    for number, _, _, proof in ROWS:
        assert NAMED.search(proof) or re.match(r"not applicable because \w", proof), number


def test_every_named_test_exists() -> None:
    named = {found for *_, proof in ROWS for found in NAMED.findall(proof)}
    for module in {module for module, _ in named}:
        missing = {name for of, name in named if of == module} - functions_of(module)
        assert not missing, f"{module} has no {sorted(missing)}"


def test_every_test_of_the_specification_proves_a_sentence() -> None:
    modules = ("test_tus_specification", "test_tus_extensions")
    named = {name for *_, proof in ROWS for of, name in NAMED.findall(proof) if of in modules}
    beyond = {
        "test_an_overriding_method_that_is_not_offered_is_refused",
        "test_an_overriding_method_needs_the_token_as_the_method_itself_does",
        "test_refused_first_bytes_leave_no_upload_open",
        "test_a_checked_body_over_the_limit_is_refused_whole",
        "test_nobody_else_is_granted_anything_across_origins",
    }
    held = {name for module in modules for name in functions_of(module) if name.startswith("test_")}
    unnamed = held - named
    assert unnamed == beyond
