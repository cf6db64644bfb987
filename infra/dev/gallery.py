#!/usr/bin/env python3
"""Take pictures of pages, wide and narrow, so that somebody looks at them.

Two ways:

    gallery.py styles OUT
        renders infra/dev/gallery_pages/*.html and the error page with sample contexts, serves them on loopback,
        and takes their pictures. Run `npm run build` in repository/web first.

    gallery.py pages OUT --base http://127.0.0.1:8080 --pages pages.json
        takes pictures of a running server. pages.json is a list of [name, sign-in link or "", path].

Each page gives OUT/<name>-1280.png and OUT/<name>-320.png; a page wider than its window, a failed request or a message
on the browser's console is printed, and makes the exit status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from playwright.sync_api import Browser, sync_playwright

from repository.web.pages import size_words

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "repository" / "web"
PAGES = Path(__file__).resolve().parent / "gallery_pages"
WIDTHS_PX = (1280, 320)
CHROMIUM = os.environ.get("NEA_CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CONTENT_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".html": "text/html"}
NONCE = "Z2FsbGVyeQ=="
POLICY = (
    f"default-src 'none'; script-src 'nonce-{NONCE}' 'strict-dynamic'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)


@dataclass(frozen=True, slots=True)
class Picture:
    """One page to look at: its name, the link that signs somebody in (or ""), and its path."""

    name: str
    sign_in: str
    path: str


def sample_contexts() -> dict[str, dict[str, Any]]:
    """Contexts of the gallery's own pages: synthetic, one entry for each template's name."""
    common: dict[str, Any] = {
        "actor": {
            "name": "EXAMPLE:TEA CHER",
            "role": "teacher",
            "role_title": "Teacher",
            "centre_number": "99101",
        },
        "navigation": [
            {"href": "/", "text": "Home", "current": False},
            {"href": "/marks", "text": "Centre marks", "current": False},
            {"href": "/sample", "text": "Samples", "current": True},
            {"href": "/outcomes", "text": "Outcomes", "current": False},
        ],
        "csp_nonce": NONCE,
        "csrf_token": "example",
        "rehearsal": True,
        "notice": None,
        "now": datetime(2017, 6, 6, 14, 5, tzinfo=UTC),
    }
    released = {
        "filename": "0042-essay.pdf",
        "size_bytes": 1_400_000,
        "state": "released",
        "href": "/documents/1",
        "remove_href": "/documents/1/remove",
    }
    held = {
        "filename": "0007 final FINAL (2).pdf",
        "size_bytes": 920_000,
        "state": "held",
        "reason": "This PDF needs a password to open. Save it without a password and upload it again.",
        "remove_href": "/documents/2/remove",
    }
    slots = [{"key": "work", "title": "Candidate’s work"}, {"key": "record", "title": "Record sheet"}]
    first = {"id": "i1", "candidate_number": "0042", "candidate_name": "EXAMPLE:ADA TEST", "reason": "Highest mark"}
    second = {"id": "i2", "candidate_number": "0007", "reason": "Lowest mark that is not zero"}
    items = [
        {**first, "upload_href": "/samples/1/items/i1/documents", "complete": True, "documents": [released]},
        {**second, "upload_href": "/samples/1/items/i2/documents", "complete": False, "documents": [held]},
        {"id": "i3", "candidate_number": "0101", "upload_href": "/x", "complete": False, "slots": slots},
    ]
    errors = [{"text": "Enter a mark from 0 to 70", "href": "#mark"}, {"text": "Tick both", "href": "#declarations"}]
    problem = {
        "status": 409,
        "heading": "This sample is locked",
        "title": "Conflict",
        "detail": "The sample was submitted at 4:05pm on 6 June 2017, so its files can no longer change.",
        "reference": "7f3a-91c2",
    }
    fault = {"line": 12, "field": "Mark", "message": "71 is more than the maximum, 70", "remedy": "Correct the mark"}
    refused = {"status": 422, "title": "Unprocessable", "detail": "Nothing was imported.", "facts": {"faults": [fault]}}
    return {
        "components": {**common, "errors": errors},
        "sample": {
            **common,
            "items": items,
            "notice": {"kind": "success", "title": "Received", "text": "0042-essay.pdf was received and checked."},
        },
        "marks": common,
        "confirmation": common,
        "problem": {**common, "actor": None, "navigation": [], "problem": problem},
        "problem_refused": {**common, "problem": refused},
    }


def render_samples() -> dict[str, bytes]:
    """Render every sample page; undefined names are errors, as they are in the service.

    Returns: path → HTML.
    """
    environment = Environment(
        loader=FileSystemLoader([WEB / "templates", PAGES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["display_zone"] = ZoneInfo("Europe/London")
    environment.filters["size"] = size_words
    pages = {}
    for name, context in sample_contexts().items():
        template = "errors/problem.html" if name.startswith("problem") else f"{name}.html"
        pages[f"/{name}"] = environment.get_template(template).render(context).encode()
    return pages


@contextmanager
def served(pages: dict[str, bytes]) -> Iterator[str]:
    """Serve rendered pages and the static files on loopback, under a policy as strict as the service's."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            body, suffix = pages.get(path), ".html"
            if body is None and path.startswith("/static/") and ".." not in path:
                file = WEB / path.lstrip("/")
                if file.is_file():
                    body, suffix = file.read_bytes(), file.suffix
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Type", CONTENT_TYPES.get(suffix, "application/octet-stream"))
            self.send_header("Content-Security-Policy", POLICY)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Say nothing: failed requests are reported by the browser's side."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def take(browser: Browser, base: str, picture: Picture, width_px: int, out: Path) -> list[str]:
    """Take one picture.

    Returns: what was wrong with the page, in words; empty when nothing was.
    """
    faults: list[str] = []
    context = browser.new_context(viewport={"width": width_px, "height": 800}, locale="en-GB")
    page = context.new_page()
    try:
        if picture.sign_in:
            page.goto(picture.sign_in if "://" in picture.sign_in else base + picture.sign_in)
        page.on("console", lambda m: faults.append(f"console: {m.text}") if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: faults.append(f"script: {error}"))
        page.on("response", lambda r: faults.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        page.goto(base + picture.path, wait_until="load")
        page.wait_for_timeout(200)
        over_px = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if over_px > 0:
            faults.append(f"{over_px} px wider than the window")
        page.screenshot(path=out / f"{picture.name}-{width_px}.png", full_page=True)
    finally:
        context.close()
    return [f"{picture.name} at {width_px}: {fault}" for fault in faults]


def photograph(base: str, pictures: list[Picture], out: Path) -> list[str]:
    """Take every picture at every width into `out`.

    Returns: what was wrong, in words.
    """
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            return [
                fault
                for picture in pictures
                for width_px in WIDTHS_PX
                for fault in take(browser, base, picture, width_px, out)
            ]
        finally:
            browser.close()


def main(arguments: list[str] | None = None) -> int:
    """Command line: see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["styles", "pages"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--base", default="http://127.0.0.1:8080")
    parser.add_argument("--pages", type=Path, help="a JSON list of [name, sign-in link or empty, path]")
    options = parser.parse_args(arguments)
    if options.what == "styles":
        pages = render_samples()
        with served(pages) as base:
            faults = photograph(base, [Picture(path.strip("/"), "", path) for path in pages], options.out)
    else:
        if options.pages is None:
            parser.error("pages needs --pages")
        listed = [Picture(*entry) for entry in json.loads(options.pages.read_text("utf-8"))]
        faults = photograph(options.base.rstrip("/"), listed, options.out)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
