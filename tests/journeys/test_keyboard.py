"""Main pages by keyboard alone, with large text, with less motion, in forced colours, without scripts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from . import axe
from .conftest import Demo, Visit, Visitor
from .serving import Running, environment, running
from .test_every_page import FAULTS

pytestmark = pytest.mark.journey

MAIN = (
    ("teacher", "99001", ("/", "/cases", "marks", "sample")),
    ("exams officer", "99001", ("/", "/contacts", "/staff", "/reviews", "/imports")),
    ("moderator", None, ("/", "/worklist", "/conflicts")),
    ("awarding body officer A", None, ("/", "/outstanding", "/people", "/series")),
)
MOST_STOPS = 600
# What can be reached by Tab, in the order of the page: one of a group of radios, and nothing that is not shown.
REACHABLE = """() => {
  const shown = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest("[inert]");
  const kinds = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0'], audio, video";
  const all = [...document.querySelectorAll(kinds)];
  const names = new Set();
  return all.filter((one) => {
    if (one.disabled || one.tabIndex < 0 || !shown(one)) return false;
    if (one.type !== "radio") return true;
    const key = `${one.form?.action} ${one.name}`;
    if (names.has(key)) return false;
    names.add(key);
    return true;
  }).length;
}"""
# Where the focus is now: its place in the page, and whether a person sees that it is there.
FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const said = [];
  const style = getComputedStyle(one);
  const parts = [style, getComputedStyle(one.nextElementSibling ?? one, "::before"), getComputedStyle(one, "::before")];
  const marked = parts.some((part) =>
    (part.outlineStyle !== "none" && parseFloat(part.outlineWidth) > 0) || part.boxShadow !== "none");
  if (!marked) said.push("the focus is not to be seen");
  const box = one.getBoundingClientRect();
  const bars = [...document.querySelectorAll(".app-totals")].filter((bar) => !bar.contains(one));
  for (const bar of bars) {
    const other = bar.getBoundingClientRect();
    if (box.height && box.top >= other.top && box.bottom <= other.bottom) said.push("the focus is hidden behind a bar");
  }
  if (box.bottom < 0 || box.top > innerHeight) said.push("the focus is out of the window");
  window.__seen ??= new Map();
  if (!window.__seen.has(one)) window.__seen.set(one, window.__seen.size);
  const name = one.id || one.name || one.textContent.trim().slice(0, 40);
  return { place: window.__seen.get(one), name: `${one.tagName} ${name}`, said };
}"""
# WCAG 2.5.8: at least 24 px each way, or alone in 24 px, or a link in a line of words; fields' labels count as theirs.
SMALL = """() => {
  const small = [];
  const targets = [...document.querySelectorAll("button, summary, select, input:not([type=hidden]), a[href]")]
    .filter((one) => one.checkVisibility() && !one.closest("p, li, dd, td, th, .govuk-hint, .govuk-visually-hidden"));
  for (const one of targets) {
    const box = one.getBoundingClientRect();
    if (box.width >= 24 && box.height >= 24) continue;
    if (box.width < 2) continue;
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    const near = targets.some((other) => {
      if (other === one) return false;
      const its = other.getBoundingClientRect();
      return Math.max(its.left - x, x - its.right, 0) ** 2 + Math.max(its.top - y, y - its.bottom, 0) ** 2 < 144;
    });
    const name = one.textContent.trim().slice(0, 40);
    if (near) small.push(`${one.tagName} ${name} ${Math.round(box.width)}×${Math.round(box.height)}`);
  }
  return small;
}"""


