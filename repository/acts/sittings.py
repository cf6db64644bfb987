"""Acts on sittings: opening them from entries, the register, packets and labels, despatch, reconciliation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import Series
from moderation.tables import Candidate, Component, Entry, OptionComponent
from moderation.working_days import Nation, add_working_days
from repository import access, audit
from repository.access import Action
from repository.acts import issuing
from repository.acts.cases import actor_of
from repository.acts.tasks_of_scripts import sittings_of
from repository.audit import Context
from repository.errors import FieldRefused, NotFound
from repository.receipts import Signer
from repository.receipts.bodies import Missing
from scripts import records
from scripts.despatch import DespatchLine
from scripts.errors import SittingUnknown
from scripts.labels import PacketLabel
from scripts.missing import MissingScript
from scripts.reconciliation import Reconciliation, RegisterState
from scripts.records import CustodyLine
from scripts.tables import Packet, RegisterLine, ScanBundle, ScanPage, Script, ScriptCase, Sitting


@dataclass(frozen=True, slots=True)
class SittingPage:
    """A sitting with its register, packets, scripts, arithmetic and open cases."""

    sitting: Sitting
    register: tuple[RegisterLine, ...]
    packets: tuple[Packet, ...]
    scripts: tuple[Script, ...]
    figures: Reconciliation
    cases: tuple[ScriptCase, ...]

    @property
    def is_register_complete(self) -> bool:
        """Return whether every candidate is marked present or absent."""
        return all(line.state != RegisterState.UNMARKED for line in self.register)

    @property
    def label_of(self) -> Mapping[str, str]:
        """Return the id of each packet by its number in words."""
        return {packet.id: f"{packet.number} of {packet.of}" for packet in self.packets}


@dataclass(frozen=True, slots=True)
class ScriptPage:
    """One script, whose it is, and where it has been."""

    sitting: Sitting
    script: Script
    lines: tuple[CustodyLine, ...]


def open_all(session: Session, context: Context, series_key: str, component_code: str) -> tuple[Sitting, ...]:
    """Open the sitting of a written component at every centre that has entries; doing it again changes nothing."""
    access.require(actor_of(context), Action.SITTING_OPEN)
    component = session.get(Component, (series_key, component_code))
    if component is None:
        raise NotFound("There is no such component in this series.")
    entered = session.execute(
        select(Candidate.centre_number, Candidate.candidate_number)
        .join(Entry, Entry.candidate_id == Candidate.id)
        .join(
            OptionComponent,
            (OptionComponent.series_key == Entry.series_key) & (OptionComponent.option_code == Entry.option_code),
        )
        .where(
            Candidate.series_key == series_key,
            OptionComponent.component_code == component_code,
            Entry.withdrawn_at.is_(None),
        )
        .distinct()
    )
    numbers: dict[str, list[str]] = {}
    for centre, number in entered:
        numbers.setdefault(centre, []).append(number)
    opened = tuple(
        records.open_sitting(
            session,
            series_key=series_key,
            centre_number=centre,
            component_code=component_code,
            held_on=component.timetable_on or context.now.date(),
            session_of_day=_session_of_day(component.timetable_session),
            candidate_numbers=sorted(candidates),
            now=context.now,
        )
        for centre, candidates in sorted(numbers.items())
    )
    audit.record(
        session, context, Action.SITTING_OPEN, "component", f"{series_key}/{component_code}", sittings=len(opened)
    )
    return opened


def listed(session: Session, context: Context) -> tuple[Sitting, ...]:
    """Return the sittings that the person may see."""
    return tuple(sittings_of(session, context))


def permitted(session: Session, context: Context, action: Action, sitting_id: str) -> Sitting:
    """Return a sitting that the actor may do ``action`` on; raises ``NotFound`` for any other."""
    try:
        sitting = records.get_sitting(session, sitting_id)
    except SittingUnknown as error:
        raise NotFound from error
    access.require(actor_of(context), action, centre_number=sitting.centre_number)
    return sitting


def page(session: Session, context: Context, sitting_id: str) -> SittingPage:
    """Return a sitting with everything about it."""
    sitting = permitted(session, context, Action.SITTING_READ, sitting_id)
    return SittingPage(
        sitting,
        tuple(records.register(session, sitting_id)),
        tuple(records.packets(session, sitting_id)),
        tuple(records.scripts_of(session, sitting_id)),
        records.figures(session, sitting_id),
        tuple(records.cases(session, sitting_id)),
    )


def mark_register(
    session: Session,
    context: Context,
    sitting_id: str,
    states: Mapping[str, RegisterState],
    added: Sequence[str] = (),
) -> None:
    """Mark candidates present or absent; ``added`` are candidates who sat without being listed."""
    permitted(session, context, Action.REGISTER_WRITE, sitting_id)
    actor = actor_of(context)
    records.mark_register(session, sitting_id, states, actor=actor.person_id, now=context.now, added=added)
    audit.record(session, context, Action.REGISTER_WRITE, "sitting", sitting_id, lines=len(states))


def make_packets(session: Session, context: Context, sitting_id: str, capacity: int) -> tuple[Packet, ...]:
    """Plan packets for the present candidates and issue their labels."""
    permitted(session, context, Action.PACKET_WRITE, sitting_id)
    made = records.make_packets(
        session, sitting_id, actor=actor_of(context).person_id, now=context.now, capacity=capacity
    )
    audit.record(session, context, Action.PACKET_WRITE, "sitting", sitting_id, packets=len(made))
    return tuple(made)


def label_payloads(session: Session, context: Context, sitting_id: str) -> tuple[PacketLabel, ...]:
    """Return the labels of a sitting's packets."""
    permitted(session, context, Action.SITTING_READ, sitting_id)
    return tuple(records.labels(session, sitting_id))


