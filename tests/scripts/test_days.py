from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from scripts import records
from scripts.reconciliation import (
    Explanation,
    PacketFacts,
    PageCounts,
    Reconciliation,
    RegisterMark,
    RegisterState,
    SittingFacts,
    add_up,
)
from scripts.records.facts import SEEN
from scripts.tables import ScriptCase, ScriptCaseEvent
from scripts.tracking import PacketState
from tests.scripts import worlds
from tests.scripts.worlds import NOW, Bag, Made


@pytest.fixture
def session() -> Iterator[Session]:
    with worlds.empty() as opened:
        yield opened


def by_hand(made: Made, others: list[Made], session: Session) -> Reconciliation:
    """Add up one sitting from its objects, one by one, as nobody would do it for a whole day."""
    marks = tuple(
        RegisterMark(
            line.candidate_number,
            RegisterState(line.state),
            line.added,
            Explanation(line.explained) if line.explained else None,
        )
        for line in made.lines.values()
    )
    bags = tuple(
        PacketFacts(
            packet.number,
            frozenset(packet.candidate_numbers),
            PacketState(packet.state),
            packet.logged_count,
            packet.opened_count,
        )
        for packet in made.packets.values()
    )
    seen = frozenset(number for number, script in made.scripts.items() if script.state in SEEN)
    mine = {number for number, line in made.lines.items() if line.state == "present"}
    beside = [one for one in others if one is not made and one.sitting.centre_number == made.sitting.centre_number]
    elsewhere = frozenset(n for one in beside for n, line in one.lines.items() if line.state == "present" and n in mine)
    there = frozenset(n for one in beside for n in elsewhere if n in one.scripts and one.scripts[n].state in SEEN)
    bundles = records.bundles(session, made.sitting.id)
    ends = [page.disposition for one in bundles for page in records.bundle_pages(session, one.id)]
    sheets = [one.sheets for one in bundles]
    sides = [one.sheets * (1 if one.duplex == "none" else 2) for one in bundles if one.sheets is not None]
    pages = PageCounts(
        sum(one.pages for one in bundles),
        ends.count("indexed"),
        ends.count("blank_confirmed"),
        ends.count("discarded"),
        ends.count("queued"),
        sum(one for one in sheets if one is not None) if sheets and None not in sheets else None,
        sum(sides) if sheets and len(sides) == len(sheets) else None,
    )
    return add_up(SittingFacts(marks, bags, seen, seen, pages, elsewhere=elsewhere, seen_elsewhere=there))


def cases(session: Session) -> list[tuple[Any, ...]]:
    session.expire_all()
    rows = session.scalars(select(ScriptCase)).all()
    events = {
        row.id: [(event.kind, event.number, event.details) for event in records.case_events(session, [row.id])[row.id]]
        for row in rows
    }
    return sorted(
        (row.sitting_id, row.kind, row.subject, row.state, row.packet_id or "", str(row.details), row.due_at, row.level,
         row.owner_role, row.reason, str(row.centre_from), str(events[row.id]))
        for row in rows
    )  # fmt: skip


def change(made: list[Made], session: Session) -> None:
    """Let time pass: late scripts are seen, packets opened, so that cases are answered, and one comes back."""
    for one in made[::2]:
        for script in list(one.scripts.values())[:2]:
            if script.state == "in_packet":
                script.state = "indexed"
    for one in made[::3]:
        for packet in one.packets.values():
            packet.opened_count = packet.logged_count
    session.flush()


@pytest.mark.fault("att:I03", "att:I04", "att:I06")
@pytest.mark.parametrize("seed", [3, 17])
def test_a_day_and_its_sittings_one_by_one_come_to_the_same(seed: int) -> None:
    found: list[list[tuple[Any, ...]]] = []
    for together in (False, True):
        with worlds.empty() as session:
            made = worlds.varied(session, seed, 22)
            ids = {one.sitting.id: f"s{place}" for place, one in enumerate(made)}
            packets = {p.id: f"p{place}.{p.number}" for place, one in enumerate(made) for p in one.packets.values()}
            figures: dict[str, Reconciliation] = {}
            for later in range(3):
                if later:
                    change(made, session)
                now = NOW + timedelta(hours=later)
                if together:
                    records.reconcile_day(session, worlds.HELD_ON, now=now, each=figures.__setitem__)
                else:
                    for one in made:
                        figures[one.sitting.id] = records.reconcile(session, one.sitting.id, now=now)
                for one in made:
                    assert figures[one.sitting.id] == by_hand(one, made, session)
                gone = session.scalars(select(ScriptCase).where(ScriptCase.state == "answered")).all()
                if gone and later == 1:
                    closed = min(gone, key=lambda case: (ids[case.sitting_id], case.kind, case.subject))
                    closed.state, closed.reason = "closed", "located_late"
                    session.flush()
            rows = [(ids[row[0]], *row[1:4], packets.get(row[4], ""), *row[5:]) for row in cases(session)]
            found.append(sorted(rows, key=str))
    one_by_one, all_together = found
    assert one_by_one == all_together
    assert len(one_by_one) > 20
    assert {row[3] for row in one_by_one} >= {"open", "answered"}


def test_a_day_takes_a_handful_of_statements(session: Session) -> None:
    from sqlalchemy import event

    counts = []
    for size in (5, 20):
        with worlds.empty() as other:
            worlds.varied(other, 5, size)
            other.commit()
            seen: list[str] = []
            event.listen(other.get_bind(), "before_cursor_execute", lambda *args, seen=seen: seen.append(args[2]))
            records.reconcile_day(other, worlds.HELD_ON, now=NOW)
            counts.append(len(seen))
    assert counts[0] == counts[1]


def test_doing_it_again_changes_nothing(session: Session) -> None:
    worlds.varied(session, 9, 20)
    first = records.reconcile_day(session, worlds.HELD_ON, now=NOW)
    before = cases(session)
    again = records.reconcile_day(session, worlds.HELD_ON, now=NOW + timedelta(days=1))
    assert first.opened == len(before) > 5
    assert (again.opened, again.reopened, again.answered) == (0, 0, 0)
    assert cases(session) == before
    assert asdict(first) | {"opened": 0} == asdict(again)
    assert records.reconcile_day(session, date(2026, 1, 1), now=NOW).sittings == 0
    assert session.scalars(select(ScriptCaseEvent)).first() is not None


def test_a_board_says_how_far_everything_is_the_worst_first(session: Session) -> None:
    worlds.sitting(session, [Bag(3, "opened", 3, 3, 3)], centre="99001", absent=1)
    late = worlds.sitting(session, [Bag(4, "opened", 4, 4, 3), Bag(2, "collected", 2)], centre="99002", absent=2)
    records.reconcile_day(session, worlds.HELD_ON, now=NOW)
    (line,) = records.board(session, records.BoardLevel.COMPONENT)
    assert (line.expected, line.present, line.absent, line.indexed, line.difference) == (12, 9, 3, 6, 3)
    assert (line.collected, line.received, line.opened, line.sittings, line.open_cases) == (9, 7, 7, 2, 1)
    by_centre = records.board(session, records.BoardLevel.CENTRE, component_code="H446/01")
    assert [one.centre_number for one in by_centre] == ["99002", "99001"]
    (one,) = records.board(session, records.BoardLevel.SITTING, centre_number="99002")
    assert (one.key, one.difference) == (late.sitting.id, 3)
    late.sitting.purpose = "sample"
    session.flush()
    assert [one.centre_number for one in records.board(session, records.BoardLevel.CENTRE)] == ["99001"]
