from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from scripts import records
from scripts.despatch_log import (
    Booking,
    Entry,
    LogSheet,
    check_booking,
    clock_behind,
    happened_at,
    read_entry,
    scheduled_weeks,
)
from scripts.despatch_sheet import ROWS_A_PAGE, log_pdf
from scripts.errors import DespatchRefused, EntryWaits, EventConflict, LabelUnknown, ScriptsError, TrackingNumberRefused
from scripts.reconciliation import RegisterState
from scripts.records import despatch_log
from scripts.records.despatch_log import Recorded, Sent
from scripts.tables import DespatchEntryRow, PacketEventRow, ScriptCase, Sitting

from .test_records import NOW, opened, session

__all__ = ["session"]
NUMBERS = [f"{number}" for number in range(1001, 1007)]


@pytest.fixture
def labels(session: Session) -> list[str]:
    """Two packets of three and two scripts: of six entered, the last was absent."""
    return planned(session)


def planned(session: Session) -> list[str]:
    sitting = opened(session)
    marks = dict.fromkeys(NUMBERS, RegisterState.PRESENT) | {"1006": RegisterState.ABSENT}
    records.mark_register(session, sitting.id, marks, actor="exams officer", now=NOW)
    records.make_packets(session, sitting.id, capacity=3, actor="exams officer", now=NOW)
    return [label.payload for label in records.labels(session, sitting.id)]


def sealing(label: str, name: str = "seal-0001", **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "kind": "sealed",
        "occurred_at": "2026-06-08T12:00:00+01:00",
        "label": label,
        "script_count": 3,
        "sealed_by": "A. Officer",
        "witnessed_by": "B. Witness",
        "storage_location": "Safe",
    } | more


def hand_over(*labels: str, name: str = "hand-0001", **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "kind": "handed_over",
        "occurred_at": "2026-06-08T12:50:00+01:00",
        "collection": "scheduled",
        "signed_as": "paper",
        "driver_name": "C. Driver",
        "packets": [{"label": label, "script_count": 3} for label in labels],
    } | more


def send(session: Session, said: dict[str, Any], at: datetime = NOW, **more: Any) -> Recorded:
    given: dict[str, Any] = {
        "centre_number": "99999", "device": "phone-1", "sent_at": at, "received_at": at, "actor": "p1", "source": "phone",
    }  # fmt: skip
    return despatch_log.record_entry(session, read_entry(said), Sent(**(given | more)))


