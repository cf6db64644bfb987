"""Acts on the journal of the desk and on notes upon works: writing each stroke once, and who reads whose.

Source: project policy (safety §3): notes are judgements. Their author reads them; a colleague who has the case after a
moderator reads that moderator's; who checks moderators reads them when the own marks are in; officers read all; centres
never.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.records.cases import CaseView
from moderation.records.checks import may_see_marks
from moderation.records.outcomes import outcome_of
from moderation.submission import READABLE
from moderation.tables import SampleItem
from repository import access, audit, evidence, journal
from repository.access import Action, Role
from repository.acts import standardisation_marks
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.errors import NotFound
from repository.journal import End, EntryKind, Kept, Stroke
from repository.tables import Evidence, Person


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one stroke."""

    stroke: Stroke
    kept: Kept


@dataclass(frozen=True, slots=True)
class Annotation:
    """A note that stands. ``is_mine``: the person who looks wrote it, and may change it; ``author``, the name otherwise."""

    end: End
    others: tuple[End, ...]
    is_mine: bool
    author: str


def write(session: Session, context: Context, strokes: Sequence[Stroke]) -> list[Result]:
    """Add strokes to the person's own journal, each once; what comes again is answered as it was.

    A stroke about a case that is not, or no longer, the person's is refused, and the others are kept: nothing that was
    typed may hold back what was typed elsewhere.
    """
    actor, results = actor_of(context), dict[tuple[str, int, str], Kept]()
    for case_id in dict.fromkeys(one.case_id for one in strokes):
        of_case = [one for one in strokes if one.case_id == case_id]
        try:
            case = permitted(session, context, Action.JOURNAL_WRITE, case_id)
        except NotFound:
            results |= {one.key: Kept.REFUSED for one in of_case}
            continue
        results |= {one.key: Kept.REFUSED for one in of_case}
        if journal.is_full(session, case_id, actor.person_id):
            continue
        fitting = [one for one in of_case if _is_about(session, context, case, one)]
        done = journal.keep(
            session, actor.person_id, str(actor.role), fitting, context.now, is_late=_is_late(session, case, actor.role)
        )
        results |= {stroke.key: kept for stroke, kept, _ in done}
        _record(session, context, case_id, done)
    return [Result(one, results[one.key]) for one in strokes]


def may_write(session: Session, context: Context, case_id: str) -> bool:
    """Say whether the person keeps a journal of a case, so that a page offers notes."""
    if access.scope_of(actor_of(context), Action.JOURNAL_WRITE) is None:
        return False
    try:
        permitted(session, context, Action.JOURNAL_WRITE, case_id)
    except NotFound:
        return False
    return True


def mine(session: Session, context: Context, case_id: str) -> dict[str, tuple[End, ...]]:
    """Return the person's own entries of a case by their id: each with its ends, the newest first."""
    permitted(session, context, Action.JOURNAL_WRITE, case_id)
    found = journal.entries_of(session, case_id=case_id, person_id=actor_of(context).person_id)
    return {entry_id: ends for (_, entry_id), ends in found.items()}


def of_document(session: Session, context: Context, document_id: str) -> tuple[Annotation, ...]:
    """Return the notes upon a document that the person may read.

    Raises: ``NotFound`` for a document that is not in reach, and for everybody of a centre.
    """
    actor, kinds = actor_of(context), (EntryKind.ANNOTATION,)
    try:
        case = _case_of(session, context, document_id)
    except NotFound:
        if access.scope_of(actor, Action.STANDARDISATION_MARK) is None:
            raise
        # A seed among blind works is answered as they are: nothing tells it from them.
        standardisation_marks.view(session, context, document_id, recorded=True)
        entries = journal.entries_of(session, person_id=actor.person_id, document_id=document_id, kinds=kinds)
        seen = list(entries.values())
    else:
        entries = journal.entries_of(session, case_id=case.case_id, document_id=document_id, kinds=kinds)
        seen = [ends for (author, _), ends in entries.items() if _reads(session, context, case, author, ends[0].role)]
    names = _names(session, {ends[0].person_id for ends in seen})
    audit.record(session, context, Action.ANNOTATION_READ, "document", document_id, notes=len(seen))
    return tuple(
        Annotation(ends[0], ends[1:], ends[0].person_id == actor.person_id, names.get(ends[0].person_id, ""))
        for ends in sorted(seen, key=lambda ends: ends[0].written_at)
        if not ends[0].is_deleted
    )


def _case_of(session: Session, context: Context, document_id: str) -> CaseView:
    found = evidence.find(session, document_id)
    if found is None:
        raise NotFound
    return permitted(session, context, Action.ANNOTATION_READ, found[2].id)


def _reads(session: Session, context: Context, case: CaseView, author_id: str, author_role: str) -> bool:
    actor = actor_of(context)
    if author_id == actor.person_id or actor.role is Role.AB_OFFICER:
        return True
    if actor.role in access.CHECKERS:
        return author_role == Role.MODERATOR and may_see_marks(session, case.case_id, actor.person_id)
    return author_role == Role.MODERATOR  # who had the case before; who checks is nobody whom a moderator reads


def _is_about(session: Session, context: Context, case: CaseView, stroke: Stroke) -> bool:
    """Say whether what a stroke names belongs to its case."""
    if stroke.document_id is not None:
        of = select(Evidence.case_id).where(Evidence.document_id == stroke.document_id)
        if case.case_id not in session.scalars(of).all():
            return standardisation_marks.stands_in(
                session, context, case.case_id, item_id=stroke.sample_item_id, document_id=stroke.document_id
            )
    if stroke.sample_item_id is not None:
        item = session.get(SampleItem, stroke.sample_item_id)
        if item is None or item.case_id != case.case_id:
            return standardisation_marks.stands_in(
                session, context, case.case_id, item_id=stroke.sample_item_id, document_id=stroke.document_id
            )
    return True


def _is_late(session: Session, case: CaseView, role: Role) -> bool:
    """After the outcome is proposed, what a moderator's window still brings is kept apart: it decides nothing."""
    return role is Role.MODERATOR and case.state not in READABLE and outcome_of(session, case.case_id) is not None


def _record(session: Session, context: Context, case_id: str, done: Sequence[tuple[Stroke, Kept, bool]]) -> None:
    """Record that notes were begun, taken away, or came late; their strokes are a history of their own."""
    notes = [one for one in done if one[0].kind is EntryKind.ANNOTATION]
    begun = sum(begins for _, _, begins in notes)
    gone = sum('"deleted":true' in stroke.body for stroke, _, _ in notes)
    late = sum(kept is Kept.LATE for _, kept, _ in done)
    if begun or gone or late:
        audit.record(
            session, context, Action.JOURNAL_WRITE, "case", case_id, notes_begun=begun, notes_deleted=gone, late=late
        )


def _names(session: Session, person_ids: set[str]) -> dict[str, str]:
    rows = session.execute(select(Person.id, Person.display_name).where(Person.id.in_(sorted(person_ids)))).all()
    return {row.id: row.display_name for row in rows}
