"""What a child is asked for when it cuts pages out of a bundle, what it may use, and what it answers."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence

from repository.errors import InspectionFailed
from repository.inspection.children import BUNDLE_LIMITS, Limits, Output
from scripts.readings import MAX_PAGES, TOO_LARGE_STATUS

PIECE_BYTES = 256 * 1024
SECONDS = 60
SECONDS_PER_MIB = 2
"""A child has a minute and two seconds for each MiB, so that a hostile file of a few bytes does not hold a worker long."""


def asked(lists: Sequence[Sequence[int]], turns: Mapping[int, int]) -> list[str]:
    """Return the arguments with which the child cuts a bundle: the pages of each file, and how they are turned."""
    turned = {str(index): turn for index, turn in turns.items() if turn}
    return ["extract", json.dumps({"pages": [list(pages) for pages in lists], "turns": turned})]


def output_limit(size_bytes: int) -> int:
    """Return how much a child may write that cuts a bundle of so many bytes."""
    return 2 * size_bytes + MAX_PAGES * PIECE_BYTES


async def next_file(output: Output) -> bytes:
    """Return the next file that the child writes; raises ``InspectionFailed``."""
    (length,) = struct.unpack(">Q", await output.exactly(8))
    if not 0 < length <= BUNDLE_LIMITS.address_space_bytes:
        raise InspectionFailed(cause="shape")
    return await output.exactly(length)


def limits(size_bytes: int) -> Limits:
    """Return what a child may use for so many bytes of scans."""
    seconds = min(SECONDS + SECONDS_PER_MIB * (size_bytes >> 20), int(BUNDLE_LIMITS.wall_seconds))
    return Limits(
        cpu_seconds=min(2 * seconds, BUNDLE_LIMITS.cpu_seconds),
        wall_seconds=seconds,
        address_space_bytes=BUNDLE_LIMITS.address_space_bytes,
    )


def reason_of(failure: InspectionFailed) -> str:
    """Return why a child failed, as a code that stands with the bundle."""
    if failure.facts.get("status") == TOO_LARGE_STATUS:
        return "too_many_pages"
    return "too_heavy" if failure.facts.get("refused") or failure.facts.get("cause") == "timeout" else "unreadable"
