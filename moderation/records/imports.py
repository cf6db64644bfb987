"""What files bring, as records: basedata, entries and reference data. All of a file, or nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, insert, select, tuple_, update
from sqlalchemy.orm import Session

from moderation.entries import Series, SubmissionMode
from moderation.errors import DuplicateSequence, ImportRefused, OlderSequence
from moderation.tables import (
    Base,
    Component,
    DisallowedPair,
    Entry,
    EntryOption,
    ImportFile,
    OptionComponent,
    SeriesRow,
    Syllabus,
    new_id,
)

REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What identifies an imported file; ``kind`` e.g. ``O``, ``E``, ``REFERENCE``; ``sequence`` when it has one."""

    kind: str
    name: str
    sha256: str
    size_bytes: int
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class ImportReceipt:
    """What an import did; ``was_known`` when the same file had been imported before and nothing changed."""

    import_id: str
    kind: str
    name: str
    sha256: str
    series_key: str | None
    centre_number: str | None
    counts: Mapping[str, Any]
    warnings: tuple[str, ...]
    imported_at: datetime
    was_known: bool


@dataclass(frozen=True, slots=True)
class OptionRow:
    """An entry option of the basedata."""

    option_code: str
    syllabus_code: str
    title: str
    qualification: str = ""
    level: str = ""
    exam_item: str = ""
    qan: str = ""
    maximum: int | None = None
    result_gradeset: str = ""
    submission_mode: SubmissionMode | None = None


@dataclass(frozen=True, slots=True)
class ComponentRow:
    """A component of the basedata; its mode is proposed and stays what an officer confirmed."""

    component_code: str
    title: str
    teacher_marks: bool
    maximum_mark: int
    due_on: date | None = None
    timetabled: bool = False
    timetable_on: date | None = None
    timetable_session: str = ""
    minutes: int | None = None
    submission_mode: SubmissionMode | None = None
    mode_source: str = ""


@dataclass(frozen=True, slots=True)
class BasedataRows:
    """Basedata of one series: any of its five parts."""

    series: Series
    syllabuses: Sequence[tuple[str, str]] = ()
    options: Sequence[OptionRow] = ()
    components: Sequence[ComponentRow] = ()
    links: Sequence[tuple[str, str]] = ()
    disallowed: Sequence[tuple[str, str]] = ()


def import_basedata(
    session: Session, rows: BasedataRows, file: FileFacts, *, actor: str, now: datetime, warnings: Sequence[str] = ()
) -> ImportReceipt:
    """Load basedata; a later file with the same codes brings the rows up to date and keeps what officers entered.

    A file restates its whole part: links and excluded pairs that it lacks are taken out, but no link of an option that
    somebody is entered for. Options and components that it lacks stay, for much may hang on them.
    Raises: ``OlderSequence``; ``ImportRefused`` with ``faults`` for a link whose option or component is unknown.
    """
    key = rows.series.key
    known = known_file(session, file, key, None)
    if known is not None:
        return known
    need_newer(session, file, key, None)
    need_series(session, rows.series)
    _need_linked(session, key, rows)
    counts = {
        "syllabuses": _upsert(session, Syllabus, [_syllabus(key, row) for row in rows.syllabuses]),
        "options": _upsert(session, EntryOption, [{"series_key": key, **_plain(row)} for row in rows.options]),
        "components": _upsert(session, Component, _components(session, key, rows.components)),
        "links": _upsert(session, OptionComponent, [_link(key, *row) for row in rows.links]),
        "disallowed": _upsert(session, DisallowedPair, [_pair(key, *row) for row in rows.disallowed]),
    }
    removed = _remove_links(session, key, set(rows.links)) + _remove_pairs(session, key, set(rows.disallowed))
    if removed:
        counts["removed"] = removed
    return receipt(session, file, key, None, counts, warnings, actor, now)


def _remove_links(session: Session, key: str, stated: Collection[tuple[str, str]]) -> int:
    if not stated:
        return 0
    entered = set(session.scalars(select(Entry.option_code).where(Entry.series_key == key).distinct()))
    gone = [
        row
        for row in _rows(session, OptionComponent, key)
        if (row.option_code, row.component_code) not in stated and row.option_code not in entered
    ]
    for row in gone:
        session.delete(row)
    session.flush()
    return len(gone)


def _remove_pairs(session: Session, key: str, stated: Collection[tuple[str, str]]) -> int:
    if not stated:
        return 0
    gone = [row for row in _rows(session, DisallowedPair, key) if (row.option_code, row.other_code) not in stated]
    for row in gone:
        session.delete(row)
    session.flush()
    return len(gone)


def need_series(session: Session, series: Series) -> None:
    """Make the row of a series when there is none."""
    if session.get(SeriesRow, series.key) is None:
        session.add(
            SeriesRow(
                key=series.key,
                awarding_body=series.awarding_body,
                code=series.code,
                year=series.year,
                title=series.title,
            )
        )
        session.flush()


def _need_linked(session: Session, key: str, rows: BasedataRows) -> None:
    options = {row.option_code for row in rows.options}
    components = {row.component_code for row in rows.components}
    options |= set(session.scalars(select(EntryOption.option_code).where(EntryOption.series_key == key)))
    components |= set(session.scalars(select(Component.component_code).where(Component.series_key == key)))
    faults = [
        (f"{option}+{component}", "orphan-link", f"The link of {option} to {component} names something unknown.")
        for option, component in rows.links
        if option not in options or component not in components
    ]
    if faults:
        raise ImportRefused(f"{len(faults)} links name unknown options or components.", faults=faults)


