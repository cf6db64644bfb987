"""What an import changes: the records before it and after it, compared. Nothing is foretold; it is what happened.

A preview does the whole import, compares, and undoes everything: what it shows is what will be.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.tables import (
    Base,
    Candidate,
    Centre,
    CentreMark,
    Component,
    Consortium,
    ConsortiumMember,
    DisallowedPair,
    Entry,
    EntryOption,
    EvidenceSlot,
    ExternalMark,
    GradeBoundary,
    ModerationCase,
    OptionComponent,
    Syllabus,
)

CHANGES_LIMIT = 500
"""So many changes are listed; their total and the counts by kind stand beside them."""
PERSONAL = frozenset({"surname", "forenames", "uci", "upn", "uln", "sex", "born on"})
"""Fields of which a list that may end up in a log says that they change, not what they are."""

Snapshot = Mapping[tuple[str, str], Mapping[str, str]]
"""(kind of thing, its key) → field → text."""


class ChangeKind(StrEnum):
    """What becomes of a thing."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is added or removed, or one field of a thing that changes, before → after."""

    kind: ChangeKind
    thing: str
    key: str
    field: str
    before: str
    after: str

    @property
    def is_personal(self) -> bool:
        """Say whether the texts are personal data."""
        return self.field in PERSONAL


@dataclass(frozen=True, slots=True)
class Changes:
    """The first changes, how many there are, and how many things of each kind (``("added", "candidate")`` → 3)."""

    listed: tuple[Change, ...] = ()
    total: int = 0
    counts: Mapping[tuple[str, str], int] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the changes for programs."""
        return {
            "total": self.total,
            "counts": [
                {"kind": kind, "thing": thing, "count": count} for (kind, thing), count in (self.counts or {}).items()
            ],
            "changes": [
                {
                    "kind": str(one.kind),
                    "thing": one.thing,
                    "key": one.key,
                    "field": one.field,
                    "before": one.before,
                    "after": one.after,
                }
                for one in self.listed
            ],
        }


def compare(before: Snapshot, after: Snapshot) -> Changes:
    """Return what differs between two snapshots, in the order of kinds and keys."""
    changes: list[Change] = []
    counts: Counter[tuple[str, str]] = Counter()
    total = 0
    for thing, key in sorted(before.keys() | after.keys()):
        old, new = before.get((thing, key)), after.get((thing, key))
        if old == new:
            continue
        if old is None or new is None:
            kind = ChangeKind.ADDED if old is None else ChangeKind.REMOVED
            words = _words(new if old is None else old)
            found = [Change(kind, thing, key, "", "" if old is None else words, words if old is None else "")]
        else:
            kind = ChangeKind.CHANGED
            fields = [name for name in {**old, **new} if old.get(name, "") != new.get(name, "")]
            found = [Change(kind, thing, key, name, old.get(name, ""), new.get(name, "")) for name in fields]
        counts[str(kind), thing] += bool(found)
        total += len(found)
        changes += found[: max(0, CHANGES_LIMIT - len(changes))]
    return Changes(tuple(changes), total, {key: count for key, count in counts.items() if count})


def _words(fields: Mapping[str, str] | None) -> str:
    return ", ".join(f"{name} {text}" for name, text in (fields or {}).items() if text and name not in PERSONAL)


# Snapshots


def entries_of(session: Session, series_key: str, centre_numbers: Collection[str]) -> Snapshot:
    """Return the candidates of centres with their entries, and their cases."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    options: dict[str, list[str]] = defaultdict(list)
    at = Candidate.centre_number.in_(centre_numbers)
    rows = session.execute(
        select(Entry.candidate_id, Entry.option_code)
        .join(Candidate, Candidate.id == Entry.candidate_id)
        .where(Candidate.series_key == series_key, at, Entry.withdrawn_at.is_(None))
        .order_by(Entry.option_code)
    )
    for candidate_id, option_code in rows:
        options[candidate_id].append(option_code)
    for row in session.scalars(select(Candidate).where(Candidate.series_key == series_key, at)):
        found["candidate", f"{row.centre_number} {row.candidate_number}"] = {
            "entries": " ".join(options[row.id]),
            "surname": row.surname,
            "forenames": row.forenames,
            "uci": row.uci,
            "upn": row.upn,
            "uln": row.uln,
            "sex": row.sex,
            "born on": _text(row.born_on),
        }
    cases = select(ModerationCase).where(
        ModerationCase.series_key == series_key, ModerationCase.centre_number.in_(centre_numbers)
    )
    for case in session.scalars(cases):
        found["case", f"{case.centre_number} {case.component_code}"] = {"sent by": case.submission_mode.lower()}
    return found


