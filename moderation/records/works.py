"""The works of a sample as they count now: current centre mark, current moderator mark, and who is left out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from moderation.marks import is_adjustable
from moderation.records.cases import candidates_of, case_of, group_of
from moderation.tables import CentreMark, MalpracticeHold, ModerationCase, ModeratorMark, SampleItem


@dataclass(frozen=True, slots=True)
class SampledWork:
    """A sampled work: the centre mark of the mark set in force, not the one that the sample was drawn by."""

    item: SampleItem
    status: str | None
    centre_mark: int | None
    mark: ModeratorMark | None
    is_held: bool

    @property
    def counts(self) -> bool:
        """Say whether the work is read and compared: a mark above zero, and nothing pending about the candidate.

        Source: project policy v1, step 1: absent, centre zero, carried forward and Q are left out.
        """
        return self.centre_mark is not None and is_adjustable(self.status or "", self.centre_mark) and not self.is_held


def works_of(session: Session, case: ModerationCase) -> list[SampledWork]:
    """Return the works of a case's sample, of the whole consortium, by position.

    Works that do not exist, and those that another one replaced, are left out.
    """
    return [] if case.sample_id is None else works_of_samples(session, [case.sample_id]).get(case.sample_id, [])


def works_of_samples(session: Session, sample_ids: Collection[str]) -> dict[str, list[SampledWork]]:
    """Return the works of several samples, each as ``works_of`` gives them, in one question."""
    rows = session.execute(
        select(SampleItem, CentreMark.status, CentreMark.mark, ModeratorMark, MalpracticeHold.id)
        .join(ModerationCase, ModerationCase.id == SampleItem.case_id)
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
            MalpracticeHold,
            and_(
                MalpracticeHold.case_id == SampleItem.case_id,
                MalpracticeHold.candidate_id == SampleItem.candidate_id,
                MalpracticeHold.released_at.is_(None),
            ),
        )
        .where(
            SampleItem.sample_id.in_(sample_ids),
            SampleItem.no_work_reason == "",
            SampleItem.replaced_at.is_(None),
        )
        .order_by(SampleItem.position, SampleItem.id)
    )
    found: dict[str, list[SampledWork]] = {}
    for item, status, mark, moderator_mark, hold_id in rows:
        work = SampledWork(item, status, mark, moderator_mark, hold_id is not None)
        found.setdefault(item.sample_id, []).append(work)
    return found


def unread_candidates(session: Session, members: Sequence[ModerationCase], works: Sequence[SampledWork]) -> set[str]:
    """Return the candidates with a mark above zero whose own work no moderator has read; held ones are not among them."""
    read = {work.item.candidate_id for work in works if work.mark is not None}
    unread: set[str] = set()
    for member in members:
        entered = {candidate.id for candidate in candidates_of(session, member)}
        held = set(
            session.scalars(
                select(MalpracticeHold.candidate_id).where(
                    MalpracticeHold.case_id == member.id, MalpracticeHold.released_at.is_(None)
                )
            )
        )
        rows = session.execute(
            select(CentreMark.candidate_id, CentreMark.status, CentreMark.mark).where(
                CentreMark.case_id == member.id, CentreMark.mark_set_version == member.mark_set_version
            )
        )
        unread |= {
            candidate_id
            for candidate_id, status, mark in rows
            if candidate_id in entered - read - held and is_adjustable(status, mark)
        }
    return unread


def locked_group(session: Session, case_id: str) -> list[ModerationCase]:
    """Return the cases moderated together, read again and locked until the transaction ends: two people take turns.

    Raises: ``UnknownCase``.
    """
    members = group_of(session, case_of(session, case_id))
    rows = (
        select(ModerationCase)
        .where(ModerationCase.id.in_([member.id for member in members]))
        .order_by(ModerationCase.centre_number)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(session.scalars(rows))
