"""Acts on mail: seeing what does not arrive, and having it sent again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from repository import access, audit
from repository.access import Action, Actor
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.mail import letters, records
from repository.mail.queueing import State
from repository.mail.records import Figures

SHOWN_LIMIT = 200


@dataclass(frozen=True, slots=True)
class FailedMessage:
    """A message that will not arrive."""

    message_id: str
    subject: str
    to_address: str
    centre_number: str
    created_at: datetime
    finished_at: datetime | None
    state: State
    reply: str
    can_be_sent_again: bool


@dataclass(frozen=True, slots=True)
class MailPage:
    """What is seen of the mail: of the whole service by officers, of their own centre by exams officers."""

    figures: Figures
    failed: Sequence[FailedMessage]
    is_of_all: bool


def page(session: Session, context: Context) -> MailPage:
    """Return how mail stands, and what failed."""
    actor = actor_of(context)
    access.require(actor, Action.MAIL_READ, centre_number=actor.centre_number)
    rows = records.failed(session, _centre(actor), SHOWN_LIMIT)
    failed = [
        FailedMessage(
            row.id,
            letters.LETTERS[row.letter].subject.format_map(_Codes(row.facts)),
            row.to_address,
            row.centre_number or "",
            row.created_at,
            row.finished_at,
            State(row.state),
            row.last_reply or "",
            row.to_address != "" and not letters.LETTERS[row.letter].forgets,
        )
        for row in rows
    ]
    return MailPage(records.figures(session), failed, actor.centre_number is None)


def send_again(session: Session, context: Context, message_id: str) -> bool:
    """Queue a failed message once more; returns False where there is none that the actor may see."""
    actor = actor_of(context)
    access.require(actor, Action.MAIL_RESEND, centre_number=actor.centre_number)
    done = records.try_again(session, message_id, _centre(actor), context.now)
    if done:
        audit.record(session, context, Action.MAIL_RESEND, "mail", message_id)
    return done


def _centre(actor: Actor) -> str | None:
    return actor.centre_number


class _Codes(dict[str, object]):
    def __missing__(self, _name: str) -> str:
        return ""