def labels(session: Session, context: Context, sitting_id: str) -> bytes:
    """Return the packet labels of a sitting as a PDF."""
    permitted(session, context, Action.PACKET_WRITE, sitting_id)
    found = records.labels(session, sitting_id)
    if not found:
        raise NotFound("There are no packets yet. Make the packets first.")
    audit.record(session, context, "labels.print", "sitting", sitting_id)
    from scripts import sheets  # a PDF library that few requests need

    return sheets.labels_pdf(found)


def covers(session: Session, context: Context, sitting_id: str) -> bytes:
    """Return the cover sheets of the candidates of a sitting as a PDF."""
    sitting = permitted(session, context, Action.PACKET_WRITE, sitting_id)
    found = records.covers(session, sitting_id)
    if not found:
        raise NotFound("Nobody is listed in this sitting.")
    from scripts import sheets

    return sheets.covers_pdf(found, series=Series.from_key(sitting.series_key).title)


def despatch(
    session: Session,
    context: Context,
    signer: Signer | None,
    sitting_id: str,
    lines: Sequence[tuple[str, DespatchLine]],
) -> str | None:
    """Record packets handed over, with a signed receipt; each line comes with its idempotency key.

    Takes: ``signer``, None for the invented past of a rehearsal.
    Returns: the receipt's id.
    Raises: ``DespatchRefused`` naming what is wrong; nothing of any line is kept then.
    """
    sitting = permitted(session, context, Action.PACKET_WRITE, sitting_id)
    own = {records.current_label(session, packet).payload for packet in records.packets(session, sitting_id)}
    sent = []
    for event_id, line in lines:
        if line.label not in own:
            raise FieldRefused("A label is not one of this sitting.", field="packets")
        packet = records.despatch(
            session,
            line,
            event_id=event_id,
            occurred_at=context.now,
            now=context.now,
            actor=actor_of(context).person_id,
            place=f"centre {sitting.centre_number}",
        )
        sent.append((event_id, line, packet))
    audit.record(session, context, "packet.despatch", "sitting", sitting_id, packets=len(lines))
    if signer is None:
        return None
    missing = [
        Missing(line.candidate_number, ("Script",), line.explained or line.state.capitalize())
        for line in records.register(session, sitting_id)
        if line.state != RegisterState.PRESENT or line.explained
    ]
    return issuing.of_packets(session, context, signer, sitting, sent, missing)


