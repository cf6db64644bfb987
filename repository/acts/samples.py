"""Acts on a sample: seeing what is asked for and where it stands, explaining missing work, submitting it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from moderation.errors import NoSample, SampleIncomplete, UnknownSampleItem
from moderation.records import declarations as declaration_records
from moderation.records import reopening, tracking
from moderation.records import samples as records
from moderation.records.cases import CaseView
from moderation.records.samples import SampleItemView, SampleProgress, SampleView
from moderation.records.tracking import TrackedItem, Tracking
from moderation.reopening import FileFact
from moderation.submission import WORK_EXPECTED
from moderation.tracking import Finding, LossReason, MissingCode, Subject
from repository import audit, blinding, evidence
from repository.access import Action
from repository.acts import declarations, issuing, parcels
from repository.acts.cases import actor_of, permitted
from repository.acts.declarations import Declarations, ItemDeclaration
from repository.audit import Context
from repository.documents import DocumentState
from repository.errors import NotFound
from repository.evidence import AttachedDocument
from repository.receipts import Signer
from repository.receipts.bodies import Missing, instant
from repository.receipts.contents import file_line
from repository.receipts.issuing import newest_of


@dataclass(frozen=True, slots=True)
class ItemPage:
    """One sampled candidate, the files sent for them, and where the work stands."""

    item: SampleItemView
    documents: tuple[AttachedDocument, ...]
    tracked: TrackedItem
    declaration: ItemDeclaration

    @property
    def is_complete(self) -> bool:
        """Return whether all work asked for is here and accepted, or a reason why there is none."""
        return self.tracked.standing.is_settled


@dataclass(frozen=True, slots=True)
class SamplePage:
    """A case's sample: what is asked for, why, and what is in."""

    case: CaseView
    sample: SampleView
    items: tuple[ItemPage, ...]
    progress: SampleProgress
    tracking: Tracking
    cohort_documents: tuple[AttachedDocument, ...]
    is_open: bool
    receipt_id: str | None
    declarations: Declarations

    @property
    def undeclared(self) -> tuple[str, ...]:
        """Return the numbers of the candidates whose required declaration is not there."""
        missing = set(self.declarations.missing)
        return tuple(one.item.candidate_number for one in self.items if one.item.item_id in missing)

    @property
    def replacing(self) -> tuple[str, ...]:
        """Return the numbers of the candidates of whom a file that replaces another is not checked yet."""
        return tuple(
            one.item.candidate_number
            for one in self.items
            if any(file.replaces and file.state is not DocumentState.RELEASED for file in one.documents)
        )

    @property
    def complete_count(self) -> int:
        """Return for how many candidates the work is in."""
        return sum(item.is_complete for item in self.items)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where every work of a sample stands, and the documents about the whole group that may be read."""

    tracking: Tracking
    cohort_documents: tuple[AttachedDocument, ...]


def page(session: Session, context: Context, case_id: str) -> SamplePage:
    """Return the sample of a case; raises ``NotFound`` when none has been drawn."""
    case = permitted(session, context, Action.SAMPLE_READ, case_id)
    try:
        sample = records.sample_of(session, case_id)
    except NoSample as error:
        raise NotFound("No sample has been chosen for this component yet.") from error
    documents = evidence.documents_of(session, sample.sample_id)
    cohort = evidence.cohort_documents_of(session, case_id)
    tracked = _track(session, context, case_id, documents, cohort)
    terms = declaration_records.terms_for(session, case.series_key, case.component_code)
    declared = declarations.of_items(session, terms, tracked.items, documents)
    items = tuple(
        ItemPage(one.item, documents.get(one.item.item_id, ()), one, declared.items[one.item.item_id])
        for one in tracked.items
    )
    settled = [one.item.item_id for one in tracked.items if one.standing.is_settled]
    progress = records.progress_of(session, case_id, settled, context.now)
    receipt_id = newest_of(session, case_id)
    is_open = case.state in WORK_EXPECTED
    found = SamplePage(case, sample, items, progress, tracked, cohort, is_open, receipt_id, declared)
    return blinding.mask(session, context, case_id, found)


def arrival(session: Session, context: Context, case_id: str) -> Arrival:
    """Return where the sample of a case stands, for its moderator and for officers; raises ``NotFound`` without one."""
    found = page(session, context, case_id)
    released = tuple(one for one in found.cohort_documents if one.state is DocumentState.RELEASED)
    return Arrival(found.tracking, released)


def case_of_item(session: Session, context: Context, item_id: str) -> str:
    """Return the case of a sampled candidate whom the actor may see; raises ``NotFound``."""
    return _permitted_item(session, context, Action.SAMPLE_READ, item_id).case_id


def explain(
    session: Session,
    context: Context,
    item_id: str,
    code: MissingCode,
    loss: LossReason | None,
    note: str,
) -> str:
    """Say in a coded reason why a sampled candidate has no work; returns the case's id."""
    item = _permitted_item(session, context, Action.SAMPLE_SUBMIT, item_id)
    actor = actor_of(context)
    tracking.explain_missing(
        session,
        item_id,
        code=code,
        loss=loss,
        note=note,
        said_as=actor.role_title.lower(),
        actor=actor.person_id,
        now=context.now,
    )
    audit.record(session, context, "sample.explain", "sample_item", item_id, code=str(code), loss=str(loss or ""))
    return item.case_id


def take_back(session: Session, context: Context, item_id: str) -> str:
    """Say that work which was explained away is there after all; returns the case's id."""
    item = _permitted_item(session, context, Action.SAMPLE_SUBMIT, item_id)
    tracking.take_back_missing(session, item_id, actor=actor_of(context).person_id, now=context.now)
    audit.record(session, context, "sample.found", "sample_item", item_id)
    return item.case_id


