"""What was chosen: without what computers keep for themselves, in one order on every disc."""

from __future__ import annotations

from itertools import permutations

from .conftest import Ask

IN_ORDER = ["Media/9_b.pdf", "Media/10 Adams/work.pdf", "Media/10_a.pdf"]


def test_files_come_in_the_order_of_their_paths_however_the_disc_lists_them(ask: Ask) -> None:
    for paths in permutations(["Media/Thumbs.db", *IN_ORDER]):
        assert ask(special="meant", paths=paths) == {"meant": IN_ORDER, "hidden": ["Thumbs.db"]}
