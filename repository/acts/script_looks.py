"""Acts of looking at a script's pages from its history: for a stated reason, by a proved person, and recorded.

Who sorts pages or checks scans sees what waits in the queue; whoever else looks at a candidate's answers says why first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import audit
from repository.access import Action, Role
from repository.acts.cases import actor_of
from repository.acts.sittings import permitted
from repository.audit import Context
from repository.errors import FieldRefused, NotFound
from repository.tables import DataKeyRow, DocumentRow, ScriptDocument
from scripts.records.enquiries import is_script_held
from scripts.tables import Script, ScriptCase, Sitting

MALPRACTICE = "malpractice"
REASONS: Mapping[str, str] = {
    "centre_asked": "The centre asked about this script",
    "missing_search": "A script is missing, and this one may be it",
    "unclear_scan": "A marker or a checker cannot read the scan",
    "review": "A review, an appeal, or access to scripts",
    MALPRACTICE: "An enquiry into malpractice",
}
"""For what somebody may look. Words of one's own are not kept: they would say things about candidates in the audit log.

Source: project policy (domain: scripts, section 12: images only where needed for a query, with step-up and reason).
"""
CASE = "case"
"""The reason of a look for one of the sitting's open cases, which is named."""


@dataclass(frozen=True, slots=True)
class Looking:
    """A script whose pages may be looked at: how many there are for this person now, and the reasons there can be."""

    script: Script
    sitting: Sitting
    pages: int
    cases: tuple[ScriptCase, ...]
    reasons: Mapping[str, str]


def asked(session: Session, context: Context, script_id: str) -> Looking:
    """Return what somebody sees before they look: no page yet.

    Raises: ``NotFound`` for a script out of reach.
    """
    script = session.get(Script, script_id)
    if script is None:
        raise NotFound
    sitting = permitted(session, context, Action.SCRIPT_LOOK, script.sitting_id)
    cases = session.scalars(
        select(ScriptCase)
        .where(ScriptCase.sitting_id == sitting.id, ScriptCase.state != "closed")
        .order_by(ScriptCase.opened_at, ScriptCase.id)
    )
    pages = _pages(session, script_id)
    if not is_script_held(session, script_id):
        return Looking(script, sitting, pages, tuple(cases), REASONS)
    seen = pages if actor_of(context).role is Role.AB_OFFICER else 0
    return Looking(script, sitting, seen, (), {MALPRACTICE: REASONS[MALPRACTICE]})


def look(session: Session, context: Context, script_id: str, reason: str) -> Looking:
    """Permit one look at a script's pages, and record why.

    Takes: ``reason``, one of ``REASONS``, or ``case:`` and the id of an open case of the sitting.
    Raises: ``NotFound``; ``FieldRefused`` without a reason, or with one that is not in the list.
    """
    found = asked(session, context, script_id)
    if not found.pages:
        raise NotFound("There is no scan of this script to look at.")
    kind, _, case_id = reason.partition(":")
    if kind == CASE and case_id in {one.id for one in found.cases}:
        audit.record(
            session,
            context,
            Action.SCRIPT_LOOK,
            "script",
            script_id,
            reason=CASE,
            script_case=case_id,
            pages=found.pages,
        )
    elif reason in found.reasons:
        audit.record(session, context, Action.SCRIPT_LOOK, "script", script_id, reason=reason, pages=found.pages)
    else:
        raise FieldRefused("Choose why you look at this script. Nothing was shown.", field="reason")
    return found


def _pages(session: Session, script_id: str) -> int:
    """Return how many pages of the script can be shown; none once its scan was destroyed."""
    query = (
        select(DocumentRow.page_count)
        .join(ScriptDocument, ScriptDocument.document_id == DocumentRow.id)
        .join(DataKeyRow, DataKeyRow.oid == DocumentRow.oid)
        .where(ScriptDocument.script_id == script_id, DataKeyRow.shredded_at.is_(None))
    )
    return session.scalar(query) or 0
