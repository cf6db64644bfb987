"""Outcomes of reviews: begun with an uninvolved person, proposed with a rationale, confirmed by somebody else."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import (
    FindingRefused,
    NotAllocated,
    OutcomeMissing,
    ReasonMissing,
    ResultVersionPending,
    ReviewerInvolved,
    SamePerson,
    StaleVersion,
)
from moderation.marks import MarkStatus
from moderation.records.cases import advance, case_of, group_of
from moderation.records.marking import allocate
from moderation.records.results import release_of
from moderation.records.review_facts import SampleProof
from moderation.records.review_marks import REVIEW, found_by, under_review
from moderation.records.review_moderation import centre_mark_of, change_moderation, correct_centre_mark
from moderation.records.review_requests import RequestView, advance_request, request_of, view_request
from moderation.records.reviews import check_sample
from moderation.review import (
    APPEALS,
    CLERICAL_REASONS,
    FINDINGS,
    MARKING,
    Finding,
    ReasonCode,
    RequestEvent,
    Service,
)
from moderation.review_terms import is_fee_due, terms_from
from moderation.submission import CaseEvent
from moderation.tables import (
    Component,
    ExternalMark,
    ExternalMarkChange,
    ModerationCase,
    ModeratorMark,
    OptionComponent,
    OptionResult,
    Outcome,
    ResultVersion,
    ReviewConsent,
    ReviewOutcome,
    ReviewRequest,
    SampleItem,
)
from moderation.working_days import LONDON

RATIONALE_LIMIT = 2000
_REASONED = frozenset({Finding.MARK_CHANGED, Finding.MODERATION_CHANGED})


@dataclass(frozen=True, slots=True)
class FindingView:
    """What a request led to, proposed or confirmed."""

    finding: Finding
    reason_code: ReasonCode | None
    rationale: str
    mark_before: int | None
    mark_after: int | None
    proposed_by: str
    proposed_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    fee_pence: int | None
    is_fee_due: bool | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a person proposes as the outcome of a request."""

    finding: Finding
    rationale: str
    reason_code: ReasonCode | None = None
    mark_after: int | None = None


def begin(
    session: Session,
    request_id: str,
    *,
    actor: str,
    now: datetime,
    reviewer: str | None = None,
    proof: SampleProof | None = None,
    expected_version: int | None = None,
) -> RequestView:
    """Begin an acknowledged request; a review of moderation is given to a reviewer who had no part in it.

    The sample is looked at once more. The database itself refuses an allocation to anybody who was involved.
    Raises: ``ReviewerInvolved``, or the refusal of the allocation; ``ServiceNotOffered``; ``IllegalTransition``.
    """
    row = request_of(session, request_id)
    if row.service == Service.REVIEW_OF_MODERATION:
        if not reviewer:
            raise NotAllocated("Choose a reviewer first.", field="reviewer")
        check_sample(session, row, proof)
        members = group_of(session, case_of(session, row.case_id or ""))
        if reviewer == actor or reviewer in involved_in(session, members):
            raise ReviewerInvolved(field="reviewer")
        for member in members:
            allocate(
                session,
                person_id=reviewer,
                series_key=member.series_key,
                component_code=member.component_code,
                centre_number=member.centre_number,
                act=REVIEW,
                opens_at=now,
            )
        row.reviewer = reviewer
        advance_request(
            session, row, RequestEvent.BEGIN_REVIEW, actor=actor, now=now, expected_version=expected_version
        )
        for member in members:
            advance(session, member, CaseEvent.REQUEST_REVIEW, actor=actor, now=now)
    else:
        advance_request(
            session, row, RequestEvent.BEGIN_REVIEW, actor=actor, now=now, expected_version=expected_version
        )
    return view_request(session, request_id)


def involved_in(session: Session, members: Collection[ModerationCase]) -> frozenset[str]:
    """Return everybody who marked a work of the sample, or proposed or confirmed an outcome, ever."""
    ids = [member.id for member in members]
    samples = [member.sample_id for member in members if member.sample_id]
    markers = session.scalars(
        select(ModeratorMark.marked_by)
        .join(SampleItem, SampleItem.id == ModeratorMark.sample_item_id)
        .where(SampleItem.sample_id.in_(samples))
    )
    people = set(markers)
    for row in session.scalars(select(Outcome).where(Outcome.case_id.in_(ids))):
        people |= {row.proposed_by, row.confirmed_by or row.proposed_by}
    return frozenset(people)


