"""Samples: drawn when marks are confirmed, followed until the work is in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from moderation.errors import AlreadyReplaced, NoSample, ReasonMissing, SampleIncomplete, UnknownSampleItem
from moderation.outcome import Stage
from moderation.records.cases import advance, case_of
from moderation.records.draws import draw_when_complete
from moderation.sampling import PickReason
from moderation.submission import WORK_ASKED_FOR, WORK_EXPECTED, CaseEvent, CaseState
from moderation.tables import Candidate, ModerationCase, Sample, SampleItem, WorkRequest

__all__ = [
    "SampleItemView",
    "SampleProgress",
    "SampleView",
    "draw_when_complete",
    "explain_missing_work",
    "progress_of",
    "sample_item_of",
    "sample_of",
    "samples_of",
    "start_upload",
    "submit_sample",
]


@dataclass(frozen=True, slots=True)
class SampleItemView:
    """One sampled candidate as pages show it."""

    item_id: str
    case_id: str
    candidate_id: str
    centre_number: str
    candidate_number: str
    surname: str
    forenames: str
    position: int
    centre_mark: int
    reason: PickReason
    explanation: str
    first_stage: bool
    no_work_reason: str
    requested_at: datetime
    due_at: datetime
    request_id: str | None = None
    """The later request that asked for it; ``None`` for the sample as it was drawn."""
    replaces_item_id: str | None = None
    replaced_at: datetime | None = None
    replacement_reason: str = ""

    @property
    def is_replaced(self) -> bool:
        """Say whether another work was asked for in its place: it is neither waited for nor read."""
        return self.replaced_at is not None


@dataclass(frozen=True, slots=True)
class SampleView:
    """A sample with the items of one case, or of the whole group."""

    sample_id: str
    series_key: str
    component_code: str
    consortium_id: str | None
    profile_id: str
    profile_version: int
    picker_version: str
    list_sha256: str
    candidates_total: int
    size: int
    swaps: tuple[Mapping[str, Any], ...]
    uncovered_sets: tuple[str, ...]
    requested_at: datetime
    due_at: datetime
    items: tuple[SampleItemView, ...]
    stage: Stage = Stage.SUB_SAMPLE
    entered_total: int | None = None
    chosen_by: str | None = None
    choice_reason: str = ""


@dataclass(frozen=True, slots=True)
class SampleProgress:
    """How much of a case's sample has come in."""

    expected: int
    received: int
    missing: tuple[SampleItemView, ...]
    due_at: datetime
    is_late: bool

    @property
    def is_complete(self) -> bool:
        """Say whether every sampled candidate has work, or a reason why there is none."""
        return not self.missing


def sample_of(session: Session, case_id: str, *, whole: bool = False) -> SampleView:
    """Return the sample of a case with its own items, or with those of the whole consortium; raises ``NoSample``."""
    case = case_of(session, case_id)
    sample = session.get(Sample, case.sample_id) if case.sample_id else None
    if sample is None:
        raise NoSample(case_id=case_id)
    query = _items_query().where(SampleItem.sample_id == sample.id).order_by(SampleItem.position)
    if not whole:
        query = query.where(SampleItem.case_id == case.id)
    return _sample_view(sample, tuple(_item_view(*row) for row in session.execute(query)))


def samples_of(session: Session, cases: Sequence[ModerationCase]) -> dict[str, SampleView]:
    """Return the samples of many cases by case, each with the case's own items; a case without one is left out."""
    ids = {case.id: case.sample_id for case in cases if case.sample_id}
    samples = {row.id: row for row in session.scalars(select(Sample).where(Sample.id.in_(set(ids.values()))))}
    items: dict[str, list[SampleItemView]] = defaultdict(list)
    query = _items_query().where(SampleItem.case_id.in_(ids)).order_by(SampleItem.position)
    for row in session.execute(query):
        if row[0].sample_id == ids[row[0].case_id]:
            items[row[0].case_id].append(_item_view(*row))
    return {
        case_id: _sample_view(samples[sample_id], tuple(items[case_id]))
        for case_id, sample_id in ids.items()
        if sample_id in samples
    }


def _sample_view(sample: Sample, items: tuple[SampleItemView, ...]) -> SampleView:
    return SampleView(
        sample.id,
        sample.series_key,
        sample.component_code,
        sample.consortium_id,
        sample.profile_id,
        sample.profile_version,
        sample.picker_version,
        sample.list_sha256,
        sample.candidates_total,
        sample.size,
        tuple(sample.swaps),
        tuple(sample.uncovered_sets),
        sample.requested_at,
        sample.due_at,
        items,
        Stage(sample.stage),
        sample.entered_total,
        sample.chosen_by,
        sample.choice_reason,
    )


