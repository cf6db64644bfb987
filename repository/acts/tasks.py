"""The home page's board: what is due for a person and what to do next, most urgent first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from repository.access import Role
from repository.audit import Context
from repository.errors import NotSignedIn


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do: where it is done, what it is, how it stands; ``due_at`` when a clock runs."""

    title: str
    href: str
    hint: str = ""
    status: str = ""
    due_at: datetime | None = None
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """A person's home page: tasks to do now, what waits for others, a few figures, and reminders that were made."""

    tasks: tuple[Task, ...]
    waiting: tuple[Task, ...] = ()
    figures: tuple[tuple[str, int], ...] = ()
    inbox: tuple[Task, ...] = ()


def board(session: Session, context: Context) -> Board:
    """Return the board of the person who asks; tasks whose clock runs out first come first."""
    from repository.acts import tasks_of_body, tasks_of_centre, tasks_of_messages, tasks_of_reviews, tasks_of_scripts

    if context.actor is None:
        raise NotSignedIn
    boards: Mapping[Role, Callable[[Session, Context], Board]] = {
        Role.TEACHER: tasks_of_centre.board,
        Role.EXAMS_OFFICER: tasks_of_centre.board,
        Role.MODERATOR: tasks_of_body.moderator_board,
        Role.TEAM_LEADER: tasks_of_body.check_board,
        Role.PRINCIPAL_MODERATOR: tasks_of_body.check_board,
        Role.AB_OFFICER: tasks_of_body.officer_board,
        Role.TRACKING_CLERK: tasks_of_scripts.clerk_board,
    }
    found = boards[context.actor.role](session, context)
    late = datetime.max.replace(tzinfo=context.now.tzinfo)
    every = (
        *found.tasks,
        *tasks_of_scripts.label_tasks(session, context),
        *tasks_of_reviews.tasks(session, context),
        *tasks_of_messages.tasks(session, context),
    )
    tasks = tuple(sorted(every, key=lambda task: (not task.urgent, task.due_at or late, task.title)))
    return Board(tasks, found.waiting, found.figures, found.inbox)
