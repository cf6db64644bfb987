"""Appeals against the outcome of a review: grounds, a bundle of evidence by hash, an uninvolved panel, two stages."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import FindingRefused, ReasonMissing, ReviewerInvolved, ServiceNotOffered
from moderation.records.cases import advance, case_of, group_of
from moderation.records.marking import allocate
from moderation.records.review_outcomes import finding_of, involved_in
from moderation.records.review_requests import RequestView, advance_request, request_of, view_request
from moderation.records.review_terms import terms_for
from moderation.records.reviews import add_request
from moderation.review import (
    APPEALS,
    PANEL_SIZE,
    Before,
    Grounds,
    RequestEvent,
    RequestState,
    Service,
    why_not_appeal,
)
from moderation.submission import CaseEvent
from moderation.tables import Appeal, PanelMember, ReviewOutcome, ReviewRequest, new_id

APPEAL = "APPEAL"
"""The act under which a panel member is allocated."""
BUNDLE_LIMIT = 50
STATEMENT_LIMIT = 4000


@dataclass(frozen=True, slots=True)
class Plea:
    """What an appeal says: grounds, statement, the bundle as (name, SHA-256), and the declaration for the head."""

    grounds: Grounds
    statement: str
    acts_for_head: bool
    reasons_asked: bool = False
    evidence: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AppealView:
    """What an appeal rests on, and who hears it."""

    grounds: Grounds
    statement: str
    reasons_asked: bool
    evidence: tuple[tuple[str, str], ...]
    evidence_sha256: str
    panel: tuple[str, ...]


def start_appeal(
    session: Session, about_id: str, stage: Service, plea: Plea, *, actor: str, now: datetime
) -> RequestView:
    """Write an appeal against the outcome of a review, or of a first-stage appeal, as a draft.

    Raises: ``ServiceNotOffered`` before an outcome or after the window; ``FindingRefused`` without the declaration, or
    for a hash that is none; ``ReasonMissing`` without a statement.
    Source: JCQ-board practice as restated by boards (copy): by the head of centre, only after a review outcome.
    """
    about = request_of(session, about_id)
    _check_plea(plea)
    rows = session.execute(select(ReviewRequest.service, ReviewRequest.state).where(ReviewRequest.about_id == about_id))
    before = [Before(Service(service), RequestState(state)) for service, state in rows]
    refusal = why_not_appeal(stage, Before(Service(about.service), RequestState(about.state)), before=before)
    terms = terms_for(session, about.series_key).get(stage)
    if refusal is None and terms is not None:
        refusal = terms.why_not_now(_given_at(session, about_id) or now, now, reasons_asked=plea.reasons_asked)
    if refusal is not None:
        raise ServiceNotOffered(refusal.value, reason=refusal.name)
    if terms is None or stage not in APPEALS:
        raise ServiceNotOffered
    bundle = [{"name": name, "sha256": digest} for name, digest in plea.evidence]
    made = add_request(
        session,
        ReviewRequest(
            id=new_id(),
            series_key=about.series_key,
            centre_number=about.centre_number,
            component_code=about.component_code,
            service=stage.value,
            candidate_id=about.candidate_id,
            case_id=about.case_id,
            about_id=about_id,
            subject=about_id,
            state=RequestState.DRAFT.value,
            consent=terms.consent.value,
            terms=terms.as_json(),
            result_version_number=about.result_version_number,
            created_by=actor,
            created_at=now,
        ),
    )
    session.add(
        Appeal(
            request_id=made.request_id,
            grounds=plea.grounds.value,
            statement=plea.statement.strip(),
            acts_for_head=True,
            reasons_asked=plea.reasons_asked,
            evidence=bundle,
            evidence_sha256=sha256(json.dumps(bundle, sort_keys=True, separators=(",", ":")).encode()).hexdigest(),
        )
    )
    session.flush()
    return view_request(session, made.request_id)


def hear(
    session: Session,
    request_id: str,
    panel: Sequence[str],
    *,
    actor: str,
    now: datetime,
    expected_version: int | None = None,
) -> RequestView:
    """Give an acknowledged appeal to people who had no part in anything it is about.

    The database itself refuses whoever decided the review or sat in the earlier panel.
    Raises: ``FindingRefused`` for too few people; ``ReviewerInvolved`` naming how many are involved; ``IllegalTransition``.
    """
    row = request_of(session, request_id)
    people = tuple(dict.fromkeys(person for person in panel if person))
    wanted = PANEL_SIZE[Service(row.service)]
    if len(people) < wanted:
        raise FindingRefused(f"This stage is heard by at least {wanted} people. Choose more.", field="panel")
    chain = _chain(session, row)
    involved = {actor, row.created_by}
    for earlier in chain:
        involved |= _decided(session, earlier)
    members = group_of(session, case_of(session, row.case_id)) if row.case_id else []
    involved |= involved_in(session, members)
    barred = [person for person in people if person in involved]
    if barred:
        raise ReviewerInvolved(field="panel", people=barred)
    for person in people:
        places = {(member.component_code, member.centre_number) for member in members}
        for code, centre_number in sorted(places or {(row.component_code, row.centre_number)}):
            allocate(
                session,
                person_id=person,
                series_key=row.series_key,
                component_code=code,
                centre_number=centre_number,
                act=APPEAL,
                opens_at=now,
            )
        session.add(PanelMember(request_id=row.id, person_id=person, appointed_by=actor, appointed_at=now))
    session.flush()
    advance_request(session, row, RequestEvent.BEGIN_REVIEW, actor=actor, now=now, expected_version=expected_version)
    if chain[-1].service == Service.REVIEW_OF_MODERATION:
        for member in members:
            advance(session, member, CaseEvent.OPEN_APPEAL, actor=actor, now=now)
    return view_request(session, request_id)


def appeal_of(session: Session, request_id: str) -> AppealView | None:
    """Return what an appeal rests on, or ``None`` for a request that is none."""
    row = session.get(Appeal, request_id)
    if row is None:
        return None
    panel = session.scalars(
        select(PanelMember.person_id).where(PanelMember.request_id == request_id).order_by(PanelMember.person_id)
    )
    return AppealView(
        Grounds(row.grounds),
        row.statement,
        row.reasons_asked,
        tuple((one["name"], one["sha256"]) for one in row.evidence),
        row.evidence_sha256,
        tuple(panel),
    )


def appeal_window(session: Session, request_id: str) -> tuple[Service, datetime, datetime | None] | None:
    """Return which appeal can follow an outcome, until when, and until when if reasons were asked for; or ``None``."""
    row = request_of(session, request_id)
    given_at = _given_at(session, request_id)
    stage = {Service.APPEAL_STAGE_1: Service.APPEAL_STAGE_2}.get(Service(row.service), Service.APPEAL_STAGE_1)
    terms = terms_for(session, row.series_key).get(stage)
    why = why_not_appeal(stage, Before(Service(row.service), RequestState(row.state)), before=())
    if given_at is None or terms is None or why is not None:
        return None
    shorter = None if terms.window_days_with_reasons is None else terms.closes_at(given_at, reasons_asked=True)
    return stage, terms.closes_at(given_at), shorter


def _check_plea(plea: Plea) -> None:
    if not plea.acts_for_head:
        raise FindingRefused(
            "Only the head of centre appeals. Confirm that you do this for the head of centre.", field="acts_for_head"
        )
    if not plea.statement.strip():
        raise ReasonMissing("Say what was wrong, in your own words.", field="statement")
    if len(plea.statement) > STATEMENT_LIMIT:
        raise FindingRefused(f"The statement must be {STATEMENT_LIMIT} characters or fewer.", field="statement")
    if len(plea.evidence) > BUNDLE_LIMIT:
        raise FindingRefused(f"A bundle holds at most {BUNDLE_LIMIT} things.", field="evidence")
    for name, digest in plea.evidence:
        if not name or len(name) > 255 or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise FindingRefused(
                "Each line of the bundle is a SHA-256 of 64 hexadecimal digits, a space, and the name of the file.",
                field="evidence",
            )


def _chain(session: Session, row: ReviewRequest) -> list[ReviewRequest]:
    """Return what an appeal is about, the review itself last."""
    found = []
    while row.about_id is not None:
        row = request_of(session, row.about_id)
        found.append(row)
    return found


def _decided(session: Session, row: ReviewRequest) -> set[str]:
    people = {row.reviewer or "", row.created_by}
    for outcome in session.scalars(select(ReviewOutcome).where(ReviewOutcome.request_id == row.id)):
        people |= {outcome.proposed_by, outcome.confirmed_by or ""}
    people |= set(session.scalars(select(PanelMember.person_id).where(PanelMember.request_id == row.id)))
    return people - {""}


def _given_at(session: Session, request_id: str) -> datetime | None:
    found = finding_of(session, request_id)
    return None if found is None else found.confirmed_at
