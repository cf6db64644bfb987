"""Joining pages that were cut out of several bundles into one PDF.

Like ``scanning`` it opens files from outside, so the service runs it in a child process that holds no keys and has no
network: ``python -m scripts.joining '[1200, 3400]'`` reads PDFs of these lengths, one after the other, on standard input
and writes one PDF on standard output. Exit status 0, or 3 with one word on standard error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from io import BytesIO
from typing import BinaryIO

import pikepdf

from scripts.errors import BundleUnreadable


def join(untrusted_pdfs: Sequence[bytes]) -> bytes:
    """Return one PDF with the pages of all, in their order; the same PDFs give the same bytes.

    Raises: ``BundleUnreadable`` for what is no PDF.
    """
    written = BytesIO()
    try:
        with pikepdf.new() as joined:
            for untrusted in untrusted_pdfs:
                with pikepdf.open(BytesIO(untrusted), suppress_warnings=True) as source:
                    joined.pages.extend(source.pages)
            joined.save(written, deterministic_id=True)
    except (pikepdf.PdfError, pikepdf.PasswordError, ValueError, RuntimeError) as cause:
        raise BundleUnreadable from cause
    return written.getvalue()


def main(arguments: Sequence[str], source: BinaryIO, sink: BinaryIO) -> int:
    """Run one child's work; returns the exit status."""
    try:
        sink.write(join([source.read(int(length)) for length in json.loads(arguments[0])]))
    except (BundleUnreadable, ValueError, TypeError, IndexError):
        sys.stderr.write(f"{BundleUnreadable().code}\n")
        return 3
    sink.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], sys.stdin.buffer, sys.stdout.buffer))
