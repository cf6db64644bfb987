from __future__ import annotations

import json
import struct
import subprocess
import sys
from io import BytesIO

import pikepdf
import pytest
from PIL import Image

from scripts.errors import BundleTooLarge, BundleUnreadable
from scripts.labels import PageCode
from scripts.scanning import extract, read_extracts, read_pages
from scripts.splitting import readings_from_json
from tests.corpus.scans import COMPONENT, Face, Scanner, Side

SCANNER = Scanner(110)
SIDES = [Side("1001", Face.ANSWER, page, 4, coded=True, look=page) for page in (1, 2, 3, 4)]
PAYLOADS = [PageCode("99999", "1001", COMPONENT, 1, page, 4).payload for page in (1, 2, 3, 4)]


@pytest.fixture(scope="module")
def images() -> list[Image.Image]:
    return [SCANNER.image(side) for side in SIDES]


def tiff(images: list[Image.Image], compression: str | None, **options: object) -> bytes:
    written = BytesIO()
    first, *rest = images
    first.save(written, "TIFF", save_all=True, append_images=rest, compression=compression, dpi=(110, 110), **options)
    return written.getvalue()


def as_scanned(image: Image.Image, mode: str) -> Image.Image:
    if mode == "1":
        return image.point(lambda level: 255 if level > 150 else 0).convert("1", dither=Image.Dither.NONE)
    return image.convert(mode)


@pytest.mark.parametrize(
    ("compression", "mode"),
    [
        ("group4", "1"),
        ("group3", "1"),
        ("tiff_lzw", "L"),
        ("tiff_deflate", "L"),
        ("jpeg", "L"),
        ("packbits", "L"),
        (None, "RGB"),
    ],
)
def test_a_tiff_of_every_kind_that_scanners_write_is_read_and_cut(
    images: list[Image.Image], compression: str | None, mode: str
) -> None:
    scan = tiff([as_scanned(image, mode) for image in images[:2]], compression)
    readings = read_pages(scan)
    assert [reading.code for reading in readings] == PAYLOADS[:2]
    assert {(reading.width_px, reading.height_px) for reading in readings} == {SCANNER.size}
    part = extract(scan, [1])
    assert part == extract(scan, [1])
    assert [reading.code for reading in read_pages(part)] == PAYLOADS[1:2]


def test_large_tiffs_have_their_own_directories(images: list[Image.Image]) -> None:
    assert [reading.code for reading in read_pages(tiff(images, "tiff_lzw", big_tiff=True))] == PAYLOADS


def test_pages_are_turned_for_whoever_reads_them_and_their_pictures_stay(images: list[Image.Image]) -> None:
    for scan in (tiff([images[0], images[1].rotate(180)], "tiff_lzw"), _as_pdf([images[0], images[1].rotate(180)])):
        assert [reading.rotation for reading in read_pages(scan)] == [0, 180]
        part = extract(scan, [1, 0], {1: 180})
        with pikepdf.open(BytesIO(part)) as script:
            assert [page.rotation for page in script.pages] == [180, 0]
        assert [reading.rotation for reading in read_pages(part)] == [0, 0]


def _as_pdf(images: list[Image.Image]) -> bytes:
    written = BytesIO()
    images[0].save(written, "PDF", save_all=True, append_images=images[1:], resolution=110)
    return written.getvalue()


def test_a_page_that_says_how_it_is_turned_is_seen_as_it_is_shown(images: list[Image.Image]) -> None:
    for turn, left in ((90, 270), (180, 180), (270, 90)):
        scan = BytesIO()
        with pikepdf.open(BytesIO(_as_pdf(images[:1]))) as bundle:
            bundle.pages[0].Rotate = turn
            bundle.save(scan)
        (reading,) = read_pages(scan.getvalue())
        assert (reading.code, reading.rotation) == (PAYLOADS[0], left)


