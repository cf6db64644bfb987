from __future__ import annotations

import random
from io import BytesIO

import pytest
from PIL import Image, ImageDraw
from zxingcpp import BarcodeFormat, create_barcode

from scripts.labels import PageCode
from scripts.page_images import Picture, read_again, read_picture
from scripts.readings import PageReading
from scripts.scanning import read_pages
from tests.corpus.scans import COMPONENT, PAPER, Face, Scanner, Side, State, pdf

SCANNER, FINE = Scanner(150), Scanner(300)


def read(image: Image.Image, *, thorough: bool = False, dpi: float = 150) -> PageReading:
    written = BytesIO()
    image.save(written, "JPEG", quality=75)
    picture = Picture(0, written.getvalue(), None, dpi=dpi)
    reading = read_picture(picture)
    return read_again(picture, reading) if thorough else reading


def written(look: int = 1, **more: object) -> Image.Image:
    return SCANNER.image(Side("1001", Face.ANSWER, 1, 4, look=look, **more))


def blank(**more: object) -> Image.Image:
    return SCANNER.image(Side("1001", Face.BLANK, **more))


@pytest.mark.fault("att:I07")
@pytest.mark.parametrize("state", [State.PLAIN, State.GREY, State.SHADOW, State.HOLES])
def test_neither_grey_paper_nor_folds_nor_holes_nor_what_shines_through_is_writing(state: State) -> None:
    assert read(blank(state=state)).blank
    assert not read(written(state=state)).blank


def test_a_single_word_a_faint_line_and_a_dark_spot_in_the_middle_are_not_blank() -> None:
    page = blank()
    ImageDraw.Draw(page).line([(300 + 12 * n, 500 + 14 * (n % 2)) for n in range(12)], fill=70, width=3)
    assert not read(page).blank
    page = blank()
    ImageDraw.Draw(page).line([(200 + 12 * n, 900 + 14 * (n % 2)) for n in range(60)], fill=170, width=3)
    assert not read(page).blank
    page = blank()
    ImageDraw.Draw(page).ellipse((600, 800, 640, 840), fill=30)
    assert not read(page).blank


@pytest.mark.fault("att:I07")
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_code_says_how_to_turn_the_page(turn: int) -> None:
    page = SCANNER.image(Side("1001", Face.ANSWER, 1, 4, coded=True, look=3))
    reading = read(page.rotate(-turn, expand=True))
    assert reading.code == PageCode("99999", "1001", COMPONENT, 1, 1, 4).payload
    assert reading.rotation == (360 - turn) % 360
    assert ("turned" in reading.notes) == bool(turn)


def test_written_lines_say_which_way_up_a_page_without_a_code_is_or_that_nobody_can_tell() -> None:
    upright = [read(written(look)) for look in range(8)]
    over = [read(written(look).rotate(180)) for look in range(8)]
    assert {reading.rotation for reading in upright} == {0}
    turned = [reading for reading in over if reading.rotation == 180]
    assert len(turned) >= 3
    assert all("turn_unknown" in reading.notes for reading in over if reading not in turned)
    side = read(written(1).rotate(90, expand=True))
    assert {"turn_unknown", "on_its_side"} <= set(side.notes)


