"""Which scripts travel in which packet, and what is printed for them: labels, cover sheets and answer pages."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from moderation.entries import Series
from repository import access, audit, people
from repository.access import Action
from repository.acts.cases import actor_of
from repository.acts.sittings import permitted
from repository.audit import Context
from repository.errors import FieldRefused, NotFound
from scripts import records
from scripts.bodies import BodyRules, packaged, rules_of
from scripts.errors import PacketUnknown
from scripts.labels import COMPONENT, PacketLabel, PageCode
from scripts.records import LabelFace
from scripts.tables import EnvelopeCapacity, LabelPrint, LabelRequest, Packet, RegisterLine, Sitting

if TYPE_CHECKING:
    from scripts.sheets import LabelPaper

PAGES_LIMIT = 64
"""Answer pages that are printed for one candidate at a time."""


@dataclass(frozen=True, slots=True)
class PlanView:
    """The plan of a sitting's packets, with its labels, what was printed, and what the awarding body asks."""

    sitting: Sitting
    packets: tuple[Packet, ...]
    unpacked: tuple[str, ...]
    lines: tuple[RegisterLine, ...]
    faces: Mapping[str, LabelFace]
    prints: tuple[LabelPrint, ...]
    requests: tuple[LabelRequest, ...]
    rules: BodyRules
    capacity: int
    people: Mapping[str, str]

    @property
    def sealed(self) -> frozenset[str]:
        """Return the packets that are sealed, by id: nothing in them can be changed."""
        return frozenset(packet.id for packet in self.packets if records.is_sealed(packet))

    @property
    def unprinted(self) -> int:
        """Return how many labels in force were never printed."""
        return sum(1 for face in self.faces.values() if not face.printed)

    @property
    def waiting(self) -> frozenset[str]:
        """Return the packets for which an emergency label is asked, by id."""
        return frozenset(one.packet_id for one in self.requests if one.decision is None)


def show(session: Session, context: Context, sitting_id: str) -> PlanView:
    """Return the packet plan of a sitting."""
    sitting = permitted(session, context, Action.SITTING_READ, sitting_id)
    prints = records.label_prints(session, sitting_id)
    requests = records.label_requests(session, [sitting_id])
    ids = {one.printed_by for one in prints} | {one.asked_by for one in requests}
    return PlanView(
        sitting,
        tuple(records.packets(session, sitting_id)),
        tuple(records.unpacked(session, sitting_id)),
        tuple(records.register(session, sitting_id)),
        {face.packet_id: face for face in records.label_faces(session, sitting_id)},
        tuple(prints),
        tuple(requests),
        rules_of(Series.from_key(sitting.series_key).awarding_body),
        records.capacity_of(session, sitting.series_key, sitting.component_code),
        people.names_of(session, ids | {one.decided_by or "" for one in requests}),
    )


def make_packets(
    session: Session, context: Context, sitting_id: str, capacity: int | None = None, *, again: bool = False
) -> tuple[Packet, ...]:
    """Plan packets for the candidates whose scripts will travel, and issue their labels.

    Takes: ``capacity``: scripts in one envelope; None for the awarding body's; ``again``: plan anew.
    Raises: ``PlanRefused`` once a packet is sealed.
    """
    sitting = permitted(session, context, Action.PACKET_WRITE, sitting_id)
    capacity = capacity or records.capacity_of(session, sitting.series_key, sitting.component_code)
    made = records.make_packets(
        session, sitting_id, actor=actor_of(context).person_id, now=context.now, capacity=capacity, again=again
    )
    audit.record(session, context, Action.PACKET_WRITE, "sitting", sitting_id, packets=len(made), again=again)
    return tuple(made)


