"""Entries of a whole series at once: those of many centres, each as its own file states them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.entries import Series, SubmissionMode
from moderation.errors import ImportRefused
from moderation.records.bulk import count_anew, insert_rows, many_rows, ordered_ids
from moderation.records.entries import (
    MODERATED_MODES,
    CandidateEntries,
    EntryRules,
    entry_rules,
    import_entries,
    open_cases,
)
from moderation.records.imports import FileFacts
from moderation.records.whole_series import Seen, StepReport, need_series, unseen
from moderation.tables import (
    Candidate,
    CaseTransition,
    Centre,
    Component,
    Entry,
    EntryOption,
    ImportFile,
    ModerationCase,
    OptionComponent,
)

CENTRES_AT_ONCE = 200
"""So many centres are held in memory together."""
OPENED_AT_ONCE = 3000
"""So many centres' cases are opened by one statement, which reads all entries of the series."""


@dataclass(frozen=True, slots=True)
class CentreEntries:
    """What an entry file of a centre states."""

    centre_number: str
    candidates: Sequence[CandidateEntries]
    file: FileFacts
    warnings: tuple[str, ...] = ()


def enter_series(
    session: Session,
    series: Series,
    centres: Iterable[CentreEntries],
    *,
    actor: str,
    now: datetime,
    seen: Seen = unseen,
) -> StepReport:
    """Load the entry files of many centres and open the cases that follow; each centre has its own receipt.

    A centre that sent entries before goes the ordinary way, where amendments are compared with what is there.
    Takes: ``seen``, told how many centres are done.
    Raises: ``UnknownSeries``; ``ImportRefused`` with ``faults`` (centre and candidate number, code, sentence), and
    nothing is stored; what ``import_entries`` raises.
    """
    key = series.key
    need_series(session, key)
    report = StepReport("entries")
    options = _options(session, key)
    rules = entry_rules(session, key)
    coming = iter(centres)
    sent: list[_Sent] = []
    again: list[CentreEntries] = []
    with many_rows(session):
        count_anew(session, EntryOption, OptionComponent, Component)
        while lot := list(islice(coming, CENTRES_AT_ONCE)):
            fresh, known = _sorted_out(session, key, lot)
            _need_allowed(rules, options, fresh)
            _store(session, key, fresh, report)
            sent += [_sent(one, options) for one in fresh]
            again += known
            report.add("centres", len(fresh))
            session.expunge_all()
            seen(len(lot))
        count_anew(session, Candidate, Entry)  # what would be planned for empty tables is slow
        _open(session, key, sent, actor, now, report)
        for one in again:
            import_entries(
                session,
                series,
                one.centre_number,
                one.candidates,
                one.file,
                actor=actor,
                now=now,
                warnings=one.warnings,
            )
            report.add("centres amended", 1)
        count_anew(session, ModerationCase, CaseTransition, ImportFile)
    return report


@dataclass(frozen=True, slots=True)
class _Option:
    """What of an option matters for the modes of a centre."""

    place: tuple[str, str, str] | None
    modes: frozenset[str]
    unknown: frozenset[str]


def _options(session: Session, key: str) -> dict[str, _Option]:
    rows = session.execute(
        select(EntryOption, Component)
        .join(
            OptionComponent,
            (OptionComponent.series_key == EntryOption.series_key)
            & (OptionComponent.option_code == EntryOption.option_code),
        )
        .join(
            Component,
            (Component.series_key == OptionComponent.series_key)
            & (Component.component_code == OptionComponent.component_code),
        )
        .where(EntryOption.series_key == key, Component.teacher_marks.is_(True))
    )
    parts: dict[str, list[tuple[EntryOption, Component]]] = defaultdict(list)
    for option, component in rows:
        parts[option.option_code].append((option, component))
    return {code: _option(pairs) for code, pairs in parts.items()}


def _option(pairs: Sequence[tuple[EntryOption, Component]]) -> _Option:
    option = pairs[0][0]
    exclusive = {SubmissionMode.UPLOAD.value, SubmissionMode.POSTAL.value}
    modes = frozenset(part.submission_mode for _, part in pairs if part.submission_mode in exclusive)
    place = None if option.exam_item == "U" else (option.syllabus_code, option.qualification, option.level)
    carried = option.submission_mode == SubmissionMode.CARRIED_FORWARD
    nowhere = (part.component_code for _, part in pairs if not (part.submission_mode or option.submission_mode))
    return _Option(place, frozenset(str(mode) for mode in modes), frozenset() if carried else frozenset(nowhere))


def _sorted_out(
    session: Session, key: str, lot: Sequence[CentreEntries]
) -> tuple[list[CentreEntries], list[CentreEntries]]:
    """Return the centres that are here for the first time, and those that are known already."""
    numbers = [one.centre_number for one in lot]
    there = set(
        session.scalars(
            select(Candidate.centre_number)
            .where(Candidate.series_key == key, Candidate.centre_number.in_(numbers))
            .distinct()
        )
    ) | set(
        session.scalars(
            select(ImportFile.centre_number).where(ImportFile.series_key == key, ImportFile.centre_number.in_(numbers))
        )
    )
    again = {number for number, times in Counter(numbers).items() if times > 1}
    ordinary = there | again
    return (
        [one for one in lot if one.centre_number not in ordinary],
        [one for one in lot if one.centre_number in ordinary],
    )


