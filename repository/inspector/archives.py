"""The ZIP family: what a container is, and reading its parts within limits on what really comes out."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

from .findings import Refused

ENTRY_LIMIT = 10_000
OUTPUT_LIMIT_BYTES = 5 * 1024**3
RATIO_LIMIT = 200
RATIO_FREE_BYTES = 1024 * 1024
"""Below this an entry may be packed as tightly as it likes: a page of blanks is no bomb."""
DEPTH_LIMIT = 2
NAME_LIMIT_BYTES = 255
PIECE_BYTES = 64 * 1024
DIRECTORY_END = b"PK\x05\x06"
LINK = 0o120000
SPARE_BYTES = 1024

OOXML: tuple[tuple[bytes, str], ...] = (
    (b"wordprocessingml.document.main+xml", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"ms-word.document.macroEnabled.main+xml", "application/vnd.ms-word.document.macroenabled.12"),
    (b"wordprocessingml.template.main+xml", "application/vnd.openxmlformats-officedocument.wordprocessingml.template"),
    (b"ms-word.template.macroEnabledTemplate.main+xml", "application/vnd.ms-word.template.macroenabled.12"),
    (b"spreadsheetml.sheet.main+xml", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ms-excel.sheet.macroEnabled.main+xml", "application/vnd.ms-excel.sheet.macroenabled.12"),
    (b"ms-excel.sheet.binary.macroEnabled.main", "application/vnd.ms-excel.sheet.binary.macroenabled.12"),
    (b"spreadsheetml.template.main+xml", "application/vnd.openxmlformats-officedocument.spreadsheetml.template"),
    (
        b"presentationml.presentation.main+xml",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    (b"presentationml.slideshow.main+xml", "application/vnd.openxmlformats-officedocument.presentationml.slideshow"),
    (b"ms-powerpoint.presentation.macroEnabled.main+xml", "application/vnd.ms-powerpoint.presentation.macroenabled.12"),
    (b"ms-powerpoint.slideshow.macroEnabled.main+xml", "application/vnd.ms-powerpoint.slideshow.macroenabled.12"),
    (b"presentationml.template.main+xml", "application/vnd.openxmlformats-officedocument.presentationml.template"),
    (b"ms-visio.drawing.main+xml", "drawing"),
    (b"ms-package.xps-fixeddocumentsequence+xml", "xps"),
)
"""What stands in a content list, and the kind that it makes of a ZIP."""


class Entry:
    """One entry of a container, as its directory tells it."""

    __slots__ = ("info", "name")

    def __init__(self, info: zipfile.ZipInfo) -> None:
        self.info = info
        self.name = info.filename


class Archive:
    """A container whose directory was read and found sound. Reading stops where more comes out than may.

    Raises: ``Refused`` with ``archive-damaged``, ``archive-names``, ``archive-overlap``, ``archive-links``,
    ``archive-bomb`` or ``password``, when it is made or when it is read.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._file = zipfile.ZipFile(io.BytesIO(data))
            infos = self._file.infolist()
        except (
            zipfile.BadZipFile,
            zipfile.LargeZipFile,
            ValueError,
            struct.error,
            OSError,
            NotImplementedError,
        ) as error:
            raise Refused("archive-damaged") from error
        if len(infos) > ENTRY_LIMIT:
            raise Refused("archive-bomb")
        self.entries = tuple(Entry(info) for info in infos)
        self._left_bytes = OUTPUT_LIMIT_BYTES
        self._check_names(infos)
        self._check_places(infos, len(data))

    def names(self) -> frozenset[str]:
        """Return the names of all entries."""
        return frozenset(entry.name for entry in self.entries)

    def read(self, name: str, limit_bytes: int) -> bytes:
        """Return one entry unpacked, of at most ``limit_bytes``; raises ``Refused`` when more comes out."""
        pieces = []
        for piece in self.pieces(name):
            pieces.append(piece)
            limit_bytes -= len(piece)
            if limit_bytes < 0:
                raise Refused("archive-bomb")
        return b"".join(pieces)

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield one entry as it is unpacked. What its directory says of its size is not believed."""
        try:
            info = self._file.getinfo(name)
        except KeyError as error:
            raise Refused("archive-damaged") from error
        allowed = max(RATIO_FREE_BYTES, info.compress_size * RATIO_LIMIT)
        try:
            with self._file.open(info) as source:
                while piece := source.read(PIECE_BYTES):
                    allowed -= len(piece)
                    self._left_bytes -= len(piece)
                    if allowed < 0 or self._left_bytes < 0:
                        raise Refused("archive-bomb")
                    yield piece
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            ValueError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise Refused("archive-damaged") from error

    def check(self, depth: int = 1) -> int:
        """Unpack everything once and return how many bytes came out; containers inside are opened to the depth limit."""
        total = 0
        for entry in self.entries:
            head = b""
            inner = []
            for piece in self.pieces(entry.name):
                head = head or piece[:4]
                total += len(piece)
                if head == b"PK\x03\x04":
                    inner.append(piece)
            if inner:
                if depth >= DEPTH_LIMIT:
                    raise Refused("archive-bomb")
                total += Archive(b"".join(inner)).check(depth + 1)
        return total

    @staticmethod
    def _check_names(infos: list[zipfile.ZipInfo]) -> None:
        seen = set()
        for info in infos:
            name = info.orig_filename
            parts = name.replace("\\", "/").split("/")
            if not name or name.startswith(("/", "\\")) or ".." in parts or name[1:2] == ":":
                raise Refused("archive-names")
            if (
                any(ord(sign) < 32 or sign in BIDI for sign in name)
                or len(name.encode("utf-8", "replace")) > NAME_LIMIT_BYTES
            ):
                raise Refused("archive-names")
            if name.casefold() in seen:
                raise Refused("archive-names")
            seen.add(name.casefold())
            if (info.external_attr >> 16) & 0o170000 == LINK:
                raise Refused("archive-links")
            if info.flag_bits & 0x1:
                raise Refused("password")

    @staticmethod
    def _check_places(infos: list[zipfile.ZipInfo], size: int) -> None:
        """Two entries that share bytes are how a small file becomes a huge one."""
        end = 0
        for info in sorted(infos, key=lambda one: one.header_offset):
            if info.header_offset < end or info.header_offset + info.compress_size > size:
                raise Refused("archive-overlap")
            end = info.header_offset + 30 + len(info.orig_filename.encode("utf-8", "replace")) + info.compress_size
        first = min((info.header_offset for info in infos), default=0)
        if first > SPARE_BYTES:
            raise Refused("polyglot")


BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Signs that turn the direction of text around, and so hide what a name ends in."""


