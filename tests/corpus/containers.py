"""The ZIP family and other archives: bombs, names, links, overlaps, locks; and what is refused by name."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from functools import partial

from . import Case, refused

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
LIST = (
    b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    b'<Override PartName="/word/document.xml" ContentType="' + DOCX.encode() + b'.main+xml"/></Types>'
)


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A container with these entries."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return target.getvalue()


def docx_with(entries: dict[str, bytes]) -> bytes:
    """What calls itself a Word document by its content list, with these entries besides."""
    return zipped({"[Content_Types].xml": LIST, **entries})


def raw_zip(entries: list[tuple[bytes, bytes, int]], *, shared: bool = False) -> bytes:
    """A container written by hand: raw name, content, flags; with ``shared`` every entry has the bytes of the first."""
    body, directory, places = b"", b"", []
    for index, (name, content, flags) in enumerate(entries):
        packed = zlib.compressobj(9, zlib.DEFLATED, -15)
        data = packed.compress(content) + packed.flush()
        crc = zlib.crc32(content)
        if not (shared and index):
            places.append(len(body))
            head = struct.pack(
                "<4sHHHHHIIIHH", b"PK\x03\x04", 20, flags, 8, 0, 33, crc, len(data), len(content), len(name), 0
            )
            body += head + name + data
        directory += struct.pack(
            "<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 20, 20, flags, 8, 0, 33, crc, len(data), len(content), len(name), 0, 0, 0, 0, 0,
            places[-1],
        ) + name  # fmt: skip
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, len(entries), len(entries), len(directory), len(body), 0)
    return body + directory + end


def linked() -> bytes:
    """A container with a symbolic link in it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.create_system = 3
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return target.getvalue()


def lying(entries: dict[str, bytes]) -> bytes:
    """A container whose directory says that its entries are small."""
    data = bytearray(zipped(entries))
    at = 0
    while (at := data.find(b"PK\x01\x02", at)) >= 0:
        struct.pack_into("<I", data, at + 24, 100)
        at += 4
    return bytes(data)


def large_form() -> bytes:
    """A container in the form for large ones, which says that it has more entries than there are atoms."""
    data = zipped({"a.txt": b"hello"})
    at = data.rindex(b"PK\x05\x06")
    large = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 2**60, 2**60, 2**60, 2**60)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, at, 1)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return data[:at] + large + locator + end


def _many(count: int) -> bytes:
    return zipped({f"{number}.txt": b"" for number in range(count)}, zipfile.ZIP_STORED)


def _tar() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../etc/passwd"))
    return target.getvalue()


def _named(raw: bytes, flags: int = 0) -> bytes:
    return raw_zip([(raw, b"hello", flags)])


SIMPLE = {"work/notes.txt": b"hello"}