def picture_of(session: Session) -> tuple[Any, ...]:
    """What the log amounts to, whatever way it came."""
    packets = [
        (packet.number, packet.state, packet.logged_count, packet.collected_at)
        for sitting in session.scalars(select(Sitting))
        for packet in records.packets(session, sitting.id)
    ]
    events = sorted(session.scalars(select(PacketEventRow.id)))
    cases = sorted((case.kind, case.subject) for case in session.scalars(select(ScriptCase)))
    return tuple(packets), tuple(events), tuple(cases)


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"id": "short"}, DespatchRefused, "id"),
        ({"script_count": "3"}, DespatchRefused, "script_count"),
        ({"script_count": 1000}, DespatchRefused, "script_count"),
        ({"script_count": None}, DespatchRefused, "script_count"),
        ({"witnessed_by": "a. officer"}, DespatchRefused, "witnessed_by"),
        ({"sealed_by": ""}, DespatchRefused, "sealed_by"),
        ({"storage_location": " "}, DespatchRefused, "storage_location"),
        ({"occurred_at": "2026-06-08T12:00:00"}, DespatchRefused, "occurred_at"),
        ({"occurred_at": "yesterday"}, DespatchRefused, "occurred_at"),
        ({"kind": "eaten"}, DespatchRefused, "kind"),
        ({"remarks": "a\x00b"}, DespatchRefused, "remarks"),
        ({"register_enclosed": "yes"}, DespatchRefused, "register_enclosed"),
    ],
)
def test_a_sealing_that_no_paper_could_hold_names_its_field(
    changes: dict[str, Any], error: type[ScriptsError], field: str
) -> None:
    with pytest.raises(error) as refused:
        read_entry(sealing("SL1|99999|6A26|H446/01|1/2|1|DA13", **changes))
    assert refused.value.facts["field"] == field


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"packets": []}, DespatchRefused),
        ({"packets": [{"label": "L"}, {"label": "L"}]}, DespatchRefused),
        ({"collection": "ad_hoc"}, DespatchRefused),
        ({"driver_name": ""}, DespatchRefused),
        ({"collection": "post"}, DespatchRefused),
        ({"signed_as": "proof"}, DespatchRefused),
        ({"packets": [{"label": "L", "tracking_number": "RR473124828GB"}]}, TrackingNumberRefused),
        ({"packets": "all"}, DespatchRefused),
    ],
)
def test_a_hand_over_that_cannot_be_is_refused(changes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        read_entry(hand_over("L", **changes))


def test_a_day_gives_packed_logged_and_collected(session: Session, labels: list[str]) -> None:
    assert send(session, sealing(labels[0])).notes == ()
    done = send(session, sealing(labels[1], "seal-0002", script_count=2))
    assert done.notes == ()
    proved = send(session, hand_over(*labels)).proved
    assert [line.label for line, _ in proved] == labels
    packets, _, cases = picture_of(session)
    assert [(state, count) for _, state, count, _ in packets] == [("collected", 3), ("collected", 3)]
    assert cases == ()


def test_the_log_is_the_same_in_any_order_and_however_often(session: Session, labels: list[str]) -> None:
    day = [sealing(labels[0]), sealing(labels[1], "seal-0002"), hand_over(*labels)]
    found = set()
    for order in itertools.permutations(day):
        with session.begin_nested() as point:
            for turn, said in enumerate((*order, *reversed(order))):
                assert send(session, said, NOW + timedelta(minutes=turn)).is_repeat is (turn >= len(day))
            found.add(picture_of(session))
            point.rollback()
    assert len(found) == 1


def test_an_id_is_for_one_entry_only(session: Session, labels: list[str]) -> None:
    send(session, sealing(labels[0]))
    with pytest.raises(EventConflict):
        send(session, sealing(labels[0], script_count=2))
    with pytest.raises(EventConflict):
        send(session, sealing(labels[0]), centre_number="99998")
    assert session.scalar(select(func.count()).select_from(DespatchEntryRow)) == 1


def test_a_packet_of_another_centre_is_of_nobody(session: Session, labels: list[str]) -> None:
    with pytest.raises(LabelUnknown):
        send(session, sealing(labels[0]), centre_number="99998")
    with pytest.raises(LabelUnknown):
        send(session, sealing("SL1|99999|6A26|H446/01|1/2|1|DA13"[:-4] + "0000"))


def test_a_count_that_is_not_the_register_s_is_kept_and_becomes_a_case(session: Session, labels: list[str]) -> None:
    assert "count_differs_without_remark" in send(session, sealing(labels[0], script_count=2)).notes
    (case,) = session.scalars(select(ScriptCase)).all()
    assert (case.kind, case.subject, case.state) == ("log_count_differs", "packet:1", "open")
    assert case.details == {"expected": 3, "logged": 2}


def test_nothing_is_compared_before_the_register_is_complete(session: Session) -> None:
    sitting = opened(session)
    records.make_packets(session, sitting.id, capacity=6, actor="exams officer", now=NOW)
    (label,) = records.labels(session, sitting.id)
    assert send(session, sealing(label.payload)).notes == ("register_not_complete",)
    assert session.scalars(select(ScriptCase)).all() == []


def test_two_phones_that_seal_one_packet_are_both_kept_and_become_a_case(session: Session, labels: list[str]) -> None:
    send(session, sealing(labels[0]))
    assert "sealed_twice" in send(session, sealing(labels[0], "seal-0009"), device="phone-2").notes
    (case,) = session.scalars(select(ScriptCase)).all()
    assert case.details == {"entries": ["seal-0001", "seal-0009"]}
    assert session.scalar(select(func.count()).select_from(DespatchEntryRow)) == 2


def test_a_correction_is_an_entry_of_its_own(session: Session, labels: list[str]) -> None:
    send(session, sealing(labels[0], script_count=2, remarks="one short"))
    with pytest.raises(EntryWaits):
        send(session, sealing(labels[0], "seal-0003", corrects="seal-0099"))
    assert send(session, sealing(labels[0], "seal-0003", corrects="seal-0001")).notes == ()
    (history,) = (records.packet_history(session, packet.id) for packet in packets_one(session))
    assert history.logged_count == 3
    assert [event.kind for event in history.timeline] == ["packed", "withdrawn", "packed"]


def packets_one(session: Session) -> list[Any]:
    (sitting,) = session.scalars(select(Sitting)).all()
    return records.packets(session, sitting.id)[:1]


def test_a_corrected_hand_over_takes_back_what_it_told_of(session: Session, labels: list[str]) -> None:
    send(session, hand_over(*labels))
    send(session, hand_over(labels[0], name="hand-0002", corrects="hand-0001"))
    packets, _, cases = picture_of(session)
    assert [state for _, state, _, _ in packets] == ["collected", "label_issued"]
    assert cases == ()


def test_nothing_is_collected_before_somebody_signed(session: Session, labels: list[str]) -> None:
    glass = hand_over(labels[0], signed_as="glass")
    assert "signature_to_come" in send(session, glass).notes
    assert "not_signed" in send(session, hand_over(labels[1], name="hand-0002", signed_as="")).notes
    assert [state for _, state, _, _ in picture_of(session)[0]] == ["logged", "logged"]
    assert [line.label for line, _ in despatch_log.sign(session, "hand-0001", now=NOW + timedelta(hours=1))] == [
        labels[0]
    ]
    assert despatch_log.sign(session, "hand-0001", now=NOW + timedelta(hours=2)) == ()
    assert despatch_log.sign(session, "hand-0002", now=NOW) == ()
    assert [state for _, state, _, _ in picture_of(session)[0]] == ["collected", "logged"]


def test_what_is_posted_counts_packet_by_packet(session: Session, labels: list[str]) -> None:
    packets = [{"label": labels[0], "proof_of_posting": "P123"}, {"label": labels[1]}]
    done = send(session, hand_over(collection="post", signed_as="", driver_name="", packets=packets))
    assert [line.label for line, _ in done.proved] == [labels[0]]
    assert [state for _, state, _, _ in picture_of(session)[0]] == ["collected", "logged"]


def test_no_sample_travels_under_the_free_service_s_label(session: Session, labels: list[str]) -> None:
    session.scalars(select(Sitting)).one().purpose = "sample"
    with session.begin_nested() as point:
        with pytest.raises(DespatchRefused):
            send(session, hand_over(labels[0]))
        point.rollback()
    white = [{"label": labels[0], "label_kind": "white"}]
    assert send(session, hand_over(packets=white)).proved


def test_a_phone_whose_clock_is_wrong_is_put_right_and_both_are_kept(session: Session, labels: list[str]) -> None:
    said = sealing(labels[0], occurred_at=(NOW - timedelta(hours=2)).isoformat())
    send(session, said, sent_at=NOW - timedelta(hours=1))
    row = session.get_one(DespatchEntryRow, "seal-0001")
    (event,) = session.scalars(select(PacketEventRow)).all()
    assert (row.occurred_at, row.clock_behind_seconds) == (NOW - timedelta(hours=2), 3600)
    assert event.occurred_at == NOW - timedelta(hours=1)
    assert event.details["device_clock"] == row.occurred_at.isoformat()


def test_the_clock_of_a_phone_is_believed_where_the_way_explains_the_difference() -> None:
    assert clock_behind(NOW - timedelta(seconds=90), NOW) == timedelta()
    assert clock_behind(NOW + timedelta(hours=1), NOW) == timedelta(hours=-1)
    assert happened_at(NOW + timedelta(hours=2), timedelta(hours=-1), NOW) == NOW


@pytest.mark.parametrize(("lead", "allowed"), [(23.9, False), (24, True), (336, True), (336.1, False)])
def test_a_collection_is_booked_a_day_to_a_fortnight_ahead(lead: float, allowed: bool) -> None:
    booking = Booking(NOW + timedelta(hours=lead), "REF1")
    if allowed:
        check_booking(booking, NOW)
        return
    with pytest.raises(DespatchRefused):
        check_booking(booking, NOW)


def test_a_week_with_sittings_on_three_days_has_a_daily_collection() -> None:
    three = [date(2026, 6, 8), date(2026, 6, 8), date(2026, 6, 10), date(2026, 6, 12)]
    assert scheduled_weeks(three) == {date(2026, 6, 8)}
    assert scheduled_weeks(three[:3]) == frozenset()
    assert scheduled_weeks([date(2026, 11, day) for day in (9, 10, 11)]) == frozenset()


def test_the_same_words_give_the_same_hash_whatever_their_order() -> None:
    said = sealing("SL1|99999|6A26|H446/01|1/2|1|DA13")
    assert read_entry(said).sha256 == read_entry(dict(reversed(said.items()))).sha256
    assert isinstance(read_entry(said), Entry)


def test_the_paper_log_prints_every_packet_and_room_to_write() -> None:
    rows = tuple(("08/06/26 AM", "H446/01", f"{number} of 13") for number in range(1, ROWS_A_PAGE + 2))
    sheet = LogSheet("Centre 99999", "8 June 2026", "0800 000 000", rows, "Courier", "", "Parcelforce", "C. Driver")
    pages = words_of(log_pdf(sheet))
    assert len(pages) == 2
    assert "13 of 13" in pages[1]
    assert all("0800 000 000" in page and "Driver’s signature" in page for page in pages)
    assert len(words_of(log_pdf(LogSheet("Centre 99999", "", "", ())))) == 1
    assert log_pdf(sheet) == log_pdf(sheet)


def words_of(pdf: bytes) -> list[str]:
    import pypdfium2

    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)]


@pytest.mark.postgres
def test_two_phones_at_the_same_moment_are_both_kept(migrated_postgres_url: str) -> None:
    engine = create_engine(migrated_postgres_url)
    with Session(engine) as session:
        labels = planned(session)
        session.commit()
    for label in labels:
        together = Barrier(2)

        def seal(name: str, label: str = label, together: Barrier = together) -> None:
            with Session(engine) as session:
                together.wait(10)
                send(session, sealing(label, name))
                session.commit()

        with ThreadPoolExecutor(2) as phones:
            list(phones.map(seal, [f"first-{label[-4:]}", f"other-{label[-4:]}"]))
    with Session(engine) as session:
        kinds = list(session.scalars(select(ScriptCase.kind).where(ScriptCase.kind == "sealed_twice")))
        assert (len(list(session.scalars(select(DespatchEntryRow)))), len(kinds)) == (4, 2)
    engine.dispose()
