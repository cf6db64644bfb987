#!/usr/bin/env python3
"""Keep the catalogs of languages in step with the sources.

    languages.py            rewrites repository/web/languages/*.po: new texts come in untranslated, gone ones leave
    languages.py --check    changes nothing; exit status 1 if a catalog is behind
    languages.py --add cy   begins the catalog of another language

Texts come from the templates, which say them by ``_()``, and from Python where people read them: dictionaries whose name ends
in ``WORDS``, ``TITLES``, ``HINTS``, ``MEANINGS`` or ``HEADINGS``, the header's links, notices of ``redirect``, sentences of
errors (the first line of the class's docstring, and whole sentences given to them).
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2.ext import GETTEXT_FUNCTIONS, babel_extract

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "repository" / "web" / "templates"
CATALOGS = ROOT / "repository" / "web" / "languages"
PACKAGES = ("repository", "moderation", "scripts", "storage")
TABLES = re.compile(r"_?([A-Z]+_)*(WORDS|TITLES|HINTS|MEANINGS|HEADINGS|NAVIGATION)$")
FOR_PROGRAMS = re.compile(
    r"/(commands|care|demo|rehearsal|inspector|teaching|keys|migrations)/|/(settings|commands)\.py$"
)
LETTERS = re.compile(r"[^\W\d_]{2}")
WIDTH = 120


def of_templates() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """Yield each text of the templates with the file it stands in; of a plural, both forms."""
    options = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false", "newstyle_gettext": "true"}
    for path in sorted(TEMPLATES.rglob("*.html")):
        with path.open("rb") as file:
            for _, _, message, _ in babel_extract(file, GETTEXT_FUNCTIONS, [], options):
                if isinstance(message, str):
                    yield _place(path), message
                elif message is not None:  # None: words that are only known when the page is made
                    yield _place(path), tuple(part for part in message if isinstance(part, str))


def of_python() -> Iterator[tuple[str, str]]:
    """Yield each text of Python that people read on pages, with the file it stands in."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "node_modules" in path.parts or FOR_PROGRAMS.search(path.as_posix()):
                continue
            tree = ast.parse(path.read_text("utf-8"))
            for text in {*_of_tables(tree), *_of_calls(tree), *(_of_errors(tree) if path.stem == "errors" else ())}:
                if LETTERS.search(text):
                    yield _place(path), text


def _of_tables(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        target = (
            node.target
            if isinstance(node, ast.AnnAssign)
            else node.targets[0]
            if isinstance(node, ast.Assign)
            else None
        )
        if isinstance(target, ast.Name) and TABLES.match(target.id) and isinstance(node, ast.Assign | ast.AnnAssign):
            for words in _values(node.value):
                yield from (
                    one.value
                    for one in ast.walk(words)
                    if isinstance(one, ast.Constant)
                    and isinstance(one.value, str)
                    and re.match(r"[A-Z“]|.* ", one.value)
                )


def _values(value: ast.expr | None) -> Iterator[ast.expr]:
    for node in ast.walk(value) if value is not None else ():
        if isinstance(node, ast.Dict):
            yield from node.values
        elif isinstance(node, ast.Tuple) and len(node.elts) == 3:  # the header's links
            yield node.elts[2]


def _of_calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "redirect":
            yield from (
                one.value.value
                for one in node.keywords
                if one.arg in {"title", "text"}
                and isinstance(one.value, ast.Constant)
                and isinstance(one.value.value, str)
            )
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            said = node.exc.args[0]
            if isinstance(said, ast.Constant) and isinstance(said.value, str) and said.value.endswith("."):
                yield said.value


def _of_errors(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and (words := ast.get_docstring(node)):
            yield words.splitlines()[0]


def _place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def of_sources() -> Catalog:
    """Return every text that the pages say, with where it comes from."""
    catalog = Catalog(project="nea-repository", charset="utf-8")
    for place, message in [*of_templates(), *of_python()]:
        words = (
            message
            if isinstance(message, tuple) and len(message) == 2
            else message[0]
            if isinstance(message, tuple)
            else message
        )
        is_format = "%(" in str(words)
        catalog.add(words, locations=[(place, 0)], flags=["python-format"] if is_format else [])
    return catalog


def brought_up(code: str, sources: Catalog) -> bytes:
    """Return the catalog of a language as it must be: all texts of the sources, with the translations that it has."""
    path = CATALOGS / f"{code}.po"
    if path.exists():
        with path.open("rb") as file:
            known = read_po(file, locale=code)
    else:
        known = Catalog(locale=code)
    made = Catalog(
        locale=code,
        project="nea-repository",
        version="1",
        charset="utf-8",
        fuzzy=False,
        header_comment=f"# Texts of the NEA Repository: {code}. Kept in step by infra/dev/languages.py.",
        creation_date=datetime(2026, 1, 1, tzinfo=UTC),
        revision_date=datetime(2026, 1, 1, tzinfo=UTC),
        last_translator="",
        language_team="",
    )
    for message in sorted((one for one in sources if one.id), key=lambda one: str(one.id)):
        old = known.get(message.id)
        files = sorted({place for place, _ in message.locations})[:3]
        string = old.string if old is not None and not old.fuzzy else ""
        made.add(message.id, string, locations=[(place, None) for place in files], flags=message.flags)  # type: ignore[list-item]
    written = io.BytesIO()
    write_po(written, made, width=WIDTH, sort_output=False, ignore_obsolete=True, include_lineno=False)
    return written.getvalue()


def main() -> int:
    """Rewrite, check or begin catalogs, as the words of the command line say."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--check", action="store_true")
    reader.add_argument("--add", metavar="CODE")
    asked = reader.parse_args()
    codes = sorted(path.stem for path in CATALOGS.glob("*.po"))
    sources, behind = of_sources(), False
    for code in [*codes, *([asked.add] if asked.add and asked.add not in codes else [])]:
        path, wanted = CATALOGS / f"{code}.po", brought_up(code, sources)
        is_behind = not path.exists() or path.read_bytes() != wanted
        behind |= is_behind
        if not asked.check:
            path.write_bytes(wanted)
        catalog = read_po(io.BytesIO(wanted), locale=code)
        said = sum(
            1
            for one in catalog
            if one.id and one.string and any(one.string if isinstance(one.string, tuple) else [one.string])
        )
        print(
            f"{code}: {said} of {len(catalog)} texts translated{'; the catalog is behind' if asked.check and is_behind else ''}"
        )
    return 1 if asked.check and behind else 0


if __name__ == "__main__":
    sys.exit(main())
