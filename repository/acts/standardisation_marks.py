"""What moderators do with works that have an agreed mark: practise, be approved, and meet seeds among live works.

Those works are of centres that the moderator does not moderate: what they see of them is looked for in the service's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import IllegalTransition
from moderation.records import samples
from moderation.records import standardisation as records
from moderation.records.moderator_marks import ModeratorMarkView
from moderation.records.samples import SampleItemView
from moderation.records.standardisation import ModeratorStanding, ReadingView, WorkView
from moderation.standardisation import ApprovalState, WorkKind
from moderation.submission import READABLE
from moderation.tables import (
    Allocation,
    Component,
    ModerationCase,
    SampleItem,
    StandardisationReading,
    StandardisationWork,
)
from repository import access, audit, blinding, evidence
from repository.access import Action
from repository.acts import viewing
from repository.acts.cases import actor_of, permitted
from repository.acts.viewing import Viewing
from repository.audit import Context
from repository.blinding import code_of
from repository.documents import DocumentState
from repository.errors import NotFound
from repository.evidence import AttachedDocument
from repository.scoping.widening import widened
from repository.tables import Evidence

OF_OTHERS = "standardisation: works of centres that are not the moderator's"


@dataclass(frozen=True, slots=True)
class ComponentLine:
    """A component on the list: how many works it has of each kind, and how the moderator stands there."""

    series_key: str
    component_code: str
    title: str
    works: Mapping[WorkKind, int]
    standing: ModeratorStanding | None = None
    left: int = 0
    """Works that the moderator has still to mark."""


@dataclass(frozen=True, slots=True)
class ReadingPage:
    """A practice or approval work as a moderator marks it."""

    reading: ReadingView
    title: str
    maximum_mark: int
    tolerance_marks: int | None
    documents: tuple[AttachedDocument, ...]
    code: str
    previous: WorkView | None
    next: WorkView | None

    @property
    def shows_agreed_mark(self) -> bool:
        """Return whether the agreed mark may be seen: of practice, once one's own mark is given."""
        return self.reading.work.kind is WorkKind.PRACTICE and self.reading.mark is not None


def reading(session: Session, context: Context, work_id: str) -> ReadingPage:
    """Return a practice or approval work as its moderator marks it; raises ``NotFound`` for one not given to them."""
    mine, found = _given(session, context, work_id)
    order = [one.work for one in mine]
    at = order.index(found.work)
    component = session.get_one(Component, (found.work.series_key, found.work.component_code))
    with widened(session, OF_OTHERS):
        files = _files(session, found.work)
    audit.record(session, context, Action.STANDARDISATION_MARK, "standardisation_work", work_id, step="read")
    return ReadingPage(
        found,
        component.title,
        component.maximum_mark,
        component.tolerance_marks,
        files,
        code_of(found.work.sample_item_id),
        order[at - 1] if at else None,
        order[at + 1] if at + 1 < len(order) else None,
    )


def mark(session: Session, context: Context, work_id: str, value: int, comment: str) -> ReadingView:
    """Keep a moderator's mark of a practice or approval work."""
    _given(session, context, work_id)
    kept = records.mark_work(
        session, work_id, person_id=actor_of(context).person_id, mark=value, comment=comment, now=context.now
    )
    audit.record(session, context, Action.STANDARDISATION_MARK, "standardisation_work", work_id, step="mark")
    return kept


def view(session: Session, context: Context, document_id: str, *, recorded: bool) -> Viewing:
    """Permit a viewing of a file of a work that the moderator was given; raises ``NotFound`` for any other."""
    actor = actor_of(context)
    access.require_role(actor, Action.STANDARDISATION_MARK)
    with widened(session, OF_OTHERS):
        item_id = session.scalar(
            select(Evidence.sample_item_id).where(Evidence.document_id == document_id, Evidence.withdrawn_at.is_(None))
        )
        if item_id is None or not _may_read(session, context, item_id):
            raise NotFound
        seen = viewing.of_released(session, document_id)
    if not recorded:
        audit.record(session, context, Action.DOCUMENT_VIEW, "document", document_id, purpose="standardisation")
    return replace(seen, filename="Work")


@dataclass(frozen=True, slots=True)
class DeskSeed:
    """A seed as it stands among the works of a case: nothing tells it from them."""

    item: SampleItemView
    documents: tuple[AttachedDocument, ...]
    mark: ModeratorMarkView | None


