"""Acts on custody lines: where every script of a sitting is and what is due, and the whole history of one script.

A centre sees its own. An officer of the awarding body sees counts first, and whose scripts they are on request, which is
recorded. Who did something is shown by role, never by name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.tables import Centre
from moderation.working_days import Nation, due_at
from repository import audit, custody_evidence
from repository.access import CENTRE_ROLES, ROLE_TITLES, Action, Role
from repository.acts.cases import actor_of
from repository.acts.sittings import permitted
from repository.audit import Context
from repository.custody_evidence import EVIDENCE_WORDS, EvidenceKind
from repository.errors import NotFound
from repository.tables import Assignment, CustodyEvidence, DocumentRow
from scripts.clocks import Calendar
from scripts.custody import About, CustodyEvent, CustodyLine, Standing, Step, reached, tally
from scripts.records import custody_lines
from scripts.tables import Packet, PacketEventRow, Script, Sitting

REVEAL = "custody.reveal"
"""What stands in the audit log when somebody of the awarding body asked whose scripts they are."""
AT_THE_CENTRE = frozenset(
    {"packed", "logged", "collected", "register_present", "register_absent", "register_withdrawn"}
)
"""What people of a centre record; the rest is recorded where the scripts go."""
ANOTHER_SYSTEM = "Another system"
NOT_RECORDED = "Not recorded"
TOLD_BY_CARRIER = "carrier:"
"""What the name of whoever told of an event begins with where it stood in a carrier's file."""
AT_ONCE = 500
WORDS: Mapping[Standing, str] = {
    Standing.SCRIPT: "Seen",
    Standing.PACKET: "The packet",
    Standing.WAITING: "Due",
    Standing.LATE: "Late",
    Standing.OVERDUE: "Overdue",
    Standing.UNKNOWN: "Unknown",
    Standing.AHEAD: "Not yet",
    Standing.NONE: "No script expected",
}
STEP_WORDS: Mapping[Step, str] = {
    Step.PACKED: "Packed",
    Step.COLLECTED: "Collected",
    Step.DELIVERED: "Delivered",
    Step.OPENED: "Opened",
    Step.SCANNED: "Scanned",
    Step.INDEXED: "Indexed",
    Step.QUALITY_CHECKED: "Checked",
    Step.MARKED: "Marked",
    Step.ARCHIVED: "Archived",
}
KIND_WORDS: Mapping[str, str] = {
    "register_present": "Marked present on the register",
    "register_absent": "Marked absent on the register",
    "register_withdrawn": "Struck off the register",
    "register_unmarked": "Mark on the register taken back",
    "label_issued": "Label issued",
    "packed": "Packed and sealed",
    "logged": "Entered in the despatch log",
    "in_packet": "The log says that it is in the packet",
    "collected": "Collected",
    "in_transit": "On its way",
    "forwarded": "Sent on to another site",
    "received": "Delivered",
    "opened": "Opened and counted",
    "reconciled": "Added up",
    "closed": "Closed",
    "damaged": "Found damaged",
    "opened_in_transit": "Found opened on the way",
    "wrong_component": "Found with scripts of another component",
    "packet_in_packet": "Another packet found inside",
    "misrouted": "Found at the wrong site",
    "lost": "Reported lost",
    "withdrawn": "Taken back",
    "scanned": "Scanned",
    "rescanned": "Scanned again",
    "indexed": "Indexed to the candidate",
    "indexed_by_hand": "Indexed by two people",
    "quality_checked": "Quality checked",
    "quality_failed": "Found not in order by a second look",
    "released": "Released for marking",
    "marked": "Marked",
    "returned": "Given back",
    "archived": "Archived",
    "destroyed": "Scan destroyed",
    "paper_destroyed": "Paper destroyed",
    "new_version": "Images made anew",
    "declared_missing": "Declared missing",
    "declaration_withdrawn": "Looked for again: what was decided in its place no longer holds",
    "explained": "Explained: it does not come with the packets",
    "explanation_withdrawn": "Looked for again: its explanation no longer holds",
    "located_late": "Turned up after it was declared missing",
}
"""What happened, as the history says it."""
SOURCE_WORDS: Mapping[str, str] = {
    "page": "A page of this service",
    "api": "A program",
    "phone": "A phone",
    "scanner": "A hand scanner",
    "csv": "A carrier’s file",
    "scanning": "The scans",
    "retention": "The end of its time",
    "register": "The register",
}
"""Through what we were told, as the history says it."""
EventKey = tuple[About, str]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that shows a step of custody."""

    evidence_id: str
    kind: str
    document_id: str
    added_at: datetime
    sha256: str
    """Of the sealed picture, as a certificate names it."""

    @property
    def words(self) -> str:
        """Return what it shows, in words."""
        return EVIDENCE_WORDS[EvidenceKind(self.kind)]


@dataclass(frozen=True, slots=True)
class SittingPicture:
    """A picture that shows steps of packets of a sitting: of which, by their numbers, and what happened when."""

    picture: Picture
    packets: tuple[int, ...]
    kinds: tuple[str, ...]
    occurred_at: datetime | None

    @property
    def words(self) -> tuple[str, ...]:
        """Return what happened, in words."""
        return tuple(dict.fromkeys(KIND_WORDS.get(kind, kind) for kind in self.kinds))


@dataclass(frozen=True, slots=True)
class ScriptCustody:
    """One script: its line, who acted in which role, and the pictures that show its steps."""

    sitting: Sitting
    line: CustodyLine
    roles: Mapping[EventKey, str]
    pictures: Mapping[str, tuple[Picture, ...]]


@dataclass(frozen=True, slots=True)
class SittingCustody:
    """A sitting at a glance: how many scripts stand how and, where they may be named, each script's line."""

    sitting: Sitting
    scripts: int
    tally: Mapping[Standing, int]
    reached: Mapping[Step, Mapping[Standing, int]]
    lines: tuple[CustodyLine, ...] | None
    pictures: tuple[SittingPicture, ...] = ()


