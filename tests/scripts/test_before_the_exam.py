"""Records before the exam: openings that follow the entries, registers that two sign, plans, labels and their prints."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from scripts import records
from scripts.errors import LabelRefused, PlanRefused, RegisterRefused, SecondPersonNeeded
from scripts.reconciliation import Explanation, RegisterState
from scripts.records import Opening
from scripts.registers import Addition, CorrectionField
from scripts.tables import Base, Packet, PacketLabelRow, Script, Sitting
from scripts.tracking import EventKind, PacketEvent, PacketState

NOW = datetime(2026, 5, 15, 9, 0, tzinfo=UTC)
ON = date(2026, 5, 15)
P, A, W = RegisterState.PRESENT, RegisterState.ABSENT, RegisterState.WITHDRAWN
TEN = [f"{number}" for number in range(1001, 1011)]


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as made:
        yield made
    engine.dispose()


def opened(session: Session, entered: dict[str, list[str]], on: date = ON, paper: str = "H446/01") -> Opening:
    return records.open_component(
        session, series_key="01-6A26", component_code=paper, held_on=on, session_of_day="AM", entered=entered, now=NOW
    )


@pytest.fixture
def sitting(session: Session) -> Sitting:
    opened(session, {"99999": TEN, "99998": TEN[:2]})
    return session.scalars(select(Sitting).where(Sitting.centre_number == "99999")).one()


def states(session: Session, sitting: Sitting) -> dict[str, str]:
    return {line.candidate_number: line.state for line in records.register(session, sitting.id)}


def mark(session: Session, sitting: Sitting, **marks: RegisterState) -> None:
    chosen = {name.removeprefix("c"): state for name, state in marks.items()}
    records.mark_register(session, sitting.id, chosen, actor="officer", now=NOW)


def seal(session: Session, packet: Packet) -> None:
    label = records.current_label(session, packet).payload
    event = PacketEvent(f"seal-{packet.number}", label, EventKind.PACKED, NOW, NOW, "officer", "centre", "page")
    records.record_event(session, event)


def test_opening_again_follows_the_entries_and_leaves_marks_alone(session: Session, sitting: Sitting) -> None:
    again = opened(session, {"99999": TEN, "99998": TEN[:2]})
    assert again == Opening(sitting_ids=again.sitting_ids)
    mark(session, sitting, c1001=P, c1002=A)
    later = opened(session, {"99999": [*TEN[4:], "1099"], "99998": TEN[:2], "99997": ["2001"]})
    assert (later.opened, later.late, later.withdrawn, later.kept) == (1, 1, 2, 2)
    found = states(session, sitting)
    assert (found["1001"], found["1002"], found["1003"], found["1099"]) == (
        "present",
        "absent",
        "withdrawn",
        "unmarked",
    )
    back = opened(session, {"99999": TEN, "99998": TEN[:2], "99997": ["2001"]})
    assert (back.restored, back.withdrawn) == (2, 1)
    assert [one.kind for one in records.register_changes(session, sitting.id)].count("entry_withdrawn") == 3
    assert len(session.scalars(select(Script).where(Script.sitting_id == sitting.id)).all()) == 11


def test_a_centre_without_entries_any_more_has_its_lines_struck_out(session: Session, sitting: Sitting) -> None:
    assert opened(session, {"99998": TEN[:2]}).withdrawn == 10
    assert set(states(session, sitting).values()) == {"withdrawn"}


def test_a_sitting_moves_with_the_timetable_until_something_is_marked(session: Session, sitting: Sitting) -> None:
    entered = {"99999": TEN, "99998": TEN[:2]}
    later = opened(session, entered, on=ON + timedelta(days=1))
    assert (later.rescheduled, later.stuck, sitting.held_on) == (2, 0, date(2026, 5, 16))
    mark(session, sitting, c1001=P)
    stuck = opened(session, entered, on=ON)
    assert (stuck.rescheduled, stuck.stuck, stuck.opened, sitting.held_on) == (1, 1, 0, date(2026, 5, 16))


def test_candidates_who_clash_sit_at_another_time_and_their_packets_go_on_counting(
    session: Session, sitting: Sitting
) -> None:
    records.make_packets(session, sitting.id, actor="officer", now=NOW, capacity=5)
    there = records.move_candidates(
        session, sitting.id, ["1001"], held_on=ON, session_of_day="PM", reason="Clash", actor="officer", now=NOW
    )
    assert states(session, sitting)["1001"] == "withdrawn"
    assert states(session, there) == {"1001": "unmarked"}
    entered = {"99999": TEN, "99998": TEN[:2]}
    assert opened(session, entered).restored == 0
    assert states(session, sitting)["1001"] == "withdrawn"
    assert len(records.packets(session, sitting.id)[0].candidate_numbers) == 4
    (packet,) = records.make_packets(session, there.id, actor="officer", now=NOW)
    assert (packet.number, packet.of) == (3, 3)
    assert len({label.payload for one in (sitting, there) for label in records.labels(session, one.id)}) == 3
    replanned = records.make_packets(session, sitting.id, actor="officer", now=NOW, capacity=2, again=True)
    assert [one.number for one in replanned] == [4, 5, 6, 7, 8]
    with pytest.raises(RegisterRefused, match="moved to another time"):
        mark(session, sitting, c1001=P)
    assert opened(session, {"99999": TEN[1:], "99998": TEN[:2]}).withdrawn == 1
    assert states(session, there) == {"1001": "withdrawn"}
    assert opened(session, entered).restored == 1
    back = records.move_candidates(
        session, there.id, ["1001"], held_on=ON, session_of_day="AM", reason="No clash", actor="officer", now=NOW
    )
    assert (back.id, states(session, sitting)["1001"]) == (sitting.id, "unmarked")
    records.mark_register(session, there.id, {"1002": P}, actor="o", now=NOW, added=[Addition("1002", "A", "Came")])
    with pytest.raises(RegisterRefused, match="already"):
        records.move_candidates(
            session, sitting.id, ["1002"], held_on=ON, session_of_day="PM", reason="Clash", actor="o", now=NOW
        )
    for numbers, on, of_day in ((["7777"], ON, "EV"), ([], ON, "PM"), (["1002"], ON, "AM"), (["1002"], ON, "XX")):
        with pytest.raises(RegisterRefused):
            records.move_candidates(
                session, sitting.id, numbers, held_on=on, session_of_day=of_day, reason="x", actor="o", now=NOW
            )


def test_a_register_is_signed_off_once_everybody_is_marked(session: Session, sitting: Sitting) -> None:
    with pytest.raises(RegisterRefused, match="Not marked yet: 1001"):
        records.sign_off(session, sitting.id, actor="officer", now=NOW)
    mark(session, sitting, **{f"c{number}": P for number in TEN})
    records.sign_off(session, sitting.id, actor="officer", now=NOW)
    mark(session, sitting, c1001=P)
    with pytest.raises(RegisterRefused, match="signed off"):
        mark(session, sitting, c1001=A)
    with pytest.raises(RegisterRefused, match="signed off"):
        records.mark_register(
            session, sitting.id, {"9001": P}, actor="officer", now=NOW, added=[Addition("9001", "A", "Late")]
        )
    late = records.ask_correction(
        session, sitting.id, "9001", CorrectionField.MARK, "present", reason="Late", name="OTHER", actor="a", now=NOW
    )
    with pytest.raises(SecondPersonNeeded):
        records.decide_correction(session, sitting.id, late.id, confirmed=True, actor="a", now=NOW)
    with pytest.raises(SecondPersonNeeded):
        records.decide_correction(session, sitting.id, late.id, confirmed=True, actor=None, now=NOW)
    assert "9001" not in states(session, sitting)
    records.decide_correction(session, sitting.id, late.id, confirmed=True, actor="b", now=NOW)
    assert states(session, sitting)["9001"] == "present"
    with pytest.raises(RegisterRefused, match="decided already"):
        records.decide_correction(session, sitting.id, late.id, confirmed=False, actor="c", now=NOW)


def test_a_corrected_number_takes_its_script_and_its_packet_with_it(session: Session, sitting: Sitting) -> None:
    records.make_packets(session, sitting.id, actor="officer", now=NOW)
    asked = records.ask_correction(
        session, sitting.id, "1003", CorrectionField.CANDIDATE_NUMBER, "2003", reason="Misread", actor="a", now=NOW
    )
    mark(session, sitting, **{f"c{number}": P for number in TEN})
    with pytest.raises(RegisterRefused, match="waits"):
        records.sign_off(session, sitting.id, actor="a", now=NOW)
    records.decide_correction(
        session, sitting.id, asked.id, confirmed=True, actor=None, second_name="I N Vigilator", now=NOW
    )
    assert "1003" not in states(session, sitting)
    assert "2003" in records.packets(session, sitting.id)[0].candidate_numbers
    assert session.scalar(select(Script.state).where(Script.candidate_number == "2003")) == "present"
    change = next(one for one in records.register_changes(session, sitting.id) if one.kind == "corrected")
    assert (change.before, change.after, change.correction_id) == ("candidate number: 1003", "2003", asked.id)
    refused = records.ask_correction(
        session, sitting.id, "1004", CorrectionField.CENTRE_NUMBER, "88888", reason="Moved", actor="a", now=NOW
    )
    records.decide_correction(session, sitting.id, refused.id, confirmed=False, actor="b", now=NOW)
    assert {line.centre_number for line in records.register(session, sitting.id)} == {""}
    with pytest.raises(RegisterRefused, match="on this register already"):
        records.ask_correction(
            session, sitting.id, "1005", CorrectionField.CANDIDATE_NUMBER, "1006", reason="x", actor="a", now=NOW
        )


def test_seats_are_one_persons_each_and_booklets_give_covers(session: Session, sitting: Sitting) -> None:
    seats = {"1010": 1, "1001": 2}
    records.seat_candidates(session, sitting.id, seats, actor="officer", now=NOW)
    seated = records.seated(records.register(session, sitting.id))
    assert [line.candidate_number for line in seated][:3] == ["1010", "1001", "1002"]
    for wrong in ({"1002": 1}, {"1002": 0}, {"7777": 3}):
        with pytest.raises(RegisterRefused):
            records.seat_candidates(session, sitting.id, wrong, actor="officer", now=NOW)
    records.count_booklets(session, sitting.id, {"1002": 2}, actor="officer", now=NOW)
    covers = records.covers(session, sitting.id, candidate_number="1002")
    assert [(cover.number, cover.of) for cover in covers] == [(1, 2), (2, 2)]
    assert len(records.covers(session, sitting.id)) == 11


@pytest.mark.fault("att:I03")
def test_a_plan_is_made_again_until_a_packet_is_sealed_and_then_changed_by_hand(
    session: Session, sitting: Sitting
) -> None:
    other = session.scalars(select(Sitting).where(Sitting.centre_number == "99998")).one()
    (elsewhere,) = records.make_packets(session, other.id, actor="officer", now=NOW)
    made = records.make_packets(session, sitting.id, actor="officer", now=NOW, capacity=5)
    assert records.make_packets(session, sitting.id, actor="officer", now=NOW, capacity=2) == made
    made = records.make_packets(session, sitting.id, actor="officer", now=NOW, capacity=4, again=True)
    assert [len(packet.candidate_numbers) for packet in made] == [4, 4, 2]
    made = records.make_packets(session, sitting.id, actor="officer", now=NOW, capacity=5, again=True)
    assert [len(packet.candidate_numbers) for packet in made] == [5, 5]
    assert session.scalars(select(Script.packet_id).where(Script.sitting_id == sitting.id)).all().count(None) == 0
    first, second = made
    records.move_to_packet(session, sitting.id, "1001", second.id)
    assert (len(first.candidate_numbers), "1001" in second.candidate_numbers) == (4, True)
    with pytest.raises(PlanRefused, match="One component to an envelope"):
        records.move_to_packet(session, sitting.id, "1001", elsewhere.id)
    seal(session, first)
    with pytest.raises(PlanRefused, match="sealed"):
        records.make_packets(session, sitting.id, actor="officer", now=NOW, capacity=2, again=True)
    with pytest.raises(PlanRefused, match="sealed"):
        records.move_to_packet(session, sitting.id, "1001", first.id)
    third = records.add_packet(session, sitting.id, ["1001"], actor="officer", now=NOW)
    assert (third.number, first.of, second.of) == (3, 3, 3)
    with pytest.raises(PlanRefused, match="sealed"):
        records.add_packet(session, sitting.id, ["1002"], actor="officer", now=NOW)
    mark(session, sitting, c1006=A, c1002=A)
    assert "1006" not in second.candidate_numbers
    assert "1002" in first.candidate_numbers
    records.mark_register(
        session, sitting.id, {"9001": P}, actor="officer", now=NOW, added=[Addition("9001", "OTHER", "Late")]
    )
    assert records.unpacked(session, sitting.id) == ["9001"]
    mark(session, sitting, c1007=P)
    records.explain(session, sitting.id, "1007", Explanation.SPECIAL_ARRANGEMENTS, actor="officer", now=NOW)
    assert "1007" not in second.candidate_numbers


def test_a_printed_label_never_serves_another_plan(session: Session, sitting: Sitting) -> None:
    records.make_packets(session, sitting.id, actor="officer", now=NOW, capacity=5)
    faces = records.label_faces(session, sitting.id)
    records.print_labels(session, sitting.id, faces, actor="officer", now=NOW)
    records.print_labels(session, sitting.id, records.label_faces(session, sitting.id), actor="officer", now=NOW)
    assert [(one.number, one.copy) for one in records.label_prints(session, sitting.id)].count((1, 2)) == 1
    old = {face.label.payload for face in faces}
    records.make_packets(session, sitting.id, actor="officer", now=NOW, capacity=4, again=True)
    records.make_packets(session, sitting.id, actor="officer", now=NOW, capacity=5, again=True)
    new = records.label_faces(session, sitting.id)
    assert not old & {face.label.payload for face in new}
    assert {(face.label.issue, face.is_emergency, face.printed) for face in new} == {(2, False, 0)}
    known = set(session.scalars(select(PacketLabelRow.payload)))
    assert old <= known, "a label on paper is known, and void, for as long as its packet is"


def test_an_emergency_label_is_asked_for_from_the_day_of_the_rule_and_answered_once(
    session: Session, sitting: Sitting
) -> None:
    (packet,) = records.make_packets(session, sitting.id, actor="officer", now=NOW)
    early = NOW - timedelta(days=4)
    with pytest.raises(LabelRefused, match="from 12 May 2026"):
        records.ask_label(session, packet.id, reason="Torn", actor="officer", now=early)
    with pytest.raises(RegisterRefused):
        records.ask_label(session, packet.id, reason=" ", actor="officer", now=NOW)
    asked = records.ask_label(session, packet.id, reason="Torn", actor="officer", now=NOW)
    assert asked.due_at - asked.asked_at == timedelta(hours=12)
    with pytest.raises(LabelRefused, match="asked for already"):
        records.ask_label(session, packet.id, reason="Torn", actor="officer", now=NOW)
    assert [one.id for one, _, _ in records.waiting_label_requests(session)] == [asked.id]
    with pytest.raises(RegisterRefused):
        records.answer_label_request(session, asked.id, issued=False, answer="", actor="desk", now=NOW)
    records.answer_label_request(session, asked.id, issued=True, answer="", actor="desk", now=NOW)
    (face,) = records.label_faces(session, sitting.id)
    assert (face.label.issue, face.is_emergency, face.label.payload) == (2, True, asked.payload)
    with pytest.raises(LabelRefused, match="answered already"):
        records.answer_label_request(session, asked.id, issued=True, answer="", actor="desk", now=NOW)
    with pytest.raises(PlanRefused, match="emergency"):
        records.make_packets(session, sitting.id, actor="officer", now=NOW, capacity=2, again=True)
    assert records.waiting_label_requests(session) == []
    packet.state = str(PacketState.COLLECTED)
    with pytest.raises(LabelRefused, match="collected"):
        records.ask_label(session, packet.id, reason="Torn", actor="officer", now=NOW)


def test_labels_of_a_body_that_says_so_are_printed_from_its_day(session: Session) -> None:
    records.open_component(
        session, series_key="70-6A26", component_code="7517/1", held_on=ON, session_of_day="PM",
        entered={"99999": TEN}, now=NOW,
    )  # fmt: skip
    sitting = session.scalars(select(Sitting).where(Sitting.series_key == "70-6A26")).one()
    records.make_packets(session, sitting.id, actor="officer", now=NOW)
    faces = records.label_faces(session, sitting.id)
    with pytest.raises(LabelRefused, match="from 8 May 2026"):
        records.print_labels(session, sitting.id, faces, actor="officer", now=NOW - timedelta(days=8))
    records.print_labels(session, sitting.id, faces, actor="officer", now=NOW - timedelta(days=7))


def test_capacities_are_data_of_a_body_and_of_a_component(session: Session) -> None:
    assert records.capacity_of(session, "01-6A26", "H446/01") == 25
    records.set_capacity(session, "01", "", 30, actor="officer", now=NOW)
    records.set_capacity(session, "01", "H446/01", 12, actor="officer", now=NOW)
    records.set_capacity(session, "01", "H446/01", 10, actor="officer", now=NOW)
    found = [records.capacity_of(session, "01-6A26", paper) for paper in ("H446/01", "H446/02")]
    assert found == [10, 30]
    assert records.capacity_of(session, "70-6A26", "H446/01") == 25
    assert len(records.capacities(session)) == 2