def find(session: Session, context: Context, item_id: str, finding: Finding, note: str) -> str:
    """Note what a moderator found in a work that was sent; a fault asks the centre for it again.

    Returns: the case's id.
    """
    item = _permitted_item(session, context, Action.CONSIGNMENT_RECEIVE, item_id)
    tracking.find_in_item(
        session, item_id, finding=finding, note=note, actor=actor_of(context).person_id, now=context.now
    )
    parcels.settle(session, context, item.case_id)
    audit.record(session, context, "sample.find", "sample_item", item_id, finding=str(finding))
    return item.case_id


def submit(session: Session, context: Context, signer: Signer, case_id: str) -> str:
    """Submit the whole sample: it is locked, and a signed receipt is issued in the same transaction.

    Returns: the receipt's id.
    Raises: ``SampleIncomplete`` naming the candidates without work, or the documents about the group that are missing;
    ``WrongSubmissionMode``; ``IllegalTransition``.
    """
    before = permitted(session, context, Action.SAMPLE_SUBMIT, case_id)
    actor = actor_of(context).person_id
    sample = page(session, context, case_id)
    if sample.is_open and sample.tracking.missing_cohort:
        titles = [slot.title for slot in sample.tracking.missing_cohort]
        raise SampleIncomplete(f"Still missing about the whole group: {', '.join(titles)}.", missing=titles)
    if sample.is_open and sample.undeclared:
        raise SampleIncomplete(
            f"The work of these candidates is not declared yet: {', '.join(sample.undeclared)}. Each needs a declaration.",
            missing=list(sample.undeclared),
        )
    if sample.is_open and sample.replacing:
        raise SampleIncomplete(
            f"A file that replaces another is not accepted yet, of candidate {', '.join(sample.replacing)}. Wait until it "
            "is checked, or remove it.",
            missing=list(sample.replacing),
        )
    settled = {one.item.item_id for one in sample.items if one.is_complete}
    records.submit_sample(session, case_id, items_with_work=settled, actor=actor, now=context.now)
    due_at = sample.sample.due_at
    cohort = [file_line(document, due_at) for document in _released(sample.cohort_documents)]
    receipt_id = issuing.of_sample(
        session, context, signer, before, sample.sample, _files(sample), cohort, _missing(sample), _declared(sample)
    )
    reopening.note_resubmitted(
        session,
        case_id,
        Subject.SAMPLE,
        actor=actor,
        now=context.now,
        files=file_facts(sample),
        receipt_id=receipt_id,
    )
    audit.record(session, context, Action.SAMPLE_SUBMIT, "case", case_id, receipt=receipt_id)
    return receipt_id


def file_facts(sample: SamplePage) -> list[FileFact]:
    """Return the released files of a sample, as they are compared after a reopening."""
    places = [("", sample.cohort_documents), *((one.item.candidate_number, one.documents) for one in sample.items)]
    return [
        FileFact(document.document_id, number, document.slot, document.filename, document.sha256 or "")
        for number, documents in places
        for document in _released(documents)
    ]


def _track(
    session: Session,
    context: Context,
    case_id: str,
    documents: Mapping[str, tuple[AttachedDocument, ...]],
    cohort: tuple[AttachedDocument, ...],
) -> Tracking:
    held = {item_id: evidence.held_files(files) for item_id, files in documents.items()}
    return tracking.track(session, case_id, held, evidence.filled(cohort), context.now)


def _permitted_item(session: Session, context: Context, action: Action, item_id: str) -> SampleItemView:
    try:
        item = records.sample_item_of(session, item_id)
    except UnknownSampleItem as error:
        raise NotFound from error
    permitted(session, context, action, item.case_id)
    return item


def _released(documents: tuple[AttachedDocument, ...]) -> tuple[AttachedDocument, ...]:
    return tuple(document for document in documents if document.state is DocumentState.RELEASED)


def _files(sample: SamplePage) -> list[Mapping[str, object]]:
    return [
        {
            "candidate_number": item.item.candidate_number,
            "position": item.item.position,
            "no_work_reason": item.tracked.words if item.item.is_replaced else item.item.no_work_reason,
            "files": [file_line(document, sample.sample.due_at) for document in _released(item.documents)],
        }
        for item in sample.items
    ]


def _declared(sample: SamplePage) -> Mapping[str, object]:
    """Return what was declared, for the receipt: the words, and who declared which candidate's work and when."""
    return {
        "statement": sample.declarations.terms.statement,
        "each_candidate": sample.declarations.terms.each_candidate,
        "candidates": [
            {
                "candidate_number": one.item.candidate_number,
                "declared_by": said.declared_by,
                "declared_by_name": one.declaration.by_name,
                "declared_as": said.declared_as,
                "declared_at": instant(said.declared_at),
                "statement": said.statement,
            }
            for one in sample.items
            if (said := one.declaration.declared) is not None and not one.item.is_replaced
        ],
    }


def _missing(sample: SamplePage) -> list[Missing]:
    """Return whose work is not there, and why: a sample is submitted with a reason for each."""
    optional = [
        Missing(
            item.item.candidate_number,
            tuple(slot.title for slot in item.tracked.missing_slots),
            item.item.no_work_reason,
        )
        for item in sample.items
        if item.item.no_work_reason and not item.item.is_replaced
    ]
    return [one if one.what else Missing(one.candidate_number, ("Work",), one.why) for one in optional]
