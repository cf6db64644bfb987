"""Whether an office document names fonts that are not here, so that its lines may break elsewhere than its author saw."""

from __future__ import annotations

import re
import subprocess  # nosec B404 - a fixed program with our own arguments

from .archives import Archive

FC_LIST = "/usr/bin/fc-list"
SECONDS = 10
PART_LIMIT_BYTES = 64 * 1024 * 1024
AS_WIDE = frozenset(("calibri", "cambria", "arial", "times new roman", "courier new", "helvetica", "times", "courier"))
"""Fonts in whose place LibreOffice puts one of ours with letters as wide."""
SIGNS = ("symbol", "wingdings", "webdings", "opensymbol", "starsymbol", "zapf dingbats", "ms gothic", "segoe ui emoji")
"""Fonts of bullets and signs: no line breaks elsewhere for them."""

_WHERE = {
    "word": (("word/document.xml", "word/styles.xml"), re.compile(rb'w:ascii="([^"]{1,64})"')),
    "sheet": (("xl/styles.xml",), re.compile(rb'<name val="([^"]{1,64})"')),
    "presentation": (("ppt/theme/theme1.xml",), re.compile(rb'<a:latin typeface="([^"+]{1,64})"')),
    "opendocument": (("content.xml", "styles.xml"), re.compile(rb'svg:font-family="([^"]{1,64})"')),
}


def substituted(data: bytes, kind: str) -> bool:
    """Return whether a document names a font that is neither here nor replaced by one as wide."""
    named = _named(Archive(data), kind)
    missing = {name for name in named if name not in AS_WIDE and not name.startswith(SIGNS)}
    here = _installed() if missing else frozenset()
    return bool(here) and bool(missing - here)


def _named(archive: Archive, kind: str) -> set[str]:
    family = next(
        (name for name in ("opendocument", "powerpoint", "presentation", "word", "sheet") if name in kind), "word"
    )
    parts, pattern = _WHERE["presentation" if family == "powerpoint" else family]
    there = archive.names()
    found: set[str] = set()
    for part in parts:
        if part in there:
            found.update(
                name.decode("utf-8", "replace") for name in pattern.findall(archive.read(part, PART_LIMIT_BYTES))
            )
    return {name.replace("&apos;", "").strip("' ").partition(";")[0].casefold() for name in found}


def _installed() -> frozenset[str]:
    try:
        answer = subprocess.run(  # noqa: S603  # nosec B603
            [FC_LIST, ":", "family"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return frozenset()  # nobody knows, so nothing is said
    lines = answer.stdout.decode("utf-8", "replace").splitlines()
    return frozenset(name.strip().casefold() for line in lines for name in line.split(","))
