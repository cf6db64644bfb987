"""PDFs with active content, in every spelling that hides it from a search of bytes."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import partial

from . import Case, Expected, refused, sound

PDF = "application/pdf"
Objects = Mapping[int, bytes]

PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> %s >>"
)
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def stream(content: bytes, extra: bytes = b"") -> bytes:
    """The text of a stream object."""
    return b"<< /Length %d %s >>\nstream\n" % (len(content), extra) + content + b"\nendstream"


def base(
    catalog: bytes = b"", page: bytes = b"", content: bytes = b"BT /F 24 Tf 72 720 Td (Candidate work) Tj ET"
) -> dict[int, bytes]:
    """The objects of a sound document of one page, with more in its catalogue and its page."""
    return {
        1: b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog,
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: PAGE % page,
        4: stream(content),
        5: FONT,
    }


def plain(objects: Objects, *, version: bytes = b"1.7", trailer: bytes = b"") -> bytes:
    """A file with a table of places, as programs have written it since 1993."""
    written = bytearray(b"%PDF-" + version + b"\n%\xe2\xe3\xcf\xd3\n")
    places = {}
    for number, text in objects.items():
        places[number] = len(written)
        written += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    return bytes(written) + table(places, len(written), trailer)


def table(places: Mapping[int, int], at: int, trailer: bytes = b"") -> bytes:
    """A table of places with its trailer."""
    size = max(places) + 1
    lines = [b"0000000000 65535 f \n"]
    lines += [b"%010d 00000 n \n" % places[n] if n in places else b"0000000000 00000 f \n" for n in range(1, size)]
    head = b"xref\n0 %d\n" % size
    end = b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (size, trailer, at)
    return head + b"".join(lines) + end


def object_streams(objects: Objects) -> bytes:
    """A file whose objects stand in a compressed stream: a search of bytes finds none of them."""
    written = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    direct = {n: text for n, text in objects.items() if b"stream\n" in text}
    packed = {n: text for n, text in objects.items() if n not in direct}
    places: dict[int, tuple[int, int, int]] = {}
    for number, text in direct.items():
        places[number] = (1, len(written), 0)
        written += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    holder, cross = max(objects) + 1, max(objects) + 2
    heads, bodies, offset = [], [], 0
    for index, (number, text) in enumerate(packed.items()):
        heads.append(b"%d %d" % (number, offset))
        bodies.append(text)
        offset += len(text) + 1
        places[number] = (2, holder, index)
    head = b" ".join(heads) + b"\n"
    content = zlib.compress(head + b"\n".join(bodies))
    places[holder] = (1, len(written), 0)
    extra = b"/Type /ObjStm /N %d /First %d /Filter /FlateDecode" % (len(packed), len(head))
    written += b"%d 0 obj\n%s\nendobj\n" % (holder, stream(content, extra))
    at = len(written)
    places[cross] = (1, at, 0)
    rows = b"".join(
        bytes([kind]) + place.to_bytes(4, "big") + more.to_bytes(4, "big")
        for kind, place, more in (places.get(n, (0, 0, 65535)) for n in range(cross + 1))
    )
    extra = b"/Type /XRef /Size %d /W [1 4 4] /Root 1 0 R /Filter /FlateDecode" % (cross + 1)
    written += b"%d 0 obj\n%s\nendobj\n" % (cross, stream(zlib.compress(rows), extra))
    return bytes(written) + b"startxref\n%d\n%%%%EOF\n" % at


def escaped(objects: Objects) -> bytes:
    """A file that spells the names with numbers: ``/J#61vaScript``."""
    told = {}
    for number, text in objects.items():
        for name in (b"JavaScript", b"JS", b"Launch", b"EmbeddedFiles", b"EmbeddedFile", b"XFA", b"RichMedia", b"SubmitForm",
                     b"ImportData", b"GoToE", b"GoToR", b"OpenAction", b"AA", b"URI", b"Movie"):  # fmt: skip
            hidden = b"".join(b"#%02x" % sign if index % 2 else bytes([sign]) for index, sign in enumerate(name))
            text = text.replace(b"/" + name + b" ", b"/" + hidden + b" ")
        told[number] = text
    return plain(told)


def incremental(objects: Objects) -> bytes:
    """A sound file to which the active objects were added afterwards."""
    first = plain(base())
    start = first.rindex(b"startxref\n") + 10
    before = int(first[start : first.index(b"\n", start)])
    written = bytearray(first)
    places = {}
    for number, text in objects.items():
        if base().get(number) != text:
            places[number] = len(written)
            written += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    at = len(written)
    written += b"xref\n"
    for number, place in sorted(places.items()):
        written += b"%d 1\n%010d 00000 n \n" % (number, place)
    size = max(*objects, *base()) + 1
    written += b"trailer\n<< /Size %d /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (size, before, at)
    return bytes(written)


