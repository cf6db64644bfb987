"""Acts on entry and amendment files: each in its turn, in the order of their numbers; what came too early waits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import Series, SubmissionMode
from moderation.errors import DuplicateSequence, EntriesMade, ImportRefused, ModerationError, OlderSequence
from moderation.exchange.basedata import DisallowedPair, Option, SeriesBasedata
from moderation.exchange.entry_checks import check_findings
from moderation.exchange.entry_files import EntryFile, read_entries
from moderation.exchange.faults import Fault, FileRefused, Severity
from moderation.records import changes, sequences
from moderation.records import entries as records
from moderation.records.entries import CandidateEntries
from moderation.records.imports import REFERENCE, FileFacts, ImportReceipt, known_file
from moderation.records.sequences import Place, WaitingView
from moderation.tables import Component, EntryOption, OptionComponent, SeriesRow
from moderation.tables import DisallowedPair as DisallowedPairRow
from repository import audit
from repository.access import Action, Scope, scope_of
from repository.acts.imports import File, Imported, Refusals, actor_id, located, permit
from repository.audit import Context


@dataclass(slots=True)
class _Known:
    """What entries are held against, read once for each series."""

    session: Session
    series: dict[Series, tuple[SeriesBasedata, Mapping[str, SubmissionMode]] | None] = field(default_factory=dict)

    def of(self, series: Series) -> tuple[SeriesBasedata, Mapping[str, SubmissionMode]] | None:
        if series not in self.series:
            there = self.session.get(SeriesRow, series.key) is not None
            self.series[series] = _basedata(self.session, series) if there else None
        return self.series[series]


def run(
    session: Session,
    context: Context,
    files: Sequence[File],
    *,
    preview: bool = False,
    accept_gap: bool = False,
    seen: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Import entry and amendment files, all or none; a file whose turn has not come is kept and waits.

    Raises: ``FileRefused`` with every located fault of all files; ``EntriesMade``; ``OlderSequence``;
    ``DuplicateSequence``; ``NotFound`` for another centre's file.
    """
    refused = Refusals()
    read: list[tuple[EntryFile, bytes]] = []
    for name, data in files:
        with refused.collected():
            one = read_entries(name, data)
            permit(context, Action.ENTRIES_IMPORT, one.centre_number)
            read.append((one, data))
    if accept_gap:
        permit(context, Action.REFERENCE_IMPORT)
    # Entry files come before amendments, and lower numbers before higher ones, whatever order they were chosen in.
    read.sort(key=lambda pair: (pair[0].series, pair[0].centre_number, pair[0].kind != "E", pair[0].sequence))
    known = _Known(session)
    places = sorted({(one.series, one.centre_number) for one, _ in read})
    for series, centre_number in places:
        sequences.take_turn(
            session, series.key, centre_number, sequences.ENTRY_TURN, actor=actor_id(context), now=context.now
        )
    fresh = [(one, data) for one, data in read if _receipt(session, one) is None]
    for one, _ in fresh:
        _check(one, known, refused)
    refused.refuse_if_any()
    before = _snapshot(session, places) if preview else {}
    receipts: list[ImportReceipt] = []
    waiting: list[WaitingView] = []
    warnings = [warning for one, _ in read for warning in one.warnings]
    for one, data in read:
        seen(1)
        earlier = _receipt(session, one)
        if earlier is None and _place(session, one) is Place.WAITS and not accept_gap:
            waiting.append(
                sequences.keep_waiting(
                    session,
                    one.series.key,
                    one.centre_number,
                    _facts(one),
                    data,
                    actor=actor_id(context),
                    now=context.now,
                )
            )
            continue
        receipts.append(earlier or _import(session, context, one))
        receipts += _take_what_waited(session, context, one, known, warnings)
    compared = changes.compare(before, _snapshot(session, places)) if preview else None
    still = {one.waiting_id for series, number in places for one in sequences.waiting(session, series.key, number)}
    return Imported(
        tuple(receipts), tuple(warnings), compared, tuple(one for one in waiting if one.waiting_id in still)
    )


def listed_waiting(session: Session, context: Context) -> Sequence[WaitingView]:
    """Return the files that wait: an exams officer's own centre's, an officer's of all."""
    if context.actor is None:
        return sequences.waiting(session)
    if scope_of(context.actor, Action.ENTRIES_IMPORT) is Scope.ALL:
        return sequences.waiting(session)
    return sequences.waiting(session, None, context.actor.centre_number or "")


def take_waiting(session: Session, context: Context, waiting_id: str) -> Imported:
    """Take in a file that waits although the one before it has not come: an officer's decision, and recorded."""
    view, content = sequences.waiting_content(session, waiting_id)
    permit(context, Action.REFERENCE_IMPORT)
    sequences.let_go(session, waiting_id)
    done = run(session, context, [(view.name, content)], accept_gap=True)
    audit.record(session, context, "import.gap", "import", waiting_id, series=view.series_key, sequence=view.sequence)
    return done


def discard_waiting(session: Session, context: Context, waiting_id: str) -> WaitingView:
    """Forget a file that waits; a right one can be sent in its place."""
    view, _ = sequences.waiting_content(session, waiting_id)
    permit(context, Action.ENTRIES_IMPORT, view.centre_number)
    sequences.let_go(session, waiting_id)
    audit.record(session, context, "import.discard", "import", waiting_id, series=view.series_key)
    return view


