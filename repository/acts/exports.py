"""Acts of export: what leaves as a file, to whom, and the record of it. The embargo is that of the reader."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import uuid4

from sqlalchemy.orm import Session

from moderation.entries import Series, is_practice
from moderation.exchange import exports_csv, marks_records, results_records
from moderation.exchange.basedata import write_basedata
from moderation.exchange.entry_files import write_entries
from moderation.exchange.faults import Fault
from moderation.exchange.lines import Findings
from moderation.exchange.reading import read_results_file
from moderation.exchange.results_values import CentreResults
from moderation.exchange.results_xml import write_results_xml
from moderation.records import changes, mark_files, sequences
from moderation.records import exports as records
from moderation.records.changes import Changes
from moderation.records.results import ComputedResult, open_release, results_for
from moderation.results import Audience
from moderation.tables import SeriesRow
from repository import access, audit
from repository.access import Action, Scope
from repository.acts.imports import COMMAND
from repository.audit import Context
from repository.errors import ExportRefused, FieldRefused, NotFound, NotSignedIn


class ExportKind(StrEnum):
    """What can be exported."""

    BASEDATA = "basedata"
    ENTRIES = "entries"
    ENTRIES_CSV = "entries-csv"
    MARKS = "marks"
    SAMPLE = "sample"
    OUTCOMES = "outcomes"
    RESULTS = "results-csv"
    RESULT_RECORDS = "results-records"
    RESULTS_XML = "results-xml"
    COMPONENT_MARKS = "component-marks"
    CIE = "cie"


OF_RESULTS = frozenset(
    {
        ExportKind.RESULTS,
        ExportKind.RESULT_RECORDS,
        ExportKind.RESULTS_XML,
        ExportKind.COMPONENT_MARKS,
        ExportKind.CIE,
        ExportKind.OUTCOMES,
    }
)
"""What nobody outside the awarding body may read before results are out."""
OF_ONE_CENTRE = frozenset({ExportKind.ENTRIES, ExportKind.RESULTS_XML})
TEXT, CSV, XML = "text/plain", "text/csv", "application/xml"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for; ``audience`` is who will read it, ``names`` shortened names that a person confirmed."""

    kind: ExportKind
    series_key: str
    centre_number: str | None = None
    audience: Audience = Audience.CENTRE
    bom: bool = True
    entry_kind: str = "E"
    sequence: int = 1
    names: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that leaves, or several of them (basedata), and what was left out of it."""

    files: tuple[tuple[str, bytes], ...]
    media_type: str
    rows: int
    warnings: tuple[Fault, ...] = ()


def run(session: Session, context: Context, wish: Wish) -> Exported:
    """Make the files of an export; each was read back by its own reader where there is one, and the act is recorded.

    Raises: ``NotFound`` for another centre's; ``ResultsEmbargoed``, ``ResultsWithdrawn`` and ``NoResults`` as for the
    reader; ``ExportRefused`` naming a value that the format cannot carry; ``FieldRefused`` where a centre is missing.
    """
    wish = _permitted(context, wish)
    row = None if is_practice(wish.series_key) else session.get(SeriesRow, wish.series_key)
    if row is None:
        raise NotFound("There is no such series.")
    if wish.kind in OF_ONE_CENTRE and wish.centre_number is None:
        raise FieldRefused("Say which centre the file is for, by its five digits.", field="centre")
    series = Series.from_key(wish.series_key)
    if wish.kind in OF_RESULTS:
        open_release(session, wish.series_key, audience=wish.audience, now=context.now)
    try:
        done = _MAKERS[wish.kind](session, context, wish, series)
    except ValueError as error:
        raise ExportRefused(
            f"The file cannot be written: {error}.", proposal=getattr(error, "proposal", None), field="export"
        ) from error
    audit.record(
        session,
        context,
        Action.EXPORT_READ,
        "series",
        wish.series_key,
        what=str(wish.kind),
        centre=wish.centre_number,
        rows=done.rows,
        sha256=hashlib.sha256(b"".join(data for _, data in done.files)).hexdigest(),
        left_out=len(done.warnings),
    )
    return done


def compare_results(
    session: Session, context: Context, series_key: str, name: str, data: bytes
) -> tuple[Changes, tuple[Fault, ...]]:
    """Hold a file of results, records or XML, against the release in force; nothing is kept of the file.

    Returns: what differs, release → file, for the centres that the file holds, and the warnings about the file.
    Raises: ``FileRefused`` with every fault of the file; ``NoResults``; ``ResultsEmbargoed``; ``NotFound``.
    """
    centres, warnings = read_results_file(name, data)
    found: list[CentreResults] = []
    for centre in centres:
        wish = _permitted(
            context, Wish(ExportKind.RESULT_RECORDS, series_key, centre.centre_number, Audience.AWARDING_BODY)
        )
        rows = _read(session, context, wish)
        found += records.centre_results(rows, centre.release)
    audit.record(session, context, Action.EXPORT_READ, "series", series_key, what="compare", rows=len(centres))
    return changes.compare(records.results_snapshot(found), records.results_snapshot(centres)), warnings


def note_refusal(session: Session, context: Context, wish: Wish) -> None:
    """Record that somebody asked for results before their time; the refusal itself undid what it was part of."""
    audit.record(
        session, context, Action.EXPORT_READ, "series", wish.series_key, outcome="refused", what=str(wish.kind)
    )


def _permitted(context: Context, wish: Wish) -> Wish:
    """Return the wish narrowed to what the person may read, and as whom."""
    actor = context.actor
    if actor is None:
        if context.origin != COMMAND:
            raise NotSignedIn
        return wish
    scope = access.scope_of(actor, Action.EXPORT_READ)
    if scope is Scope.ALL:
        return replace(wish, audience=Audience.AWARDING_BODY)
    if scope is not Scope.MY_CENTRE or wish.centre_number not in {None, actor.centre_number}:
        raise NotFound
    if wish.kind is ExportKind.BASEDATA:
        raise NotFound
    return replace(wish, centre_number=actor.centre_number, audience=Audience.CENTRE)


def _centres(session: Session, wish: Wish) -> Sequence[str]:
    if wish.centre_number is not None:
        return [wish.centre_number]
    return records.entered_centres(session, wish.series_key)


def _joined(name: str, pieces: Iterable[bytes], rows: int, media_type: str = CSV) -> Exported:
    return Exported(((name, b"".join(pieces)),), media_type, rows)


def _csv_name(wish: Wish) -> str:
    of = f"{wish.series_key}-{wish.centre_number}" if wish.centre_number else wish.series_key
    return f"{str(wish.kind).removesuffix('-csv')}-{of}.csv"


def _basedata(session: Session, context: Context, _wish: Wish, series: Series) -> Exported:
    found = records.basedata(session, series)
    files = write_basedata(found, written_on=context.now.date())
    note = Fault(
        "not-recorded", "", None, None, None, "", "Fees, classification codes and most gradesets are not recorded here and "
        "are blank in these files.", "Take the awarding body's own files for entries systems.",
    )  # fmt: skip
    return Exported(tuple(files.items()), TEXT, sum(len(data.splitlines()) for data in files.values()), (note,))


def _entries(session: Session, context: Context, wish: Wish, series: Series) -> Exported:
    centre = wish.centre_number or ""
    rows = records.entry_records(session, wish.series_key, centre)
    if wish.entry_kind == sequences.ENTRIES:
        rows = [row for row in rows if row.options]
    if not rows:
        raise NotFound("The centre has no entries in this series.")
    name, data = write_entries(
        series,
        centre,
        rows,
        written_on=context.now.date(),
        sequence=wish.sequence,
        kind=wish.entry_kind,
        confirmed_names=wish.names,
    )
    return Exported(((name, data),), TEXT, len(rows))


def _entries_csv(session: Session, _context: Context, wish: Wish, series: Series) -> Exported:
    rows = [
        (centre, row.candidate_number, row.surname, row.forenames, row.uci, option)
        for centre in _centres(session, wish)
        for row in records.entry_records(session, wish.series_key, centre)
        for option in row.options
    ]
    return _joined(_csv_name(wish), exports_csv.entries_csv(series, rows, bom=wish.bom), len(rows))


def _marks(session: Session, context: Context, wish: Wish, series: Series) -> Exported:
    left_out = Findings("")
    centres = list(mark_files.centre_marks(session, wish.series_key, _centres(session, wish), wish.sequence, left_out))
    if not centres:
        raise NotFound("No marks have been entered yet.")
    name, data = marks_records.write_marks(series, centres, written_on=context.now.date(), sequence=wish.sequence)
    return Exported(((name, data),), TEXT, sum(len(one.rows) for one in centres), tuple(left_out.warnings))


def _sample(session: Session, _context: Context, wish: Wish, series: Series) -> Exported:
    rows = records.sample_lines(session, wish.series_key, wish.centre_number)
    return _joined(_csv_name(wish), exports_csv.sample_csv(series, rows, bom=wish.bom), len(rows))


def _outcomes(session: Session, _context: Context, wish: Wish, series: Series) -> Exported:
    outside = wish.audience is not Audience.AWARDING_BODY
    rows = records.outcome_lines(session, wish.series_key, wish.centre_number, released_only=outside)
    return _joined(_csv_name(wish), exports_csv.outcome_csv(series, rows, bom=wish.bom), len(rows))


def _read(session: Session, context: Context, wish: Wish) -> list[ComputedResult]:
    return results_for(
        session, wish.series_key, audience=wish.audience, now=context.now, centre_number=wish.centre_number
    )


def _results(session: Session, context: Context, wish: Wish, series: Series) -> Exported:
    found = _read(session, context, wish)
    rows = [
        (
            row.centre_number,
            row.candidate_number,
            row.uci,
            row.option_code,
            row.total or "",
            row.grade or "",
            row.indicator or "",
        )
        for row in found
    ]
    return _joined(_csv_name(wish), exports_csv.results_csv(series, rows, bom=wish.bom), len(rows))


def _result_records(session: Session, context: Context, wish: Wish, series: Series) -> Exported:
    release = open_release(session, wish.series_key, audience=wish.audience, now=context.now)
    centres = list(records.centre_results(_read(session, context, wish), release.number))
    if not centres:
        raise NotFound("There are no results to write.")
    name, data = results_records.write_results(series, centres, written_on=context.now.date(), sequence=release.number)
    return Exported(((name, data),), TEXT, sum(len(one.rows) for one in centres))


def _results_xml(session: Session, context: Context, wish: Wish, series: Series) -> Exported:
    release = open_release(session, wish.series_key, audience=wish.audience, now=context.now)
    centres = list(records.centre_results(_read(session, context, wish), release.number))
    if not centres:
        raise NotFound("There are no results to write.")
    born = records.birth_dates(session, wish.series_key, centres[0].centre_number)
    centre = replace(
        centres[0], rows=tuple(replace(row, born_on=born.get(row.candidate_number)) for row in centres[0].rows)
    )
    name, data = write_results_xml(
        series, centre, message_id=str(uuid4()), sent_at=context.now, issued_at=release.created_at
    )
    return Exported(((name, data),), XML, len(centre.rows))


def _component_marks(session: Session, context: Context, wish: Wish, series: Series) -> Exported:
    lines = list(records.component_mark_lines(_read(session, context, wish)))
    return _joined(_csv_name(wish), exports_csv.component_marks_csv(series, lines, bom=wish.bom), len(lines))


def _cie(session: Session, context: Context, wish: Wish, _series: Series) -> Exported:
    codes, lines = records.cie_lines(session, wish.series_key, _read(session, context, wish))
    return _joined(_csv_name(wish), exports_csv.cie_csv(codes, lines, bom=wish.bom), len(lines))


_MAKERS: Mapping[ExportKind, Callable[[Session, Context, Wish, Series], Exported]] = {
    ExportKind.BASEDATA: _basedata,
    ExportKind.ENTRIES: _entries,
    ExportKind.ENTRIES_CSV: _entries_csv,
    ExportKind.MARKS: _marks,
    ExportKind.SAMPLE: _sample,
    ExportKind.OUTCOMES: _outcomes,
    ExportKind.RESULTS: _results,
    ExportKind.RESULT_RECORDS: _result_records,
    ExportKind.RESULTS_XML: _results_xml,
    ExportKind.COMPONENT_MARKS: _component_marks,
    ExportKind.CIE: _cie,
}
