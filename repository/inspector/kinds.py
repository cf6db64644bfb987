"""What a file is, by its content alone: a media type that has a room here, or the code of a refusal that names the kind.

Names of files never reach the child; whether the name agrees with the content is the parent's question.
A media type holds a ``/``; a refusal does not. Every kind that people send has a name even when it is refused, so that
the refusal can say which format to send instead.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

ROOMS: dict[str, str] = {
    "application/pdf": "pdf",
    "image/jpeg": "images",
    "image/png": "images",
    "image/gif": "images",
    "image/webp": "images",
    "image/tiff": "images",
    "image/bmp": "images",
    "text/plain": "text",
    "audio/wav": "media",
    "audio/mpeg": "media",
    "audio/mp4": "media",
    "audio/ogg": "media",
    "audio/flac": "media",
    "audio/aac": "media",
    "audio/aiff": "media",
    "audio/amr": "media",
    "video/mp4": "media",
    "video/webm": "media",
    "video/quicktime": "media",
    "video/3gpp": "media",
    "video/x-matroska": "media",
    "video/x-msvideo": "media",
    "video/x-ms-asf": "media",
    "video/mpeg": "media",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "office",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "office",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "office",
    "application/vnd.ms-word.document.macroenabled.12": "office",
    "application/vnd.ms-excel.sheet.macroenabled.12": "office",
    "application/vnd.ms-powerpoint.presentation.macroenabled.12": "office",
    "application/vnd.oasis.opendocument.text": "office",
    "application/vnd.oasis.opendocument.spreadsheet": "office",
    "application/vnd.oasis.opendocument.presentation": "office",
}
"""Accepted media type → the module that opens it. Its functions: ``inspect``, and ``derive``, ``convert`` or ``transcode``."""

INSTEAD: dict[str, str] = {
    "audio/flac": "other-sound",
    "audio/aac": "other-sound",
    "audio/aiff": "other-sound",
    "audio/amr": "other-sound",
    "audio/midi": "midi",
    "video/quicktime": "other-film",
    "video/x-matroska": "other-film",
    "video/x-msvideo": "other-film",
    "video/x-ms-asf": "other-film",
    "video/x-flv": "other-film",
    "video/3gpp": "other-film",
    "video/mpeg": "other-film",
    "application/rtf": "rtf",
    "application/msword": "old-office",
    "application/vnd.ms-excel": "old-office",
    "application/vnd.ms-powerpoint": "old-office",
    "image/heic": "heic",
    "image/avif": "other-picture",
}
"""Kinds that are known and have no room: the refusal that names the format to use instead. A room takes precedence."""

OFFICE_OTHERWISE = "office"
HEAD_BYTES = 1024

SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"II+\x00", "other-picture"),
    (0, b"MM\x00+", "other-picture"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"MThd", "audio/midi"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"\x00\x00\x01\xba", "video/mpeg"),
    (0, b"\x00\x00\x01\xb3", "video/mpeg"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"8BPS", "other-picture"),
    (0, b"\xff\x0a", "other-picture"),
    (0, b"\x00\x00\x00\x0cJXL ", "other-picture"),
    (0, b"\x00\x00\x00\x0cjP  ", "other-picture"),
    (0, b"\xff\x4f\xff\x51", "other-picture"),
    (0, b"AT&TFORM", "djvu"),
    (0, b"%!PS", "postscript"),
    (0, b"\xc5\xd0\xd3\xc6", "postscript"),
    (0, b"7z\xbc\xaf\x27\x1c", "archive"),
    (0, b"Rar!\x1a\x07", "archive"),
    (0, b"\x1f\x8b", "archive"),
    (0, b"BZh", "archive"),
    (0, b"\xfd7zXZ\x00", "archive"),
    (0, b"\x28\xb5\x2f\xfd", "archive"),
    (0, b"MSCF", "archive"),
    (0, b"xar!", "archive"),
    (257, b"ustar", "archive"),
    (32769, b"CD001", "disk-image"),
    (0, b"MZ", "program"),
    (0, b"\x7fELF", "program"),
    (0, b"\xcf\xfa\xed\xfe", "program"),
    (0, b"\xce\xfa\xed\xfe", "program"),
    (0, b"\xca\xfe\xba\xbe", "program"),
    (0, b"\x00asm", "program"),
    (0, b"dex\n", "program"),
    (0, b"FWS", "flash"),
    (0, b"CWS", "flash"),
    (0, b"ZWS", "flash"),
    (0, b"L\x00\x00\x00\x01\x14\x02\x00", "shortcut"),
    (0, b"SQLite format 3\x00", "database"),
    (4, b"Standard Jet DB", "database"),
    (4, b"Standard ACE DB", "database"),
    (0, b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "onenote"),
    (0, b"bplist00", "web-archive"),
    (0, b"wOFF", "font"),
    (0, b"wOF2", "font"),
    (0, b"OTTO", "font"),
    (0, b"\x00\x01\x00\x00\x00", "font"),
)
"""Where a kind shows itself by fixed bytes: offset, bytes, media type or refusal."""

BRANDS: dict[bytes, str] = {
    b"M4A ": "audio/mp4", b"M4B ": "audio/mp4", b"M4P ": "audio/mp4",
    b"heic": "image/heic", b"heix": "image/heic", b"hevc": "image/heic", b"heim": "image/heic", b"heis": "image/heic",
    b"mif1": "image/heic", b"msf1": "image/heic",
    b"avif": "image/avif", b"avis": "image/avif",
    b"crx ": "other-picture",
    b"qt  ": "video/quicktime",
    b"3gp4": "video/3gpp", b"3gp5": "video/3gpp", b"3gp6": "video/3gpp", b"3gp7": "video/3gpp", b"3g2a": "video/3gpp",
}  # fmt: skip
"""The first brand of an ISO base media file; every other one is a film in MP4."""

RIFFS: dict[bytes, str] = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}


def room(kind: str) -> ModuleType:
    """Return the module that opens files of this media type. It is loaded now: the others would cost time for nothing."""
    return import_module(f"{__package__}.{ROOMS[kind]}")


def sniff(data: bytes) -> str:
    """Return the media type that the content shows, if there is a room for it, else the code of a refusal.

    Takes: the file, or the head of a recording.
    """
    kind = _kind(data)
    if "/" not in kind or kind in ROOMS:
        return kind
    return INSTEAD.get(kind, OFFICE_OTHERWISE)


def _kind(data: bytes) -> str:
    if not data:
        return "empty"
    found = _by_bytes(data)
    if found is None and data[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
        from . import archives

        found = archives.kind_of(data)
    if found is None and data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        found = _legacy_kind(data)
    at = data.find(b"%PDF-", 0, HEAD_BYTES + 5)
    if found is None and at >= 0:
        # Readers allow a kilobyte before the mark. What reads as a page of the web there would be one in a browser.
        found = "polyglot" if b"<" in data[:at] else "application/pdf"
    if found is None:
        from . import text

        found = text.kind_of(data)
    return found


def _by_bytes(data: bytes) -> str | None:
    for offset, magic, kind in SIGNATURES:
        if data.startswith(magic, offset):
            return kind
    if data[:4] in {b"RIFF", b"RIFX"}:
        return RIFFS.get(data[8:12], "unknown-type")
    if data[4:8] == b"ftyp":
        return BRANDS.get(data[8:12], "video/mp4")
    if data[4:8] in {b"moov", b"mdat", b"wide", b"free", b"skip"}:
        return "video/quicktime"
    if data[:4] == b"FORM" and data[8:12] in {b"AIFF", b"AIFC"}:
        return "audio/aiff"
    if data[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm" if b"webm" in data[:64] else "video/x-matroska"
    if (
        data[:2] == b"BM"
        and len(data) > 26
        and data[14:18] in {b"\x0c\0\0\0", b"\x28\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0"}
    ):
        return "image/bmp"
    if data[:1] == b"G" and data[188:189] == b"G" and data[376:377] == b"G":
        return "other-film"
    return _by_sync(data)


def _by_sync(data: bytes) -> str | None:
    """Return the kind of sound whose frames begin with eleven or twelve set bits."""
    if data[:3] == b"ID3":
        return "audio/mpeg"
    if len(data) < 3 or data[0] != 0xFF:
        return None
    if data[1] & 0xF6 == 0xF0:
        return "audio/aac"
    plausible = data[1] & 0xE6 == 0xE2 and data[2] & 0xF0 not in {0x00, 0xF0} and data[2] & 0x0C != 0x0C
    return "audio/mpeg" if plausible else None


def _legacy_kind(data: bytes) -> str:
    """Return what a file of the old Office container is, by the names of its streams."""
    streams: tuple[tuple[str, str], ...] = (
        ("EncryptedPackage", "password"),
        ("WordDocument", "application/msword"),
        ("Workbook", "application/vnd.ms-excel"),
        ("Book", "application/vnd.ms-excel"),
        ("PowerPoint Document", "application/vnd.ms-powerpoint"),
        ("Quill", "publisher"),
        ("__properties_version1.0", "email"),
        ("VisioDocument", "drawing"),
    )
    for name, kind in streams:
        if name.encode("utf-16-le") + b"\x00\x00" in data:
            return kind
    return "old-office"
