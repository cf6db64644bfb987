from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from scripts import records
from scripts.cases import day_of, weekdays_after
from scripts.errors import CaseRefused
from scripts.missing import Alarm, decision_alarm, worse
from scripts.records import AlarmRun
from scripts.tables import ScriptCase
from tests.scripts import worlds
from tests.scripts.worlds import COLLECTED_AT, NOW, Bag

TUESDAY = date(2026, 6, 9)


@pytest.fixture
def session() -> Iterator[Session]:
    with worlds.empty() as opened:
        yield opened


def calendar(_: str) -> Callable[[date, int], date]:
    return weekdays_after


def run(session: Session, at: datetime, results_on: dict[str, date] | None = None) -> AlarmRun:
    return records.raise_alarms(session, today=day_of(at), now=at, calendar=calendar, results_on=results_on or {})


def standing(session: Session) -> list[tuple[str, str, str]]:
    session.expire_all()
    found = session.scalars(select(ScriptCase).order_by(ScriptCase.kind, ScriptCase.subject))
    return [(case.kind, case.subject, case.alarm) for case in found]


@pytest.mark.fault("att:I04")
def test_packet_two_of_four_alarms_as_soon_as_a_sibling_is_here(session: Session) -> None:
    bags = [Bag(2, "opened", 2, 2, 2), Bag(3, "collected", 3), Bag(2, "opened", 2, 2, 2), Bag(2, "opened", 2, 2, 2)]
    made = worlds.sitting(session, bags)
    done = run(session, COLLECTED_AT)
    assert standing(session) == [("packet_overdue", "packet:2", "amber")]
    (one,) = done.raised
    assert (one.alarm, one.scripts, one.centre_number) == (Alarm.AMBER, 3, "99001")
    case = session.scalars(select(ScriptCase)).one()
    assert case.centre_from == COLLECTED_AT
    assert case.details == {"candidates": ["1003", "1004", "1005"], "count": 3}
    for script in list(made.scripts.values())[2:5]:
        script.state = "indexed"
    session.flush()
    assert run(session, NOW).answered == 1
    assert case.state == "answered"


@pytest.mark.fault("att:I06")
def test_each_stage_is_raised_once(session: Session) -> None:
    worlds.sitting(session, [Bag(4, "received", 4, None, 0), Bag(3, "received", 3, None, 0)])
    raised = []
    for day in range(12):
        for _ in range(2):
            done = run(session, COLLECTED_AT + timedelta(days=day))
            raised.append((day, done.opened, [one.alarm for one in done.raised]))
    rises = [(day, opened, len(alarms), set(alarms)) for day, opened, alarms in raised if alarms]
    # Collected on a Monday: amber on Thursday, red on the Monday after.
    # A packet of which nothing was seen is one case, whatever it holds.
    assert rises == [(3, 2, 2, {Alarm.AMBER}), (7, 0, 2, {Alarm.RED})]
    case = session.scalars(select(ScriptCase)).first()
    assert case is not None
    history = [(one.kind, one.details.get("alarm")) for one in records.case_events(session, [case.id])[case.id]]
    assert history == [("opened", None), ("alarm", "amber"), ("alarm", "red")]


def test_a_packet_of_which_nothing_was_seen_is_one_case_until_the_last_script_is_here(session: Session) -> None:
    made = worlds.sitting(session, [Bag(4, "opened", 4, 4, 0), Bag(2, "received", 2, None, 0)])
    late = COLLECTED_AT + timedelta(days=3)
    run(session, late)
    assert standing(session) == [("packet_unseen", "packet:1", "amber"), ("packet_unseen", "packet:2", "amber")]
    first, *others = list(made.scripts.values())[:4]
    first.state = "indexed"
    session.flush()
    done = run(session, COLLECTED_AT + timedelta(days=7))
    assert (done.opened, done.answered) == (0, 0)
    assert standing(session) == [("packet_unseen", "packet:1", "red"), ("packet_unseen", "packet:2", "red")]
    case = session.scalars(select(ScriptCase).where(ScriptCase.subject == "packet:1")).one()
    with pytest.raises(CaseRefused, match="3 scripts are still not accounted for: 1002, 1003, 1004"):
        records.close_case(session, case.id, reason="located_late", actor="c", now=NOW)
    for script in others:
        script.state = "indexed"
    session.flush()
    assert run(session, COLLECTED_AT + timedelta(days=8)).answered == 1
    assert case.state == "answered"


