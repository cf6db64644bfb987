"""Entry and amendment files: candidates, their entries, and the moderation cases that follow from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from moderation.entries import Series, SubmissionMode
from moderation.errors import ImportRefused, UnknownSeries
from moderation.records.bulk import insert_rows, ordered_ids
from moderation.records.imports import FileFacts, ImportReceipt, known_file, need_newer, receipt
from moderation.submission import CaseState
from moderation.tables import (
    Candidate,
    CaseTransition,
    Centre,
    Component,
    ConsortiumMember,
    DisallowedPair,
    Entry,
    EntryOption,
    ModerationCase,
    OptionComponent,
    SeriesRow,
    new_id,
)

MODERATED_MODES = frozenset({SubmissionMode.UPLOAD, SubmissionMode.POSTAL, SubmissionMode.VISIT})


@dataclass(frozen=True, slots=True)
class CandidateEntries:
    """All present entries of one candidate, as an entry or amendment file states them."""

    candidate_number: str
    surname: str
    forenames: str
    uci: str
    option_codes: tuple[str, ...]
    sex: str = ""
    born_on: date | None = None
    upn: str = ""
    uln: str = ""
    status: str = "C"
    flags: tuple[str, ...] = ()
    """The characters behind the options, one for each, or none: they are kept and not read."""


def import_entries(
    session: Session,
    series: Series,
    centre_number: str,
    candidates: Sequence[CandidateEntries],
    file: FileFacts,
    *,
    actor: str,
    now: datetime,
    warnings: Sequence[str] = (),
) -> ImportReceipt:
    """Load an entry or amendment file of a centre, and open the moderation cases that follow from it.

    Each candidate in the file has exactly the entries stated: others are withdrawn. Candidates not in it stay.
    Raises: ``UnknownSeries``; ``OlderSequence``; ``ImportRefused`` with ``faults`` (candidate number, code, sentence):
    unknown option, disallowed combination, mixed submission modes.
    """
    key = series.key
    known = known_file(session, file, key, centre_number)
    if known is not None:
        return known
    if session.get(SeriesRow, key) is None:
        raise UnknownSeries(f"There is no basedata for series {key}.", series_key=key)
    need_newer(session, file, key, centre_number)
    _need_allowed(session, key, candidates)
    if session.get(Centre, centre_number) is None:
        session.add(Centre(centre_number=centre_number, name="", nation="ENGLAND"))
        session.flush()
    counts = _store_entries(session, key, centre_number, candidates, now)
    _need_one_mode(session, key, centre_number)
    opened, unknown = open_cases(session, key, [centre_number], actor=actor, now=now)
    counts["cases_opened"] = opened
    notes = [*warnings, *(f"mode-unknown: component {code} has no submission mode yet" for code in unknown)]
    return receipt(session, file, key, centre_number, counts, notes, actor, now)


def open_cases(
    session: Session, series_key: str, centre_numbers: Collection[str], *, actor: str, now: datetime
) -> tuple[int, list[str]]:
    """Open a case for each moderated component × centre with entries that has none yet.

    Returns: how many were opened, and the components that cannot be because their mode is unknown.
    Raises: ``ImportRefused`` when options give one component two modes at a centre.
    """
    rows = session.execute(
        select(
            Candidate.centre_number, Component.component_code, Component.submission_mode, EntryOption.submission_mode
        )
        .join(Entry, Entry.candidate_id == Candidate.id)
        .join(
            EntryOption, (EntryOption.series_key == Entry.series_key) & (EntryOption.option_code == Entry.option_code)
        )
        .join(
            OptionComponent,
            (OptionComponent.series_key == Entry.series_key) & (OptionComponent.option_code == Entry.option_code),
        )
        .join(
            Component,
            (Component.series_key == OptionComponent.series_key)
            & (Component.component_code == OptionComponent.component_code),
        )
        .where(
            Candidate.series_key == series_key,
            Candidate.centre_number.in_(centre_numbers),
            Component.teacher_marks.is_(True),
            Entry.withdrawn_at.is_(None),
        )
        .distinct()
    )
    modes: dict[tuple[str, str], set[str]] = defaultdict(set)
    unknown: set[str] = set()
    for centre_number, code, of_component, of_option in rows:
        if of_option == SubmissionMode.CARRIED_FORWARD:
            continue
        mode = of_component or of_option
        if mode is None:
            unknown.add(code)
        elif mode in MODERATED_MODES:
            modes[centre_number, code].add(mode)
    mixed = sorted(place for place, found in modes.items() if len(found) > 1)
    if mixed:
        raise ImportRefused("One component has two submission modes at a centre.", mixed_submission_mode=mixed)
    return _open(session, series_key, centre_numbers, modes, actor, now), sorted(unknown)


def _open(
    session: Session,
    series_key: str,
    centre_numbers: Collection[str],
    modes: Mapping[tuple[str, str], Collection[str]],
    actor: str,
    now: datetime,
) -> int:
    existing = {
        (centre_number, code)
        for centre_number, code in session.execute(
            select(ModerationCase.centre_number, ModerationCase.component_code).where(
                ModerationCase.series_key == series_key, ModerationCase.centre_number.in_(centre_numbers)
            )
        )
    }
    consortia = {
        (row.centre_number, row.component_code): row.consortium_id
        for row in session.scalars(select(ConsortiumMember).where(ConsortiumMember.series_key == series_key))
    }
    ids = ordered_ids()
    cases = [
        (next(ids), code, centre_number, consortia.get((centre_number, code)), next(iter(found)))
        for (centre_number, code), found in sorted(modes.items())
        if (centre_number, code) not in existing
    ]
    opened = {"state": CaseState.MARKS_OPEN.value, "version": 1, "mark_set_version": 1, "opened_at": now}
    insert_rows(session, ModerationCase, _CASE, cases, {"series_key": series_key, **opened})
    first_step = {
        "number": 1,
        "from_state": "",
        "to_state": CaseState.MARKS_OPEN.value,
        "event": "OPEN",
        "actor": actor,
        "occurred_at": now,
        "reason": "Entries arrived",
    }
    insert_rows(session, CaseTransition, ("id", "case_id"), [(next(ids), case[0]) for case in cases], first_step)
    return len(cases)


_CASE = ("id", "component_code", "centre_number", "consortium_id", "submission_mode")


def _store_entries(
    session: Session, key: str, centre_number: str, candidates: Sequence[CandidateEntries], now: datetime
) -> dict[str, int]:
    query = select(Candidate).where(Candidate.series_key == key, Candidate.centre_number == centre_number)
    there = {row.candidate_number: row for row in session.scalars(query)}
    entries: dict[str, dict[str, Entry]] = defaultdict(dict)
    joined = select(Entry).join(Candidate).where(Entry.series_key == key, Candidate.centre_number == centre_number)
    for entry in session.scalars(joined):
        entries[entry.candidate_id][entry.option_code] = entry
    new_candidates: list[dict[str, Any]] = []
    new_entries: list[dict[str, Any]] = []
    withdrawn = 0
    for row in candidates:
        facts = {name: value for name, value in asdict(row).items() if name not in {"option_codes", "flags"}}
        flags = dict(zip(row.option_codes, row.flags, strict=False))
        before = there.get(row.candidate_number)
        if before is None:
            candidate_id = new_id()
            new_candidates.append({"id": candidate_id, "series_key": key, "centre_number": centre_number, **facts})
        else:
            candidate_id = before.id
            for name, value in facts.items():
                setattr(before, name, value)
        for code, entry in entries[candidate_id].items():
            if code not in row.option_codes and entry.withdrawn_at is None:
                entry.withdrawn_at = now
                withdrawn += 1
            elif code in row.option_codes:
                entry.withdrawn_at = None
                entry.flag = flags.get(code, "")
        new_entries += [
            {
                "candidate_id": candidate_id,
                "option_code": code,
                "series_key": key,
                "withdrawn_at": None,
                "flag": flags.get(code, ""),
            }
            for code in dict.fromkeys(row.option_codes)
            if code not in entries[candidate_id]
        ]
    session.flush()
    if new_candidates:
        session.execute(insert(Candidate), new_candidates)
    if new_entries:
        session.execute(insert(Entry), new_entries)
    return {"candidates": len(candidates), "new_entries": len(new_entries), "withdrawn_entries": withdrawn}


@dataclass(frozen=True, slots=True)
class EntryRules:
    """The options of a series, and which of them exclude each other; ``*`` at the end stands for anything."""

    options: frozenset[str]
    exact: frozenset[frozenset[str]]
    wild: tuple[tuple[str, str], ...]

    def faults_of(self, candidates: Sequence[CandidateEntries]) -> list[tuple[str, str, str]]:
        """Return what is wrong with a centre's entries: (candidate number, code, sentence) each."""
        faults: list[tuple[str, str, str]] = []
        seen: set[str] = set()
        for row in candidates:
            number = row.candidate_number
            if number in seen:
                faults.append((number, "duplicate-candidate", f"Candidate {number} appears twice."))
            seen.add(number)
            faults += [
                (number, "unknown-option", f"Option {code} is not in the basedata of this series.")
                for code in row.option_codes
                if code not in self.options
            ]
            faults += [
                (number, "disallowed-combination", f"Options {first} and {second} exclude each other.")
                for first, second in _combinations(row.option_codes)
                if frozenset((first, second)) in self.exact
                or any(_is_disallowed(pair, first, second) for pair in self.wild)
            ]
        return faults


