"""The house keeps its shape: packages, names, routes, docstrings of where things live."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

import moderation
import repository
import scripts
import storage
from repository.access import POLICY, Action
from repository.web.routes import ROUTES

TOP = Path(__file__).parents[2]
PACKAGES = (repository, moderation, storage, scripts)
NAMES = {package.__name__ for package in PACKAGES}
SOURCES = [path for name in NAMES for path in (TOP / name).rglob("*.py") if "node_modules" not in path.parts]


def test_the_four_packages_are_ours() -> None:
    for name in NAMES:
        assert set(metadata.packages_distributions()[name]) == {"nea-repository"}


def test_the_top_level_is_fixed() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True, check=True).stdout.split()
    tops = {name.split("/")[0] for name in tracked if not name.startswith(".")}
    assert tops <= {*NAMES, "pyproject.toml", "tests", "infra", "README.md"}


def test_the_wheel_holds_exactly_the_four_packages(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    tracked = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    for name in filter(None, tracked):
        if (TOP / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((TOP / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", tmp_path, source],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == NAMES
    for wanted in ("repository/web/templates/base.html", "repository/web/static/uploader.js", "scripts/labels.py"):
        assert wanted in names


def test_every_route_names_an_action_of_the_policy() -> None:
    for route in ROUTES:
        assert route.action is Action.PUBLIC or route.action in POLICY, route.path
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_every_action_of_the_policy_is_used_by_a_route() -> None:
    assert set(POLICY) <= {route.action for route in ROUTES}


def test_no_module_is_named_like_the_standard_library_or_like_a_cupboard() -> None:
    banned = {"utils", "helpers", "common", "core", "manager"}
    for path in SOURCES:
        assert path.stem not in banned, path
        assert path.stem.startswith("__") or path.stem not in sys.stdlib_module_names, path


def test_no_class_is_called_repository() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.ClassDef) and node.name.endswith("Repository")), path


def test_only_the_command_line_hands_the_environment_to_settings() -> None:
    for path in SOURCES:
        readers = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute)
            and node.attr in {"environ", "getenv"}
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
        ]
        assert not readers or path.relative_to(TOP).as_posix() == "repository/__main__.py", path


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_module_says_what_it_is(package: ModuleType) -> None:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if ".migrations." in found.name or found.name.endswith("__main__"):
            continue
        assert importlib.import_module(found.name).__doc__, found.name


def test_tables_have_names_of_their_own() -> None:
    from repository.database import metadatas

    names = [table for data in metadatas() for table in data.tables]
    assert len(names) == len(set(names))


def test_nothing_committed_holds_a_place_of_one_machine_or_the_address_of_a_registry() -> None:
    words = re.compile(
        rf"registry\.npmjs|pypi\.org|files\.pythonhosted|deb\.debian|/root/|{re.escape(str(TOP))}/", re.IGNORECASE
    )
    tracked = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    for name in filter(None, tracked):
        path = TOP / name
        if not path.is_file() or path == Path(__file__):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        assert not words.search(text), name
