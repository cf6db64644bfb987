"""Acts on the end of scripts: until when scans and paper are kept, and their destruction by two people, with a certificate.

Scans are destroyed by their keys (decision 0009), paper by whoever destroys it and says so. Nothing is destroyed before its
time, while a case about it is open, or under a hold; what is kept is named in the certificate with the reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from moderation.entries import Series
from moderation.records.retention import keeping_in
from moderation.retention import Keeping, Kept, Retention, retain_until
from moderation.review_terms import retention_margin_days
from repository import access, audit
from repository.access import Action
from repository.acts.cases import actor_of
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
    ScriptRetentionRule,
    ScriptVersion,
    ShredProposal,
)
from scripts.records import ScriptEvent, record_script_events
from scripts.states import SCRIPT_TRANSITIONS, ScriptState
from scripts.tables import RegisterLine, ScanBundle, ScanPage, Script, ScriptCase, Sitting

SCANS, PAPER = "scans", "paper"
METHODS = {"shredded": "Shredded", "pulped": "Pulped", "burnt": "Burnt", "returned": "Given back to the centre"}
REASON = "end of retention of scripts"
ANY = "*"
RULES_LISTED = 100
MARGIN_DAYS_LIMIT = 3650
WHY = {
    "legal_hold": "Under a legal hold",
    "malpractice_hold": "A malpractice case needs it",
    "no_scan": "It was never scanned",
    "absent": "The candidate was absent or struck off",
    "time_over": "Its time is over",
}


@dataclass(frozen=True, slots=True)
class EndingLine:
    """A sitting whose scripts end one day: until when each kind is kept, by what, and what is under way."""

    sitting: Sitting
    scripts: int
    scans: Retention
    paper: Retention
    open: Mapping[str, ScriptDestruction]
    done: Mapping[str, ScriptDestruction]
    margins: Mapping[str, int]
    """For how many days more each kind is kept."""


def due(session: Session, context: Context, series_key: str) -> tuple[EndingLine, ...]:
    """Return every sitting of a series with until when its scans and its paper are kept; changes nothing."""
    access.require(actor_of(context), Action.SCRIPT_RETENTION)
    sittings = session.scalars(
        select(Sitting)
        .where(Sitting.series_key == series_key, Sitting.purpose == "scripts")
        .order_by(Sitting.component_code, Sitting.centre_number, Sitting.held_on)
    ).all()
    counted: dict[str, int] = dict(
        session.execute(
            select(Script.sitting_id, func.count())
            .where(Script.sitting_id.in_([one.id for one in sittings]))
            .group_by(Script.sitting_id)
        ).all()
    )
    found: dict[str, list[ScriptDestruction]] = defaultdict(list)
    for row in session.scalars(
        select(ScriptDestruction).where(
            ScriptDestruction.sitting_id.in_([one.id for one in sittings]), ScriptDestruction.withdrawn_at.is_(None)
        )
    ):
        found[row.sitting_id].append(row)
    keeping = _Keeping(session, series_key, context, [one.id for one in sittings])
    lines = []
    for sitting in sittings:
        rows = found[sitting.id]
        lines.append(
            EndingLine(
                sitting,
                counted.get(sitting.id, 0),
                keeping.retention(sitting, SCANS),
                keeping.retention(sitting, PAPER),
                {row.what: row for row in rows if row.finished_at is None},
                {row.what: row for row in rows if row.finished_at is not None},
                {what: keeping.margin_days(sitting, what) for what in (SCANS, PAPER)},
            )
        )
    return tuple(lines)


class _Keeping:
    """What keeps the scripts of sittings of one series, asked for once for all of them."""

    def __init__(self, session: Session, series_key: str, context: Context, sitting_ids: Sequence[str]) -> None:
        self._of_place = keeping_in(session, series_key, context.now)
        self._cases = set(
            session.scalars(
                select(ScriptCase.sitting_id)
                .where(ScriptCase.sitting_id.in_(sitting_ids), ScriptCase.state != "closed")
                .distinct()
            )
        )
        self._pages = set(
            session.scalars(
                select(ScanBundle.sitting_id)
                .join(ScanPage, ScanPage.bundle_id == ScanBundle.id)
                .where(ScanBundle.sitting_id.in_(sitting_ids), ScanPage.disposition == "queued")
                .distinct()
            )
        )
        self._body = Series.from_key(series_key).awarding_body
        self._rules = session.scalars(
            select(ScriptRetentionRule)
            .where(ScriptRetentionRule.awarding_body.in_([self._body, ANY]))
            .order_by(ScriptRetentionRule.set_at, ScriptRetentionRule.id)
        ).all()

    def retention(self, sitting: Sitting, what: str) -> Retention:
        """Return until when the scans or the paper of a sitting are kept, and by what."""
        kept = list(self._of_place(sitting.component_code, sitting.centre_number))
        kept += [Kept(Keeping.OPEN_CASE, None)] if sitting.id in self._cases else []
        kept += [Kept(Keeping.WAITING_PAGES, None)] if sitting.id in self._pages else []
        return retain_until(kept, margin_days=self.margin_days(sitting, what))

    def margin_days(self, sitting: Sitting, what: str) -> int:
        """Return for how many days more they are kept: the most exact rule, the newest of equals, or the package's figure.

        Source: project policy (domain: moderation, section 17); no board publishes a figure for scripts.
        """
        fitting = [
            rule for rule in self._rules if rule.what == what and rule.component_code in {sitting.component_code, ANY}
        ]
        exact = [(rule.component_code != ANY, rule.awarding_body != ANY, at) for at, rule in enumerate(fitting)]
        return fitting[max(exact)[2]].margin_days if exact else retention_margin_days()


def rules(session: Session, context: Context) -> tuple[ScriptRetentionRule, ...]:
    """Return the rules that were set of how many days more scripts are kept, the newest first: all stay on record."""
    access.require(actor_of(context), Action.SCRIPT_RETENTION)
    query = select(ScriptRetentionRule).order_by(ScriptRetentionRule.set_at.desc(), ScriptRetentionRule.id)
    return tuple(session.scalars(query.limit(RULES_LISTED)))


def set_rule(
    session: Session, context: Context, *, body: str, component: str, what: str, days: int, source: str
) -> str:
    """Set for how many days scripts are kept after the last thing that keeps them; returns the rule's id.

    Raises: ``FieldRefused`` naming the field.
    """
    actor = actor_of(context)
    access.require(actor, Action.SCRIPT_RETENTION)
    if what not in {SCANS, PAPER}:
        raise FieldRefused("Choose scans or paper.", field="what")
    if body != ANY and not (len(body) == 2 and body.isascii() and body.isalnum()):
        raise FieldRefused("Enter the awarding body as two characters, or * for every one.", field="awarding_body")
    if not 0 <= days <= MARGIN_DAYS_LIMIT:
        raise FieldRefused(f"Enter days from 0 to {MARGIN_DAYS_LIMIT:,}.", field="margin_days")
    rule = ScriptRetentionRule(
        awarding_body=body,
        component_code=component or ANY,
        what=what,
        margin_days=days,
        source=source,
        set_by=actor.person_id,
        set_at=context.now,
    )
    session.add(rule)
    session.flush()
    audit.record(session, context, "script.retention.rule", "script_retention_rule", rule.id, days=days, what=what)
    return rule.id


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
    found = _Keeping(session, sitting.series_key, context, [sitting.id]).retention(sitting, what)
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
