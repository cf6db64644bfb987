"""All that the arithmetic of sittings rests on, read for many sittings at once: a handful of statements, rows and no objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session, aliased

from scripts.cases import CaseState, Reason
from scripts.places import Disposition, QueueReason
from scripts.reconciliation import Explanation, PacketFacts, PageCounts, RegisterMark, RegisterState, SittingFacts
from scripts.tables import DeclaredMissing, Packet, RegisterLine, ScanBundle, ScanPage, Script, ScriptCase, Sitting
from scripts.tracking import PacketState, ScriptState

SEEN = frozenset(
    {
        ScriptState.INDEXED,
        ScriptState.QUALITY_CHECKED,
        ScriptState.RELEASED,
        ScriptState.MARKED,
        ScriptState.RETURNED,
        ScriptState.ARCHIVED,
        ScriptState.DESTROYED,
    }
)
BY_HAND = frozenset({"manual_handling", "contaminated", "foreign_stationery", "image_rejected"})
"""Kinds of cases that set one script aside: it is here, and is handled by hand (``candidate:1001`` is the subject)."""
NOT_COUNTED = ("staged", "reading", "split", "unplaced", "failed", "discarded")
"""States of scan bundles of which no page counts."""
AT_ONCE = 500
"""So many sittings are read together."""
T = TypeVar("T")
_REGISTER = {str(state): state for state in RegisterState}
_EXPLAINED: Mapping[str, Explanation | None] = {"": None, **{str(one): one for one in Explanation}}
_PACKET = {str(state): state for state in PacketState}
_SEEN = tuple(sorted(str(state) for state in SEEN))


def portions(values: Sequence[T], size: int = AT_ONCE) -> Iterator[Sequence[T]]:
    """Yield values so many at a time."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def facts_of(session: Session, sitting_ids: Sequence[str]) -> dict[str, SittingFacts]:
    """Return what the arithmetic of each sitting rests on.

    Takes: at most ``AT_ONCE`` sittings; more are read in portions by the caller.
    """
    ids = list(sitting_ids)
    late: dict[str, set[str]] = defaultdict(set)
    marks: dict[str, list[RegisterMark]] = defaultdict(list)
    line = RegisterLine
    for sitting_id, number, state, added, explained, is_late in session.execute(
        select(line.sitting_id, line.candidate_number, line.state, line.added, line.explained, line.late).where(
            line.sitting_id.in_(ids)
        )
    ):
        marks[sitting_id].append(RegisterMark(number, _REGISTER[state], added, _EXPLAINED[explained], is_late))
        if is_late:
            late[sitting_id].add(number)
    packet_of = _found_late(session, late)
    bags: dict[str, list[PacketFacts]] = defaultdict(list)
    packet = Packet
    for sitting_id, packet_id, place, how_far, logged, opened, planned in session.execute(
        select(
            packet.sitting_id,
            packet.id,
            packet.number,
            packet.state,
            packet.logged_count,
            packet.opened_count,
            packet.candidate_numbers,
        ).where(packet.sitting_id.in_(ids))
    ):
        numbers = frozenset(planned) | frozenset(packet_of.get(packet_id, ()))
        bags[sitting_id].append(PacketFacts(place, numbers, _PACKET[how_far], logged, opened))
    indexed = _sets(
        session,
        select(Script.sitting_id, Script.candidate_number).where(Script.sitting_id.in_(ids), Script.state.in_(_SEEN)),
    )
    colliding = _sets(
        session,
        select(ScanBundle.sitting_id, ScanPage.candidate_number)
        .join(ScanBundle, ScanBundle.id == ScanPage.bundle_id)
        .where(
            ScanBundle.sitting_id.in_(ids),
            ScanPage.disposition == str(Disposition.QUEUED),
            ScanPage.reason == str(QueueReason.DUPLICATE_CANDIDATE),
            ScanPage.candidate_number.is_not(None),
        ),
    )
    declared = _sets(
        session,
        select(Script.sitting_id, Script.candidate_number)
        .join(DeclaredMissing, DeclaredMissing.script_id == Script.id)
        .where(Script.sitting_id.in_(ids), DeclaredMissing.stands()),
    )
    manual, miscounts = _of_cases(session, ids)
    elsewhere, seen_elsewhere = _elsewhere(session, ids)
    pages = page_counts_of(session, ids)
    nobody: frozenset[str] = frozenset()
    return {
        one: SittingFacts(
            tuple(marks.get(one, ())),
            tuple(bags.get(one, ())),
            scanned=indexed.get(one, nobody) | colliding.get(one, nobody),
            indexed=indexed.get(one, nobody),
            pages=pages.get(one, PageCounts()),
            declared=declared.get(one, nobody),
            manual=manual.get(one, nobody),
            elsewhere=elsewhere.get(one, nobody),
            seen_elsewhere=seen_elsewhere.get(one, nobody),
            miscounts=miscounts.get(one, nobody),
        )
        for one in ids
    }