def marks_of(session: Session, series_key: str, centre_numbers: Collection[str]) -> Snapshot:
    """Return the present marks of centres, each in the mark set that its case has now."""
    rows = session.execute(
        select(
            ModerationCase.centre_number,
            ModerationCase.component_code,
            Candidate.candidate_number,
            CentreMark.mark,
            CentreMark.status,
            CentreMark.teaching_set,
        )
        .join(CentreMark, CentreMark.case_id == ModerationCase.id)
        .join(Candidate, Candidate.id == CentreMark.candidate_id)
        .where(
            ModerationCase.series_key == series_key,
            ModerationCase.centre_number.in_(centre_numbers),
            CentreMark.mark_set_version == ModerationCase.mark_set_version,
        )
    )
    return {
        ("mark", f"{centre_number} {component_code} {candidate_number}"): {
            "mark": _text(mark),
            "status": status.lower(),
            "teaching set": teaching_set,
        }
        for centre_number, component_code, candidate_number, mark, status, teaching_set in rows
    }


def basedata_of(session: Session, series_key: str) -> Snapshot:
    """Return what basedata and reference data say of a series."""
    tables: Sequence[tuple[str, type[Base], Sequence[str]]] = (
        ("syllabus", Syllabus, ("syllabus_code",)),
        ("option", EntryOption, ("option_code",)),
        ("component", Component, ("component_code",)),
        ("link", OptionComponent, ("option_code", "component_code")),
        ("pair", DisallowedPair, ("option_code", "other_code")),
    )
    found: dict[tuple[str, str], dict[str, str]] = {}
    for thing, table, keys in tables:
        found |= _of_table(session, series_key, thing, table, keys)
    return found


def boundaries_of(session: Session, series_key: str) -> Snapshot:
    """Return the grade boundaries of a series."""
    return _of_table(session, series_key, "boundary", GradeBoundary, ("option_code", "grade"))


def slots_of(session: Session, series_key: str) -> Snapshot:
    """Return the evidence slots of a series' components."""
    return _of_table(session, series_key, "slot", EvidenceSlot, ("component_code", "slot"))


def consortia_of(session: Session, series_key: str) -> Snapshot:
    """Return the consortia of a series with their members."""
    members: dict[str, list[str]] = defaultdict(list)
    query = select(ConsortiumMember).where(ConsortiumMember.series_key == series_key)
    for row in session.scalars(query.order_by(ConsortiumMember.centre_number)):
        members[row.consortium_id].append(row.centre_number)
    return {
        ("consortium", f"{row.component_code} {row.lead_centre_number}"): {"members": " ".join(members[row.id])}
        for row in session.scalars(select(Consortium).where(Consortium.series_key == series_key))
    }


def centres_of(session: Session, _series_key: str) -> Snapshot:
    """Return names and nations of all centres."""
    return {
        ("centre", row.centre_number): {"name": row.name, "nation": row.nation.lower().replace("_", " ")}
        for row in session.scalars(select(Centre))
    }


def external_marks_of(session: Session, series_key: str) -> Snapshot:
    """Return the marks that moderation does not make."""
    rows = session.execute(
        select(
            ExternalMark.component_code,
            Candidate.centre_number,
            Candidate.candidate_number,
            ExternalMark.mark,
            ExternalMark.status,
        )
        .join(Candidate, Candidate.id == ExternalMark.candidate_id)
        .where(ExternalMark.series_key == series_key)
    )
    return {
        ("mark", f"{centre} {component} {number}"): {"mark": _text(mark), "status": status.lower()}
        for component, centre, number, mark, status in rows
    }


OF_REFERENCE: Mapping[str, Callable[[Session, str], Snapshot]] = {
    "BASEDATA": basedata_of,
    "COMPONENTS": basedata_of,
    "BOUNDARIES": boundaries_of,
    "EXTERNAL_MARKS": external_marks_of,
    "CONSORTIA": consortia_of,
    "CENTRES": centres_of,
    "SLOTS": slots_of,
}


def _of_table(
    session: Session, series_key: str, thing: str, table: type[Base], keys: Sequence[str]
) -> dict[tuple[str, str], dict[str, str]]:
    columns = [column for column in table.__table__.columns if column.name not in {"series_key", *keys}]
    picked = [table.__table__.c[name] for name in keys]
    query = select(*picked, *columns).where(table.__table__.c["series_key"] == series_key)
    names = [column.name.replace("_", " ") for column in columns]
    return {
        (thing, " ".join(row[: len(keys)])): {
            name: _text(value) for name, value in zip(names, row[len(keys) :], strict=True)
        }
        for row in session.execute(query)
    }


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else str(value)
