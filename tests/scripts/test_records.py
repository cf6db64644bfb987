from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event, func, select
from sqlalchemy.orm import Session

from scripts import records
from scripts.despatch import CollectionKind, DespatchLine
from scripts.errors import (
    CaseRefused,
    DecisionRefused,
    EventConflict,
    EventRefused,
    LabelUnknown,
    PageSettled,
    PagesNotConserved,
    PageTaken,
    RegisterRefused,
    ScriptUnknown,
    SecondPersonNeeded,
    SittingConflict,
    SittingRefused,
    TransitionRefused,
)
from scripts.labels import PacketLabel, ScriptCover
from scripts.missing import Alarm
from scripts.queues import BundleState, DecisionKind
from scripts.reconciliation import Explanation, RegisterState
from scripts.records import custody_lines
from scripts.registers import Addition
from scripts.splitting import PageReading
from scripts.tables import Base, PacketEventRow, ScanBundle, ScanPage, Sitting
from scripts.tracking import EventKind, PacketEvent
from tests.scripts.test_clocks import calendar
from tests.scripts.test_missing import weekdays_after

NOW = datetime(2026, 6, 8, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NUMBERS = [f"{number}" for number in range(1001, 1007)]
P, A = RegisterState.PRESENT, RegisterState.ABSENT


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://")

    # As the service does it: the driver leaves transactions to us, so that savepoints are real.
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


def opened(session: Session, **changes: Any) -> Sitting:
    values: dict[str, Any] = {
        "series_key": "01-6A26",
        "centre_number": "99999",
        "component_code": "H446/01",
        "held_on": date(2026, 6, 8),
        "session_of_day": "AM",
        "candidate_numbers": NUMBERS,
        "now": NOW,
    }
    return records.open_sitting(session, **(values | changes))


@pytest.fixture
def sitting(session: Session) -> Sitting:
    """Six entered, the last absent; packets of three and two, labelled."""
    made = opened(session)
    marks = dict.fromkeys(NUMBERS, P) | {"1006": A}
    records.mark_register(session, made.id, marks, actor="exams officer", now=NOW)
    records.make_packets(session, made.id, capacity=3, actor="exams officer", now=NOW)
    return made


def log(session: Session, label: PacketLabel, count: int, name: str) -> None:
    line = DespatchLine(label.payload, count, CollectionKind.SCHEDULED, "exams officer", "deputy head")
    records.despatch(session, line, event_id=name, occurred_at=NOW, now=NOW, actor="exams officer", place="99999")


def arrive(session: Session, label: PacketLabel, name: str, place: str = "site A", hours: int = 24) -> None:
    at = NOW + timedelta(hours=hours)
    records.receive(session, label.payload, event_id=name, occurred_at=at, now=at, actor="clerk", place=place)


def scan(*words: str) -> list[PageReading]:
    """Readings by short words: a candidate number is a cover, ``w`` a written page, ``-`` a blank one."""
    found = []
    for index, word in enumerate(words):
        codes = (ScriptCover("99999", word, "H446/01").payload,) if word.isdigit() else ()
        sha256 = hashlib.sha256(f"{words}{index}".encode()).hexdigest()
        found.append(PageReading(index, sha256, codes, blank=word == "-"))
    return found


def bundle(session: Session, sitting: Sitting, name: str, *words: str, **more: Any) -> records.BundleOutcome:
    return pushed(session, sitting, name, scan(*words), **(counted(words) | more))


def counted(words: tuple[str, ...]) -> dict[str, Any]:
    """What somebody counts of the pile: sheets of two sides, or of one where their number is odd, and booklets."""
    booklets = len({word for word in words if word.isdigit()})
    if len(words) % 2:
        return {"sheets_checked": len(words), "booklets": booklets, "duplex": "none"}
    return {"sheets_checked": len(words) // 2, "booklets": booklets}


def pushed(
    session: Session, sitting: Sitting, name: str, readings: list[PageReading], **more: Any
) -> records.BundleOutcome:
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    new = records.NewBundle(sha256=sha256, sitting_id=sitting.id, **more)
    made = records.stage_bundle(session, new, now=NOW, actor="operator").bundle
    for state in (BundleState.READING, BundleState.SPLIT):
        records.move_bundle(session, made, state, now=NOW)
    return records.push_bundle(session, made, readings, now=NOW, actor="operator")


def test_a_sitting_is_opened_once(session: Session) -> None:
    first = opened(session)
    assert opened(session).id == first.id
    assert len(records.scripts_of(session, first.id)) == 6
    with pytest.raises(SittingConflict):
        opened(session, candidate_numbers=["1001"])
    for bad in ({"series_key": "6A26"}, {"centre_number": "9"}, {"session_of_day": "XM"}, {"candidate_numbers": ["1"]}):
        with pytest.raises(SittingRefused):
            opened(session, **bad)


def test_the_register_is_marked_wholly_or_not_at_all(session: Session) -> None:
    made = opened(session)
    with pytest.raises(RegisterRefused):
        records.mark_register(session, made.id, {"1001": P, "1999": P}, actor="x", now=NOW)
    assert {line.state for line in records.register(session, made.id)} == {"unmarked"}
    records.mark_register(session, made.id, {"1001": P, "1999": P}, actor="x", now=NOW, added=[Addition("1999")])
    lines = {line.candidate_number: (line.state, line.added) for line in records.register(session, made.id)}
    assert (lines["1001"], lines["1999"]) == (("present", False), ("present", True))
    assert opened(session).id == made.id
    with pytest.raises(RegisterRefused):
        records.explain(session, made.id, "1002", Explanation.OTHER_ROUTE, actor="x", now=NOW)


def test_packets_leave_out_the_absent_and_are_made_once(session: Session, sitting: Sitting) -> None:
    found = records.packets(session, sitting.id)
    assert [packet.candidate_numbers for packet in found] == [NUMBERS[:3], NUMBERS[3:5]]
    again = records.make_packets(session, sitting.id, capacity=1, actor="x", now=NOW)
    assert [packet.id for packet in again] == [packet.id for packet in found]
    assert [label.payload for label in records.labels(session, sitting.id)] == [
        PacketLabel("99999", "6A26", "H446/01", number, 2).payload for number in (1, 2)
    ]
    assert len(records.covers(session, sitting.id)) == 6


@pytest.mark.fault("att:I01")
def test_an_event_is_recorded_once_and_its_id_means_one_thing(session: Session, sitting: Sitting) -> None:
    label = records.labels(session, sitting.id)[0]
    for _ in range(3):
        arrive(session, label, "scan-1")
    assert session.scalar(select(func.count()).select_from(PacketEventRow)) == 1
    with pytest.raises(EventConflict):
        arrive(session, label, "scan-1", place="site B")


@pytest.mark.fault("att:I09")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "rubbish",
        "SL1|99999|6A26|H446/01|1/2|3|DA13",
        PacketLabel("99998", "6A26", "H446/01", 1, 2).payload,
        ScriptCover("99999", "1001", "H446/01").payload,
    ],
)
def test_an_unknown_label_records_nothing(session: Session, sitting: Sitting, text: str) -> None:
    with pytest.raises(LabelUnknown):
        records.receive(session, text, event_id="e", occurred_at=NOW, now=NOW, actor="clerk", place="site A")
    assert session.scalar(select(func.count()).select_from(PacketEventRow)) == 0