def _need_allowed(rules: EntryRules, options: Mapping[str, _Option], lot: Sequence[CentreEntries]) -> None:
    faults: list[tuple[str, str, str]] = []
    for one in lot:
        found = rules.faults_of(one.candidates)
        faults += [(f"{one.centre_number} {number}", code, sentence) for number, code, sentence in found]
        modes: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        for code in {code for row in one.candidates for code in row.option_codes}:
            option = options.get(code)
            if option is not None and option.place is not None:
                modes[option.place].update(option.modes)
        faults += [
            (one.centre_number, "mixed-submission-mode", f"{place[0]} is entered for upload and for post.")
            for place, used in sorted(modes.items())
            if len(used) > 1
        ]
    if faults:
        raise ImportRefused(f"{len(faults)} faults in the entries. Nothing was imported.", faults=faults)


def _store(
    session: Session,
    key: str,
    lot: Sequence[CentreEntries],
    report: StepReport,
) -> None:
    if not lot:
        return
    numbers = [one.centre_number for one in lot]
    there = set(session.scalars(select(Centre.centre_number).where(Centre.centre_number.in_(numbers))))
    missing = [(number, "", "ENGLAND") for number in numbers if number not in there]
    insert_rows(session, Centre, ("centre_number", "name", "nation"), missing)
    ids = ordered_ids()
    rows = [(next(ids), one.centre_number, row) for one in lot for row in one.candidates]
    report.add(
        "candidates",
        insert_rows(
            session,
            Candidate,
            ("id", "centre_number", *_CANDIDATE),
            ((i, number, *_facts(row)) for i, number, row in rows),
            {"series_key": key},
        ),
    )
    report.add(
        "entries",
        insert_rows(
            session,
            Entry,
            ("candidate_id", "option_code", "flag"),
            ((i, code, flag) for i, _, row in rows for code, flag in _flagged(row)),
            {"series_key": key},
        ),
    )


_CANDIDATE = tuple(field.name for field in fields(CandidateEntries) if field.name not in {"option_codes", "flags"})
_facts = attrgetter(*_CANDIDATE)


def _flagged(row: CandidateEntries) -> Iterable[tuple[str, str]]:
    """Return the options of a candidate, each once, with the character behind it."""
    flags = dict(zip(row.option_codes, row.flags, strict=False))
    return [(code, flags.get(code, "")) for code in dict.fromkeys(row.option_codes)]


class _Sent(NamedTuple):
    """What a centre sent, as its receipt will say it."""

    centre_number: str
    file: FileFacts
    counts: dict[str, int]
    notes: list[str]


def _sent(one: CentreEntries, options: Mapping[str, _Option]) -> _Sent:
    codes = [dict.fromkeys(row.option_codes) for row in one.candidates]
    used = {code for row in codes for code in row}
    unknown = sorted({part for code in used if code in options for part in options[code].unknown})
    counts = {
        "candidates": len(one.candidates),
        "new_entries": sum(map(len, codes)),
        "withdrawn_entries": 0,
    }
    notes = [*one.warnings, *(f"mode-unknown: component {part} has no submission mode yet" for part in unknown)]
    return _Sent(one.centre_number, one.file, counts, notes)


def _open(session: Session, key: str, sent: Sequence[_Sent], actor: str, now: datetime, report: StepReport) -> None:
    """Open the cases of centres that are here for the first time, and give each its receipt."""
    for start in range(0, len(sent), OPENED_AT_ONCE):
        lot = sent[start : start + OPENED_AT_ONCE]
        numbers = [one.centre_number for one in lot]
        report.add("cases", open_cases(session, key, numbers, actor=actor, now=now)[0])
        rows = session.execute(
            select(ModerationCase.centre_number, func.count())
            .where(
                ModerationCase.series_key == key,
                ModerationCase.centre_number.in_(numbers),
                ModerationCase.submission_mode.in_(MODERATED_MODES),
            )
            .group_by(ModerationCase.centre_number)
        )
        opened = dict(rows.all())
        insert_rows(
            session,
            ImportFile,
            ("id", "centre_number", "counts", "warnings", *_FACTS),
            _receipts(lot, opened),
            {"series_key": key, "imported_at": now, "imported_by": actor},
        )


def _receipts(lot: Sequence[_Sent], opened: Mapping[str, int]) -> Iterator[tuple[Any, ...]]:
    for one, identifier in zip(lot, ordered_ids(), strict=False):
        counts = {**one.counts, "cases_opened": opened.get(one.centre_number, 0)}
        facts = asdict(one.file)
        yield (identifier, one.centre_number, counts, one.notes, *(facts[name] for name in _FACTS))


_FACTS = ("kind", "name", "sha256", "size_bytes", "sequence")