@pytest.mark.parametrize(
    ("change", "dpi", "note"),
    [
        (lambda level: level // 4, 150, "too_dark"),
        (lambda level: 255 - (255 - level) // 7, 150, "too_light"),
        (lambda level: PAPER - (PAPER - level) // 5, 150, "low_contrast"),
        (lambda level: level * 3 // 4, 150, "grey_paper"),
        (lambda level: level, 120, "low_resolution"),
        (lambda level: level, 72, "too_coarse"),
    ],
)
def test_what_is_wrong_with_an_image_is_said_by_a_code(change: object, dpi: float, note: str) -> None:
    reading = read(written().point(change), dpi=dpi)
    assert note in reading.notes
    assert reading.rejected == note.startswith("too_")


def test_a_sound_page_is_never_rejected() -> None:
    for state in (State.PLAIN, State.GREY, State.SHADOW, State.PALE, State.HOLES):
        assert not read(written(state=state)).rejected


def test_skew_is_noted_and_a_cover_sheet_that_runs_off_the_page() -> None:
    assert "skewed" in read(written(skew=3.0)).notes
    assert "skewed" not in read(written()).notes
    cover = SCANNER.image(Side("1001", Face.COVER, state=State.SPOILT))
    assert "cut_off" not in read(cover).notes
    reading = read(cover.crop((120, 0, cover.width, cover.height)))
    assert reading.mark
    assert "cut_off" in reading.notes


@pytest.mark.fault("att:I07")
def test_most_pages_scanned_twice_are_known_and_no_two_pages_are_taken_for_one() -> None:
    first = [read(written(look)) for look in range(10)]
    known = 0
    for look, reading in enumerate(first):
        again = written(look).rotate(0.2, resample=Image.Resampling.BICUBIC, fillcolor=PAPER)
        moved = Image.new("L", again.size, PAPER)
        moved.paste(again, (random.Random(look).randint(-3, 3), 3))
        twice = read(moved)
        assert twice.sha256 != reading.sha256
        known += twice.looks_like(reading)
        assert [other for other, one in enumerate(first) if one.looks_like(reading)] == [look]
    assert known >= 7


@pytest.mark.fault("att:I10")
def test_codes_of_other_boards_are_seen_whatever_their_kind() -> None:
    seen = {read(SCANNER.image(Side(None, Face.FOREIGN, look=look))).code for look in range(5)}
    assert seen == {
        "AQA-7517-1-0042",
        "PEARSON9MA0",
        "WJEC/1300U10-1/00412",
        "20417530016842",
        "https://example.org/p/1",
    }


def test_whether_codes_of_all_boards_are_sought_at_once_the_reading_is_the_same() -> None:
    with_both = SCANNER.image(Side("1001", Face.ANSWER, 1, 4, coded=True, look=3))
    foreign = SCANNER.image(Side(None, Face.FOREIGN, look=1)).resize((400, 560))
    with_both.paste(foreign, (700, 900))
    tiny = blank()
    tiny.paste(Image.fromarray(create_barcode("674", BarcodeFormat.MicroQRCode).to_image(scale=6)), (300, 300))
    pages = [SCANNER.image(Side(None, Face.FOREIGN, look=look)) for look in range(5)]
    pages += [written(look=look) for look in range(4)] + [written(state=State.UPSIDE_DOWN), blank(), with_both, tiny]
    pages += [SCANNER.image(Side("1001", Face.COVER, state=state)) for state in (State.PLAIN, State.SPOILT)]
    codes = set()
    for page in pages:
        target = BytesIO()
        page.save(target, "JPEG", quality=75)
        picture = Picture(0, target.getvalue(), None, dpi=150)
        reading = read_picture(picture)
        assert read_picture(picture, all_codes_at_once=True) == reading
        codes.add(len(reading.codes))
    assert codes == {0, 1}


def small_code() -> Image.Image:
    """A page whose code is printed so small that only the whole picture shows it."""
    page = FINE.image(Side("1001", Face.ANSWER, 1, 4, look=2))
    code = FINE._two_d(PageCode("99999", "1001", COMPONENT, 1, 1, 4).payload, 7)
    page.paste(code, (200, 200))
    return page


@pytest.mark.fault("att:I09")
def test_a_page_that_gave_nothing_is_looked_at_thoroughly_once_a_page_of_the_bundle_has_a_code() -> None:
    hard, easy = small_code(), FINE.image(Side("1001", Face.ANSWER, 2, 4, coded=True, look=4))
    assert read(hard, dpi=300).codes == ()
    assert read(hard, thorough=True, dpi=300).code == PageCode("99999", "1001", COMPONENT, 1, 1, 4).payload
    jpegs = []
    for image in (hard, easy, hard):
        target = BytesIO()
        image.save(target, "JPEG", quality=75)
        jpegs.append(target.getvalue())
    assert [len(reading.codes) for reading in read_pages(pdf(jpegs, FINE.size, 300), workers=1)] == [1, 1, 1]
    many = [jpegs[0]] * 5 + [jpegs[1]]
    assert {len(reading.codes) for reading in read_pages(pdf(many, FINE.size, 300), workers=1)} == {1}