def hybrid(objects: Objects) -> bytes:
    """A file whose table hides objects that only its second, compressed table knows."""
    written = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
    places = {}
    for number, text in objects.items():
        places[number] = len(written)
        written += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    hidden = {n: place for n, place in places.items() if n > 5}
    cross = max(objects) + 1
    rows = b"".join(b"\x01" + hidden[n].to_bytes(4, "big") + b"\0\0" for n in hidden)
    index = b" ".join(b"%d 1" % n for n in hidden)
    second = len(written)
    extra = b"/Type /XRef /Size %d /W [1 4 2] /Index [%s] /Root 1 0 R" % (cross + 1, index)
    written += b"%d 0 obj\n%s\nendobj\n" % (cross, stream(rows, extra))
    at = len(written)
    shown = {n: place for n, place in places.items() if n <= 5}
    return bytes(written) + table(shown, at, b"/XRefStm %d" % second).replace(b"/Size 6", b"/Size %d" % (cross + 1))


def encrypted(objects: Objects, user: str = "secret") -> bytes:
    """The file locked by a password; with an empty ``user`` everybody opens it and nobody may print it."""
    import io

    import pikepdf

    target = io.BytesIO()
    with pikepdf.open(io.BytesIO(plain(objects))) as document:
        document.save(target, encryption=pikepdf.Encryption(owner="owner", user=user, R=6))
    return target.getvalue()


def _catalog(text: bytes, **more: bytes) -> dict[int, bytes]:
    return base(text) | {int(name[1:]): content for name, content in more.items()}


def _link(action: bytes) -> dict[int, bytes]:
    """A document whose page has a place to press."""
    return base(page=b"/Annots [6 0 R]") | {
        6: b"<< /Type /Annot /Subtype /Link /Rect [72 700 300 740] /A 7 0 R >>",
        7: action,
    }


ACTIVE: dict[str, tuple[dict[int, bytes], tuple[str, ...]]] = {
    "javascript": (
        _catalog(
            b"/Names << /JavaScript << /Names [(a) 6 0 R] >> >>", n6=b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>"
        ),
        ("javascript",),
    ),
    "javascript-on-opening": (
        _catalog(b"/OpenAction 6 0 R", n6=b"<< /S /JavaScript /JS 7 0 R >>", n7=stream(b"app.alert(1)")),
        ("javascript", "opens-with-action"),
    ),
    "launch": (_link(b"<< /S /Launch /F (calc.exe) /Win << /F (cmd.exe) /P (/c calc) >> >>"), ("launch",)),
    "launch-on-opening": (
        _catalog(b"/OpenAction 6 0 R", n6=b"<< /S /Launch /F (calc.exe) >>"),
        ("launch", "opens-with-action"),
    ),
    "attachment": (
        _catalog(
            b"/Names << /EmbeddedFiles << /Names [(a.exe) 6 0 R] >> >>",
            n6=b"<< /Type /Filespec /F (a.exe) /EF << /F 7 0 R >> >>",
            n7=stream(b"MZ not a program", b"/Type /EmbeddedFile "),
        ),
        ("attachments",),
    ),
    "xfa": (
        _catalog(
            b"/AcroForm << /Fields [] /XFA 6 0 R >>",
            n6=stream(b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'></xdp:xdp>"),
        ),
        ("xfa",),
    ),
    "rich-media": (
        base(page=b"/Annots [6 0 R]")
        | {
            6: b"<< /Type /Annot /Subtype /RichMedia /Rect [0 0 100 100] /RichMediaContent << /Assets << /Names [] >> >> >>"
        },
        ("rich-media",),
    ),
    "submit-form": (_link(b"<< /S /SubmitForm /F << /FS /URL /F (https://example.org/steal) >> >>"), ("submits-form",)),
    "import-data": (_link(b"<< /S /ImportData /F (data.fdf) >>"), ("imports-data",)),
    "go-to-embedded": (_link(b"<< /S /GoToE /T << /R /C /N (a.pdf) >> /D [0 /Fit] >>"), ("other-documents",)),
    "go-to-remote": (_link(b"<< /S /GoToR /F (\\\\\\\\host\\\\share\\\\a.pdf) /D [0 /Fit] >>"), ("other-documents",)),
    "acts-on-page": (base(page=b"/AA << /O 6 0 R >> ") | {6: b"<< /S /Named /N /NextPage >>"}, ("acts-by-itself",)),
    "link": (_link(b"<< /S /URI /URI (https://drive.example.org/private/work) >>"), ("links",)),
}
"""Twelve kinds of active content, one of them twice, and the notes that they give."""

SPELLINGS = {
    "plain": plain,
    "object-stream": object_streams,
    "escaped": escaped,
    "incremental": incremental,
    "hybrid": hybrid,
}


def _active() -> list[Case]:
    found = []
    for name, (objects, notes) in ACTIVE.items():
        for spelling, write in SPELLINGS.items():
            if spelling == "hybrid" and max(objects) <= 5:
                continue
            found.append(
                Case(f"pdf-{name}-{spelling}", f"1001_{name}.pdf", partial(write, objects), sound(PDF, 1, *notes))
            )
        found.append(Case(f"pdf-{name}-encrypted", "1001.pdf", partial(encrypted, objects), refused("password", PDF)))
    return found


def _many_pages(count: int) -> bytes:
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Count %d /Kids [%s] >>" % (count, b" ".join(b"%d 0 R" % n for n in range(4, 4 + count))),
        3: stream(b""),
    }
    for number in range(4, 4 + count):
        objects[number] = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 3 0 R >>"
    return plain(objects)


