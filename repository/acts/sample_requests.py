"""Acts on what is asked for after, or instead of, the draw: more work, all work, replacements, a choice by a person."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import NoSample, NotYoursToChoose, UnknownSampleItem
from moderation.profiles import PickedBy, SampleProfile
from moderation.records import draws, rules, samples, work_requests
from moderation.records.cases import CaseView, case_of, component_of
from moderation.records.exemptions import ExemptionView, exemption_of
from moderation.records.ranked_lists import RankedList, ranked_list, withdrawn_items
from moderation.records.samples import SampleItemView, SampleView
from moderation.records.work_requests import RequestView
from moderation.sampling import ReplacementReason, size_for
from moderation.submission import SETTLED, CaseState
from repository import access, audit, blinding
from repository.access import Action, Role
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.errors import NotFound
from repository.tables import Person


@dataclass(frozen=True, slots=True)
class RequestsPage:
    """How a case's sample came to be, what was asked for since, and everybody who could still be asked for."""

    case: CaseView
    sample: SampleView | None
    profile: SampleProfile
    ranking: RankedList
    requests: tuple[RequestView, ...]
    withdrawn: tuple[SampleItemView, ...]
    exemption: ExemptionView | None
    is_waiting_for_choice: bool
    is_open: bool
    """Whether more can be asked for now."""
    names: Mapping[str, str]
    """Person id → name, of everybody named on the page."""

    @property
    def undrawn_total(self) -> int:
        """Return how many works can still be asked for."""
        return sum(line.can_be_named for line in self.ranking.lines)


@dataclass(frozen=True, slots=True)
class ChoicePage:
    """What a person needs to choose a sample."""

    case: CaseView
    profile: SampleProfile
    ranking: RankedList
    size: int
    is_waiting: bool
    may_choose: bool


def page(session: Session, context: Context, case_id: str) -> RequestsPage:
    """Return how the sample of a case came to be and what was asked for since."""
    case = permitted(session, context, Action.SAMPLE_REQUEST, case_id)
    row = case_of(session, case_id)
    try:
        sample = samples.sample_of(session, case_id, whole=True)
        profile = rules.profile_version(session, sample.profile_id, sample.profile_version)
    except NoSample:
        sample, profile = None, rules.profile_for(session, component_of(session, row))
    requests = tuple(work_requests.requests_of(session, case_id))
    named = {one.requested_by for one in requests} | ({sample.chosen_by or ""} if sample else set())
    people = session.execute(select(Person.id, Person.display_name).where(Person.id.in_(named)))
    is_open = sample is not None and case.state not in SETTLED | {CaseState.MALPRACTICE_HOLD}
    found = RequestsPage(
        case,
        sample,
        profile,
        ranked_list(session, case_id),
        requests,
        tuple(withdrawn_items(session, case_id=case_id)) if sample else (),
        None if sample else exemption_of(session, row, context.now),
        sample is None and draws.is_waiting_for_choice(session, row),
        is_open,
        {person_id: name for person_id, name in people},  # noqa: C416
    )
    return blinding.mask(session, context, case_id, found)


def ask_more(
    session: Session,
    context: Context,
    case_id: str,
    *,
    count: int,
    candidate_ids: Collection[str],
    reason: str,
    version: int | None = None,
) -> RequestView:
    """Ask for further works, so many or of named candidates."""
    permitted(session, context, Action.SAMPLE_REQUEST, case_id)
    done = work_requests.request_more_work(
        session,
        case_id,
        count=count,
        candidate_ids=candidate_ids,
        reason=reason,
        actor=actor_of(context).person_id,
        now=context.now,
        expected_version=version,
    )
    audit.record(session, context, "sample.more", "case", case_id, request=done.request_id, works=len(done.item_ids))
    return done