CASES: tuple[Case, ...] = (
    Case("zip-plain", "1001.zip", partial(zipped, SIMPLE), refused("zip")),
    Case("zip-named-pdf", "1001.pdf", partial(zipped, SIMPLE), refused("zip")),
    Case("zip-named-docx", "1001.docx", partial(zipped, SIMPLE), refused("zip")),
    Case("zip-empty", "1001.zip", partial(zipped, {}), refused("zip")),
    Case("zip-first-half", "1001.zip", lambda: zipped(SIMPLE)[:60], refused("archive-damaged")),
    Case("zip-head-only", "1001.zip", lambda: b"PK\x03\x04", refused("archive-damaged")),
    Case("zip-large-form", "1001.zip", large_form, refused("archive-damaged")),
    Case("zip-10001-entries", "1001.zip", partial(_many, 10_001), refused("archive-bomb")),
    Case("zip-slip", "1001.zip", partial(zipped, {"../../etc/passwd": b"x"}), refused("archive-names")),
    Case("zip-slip-backwards", "1001.zip", lambda: _named(b"..\\..\\windows\\x"), refused("archive-names")),
    Case("zip-absolute", "1001.zip", lambda: _named(b"/etc/passwd"), refused("archive-names")),
    Case("zip-drive", "1001.zip", lambda: _named(b"C:\\x"), refused("archive-names")),
    Case("zip-host", "1001.zip", lambda: _named(b"\\\\host\\share\\x"), refused("archive-names")),
    Case("zip-nul-in-name", "1001.zip", lambda: _named(b"a.txt\x00.exe"), refused("archive-names")),
    Case("zip-rtl-in-name", "1001.zip", lambda: _named("a\u202excod.exe".encode(), 0x800), refused("archive-names")),
    Case("zip-line-in-name", "1001.zip", lambda: _named(b"a\r\nSet-Cookie: x"), refused("archive-names")),
    Case("zip-255-bytes-in-name", "1001.zip", lambda: _named(b"a" * 251 + b".txt"), refused("zip")),
    Case("zip-4000-bytes-in-name", "1001.zip", lambda: _named(b"a" * 4000), refused("archive-names")),
    Case("zip-empty-name", "1001.zip", lambda: _named(b""), refused("archive-names")),
    Case("zip-cp437-name", "1001.zip", lambda: _named(b"r\x82sum\x82.txt"), refused("zip")),
    Case("zip-broken-utf8-name", "1001.zip", lambda: _named(b"\xff\xfe.txt", 0x800), refused("archive-damaged")),
    Case(
        "zip-twice-the-name",
        "1001.zip",
        lambda: raw_zip([(b"a.txt", b"1", 0), (b"a.txt", b"2", 0)]),
        refused("archive-names"),
    ),
    Case(
        "zip-twice-but-for-case",
        "1001.zip",
        lambda: raw_zip([(b"a.txt", b"1", 0), (b"A.TXT", b"2", 0)]),
        refused("archive-names"),
    ),
    Case("zip-link", "1001.zip", linked, refused("archive-links")),
    Case("zip-locked", "1001.zip", lambda: _named(b"a.txt", 0x1), refused("password")),
    Case("zip-locked-strongly", "1001.zip", lambda: _named(b"a.txt", 0x41), refused("password")),
    Case(
        "zip-overlapping",
        "1001.zip",
        lambda: raw_zip([(b"%d" % n, b"0" * 100_000, 0) for n in range(500)], shared=True),
        refused("archive-overlap"),
    ),
    Case(
        "docx-overlapping",
        "1001.docx",
        lambda: raw_zip(
            [(b"[Content_Types].xml", LIST, 0), *((b"%d" % n, b"0" * 100_000, 0) for n in range(500))], shared=True
        ),
        refused("archive-overlap"),
    ),
    Case(
        "docx-list-bomb",
        "1001.docx",
        lambda: zipped({"[Content_Types].xml": b" " * 60_000_000}),
        refused("archive-bomb"),
    ),
    Case(
        "docx-list-lies",
        "1001.docx",
        lambda: lying({"[Content_Types].xml": b" " * 60_000_000}),
        refused("archive-damaged"),
    ),
    Case("zip-after-a-program", "1001.zip", lambda: b"MZ" + bytes(3000) + zipped(SIMPLE), refused("program")),
    Case("zip-after-2-kb", "1001.zip", lambda: b"PK\x03\x04" + bytes(2500) + zipped(SIMPLE), refused("polyglot")),
    Case(
        "program-for-java", "1001.jar", partial(zipped, {"META-INF/MANIFEST.MF": b"Main-Class: A"}), refused("program")
    ),
    Case("program-for-android", "1001.apk", partial(zipped, {"AndroidManifest.xml": b"\x03\0"}), refused("program")),
    Case("book", "1001.epub", partial(zipped, {"mimetype": b"application/epub+zip"}), refused("epub")),
    Case(
        "pages",
        "1001.pages",
        partial(zipped, {"Index/Document.iwa": b"\0", "preview.jpg": b"\0"}),
        refused("apple-iwork"),
    ),
    Case("keynote", "1001.key", partial(zipped, {"Index/Slide.iwa": b"\0"}), refused("apple-iwork")),
    Case("numbers-old", "1001.numbers", partial(zipped, {"index.apxl": b"<x/>"}), refused("apple-iwork")),
    Case("score", "1001.mscz", partial(zipped, {"score.mscx": b"<x/>"}), refused("score")),
    Case("tar", "1001.tar", _tar, refused("archive")),
    Case("gzip", "1001.pdf.gz", lambda: gzip.compress(b"%PDF-1.7"), refused("archive")),
    Case("gzip-bomb", "1001.gz", lambda: gzip.compress(bytes(100_000_000)), refused("archive")),
    Case("seven-zip", "1001.7z", lambda: b"7z\xbc\xaf\x27\x1c" + bytes(100), refused("archive")),
    Case("rar", "1001.rar", lambda: b"Rar!\x1a\x07\x01\x00" + bytes(100), refused("archive")),
    Case("cabinet", "1001.cab", lambda: b"MSCF" + bytes(100), refused("archive")),
    Case("disk-image", "1001.iso", lambda: bytes(32769) + b"CD001" + bytes(2048), refused("disk-image")),
)
