"""Opening scan bundles, PDF or TIFF, page by page: never more than the pages that are being looked at are unpacked.

Both formats are strangers' files and are opened in the child only (``scanning``). A file that had to be repaired may have
lost pages in the repair and is refused: the paper is still there to scan again.
"""

from __future__ import annotations

import base64
import struct
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO

import pikepdf
import pypdfium2
from PIL import Image, TiffImagePlugin

from scripts.errors import BundleTooLarge, BundleUnreadable
from scripts.page_images import MAX_PIXELS, Picture
from scripts.readings import MAX_PAGES

MAX_BYTES = 1 << 30
RENDER_DPI = 150
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MAX_FIELDS = 512
"""Fields that one page of a TIFF may have; real ones have about twenty."""
COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946})
"""Ways of packing a TIFF that scanners use: none, G3, G4, LZW, JPEG, deflate, PackBits."""
BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    AttributeError,
    MemoryError,
    struct.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What the library may say of a file that is not what it claims to be."""
JPEG_QUALITY = 90
MAX_CONTENT_BYTES = 4096
PLAIN_OPERATORS = frozenset({"q", "Q", "cm", "Do", "gs", "w", "J", "j", "BT", "ET", "Tf", "TL"})
"""Operators that draw nothing but the one picture: the text operators here set a font and show no text."""


def is_tiff(untrusted: bytes) -> bool:
    """Say whether a file begins as a TIFF does."""
    return untrusted[:4] in TIFF_STARTS


def count_pages(untrusted: bytes) -> int:
    """Return how many pages a bundle has. Raises: ``BundleUnreadable``, ``BundleTooLarge``."""
    if is_tiff(untrusted):
        return _tiff_pages(untrusted)
    with _pdf(untrusted) as bundle:
        return len(bundle.pages)


def pictures(untrusted: bytes, only: Collection[int] | None = None) -> Iterator[Picture]:
    """Give the pictures of a bundle's pages in order, unpacked one at a time.

    Takes: ``only``: the pages wanted, from 0; None wants all.
    Raises: ``BundleUnreadable``, ``BundleTooLarge``.
    """
    return _tiff_pictures(untrusted, only) if is_tiff(untrusted) else _pdf_pictures(untrusted, only)


def cut(untrusted: bytes, lists: Sequence[Sequence[int]], turns: Mapping[int, int]) -> Iterator[bytes]:
    """Cut pages out of a bundle, a PDF for each list, the pages in its order; the same pages give the same bytes.

    Takes: ``turns``: by page, the clockwise turn with which it is shown from now on; its picture stays as it is.
    Raises: ``BundleUnreadable`` for a file or a page number that is not there.
    """
    if is_tiff(untrusted):
        count = _tiff_pages(untrusted)
        for pages in lists:
            _check_pages(pages, count)
            with _pdf(_tiff_as_pdf(untrusted, pages)) as made:
                yield _cut(made, range(len(pages)), {place: turns.get(page, 0) for place, page in enumerate(pages)})
        return
    with _pdf(untrusted) as bundle:
        for pages in lists:
            _check_pages(pages, len(bundle.pages))
            yield _cut(bundle, pages, turns)


def _check_pages(pages: Sequence[int], count: int) -> None:
    if not pages or not all(type(page) is int and 0 <= page < count for page in pages):
        raise BundleUnreadable("The bundle has no such page.")


def _cut(bundle: pikepdf.Pdf, pages: Sequence[int], turns: Mapping[int, int]) -> bytes:
    written = BytesIO()
    with pikepdf.new() as script:
        for index in pages:
            script.pages.append(bundle.pages[index])
            copied = script.pages[-1].obj
            for key in ("/Annots", "/AA", "/Metadata", "/PieceInfo", "/B"):
                if key in copied:
                    del copied[key]
            if turns.get(index, 0):
                script.pages[-1].rotate(turns[index], relative=True)
        script.save(written, deterministic_id=True)
    return written.getvalue()


# PDF


@contextmanager
def _pdf(untrusted: bytes) -> Iterator[pikepdf.Pdf]:
    if len(untrusted) > MAX_BYTES:
        raise BundleTooLarge
    if not untrusted.startswith(b"%PDF-"):
        raise BundleUnreadable
    try:
        bundle = pikepdf.open(BytesIO(untrusted), suppress_warnings=True)
    except (pikepdf.PdfError, pikepdf.PasswordError, ValueError, RuntimeError) as cause:
        raise BundleUnreadable from cause
    with bundle:
        try:
            count = len(bundle.pages)
            sound = not bundle.is_encrypted and count > 0 and not bundle.get_warnings()
        except (pikepdf.PdfError, ValueError, RuntimeError) as cause:
            raise BundleUnreadable from cause
        if not sound:
            raise BundleUnreadable
        if count > MAX_PAGES:
            raise BundleTooLarge(pages=count, maximum=MAX_PAGES)
        yield bundle


def _pdf_pictures(untrusted: bytes, only: Collection[int] | None) -> Iterator[Picture]:
    renderer: pypdfium2.PdfDocument | None = None
    with _pdf(untrusted) as bundle:
        try:
            for index, page in enumerate(bundle.pages):
                if only is not None and index not in only:
                    continue
                found = _plain_jpeg(page)
                if found is not None:
                    yield Picture(index, found[0], None, page.rotation, found[1])
                    continue
                if renderer is None:
                    renderer = _renderer(untrusted)
                yield Picture(index, None, _rendered(renderer, index), dpi=RENDER_DPI)
        finally:
            if renderer is not None:
                renderer.close()


def _plain_jpeg(page: pikepdf.Page) -> tuple[bytes, float] | None:
    """Return the JPEG of a page that is one scanned picture and nothing else, and its dots to the inch; else None."""
    try:
        images = [value for value in page.resources.get("/XObject", {}).values() if value.get("/Subtype") == "/Image"]
        if len(images) != 1 or "/Annots" in page.obj:
            return None
        image = images[0]
        grey_or_colour = image.get("/ColorSpace") in ("/DeviceGray", "/DeviceRGB")
        if not grey_or_colour or "/SMask" in image or "/Decode" in image:
            return None
        contents = page.obj.get("/Contents")
        streams = list(contents) if isinstance(contents, pikepdf.Array) else [contents]
        if not all(_is_short(part) for part in streams):
            return None
        operators = [str(part.operator) for part in pikepdf.parse_content_stream(page)]
        if operators.count("Do") != 1 or not set(operators) <= PLAIN_OPERATORS:
            return None
        jpeg = _jpeg_bytes(image)
        left, _, right, _ = (float(edge) for edge in page.mediabox)
        dpi = 72 * float(image["/Width"]) / abs(right - left) if right != left else 0.0
        return None if jpeg is None else (jpeg, dpi)
    except (pikepdf.PdfError, AttributeError, TypeError, ValueError, KeyError):
        return None


def _is_short(part: object) -> bool:
    return isinstance(part, pikepdf.Stream) and int(part.get("/Length", 0)) <= MAX_CONTENT_BYTES


def _jpeg_bytes(image: pikepdf.Object) -> bytes | None:
    """Return the JPEG inside a picture, taken out of the text armour that some writers put around it."""
    filters = image.get("/Filter")
    names = [str(name) for name in filters] if isinstance(filters, pikepdf.Array) else [str(filters)]
    raw = bytes(image.read_raw_bytes())
    if names == ["/ASCII85Decode", "/DCTDecode"]:
        return base64.a85decode(raw.strip().removesuffix(b"~>"))
    return raw if names == ["/DCTDecode"] else None


def _renderer(untrusted: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(untrusted)
    except pypdfium2.PdfiumError as cause:
        raise BundleUnreadable from cause


def _rendered(renderer: pypdfium2.PdfDocument, index: int) -> Image.Image | None:
    try:
        page = renderer[index]
        width, height = page.get_size()
        scale = RENDER_DPI / 72
        if not 1 <= width * scale * height * scale <= MAX_PIXELS:
            return None
        image: Image.Image = page.render(scale=scale, grayscale=True).to_pil().convert("L")
        page.close()
    except (pypdfium2.PdfiumError, ValueError, MemoryError):
        return None
    return image


# TIFF


def _tiff_pages(untrusted: bytes) -> int:
    """Count the pages of a TIFF by its own chain of directories, before any library unpacks anything.

    Raises: ``BundleUnreadable`` for a chain that leaves the file or comes back to where it was, or a directory that no
        scanner writes; ``BundleTooLarge``.
    """
    if len(untrusted) > MAX_BYTES:
        raise BundleTooLarge
    order = "<" if untrusted[:2] == b"II" else ">"
    large = untrusted[2:4] in (b"+\0", b"\0+")
    seen: set[int] = set()
    try:
        if large and struct.unpack_from(order + "HH", untrusted, 4) != (8, 0):
            raise BundleUnreadable
        (place,) = struct.unpack_from(order + ("Q" if large else "I"), untrusted, 8 if large else 4)
        while place:
            if place in seen:
                raise BundleUnreadable
            seen.add(place)
            if len(seen) > MAX_PAGES:
                raise BundleTooLarge(maximum=MAX_PAGES)
            (fields,) = struct.unpack_from(order + ("Q" if large else "H"), untrusted, place)
            if not 0 < fields <= MAX_FIELDS:
                raise BundleUnreadable
            place += (8 if large else 2) + fields * (20 if large else 12)
            (place,) = struct.unpack_from(order + ("Q" if large else "I"), untrusted, place)
    except struct.error as cause:
        raise BundleUnreadable from cause
    if not seen:
        raise BundleUnreadable
    return len(seen)


def _tiff_pictures(untrusted: bytes, only: Collection[int] | None) -> Iterator[Picture]:
    count = _tiff_pages(untrusted)
    with _tiff(untrusted) as scan:
        for index in range(count):
            if only is None or index in only:
                image = _tiff_page(scan, index)
                yield Picture(index, None, image, dpi=_tiff_dpi(image))


@contextmanager
def _tiff(untrusted: bytes) -> Iterator[Image.Image]:
    with warnings.catch_warnings():
        # Scanners write odd fields beside the picture, of which the library warns; a picture too large is refused.
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            scan = Image.open(BytesIO(untrusted), formats=("TIFF",))
        except BROKEN as cause:
            raise BundleUnreadable from cause
        with scan:
            yield scan


def _tiff_page(scan: Image.Image, index: int) -> Image.Image | None:
    """Unpack one page of a TIFF in black and white, grey or colour; None for a page that cannot be unpacked."""
    try:
        scan.seek(index)
        tags = scan.tag_v2 if isinstance(scan, TiffImagePlugin.TiffImageFile) else {}
        packed = tags.get(TiffImagePlugin.COMPRESSION, 1)
        if (
            packed not in COMPRESSIONS
            or scan.width * scan.height > MAX_PIXELS
            or scan.mode not in {"1", "L", "P", "RGB"}
        ):
            return None
        scan.load()
        image = scan.copy() if scan.mode in {"1", "L", "RGB"} else scan.convert("RGB")
        image.info = {"dpi": scan.info.get("dpi")}
    except BROKEN:
        return None
    return image


def _tiff_dpi(image: Image.Image | None) -> float:
    try:
        dpi = float(image.info["dpi"][0]) if image is not None else 0.0
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return 0.0
    return dpi if 40 <= dpi <= 2400 else 0.0


def _tiff_as_pdf(untrusted: bytes, pages: Sequence[int]) -> bytes:
    """Return pages of a TIFF as a PDF: black and white packed without loss, grey and colour as good JPEG.

    Raises: ``BundleUnreadable`` when a page cannot be unpacked: the bundle itself keeps it.
    """
    made = BytesIO()
    with _tiff(untrusted) as scan, pikepdf.new() as whole:
        for index in pages:
            image = _tiff_page(scan, index)
            if image is None:
                raise BundleUnreadable("A page of the bundle cannot be unpacked.")
            one = BytesIO()
            packed = {} if image.mode == "1" else {"quality": JPEG_QUALITY}
            image.save(one, "PDF", resolution=_tiff_dpi(image) or RENDER_DPI, **packed)
            with pikepdf.open(one) as page:
                whole.pages.extend(page.pages)
        whole.save(made, deterministic_id=True)
    return made.getvalue()
