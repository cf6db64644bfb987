"""Which recordings are taken, how ffmpeg is asked about them, and what of them plays in a browser as it is.

ffmpeg reads from a pipe and nothing else: the one protocol is ``pipe``, the one format is the one that the content showed,
and only decoders in ``CODECS`` are used. A playlist in any dress therefore reaches no file and no network, even before the
sandbox, in which there is neither.
"""

from __future__ import annotations

import json
import subprocess  # nosec B404 - a fixed program with our own arguments
from collections.abc import Mapping
from typing import NamedTuple

from .findings import Refused

FFMPEG, FFPROBE = "/usr/bin/ffmpeg", "/usr/bin/ffprobe"
CANNOT_START = frozenset((126, 127))
"""What a program answers when it, or a library that it needs, is not there."""
NOT_TAKEN = b"not on whitelist"
"""What ffprobe says of a codec that is not among ``CODECS``."""
PROBE_SECONDS = 30
PROBE_LIMIT_BYTES = 256 * 1024
STREAM_LIMIT = 32
DURATION_LIMIT_SECONDS = 4 * 3600
"""Project policy: longer recordings are sent in parts."""
PIXEL_LIMIT = 8192 * 4352
SIDE_LIMIT_PIXELS = 8192
CHANNEL_LIMIT = 16

FORMATS: Mapping[str, str] = {
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp4": "mov",
    "audio/ogg": "ogg",
    "audio/flac": "flac",
    "audio/aac": "aac",
    "audio/aiff": "aiff",
    "audio/amr": "amr",
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/3gpp": "mov",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "video/x-msvideo": "avi",
    "video/x-ms-asf": "asf",
    "video/mpeg": "mpeg",
}
"""Media type → ffmpeg's reader for it. The reader is told, never found by ffmpeg."""
BOXED = frozenset(kind for kind, name in FORMATS.items() if name == "mov")
"""Kinds whose index may stand at their end."""

_VIDEO = (
    "h264 hevc vp8 vp9 av1 mpeg4 mpeg2video mpeg1video msmpeg4v2 msmpeg4v3 wmv1 wmv2 wmv3 vc1 h263 mjpeg theora prores"
    " dvvideo svq3"
)
_SOUND = (
    "aac mp3 mp2 opus vorbis flac alac ac3 eac3 wmav1 wmav2 wmapro amrnb amrwb amr_nb amr_wb pcm_s16le pcm_s16be pcm_s24le"
    " pcm_s24be pcm_s32le pcm_s32be pcm_f32le pcm_f32be pcm_f64le pcm_u8 pcm_s8 pcm_alaw pcm_mulaw adpcm_ms"
    " adpcm_ima_wav adpcm_ima_qt gsm_ms"
)
VIDEO_CODECS = frozenset(_VIDEO.split())
SOUND_CODECS = frozenset(_SOUND.split())
_DECODERS = ("libdav1d", "libopus", "libvorbis", "libvpx", "libvpx-vp9", "mp3float", "mpegvideo")
CODECS = ",".join(sorted(VIDEO_CODECS | SOUND_CODECS | set(_DECODERS)))
"""What ffmpeg may decode, by its names."""

BROWSERS_PLAY = frozenset(("aac", "mp3", "opus", "vorbis", "flac", "pcm_s16le", "pcm_s24le", "pcm_f32le", "pcm_u8"))
"""Sound that needs no word about its being coded anew."""
COPY_SIDE_PIXELS = (1920, 1080)
COPY_BITS_PER_SECOND = 20_000_000
"""Project policy: what is larger than that is made smaller, for a moderator's connection at home."""


class Recording(NamedTuple):
    """What ffprobe says of a recording; zero and empty where it has no such stream."""

    seconds: float
    video: str = ""
    width: int = 0
    height: int = 0
    sound: str = ""
    channels: int = 0
    copies_video: bool = False
    plays_sound: bool = False
    sound_rate: int = 0
    bits_per_second: float = 0.0


def reading(kind: str) -> list[str]:
    """Return the arguments by which ffmpeg and ffprobe read a recording of this kind from their input."""
    form = FORMATS[kind]
    return [
        "-protocol_whitelist", "pipe", "-format_whitelist", form, "-codec_whitelist", CODECS,
        "-max_streams", str(STREAM_LIMIT), "-f", form, "-i", "pipe:0",
    ]  # fmt: skip