def test_a_difference_that_the_arithmetic_found_is_one_case_and_turns_red_with_the_alarm(session: Session) -> None:
    made = worlds.sitting(session, [Bag(3, "opened", 3, 3, 2)])
    records.reconcile(session, made.sitting.id, now=COLLECTED_AT)
    run(session, COLLECTED_AT)
    assert standing(session) == [("register_present_no_script", "packet:1", "red")]


def test_what_is_explained_declared_or_handled_by_hand_is_not_looked_for(session: Session) -> None:
    made = worlds.sitting(session, [Bag(4, "opened", 4, 1, 1)])
    made.lines["1002"].explained = "other_route"
    made.lines["1002"].late = True
    records.open_case(session, made.sitting.id, "contaminated", "candidate:1003", now=NOW)
    records.reconcile(session, made.sitting.id, now=NOW)
    case = session.scalars(select(ScriptCase).where(ScriptCase.kind == "register_present_no_script")).one()
    assert case.details["candidates"] == ["1004"]
    records.close_case(session, case.id, reason="estimated_mark", actor="o", now=NOW)
    unseen = records.unseen_scripts(session, today=NOW.date(), calendar=calendar)
    assert unseen == []
    assert run(session, NOW).raised == ()


def test_a_sample_is_nobodys_missing_script(session: Session) -> None:
    made = worlds.sitting(session, [Bag(3, "collected", 3)])
    made.sitting.purpose = "sample"
    session.flush()
    assert run(session, NOW + timedelta(days=30)).raised == ()


def test_the_day_to_decide_is_shown_and_alarms_before_results(session: Session) -> None:
    made = worlds.sitting(session, [Bag(3, "opened", 3, 3, 2)], held_on=date(2026, 5, 11))
    records.reconcile(session, made.sitting.id, now=COLLECTED_AT)
    case = session.scalars(select(ScriptCase)).one()
    made.packets[1].collected_at = None
    made.scripts["1001"].state = "in_packet"
    session.flush()
    results = {worlds.SERIES: date(2026, 8, 20)}
    assert run(session, datetime(2026, 7, 20, 9, tzinfo=NOW.tzinfo), results).raised == ()
    assert case.decide_by == date(2026, 8, 6)
    (one,) = run(session, datetime(2026, 7, 30, 9, tzinfo=NOW.tzinfo), results).raised
    assert one.alarm is Alarm.AMBER
    (one,) = run(session, datetime(2026, 8, 7, 9, tzinfo=NOW.tzinfo), results).raised
    assert one.alarm is Alarm.RED
    assert run(session, datetime(2026, 8, 8, 9, tzinfo=NOW.tzinfo), results).raised == ()
    assert decision_alarm(TUESDAY, date(2026, 6, 1), weekdays_after) is Alarm.NONE
    assert worse(Alarm.AMBER, Alarm.RED) is Alarm.RED


def test_the_alarm_takes_a_handful_of_statements(session: Session) -> None:
    counts = []
    for size in (5, 30):
        with worlds.empty() as other:
            for place in range(size):
                worlds.sitting(other, [Bag(3, "received", 3, None, 0)], centre=f"99{place:03d}")
            other.commit()
            seen: list[str] = []
            event.listen(other.get_bind(), "before_cursor_execute", lambda *args, seen=seen: seen.append(args[2]))
            assert run(other, NOW).opened == size
            counts.append(len(seen))
    assert counts[0] == counts[1]
