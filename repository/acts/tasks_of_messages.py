"""What somebody wrote to a person, and what officers must look at now: the first lines of a home page."""

from __future__ import annotations

from sqlalchemy.orm import Session

from repository.access import Action, scope_of
from repository.acts import concerns, messages
from repository.acts.cases import actor_of
from repository.acts.tasks import Task
from repository.audit import Context


def tasks(session: Session, context: Context) -> list[Task]:
    """Return the conversations with something new, and, for officers, the concerns that nobody has closed."""
    actor = actor_of(context)
    found: list[Task] = []
    if scope_of(actor, Action.SAFEGUARDING_READ) is not None:
        for one in concerns.waiting(session):
            title = f"Concern for somebody’s safety: {one.component_code} at centre {one.centre_number}"
            status = "Being dealt with" if one.taken_by else "Nobody deals with it yet"
            found.append(Task(title, "/safeguarding", "", status, urgent=True))
    if scope_of(actor, Action.MESSAGE_READ) is not None:
        for thread in messages.unread_of(session, context):
            count = thread.unread
            title = f"Read {count} new message{'s' if count != 1 else ''}"
            about = f"{thread.component_code} at centre {thread.centre_number}"
            found.append(Task(title, f"/threads/{thread.thread_id}", about, "New", urgent=False))
    return found
