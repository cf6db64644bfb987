"""What is due around examination scripts, for tracking clerks and exams officers: a few statements, whatever the size."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ColumnElement, Row, and_, func, select
from sqlalchemy import case as when
from sqlalchemy.orm import Session

from repository import access
from repository.access import Action, Scope
from repository.acts.cases import actor_of
from repository.acts.script_case_words import kind_words, subject_words
from repository.acts.tasks import Board, Task
from repository.audit import Context
from repository.errors import NotFound
from scripts import records
from scripts.cases import CaseState
from scripts.missing import Alarm
from scripts.places import Disposition
from scripts.reconciliation import RegisterState
from scripts.tables import (
    LabelRequest,
    Packet,
    RegisterCorrection,
    RegisterLine,
    ScanBundle,
    ScanPage,
    ScriptCase,
    Sitting,
)
from scripts.tracking import PacketState

SHOWN = 50
"""So many tasks of one kind stand on a home page; the boards have all of them."""
ON_THE_WAY = (PacketState.LOGGED, PacketState.COLLECTED, PacketState.IN_TRANSIT)


def sittings_of(session: Session, context: Context) -> list[Sitting]:
    """Return the sittings that the person may see: the own centre's, or all."""
    actor = actor_of(context)
    scope = access.scope_of(actor, Action.SITTING_READ)
    if scope is None:
        raise NotFound
    return list(records.sittings(session, centre_number=actor.centre_number if scope is Scope.MY_CENTRE else None))


def centre_tasks(session: Session, context: Context) -> tuple[Task, ...]:
    """Return what an exams officer has to do for examination scripts."""
    actor = actor_of(context)
    if access.scope_of(actor, Action.SITTING_READ) is None:
        raise NotFound
    centre = Sitting.centre_number == actor.centre_number
    unmarked = set(
        session.scalars(
            select(RegisterLine.sitting_id)
            .join(Sitting, Sitting.id == RegisterLine.sitting_id)
            .where(centre, RegisterLine.state == str(RegisterState.UNMARKED))
            .distinct()
        )
    )
    to_send = Packet.state.in_((str(PacketState.LABEL_ISSUED), str(PacketState.PACKED)))
    packets = {
        row[0]: (row[1], int(row[2] or 0))
        for row in session.execute(
            select(Packet.sitting_id, func.count(), func.sum(when((to_send, 1), else_=0)))
            .join(Sitting, Sitting.id == Packet.sitting_id)
            .where(centre)
            .group_by(Packet.sitting_id)
        )
    }
    tasks = list(_cases(session, context, centre, ScriptCase.centre_from <= context.now))
    for sitting in records.sittings(session, centre_number=actor.centre_number):
        name = _name(sitting.component_code, sitting.held_on)
        href = f"/sittings/{sitting.id}"
        total, waiting = packets.get(sitting.id, (0, 0))
        if sitting.id in unmarked:
            title = f"Complete the register of {name}"
            tasks.append(Task(title, href, "Mark every candidate present or absent", "Register open"))
        elif not total:
            tasks.append(Task(f"Pack the scripts of {name}", href, "Make packets and print their labels", "To pack"))
        elif waiting:
            tasks.append(Task(f"Hand over the scripts of {name}", href, "Record the despatch", "To despatch"))
    return tuple(tasks) + _to_sign(session, actor.person_id, centre)


def _to_sign(session: Session, person_id: str, centre: ColumnElement[bool]) -> tuple[Task, ...]:
    """Return the registers on which somebody else's correction waits for a second person."""
    query = (
        select(Sitting.id, Sitting.component_code, Sitting.held_on, func.count())
        .join(RegisterCorrection, RegisterCorrection.sitting_id == Sitting.id)
        .where(centre, RegisterCorrection.decision.is_(None), RegisterCorrection.asked_by != person_id)
        .group_by(Sitting.id, Sitting.component_code, Sitting.held_on)
        .order_by(Sitting.held_on, Sitting.component_code)
        .limit(SHOWN)
    )
    return tuple(
        Task(
            f"Counter-sign corrections of the register of {_name(component, held_on)}",
            f"/sittings/{sitting_id}/register",
            "It stays as it was until a second person signs",
            f"{waiting} to sign",
        )
        for sitting_id, component, held_on, waiting in session.execute(query)
    )


