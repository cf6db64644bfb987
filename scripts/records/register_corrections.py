"""Corrections of a register, each signed by two people; what stood before is never lost."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from scripts.errors import RegisterRefused, SecondPersonNeeded
from scripts.labels import CANDIDATE
from scripts.reconciliation import RegisterState
from scripts.records.custody import packets
from scripts.records.plans import leave_packets
from scripts.records.registers import mark_line, note
from scripts.records.script_events import record_script_events
from scripts.records.sittings import add_line, get_sitting, register, scripts_of
from scripts.registers import Addition, ChangeKind, CorrectionField, checked_correction
from scripts.tables import RegisterCorrection, RegisterLine, Sitting


def ask_correction(
    session: Session,
    sitting_id: str,
    candidate_number: str,
    field: CorrectionField,
    after: str,
    *,
    reason: str,
    actor: str,
    now: datetime,
    name: str = "",
) -> RegisterCorrection:
    """Write down what is wrong on a line and what is right; nothing changes until a second person agrees.

    Takes: ``name``: of a candidate who is written in after the register was signed off (``mark`` of a new number).
    Raises: ``RegisterRefused`` for a value that cannot be, no reason, or a mark while the register is still open.
    Source: OCR, https://www.ocr.org.uk/administration/general-qualifications/assessment/exams/send-scripts-for-marking/
    """
    sitting = get_sitting(session, sitting_id)
    line = next((one for one in register(session, sitting_id) if one.candidate_number == candidate_number), None)
    if field is CorrectionField.MARK and sitting.register_completed_at is None:
        raise RegisterRefused("The register is not signed off yet: mark the candidate on it.", field="field")
    if line is None and (field is not CorrectionField.MARK or CANDIDATE.fullmatch(candidate_number) is None):
        raise RegisterRefused(f"Candidate {candidate_number} is not on the register.", field="candidate_number")
    before = _value(line, field, sitting)
    after = checked_correction(field, before, after, reason)
    if field is CorrectionField.CANDIDATE_NUMBER:
        _require_free(session, sitting_id, candidate_number, after)
    made = RegisterCorrection(
        sitting_id=sitting_id,
        candidate_number=candidate_number,
        field=str(field),
        before=before,
        after=after,
        name=name,
        reason=reason.strip(),
        asked_by=actor,
        asked_at=now,
    )
    session.add(made)
    session.flush()
    return made


def _value(line: RegisterLine | None, field: CorrectionField, sitting: Sitting) -> str:
    if line is None:
        return ""
    return {
        CorrectionField.CENTRE_NUMBER: line.centre_number or sitting.centre_number,
        CorrectionField.CANDIDATE_NUMBER: line.candidate_number,
        CorrectionField.NAME: line.name,
        CorrectionField.MARK: line.state,
    }[field]


def _require_free(session: Session, sitting_id: str, number: str, other: str) -> None:
    """A number can be corrected while it is on the register only: once pages are scanned, they say it too."""
    known = {script.candidate_number: script for script in scripts_of(session, sitting_id)}
    if other in known:
        raise RegisterRefused(f"Candidate {other} is on this register already. Mark that line instead.", field="after")
    if number in known and known[number].pages:
        raise RegisterRefused(
            "Pages of this script are scanned already. The awarding body decides whose they are.", field="after"
        )


def get_correction(session: Session, sitting_id: str, correction_id: str) -> RegisterCorrection:
    """Return a correction of a register; raises ``RegisterRefused`` for one that is not of this register."""
    found = session.get(RegisterCorrection, correction_id)
    if found is None or found.sitting_id != sitting_id:
        raise RegisterRefused("There is no such correction on this register.")
    return found


def decide_correction(
    session: Session,
    sitting_id: str,
    correction_id: str,
    *,
    confirmed: bool,
    actor: str | None,
    now: datetime,
    second_name: str = "",
) -> RegisterCorrection:
    """Counter-sign a correction, or refuse it; only then does the line change, and what stood before stays in the history.

    Takes: ``actor``: the second person; None when that person signed the paper register as ``second_name``.
    Raises: ``SecondPersonNeeded`` for whoever wrote it; ``RegisterRefused`` for one that is decided, or no longer fits.
    Source: project policy (domain: scripts, section 2): corrections are counter-signed.
    """
    found = get_correction(session, sitting_id, correction_id)
    if found.decision is not None:
        raise RegisterRefused("This correction is decided already.")
    if actor == found.asked_by or (actor is None and not second_name.strip()):
        raise SecondPersonNeeded("Whoever wrote a correction cannot counter-sign it. Somebody else must.")
    signer = actor or found.asked_by
    field = CorrectionField(found.field)
    if confirmed:
        _apply(session, found, field, signer, now)
    found.decision = "confirmed" if confirmed else "refused"
    found.decided_by, found.decided_at, found.second_name = actor, now, second_name.strip()
    kind = ChangeKind.CORRECTED if confirmed else ChangeKind.CORRECTION_REFUSED
    note(
        session,
        found.sitting_id,
        kind,
        signer,
        now,
        found.candidate_number,
        f"{field.replace('_', ' ')}: {found.before}"[:120],
        found.after,
        found.reason,
        found.id,
    )
    session.flush()
    return found


def _apply(session: Session, found: RegisterCorrection, field: CorrectionField, signer: str, now: datetime) -> None:
    sitting, number = get_sitting(session, found.sitting_id), found.candidate_number
    if field is CorrectionField.MARK:
        lines = {line.candidate_number: line for line in register(session, sitting.id)}
        if number not in lines:
            lines[number] = add_line(session, sitting.id, number, added=Addition(number, found.name, found.reason))
            session.flush()
        script = next(one for one in scripts_of(session, sitting.id) if one.candidate_number == number)
        event = mark_line(session, lines[number], script, RegisterState(found.after), signer, now, found.reason)
        record_script_events(session, [event])
        if found.after != RegisterState.PRESENT:
            leave_packets(session, sitting.id, [number])
        return
    line = next((one for one in register(session, sitting.id) if one.candidate_number == number), None)
    if line is None or _value(line, field, sitting) != found.before:
        raise RegisterRefused("The line was changed since. Refuse this correction and write a new one.")
    if field is CorrectionField.CENTRE_NUMBER:
        line.centre_number = found.after
    elif field is CorrectionField.NAME:
        line.name = found.after
    else:
        _require_free(session, sitting.id, number, found.after)
        _renumber(session, line, found.after)


def _renumber(session: Session, line: RegisterLine, after: str) -> None:
    """Give a line, its script and its place in a packet the right number; all three at once, so nothing is lost."""
    for packet in packets(session, line.sitting_id):
        if line.candidate_number in packet.candidate_numbers:
            packet.candidate_numbers = sorted(
                after if one == line.candidate_number else one for one in packet.candidate_numbers
            )
    for script in scripts_of(session, line.sitting_id):
        if script.candidate_number == line.candidate_number:
            script.candidate_number = after
    line.candidate_number = after


def corrections(session: Session, sitting_id: str) -> list[RegisterCorrection]:
    """Return every correction of a register, newest first."""
    query = select(RegisterCorrection).where(RegisterCorrection.sitting_id == sitting_id)
    return list(session.scalars(query.order_by(RegisterCorrection.asked_at.desc(), RegisterCorrection.id)))
