"""What the store holds at the end: bytes on the disk, and nothing of them readable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

SEGMENT_BYTES = 4 * 1024 * 1024


def bytes_in(folder: Path) -> tuple[int, int]:
    """Return how many files a folder holds, and their size in bytes."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)


def files_with(folder: Path, wanted: Sequence[bytes]) -> list[str]:
    """Return the names of files in which any of the texts occurs, read in overlapping stretches."""
    overlap = max(len(text) for text in wanted)
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and _holds(path, wanted, overlap)
    ]


def _holds(path: Path, wanted: Sequence[bytes], overlap: int) -> bool:
    before = b""
    with path.open("rb") as file:
        while piece := file.read(SEGMENT_BYTES):
            stretch = before + piece
            if any(text in stretch for text in wanted):
                return True
            before = stretch[-overlap:]
    return False
