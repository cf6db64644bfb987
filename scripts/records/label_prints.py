"""Labels on paper: every printing of one, and emergency labels, asked for with a reason and issued for a single use."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.entries import Series
from scripts.bodies import rules_of
from scripts.errors import LabelRefused, PacketUnknown
from scripts.labels import PacketLabel, read_code
from scripts.packets import candidate_range
from scripts.records.custody import get_packet, packets
from scripts.records.plans import label_packet
from scripts.records.sittings import get_sitting
from scripts.registers import require_reason
from scripts.tables import LabelPrint, LabelRequest, Packet, PacketLabelRow, Sitting
from scripts.tracking import PACKET_ORDER, PacketState


@dataclass(frozen=True, slots=True)
class LabelFace:
    """A label in force with what its paper says: the packet's place, whose scripts, how often it was printed."""

    label: PacketLabel
    packet_id: str
    kind: str
    candidates: str
    held_on: date
    session_of_day: str
    first: int
    last: int
    printed: int
    printed_at: datetime | None

    @property
    def is_emergency(self) -> bool:
        """Return whether it is an emergency label: for one packet, one time."""
        return self.kind == "emergency"


def label_faces(session: Session, sitting_id: str) -> list[LabelFace]:
    """Return the labels in force of a sitting, in packet order."""
    sitting, own = get_sitting(session, sitting_id), packets(session, sitting_id)
    rows = session.scalars(select(PacketLabelRow).where(PacketLabelRow.packet_id.in_([one.id for one in own])))
    known = {(row.packet_id, row.issue): row for row in rows}
    prints = _prints(session, sitting_id)
    faces = []
    for packet in own:
        row = known.get((packet.id, packet.issue))
        code = read_code(row.payload) if row is not None else None
        if row is None or not isinstance(code, PacketLabel):
            continue
        times, last_at = prints.get(row.payload, (0, None))
        faces.append(
            LabelFace(
                code,
                packet.id,
                row.kind,
                candidate_range(packet.candidate_numbers),
                sitting.held_on,
                sitting.session_of_day,
                own[0].number,
                own[-1].number,
                times,
                last_at,
            )
        )
    return faces


def _prints(session: Session, sitting_id: str) -> Mapping[str, tuple[int, datetime | None]]:
    query = (
        select(LabelPrint.payload, func.count(), func.max(LabelPrint.printed_at))
        .where(LabelPrint.sitting_id == sitting_id)
        .group_by(LabelPrint.payload)
    )
    return {payload: (count, at) for payload, count, at in session.execute(query)}


def print_labels(
    session: Session, sitting_id: str, faces: Sequence[LabelFace], *, actor: str, now: datetime
) -> list[LabelFace]:
    """Record that labels are printed, by whom and when, and that this is a copy where it is one.

    Raises: ``LabelRefused`` before the first day on which the awarding body lets labels be printed.
    Source: AQA, Send scripts for marking: printable from 7 days before, never photocopied.
    """
    sitting = get_sitting(session, sitting_id)
    first_day = rules_of(Series.from_key(sitting.series_key).awarding_body).labels_from(sitting.held_on)
    if first_day is not None and now.date() < first_day:
        raise LabelRefused(
            f"Labels of this exam can be printed from {first_day.day} {first_day:%B %Y}.", field="labels"
        )
    for face in faces:
        session.add(
            LabelPrint(
                sitting_id=sitting_id,
                payload=face.label.payload,
                number=face.label.number,
                issue=face.label.issue,
                copy=face.printed + 1,
                printed_at=now,
                printed_by=actor,
            )
        )
    session.flush()
    return list(faces)


def label_prints(session: Session, sitting_id: str) -> list[LabelPrint]:
    """Return every printing of labels of a sitting, newest first."""
    query = select(LabelPrint).where(LabelPrint.sitting_id == sitting_id)
    return list(session.scalars(query.order_by(LabelPrint.printed_at.desc(), LabelPrint.number)))


# Emergency labels


