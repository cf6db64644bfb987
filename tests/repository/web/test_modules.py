"""Modules of a page are asked for at once: all that they import, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from repository.web import files

TEMPLATES = Path(files.__file__).parent / "templates"
ASKED = re.compile(r"modules\.script\('([^']+)'")
NAMED = sorted({name for path in TEMPLATES.rglob("*.html") for name in ASKED.findall(path.read_text("utf-8"))})


@pytest.mark.parametrize("name", [*NAMED, "page.js"])
def test_what_a_module_imports_is_known_and_there(name: str) -> None:
    found = files.imported_by(name, files.BUILT)
    assert len(found) == len(set(found))
    for one in (name, *found):
        path = files.OWN / one
        assert path.is_file()
        for line in path.read_text("utf-8").splitlines():
            if line.startswith(("import ", "export ")) and (match := re.search(r"""from ["'](.+)["'];$""", line)):
                assert match[1].rpartition("/")[2] in {other.rpartition("/")[2] for other in (name, *found)}


def test_what_is_asked_for_later_is_not_among_them() -> None:
    found = files.imported_by("uploader.js", files.BUILT)
    assert {"uploads/plan.js", "uploads/hashing.js", "uploads/libraries.js"} <= set(found)
    assert not any(one.startswith("build/") for one in found), "libraries are fetched while somebody chooses"
    assert "journal.js" not in files.imported_by("annotate.js", files.BUILT)


def test_no_template_names_a_module_by_another_way() -> None:
    others = [
        path.name
        for path in TEMPLATES.rglob("*.html")
        if 'type="module"' in re.sub(r"\{#-?.*?-?#\}", "", path.read_text("utf-8"), flags=re.DOTALL)
    ]
    assert sorted(others) == ["base.html", "modules.html"]
