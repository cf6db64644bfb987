"""What is wrong with a file, found before a byte of it leaves."""

from __future__ import annotations

import base64
import io
import wave

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter

from tests.repository.files import pdf

from .conftest import Ask

ALL = {"endings": [], "maximumBytes": 10_000_000}
WORK = {"endings": [".pdf", ".docx", ".jpg", ".png", ".mp4", ".wav"], "maximumBytes": 10_000_000}


def look(ask: Ask, name: str, content: bytes, limits: dict[str, object] = WORK) -> tuple[str, str, str] | None:
    found = ask(special="look", name=name, base64=base64.b64encode(content).decode(), limits=limits)
    return found and (found["level"], found["words"], found["remedy"])


def picture(kind: str) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(target, kind)
    return target.getvalue()


def box(name: bytes, payload: bytes) -> bytes:
    return (len(payload) + 8).to_bytes(4, "big") + name + payload


FILM = box(b"ftyp", b"isomiso2") + box(b"moov", bytes(100)) + box(b"mdat", bytes(4000))


def sound() -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(4000))
    return target.getvalue()


def locked(*, trailer_stream: bool = False) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(1))))
    writer.encrypt("secret", algorithm="AES-256")
    target = io.BytesIO()
    writer.write(target)
    content = target.getvalue()
    if trailer_stream:  # the table far from the end, as when something was appended to it
        at = content.rindex(b"startxref")
        return content[:at] + b"%" + b" " * 70_000 + b"\n" + content[at:]
    return content


def test_whole_files_pass(ask: Ask) -> None:
    for name, content in (
        ("a.pdf", pdf(1)), ("a.jpg", picture("JPEG")), ("a.png", picture("PNG")), ("a.mp4", FILM), ("a.wav", sound()),
        ("a.PDF", b"\n" * 500 + pdf(1)), ("notes.txt", b"anything"),
    ):  # fmt: skip
        assert look(ask, name, content, ALL) is None, name


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pdf", pdf(2)[:-60]),
        ("a.jpg", picture("JPEG")[:-2]),
        ("a.png", picture("PNG")[:-20]),
        ("a.mp4", FILM[:-100]),
        ("a.mp4", box(b"ftyp", b"isomiso2") + box(b"mdat", bytes(4000))),
        ("a.wav", sound()[:-100]),
        ("a.docx", b"PK\x03\x04" + bytes(500)),
    ],
)
def test_a_file_that_is_cut_off_is_doubted(ask: Ask, name: str, content: bytes) -> None:
    level, words, remedy = look(ask, name, content) or ("", "", "")
    assert level == "doubt"
    assert "The end of this file is missing" in words
    assert "copy it again" in remedy


@pytest.mark.fault("att:B10")
@pytest.mark.parametrize("content", [locked(), locked(trailer_stream=True)])
def test_a_pdf_with_a_password_is_doubted_before_it_is_sent(ask: Ask, content: bytes) -> None:
    level, words, remedy = look(ask, "a.pdf", content) or ("", "", "")
    assert (level, words) == ("doubt", "This PDF is protected by a password or against changes.")
    assert "Save a copy without protection" in remedy


@pytest.mark.fault("att:A06")
@pytest.mark.parametrize(
    ("name", "content", "inside"),
    [
        ("essay.pdf", b"MZ" + bytes(900), "a program"),
        ("essay.docx.pdf", b"PK\x03\x04" + bytes(900), "an Office document"),
        ("essay.pdf.docx", pdf(1), "a PDF"),
        ("photo.jpg", picture("PNG"), "a PNG picture"),
        ("essay.pdf", b"<!DOCTYPE html><html>", "a web page"),
        ("photo.jpg", b"\0\0\0\x18ftypheic" + bytes(50), "a HEIC picture"),
    ],
)
def test_content_decides_and_must_agree_with_the_last_ending(ask: Ask, name: str, content: bytes, inside: str) -> None:
    level, words, remedy = look(ask, name, content) or ("", "", "")
    assert level == "stop"
    assert f"inside it is {inside}" in words or inside in words
    assert remedy.endswith(".")


@pytest.mark.parametrize(
    ("name", "size", "words", "remedy"),
    [
        ("a.pages", 5, "A .pages file is not accepted here.", "File, Export To, PDF"),
        ("a.gdoc", 170, "A .gdoc file is not accepted here.", "holds no work"),
        ("a.pdf.lnk", 5, "A .lnk file is not accepted here.", "Choose the work itself"),
        ("a.heic", 5, "A .heic file is not accepted here.", "export it as JPEG"),
        ("a.zip", 5, "A .zip file is not accepted here.", "Unpack it"),
        ("a.exe", 5, "A .exe file is not accepted here.", "Save it as one of: .pdf"),
        ("README", 5, "A file without an ending is not accepted here.", "Save it as one of"),
        ("a.pdf", 0, "This file is empty.", "choose it again"),
        ("a.pdf", 10_000_001, "This file is 10.0 MB; the largest allowed is 10.0 MB.", "smaller copy"),
    ],
)
def test_names_and_sizes_that_no_place_takes(ask: Ask, name: str, size: int, words: str, remedy: str) -> None:
    found = ask("preflight.js", "byName", name, size, WORK)
    assert (found["level"], found["words"]) == ("stop", words)
    assert remedy in found["remedy"]


@pytest.mark.fault("att:A12")
def test_a_name_beyond_the_limit_is_refused_with_the_limit(ask: Ask) -> None:
    assert ask("preflight.js", "byName", "é" * 125 + ".pdf", 5, WORK) is None
    assert (
        ask("preflight.js", "byName", "e\N{COMBINING ACUTE ACCENT}" * 125 + ".pdf", 5, WORK) is None
    )  # counted after NFC
    found = ask("preflight.js", "byName", "é" * 126 + ".pdf", 5, WORK)
    assert "longer than 255 bytes" in found["words"]
    assert ask("preflight.js", "byName", "👩‍👩‍👧‍👦" * 12 + ".pdf", 5, WORK) is not None


def test_what_computers_make_for_themselves_is_left_out(ask: Ask) -> None:
    for path in (".DS_Store", "Art/.DS_Store", "Art/Thumbs.db", "~$essay.docx", "._0042.pdf", "__MACOSX/0042.pdf",
                 "Art/.git/config", "desktop.ini", "~WRL0001.tmp"):  # fmt: skip
        assert ask("preflight.js", "isHidden", path) is True, path
    for path in ("0042.pdf", "Art/thumbs.pdf", "a~b.pdf", "~essay.pdf"):
        assert ask("preflight.js", "isHidden", path) is False, path
