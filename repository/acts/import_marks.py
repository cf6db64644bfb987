"""Acts on marks files: the project's records of one centre or many, or the CSV of one component at one centre."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import Series
from moderation.exchange import csv_text, marks_csv
from moderation.exchange.faults import Fault
from moderation.exchange.lines import Findings
from moderation.exchange.marks_checks import ON_SCREEN, CasePlace, MarkToSave, marks_to_save
from moderation.exchange.marks_records import LETTER, centres_of
from moderation.exchange.own_records import OwnReader
from moderation.records import changes, mark_files, sequences
from moderation.records import imports as import_records
from moderation.records.imports import FileFacts, ImportReceipt
from moderation.tables import Candidate, SeriesRow
from repository.access import Action
from repository.acts.imports import File, Imported, Refusals, actor_id, permit
from repository.audit import Context

KIND = "MARKS"


class _Changes:
    """Compares the marks of each centre that a file names, before and after."""

    def __init__(self, session: Session, wanted: bool) -> None:
        self.session = session
        self.wanted = wanted
        self.centres: dict[str, set[str]] = defaultdict(set)
        self.before: dict[tuple[str, str], Mapping[str, str]] = {}

    def begin(self, series_key: str, centre_number: str) -> None:
        """Look at a centre before its marks change; twice does no harm."""
        if self.wanted and centre_number not in self.centres[series_key]:
            self.centres[series_key].add(centre_number)
            self.before |= changes.marks_of(self.session, series_key, [centre_number])

    def found(self) -> changes.Changes | None:
        """Return what changed."""
        if not self.wanted:
            return None
        self.session.flush()
        after: dict[tuple[str, str], Mapping[str, str]] = {}
        for key, numbers in self.centres.items():
            after |= changes.marks_of(self.session, key, sorted(numbers))
        return changes.compare(self.before, after)


def run(
    session: Session,
    context: Context,
    files: Sequence[File],
    *,
    preview: bool = False,
    seen: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Import marks into the saved marks of cases, all or none: they are then checked and submitted on screen.

    Raises: ``FileRefused`` with every located fault of all files; ``OlderSequence``; ``DuplicateSequence``; ``NotFound``
    for another centre's marks.
    """
    refused = Refusals()
    compared = _Changes(session, preview)
    receipts: list[ImportReceipt] = []
    warnings: list[Fault] = []
    for name, data in files:
        read = _records if data[:2].upper() in {b"M1", b"\xef\xbb"} and b"M1" in data[:5].upper() else _csv
        with refused.collected():
            receipts += read(session, context, name, data, compared, warnings, seen)
    refused.refuse_if_any()
    return Imported(tuple(receipts), tuple(warnings), compared.found())


def _records(
    session: Session,
    context: Context,
    name: str,
    data: bytes,
    compared: _Changes,
    warnings: list[Fault],
    seen: Callable[[int], None],
) -> list[ImportReceipt]:
    findings = Findings(name)
    reader = OwnReader(LETTER, findings)
    digest = hashlib.sha256(data).hexdigest()
    receipts: list[ImportReceipt] = []
    for centre in centres_of(reader, BytesIO(data)):
        seen(1)
        if findings.errors or reader.series is None:
            continue  # the rest is only read for its faults
        key = reader.series.key
        permit(context, Action.MARKS_IMPORT, centre.centre_number)
        sequences.take_turn(session, key, centre.centre_number, KIND, actor=actor_id(context), now=context.now)
        file = FileFacts(LETTER, name, digest, len(data), centre.sequence)
        known = import_records.known_file(session, file, key, centre.centre_number)
        if known is not None:
            receipts.append(known)
            continue
        import_records.need_newer(session, file, key, centre.centre_number)
        compared.begin(key, centre.centre_number)
        marks = marks_to_save(centre, mark_files.places_of(session, key, centre.centre_number), findings)
        if findings.errors:
            continue
        counts = mark_files.save_file(session, marks, actor=actor_id(context), now=context.now)
        counts["control_total"] = centre.control_total
        receipts.append(
            import_records.receipt(session, file, key, centre.centre_number, counts, [], actor_id(context), context.now)
        )
    findings.refuse_if_any()
    warnings += findings.warnings
    return receipts