def _components(session: Session, key: str, rows: Iterable[ComponentRow]) -> list[dict[str, Any]]:
    """Return component rows; a mode or maximum that an officer or reference data gave is kept."""
    confirmed, maxima = {}, {}
    for known in _rows(session, Component, key):
        if known.mode_source == REFERENCE:
            confirmed[known.component_code] = (known.submission_mode, known.mode_source)
        if known.maximum_entered:
            maxima[known.component_code] = known.maximum_mark
    made = []
    for row in rows:
        values = {"series_key": key, **_plain(row)}
        if row.component_code in confirmed:
            values["submission_mode"], values["mode_source"] = confirmed[row.component_code]
        values["maximum_mark"] = maxima.get(row.component_code, row.maximum_mark)
        made.append(values)
    return made


def _upsert(session: Session, table: type[Base], rows: Sequence[dict[str, Any]]) -> int:
    """Insert the new rows and update the others, by primary key; a key that comes twice counts once."""
    if not rows:
        return 0
    keys = [column.name for column in table.__table__.primary_key]
    by_key = {tuple(row[name] for name in keys): row for row in rows}
    columns = [table.__table__.c[name] for name in keys]
    query = select(*columns)
    if "series_key" in keys:
        query = query.where(table.__table__.c["series_key"] == rows[0]["series_key"])
    else:
        query = query.where(tuple_(*columns).in_(list(by_key)))
    there = {tuple(row) for row in session.execute(query)}
    fresh = [row for key, row in by_key.items() if key not in there]
    changed = [row for key, row in by_key.items() if key in there and len(row) > len(keys)]
    if fresh:
        session.execute(insert(table), fresh)
    if changed:
        session.execute(update(table), changed)
    session.expire_all()
    return len(by_key)


def known_file(session: Session, file: FileFacts, series_key: str, centre_number: str | None) -> ImportReceipt | None:
    """Return the receipt of the earlier import of the same file, or ``None``."""
    row = session.scalars(
        select(ImportFile)
        .where(
            ImportFile.kind == file.kind,
            ImportFile.sha256 == file.sha256,
            ImportFile.series_key == series_key,
            ImportFile.centre_number == centre_number,
        )
        .order_by(ImportFile.imported_at)
    ).first()
    return None if row is None else _view(row, was_known=True)


def need_newer(session: Session, file: FileFacts, series_key: str, centre_number: str | None) -> None:
    """Refuse a file that is older than one imported before (``OlderSequence``), or as old (``DuplicateSequence``)."""
    if file.sequence is None:
        return
    newest = session.scalar(
        select(func.max(ImportFile.sequence)).where(
            ImportFile.kind == file.kind,
            ImportFile.series_key == series_key,
            ImportFile.centre_number == centre_number,
        )
    )
    if newest is not None and file.sequence < newest:
        raise OlderSequence(sequence=file.sequence, newest=newest)
    if newest == file.sequence:
        raise DuplicateSequence(sequence=file.sequence)


def newest_issue(session: Session, series_key: str) -> int:
    """Return the highest issue number of a series' basedata that was imported; 1 without any."""
    newest = session.scalar(
        select(func.max(ImportFile.sequence)).where(
            ImportFile.series_key == series_key, ImportFile.kind.in_(["S", "O", "C", "L", "D"])
        )
    )
    return 1 if newest is None else newest


def receipt(
    session: Session,
    file: FileFacts,
    series_key: str,
    centre_number: str | None,
    counts: Mapping[str, Any],
    warnings: Sequence[str],
    actor: str,
    now: datetime,
) -> ImportReceipt:
    """Note that a file was imported, and return the receipt."""
    row = ImportFile(
        id=new_id(),
        series_key=series_key,
        centre_number=centre_number,
        imported_at=now,
        imported_by=actor,
        counts=dict(counts),
        warnings=list(warnings),
        **asdict(file),
    )
    session.add(row)
    session.flush()
    return _view(row, was_known=False)


def _view(row: ImportFile, *, was_known: bool) -> ImportReceipt:
    return ImportReceipt(
        row.id,
        row.kind,
        row.name,
        row.sha256,
        row.series_key,
        row.centre_number,
        row.counts,
        tuple(row.warnings),
        row.imported_at,
        was_known,
    )


def _rows(session: Session, table: Any, series_key: str) -> list[Any]:
    return list(session.scalars(select(table).where(table.series_key == series_key)))


def _plain(row: OptionRow | ComponentRow) -> dict[str, Any]:
    values = asdict(row)
    mode = values["submission_mode"]
    return {**values, "submission_mode": None if mode is None else str(mode)}


def _syllabus(key: str, row: tuple[str, str]) -> dict[str, Any]:
    return {"series_key": key, "syllabus_code": row[0], "title": row[1]}


def _link(key: str, option_code: str, component_code: str) -> dict[str, Any]:
    return {"series_key": key, "option_code": option_code, "component_code": component_code}


def _pair(key: str, option_code: str, other_code: str) -> dict[str, Any]:
    return {"series_key": key, "option_code": option_code, "other_code": other_code}
