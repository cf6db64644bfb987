"""What a child may use that turns an office document into a PDF, or makes a recording anew."""

from __future__ import annotations

from repository.inspection.children import Limits

OFFICE = Limits(
    cpu_seconds=60,
    wall_seconds=150,
    address_space_bytes=2 * 1024**3,
    file_size_bytes=256 * 1024**2,
    open_files=256,
    scratch_bytes=768 * 1024**2,
    also_shown=("/etc/fonts", "/etc/libreoffice", "/var/cache/fontconfig"),
)
"""LibreOffice takes about a second, 220 MB and a profile of 200 kB; what takes more than this is no coursework."""
PDF_LIMIT_BYTES = 200 * 1024**2
"""The PDF of an office document is in the worker's memory while its pages are drawn."""

INDEX_MAY_COME_LAST = frozenset(("audio/mp4", "video/mp4", "video/quicktime", "video/3gpp"))
"""Recordings whose index may stand at their end. The child, which cannot go back, is given them twice: it keeps the index of
the first reading, and the second goes through it with the index before."""
DURATION_LIMIT_SECONDS = 4 * 3600
START_SECONDS = 120
CPU_OF_ONE_SECOND = {"audio": 0.2, "video": 8.0}
"""What making a second of a recording anew may cost: a film of 4K by a slow coder is the worst that is taken."""
LEAST_BYTES_OF_ONE_SECOND = {"audio": 1_000, "video": 16_000}
"""Where a recording does not say how long it is, no more is believed than these would make of its size."""
MOST_BYTES_OF_ONE_SECOND = 400_000
ADDRESS_SPACE_BYTES = 3 * 1024**3


def seconds_of(media_type: str, size_bytes: int, said_seconds: float) -> float:
    """Return how long a recording may be: as it says, or as its size allows where it says nothing (zero)."""
    family = media_type.partition("/")[0]
    return min(said_seconds or size_bytes / LEAST_BYTES_OF_ONE_SECOND[family], DURATION_LIMIT_SECONDS)


def recording(media_type: str, seconds: float) -> Limits:
    """Return what making a recording of this length anew may use."""
    cpu = round(START_SECONDS + CPU_OF_ONE_SECOND[media_type.partition("/")[0]] * seconds)
    return Limits(cpu_seconds=cpu, wall_seconds=START_SECONDS + 2 * cpu, address_space_bytes=ADDRESS_SPACE_BYTES)


def output_bytes(size_bytes: int, seconds: float) -> int:
    """Return how many bytes a recording that was made anew may have: copied, or coded at no more than our rate."""
    return 2 * size_bytes + round(MOST_BYTES_OF_ONE_SECOND * seconds) + 64 * 1024**2
