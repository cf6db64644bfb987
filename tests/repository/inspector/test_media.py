"""Recordings are made playable by the real ffmpeg in the real sandbox, and nothing of the sender but sound and pictures is left."""

from __future__ import annotations

import asyncio
import functools
import io
import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from repository.errors import InspectionFailed
from repository.inspection import Inspection, bounds, words
from repository.inspection.children import find_sandbox
from repository.inspection.turns import Turns
from repository.inspector import boxes
from repository.inspector.findings import Refused
from tests.corpus import Case, media

from .answers import pieces

TAKEN = [case for case in media.CASES if not case.expected.held]


@pytest.fixture(scope="module")
def inspection() -> Inspection:
    sandbox = find_sandbox()
    assert sandbox, "bubblewrap is not installed, so nothing can be shown of the sandbox"
    return Inspection(sandbox)


@dataclass
class Made:
    """What was made of a recording."""

    body: bytes = b""
    front: bytes = b""
    posters: list[bytes] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def whole(self) -> bytes:
        return self.front + self.body

    def described(self) -> dict[str, Any]:
        """What ffprobe says of it."""
        command = ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", "-"]
        answer = subprocess.run(command, input=self.whole, capture_output=True, check=True)
        found: dict[str, Any] = json.loads(answer.stdout)
        return found


async def made(inspection: Inspection, kind: str, data: bytes, seconds: float = 1) -> Made:
    found = Made()
    async with inspection.transcode(kind, lambda: pieces(data), len(data), seconds) as frames:
        async for letter, payload in frames:
            if letter == b"M":
                assert not found.front
                found.body += payload
            elif letter == b"H":
                found.front = payload
            elif letter == b"P":
                found.posters.append(payload)
            elif letter == b"N":
                note = json.loads(payload)
                found.notes[note.pop("code")] = note
    return found


@pytest.mark.fault("att:B12", "att:A15")
@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case.name)
async def test_a_recording_becomes_one_that_every_browser_plays(inspection: Inspection, case: Case) -> None:
    found = await made(inspection, case.expected.kind or "", case.make())
    said = found.described()
    assert {stream["codec_name"] for stream in said["streams"]} <= {"h264", "aac"}
    assert abs(float(said["format"]["duration"]) - 1) < 0.35
    assert abs(found.notes["duration"]["milliseconds"] - 1000) < 350
    film = any(stream["codec_type"] == "video" for stream in said["streams"])
    assert film == case.filename.endswith(("mp4", "mov", "webm", "mkv", "avi", "wmv", "mpg", "3gp"))
    assert len(found.posters) == int(film)
    assert ("waveform" in found.notes) != ("no-sound" in found.notes)
    if "waveform" in found.notes:
        assert 1 <= max(found.notes["waveform"]["peaks"]) <= 100
        assert 8 <= len(found.notes["waveform"]["peaks"]) <= 14
    for left in (b"<script>", b"CANARY-TAG", b"cmd|", b"51.5", b"x264 - core"):
        assert left not in found.whole


async def test_what_browsers_play_is_copied_and_the_rest_is_not(inspection: Inspection) -> None:
    """A picture that is coded anew is no longer byte for byte what it was."""

    def pictures(data: bytes) -> bytes:
        command = ["ffmpeg", "-v", "error", "-i", "-", "-map", "0:v", "-f", "framehash", "-"]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout.split(b"#")[-1]

    film = media.web_film()
    assert pictures((await made(inspection, "video/mp4", film)).whole) == pictures(film)
    large = media.film(0.2, size="2560x1440", tone=False)
    said = (await made(inspection, "video/mp4", large)).described()
    assert (said["streams"][0]["width"], said["streams"][0]["height"]) == (1920, 1080)


