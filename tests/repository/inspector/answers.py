"""Asking the real child in its real sandbox, and taking its frames apart."""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator, Iterator
from typing import Any

from repository.inspection import Inspection, Limits
from repository.inspection.children import CHILD

VERDICT_BYTES = 64 * 1024
FRAMES_BYTES = 64 * 1024 * 1024


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    """A file as it comes from the store."""
    for start in range(0, len(data), 1 << 16):
        yield data[start : start + (1 << 16)]


async def inspected(inspection: Inspection, data: bytes, limits: Limits) -> Any:
    """What the child says of a file."""
    return json.loads(await inspection.run([*CHILD, "inspect"], pieces(data), VERDICT_BYTES, limits))


async def derived(
    inspection: Inspection, data: bytes, kind: str, limits: Limits, *, first: int = 1, count: int = 2, width: int = 400
) -> list[tuple[str, Any]]:
    """The frames of some pages: letter and payload, a page as width, height and pixels."""
    asked = ["derive", "--kind", kind, "--first", str(first), "--count", str(count), "--width", str(width)]
    answer = await inspection.run([*CHILD, *asked], pieces(data), FRAMES_BYTES, limits)
    return list(frames(answer))


def frames(answer: bytes) -> Iterator[tuple[str, Any]]:
    """Take an answer apart; what does not fit the shape fails here."""
    at = 0
    while at < len(answer):
        letter, size = answer[at : at + 1].decode(), struct.unpack_from(">I", answer, at + 1)[0]
        payload = answer[at + 5 : at + 5 + size]
        assert len(payload) == size
        at += 5 + size
        if letter == "P":
            width, height = struct.unpack_from(">II", payload)
            assert len(payload) == 8 + 3 * width * height
            yield letter, (width, height, payload[8:])
        else:
            yield letter, json.loads(payload) if letter in "TN" else payload
