"""Formats of the regulator, as far as its columns or patterns are public. The rest is named here as not public.

Public are the patterns of single values in returns on reviews of marking and moderation, the list of reasons, the first
ten columns of the return on special consideration, and all columns of the return on missing scripts. Not public, and so
not offered: the order and the names of the columns of the return on reviews, and what follows the tenth column of the
return on special consideration.
Source: https://assets.publishing.service.gov.uk/media/6527fbda2548ca0014ddf1e9/Reviews_of_marking_and_moderation_guide_to_the_submissions_process.csv/preview
(patterns); https://assets.publishing.service.gov.uk/media/6527d9c6aea2d0000d219c3f/TQ_ROMM_Reason.csv/preview (reasons).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from datetime import date

from moderation.entries import MONTHS, Series
from moderation.exchange.csv_text import table_pieces

NOT_APPLICABLE = -2
TO_BE_DETERMINED = "TBD"
PATTERNS: Mapping[str, re.Pattern[str]] = {
    "series": re.compile(r"(January|March|June|November) [0-9]{4}"),
    "centre": re.compile(r"[0-9]{1,5}"),
    "specification code": re.compile(r".{1,7}"),
    "component code": re.compile(r".{1,10}"),
    "uci": re.compile(r".{1,13}"),
    "qan": re.compile(r".{1,10}"),
    "raw mark": re.compile(r"[0-9]{1,3}|-2"),
    "mark after review": re.compile(r"[0-9]{1,3}|-2|TBD"),
}
"""What the regulator's returns tolerate. Centre numbers are always kept with five digits here."""
SPECIAL_CONSIDERATION_COLUMNS = (
    "series", "reporting date", "awarding organisation", "centre", "request id", "UCI", "QAN", "title",
    "specification code", "level",
)  # fmt: skip
"""With these columns the return begins; those behind them are not public."""
MISSING_SCRIPTS_COLUMNS = (
    "ExamSeries", "ReportingDate", "AwardingOrganisation", "QAN", "QualificationLevel", "UnitOrComponentCode",
    "SpecificationCode", "SpecificationTitle", "CentreNo", "UniqueCandidateIdentifier", "StageScriptLost", "Cause",
)  # fmt: skip
"""The return on missing scripts, in this order: whole scripts only, work that is not an exam left out.

Source: Ofqual's guide to the collection of missing scripts (gov.uk asset 64abcd0b404eac000c763b9a).
"""
_MAY_BE_NOT_APPLICABLE = frozenset(MISSING_SCRIPTS_COLUMNS)
"""A number is written bare in every column, so that ``-2`` is; text is made safe in every one all the same."""
NOT_PUBLIC = (
    "Return on special consideration: every column behind the tenth.",
    "Return on reviews of marking and moderation: names and order of its columns.",
    "Return on missing scripts: the list of causes, but for the words with which one begins.",
)
REASONS = (
    "centre error in submitting marks", "processing error", "no mark change, grade change through another component",
    "totalling", "mark input", "unusual response", "post-results special consideration", "transfer error",
    "rubric or answer space", "unmarked work", "misapplied points scheme", "malpractice estimate", "auto-marking",
    "misapplied levels scheme", "moderation: misapplied criteria", "unreadable handwriting",
    "missing script located at review",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SpecialConsiderationLine:
    """One request, as the public columns of the return describe it; dates are written as they are given."""

    series: str
    reported_on: str
    awarding_organisation: str
    centre_number: str
    request_id: str
    uci: str
    qan: str
    title: str
    specification_code: str
    level: str


def series_label(series: Series) -> str:
    """Return a series as the regulator writes it, e.g. ``June 2026``: another thing than the EDI code.

    Raises: ``ValueError`` for a month that its returns do not know.
    """
    return check("series", f"{MONTHS[series.code[0]]} 20{series.year:02d}")


def check(what: str, text: str) -> str:
    """Return a value that the regulator's pattern allows; raises ``ValueError`` naming the pattern."""
    pattern = PATTERNS[what]
    if not pattern.fullmatch(text):
        raise ValueError(f"the {what} does not fit the regulator's pattern {pattern.pattern}")
    return text


def special_consideration_csv(lines: Iterable[SpecialConsiderationLine], *, bom: bool = False) -> Iterator[bytes]:
    """Yield the public columns of the return on special consideration; raises ``ValueError`` for a value not allowed."""

    def cells(line: SpecialConsiderationLine) -> Mapping[str, str]:
        for what, text in (
            ("series", line.series),
            ("centre", line.centre_number),
            ("uci", line.uci),
            ("qan", line.qan),
            ("specification code", line.specification_code),
        ):
            check(what, text)
        return dict(zip(SPECIAL_CONSIDERATION_COLUMNS, astuple(line), strict=True))

    return table_pieces(SPECIAL_CONSIDERATION_COLUMNS, map(cells, lines), bom=bom)


@dataclass(frozen=True, slots=True)
class MissingScriptLine:
    """One script that was declared missing; a field that is empty is not applicable, and is written ``-2``."""

    series: str
    reported_on: date
    awarding_organisation: str
    qan: str
    level: str
    component_code: str
    specification_code: str
    specification_title: str
    centre_number: str
    uci: str
    stage: str
    cause: str


def missing_scripts_csv(lines: Iterable[MissingScriptLine], *, bom: bool = False) -> Iterator[bytes]:
    """Yield the return on missing scripts; raises ``ValueError`` for a value not allowed.

    Dates are written as the regulator's other returns give them, day first; its ``-2`` is written bare.
    """

    def cells(line: MissingScriptLine) -> Mapping[str, str]:
        for what, text in (
            ("series", line.series),
            ("component code", line.component_code),
            ("specification code", line.specification_code),
            ("centre", line.centre_number),
            ("uci", line.uci),
            ("qan", line.qan),
        ):
            if text:
                check(what, text)
        values = (
            line.series,
            f"{line.reported_on:%d/%m/%Y}",
            line.awarding_organisation,
            line.qan,
            line.level,
            line.component_code,
            line.specification_code,
            line.specification_title,
            line.centre_number,
            line.uci,
            line.stage,
            line.cause,
        )
        texts = (text or str(NOT_APPLICABLE) for text in values)
        return dict(zip(MISSING_SCRIPTS_COLUMNS, texts, strict=True))

    return table_pieces(MISSING_SCRIPTS_COLUMNS, map(cells, lines), numeric=_MAY_BE_NOT_APPLICABLE, bom=bom)
