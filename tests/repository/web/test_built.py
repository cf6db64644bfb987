"""The built front end: what pages name is built, kept for ever, smaller than its source, and refused in words when missing."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from http.client import HTTPMessage
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from yarl import URL

from repository.app import create_app
from repository.errors import SettingRefused
from repository.web import built, files

from .conftest import Service

TEMPLATES = Path(built.__file__).parent / "templates"
MANIFEST = json.loads((built.DEFAULT_DIR / built.MANIFEST).read_text("utf-8"))


def test_pages_name_what_is_built_and_nothing_is_built_for_nobody() -> None:
    texts = [path.read_text("utf-8") for path in TEMPLATES.rglob("*.html")]
    named = {name for text in texts for name in re.findall(r"built\('([^']+)'\)", text)}
    assert named == set(MANIFEST)
    assert not [text for text in texts if re.search(r"""["']/static/(?!icon\.svg)""", text)]


def test_the_components_that_pages_use_are_there() -> None:
    used = {
        module
        for text in (path.read_text("utf-8") for path in TEMPLATES.rglob("*.html"))
        for module in re.findall(r'data-module="govuk-([a-z-]+)"', text)
    }
    known = (files.OWN / "components.js").read_text("utf-8")
    assert used
    for module in used:
        assert re.search(rf"USED = .*\b{module.title().replace('-', '')}\b", known), module


def as_sent(url: URL, taken: str) -> tuple[HTTPMessage, bytes]:
    """Ask for a file, and leave its bytes as they were sent."""
    with urlopen(Request(str(url), headers={"Accept-Encoding": taken}), timeout=10) as answer:
        return answer.headers, answer.read()


async def test_what_has_its_digest_in_its_name_is_kept_for_ever(service: Service) -> None:
    stranger = await service.anonymous()
    page = await (await stranger.get("/sign-in")).text()
    addresses = set(re.findall(r'(?:src|href)="(/static/build/[^"]+)"', page))
    assert len(addresses) >= 3
    for address in addresses:
        path = built.DEFAULT_DIR / address.removeprefix("/static/build/")
        for taken, kept in (
            ("identity", path.read_bytes()),
            ("gzip, deflate", files.packed(path.read_bytes())),
            ("gzip, br;q=0.9", path.with_name(f"{path.name}.br").read_bytes()),
        ):
            headers, sent = await asyncio.to_thread(as_sent, stranger.make_url(address), taken)
            assert sent == kept
            assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert headers["Vary"] == "Accept-Encoding"
        assert (await stranger.get(f"{address}.br")).status == 404
    for name in ("/static/icon.svg", "/static/build/tus.min.js"):
        assert (await stranger.get(name)).headers["Cache-Control"] == "public, max-age=300"


async def test_without_a_built_front_end_nothing_starts(service: Service, tmp_path: Path) -> None:
    services = replace(service.services, settings=replace(service.services.settings, frontend_dir=tmp_path))
    with pytest.raises(SettingRefused, match="npm run build"):
        create_app(services)
