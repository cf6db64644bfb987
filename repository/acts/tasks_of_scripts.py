"""What is due around examination scripts, for tracking clerks and exams officers."""

from __future__ import annotations

from sqlalchemy.orm import Session

from repository import access
from repository.access import Action, Scope
from repository.acts.cases import actor_of
from repository.acts.tasks import Board, Task
from repository.audit import Context
from repository.errors import NotFound
from scripts import records
from scripts.tables import Sitting
from scripts.tracking import PacketState


def sittings_of(session: Session, context: Context) -> list[Sitting]:
    """Return the sittings that the person may see: the own centre's, or all."""
    actor = actor_of(context)
    scope = access.scope_of(actor, Action.SITTING_READ)
    if scope is None:
        raise NotFound
    return list(records.sittings(session, centre_number=actor.centre_number if scope is Scope.MY_CENTRE else None))


def centre_tasks(session: Session, context: Context) -> tuple[Task, ...]:
    """Return what an exams officer has to do for examination scripts."""
    tasks = []
    for sitting in sittings_of(session, context):
        name = f"{sitting.component_code}, {sitting.held_on.day} {sitting.held_on:%B %Y}"
        href = f"/sittings/{sitting.id}"
        packets = records.packets(session, sitting.id)
        if any(line.state == "unmarked" for line in records.register(session, sitting.id)):
            tasks.append(
                Task(
                    f"Complete the register of {name}", href, "Mark every candidate present or absent", "Register open"
                )
            )
        elif not packets:
            tasks.append(Task(f"Pack the scripts of {name}", href, "Make packets and print their labels", "To pack"))
        elif any(packet.state in {PacketState.LABEL_ISSUED, PacketState.PACKED} for packet in packets):
            tasks.append(Task(f"Hand over the scripts of {name}", href, "Record the despatch", "To despatch"))
    return tuple(tasks)


def clerk_board(session: Session, context: Context) -> Board:
    """Return a tracking clerk's board: packets on their way, packets to open, pages that wait for a person."""
    tasks, waiting = [], []
    on_the_way = queued = 0
    for sitting in sittings_of(session, context):
        name = f"{sitting.component_code} of centre {sitting.centre_number}"
        href = f"/sittings/{sitting.id}"
        pages = len(records.queued_pages(session, sitting.id))
        queued += pages
        if pages:
            tasks.append(
                Task(
                    f"Sort out {pages} scanned pages of {name}",
                    f"{href}/pages",
                    status="Waiting for a person",
                    urgent=True,
                )
            )
        for packet in records.packets(session, sitting.id):
            title = f"Packet {packet.number} of {packet.of}, {name}"
            if packet.state in {PacketState.LOGGED, PacketState.COLLECTED, PacketState.IN_TRANSIT}:
                on_the_way += 1
                waiting.append(Task(title, href, status="On its way"))
            elif packet.state == PacketState.RECEIVED:
                tasks.append(Task(f"Open and count: {title}", "/tracking", status="Received"))
    return Board(tuple(tasks), tuple(waiting), (("packets on their way", on_the_way), ("pages waiting", queued)))
