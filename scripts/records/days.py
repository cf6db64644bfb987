"""A national day reconciled: the same arithmetic over very many sittings, rows in and rows out.

One sitting (``closing.reconcile``) and many give the same figures and the same cases, row for row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from scripts.cases import CaseEventKind, CaseState
from scripts.reconciliation import CaseProposal, Reconciliation, SittingFacts, add_up
from scripts.records.cases import case_values, event_values, last_numbers
from scripts.records.facts import AT_ONCE, facts_of, portions
from scripts.records.settling import is_gone, locate
from scripts.tables import Packet, ScriptCase, ScriptCaseEvent, Sitting

EachSitting = Callable[[str, Reconciliation], None]
_CASE: Any = ScriptCase.__table__
_EVENT: Any = ScriptCaseEvent.__table__


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What adding up many sittings did."""

    sittings: int = 0
    closing: int = 0
    present: int = 0
    received: int = 0
    indexed: int = 0
    differences: int = 0
    opened: int = 0
    reopened: int = 0
    answered: int = 0
    located: int = 0

    def __add__(self, other: Reconciled) -> Reconciled:
        """Return both together."""
        return Reconciled(*(getattr(self, name) + getattr(other, name) for name in Reconciled.__slots__))


def sittings_of_day(
    session: Session, *, series_key: str | None = None, held_on: date | None = None, since: date | None = None
) -> list[str]:
    """Return the ids of the sittings of a day, of a series, or held since a day, in a fixed order."""
    query = select(Sitting.id).where(Sitting.purpose == "scripts").order_by(Sitting.id)
    if series_key is not None:
        query = query.where(Sitting.series_key == series_key)
    if held_on is not None:
        query = query.where(Sitting.held_on == held_on)
    if since is not None:
        query = query.where(Sitting.held_on >= since)
    return list(session.scalars(query))


def reconcile_day(
    session: Session,
    held_on: date | None = None,
    *,
    series_key: str | None = None,
    now: datetime,
    each: EachSitting | None = None,
) -> Reconciled:
    """Add up every sitting of a day, or of a series, and open and answer cases as ``reconcile`` does for one.

    Takes: ``each``, told the figures of each sitting. Sittings are read some hundred at a time, so that memory does not
        grow with the day.
    Returns: what was done; doing it again opens nothing twice.
    Source: project policy (domain: scripts, section 9).
    """
    done = Reconciled()
    for some in portions(sittings_of_day(session, series_key=series_key, held_on=held_on)):
        done += reconcile_many(session, some, now=now, each=each)
    return done


def reconcile_many(
    session: Session, sitting_ids: Sequence[str], *, now: datetime, each: EachSitting | None = None
) -> Reconciled:
    """Add up some sittings, at most ``AT_ONCE``; as ``reconcile`` does for one."""
    assert len(sitting_ids) <= AT_ONCE  # noqa: S101 - a mistake in the code, not in what somebody sent
    session.flush()
    located = len(locate(session, sitting_ids, now=now))
    facts = facts_of(session, sitting_ids)
    work = _Work(session, facts, now)
    figures = Reconciled()
    for sitting_id in sitting_ids:
        found = add_up(facts[sitting_id])
        work.take(sitting_id, found)
        figures += Reconciled(
            1, int(found.closes), found.present, found.received, found.indexed, len(found.differences)
        )
        if each is not None:
            each(sitting_id, found)
    return figures + Reconciled(**work.write(), located=located)


@dataclass(slots=True)
class _Standing:
    """A case as it stands."""

    id: str
    sitting_id: str
    kind: str
    subject: str
    state: str
    reason: str
    packet_id: str | None
    details: dict[str, Any]


