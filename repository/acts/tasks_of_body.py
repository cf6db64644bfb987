"""What is due for moderators and awarding body officers."""

from __future__ import annotations

from sqlalchemy.orm import Session

from moderation.records import cases
from moderation.records.results import release_of
from moderation.submission import SETTLED, WORK_EXPECTED, CaseState
from moderation.tables import SeriesRow
from repository.acts import marking, results, series
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
        if found and all(case.state in SETTLED for case in found):
            tasks += _release(session, context, one)
    return Board(tuple(tasks), (), (("components at centres", total), ("late samples", late)))


def _release(session: Session, context: Context, one: SeriesRow) -> list[Task]:
    """Return the next step towards the release of a series whose outcomes are all confirmed."""
    waiting = results.is_waiting(session, one.key)
    href = f"/series/{one.key}/gate"
    if waiting:
        return [Task(f"Release the results, {one.title}", href, f"Proposed by {waiting}", "Proposed")]
    if release_of(session, one.key) is not None:
        return []
    return [Task(f"Propose the release of results, {one.title}", href, "Every outcome is confirmed", "Not released")]
