"""What is due after results: for a centre's exams officer, for reviewers, for officers."""

from __future__ import annotations

from sqlalchemy.orm import Session

from moderation.records.missing_results import MissingState, missing_results
from moderation.review import LODGED, RequestState
from repository import access
from repository.access import Action, Role
from repository.acts import review_decisions, reviews
from repository.acts.cases import actor_of
from repository.acts.reviews import SERVICE_WORDS, STATE_WORDS
from repository.acts.tasks import Task
from repository.audit import Context

_CENTRE = frozenset({RequestState.DRAFT, RequestState.CONSENTED})


def tasks(session: Session, context: Context) -> tuple[Task, ...]:
    """Return what a person has to do for requests after results."""
    actor = actor_of(context)
    if actor.role is Role.EXAMS_OFFICER:
        return tuple(
            Task(
                f"Send or withdraw: {SERVICE_WORDS[one.service]}, {one.component_code}",
                f"/reviews/{one.request_id}",
                f"Candidate {one.candidate_number}" if one.candidate_number else "Whole component",
                STATE_WORDS[one.state],
            )
            for one in reviews.listed(session, context)
            if one.state in _CENTRE
        )
    if access.scope_of(actor, Action.REVIEW_DESK) is not None:
        return tuple(
            Task(
                f"Review the moderation of {one.component_code} at centre {one.centre_number}",
                f"/reviews/{one.request_id}/desk",
                "The original sample, with the original marks",
                STATE_WORDS[one.state],
                one.due_at,
            )
            for one in review_decisions.desk_list(session, context)
            if one.state is RequestState.IN_REVIEW
        )
    if access.scope_of(actor, Action.REVIEW_DECIDE) is None:
        return ()
    found = [
        Task(
            f"{SERVICE_WORDS[one.service]}, {one.component_code} at centre {one.centre_number}",
            f"/reviews/{one.request_id}",
            f"Candidate {one.candidate_number}" if one.candidate_number else "Whole component",
            STATE_WORDS[one.state],
            one.due_at,
        )
        for one in reviews.listed(session, context)
        if one.state in LODGED
    ]
    found += [
        Task(
            f"Missing result of candidate {one.candidate_number}, {one.component_code}, centre {one.centre_number}",
            "/reviews#missing",
            "Reported by the centre",
            "To answer",
        )
        for one in missing_results(session)
        if one.state is MissingState.OPEN
    ]
    return tuple(found)
