"""The second look at scanned scripts, and what keeps a script from its marker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from scripts.cases import CaseState
from scripts.errors import CheckUnknown, DecisionRefused, ReleaseRefused, SecondPersonNeeded
from scripts.queues import CLAIM_LASTS, QUALITY_REASONS, Standing, blocks
from scripts.reconciliation import add_up
from scripts.records.cases import open_case
from scripts.records.enquiries import is_held, is_script_held
from scripts.records.facts import facts_of
from scripts.records.scans import SOURCE, script_pages
from scripts.records.script_events import ScriptEvent, record_script_events
from scripts.records.settling import open_again
from scripts.splitting import Disposition
from scripts.states import SCRIPT_TRANSITIONS, ScriptState
from scripts.tables import QualityCheck, ScanBundle, ScanPage, Script, ScriptCase

S = ScriptState


@dataclass(frozen=True, slots=True)
class Checked:
    """A script that a second person looks at, and the check."""

    check: QualityCheck
    script: Script


def still_waits() -> ColumnElement[bool]:
    """Return the condition that a look is wanted: it was not answered, no later version of the script has its own, and no
    enquiry into malpractice holds the script.
    """
    later = aliased(QualityCheck)
    newer = exists().where(later.script_id == QualityCheck.script_id, later.version > QualityCheck.version)
    held = exists().where(Script.id == QualityCheck.script_id, is_held(Script.sitting_id, Script.candidate_number))
    return and_(QualityCheck.outcome == "", ~newer, ~held)


def take_check(session: Session, *, actor: str, now: datetime) -> Checked | None:
    """Take up the script that waits longest for its second look and that this person has not indexed by hand.

    Returns: the check, which is now the actor's for a while; None when nothing waits for this person.
    """
    by_hand = select(ScanPage.script_id).where(
        ScanPage.script_id.is_not(None), or_(ScanPage.decided_by == actor, ScanPage.seconded_by == actor)
    )
    check = session.scalars(
        select(QualityCheck)
        .where(
            still_waits(),
            QualityCheck.script_id.not_in(by_hand),
            or_(
                QualityCheck.claimed_by.is_(None),
                QualityCheck.claimed_by == actor,
                QualityCheck.claimed_until <= now,
            ),
        )
        .order_by(QualityCheck.chosen_at, QualityCheck.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if check is None:
        return None
    check.claimed_by, check.claimed_until = actor, now + CLAIM_LASTS
    session.flush()
    return Checked(check, session.get_one(Script, check.script_id))


def get_check(session: Session, check_id: str, *, for_writing: bool = False) -> Checked:
    """Return a check with its script; raises ``CheckUnknown``, also while an enquiry into malpractice holds the script."""
    check = session.get(QualityCheck, check_id, with_for_update=True if for_writing else None)
    if check is None:
        raise CheckUnknown
    if is_script_held(session, check.script_id):
        raise CheckUnknown
    return Checked(check, session.get_one(Script, check.script_id))


def answer_check(
    session: Session, check_id: str, *, passed: bool, reason: str = "", actor: str, now: datetime
) -> QualityCheck:
    """Say what the second look found.

    Takes: ``reason``, one of ``QUALITY_REASONS`` when it did not pass; that opens a case.
    Raises: ``CheckUnknown``, also for one that was answered; ``SecondPersonNeeded`` for who indexed pages of it by hand;
        ``DecisionRefused`` naming the field.
    Source: project policy (domain: scripts, section 11).
    """
    found = get_check(session, check_id, for_writing=True)
    check, script = found.check, found.script
    if check.outcome:
        raise CheckUnknown("This look was answered already.")
    if any(actor in {page.decided_by, page.seconded_by} for page in script_pages(session, script.id)):
        raise SecondPersonNeeded
    if not passed and reason not in QUALITY_REASONS:
        raise DecisionRefused("Choose what is wrong with the script.", field="reason")
    check.outcome, check.reason = "passed" if passed else "failed", "" if passed else reason
    check.checked_by, check.checked_at = actor, now
    details: dict[str, object] = {"version": check.version, "chosen_for": check.chosen_for, "outcome": check.outcome}
    kind, state = "quality_failed", None
    if passed:
        kind = "quality_checked"
        state = S.QUALITY_CHECKED if S.QUALITY_CHECKED in SCRIPT_TRANSITIONS[S(script.state)] else None
    record_script_events(session, [ScriptEvent(script.id, kind, now, now, actor, "", details, SOURCE, state=state)])
    if not passed:
        subject = f"candidate:{script.candidate_number}"
        found_wrong: dict[str, object] = {"reason": reason, "version": check.version}
        case = open_case(
            session, script.sitting_id, "image_rejected", subject, now=now, script_id=script.id, details=found_wrong
        )
        if case.state == CaseState.CLOSED:  # it was settled for an earlier version
            open_again(session, case, found_wrong, now=now)
    session.flush()
    return check


def standing(session: Session, script: Script, *, version: int | None) -> Standing:
    """Return what is known of a script that is to be released.

    Takes: ``version``: the number of the images that are shown of it, None when there are none.
    """
    check = (
        session.scalar(select(QualityCheck).where(QualityCheck.script_id == script.id, QualityCheck.version == version))
        if version is not None
        else None
    )
    waiting = (
        select(func.count())
        .select_from(ScanPage)
        .join(ScanBundle, ScanBundle.id == ScanPage.bundle_id)
        .where(ScanBundle.sitting_id == script.sitting_id, ScanPage.disposition == str(Disposition.QUEUED))
    )
    own = session.scalar(waiting.where(ScanPage.candidate_number == script.candidate_number)) or 0
    unknown = session.scalar(waiting.where(ScanPage.candidate_number.is_(None))) or 0
    cases = session.scalars(
        select(ScriptCase.kind).where(
            ScriptCase.sitting_id == script.sitting_id,
            ScriptCase.state != "closed",
            or_(
                ScriptCase.script_id == script.id,
                ScriptCase.subject == f"candidate:{script.candidate_number}",
                (ScriptCase.packet_id == script.packet_id) & ScriptCase.packet_id.is_not(None),
            ),
        )
    )
    facts = facts_of(session, [script.sitting_id])
    return Standing(
        is_sealed=version is not None,
        check=check.outcome if check is not None else None,
        own_pages_waiting=own,
        unknown_pages_waiting=unknown,
        open_cases=tuple(sorted(cases)),
        equation_closes=add_up(facts[script.sitting_id]).closes,
        is_held=is_script_held(session, script.id),
    )


def release(
    session: Session, script: Script, *, version: int | None, permitted: bool, actor: str, now: datetime
) -> Script:
    """Let a script go to its marker.

    Takes: ``permitted``: whether somebody who may close cases lets it go with its cases, or its equation, open.
    Raises: ``ReleaseRefused`` naming what keeps it.
    Source: project policy (domain: scripts, section 11).
    """
    kept = blocks(standing(session, script, version=version), permitted=permitted)
    if S.RELEASED not in SCRIPT_TRANSITIONS[S(script.state)]:
        kept = ("state", *kept)
    if kept:
        raise ReleaseRefused(blocks=list(kept), state=script.state)
    details: dict[str, object] = {"version": version, "permitted": permitted}
    record_script_events(
        session, [ScriptEvent(script.id, "released", now, now, actor, "", details, SOURCE, state=S.RELEASED)]
    )
    session.flush()
    return script
