"""Acts of tracking: what carriers, hubs and scanning sites say of packets, one by one or many at a time.

Everything goes through one door (``record_many``): a page's form, the station's queue, a program's batch, a carrier's file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import access, audit
from repository.access import Action
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.errors import FieldRefused
from scripts import records
from scripts.despatch import read_tracking_number
from scripts.errors import EventRefused, LabelUnknown, ScriptsError, TrackingNumberRefused
from scripts.records import Outcome, Recorded
from scripts.tables import Packet, PacketEventRow, Site, Sitting
from scripts.tracking import PACKET_RANK, EventKind, PacketEvent, PacketState, SideState, clock_note

BATCH_LIMIT = 1_000
"""So many events one request sends at most."""
RECEIVED = "received"
OPENED = "opened"
LABEL_LIMIT, NUMBER_LIMIT = 80, 40
"""Characters that a label, and a carrier's number, may have."""
FOUND_LIMIT = 200
"""Characters that say what was found in a packet."""
SENDABLE = frozenset(EventKind) - {
    EventKind.LABEL_ISSUED,
    EventKind.PACKED,
    EventKind.LOGGED,
    EventKind.RECONCILED,
    EventKind.CLOSED,
}
"""What trackers may say: the centre's log and our decisions are made elsewhere."""
ODD_WORDS: Mapping[str, str] = {
    SideState.DAMAGED: "It is damaged.",
    SideState.OPENED_IN_TRANSIT: "It was opened on the way.",
    SideState.WRONG_COMPONENT: "Scripts of another component were in it.",
    SideState.PACKET_IN_PACKET: "Another packet was in it.",
    SideState.DUPLICATE_LABEL: "A second label of this packet has arrived, or it arrived at two sites.",
    SideState.MISROUTED: "It belongs to another site.",
    SideState.LOST: "It had been reported lost.",
}
"""What a person at a station is told of a packet that has to be looked at; each has a case."""
LOOK_AT = frozenset(ODD_WORDS)
_OF_CENTRE = frozenset({EventKind.LABEL_ISSUED, EventKind.PACKED, EventKind.LOGGED})
_FOUND = frozenset({EventKind.WRONG_COMPONENT, EventKind.PACKET_IN_PACKET})
_NAMES = UUID("5a1b6a0e-3f0f-4f9b-9a40-0d6c4f1a7f34")
"""The name space of ids that are made from what a sender says."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a sender says of one event; nothing of it is believed yet.

    Takes: ``label`` as scanned, or the carrier's ``tracking_number``; ``site``, the code of one of ours, or ``place`` in
        words; ``second_operator``, or ``camera``: who, or what, watched when a packet was opened; ``found``: what was in it
        that should not be.
    """

    event_id: str
    kind: str
    label: str = ""
    tracking_number: str = ""
    occurred_at: datetime | None = None
    site: str = ""
    place: str = ""
    script_count: int | None = None
    second_operator: str = ""
    camera: str = ""
    found: str = ""
    corrects_id: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one event for one packet; ``line`` says which of those that were sent.

    ``waiting``: numbers of the packets of the same sitting that have not arrived; ``clock``: what is wrong with the clock
    of the device, if anything.
    """

    line: int
    event_id: str
    outcome: Outcome
    reason: str = ""
    error: ScriptsError | None = None
    packet: Packet | None = None
    sitting: Sitting | None = None
    before: str = ""
    same_as: str = ""
    waiting: tuple[int, ...] = ()
    clock: str = ""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What scanning a label did."""

    packet: Packet
    sitting: Sitting
    was_known: bool


def record(
    session: Session,
    context: Context,
    *,
    event_id: str,
    label: str,
    kind: str,
    occurred_at: datetime,
    place: str,
    script_count: int | None = None,
    second_operator: str = "",
) -> Scanned:
    """Record one thing that happened to a packet; the same event again changes nothing.

    Takes: ``event_id``, the idempotency key; ``second_operator``, who counted too when a packet is opened.
    Raises: ``LabelUnknown``; ``EventConflict`` when the id belongs to another event; ``FieldRefused``.
    """
    sent = Sent(
        event_id,
        kind,
        label,
        occurred_at=occurred_at,
        place=place,
        script_count=script_count,
        second_operator=second_operator,
    )
    done = record_one(session, context, sent, source="page")
    return scanned(done)


def sites(session: Session, context: Context) -> tuple[Site, ...]:
    """Return the sites of ours that are in use, by name: where a station can be."""
    access.require(actor_of(context), Action.TRACKING_EVENT)
    return tuple(session.scalars(select(Site).where(Site.is_active).order_by(Site.name, Site.code)))


