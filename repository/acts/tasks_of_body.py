"""What is due for moderators and awarding body officers."""

from __future__ import annotations

from sqlalchemy.orm import Session

from moderation.records import cases
from moderation.submission import WORK_EXPECTED, CaseState
from repository.acts import marking, series
from repository.acts.allocations import moderators_of
from repository.acts.cases import STATE_WORDS
from repository.acts.tasks import Board, Task
from repository.audit import Context

S = CaseState
NEEDS_MODERATOR = frozenset({S.SAMPLE_REQUESTED, S.UPLOADING, S.DESPATCHED, S.VISIT_BOOKED, S.SUBMITTED, S.RECEIVED})


def moderator_board(session: Session, context: Context) -> Board:
    """Return a moderator's board: what can be read now, and what has not arrived."""
    lines = marking.worklist(session, context)
    ready: list[Task] = []
    waiting: list[Task] = []
    for line in lines:
        case = line.case
        task = Task(
            f"{case.component_code} at centre {case.centre_number}",
            f"/marking/{case.case_id}",
            f"{line.read} of {line.sampled} works marked",
            STATE_WORDS[case.state],
            case.sample_due_at if line.is_readable else None,
        )
        (ready if line.is_readable else waiting).append(task)
    figures = (("cases", len(lines)), ("ready to moderate", len(ready)))
    return Board(tuple(ready), tuple(waiting), figures)


def officer_board(session: Session, context: Context) -> Board:
    """Return an officer's board: outcomes to confirm, orders not valid, cases without a moderator, late samples."""
    tasks: list[Task] = []
    total = late = 0
    for one in series.listed(session, context):
        moderators = moderators_of(session, one.key)
        found = cases.list_cases(session, series_key=one.key)
        total += len(found)
        for case in found:
            name = f"{case.component_code} at centre {case.centre_number}"
            outcome = f"/cases/{case.case_id}/outcome"
            if case.state == S.OUTCOME_PROPOSED:
                tasks.append(Task(f"Confirm the outcome of {name}", outcome, one.title, STATE_WORDS[case.state]))
            elif case.state == S.INVALID_ORDER:
                tasks.append(Task(f"Decide on {name}", outcome, one.title, STATE_WORDS[case.state], urgent=True))
            elif case.state in NEEDS_MODERATOR and (case.component_code, case.centre_number) not in moderators:
                href = f"/allocations?series={one.key}"
                tasks.append(Task(f"Give {name} to a moderator", href, one.title, STATE_WORDS[case.state]))
            if case.state in WORK_EXPECTED and case.sample_due_at is not None and case.sample_due_at < context.now:
                late += 1
                tasks.append(
                    Task(
                        f"Late sample: {name}",
                        f"/cases/{case.case_id}",
                        one.title,
                        STATE_WORDS[case.state],
                        case.sample_due_at,
                    )
                )
    return Board(tuple(tasks), (), (("components at centres", total), ("late samples", late)))
