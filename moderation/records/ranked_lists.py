"""The ranked list behind a sample: who is drawn, who is not and why, and who has withdrawn since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from moderation.entries import SubmissionMode
from moderation.records.cases import case_of, group_of
from moderation.records.draws import cohort_of, members_of
from moderation.records.samples import SampleItemView, sample_item_of
from moderation.sampling import list_digest
from moderation.submission import SETTLED
from moderation.tables import Candidate, Entry, EntryOption, ModerationCase, OptionComponent, Sample, SampleItem


@dataclass(frozen=True, slots=True)
class RankedLine:
    """One candidate of the ranked list, and why the work is in the sample or is not."""

    position: int
    candidate_id: str
    case_id: str
    centre_number: str
    candidate_number: str
    mark: int
    teaching_set: str
    parental_interest: bool
    is_withdrawn: bool
    item: SampleItem | None

    @property
    def can_be_named(self) -> bool:
        """Say whether the work can still be asked for."""
        return self.item is None and not self.is_withdrawn


@dataclass(frozen=True, slots=True)
class RankedList:
    """The list a sample was drawn from; ``is_as_drawn`` says whether it still has the hash kept with the sample."""

    lines: tuple[RankedLine, ...]
    is_as_drawn: bool
    entered_total: int


def ranked_list(session: Session, case_id: str) -> RankedList:
    """Return the ranked list of a case, of the whole consortium, with who is drawn; also before a sample is chosen."""
    case = case_of(session, case_id)
    sample = session.get(Sample, case.sample_id) if case.sample_id else None
    members = members_of(session, case) if sample is None else group_of(session, case)
    cohort = cohort_of(session, members, as_drawn_at=None if sample is None else sample.requested_at)
    items = {} if sample is None else {item.candidate_id: item for item in items_of(session, sample)}
    lines = tuple(
        RankedLine(
            position,
            row.key,
            cohort.case_of[row.key],
            row.centre_number,
            row.candidate_number,
            row.mark,
            row.teaching_set,
            row.parental_interest,
            row.key in cohort.withdrawn,
            items.get(row.key),
        )
        for position, row in enumerate(cohort.order, 1)
    )
    as_drawn = sample is None or list_digest(cohort.order) == sample.list_sha256
    return RankedList(lines, as_drawn, cohort.entered_total)


def withdrawn_items(
    session: Session, *, series_key: str | None = None, case_id: str | None = None
) -> list[SampleItemView]:
    """Return sampled works whose candidates have withdrawn since the draw and are not replaced: for an officer to see to."""
    carried = SubmissionMode.CARRIED_FORWARD.value
    other, other_link, other_option = aliased(Entry), aliased(OptionComponent), aliased(EntryOption)
    still_entered = (
        select(other.candidate_id)
        .join(other_link, (other_link.series_key == other.series_key) & (other_link.option_code == other.option_code))
        .join(
            other_option,
            (other_option.series_key == other.series_key) & (other_option.option_code == other.option_code),
        )
        .where(
            other.candidate_id == Entry.candidate_id,
            other_link.component_code == OptionComponent.component_code,
            other.withdrawn_at.is_(None),
            or_(other_option.submission_mode.is_(None), other_option.submission_mode != carried),
        )
    )
    # From the few withdrawn entries to their cases and samples: every step has an index.
    query = (
        select(SampleItem.id, SampleItem.position)
        .select_from(Entry)
        .join(Candidate, Candidate.id == Entry.candidate_id)
        .join(
            OptionComponent,
            (OptionComponent.series_key == Entry.series_key) & (OptionComponent.option_code == Entry.option_code),
        )
        .join(
            ModerationCase,
            (ModerationCase.series_key == Entry.series_key)
            & (ModerationCase.component_code == OptionComponent.component_code)
            & (ModerationCase.centre_number == Candidate.centre_number),
        )
        .join(
            SampleItem,
            (SampleItem.sample_id == ModerationCase.sample_id) & (SampleItem.candidate_id == Entry.candidate_id),
        )
        .where(
            Entry.withdrawn_at.is_not(None),
            ModerationCase.state.not_in([str(state) for state in SETTLED]),
            SampleItem.replaced_at.is_(None),
            ~still_entered.exists(),
        )
        .distinct()
        .order_by(SampleItem.position)
    )
    if series_key is not None:
        query = query.where(Entry.series_key == series_key)
    if case_id is not None:
        case = case_of(session, case_id)
        query = query.where(Entry.series_key == case.series_key, SampleItem.sample_id == case.sample_id)
    return [sample_item_of(session, item_id) for item_id, _ in session.execute(query).all()]


def items_of(session: Session, sample: Sample) -> Sequence[SampleItem]:
    """Return every work of a sample, replaced ones included."""
    return session.scalars(select(SampleItem).where(SampleItem.sample_id == sample.id)).all()