async def test_silence_darkness_and_a_lost_end_are_said(inspection: Inspection) -> None:
    silent = media.made("wav", "-af", "volume=0", scene=False)
    dark = media.made("mp4", *media.H264, "-vf", "drawbox=color=black:t=fill", tone=False)
    assert "silent" in (await made(inspection, "audio/wav", silent)).notes
    assert {"black", "no-sound"} <= set((await made(inspection, "video/mp4", dark)).notes)
    long = media.made("mkv", *media.H264, *media.AAC, seconds=20)
    cut = await made(inspection, "video/x-matroska", long[: len(long) // 2])
    assert "ends-early" in cut.notes
    assert 8000 < cut.notes["duration"]["milliseconds"] < 12_500
    assert not {"silent", "black", "ends-early"} & set((await made(inspection, "video/x-matroska", long)).notes)


@pytest.mark.fault("att:B13")
async def test_a_playlist_in_any_dress_reaches_no_server(inspection: Inspection) -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x.ts"
        listed = media.LIST.format(address).encode()
        for kind in one_of_each_reader():
            with pytest.raises(InspectionFailed):
                await made(inspection, kind, listed)
        assert asked == []
        process = await asyncio.create_subprocess_exec(
            "ffprobe", "-v", "quiet", "-f", "hls", "-protocol_whitelist", "file,http,tcp,pipe",
            "-i", "-", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await process.communicate(listed)
        assert asked, "ffmpeg would not have asked anyway, so this test shows nothing"


def one_of_each_reader() -> tuple[str, ...]:
    """A kind of each of ffmpeg's readers that are used."""
    return ("video/mp4", "video/x-msvideo", "video/x-matroska", "audio/mpeg")


@pytest.mark.fault("att:B16")
async def test_a_recording_that_breaks_off_is_refused_with_the_reason(inspection: Inspection) -> None:
    with pytest.raises(InspectionFailed) as failure:
        await made(inspection, "video/mp4", media.film()[:-100])
    assert failure.value.facts["refused"] == "incomplete"


@pytest.mark.fault("inj:F14")
async def test_without_a_sandbox_nothing_is_made_playable() -> None:
    with pytest.raises(InspectionFailed) as failure:
        await made(Inspection(None), "audio/wav", media.tone("wav"))
    assert words.of_refusal(failure.value.facts["refused"]).remedy_kind is words.RemedyKind.RESCAN


@pytest.mark.fault("att:B12")
async def test_where_ffmpeg_is_missing_the_file_is_held_with_the_reason(inspection: Inspection, tmp_path: Path) -> None:
    """The real child, with ffmpeg and ffprobe hidden from it."""
    hiding = tmp_path / "bwrap"
    hiding.write_text(
        "#!/bin/sh\n"
        'for word; do shift; [ "$word" = -- ] && [ -z "$seen" ] && { set -- "$@" --ro-bind /dev/null /usr/bin/ffmpeg '
        '--ro-bind /dev/null /usr/bin/ffprobe; seen=1; }; set -- "$@" "$word"; done\n'
        f'exec {inspection.sandbox} "$@"\n'
    )
    hiding.chmod(0o700)
    lacking = Inspection(str(hiding))
    assert await lacking.programs() == {"office", "text"}
    verdict = await lacking.inspect("1001.wav", pieces(media.tone("wav")))
    assert verdict.held
    assert verdict.remedy_kind is words.RemedyKind.RESCAN
    assert "not installed" in (verdict.reason or "")


@pytest.mark.fault("att:C06")
def test_what_a_recording_may_cost_follows_its_length() -> None:
    assert bounds.seconds_of("video/mp4", 10**12, 60) == 60
    assert bounds.seconds_of("video/webm", 10**12, 0) == bounds.DURATION_LIMIT_SECONDS
    assert bounds.seconds_of("audio/ogg", 60_000, 0) == 60
    assert bounds.recording("video/mp4", 60).cpu_seconds < bounds.recording("video/mp4", 600).cpu_seconds
    assert bounds.recording("audio/wav", 600).cpu_seconds < bounds.recording("video/mp4", 600).cpu_seconds


def test_films_go_by_turns_and_leave_workers_for_other_files() -> None:
    turns = Turns(1)
    assert turns.take()
    assert not turns.take()
    turns.give()
    assert turns.take()
    assert Turns().take()


class Trickle:
    """A source that gives what a pipe gives: as much as was asked, of a file given once or more."""

    def __init__(self, data: bytes) -> None:
        self._source = io.BytesIO(data)
        self.read_bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        piece = self._source.read(size)
        self.read_bytes += len(piece)
        return piece


@functools.cache
def index_last() -> bytes:
    return media.film(2)


def test_the_index_goes_first_and_every_piece_is_still_found(tmp_path: Path) -> None:
    """What goes to ffmpeg can be read without jumping, and holds the same pictures and sound."""
    data = index_last()
    front = boxes.Front(Trickle(data))
    assert front.index_comes_last
    ordered = b"".join(boxes.in_order(Trickle(data), front))
    assert len(ordered) == len(data)
    assert list(media.boxes(ordered))[:2] == [b"ftyp", b"moov"]
    hashes = [
        subprocess.run(
            ["ffmpeg", "-v", "error", "-i", "-" if piped else str(tmp_path / "x.mp4"), "-f", "framehash", "-"],
            input=ordered, capture_output=True, check=True,
        ).stdout
        for piped in (True, False)
        if (tmp_path / "x.mp4").write_bytes(data)
    ]  # fmt: skip
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("cut", [1, 7, 8, 40, 100])
def test_a_film_without_its_end_is_incomplete(cut: int) -> None:
    data = index_last()
    with pytest.raises(Refused, match="incomplete"):
        boxes.Front(Trickle(data[:-cut]))
