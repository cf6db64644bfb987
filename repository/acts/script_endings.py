"""Acts on the end of scripts: the destruction of their scans and paper by two people, with a certificate.

Scans are destroyed by their keys (decision 0009), paper by whoever destroys it and says so. Nothing is destroyed before its
time, while a case about it is open, or under a hold; what is kept is named in the certificate with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from repository import access, audit
from repository.access import Action
from repository.acts.cases import actor_of
from repository.acts.script_retention import PAPER, SCANS, ScriptsKeeping
from repository.audit import Context
from repository.errors import FieldRefused, NotFound, SecondPersonNeeded, ShredRefused
from repository.keys import shredding
from repository.keys.holds import OBJECT
from repository.receipts import Signer
from repository.receipts.issuing import about, by_actor, issue
from repository.receipts.kinds import ReceiptKind
from repository.tables import (
    BundleDocument,
    DataKeyRow,
    DocumentRow,
    LegalHold,
    ScopeKeyRow,
    ScriptDestruction,
    ScriptVersion,
    ShredProposal,
)
from scripts.records import ScriptEvent, record_script_events
from scripts.states import SCRIPT_TRANSITIONS, ScriptState
from scripts.tables import RegisterLine, ScanBundle, ScanPage, Script, Sitting

METHODS = {"shredded": "Shredded", "pulped": "Pulped", "burnt": "Burnt", "returned": "Given back to the centre"}
REASON = "end of retention of scripts"
WHY = {
    "legal_hold": "Under a legal hold",
    "malpractice_hold": "A malpractice case needs it",
    "no_scan": "It was never scanned",
    "absent": "The candidate was absent or struck off",
    "time_over": "Its time is over",
}


def propose(session: Session, context: Context, sitting_id: str, what: str) -> str:
    """Propose to destroy the scans or the paper of a sitting; another officer confirms. Returns the destruction's id.

    Raises: ``NotFound``; ``ShredRefused`` before its time, for what was destroyed, or when it is proposed already.
    """
    actor = actor_of(context)
    sitting = _permitted(session, context, sitting_id)
    if what not in {SCANS, PAPER}:
        raise FieldRefused("Choose scans or paper.", field="what")
    _need_over(session, context, sitting, what)
    earlier = session.scalars(
        select(ScriptDestruction).where(
            ScriptDestruction.sitting_id == sitting.id,
            ScriptDestruction.what == what,
            ScriptDestruction.withdrawn_at.is_(None),
        )
    ).first()
    if earlier is not None:
        raise ShredRefused("It is proposed already, or was destroyed. Nothing was changed.")
    made = ScriptDestruction(sitting_id=sitting.id, what=what, proposed_by=actor.person_id, proposed_at=context.now)
    session.add(made)
    session.flush()
    if what == SCANS:
        for oid in _objects(session, sitting, _decided(session, sitting, what)):
            shredding.propose(session, context, OBJECT, oid, REASON)
    audit.record(session, context, "script.destruction.propose", "script_destruction", made.id, what=what)
    return made.id


def withdraw(session: Session, context: Context, destruction_id: str) -> None:
    """Take back a proposal that nobody confirmed."""
    row = _row(session, context, destruction_id)
    if row.confirmed_at is not None:
        raise ShredRefused("It is confirmed already. Nothing was changed.")
    row.withdrawn_at = context.now
    audit.record(session, context, "script.destruction.withdraw", "script_destruction", row.id)


def confirm(
    session: Session,
    context: Context,
    destruction_id: str,
    *,
    destroyed_by: str = "",
    witnessed_by: str = "",
    method: str = "",
    boxes: str = "",
    destroyed_on: date | None = None,
) -> tuple[str, ...]:
    """Confirm as another officer: the keys of the scans go now; of paper, what was done is written down.

    Returns: the proposals of shredding still to be carried out; a confirmed one is simply taken up again.
    Raises: ``NotFound``; ``SecondPersonNeeded``; ``ShredRefused`` when its time is not over any more; ``HoldInForce``;
    ``FieldRefused`` for paper without who, witness, method or day.
    """
    actor = actor_of(context)
    row = _row(session, context, destruction_id)
    sitting = session.get_one(Sitting, row.sitting_id)
    if row.confirmed_at is not None:
        return _unfinished(session, sitting) if row.what == SCANS else ()
    if row.proposed_by == actor.person_id:
        raise SecondPersonNeeded
    _need_over(session, context, sitting, row.what)
    decided = _decided(session, sitting, row.what)
    if row.what == PAPER:
        _require_paper(destroyed_by, witnessed_by, method, destroyed_on, context)
        row.destroyed_by, row.witnessed_by, row.method = destroyed_by, witnessed_by, method
        row.boxes, row.destroyed_on = boxes, destroyed_on
    row.confirmed_by, row.confirmed_at, row.decided = actor.person_id, context.now, decided
    proposals: tuple[str, ...] = ()
    if row.what == SCANS:
        proposals = tuple(
            shredding.confirm(session, context, OBJECT, oid) for oid in _objects(session, sitting, decided)
        )
    _events(session, context, row, decided)
    session.flush()
    counts: dict[str, Any] = dict(_counts(decided))
    audit.record(session, context, "script.destruction.confirm", "script_destruction", row.id, **counts)
    return proposals


def finish(session: Session, context: Context, signer: Signer, destruction_id: str) -> str:
    """Say that a confirmed destruction was carried out, with its certificate; returns the receipt's id.

    Raises: ``NotFound``; ``ShredRefused`` while something of it is left.
    """
    row = _row(session, context, destruction_id)
    sitting = session.get_one(Sitting, row.sitting_id)
    if row.receipt_id is not None:
        return row.receipt_id
    if row.confirmed_at is None or (row.what == SCANS and _unfinished(session, sitting)):
        raise ShredRefused("It is not carried out to its end yet. Carry on first.")
    what = about(
        session,
        series_key=sitting.series_key,
        component_code=sitting.component_code,
        centre_number=sitting.centre_number,
        sitting_id=sitting.id,
    )
    content = {
        "held_on": sitting.held_on.isoformat(),
        "session_of_day": sitting.session_of_day,
        "destruction": _said(session, row),
    }
    receipt_id = issue(
        session, context, signer, ReceiptKind.SCRIPTS_DESTROYED, what, by_actor(actor_of(context)), content
    )
    row.finished_at, row.receipt_id = context.now, receipt_id
    session.flush()
    audit.record(session, context, "script.destruction.finish", "script_destruction", row.id)
    return receipt_id


def destruction(session: Session, context: Context, destruction_id: str) -> tuple[ScriptDestruction, Sitting]:
    """Return one destruction and its sitting; raises ``NotFound``."""
    row = _row(session, context, destruction_id)
    return row, session.get_one(Sitting, row.sitting_id)


# What is to go


def _permitted(session: Session, context: Context, sitting_id: str) -> Sitting:
    access.require(actor_of(context), Action.SCRIPT_RETENTION)
    sitting = session.get(Sitting, sitting_id)
    if sitting is None or sitting.purpose != "scripts":
        raise NotFound
    return sitting


def _row(session: Session, context: Context, destruction_id: str) -> ScriptDestruction:
    access.require(actor_of(context), Action.SCRIPT_RETENTION)
    row = session.scalar(select(ScriptDestruction).where(ScriptDestruction.id == destruction_id).with_for_update())
    if row is None:
        raise NotFound
    return row


def _need_over(session: Session, context: Context, sitting: Sitting, what: str) -> None:
    found = ScriptsKeeping(session, sitting.series_key, context, [sitting.id]).retention(sitting, what)
    if not found.is_over(context.now):
        until = "without end for now" if found.until is None else f"until {found.until:%d %B %Y}"
        why = ", ".join(found.kept_by) or "nothing recorded yet"
        raise ShredRefused(f"These scripts are kept {until} ({why}). Nothing was changed.")


def _decided(session: Session, sitting: Sitting, what: str) -> list[list[str]]:
    """Return of every script of a sitting what becomes of it, and why: [script id, destroyed | kept | nothing, reason]."""
    lines = {
        line.candidate_number: line
        for line in session.scalars(select(RegisterLine).where(RegisterLine.sitting_id == sitting.id))
    }
    scripts = session.scalars(
        select(Script).where(Script.sitting_id == sitting.id).order_by(Script.candidate_number)
    ).all()
    scanned = set(
        session.scalars(select(ScriptVersion.script_id).where(ScriptVersion.script_id.in_([one.id for one in scripts])))
    )
    held = _held(session, [one.id for one in scripts])
    decided = []
    for script in scripts:
        line = lines.get(script.candidate_number)
        if line is not None and line.explained == "malpractice_hold":
            end, why = "kept", "malpractice_hold"
        elif script.id in held:
            end, why = "kept", "legal_hold"
        elif what == SCANS and script.id not in scanned:
            end, why = "nothing", "no_scan"
        elif what == PAPER and line is not None and line.state in {"absent", "withdrawn"} and script.id not in scanned:
            end, why = "nothing", "absent"
        else:
            end, why = "destroyed", "time_over"
        decided.append([script.id, end, why])
    return decided


def _held(session: Session, script_ids: Sequence[str]) -> set[str]:
    """Return the scripts of which a scan is under a legal hold, itself or by its scope."""
    return set(
        session.scalars(
            select(ScriptVersion.script_id)
            .join(DocumentRow, DocumentRow.id == ScriptVersion.document_id)
            .join(DataKeyRow, DataKeyRow.oid == DocumentRow.oid)
            .join(ScopeKeyRow, ScopeKeyRow.sk_id == DataKeyRow.sk_id)
            .join(LegalHold, or_(LegalHold.oid == DocumentRow.oid, LegalHold.scope == ScopeKeyRow.scope))
            .where(LegalHold.lifted_at.is_(None), ScriptVersion.script_id.in_(script_ids))
        )
    )


def _objects(session: Session, sitting: Sitting, decided: Sequence[Sequence[str]]) -> list[str]:
    """Return the objects that go: every version of the scripts that go, and bundles in which nothing is kept."""
    going = {script_id for script_id, end, _ in decided if end == "destroyed"}
    kept = {script_id for script_id, end, _ in decided if end == "kept"}
    of_scripts = (
        select(DocumentRow.oid)
        .join(ScriptVersion, ScriptVersion.document_id == DocumentRow.id)
        .where(ScriptVersion.script_id.in_(going))
    )
    holding = select(ScanPage.bundle_id).where(ScanPage.script_id.in_(kept))
    of_bundles = (
        select(DocumentRow.oid)
        .join(BundleDocument, BundleDocument.document_id == DocumentRow.id)
        .join(ScanBundle, ScanBundle.id == BundleDocument.bundle_id)
        .where(ScanBundle.sitting_id == sitting.id, ScanBundle.id.not_in(holding))
    )
    oids = {*session.scalars(of_scripts), *session.scalars(of_bundles)}
    left = select(DataKeyRow.oid).where(DataKeyRow.oid.in_(oids), DataKeyRow.shredded_at.is_(None))
    return sorted(session.scalars(left))


def _unfinished(session: Session, sitting: Sitting) -> tuple[str, ...]:
    """Return the confirmed shreddings of a sitting's scans that were not carried out to their end."""
    documents = [
        select(DocumentRow.oid)
        .join(ScriptVersion, ScriptVersion.document_id == DocumentRow.id)
        .join(Script, Script.id == ScriptVersion.script_id)
        .where(Script.sitting_id == sitting.id),
        select(DocumentRow.oid)
        .join(BundleDocument, BundleDocument.document_id == DocumentRow.id)
        .join(ScanBundle, ScanBundle.id == BundleDocument.bundle_id)
        .where(ScanBundle.sitting_id == sitting.id),
    ]
    oids = {oid for query in documents for oid in session.scalars(query)}
    query = select(ShredProposal.id).where(
        ShredProposal.kind == OBJECT,
        ShredProposal.subject.in_(oids),
        ShredProposal.confirmed_at.is_not(None),
        ShredProposal.finished_at.is_(None),
    )
    return tuple(session.scalars(query.order_by(ShredProposal.id)))


