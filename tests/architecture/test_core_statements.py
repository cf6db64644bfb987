"""Statements that nothing narrows are made in named modules only, each with the reason why it may.

The hook of ``repository.scoping`` reaches what the ORM carries out. It does not reach statements over tables themselves
(``X.__table__``), text, or what goes past SQLAlchemy. PostgreSQL's row security narrows those too; SQLite has nothing else.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

TOP = Path(__file__).parents[2]
PACKAGES = ("repository", "moderation", "scripts")

ALLOWED: Mapping[str, str] = {
    "moderation/guards/__init__.py": "puts up and compares triggers",
    "moderation/records/bulk.py": "many rows at once; whoever calls it looks up through the ORM what they are of",
    "moderation/records/changes.py": "an import held against rows of a series: reference data",
    "moderation/records/imports.py": "keys of rows that an import names, within the series of its file",
    "moderation/records/independence.py": "facts that deny: never narrowed",
    "moderation/records/sequences.py": "the turn of an import: a counter, nobody's row",
    "repository/audit/centres.py": "which centre an event is about, for the log: shown to nobody who may not see it",
    "repository/audit/sequencing.py": "the sequencer of the log, which acts by itself",
    "repository/audit/tending.py": "upkeep of the log",
    "repository/database.py": "how a transaction begins, and upkeep",
    "repository/migrating.py": "migrations",
    "repository/objects.py": "parts of objects, looked up by an object that was permitted before",
    "repository/records.py": "the compare-and-set of an upload, by its token",
    "repository/scoping/hook.py": "the first enforcer itself",
    "repository/scoping/predicates.py": "the conditions themselves",
    "repository/scoping/row_security.py": "the second enforcer itself",
    "repository/tables.py": "inserting a row",
    "scripts/records/bulk.py": "many events at once; their packets and scripts are looked up and locked through the ORM before",
    "scripts/records/days.py": "cases of a whole day written at once; whose they are is read through the ORM",
}
CALLS = frozenset({"exec_driver_sql", "text", "raw_connection", "driver_connection"})


def past_the_orm(path: Path) -> Iterator[tuple[int, str]]:
    """Give where a module makes statements that the hook does not reach: line, and what it uses."""
    tree = ast.parse(path.read_text("utf-8"))
    from_sqlalchemy = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy")
        for alias in node.names
    }
    in_indexes = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg in {"sqlite_where", "postgresql_where", "server_default"}
        for inner in ast.walk(node)
    }
    constants = {
        id(inner)
        for node in tree.body
        if isinstance(node, ast.Assign) and path.parts[-2] == "tables"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in in_indexes or id(node) in constants:
            continue
        if isinstance(node, ast.Attribute) and node.attr in {"exec_driver_sql", "driver_connection", "raw_connection"}:
            yield node.lineno, node.attr
        if isinstance(node, ast.Attribute) and node.attr == "__table__" and not _names_a_column(node, tree):
            yield node.lineno, "__table__"
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id == "text" and "text" in from_sqlalchemy:
            yield node.lineno, "text"


def _names_a_column(node: ast.Attribute, tree: ast.AST) -> bool:
    """Say whether a table is only spoken of: the target of a foreign key, or the names of its columns."""
    for outer in ast.walk(tree):
        if (
            isinstance(outer, ast.Call)
            and isinstance(outer.func, ast.Name)
            and outer.func.id in {"ForeignKey", "inspect"}
        ) and any(inner is node for inner in ast.walk(outer)):
            return True
        if isinstance(outer, ast.Attribute) and outer.attr in {"columns", "primary_key"} and outer.value is node:
            return True
    return False


def found() -> dict[str, list[tuple[int, str]]]:
    made: dict[str, list[tuple[int, str]]] = {}
    for package in PACKAGES:
        for path in sorted((TOP / package).rglob("*.py")):
            name = path.relative_to(TOP).as_posix()
            if "/migrations/" in name:
                continue
            if uses := list(past_the_orm(path)):
                made[name] = uses
    return made


def test_only_named_modules_go_past_the_orm() -> None:
    strange = {name: uses for name, uses in found().items() if name not in ALLOWED}
    assert strange == {}, "statements that nothing narrows: use the ORM, or name the module here with the reason"


def test_every_named_module_still_does() -> None:
    assert set(ALLOWED) - set(found()) == set()
