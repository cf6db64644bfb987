"""What is due for whoever gives roles: people who signed in at an identity provider and wait."""

from __future__ import annotations

from sqlalchemy.orm import Session

from repository.access import Role
from repository.acts.cases import actor_of
from repository.acts.tasks import Task
from repository.audit import Context
from repository.sign_in import providers_records


def tasks(session: Session, context: Context) -> list[Task]:
    """Return the task of deciding on those who wait: at the own centre, or, for the awarding body, at none."""
    actor = actor_of(context)
    if actor.role is Role.EXAMS_OFFICER and actor.centre_number is not None:
        found = providers_records.waiting(session, context.now, centre_number=actor.centre_number)
        href, who = "/staff", "with an account that names your centre"
    elif actor.role is Role.AB_OFFICER:
        found = [one for one in providers_records.waiting(session, context.now) if one.centre_number is None]
        href, who = "/people", "with an account that names no centre"
    else:
        return []
    if not found:
        return []
    title = (
        "Decide on a person who waits for a role"
        if len(found) == 1
        else f"Decide on {len(found)} people who wait for a role"
    )
    return [Task(title, href, f"They signed in {who}", "Waiting")]