def sample_item_of(session: Session, item_id: str) -> SampleItemView:
    """Return one sampled candidate; raises ``UnknownSampleItem``."""
    row = session.execute(_items_query().where(SampleItem.id == item_id)).one_or_none()
    if row is None:
        raise UnknownSampleItem(item_id=item_id)
    return _item_view(*row)


def progress_of(session: Session, case_id: str, items_with_work: Collection[str], now: datetime) -> SampleProgress:
    """Return what is still missing, given the items for which the service holds work; raises ``NoSample``."""
    sample = sample_of(session, case_id)
    wanted = [item for item in sample.items if not item.is_replaced]
    missing = tuple(item for item in wanted if item.item_id not in items_with_work and not item.no_work_reason)
    due = max((item.due_at for item in missing), default=sample.due_at)
    is_late = any(now > item.due_at for item in missing)
    return SampleProgress(len(wanted), len(wanted) - len(missing), missing, due, is_late)


def start_upload(session: Session, case_id: str, *, actor: str, now: datetime) -> None:
    """Note that the first work is arriving; a case that is uploading already stays as it is.

    Raises: ``WrongSubmissionMode`` for a postal or visited component; ``IllegalTransition`` when no work is expected.
    """
    case = case_of(session, case_id)
    if case.state != CaseState.UPLOADING:
        advance(session, case, CaseEvent.START_UPLOAD, actor=actor, now=now)


def explain_missing_work(session: Session, item_id: str, *, reason: str, actor: str, now: datetime) -> SampleItemView:
    """Say why a sampled candidate has no work to send (lost, absent in error); the work is then not waited for.

    Raises: ``ReasonMissing``; ``UnknownSampleItem``; ``SampleIncomplete`` when the sample is no longer open.
    """
    if not reason.strip():
        raise ReasonMissing
    item = session.get(SampleItem, item_id)
    if item is None:
        raise UnknownSampleItem(item_id=item_id)
    if item.replaced_at is not None:
        raise AlreadyReplaced
    case = case_of(session, item.case_id)
    if case.state not in WORK_EXPECTED:
        raise SampleIncomplete("The sample is not open for changes any more.", state=case.state)
    item.no_work_reason = f"{reason.strip()} ({actor}, {now:%Y-%m-%d})"[:200]
    session.flush()
    return sample_item_of(session, item_id)


def submit_sample(
    session: Session, case_id: str, *, items_with_work: Collection[str], actor: str, now: datetime
) -> SampleProgress:
    """Submit an uploaded sample; it is locked from now on.

    Takes: ``items_with_work``, the sample items for which the service holds accepted work.
    Raises: ``SampleIncomplete`` naming the candidate numbers; ``WrongSubmissionMode``; ``IllegalTransition``.
    """
    case = case_of(session, case_id)
    progress = progress_of(session, case_id, items_with_work, now)
    if case.state in WORK_ASKED_FOR:
        advance(session, case, CaseEvent.START_UPLOAD, actor=actor, now=now)
    if case.state == CaseState.UPLOADING and not progress.is_complete:
        numbers = [item.candidate_number for item in progress.missing]
        raise SampleIncomplete(f"{len(numbers)} sampled candidates have no work yet.", missing=numbers)
    advance(session, case, CaseEvent.SUBMIT_SAMPLE, actor=actor, now=now)
    return progress


def _items_query() -> Select[SampleItem, Candidate, datetime, datetime, WorkRequest | None]:
    return (
        select(SampleItem, Candidate, Sample.requested_at, Sample.due_at, WorkRequest)
        .join(Candidate, Candidate.id == SampleItem.candidate_id)
        .join(Sample, Sample.id == SampleItem.sample_id)
        .outerjoin(WorkRequest, WorkRequest.id == SampleItem.request_id)
    )


def _item_view(
    item: SampleItem, candidate: Candidate, requested_at: datetime, due_at: datetime, request: WorkRequest | None
) -> SampleItemView:
    return SampleItemView(
        item.id,
        item.case_id,
        candidate.id,
        candidate.centre_number,
        candidate.candidate_number,
        candidate.surname,
        candidate.forenames,
        item.position,
        item.centre_mark,
        PickReason(item.reason),
        item.explanation,
        item.first_stage,
        item.no_work_reason,
        requested_at if request is None else request.requested_at,
        # The sample's own due instant moves when the centre is given more time; a later request's may lie after it.
        due_at if request is None else max(due_at, request.due_at),
        item.request_id,
        item.replaces_item_id,
        item.replaced_at,
        item.replacement_reason,
    )