def _take_what_waited(
    session: Session, context: Context, after: EntryFile, known: _Known, warnings: list[Fault]
) -> list[ImportReceipt]:
    """Take in the files that waited for this one, as far as the numbers now follow each other."""
    receipts = []
    for view in sequences.waiting(session, after.series.key, after.centre_number):
        _, content = sequences.waiting_content(session, view.waiting_id)
        nested = session.begin_nested()
        try:
            one = read_entries(view.name, content)
            if _place(session, one) is Place.WAITS:
                nested.rollback()
                break
            refused = Refusals()
            _check(one, known, refused)
            refused.refuse_if_any()
            receipts.append(_import(session, context, one))
            sequences.let_go(session, view.waiting_id)
            nested.commit()
        except (FileRefused, ModerationError) as error:
            nested.rollback()
            if isinstance(error, (OlderSequence, DuplicateSequence, EntriesMade)):
                sequences.let_go(session, view.waiting_id)
            message = "The file waited for this one, and cannot be taken in now: it has faults or its number is past."
            warnings.append(
                Fault(
                    "waited-in-vain",
                    view.name,
                    None,
                    None,
                    None,
                    "",
                    message,
                    "Send it again corrected.",
                    Severity.WARNING,
                )
            )
            break
    return receipts


def _check(one: EntryFile, known: _Known, refused: Refusals) -> None:
    basedata = known.of(one.series)
    if basedata is None:
        message = f"The series {one.series.title} ({one.series.key}) is not known here."
        fault = Fault("unknown-series", one.name, 1, 8, 13, "series", message, "Import its basedata first.")
        refused.add([fault], 1)
        return
    found = check_findings(one, basedata[0], confirmed_modes=basedata[1])
    refused.add(found.errors, found.total)


def _facts(one: EntryFile) -> FileFacts:
    return FileFacts(one.kind, one.name, one.sha256, one.size_bytes, one.sequence)


def _receipt(session: Session, one: EntryFile) -> ImportReceipt | None:
    return known_file(session, _facts(one), one.series.key, one.centre_number)


def _place(session: Session, one: EntryFile) -> Place:
    return sequences.place_of(session, one.series.key, one.centre_number, _facts(one))


def _import(session: Session, context: Context, one: EntryFile) -> ImportReceipt:
    candidates = [
        CandidateEntries(
            entry.candidate_number,
            entry.surname,
            entry.forenames,
            entry.uci,
            entry.options,
            entry.sex,
            entry.born_on,
            entry.upn,
            entry.uln,
            entry.status,
            entry.flags,
        )
        for entry in one.entries
    ]
    try:
        return records.import_entries(
            session,
            one.series,
            one.centre_number,
            candidates,
            _facts(one),
            actor=actor_id(context),
            now=context.now,
            warnings=[str(warning) for warning in one.warnings],
        )
    except ImportRefused as error:
        raise located(one.name, error) from error


def _snapshot(session: Session, places: Sequence[tuple[Series, str]]) -> changes.Snapshot:
    session.flush()
    by_series: dict[str, list[str]] = defaultdict(list)
    for series, centre_number in places:
        by_series[series.key].append(centre_number)
    found: dict[tuple[str, str], Mapping[str, str]] = {}
    for key, numbers in by_series.items():
        found |= changes.entries_of(session, key, numbers)
    return found


def _basedata(session: Session, series: Series) -> tuple[SeriesBasedata, Mapping[str, SubmissionMode]]:
    """Return what entries are held against, from the records, and the modes that an officer confirmed, by option."""
    options = session.scalars(select(EntryOption).where(EntryOption.series_key == series.key))
    pairs = session.scalars(select(DisallowedPairRow).where(DisallowedPairRow.series_key == series.key))
    confirmed: dict[str, set[SubmissionMode]] = defaultdict(set)
    rows = session.execute(
        select(OptionComponent.option_code, Component.submission_mode)
        .join(
            Component,
            (Component.series_key == OptionComponent.series_key)
            & (Component.component_code == OptionComponent.component_code),
        )
        .join(
            EntryOption,
            (EntryOption.series_key == OptionComponent.series_key)
            & (EntryOption.option_code == OptionComponent.option_code),
        )
        .where(
            OptionComponent.series_key == series.key,
            Component.mode_source == REFERENCE,
            Component.submission_mode.is_not(None),
            EntryOption.submission_mode.is_distinct_from(SubmissionMode.CARRIED_FORWARD.value),
        )
    )
    for option_code, mode in rows:
        if mode is not None:
            confirmed[option_code].add(SubmissionMode(mode))
    basedata = SeriesBasedata(
        series,
        options=tuple(
            Option(row.option_code, row.syllabus_code, row.title, row.qualification, row.level, exam_item=row.exam_item)
            for row in options
        ),
        disallowed=tuple(DisallowedPair(row.option_code, row.other_code) for row in pairs),
    )
    return basedata, {code: next(iter(modes)) for code, modes in confirmed.items() if len(modes) == 1}
