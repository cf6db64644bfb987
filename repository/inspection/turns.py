"""Films are made playable by turns: one can take hours, and other files must not wait behind it."""

from __future__ import annotations

import os


class Turns:
    """So many places; whoever finds none comes again later.

    Takes: ``places``; by default half of the processors, at least one: the other workers go on with other files.
    """

    def __init__(self, places: int | None = None) -> None:
        self._free = places if places is not None else max(1, len(os.sched_getaffinity(0)) // 2)

    def take(self) -> bool:
        """Take a place; returns False if there is none. Whoever took one gives it back."""
        if self._free == 0:
            return False
        self._free -= 1
        return True

    def give(self) -> None:
        """Give a place back."""
        self._free += 1