def scanned(done: Done) -> Scanned:
    """Return what an event did; raises the fault why it was not recorded."""
    if done.error is not None:
        raise done.error
    if done.packet is None or done.sitting is None:
        raise LabelUnknown
    return Scanned(done.packet, done.sitting, done.outcome is Outcome.REPEAT)


def record_one(session: Session, context: Context, sent: Sent, *, source: str) -> Done:
    """Record one event and return what became of it; raises ``FieldRefused`` for one that no sender may send."""
    if sent.kind not in {str(kind) for kind in SENDABLE}:
        raise FieldRefused(f"The kind of event is one of {', '.join(sorted(SENDABLE))}.", field="kind")
    if sent.kind == OPENED and (sent.script_count is None or not (sent.second_operator or sent.camera)):
        raise FieldRefused("A packet is opened by two people who count the scripts.", field="script_count")
    return record_many(session, context, [sent], source=source)[0]


def record_many(
    session: Session, context: Context, sent: Sequence[Sent], *, source: str, told_by: str = ""
) -> list[Done]:
    """Record events, each once, in whatever order they come; a bad one never blocks the others.

    Takes: ``source``: ``page``, ``scanner``, ``api`` or ``csv``; ``told_by``: whose word it is, where it is not that of who
        sends it: a carrier's.
    Returns: what became of each, in the order in which they were sent; one for each packet where a tracking number
        stands for several.
    Raises: ``FieldRefused`` for more than 1,000 at once.
    """
    actor = actor_of(context)
    access.require(actor, Action.TRACKING_EVENT)
    if len(sent) > BATCH_LIMIT:
        raise FieldRefused(f"Send at most {BATCH_LIMIT:,} events at once.", field="events")
    known = {site.code: site for site in session.scalars(select(Site))}
    travelling = _travelling(session, sent)
    fixed = _fixed(session, sent)
    events: list[PacketEvent] = []
    lines: list[int] = []
    refused: dict[int, ScriptsError] = {}
    for line, one in enumerate(sent):
        try:
            made = _events(one, told_by or actor.person_id, context.now, source, known, travelling, fixed)
        except ScriptsError as error:
            refused[line] = error
            continue
        events += made
        lines += [line] * len(made)
    recorded = records.record_events(session, events)
    sittings = _sittings(session, recorded)
    waiting = _waiting(session, recorded)
    done = [_refusal(line, sent[line], error) for line, error in refused.items()]
    for line, event, result in zip(lines, events, recorded, strict=True):
        done.append(_done(line, sent[line].event_id, event, result, sittings, waiting))
    done.sort(key=lambda one: one.line)
    _audit(session, context, sent, done, source)
    return done


def _refusal(line: int, sent: Sent, error: ScriptsError) -> Done:
    outcome = Outcome.UNKNOWN_LABEL if isinstance(error, LabelUnknown) else Outcome.REFUSED
    return Done(line, sent.event_id, outcome, error.detail, error)


def _done(
    line: int,
    event_id: str,
    event: PacketEvent,
    one: Recorded,
    sittings: Mapping[str, Sitting],
    waiting: Mapping[str, tuple[int, ...]],
) -> Done:
    sitting = sittings.get(one.packet.sitting_id) if one.packet is not None else None
    return Done(
        line,
        event_id,
        one.outcome,
        one.reason,
        one.error,
        one.packet,
        sitting,
        one.before,
        event_id if one.same_as == event.id else one.same_as,
        waiting.get(sitting.id, ()) if sitting is not None else (),
        clock_note(event),
    )


def _travelling(session: Session, sent: Sequence[Sent]) -> dict[str, list[str]]:
    numbers: set[str] = set()
    for one in sent:
        if one.tracking_number and not one.label:
            try:
                numbers.add(read_tracking_number(one.tracking_number).text)
            except TrackingNumberRefused:
                continue
    return records.labels_of_tracking_numbers(session, numbers) if numbers else {}


def _fixed(session: Session, sent: Sequence[Sent]) -> frozenset[str]:
    """Return the ids of events that trackers cannot take back: the centre's own."""
    asked = {one.corrects_id for one in sent if one.corrects_id}
    if not asked:
        return frozenset()
    kinds = [str(kind) for kind in _OF_CENTRE]
    query = select(PacketEventRow.id).where(PacketEventRow.id.in_(asked), PacketEventRow.kind.in_(kinds))
    return frozenset(session.scalars(query))