def page_counts_of(session: Session, sitting_ids: Sequence[str]) -> dict[str, PageCounts]:
    """Count the pages of the bundles of each sitting by where they ended."""
    counted = ScanBundle.sitting_id.in_(sitting_ids), ScanBundle.state.not_in(NOT_COUNTED)
    sheets = func.coalesce(ScanBundle.sheets_checked, ScanBundle.sheets)
    sides = case((ScanBundle.duplex == "none", sheets), else_=2 * sheets)
    received = session.execute(
        select(
            ScanBundle.sitting_id,
            func.count(),
            func.sum(ScanBundle.pages),
            func.count(sheets),
            func.sum(sheets),
            func.sum(sides),
        )
        .where(*counted)
        .group_by(ScanBundle.sitting_id)
    ).all()
    if not received:
        return {}
    ends: dict[str | None, dict[str, int]] = defaultdict(dict)
    for sitting_id, disposition, total in session.execute(
        select(ScanBundle.sitting_id, ScanPage.disposition, func.count())
        .join(ScanPage, ScanPage.bundle_id == ScanBundle.id)
        .where(*counted)
        .group_by(ScanBundle.sitting_id, ScanPage.disposition)
    ):
        ends[sitting_id][disposition] = total
    return {
        str(sitting_id): PageCounts(
            pages_in=int(pages or 0),
            indexed=ends[sitting_id].get(str(Disposition.INDEXED), 0),
            blank_confirmed=ends[sitting_id].get(str(Disposition.BLANK_CONFIRMED), 0),
            discarded=ends[sitting_id].get(str(Disposition.DISCARDED), 0),
            queued=ends[sitting_id].get(str(Disposition.QUEUED), 0),
            sheets=int(fed) if with_sheets == bundles and fed is not None else None,
            sides=int(scanned) if with_sheets == bundles and scanned is not None else None,
        )
        for sitting_id, bundles, pages, with_sheets, fed, scanned in received
    }


def _sets(session: Session, query: Any) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for key, value in session.execute(query):
        found[key].add(value)
    return {key: frozenset(values) for key, values in found.items()}


def _found_late(session: Session, late: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    """Return, by packet, candidates whose script was found in it though it was not planned there."""
    found: dict[str, set[str]] = defaultdict(set)
    if late:
        for sitting_id, number, packet_id in session.execute(
            select(Script.sitting_id, Script.candidate_number, Script.packet_id).where(
                Script.sitting_id.in_(list(late))
            )
        ):
            if packet_id is not None and number in late[sitting_id]:
                found[packet_id].add(number)
    return found


def _of_cases(session: Session, ids: Sequence[str]) -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    """Return who is handled by hand, and which counts were found wrong."""
    manual: dict[str, set[str]] = defaultdict(set)
    miscounts: dict[str, set[str]] = defaultdict(set)
    case = ScriptCase
    by_hand = and_(case.kind.in_(sorted(BY_HAND)), case.reason.in_(("", str(Reason.OTHER))))
    wrong = and_(case.state == str(CaseState.CLOSED), case.reason == str(Reason.COUNTING_ERROR))
    for sitting_id, kind, subject in session.execute(
        select(case.sitting_id, case.kind, case.subject).where(case.sitting_id.in_(ids), by_hand | wrong)
    ):
        if kind not in BY_HAND:
            miscounts[sitting_id].add(subject)
        elif subject.startswith("candidate:"):
            manual[sitting_id].add(subject.removeprefix("candidate:"))
    return (
        {key: frozenset(values) for key, values in manual.items()},
        {key: frozenset(values) for key, values in miscounts.items()},
    )


def _elsewhere(session: Session, ids: Sequence[str]) -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    """Return who is marked present on another register of the same component too, and whose script was seen there."""
    other = aliased(Sitting)
    pairs = session.execute(
        select(Sitting.id, other.id)
        .join(
            other,
            and_(
                other.centre_number == Sitting.centre_number,
                other.component_code == Sitting.component_code,
                other.series_key == Sitting.series_key,
                other.purpose == Sitting.purpose,
                other.id != Sitting.id,
            ),
        )
        .where(Sitting.id.in_(ids))
    ).all()
    if not pairs:
        return {}, {}
    others: dict[str, set[str]] = defaultdict(set)
    seen: dict[str, set[str]] = defaultdict(set)
    ours = aliased(RegisterLine)
    for mine, beside in pairs:
        rows = session.execute(
            select(RegisterLine.candidate_number, Script.state)
            .join(Script, and_(Script.sitting_id == beside, Script.candidate_number == RegisterLine.candidate_number))
            .where(
                RegisterLine.sitting_id == beside,
                RegisterLine.state == str(RegisterState.PRESENT),
                RegisterLine.explained != str(Explanation.REGISTER_ERROR),
                # Not a join: what narrows a person's rows reaches a table joined to itself by its own name only.
                RegisterLine.candidate_number.in_(
                    select(ours.candidate_number).where(
                        ours.sitting_id == mine, ours.state == str(RegisterState.PRESENT)
                    )
                ),
            )
        )
        for number, state in rows:
            others[mine].add(number)
            if state in _SEEN:
                seen[mine].add(number)
    return (
        {key: frozenset(values) for key, values in others.items()},
        {key: frozenset(values) for key, values in seen.items()},
    )
