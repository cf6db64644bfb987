#!/usr/bin/env python3
"""Pictures of the main pages of every role, so that somebody looks at them: `infra/check --gallery [FOLDER]`.

Walks a whole demo (or takes one that was kept), serves it, signs everybody in, follows the links, and takes one picture of each
kind of page at 1280 and at 320 px; then pages as they are when something is wrong, in Welsh, and without scripts. FOLDER
(default: build/gallery, which git ignores) gets the pictures and an index.html. What is wrong by itself, a page wider
than its window or words on the browser's console, is printed and makes the exit status 1.

    gallery.py [FOLDER] [--kept DIR] [--role teacher] [--language cy]
"""

from __future__ import annotations

import argparse
import html
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.journeys.conftest import CHROMIUM, FLAGS  # noqa: E402
from tests.journeys.serving import NEA, Running, environment, running  # noqa: E402
from tests.journeys.test_every_page import ID, LINKS, NOT_A_PAGE  # noqa: E402

WIDTHS_PX = (1280, 320)
PEOPLE = (
    ("teacher", "99001"),
    ("exams officer", "99001"),
    ("moderator", None),
    ("team leader", None),
    ("principal moderator", None),
    ("awarding body officer A", None),
    ("script tracking clerk", None),
)
EXPECTED = re.compile(r"the server responded with a status of (404|422)")
"""What the console says of the pages that are shown because something is wrong."""
STYLE = (
    "body{font:16px sans-serif;margin:2em} figure{display:inline-block;margin:0 1em 2em 0;vertical-align:top} "
    "img{border:1px solid #999;max-height:600px;max-width:60vw}"
)
# The first form of the page with something to fill in, sent with nothing in it.
SEND_EMPTY = """() => {
  const forms = [...document.querySelectorAll("main form[method=post]")];
  const form = forms.find((one) => one.querySelector("input[type=text], textarea"));
  if (!form) return false;
  for (const one of form.querySelectorAll("input[type=text], textarea")) one.value = "";
  form.noValidate = true;
  form.submit();
  return true;
}"""


@dataclass
class Gallery:
    """The pictures taken so far, and what was wrong by itself."""

    folder: Path
    pictures: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Of each heading, (name of the picture's files without width, address)."""
    faults: list[str] = field(default_factory=list)

    def take(self, page: Page, heading: str, name: str, address: str) -> None:
        """Take a page's pictures at every width."""
        stem = re.sub(r"[^a-z0-9]+", "-", f"{heading} {name}".lower()).strip("-")[:120]
        for width in WIDTHS_PX:
            page.set_viewport_size({"width": width, "height": 900 if width > 400 else 640})
            wide = page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
            if wide > width:
                self.faults.append(f"{address} is {wide} px wide in a window of {width}")
            page.screenshot(path=self.folder / f"{stem}-{width}.png", full_page=True)
        self.pictures.setdefault(heading, []).append((stem, address))

    def write_index(self) -> None:
        """Write the page that shows all pictures."""
        parts = [
            f"<!doctype html><html lang=en><meta charset=utf-8><title>Gallery</title><style>{STYLE}</style><h1>Gallery</h1>"
        ]
        for heading, pictures in self.pictures.items():
            parts.append(f"<h2>{html.escape(heading)}</h2>")
            for stem, address in pictures:
                parts.append(f"<h3>{html.escape(address)}</h3>")
                for width in WIDTHS_PX:
                    source, words = f"{stem}-{width}.png", f"{html.escape(address)}, {width} px"
                    picture = f'<img src="{source}" loading=lazy alt="{words}">'
                    parts.append(f'<figure><a href="{source}">{picture}</a></figure>')
        (self.folder / "index.html").write_text("\n".join(parts), "utf-8")


def context_of(browser: Browser, gallery: Gallery, language: str, *, scripts: bool = True) -> BrowserContext:
    """Return a browser window in which what the console says is noted."""
    context = browser.new_context(locale=language, timezone_id="Europe/London", java_script_enabled=scripts)

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not EXPECTED.search(message.text):
            gallery.faults.append(f"{message.page.url if message.page else ''}: {message.text}")

    context.on("console", note)
    return context


def walk(page: Page, service: Running, gallery: Gallery, heading: str) -> list[str]:
    """Take a picture of the first page of each kind that links lead to; returns their addresses."""
    to_see, met, kinds, seen = ["/"], {"/"}, set(), []
    while to_see:
        path = to_see.pop(0)
        kind = ID.sub("…", path).partition("?")[0]
        if kind in kinds:
            continue
        kinds.add(kind)
        answer = page.goto(service.address + path)
        if answer is None or answer.status >= 500:
            gallery.faults.append(f"{heading}: {path} was answered with {answer.status if answer else 'nothing'}")
            continue
        if answer.status != 200:
            continue
        gallery.take(page, heading, kind, path)
        seen.append(path)
        for href in page.eval_on_selector_all("a[href]", LINKS):
            if href.startswith("/") and not NOT_A_PAGE.search(href) and href not in met:
                met.add(href)
                to_see.append(href)
    return seen


def show_faults(page: Page, service: Running, gallery: Gallery, heading: str, paths: list[str]) -> None:
    """Take pictures of forms that were sent empty, and of a page that is not there."""
    for path in paths:
        page.goto(service.address + path)
        if page.evaluate(SEND_EMPTY):
            page.wait_for_load_state("load")
            page.wait_for_timeout(300)
            if page.locator(".govuk-error-summary").count():
                gallery.take(page, f"{heading}: something is wrong", path, path)
    page.goto(service.address + "/nothing-here")
    gallery.take(page, f"{heading}: something is wrong", "nothing here", "/nothing-here")


def fill(browser: Browser, service: Running, gallery: Gallery, only: str) -> None:
    """Take all pictures."""
    for who, centre in PEOPLE:
        if only and who != only:
            continue
        heading = who + (f" of {centre}" if centre else "")
        context = context_of(browser, gallery, "en-GB")
        page = context.new_page()
        page.goto(service.sign_in_url(who, centre))
        paths = walk(page, service, gallery, heading)
        show_faults(page, service, gallery, heading, paths)
        context.close()
    if only:
        return
    for language, scripts, heading in (("cy", True, "In Welsh"), ("en-GB", False, "Without scripts")):
        context = context_of(browser, gallery, language, scripts=scripts)
        page = context.new_page()
        for path in (
            "/sign-in",
            service.sign_in_url("exams officer", "99001").removeprefix(service.address),
            "/cases",
            "/account",
        ):
            page.goto(service.address + path)
            gallery.take(page, heading, path.split("/")[1] or "home", page.url.removeprefix(service.address))
        context.close()


def main() -> int:
    """Fill the folder, write its index, and say what is wrong."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "gallery")
    reader.add_argument("--kept", type=Path, help="data that `nea demo --development-sign-in --keep` left")
    reader.add_argument("--role", default="", help="only this role's pages")
    asked = reader.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    gallery = Gallery(asked.folder)
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        if asked.kept:
            shutil.copytree(asked.kept, data)
        else:
            subprocess.run([*NEA, "demo", "--development-sign-in", "--keep", str(data)], check=True)
        with running(environment(data), Path(scratch) / "log") as service, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            fill(browser, service, gallery, asked.role)
            browser.close()
            gallery.write_index()
    print("\n".join(gallery.faults))
    print(f"{sum(map(len, gallery.pictures.values()))} pages: {asked.folder / 'index.html'}")
    return 1 if gallery.faults else 0


if __name__ == "__main__":
    sys.exit(main())
