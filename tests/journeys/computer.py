"""A computer with a browser that can be killed: a Chromium process of its own over a profile folder that stays."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from ..patience import PATIENCE_SECONDS
from .conftest import CHROMIUM, FLAGS, PATIENCE_MS


class Computer:
    """One computer. Its browser starts, is killed as by a power cut, and starts again over the same profile."""

    def __init__(self, playwright: Playwright, folder: Path) -> None:
        self._playwright, self._folder = playwright, folder
        self._process: subprocess.Popen[bytes] | None = None
        self._browser: Browser | None = None

    def start(self) -> BrowserContext:
        """Start the browser; returns its windows' context, which keeps its storage in the profile."""
        told = self._folder / "DevToolsActivePort"
        told.unlink(missing_ok=True)
        self._folder.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={self._folder}", "--remote-debugging-port=0", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not (told.exists() and told.read_text().count("\n")):
            assert time.monotonic() < give_up_at, "the browser did not start"
            assert self._process.poll() is None, "the browser ended at once"
            time.sleep(0.05)
        port = told.read_text().partition("\n")[0]
        self._browser = self._playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
        context = self._browser.contexts[0]
        context.set_default_timeout(PATIENCE_MS)
        return context

    def kill(self) -> None:
        """End every process of the browser at once, without a word to any page."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
        if self._browser is not None:
            self._browser.close()
            self._browser = None


def window(context: BrowserContext, complaints: list[str]) -> Page:
    """Open a window whose uncaught errors are noted."""
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    return page
