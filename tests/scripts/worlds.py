"""Sittings as plain rows, in whatever state a test wants them: how they come about is tested elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from random import Random
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.orm import Session

from scripts.tables import Base, Packet, RegisterLine, ScanBundle, ScanPage, Script, Sitting

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
HELD_ON = date(2026, 6, 8)
COLLECTED_AT = datetime(2026, 6, 8, 15, tzinfo=UTC)
SERIES = "01-6A26"


@contextmanager
def empty() -> Iterator[Session]:
    """Open a database in memory, whose driver leaves transactions to us, as the service's does."""
    engine = create_engine("sqlite://")

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    Base.metadata.create_all(engine)
    with Session(engine) as opened:
        yield opened
    engine.dispose()


@dataclass
class Bag:
    """A packet: how many scripts were sealed, found at opening, and which of its candidates were seen in scans."""

    size: int
    state: str = "opened"
    logged: int | None = None
    opened: int | None = None
    seen: int = 0
    collected_at: datetime | None = COLLECTED_AT


@dataclass
class Made:
    """A sitting that was made: its id, its packets and scripts by number."""

    sitting: Sitting
    packets: dict[int, Packet] = field(default_factory=dict)
    scripts: dict[str, Script] = field(default_factory=dict)
    lines: dict[str, RegisterLine] = field(default_factory=dict)


def sitting(
    session: Session,
    bags: Sequence[Bag],
    *,
    centre: str = "99001",
    component: str = "H446/01",
    held_on: date = HELD_ON,
    session_of_day: str = "AM",
    absent: int = 0,
    unmarked: int = 0,
    first: int = 1001,
) -> Made:
    """Make a sitting whose present candidates are in the packets, in order; then the absent and the unmarked."""
    row = Sitting(
        series_key=SERIES,
        centre_number=centre,
        component_code=component,
        held_on=held_on,
        session_of_day=session_of_day,
        opened_at=NOW,
    )
    session.add(row)
    session.flush()
    made, number = Made(row), first
    for place, bag in enumerate(bags, 1):
        numbers = [str(one) for one in range(number, number + bag.size)]
        number += bag.size
        packet = Packet(
            sitting_id=row.id,
            number=place,
            of=len(bags),
            issue=1,
            state=bag.state,
            candidate_numbers=numbers,
            logged_count=bag.logged,
            opened_count=bag.opened,
            collected_at=bag.collected_at,
        )
        session.add(packet)
        session.flush()
        made.packets[place] = packet
        for index, one in enumerate(numbers):
            _candidate(session, made, one, "present", "indexed" if index < bag.seen else "in_packet", packet.id)
    for state, count in (("absent", absent), ("unmarked", unmarked)):
        for one in range(number, number + count):
            _candidate(session, made, str(one), state, "absent" if state == "absent" else "expected", None)
        number += count
    session.flush()
    return made


def _candidate(session: Session, made: Made, number: str, state: str, script_state: str, packet_id: str | None) -> None:
    line = RegisterLine(sitting_id=made.sitting.id, candidate_number=number, state=state, added=False, explained="")
    script = Script(
        sitting_id=made.sitting.id, candidate_number=number, state=script_state, packet_id=packet_id, pages=0
    )
    session.add_all([line, script])
    made.lines[number], made.scripts[number] = line, script


def bundle(
    session: Session, made: Made, pages: Sequence[str], *, sheets: int | None = None, reason: str = "blank"
) -> ScanBundle:
    """Add a scan bundle whose pages ended so: ``indexed``, ``queued`` …; queued ones for this reason."""
    row = ScanBundle(
        sha256=f"{made.sitting.id}{len(pages)}{sheets}"[:64],
        sitting_id=made.sitting.id,
        sheets=sheets,
        pages=len(pages),
        state="pushed",
        received_at=NOW,
        received_by="operator",
    )
    session.add(row)
    session.flush()
    for index, end in enumerate(pages):
        why = reason if end == "queued" else ""
        session.add(ScanPage(bundle_id=row.id, page_index=index, disposition=end, sha256="0" * 64, reason=why))
    session.flush()
    return row


def varied(session: Session, seed: int, count: int) -> list[Made]:
    """Make sittings of every kind: complete, short, over, late, unscanned, half scanned, unmarked, on two registers."""
    chance, made = Random(seed), []
    for place in range(count):
        bags = []
        for _ in range(chance.randint(1, 3)):
            size = chance.randint(1, 6)
            state = chance.choice(["label_issued", "logged", "collected", "received", "opened", "opened", "opened"])
            logged = None if state == "label_issued" else size + chance.choice([0, 0, 0, 0, 1, -1])
            opened = size + chance.choice([0, 0, 0, -1, 1]) if state == "opened" else None
            seen = chance.choice([0, size, size, max(0, size - 1)]) if state in {"opened", "received"} else 0
            bags.append(Bag(size, state, logged, opened, seen))
        one = sitting(
            session,
            bags,
            centre=f"99{place:03d}",
            absent=chance.randint(0, 2),
            unmarked=chance.choice([0, 0, 0, 1]),
        )
        numbers = sorted(one.lines)
        if chance.random() < 0.3:
            one.lines[chance.choice(numbers)].explained = "other_route"
        if chance.random() < 0.2 and (gone := [n for n in numbers if one.lines[n].state == "absent"]):
            one.scripts[gone[0]].state = "indexed"
        if chance.random() < 0.4:
            ends = [chance.choice(["indexed", "indexed", "queued", "blank_confirmed"]) for _ in range(4)]
            made_bundle = bundle(session, one, ends, sheets=chance.choice([None, 2, 3]))
            made_bundle.pages += chance.choice([0, 0, 0, 1])
            made_bundle.duplex = chance.choice(["merged", "none"])
        made.append(one)
    twin = made[0].sitting
    beside = sitting(session, [Bag(2, "opened", 2, 2, 1)], centre=twin.centre_number, session_of_day="PM", first=1001)
    made.append(beside)
    session.flush()
    return made