def kind_of(data: bytes) -> str:
    """Return the media type of a container by its content list, or a refusal that names what it is."""
    try:
        archive = Archive(data)
    except Refused as refusal:
        return str(refusal)
    names = archive.names()
    try:
        if "mimetype" in names:
            said = archive.read("mimetype", 256).decode("ascii", "replace").strip()
            if said.startswith("application/vnd.oasis.opendocument."):
                return said
            if said == "application/epub+zip":
                return "epub"
        if "[Content_Types].xml" in names:
            listed = archive.read("[Content_Types].xml", 4 * 1024 * 1024)
            return next((kind for mark, kind in OOXML if mark in listed), "office")
    except Refused as refusal:
        return str(refusal)
    return _by_names(names)


def _by_names(names: frozenset[str]) -> str:
    if any(name.endswith(".iwa") for name in names) or "Index.zip" in names or "index.apxl" in names:
        return "apple-iwork"
    if "META-INF/MANIFEST.MF" in names or "AndroidManifest.xml" in names:
        return "program"
    if any(name.endswith(".mscx") for name in names):
        return "score"
    return "zip"


def ends_as_zip(data: bytes) -> bool:
    """Return whether a reader of ZIP files would take this file for one, whatever stands at its front."""
    start = max(0, len(data) - 65_557)
    at = data.find(DIRECTORY_END, start)
    while at >= 0:
        if at + 22 <= len(data) and at + 22 + struct.unpack_from("<H", data, at + 20)[0] == len(data):
            return True
        at = data.find(DIRECTORY_END, at + 1)
    return False
