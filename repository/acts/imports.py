"""Acts of import: files become records, all of them or none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import Series
from moderation.exchange import reference_csv
from moderation.exchange.basedata import DisallowedPair, Option, SeriesBasedata, read_basedata
from moderation.exchange.entry_checks import check_entries
from moderation.exchange.entry_files import EntryFile, read_entries
from moderation.exchange.faults import Fault, FileRefused
from moderation.exchange.slots_csv import read_slots_csv
from moderation.records import entries as entry_records
from moderation.records import imports as import_records
from moderation.records import reference
from moderation.records.entries import CandidateEntries
from moderation.records.imports import BasedataRows, ComponentRow, FileFacts, ImportReceipt, OptionRow
from moderation.records.slots import set_slots
from moderation.tables import DisallowedPair as DisallowedPairRow
from moderation.tables import EntryOption, SeriesRow
from repository import access, audit
from repository.access import Action
from repository.audit import Context
from repository.errors import FieldRefused, NotSignedIn
from repository.places import TYPE_WORDS

File = tuple[str, bytes]
COMMAND = "command"
"""The origin of acts done on the command line, by whoever runs the service."""


class ImportKind(StrEnum):
    """What can be imported."""

    BASEDATA = "basedata"
    ENTRIES = "entries"
    COMPONENTS = "components"
    BOUNDARIES = "boundaries"
    EXTERNAL_MARKS = "external-marks"
    CONSORTIA = "consortia"
    CENTRES = "centres"
    SLOTS = "slots"


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, file by file, and what it warns of."""

    receipts: tuple[ImportReceipt, ...]
    warnings: tuple[Fault, ...]


def run(
    session: Session, context: Context, kind: ImportKind, files: Sequence[File], series_key: str | None = None
) -> Imported:
    """Import files of one kind, in one transaction: a fault in any refuses them all.

    Takes: ``series_key`` for CSV reference data; without it the only series there is.
    Raises: ``FileRefused`` with every located fault; errors of moderation for values that do not fit what is there.
    """
    if not files:
        raise FieldRefused("Choose at least one file.", field="files")
    if kind is ImportKind.ENTRIES:
        done = _entries(session, context, files)
    else:
        _permit(context, Action.REFERENCE_IMPORT)
        done = (
            _basedata(session, context, files)
            if kind is ImportKind.BASEDATA
            else _csv(session, context, kind, files, series_key)
        )
    for receipt in done.receipts:
        audit.record(
            session,
            context,
            f"import.{kind}",
            "import",
            receipt.import_id,
            outcome="repeated" if receipt.was_known else "done",
            series=receipt.series_key,
        )
    return done


def _permit(context: Context, action: Action, centre_number: str | None = None) -> None:
    if context.actor is not None:
        access.require(context.actor, action, centre_number=centre_number)
    elif context.origin != COMMAND:
        raise NotSignedIn


def _actor(context: Context) -> str:
    return context.actor.person_id if context.actor else COMMAND


# Basedata


def _basedata(session: Session, context: Context, files: Sequence[File]) -> Imported:
    read = read_basedata(files)
    receipts = []
    for basedata in read.series:
        for rows, file in _basedata_rows(basedata):
            texts = [str(warning) for warning in read.warnings if warning.file == file.name]
            receipts.append(
                import_records.import_basedata(
                    session, rows, file, actor=_actor(context), now=context.now, warnings=texts
                )
            )
    return Imported(tuple(receipts), read.warnings)


def _basedata_rows(basedata: SeriesBasedata) -> list[tuple[BasedataRows, FileFacts]]:
    """Return the rows of each file of a series, in the order in which they depend on each other."""
    modes = basedata.component_modes()
    parts: Mapping[str, Callable[[], BasedataRows]] = {
        "S": lambda: BasedataRows(basedata.series, syllabuses=[(row.code, row.title) for row in basedata.syllabuses]),
        "O": lambda: BasedataRows(basedata.series, options=[_option(row) for row in basedata.options]),
        "C": lambda: BasedataRows(
            basedata.series,
            components=[
                ComponentRow(
                    row.code,
                    row.title,
                    row.teacher_marks == "Y",
                    row.maximum_mark,
                    row.due_on,
                    row.timetabled == "T",
                    row.timetable_on,
                    row.session,
                    row.minutes,
                    modes.get(row.code),
                    "proposed from titles" if modes.get(row.code) else "",
                )
                for row in basedata.components
            ],
        ),
        "L": lambda: BasedataRows(
            basedata.series, links=[(row.option_code, row.component_code) for row in basedata.links]
        ),
        "D": lambda: BasedataRows(basedata.series, disallowed=[(row.first, row.second) for row in basedata.disallowed]),
    }
    files = sorted(basedata.files, key=lambda file: "SOCLD".index(file.letter))
    return [
        (parts[file.letter](), FileFacts(file.letter, file.name, file.sha256, file.size_bytes, file.sequence))
        for file in files
    ]


def _option(row: Option) -> OptionRow:
    return OptionRow(
        row.code,
        row.syllabus_code,
        row.title,
        row.qualification,
        row.level,
        row.exam_item,
        row.qan,
        row.maximum,
        row.result_gradesets[0],
        row.proposed_mode,
    )


# Entries


