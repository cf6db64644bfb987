"""Acts on reopening: a centre asks for marks or a sample back, a second person grants it, both see what changed."""

from __future__ import annotations

from sqlalchemy.orm import Session

from moderation.errors import RequestUnknown
from moderation.records import reopening
from moderation.records.reopening import ReopeningView
from moderation.tracking import Subject
from repository import audit
from repository.access import Action
from repository.acts import issuing, samples
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.errors import NotFound
from repository.receipts import Signer
from repository.receipts.issuing import newest_of


def ask(session: Session, context: Context, case_id: str, reason: str) -> str:
    """Ask for submitted marks, or for the submitted sample, back; returns the request's id."""
    permitted(session, context, Action.REOPEN_ASK, case_id)
    asked = reopening.ask_reopening(session, case_id, reason=reason, actor=actor_of(context).person_id, now=context.now)
    audit.record(session, context, Action.REOPEN_ASK, "case", case_id, reopening=asked.reopening_id)
    return asked.reopening_id


def decide(
    session: Session, context: Context, signer: Signer, reopening_id: str, grant: bool, reason: str
) -> ReopeningView:
    """Give marks or sample back to the centre, or refuse; never by the person who asked.

    A submitted sample that is given back is withdrawn, so the centre gets a receipt of that.
    """
    try:
        asked = reopening.reopening_of(session, reopening_id)
    except RequestUnknown as error:
        raise NotFound from error
    case = permitted(session, context, Action.REOPEN_GRANT, asked.case_id)
    of_sample = grant and asked.subject is Subject.SAMPLE
    done = reopening.decide_reopening(
        session,
        reopening_id,
        grant=grant,
        reason=reason,
        officer=actor_of(context).person_id,
        now=context.now,
        files=samples.file_facts(samples.page(session, context, asked.case_id)) if of_sample else (),
        receipt_id=newest_of(session, asked.case_id) if of_sample else None,
    )
    audit.record(session, context, Action.REOPEN_GRANT, "reopening", reopening_id, granted=grant, case=done.case_id)
    if of_sample:
        issuing.of_sample_given_back(session, context, signer, case, asked.asked_by, reopening_id)
    return done
