"""What is due for moderators, for who checks them, and for awarding body officers."""

from __future__ import annotations

from sqlalchemy.orm import Session

from moderation.records import cases
from moderation.records.amendments import open_amendments
from moderation.records.checks import cases_to_check
from moderation.records.holds import suspicions_of
from moderation.records.ranked_lists import withdrawn_items
from moderation.records.results import release_of
from moderation.submission import SETTLED, WORK_EXPECTED, CaseState
from moderation.tables import SeriesRow
from repository.access import Role
from repository.acts import checks, extensions, held_files, marking, results, series, tasks_of_waiting
from repository.acts.allocations import moderators_of
from repository.acts.cases import STATE_WORDS, actor_of
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
    tasks: list[Task] = [
        *_requests(session, context),
        *tasks_of_waiting.tasks(session, context),
        *held_files.tasks_of_body(session),
    ]
    waiting: list[Task] = []
    total = late = 0
    for one in series.listed(session, context):
        moderators = moderators_of(session, one.key, context.now)
        found = cases.list_cases(session, series_key=one.key)
        total += len(found)
        proposed = [case.case_id for case in found if case.state == S.OUTCOME_PROPOSED]
        unchecked = cases_to_check(session, proposed) | cases_to_check(session, proposed, escalated=True)
        amended = open_amendments(session, one.key)
        tasks += _suspicions(session, one)
        tasks += _withdrawals(session, one)
        for case in found:
            name = f"{case.component_code} at centre {case.centre_number}"
            if case.case_id in amended:
                href = f"/cases/{case.case_id}/amendments"
                tasks.append(Task(f"Decide on an amendment of marks: {name}", href, one.title, "Proposed", urgent=True))
            outcome = f"/cases/{case.case_id}/outcome"
            if case.state == S.MARKS_CONFIRMED:
                href = f"/cases/{case.case_id}/sample/requests"
                waiting.append(Task(f"Sample of {name} to be chosen", href, one.title, "A person chooses this sample"))
            if case.case_id in unchecked:
                waiting.append(Task(f"Outcome of {name}", outcome, one.title, "Waits for the check of the moderator"))
            elif case.state == S.OUTCOME_PROPOSED:
                tasks.append(Task(f"Confirm the outcome of {name}", outcome, one.title, STATE_WORDS[case.state]))
            elif case.state in {S.INVALID_ORDER, S.SUPPORT_CALL}:
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
    return Board(tuple(tasks), tuple(waiting), (("components at centres", total), ("late samples", late)))


def check_board(session: Session, context: Context) -> Board:
    """Return the board of a team leader or a principal moderator: which outcomes wait for a check."""
    lines = checks.listed(session, context)
    principal = actor_of(context).role is Role.PRINCIPAL_MODERATOR
    tasks = []
    for line in lines:
        case = line.case
        if line.is_escalated and principal:
            status, urgent = "Passed to you by the team leader", True
        elif line.is_due and not principal:
            status, urgent = "Waits for your check", False
        else:
            continue
        title = f"Check {case.component_code} at centre {case.centre_number}"
        tasks.append(Task(title, f"/checks/{case.case_id}", line.moderator, status, urgent=urgent))
    return Board(tuple(tasks), (), (("cases", len(lines)), ("waiting for a check", len(tasks))))


def _suspicions(session: Session, one: SeriesRow) -> list[Task]:
    """Return the suspicions of a series that wait for an officer."""
    return [
        Task(
            f"Decide on a suspicion: {found.component_code} at centre {found.centre_number}",
            f"/cases/{found.case_id}/holds",
            one.title,
            "Reported",
            urgent=True,
        )
        for found in suspicions_of(session, series_key=one.key)
        if found.decision is None
    ]


def _withdrawals(session: Session, one: SeriesRow) -> list[Task]:
    """Return the sampled works of a series whose candidates have withdrawn since the draw."""
    return [
        Task(
            f"Replace candidate {item.candidate_number} of centre {item.centre_number} in the sample",
            f"/cases/{item.case_id}/sample/requests?replace={item.item_id}#replace",
            one.title,
            "Withdrawn after the draw",
            urgent=True,
        )
        for item in withdrawn_items(session, series_key=one.key)
    ]


def _release(session: Session, context: Context, one: SeriesRow) -> list[Task]:
    """Return the next step towards the release of a series whose outcomes are all confirmed."""
    waiting = results.is_waiting(session, one.key)
    href = f"/series/{one.key}/gate"
    if waiting:
        return [Task(f"Release the results, {one.title}", href, f"Proposed by {waiting}", "Proposed")]
    if release_of(session, one.key) is not None:
        return []
    return [Task(f"Propose the release of results, {one.title}", href, "Every outcome is confirmed", "Not released")]


def _requests(session: Session, context: Context) -> list[Task]:
    """Return what centres, or another officer after an incident, have asked for and nobody has decided."""
    found = extensions.open_requests(session, context)
    mine = context.actor.person_id if context.actor else ""
    waiting = [one for one in found.incidents if one.decided_at is None and one.asked_by != mine]
    count = len(found.extensions) + len(found.reopenings) + len(waiting)
    if not count:
        return []
    words = f"{count} request{'s' if count != 1 else ''} of centres or after incidents"
    return [Task(f"Decide on {words}", "/requests", "More time, or something submitted back", "Waiting")]
