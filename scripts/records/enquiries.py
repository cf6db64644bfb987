"""Scripts that an enquiry into malpractice holds: their pages are for officers alone until the explanation is taken back."""

from __future__ import annotations

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import QueryableAttribute, Session, aliased

from scripts.reconciliation import Explanation
from scripts.tables import RegisterLine, ScanBundle, ScanPage, Script


def is_held(
    sitting_id: QueryableAttribute[str] | QueryableAttribute[str | None],
    candidate_number: QueryableAttribute[str] | QueryableAttribute[str | None],
) -> ColumnElement[bool]:
    """Return the condition that an enquiry into malpractice holds the script of this candidate in this sitting.

    Source: project policy (domain: scripts, section 8: visible to the malpractice team only).
    """
    line = aliased(RegisterLine)
    return exists().where(
        line.sitting_id == sitting_id,
        line.candidate_number == candidate_number,
        line.explained == str(Explanation.MALPRACTICE_HOLD),
    )


def is_script_held(session: Session, script_id: str) -> bool:
    """Say whether an enquiry into malpractice holds a script."""
    query = select(Script.id).where(Script.id == script_id, is_held(Script.sitting_id, Script.candidate_number))
    return session.scalar(query) is not None


def held_pages(session: Session, bundle_id: str) -> frozenset[int]:
    """Return the indices of the pages of a bundle that belong to a held script, or are thought to."""
    query = select(ScanPage.page_index).join(ScanBundle, ScanBundle.id == ScanPage.bundle_id)
    query = query.where(ScanPage.bundle_id == bundle_id, is_held(ScanBundle.sitting_id, ScanPage.candidate_number))
    return frozenset(session.scalars(query))