@pytest.mark.fault("att:I02")
def test_an_emergency_label_and_its_original_are_a_case(session: Session, sitting: Sitting) -> None:
    packet = records.packets(session, sitting.id)[0]
    first = records.current_label(session, packet)
    second = records.issue_emergency_label(session, packet.id, actor="helpdesk", now=NOW)
    assert (second.issue, records.labels(session, sitting.id)[0]) == (2, second)
    log(session, second, 3, "log")
    arrive(session, second, "a")
    assert packet.side_states == []
    arrive(session, first, "b")
    assert packet.side_states == ["duplicate_label"]
    assert [case.kind for case in records.cases(session, sitting.id)] == ["duplicate_label"]


@pytest.mark.fault("att:I15")
def test_a_receipt_before_the_log_is_normal(session: Session, sitting: Sitting) -> None:
    label = records.labels(session, sitting.id)[0]
    arrive(session, label, "a")
    packet = records.packets(session, sitting.id)[0]
    assert (packet.state, packet.side_states) == ("received", ["received_without_despatch"])
    log(session, label, 3, "log")
    assert (packet.state, packet.side_states, packet.logged_count) == ("received", [], 3)
    assert records.cases(session, sitting.id) == []


def test_decisions_and_corrections_follow_rules(session: Session, sitting: Sitting) -> None:
    label = records.labels(session, sitting.id)[0]

    def happening(name: str, kind: EventKind, **more: Any) -> PacketEvent:
        return PacketEvent(name, label.payload, kind, NOW, NOW, "clerk", "site A", "page", **more)

    with pytest.raises(TransitionRefused):
        records.record_event(session, happening("r", EventKind.RECONCILED))
    with pytest.raises(EventRefused):
        records.record_event(session, happening("w", EventKind.WITHDRAWN, corrects_id="nothing"))
    assert records.record_event(session, happening("d", EventKind.DAMAGED)).side_states == ["damaged"]
    assert records.record_event(session, happening("w", EventKind.WITHDRAWN, corrects_id="d")).side_states == []
    with pytest.raises(EventRefused):
        records.open_packet(
            session,
            label.payload,
            script_count=3,
            operators=("Ann", "ann "),
            event_id="o",
            occurred_at=NOW,
            now=NOW,
            place="site A",
        )