def _csv(
    session: Session,
    context: Context,
    name: str,
    data: bytes,
    compared: _Changes,
    warnings: list[Fault],
    seen: Callable[[int], None],
) -> list[ImportReceipt]:
    seen(1)
    series, centre_number, component_code = _named_in(session, name, data)
    permit(context, Action.MARKS_IMPORT, centre_number)
    sequences.take_turn(session, series.key, centre_number, KIND, actor=actor_id(context), now=context.now)
    file = FileFacts(KIND, name, hashlib.sha256(data).hexdigest(), len(data))
    known = import_records.known_file(session, file, series.key, centre_number)
    if known is not None:
        return [known]
    places = mark_files.places_of(session, series.key, centre_number)
    case = places.cases.get(component_code) or CasePlace("", component_code, 0, True, {})
    surnames: dict[str, str] = {
        row[0]: row[1]
        for row in session.execute(
            select(Candidate.candidate_number, Candidate.surname).where(
                Candidate.series_key == series.key, Candidate.centre_number == centre_number
            )
        )
    }
    carried = places.carried.get(component_code, frozenset())
    read = marks_csv.read_marks_csv(
        name,
        data,
        series=series,
        centre_number=centre_number,
        component_code=component_code,
        maximum_mark=case.maximum_mark,
        candidates={number: surnames[number] for number in case.entered},
        carried_forward=carried,
        other_routes=places.others - case.entered.keys() - carried,
        entry_options={number: one.option_code for number, one in case.entered.items()},
        submitted=not case.is_editable,
    )
    compared.begin(series.key, centre_number)
    warnings += read.warnings
    rows = _free_to_change(name, read.rows, case)
    counts = mark_files.save_file(session, {case.case_id: rows}, actor=actor_id(context), now=context.now)
    counts |= {"control_total": read.control_total, "missing": len(read.missing)}
    texts = [str(warning) for warning in read.warnings]
    return [
        import_records.receipt(session, file, series.key, centre_number, counts, texts, actor_id(context), context.now)
    ]


def _free_to_change(name: str, rows: Sequence[marks_csv.MarkRow], case: CasePlace) -> list[MarkToSave]:
    """Return what is to be saved; what was keyed on screen with a reason is left alone, or refuses the file."""
    findings = csv_text.Findings(name)
    found = []
    for row in rows:
        entered = case.entered[row.candidate_number]
        if entered.status not in ON_SCREEN:
            found.append(MarkToSave(entered.candidate_id, row.mark, row.status, row.teaching_set))
        elif row.mark is None or row.mark != entered.mark:
            findings.error(
                "kept-on-screen",
                None,
                row.candidate_number,
                "Something was keyed on screen for the candidate that no file can say.",
                "Change it on screen, or leave the candidate out of the file.",
            )
    findings.refuse_if_any()
    return found


def _named_in(session: Session, name: str, data: bytes) -> tuple[Series, str, str]:
    """Return series, centre and component of a marks CSV, as its first row says; the reader holds all rows to them."""
    findings = csv_text.Findings(name)
    table = csv_text.read_table(data, findings, columns=marks_csv.COLUMNS, optional=marks_csv.OPTIONAL_COLUMNS)
    if not table.rows:
        findings.error("no-rows", None, "", "The file has no marks.", "Fill it in, and send it again.")
    findings.refuse_if_any()
    first = table.rows[0]
    named = first["series"].strip()
    known = [key for key in session.scalars(select(SeriesRow.key)) if named in {key, key.partition("-")[2]}]
    if len(known) != 1:
        message = "The series is none that is known here, or is one of several bodies."
        findings.error("wrong-series", first.line, "series", message, "Enter its key, such as 01-6A26.")
    centre = csv_text.padded(first, "centre", 5, findings)
    findings.refuse_if_any()
    return Series.from_key(known[0]), centre or "", first["component"].strip()