def _entries(session: Session, context: Context, files: Sequence[File]) -> Imported:
    faults: list[Fault] = []
    read: list[EntryFile] = []
    for name, data in files:
        try:
            one = read_entries(name, data)
        except FileRefused as refused:
            faults += refused.faults
            continue
        _permit(context, Action.ENTRIES_IMPORT, one.centre_number)
        if session.get(SeriesRow, one.series.key) is None:
            message = f"The series {one.series.title} ({one.series.key}) is not known here."
            faults.append(Fault("unknown-series", name, 1, 8, 13, "series", message, "Import its basedata first."))
            continue
        faults += check_entries(one, _known_basedata(session, one.series))
        read.append(one)
    if faults:
        raise FileRefused(faults)
    receipts = [_import_entries(session, context, one) for one in read]
    return Imported(tuple(receipts), tuple(warning for one in read for warning in one.warnings))


def _import_entries(session: Session, context: Context, read: EntryFile) -> ImportReceipt:
    candidates = [
        CandidateEntries(
            entry.candidate_number, entry.surname, entry.forenames, entry.uci, entry.options, entry.sex, entry.born_on
        )
        for entry in read.entries
    ]
    return entry_records.import_entries(
        session,
        read.series,
        read.centre_number,
        candidates,
        FileFacts(read.kind, read.name, read.sha256, read.size_bytes, read.sequence),
        actor=_actor(context),
        now=context.now,
        warnings=[str(warning) for warning in read.warnings],
    )


def _known_basedata(session: Session, series: Series) -> SeriesBasedata:
    """Return what entries are held against, from the records."""
    options = session.scalars(select(EntryOption).where(EntryOption.series_key == series.key))
    pairs = session.scalars(select(DisallowedPairRow).where(DisallowedPairRow.series_key == series.key))
    return SeriesBasedata(
        series,
        options=tuple(
            Option(row.option_code, row.syllabus_code, row.title, exam_item=row.exam_item) for row in options
        ),
        disallowed=tuple(DisallowedPair(row.option_code, row.other_code) for row in pairs),
    )


# Reference data as CSV


def _csv(
    session: Session, context: Context, kind: ImportKind, files: Sequence[File], series_key: str | None
) -> Imported:
    key = series_key or _only_series(session)
    try:
        series = Series.from_key(key)
    except ValueError as error:
        raise FieldRefused(f"Of the series, {error}.", field="series") from error
    import_records.need_series(session, series)
    receipts: list[ImportReceipt] = []
    warnings: list[Fault] = []
    for name, data in files:
        read = _READERS[kind](name, data, series)
        warnings += read.warnings
        file = FileFacts(str(kind).upper().replace("-", "_"), name, hashlib.sha256(data).hexdigest(), len(data))
        known = import_records.known_file(session, file, key, None)
        if known is None:
            _store(session, context, kind, key, read.rows)
            texts = [str(warning) for warning in read.warnings]
            counts = {"rows": len(read.rows)}
            known = import_records.receipt(session, file, key, None, counts, texts, _actor(context), context.now)
        receipts.append(known)
    return Imported(tuple(receipts), tuple(warnings))


_READERS: Mapping[ImportKind, Callable[[str, bytes, Series], Any]] = {
    ImportKind.COMPONENTS: lambda name, data, series: reference_csv.read_components_csv(name, data, series=series),
    ImportKind.BOUNDARIES: lambda name, data, series: reference_csv.read_boundaries_csv(name, data, series=series),
    ImportKind.EXTERNAL_MARKS: lambda name, data, series: reference_csv.read_external_marks_csv(
        name, data, series=series
    ),
    ImportKind.CONSORTIA: lambda name, data, series: reference_csv.read_consortia_csv(name, data, series=series),
    ImportKind.CENTRES: lambda name, data, _series: reference_csv.read_centres_csv(name, data),
    ImportKind.SLOTS: lambda name, data, series: read_slots_csv(name, data, series=series, type_words=TYPE_WORDS),
}


def _store(session: Session, context: Context, kind: ImportKind, series_key: str, rows: Sequence[Any]) -> None:
    if kind is ImportKind.COMPONENTS:
        for row in rows:
            reference.set_component(session, series_key, reference.ComponentReference(**asdict(row)))
        reference.open_all_cases(session, series_key, actor=_actor(context), now=context.now)
    elif kind is ImportKind.BOUNDARIES:
        reference.import_boundaries(session, series_key, rows)
    elif kind is ImportKind.EXTERNAL_MARKS:
        marks = [reference.ExternalMarkRow(**asdict(row)) for row in rows]
        reference.import_external_marks(session, series_key, marks)
    elif kind is ImportKind.CONSORTIA:
        for row in rows:
            reference.set_consortium(session, series_key, reference.ConsortiumReference(**asdict(row)))
    elif kind is ImportKind.SLOTS:
        set_slots(session, series_key, {code: [one for of, one in rows if of == code] for code, _ in rows})
    else:
        reference.set_centres(session, [reference.CentreReference(**asdict(row)) for row in rows])


def _only_series(session: Session) -> str:
    keys = session.scalars(select(SeriesRow.key)).all()
    if len(keys) != 1:
        raise FieldRefused("Say which series the file is for, e.g. 01-6B26.", field="series")
    return keys[0]
