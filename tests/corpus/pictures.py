"""Pictures: floods of dots, many frames, places and cameras, two things in one, names that disagree."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from functools import partial

from PIL import Image, ImageDraw

from . import Case, Expected, refused, sound

JPEG, PNG, GIF, WEBP, TIFF, BMP = (f"image/{kind}" for kind in ("jpeg", "png", "gif", "webp", "tiff", "bmp"))


def drawing(width: int = 320, height: int = 200, mode: str = "RGB") -> Image.Image:
    """A small picture with something on it."""
    image = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(image).rectangle((width // 8, height // 8, width // 2, height // 2), fill=(180, 40, 40))
    return image.convert(mode)


def saved(kind: str, image: Image.Image | None = None, **more: object) -> bytes:
    """A picture as a file."""
    target = io.BytesIO()
    (image or drawing()).save(target, kind, **more)
    return target.getvalue()


def camera(orientation: int = 6) -> bytes:
    """A photo that says where it was taken, by which camera, and how that was held."""
    exif = Image.Exif()
    exif[0x010F] = "CANARY-CAMERA"
    exif[0x0112] = orientation
    place = exif.get_ifd(0x8825)
    place[1], place[2], place[3], place[4] = "N", (51.0, 30.0, 26.0), "W", (0.0, 7.0, 39.0)
    return saved("JPEG", exif=exif.tobytes())


def png(width: int, height: int, body: bytes | None = None, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG with this head, whatever follows it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1000)) if body is None else body
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + b"".join(chunk(*one) for one in more)
        + chunk(b"IDAT", body)
        + chunk(b"IEND", b"")
    )


def _film(kind: str, count: int, side: int = 8) -> bytes:
    pictures = [Image.new("L", (side, side), number * 50 % 256) for number in range(count)]
    target = io.BytesIO()
    pictures[0].save(target, kind, save_all=True, append_images=pictures[1:])
    return target.getvalue()


def _gif_of_frames(count: int) -> bytes:
    """A GIF of so many frames of one dot, all different, without a library that would join them."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\xff\xff\xff\x00\x00\x00"
    frame = b"\x21\xf9\x04\x00\x01\x00\x00\x00" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02%b\x01\x00"
    return head + b"".join(frame % (b"\x44" if n % 2 else b"\x4c") for n in range(count)) + b"\x3b"


def _jpeg_of_size(width: int, height: int) -> bytes:
    data = bytearray(saved("JPEG"))
    at = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, at + 5, height, width)
    return bytes(data)


def _gif_of_size(width: int, height: int) -> bytes:
    data = bytearray(_gif_of_frames(1))
    struct.pack_into("<HH", data, 6, width, height)
    return bytes(data)


def _bmp_of_size(width: int, height: int) -> bytes:
    data = bytearray(saved("BMP"))
    struct.pack_into("<ii", data, 18, width, height)
    return bytes(data)


def _tiff_of_size(width: int, height: int) -> bytes:
    data = bytearray(saved("TIFF"))
    at = struct.unpack_from("<I", data, 4)[0] + 2
    for entry in range(struct.unpack_from("<H", data, at - 2)[0]):
        tag = struct.unpack_from("<H", data, at + 12 * entry)[0]
        if tag in {256, 257}:
            struct.pack_into("<HII", data, at + 12 * entry + 2, 4, 1, width if tag == 256 else height)
    return bytes(data)


def _tiff_in_a_circle() -> bytes:
    data = bytearray(saved("TIFF"))
    first = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, first)[0]
    struct.pack_into("<I", data, first + 2 + 12 * count, first)
    return bytes(data)


def _bomb() -> bytes:
    """A PNG of 49 million dots in 50 KB: large and allowed."""
    return png(7000, 7000, zlib.compress(bytes(7001 * 7000), 9))


def _text_bomb() -> bytes:
    """A PNG whose remark unpacks to 200 MB."""
    return png(8, 8, zlib.compress(bytes(9 * 8)), (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)))


def _profile_bomb() -> bytes:
    return png(8, 8, zlib.compress(bytes(9 * 8)), (b"iCCP", b"p\0\0" + zlib.compress(bytes(200_000_000), 9)))


