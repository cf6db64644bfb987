"""Run as ``python -m repository.inspector COMMAND …`` with the file on standard input.

``inspect`` answers one JSON object. ``derive --kind MEDIA_TYPE --first N --count N --width PX``, ``convert --kind …`` and
``transcode --kind … --size BYTES`` answer frames (see ``frames``). ``page NUMBER WIDTH`` answers width and height as two
big-endian 32-bit numbers, then RGB. ``programs`` answers which programs can be started here. Exit status 1 when the file
could not be read. The parent believes nothing of it.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from typing import BinaryIO

from . import boxes, confinement, frames, kinds
from .findings import Findings, Refused

HEAD_BYTES = 256 * 1024
PIECE_BYTES = 1024 * 1024
STARTS_PROGRAMS = ("convert", "transcode", "programs")
OUT_OF_MEMORY = 134
"""The status with which libraries end that find no more memory (128 and the signal of ``abort``)."""


def inspect(source: BinaryIO) -> dict[str, object]:
    """Return the verdict on a file: its type by content with what it holds, or the code of a refusal.

    A recording may be larger than memory: its room reads it as it comes, every other room gets it whole.
    """
    head = source.read(HEAD_BYTES)
    recording = kinds.ROOMS.get(kinds.sniff(head)) == "media"
    confinement.close_up(programs=recording)  # only a recording is looked at by a program of its own
    data = head if recording else _whole(source, head)
    kind = kinds.sniff(data)
    if "/" not in kind:
        return {"kind": None, "refused": kind, "pages": None, "notes": [], "facts": {}}
    refused = None
    found = Findings()
    try:
        found = kinds.room(kind).inspect(boxes.Continued(head, source) if recording else data, kind)
    except Refused as refusal:
        refused = str(refusal)
    except RecursionError:
        refused = "damaged"
    return {
        "kind": kind,
        "refused": refused,
        "pages": found.pages,
        "notes": list(found.notes),
        "facts": dict(found.facts),
    }


def _whole(source: BinaryIO, head: bytes = b"") -> bytes:
    """Return a file with the head that was read before. Reading in pieces takes half the memory of reading all at once."""
    return b"".join((head, *iter(partial(source.read, PIECE_BYTES), b"")))


def _option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(f"--{name}") + 1]


def _answer(arguments: list[str]) -> None:
    command = arguments[0]
    source, target = sys.stdin.buffer, sys.stdout.buffer
    if command != "inspect":
        confinement.close_up(programs=command in STARTS_PROGRAMS)
    if command == "inspect":
        target.write(json.dumps(inspect(source)).encode())
    elif command == "derive":
        kind = _option(arguments, "kind")
        first, count, width = (int(_option(arguments, name)) for name in ("first", "count", "width"))
        frames.write(target, kinds.room(kind).derive(_whole(source), kind, first, count, width))
    elif command == "convert":
        kind = _option(arguments, "kind")
        frames.write(target, kinds.room(kind).convert(_whole(source), kind))
    elif command == "transcode":
        kind = _option(arguments, "kind")
        frames.write(target, kinds.room(kind).transcode(source, kind, int(_option(arguments, "size"))))
    elif command == "programs":
        from . import conversion, recordings, text

        found = {"office": conversion.works(), "recordings": recordings.work(), "text": text.works()}
        target.write(json.dumps(found).encode())
    elif command == "page":
        data = _whole(source)
        kind = kinds.sniff(data)
        first, width = int(arguments[1]), int(arguments[2])
        pages = (payload for letter, payload in kinds.room(kind).derive(data, kind, first, 1, width) if letter == b"P")
        target.write(next(pages))
    else:
        raise ValueError(command)


def main(arguments: list[str]) -> int:
    """Read standard input, answer on standard output; exit status 1 when the file could not be read."""
    try:
        _answer(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        return 1
    except Refused:
        return 1
    except MemoryError:
        return OUT_OF_MEMORY
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    # Nothing is put away: the libraries' own tidying takes longer than some files, and everything ends with us anyway.
    os._exit(status)