def propose(session: Session, request_id: str, proposal: Proposal, *, actor: str, now: datetime) -> FindingView:
    """Propose what a request led to, with the rationale that another person checks it against.

    In a review of moderation the finding follows from the review marks: the one proposed must be it.
    Raises: ``ReasonMissing``; ``FindingRefused``; ``ReviewIncomplete``; ``IllegalTransition``.
    """
    row = under_review(session, request_id)
    service = Service(row.service)
    if not proposal.rationale.strip():
        raise ReasonMissing("Write the rationale: the second person checks the outcome against it.", field="rationale")
    if proposal.finding not in FINDINGS[service]:
        raise FindingRefused(field="finding")
    numbers, before = {}, None
    if service is Service.REVIEW_OF_MODERATION:
        if actor != row.reviewer:
            raise NotAllocated(component_code=row.component_code)
        found = found_by(session, request_id)
        if proposal.finding is not found.finding:
            raise FindingRefused(
                f"The review marks give another finding: {found.finding.lower().replace('_', ' ')}.",
                field="finding",
                found=found.finding.value,
            )
        numbers = {**found.decision.numbers(), "kind": found.kind.value}
    if service in MARKING:
        before = _checked_mark(session, row, proposal)
    if proposal.finding in _REASONED and proposal.reason_code is None:
        raise FindingRefused("Choose the reason why the marks change.", field="reason_code")
    old = _current(session, request_id)
    if old is not None:
        old.superseded_at = now
    session.add(
        ReviewOutcome(
            request_id=request_id,
            number=1 if old is None else old.number + 1,
            finding=proposal.finding.value,
            reason_code=None if proposal.reason_code is None else proposal.reason_code.value,
            rationale=proposal.rationale.strip(),
            mark_before=before,
            mark_after=proposal.mark_after,
            numbers=numbers,
            proposed_by=actor,
            proposed_at=now,
        )
    )
    session.flush()
    return _view(_need_current(session, request_id))


def confirm(
    session: Session, request_id: str, *, actor: str, now: datetime, expected_version: int | None = None
) -> RequestView:
    """Confirm what was proposed, as another person, against its rationale; marks change now and not before.

    The same person confirming twice changes nothing.
    Raises: ``OutcomeMissing``; ``SamePerson``; ``StaleVersion``; ``IllegalTransition``; ``RecomputationDiffers``.
    """
    outcome = _current(session, request_id)
    if outcome is not None and outcome.confirmed_by == actor:
        return view_request(session, request_id)
    row = under_review(session, request_id)
    if outcome is None:
        raise OutcomeMissing("Nothing has been proposed yet.")
    if actor in {outcome.proposed_by, row.reviewer}:
        raise SamePerson("Whoever reviewed or proposed the outcome cannot confirm it.")
    outcome.confirmed_by, outcome.confirmed_at = actor, now
    advance_request(session, row, RequestEvent.CONFIRM_OUTCOME, actor=actor, now=now, expected_version=expected_version)
    if row.service == Service.REVIEW_OF_MODERATION or row.service in APPEALS:
        change_moderation(session, row, outcome, actor=actor, now=now)
    elif outcome.finding == Finding.MARK_CHANGED:
        _change_mark(session, row, outcome, actor=actor, now=now)
    _keep_consent(session, row, now)
    session.flush()
    return view_request(session, request_id)


def invoice(
    session: Session, request_id: str, *, actor: str, now: datetime, expected_version: int | None = None
) -> FindingView:
    """Settle the fee of a request with an outcome: due, or waived by what was found.

    Raises: ``ResultVersionPending`` while a changed mark is in no release of results yet; ``IllegalTransition``.
    """
    row = request_of(session, request_id)
    outcome = _need_current(session, request_id)
    advance_request(session, row, RequestEvent.INVOICE, actor=actor, now=now, expected_version=expected_version)
    service = Service(row.service)
    changed = service in MARKING and outcome.finding == Finding.MARK_CHANGED and _grade_changed(session, row)
    outcome.fee_pence = terms_from(row.terms).fee_pence
    outcome.is_fee_due = bool(outcome.fee_pence) and is_fee_due(
        service, Finding(outcome.finding), grade_changed=changed
    )
    session.flush()
    return _view(outcome)


def finding_of(session: Session, request_id: str) -> FindingView | None:
    """Return what a request led to, proposed or confirmed, or ``None``."""
    row = _current(session, request_id)
    return None if row is None else _view(row)


# Marks from elsewhere


def _checked_mark(session: Session, row: ReviewRequest, proposal: Proposal) -> int | None:
    """Return the mark as it is; raises ``FindingRefused`` where what is proposed does not fit it."""
    component = session.get_one(Component, (row.series_key, row.component_code))
    code = proposal.reason_code
    if row.service == Service.CLERICAL_RECHECK and code is not None and code not in CLERICAL_REASONS:
        raise FindingRefused(
            "A clerical re-check finds errors of counting and recording only. Choose such a reason.",
            field="reason_code",
        )
    if proposal.finding is Finding.NO_CHANGE:
        if proposal.mark_after is not None:
            raise FindingRefused("No change was found, so there is no new mark. Leave it empty.", field="mark_after")
        return None
    if component.teacher_marks:
        before = centre_mark_of(session, row)
    else:
        present = session.get(ExternalMark, (row.series_key, row.component_code, row.candidate_id))
        before = None if present is None else present.mark
    mark = proposal.mark_after
    if mark is None or isinstance(mark, bool) or not 0 <= mark <= component.maximum_mark:
        raise FindingRefused(
            f"Enter the new mark as a whole number from 0 to {component.maximum_mark}.", field="mark_after"
        )
    if mark == before:
        raise FindingRefused("The new mark is the mark that there is. Choose “no change”.", field="mark_after")
    return before


