"""Acts on parcels of postal samples: packed as packets, with the labels, the events and the cases of all paper.

A sample never travels by the free yellow-label service, which is for unmarked work only.
Source: https://www.gov.uk/government/publications/dispatch-of-exam-scripts-yellow-label-service.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import Series, SubmissionMode
from moderation.errors import IllegalTransition, UnknownSampleItem, WrongSubmissionMode
from moderation.records.cases import CaseView
from moderation.records.marking import worklist
from moderation.records.postal import consignments_of
from moderation.records.samples import SampleView, sample_of
from moderation.records.tracking import track
from moderation.submission import WORK_EXPECTED, CaseState
from moderation.tables import ModerationCase
from moderation.working_days import LONDON
from repository import audit
from repository.access import Action, scope_of
from repository.acts.cases import actor_of, permitted
from repository.acts.parcel_views import Parcel, in_custody, links_of, of_case, packets_of
from repository.audit import Context
from repository.errors import FieldRefused, NotFound
from repository.tables import SamplePacket, new_id
from scripts import records
from scripts.despatch import CollectionKind, DespatchLine, LabelKind, require_label_kind
from scripts.errors import LabelUnknown
from scripts.labels import ScriptCover
from scripts.records import parcels as packed
from scripts.tables import Packet, Sitting

MODERATOR = "moderator"
"""Where a parcel is when the moderator has it: a moderator reads at home, and no address is kept here."""


@dataclass(frozen=True, slots=True)
class Posting:
    """How a parcel was posted: sealed before a witness, under the white label, with proof of posting."""

    proof_of_posting_number: str
    sealed_by: str
    witnessed_by: str
    tracking_number: str = ""
    label_kind: LabelKind = LabelKind.WHITE


def pack(session: Session, context: Context, case_id: str, items: Collection[str], packet_id: str | None = None) -> str:
    """Pack the works of sampled candidates as one parcel, or change what is in one that was not posted yet.

    Returns: the packet's id.
    Raises: ``FieldRefused`` for an empty parcel or a work that is in another one; ``UnknownSampleItem``;
    ``WrongSubmissionMode``; ``IllegalTransition`` when no work is expected; ``DespatchRefused`` once it was posted.
    """
    case = permitted(session, context, Action.CONSIGNMENT_DESPATCH, case_id)
    if case.submission_mode != SubmissionMode.POSTAL:
        raise WrongSubmissionMode
    if not items:
        raise FieldRefused("Tick the candidates whose work is in the parcel.", field="items")
    if case.state not in WORK_EXPECTED:
        raise IllegalTransition("No work is expected for this sample now.", state=case.state)
    session.get_one(ModerationCase, case_id, with_for_update=True)  # two people may pack at once; each gets a number
    sample = sample_of(session, case_id)
    inside = _numbers(sample, items)
    if not inside:
        raise FieldRefused("Tick the candidates whose work is in the parcel.", field="items")
    packet = None if packet_id is None else _packet_of_case(session, case_id, packet_id)
    _require_free(session, case_id, inside, packet)
    sitting = packed.open_sample(
        session,
        series_key=case.series_key,
        centre_number=case.centre_number,
        component_code=case.component_code,
        due_on=sample.due_at.astimezone(LONDON).date(),
        candidate_numbers=[item.candidate_number for item in sample.items if not item.is_replaced],
        now=context.now,
    )
    actor, event_id = actor_of(context).person_id, new_id()
    if packet is None:
        packet = packed.pack_parcel(session, sitting, inside, event_id=event_id, actor=actor, now=context.now)
        session.add(SamplePacket(packet_id=packet.id, case_id=case_id))
        session.flush()
    else:
        packed.repack_parcel(session, sitting, packet, inside, event_id=event_id, actor=actor, now=context.now)
    audit.record(session, context, "parcel.pack", "packet", packet.id, works=len(inside))
    return packet.id


def post(session: Session, context: Context, packet_id: str, posting: Posting) -> None:
    """Record in the log of custody that a packed parcel was handed to the post; the act around it makes the consignment.

    Raises: ``DespatchRefused`` for another label than the white one, without proof of posting or a second person.
    """
    require_label_kind(posting.label_kind, externally_marked=False)
    if session.get_one(SamplePacket, packet_id, with_for_update=True).consignment_id is not None:
        raise IllegalTransition("This parcel was posted before.")
    packet = records.get_packet(session, packet_id)
    line = DespatchLine(
        label=records.current_label(session, packet).payload,
        script_count=len(packet.candidate_numbers),
        collection=CollectionKind.POST,
        sealed_by=posting.sealed_by,
        witnessed_by=posting.witnessed_by,
        label_kind=posting.label_kind,
        tracking_number=posting.tracking_number,
        proof_of_posting=posting.proof_of_posting_number,
    )
    sitting = records.get_sitting(session, packet.sitting_id)
    records.despatch(
        session,
        line,
        event_id=new_id(),
        occurred_at=context.now,
        now=context.now,
        actor=actor_of(context).person_id,
        place=f"centre {sitting.centre_number}",
    )


def contents(session: Session, case_id: str, packet_id: str) -> tuple[str, ...]:
    """Return the sample items whose work a packed parcel holds; raises ``NotFound`` for one that is not of the case."""
    packet = _packet_of_case(session, case_id, packet_id)
    numbers = set(packet.candidate_numbers)
    return tuple(
        item.item_id
        for item in sample_of(session, case_id).items
        if item.candidate_number in numbers and not item.is_replaced
    )


def joined(session: Session, packet_id: str, consignment_id: str) -> None:
    """Keep which consignment a packet was posted as."""
    session.get_one(SamplePacket, packet_id).consignment_id = consignment_id
    session.flush()


def label_pdf(session: Session, context: Context, case_id: str, packet_id: str) -> bytes:
    """Return the label of a parcel as a PDF: the code that the moderator scans, and the same in words."""
    permitted(session, context, Action.CONSIGNMENT_DESPATCH, case_id)
    label = records.current_label(session, _packet_of_case(session, case_id, packet_id))
    audit.record(session, context, "labels.print", "packet", packet_id)
    from scripts import sheets  # a PDF library that few requests need

    return sheets.labels_pdf([label])


def covers_pdf(session: Session, context: Context, case_id: str, packet_id: str) -> bytes:
    """Return a cover sheet for the work of every candidate in a parcel as a PDF."""
    permitted(session, context, Action.CONSIGNMENT_DESPATCH, case_id)
    packet = _packet_of_case(session, case_id, packet_id)
    sitting = records.get_sitting(session, packet.sitting_id)
    covers = [ScriptCover(sitting.centre_number, number, sitting.component_code) for number in packet.candidate_numbers]
    from scripts import sheets

    return sheets.covers_pdf(
        covers,
        series=Series.from_key(sitting.series_key).title,
        heading="Work for moderation",
        title="Cover sheets of work for moderation",
    )


def arrived(session: Session, context: Context, label: str, event_id: str) -> str:
    """Record that the parcel with this label is with the moderator, unopened; the same again changes nothing.

    Takes: ``label``, scanned or typed; ``event_id``, the idempotency key.
    Returns: the case's id.
    Raises: ``FieldRefused`` for a label of no parcel on its way to this moderator.
    """
    written = "".join(label.split()).upper()
    with in_custody(session):
        try:
            packet = records.packet_of_label(session, written)
        except LabelUnknown as error:
            raise FieldRefused(f"{_NO_PARCEL} {error.detail}", field="label") from error
        link = session.get(SamplePacket, packet.id)
    if link is None or link.consignment_id is None:
        raise FieldRefused(_NO_PARCEL, field="label")
    try:
        permitted(session, context, Action.CONSIGNMENT_RECEIVE, link.case_id)
    except NotFound as error:
        raise FieldRefused(_NO_PARCEL, field="label") from error
    with in_custody(session):
        before = records.packet_history(session, packet.id).received_at
        if before is None:
            records.receive(
                session,
                written,
                event_id=event_id,
                occurred_at=context.now,
                now=context.now,
                actor=actor_of(context).person_id,
                place=MODERATOR,
            )
    audit.record(session, context, "parcel.arrived", "packet", packet.id, repeated=before is not None)
    return link.case_id


@dataclass(frozen=True, slots=True)
class Awaited:
    """A parcel that was posted to a moderator and not opened yet."""

    case: CaseView
    parcel: Parcel


def on_their_way(session: Session, context: Context) -> tuple[Awaited, ...]:
    """Return the parcels that were posted to this moderator and not opened yet, by centre and component."""
    actor = actor_of(context)
    if scope_of(actor, Action.CONSIGNMENT_RECEIVE) is None:
        raise NotFound
    found = []
    for line in worklist(session, actor.person_id, context.now):
        case = line.case
        if case.submission_mode == SubmissionMode.POSTAL and case.state == CaseState.DESPATCHED:
            sent = [one for one in consignments_of(session, case.case_id) if one.received_at is None]
            parcels = of_case(session, case, sent, context.now)
            found += [Awaited(case, one) for one in parcels if one.is_posted]
    return tuple(found)


_NO_PARCEL = (
    "No parcel that is on its way to you has this label. Look at the code under the bars; nothing was recorded."
)


def opened(session: Session, context: Context, consignment_id: str, found_items: Collection[str]) -> None:
    """Record for custody that a parcel was opened and whose work was inside; a parcel from before labels has no custody.

    Takes: ``found_items``, the sample items whose work was inside, readable or not.
    """
    link = session.scalar(select(SamplePacket).where(SamplePacket.consignment_id == consignment_id))
    if link is None:
        return
    numbers = {item.item_id: item.candidate_number for item in sample_of(session, link.case_id).items}
    found = {numbers[item_id] for item_id in found_items}
    actor = actor_of(context).person_id
    with in_custody(session):
        packet = records.get_packet(session, link.packet_id)
        packed.unpack_parcel(
            session,
            packet,
            found,
            event_id=f"opened:{consignment_id}",
            actor=actor,
            place=MODERATOR,
            now=context.now,
        )


def settle(session: Session, context: Context, case_id: str) -> None:
    """Open a case for what was not in a parcel, and answer those whose work came or is explained since."""
    with in_custody(session):
        sittings = _sittings(session, case_id)
    if not sittings:
        return
    tracked = track(session, case_id, {}, (), context.now)
    here = {one.item.candidate_number for one in tracked.items if one.standing.is_settled}
    with in_custody(session):
        for sitting in sittings:
            packed.settle_parcels(session, sitting.id, settled=here, now=context.now)


def _sittings(session: Session, case_id: str) -> list[Sitting]:
    packets = select(SamplePacket.packet_id).where(SamplePacket.case_id == case_id)
    of = select(Packet.sitting_id).where(Packet.id.in_(packets))
    return list(session.scalars(select(Sitting).where(Sitting.id.in_(of))))


def _packet_of_case(session: Session, case_id: str, packet_id: str) -> Packet:
    link = session.get(SamplePacket, packet_id)
    if link is None or link.case_id != case_id:
        raise NotFound
    return records.get_packet(session, packet_id)


def _numbers(sample: SampleView, items: Collection[str]) -> set[str]:
    known = {item.item_id: item.candidate_number for item in sample.items if not item.is_replaced}
    if not set(items) <= known.keys():
        raise UnknownSampleItem("The contents list must name works of this sample, and at least one.")
    return {known[item_id] for item_id in items}


def _require_free(session: Session, case_id: str, inside: Collection[str], own: Packet | None) -> None:
    waiting = {row.packet_id: None for row in links_of(session, case_id) if row.consignment_id is None}
    for other in packets_of(session, waiting):
        both = sorted(set(other.candidate_numbers) & set(inside))
        if both and (own is None or other.id != own.id):
            raise FieldRefused(
                f"The work of candidate {both[0]} is packed in parcel {other.number} already. Change that parcel first.",
                field="items",
            )