def _events(
    sent: Sent,
    actor: str,
    now: datetime,
    source: str,
    sites: Mapping[str, Site],
    travelling: Mapping[str, Sequence[str]],
    fixed: frozenset[str],
) -> list[PacketEvent]:
    if sent.kind not in SENDABLE:
        raise EventRefused(f"The kind of event is one of {', '.join(sorted(SENDABLE))}.")
    kind = EventKind(sent.kind)
    site = sites.get(sent.site)
    if sent.site and (site is None or not site.is_active):
        raise EventRefused("There is no site with this code in use. Choose the site from the list.", site=sent.site)
    if not sent.site and not sent.place:
        raise EventRefused("An event says where it happened: the code of a site, or a place in words.")
    if site is not None and site.kind == "hub" and kind is EventKind.RECEIVED:
        kind = EventKind.IN_TRANSIT  # a hub passes packets on; only where they are opened have they arrived
    if sent.corrects_id in fixed:
        raise EventRefused("What the centre logged is corrected by the centre, in its log.")
    event = PacketEvent(
        sent.event_id,
        sent.label,
        kind,
        sent.occurred_at or now,
        now,
        actor,
        sent.place or (site.name if site is not None else ""),
        source,
        corrects_id=sent.corrects_id,
        details=_details(sent, kind, actor),
        site=sent.site,
    )
    if sent.label:
        return [event]
    return _for_each(event, sent.tracking_number, travelling)


def _for_each(event: PacketEvent, untrusted_number: str, travelling: Mapping[str, Sequence[str]]) -> list[PacketEvent]:
    """Return the event once for each packet that travels under a carrier's number; repeats get the same ids."""
    if not untrusted_number:
        raise EventRefused("An event names a packet: by the label that was scanned, or by the carrier's number.")
    labels = travelling.get(read_tracking_number(untrusted_number).text)
    if not labels:
        raise LabelUnknown(
            "No packet travels under this number yet. Send the event again once the centre's despatch log has arrived."
        )

    def of(label: str, event_id: str) -> str:
        return str(uuid5(_NAMES, f"{event_id}\n{label}"))

    def corrects(label: str) -> str | None:
        """What was said by the number is taken back by the number, under the id that its sender gave it."""
        return of(label, event.corrects_id) if event.corrects_id else None

    return [replace(event, label=label, id=of(label, event.id), corrects_id=corrects(label)) for label in labels]


def _details(sent: Sent, kind: EventKind, actor: str) -> dict[str, object]:
    details = dict(sent.details)
    if sent.tracking_number:
        details["tracking_number"] = read_tracking_number(sent.tracking_number).text
    if kind in _FOUND or sent.found:
        details["found"] = sent.found[:FOUND_LIMIT]
    if kind is not EventKind.OPENED:
        return details
    second = sent.second_operator.strip()
    if sent.script_count is None or not (second or sent.camera):
        raise EventRefused("A packet is opened by two people, or by one in front of a camera, who count the scripts.")
    if second.casefold() == actor.casefold():
        raise EventRefused("A packet is opened by two different people.")
    details["script_count"] = sent.script_count
    details["operators"] = [actor, second] if second else [actor]
    if sent.camera:
        details["camera"] = sent.camera[:FOUND_LIMIT]
    return details


def _sittings(session: Session, recorded: Sequence[Recorded]) -> dict[str, Sitting]:
    ids = {one.packet.sitting_id for one in recorded if one.packet is not None}
    return {sitting.id: sitting for sitting in session.scalars(select(Sitting).where(Sitting.id.in_(ids)))}


def _waiting(session: Session, recorded: Sequence[Recorded]) -> dict[str, tuple[int, ...]]:
    """Return the numbers of the packets that have not arrived, of each sitting of which one has."""
    arrived = {
        one.packet.sitting_id
        for one in recorded
        if one.packet is not None and PACKET_RANK[one.packet.state] >= PACKET_RANK[PacketState.RECEIVED.value]
    }
    found: dict[str, list[int]] = defaultdict(list)
    before = [str(state) for state in PacketState if PACKET_RANK[state] < PACKET_RANK[PacketState.RECEIVED.value]]
    query = select(Packet.sitting_id, Packet.number).where(Packet.sitting_id.in_(arrived), Packet.state.in_(before))
    for sitting_id, number in session.execute(query.order_by(Packet.number)):
        found[sitting_id].append(number)
    return {sitting_id: tuple(numbers) for sitting_id, numbers in found.items()}


def _audit(session: Session, context: Context, sent: Sequence[Sent], done: Sequence[Done], source: str) -> None:
    if len(sent) == 1 and len(done) == 1 and done[0].packet is not None:
        one = done[0]
        audit.record(
            session,
            context,
            f"packet.{sent[0].kind}",
            "packet",
            done[0].packet.id,
            repeated=one.outcome is Outcome.REPEAT,
            result=str(one.outcome),
        )
        return
    # The events themselves say who, when and what of each packet, in chains of their own: one line for them all.
    counts = {str(outcome): sum(one.outcome is outcome for one in done) for outcome in Outcome}
    about: dict[str, Any] = {"source": source, **counts}
    audit.record(session, context, "packet.events", "tracking_batch", context.request_id, **about)
