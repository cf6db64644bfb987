"""Acts on a sample: seeing what is asked for, explaining missing work, submitting it once and for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from moderation.errors import NoSample, UnknownSampleItem
from moderation.records import samples as records
from moderation.records.cases import CaseView
from moderation.records.samples import SampleItemView, SampleProgress, SampleView
from moderation.submission import WORK_EXPECTED
from repository import audit, evidence
from repository.access import Action
from repository.acts import receipts
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.documents import DocumentState
from repository.errors import NotFound
from repository.evidence import AttachedDocument
from repository.receipts import Signer


@dataclass(frozen=True, slots=True)
class ItemPage:
    """One sampled candidate and the files sent for them."""

    item: SampleItemView
    documents: tuple[AttachedDocument, ...]

    @property
    def is_complete(self) -> bool:
        """Return whether there is accepted work, or a reason why there is none."""
        return bool(self.item.no_work_reason) or any(d.state is DocumentState.RELEASED for d in self.documents)


@dataclass(frozen=True, slots=True)
class SamplePage:
    """A case's sample: what is asked for, why, and what is in."""

    case: CaseView
    sample: SampleView
    items: tuple[ItemPage, ...]
    progress: SampleProgress
    is_open: bool
    receipt_id: str | None

    @property
    def complete_count(self) -> int:
        """Return for how many candidates the work is in."""
        return sum(item.is_complete for item in self.items)


def page(session: Session, context: Context, case_id: str) -> SamplePage:
    """Return the sample of a case; raises ``NotFound`` when none has been drawn."""
    case = permitted(session, context, Action.SAMPLE_READ, case_id)
    try:
        sample = records.sample_of(session, case_id)
    except NoSample as error:
        raise NotFound("No sample has been chosen for this component yet.") from error
    documents = evidence.documents_of(session, sample.sample_id)
    items = tuple(ItemPage(item, documents.get(item.item_id, ())) for item in sample.items)
    with_work = evidence.item_ids_with_work(session, sample.sample_id)
    progress = records.progress_of(session, case_id, with_work, context.now)
    return SamplePage(case, sample, items, progress, case.state in WORK_EXPECTED, receipts.newest_of(session, case_id))


def explain(session: Session, context: Context, item_id: str, reason: str) -> str:
    """Say why a sampled candidate has no work; returns the case's id."""
    try:
        item = records.sample_item_of(session, item_id)
    except UnknownSampleItem as error:
        raise NotFound from error
    permitted(session, context, Action.SAMPLE_SUBMIT, item.case_id)
    records.explain_missing_work(
        session, item_id, reason=reason, actor=actor_of(context).role_title.lower(), now=context.now
    )
    audit.record(session, context, "sample.explain", "sample_item", item_id)
    return item.case_id


def submit(session: Session, context: Context, signer: Signer, case_id: str) -> str:
    """Submit the whole sample: it is locked, and a signed receipt is issued in the same transaction.

    Returns: the receipt's id.
    Raises: ``SampleIncomplete`` naming the candidates without work; ``WrongSubmissionMode``; ``IllegalTransition``.
    """
    before = permitted(session, context, Action.SAMPLE_SUBMIT, case_id)
    sample = page(session, context, case_id)
    with_work = evidence.item_ids_with_work(session, sample.sample.sample_id)
    records.submit_sample(
        session, case_id, items_with_work=with_work, actor=actor_of(context).person_id, now=context.now
    )
    receipt_id = receipts.issue(session, context, signer, before, sample.sample, _files(sample))
    audit.record(session, context, Action.SAMPLE_SUBMIT, "case", case_id, receipt=receipt_id)
    return receipt_id


def _files(sample: SamplePage) -> list[Mapping[str, object]]:
    return [
        {
            "candidate_number": item.item.candidate_number,
            "position": item.item.position,
            "no_work_reason": item.item.no_work_reason,
            "files": [
                {
                    "document": document.document_id,
                    "name": document.filename,
                    "media_type": document.media_type,
                    "size_bytes": document.size_bytes,
                    "sha256": document.sha256,
                    "sha256_declared_by_sender": document.declared,
                    "declared_at": document.declared_at.isoformat(timespec="seconds") if document.declared_at else None,
                    "received_at": document.received_at.isoformat(timespec="seconds"),
                }
                for document in item.documents
                if document.state is DocumentState.RELEASED
            ],
        }
        for item in sample.items
    ]