def probe(front: bytes, kind: str) -> Recording:
    """Return what a recording is, from its index and first bytes.

    Raises: ``Refused`` when it is damaged, has nothing to see or hear, a codec that is not taken, or is beyond the limits.
    """
    try:
        answer = subprocess.run(  # noqa: S603  # nosec B603
            [FFPROBE, "-v", "error", "-hide_banner", *reading(kind), "-show_format", "-show_streams", "-of", "json"],
            input=front,
            capture_output=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except (FileNotFoundError, PermissionError) as error:
        raise Refused("media-missing") from error
    except subprocess.TimeoutExpired as error:
        raise Refused("damaged") from error
    if answer.returncode in CANNOT_START:
        raise Refused("media-missing")
    if NOT_TAKEN in answer.stderr:
        raise Refused("recording-codec")
    if answer.returncode != 0 or len(answer.stdout) > PROBE_LIMIT_BYTES:
        raise Refused("damaged")
    said = json.loads(answer.stdout)
    return _checked(said.get("streams", []), said.get("format", {}))


def _checked(streams: list[dict[str, object]], form: dict[str, object]) -> Recording:
    if any(
        "DRM" in str(stream.get("codec_tag_string")) or stream.get("codec_tag_string") in _LOCKED for stream in streams
    ):
        raise Refused("recording-locked")
    pictures = [one for one in streams if one.get("codec_type") == "video" and not _is_cover(one)]
    sounds = [one for one in streams if one.get("codec_type") == "audio"]
    if not pictures and not sounds:
        raise Refused("recording-empty")
    seconds = max([_number(form, "duration"), *(_number(one, "duration") for one in (*pictures, *sounds))])
    if seconds > DURATION_LIMIT_SECONDS:
        raise Refused("recording-too-long")
    found = Recording(seconds, bits_per_second=_number(form, "bit_rate"))
    if pictures:
        found = _with_picture(found, pictures[0], _number(form, "bit_rate"))
    if sounds:
        sound = sounds[0]
        codec, channels = str(sound.get("codec_name", "")), int(_number(sound, "channels"))
        if (
            codec not in SOUND_CODECS
            or not 0 < channels <= CHANNEL_LIMIT
            or not 0 < _number(sound, "sample_rate") <= 768_000
        ):
            raise Refused("recording-codec")
        found = found._replace(
            sound=codec,
            channels=channels,
            plays_sound=codec in BROWSERS_PLAY,
            sound_rate=int(_number(sound, "sample_rate")),
        )
        if not found.bits_per_second and not pictures:
            found = found._replace(bits_per_second=_number(sound, "bit_rate"))
    return found


_LOCKED = frozenset(("drms", "drmi", "enca", "encv"))


def _with_picture(found: Recording, picture: dict[str, object], file_bits: float) -> Recording:
    codec = str(picture.get("codec_name", ""))
    width, height = int(_number(picture, "width")), int(_number(picture, "height"))
    if codec not in VIDEO_CODECS:
        raise Refused("recording-codec")
    if width <= 0 or height <= 0:
        raise Refused("damaged")
    if max(width, height) > SIDE_LIMIT_PIXELS or width * height > PIXEL_LIMIT:
        raise Refused("recording-too-large")
    long, short = max(width, height), min(width, height)
    bits = _number(picture, "bit_rate") or file_bits
    copies = (
        codec == "h264"
        and picture.get("pix_fmt") in {"yuv420p", "yuvj420p"}
        and picture.get("profile") in {"Constrained Baseline", "Baseline", "Main", "High"}
        and picture.get("field_order", "progressive") in {"progressive", "unknown"}
        and long <= COPY_SIDE_PIXELS[0]
        and short <= COPY_SIDE_PIXELS[1]
        and bits <= COPY_BITS_PER_SECOND
    )
    return found._replace(video=codec, width=width, height=height, copies_video=copies)


def _is_cover(stream: dict[str, object]) -> bool:
    disposition = stream.get("disposition")
    return isinstance(disposition, dict) and bool(disposition.get("attached_pic"))


def _number(found: dict[str, object], name: str) -> float:
    try:
        value = float(str(found.get(name, 0)))
    except ValueError:
        return 0.0
    return value if 0 <= value < 1e12 else 0.0


def work() -> bool:
    """Return whether ffmpeg and ffprobe are here and can be started."""
    try:
        for program in (FFMPEG, FFPROBE):
            subprocess.run(  # noqa: S603  # nosec B603
                [program, "-version"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=PROBE_SECONDS,
                check=True,
            )
    except (OSError, subprocess.SubprocessError):
        return False
    return True