def _change_mark(session: Session, row: ReviewRequest, outcome: ReviewOutcome, *, actor: str, now: datetime) -> None:
    """Change the mark from elsewhere and keep what it was; a centre's own mark changes by a new mark set."""
    if session.get_one(Component, (row.series_key, row.component_code)).teacher_marks:
        correct_centre_mark(session, row, outcome, actor=actor, now=now)
        return
    key = (row.series_key, row.component_code, row.candidate_id)
    present = session.get(ExternalMark, key, with_for_update=True)
    if present is None:
        present = ExternalMark(
            series_key=row.series_key,
            component_code=row.component_code,
            candidate_id=row.candidate_id,
            mark=None,
            status=MarkStatus.PENDING_Q.value,
        )
        session.add(present)
    if present.mark != outcome.mark_before:
        raise StaleVersion("The mark was changed since the outcome was proposed. Propose it again.")
    earlier = session.scalars(
        select(ExternalMarkChange.number)
        .where(
            ExternalMarkChange.series_key == row.series_key,
            ExternalMarkChange.component_code == row.component_code,
            ExternalMarkChange.candidate_id == row.candidate_id,
        )
        .order_by(ExternalMarkChange.number.desc())
    ).first()
    after = MarkStatus.PRESENT if outcome.mark_after else MarkStatus.ZERO_NO_WORTH
    session.add(
        ExternalMarkChange(
            series_key=row.series_key,
            component_code=row.component_code,
            candidate_id=row.candidate_id,
            number=(earlier or 0) + 1,
            mark_before=present.mark,
            status_before=present.status,
            mark_after=outcome.mark_after,
            status_after=after.value,
            reason_code=outcome.reason_code,
            request_id=row.id,
            changed_by=actor,
            changed_at=now,
        )
    )
    present.mark, present.status = outcome.mark_after, after.value


def _grade_changed(session: Session, row: ReviewRequest) -> bool:
    """Say whether any grade of the candidate that the component counts towards differs from the one before."""
    latest = release_of(session, row.series_key)
    if latest is None or latest.number == row.result_version_number:
        raise ResultVersionPending
    grades: list[dict[str, str | None]] = []
    for number in (row.result_version_number, latest.number):
        rows = session.execute(
            select(OptionResult.option_code, OptionResult.grade)
            .join(ResultVersion, ResultVersion.id == OptionResult.version_id)
            .join(OptionComponent, OptionComponent.option_code == OptionResult.option_code)
            .where(
                ResultVersion.series_key == row.series_key,
                ResultVersion.number == number,
                OptionResult.candidate_id == row.candidate_id,
                OptionComponent.series_key == row.series_key,
                OptionComponent.component_code == row.component_code,
            )
        )
        grades.append({code: grade for code, grade in rows})  # noqa: C416
    return grades[0] != grades[1]


def _keep_consent(session: Session, row: ReviewRequest, now: datetime) -> None:
    """Set until when the centre keeps the consent: so many months after the outcome, of an appeal if there is one."""
    holder = row
    while holder.about_id is not None:
        holder = request_of(session, holder.about_id)
    consent = session.get(ReviewConsent, holder.id)
    if consent is not None:
        consent.keep_until = months_after(now.astimezone(LONDON).date(), terms_from(holder.terms).keep_consent_months)


def months_after(on: date, months: int) -> date:
    """Return the day so many calendar months later, or the first of the next month where there is no such day."""
    month = on.month - 1 + months
    try:
        return on.replace(year=on.year + month // 12, month=month % 12 + 1)
    except ValueError:
        return date(on.year + (month + 1) // 12, (month + 1) % 12 + 1, 1)


def _current(session: Session, request_id: str) -> ReviewOutcome | None:
    return session.scalars(
        select(ReviewOutcome).where(ReviewOutcome.request_id == request_id, ReviewOutcome.superseded_at.is_(None))
    ).one_or_none()


def _need_current(session: Session, request_id: str) -> ReviewOutcome:
    row = _current(session, request_id)
    if row is None:
        raise OutcomeMissing("Nothing has been proposed yet.")
    return row


def _view(row: ReviewOutcome) -> FindingView:
    return FindingView(
        Finding(row.finding),
        None if row.reason_code is None else ReasonCode(row.reason_code),
        row.rationale,
        row.mark_before,
        row.mark_after,
        row.proposed_by,
        row.proposed_at,
        row.confirmed_by,
        row.confirmed_at,
        row.fee_pence,
        row.is_fee_due,
    )