def move_scripts(
    session: Session, context: Context, sitting_id: str, candidate_numbers: Collection[str], packet_id: str | None
) -> Packet:
    """Put scripts into another packet of the plan, or into one packet more; all of them or none.

    Takes: ``packet_id``: where they go; None for a new packet.
    Returns: the packet that they are in.
    Raises: ``PlanRefused``; ``FieldRefused`` for nobody.
    """
    permitted(session, context, Action.PACKET_WRITE, sitting_id)
    if not candidate_numbers:
        raise FieldRefused("Choose whose scripts to move.", field="candidates")
    if packet_id is None:
        actor = actor_of(context).person_id
        packet = records.add_packet(session, sitting_id, candidate_numbers, actor=actor, now=context.now)
    else:
        for number in candidate_numbers:
            packet = records.move_to_packet(session, sitting_id, number, packet_id)
    audit.record(
        session,
        context,
        "packet.move",
        "sitting",
        sitting_id,
        packet=packet.number,
        scripts=len(candidate_numbers),
        new=packet_id is None,
    )
    return packet


def label_payloads(session: Session, context: Context, sitting_id: str) -> tuple[PacketLabel, ...]:
    """Return the labels of a sitting's packets."""
    permitted(session, context, Action.SITTING_READ, sitting_id)
    return tuple(records.labels(session, sitting_id))


def labels(session: Session, context: Context, sitting_id: str, packet_id: str | None = None) -> bytes:
    """Return packet labels as a PDF: of one packet, or those never printed, or all when every one was.

    Each printing is recorded; a label that is printed again says so on its paper.
    Raises: ``NotFound``; ``LabelRefused`` before the day from which the awarding body lets labels be printed.
    """
    permitted(session, context, Action.PACKET_WRITE, sitting_id)
    faces = records.label_faces(session, sitting_id)
    if packet_id is not None:
        faces = [face for face in faces if face.packet_id == packet_id]
    else:
        faces = [face for face in faces if not face.printed] or faces
    if not faces:
        raise NotFound("There are no packets yet. Make the packets first.")
    records.print_labels(session, sitting_id, faces, actor=actor_of(context).person_id, now=context.now)
    again = sum(1 for face in faces if face.printed)
    audit.record(session, context, "labels.print", "sitting", sitting_id, labels=len(faces), again=again)
    from scripts import sheets  # a PDF library that few requests need

    return sheets.labels_pdf([_paper(face) for face in faces])


def _paper(face: LabelFace) -> LabelPaper:
    from scripts.sheets import LabelPaper  # a PDF library that few requests need

    belongs = ""
    if face.first > 1:
        which = f"packet {face.first} only" if face.first == face.last else f"packets {face.first} to {face.last}"
        belongs = f"This sitting: {which}"
    return LabelPaper(
        face.label,
        face.candidates,
        f"{face.held_on.day} {face.held_on:%B %Y} {face.session_of_day}",
        belongs,
        face.is_emergency,
        face.printed + 1,
    )


def covers(session: Session, context: Context, sitting_id: str, candidate_number: str | None = None) -> bytes:
    """Return cover sheets as a PDF: one for each booklet, of everybody or of one candidate."""
    sitting = permitted(session, context, Action.PACKET_WRITE, sitting_id)
    found = records.covers(session, sitting_id, candidate_number=candidate_number)
    if not found:
        raise NotFound("Nobody is listed in this sitting.")
    from scripts import sheets

    return sheets.covers_pdf(found, series=Series.from_key(sitting.series_key).title)


def answer_pages(
    session: Session,
    context: Context,
    sitting_id: str,
    candidate_numbers: Sequence[str],
    *,
    booklet: int,
    pages: int,
    lined: bool,
) -> bytes:
    """Return coded answer pages as a PDF, for word-processed or scribed work and to go on writing on.

    Raises: ``FieldRefused`` for somebody who is not on the register.
    """
    sitting = permitted(session, context, Action.PACKET_WRITE, sitting_id)
    on = {line.candidate_number for line in records.register(session, sitting_id)}
    unknown = sorted(set(candidate_numbers) - on)
    if unknown or not candidate_numbers:
        raise FieldRefused("Choose candidates who are on the register.", field="candidate_number")
    codes = [
        PageCode(sitting.centre_number, number, sitting.component_code, booklet, page, pages)
        for number in candidate_numbers
        for page in range(1, pages + 1)
    ]
    audit.record(session, context, "answer_pages.print", "sitting", sitting_id, pages=len(codes))
    from scripts import sheets

    return sheets.answer_sheets_pdf(codes, series=Series.from_key(sitting.series_key).title, lined=lined)


