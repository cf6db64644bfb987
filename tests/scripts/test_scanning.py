from __future__ import annotations

import json
import subprocess
import sys
from io import BytesIO

import pikepdf
import pypdfium2
import pytest
from PIL import Image

from scripts.errors import BundleTooLarge, BundleUnreadable
from scripts.labels import PacketLabel, ScriptCover
from scripts.scanning import extract, main, read_extracts, read_pages
from scripts.splitting import Counts, Duplex, Expectation, QueueReason, ScriptKey, readings_from_json, split
from tests.scripts import bundles

LABEL = PacketLabel("99999", "6A26", "H446/01", 1, 1)


def payload(candidate: str) -> str:
    return ScriptCover("99999", candidate, "H446/01").payload


@pytest.fixture(scope="module")
def pages() -> list[Image.Image]:
    return [
        bundles.header(LABEL),
        bundles.cover("1001"),
        bundles.written(1),
        bundles.blank(1),
        bundles.noisy(bundles.skewed(bundles.cover("1002"), 3), 1),
        bundles.noisy(bundles.skewed(bundles.written(2), -3), 2),
        bundles.written(3, lines=1),
        bundles.skewed(bundles.cover("1003"), -3).rotate(180),
        bundles.written(4),
        bundles.spoilt(bundles.skewed(bundles.cover("1004"), 2)),
        bundles.written(5),
        bundles.cover("1005").rotate(90, expand=True),
        bundles.written(6),
        bundles.foreign(),
        bundles.written(7),
    ]


@pytest.mark.fault("att:I07", "att:I09", "att:I10")
@pytest.mark.parametrize("writer", [bundles.bundle, bundles.drawn])
def test_a_scanned_bundle_is_read_and_split(pages: list[Image.Image], writer: object) -> None:
    assert callable(writer)
    readings = read_pages(writer(pages))
    assert [reading.code for reading in readings if reading.codes] == [
        LABEL.payload,
        *(payload(number) for number in ("1001", "1002", "1003", "1005")),
        "AQA-7517-1-0042",
    ]
    assert [reading.index for reading in readings if reading.blank] == [3]
    assert [reading.index for reading in readings if reading.mark] == [9]
    candidates = frozenset(ScriptKey("99999", "H446/01", f"{number}") for number in range(1001, 1006))
    counts = Counts(sheets=len(pages), booklets=5, duplex=Duplex.NONE)
    found = split(readings, Expectation("6A26", candidates, labels=frozenset({LABEL.payload}), counts=counts))
    assert {script.key.candidate_number: script.pages for script in found.scripts} == {
        "1001": (1, 2),
        "1002": (4, 5, 6),
        "1003": (7, 8),
        "1005": (11, 12),
    }
    assert found.queues == {
        QueueReason.BLANK: (3,),
        QueueReason.UNREADABLE_COVER: (9, 10),
        QueueReason.FOREIGN_CODE: (13, 14),
    }


def test_a_page_drawn_rather_than_scanned_is_rendered_and_read() -> None:
    from scripts.sheets import covers_pdf

    readings = read_pages(
        covers_pdf([ScriptCover("99999", "1001", "H446/01"), ScriptCover("99999", "1002", "H446/01")])
    )
    assert [reading.code for reading in readings] == [payload("1001"), payload("1002")]


def test_three_hundred_dots_to_the_inch() -> None:
    scan = bundles.bundle(
        [bundles.skewed(bundles.cover("1001", dpi=300), 3), bundles.written(1, size=(2480, 3508))], dpi=300
    )
    first, second = read_pages(scan)
    assert (first.code, first.width_px) == (payload("1001"), 2481)
    assert (second.codes, second.blank, second.mark) == ((), False, False)


