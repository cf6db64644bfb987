"""Parcels of postal samples, kept as packets of a sitting whose register is the list of the sampled candidates.

There is one such sitting for a component at a centre in a series, whatever its parcels: a label's code says packet n of
0, because nobody knows how many there will be when the first is packed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import Series
from scripts import records
from scripts.errors import DespatchRefused, RegisterRefused
from scripts.labels import CANDIDATE, PacketLabel
from scripts.parcels import OVER, SHORT, OpenedParcel, differences
from scripts.reconciliation import RegisterState
from scripts.records.cases import answer
from scripts.records.script_events import ScriptEvent, record_script_events
from scripts.tables import Packet, PacketLabelRow, RegisterLine, Script, ScriptCase, Sitting
from scripts.tracking import (
    PACKET_ORDER,
    SCRIPT_TRANSITIONS,
    EventKind,
    PacketEvent,
    PacketState,
    ScriptState,
)

FOUND = "candidates_found"
"""In the details of the event by which the moderator opened a parcel: whose work was inside."""


def sample_sitting(session: Session, series_key: str, centre_number: str, component_code: str) -> Sitting | None:
    """Return the sitting that holds the parcels of a component at a centre; None before the first is packed."""
    return session.scalar(
        select(Sitting).where(
            Sitting.series_key == series_key,
            Sitting.centre_number == centre_number,
            Sitting.component_code == component_code,
            Sitting.purpose == "sample",
        )
    )


def open_sample(
    session: Session,
    *,
    series_key: str,
    centre_number: str,
    component_code: str,
    due_on: date,
    candidate_numbers: Iterable[str],
    now: datetime,
) -> Sitting:
    """Open the sitting of a postal sample, or write more candidates on its register when more work was asked for.

    Takes: ``due_on``, the day by which the sample is to be sent.
    Raises: ``RegisterRefused`` for a number that is not a candidate's.
    """
    numbers = sorted(set(candidate_numbers))
    if not all(CANDIDATE.fullmatch(number) for number in numbers):
        raise RegisterRefused("A candidate number is four digits.")
    sitting = sample_sitting(session, series_key, centre_number, component_code)
    if sitting is None:
        sitting = Sitting(
            series_key=series_key,
            centre_number=centre_number,
            component_code=component_code,
            held_on=due_on,
            session_of_day="AM",
            opened_at=now,
            purpose="sample",
        )
        session.add(sitting)
        session.flush()
    known = {line.candidate_number for line in records.register(session, sitting.id)}
    for number in numbers:
        if number not in known:
            line = RegisterLine(sitting_id=sitting.id, candidate_number=number, state=RegisterState.UNMARKED)
            script = Script(sitting_id=sitting.id, candidate_number=number, state=ScriptState.EXPECTED)
            session.add_all((line, script))
    session.flush()
    return sitting


def pack_parcel(
    session: Session, sitting: Sitting, candidate_numbers: Collection[str], *, event_id: str, actor: str, now: datetime
) -> Packet:
    """Pack the works of candidates as the next parcel of a sample: it gets a label, and is counted.

    Takes: ``event_id``: the idempotency key of the packing.
    Raises: ``RegisterRefused`` for a candidate who is not of the sample, or an empty parcel.
    """
    number = len(records.packets(session, sitting.id)) + 1
    packet = Packet(
        sitting_id=sitting.id,
        number=number,
        of=0,
        issue=1,
        state=str(PacketState.LABEL_ISSUED),
        side_states=[],
        candidate_numbers=[],
    )
    session.add(packet)
    session.flush()
    series = Series.from_key(sitting.series_key).label
    label = PacketLabel(sitting.centre_number, series, sitting.component_code, number, 0)
    session.add(PacketLabelRow(payload=label.payload, packet_id=packet.id, issue=1, issued_at=now, issued_by=actor))
    session.flush()
    return _sealed(session, sitting, packet, candidate_numbers, event_id, actor, now)


def repack_parcel(
    session: Session,
    sitting: Sitting,
    packet: Packet,
    candidate_numbers: Collection[str],
    *,
    event_id: str,
    actor: str,
    now: datetime,
) -> Packet:
    """Change what is inside a parcel that was not posted yet; its label stays.

    Raises: ``DespatchRefused`` once it was posted; ``RegisterRefused`` as for packing.
    """
    if PACKET_ORDER.index(PacketState(packet.state)) >= PACKET_ORDER.index(PacketState.LOGGED):
        raise DespatchRefused("This parcel was posted. Pack another one for what is still to be sent.")
    return _sealed(session, sitting, packet, candidate_numbers, event_id, actor, now)


def _sealed(
    session: Session,
    sitting: Sitting,
    packet: Packet,
    candidate_numbers: Collection[str],
    event_id: str,
    actor: str,
    now: datetime,
) -> Packet:
    inside = set(candidate_numbers)
    lines = {line.candidate_number: line for line in records.register(session, sitting.id)}
    before = {
        number: other.id
        for other in records.packets(session, sitting.id)
        if other.id != packet.id
        for number in other.candidate_numbers
    }
    if not inside or not inside <= lines.keys():
        raise RegisterRefused("A parcel holds work of the sampled candidates, and of at least one.")
    for script in records.scripts_of(session, sitting.id):
        line = lines[script.candidate_number]
        if script.candidate_number in inside:
            script.packet_id = packet.id
            if line.state != RegisterState.PRESENT:
                line.state, line.marked_by, line.marked_at = str(RegisterState.PRESENT), actor, now
        elif script.packet_id == packet.id:
            script.packet_id = before.get(script.candidate_number)
            if script.packet_id is None:
                line.state, line.marked_by, line.marked_at = str(RegisterState.UNMARKED), actor, now
    packet.candidate_numbers = sorted(inside)
    session.flush()
    records.record_event(
        session,
        PacketEvent(
            id=event_id,
            label=records.current_label(session, packet).payload,
            kind=EventKind.PACKED,
            occurred_at=now,
            received_at=now,
            actor=actor,
            place=f"centre {sitting.centre_number}",
            source="page",
            details={"script_count": len(inside)},
        ),
    )
    return packet


def unpack_parcel(
    session: Session, packet: Packet, found: Collection[str], *, event_id: str, actor: str, place: str, now: datetime
) -> Packet:
    """Record that the moderator opened a parcel and whose work was inside; a parcel that nobody recorded arrived now too.

    Takes: ``found``: the candidates whose work was inside, readable or not.
    Raises: what ``record_event`` raises.
    """
    label = records.current_label(session, packet).payload
    event = {"label": label, "occurred_at": now, "received_at": now, "actor": actor, "place": place, "source": "page"}
    if packet.received_at is None:
        records.record_event(session, PacketEvent(id=f"{event_id}:received", kind=EventKind.RECEIVED, **event))  # type: ignore[arg-type]
    details = {"script_count": len(set(found)), FOUND: sorted(set(found))}
    records.record_event(session, PacketEvent(id=event_id, kind=EventKind.OPENED, details=details, **event))  # type: ignore[arg-type]
    moved: list[ScriptEvent] = []
    for script in records.scripts_of(session, packet.sitting_id):
        if script.candidate_number in found and ScriptState.RECEIVED in SCRIPT_TRANSITIONS[ScriptState(script.state)]:
            # Who opened the parcel saw whose work it is: it is received, and it is matched to its candidate.
            for state in (ScriptState.RECEIVED, ScriptState.INDEXED):
                about = {"packet": packet.number}
                moved.append(ScriptEvent(script.id, str(state), now, now, actor, place, about, "page", state=state))
    record_script_events(session, moved)
    session.flush()
    return packet


def settle_parcels(
    session: Session, sitting_id: str, *, settled: Collection[str], now: datetime, due_at: datetime | None = None
) -> list[ScriptCase]:
    """Open a case for every opened parcel that held too little or too much; one whose difference is gone is answered.

    Takes: ``settled``: candidates whose work is here by another way, or explained; ``due_at``, of a new case.
    Returns: the cases that stand.
    """
    bags = {packet.number: packet for packet in records.packets(session, sitting_id)}
    wanted = differences(_opened(session, bags.values()), settled)
    for case in wanted:
        records.open_case(
            session,
            sitting_id,
            case.kind,
            case.subject,
            now=now,
            packet=bags[case.packet_number or 0],
            due_at=due_at,
            details={"candidates": list(case.candidate_numbers), "count": case.count},
        )
    named = {(case.kind, case.subject) for case in wanted}
    of_sitting = records.cases(session, sitting_id)
    gone = [one for one in of_sitting if one.kind in {SHORT, OVER} and (one.kind, one.subject) not in named]
    answer(session, gone, now=now)
    return [case for case in of_sitting if case.state == "open"]


def _opened(session: Session, bags: Iterable[Packet]) -> list[OpenedParcel]:
    found = []
    for packet in bags:
        timeline = records.packet_history(session, packet.id).timeline
        taken_back = {one.corrects_id for one in timeline}
        opened = [one for one in timeline if one.kind is EventKind.OPENED and one.id not in taken_back]
        told = [one.details[FOUND] for one in opened if FOUND in one.details]
        if told:
            numbers = told[-1] if isinstance(told[-1], list) else []
            inside = frozenset(packet.candidate_numbers)
            found.append(OpenedParcel(packet.number, inside, frozenset(map(str, numbers))))
    return found
