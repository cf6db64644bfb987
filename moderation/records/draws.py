"""Drawing: the cohort a sample comes from, the draw itself, a choice by a person, or none where a centre is exempt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from moderation.choosing import choose
from moderation.entries import SubmissionMode
from moderation.errors import IllegalTransition, NotYoursToChoose, ReasonMissing
from moderation.marks import MarkFlag, is_drawable
from moderation.profiles import PickedBy, SampleProfile
from moderation.records.cases import advance, case_of, check_version, component_of
from moderation.records.exemptions import all_exempt
from moderation.records.outcomes import propose_without_sample
from moderation.records.rules import policy_for, profile_for
from moderation.sampling import Drawable, first_stage, pick, ranked, size_for
from moderation.sampling import Sample as Drawn
from moderation.submission import CaseEvent, CaseState
from moderation.tables import (
    Candidate,
    Centre,
    CentreMark,
    Component,
    Consortium,
    Entry,
    EntryOption,
    ModerationCase,
    OptionComponent,
    Sample,
    SampleItem,
    new_id,
)
from moderation.working_days import Nation, due_at

_READY = frozenset({CaseState.MARKS_CONFIRMED, CaseState.WAITING_FOR_MEMBERS})


@dataclass(frozen=True, slots=True)
class Cohort:
    """Everybody who can be drawn, ranked, and what is known of them beside their marks.

    ``case_of`` leads from candidate to case; ``withdrawn`` are those who withdrew since the sample was drawn;
    ``entered_total`` counts everybody entered.
    """

    order: tuple[Drawable, ...]
    case_of: dict[str, str]
    withdrawn: frozenset[str]
    entered_total: int


def draw_when_complete(session: Session, case: ModerationCase, *, actor: str, now: datetime) -> None:
    """Draw the sample of a confirmed case at once; of a consortium when its last member is confirmed.

    An exempt centre needs none: that its marks stand is proposed, for an officer to confirm. Where the profile leaves
    the choice to a person, the case waits for it.
    Source: OCR waits for every member,
    https://www.ocr.org.uk/administration/general-qualifications/assessment/non-exam-assessment/.
    """
    members = members_of(session, case)
    if any(member.state not in _READY for member in members):
        advance(session, case, CaseEvent.WAIT_FOR_MEMBERS, actor=actor, now=now)
        return
    component = component_of(session, case)
    _set_aside(session, members, now)
    exempt = all_exempt(session, members, now)
    if exempt:
        for member in members:
            advance(session, member, CaseEvent.NEED_NO_SAMPLE, actor=actor, now=now, reason=exempt)
        propose_without_sample(session, members, now=now, reason=exempt)
        return
    profile, cohort = profile_for(session, component), cohort_of(session, members)
    if needs_choice(profile, cohort):
        return
    drawn = pick(cohort.order, profile, component.tolerance_marks or 0, entered_total=cohort.entered_total)
    _keep(session, members, cohort, profile, drawn, actor=actor, now=now)


def choose_sample(
    session: Session,
    case_id: str,
    candidate_ids: Collection[str],
    *,
    reason: str,
    actor: str,
    now: datetime,
    expected_version: int | None = None,
) -> None:
    """Keep the sample that a person chose, under a profile that leaves the choice to a person; it is then asked for.

    Raises: ``ChoiceRefused`` with every fault; ``NotYoursToChoose`` when the service draws; ``ReasonMissing``;
    ``IllegalTransition`` when no choice is waited for; ``StaleVersion``.
    """
    if not reason.strip():
        raise ReasonMissing("Say how the sample was chosen.", field="reason")
    case = case_of(session, case_id)
    check_version(case, expected_version)
    members = members_of(session, case)
    if any(member.state not in _READY for member in members):
        raise IllegalTransition("No sample is waiting to be chosen here.", state=case.state, event="choose")
    profile, cohort = profile_for(session, component_of(session, case)), cohort_of(session, members)
    if not needs_choice(profile, cohort):
        raise NotYoursToChoose(f"Under profile {profile.profile_id} the service draws this sample.")
    drawn = choose(cohort.order, profile, candidate_ids, entered_total=cohort.entered_total)
    _keep(session, members, cohort, profile, drawn, actor=actor, now=now, choice_reason=reason.strip()[:500])


def needs_choice(profile: SampleProfile, cohort: Cohort) -> bool:
    """Say whether a person must choose: the profile says so, and not everybody is in the sample anyway."""
    total = len(cohort.order)
    return profile.picked_by is not PickedBy.SYSTEM and size_for(profile, total, cohort.entered_total) < total


def is_waiting_for_choice(session: Session, case: ModerationCase) -> bool:
    """Say whether a case waits for a person to choose its sample."""
    members = members_of(session, case)
    if any(member.state not in _READY for member in members):
        return False
    return needs_choice(profile_for(session, component_of(session, case)), cohort_of(session, members))


def members_of(session: Session, case: ModerationCase) -> list[ModerationCase]:
    """Return the cases that have one sample together: all of a consortium, by centre, else the case alone."""
    if case.consortium_id is None:
        return [case]
    query = select(ModerationCase).where(
        ModerationCase.consortium_id == case.consortium_id,
        ModerationCase.component_code == case.component_code,
        ModerationCase.series_key == case.series_key,
    )
    return list(session.scalars(query.order_by(ModerationCase.centre_number)))


def cohort_of(session: Session, members: Sequence[ModerationCase], *, as_drawn_at: datetime | None = None) -> Cohort:
    """Return who can be drawn from the present marks of the cases.

    Takes: ``as_drawn_at``, the instant of the draw: whoever withdrew later keeps a place in the ranked list.
    """
    case_of_candidate: dict[str, str] = {}
    rows: list[Drawable] = []
    withdrawn: set[str] = set()
    entered_total = 0
    for member in members:
        entered, gone = _entered(session, member, as_drawn_at)
        entered_total += len(entered)
        withdrawn |= gone
        marks = session.scalars(
            select(CentreMark).where(
                CentreMark.case_id == member.id, CentreMark.mark_set_version == member.mark_set_version
            )
        )
        for row in marks:
            candidate = entered.get(row.candidate_id)
            if candidate is None or row.mark is None or not is_drawable(row.status, row.mark):
                continue
            case_of_candidate[candidate.id] = member.id
            rows.append(
                Drawable(
                    row.mark,
                    candidate.centre_number,
                    candidate.candidate_number,
                    candidate.id,
                    row.teaching_set,
                    MarkFlag.PARENTAL_INTEREST in row.flags,
                )
            )
    return Cohort(tuple(ranked(rows)), case_of_candidate, frozenset(withdrawn), entered_total)


def due_of(session: Session, members: Sequence[ModerationCase], component: Component, now: datetime) -> datetime:
    """Return by when works asked for now are due: working days of the centre's nation, of the lead's in a consortium."""
    return due_at(now, _nation(session, members), policy_for(session, component).sample_working_days)


def _set_aside(session: Session, members: Sequence[ModerationCase], now: datetime) -> None:
    """Supersede the samples that the cases had before."""
    for sample_id in {member.sample_id for member in members} - {None}:
        old = session.get_one(Sample, sample_id)
        old.superseded_at = old.superseded_at or now
    for member in members:
        member.sample_id = None


def _keep(
    session: Session,
    members: Sequence[ModerationCase],
    cohort: Cohort,
    profile: SampleProfile,
    drawn: Drawn,
    *,
    actor: str,
    now: datetime,
    choice_reason: str = "",
) -> None:
    component = component_of(session, members[0])
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
        due_at=due_of(session, members, component, now),
        entered_total=cohort.entered_total if profile.basis == "entered" else None,
        chosen_by=actor if choice_reason else None,
        choice_reason=choice_reason,
    )
    session.add(sample)
    session.flush()
    read_first = first_stage(drawn.picks, profile.sub_sample_size)
    session.add_all(
        SampleItem(
            sample_id=sample.id,
            case_id=cohort.case_of[one.key],
            candidate_id=one.key,
            position=one.position,
            centre_mark=one.mark,
            reason=one.reason.value,
            explanation=one.explanation,
            first_stage=one.key in read_first,
        )
        for one in drawn.picks
    )
    drawn_from = {cohort.case_of[one.key] for one in drawn.picks}
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


def _entered(
    session: Session, case: ModerationCase, as_drawn_at: datetime | None
) -> tuple[dict[str, Candidate], set[str]]:
    """Return the candidates entered, and those of them who have withdrawn since the draw."""
    still = Entry.withdrawn_at.is_(None)
    rows = session.execute(
        select(Candidate, Entry.withdrawn_at)
        .join(Entry, Entry.candidate_id == Candidate.id)
        .join(
            OptionComponent,
            (OptionComponent.series_key == Entry.series_key) & (OptionComponent.option_code == Entry.option_code),
        )
        .join(
            EntryOption, (EntryOption.series_key == Entry.series_key) & (EntryOption.option_code == Entry.option_code)
        )
        .where(
            Candidate.series_key == case.series_key,
            Candidate.centre_number == case.centre_number,
            OptionComponent.component_code == case.component_code,
            still if as_drawn_at is None else or_(still, Entry.withdrawn_at >= as_drawn_at),
            or_(
                EntryOption.submission_mode.is_(None),
                EntryOption.submission_mode != SubmissionMode.CARRIED_FORWARD.value,
            ),
        )
    ).all()
    entered = {candidate.id: candidate for candidate, _ in rows}
    staying = {candidate.id for candidate, withdrawn_at in rows if withdrawn_at is None}
    return entered, entered.keys() - staying


def _nation(session: Session, members: Sequence[ModerationCase]) -> str:
    centre_number = members[0].centre_number
    if members[0].consortium_id is not None:
        centre_number = session.get_one(Consortium, members[0].consortium_id).lead_centre_number
    centre = session.get(Centre, centre_number)
    return Nation.ENGLAND if centre is None else centre.nation
