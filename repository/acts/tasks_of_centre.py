"""What is due at a centre, for its teachers and its exams officer."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from moderation.entries import SubmissionMode
from moderation.records import outstanding
from moderation.records.cases import CaseView
from moderation.records.outstanding import Outstanding
from moderation.submission import MARKS_EDITABLE, WORK_ASKED_FOR, CaseState
from moderation.tracking import Subject
from repository import contacts, teaching
from repository.access import Actor, Role
from repository.acts import cases, held_files, sample_requests, tasks_of_scripts, tasks_of_waiting
from repository.acts.cases import actor_of, state_words
from repository.acts.tasks import Board, Task
from repository.audit import Context

LONDON = ZoneInfo("Europe/London")
S = CaseState


def board(session: Session, context: Context) -> Board:
    """Return the board of a teacher or an exams officer."""
    actor = actor_of(context)
    found = cases.listed(session, context)
    tasks = [task for case in found if (task := _task(context, case)) is not None]
    tasks += [
        Task(
            f"Choose the sample of {case.component_code}, {case.component_title}",
            f"/cases/{case.case_id}/sample/choose",
            "Your centre chooses whose work is sent",
            state_words(actor, case.state),
        )
        for case in found
        if case.state == S.MARKS_CONFIRMED and sample_requests.is_waiting_for(session, context, case.case_id)
    ]
    tasks += held_files.tasks_of_centre(
        session,
        [
            (case.case_id, f"{case.component_code}, {case.component_title}")
            for case in found
            if case.state in WORK_ASKED_FOR | {S.UPLOADING}
        ],
    )
    if actor.role is Role.EXAMS_OFFICER:
        tasks += tasks_of_scripts.centre_tasks(session, context)
        tasks += tasks_of_waiting.tasks(session, context)
        if actor.centre_number is not None and not contacts.has_any(session, actor.centre_number):
            hint = "Notices by e-mail reach nobody but the exams officers"
            tasks.append(Task("Name a notification contact", "/contacts", hint, "Missing"))
    waiting = tuple(
        Task(
            f"{case.component_code}, {case.component_title}",
            f"/cases/{case.case_id}",
            status=state_words(actor, case.state),
        )
        for case in found
        if _task(context, case) is None
    )
    if actor.role is Role.TEACHER and not teaching.of_assignments(session, [actor.assignment_id]):
        hint = "You see a component once it is given to you"
        waiting = (Task("Your exams officer has not said yet what you teach", "/cases", hint, "Ask them"),)
    figures = (
        ("components", len(found)),
        ("marks to submit", sum(case.state in MARKS_EDITABLE for case in found)),
        ("samples to send", sum(case.state in WORK_ASKED_FOR | {S.UPLOADING} for case in found)),
    )
    return Board(tuple(tasks), waiting, figures, _inbox(session, context, actor))


def _inbox(session: Session, context: Context, actor: Actor) -> tuple[Task, ...]:
    """Return the newest reminder of everything the centre still has to send."""
    if actor.centre_number is None:
        return ()
    return tuple(
        Task(
            f"{'Marks' if line.subject is Subject.MARKS else 'Sample'} of {line.component_code}, {line.component_title}",
            f"/cases/{line.case_id}/{_place(line)}",
            f"Reminder made {said.made_at.astimezone(LONDON):%d/%m/%Y}",
            _when(line, context.now),
            line.due_at,
        )
        for line, said in outstanding.inbox(session, actor.centre_number)
    )


def _place(line: Outstanding) -> str:
    if line.subject is Subject.MARKS:
        return "marks"
    return "sample" if line.submission_mode == SubmissionMode.UPLOAD else "post"


def _when(line: Outstanding, now: datetime) -> str:
    if not line.is_late(now):
        return "Due soon"
    days = line.working_days_late(now)
    return f"Late by {days} working day{'s' if days != 1 else ''}" if days else "Late"


def _task(context: Context, case: CaseView) -> Task | None:
    actor = actor_of(context)
    officer = actor.role is Role.EXAMS_OFFICER
    name = f"{case.component_code}, {case.component_title}"
    status = state_words(actor, case.state)
    marks = f"/cases/{case.case_id}/marks"
    due_at = _end_of(case)
    if case.state in {S.MARKS_OPEN, S.MARKS_SAVED, S.RETURNED_TO_CENTRE}:
        verb = "Enter the marks again for" if case.state == S.RETURNED_TO_CENTRE else "Enter and check marks for"
        return Task(f"{verb} {name}", marks, status=status, due_at=due_at, urgent=case.state == S.RETURNED_TO_CENTRE)
    if case.state == S.MARKS_CHECKED and officer:
        return Task(f"Submit the marks of {name}", marks, status=status, due_at=due_at)
    if case.state == S.RECEIPT_QUERY:
        place = "sample" if case.submission_mode == SubmissionMode.UPLOAD else "post"
        hint = "Something of it is missing, mislabelled or unreadable; the page says what"
        title = f"Answer the moderator about the sample of {name}"
        return Task(title, f"/cases/{case.case_id}/{place}", hint, status, case.sample_due_at, urgent=True)
    if case.state in WORK_ASKED_FOR | {S.UPLOADING}:
        if case.submission_mode == SubmissionMode.UPLOAD:
            hint = "Upload the work of the chosen candidates" + (", then submit the sample" if officer else "")
            return Task(f"Send the sample of {name}", f"/cases/{case.case_id}/sample", hint, status, case.sample_due_at)
        if officer:
            hint = (
                "Post the work" if case.submission_mode == SubmissionMode.POSTAL else "Agree a day with the moderator"
            )
            return Task(f"Send the sample of {name}", f"/cases/{case.case_id}/post", hint, status, case.sample_due_at)
    return None


def _end_of(case: CaseView) -> datetime | None:
    """Return the last second of the day on which marks are due, in UK time."""
    return None if case.marks_due_on is None else datetime.combine(case.marks_due_on, time(23, 59, 59), LONDON)
