"""Files that are held: what waits for an officer of the awarding body, and sending one to inspection again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.tables import ModerationCase
from repository import access, audit, people, records, releasing
from repository.access import Action
from repository.acts.cases import actor_of
from repository.acts.tasks import Task
from repository.antivirus import ScanState
from repository.audit import Context
from repository.documents import DocumentState
from repository.errors import NotFound, NotHeldAnyMore
from repository.inspection import RemedyKind
from repository.tables import DocumentRow, Evidence, Work

FOR_THE_BODY = (RemedyKind.REVIEW, RemedyKind.RESCAN)
LISTED_LIMIT = 500


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file that waits for the awarding body: whose it is, why, what helps, and how often it was tried."""

    document_id: str
    filename: str
    case_id: str
    centre_number: str
    component_code: str
    reason: str
    remedy: str
    remedy_kind: str
    scan_state: str
    signature: str
    may_have_original: bool
    held_at: datetime | None
    attempts: int
    last_error: str


def listed(session: Session, context: Context) -> tuple[HeldFile, ...]:
    """Return what is held and no centre can mend, the oldest first."""
    access.require_role(actor_of(context), Action.HELD_READ)
    rows = session.execute(
        select(DocumentRow, ModerationCase, Work)
        .join(Evidence, Evidence.document_id == DocumentRow.id)
        .join(ModerationCase, ModerationCase.id == Evidence.case_id)
        .outerjoin(Work, (Work.subject_id == DocumentRow.id) & (Work.kind == records.VERIFY))
        .where(DocumentRow.state == DocumentState.HELD, DocumentRow.remedy_kind.in_(FOR_THE_BODY))
        .order_by(DocumentRow.decided_at, DocumentRow.id)
        .limit(LISTED_LIMIT)
    )
    return tuple(
        HeldFile(
            document.id,
            document.filename,
            case.id,
            case.centre_number,
            case.component_code,
            document.reason or "",
            document.remedy or "",
            document.remedy_kind or "",
            document.scan_state or "",
            document.scan_signature or "",
            document.scan_state == ScanState.CLEAN.value,
            document.decided_at,
            work.attempts if work is not None else 0,
            (work.last_error if work is not None else None) or "",
        )
        for document, case, work in rows
    )


def inspect_again(session: Session, context: Context, document_id: str) -> None:
    """Send a held file to inspection again, from its beginning.

    Raises: ``NotFound``; ``NotHeldAnyMore`` if it was sent before, replaced or withdrawn.
    """
    actor = actor_of(context)
    found = session.execute(
        select(ModerationCase)
        .join(Evidence, Evidence.case_id == ModerationCase.id)
        .where(Evidence.document_id == document_id)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    reached = people.reaches(session, actor, Action.DOCUMENT_INSPECT, found, context.now)
    access.require(actor, Action.DOCUMENT_INSPECT, centre_number=found.centre_number, allocated=reached)
    if not releasing.inspect_again(session, context, document_id):
        raise NotHeldAnyMore
    audit.record(session, context, Action.DOCUMENT_INSPECT, "document", document_id, case=found.id)


def tasks_of_body(session: Session) -> tuple[Task, ...]:
    """Return the officers' task while files wait for them."""
    count = session.scalar(
        select(func.count()).where(DocumentRow.state == DocumentState.HELD, DocumentRow.remedy_kind.in_(FOR_THE_BODY))
    )
    if not count:
        return ()
    words = "1 file is held" if count == 1 else f"{count} files are held"
    hint = "Centres can do nothing about them, and their time runs"
    return (Task(f"{words} and wait for the awarding body", "/held-files", hint, "Held", urgent=True),)


def tasks_of_centre(session: Session, cases: Sequence[tuple[str, str]]) -> tuple[Task, ...]:
    """Return a centre's tasks: per case, how many files cannot be read and have to be sent anew.

    Takes: ``cases``, each with its id and what it is called.
    """
    ids = [case_id for case_id, _ in cases]
    rows = session.execute(
        select(Evidence.case_id, DocumentRow.remedy_kind)
        .join(DocumentRow, DocumentRow.id == Evidence.document_id)
        .where(
            Evidence.case_id.in_(ids),
            Evidence.withdrawn_at.is_(None),
            DocumentRow.state.in_((DocumentState.HELD, DocumentState.REJECTED)),
        )
    ).all()
    mine = Counter(case_id for case_id, kind in rows if kind not in FOR_THE_BODY)
    theirs = Counter(case_id for case_id, kind in rows if kind in FOR_THE_BODY)
    found = []
    for case_id, name in cases:
        href = f"/cases/{case_id}/sample"
        if mine[case_id]:
            words = "1 file" if mine[case_id] == 1 else f"{mine[case_id]} files"
            hint = "The page says what is wrong with each, and what helps"
            found.append(Task(f"Send {words} of {name} again", href, hint, "Needs attention", urgent=True))
        if theirs[case_id]:
            words = "1 file of" if theirs[case_id] == 1 else f"{theirs[case_id]} files of"
            hint = "You need do nothing; the page says why"
            found.append(Task(f"{words} {name} waits for the awarding body", href, hint, "Held"))
    return tuple(found)
