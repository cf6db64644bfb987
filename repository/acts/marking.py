"""Acts of moderators: the worklist, the desk, and marks, which never overwrite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from moderation.criteria import CriterionRule, adds_up
from moderation.errors import UnknownSampleItem
from moderation.marking import StageReport
from moderation.outcome import Stage
from moderation.records import looks, messages, outcomes, samples
from moderation.records import marking as records
from moderation.records.cases import CaseView
from moderation.records.marking import WorklistLine
from moderation.records.moderator_marks import ModeratorMarkView, rules_of
from moderation.records.outcomes import OutcomeView
from moderation.records.postal import ConsignmentView, consignments_of
from moderation.records.samples import SampleItemView, SampleView
from moderation.records.standardisation import need_approved
from moderation.submission import READABLE, CaseEvent
from repository import audit, blinding, evidence
from repository.access import Action
from repository.acts import standardisation_marks
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.documents import DocumentState
from repository.errors import NotFound
from repository.evidence import AttachedDocument


@dataclass(frozen=True, slots=True)
class DeskItem:
    """One sampled candidate on the desk: the work, both marks, and whether it is to be read now."""

    item: SampleItemView
    documents: tuple[AttachedDocument, ...]
    mark: ModeratorMarkView | None
    is_wanted_now: bool
    centre_mark: int | None
    """In the mark set in force: an amendment may have changed what the sample was drawn by."""

    @property
    def difference(self) -> int | None:
        """Return centre mark minus moderator mark; positive means the centre was generous."""
        return None if self.mark is None or self.centre_mark is None else self.centre_mark - self.mark.mark


@dataclass(frozen=True, slots=True)
class Desk:
    """A moderator's case: the sample, how far it has been read, and what has been proposed."""

    case: CaseView
    sample: SampleView
    items: tuple[DeskItem, ...]
    report: StageReport
    outcome: OutcomeView | None
    consignments: tuple[ConsignmentView, ...]
    criteria: tuple[CriterionRule, ...] = ()

    @property
    def has_total_of_criteria(self) -> bool:
        """Say whether a mark is the sum of its marks by criterion."""
        return adds_up(self.criteria, self.case.maximum_mark)

    @property
    def stage(self) -> Stage:
        """Return the stage that is read, or in which the outcome was found."""
        return self.report.stage if self.outcome is None else self.outcome.stage

    @property
    def is_readable(self) -> bool:
        """Say whether the works are with the moderator and marks can be written."""
        return self.case.state in READABLE

    @property
    def may_propose(self) -> bool:
        """Say whether everything is read and no outcome stands, so that the moderator can let the rule find one."""
        return self.is_readable and self.report.is_complete and bool(self.read)

    @property
    def wanted(self) -> tuple[DeskItem, ...]:
        """Return what is to be read now."""
        return tuple(item for item in self.items if item.is_wanted_now)

    @property
    def read(self) -> tuple[DeskItem, ...]:
        """Return what has a moderator mark."""
        return tuple(item for item in self.items if item.mark is not None)

    @property
    def later(self) -> tuple[DeskItem, ...]:
        """Return what is sampled but not to be read now, works that do not exist included."""
        return tuple(item for item in self.items if item.mark is None and not item.is_wanted_now)


@dataclass(frozen=True, slots=True)
class News:
    """What is new in a case to who looks after it: what others did, ``None`` for a case never opened, and messages."""

    happened: tuple[CaseEvent, ...] | None
    messages: int


def worklist(session: Session, context: Context) -> tuple[WorklistLine, ...]:
    """Return the moderator's cases, those that can be read first and then by due date."""
    lines = records.worklist(session, actor_of(context).person_id, context.now)
    late = context.now.replace(year=9999)
    return tuple(sorted(lines, key=lambda line: (not line.is_readable, line.case.sample_due_at or late)))


def news(session: Session, context: Context, lines: Sequence[WorklistLine]) -> dict[str, News]:
    """Return what is new to a moderator in each of their cases."""
    person_id = actor_of(context).person_id
    events = looks.news_of(session, [line.case.case_id for line in lines], person_id)
    unread = messages.unread_by_case(session, person_id, actor_of(context).role.value)
    return {case_id: News(happened, unread.get(case_id, 0)) for case_id, happened in events.items()}


