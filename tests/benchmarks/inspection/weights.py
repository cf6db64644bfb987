"""How heavy pages are and how soon they can be used, over a whole demo: what ``infra/bench pages`` lists page by page."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.journeys.conftest import CHROMIUM, FLAGS
from tests.journeys.serving import NEA, environment, running

from .. import pages
from ..figures import Figure


def measure(quick: bool) -> list[Figure]:
    """Measure every kind of page; briefly, those of a teacher alone."""
    people = pages.PEOPLE[:1] if quick else pages.PEOPLE
    with tempfile.TemporaryDirectory(prefix="nea-bench-") as scratch:
        data = Path(scratch) / "data"
        walk = [*NEA, "demo", "--development-sign-in", "--json", "--keep", str(data)]
        subprocess.run(walk, check=True, stdout=subprocess.DEVNULL)
        with running(environment(data), Path(scratch) / "log") as service, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            found = list(pages.measure(service, browser, people=people))
            browser.close()
    first, later = sorted(one.first_ms for one in found), sorted(one.later_ms for one in found)
    return [
        Figure("kinds of page measured", len(found), "pages"),
        Figure(
            "HTML of the heaviest", max(one.html_bytes for one in found) / 1000, "kB", pages.HTML_BYTES / 1000, True
        ),
        Figure("usable, first visit, slow line and machine: median", first[len(first) // 2], "ms"),
        Figure("  slowest", first[-1], "ms", pages.USABLE_MS, True),
        Figure("usable, later visits: median", later[len(later) // 2], "ms"),
        Figure("  slowest", later[-1], "ms", pages.USABLE_MS, True),
    ]
