"""What the child says of pages: their words, blank ones, turned ones; and that pictures are turned as they were taken."""

from __future__ import annotations

import io
import itertools
import json
import random
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont
from pypdf import PdfReader, PdfWriter
from reportlab.pdfgen.canvas import Canvas

from repository.inspector import images, pdf, text
from tests.corpus.pictures import camera

LINE = "The quick brown fox jumps over the lazy dog"


def written(angle: int = 0, turned: int = 0, lines: int = 20) -> bytes:
    """A page whose text is drawn at an angle, on a page that is shown turned."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=(595, 842))
    canvas.translate(297, 421)
    canvas.rotate(angle)
    canvas.translate(-297, -421)
    for line in range(lines):
        canvas.drawString(150, 560 - line * 14, LINE)
    canvas.showPage()
    canvas.save()
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(target.getvalue())))
    writer.pages[0].rotate(turned)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def notes(data: bytes) -> list[str]:
    found = pdf.derive(data, "application/pdf", 1, 1, 400)
    return [json.loads(payload)["code"] for letter, payload in found if letter == b"N"]


def words(data: bytes) -> list[Any]:
    found = pdf.derive(data, "application/pdf", 1, 1, 400)
    (payload,) = [payload for letter, payload in found if letter == b"T"]
    return list(json.loads(payload)["words"])


@pytest.mark.parametrize(("angle", "turned"), list(itertools.product((0, 90, 180, 270), repeat=2)))
def test_a_page_whose_text_does_not_stand_upright_is_noted(angle: int, turned: int) -> None:
    way = (angle - turned) % 360
    expected = {0: [], 90: ["sideways"], 180: ["upside-down"], 270: ["sideways"]}[way]
    assert notes(written(angle, turned)) == expected


@pytest.mark.parametrize(("angle", "lines"), [(5, 20), (45, 20), (30, 20), (0, 1), (0, 60)])
def test_a_page_that_stands_upright_or_aslant_is_not(angle: int, lines: int) -> None:
    assert notes(written(angle, 0, lines)) == []


def test_a_page_with_a_few_turned_words_is_not() -> None:
    """A label at the side of a chart turns no page."""
    target = io.BytesIO()
    canvas = Canvas(target)
    for line in range(5):
        canvas.drawString(72, 700 - 14 * line, LINE)
    canvas.rotate(90)
    canvas.drawString(300, -40, "Height in metres")
    canvas.save()
    assert notes(target.getvalue()) == []


@pytest.mark.parametrize(("angle", "turned"), [(0, 0), (90, 90), (180, 180), (270, 270), (0, 180)])
def test_words_lie_where_they_are_seen(angle: int, turned: int) -> None:
    found = words(written(angle, turned, 3))
    assert [word[4] for word in found] == LINE.split() * 3
    picture = next(
        payload for letter, payload in pdf.derive(written(angle, turned, 3), "", 1, 1, 1000) if letter == b"P"
    )
    width, height = (int.from_bytes(picture[at : at + 4], "big") for at in (0, 4))
    seen = Image.frombytes("RGB", (width, height), picture[8:]).convert("L")
    for x, y, wide, high, _ in found:
        box = (x * width // 1000, y * height // 1000, (x + wide) * width // 1000, (y + high) * height // 1000)
        assert seen.crop(box).getextrema()[0] < 128, "no ink where a word is said to be"
        seen.paste(255, tuple(side + add for side, add in zip(box, (-4, -6, 4, 6), strict=True)))
    assert seen.getextrema()[0] > 128, "ink where no word is said to be"


def test_words_that_hide_or_turn_what_is_read_lose_those_signs() -> None:
    found = list(text.derive("mark \u202ekram\u2069 a\u200bb".encode(), "text/plain", 1, 1, 400))
    (payload,) = [payload for letter, payload in found if letter == b"T"]
    assert [word[4] for word in json.loads(payload)["words"]] == ["mark", "kram", "ab"]


def test_a_page_of_very_many_words_stays_within_its_bounds() -> None:
    target = io.BytesIO()
    canvas = Canvas(target)
    canvas.setFont("Helvetica", 1)
    for line in range(800):
        canvas.drawString(0, line, "word " * 100)
    canvas.save()
    found = words(target.getvalue())
    assert 1_000 < len(found) < 20_000
    assert len(json.dumps(found)) < 512 * 1024


def paper(level: int, grain: float, shade: int = 0) -> Image.Image:
    """Scanned paper: not quite white, grainy, darker towards one end; the same grain each time."""
    chance = random.Random(level)
    image = Image.new("L", (1240, 1754))
    tile = Image.frombytes(
        "L", (620, 877), bytes(max(0, min(255, round(chance.gauss(level, grain)))) for _ in range(620 * 877))
    )
    for across, down in itertools.product(range(2), range(2)):
        image.paste(tile, (620 * across, 877 * down))
    if shade:
        darker = Image.linear_gradient("L").resize(image.size).point(lambda value: value * shade // 255)
        image = Image.blend(image, Image.composite(Image.new("L", image.size, level - shade), image, darker), 0.5)
    return scanned(image)


def scanned(image: Image.Image) -> Image.Image:
    target = io.BytesIO()
    image.convert("RGB").save(target, "JPEG", quality=60)
    return Image.open(io.BytesIO(target.getvalue())).convert("RGB")


PAPERS = [(255, 0, 0), (250, 3, 0), (240, 8, 8), (225, 15, 8), (200, 8, 0)]


@pytest.mark.parametrize("kind", PAPERS, ids=str)
def test_blank_paper_is_noted_and_one_pale_line_of_writing_is_not(kind: tuple[int, int, int]) -> None:
    sheet = paper(*kind)
    assert images.is_blank(sheet)
    for size, ink, said in itertools.product((14, 30), (0, 60, 110), ("7.", "Page 3", LINE)):
        page = sheet.copy()
        ImageDraw.Draw(page).text((500, 900), said, fill=(ink,) * 3, font=ImageFont.load_default(size))
        assert not images.is_blank(scanned(page)), (size, ink, said)


@pytest.mark.parametrize("colour", ["yellow", "lightyellow", "mistyrose", "lightcyan"])
def test_a_pale_drawing_is_not_called_blank(colour: str) -> None:
    """What is pale in grey may be plain in one colour."""
    sheet = Image.new("RGB", (1240, 1754), "white")
    ImageDraw.Draw(sheet).line((200, 200, 900, 1500), fill=colour, width=8)
    assert not images.is_blank(scanned(sheet))


def test_a_blank_page_of_a_pdf_is_noted_and_one_with_a_word_is_not() -> None:
    target = io.BytesIO()
    canvas = Canvas(target)
    canvas.showPage()
    canvas.drawString(72, 700, "x")
    canvas.showPage()
    canvas.save()
    found = [json.loads(payload) for letter, payload in pdf.derive(target.getvalue(), "", 1, 2, 400) if letter == b"N"]
    assert found == [{"page": 1, "code": "blank"}]


@pytest.mark.fault("att:B18")
@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_a_photo_is_turned_as_the_camera_was_held_and_says_nothing_of_it(turn: int) -> None:
    """The red corner is at the top left of what the camera saw."""
    found = list(images.derive(camera(turn), "image/jpeg", 1, 1, 320))
    payload = found[0][1]
    width, height = (int.from_bytes(payload[at : at + 4], "big") for at in (0, 4))
    assert (width > height) == (turn in {1, 3})
    seen = Image.frombytes("RGB", (width, height), payload[8:])
    corner = {1: (0.3, 0.3), 3: (0.7, 0.7), 6: (0.7, 0.3), 8: (0.3, 0.7)}[turn]
    red, green, _ = seen.getpixel((int(corner[0] * width), int(corner[1] * height)))
    assert red > green + 60
    assert b"CANARY" not in b"".join(payload for _, payload in found)


def test_pages_that_are_not_there_are_not_drawn() -> None:
    assert list(pdf.derive(written(), "", 2, 5, 100)) == []
    assert list(images.derive(camera(), "image/jpeg", 2, 5, 100)) == []
    assert list(text.derive(b"hello", "text/plain", 2, 5, 100)) == []
