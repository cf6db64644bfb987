"""Reading scan bundles, PDF or TIFF: what is on each page, and cutting a script's pages out of the file.

This module parses files from outside. The service therefore runs it in a child process that holds no keys and has no
network (``python -m scripts.scanning``), and believes nothing it says but through ``splitting.readings_from_json``.

* ``python -m scripts.scanning`` reads a bundle on standard input and writes a line of JSON that counts its pages, then one
  for each page as it is read.
* ``python -m scripts.scanning extract '{"pages": [[0, 1], [2]], "turns": {"1": 180}}'`` reads a bundle on standard input
  and writes one PDF per list, each preceded by its length as eight bytes, most significant first.

Exit status 0; or, with one word on standard error, 3 for ``bundle-unreadable`` or 4 for ``bundle-too-large``. What was
written before such an end counts for nothing. Limits on memory, time and output are the caller's to set.
"""

from __future__ import annotations

import json
import struct
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import BinaryIO

from PIL import Image

from scripts.errors import BundleTooLarge, BundleUnreadable, ScriptsError
from scripts.page_images import Picture, read_again, read_picture
from scripts.readings import TOO_LARGE_STATUS, PageReading, readings_header, to_json_line
from scripts.scan_files import MAX_BYTES, count_pages, cut, pictures

__all__ = ["MAX_BYTES", "extract", "main", "read_each", "read_extracts", "read_pages"]

PAGE_CODE_START = "PG1|"
AT_ONCE = 4
"""Pages that a thread has before it, unpacked; as many again are being taken out of the file."""


def read_pages(untrusted: bytes, *, workers: int = 2) -> tuple[PageReading, ...]:
    """Look at every page of a scan bundle: its codes, how it lies, whether it is blank, and what is wrong with it.

    Takes: the whole PDF or TIFF, at most 1 GiB and 1,000 pages; ``workers``: threads that decode pages, 1 or more.
    Returns: one reading per page, in order; a page that cannot be opened is returned as ``unreadable``.
    Raises: ``BundleUnreadable`` (neither of the two, encrypted, damaged, empty), ``BundleTooLarge``.
    Source: project policy (domain: scripts, section 11).
    """
    return tuple(read_each(untrusted, workers=workers))


def read_each(untrusted: bytes, *, workers: int = 2) -> Iterator[PageReading]:
    """Give the readings of a bundle as they are made, in order; takes and raises as ``read_pages``.

    Where answer pages bear codes, a page that gave none is looked at again, thoroughly. Which page that is, is known only
    once a code was seen: pages before it are looked at again as soon as it is.
    """
    with warnings.catch_warnings(), ThreadPoolExecutor(max_workers=workers) as pool:
        # A picture that claims to be enormous is refused before it is unpacked.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        coded = False
        held: list[PageReading] = []
        source = pictures(untrusted)
        following = list(islice(source, AT_ONCE * workers))
        while chunk := following:
            # Where the first pages bear no codes of pages, hardly one will.
            looks = pool.map(partial(read_picture, all_codes_at_once=bool(held)), chunk)
            # The next pages are taken out of the file while these are looked at.
            following = list(islice(source, AT_ONCE * workers))
            readings = list(looks)
            coded = coded or any(_bears_page_code(reading) for reading in readings)
            if not coded:
                held += readings
                continue
            if held:
                yield from _again(untrusted, held, pool, AT_ONCE * workers)
                held = []
            yield from pool.map(_thoroughly, chunk, readings)
        yield from held


def _again(
    untrusted: bytes, held: Sequence[PageReading], pool: ThreadPoolExecutor, at_once: int
) -> Iterator[PageReading]:
    """Look thoroughly at the pages before the first coded one that gave nothing."""
    wanting = {reading.index: reading for reading in held if _gave_nothing(reading)}
    found: dict[int, PageReading] = {}
    source = pictures(untrusted, wanting.keys()) if wanting else iter(())
    while chunk := list(islice(source, at_once)):
        looks = pool.map(read_again, chunk, [wanting[picture.index] for picture in chunk])
        found |= {reading.index: reading for reading in looks}
    return (found.get(reading.index, reading) for reading in held)


def _thoroughly(picture: Picture, first: PageReading) -> PageReading:
    return read_again(picture, first) if _gave_nothing(first) else first


def _bears_page_code(reading: PageReading) -> bool:
    return any(code.startswith(PAGE_CODE_START) for code in reading.codes)


def _gave_nothing(reading: PageReading) -> bool:
    """Say whether a page was only looked at quickly; the whole picture of a marked one was searched at once."""
    return not (reading.codes or reading.blank or reading.mark or reading.unreadable)


def extract(untrusted: bytes, pages: Sequence[int], turns: Mapping[int, int] | None = None) -> bytes:
    """Cut the pages of one script out of a bundle, in the order given, without annotations or actions.

    Takes: ``turns``: by page, the clockwise turn with which it is shown; its picture is not touched.
    Returns: the PDF; the same pages of the same bundle give the same bytes.
    Raises: ``BundleUnreadable`` for a file or a page number that is not there.
    """
    (script,) = cut(untrusted, [pages], turns or {})
    return script


def main(arguments: Sequence[str], source: BinaryIO, sink: BinaryIO) -> int:
    """Run one of the two modes on a bundle from ``source`` into ``sink``; return the exit status."""
    try:
        untrusted = source.read(MAX_BYTES + 1)
        if not arguments:
            _describe(untrusted, sink)
        elif len(arguments) == 2 and arguments[0] == "extract":
            wanted = json.loads(arguments[1])
            turns = {int(page): _turn(turn) for page, turn in wanted.get("turns", {}).items()}
            for part in cut(untrusted, wanted["pages"], turns):
                sink.write(struct.pack(">Q", len(part)))
                sink.write(part)
        else:
            raise BundleUnreadable("The only mode beside reading is extract.")
    except (ScriptsError, ValueError, KeyError, TypeError, AttributeError) as refusal:
        word = refusal.code if isinstance(refusal, ScriptsError) else BundleUnreadable().code
        sys.stderr.write(f"{word}\n")
        return TOO_LARGE_STATUS if isinstance(refusal, BundleTooLarge) else 3
    sink.flush()
    return 0


def _turn(degrees: object) -> int:
    if degrees not in {0, 90, 180, 270}:
        raise ValueError("not a turn by quarters")
    return int(str(degrees))


def _describe(untrusted: bytes, sink: BinaryIO) -> None:
    sink.write(readings_header(count_pages(untrusted)).encode("ascii"))
    for reading in read_each(untrusted):
        sink.write(to_json_line(reading).encode("ascii"))
        sink.flush()


def read_extracts(source: BinaryIO, count: int) -> Iterator[bytes]:
    """Read back what the ``extract`` mode wrote: ``count`` PDFs, one after the other.

    Raises: ``BundleUnreadable`` when the stream ends early or announces more than the largest bundle.
    """
    for _ in range(count):
        head = source.read(8)
        length = struct.unpack(">Q", head)[0] if len(head) == 8 else MAX_BYTES + 1
        part = source.read(length) if length <= MAX_BYTES else b""
        if len(part) != length:
            raise BundleUnreadable
        yield part


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], sys.stdin.buffer, sys.stdout.buffer))
