"""A recording becomes one that every browser plays: H.264 and AAC, in fragments; with stills and the outline of its sound.

A picture that plays already is copied into the new file, any other is coded anew, as all sound is. Tags, chapters,
subtitles, covers, places and the coder's own remarks stay behind. Nothing is held whole: it comes in by one pipe and goes
out by another.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import subprocess  # nosec B404 - a fixed program with our own arguments
import sys
import threading
from collections.abc import Iterator
from typing import IO

from . import boxes, recordings
from .boxes import Source
from .findings import Refused
from .fragments import Fragments
from .frames import Frame
from .recordings import Recording

FRONT_BYTES = 8 * 1024 * 1024
STILL_EVERY_SECONDS = 10
STILL_LIMIT_BYTES = 2 * 1024 * 1024
STILLS_LOOKED_AT = 6
SOUND_RATE = 8_000
PEAK_SAMPLES = SOUND_RATE // 10
PEAKS_KEPT = 1_000
SILENT_PEAK = 1
"""Of a hundred: below this nobody hears anything."""
DARK = 40
"""Of 255: a picture with nothing lighter is black."""
SHORTER = 0.9
"""A recording of which less than this part can be played has lost its end."""
BITS_KEPT = "2500k"


def run(source: Source, kind: str, size: int) -> Iterator[Frame]:
    """Give the frames of the new recording: its bytes, what stands before them, a still, and notes.

    Takes: the recording; where its kind has an index that may come last (``recordings.BOXED``) the recording twice, one
    after the other, each of ``size`` bytes.
    Raises: ``Refused``, also after frames were given: they count only with a good end.
    """
    os.nice(10)  # a film can take hours; who waits for a page does not wait for it
    front, chunks = _opened(source, kind, size)
    recording = recordings.probe(front, kind)
    yield from _transcode(recording, kind, chunks)


def _opened(source: Source, kind: str, size: int) -> tuple[bytes, Iterator[bytes]]:
    if kind in recordings.BOXED:
        index = boxes.Front(boxes.Part(source, size))
        return index.head() + index.sample, boxes.in_order(source, index)
    front = source.read(FRONT_BYTES)
    return front, _chain(front, source)


def _chain(front: bytes, source: Source) -> Iterator[bytes]:
    yield front
    while piece := source.read(boxes.PIECE_BYTES):
        yield piece


def _transcode(recording: Recording, kind: str, chunks: Iterator[bytes]) -> Iterator[Frame]:
    stills, sound = _Stills(), _Sound()
    try:
        process = subprocess.Popen(  # noqa: S603  # nosec B603
            _command(recording, kind, stills.writes_to, sound.writes_to),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(stills.writes_to, sound.writes_to),
        )
    except (FileNotFoundError, PermissionError) as error:
        raise Refused("media-missing") from error
    try:
        feeding = threading.Thread(target=_feed, args=(process, chunks), daemon=True)
        feeding.start()
        stills.start()
        sound.start()
        if process.stdout is None:
            raise Refused("damaged")
        fragments = Fragments(process.stdout)
        for piece in fragments.body():
            yield b"M", piece
        if process.wait() != 0:
            raise Refused("recording-unreadable")
        stills.join()
        sound.join()
    finally:
        process.kill()
    yield b"H", fragments.front()
    yield from _told(recording, fragments.seconds, stills, sound)


def _told(recording: Recording, seconds: float, stills: _Stills, sound: _Sound) -> Iterator[Frame]:
    if seconds > recordings.DURATION_LIMIT_SECONDS:
        raise Refused("recording-too-long")
    if stills.best:
        yield b"P", stills.best
    yield _note("duration", milliseconds=round(seconds * 1000))
    if recording.sound:
        peaks, each = sound.outline()
        yield _note("waveform", peaks=peaks, milliseconds_each=each)
        if max(peaks, default=0) <= SILENT_PEAK:
            yield _note("silent")
    elif recording.video:
        yield _note("no-sound")
    if recording.video and stills.all_dark:
        yield _note("black")
    if seconds < recording.seconds * SHORTER - 1:
        yield _note("ends-early")


def _note(code: str, **facts: object) -> Frame:
    return b"N", json.dumps({"code": code, **facts}).encode()


def _command(recording: Recording, kind: str, stills: int, sound: int) -> list[str]:
    command = [recordings.FFMPEG, "-nostdin", "-hide_banner", "-v", "error", "-threads", "2"]
    if recording.copies_video:
        command += ["-skip_frame:v", "nokey"]  # only the stills are decoded
    command += [*recordings.reading(kind), "-t", str(recordings.DURATION_LIMIT_SECONDS + 60)]
    command += ["-map", "0:V:0?", "-map", "0:a:0?", "-map_metadata", "-1", "-map_chapters", "-1", "-sn", "-dn"]
    command += _video(recording) + _audio(recording)
    command += ["-max_muxing_queue_size", "4096", "-flags", "+bitexact", "-fflags", "+bitexact", "-f", "mp4"]
    if recording.video:
        command += [
            "-movflags",
            "+frag_keyframe+delay_moov+default_base_moof+dash+skip_trailer",
            "-min_frag_duration",
            "1000000",
        ]
    else:
        command += ["-movflags", "+delay_moov+default_base_moof+dash+skip_trailer", "-frag_duration", "5000000"]
    command += ["pipe:1"]
    if recording.video:
        command += [
            "-map", "0:V:0", "-an", "-sn", "-dn", "-t", str(recordings.DURATION_LIMIT_SECONDS),
            "-vf", f"select='isnan(prev_selected_t)+gte(t-prev_selected_t,{STILL_EVERY_SECONDS})',"
            "scale=640:640:force_original_aspect_ratio=decrease:force_divisible_by=2",
            "-vsync", "vfr", "-c:v", "ppm", "-pix_fmt", "rgb24", "-f", "image2pipe", f"pipe:{stills}",
        ]  # fmt: skip
    if recording.sound:
        command += [
            "-map", "0:a:0", "-vn", "-sn", "-dn", "-ac", "1", "-ar", str(SOUND_RATE), "-c:a", "pcm_s16le",
            "-f", "s16le", f"pipe:{sound}",
        ]  # fmt: skip
    return command


def _video(recording: Recording) -> list[str]:
    if not recording.video:
        return []
    # Only the picture and what it needs: no remarks of the coder, no places, no filling.
    strip = ["-bsf:v", "filter_units=pass_types=1-5|7-8"]
    if recording.copies_video:
        return ["-c:v", "copy", *strip]
    size = (
        "scale=w='if(gte(iw,ih),min(1920,iw),min(1080,iw))':h='if(gte(iw,ih),min(1080,ih),min(1920,ih))'"
        ":force_original_aspect_ratio=decrease:force_divisible_by=2"
    )
    return [
        "-vf", size, "-fpsmax", "30", "-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high",
        "-pix_fmt", "yuv420p", "-crf", "25", "-maxrate", BITS_KEPT, "-bufsize", "5M",
        "-force_key_frames", "expr:gte(t,n_forced*2)", "-threads", "2", *strip,
    ]  # fmt: skip


def _audio(recording: Recording) -> list[str]:
    """Sound is always coded anew: that costs a hundredth of its length, and AAC has room for other data than sound."""
    if not recording.sound:
        return []
    return [
        "-c:a",
        "aac",
        "-b:a",
        "96k" if recording.channels == 1 else "160k",
        "-ac",
        str(min(recording.channels, 2)),
        "-ar",
        "48000",
    ]


def _feed(process: subprocess.Popen[bytes], chunks: Iterator[bytes]) -> None:
    if process.stdin is None:
        return
    try:
        for piece in chunks:
            process.stdin.write(piece)
    except BrokenPipeError:
        return  # it has seen enough
    except Refused:
        process.kill()
    finally:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


class _Beside(threading.Thread):
    """Reads what ffmpeg writes beside the recording; ffmpeg would wait for ever for who does not read."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        reads_from, self.writes_to = os.pipe()
        self._source = os.fdopen(reads_from, "rb")

    def start(self) -> None:
        os.close(self.writes_to)  # ffmpeg has its own; the end is seen when that one closes
        super().start()

    def run(self) -> None:
        with self._source:
            self.read(self._source)

    def read(self, source: IO[bytes]) -> None:
        raise NotImplementedError


