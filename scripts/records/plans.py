"""The packet plan of a sitting: which scripts travel in which envelope, and the labels of the envelopes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete, exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moderation.entries import Series
from scripts.bodies import rules_of
from scripts.errors import LabelRefused, PlanRefused
from scripts.labels import PacketLabel
from scripts.packets import DEFAULT_CAPACITY, first_free_number, plan_packets, require_room_on_label
from scripts.reconciliation import RegisterState
from scripts.records.custody import current_label, packets
from scripts.records.sittings import hold_sitting, register, scripts_of
from scripts.tables import (
    EnvelopeCapacity,
    LabelPrint,
    LabelRequest,
    Packet,
    PacketLabelRow,
    RegisterLine,
    Sitting,
)
from scripts.tracking import PacketState


def capacity_of(session: Session, series_key: str, component_code: str) -> int:
    """Return how many scripts go into one envelope: as set for the component, for the body, or by the body's rules.

    Source: project policy: boards say only "not overfilled", so the figure is data.
    """
    body = Series.from_key(series_key).awarding_body
    query = select(EnvelopeCapacity).where(
        EnvelopeCapacity.awarding_body == body, EnvelopeCapacity.component_code.in_(("", component_code))
    )
    found = sorted(session.scalars(query), key=lambda row: row.component_code, reverse=True)
    return found[0].capacity if found else rules_of(body).envelope_capacity


def set_capacity(
    session: Session, awarding_body: str, component_code: str, capacity: int, *, actor: str, now: datetime
) -> EnvelopeCapacity:
    """Set how many scripts go into one envelope of a body; of one component, or of all (an empty code)."""
    row = session.get(EnvelopeCapacity, (awarding_body, component_code))
    if row is None:
        row = EnvelopeCapacity(awarding_body=awarding_body, component_code=component_code)
        session.add(row)
    row.capacity, row.set_by, row.set_at = capacity, actor, now
    session.flush()
    return row


def capacities(session: Session) -> list[EnvelopeCapacity]:
    """Return every capacity that was set, by body and component."""
    order = EnvelopeCapacity.awarding_body, EnvelopeCapacity.component_code
    return list(session.scalars(select(EnvelopeCapacity).order_by(*order)))


def is_sealed(packet: Packet) -> bool:
    """Return whether something has happened to a packet: from then on its contents are what they are."""
    return packet.state != PacketState.LABEL_ISSUED


def travelling(lines: Iterable[RegisterLine]) -> list[str]:
    """Return whose scripts are to travel: everybody not absent, withdrawn or explained."""
    states = (RegisterState.UNMARKED, RegisterState.PRESENT)
    return [line.candidate_number for line in lines if line.state in states and not line.explained]


def unpacked(session: Session, sitting_id: str) -> list[str]:
    """Return whose scripts are to travel and are in no packet of the plan."""
    placed = {number for packet in packets(session, sitting_id) for number in packet.candidate_numbers}
    return [number for number in travelling(register(session, sitting_id)) if number not in placed]


def make_packets(
    session: Session,
    sitting_id: str,
    *,
    actor: str,
    now: datetime,
    capacity: int = DEFAULT_CAPACITY,
    again: bool = False,
) -> list[Packet]:
    """Plan the packets of a sitting and issue a label for each; where that was done before, return what was made.

    Takes: ``capacity``: scripts in one envelope. Candidates absent, withdrawn or explained are left out; ``again``: plan
        anew, which is possible until the first packet is sealed. A label that was printed for another plan never serves
        the new one: its packet gets the next issue.
    Returns: the packets in number order; none when nobody's script will travel.
    Raises: ``SittingUnknown``, ``LabelRefused``; ``PlanRefused`` when a packet is sealed or an emergency label asked for.
    """
    sitting = hold_sitting(session, sitting_id)
    made = packets(session, sitting_id)
    if made and not again:
        return made
    if made:
        _require_open_plan(session, made)
    plan = plan_packets(travelling(register(session, sitting_id)), capacity=capacity)
    first = first_free_number(made[0].number if made else None, len(plan), _numbers_of_others(session, sitting))
    last = first + len(plan) - 1
    require_room_on_label(last)
    _drop(session, made[len(plan) :])
    _forget_labels(session, made[: len(plan)])
    session.flush()
    wanted = {script.candidate_number: script for script in scripts_of(session, sitting_id)}
    for script in wanted.values():
        script.packet_id = None
    for place, planned in enumerate(plan):
        packet = made[place] if place < len(made) else _new_packet(sitting_id)
        packet.number, packet.of, packet.candidate_numbers = first + place, last, list(planned.candidate_numbers)
        session.add(packet)
        session.flush()
        for number in planned.candidate_numbers:
            wanted[number].packet_id = packet.id
        label_packet(session, sitting, packet, actor=actor, now=now)
    session.flush()
    return packets(session, sitting_id)


def _new_packet(sitting_id: str) -> Packet:
    return Packet(sitting_id=sitting_id, issue=1, state=str(PacketState.LABEL_ISSUED), side_states=[])


def _require_open_plan(session: Session, made: Sequence[Packet]) -> None:
    sealed = [packet.number for packet in made if is_sealed(packet)]
    if sealed:
        raise PlanRefused(
            f"Packet {sealed[0]} is sealed already. Move single candidates, or add a packet, instead.", sealed=sealed
        )
    asked = select(LabelRequest.id).where(LabelRequest.packet_id.in_([packet.id for packet in made])).limit(1)
    if session.scalar(asked) is not None:
        raise PlanRefused(
            "An emergency label was asked for. Move single candidates, or add a packet, instead.", field="capacity"
        )


def _numbers_of_others(session: Session, sitting: Sitting) -> set[int]:
    """Return the numbers that labels of the same centre, series and component have in other sittings."""
    label = Series.from_key(sitting.series_key).label
    query = (
        select(Packet.number)
        .join(Sitting, Sitting.id == Packet.sitting_id)
        .where(
            Sitting.centre_number == sitting.centre_number,
            Sitting.component_code == sitting.component_code,
            Sitting.series_key.like(f"%-{label}"),
            Sitting.id != sitting.id,
        )
    )
    return set(session.scalars(query))


def _drop(session: Session, surplus: Sequence[Packet]) -> None:
    if not surplus:
        return
    ids = [packet.id for packet in surplus]
    try:
        with session.begin_nested():
            for script in scripts_of(session, surplus[0].sitting_id):
                if script.packet_id in ids:
                    script.packet_id = None
            session.flush()
            session.execute(delete(PacketLabelRow).where(PacketLabelRow.packet_id.in_(ids)))
            for packet in surplus:
                session.delete(packet)
            session.flush()
    except IntegrityError as cause:
        raise PlanRefused("A packet of the plan is in the despatch log already. Nothing was changed.") from cause


def _forget_labels(session: Session, made: Sequence[Packet]) -> None:
    """Take away labels that nobody printed; a printed one stays known, and void, under its earlier issue."""
    printed = exists().where(LabelPrint.payload == PacketLabelRow.payload)
    ids = [packet.id for packet in made]
    unused = PacketLabelRow.kind == "standard"
    session.execute(delete(PacketLabelRow).where(PacketLabelRow.packet_id.in_(ids), unused, ~printed))


def label_packet(
    session: Session, sitting: Sitting, packet: Packet, *, actor: str, now: datetime, kind: str = "standard"
) -> PacketLabel:
    """Issue the next label of a packet: the first issue of its number, or the one after every label ever printed for it.

    Raises: ``LabelRefused`` for more issues than a label can count.
    """
    series = Series.from_key(sitting.series_key).label
    issue = 1 + max(
        session.scalar(select(func.max(PacketLabelRow.issue)).where(PacketLabelRow.packet_id == packet.id)) or 0,
        _last_printed(session, sitting, packet.number),
    )
    label = PacketLabel(sitting.centre_number, series, sitting.component_code, packet.number, packet.of, issue=issue)
    if session.get(PacketLabelRow, label.payload) is not None:
        raise LabelRefused(
            f"The label of packet {packet.number} is another packet's already. Make the packets again.",
            label=label.payload,
        )
    session.add(
        PacketLabelRow(
            payload=label.payload, packet_id=packet.id, issue=issue, issued_at=now, issued_by=actor, kind=kind
        )
    )
    packet.issue = issue
    session.flush()
    return label


def _last_printed(session: Session, sitting: Sitting, number: int) -> int:
    query = select(func.max(LabelPrint.issue)).where(LabelPrint.sitting_id == sitting.id, LabelPrint.number == number)
    return session.scalar(query) or 0


def move_to_packet(session: Session, sitting_id: str, candidate_number: str, packet_id: str) -> Packet:
    """Put a candidate's script into another packet of the plan, by a person's decision.

    Returns: the packet that it is in now.
    Raises: ``PlanRefused`` for a packet of another sitting (one component to an envelope), a sealed one, one that would
        be left empty, or a candidate whose script does not travel.
    Source: OCR, https://www.ocr.org.uk/administration/general-qualifications/assessment/exams/send-scripts-for-marking/:
        one component per envelope even when the address is the same.
    """
    hold_sitting(session, sitting_id)
    own = packets(session, sitting_id)
    to = next((packet for packet in own if packet.id == packet_id), None)
    if to is None:
        raise PlanRefused(
            "That packet is of another sitting. One component to an envelope, even when the address is the same.",
            field="packet",
        )
    if candidate_number not in travelling(register(session, sitting_id)):
        raise PlanRefused(f"The script of candidate {candidate_number} does not travel.", field="candidate")
    source = next((packet for packet in own if candidate_number in packet.candidate_numbers), None)
    if source is to:
        return to
    for packet in (one for one in (source, to) if one is not None):
        if is_sealed(packet):
            raise PlanRefused(f"Packet {packet.number} is sealed. What is in it stays in it.", field="packet")
    if source is not None:
        if len(source.candidate_numbers) == 1:
            raise PlanRefused(f"Packet {source.number} would be empty. Make the packets again instead.", field="packet")
        source.candidate_numbers = [one for one in source.candidate_numbers if one != candidate_number]
    to.candidate_numbers = sorted([*to.candidate_numbers, candidate_number])
    _place(session, sitting_id, {candidate_number: to.id})
    return to


def add_packet(
    session: Session, sitting_id: str, candidate_numbers: Collection[str], *, actor: str, now: datetime
) -> Packet:
    """Make one packet more, with these candidates: who is in no packet yet, or in one that is not sealed.

    Labels that are printed stay in force and say the number of packets as it was; the log says it as it is.
    Raises: ``PlanRefused`` for nobody, somebody in a sealed packet or whose script does not travel, or a packet left empty.
    """
    sitting = hold_sitting(session, sitting_id)
    own = packets(session, sitting_id)
    chosen = sorted(set(candidate_numbers))
    if not chosen:
        raise PlanRefused("Choose whose scripts go into the new packet.", field="candidates")
    absent = sorted(set(chosen) - set(travelling(register(session, sitting_id))))
    if absent:
        raise PlanRefused(f"The script of candidate {absent[0]} does not travel.", field="candidates")
    for packet in own:
        taken = [number for number in packet.candidate_numbers if number in chosen]
        if taken and is_sealed(packet):
            raise PlanRefused(f"Packet {packet.number} is sealed. What is in it stays in it.", field="candidates")
        if taken and len(taken) == len(packet.candidate_numbers):
            raise PlanRefused(f"Packet {packet.number} would be empty. Leave somebody in it.", field="candidates")
        if taken:
            packet.candidate_numbers = [number for number in packet.candidate_numbers if number not in chosen]
    number = first_free_number(own[-1].number + 1 if own else None, 1, _numbers_of_others(session, sitting))
    require_room_on_label(number)
    made = _new_packet(sitting_id)
    made.number, made.of, made.candidate_numbers = number, number, chosen
    session.add(made)
    session.flush()
    _place(session, sitting_id, dict.fromkeys(chosen, made.id))
    for packet in own:
        packet.of = number
    _forget_labels(session, [packet for packet in own if not is_sealed(packet)])
    session.flush()
    for packet in (*own, made):
        if not _has_label(session, packet):
            label_packet(session, sitting, packet, actor=actor, now=now)
    return made


def _has_label(session: Session, packet: Packet) -> bool:
    in_force = PacketLabelRow.issue == packet.issue
    return (
        session.scalar(select(PacketLabelRow.payload).where(PacketLabelRow.packet_id == packet.id, in_force))
        is not None
    )


def _place(session: Session, sitting_id: str, packet_ids: dict[str, str]) -> None:
    for script in scripts_of(session, sitting_id):
        if script.candidate_number in packet_ids:
            script.packet_id = packet_ids[script.candidate_number]
    session.flush()


def leave_packets(session: Session, sitting_id: str, candidate_numbers: Collection[str]) -> None:
    """Take candidates whose scripts do not travel out of packets that are not sealed; a sealed one is as it is."""
    gone = set(candidate_numbers)
    left: set[str] = set()
    for packet in packets(session, sitting_id) if gone else []:
        if not is_sealed(packet) and gone & set(packet.candidate_numbers):
            packet.candidate_numbers = [number for number in packet.candidate_numbers if number not in gone]
            left.add(packet.id)
    for script in scripts_of(session, sitting_id) if left else []:
        if script.packet_id in left and script.candidate_number in gone:
            script.packet_id = None
    session.flush()


def labels(session: Session, sitting_id: str) -> list[PacketLabel]:
    """Return the label in force of each packet of a sitting, ready to print."""
    return [current_label(session, packet) for packet in packets(session, sitting_id)]
