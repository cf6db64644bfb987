"""Long files stay within bounds of memory: what is held grows with the rows that are kept, not with what is around them."""

from __future__ import annotations

import tracemalloc
from collections import deque
from collections.abc import Callable
from datetime import date

import pytest

from moderation.entries import Series
from moderation.exchange.csv_text import Findings as CsvFindings
from moderation.exchange.csv_text import read_table, table_pieces
from moderation.exchange.entry_files import EntryRecord, read_entries, write_entries
from moderation.exchange.lines import Findings
from moderation.exchange.marks_records import CentreMarks, MarkRecord, centres_of, marks_lines
from moderation.exchange.own_records import OwnReader

ROWS = 50_000
SERIES, DAY = Series("01", "6A", 26), date(2026, 5, 15)
MEBIBYTE = 1024 * 1024


def peak_bytes(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def marks() -> bytes:
    rows = tuple(MarkRecord(f"{number:04d}", "H446/03", "H446A", "M", 60) for number in range(1, 101))
    centres = (CentreMarks(f"{number}", 1, rows, 0) for number in range(10_000, 10_000 + ROWS // 100))
    return b"".join(marks_lines(SERIES, centres, written_on=DAY))


def entries() -> bytes:
    rows = [
        EntryRecord(f"{number:04d}", "EXAMPLE", "ADA", "", tuple(f"X{n:03d}" for n in range(60)))
        for number in range(1, 10_000)
    ]
    return write_entries(SERIES, "99999", rows, written_on=DAY)[1]


def table() -> bytes:
    rows = ({"key": str(number), "text": "EXAMPLE", "mark": number} for number in range(ROWS))
    return b"".join(table_pieces(("key", "text", "mark"), rows, numeric={"mark"}))


def read_marks(data: bytes) -> None:
    reader = OwnReader("M", Findings("m"))
    deque(centres_of(reader, iter_lines(data)), maxlen=0)
    assert not reader.findings.total


def iter_lines(data: bytes):
    start = 0
    while start < len(data):
        end = data.index(b"\n", start) + 1
        yield data[start:end]
        start = end


@pytest.mark.parametrize(
    ("make", "read", "limit_mebibytes"),
    [
        pytest.param(marks, read_marks, 4, id="marks, centre by centre"),
        pytest.param(
            entries, lambda data: read_entries("E9999901.X01", data), 150, id="entries, 50,000 records of one centre"
        ),
        pytest.param(
            table, lambda data: read_table(data, CsvFindings("t"), columns=("key", "text", "mark")), 60, id="CSV"
        ),
    ],
)
def test_fifty_thousand_rows_stay_within_bounds(
    make: Callable[[], bytes], read: Callable[[bytes], object], limit_mebibytes: int
) -> None:
    data = make()
    assert data.count(b"\n") >= ROWS - 1
    assert peak_bytes(lambda: read(data)) < limit_mebibytes * MEBIBYTE


def test_a_long_csv_is_written_piece_by_piece() -> None:
    rows = ({"key": "x" * 100} for _ in range(ROWS))
    assert peak_bytes(lambda: deque(table_pieces(("key",), rows), maxlen=0)) < 2 * MEBIBYTE
