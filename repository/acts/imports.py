"""Acts of import: files become records, all of them or none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import Series
from moderation.errors import ImportRefused
from moderation.exchange import reference_csv
from moderation.exchange.basedata import Option, SeriesBasedata, read_basedata
from moderation.exchange.criteria_csv import read_criteria_csv
from moderation.exchange.faults import FAULTS_LIMIT, Fault, FileRefused
from moderation.exchange.slots_csv import read_slots_csv
from moderation.records import changes, reference, sequences
from moderation.records import imports as import_records
from moderation.records.changes import Changes
from moderation.records.criteria import set_criteria
from moderation.records.imports import BasedataRows, ComponentRow, FileFacts, ImportReceipt, OptionRow
from moderation.records.rules import listed_profiles
from moderation.records.sequences import WaitingView
from moderation.records.slots import set_slots
from moderation.tables import SeriesRow
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
    CRITERIA = "criteria"
    MARKS = "marks"


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, file by file, what it warns of, what it changed, and which files wait for others."""

    receipts: tuple[ImportReceipt, ...]
    warnings: tuple[Fault, ...]
    changes: Changes | None = None
    waiting: tuple[WaitingView, ...] = ()


def run(
    session: Session,
    context: Context,
    kind: ImportKind,
    files: Sequence[File],
    series_key: str | None = None,
    *,
    preview: bool = False,
    accept_gap: bool = False,
    seen: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Import files of one kind, in one transaction: a fault in any refuses them all.

    Takes: ``series_key`` for CSV reference data; without it the only series there is. ``preview``, whether to say what
    changes: whoever only wants to know undoes the transaction. ``accept_gap``, an officer's word that the file before an
    amendment will not come. ``seen`` is told of every file of entries and every centre of marks that is done.
    Raises: ``FileRefused`` with every located fault; errors of moderation for values that do not fit what is there.
    """
    from repository.acts import import_entries, import_marks  # they build upon this module

    if not files:
        raise FieldRefused("Choose at least one file.", field="files")
    if kind is ImportKind.ENTRIES:
        done = import_entries.run(session, context, files, preview=preview, accept_gap=accept_gap, seen=seen)
    elif kind is ImportKind.MARKS:
        done = import_marks.run(session, context, files, preview=preview, seen=seen)
    else:
        permit(context, Action.REFERENCE_IMPORT)
        done = (
            _basedata(session, context, files, preview=preview)
            if kind is ImportKind.BASEDATA
            else _csv(session, context, kind, files, series_key, preview=preview)
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
    for one in done.waiting:
        audit.record(
            session, context, f"import.{kind}", "import", one.waiting_id, outcome="waits", series=one.series_key
        )
    return done


def permit(context: Context, action: Action, centre_number: str | None = None) -> None:
    """Permit an import to the person, or to whoever runs the service and uses the command line."""
    if context.actor is not None:
        access.require(context.actor, action, centre_number=centre_number)
    elif context.origin != COMMAND:
        raise NotSignedIn


def actor_id(context: Context) -> str:
    """Return who imports, as receipts name it."""
    return context.actor.person_id if context.actor else COMMAND


# Basedata


def _basedata(session: Session, context: Context, files: Sequence[File], *, preview: bool) -> Imported:
    read = read_basedata(files)
    receipts = []
    keys = sorted(basedata.series.key for basedata in read.series)
    for key in keys:
        sequences.take_turn(session, key, None, "BASEDATA", actor=actor_id(context), now=context.now)
    before = _snapshot(session, "BASEDATA", keys) if preview else {}
    for basedata in read.series:
        for rows, file in _basedata_rows(basedata):
            texts = [str(warning) for warning in read.warnings if warning.file == file.name]
            receipts.append(
                import_records.import_basedata(
                    session, rows, file, actor=actor_id(context), now=context.now, warnings=texts
                )
            )
    compared = changes.compare(before, _snapshot(session, "BASEDATA", keys)) if preview else None
    return Imported(tuple(receipts), read.warnings, compared)


def _snapshot(session: Session, kind: str, series_keys: Sequence[str]) -> changes.Snapshot:
    """Return what a kind of file describes now, over several series."""
    session.flush()
    found: dict[tuple[str, str], Mapping[str, str]] = {}
    for key in series_keys:
        of_series = changes.OF_REFERENCE[kind](session, key)
        several = len(series_keys) > 1
        found |= {(thing, f"{key} {name}" if several else name): row for (thing, name), row in of_series.items()}
    return found


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


# Reference data as CSV


def _csv(
    session: Session,
    context: Context,
    kind: ImportKind,
    files: Sequence[File],
    series_key: str | None,
    *,
    preview: bool,
) -> Imported:
    key = series_key or only_series(session)
    try:
        series = Series.from_key(key)
    except ValueError as error:
        raise FieldRefused(f"Of the series, {error}.", field="series") from error
    import_records.need_series(session, series)
    kind_name = str(kind).upper().replace("-", "_")
    sequences.take_turn(session, key, None, kind_name, actor=actor_id(context), now=context.now)
    shows = preview and kind_name in changes.OF_REFERENCE
    before = _snapshot(session, kind_name, [key]) if shows else {}
    receipts: list[ImportReceipt] = []
    refused = Refusals()
    read: list[tuple[str, bytes, Any]] = []
    reader = _reader(session, kind)
    for name, data in files:
        with refused.collected():
            read.append((name, data, reader(name, data, series)))
    refused.refuse_if_any()
    for name, data, one in read:
        file = FileFacts(kind_name, name, hashlib.sha256(data).hexdigest(), len(data))
        known = import_records.known_file(session, file, key, None)
        if known is None:
            try:
                _store(session, context, kind, key, one.rows)
            except ImportRefused as error:
                raise located(name, error) from error
            texts = [str(warning) for warning in one.warnings]
            counts = {"rows": len(one.rows)}
            known = import_records.receipt(session, file, key, None, counts, texts, actor_id(context), context.now)
        receipts.append(known)
    compared = changes.compare(before, _snapshot(session, kind_name, [key])) if shows else None
    return Imported(tuple(receipts), tuple(warning for _, _, one in read for warning in one.warnings), compared)


def _reader(session: Session, kind: ImportKind) -> Callable[[str, bytes, Series], Any]:
    """Return what reads files of a kind; components may name every profile that is known, imported or shipped."""
    if kind is not ImportKind.COMPONENTS:
        return _READERS[kind]
    profiles = frozenset(profile.profile_id for profile in listed_profiles(session))
    return lambda name, data, series: reference_csv.read_components_csv(name, data, series=series, profiles=profiles)


class Refusals:
    """Collects the faults of several files, so that all of them are told at once."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.total = 0

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Keep what refuses a file, and go on with the next."""
        try:
            yield
        except FileRefused as refused:
            self.add(refused.faults, refused.total)

    def add(self, faults: Sequence[Fault], total: int) -> None:
        """Add faults of one file, and how many it has in all."""
        self.faults += faults[: FAULTS_LIMIT - len(self.faults)] if len(self.faults) < FAULTS_LIMIT else ()
        self.total += total

    def refuse_if_any(self) -> None:
        """Raise ``FileRefused`` with all of them."""
        if self.total:
            raise FileRefused(self.faults, self.total)


def located(name: str, error: ImportRefused) -> Exception:
    """Return what a record function refused as faults of the file, where it named them."""
    named = error.facts.get("faults")
    if not isinstance(named, list):
        return error
    faults = [Fault(code, name, None, None, None, key, message, "Correct the row.") for key, code, message in named]
    return FileRefused(faults)


_READERS: Mapping[ImportKind, Callable[[str, bytes, Series], Any]] = {
    ImportKind.BOUNDARIES: lambda name, data, series: reference_csv.read_boundaries_csv(name, data, series=series),
    ImportKind.EXTERNAL_MARKS: lambda name, data, series: reference_csv.read_external_marks_csv(
        name, data, series=series
    ),
    ImportKind.CONSORTIA: lambda name, data, series: reference_csv.read_consortia_csv(name, data, series=series),
    ImportKind.CENTRES: lambda name, data, _series: reference_csv.read_centres_csv(name, data),
    ImportKind.CRITERIA: lambda name, data, series: read_criteria_csv(name, data, series=series),
    ImportKind.SLOTS: lambda name, data, series: read_slots_csv(name, data, series=series, type_words=TYPE_WORDS),
}


def _store(session: Session, context: Context, kind: ImportKind, series_key: str, rows: Sequence[Any]) -> None:
    if kind is ImportKind.COMPONENTS:
        for row in rows:
            reference.set_component(session, series_key, reference.ComponentReference(**asdict(row)))
        reference.open_all_cases(session, series_key, actor=actor_id(context), now=context.now)
    elif kind is ImportKind.BOUNDARIES:
        reference.import_boundaries(session, series_key, rows)
    elif kind is ImportKind.EXTERNAL_MARKS:
        marks = [reference.ExternalMarkRow(**asdict(row)) for row in rows]
        reference.import_external_marks(session, series_key, marks)
    elif kind is ImportKind.CONSORTIA:
        for row in rows:
            reference.set_consortium(session, series_key, reference.ConsortiumReference(**asdict(row)))
    elif kind is ImportKind.CRITERIA:
        set_criteria(session, series_key, rows)
    elif kind is ImportKind.SLOTS:
        set_slots(session, series_key, {code: [one for of, one in rows if of == code] for code, _ in rows})
    else:
        reference.set_centres(session, [reference.CentreReference(**asdict(row)) for row in rows])


def only_series(session: Session) -> str:
    """Return the only series there is; raises ``FieldRefused`` when there are several or none."""
    keys = session.scalars(select(SeriesRow.key)).all()
    if len(keys) != 1:
        raise FieldRefused("Say which series the file is for, e.g. 01-6B26.", field="series")
    return keys[0]
