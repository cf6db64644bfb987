"""What is printed is read back from pictures of the paper by two decoders, one of which is none of ours (``zbarimg``)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageDraw

from scripts.errors import LabelRefused, UnreadableCover
from scripts.labels import PacketLabel, PageCode, ScriptCover, read_code
from scripts.register_sheets import RegisterRow, RegisterSheet, is_register_code, register_pdf
from scripts.sheets import LabelPaper, answer_sheets_pdf, covers_pdf, labels_pdf, printable

FIRST = PacketLabel("99999", "6A26", "H446/01", 1, 2)
LONGEST = PacketLabel("99999", "CZ26", "ABCDEFGHIJ/K", 999, 999, issue=99)
LABELS = [
    LabelPaper(FIRST, "1001–1025", "15 May 2026 AM"),
    LabelPaper(FIRST.reissued(), "1001–1025", "15 May 2026 AM", is_emergency=True, copy=2),
    LabelPaper(LONGEST, "1026", "16 May 2026 PM", "This sitting: packet 999 only"),
]
COVERS = [ScriptCover("99999", "1001", "H446/01", number, 2) for number in (1, 2)]
PAGES = [PageCode("99999", "1001", "H446/01", 1, page, 16) for page in (3, 4)]
REGISTER = RegisterSheet(
    "99999",
    "Ysgol Ŵyn",
    "6A26",
    "H446/01",
    "Computer systems",
    date(2026, 5, 15),
    "AM",
    tuple(
        RegisterRow(
            f"{place}", f"{1000 + place}", f"SURNAME{place} Zoë Ŵ", ("present", "absent", "withdrawn")[place % 3]
        )
        for place in range(1, 31)
    ),
)
Decoder = Callable[[Image.Image, Path], set[str]]


def pictures(pdf: bytes, dpi: int) -> list[Image.Image]:
    document = pypdfium2.PdfDocument(pdf)
    found = []
    for page in document:
        found.append(page.render(scale=dpi / 72, grayscale=True).to_pil().convert("L"))
        page.close()
    document.close()
    return found


def by_zxing(picture: Image.Image, _folder: Path) -> set[str]:
    return {code.text for code in zxingcpp.read_barcodes(picture)}


def by_zbar(picture: Image.Image, folder: Path) -> set[str]:
    """Ask Debian's zbar-tools, which share no code with what the service reads by."""
    path = folder / "page.png"
    picture.save(path, compress_level=1)
    done = subprocess.run(
        ["/usr/bin/zbarimg", "--quiet", "--raw", "--nodbus", str(path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode in {0, 4}, done.stderr  # 4: nothing was found
    return set(done.stdout.split())


PRINTED = {
    "labels": (labels_pdf(LABELS), [{paper.label.payload for paper in LABELS}]),
    "covers": (covers_pdf(COVERS, series="June 2026"), [{cover.payload} for cover in COVERS]),
    "answer pages": (answer_sheets_pdf(PAGES, series="June 2026"), [{page.payload} for page in PAGES]),
    "register": (register_pdf(REGISTER), [{REGISTER.payload(page, 2)} for page in (1, 2)]),
}


@pytest.mark.parametrize("decoder", [by_zxing, by_zbar])
@pytest.mark.parametrize("dpi", [150, 300])
@pytest.mark.parametrize("what", PRINTED)
def test_what_is_printed_is_read_back(what: str, dpi: int, decoder: Decoder, tmp_path: Path) -> None:
    pdf, payloads = PRINTED[what]
    assert [decoder(picture, tmp_path) for picture in pictures(pdf, dpi)] == payloads


SPOILT = {
    "covers": (0, 560, 1240, 960),
    "answer pages": (960, 0, 1240, 300),
    "register": (900, 0, 1240, 250),
}
"""Of the first page at 150 dpi: where the paper is torn away. Each code stands on it twice."""


@pytest.mark.parametrize("decoder", [by_zxing, by_zbar])
@pytest.mark.parametrize("what", ["covers", "answer pages", "register"])
def test_a_torn_page_is_read_by_its_other_code(what: str, decoder: Decoder, tmp_path: Path) -> None:
    pdf, payloads = PRINTED[what]
    (picture, *_) = pictures(pdf, 150)
    ImageDraw.Draw(picture).rectangle(SPOILT[what], fill=255)
    assert decoder(picture, tmp_path) == payloads[0]


@pytest.mark.parametrize("decoder", [by_zxing, by_zbar])
def test_a_torn_label_is_read_by_either_of_its_codes(decoder: Decoder, tmp_path: Path) -> None:
    for torn in ((0, 250, 1240, 500), (980, 20, 1240, 240)):
        (picture,) = pictures(labels_pdf(LABELS[:1]), 150)
        ImageDraw.Draw(picture).rectangle(torn, fill=0)
        assert decoder(picture, tmp_path) == {FIRST.payload}


@pytest.mark.parametrize("decoder", [by_zxing, by_zbar])
def test_a_page_that_is_printed_again_and_scanned_grey_and_askew_is_read(decoder: Decoder, tmp_path: Path) -> None:
    (first, *_) = pictures(PRINTED["answer pages"][0], 300)
    copied = first.resize((first.width // 2, first.height // 2)).point(lambda value: 60 + value // 2)
    assert decoder(copied.rotate(3, fillcolor=187), tmp_path) == {PAGES[0].payload}
    assert decoder(copied.rotate(180), tmp_path) == {PAGES[0].payload}


def test_every_payload_is_one_that_we_read() -> None:
    assert [read_code(paper.label.payload) for paper in LABELS] == [paper.label for paper in LABELS]
    assert [read_code(page.payload) for page in PAGES] == PAGES
    assert is_register_code(REGISTER.payload(1, 2))
    assert not is_register_code(FIRST.payload)
    with pytest.raises(UnreadableCover):
        is_register_code(REGISTER.payload(1, 2)[:-1] + "!")


def test_what_is_special_about_a_label_stands_on_it() -> None:
    assert LABELS[0].warnings == ()
    assert LABELS[1].warnings == (
        "EMERGENCY LABEL, issue 2, single use",
        "PRINTED AGAIN (2): destroy the earlier print",
    )
    assert LabelPaper(FIRST.reissued()).warnings == ("Issue 2: earlier labels of this packet are void",)


def test_the_words_on_paper_are_the_right_ones() -> None:
    document = pypdfium2.PdfDocument(PRINTED["register"][0])
    page = document[0]
    text = page.get_textpage().get_text_range()
    page.close()
    document.close()
    for words in ("Attendance register, page 1 of 2", "H446/01 Computer systems", "SURNAME3 Zoë W", "Struck out"):
        assert words in text
    assert printable("Ŵyn 漢 Zoë") == "Wyn ? Zoë"


def test_nothing_is_not_printed_and_the_same_gives_the_same_bytes() -> None:
    with pytest.raises(LabelRefused):
        answer_sheets_pdf([])
    assert register_pdf(REGISTER) == PRINTED["register"][0]
    assert answer_sheets_pdf(PAGES, lined=False) != answer_sheets_pdf(PAGES)