def _sized(width: int, height: int) -> bytes:
    objects = base()
    objects[3] = objects[3].replace(b"[0 0 595 842]", b"[0 0 %d %d]" % (width, height))
    return plain(objects)


def _rotated(degrees: int) -> bytes:
    return plain(base(page=b"/Rotate %d" % degrees))


def _comments() -> bytes:
    return plain(
        base(page=b"/Annots [6 0 R 7 0 R]")
        | {
            6: b"<< /Type /Annot /Subtype /FreeText /Rect [10 10 200 60] /Contents (well done) /DA (/F 12 Tf) >>",
            7: b"<< /Type /Annot /Subtype /Popup /Rect [10 10 200 60] >>",
        }
    )


def _says_words() -> bytes:
    """A sound file that writes about active content: words in strings are no names."""
    return plain(
        base(b"/Lang (see /JavaScript and /Launch )", content=b"BT /F 12 Tf 72 720 Td (/JavaScript /Launch) Tj ET")
    )


CASES: tuple[Case, ...] = (
    *_active(),
    Case("pdf-sound", "1001.pdf", lambda: plain(base()), sound(PDF, 1)),
    Case("pdf-sound-object-streams", "1001.PDF", lambda: object_streams(base()), sound(PDF, 1)),
    Case("pdf-sound-opens-at-page", "1001.pdf", lambda: plain(base(b"/OpenAction [3 0 R /Fit]")), sound(PDF, 1)),
    Case(
        "pdf-sound-goes-to-page",
        "1001.pdf",
        lambda: plain(base(b"/OpenAction << /S /GoTo /D [3 0 R /Fit] >>")),
        sound(PDF, 1),
    ),
    Case("pdf-sound-words-of-active-content", "1001.pdf", _says_words, sound(PDF, 1)),
    Case("pdf-comments", "1001.pdf", _comments, sound(PDF, 1, "comments")),
    Case("pdf-owner-password", "1001.pdf", lambda: encrypted(base(), ""), refused("restricted", PDF)),
    Case("pdf-400-pages", "1001.pdf", partial(_many_pages, 400), sound(PDF, 400)),
    Case("pdf-2000-pages", "1001.pdf", partial(_many_pages, 2000), sound(PDF, 2000)),
    Case("pdf-2001-pages", "1001.pdf", partial(_many_pages, 2001), refused("too-large", PDF)),
    Case("pdf-100000-pages", "1001.pdf", partial(_many_pages, 100_000), refused("too-large", PDF)),
    Case("pdf-14400-points", "1001.pdf", partial(_sized, 14_400, 14_400), sound(PDF, 1)),
    Case("pdf-14401-points", "1001.pdf", partial(_sized, 14_401, 100), refused("too-large", PDF)),
    Case("pdf-huge-page", "1001.pdf", partial(_sized, 2_000_000_000, 2_000_000_000), refused("too-large", PDF)),
    Case("pdf-thin-page", "1001.pdf", partial(_sized, 1, 14_400), sound(PDF, 1)),
    Case("pdf-flat-page", "1001.pdf", partial(_sized, 14_400, 1), sound(PDF, 1)),
    Case("pdf-no-size", "1001.pdf", partial(_sized, 0, 0), sound(PDF, 1)),
    Case("pdf-turned-180", "1001.pdf", partial(_rotated, 180), sound(PDF, 1)),
    Case("pdf-turned-odd", "1001.pdf", partial(_rotated, 37), sound(PDF, 1)),
    Case("pdf-named-jpg", "1001.jpg", lambda: plain(base()), Expected(PDF, pages=1, other_name=True)),
    Case("pdf-named-pdf-exe", "1001.pdf.exe", lambda: plain(base()), Expected(PDF, pages=1, other_name=True)),
    Case("pdf-named-exe-pdf", "1001.exe.pdf", lambda: plain(base()), sound(PDF, 1)),
    Case("pdf-without-ending", "1001", lambda: plain(base()), Expected(PDF, pages=1, other_name=True)),
)
