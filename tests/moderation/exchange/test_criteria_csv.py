from __future__ import annotations

import pytest

from moderation.entries import Series
from moderation.exchange.criteria_csv import CriterionRow, read_criteria_csv, write_criteria_csv
from moderation.exchange.faults import FileRefused

SERIES = Series.from_key("01-6A26")
ROWS = (
    CriterionRow("X446/03", "AO1", "Analysis of the problem", 20),
    CriterionRow("X446/03", "AO2", '=Design, and "more"', 50),
)
HEAD = "series,component,criterion,title,maximum_mark\r\n"


def codes(text: str) -> list[tuple[str, int | None]]:
    with pytest.raises(FileRefused) as caught:
        read_criteria_csv("criteria.csv", (HEAD + text).encode(), series=SERIES)
    return [(fault.code, fault.line) for fault in caught.value.faults]


def test_what_is_written_is_read_back() -> None:
    assert read_criteria_csv("criteria.csv", write_criteria_csv(ROWS, series=SERIES), series=SERIES).rows == ROWS


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("01-6A27,X446/03,AO1,Analysis,20", "wrong-series"),
        ("01-6A26,x446 03,AO1,Analysis,20", "code-invalid"),
        ("01-6A26,X446/03,,Analysis,20", "code-invalid"),
        ("01-6A26,X446/03,AO1,,20", "title-invalid"),
        (f"01-6A26,X446/03,AO1,{'x' * 121},20", "title-invalid"),
        ("01-6A26,X446/03,AO1,Analysis,0", "maximum-zero"),
        ("01-6A26,X446/03,AO1,Analysis,2.5", "number-decimal"),
        ("01-6A26,X446/03,AO1,Analysis,", "number-missing"),
    ],
)
def test_every_fault_is_located(row: str, code: str) -> None:
    assert codes(f"01-6A26,X446/03,AO9,Other,5\r\n{row}\r\n") == [(code, 3)]


def test_a_criterion_comes_once() -> None:
    assert codes("01-6A26,X446/03,AO1,A,5\r\n01-6A26,X446/03,AO1,B,6\r\n") == [("duplicate-row", 3)]