def counts_first(context: Context) -> bool:
    """Say whether the person sees counts before identities: an officer of the awarding body does."""
    return actor_of(context).role is Role.AB_OFFICER


def of_script(session: Session, context: Context, script_id: str) -> ScriptCustody:
    """Return one script with every hand-over of it; that an officer asked for it is recorded."""
    script = session.get(Script, script_id)
    if script is None:
        raise NotFound
    sitting = permitted(session, context, Action.SITTING_READ, script.sitting_id)
    line = custody_lines.script_line(session, script_id, now=context.now, calendar=calendar_of(session, sitting))
    if counts_first(context):
        audit.record(session, context, REVEAL, "script", script_id, scripts=1)
    events = [one.event for one in line.history]
    return ScriptCustody(sitting, line, roles_of(session, sitting, events), pictures_of(session, events))


def of_sitting(session: Session, context: Context, sitting_id: str) -> SittingCustody:
    """Return a sitting at a glance; to an officer of the awarding body the counts only."""
    sitting = permitted(session, context, Action.SITTING_READ, sitting_id)
    found = _sitting(session, context, sitting)
    return found if not counts_first(context) else _without_lines(found)


def reveal(session: Session, context: Context, sitting_id: str) -> SittingCustody:
    """Return a sitting with every script's line; that an officer asked whose they are is recorded."""
    sitting = permitted(session, context, Action.SITTING_READ, sitting_id)
    found = _sitting(session, context, sitting)
    if counts_first(context):
        audit.record(session, context, REVEAL, "sitting", sitting_id, scripts=found.scripts)
    return found


def _sitting(session: Session, context: Context, sitting: Sitting) -> SittingCustody:
    calendar = calendar_of(session, sitting)
    lines = custody_lines.sitting_lines(session, sitting.id, now=context.now, calendar=calendar)
    pictures = pictures_of_sitting(session, sitting.id)
    return SittingCustody(sitting, len(lines), tally(lines), reached(lines), lines, pictures)


def _without_lines(found: SittingCustody) -> SittingCustody:
    return replace(found, lines=None)


def words_of(event: CustodyEvent) -> str:
    """Return what happened, in words."""
    return KIND_WORDS.get(event.kind, event.kind.replace("_", " ").capitalize())


