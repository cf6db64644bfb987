"""The regulator's return on missing scripts: its columns in their order, ``-2`` bare, nothing that calculates."""

from __future__ import annotations

import csv
import io
from dataclasses import astuple, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.exchange.ofqual import MISSING_SCRIPTS_COLUMNS, MissingScriptLine, missing_scripts_csv

LINE = MissingScriptLine(
    "June 2026", date(2026, 8, 3), "01", "60139129", "", "H446/01", "H446", "Computer Science", "00042", "", "before marking",
    "not known",
)  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)


def read(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


def test_the_columns_stand_in_the_order_of_the_guide() -> None:
    body = b"".join(missing_scripts_csv([LINE]))
    assert body.splitlines()[0].decode() == (
        "ExamSeries,ReportingDate,AwardingOrganisation,QAN,QualificationLevel,UnitOrComponentCode,SpecificationCode,"
        "SpecificationTitle,CentreNo,UniqueCandidateIdentifier,StageScriptLost,Cause"
    )
    assert body.splitlines()[1].decode() == (
        "June 2026,03/08/2026,01,60139129,-2,H446/01,H446,Computer Science,00042,-2,before marking,not known"
    )


@given(TEXT, TEXT)
def test_what_is_written_is_read_back_and_never_calculates(title: str, cause: str) -> None:
    line = replace(LINE, specification_title=title, cause=cause)
    (row,) = read(b"".join(missing_scripts_csv([line])))
    wanted = [text if text else "-2" for text in (str(one) for one in astuple(line))]
    wanted[1] = "03/08/2026"
    for name, text in zip(MISSING_SCRIPTS_COLUMNS, wanted, strict=True):
        cell = row[name]
        assert cell in {text, f"'{text}"}
        if cell[:1] in set("=+-@"):
            assert cell.lstrip("-").replace(".", "", 1).isdigit()


@pytest.mark.parametrize(
    "wrong",
    [{"series": "6A26"}, {"centre_number": "x"}, {"uci": "x" * 14}, {"qan": "x" * 11}, {"component_code": "x" * 11}],
)
def test_what_the_regulators_patterns_do_not_allow_is_not_written(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        b"".join(missing_scripts_csv([replace(LINE, **wrong)]))