def test_the_whole_journey_closes(session: Session, sitting: Sitting) -> None:
    labels = records.labels(session, sitting.id)
    for number, (label, count) in enumerate(zip(labels, (3, 2), strict=True)):
        log(session, label, count, f"log-{number}")
        arrive(session, label, f"in-{number}")
        records.open_packet(
            session,
            label.payload,
            script_count=count,
            operators=("a", "b"),
            event_id=f"o-{number}",
            occurred_at=NOW,
            now=NOW,
            place="site A",
        )
    outcome = bundle(session, sitting, "one", "1001", "w", "1002", "w", "-", "1003", "w", "w", sheets=4)
    assert [(script.candidate_number, script.pages) for script in outcome.scripts] == [
        ("1001", (0, 1)),
        ("1002", (2, 3)),
        ("1003", (5, 6, 7)),
    ]
    found = records.reconcile(session, sitting.id, now=NOW)
    assert (found.received, found.indexed, found.missing, found.closes) == (5, 3, (), False)
    bundle(session, sitting, "two", "1004", "w", "1005", "w", sheets=2)
    assert not records.reconcile(session, sitting.id, now=NOW).closes
    blank = records.Asked(DecisionKind.BLANK)
    records.decide(session, outcome.bundle_id, [4], blank, actor="operator", now=NOW)
    found = records.reconcile(session, sitting.id, now=NOW)
    assert found.closes
    assert (found.pages.pages_in, found.pages.indexed, found.pages.blank_confirmed) == (12, 11, 1)
    assert records.cases(session, sitting.id) == []
    line = custody_lines.script_line(session, outcome.scripts[0].script_id, now=NOW, calendar=calendar)
    steps = [one.event.kind for one in line.history]
    assert steps.index("collected") < steps.index("scanned") < steps.index("indexed") < len(steps)
    assert {"register_present", "in_packet", "logged", "received", "opened"} <= set(steps)


@pytest.mark.fault("att:I06")
def test_a_missing_script_is_a_case_and_on_the_list_until_it_is_found(session: Session, sitting: Sitting) -> None:
    label = records.labels(session, sitting.id)[0]
    log(session, label, 3, "log")
    bundle(session, sitting, "one", "1001", "w", "1003", "w")
    for _ in range(2):
        found = records.reconcile(session, sitting.id, now=NOW)
    assert found.missing == ("1002",)
    (case,) = records.cases(session, sitting.id)
    assert (case.kind, case.subject, case.details) == (
        "register_present_no_script",
        "packet:1",
        {"candidates": ["1002"], "count": 1},
    )
    listed = records.missing(session, "01-6A26", "99999", today=date(2026, 6, 8), working_days_after=weekdays_after)
    assert [(one.candidate_number, one.alarm) for one in listed] == [
        ("1002", Alarm.RED),
        ("1004", Alarm.UNKNOWN),
        ("1005", Alarm.UNKNOWN),
    ]
    bundle(session, sitting, "late", "1002", "w")
    assert records.reconcile(session, sitting.id, now=NOW).missing == ()
    assert case.state == "answered"
    with pytest.raises(CaseRefused):
        records.close_case(session, case.id, reason="because", actor="officer", now=NOW)
    records.close_case(session, case.id, reason="located_late", actor="officer", now=NOW)
    with pytest.raises(CaseRefused):
        records.close_case(session, case.id, reason="located_late", actor="officer", now=NOW)


