"""The framework of EDI files, held against files that went wrong on their way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.exchange import lines as exchange_lines
from moderation.exchange.basedata import read_basedata, write_basedata
from moderation.exchange.entry_files import EntryRecord, read_entries, write_entries
from moderation.exchange.faults import Fault, FileRefused
from moderation.exchange.records import digits, read_file

from .test_basedata import BASEDATA, DAY

NAME = "C6B26_99.X02"
GOOD = write_basedata(BASEDATA, written_on=DAY)[NAME]


def refused(data: bytes, name: str = NAME) -> list[Fault]:
    with pytest.raises(FileRefused) as caught:
        read_file(name, data, "SOCLD")
    return list(caught.value.faults)


@pytest.mark.parametrize(
    ("data", "code", "line", "column"),
    [
        (GOOD.replace(b"PAPER", b"PA\tER", 1), "control-character", 3, 17),
        (GOOD.replace(b"PAPER", b"PA\x1aER", 1), "control-character", 3, 17),
        (GOOD.replace(b"PAPER", b"PA\rER", 1), "control-character", 3, 17),
        (GOOD.replace(b"PAPER", b"PA\0ER", 1), "nul", 3, 17),
        (GOOD.replace(b"PAPER", b"PA\x81ER", 1), "unreadable", 3, 17),
        (GOOD.replace(b"PAPER", "PÄER".encode(), 1), "utf-8", 3, 16),
        (GOOD.replace(b"PAPER", b"PAPER ", 1), "too-long", 3, 76),
        (GOOD.replace(b"\r\n", b"\r"), "line-ends", 1, None),
        (GOOD.decode().encode("utf-16"), "utf-16", 1, None),
        (GOOD.decode().encode("utf-16-le"), "utf-16", 1, None),
        (GOOD.decode().encode("utf-16-be"), "utf-16", 1, None),
        (GOOD.replace(b"C5X446/01", b"C4X446/01"), "unknown-record", 3, 2),
        (GOOD.replace(b"C76B26_", b"\r\nC76B26_"), "wrong-letter", 7, 1),
        (GOOD.replace(b"C16B26_996B26", b"C16B26_996Z26"), "series", 2, 10),
        (GOOD.replace(b"6B26_996B26002", b"6B26_996B260x2"), "sequence", 2, 14),
        (GOOD.replace(b"6B26_996B26002", b"6B26_996B2600\xb2"), "sequence", 2, 14),
        (GOOD.replace(b"0000006", b"000000\xb2", 1), "count", 7, 8),
        (GOOD.replace(b"996B26", b"99DB26"), "series", 1, 8),
    ],
)
def test_faults_are_located(data: bytes, code: str, line: int, column: int | None) -> None:
    assert (code, line, column) in {(fault.code, fault.line, fault.first_column) for fault in refused(data)}


def test_what_old_programs_leave_at_the_end_is_ignored_with_a_warning() -> None:
    for end, codes in (
        (b"\x1a", ["end-of-file-mark"]),
        (b"\x1a\r\n", ["end-of-file-mark"]),
        (b"\r\n\r\n  \r\n", ["blank-line"]),
        (b"\r\n\x1a\x1a", ["end-of-file-mark", "blank-line"]),
    ):
        assert [fault.code for fault in read_file(NAME, GOOD + end, "C").warnings] == codes
    cut = GOOD.removesuffix(b"\r\n") + b"\x1a"
    assert [fault.code for fault in read_file(NAME, cut, "C").warnings] == ["end-of-file-mark"]


def test_headers_and_trailers_stand_once_and_in_their_place() -> None:
    first, second, *middle, before, last = GOOD.split(b"\r\n")[:-1]
    for lines in ([second, first, *middle, before, last], [first, second, *middle, last, before]):
        assert "order" in [fault.code for fault in refused(b"\r\n".join(lines))]
    for number, kind in enumerate("13"):
        lines = [first, second, *middle, before, last]
        lines.insert(number, lines[number])
        assert f"record-{kind}" in [fault.code for fault in refused(b"\r\n".join(lines))]


def test_a_name_that_says_something_else_is_doubted() -> None:
    def doubts(name: str) -> list[str]:
        return [fault.code for fault in read_file(name, GOOD, "C").warnings]

    for name in (NAME, NAME.lower(), "export/" + NAME, "C:\\out\\" + NAME, "components.txt"):
        assert doubts(name) == []
    for name in ("O6B26_99.X02", "C6A26_99.X02", "C6B26_01.X02", "C6B26_99.X03"):
        assert doubts(name) == ["file-name"]


def test_a_file_too_large_is_not_even_split(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [fault.code for fault in refused(b"\n" * (exchange_lines.LINES_LIMIT + 1))] == ["too-large"]
    monkeypatch.setattr(exchange_lines, "SIZE_LIMIT_BYTES", len(GOOD) - 1)
    assert [fault.code for fault in refused(GOOD)] == ["too-large"]


def test_faults_are_listed_up_to_a_limit_and_counted_beyond_it() -> None:
    lines = GOOD.split(b"\r\n")
    lines[2:2] = [b"X"] * 300
    with pytest.raises(FileRefused) as caught:
        read_basedata([(NAME, b"\r\n".join(lines)), ("O6B26_99.X02", b"")])
    assert caught.value.total >= 601
    assert {fault.file for fault in caught.value.faults} == {NAME}
    assert len(caught.value.faults) == 200


@pytest.mark.parametrize(
    ("text", "number"), [("007", 7), ("", None), ("-1", None), ("²", None), ("٣", None), ("1 ", None)]
)
def test_only_ascii_digits_are_digits(text: str, number: int | None) -> None:
    assert digits(text) == number


@given(st.binary(max_size=400), st.integers(0, len(GOOD)), st.integers(0, 40))
def test_whatever_the_bytes_a_file_is_read_or_refused(noise: bytes, place: int, cut: int) -> None:
    for data in (noise, GOOD[:place] + noise + GOOD[place + cut :]):
        try:
            read_basedata([(NAME, data)])
        except FileRefused as refused:
            assert refused.faults  # noqa: PT017 - anything but a refusal fails the test


def test_ten_thousand_candidates_are_read() -> None:
    entries = [EntryRecord(f"{number:04d}", "EXAMPLE", "ADA", "", ("X446A",)) for number in range(1, 10_000)]
    name, data = write_entries(BASEDATA.series, "99999", entries, written_on=DAY)
    assert list(read_entries(name, data).entries) == entries
