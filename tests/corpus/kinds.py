"""Kinds that are known by their first bytes and refused by name, with the format to send instead; and bytes of no kind."""

from __future__ import annotations

from . import Case, Expected, refused

OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def _old(stream: str) -> bytes:
    """A file of the old Office container that holds a stream of this name."""
    return OLD + bytes(1000) + stream.encode("utf-16-le") + bytes(1000)


_HEADS: tuple[tuple[str, str, bytes, str], ...] = (
    ("windows-program", "1001.exe", b"MZ\x90\x00", "program"),
    ("windows-program-named-pdf", "1001.pdf", b"MZ\x90\x00", "program"),
    ("windows-program-turned-name", "1001\u202efdp.exe", b"MZ\x90\x00", "program"),
    ("linux-program", "1001", b"\x7fELF\x02\x01\x01", "program"),
    ("mac-program", "1001", b"\xcf\xfa\xed\xfe\x07", "program"),
    ("java-class", "1001.class", b"\xca\xfe\xba\xbe\x00", "program"),
    ("web-assembly", "1001.wasm", b"\x00asm\x01\x00", "program"),
    ("windows-shortcut", "1001.lnk", b"L\x00\x00\x00\x01\x14\x02\x00\x00", "shortcut"),
    ("flash", "1001.swf", b"CWS\x0a", "flash"),
    ("heic", "IMG_1001.HEIC", b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "heic"),
    ("heic-named-jpg", "IMG_1001.jpg", b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic", "heic"),
    ("avif", "1001.avif", b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00", "other-picture"),
    ("photoshop", "1001.psd", b"8BPS\x00\x01", "other-picture"),
    ("jpeg-xl", "1001.jxl", b"\x00\x00\x00\x0cJXL \r\n\x87\n", "other-picture"),
    ("jpeg-2000", "1001.jp2", b"\x00\x00\x00\x0cjP  \r\n\x87\n", "other-picture"),
    ("djvu", "1001.djvu", b"AT&TFORM\x00\x00", "djvu"),
    ("database-sqlite", "1001.db", b"SQLite format 3\x00", "database"),
    ("database-access", "1001.mdb", b"\x00\x01\x00\x00Standard Jet DB\x00", "database"),
    ("onenote", "1001.one", b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1", "onenote"),
    ("safari-web-archive", "1001.webarchive", b"bplist00\xd1", "web-archive"),
    ("midi", "1001.mid", b"MThd\x00\x00\x00\x06", "midi"),
    ("font-woff", "1001.woff2", b"wOF2\x00\x01", "font"),
    ("font-opentype", "1001.otf", b"OTTO\x00\x0a", "font"),
    ("eps-with-preview", "1001.eps", b"\xc5\xd0\xd3\xc6\x1e", "postscript"),
)

CASES: tuple[Case, ...] = (
    *(Case(name, file, lambda head=head: head + bytes(600), refused(code)) for name, file, head, code in _HEADS),
    Case("publisher", "1001.pub", lambda: _old("Quill"), refused("publisher")),
    Case("outlook-message", "1001.msg", lambda: _old("__properties_version1.0"), refused("email")),
    Case("visio-drawing", "1001.vsd", lambda: _old("VisioDocument"), refused("drawing")),
    Case("office-locked", "1001.docx", lambda: _old("EncryptedPackage"), refused("password")),
    Case("file-of-zeros", "1001.pdf", lambda: bytes(100_000), refused("unknown-type")),
    Case("file-of-one-byte", "1001.jpg", lambda: b"\xff", Expected("text/plain", pages=1, other_name=True)),
    Case(
        "file-of-chance",
        "1001.pdf",
        lambda: bytes((number * 7919 + number // 251) % 256 for number in range(50_000)),
        refused("unknown-type"),
    ),
    Case("riff-of-no-kind", "1001.wav", lambda: b"RIFF\x00\x00\x00\x00XXXX" + bytes(100), refused("unknown-type")),
)