def test_the_child_reads_a_tiff_line_by_line_and_cuts_it(images: list[Image.Image]) -> None:
    scan = tiff([as_scanned(images[0], "1"), as_scanned(images[1].rotate(180), "1")], "group4")
    command = [sys.executable, "-m", "scripts.scanning"]
    said = subprocess.run(command, input=scan, capture_output=True, timeout=300, check=True)
    assert said.stdout.splitlines()[0] == b'{"version":2,"pages":2}'
    assert readings_from_json(said.stdout) == read_pages(scan)
    wanted = json.dumps({"pages": [[1]], "turns": {"1": 180}})
    cut = subprocess.run([*command, "extract", wanted], input=scan, capture_output=True, timeout=300, check=True)
    assert list(read_extracts(BytesIO(cut.stdout), 1)) == [extract(scan, [1], {1: 180})]


# Hostile files


def directory(fields: list[tuple[int, int, int, int]], following: int) -> bytes:
    packed = b"".join(struct.pack("<HHII", *field) for field in fields)
    return struct.pack("<H", len(fields)) + packed + struct.pack("<I", following)


def fields(width: int, height: int, *, compression: int = 1, strip: int = 8, size: int = 1) -> list[tuple[int, ...]]:
    return [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, compression),
        (262, 3, 1, 1),
        (273, 4, 1, strip),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 4, 1, size),
    ]


def handmade(pages: list[list[tuple[int, ...]]], *, last: int = 0) -> bytes:
    """A TIFF with these directories one after the other; ``last`` is where the chain goes on."""
    data, place = b"", 8
    for number, one in enumerate(pages):
        length = 2 + 12 * len(one) + 4
        following = last if number == len(pages) - 1 else place + length
        data += directory([(a, b, c, d) for a, b, c, d in one], following)
        place += length
    return b"II*\0" + struct.pack("<I", 8) + data + b"\xff" * 10_000


@pytest.mark.parametrize(
    "untrusted",
    [
        b"II*\0",
        b"II*\0\0\0\0\0",
        b"II*\0\xff\xff\xff\x7f",
        b"MM\0*\0\0\0\x08\0\0",
        b"II+\0\x08\0\0\0",
        b"II+\0\x07\0\0\0" + b"\0" * 8,
        handmade([fields(100, 100)], last=8),
        handmade([fields(100, 100), fields(100, 100)], last=8),
        handmade([fields(100, 100) * 60]),
        handmade([fields(100, 100)], last=10**6),
        tiff([Image.new("L", (300, 400), 240)] * 2, "tiff_lzw")[:200],
        handmade([fields(60_000, 60_000)]),
    ],
    ids=[
        "head",
        "no pages",
        "outside",
        "short",
        "big short",
        "big wrong",
        "self",
        "loop",
        "fields",
        "leaves",
        "cut",
        "bomb",
    ],
)
def test_a_tiff_that_is_not_whole_is_refused(untrusted: bytes) -> None:
    with pytest.raises(BundleUnreadable):
        read_pages(untrusted)
    with pytest.raises(BundleUnreadable):
        extract(untrusted, [0])


def test_a_tiff_of_too_many_pages_is_refused_before_any_is_unpacked() -> None:
    with pytest.raises(BundleTooLarge):
        read_pages(handmade([fields(100, 100)] * 1001))


@pytest.mark.fault("att:I14")
@pytest.mark.parametrize(
    "page",
    [
        fields(60_000, 60_000),
        fields(100, 100, compression=34712),
        fields(100, 100, strip=10**8, size=10**6),
        fields(100, 100, compression=5, size=50),
        fields(100, 100, compression=4, size=20),
        fields(100, 100, compression=7, size=60),
        fields(0, 0),
    ],
    ids=["enormous", "strange packing", "outside", "bad LZW", "bad G4", "bad JPEG", "no size"],
)
def test_a_page_that_cannot_be_unpacked_is_unreadable_and_the_others_are_not_lost(page: list[tuple[int, ...]]) -> None:
    scan = handmade([fields(100, 100, size=10_000), page])
    assert [reading.unreadable for reading in read_pages(scan)] == [False, True]
    assert extract(scan, [0])
    with pytest.raises(BundleUnreadable):
        extract(scan, [0, 1])


def test_every_byte_of_a_tiff_may_be_wrong() -> None:
    whole = tiff([Image.new("L", (200, 280), 240), Image.new("L", (200, 280), 250)], "tiff_lzw")
    for place in range(0, len(whole), max(1, len(whole) // 120)):
        spoilt = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        try:
            assert 1 <= len(read_pages(spoilt, workers=1)) <= 2
        except BundleUnreadable:
            continue
