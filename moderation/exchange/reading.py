"""Any file of exchange, told by its content: what it is, what it holds, what is wrong with it. Nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from moderation.exchange.basedata import read_basedata
from moderation.exchange.entry_files import read_entries
from moderation.exchange.faults import Fault, FileRefused
from moderation.exchange.marks_records import read_marks
from moderation.exchange.results_records import read_results
from moderation.exchange.results_values import CentreResults
from moderation.exchange.results_xml_reading import read_results_xml
from moderation.results import exact_text


@dataclass(frozen=True, slots=True)
class FileSummary:
    """What a file holds; control totals are among the counts."""

    what: str
    series: str
    counts: Mapping[str, int | str]
    warnings: tuple[Fault, ...] = ()


def summary_of(name: str, data: bytes) -> FileSummary:
    """Return what a file holds; raises ``FileRefused`` with every fault, also for a file of no known kind."""
    start = data.removeprefix(b"\xef\xbb\xbf")[:2].upper()
    if start[:1] == b"<":
        return _xml(name, data)
    letter = start[:1].decode("ascii", "replace")
    counts: dict[str, int | str]
    if letter in set("EA"):
        entries = read_entries(name, data)
        counts = {
            "centre": entries.centre_number,
            "sequence": entries.sequence,
            "candidates": len(entries.entries),
            "entries": sum(len(one.options) for one in entries.entries),
        }
        what = "JCQ EDI entries" if entries.kind == "E" else "JCQ EDI amendments"
        return FileSummary(what, entries.series.key, counts, entries.warnings)
    if letter == "M":
        marks = read_marks(name, data)
        counts = {
            "centres": len(marks.centres),
            "records": sum(len(one.rows) for one in marks.centres),
            "sum of marks": sum(one.control_total for one in marks.centres),
        }
        return FileSummary("marks P1 (JCQ-style, not JCQ)", marks.series.key, counts, marks.warnings)
    if letter == "R":
        series, centres = read_results(name, data)
        counts = {
            "centres": len(centres),
            "results": sum(len(one.rows) for one in centres),
            "grades": sum(one.grades for one in centres),
            "sum of totals": exact_text(sum((one.total for one in centres), Fraction(0))),
        }
        return FileSummary("results P1 (JCQ-style, not JCQ)", series.key, counts)
    if letter in set("SOCLD") or name.upper().startswith("ULINKS"):
        read = read_basedata([(name, data)])
        rows = {file.letter: file.record_count - 4 for one in read.series for file in one.files}
        return FileSummary("JCQ EDI basedata", " ".join(one.series.key for one in read.series), {**rows}, read.warnings)
    message = "The file is none of the kinds that are exchanged here: S, O, C, L, D, E, A, M, R or XML of results."
    raise FileRefused(
        [Fault("unknown-kind", name, 1, 1, 2, "", message, "CSV files are checked by `nea import --dry-run`.")]
    )


def read_results_file(name: str, data: bytes) -> tuple[tuple[CentreResults, ...], tuple[Fault, ...]]:
    """Return the results of a file of records or XML, whichever it is, and its warnings; raises ``FileRefused``."""
    if data.removeprefix(b"\xef\xbb\xbf")[:1] == b"<":
        message = read_results_xml(name, data)
        return (message.results,), message.warnings
    return read_results(name, data)[1], ()


def _xml(name: str, data: bytes) -> FileSummary:
    message = read_results_xml(name, data)
    results = message.results
    counts: dict[str, int | str] = {
        "centre": results.centre_number,
        "results": len(results.rows),
        "grades": results.grades,
        "sum of totals": exact_text(results.total),
    }
    return FileSummary("XML of results (A2C-like, not certified)", "", counts, message.warnings)
