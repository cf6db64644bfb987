"""Samples: drawn when marks are confirmed, followed until the work is in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import NoSample, ReasonMissing, SampleIncomplete, UnknownSampleItem
from moderation.marks import MarkFlag, is_drawable
from moderation.records.cases import advance, candidates_of, case_of, component_of
from moderation.records.outcomes import propose_without_sample
from moderation.records.rules import policy_for
from moderation.sampling import Drawable, PickReason, first_stage, pick, profile_of
from moderation.submission import WORK_ASKED_FOR, WORK_EXPECTED, CaseEvent, CaseState
from moderation.tables import (
    Candidate,
    Centre,
    CentreMark,
    Consortium,
    ModerationCase,
    Sample,
    SampleItem,
    new_id,
)
from moderation.working_days import Nation, due_at

_READY = frozenset({CaseState.MARKS_CONFIRMED, CaseState.WAITING_FOR_MEMBERS})


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
    query = (
        select(SampleItem, Candidate)
        .join(Candidate, Candidate.id == SampleItem.candidate_id)
        .where(SampleItem.sample_id == sample.id)
        .order_by(SampleItem.position)
    )
    if not whole:
        query = query.where(SampleItem.case_id == case.id)
    items = tuple(_item_view(item, candidate) for item, candidate in session.execute(query))
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
    )


def sample_item_of(session: Session, item_id: str) -> SampleItemView:
    """Return one sampled candidate; raises ``UnknownSampleItem``."""
    row = session.execute(
        select(SampleItem, Candidate)
        .join(Candidate, Candidate.id == SampleItem.candidate_id)
        .where(SampleItem.id == item_id)
    ).one_or_none()
    if row is None:
        raise UnknownSampleItem(item_id=item_id)
    return _item_view(row[0], row[1])


def progress_of(session: Session, case_id: str, items_with_work: Collection[str], now: datetime) -> SampleProgress:
    """Return what is still missing, given the items for which the service holds work; raises ``NoSample``."""
    sample = sample_of(session, case_id)
    missing = tuple(item for item in sample.items if item.item_id not in items_with_work and not item.no_work_reason)
    expected = len(sample.items)
    return SampleProgress(
        expected, expected - len(missing), missing, sample.due_at, bool(missing) and now > sample.due_at
    )


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


def sample_rows(session: Session, case_id: str) -> list[dict[str, Any]]:
    """Return the rows of the sample CSV of a case, keyed by column name."""
    sample = sample_of(session, case_id)
    case = case_of(session, case_id)
    marks = session.execute(
        select(CentreMark.candidate_id, CentreMark.teaching_set).where(
            CentreMark.case_id == case.id, CentreMark.mark_set_version == case.mark_set_version
        )
    )
    sets = {candidate_id: teaching_set for candidate_id, teaching_set in marks}  # noqa: C416
    return [
        {
            "series": sample.series_key,
            "centre": item.centre_number,
            "component": sample.component_code,
            "candidate_number": item.candidate_number,
            "position": item.position,
            "centre_mark": item.centre_mark,
            "teaching_set": sets.get(item.candidate_id, ""),
            "reason": item.reason.value,
            "requested_at": sample.requested_at.isoformat(),
            "due_at": sample.due_at.isoformat(),
        }
        for item in sample.items
    ]


def draw_when_complete(session: Session, case: ModerationCase, *, actor: str, now: datetime) -> None:
    """Draw the sample of a confirmed case at once; of a consortium when its last member is confirmed.

    Source: OCR waits for every member,
    https://www.ocr.org.uk/administration/general-qualifications/assessment/non-exam-assessment/.
    """
    if case.consortium_id is None:
        members = [case]
    else:
        query = select(ModerationCase).where(ModerationCase.consortium_id == case.consortium_id)
        members = list(session.scalars(query.order_by(ModerationCase.centre_number)))
        if any(member.state not in _READY for member in members):
            advance(session, case, CaseEvent.WAIT_FOR_MEMBERS, actor=actor, now=now)
            return
    _draw(session, members, actor=actor, now=now)


def _draw(session: Session, members: Sequence[ModerationCase], *, actor: str, now: datetime) -> None:
    component = component_of(session, members[0])
    case_of_candidate, cohort = _cohort(session, members)
    drawn = pick(cohort, profile_of(component.sample_profile_id), component.tolerance_marks or 0)
    for sample_id in {member.sample_id for member in members} - {None}:
        old = session.get_one(Sample, sample_id)
        old.superseded_at = old.superseded_at or now
    sample = Sample(
        id=new_id(),
        series_key=component.series_key,
        component_code=component.component_code,
        consortium_id=members[0].consortium_id,
        profile_id=drawn.profile_id,
        profile_version=drawn.profile_version,
        picker_version=drawn.picker_version,
        list_sha256=drawn.list_sha256,
        candidates_total=drawn.candidates_total,
        size=drawn.size,
        swaps=[asdict(swap) for swap in drawn.swaps],
        uncovered_sets=list(drawn.uncovered_sets),
        requested_at=now,
        due_at=due_at(now, _nation(session, members), policy_for(session, component).sample_working_days),
    )
    session.add(sample)
    session.flush()
    read_first = first_stage(drawn.picks, profile_of(component.sample_profile_id).sub_sample_size)
    session.add_all(
        SampleItem(
            sample_id=sample.id,
            case_id=case_of_candidate[one.key],
            candidate_id=one.key,
            position=one.position,
            centre_mark=one.mark,
            reason=one.reason.value,
            explanation=one.explanation,
            first_stage=one.key in read_first,
        )
        for one in drawn.picks
    )
    drawn_from = {case_of_candidate[one.key] for one in drawn.picks}
    for member in members:
        member.sample_id = sample.id
        if member.id in drawn_from:
            advance(session, member, CaseEvent.SELECT_SAMPLE, actor=actor, now=now)
            advance(session, member, CaseEvent.REQUEST_SAMPLE, actor=actor, now=now)
        else:
            reason = "No candidate of this centre was drawn"
            advance(session, member, CaseEvent.NEED_NO_SAMPLE, actor=actor, now=now, reason=reason)
    if not drawn.picks:
        propose_without_sample(session, members, now=now)


def _cohort(session: Session, members: Sequence[ModerationCase]) -> tuple[dict[str, str], list[Drawable]]:
    case_of_candidate: dict[str, str] = {}
    cohort: list[Drawable] = []
    for member in members:
        entered = {candidate.id: candidate for candidate in candidates_of(session, member)}
        rows = session.scalars(
            select(CentreMark).where(
                CentreMark.case_id == member.id, CentreMark.mark_set_version == member.mark_set_version
            )
        )
        for row in rows:
            if row.candidate_id not in entered or row.mark is None or not is_drawable(row.status, row.mark):
                continue
            candidate = entered[row.candidate_id]
            case_of_candidate[candidate.id] = member.id
            cohort.append(
                Drawable(
                    row.mark,
                    candidate.centre_number,
                    candidate.candidate_number,
                    candidate.id,
                    row.teaching_set,
                    MarkFlag.PARENTAL_INTEREST in row.flags,
                )
            )
    return case_of_candidate, cohort


def _nation(session: Session, members: Sequence[ModerationCase]) -> str:
    centre_number = members[0].centre_number
    if members[0].consortium_id is not None:
        centre_number = session.get_one(Consortium, members[0].consortium_id).lead_centre_number
    centre = session.get(Centre, centre_number)
    return Nation.ENGLAND if centre is None else centre.nation


def _item_view(item: SampleItem, candidate: Candidate) -> SampleItemView:
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
    )
