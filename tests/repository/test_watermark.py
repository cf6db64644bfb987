"""The line on the picture of a page."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from PIL import Image, ImageChops

from repository import watermark

NOW = datetime(2026, 5, 20, 10, 5, tzinfo=UTC)


def page(colour: str, size: tuple[int, int] = (1240, 1754)) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, colour).save(made, "JPEG")
    return made.getvalue()


def test_it_says_who_and_when_and_no_name() -> None:
    assert watermark.words_of("3f2a9c1b-0000-4000-8000-000000000000", NOW) == "3f2a9c1b  2026-05-20 10:05 UTC"


def test_it_stands_at_the_foot_and_the_edge_on_light_and_on_dark_and_leaves_the_page_alone() -> None:
    words = watermark.words_of("3f2a9c1b", NOW)
    for colour in ("white", "black"):
        before = Image.open(io.BytesIO(page(colour)))
        after = Image.open(io.BytesIO(watermark.marked(page(colour), words)))
        assert (after.size, after.mode) == (before.size, "RGB")
        changed = ImageChops.difference(before, after).convert("L").point(lambda value: 255 if value > 60 else 0)
        box = changed.crop((0, 0, 1180, 1690)).getbbox()
        assert box is None, box
        assert changed.crop((0, 1690, 600, 1754)).getbbox() is not None
        assert changed.crop((1180, 0, 1240, 600)).getbbox() is not None


def test_a_small_picture_is_marked_as_well() -> None:
    assert Image.open(io.BytesIO(watermark.marked(page("white", (40, 30)), "x" * 40))).size == (40, 30)