def _events(session: Session, context: Context, row: ScriptDestruction, decided: Sequence[Sequence[str]]) -> None:
    by = actor_of(context).person_id
    states = {
        script.id: ScriptState(script.state)
        for script in session.scalars(select(Script).where(Script.sitting_id == row.sitting_id))
    }
    events = []
    for script_id, end, _why in decided:
        if end != "destroyed":
            continue
        moves = row.what == SCANS and ScriptState.DESTROYED in SCRIPT_TRANSITIONS[states[script_id]]
        details = {"what": row.what, "destruction_id": row.id}
        events.append(
            ScriptEvent(
                script_id,
                "destroyed" if row.what == SCANS else "paper_destroyed",
                context.now,
                context.now,
                by,
                "",
                details,
                "retention",
                state=ScriptState.DESTROYED if moves else None,
            )
        )
    record_script_events(session, events)


def _require_paper(
    destroyed_by: str, witnessed_by: str, method: str, destroyed_on: date | None, context: Context
) -> None:
    if not destroyed_by.strip():
        raise FieldRefused("Enter who destroyed the paper.", field="destroyed_by")
    if not witnessed_by.strip() or witnessed_by.strip().casefold() == destroyed_by.strip().casefold():
        raise FieldRefused("Enter who saw it: another person than the one who did it.", field="witnessed_by")
    if method not in METHODS:
        raise FieldRefused("Choose how it was destroyed.", field="method")
    if destroyed_on is None or destroyed_on > context.now.date():
        raise FieldRefused("Enter the day on which it was destroyed, today at the latest.", field="destroyed_on")