def label_tasks(session: Session, context: Context) -> tuple[Task, ...]:
    """Return the emergency labels that centres wait for, for whoever issues them; nothing for anybody else."""
    if access.scope_of(actor_of(context), Action.LABEL_ISSUE) is None:
        return ()
    query = (
        select(LabelRequest.due_at, Packet.number, Packet.of, Sitting.component_code, Sitting.centre_number)
        .join(Packet, Packet.id == LabelRequest.packet_id)
        .join(Sitting, Sitting.id == Packet.sitting_id)
        .where(LabelRequest.decision.is_(None))
        .order_by(LabelRequest.due_at, LabelRequest.id)
        .limit(SHOWN)
    )
    return tuple(
        Task(
            f"Issue or refuse an emergency label: packet {number} of {of}, {component} of centre {centre}",
            "/emergency-labels",
            status="Asked for",
            due_at=due_at,
            urgent=due_at <= context.now,
        )
        for due_at, number, of, component, centre in session.execute(query)
    )


def clerk_board(session: Session, context: Context) -> Board:
    """Return a tracking clerk's board: cases, packets on their way, packets to open, pages that wait for a person."""
    if access.scope_of(actor_of(context), Action.SITTING_READ) is None:
        raise NotFound
    scripts = Sitting.purpose == "scripts"
    tasks = list(_cases(session, context, scripts, ScriptCase.owner_role == actor_of(context).role.value))
    queued = session.execute(
        select(Sitting.id, Sitting.component_code, Sitting.centre_number, func.count())
        .join(ScanBundle, ScanBundle.sitting_id == Sitting.id)
        .join(ScanPage, ScanPage.bundle_id == ScanBundle.id)
        .where(scripts, ScanPage.disposition == str(Disposition.QUEUED))
        .group_by(Sitting.id, Sitting.component_code, Sitting.centre_number)
        .order_by(Sitting.component_code, Sitting.centre_number)
    ).all()
    for sitting_id, component, centre, pages in queued[:SHOWN]:
        title = f"Sort out {pages} scanned pages of {component} of centre {centre}"
        tasks.append(Task(title, f"/sittings/{sitting_id}/pages", status="Waiting for a person", urgent=True))
    arrived = Packet.state == str(PacketState.RECEIVED)
    tasks += [
        Task(f"Open and count: {_packet(packet)}", "/tracking", status="Received")
        for packet in _packets(session, and_(scripts, arrived))
    ]
    moving = and_(scripts, Packet.state.in_([str(state) for state in ON_THE_WAY]))
    waiting = [
        Task(_packet(packet), f"/sittings/{packet[0]}", status="On its way") for packet in _packets(session, moving)
    ]
    total = session.scalar(select(func.count()).select_from(Packet).join(Sitting).where(moving)) or 0
    figures = (("packets on their way", total), ("pages waiting", sum(row[3] for row in queued)))
    return Board(tuple(tasks), tuple(waiting), figures)


def _cases(session: Session, context: Context, *conditions: ColumnElement[bool]) -> list[Task]:
    """Return the cases that somebody is waited for to act on, the most urgent first."""
    query = (
        select(ScriptCase, Sitting)
        .join(Sitting, Sitting.id == ScriptCase.sitting_id)
        .where(ScriptCase.state == str(CaseState.OPEN), *conditions)
        .order_by(when((ScriptCase.alarm == str(Alarm.RED), 0), else_=1), ScriptCase.due_at, ScriptCase.id)
        .limit(SHOWN)
    )
    return [
        Task(
            f"{kind_words(found.kind)}: {sitting.component_code}, centre {sitting.centre_number}",
            f"/script-cases/{found.id}",
            subject_words(found.subject),
            str(found.alarm).capitalize() if found.alarm in {Alarm.RED, Alarm.AMBER} else "Open",
            found.due_at,
            urgent=found.alarm == Alarm.RED,
        )
        for found, sitting in session.execute(query)
    ]


def _packets(session: Session, condition: ColumnElement[bool]) -> list[Row[str, int, int, str, str]]:
    query = (
        select(Packet.sitting_id, Packet.number, Packet.of, Sitting.component_code, Sitting.centre_number)
        .join(Sitting, Sitting.id == Packet.sitting_id)
        .where(condition)
        .order_by(Sitting.held_on, Sitting.component_code, Sitting.centre_number, Packet.number)
        .limit(SHOWN)
    )
    return list(session.execute(query))


def _packet(row: Row[str, int, int, str, str]) -> str:
    return f"Packet {row[1]} of {row[2]}, {row[3]} of centre {row[4]}"


def _name(component_code: str, held_on: date) -> str:
    return f"{component_code}, {held_on.day} {held_on:%B %Y}"
