"""An exams officer's day: every sitting of it by session, what is next in each, and who is in two places at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from repository import access
from repository.access import Action
from repository.acts.cases import actor_of
from repository.acts.packet_plans import PlanView
from repository.acts.registers import RegisterView
from repository.acts.tasks_of_scripts import sittings_of
from repository.audit import Context
from scripts import records
from scripts.reconciliation import RegisterState
from scripts.registers import Clash, Sat, clashes
from scripts.tables import Packet, RegisterLine, Sitting
from scripts.tracking import PACKET_ORDER, PacketState


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a sitting in order: what it is, how it stands, whether it is done, and where it is done."""

    title: str
    status: str
    is_done: bool
    href: str


@dataclass(frozen=True, slots=True)
class DaySitting:
    """One sitting of a day, with how far it is."""

    sitting: Sitting
    candidates: int
    unmarked: int
    packets: int
    handed_over: int

    @property
    def standing(self) -> str:
        """Return what is next, in words."""
        if self.sitting.register_completed_at is None:
            return f"Register open, {self.unmarked} not marked" if self.unmarked else "Register to be signed off"
        if not self.packets:
            return "To pack"
        return "Handed over" if self.handed_over == self.packets else "To hand over"


@dataclass(frozen=True, slots=True)
class ExamDay:
    """A day of one centre: sittings by session, clashes, and the days before and after on which something is sat."""

    on: date
    sessions: tuple[tuple[str, tuple[DaySitting, ...]], ...]
    clashes: tuple[Clash, ...]
    before: date | None
    after: date | None


def day(session: Session, context: Context, on: date | None) -> ExamDay:
    """Return a day of the person's centre: the one asked for, or today, or the next with a sitting, or the last."""
    access.require(actor_of(context), Action.REGISTER_WRITE, centre_number=actor_of(context).centre_number)
    found = sittings_of(session, context)
    days = sorted({sitting.held_on for sitting in found})
    today = context.now.date()
    if on is None:
        on = next((one for one in days if one >= today), days[-1] if days else today)
    own = [sitting for sitting in found if sitting.held_on == on]
    ids = [sitting.id for sitting in own]
    lines, packets = records.lines_of(session, ids), records.packets_of(session, ids)
    sat = [
        Sat(line.candidate_number, sitting.id, sitting.held_on, sitting.session_of_day)
        for sitting in own
        for line in lines.get(sitting.id, ())
        if line.state != RegisterState.WITHDRAWN
    ]
    sessions = tuple(
        (
            name,
            tuple(
                _standing(sitting, lines.get(sitting.id, []), packets.get(sitting.id, []))
                for sitting in own
                if sitting.session_of_day == name
            ),
        )
        for name in ("AM", "PM", "EV")
    )
    return ExamDay(
        on,
        sessions,
        clashes(sat),
        max((one for one in days if one < on), default=None),
        min((one for one in days if one > on), default=None),
    )


def _standing(sitting: Sitting, lines: list[RegisterLine], packets: list[Packet]) -> DaySitting:
    return DaySitting(
        sitting,
        sum(1 for line in lines if line.state != RegisterState.WITHDRAWN),
        sum(1 for line in lines if line.state == RegisterState.UNMARKED),
        len(packets),
        sum(1 for packet in packets if is_handed_over(packet)),
    )


def is_handed_over(packet: Packet) -> bool:
    """Return whether a packet has left the centre, as far as is known."""
    return PACKET_ORDER.index(PacketState(packet.state)) >= PACKET_ORDER.index(PacketState.COLLECTED)


def steps(register: RegisterView, plan: PlanView) -> tuple[Step, ...]:
    """Return the steps of a sitting in order: register, pack, print, hand over, follow.

    Source: OCR, https://www.ocr.org.uk/administration/general-qualifications/assessment/exams/send-scripts-for-marking/.
    """
    here = f"/sittings/{register.sitting.id}"
    signed = register.sitting.register_completed_at is not None
    gone = sum(1 for packet in plan.packets if is_handed_over(packet))
    total = len(plan.packets)
    if signed:
        marked = f"{len(register.waiting)} corrections to counter-sign" if register.waiting else "Signed off"
    else:
        marked = f"{register.unmarked} not marked" if register.unmarked else "To be signed off"
    packed = f"{total} packets" if total != 1 else "1 packet"
    if not total:
        packed = "To do"
    elif plan.unpacked:
        packed = f"{len(plan.unpacked)} scripts are in no packet"
    printed = "To do" if plan.unprinted == total else f"{plan.unprinted} labels not printed"
    return (
        Step("Register", marked, signed and not register.waiting, f"{here}/register"),
        Step("Pack", packed, bool(total) and not plan.unpacked, f"{here}/packets"),
        Step(
            "Print labels and cover sheets",
            "Printed" if total and not plan.unprinted else printed,
            bool(total) and not plan.unprinted,
            f"{here}/packets#labels" if total else "",
        ),
        Step(
            "Hand over",
            "Handed over"
            if total and gone == total
            else f"{gone} of {total} handed over"
            if total
            else "Nothing to hand over yet",
            bool(total) and gone == total,
            f"{here}#hand-over" if total else "",
        ),
        Step("Follow", "On their way" if gone else "Begins when packets are handed over", False, f"{here}/custody"),
    )