def _apng(count: int) -> bytes:
    pictures = [Image.new("L", (8, 8), number % 256) for number in range(count)]
    return saved("PNG", pictures[0], save_all=True, append_images=pictures[1:])


def _zip_after(data: bytes) -> bytes:
    target = io.BytesIO(data)
    target.seek(0, io.SEEK_END)
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr("a.txt", "hello")
    return target.getvalue()


def _motion_photo() -> bytes:
    """A photo to which a phone added a short film, and says so."""
    mark = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta GCamera:MotionPhoto="1"/>'
    photo = saved("JPEG")
    said = b"\xff\xe1" + struct.pack(">H", len(mark) + 2) + mark
    return photo[:2] + said + photo[2:] + b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 20


def _script_in_comment() -> bytes:
    return saved("JPEG", comment=b"*/=1;alert(1)/*<script>alert(1)</script><?php phpinfo(); ?>")


def _mpo() -> bytes:
    return saved("MPO", drawing(), save_all=True, append_images=[drawing(160, 100)])


def _odd(mode: str, kind: str) -> bytes:
    return saved(kind, drawing().convert("L").convert(mode) if mode in {"I", "F", "1", "I;16"} else drawing(mode=mode))


def _ending(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


RUBBISH = {
    "PNG": "incomplete",
    "JPEG": "incomplete",
    "GIF": "incomplete",
    "BMP": "damaged",
    "TIFF": "damaged",
    "WEBP": "trailing-data",
}
"""What a decoder says of a sound head and end with rubbish between."""


def _rubbish(kind: str) -> bytes:
    return saved(kind)[:30] + bytes(range(256)) * 8 + saved(kind)[-12:]


def _of_each_kind() -> list[Case]:
    found = []
    for kind, code in RUBBISH.items():
        low = kind.lower()
        name, file, is_a = f"picture-{low}", f"1001.{low}", f"image/{low}"
        found += [
            Case(name, file, partial(saved, kind), sound(is_a, 1)),
            Case(f"{name}-first-half", file, lambda k=kind: _ending(saved(k), 0.5), refused("incomplete", is_a)),
            Case(f"{name}-of-rubbish", file, partial(_rubbish, kind), refused(code, is_a)),
            Case(f"{name}-before-a-zip", file, lambda k=kind: _zip_after(saved(k)), refused("polyglot", is_a)),
        ]
        if kind not in {"TIFF", "BMP"}:  # they have no end of their own
            after = partial(lambda k: saved(k) + b"<script>" + bytes(range(256)) * 20, kind)
            found.append(Case(f"{name}-before-more", file, after, refused("trailing-data", is_a)))
    return found


CASES: tuple[Case, ...] = (
    *_of_each_kind(),
    # Floods.
    Case("picture-jpeg-50000", "1001.jpg", partial(_jpeg_of_size, 50_000, 50_000), refused("too-large", JPEG)),
    Case("picture-png-50000", "1001.png", partial(png, 50_000, 50_000), refused("too-large", PNG)),
    Case("picture-gif-50000", "1001.gif", partial(_gif_of_size, 50_000, 50_000), refused("too-large", GIF)),
    Case("picture-bmp-50000", "1001.bmp", partial(_bmp_of_size, 50_000, 50_000), refused("too-large", BMP)),
    Case("picture-tiff-50000", "1001.tif", partial(_tiff_of_size, 50_000, 50_000), refused("too-large", TIFF)),
    Case("picture-png-2-billion", "1001.png", partial(png, 2**31 - 1, 2**31 - 1), refused("too-large", PNG)),
    Case("picture-png-1-by-60000", "1001.png", partial(png, 1, 60_000), refused("too-large", PNG)),
    Case("picture-png-60000-by-1", "1001.png", partial(png, 60_000, 1), refused("too-large", PNG)),
    Case("picture-png-no-size", "1001.png", partial(png, 0, 0), refused("damaged", PNG)),
    Case("picture-png-49-million", "1001.png", _bomb, sound(PNG, 1)),
    Case("picture-png-remark-of-200-mb", "1001.png", _text_bomb, refused("damaged", PNG)),
    Case("picture-png-profile-of-200-mb", "1001.png", _profile_bomb, refused("damaged", PNG)),
    Case("picture-tiff-in-a-circle", "1001.tif", _tiff_in_a_circle, sound(TIFF, 1)),
    # Frames.
    Case("picture-gif-3-frames", "1001.gif", partial(_gif_of_frames, 3), sound(GIF, 1, "animated")),
    Case("picture-gif-200-frames", "1001.gif", partial(_gif_of_frames, 200), sound(GIF, 1, "animated")),
    Case("picture-gif-201-frames", "1001.gif", partial(_gif_of_frames, 201), refused("too-large", GIF)),
    Case("picture-gif-10000-frames", "1001.gif", partial(_gif_of_frames, 10_000), refused("too-large", GIF)),
    Case("picture-apng-3-frames", "1001.png", partial(_apng, 3), sound(PNG, 1, "animated")),
    Case("picture-apng-300-frames", "1001.png", partial(_apng, 300), refused("too-large", PNG)),
    Case("picture-webp-3-frames", "1001.webp", partial(_film, "WEBP", 3), sound(WEBP, 1, "animated")),
    Case("picture-tiff-5-pages", "1001.tiff", partial(_film, "TIFF", 5), sound(TIFF, 5)),
    Case("picture-tiff-201-pages", "1001.tiff", partial(_film, "TIFF", 201), refused("too-large", TIFF)),
    # Cameras and phones.
    *(
        Case(f"picture-turned-{turn}", "1001.jpg", partial(camera, turn), sound(JPEG, 1, "camera-data", "location"))
        for turn in (1, 3, 6, 8)
    ),
    Case("picture-turned-wrongly", "1001.jpg", partial(camera, 99), sound(JPEG, 1, "camera-data", "location")),
    Case("picture-mpo", "1001.jpg", _mpo, sound(JPEG, 1, "phone-extras")),
    Case("picture-motion-photo", "1001.jpg", _motion_photo, sound(JPEG, 1, "phone-extras")),
    # More than one thing.
    Case("picture-jpeg-script-in-comment", "1001.jpg", _script_in_comment, sound(JPEG, 1)),
    Case(
        "picture-gif-script", "1001.gif", lambda: b"GIF89a/*" + bytes(200) + b"*/=1;alert(1)", refused("damaged", GIF)
    ),
    Case("picture-jpeg-before-zeros", "1001.jpg", lambda: saved("JPEG") + bytes(4000), sound(JPEG, 1)),
    # Names that disagree.
    Case("picture-webp-named-jpg", "1001.jpg", partial(saved, "WEBP"), Expected(WEBP, pages=1, other_name=True)),
    Case("picture-png-named-jpg", "1001.jpg", partial(saved, "PNG"), Expected(PNG, pages=1, other_name=True)),
    Case("picture-jpeg-named-pdf", "1001.pdf", partial(saved, "JPEG"), Expected(JPEG, pages=1, other_name=True)),
    # Odd and sound.
    Case("picture-jpeg-cmyk", "1001.jpg", partial(_odd, "CMYK", "JPEG"), sound(JPEG, 1)),
    Case("picture-png-palette", "1001.png", partial(_odd, "P", "PNG"), sound(PNG, 1)),
    Case("picture-png-transparent", "1001.png", partial(_odd, "RGBA", "PNG"), sound(PNG, 1)),
    Case("picture-png-16-bits", "1001.png", partial(_odd, "I;16", "PNG"), sound(PNG, 1)),
    Case("picture-png-1-bit", "1001.png", partial(_odd, "1", "PNG"), sound(PNG, 1)),
    Case("picture-tiff-float", "1001.tif", partial(_odd, "F", "TIFF"), sound(TIFF, 1)),
    Case("picture-tiff-lab", "1001.tif", partial(_odd, "LAB", "TIFF"), sound(TIFF, 1)),
    Case(
        "picture-tiff-fax", "1001.tif", lambda: saved("TIFF", drawing(mode="1"), compression="group4"), sound(TIFF, 1)
    ),
)