def desk(session: Session, context: Context, case_id: str) -> Desk:
    """Return a case as its moderator works on it; only released documents are shown.

    The look is recorded, and kept: what happens after it is new on the worklist.
    """
    case = permitted(session, context, Action.MODERATOR_MARK_READ, case_id)
    if case.sample_due_at is None:
        raise NotFound("No sample has been chosen for this component yet.")
    sample = samples.sample_of(session, case_id)
    documents = evidence.documents_of(session, sample.sample_id)
    marks = records.moderator_marks(session, case_id)
    centre = records.centre_marks_now(session, case_id)
    report = records.stage_of(session, case_id)
    unread = set(report.unread) if case.state in READABLE else set()
    items = tuple(
        DeskItem(
            item,
            tuple(d for d in documents.get(item.item_id, ()) if d.state is DocumentState.RELEASED),
            marks.get(item.item_id),
            item.item_id in unread,
            centre.get(item.item_id, item.centre_mark),
        )
        for item in sample.items
    )
    audit.record(session, context, Action.MODERATOR_MARK_READ, "case", case_id)
    looks.note_look(session, case_id, actor_of(context).person_id, context.now)
    found = Desk(
        case,
        sample,
        items,
        report,
        outcomes.outcome_of(session, case_id),
        tuple(consignments_of(session, case_id)),
        rules_of(session, case.series_key, case.component_code),
    )
    shown = blinding.mask(session, context, case_id, found)
    seeds = standardisation_marks.seeds_on_desk(session, context, case_id, [one.item for one in shown.items])
    return replace(shown, items=_with_seeds(shown.items, seeds, is_readable=shown.is_readable)) if seeds else shown


def _with_seeds(
    items: tuple[DeskItem, ...], seeds: Sequence[standardisation_marks.DeskSeed], *, is_readable: bool
) -> tuple[DeskItem, ...]:
    """Put seeds among works by their marks; one that was never marked is gone once nothing is read any more."""
    mixed = list(items)
    for seed in seeds:
        if not is_readable and seed.mark is None:
            continue
        wanted = is_readable and seed.mark is None
        one = DeskItem(seed.item, seed.documents, seed.mark, wanted, seed.item.centre_mark)
        at = next((n for n, other in enumerate(mixed) if other.item.centre_mark < one.item.centre_mark), len(mixed) - 1)
        mixed.insert(at, one)  # never the last: what ends the reading is a live work
    return tuple(mixed)


def record_mark(
    session: Session,
    context: Context,
    item_id: str,
    mark: int | None,
    comment: str,
    expected_number: int | None = None,
    criteria: Mapping[str, int | None] | None = None,
) -> str:
    """Record a moderator's mark for one work; an earlier one is kept beside it. Returns the case's id.

    Takes: ``expected_number``, the number of the mark the person saw on the page, 0 for none; ``criteria``, marks by
    criterion, from which the total follows.

    The last wanted mark decides the stage: the outcome is proposed, or the rest of the sample is called.
    Raises: ``NotFound`` for an item that is not the moderator's; errors of moderation for a mark out of range or a
    work that is not wanted yet.
    """
    try:
        item = samples.sample_item_of(session, item_id)
    except UnknownSampleItem:
        total = mark if mark is not None else sum(one or 0 for one in (criteria or {}).values())
        return standardisation_marks.mark_seed(session, context, item_id, total, comment, expected_number)
    case = permitted(session, context, Action.MODERATOR_MARK_WRITE, item.case_id)
    need_approved(session, case.series_key, case.component_code, actor_of(context).person_id, context.now)
    records.record_moderator_mark(
        session,
        item_id,
        mark=mark,
        comment=comment,
        criteria=criteria,
        moderator=actor_of(context).person_id,
        now=context.now,
        expected_number=expected_number,
    )
    audit.record(session, context, Action.MODERATOR_MARK_WRITE, "sample_item", item_id)
    return item.case_id


def propose_again(session: Session, context: Context, case_id: str, version: int | None) -> None:
    """Let the rule find the outcome from the marks as they stand, after works came back to be looked at again."""
    permitted(session, context, Action.MODERATOR_MARK_WRITE, case_id)
    records.propose_again(
        session, case_id, moderator=actor_of(context).person_id, now=context.now, expected_version=version
    )
    audit.record(session, context, "outcome.propose", "case", case_id)
