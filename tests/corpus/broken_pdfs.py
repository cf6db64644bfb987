"""PDFs that are broken, bottomless, two things at once, or dear to read."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from functools import partial

from . import Case, Expected, costly, refused, sound
from .pdfs import FONT, PAGE, PDF, base, plain, stream

SOUND = plain(base())


def _zipped() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.txt", "hello")
    return target.getvalue()


def _deep_tree(depth: int) -> bytes:
    """One page at the end of a long chain of nodes."""
    objects = base()
    objects[2] = b"<< /Type /Pages /Kids [6 0 R] /Count 1 >>"
    for number in range(6, 6 + depth):
        below = number + 1 if number + 1 < 6 + depth else 3
        parent = number - 1 if number > 6 else 2
        objects[number] = b"<< /Type /Pages /Parent %d 0 R /Kids [%d 0 R] /Count 1 >>" % (parent, below)
    objects[3] = PAGE.replace(b"/Parent 2 0 R", b"/Parent %d 0 R" % (5 + depth)) % b""
    return plain(objects)


def _doubling_tree(depth: int) -> bytes:
    """Each node names the one below ten times over: a few hundred bytes, and pages without number."""
    objects = base()
    objects[2] = b"<< /Type /Pages /Kids [%s] /Count 10 >>" % (b"6 0 R " * 10)
    for number in range(6, 6 + depth):
        below = number + 1 if number + 1 < 6 + depth else 3
        objects[number] = b"<< /Type /Pages /Parent 2 0 R /Kids [%s] /Count 10 >>" % (b"%d 0 R " % below * 10)
    return plain(objects)


def _circle() -> bytes:
    objects = base()
    objects[2] = b"<< /Type /Pages /Kids [6 0 R 3 0 R] /Count 2 >>"
    objects[6] = b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 1 >>"
    return plain(objects)


def _says_pages(count: int) -> bytes:
    """A tree of three pages that says it has another number."""
    objects = base()
    objects[2] = b"<< /Type /Pages /Kids [3 0 R 6 0 R 7 0 R] /Count %d >>" % count
    return plain(objects | {6: objects[3], 7: objects[3]})


def _drawing(forms: dict[int, bytes], content: bytes = b"/X Do") -> bytes:
    """A page that draws a form, which may draw others."""
    objects = base(content=content)
    objects[3] = objects[3].replace(b"/Font <<", b"/XObject << /X 6 0 R >> /Font <<")
    return plain(objects | forms)


def _recursive_form() -> bytes:
    head = b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /XObject << /X 6 0 R >> >>"
    return _drawing({6: stream(b"/X Do /X Do /X Do", head)})


def _exponential_forms(depth: int) -> bytes:
    """Each form draws the next one ten times: ten to the power of depth fillings of a page."""
    forms = {}
    for number in range(6, 6 + depth):
        head = b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /XObject << /X %d 0 R >> >>" % (
            number + 1
        )
        forms[number] = stream(b"/X Do " * 10, head)
    forms[6 + depth] = stream(b"0 0 595 842 re f", b"/Type /XObject /Subtype /Form /BBox [0 0 595 842]")
    return _drawing(forms)


def _nested_arrays(depth: int) -> bytes:
    return plain(base() | {6: b"[" * depth + b"]" * depth})


def _many_objects(count: int) -> bytes:
    """A million small objects in compressed streams."""
    small = {number: b"<< /A %d >>" % number for number in range(6, 6 + count)}
    return _packed(base() | small)


def _packed(objects: dict[int, bytes]) -> bytes:
    from .pdfs import object_streams

    return object_streams(objects)


def _wide_array(numbers: int) -> bytes:
    """A list of so many numbers in a few kilobytes: each takes a hundred bytes once it is read."""
    return _packed(base() | {6: b"[" + b"0 " * numbers + b"]"})


def _dear_to_look_at(times: int) -> bytes:
    """Cheap to open and dear to look at: long lists, each inside nearly five hundred others."""
    inside = b"[" * 490 + b"0 " * 1_000_000 + b"]" * 490
    return _packed(base() | dict.fromkeys(range(6, 6 + times), inside))


def _alike(byte: bytes, size: int) -> bytes:
    """So many bytes, all alike, packed by zlib: what sixteen mebibytes pack to stands there again and again."""
    pieces, rest = divmod(size, 1 << 24)
    packer = zlib.compressobj(9, wbits=-15)
    piece = byte * (1 << 24)
    packed = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.compress(byte * rest) + packer.flush()
    digest = 1
    for _ in range(pieces):
        digest = zlib.adler32(piece, digest)
    return b"\x78\xda" + packed * pieces + end + zlib.adler32(byte * rest, digest).to_bytes(4, "big")


def _flate_bomb(size: int) -> bytes:
    """What a page draws unpacks to ``size`` bytes of blanks."""
    return plain(base() | {4: stream(_alike(b" ", size), b"/Filter /FlateDecode")})


def _nested_flate(times: int) -> bytes:
    content = b"BT /F 24 Tf 72 720 Td (deep) Tj ET"
    for _ in range(times):
        content = zlib.compress(content)
    filters = b"/Filter [%s]" % (b"/FlateDecode " * times)
    return plain(base() | {4: stream(content, filters)})


def _bomb_of_objects(size: int) -> bytes:
    """An object stream that unpacks to ``size`` bytes."""
    objects = base()
    packed = zlib.compress(b"7 0 " + b" " * size, 9)
    objects[6] = stream(packed, b"/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode")
    return plain(objects)


def _picture(
    width: int, height: int, data: bytes, extra: bytes, colours: bytes = b"/DeviceGray", bits: int = 8
) -> bytes:
    head = b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace %s /BitsPerComponent %d %s" % (
        width, height, colours, bits, extra,
    )  # fmt: skip
    return _drawing({6: stream(data, head)}, b"q 500 0 0 700 40 70 cm /X Do Q")


def _huge_picture() -> bytes:
    """A picture of 400 million dots, all alike, in 400 KB."""
    return _picture(20_000, 20_000, _alike(b"\0", 20_000 * 20_000), b"/Filter /FlateDecode")


def _no_table() -> bytes:
    return SOUND.replace(b"xref\n0", b"xxxx\n0")


def _table_elsewhere() -> bytes:
    start = SOUND.rindex(b"startxref\n")
    return SOUND[:start] + b"startxref\n999999\n%%EOF\n"


def _table_in_a_circle() -> bytes:
    objects = plain(base(), trailer=b"/Prev %d" % SOUND.index(b"xref\n0"))
    at = objects.rindex(b"xref\n0 ", 0, objects.rindex(b"trailer"))
    return objects.replace(b"/Prev %d" % SOUND.index(b"xref\n0"), b"/Prev %d" % at)


def _shifted_table() -> bytes:
    """Every place in the table is wrong by some bytes, as after an editor changed the line ends."""
    return SOUND.replace(b"%\xe2\xe3\xcf\xd3\n", b"%\xe2\xe3\xcf\xd3 more words\n")


def _no_pages() -> bytes:
    return plain(base() | {2: b"<< /Type /Pages /Kids [] /Count 0 >>"})


def _no_catalog() -> bytes:
    return plain({1: b"<< /Nothing true >>", 5: FONT})


def _negative_length() -> bytes:
    return plain(base() | {4: b"<< /Length -5 >>\nstream\nBT ET\nendstream"})


def _length_in_a_circle() -> bytes:
    return plain(base() | {4: b"<< /Length 4 0 R >>\nstream\nBT ET\nendstream"})


def _fonts_of_rubbish() -> bytes:
    font = b"<< /Type /Font /Subtype /TrueType /BaseFont /Bad /FontDescriptor 6 0 R /FirstChar 0 /LastChar 255 /Widths 8 0 R >>"
    rubbish = bytes((number * 7919) % 256 for number in range(4000))
    return plain(
        base()
        | {
            5: font,
            6: b"<< /Type /FontDescriptor /FontName /Bad /Flags 4 /FontFile2 7 0 R >>",
            7: stream(b"\x00\x01\x00\x00" + rubbish),
            8: b"[ 600 ]",
        }
    )


def _map_of_letters() -> bytes:
    """A map of letters with a range of four thousand million."""
    cmap = b"begincmap 1 begincodespacerange <00000000> <FFFFFFFF> endcodespacerange "
    cmap += b"1 beginbfrange <00000000> <FFFFFFFF> <0041> endbfrange endcmap"
    font = b"<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding /Identity-H /DescendantFonts [7 0 R] /ToUnicode 6 0 R >>"
    below = b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /A /CIDSystemInfo 8 0 R >>"
    return plain(
        base() | {5: font, 6: stream(cmap), 7: below, 8: b"<< /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>"}
    )


def _shading() -> bytes:
    """A shading whose function is a program of PostScript that is long to run."""
    program = b"{ " + b"dup mul 1 add sqrt " * 3000 + b"0 0 }"
    objects = base(content=b"/S sh")
    objects[3] = objects[3].replace(b"/Font <<", b"/Shading << /S 6 0 R >> /Font <<")
    objects[6] = (
        b"<< /ShadingType 1 /ColorSpace /DeviceRGB /Domain [0 1 0 1] /Matrix [595 0 0 842 0 0] /Function 7 0 R >>"
    )
    objects[7] = stream(program, b"/FunctionType 4 /Domain [0 1 0 1] /Range [0 1 0 1 0 1]")
    return plain(objects)


CASES: tuple[Case, ...] = (
    # Incomplete, empty, not what it says.
    Case("pdf-empty-file", "1001.pdf", lambda: b"", refused("empty")),
    Case("pdf-head-only", "1001.pdf", lambda: b"%PDF-1.7\n", refused("incomplete", PDF)),
    Case("pdf-first-half", "1001.pdf", lambda: SOUND[: len(SOUND) // 2], refused("incomplete", PDF)),
    Case("pdf-last-line-missing", "1001.pdf", lambda: SOUND[:-7], refused("incomplete", PDF)),
    Case(
        "pdf-zeros-inside",
        "1001.pdf",
        lambda: SOUND[:20] + bytes(len(SOUND) - 40) + SOUND[-20:],
        refused("damaged", PDF),
    ),
    Case("pdf-head-and-end-only", "1001.pdf", lambda: b"%PDF-1.7\n%%EOF\n", refused("damaged", PDF)),
    Case("pdf-no-pages", "1001.pdf", _no_pages, refused("damaged", PDF)),
    Case("pdf-no-catalog", "1001.pdf", _no_catalog, refused("damaged", PDF)),
    Case(
        "pdf-rubbish",
        "1001.pdf",
        lambda: b"%PDF-1.7\n" + bytes(range(256)) * 400 + b"\n%%EOF\n",
        refused("damaged", PDF),
    ),
    # What readers mend.
    Case("pdf-no-table", "1001.pdf", _no_table, sound(PDF, 1)),
    Case("pdf-table-elsewhere", "1001.pdf", _table_elsewhere, sound(PDF, 1)),
    Case("pdf-table-in-a-circle", "1001.pdf", _table_in_a_circle, sound(PDF, 1)),
    Case("pdf-shifted-table", "1001.pdf", _shifted_table, sound(PDF, 1)),
    Case("pdf-negative-length", "1001.pdf", _negative_length, sound(PDF, 1)),
    Case("pdf-length-in-a-circle", "1001.pdf", _length_in_a_circle, sound(PDF, 1)),
    Case("pdf-of-version-9", "1001.pdf", lambda: plain(base(), version=b"9.9"), sound(PDF, 1)),
    Case("pdf-fonts-of-rubbish", "1001.pdf", _fonts_of_rubbish, sound(PDF, 1)),
    Case("pdf-map-of-letters", "1001.pdf", _map_of_letters, sound(PDF, 1)),
    # Two readers, two answers.
    Case("pdf-says-more-pages", "1001.pdf", partial(_says_pages, 50), refused("damaged", PDF)),
    Case("pdf-says-fewer-pages", "1001.pdf", partial(_says_pages, 1), refused("two-readings", PDF)),
    Case("pdf-tree-in-a-circle", "1001.pdf", _circle, refused("damaged", PDF)),
    # More than one thing.
    Case("pdf-after-spaces", "1001.pdf", lambda: b"\n" * 40 + SOUND, sound(PDF, 1)),
    Case("pdf-after-1-kb", "1001.pdf", lambda: b"x" * 1030 + SOUND, Expected("text/plain", pages=1, other_name=True)),
    Case("pdf-after-a-web-page", "1001.pdf", lambda: b"<html><script>alert(1)</script>\n" + SOUND, refused("polyglot")),
    Case("pdf-after-a-comment-of-the-web", "1001.pdf", lambda: b"<!--\n" + SOUND + b"-->", refused("polyglot")),
    Case("pdf-after-a-program", "1001.pdf", lambda: b"MZ\x90\x00" + bytes(60) + SOUND, refused("program")),
    Case("pdf-after-a-jpeg-mark", "1001.jpg", lambda: b"\xff\xd8\xff\xe0" + SOUND, refused("incomplete", "image/jpeg")),
    Case("pdf-after-a-gif-mark", "1001.gif", lambda: b"GIF89a" + SOUND, refused("damaged", "image/gif")),
    Case("pdf-after-a-png-mark", "1001.png", lambda: b"\x89PNG\r\n\x1a\n" + SOUND, refused("incomplete", "image/png")),
    Case("pdf-before-a-zip", "1001.pdf", lambda: SOUND + _zipped(), refused("polyglot", PDF)),
    Case("pdf-around-a-zip", "1001.pdf", lambda: SOUND[:-6] + b"\n%" + _zipped(), refused("polyglot", PDF)),
    Case("pdf-in-a-zip-comment", "1001.pdf", lambda: _zip_with_pdf_inside(), refused("polyglot", PDF)),
    Case("pdf-before-a-web-page", "1001.pdf", lambda: SOUND + b"<html>" + b"x" * 2000, refused("trailing-data", PDF)),
    Case("pdf-before-a-short-line", "1001.pdf", lambda: SOUND + b"-- sent by a scanner --\n", sound(PDF, 1)),
    Case("pdf-before-zeros", "1001.pdf", lambda: SOUND + bytes(5000), sound(PDF, 1)),
    Case(
        "pdf-before-a-program",
        "1001.pdf",
        lambda: SOUND + b"MZ" + bytes(range(1, 250)) * 10,
        refused("trailing-data", PDF),
    ),
    # Bottomless and dear.
    Case("pdf-tree-500-deep", "1001.pdf", partial(_deep_tree, 500), refused("damaged", PDF)),
    Case("pdf-tree-50000-deep", "1001.pdf", partial(_deep_tree, 50_000), refused("damaged", PDF)),
    Case("pdf-tree-of-ten-to-the-nine", "1001.pdf", partial(_doubling_tree, 9), refused("damaged", PDF)),
    Case("pdf-form-draws-itself", "1001.pdf", _recursive_form, costly(PDF, 1)),
    Case("pdf-forms-ten-to-the-twelve", "1001.pdf", partial(_exponential_forms, 12), costly(PDF, 1)),
    Case("pdf-arrays-100000-deep", "1001.pdf", partial(_nested_arrays, 100_000), sound(PDF, 1)),
    Case("pdf-200000-objects", "1001.pdf", partial(_many_objects, 200_000), sound(PDF, 1)),
    Case("pdf-list-of-2-million", "1001.pdf", partial(_wide_array, 2_000_000), sound(PDF, 1)),
    Case("pdf-dear-to-look-at", "1001.pdf", partial(_dear_to_look_at, 60), Expected(limit=True)),
    Case("pdf-flate-bomb", "1001.pdf", partial(_flate_bomb, 1 << 30), costly(PDF, 1)),
    Case("pdf-flate-nested-40-times", "1001.pdf", partial(_nested_flate, 40), sound(PDF, 1)),
    Case("pdf-bomb-of-objects", "1001.pdf", partial(_bomb_of_objects, 300_000_000), sound(PDF, 1)),
    Case("pdf-huge-picture", "1001.pdf", _huge_picture, sound(PDF, 1)),
    Case("pdf-shading-program", "1001.pdf", _shading, costly(PDF, 1)),
    # Extremes of codecs.
    Case(
        "pdf-fax-of-rubbish",
        "1001.pdf",
        partial(
            _picture,
            10_000,
            10_000,
            bytes(range(256)) * 40,
            b"/Filter /CCITTFaxDecode /DecodeParms << /K -1 /Columns 10000 /Rows 10000 >>",
            b"/DeviceGray",
            1,
        ),
        sound(PDF, 1),
    ),
    Case(
        "pdf-jbig2-of-rubbish",
        "1001.pdf",
        partial(_picture, 5_000, 5_000, bytes(range(256)) * 40, b"/Filter /JBIG2Decode", b"/DeviceGray", 1),
        sound(PDF, 1),
    ),
    Case(
        "pdf-jpx-of-rubbish",
        "1001.pdf",
        partial(
            _picture, 5_000, 5_000, b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(range(256)) * 40, b"/Filter /JPXDecode"
        ),
        sound(PDF, 1),
    ),
    Case(
        "pdf-dct-of-rubbish",
        "1001.pdf",
        partial(_picture, 5_000, 5_000, b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40, b"/Filter /DCTDecode"),
        sound(PDF, 1),
    ),
    Case(
        "pdf-lzw-of-rubbish",
        "1001.pdf",
        partial(_picture, 500, 500, bytes(range(256)) * 40, b"/Filter /LZWDecode"),
        sound(PDF, 1),
    ),
    Case(
        "pdf-runs-of-rubbish",
        "1001.pdf",
        partial(_picture, 500, 500, bytes(range(256)) * 40, b"/Filter /RunLengthDecode"),
        sound(PDF, 1),
    ),
    Case(
        "pdf-picture-of-32-bits",
        "1001.pdf",
        partial(_picture, 3, 3, bytes(100), b"", b"/DeviceGray", 32),
        sound(PDF, 1),
    ),
    Case("pdf-picture-of-no-size", "1001.pdf", partial(_picture, 0, -3, bytes(100), b""), sound(PDF, 1)),
    Case(
        "pdf-picture-of-2-billion", "1001.pdf", partial(_picture, 2**31 - 1, 2**31 - 1, bytes(100), b""), sound(PDF, 1)
    ),
)


def _zip_with_pdf_inside() -> bytes:
    """A ZIP that starts with a PDF, so that each reader finds its own."""
    packed = _zipped()
    shift = len(SOUND)
    at = packed.rindex(b"PK\x05\x06")
    directory = struct.unpack_from("<I", packed, at + 16)[0]
    moved = bytearray(packed)
    struct.pack_into("<I", moved, at + 16, directory + shift)
    struct.pack_into("<I", moved, directory + 42, shift)
    return SOUND + bytes(moved)
