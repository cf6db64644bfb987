"""How heavy pages are, and how soon they can be used on a slow line and a slow machine.

    python -m tests.benchmarks.pages [KEPT]     KEPT: data that `nea demo --development-sign-in --keep` left, else a demo is walked

The line: 1.6 Mbit/s down, 0.75 Mbit/s up, 150 ms each question; the machine: a quarter of this one's speed. A page can be used
when its document is there and its scripts have run (the end of DOMContentLoaded). First visits fetch style sheet and scripts;
later ones have them. Targets: HTML under 100 kB, usable in under one second on later visits.
Source: Chromium's DevTools presets "Fast 3G" and "4x slowdown"; the targets are this project's own.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.journeys.conftest import CHROMIUM, FLAGS
from tests.journeys.serving import NEA, Running, environment, running
from tests.journeys.test_every_page import ID, LINKS, NOT_A_PAGE

DOWN_BYTES_A_SECOND, UP_BYTES_A_SECOND, LATENCY_MS, SLOWER = 200_000, 93_750, 150, 4
HTML_BYTES, USABLE_MS = 100_000, 1000
RUNS = 3
PEOPLE = (
    ("teacher", "99001"),
    ("exams officer", "99001"),
    ("moderator", None),
    ("team leader", None),
    ("awarding body officer A", None),
    ("script tracking clerk", None),
)
FIGURES = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const files = performance.getEntriesByType("resource");
  return [page.decodedBodySize, page.transferSize + files.reduce((sum, one) => sum + one.transferSize, 0),
          page.domContentLoadedEventEnd, page.responseStart];
}"""


@dataclass(frozen=True, slots=True)
class PageFigures:
    """One kind of page: bytes of its HTML, bytes that travelled, and milliseconds until it could be used."""

    who: str
    path: str
    html_bytes: int
    first_bytes: int
    first_ms: float
    later_bytes: int
    later_ms: float

    @property
    def is_met(self) -> bool:
        """Return whether both targets are met."""
        return self.html_bytes < HTML_BYTES and self.later_ms < USABLE_MS


def measure(
    service: Running, browser: Browser, people: tuple[tuple[str, str | None], ...] = PEOPLE
) -> Iterator[PageFigures]:
    """Yield the figures of the first page of each kind that each person reaches by links."""
    for who, centre in people:
        context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.goto(service.sign_in_url(who, centre))
        line = context.new_cdp_session(page)
        line.send(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": LATENCY_MS,
                "downloadThroughput": DOWN_BYTES_A_SECOND,
                "uploadThroughput": UP_BYTES_A_SECOND,
            },
        )
        line.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        to_see, met, kinds = ["/"], {"/"}, set[str]()
        while to_see:
            path = to_see.pop(0)
            kind = ID.sub("…", path).partition("?")[0]
            if kind in kinds:
                continue
            kinds.add(kind)
            line.send("Network.clearBrowserCache")
            answer = page.goto(service.address + path)
            if answer is None or answer.status != 200:
                continue
            html, first_bytes, first_ms, _ = page.evaluate(FIGURES)
            later = []
            for _ in range(RUNS):
                page.goto(service.address + path)
                later.append(page.evaluate(FIGURES))
            _, later_bytes, later_ms, _ = sorted(later, key=lambda one: one[2])[RUNS // 2]
            yield PageFigures(who, kind, html, first_bytes, first_ms, later_bytes, later_ms)
            for href in page.eval_on_selector_all("a[href]", LINKS):
                if href.startswith("/") and not NOT_A_PAGE.search(href) and href not in met:
                    met.add(href)
                    to_see.append(href)
        context.close()


def main() -> int:
    """Print the figures of every kind of page; the exit status is 1 if a target is missed."""
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        kept = [word for word in sys.argv[1:] if not word.startswith("-")]
        if kept:
            shutil.copytree(kept[0], data)
        else:
            subprocess.run([*NEA, "demo", "--development-sign-in", "--keep", str(data)], check=True)
        with running(environment(data), Path(scratch) / "log") as service, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            print(f"{'HTML kB':>8} {'first kB':>9} {'first ms':>9} {'later kB':>9} {'later ms':>9}  page")
            found = []
            for one in measure(service, browser):
                found.append(one)
                print(
                    f"{one.html_bytes / 1000:8.1f} {one.first_bytes / 1000:9.1f} {one.first_ms:9.0f} "
                    f"{one.later_bytes / 1000:9.1f} {one.later_ms:9.0f}  {one.who} {one.path}{'' if one.is_met else '  MISSED'}",
                    flush=True,
                )
            browser.close()
    worst = max(found, key=lambda one: one.html_bytes), max(found, key=lambda one: one.later_ms)
    print(f"{len(found)} kinds of page; heaviest {worst[0].html_bytes} bytes; slowest {worst[1].later_ms:.0f} ms")
    return 0 if all(one.is_met for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
