"""The reviewer's desk: the original sample with its marks, the reviewer's own marks beside them, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from moderation.adjustment import OrderLimits
from moderation.errors import (
    FindingRefused,
    IllegalTransition,
    NotAllocated,
    OutcomeMissing,
    ReasonMissing,
    ReviewIncomplete,
    StaleVersion,
    UnknownSampleItem,
)
from moderation.marking import check_moderator_mark
from moderation.outcome import Decision, OutcomeKind, Stage, decide
from moderation.records.cases import case_of, component_of
from moderation.records.marking import is_allocated
from moderation.records.review_requests import request_of
from moderation.review import Finding, RequestState
from moderation.tables import (
    Candidate,
    CentreMark,
    ModerationCase,
    ModeratorMark,
    Outcome,
    ReviewMark,
    ReviewRequest,
    SampleItem,
)

REVIEW = "REVIEW"
"""The act under which a reviewer is allocated."""


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A work of the original sample: the centre's mark, the moderator's, and the reviewer's beside it."""

    item_id: str
    case_id: str
    centre_number: str
    candidate_id: str
    candidate_number: str
    position: int
    centre_mark: int
    original_mark: int | None
    original_comment: str
    review_mark: int | None
    review_comment: str
    number: int
    no_work_reason: str

    @property
    def is_wanted(self) -> bool:
        """Say whether the moderator read it, so that the review needs a mark for it."""
        return self.original_mark is not None and self.review_mark is None


@dataclass(frozen=True, slots=True)
class Found:
    """What the review marks say: the finding, and the arithmetic it rests on."""

    finding: Finding
    decision: Decision
    kind: OutcomeKind


def review_items(session: Session, request_id: str) -> list[ReviewItem]:
    """Return the original sample of a review of moderation in its order, the whole consortium's."""
    row = request_of(session, request_id)
    case = case_of(session, row.case_id or "")
    rows = session.execute(
        select(
            SampleItem,
            ModerationCase.centre_number,
            Candidate.candidate_number,
            CentreMark.mark,
            ModeratorMark,
            ReviewMark,
        )
        .join(ModerationCase, ModerationCase.id == SampleItem.case_id)
        .join(Candidate, Candidate.id == SampleItem.candidate_id)
        .outerjoin(
            CentreMark,
            and_(
                CentreMark.case_id == SampleItem.case_id,
                CentreMark.candidate_id == SampleItem.candidate_id,
                CentreMark.mark_set_version == ModerationCase.mark_set_version,
            ),
        )
        .outerjoin(
            ModeratorMark,
            and_(ModeratorMark.sample_item_id == SampleItem.id, ModeratorMark.superseded_at.is_(None)),
        )
        .outerjoin(
            ReviewMark,
            and_(
                ReviewMark.sample_item_id == SampleItem.id,
                ReviewMark.request_id == request_id,
                ReviewMark.superseded_at.is_(None),
            ),
        )
        .where(SampleItem.sample_id == case.sample_id)
        .order_by(SampleItem.position)
    )
    return [
        ReviewItem(
            item.id,
            item.case_id,
            centre_number,
            item.candidate_id,
            candidate_number,
            item.position,
            item.centre_mark if centre_mark is None else centre_mark,
            None if given is None else given.mark,
            "" if given is None else given.comment,
            None if own is None else own.mark,
            "" if own is None else own.comment,
            0 if own is None else own.number,
            item.no_work_reason,
        )
        for item, centre_number, candidate_number, centre_mark, given, own in rows
    ]