def calendar_of(session: Session, sitting: Sitting) -> Calendar:
    """Return the working days of the nation that a sitting's centre is in."""
    centre = session.get(Centre, sitting.centre_number)
    nation = centre.nation if centre is not None else Nation.ENGLAND

    def calendar(since: datetime, days: int) -> datetime:
        return due_at(since, nation, days)

    return calendar


def roles_of(session: Session, sitting: Sitting, events: Iterable[CustodyEvent]) -> Mapping[EventKey, str]:
    """Return in which role somebody did each thing: of the roles that they had then, the one that such a thing is done in."""
    events = list(events)
    people = sorted({event.actor for event in events})
    held: dict[str, list[Assignment]] = defaultdict(list)
    for at in range(0, len(people), AT_ONCE):
        query = select(Assignment).where(Assignment.person_id.in_(people[at : at + AT_ONCE]))
        for one in session.scalars(query.order_by(Assignment.valid_from, Assignment.id)):
            held[one.person_id].append(one)
    return {(event.about, event.id): _role(event, held.get(event.actor, []), sitting) for event in events}


def _role(event: CustodyEvent, held: list[Assignment], sitting: Sitting) -> str:
    named = event.details.get("role")
    if isinstance(named, str) and named in set(Role):
        return ROLE_TITLES[Role(named)]
    if event.actor.startswith(TOLD_BY_CARRIER):
        return "Carrier"
    if not held:
        return ANOTHER_SYSTEM if event.source in {"api", "csv", "carrier", "hub"} else NOT_RECORDED
    at = event.received_at
    then = [one for one in held if one.valid_from <= at and (one.valid_to is None or at < one.valid_to)]
    at_centre = event.kind in AT_THE_CENTRE

    def fits(one: Assignment) -> bool:
        of_centre = Role(one.role) in CENTRE_ROLES
        return of_centre is at_centre and (not of_centre or one.centre_number == sitting.centre_number)

    best = next((one for one in then if fits(one)), None) or next(iter(then), None)
    return ROLE_TITLES[Role(best.role)] if best is not None else NOT_RECORDED


def pictures_of(session: Session, events: Iterable[CustodyEvent]) -> Mapping[str, tuple[Picture, ...]]:
    """Return event → the pictures that show it."""
    found = custody_evidence.of_events(session, (event.id for event in events))
    wanted = sorted({row.document_id for rows in found.values() for row in rows})
    hashes: dict[str, str] = {}
    for at in range(0, len(wanted), AT_ONCE):
        query = select(DocumentRow.id, DocumentRow.sha256).where(DocumentRow.id.in_(wanted[at : at + AT_ONCE]))
        hashes |= {row[0]: row[1] or "" for row in session.execute(query)}
    return {
        event_id: tuple(
            Picture(row.id, row.kind, row.document_id, row.added_at, hashes[row.document_id]) for row in rows
        )
        for event_id, rows in found.items()
    }


def pictures_of_sitting(session: Session, sitting_id: str) -> tuple[SittingPicture, ...]:
    """Return the pictures of a sitting's packets, oldest first; one that shows several packets comes once."""
    query = (
        select(CustodyEvidence, PacketEventRow.kind, PacketEventRow.occurred_at, Packet.number, DocumentRow.sha256)
        .join(DocumentRow, DocumentRow.id == CustodyEvidence.document_id)
        .outerjoin(PacketEventRow, PacketEventRow.id == CustodyEvidence.event_id)
        .outerjoin(Packet, Packet.id == PacketEventRow.packet_id)
        .where(CustodyEvidence.sitting_id == sitting_id)
        .order_by(CustodyEvidence.added_at, CustodyEvidence.id)
    )
    found: dict[str, SittingPicture] = {}
    for row, kind, occurred_at, number, sha256 in session.execute(query):
        one = found.get(row.document_id)
        if one is None:
            shown = Picture(row.id, row.kind, row.document_id, row.added_at, sha256 or "")
            one = SittingPicture(shown, (), (), occurred_at)
        packets = tuple(sorted({*one.packets, *([number] if number is not None else [])}))
        found[row.document_id] = replace(one, packets=packets, kinds=(*one.kinds, *([kind] if kind else [])))
    return tuple(found.values())
