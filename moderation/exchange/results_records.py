"""The results file ``R``: results as records of 112 characters. JCQ-style, not JCQ: version ``P1``.

R5 = 3 kind: ``R`` the result of an option, ``K`` one of its components, behind it · 4–8 centre · 9–12 candidate number ·
13–25 UCI · 26–31 option · 32–43 component (K) · 44–47 grade (R) · 48 indicator (R) · 49 flag (K) · 50–53 mark (K) ·
54–57 maximum mark (K) · 58–73 total (R) or weighted mark (K) · 74–89 weighted maximum (K) · 90–112 blank. The sequence
number in record 3 is the number of the release. R7 adds 21–27, the count of grades, and 28–75, the sum of totals; R9 the
same over all centres, in 22–28 and 29–76. Names do not travel: the candidate number and the UCI say who it is.
Source: project policy; the awarding bodies' own results layout is not public.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from fractions import Fraction
from io import BytesIO

from moderation.entries import Series, check_candidate_number
from moderation.exchange.faults import FileRefused
from moderation.exchange.lines import Field, Findings
from moderation.exchange.own_records import MANY_CENTRES, CentreBlock, OwnBlock, OwnReader, own_lines
from moderation.exchange.records import Record, digits, file_name
from moderation.exchange.results_values import (
    INDICATORS,
    CandidateResult,
    CentreResults,
    ComponentResult,
    check_exact,
)
from moderation.results import exact_text

LETTER = "R"
_KIND, _CENTRE, _NUMBER = Field("kind", 3, 3), Field("centre", 4, 8), Field("candidate number", 9, 12)
_OPTION, _COMPONENT, _INDICATOR = Field("option", 26, 31), Field("component", 32, 43), Field("indicator", 48, 48)
_FLAG, _MARK, _MAXIMUM = Field("flag", 49, 49), Field("mark", 50, 53), Field("maximum mark", 54, 57)
_TOTAL, _WEIGHTED = Field("total", 58, 73), Field("weighted maximum", 74, 89)
_GRADES, _SUM = Field("count of grades", 21, 27), Field("sum of totals", 28, 75)
_ALL_GRADES, _ALL_SUM = Field("count of grades", 22, 28), Field("sum of totals", 29, 76)


def read_results(name: str, data: bytes) -> tuple[Series, tuple[CentreResults, ...]]:
    """Read a results file of one centre or many; raises ``FileRefused`` with every fault located."""
    findings = Findings(name)
    reader = OwnReader(LETTER, findings)
    centres = tuple(results_of(reader, BytesIO(data)))
    findings.refuse_if_any()
    assert reader.series is not None  # noqa: S101 - without a header there is a fault, and faults were refused above
    return reader.series, centres


def results_of(reader: OwnReader, lines: Iterable[bytes]) -> Iterator[CentreResults]:
    """Yield the results of a file centre by centre, noting faults; see ``OwnReader`` on what may be kept of them."""
    grades, total = 0, Fraction(0)
    findings = reader.findings
    for block in reader.blocks(lines):
        centre = CentreResults(block.centre_number, block.sequence, tuple(_rows(block, findings)))
        _compare(block.trailer, _GRADES, _SUM, centre.grades, centre.total, findings)
        grades, total = grades + centre.grades, total + centre.total
        yield centre
    if reader.file_trailer is not None:
        _compare(reader.file_trailer, _ALL_GRADES, _ALL_SUM, grades, total, findings)


def _compare(record: Record, where: Field, sum_at: Field, grades: int, total: Fraction, findings: Findings) -> None:
    remedy = "Records may be missing, or digits have changed places. Export the file again."
    if digits(where.of(record.text)) != grades:
        findings.error("control-grades", record.line, where, f"There are {grades} grades; the trailer differs.", remedy)
    if sum_at.of(record.text) != exact_text(total):
        findings.error(
            "control-total",
            record.line,
            sum_at,
            f"The totals add up to {exact_text(total)}; the trailer differs.",
            remedy,
        )


def _rows(block: CentreBlock, findings: Findings) -> list[CandidateResult]:
    rows: list[CandidateResult] = []
    parts: list[ComponentResult] = []
    seen: dict[tuple[str, str], int] = {}

    def close() -> None:
        if rows and parts:
            last = rows[-1]
            rows[-1] = CandidateResult(
                last.candidate_number, last.option_code, last.grade, last.indicator, last.total, tuple(parts), last.uci
            )
            parts.clear()

    for record in block.records:
        text = record.text
        before = findings.total
        key = (text[8:12], text[25:31].strip())
        _check_place(record, block.centre_number, findings)
        if text[2] == "R":
            close()
            if key in seen:
                findings.error(
                    "duplicate-result", record.line, _NUMBER, f"The result stands on line {seen[key]} already.",
                    "Keep one of them.",
                )  # fmt: skip
            seen.setdefault(key, record.line)
            total = _exact(record, _TOTAL, findings)
            if text[47].strip() not in INDICATORS:
                findings.error("indicator", record.line, _INDICATOR, "The indicator is not X, #, Q or A.", "Check it.")
            rows.append(CandidateResult(*key, text[43:47].strip(), text[47].strip(), total, (), text[12:25].strip()))
        elif not rows or key != (rows[-1].candidate_number, rows[-1].option_code):
            if findings.total == before:
                findings.error(
                    "orphan", record.line, _KIND, "The component does not stand behind the result it belongs to.",
                    "Export the file again.",
                )  # fmt: skip
        else:
            part = _component(record, findings)
            if part is not None:
                parts.append(part)
    close()
    return rows


def _check_place(record: Record, centre_number: str, findings: Findings) -> None:
    text = record.text
    if text[2] not in "RK":
        findings.error("kind", record.line, _KIND, "The kind is not R or K.", "Check the field.")
    if text[3:8] != centre_number:
        findings.error(
            "other-centre", record.line, _CENTRE, "The centre differs from the header's.", "Check the field."
        )
    try:
        check_candidate_number(text[8:12])
    except ValueError as error:
        findings.error("candidate-number", record.line, _NUMBER, f"Here, {error}.", "Check the field.")
    if not text[25:31].strip():
        findings.error("missing", record.line, _OPTION, "The option is missing.", "Every record names it.")


def _component(record: Record, findings: Findings) -> ComponentResult | None:
    text, line, before = record.text, record.line, findings.total
    code, flag = text[31:43].strip(), text[48]
    mark, maximum = digits(text[49:53].strip()), digits(text[53:57].strip())
    if not code:
        findings.error("missing", line, _COMPONENT, "The component is missing.", "Every record names it.")
    if flag not in "MAN":
        findings.error("flag", line, _FLAG, "The flag is not M, A or N.", "Check the field.")
    if (flag == "M") != (mark is not None):
        findings.error("mark", line, _MARK, "A mark stands exactly where the flag is M.", "Check flag and mark.")
    if maximum is None:
        findings.error("not-a-number", line, _MAXIMUM, "The maximum mark is not a whole number.", "Check the field.")
    weighted, weighted_maximum = _exact(record, _TOTAL, findings), _exact(record, _WEIGHTED, findings)
    if findings.total > before or maximum is None:
        return None
    return ComponentResult(code, flag, mark, maximum, weighted, weighted_maximum)


def _exact(record: Record, place: Field, findings: Findings) -> str:
    text = place.of(record.text)
    try:
        return check_exact(text) if text else ""
    except ValueError as error:
        findings.error("not-a-number", record.line, place, f"Here, {error}.", "Check the field.")
        return ""


def write_results(
    series: Series, centres: Iterable[CentreResults], *, written_on: date, sequence: int = 1
) -> tuple[str, bytes]:
    """Return name and content of a results file, which our own reader has read back.

    Raises: ``ValueError`` naming a value that the format cannot carry: nothing is cut and nothing replaced.
    """
    centres = list(centres)
    alone = centres[0] if len(centres) == 1 else None
    sender = alone.centre_number if alone else MANY_CENTRES
    content = b"".join(results_lines(series, centres, written_on=written_on, sender=sender))
    name = file_name(LETTER, sender, series.awarding_body, alone.release if alone else sequence)
    try:
        read_results(name, content)
    except FileRefused as refused:
        raise ValueError(f"the file could not be read back: {refused.faults[0]}") from refused
    return name, content


def results_lines(
    series: Series, centres: Iterable[CentreResults], *, written_on: date, sender: str = MANY_CENTRES
) -> Iterator[bytes]:
    """Yield a results file piece by piece, for one that is too long to be held; whoever writes it reads it back."""
    grades, total = 0, Fraction(0)

    def blocks() -> Iterator[OwnBlock]:
        nonlocal grades, total
        for centre in centres:
            records = [text for row in centre.rows for text in _records(row, centre.centre_number)]
            of_centre = centre.total
            grades, total = grades + centre.grades, total + of_centre
            trailer = f"{centre.grades:07d}{_fit(exact_text(of_centre), 48)}"
            yield OwnBlock(centre.centre_number, centre.release, records, trailer)

    return own_lines(
        LETTER,
        series,
        blocks(),
        written_on=written_on,
        sender=sender,
        end=lambda: f"{grades:07d}{_fit(exact_text(total), 48)}",
    )


def _records(row: CandidateResult, centre_number: str) -> Iterator[str]:
    if row.indicator not in INDICATORS or len(row.indicator) > 1:
        raise ValueError(f"the indicator of candidate {row.candidate_number} is not X, #, Q or A")
    begin = f"{_fit(centre_number, 5)}{_fit(row.candidate_number, 4)}{_fit(row.uci, 13)}{_fit(row.option_code, 6)}"
    total = check_exact(row.total) if row.total else ""
    yield f"R5R{begin}{'':12}{_fit(row.grade, 4)}{row.indicator:1}{'':9}{_fit(total, 16)}"
    for part in row.components:
        mark = "" if part.mark is None else f"{part.mark:04d}"
        yield (
            f"R5K{begin}{_fit(part.component_code, 12)}{'':5}{_fit(part.flag, 1)}{_fit(mark, 4)}"
            f"{_fit(f'{part.maximum_mark:04d}', 4)}{_fit(part.weighted_mark, 16)}{_fit(part.weighted_maximum, 16)}"
        )


def _fit(text: str, width: int) -> str:
    if len(text) > width or not text.isascii() or not text.isprintable():
        raise ValueError(f"a value does not fit its {width} characters, or is not plain ASCII")
    return text.ljust(width)