def record_review_mark(
    session: Session,
    request_id: str,
    item_id: str,
    *,
    mark: int,
    comment: str = "",
    reviewer: str,
    now: datetime,
    expected_number: int | None = None,
) -> None:
    """Record the reviewer's mark for a work of the original sample; the moderator's stays as it was.

    Takes: ``expected_number``, the number of the review mark that the person saw, 0 for none.
    Raises: ``IllegalTransition`` unless the review is under way; ``NotAllocated``; ``UnknownSampleItem``;
    ``MarkOutOfRange``; ``ReasonMissing`` for another mark than the moderator's without a comment; ``StaleVersion``.
    """
    row = under_review(session, request_id)
    if row.reviewer != reviewer or not is_allocated(session, row.case_id or "", reviewer, now, act=REVIEW):
        raise NotAllocated(component_code=row.component_code)
    items = {item.item_id: item for item in review_items(session, request_id)}
    item = items.get(item_id)
    if item is None or item.no_work_reason:
        raise UnknownSampleItem(item_id=item_id)
    check_moderator_mark(mark, component_of(session, case_of(session, item.case_id)).maximum_mark)
    if expected_number is not None and expected_number != item.number:
        raise StaleVersion(expected=expected_number, found=item.number)
    if item.original_mark is not None and mark != item.original_mark and not comment.strip():
        raise ReasonMissing(
            "Say why the mark differs from the moderator’s: a second person follows it.", field="comment"
        )
    if item.number and (item.review_mark, item.review_comment) == (mark, comment.strip()):
        return
    before = session.scalars(
        select(ReviewMark).where(
            ReviewMark.request_id == request_id,
            ReviewMark.sample_item_id == item_id,
            ReviewMark.superseded_at.is_(None),
        )
    ).one_or_none()
    if before is not None:
        before.superseded_at = now
    session.add(
        ReviewMark(
            request_id=request_id,
            sample_item_id=item_id,
            number=item.number + 1,
            mark=mark,
            comment=comment.strip(),
            marked_by=reviewer,
            marked_at=now,
        )
    )
    session.flush()


def found_by(session: Session, request_id: str) -> Found:
    """Return what the review marks lead to, under the tolerance and the limits of the original moderation.

    A review corrects errors only: works without a changed mark leave the outcome as it was.
    Raises: ``ReviewIncomplete`` naming the candidates without a review mark; ``FindingRefused`` where the reviewed
    marks allow no adjustment.
    Source: OCR service 3; the arithmetic is project policy v1.
    """
    row = request_of(session, request_id)
    items = review_items(session, request_id)
    missing = [item.candidate_number for item in items if item.is_wanted]
    if missing:
        raise ReviewIncomplete(
            f"{len(missing)} works have no review mark yet: candidates {', '.join(missing)}.", candidates=missing
        )
    old = current_outcome(session, row.case_id or "")
    left_out = set(old.numbers.get("left_out") or ())
    read = [
        item
        for item in items
        if item.review_mark is not None and item.centre_mark and item.candidate_id not in left_out
    ]
    pairs = [(item.centre_mark, item.review_mark) for item in read if item.review_mark is not None]
    decision = decide(
        Stage(old.stage),
        pairs,
        tolerance_marks=old.numbers["tolerance_marks"],
        maximum=old.numbers["maximum"],
        whole_sample_read=True,
        limits=_limits(old.numbers),
    )
    if decision is None:
        raise FindingRefused("The review marks give no outcome.")
    kind = OutcomeKind(old.kind)
    changed = any(item.review_mark != item.original_mark for item in read)
    if not changed:
        return Found(Finding.UPHELD, decision, kind)
    if decision.kind is OutcomeKind.ACCEPTED:
        return Found(Finding.CENTRE_MARKS_REINSTATED, decision, OutcomeKind.ACCEPTED)
    if kind is OutcomeKind.MODERATOR_MARKS:
        return Found(Finding.MODERATION_CHANGED, decision, kind)
    if decision.kind is not OutcomeKind.ADJUSTED:
        raise FindingRefused(
            "The reviewed marks allow no adjustment: they do not follow the centre’s order, or too few works were read. "
            "Look again at the marks that differ from the moderator’s: a review corrects errors only."
        )
    same = list(decision.mapping or ()) == old.numbers["mapping"]
    return Found(Finding.UPHELD if same else Finding.MODERATION_CHANGED, decision, OutcomeKind.ADJUSTED)


def under_review(session: Session, request_id: str) -> ReviewRequest:
    """Return a request that is being reviewed; raises ``IllegalTransition`` for any other."""
    row = request_of(session, request_id)
    if row.state != RequestState.IN_REVIEW:
        raise IllegalTransition("This request is not being reviewed now.", state=row.state)
    return row


def current_outcome(session: Session, case_id: str) -> Outcome:
    """Return the outcome of a case in force; raises ``OutcomeMissing``."""
    row = session.scalars(
        select(Outcome).where(Outcome.case_id == case_id, Outcome.superseded_at.is_(None))
    ).one_or_none()
    if row is None:
        raise OutcomeMissing(case_id=case_id)
    return row


def _limits(numbers: Mapping[str, Any]) -> OrderLimits:
    written = numbers["limits"]
    return OrderLimits(Fraction(written["discordant_share"]), Fraction(written["correlation"]))