def ask_all(
    session: Session, context: Context, case_id: str, *, reason: str, version: int | None = None
) -> RequestView:
    """Ask for the work of every candidate who can be drawn."""
    permitted(session, context, Action.SAMPLE_REQUEST, case_id)
    actor = actor_of(context).person_id
    done = work_requests.request_all_work(
        session, case_id, reason=reason, actor=actor, now=context.now, expected_version=version
    )
    audit.record(session, context, "sample.all", "case", case_id, request=done.request_id, works=len(done.item_ids))
    return done


def replace(
    session: Session,
    context: Context,
    item_id: str,
    *,
    reason: ReplacementReason,
    note: str,
    version: int | None = None,
) -> tuple[str, SampleItemView | None]:
    """Ask for another work in place of a sampled one; returns the case's id and the new item, if anybody was left."""
    try:
        item = samples.sample_item_of(session, item_id)
    except UnknownSampleItem as error:
        raise NotFound from error
    permitted(session, context, Action.SAMPLE_REQUEST, item.case_id)
    new = work_requests.replace_sampled(
        session,
        item_id,
        reason=reason,
        note=note,
        actor=actor_of(context).person_id,
        now=context.now,
        expected_version=version,
    )
    audit.record(
        session,
        context,
        "sample.replace",
        "sample_item",
        item_id,
        reason=reason.value,
        replacement=new.item_id if new else None,
    )
    return item.case_id, new


def choice(session: Session, context: Context, case_id: str) -> ChoicePage:
    """Return what a person needs to choose the sample of a case.

    A centre sees it for its own case where the profile lets the centre choose.
    """
    case = permitted(session, context, Action.SAMPLE_CHOOSE, case_id)
    row = case_of(session, case_id)
    profile = rules.profile_for(session, component_of(session, row))
    if actor_of(context).role in access.CENTRE_ROLES and (
        profile.picked_by is not PickedBy.CENTRE or case.consortium_id is not None
    ):
        raise NotFound
    ranking = ranked_list(session, case_id)
    is_waiting = draws.is_waiting_for_choice(session, row)
    size = size_for(profile, len(ranking.lines), ranking.entered_total) if is_waiting else 0
    may_choose = actor_of(context).role in _choosers(profile)
    found = ChoicePage(case, profile, ranking, size, is_waiting, may_choose)
    return blinding.mask(session, context, case_id, found)


def is_waiting_for(session: Session, context: Context, case_id: str) -> bool:
    """Say whether this person may choose the sample of a case now, and it waits to be chosen."""
    if access.scope_of(actor_of(context), Action.SAMPLE_CHOOSE) is None:
        return False
    if case_of(session, case_id).state not in {CaseState.MARKS_CONFIRMED, CaseState.WAITING_FOR_MEMBERS}:
        return False
    try:
        page = choice(session, context, case_id)
    except NotFound:
        return False
    return page.is_waiting and actor_of(context).role in _choosers(page.profile)


def _choosers(profile: SampleProfile) -> frozenset[Role]:
    """Return who may choose under a profile: whom it names, or an officer on behalf of either."""
    named = {PickedBy.CENTRE: Role.EXAMS_OFFICER, PickedBy.MODERATOR: Role.MODERATOR}.get(profile.picked_by)
    return frozenset({Role.AB_OFFICER}) if named is None else frozenset({named, Role.AB_OFFICER})


def choose(
    session: Session,
    context: Context,
    case_id: str,
    candidate_ids: Collection[str],
    *,
    reason: str,
    version: int | None = None,
) -> None:
    """Keep the sample that the person chose: whom the profile names, or an officer on behalf of either.

    Source: project policy: in a consortium no member chooses for the others, so an officer does.
    """
    page = choice(session, context, case_id)
    actor = actor_of(context)
    if actor.role not in _choosers(page.profile):
        raise NotYoursToChoose(f"Under profile {page.profile.profile_id} the {page.profile.picked_by} chooses.")
    draws.choose_sample(
        session,
        case_id,
        candidate_ids,
        reason=reason,
        actor=actor.person_id,
        now=context.now,
        expected_version=version,
    )
    audit.record(session, context, Action.SAMPLE_CHOOSE, "case", case_id, works=len(candidate_ids))
