"""Every page that anybody can reach by links: what axe finds wrong, its heading and title, and that it fits a narrow window."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest

from . import axe
from .conftest import Demo, Visit, Visitor, made_once
from .serving import Running, environment, running

pytestmark = pytest.mark.journey

NARROW_PX = 320
OF_ONE_KIND = 2
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
NOT_A_PAGE = re.compile(r"^/static/|\.(pdf|csv)(\?|$)|/download$|/content$|/pages/\d+$")
PEOPLE = (
    ("teacher", "99001"),
    ("exams officer", "99001"),
    ("exams officer", "99002"),
    ("exams officer", "99004"),
    ("moderator", None),
    ("team leader", None),
    ("principal moderator", None),
    ("awarding body officer A", None),
    ("script tracking clerk", None),
)
LINKS = "as => [...new Set(as.map(a => a.getAttribute('href').split('#')[0]))]"
# What is so of every page, looked at in one go: (what is wrong, or nothing) for each.
FAULTS = """() => {
  const said = [];
  const heads = document.querySelectorAll("h1").length;
  if (heads !== 1) said.push(`${heads} h1`);
  if (document.documentElement.lang !== "en-GB") said.push("no language");
  if (!/^\\S.* – NEA Repository$/.test(document.title)) said.push(`title ${document.title}`);
  const wide = Math.max(document.documentElement.scrollWidth, document.body.scrollWidth);
  if (wide > window.innerWidth) said.push(`${wide} px wide`);
  if (document.querySelectorAll("main").length !== 1) said.push("not one main");
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  const twice = ids.filter((id, index) => ids.indexOf(id) !== index);
  if (twice.length) said.push(`the same id twice: ${twice[0]}`);
  for (const table of document.querySelectorAll("table")) if (!table.caption) said.push("a table without a caption");
  for (const image of document.images) if (!image.hasAttribute("alt")) said.push("a picture without words");
  for (const field of document.querySelectorAll("input:not([type=hidden], [hidden]), select, textarea"))
    if (!field.labels.length && !field.getAttribute("aria-label")) said.push(`no label: ${field.name}`);
  for (const one of document.querySelectorAll("a, button"))
    if (!one.textContent.trim() && !one.getAttribute("aria-label")) said.push(`nothing to hear: ${one.outerHTML.slice(0, 80)}`);
  for (const name of ["aria-describedby", "aria-labelledby", "aria-controls"])
    for (const one of document.querySelectorAll(`[${name}]`))
      for (const id of one.getAttribute(name).split(/\\s+/))
        if (!document.getElementById(id)) said.push(`${name} names nothing: ${id}`);
  return said;
}"""


@pytest.fixture(scope="module")
def service(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service over what a whole demo left: cases in every state, with files, marks, outcomes and results."""
    folder = tmp_path_factory.mktemp("every-page")
    shutil.copytree(demo.folder, folder / "data")
    with running(environment(folder / "data"), folder / "log") as started:
        yield started


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> axe.Shapes:
    """The shapes of pages that axe has looked at, whoever saw them, in whichever process."""
    folder = made_once(tmp_path_factory, "shapes", lambda folder: (folder / "seen").mkdir())
    return axe.Shapes(folder / "seen")


@pytest.mark.parametrize(("who", "centre"), PEOPLE, ids=lambda part: part)
def test_every_page_a_person_can_reach_is_sound_in_a_narrow_window(
    visit: Visit, shapes: axe.Shapes, who: str, centre: str | None
) -> None:
    assert crawl(visit(who, centre, width=NARROW_PX, height=640), shapes) >= 3


def crawl(window: Visitor, shapes: axe.Shapes) -> int:
    """Look at every page that links lead to, some of each kind, and fail on what is wrong; returns how many kinds.

    What the demo left has results that are out, so their pages are among them.
    """
    seen: dict[str, int] = {}
    faults: list[str] = []
    to_see = ["/"]
    met = set(to_see)
    while to_see:
        path = to_see.pop(0)
        kind = ID.sub("…", path).partition("?")[0]
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] > OF_ONE_KIND:
            continue
        answer = window.page.goto(window.service.address + path)
        assert answer is not None
        if answer.status != 200:
            faults.append(f"{path}: {answer.status}")
            continue
        faults += [f"{path}: {words}" for words in window.page.evaluate(FAULTS)]
        faults += [f"{path}: {words}" for words in axe.violations(window.page, shapes)]
        for href in window.page.eval_on_selector_all("a[href]", LINKS):
            if href.startswith("/") and not NOT_A_PAGE.search(href) and href not in met:
                met.add(href)
                to_see.append(href)
    assert not faults, "\n".join(faults)
    return len(seen)


@pytest.mark.parametrize("path", ["/sign-in", "/nothing-here", "/cases/nothing-here"])
def test_pages_for_strangers_are_sound_too(visit: Visit, path: str) -> None:
    window = visit(width=NARROW_PX, height=640)
    window.page.goto(window.service.address + path)
    assert [*window.page.evaluate(FAULTS), *axe.violations(window.page)] == []
    window.complaints[:] = [words for words in window.complaints if "status of 404" not in words]
