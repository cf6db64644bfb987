"""Works asked for after the first request: more of them, all of them, or one in place of another."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moderation.errors import (
    AlreadyReplaced,
    ChoiceRefused,
    IllegalTransition,
    NoSample,
    NothingToRequest,
    ReasonMissing,
    StaleVersion,
    UnknownSampleItem,
)
from moderation.outcome import Stage
from moderation.records.cases import advance, case_of, check_version, component_of, group_of
from moderation.records.draws import Cohort, cohort_of, due_of
from moderation.records.ranked_lists import items_of
from moderation.records.samples import SampleItemView, sample_item_of
from moderation.sampling import PickReason, ReplacementReason, RequestKind, more_of, replacement_for
from moderation.submission import SETTLED, WORK_EXPECTED, CaseEvent, CaseState
from moderation.tables import ModerationCase, Sample, SampleItem, WorkRequest, new_id

_JUST_ARRIVED = frozenset({CaseState.SUBMITTED, CaseState.RECEIVED})
_FOUND = frozenset({CaseState.OUTCOME_PROPOSED, CaseState.INVALID_ORDER, CaseState.SUPPORT_CALL})
_REASON_WORDS = {
    ReplacementReason.LOST: "work lost",
    ReplacementReason.ABSENT_IN_ERROR: "absent, entered in error",
    ReplacementReason.UNREADABLE: "work unreadable",
    ReplacementReason.WITHDRAWN_AFTER_DRAW: "withdrawn after the draw",
}


@dataclass(frozen=True, slots=True)
class RequestView:
    """One request after the first, with the items it asks for."""

    request_id: str
    kind: RequestKind
    reason: str
    requested_at: datetime
    requested_by: str
    due_at: datetime
    previous_due_at: datetime
    item_ids: tuple[str, ...]


def requests_of(session: Session, case_id: str) -> list[RequestView]:
    """Return what was asked for after the first request, oldest first; empty without a sample."""
    case = case_of(session, case_id)
    rows = session.scalars(
        select(WorkRequest)
        .where(WorkRequest.sample_id == case.sample_id)
        .order_by(WorkRequest.requested_at, WorkRequest.id)
    ).all()
    return [_view(session, row) for row in rows]


def request_more_work(
    session: Session,
    case_id: str,
    *,
    count: int = 0,
    candidate_ids: Collection[str] = (),
    reason: str,
    actor: str,
    now: datetime,
    expected_version: int | None = None,
) -> RequestView:
    """Ask for further works: so many, spread over those not drawn yet, or those of named candidates.

    The whole sample is then read. Of a consortium only the centres asked for work wait for it.
    Raises: ``ReasonMissing``; ``ChoiceRefused`` for a candidate who cannot be named or no number; ``NothingToRequest``;
    ``NoSample``; ``IllegalTransition`` once an outcome is confirmed; ``StaleVersion``.
    Source: Cambridge takes a second sample, https://help.cambridgeinternational.org/hc/en-gb/articles/203545461; which
    works is project policy.
    """
    sample, members, cohort, drawn = _open_sample(session, case_id, reason, expected_version)
    able = [row.key for row in cohort.order if row.key not in drawn and row.key not in cohort.withdrawn]
    named = set(candidate_ids)
    if named:
        faults = [
            (key, "not-drawable", "This candidate is in the sample, or cannot be drawn.") for key in named - {*able}
        ]
        if faults:
            raise ChoiceRefused("A named candidate is in the sample already, or cannot be drawn.", faults=faults)
        places = [place for place, row in enumerate(cohort.order, 1) if row.key in named]
        words = "Further work of a named candidate"
    else:
        if count < 1:
            raise ChoiceRefused("Say how many works, or name candidates.", field="count")
        if not able:
            raise NothingToRequest
        places = more_of(cohort.order, drawn | cohort.withdrawn, min(count, len(able)))
        words = "Further work, spread evenly over those not drawn"
    request = _request(session, sample, members, RequestKind.MORE_WORK, reason, actor, now)
    if sample.stage == Stage.SUB_SAMPLE:
        sample.stage = Stage.FULL_SAMPLE.value
    cases = _add(session, sample, request, cohort, places, words)
    _ask(session, members, cases, CaseEvent.REQUEST_MORE_WORK, actor=actor, now=now, reason=reason.strip())
    sample.due_at = max(sample.due_at, request.due_at)
    session.flush()
    return _view(session, request)


def request_all_work(
    session: Session,
    case_id: str,
    *,
    reason: str,
    actor: str,
    now: datetime,
    expected_version: int | None = None,
) -> RequestView:
    """Ask for the work of every candidate who can be drawn; all of it is then read.

    Raises: ``ReasonMissing``; ``NothingToRequest`` when all of it is in the sample already; ``NoSample``;
    ``IllegalTransition`` once an outcome is confirmed; ``StaleVersion``.
    """
    sample, members, cohort, drawn = _open_sample(session, case_id, reason, expected_version)
    places = [
        place for place, row in enumerate(cohort.order, 1) if row.key not in drawn and row.key not in cohort.withdrawn
    ]
    if not places:
        raise NothingToRequest
    request = _request(session, sample, members, RequestKind.ALL_WORK, reason, actor, now)
    sample.stage = Stage.ALL_WORK.value
    cases = _add(session, sample, request, cohort, places, "All work was asked for")
    _ask(session, members, cases, CaseEvent.REQUEST_ALL_WORK, actor=actor, now=now, reason=reason.strip())
    sample.due_at = max(sample.due_at, request.due_at)
    session.flush()
    return _view(session, request)


def replace_sampled(
    session: Session,
    item_id: str,
    *,
    reason: ReplacementReason,
    note: str,
    actor: str,
    now: datetime,
    expected_version: int | None = None,
) -> SampleItemView | None:
    """Ask for another work in place of a sampled one; the original stays visible, and is neither waited for nor read.

    Returns: the new item; ``None`` when nobody is left to take the place.
    Raises: ``UnknownSampleItem``; ``AlreadyReplaced``; ``ReasonMissing``; ``IllegalTransition``; ``StaleVersion``.
    Source: project policy: the nearest mark not yet drawn, then the nearest position.
    """
    item = session.get(SampleItem, item_id)
    if item is None:
        raise UnknownSampleItem(item_id=item_id)
    if item.replaced_at is not None:
        raise AlreadyReplaced
    sample, members, cohort, drawn = _open_sample(session, item.case_id, note, expected_version)
    if item.sample_id != sample.id:
        raise UnknownSampleItem(item_id=item_id)
    place = replacement_for(cohort.order, drawn | cohort.withdrawn, item.centre_mark, item.position)
    words = _REASON_WORDS[reason]
    item.replaced_at, item.replaced_by, item.replacement_reason = now, actor, reason.value
    if place is None:
        item.no_work_reason = f"Taken out of the sample ({words}); nobody is left to take the place"
        session.flush()
        return None
    row = cohort.order[place - 1]
    is_own = cohort.case_of[row.key] == item.case_id
    # A member of a consortium sees nothing of the others: neither their candidates nor how far their marks are.
    taker = f"candidate {row.candidate_number}" if is_own else "a candidate of another centre"
    item.no_work_reason = f"Replaced ({words}) by {taker}"
    request = _request(session, sample, members, RequestKind.REPLACEMENT, note, actor, now)
    explanation = f"In place of a candidate of another centre, {words}"
    if is_own:
        apart = abs(row.mark - item.centre_mark)
        marks = "the same mark" if apart == 0 else f"{apart} mark{'s' if apart > 1 else ''} apart"
        explanation = f"In place of position {item.position}, {words} ({marks})"
    new = SampleItem(
        id=new_id(),
        sample_id=sample.id,
        case_id=cohort.case_of[row.key],
        candidate_id=row.key,
        position=place,
        centre_mark=row.mark,
        reason=PickReason.REPLACEMENT.value,
        explanation=explanation,
        first_stage=item.first_stage,
        request_id=request.id,
        replaces_item_id=item.id,
    )
    session.add(new)
    _flush(session)
    asked = next(member for member in members if member.id == new.case_id)
    if asked.state not in WORK_EXPECTED:
        sample.due_at = max(sample.due_at, request.due_at)
    _ask(session, members, {new.case_id}, CaseEvent.REQUEST_MORE_WORK, actor=actor, now=now, reason=note.strip())
    session.flush()
    return sample_item_of(session, new.id)


def _open_sample(
    session: Session, case_id: str, reason: str, expected_version: int | None
) -> tuple[Sample, list[ModerationCase], Cohort, set[str]]:
    """Return the sample of a case, the cases that share it, its cohort and who is in it, while it may still grow."""
    if not reason.strip():
        raise ReasonMissing(field="reason")
    case = case_of(session, case_id)
    check_version(case, expected_version)
    sample = session.get(Sample, case.sample_id) if case.sample_id else None
    if sample is None:
        raise NoSample(case_id=case_id)
    members = group_of(session, case)
    closed = [member for member in members if member.state in SETTLED | {CaseState.MALPRACTICE_HOLD}]
    if closed:
        raise IllegalTransition(
            "No more work can be asked for: the outcome is confirmed, or the case is on hold.", state=closed[0].state
        )
    cohort = cohort_of(session, members, as_drawn_at=sample.requested_at)
    return sample, members, cohort, {item.candidate_id for item in items_of(session, sample)}


def _request(
    session: Session,
    sample: Sample,
    members: Sequence[ModerationCase],
    kind: RequestKind,
    reason: str,
    actor: str,
    now: datetime,
) -> WorkRequest:
    request = WorkRequest(
        id=new_id(),
        sample_id=sample.id,
        kind=kind.value,
        reason=reason.strip()[:500],
        requested_at=now,
        requested_by=actor,
        due_at=due_of(session, members, component_of(session, members[0]), now),
        previous_due_at=sample.due_at,
    )
    session.add(request)
    session.flush()
    return request


def _add(
    session: Session, sample: Sample, request: WorkRequest, cohort: Cohort, places: Sequence[int], words: str
) -> set[str]:
    """Add items for the places of the ranked list; returns the cases that are asked for them."""
    total = len(cohort.order)
    for place in places:
        row = cohort.order[place - 1]
        session.add(
            SampleItem(
                sample_id=sample.id,
                case_id=cohort.case_of[row.key],
                candidate_id=row.key,
                position=place,
                centre_mark=row.mark,
                reason=PickReason.ADDED.value,
                explanation=f"{words}: position {place} of {total}",
                first_stage=False,
                request_id=request.id,
            )
        )
    _flush(session)
    return {cohort.case_of[cohort.order[place - 1].key] for place in places}


def _flush(session: Session) -> None:
    """Write new items; somebody else may have asked for the same work at the same moment."""
    try:
        session.flush()
    except IntegrityError:
        raise StaleVersion(
            "Somebody else asked for work of this sample at the same moment. Look, then ask again."
        ) from None


def _ask(
    session: Session,
    members: Sequence[ModerationCase],
    asked: Collection[str],
    event: CaseEvent,
    *,
    actor: str,
    now: datetime,
    reason: str,
) -> None:
    """Move the cases that are asked for work; one that is sending already simply has more to send.

    What was found for the others is found again when all works are in, so they are being read again.
    """
    for member in members:
        state = CaseState(member.state)
        if member.id in asked:
            if state in WORK_EXPECTED:
                continue
            if state in _JUST_ARRIVED:
                words = "What had arrived was taken in before more was asked for"
                advance(session, member, CaseEvent.COMPLETE_RECEIPT, actor=actor, now=now, reason=words)
            advance(session, member, event, actor=actor, now=now, reason=reason)
        elif state in _FOUND:
            words = "More work was asked of another centre of the consortium"
            advance(session, member, CaseEvent.CALL_FULL_SAMPLE, actor=actor, now=now, reason=words)


def _view(session: Session, row: WorkRequest) -> RequestView:
    items = session.scalars(select(SampleItem.id).where(SampleItem.request_id == row.id).order_by(SampleItem.position))
    return RequestView(
        row.id,
        RequestKind(row.kind),
        row.reason,
        row.requested_at,
        row.requested_by,
        row.due_at,
        row.previous_due_at,
        tuple(items),
    )