# The certificate


def _counts(decided: Sequence[Sequence[str]]) -> dict[str, int]:
    ends = [end for _, end, _ in decided]
    return {"scripts": len(ends), **{end: ends.count(end) for end in ("destroyed", "kept", "nothing")}}


def _said(session: Session, row: ScriptDestruction) -> dict[str, object]:
    decided = row.decided or []
    numbers: dict[str, str] = dict(
        session.execute(select(Script.id, Script.candidate_number).where(Script.sitting_id == row.sitting_id)).all()
    )
    how = [["Confirmed", f"{row.confirmed_at:%d %B %Y %H:%M} UTC"]]
    if row.what == PAPER:
        how += [
            ["Destroyed by", row.destroyed_by],
            ["Before the witness", row.witnessed_by],
            ["How", METHODS.get(row.method, row.method)],
            ["On", f"{row.destroyed_on:%d %B %Y}"],
            *([["Boxes", row.boxes]] if row.boxes else []),
        ]
    else:
        how.append(["How", "The keys of every version and of the bundles were destroyed, then the objects deleted"])
    return {
        "what": row.what,
        "counts": _counts(decided),
        "how": how,
        "scripts": [
            {"candidate_number": numbers[script_id], "what": end, "why": WHY[why]} for script_id, end, why in decided
        ],
    }
