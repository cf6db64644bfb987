"""Acts on one work of the desk: reading it beside its mark, how marks stand so far, and what is asked for from there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from moderation.errors import NoSample, ToleranceMissing, UnknownSampleItem
from moderation.records import concerns, holds, samples, work_requests
from moderation.records import marking as records
from moderation.records.cases import CaseView
from moderation.records.messages import ThreadView, threads_of
from moderation.records.moderator_marks import ModeratorMarkView, marks_of_item
from moderation.records.slots import slots_for
from moderation.records.work_requests import RequestView
from moderation.slots import COMMENTARY_SLOT
from moderation.standing import Standing
from moderation.submission import SETTLED, CaseState
from repository import audit, blinding, evidence
from repository.access import Action, Role
from repository.acts import marking, standardisation_marks
from repository.acts.cases import actor_of, permitted
from repository.acts.marking import Desk, DeskItem
from repository.audit import Context
from repository.documents import DocumentState
from repository.errors import NotFound
from repository.evidence import AttachedDocument


@dataclass(frozen=True, slots=True)
class WorkPage:
    """One work on the desk: its files, its marks, what comes before and after it, what was asked for and said."""

    desk: Desk
    one: DeskItem
    marks: tuple[ModeratorMarkView, ...]
    previous: DeskItem | None
    next: DeskItem | None
    next_wanted: DeskItem | None
    """The work to read after this one; ``None`` where it is the last."""
    cohort_documents: tuple[AttachedDocument, ...]
    slot_titles: Mapping[str, str]
    requests: tuple[RequestView, ...]
    may_ask: bool
    threads: tuple[ThreadView, ...]
    reported: tuple[str, ...]
    """What was reported of this work already: ``malpractice``, ``safeguarding``."""

    @property
    def work(self) -> tuple[AttachedDocument, ...]:
        """Return the files that the candidate made."""
        return tuple(one for one in self.one.documents if not one.slot.startswith(COMMENTARY_SLOT))

    @property
    def commentary(self) -> tuple[AttachedDocument, ...]:
        """Return the files in which the centre says why it gave its mark."""
        return tuple(one for one in self.one.documents if one.slot.startswith(COMMENTARY_SLOT))


@dataclass(frozen=True, slots=True)
class StandingPage:
    """How the marks given so far stand; ``labels`` name each work as its reader may know it."""

    case: CaseView
    standing: Standing
    labels: Mapping[str, str]
    of_this_case: frozenset[str]
    """The works that have a desk of their own in this case; the others are of other centres of the consortium."""


@dataclass(frozen=True, slots=True)
class _Label:
    """A work's candidate, in the fields that are masked where a case is read blind."""

    item_id: str
    candidate_number: str
    centre_number: str


def work(session: Session, context: Context, case_id: str, item_id: str) -> WorkPage:
    """Return one work on the desk of a case; raises ``NotFound`` for a work that is not of it."""
    desk = marking.desk(session, context, case_id)
    place = next((place for place, one in enumerate(desk.items) if one.item.item_id == item_id), None)
    if place is None:
        raise NotFound
    one = desk.items[place]
    actor = actor_of(context)
    titles = {slot.slot: slot.title for slot in slots_for(session, desk.case.series_key, desk.case.component_code)}
    threads = threads_of(session, actor.person_id, actor.role.value, case_ids=[case_id])
    found = WorkPage(
        desk,
        one,
        tuple(marks_of_item(session, item_id)),
        desk.items[place - 1] if place else None,
        desk.items[place + 1] if place + 1 < len(desk.items) else None,
        next_wanted(desk, item_id),
        tuple(file for file in evidence.cohort_documents_of(session, case_id) if file.state is DocumentState.RELEASED),
        titles,
        tuple(work_requests.requests_of(session, case_id)),
        desk.case.state not in SETTLED | {CaseState.MALPRACTICE_HOLD},
        tuple(thread for thread in threads if thread.item_id in {None, item_id}),
        _reported(session, case_id, one.item.candidate_id, actor.person_id),
    )
    return blinding.mask(session, context, case_id, found)


def next_wanted(desk: Desk, item_id: str) -> DeskItem | None:
    """Return the work to read after one: the next wanted in the order of the sample, then from its beginning."""
    place = next((place for place, one in enumerate(desk.items) if one.item.item_id == item_id), -1)
    order = (*desk.items[place + 1 :], *desk.items[: max(place, 0)])
    return next((one for one in order if one.is_wanted_now), None)


def standing(session: Session, context: Context, case_id: str) -> StandingPage:
    """Return how the marks of a case stand so far, for whoever may see a moderator's marks of it.

    Raises: ``NotFound`` while there is no sample, and for who checks moderators before their own marks are in.
    """
    case = permitted(session, context, Action.STANDING_READ, case_id)
    try:
        found = records.standing(session, case_id)
    except (NoSample, ToleranceMissing) as error:
        raise NotFound("No sample has been chosen for this component yet.") from error
    items = samples.sample_of(session, case_id, whole=True).items
    labels = [_Label(one.item_id, one.candidate_number, one.centre_number) for one in items]
    labels = blinding.mask(session, context, case_id, labels)
    is_pooled = case.consortium_id is not None
    audit.record(session, context, Action.STANDING_READ, "case", case_id)
    return StandingPage(
        case,
        found,
        {
            one.item_id: f"{one.candidate_number} ({one.centre_number})" if is_pooled else one.candidate_number
            for one in labels
        },
        frozenset(one.item_id for one in items if one.case_id == case_id),
    )


def report_of(session: Session, context: Context, case_id: str, item_id: str, statement: str) -> tuple[str, str]:
    """Return whom a report about a work names, as this reader knows them, and its words.

    A report about a seed names nobody of the case, and tells officers, who alone read it, which work it is about.
    Raises: ``NotFound`` for a work of another case.
    """
    permitted(session, context, Action.MODERATOR_MARK_READ, case_id)
    try:
        item = samples.sample_item_of(session, item_id)
    except UnknownSampleItem as error:
        seed = standardisation_marks.words_about(session, context, case_id, item_id)
        if seed is None:
            raise NotFound from error
        return "", f"{seed} {statement}".strip() if statement.strip() else ""
    if item.case_id != case_id:
        raise NotFound
    return blinding.mask(session, context, case_id, item).candidate_number, statement


def _reported(session: Session, case_id: str, candidate_id: str, person_id: str) -> tuple[str, ...]:
    """Return what this person reported of a candidate's work; what others reported is not theirs to know."""
    suspected = any(
        one.candidate_id == candidate_id and one.raised_by == person_id
        for one in holds.suspicions_of(session, case_id=case_id)
    )
    feared = any(
        one.candidate_id == candidate_id and one.raised_by == person_id
        for one in concerns.concerns_of(session, case_id=case_id)
    )
    return (*(("malpractice",) if suspected else ()), *(("safeguarding",) if feared else ()))


def is_reader(context: Context) -> bool:
    """Say whether who asks is a moderator, and not somebody who looks over one's shoulder."""
    return actor_of(context).role is Role.MODERATOR
