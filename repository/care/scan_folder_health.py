"""Whether the watch folder of scanners can be taken in, and whether something in it waits for a person."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from repository import people
from repository.bundles.watching import REASON, REFUSED
from repository.care import health
from repository.care.health import Check
from repository.errors import ClerkUnknown
from repository.services import Services

SUBJECT = "scan folder"


async def checks(services: Services) -> list[Check]:
    """Try the folder and the account under which it is taken in; nothing where no folder is watched."""
    folder = services.settings.scan_folder
    if folder is None:
        return []
    try:
        await services.database.read(lambda s: people.clerk_named(s, folder.clerk, services.clock()))
    except ClerkUnknown as error:
        return [health.failed(SUBJECT, error.detail, "Correct NEA_SCAN_FOLDER_CLERK, or give that person the role.")]
    return [await asyncio.to_thread(_look, folder.path)]


def _look(path: Path) -> Check:
    if not path.is_dir() or not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return health.failed(SUBJECT, f"{path} is no folder that this service may change", "Correct NEA_SCAN_FOLDER.")
    refused = path / REFUSED
    count = sum(1 for one in refused.iterdir() if not one.name.endswith(REASON)) if refused.is_dir() else 0
    if count:
        remedy = f"Read the reasons beside them ({REASON}), scan again, and take them away."
        return health.warning(SUBJECT, f"{count} in {refused} could not be taken in", remedy)
    return health.ok(SUBJECT, f"watched: {path}")