@pytest.fixture(scope="module")
def service(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service over what a whole demo left."""
    folder = tmp_path_factory.mktemp("keyboard")
    shutil.copytree(demo.folder, folder / "data")
    with running(environment(folder / "data"), folder / "log") as started:
        yield started


def addresses(window: Visitor, wanted: tuple[str, ...]) -> list[str]:
    """The addresses of pages; a word is a page of the first component."""
    case = ""
    if not all(path.startswith("/") for path in wanted):
        window.open("/cases")
        case = window.page.locator("main table a").first.get_attribute("href") or ""
    return [path if path.startswith("/") else f"{case}/{path}" for path in wanted]


@pytest.mark.parametrize(("who", "centre", "wanted"), MAIN, ids=lambda part: part if isinstance(part, str) else "")
def test_every_control_is_reached_by_tab_with_its_focus_in_sight(
    visit: Visit, who: str, centre: str | None, wanted: tuple[str, ...]
) -> None:
    window = visit(who, centre)
    faults = []
    for path in addresses(window, wanted):
        page = window.open(path)
        faults += [f"{path}: {words}" for words in walked(page)]
        faults += [f"{path}: small: {words}" for words in page.evaluate(SMALL)]
    assert not faults, "\n".join(faults)


def walked(page: Page) -> list[str]:
    """Press Tab until the focus leaves the page; what went wrong on the way."""
    wanted, faults, stops = page.evaluate(REACHABLE), [], 0
    page.keyboard.press("Tab")
    first = page.evaluate(FOCUSED)
    assert first is not None
    assert "Skip to main content" in first["name"]
    for _ in range(MOST_STOPS):
        here = page.evaluate(FOCUSED)
        if here is None or here["place"] < stops:
            break  # through: the browser's own bar, or the first control again
        stops = here["place"] + 1
        faults += [f"{here['name']}: {words}" for words in here["said"]]
        page.keyboard.press("Tab")
    if stops < wanted:
        faults.append(f"{wanted} controls, {stops} reached")
    return faults


def test_the_skip_link_leads_to_the_page_and_enter_opens_what_has_the_focus(visit: Visit) -> None:
    page = visit("exams officer", "99001").open("/cases")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


@pytest.mark.parametrize("path", ["/", "/cases", "/contacts", "/account"])
def test_twice_as_large_text_is_neither_cut_nor_scrolled_sideways(visit: Visit, path: str) -> None:
    window = visit("exams officer", "99001", width=640, height=512)  # 1280 px at 200 %
    page = window.open(path)
    assert page.evaluate(FAULTS) == []
    page.evaluate("document.documentElement.style.fontSize = '200%'")  # the text alone
    assert page.evaluate("document.documentElement.scrollWidth") <= 640


def test_less_motion_and_forced_colours_are_honoured(browser: Browser, service: Running) -> None:
    context = browser.new_context(reduced_motion="reduce", forced_colors="active")
    page = context.new_page()
    page.goto(service.sign_in_url("exams officer", "99001"))
    moving = """() => [...document.querySelectorAll("*")].filter((one) => {
      const { animationName, transitionDuration, scrollBehavior } = getComputedStyle(one);
      return animationName !== "none" || parseFloat(transitionDuration) > 0.01 || scrollBehavior === "smooth";
    }).map((one) => one.className)"""
    assert page.evaluate(moving) == []
    for _ in range(3):
        page.keyboard.press("Tab")
        assert page.evaluate(FOCUSED)["said"] == []
    context.close()


def test_what_was_typed_wrong_is_said_at_the_top_and_at_the_field(visit: Visit) -> None:
    """The states of the main forms when they are sent with nothing in them: what axe and the test of every page ask."""
    window = visit("exams officer", "99001")
    send = """() => {
      const forms = [...document.querySelectorAll("main form[method=post]")];
      const form = forms.find((one) => one.querySelector("input[type=text], textarea"));
      for (const one of form.querySelectorAll("input[type=text], textarea")) one.value = "";
      form.noValidate = true;
      form.requestSubmit();
    }"""
    for path in ("/contacts", "/staff", "/tokens"):
        page = window.open(path)
        with page.expect_response(lambda answer: answer.request.method == "POST"):
            page.evaluate(send)
        summary = page.locator(".govuk-error-summary")
        summary.wait_for()
        assert page.title().startswith("Error: ")
        assert page.evaluate("document.activeElement.className").startswith("govuk-error-summary")
        target = summary.locator("a").first.get_attribute("href")
        assert page.locator(target or "").count() == 1
        assert [*page.evaluate(FAULTS), *axe.violations(page)] == []


def test_pages_are_whole_without_scripts(browser: Browser, service: Running) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 320, "height": 640})
    page = context.new_page()
    page.goto(service.sign_in_url("exams officer", "99001"))
    for menu, name in (("Coursework", "Marks and samples"), ("People", "Contacts")):
        page.locator("summary").filter(has_text=menu).click()
        page.get_by_role("link", name=name, exact=True).click()
        assert (
            page.get_by_role("heading", level=1).inner_text() == name
            or page.get_by_role("heading", level=1).count() == 1
        )
    page.get_by_role("button", name="Cymraeg").click()
    assert page.locator("html").get_attribute("lang") == "cy"
    page.get_by_role("button", name="English").click()
    assert page.locator("html").get_attribute("lang") == "en-GB"
    context.close()


def test_a_long_table_is_filtered_sorted_and_downloaded(visit: Visit, tmp_path: Path) -> None:
    window = visit("awarding body officer A")
    page = window.open("/audit")
    table = page.locator("table[data-filter]").first
    rows = table.locator("tbody tr:visible")
    everything = rows.count()
    field = page.get_by_label("Filter this table").first
    field.fill(table.locator("tbody th").first.inner_text())
    assert 0 < rows.count() < everything
    status = page.locator(".app-table-tools__count").first
    status.filter(has_text=f"{rows.count()} of {everything} rows shown").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download this table (CSV)").first.click()
    text = Path(download.value.path()).read_text("utf-8-sig")
    assert len(text.splitlines()) == rows.count() + 1
    assert not any(line.startswith(("=", "+", "@", '"=', '"@')) for line in text.splitlines())
    field.fill("nothing is like this")
    assert rows.count() == 0
