"""The built front end: files that carry a digest of their content in their names, and the manifest that says which they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from repository.errors import SettingRefused

DEFAULT_DIR = Path(__file__).parent / "static" / "build"
MANIFEST = "manifest.json"
NEVER_CHANGE = ("build/pages/", "build/application-")
"""What begins so has its digest in its name: other content would be another file."""


def needed(folder: Path, name: str) -> tuple[str, ...]:
    """Return the address of what a page names, first, and the addresses of all files that it imports.

    Takes: ``name``, a style sheet or module as in ``build.mjs``, such as ``despatch/page.js``. Raises: ``SettingRefused``
    when the front end is not built; ``KeyError`` for a name that ``build.mjs`` does not build.
    """
    path = folder / MANIFEST
    try:
        changed_ns = path.stat().st_mtime_ns
    except OSError as error:
        raise SettingRefused(
            f"The pages' style sheet and scripts are not in {folder}. Run `npm ci && npm run build` in repository/web.",
            variable="NEA_FRONTEND_DIR",
        ) from error
    return _manifest(path, changed_ns)[name]


@lru_cache(maxsize=4)
def _manifest(path: Path, _changed_ns: int) -> Mapping[str, tuple[str, ...]]:
    found: Mapping[str, list[str]] = json.loads(path.read_text("utf-8"))
    return {name: tuple(f"/static/build/{file}" for file in files) for name, files in found.items()}