def reconcile(session: Session, context: Context, sitting_id: str) -> Reconciliation:
    """Do the arithmetic of a sitting and open a case for every difference."""
    permitted(session, context, Action.SITTING_READ, sitting_id)
    done = records.reconcile(session, sitting_id, now=context.now)
    audit.record(session, context, "sitting.reconcile", "sitting", sitting_id, expected=done.expected)
    return done


def close_case(session: Session, context: Context, sitting_id: str, case_id: str, reason: str) -> None:
    """Record what is decided about a difference; until then the results gate waits for a missing script.

    Raises: ``NotFound`` for a case of another sitting; ``CaseRefused`` for an unknown reason or a closed case.
    """
    permitted(session, context, Action.SCRIPT_CASE_CLOSE, sitting_id)
    if case_id not in {case.id for case in records.cases(session, sitting_id)}:
        raise NotFound
    records.close_case(session, case_id, reason=reason, actor=actor_of(context).person_id, now=context.now)
    audit.record(session, context, Action.SCRIPT_CASE_CLOSE, "script_case", case_id, reason=reason)


def missing(
    session: Session, context: Context, series_key: str, centre_number: str | None = None
) -> tuple[MissingScript, ...]:
    """Return scripts that are missing or outstanding, most urgent first."""
    actor = actor_of(context)
    if actor.role in access.CENTRE_ROLES:
        centre_number = actor.centre_number
    access.require(actor, Action.SITTING_READ, centre_number=centre_number)
    return tuple(
        records.missing(
            session, series_key, centre_number, today=context.now.date(), working_days_after=working_days_after()
        )
    )


def missing_everywhere(session: Session, context: Context) -> tuple[MissingScript, ...]:
    """Return what is missing or outstanding in every series that the person has sittings in."""
    keys = sorted({sitting.series_key for sitting in sittings_of(session, context)})
    return tuple(one for key in keys for one in missing(session, context, key))


@dataclass(frozen=True, slots=True)
class QueuePage:
    """The pages of a sitting that wait for a person."""

    sitting: Sitting
    waiting: tuple[ScanPage, ...]
    bundles: tuple[ScanBundle, ...]


def queue(session: Session, context: Context, sitting_id: str) -> QueuePage:
    """Return the scanned pages that nothing could be done with automatically."""
    sitting = permitted(session, context, Action.BUNDLE_WRITE, sitting_id)
    return QueuePage(
        sitting, tuple(records.queued_pages(session, sitting_id)), tuple(records.bundles(session, sitting_id))
    )


def settle_page(
    session: Session,
    context: Context,
    sitting_id: str,
    bundle_id: str,
    page_index: int,
    decision: str,
    *,
    candidate_number: str,
    second: str,
) -> None:
    """Decide on one waiting page: ``blank``, or ``assign`` it to a candidate, which takes a second person.

    Raises: ``FieldRefused`` for another decision; ``PageSettled``; ``SecondPersonNeeded``.
    """
    permitted(session, context, Action.BUNDLE_WRITE, sitting_id)
    if records.get_bundle(session, bundle_id).sitting_id != sitting_id:
        raise NotFound
    actor = actor_of(context).person_id
    if decision == "blank":
        records.confirm_blank(session, bundle_id, page_index, actor=actor, now=context.now)
    elif decision == "assign":
        records.assign_page(
            session,
            bundle_id,
            page_index,
            candidate_number=candidate_number,
            actor=actor,
            second=second,
            now=context.now,
        )
    else:
        raise FieldRefused("Choose what to do with the page.", field="decision")
    audit.record(session, context, f"page.{decision}", "bundle", bundle_id, page=page_index)


def timeline(session: Session, context: Context, script_id: str) -> ScriptPage:
    """Return one script with every hand-over of it, oldest first."""
    script = session.get(Script, script_id)
    if script is None:
        raise NotFound
    sitting = permitted(session, context, Action.SITTING_READ, script.sitting_id)
    return ScriptPage(sitting, script, records.custody_timeline(session, script_id))


def working_days_after() -> Callable[[date, int], date]:
    """Return the working-day function of the alarm; centres of England and Wales until the register says otherwise."""
    return lambda on, days: add_working_days(on, days, Nation.ENGLAND)


def _session_of_day(code: str) -> str:
    return {"A": "AM", "P": "PM", "E": "EV"}.get(code, "AM")