def ask_label(session: Session, packet_id: str, *, reason: str, actor: str, now: datetime) -> LabelRequest:
    """Ask the awarding body for an emergency label of a packet, saying why.

    Raises: ``LabelRefused`` before the day on which the body takes such requests, while one waits, or for a packet that has
        been collected already; ``RegisterRefused`` without a reason.
    Source: OCR, https://www.ocr.org.uk/administration/general-qualifications/assessment/exams/send-scripts-for-marking/:
        no labels three days before the exam, then ask online; answered within 12 hours.
    """
    packet = get_packet(session, packet_id)
    sitting = get_sitting(session, packet.sitting_id)
    rules = rules_of(Series.from_key(sitting.series_key).awarding_body)
    first_day = rules.emergency_from(sitting.held_on)
    require_reason(reason)
    if first_day is not None and now.date() < first_day:
        raise LabelRefused(
            f"An emergency label of this exam can be asked for from {first_day.day} {first_day:%B %Y}. "
            "Until then the ordinary labels may still come.",
            field="reason",
        )
    if PACKET_ORDER.index(PacketState(packet.state)) >= PACKET_ORDER.index(PacketState.COLLECTED):
        raise LabelRefused(f"Packet {packet.number} has been collected. It needs no other label.", field="reason")
    if _waiting(session, packet.id) is not None:
        raise LabelRefused(f"An emergency label of packet {packet.number} is asked for already.", field="reason")
    made = LabelRequest(
        packet_id=packet.id,
        reason=reason.strip(),
        asked_by=actor,
        asked_at=now,
        due_at=now + timedelta(hours=rules.emergency_hours),
    )
    session.add(made)
    session.flush()
    return made


def _waiting(session: Session, packet_id: str) -> LabelRequest | None:
    query = select(LabelRequest).where(LabelRequest.packet_id == packet_id, LabelRequest.decision.is_(None))
    return session.scalars(query).first()


def get_label_request(session: Session, request_id: str) -> LabelRequest:
    """Return a request for an emergency label; raises ``PacketUnknown``."""
    found = session.get(LabelRequest, request_id)
    if found is None:
        raise PacketUnknown("There is no such request.")
    return found


def answer_label_request(
    session: Session, request_id: str, *, issued: bool, answer: str, actor: str, now: datetime
) -> LabelRequest:
    """Issue the emergency label that was asked for, or refuse it with a reason.

    Raises: ``PacketUnknown``; ``LabelRefused`` for a request that is answered; ``RegisterRefused`` for no reason.
    """
    found = get_label_request(session, request_id)
    if found.decision is not None:
        raise LabelRefused("This request is answered already.")
    if issued:
        found.payload = issue_emergency_label(session, found.packet_id, actor=actor, now=now).payload
    else:
        require_reason(answer)
    found.decision = "issued" if issued else "refused"
    found.answer, found.decided_by, found.decided_at = answer.strip(), actor, now
    session.flush()
    return found


def issue_emergency_label(session: Session, packet_id: str, *, actor: str, now: datetime) -> PacketLabel:
    """Issue the next label of a packet, for one use; once it arrives, the earlier label is void.

    Raises: ``PacketUnknown``, ``LabelRefused``.
    """
    packet = get_packet(session, packet_id)
    sitting = get_sitting(session, packet.sitting_id)
    return label_packet(session, sitting, packet, actor=actor, now=now, kind="emergency")


def label_requests(session: Session, sitting_ids: Collection[str]) -> list[LabelRequest]:
    """Return every request for an emergency label of some sittings, the most urgent first."""
    query = select(LabelRequest).join(Packet, Packet.id == LabelRequest.packet_id)
    query = query.where(Packet.sitting_id.in_(sitting_ids)).order_by(LabelRequest.due_at, LabelRequest.id)
    return list(session.scalars(query))


def waiting_label_requests(session: Session) -> list[tuple[LabelRequest, Packet, Sitting]]:
    """Return requests that wait for an answer, with the packet and the sitting, the most urgent first."""
    query = (
        select(LabelRequest, Packet, Sitting)
        .join(Packet, Packet.id == LabelRequest.packet_id)
        .join(Sitting, Sitting.id == Packet.sitting_id)
        .where(LabelRequest.decision.is_(None))
        .order_by(LabelRequest.due_at, LabelRequest.id)
    )
    return [(one, packet, sitting) for one, packet, sitting in session.execute(query)]