class _Stills(_Beside):
    """Pictures every few seconds: one to show before it plays, and whether there is anything to see."""

    def __init__(self) -> None:
        super().__init__()
        self.best = b""
        self.all_dark = True
        self._contrast = -1

    def read(self, source: IO[bytes]) -> None:
        looked_at = 0
        while source.readline(16) == b"P6\n":
            width, height = (int(number) for number in source.readline(32).split())
            source.readline(16)
            if not 0 < width * height * 3 <= STILL_LIMIT_BYTES:
                return
            pixels = source.read(width * height * 3)
            some = pixels[::7]
            lightest, darkest = max(some, default=0), min(some, default=0)
            self.all_dark = self.all_dark and lightest < DARK
            looked_at += 1
            if looked_at <= STILLS_LOOKED_AT and lightest - darkest > self._contrast:
                self._contrast = lightest - darkest
                self.best = width.to_bytes(4, "big") + height.to_bytes(4, "big") + pixels


class _Sound(_Beside):
    """How loud it is, tenth of a second by tenth of a second."""

    def __init__(self) -> None:
        super().__init__()
        self._peaks = array.array("H")

    def read(self, source: IO[bytes]) -> None:
        while piece := source.read(PEAK_SAMPLES * 2):
            samples = array.array("h", piece[: len(piece) & ~1])
            if sys.byteorder == "big":
                samples.byteswap()
            if samples:
                self._peaks.append(min(max(max(samples), -min(samples)), 32_767))

    def outline(self) -> tuple[list[int], int]:
        """Return at most ``PEAKS_KEPT`` peaks of a hundred, and how many milliseconds each stands for."""
        together = max(1, -(-len(self._peaks) // PEAKS_KEPT))
        peaks = [max(self._peaks[at : at + together]) * 100 // 32_767 for at in range(0, len(self._peaks), together)]
        return peaks, 100 * together