# Emergency labels


@dataclass(frozen=True, slots=True)
class AskedLabel:
    """An emergency label that a centre waits for."""

    request: LabelRequest
    packet: Packet
    sitting: Sitting


def ask_label(session: Session, context: Context, sitting_id: str, packet_id: str, reason: str) -> LabelRequest:
    """Ask the awarding body for an emergency label, with a reason.

    Raises: ``NotFound`` for a packet of another sitting; ``LabelRefused`` before the body takes such requests.
    """
    permitted(session, context, Action.PACKET_WRITE, sitting_id)
    if packet_id not in {packet.id for packet in records.packets(session, sitting_id)}:
        raise NotFound
    made = records.ask_label(session, packet_id, reason=reason, actor=actor_of(context).person_id, now=context.now)
    audit.record(session, context, "label.ask", "sitting", sitting_id, request=made.id)
    return made


def asked_labels(session: Session, context: Context) -> tuple[AskedLabel, ...]:
    """Return the emergency labels that wait for an answer, the most urgent first."""
    access.require(actor_of(context), Action.LABEL_ISSUE)
    return tuple(AskedLabel(*one) for one in records.waiting_label_requests(session))


def answer_label(session: Session, context: Context, request_id: str, *, issued: bool, answer: str) -> LabelRequest:
    """Issue an emergency label that was asked for, or refuse it with a reason."""
    access.require(actor_of(context), Action.LABEL_ISSUE)
    try:
        found = records.answer_label_request(
            session, request_id, issued=issued, answer=answer, actor=actor_of(context).person_id, now=context.now
        )
    except PacketUnknown as error:
        raise NotFound from error
    audit.record(session, context, "label.issue", "label_request", request_id, decision=found.decision or "")
    return found


# How many scripts go into one envelope


def set_capacity(
    session: Session, context: Context, awarding_body: str, component_code: str, capacity: int
) -> EnvelopeCapacity:
    """Set how many scripts go into one envelope of an awarding body, or of one of its components."""
    access.require(actor_of(context), Action.SITTING_OPEN)
    if not re.fullmatch(r"[0-9A-Z]{2}", awarding_body):
        raise FieldRefused("An awarding body is two characters, such as 01.", field="body")
    if component_code and COMPONENT.fullmatch(component_code) is None:
        raise FieldRefused("A component code is at most 12 letters, digits, / or -.", field="component")
    made = records.set_capacity(
        session, awarding_body, component_code, capacity, actor=actor_of(context).person_id, now=context.now
    )
    subject = f"{awarding_body}/{component_code or '*'}"
    audit.record(session, context, "envelope.capacity", "awarding_body", subject, capacity=capacity)
    return made


@dataclass(frozen=True, slots=True)
class Capacities:
    """What goes into one envelope: as the packaged rules say, and as officers have set it."""

    packaged: tuple[BodyRules, ...]
    chosen: tuple[EnvelopeCapacity, ...]


def capacities(session: Session, context: Context) -> Capacities:
    """Return every capacity that holds somewhere, for who may set it; nothing for others who issue labels."""
    actor = actor_of(context)
    access.require(actor, Action.LABEL_ISSUE)
    if access.scope_of(actor, Action.SITTING_OPEN) is None:
        return Capacities((), ())
    return Capacities(tuple(packaged().values()), tuple(records.capacities(session)))
