"""The packet plan of a sitting: which scripts travel in which envelope, and the labels of the envelopes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from moderation.entries import Series
from scripts.errors import LabelRefused
from scripts.labels import PacketLabel
from scripts.packets import DEFAULT_CAPACITY, plan_packets
from scripts.reconciliation import RegisterState
from scripts.records.custody import current_label, get_packet, packets
from scripts.records.sittings import get_sitting, register, scripts_of
from scripts.tables import Packet, PacketLabelRow
from scripts.tracking import PacketState


def make_packets(
    session: Session, sitting_id: str, *, actor: str, now: datetime, capacity: int = DEFAULT_CAPACITY
) -> list[Packet]:
    """Plan the packets of a sitting and issue a label for each; where that was done before, return what was made.

    Takes: ``capacity``: scripts in one envelope. Candidates absent, withdrawn or explained are left out.
    Returns: the packets in number order; none when nobody's script will travel.
    Raises: ``SittingUnknown``, ``LabelRefused``.
    """
    sitting = get_sitting(session, sitting_id)
    made = packets(session, sitting_id)
    if made:
        return made
    travelling = [
        line.candidate_number
        for line in register(session, sitting_id)
        if line.state in (RegisterState.UNMARKED, RegisterState.PRESENT) and not line.explained
    ]
    known = {script.candidate_number: script for script in scripts_of(session, sitting_id)}
    series = Series.from_key(sitting.series_key).label
    for plan in plan_packets(travelling, capacity=capacity):
        packet = Packet(
            sitting_id=sitting_id,
            number=plan.number,
            of=plan.of,
            issue=1,
            state=str(PacketState.LABEL_ISSUED),
            side_states=[],
            candidate_numbers=list(plan.candidate_numbers),
        )
        session.add(packet)
        session.flush()
        label = PacketLabel(sitting.centre_number, series, sitting.component_code, plan.number, plan.of)
        _issue(session, packet, label, actor, now)
        for number in plan.candidate_numbers:
            known[number].packet_id = packet.id
    session.flush()
    return packets(session, sitting_id)


def _issue(session: Session, packet: Packet, label: PacketLabel, actor: str, now: datetime) -> None:
    if session.get(PacketLabelRow, label.payload) is not None:
        # Two sittings of one component in one series: the code alone could not tell their packets apart.
        raise LabelRefused("A label with this code has been issued for another sitting of this component.")
    session.add(
        PacketLabelRow(payload=label.payload, packet_id=packet.id, issue=label.issue, issued_at=now, issued_by=actor)
    )
    packet.issue = label.issue
    session.flush()


def labels(session: Session, sitting_id: str) -> list[PacketLabel]:
    """Return the label in force of each packet of a sitting, ready to print."""
    return [current_label(session, packet) for packet in packets(session, sitting_id)]


def issue_emergency_label(session: Session, packet_id: str, *, actor: str, now: datetime) -> PacketLabel:
    """Issue the next label of a packet, for one use; once it arrives, the earlier label is void.

    Raises: ``PacketUnknown``, ``LabelRefused``.
    """
    packet = get_packet(session, packet_id)
    label = current_label(session, packet).reissued()
    _issue(session, packet, label, actor, now)
    return label