def entry_rules(session: Session, key: str) -> EntryRules:
    """Return what entries of a series are held against."""
    options = frozenset(session.scalars(select(EntryOption.option_code).where(EntryOption.series_key == key)))
    pairs = [
        (row.option_code, row.other_code)
        for row in session.scalars(select(DisallowedPair).where(DisallowedPair.series_key == key))
    ]
    exact = frozenset(frozenset(pair) for pair in pairs if "*" not in "".join(pair))
    return EntryRules(options, exact, tuple(pair for pair in pairs if "*" in "".join(pair)))


def _need_allowed(session: Session, key: str, candidates: Sequence[CandidateEntries]) -> None:
    faults = entry_rules(session, key).faults_of(candidates)
    if faults:
        raise ImportRefused(f"{len(faults)} faults in the entries. Nothing was imported.", faults=faults)


def _need_one_mode(session: Session, key: str, centre_number: str) -> None:
    """Refuse a centre that is entered for, say, the upload and the postal option of the same specification."""
    rows = session.execute(
        select(EntryOption.syllabus_code, EntryOption.qualification, EntryOption.level, Component.submission_mode)
        .join(Entry, (Entry.series_key == EntryOption.series_key) & (Entry.option_code == EntryOption.option_code))
        .join(Candidate, Candidate.id == Entry.candidate_id)
        .join(
            OptionComponent,
            (OptionComponent.series_key == Entry.series_key) & (OptionComponent.option_code == Entry.option_code),
        )
        .join(
            Component,
            (Component.series_key == OptionComponent.series_key)
            & (Component.component_code == OptionComponent.component_code),
        )
        .where(
            EntryOption.series_key == key,
            Candidate.centre_number == centre_number,
            Entry.withdrawn_at.is_(None),
            # Units of one specification may differ in mode; options for its certification may not.
            EntryOption.exam_item != "U",
            Component.teacher_marks.is_(True),
            Component.submission_mode.in_([mode.value for mode in MODERATED_MODES]),
        )
        .distinct()
    )
    modes: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for syllabus_code, qualification, level, mode in rows:
        modes[syllabus_code, qualification, level].add(str(mode))
    mixed = sorted(place[0] for place, found in modes.items() if len(found) > 1)
    if mixed:
        faults = [("", "mixed_submission_mode", f"{code} is entered for two ways of submission.") for code in mixed]
        raise ImportRefused("One specification is entered in two submission modes.", faults=faults)


def _combinations(codes: Sequence[str]) -> list[tuple[str, str]]:
    return [(first, second) for i, first in enumerate(codes) for second in codes[i + 1 :]]


def _is_disallowed(pair: tuple[str, str], first: str, second: str) -> bool:
    one, other = pair
    return (_matches(one, first) and _matches(other, second)) or (_matches(one, second) and _matches(other, first))


def _matches(pattern: str, code: str) -> bool:
    return code.startswith(pattern[:-1]) if pattern.endswith("*") else code == pattern