@pytest.mark.fault("att:I12")
def test_a_bundle_that_comes_again_under_another_name_is_the_same_bundle(session: Session, sitting: Sitting) -> None:
    first = bundle(session, sitting, "one", "1001", "w")
    sha256 = hashlib.sha256(b"one").hexdigest()
    again = records.NewBundle(sha256=sha256, sitting_id=sitting.id, filename="renamed.pdf")
    staged = records.stage_bundle(session, again, now=NOW, actor="somebody else")
    assert (staged.is_new, staged.bundle.id, staged.bundle.state) == (False, first.bundle_id, "pushed")
    assert session.scalar(select(func.count()).select_from(ScanPage)) == 2


def test_nothing_is_kept_until_the_caller_commits(session: Session, sitting: Sitting) -> None:
    session.commit()
    bundle(session, sitting, "one", "1001", "w")
    arrive(session, records.labels(session, sitting.id)[0], "a")
    session.rollback()
    assert session.scalar(select(func.count()).select_from(ScanBundle)) == 0
    assert records.packets(session, sitting.id)[0].state == "label_issued"
    bundle(session, sitting, "one", "1001", "w")


@pytest.mark.fault("att:I13")
def test_a_rescan_goes_to_the_queue_and_the_first_stays(session: Session, sitting: Sitting) -> None:
    first = bundle(session, sitting, "one", "1001", "w")
    again = bundle(session, sitting, "rescan", "1001", "w", "1002", "w")
    assert [script.candidate_number for script in again.scripts] == ["1002"]
    assert [page.reason for page in records.queued_pages(session, sitting.id)] == ["duplicate_candidate"] * 2
    assert [case.kind for case in records.cases(session, sitting.id)] == ["duplicate_candidate"]
    assert first.scripts[0].pages == (0, 1)


@pytest.mark.fault("att:I14")
def test_a_bundle_that_fails_leaves_nothing_and_does_not_block_others(session: Session, sitting: Sitting) -> None:
    readings = scan("1001", "w", "w")
    with pytest.raises(PagesNotConserved):
        pushed(session, sitting, "one", readings[:1] + readings[2:])
    assert session.scalar(select(func.count()).select_from(ScanPage)) == 0
    assert len(bundle(session, sitting, "two", "1001", "w").scripts) == 1


@pytest.mark.fault("att:I07")
def test_a_double_feed_shows_against_the_sheet_counter(session: Session, sitting: Sitting) -> None:
    bundle(session, sitting, "one", "1001", "w", sheets=2)
    assert [case.kind for case in records.cases(session, sitting.id)] == ["double_feed"]


