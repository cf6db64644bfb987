"""A real service over a rehearsal series, and a real browser with people who sign in."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from ..patience import PATIENCE_SECONDS
from .serving import NEA, Running, environment, running, seed

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE_MS = 1000 * PATIENCE_SECONDS
DEMO_SECONDS = 600
PICTURES = os.environ.get("JOURNEY_PICTURES", "")
"""A folder: every page that a journey looks at is also kept there as a picture."""
# The browser itself reports these: a form that was refused, and a line that the journey cut.
OF_THE_JOURNEY = re.compile(r"the server responded with a status of 4(09|22)|net::ERR_(INTERNET_DISCONNECTED|FAILED)")


@dataclass
class Visitor:
    """One person's browser window."""

    page: Page
    context: BrowserContext
    service: Running
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to a page of the service."""
        answer = self.page.goto(self.service.address + path)
        assert answer is not None
        assert answer.status == 200, f"{path} was answered with {answer.status}"
        return self.page

    def look(self, heading: str | re.Pattern[str]) -> None:
        """Wait for the page with this heading, and hold it against what is so of every page."""
        expect(self.page.locator("h1")).to_have_count(1)
        expect(self.page.locator("h1")).to_contain_text(heading)
        assert self.page.locator("html").get_attribute("lang") == "en-GB"
        assert self.page.title().endswith(" – NEA Repository")
        assert self.page.title().partition(" – ")[0].strip()
        if PICTURES:
            name = re.sub(r"[^a-z0-9]+", "-", self.page.locator("h1").inner_text().lower()).strip("-")
            number = len(list(Path(PICTURES).glob("*.png")))
            self.page.screenshot(path=f"{PICTURES}/{number:03}-{name}.png", full_page=True)


Visit = Callable[..., Visitor]


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Make a folder once for all workers of a run: whoever comes second waits for it. Nobody writes into it afterwards."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own) / f"made-once-{name}"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            make(folder)
            (folder / "made").touch()
    return folder


@pytest.fixture(scope="session")
def rehearsal_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the rehearsal series in it, to copy."""
    return made_once(tmp_path_factory, "rehearsal", lambda folder: seed(environment(folder / "data"))) / "data"


@dataclass(frozen=True)
class Demo:
    """A whole journey that has been walked: the folder it left, its report, and how the process ended."""

    folder: Path
    report: dict[str, Any]
    status: int
    complaints: str


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """`nea demo` as a person runs it, on the invented series."""

    def walk(folder: Path) -> None:
        done = subprocess.run(
            [*NEA, "demo", "--development-sign-in", "--json", "--keep", str(folder / "kept")],
            capture_output=True,
            text=True,
            timeout=DEMO_SECONDS,
            check=False,
        )
        said = {"report": done.stdout, "status": done.returncode, "complaints": done.stderr}
        (folder / "said.json").write_text(json.dumps(said), "utf-8")
        # One file and nothing beside it, so that those who read it and those who copy it do not meet.
        with contextlib.closing(sqlite3.connect(folder / "kept" / "nea.sqlite3")) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    folder = made_once(tmp_path_factory, "demo", walk)
    said = json.loads((folder / "said.json").read_text("utf-8"))
    return Demo(folder / "kept", json.loads(said["report"]), said["status"], said["complaints"])


@pytest.fixture(scope="module")
def service(rehearsal_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service over a copy of the rehearsal, so that what one module does is nothing to another."""
    folder = tmp_path_factory.mktemp("service")
    shutil.copytree(rehearsal_folder, folder / "data")
    with running(environment(folder / "data"), folder / "log") as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module: while it is open, its event loop keeps others out of this thread."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def visit(service: Running, browser: Browser) -> Iterator[Visit]:
    """Opens a window for a person, signed in by the address that the service printed; nobody's console may complain."""
    opened: list[Visitor] = []

    def open_window(
        who: str | None = None, centre: str | None = None, *, width: int = 1280, height: int = 900
    ) -> Visitor:
        context = browser.new_context(
            viewport={"width": width, "height": height}, locale="en-GB", timezone_id="Europe/London"
        )
        context.set_default_timeout(PATIENCE_MS)
        visitor = Visitor(context.new_page(), context, service)
        opened.append(visitor)
        listen(visitor.page, visitor.complaints)
        if who is not None:
            visitor.page.goto(service.sign_in_url(who, centre))
            visitor.look("what is due")
        return visitor

    expect.set_options(timeout=PATIENCE_MS)
    yield open_window
    for visitor in opened:
        visitor.context.close()
    assert not [words for visitor in opened for words in visitor.complaints]


def until(page: Page, question: str) -> None:
    """Ask a question, an asynchronous function of JavaScript, again and again until its answer is true.

    Playwright's own ``wait_for_function`` takes the promise of an answer for a true one.
    """
    page.evaluate(
        f"""async (patience) => {{
          const over = performance.now() + patience;
          while (!(await ({question})())) {{
            if (performance.now() > over) throw new Error("it never came true");
            await new Promise((resolve) => setTimeout(resolve, 50));
          }}
        }}""",
        PATIENCE_MS,
    )


def listen(page: Page, complaints: list[str]) -> None:
    """Note what the page's console and its uncaught errors say: refusals of the content security policy too."""

    def on_console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not OF_THE_JOURNEY.search(message.text):
            complaints.append(f"{page.url}: {message.text}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