def test_the_pages_of_a_script_are_cut_out_unchanged(pages: list[Image.Image]) -> None:
    scan = bundles.bundle(pages[:6])
    whole = read_pages(scan)
    part = extract(scan, [4, 5])
    assert [reading.sha256 for reading in read_pages(part)] == [whole[4].sha256, whole[5].sha256]
    assert part == extract(scan, [4, 5])
    assert len(part) < len(scan)
    document = pypdfium2.PdfDocument(part)
    assert len(document) == 2
    document.close()
    for bad in ([], [6], [-1]):
        with pytest.raises(BundleUnreadable):
            extract(scan, bad)


def test_what_could_act_is_left_behind() -> None:
    written = BytesIO()
    with pikepdf.open(BytesIO(bundles.bundle([bundles.written(1)]))) as scan:
        action = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
        scan.Root.OpenAction = action
        scan.pages[0].obj.AA = pikepdf.Dictionary(O=action)
        scan.save(written)
    assert b"JavaScript" in written.getvalue()
    assert b"JavaScript" not in extract(written.getvalue(), [0])


def encrypted() -> bytes:
    written = BytesIO()
    with pikepdf.open(BytesIO(bundles.bundle([bundles.written(1)]))) as scan:
        scan.save(written, encryption=pikepdf.Encryption(owner="o", user="u"))
    return written.getvalue()


@pytest.mark.parametrize(
    "untrusted",
    [
        b"",
        b"%PDF-",
        b"not a pdf",
        b"%PDF-1.7\n" + b"\0" * 1000,
        encrypted(),
        bundles.bundle([bundles.written(1)])[:-400],
    ],
    ids=["empty", "header", "text", "zeros", "encrypted", "truncated"],
)
def test_a_file_that_cannot_be_trusted_to_be_whole_is_refused(untrusted: bytes) -> None:
    with pytest.raises(BundleUnreadable):
        read_pages(untrusted)


def test_too_many_pages_are_refused() -> None:
    written = BytesIO()
    with pikepdf.new() as scan:
        for _ in range(1001):
            scan.add_blank_page()
        scan.save(written)
    with pytest.raises(BundleTooLarge):
        read_pages(written.getvalue())


@pytest.mark.fault("att:I14")
def test_one_broken_picture_does_not_lose_the_others() -> None:
    scan = bundles.bundle([bundles.cover("1001"), bundles.written(1), bundles.written(2)])
    written = BytesIO()
    with pikepdf.open(BytesIO(scan)) as document:
        image = next(iter(document.pages[1].resources.XObject.values()))
        image.write(image.read_raw_bytes()[:200], filter=pikepdf.Name.DCTDecode)
        document.save(written)
    readings = read_pages(written.getvalue())
    assert [reading.unreadable for reading in readings] == [False, True, False]


def test_the_child_process_says_what_is_on_the_pages_and_cuts_them_out() -> None:
    scan = bundles.bundle([bundles.cover("1001"), bundles.written(1)])
    command = [sys.executable, "-m", "scripts.scanning"]
    said = subprocess.run(command, input=scan, capture_output=True, timeout=300, check=True)
    assert readings_from_json(said.stdout) == read_pages(scan)
    wanted = json.dumps({"pages": [[0, 1], [1]]})
    cut = subprocess.run([*command, "extract", wanted], input=scan, capture_output=True, timeout=300, check=True)
    parts = list(read_extracts(BytesIO(cut.stdout), 2))
    assert parts == [extract(scan, [0, 1]), extract(scan, [1])]
    with pytest.raises(BundleUnreadable):
        list(read_extracts(BytesIO(cut.stdout[:-1]), 2))


@pytest.mark.parametrize(
    "arguments", [[], ["extract", "{"], ["extract", '{"pages": [[9]]}'], ["extract", "[]"], ["delete"]]
)
def test_the_child_refuses_with_one_word(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    source = b"rubbish" if not arguments else bundles.bundle([bundles.written(1)])
    sink = BytesIO()
    assert main(arguments, BytesIO(source), sink) == 3
    assert sink.getvalue() == b""
    assert capsys.readouterr().err == "bundle-unreadable\n"