def seeds_on_desk(
    session: Session, context: Context, case_id: str, works: Sequence[SampleItemView]
) -> tuple[DeskSeed, ...]:
    """Return the seeds among a moderator's works of a case, under codes as those are; none where work is not read blind.

    Takes: ``works``, those of the case, masked: a seed is said to be chosen for a reason that one of them was.
    """
    if not works or blinding.of(session, context, case_id) is None:
        return ()
    if access.scope_of(actor_of(context), Action.STANDARDISATION_MARK) is None:
        return ()
    case = session.get_one(ModerationCase, case_id)
    person_id = actor_of(context).person_id
    found = []
    for one in records.seeds_in(session, case, person_id, context.now):
        with widened(session, OF_OTHERS):
            own = samples.sample_item_of(session, one.work.sample_item_id)
            files = _files(session, one.work)
        like = works[len(works) // 2]
        item = replace(
            like,
            item_id=own.item_id,
            candidate_id=own.candidate_id,
            candidate_number=code_of(own.candidate_id),
            centre_mark=own.centre_mark,
            position=len(works) + 1,
            first_stage=True,
            no_work_reason="",
            request_id=None,
            replaces_item_id=None,
        )
        given = None
        if one.mark is not None and one.marked_at is not None:
            given = ModeratorMarkView(one.number, one.mark, one.comment, person_id, one.marked_at, None)
        found.append(DeskSeed(item, files, given))
    return tuple(found)


def mark_seed(
    session: Session, context: Context, item_id: str, value: int, comment: str, expected_number: int | None = None
) -> str:
    """Keep a moderator's mark of a seed, which counts in no outcome; returns the case that it stands in.

    Raises: ``NotFound`` for a work that is no seed of this moderator; ``IllegalTransition`` once nothing is read any more.
    """
    person_id = actor_of(context).person_id
    seed = records.seed_of(session, item_id, person_id)
    if seed is None or seed.case_id is None:
        raise NotFound
    case = permitted(session, context, Action.MODERATOR_MARK_WRITE, seed.case_id)
    if case.state not in READABLE:
        raise IllegalTransition  # as of the live works beside it
    records.mark_work(
        session,
        seed.work.work_id,
        person_id=person_id,
        mark=value,
        comment=comment,
        now=context.now,
        expected_number=expected_number,
    )
    audit.record(session, context, Action.STANDARDISATION_MARK, "standardisation_work", seed.work.work_id, step="seed")
    return seed.case_id


def words_about(session: Session, context: Context, case_id: str, item_id: str) -> str | None:
    """Return what officers have to know of what a moderator reports about a seed in a case; None for a work that is none."""
    seed = records.seed_of(session, item_id, actor_of(context).person_id)
    if seed is None or seed.case_id != case_id:
        return None
    work = seed.work
    return f"(This is about seed {work.number} of {work.component_code}, and about no work of this centre.)"


def stands_in(
    session: Session, context: Context, case_id: str, *, item_id: str | None, document_id: str | None
) -> bool:
    """Say whether a work, or a file, is a seed of this moderator in a case, so that notes on it are kept as on others."""
    named = {item_id} - {None}
    if document_id is not None:
        with widened(session, OF_OTHERS):
            named.add(session.scalar(select(Evidence.sample_item_id).where(Evidence.document_id == document_id)))
    person_id = actor_of(context).person_id
    seeds = [None if one is None else records.seed_of(session, one, person_id) for one in named]
    return len(seeds) == 1 and seeds[0] is not None and seeds[0].case_id == case_id


def _may_read(session: Session, context: Context, item_id: str) -> bool:
    """Say whether a work is among those that the moderator is to practise on, or stands as a seed in a case of theirs."""
    person_id = actor_of(context).person_id
    for work in session.scalars(select(StandardisationWork).where(StandardisationWork.sample_item_id == item_id)):
        given = records.given_to(session, work.series_key, work.component_code, person_id, context.now)
        if any(one.work.work_id == work.id for one in given) and _moderates(session, context, work):
            return True
        if session.scalar(
            select(StandardisationReading.id).where(
                StandardisationReading.work_id == work.id, StandardisationReading.person_id == person_id
            )
        ):
            return True
    return False


def _given(session: Session, context: Context, work_id: str) -> tuple[tuple[ReadingView, ...], ReadingView]:
    access.require_role(actor_of(context), Action.STANDARDISATION_MARK)
    row = session.get(StandardisationWork, work_id)
    if row is None or not _moderates(session, context, row):
        raise NotFound
    mine = records.given_to(session, row.series_key, row.component_code, actor_of(context).person_id, context.now)
    found = next((one for one in mine if one.work.work_id == work_id), None)
    if found is None:
        raise NotFound
    return mine, found


def _moderates(session: Session, context: Context, work: StandardisationWork) -> bool:
    given = select(Allocation.id).where(
        Allocation.person_id == actor_of(context).person_id,
        Allocation.series_key == work.series_key,
        Allocation.component_code == work.component_code,
    )
    return session.scalar(given.limit(1)) is not None


def mine(session: Session, context: Context) -> tuple[ComponentLine, ...]:
    """Return the components that a moderator has something to practise on, or needs approval in."""
    person_id = actor_of(context).person_id
    places = session.execute(
        select(Allocation.series_key, Allocation.component_code)
        .where(Allocation.person_id == person_id)
        .distinct()
        .order_by(Allocation.series_key.desc(), Allocation.component_code)
    )
    found = []
    for series_key, code in places:
        component = session.get_one(Component, (series_key, code))
        given = records.given_to(session, series_key, code, person_id, context.now)
        standing = records.standing_of(session, series_key, code, person_id, context.now)
        counts = {kind: sum(one.work.kind is kind for one in given) for kind in WorkKind}
        left = sum(one.mark is None for one in given)
        if given or standing.state is not ApprovalState.NOT_NEEDED:
            found.append(ComponentLine(series_key, code, component.title, counts, standing, left))
    return tuple(found)


def mine_in(session: Session, context: Context, series_key: str, component_code: str) -> tuple[ReadingView, ...]:
    """Return the practice and approval works of a component that the moderator was given."""
    access.require_role(actor_of(context), Action.STANDARDISATION_MARK)
    return records.given_to(session, series_key, component_code, actor_of(context).person_id, context.now)


def _files(session: Session, work: WorkView) -> tuple[AttachedDocument, ...]:
    item = session.get_one(SampleItem, work.sample_item_id)
    files = evidence.documents_of(session, item.sample_id).get(item.id, ())
    released = [one for one in files if one.state is DocumentState.RELEASED]
    return tuple(replace(one, filename=f"{one.slot.capitalize()} {number}") for number, one in enumerate(released, 1))