@pytest.mark.fault("att:I11")
def test_two_people_settle_what_waits_and_each_decision_is_kept(session: Session, sitting: Sitting) -> None:
    made = bundle(session, sitting, "one", "w", "w", "1001", "w")
    assign = records.Asked(DecisionKind.ASSIGN, candidate_number="1002")
    with pytest.raises(DecisionRefused):
        records.decide(session, made.bundle_id, [0], records.Asked(DecisionKind.BLANK), actor="a", now=NOW)
    stranger = records.Asked(DecisionKind.ASSIGN, candidate_number="1999")
    with pytest.raises(ScriptUnknown):
        records.decide(session, made.bundle_id, [0], stranger, actor="a", now=NOW)
    proposed = records.decide(session, made.bundle_id, [0], assign, actor="a", now=NOW).decision
    assert records.get_page(session, made.bundle_id, 0).disposition == "queued"
    with pytest.raises(SecondPersonNeeded):
        records.answer(session, proposed.id, agrees=True, actor="a", now=NOW)
    records.answer(session, proposed.id, agrees=False, actor="b", now=NOW + MINUTE)
    again = records.decide(session, made.bundle_id, [0], assign, actor="a", now=NOW + 2 * MINUTE).decision
    done = records.answer(session, again.id, agrees=True, actor="b", now=NOW + 3 * MINUTE)
    with pytest.raises(PageSettled):
        records.answer(session, again.id, agrees=True, actor="c", now=NOW)
    throw = records.Asked(DecisionKind.DISCARD, reason="test_sheet")
    second = records.decide(session, made.bundle_id, [1], throw, actor="a", now=NOW).decision
    records.answer(session, second.id, agrees=True, actor="b", now=NOW)
    assert [page.disposition for page in records.bundle_pages(session, made.bundle_id)] == [
        "indexed",
        "discarded",
        "indexed",
        "indexed",
    ]
    counts = records.page_counts(session, sitting.id)
    assert (counts.pages_in, counts.indexed, counts.discarded, counts.queued) == (4, 3, 1, 0)
    script = next(one for one in records.scripts_of(session, sitting.id) if one.candidate_number == "1002")
    assert (script.state, script.pages, done.changed_scripts) == ("indexed", 1, (script.id,))
    stages = [one.stage for one in records.decisions(session, made.bundle_id, 0)]
    assert stages == ["proposed", "disagreed", "proposed", "confirmed"]
    records.undo(session, done.decision.id, actor="c", now=NOW)
    assert records.get_page(session, made.bundle_id, 0).disposition == "queued"
    assert (script.state, script.pages) == ("present", 0)
    with pytest.raises(DecisionRefused):
        records.undo(session, done.decision.id, actor="c", now=NOW)


def test_pages_are_taken_up_by_one_person_at_a_time_and_proposals_go_to_another(
    session: Session, sitting: Sitting
) -> None:
    made = bundle(session, sitting, "one", "1001", "w", "-", "w", "-", "w")
    first = records.take_next(session, actor="a", now=NOW)
    second = records.take_next(session, actor="b", now=NOW)
    assert first is not None
    assert second is not None
    assert (first.indices, second.indices) == ((2,), (4,))
    assert records.take_next(session, actor="c", now=NOW) is None
    with pytest.raises(PageTaken):
        records.take(session, made.bundle_id, 2, actor="b", now=NOW)
    throw = records.Asked(DecisionKind.DISCARD, reason="not_ours")
    records.decide(session, made.bundle_id, [2], throw, actor="a", now=NOW)
    assert records.take_next(session, actor="a", now=NOW) is None
    confirming = records.take_next(session, actor="b", now=NOW)
    assert confirming is not None
    assert confirming.indices == (2,)
    late = NOW + timedelta(minutes=11)
    given = records.take_next(session, actor="c", now=late, reason="blank")
    assert given is not None


@pytest.mark.fault("att:I13")
def test_pages_scanned_again_supersede_what_was_there_and_lose_nothing(session: Session, sitting: Sitting) -> None:
    first = bundle(session, sitting, "one", "1001", "w", "w")
    again = bundle(session, sitting, "again", "1001", "w", "w")
    (group,) = records.groups_of(session, again.bundle_id)
    asked = records.Asked(DecisionKind.REPLACE, candidate_number="1001")
    proposed = records.decide(session, again.bundle_id, group.indices, asked, actor="a", now=NOW).decision
    done = records.answer(session, proposed.id, agrees=True, actor="b", now=NOW)
    script_id = first.scripts[0].script_id
    shown = [(page.bundle_id, page.page_index) for page in records.script_pages(session, script_id)]
    assert shown == [(again.bundle_id, index) for index in range(3)]
    assert records.page_counts(session, sitting.id).indexed == 6
    records.undo(session, done.decision.id, actor="c", now=NOW)
    shown = [(page.bundle_id, page.page_index) for page in records.script_pages(session, script_id)]
    assert shown == [(first.bundle_id, index) for index in range(3)]


def test_pages_that_turn_up_later_go_where_the_bundle_has_them(session: Session, sitting: Sitting) -> None:
    made = bundle(session, sitting, "one", "1001", "-", "w")
    asked = records.Asked(DecisionKind.ASSIGN, candidate_number="1001")
    proposed = records.decide(session, made.bundle_id, [1], asked, actor="a", now=NOW).decision
    records.answer(session, proposed.id, agrees=True, actor="b", now=NOW)
    shown = records.script_pages(session, made.scripts[0].script_id)
    assert [page.page_index for page in shown] == [0, 1, 2]