class _Work:
    """What is to be written for some sittings."""

    def __init__(self, session: Session, facts: dict[str, SittingFacts], now: datetime) -> None:
        self.session, self.facts, self.now = session, facts, now
        self.standing: dict[str, dict[tuple[str, str], _Standing]] = defaultdict(dict)
        columns = [getattr(ScriptCase, name) for name in _Standing.__slots__]
        for row in session.execute(select(*columns).where(ScriptCase.sitting_id.in_(list(facts)))):
            one = _Standing(*row)
            self.standing[one.sitting_id][one.kind, one.subject] = one
        self.wanted: list[tuple[str, CaseProposal]] = []
        self.gone: list[_Standing] = []

    def take(self, sitting_id: str, found: Reconciliation) -> None:
        """Take in what one sitting calls for."""
        keys = {(case.kind, case.subject) for case in found.cases}
        self.wanted += [(sitting_id, case) for case in found.cases]
        self.gone += [
            one
            for key, one in self.standing.get(sitting_id, {}).items()
            if one.state == CaseState.OPEN
            and key not in keys
            and is_gone(self.facts[sitting_id], one.kind, one.subject, one.details or {})
        ]

    def write(self) -> dict[str, int]:
        """Write it; returns how many cases were opened, opened again and answered."""
        packets = self._packets()
        new: list[dict[str, Any]] = []
        changed: list[dict[str, Any]] = []
        again: list[tuple[_Standing, dict[str, Any]]] = []
        for sitting_id, case in self.wanted:
            details = {"candidates": list(case.candidate_numbers), "count": case.count}
            packet_id = packets.get((sitting_id, case.packet_number or 0))
            known = self.standing.get(sitting_id, {}).get((case.kind, case.subject))
            if known is None:
                row = case_values(sitting_id, case.kind, case.subject, now=self.now)
                new.append(row | {"packet_id": packet_id, "details": details})
                continue
            packet_id = known.packet_id if known.state == CaseState.CLOSED else packet_id or known.packet_id
            if known.state != CaseState.OPEN:
                again.append((known, {} if known.state == CaseState.ANSWERED else {"reason": known.reason}))
            if known.state != CaseState.OPEN or (known.details, known.packet_id) != (details, packet_id):
                changed.append({"the_id": known.id, "details": details, "packet_id": packet_id})
        self._write_rows(new, changed, again)
        return {"opened": len(new), "reopened": len(again), "answered": len(self.gone)}

    def _write_rows(
        self, new: list[dict[str, Any]], changed: list[dict[str, Any]], again: list[tuple[_Standing, dict[str, Any]]]
    ) -> None:
        if not (new or changed or again or self.gone):
            return
        events = [event_values(row["id"], 1, CaseEventKind.OPENED, now=self.now) for row in new]
        numbers = last_numbers(self.session, [one.id for one, _ in again] + [one.id for one in self.gone])
        for one, details in again:
            number = numbers.get(one.id, 0) + 1
            events.append(event_values(one.id, number, CaseEventKind.REOPENED, now=self.now, details=details))
        events += [
            event_values(one.id, numbers.get(one.id, 0) + 1, CaseEventKind.ANSWERED, now=self.now) for one in self.gone
        ]
        here = _CASE.c.id == bindparam("the_id")
        if new:
            self.session.execute(insert(_CASE), new)
        if changed:
            values: dict[str, Any] = {"details": bindparam("details"), "packet_id": bindparam("packet_id")}
            self.session.connection().execute(update(_CASE).where(here).values(values), changed)
        if again:
            opened = {"state": str(CaseState.OPEN), "reason": "", "closed_by": None, "closed_at": None}
            self.session.connection().execute(
                update(_CASE).where(here).values(opened), [{"the_id": one.id} for one, _ in again]
            )
        if self.gone:
            self.session.connection().execute(
                update(_CASE).where(here).values(state=str(CaseState.ANSWERED)),
                [{"the_id": one.id} for one in self.gone],
            )
        if events:
            self.session.execute(insert(_EVENT), events)
        self.session.expire_all()

    def _packets(self) -> dict[tuple[str, int], str]:
        concerned = sorted({sitting_id for sitting_id, case in self.wanted if case.packet_number is not None})
        query = select(Packet.sitting_id, Packet.number, Packet.id).where(Packet.sitting_id.in_(concerned))
        return {(row[0], row[1]): row[2] for row in self.session.execute(query)} if concerned else {}
