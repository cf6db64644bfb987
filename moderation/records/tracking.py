"""Where every work of a sample stands: what was sent, what was found in it, and why there is none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.errors import (
    FindingUnexplained,
    IllegalTransition,
    NoSample,
    ReasonMissing,
    SampleIncomplete,
    UnknownSampleItem,
)
from moderation.records import samples
from moderation.records.cases import advance, case_of
from moderation.records.samples import SampleItemView, sample_item_of, sample_of
from moderation.records.slots import slots_for
from moderation.slots import Slot, SlotScope, missing_slots, required_slots
from moderation.submission import WORK_EXPECTED, CaseEvent, CaseState
from moderation.tables import Consignment, ItemFinding, MissingWork, ModerationCase, SampleItem, Visit
from moderation.tracking import (
    FINDING_WORDS,
    FOUND_AGAIN,
    LOSS_WORDS,
    MISSING_WORDS,
    Finding,
    ItemFacts,
    ItemStanding,
    LossReason,
    MissingCode,
    SampleStanding,
    sample_standing,
    standing_of,
)

NOTE_LIMIT = 500
MISSING_NOTE_LIMIT = 100


@dataclass(frozen=True, slots=True)
class HeldFiles:
    """What the service holds of one work: slots with a released file, and slots with others only.

    ``complete_at`` is when the last of its slots was first filled, by the file's declaration; ``newest_at`` when the
    newest file came.
    """

    released: frozenset[str] = frozenset()
    under_way: frozenset[str] = frozenset()
    complete_at: datetime | None = None
    newest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FindingView:
    """What a moderator found in the work of a candidate."""

    finding: Finding
    note: str
    found_by: str
    found_at: datetime
    consignment_id: str | None

    @property
    def words(self) -> str:
        """Return what was found, in words."""
        return FINDING_WORDS[self.finding]


@dataclass(frozen=True, slots=True)
class MissingView:
    """Why there is no work of a candidate."""

    code: MissingCode
    loss: LossReason | None
    note: str
    said_at: datetime

    @property
    def words(self) -> str:
        """Return the reason in words."""
        return _missing_words(self.code, self.loss, self.note)


@dataclass(frozen=True, slots=True)
class TrackedItem:
    """One sampled candidate: where the work stands and all that says so."""

    item: SampleItemView
    standing: ItemStanding
    missing_slots: tuple[Slot, ...]
    finding: FindingView | None
    missing: MissingView | None
    in_post: bool

    @property
    def words(self) -> str:
        """Return what there is to say of a work beside its state: why it is missing, what is wrong, where it is."""
        if self.item.no_work_reason:
            return self.item.no_work_reason
        if self.item.is_replaced:
            return "Not needed any more: another work was asked for in its place"
        if self.finding is not None and self.finding.finding is not Finding.RECEIVED:
            return f"{self.finding.words}. {self.finding.note}" if self.finding.note else self.finding.words
        return "In the post" if self.in_post else ""


@dataclass(frozen=True, slots=True)
class Tracking:
    """The sample of a case, work by work, and as a whole."""

    case_id: str
    slots: tuple[Slot, ...]
    items: tuple[TrackedItem, ...]
    standing: SampleStanding
    missing_cohort: tuple[Slot, ...]

    def item(self, item_id: str) -> TrackedItem:
        """Return one work; raises ``UnknownSampleItem``."""
        for one in self.items:
            if one.item.item_id == item_id:
                return one
        raise UnknownSampleItem(item_id=item_id)


def track(
    session: Session, case_id: str, held: Mapping[str, HeldFiles], cohort: Collection[str], now: datetime
) -> Tracking:
    """Return where the sample of a case stands.

    Takes: ``held``, what the service holds of each work, by sample item; ``cohort``, the slots of documents about the
    whole group that hold a released file.
    Raises: ``NoSample``.
    """
    found = track_all(session, [case_of(session, case_id)], held, {case_id: cohort}, now)
    if case_id not in found:
        raise NoSample(case_id=case_id)
    return found[case_id]


def track_all(
    session: Session,
    cases: Sequence[ModerationCase],
    held: Mapping[str, HeldFiles],
    cohort: Mapping[str, Collection[str]],
    now: datetime,
) -> dict[str, Tracking]:
    """Return where the samples of many cases stand, by case; a case without a sample is left out.

    Takes: as ``track``; ``cohort`` by case.
    """
    drawn = samples.samples_of(session, cases)
    ids = [item.item_id for sample in drawn.values() for item in sample.items]
    findings, missing = _findings(session, ids), _missing(session, ids)
    slots: dict[tuple[str, str], tuple[Slot, ...]] = {}
    found = {}
    for case in cases:
        if case.id not in drawn:
            continue
        place = (case.series_key, case.component_code)
        if place not in slots:
            slots[place] = slots_for(session, *place)
        sample, uploaded = drawn[case.id], case.submission_mode == "UPLOAD"
        parcels = {} if uploaded else _parcels(session, case)
        seen = case.submission_mode == "VISIT" and _visited(session, case)
        items = tuple(
            _tracked(
                item,
                slots[place] if uploaded else (),
                held.get(item.item_id, HeldFiles()),
                parcels.get(item.item_id),
                findings.get(item.item_id),
                missing.get(item.item_id),
                seen=seen,
                uploaded=uploaded,
                now=now,
            )
            for item in sample.items
        )
        without = missing_slots(slots[place], cohort.get(case.id, ()), SlotScope.COHORT) if uploaded else ()
        whole = sample_standing(
            (one.standing for one in items), (slot.slot for slot in without), due_at=sample.due_at, now=now
        )
        found[case.id] = Tracking(case.id, slots[place], items, whole, without)
    return found


def _tracked(
    item: SampleItemView,
    slots: tuple[Slot, ...],
    files: HeldFiles,
    parcel: Consignment | None,
    finding: FindingView | None,
    missing: MissingView | None,
    *,
    seen: bool,
    uploaded: bool,
    now: datetime,
) -> TrackedItem:
    posted_at = parcel.despatched_at if parcel else None
    newest_at = files.newest_at if uploaded else posted_at
    finding = finding or _unpacked(parcel, item.item_id)
    in_post = parcel is not None and parcel.received_at is None
    if finding and newest_at and (newest_at > finding.found_at or (in_post and newest_at == finding.found_at)):
        finding = None  # it was sent again since
    facts = ItemFacts(
        due_at=item.due_at,
        now=now,
        required=required_slots(slots),
        released=files.released,
        under_way=files.under_way,
        finding=finding.finding if finding else None,
        explained=bool(item.no_work_reason) or item.is_replaced,
        seen=seen,
        in_post=in_post,
        sent_at=files.complete_at if uploaded else posted_at,
    )
    return TrackedItem(item, standing_of(facts), missing_slots(slots, files.released), finding, missing, facts.in_post)


# Work that does not exist


def explain_missing(
    session: Session,
    item_id: str,
    *,
    code: MissingCode,
    loss: LossReason | None = None,
    note: str = "",
    said_as: str,
    actor: str,
    now: datetime,
) -> SampleItemView:
    """Say in a coded reason why there is no work of a sampled candidate; it is then not waited for.

    Takes: ``said_as``, in what capacity, for whoever reads it; ``loss``, for lost work only.
    Raises: ``ReasonMissing`` for lost work without how, or lost in another way without words; ``UnknownSampleItem``;
    ``SampleIncomplete`` when the sample is no longer open.
    """
    if code is MissingCode.LOST and loss is None:
        raise ReasonMissing("Say how the work was lost.")
    if loss is LossReason.OTHER and not note.strip():
        raise ReasonMissing("Say in a few words how the work was lost.")
    kept = loss if code is MissingCode.LOST else None
    words = _missing_words(code, kept, note.strip()[:MISSING_NOTE_LIMIT])
    samples.explain_missing_work(session, item_id, reason=words, actor=said_as, now=now)
    _add_missing(session, item_id, str(code), str(kept or ""), note.strip()[:MISSING_NOTE_LIMIT], actor, now)
    return sample_item_of(session, item_id)


def take_back_missing(session: Session, item_id: str, *, actor: str, now: datetime) -> SampleItemView:
    """Say that work which was explained away is there after all; it is waited for again.

    Raises: ``UnknownSampleItem``; ``SampleIncomplete`` when the sample is no longer open.
    """
    item = session.get(SampleItem, item_id)
    if item is None:
        raise UnknownSampleItem(item_id=item_id)
    case = case_of(session, item.case_id)
    if case.state not in WORK_EXPECTED:
        raise SampleIncomplete("The sample is not open for changes any more.", state=case.state)
    if item.no_work_reason and item.replaced_at is None:
        item.no_work_reason = ""
        _add_missing(session, item_id, FOUND_AGAIN, "", "", actor, now)
    return sample_item_of(session, item_id)


# What a moderator finds


def note_findings(
    session: Session,
    findings: Mapping[str, tuple[Finding, str]],
    *,
    actor: str,
    now: datetime,
    consignment_id: str | None = None,
) -> None:
    """Note what was found, work by work; earlier findings stay in the history.

    Takes: ``findings``, sample item → what was found and a note.
    Raises: ``FindingUnexplained`` for mislabelled or unreadable work without a note.
    """
    for finding, note in findings.values():
        if finding in {Finding.MISLABELLED, Finding.UNREADABLE} and not note.strip():
            raise FindingUnexplained
    for item_id, (finding, note) in findings.items():
        session.add(
            ItemFinding(
                sample_item_id=item_id,
                number=_next(session, ItemFinding, item_id),
                consignment_id=consignment_id,
                finding=finding.value,
                note=note.strip()[:NOTE_LIMIT],
                found_by=actor,
                found_at=now,
            )
        )
    session.flush()


def find_in_item(
    session: Session, item_id: str, *, finding: Finding, note: str, actor: str, now: datetime
) -> CaseState:
    """Note what is wrong with a work that was sent, which asks the centre for it again; or that it is right now.

    The first fault of a submitted or received sample makes it queried; the centre sends what is missing again. When
    the last fault is settled by a finding, as by a label that was explained, the moderator has everything.
    Raises: ``UnknownSampleItem``; ``FindingUnexplained``; ``IllegalTransition`` while nothing was sent, or later.
    """
    item = session.get(SampleItem, item_id)
    if item is None:
        raise UnknownSampleItem(item_id=item_id)
    case = case_of(session, item.case_id)
    if case.state not in {CaseState.SUBMITTED, CaseState.RECEIVED, CaseState.RECEIPT_QUERY}:
        raise IllegalTransition("The work is not with the moderator, or is being marked already.", state=case.state)
    note_findings(session, {item_id: (finding, note)}, actor=actor, now=now)
    number = sample_item_of(session, item_id).candidate_number
    words = f"Candidate {number}: {FINDING_WORDS[finding]}{': ' + note.strip() if note.strip() else ''}"[:NOTE_LIMIT]
    if finding is not Finding.RECEIVED and case.state != CaseState.RECEIPT_QUERY:
        advance(session, case, CaseEvent.QUERY_RECEIPT, actor=actor, now=now, reason=words)
    elif finding is Finding.RECEIVED and case.state == CaseState.RECEIPT_QUERY and not _faults(session, case):
        advance(session, case, CaseEvent.COMPLETE_RECEIPT, actor=actor, now=now, reason=words)
    return CaseState(case.state)


def findings_of(session: Session, case_id: str) -> Mapping[str, Sequence[FindingView]]:
    """Return everything found in the works of a case, by sample item, oldest first."""
    rows = session.scalars(
        select(ItemFinding)
        .join(SampleItem, SampleItem.id == ItemFinding.sample_item_id)
        .where(SampleItem.case_id == case_id)
        .order_by(ItemFinding.number)
    )
    found: dict[str, list[FindingView]] = {}
    for row in rows:
        found.setdefault(row.sample_item_id, []).append(_finding_view(row))
    return found


def _faults(session: Session, case: ModerationCase) -> bool:
    """Say whether the newest finding of any work of the case, that is not explained away, is a fault."""
    items = sample_of(session, case.id).items
    findings = _findings(session, [item.item_id for item in items])
    return any(
        (found := findings.get(item.item_id)) is not None and found.finding is not Finding.RECEIVED
        for item in items
        if not item.no_work_reason
    )


def _findings(session: Session, item_ids: Collection[str]) -> dict[str, FindingView]:
    rows = session.scalars(
        select(ItemFinding).where(ItemFinding.sample_item_id.in_(item_ids)).order_by(ItemFinding.number)
    )
    return {row.sample_item_id: _finding_view(row) for row in rows}


def _missing(session: Session, item_ids: Collection[str]) -> dict[str, MissingView]:
    rows = session.scalars(
        select(MissingWork).where(MissingWork.sample_item_id.in_(item_ids)).order_by(MissingWork.number)
    )
    newest = {row.sample_item_id: row for row in rows}
    return {
        item_id: MissingView(MissingCode(row.code), LossReason(row.loss) if row.loss else None, row.note, row.said_at)
        for item_id, row in newest.items()
        if row.code != FOUND_AGAIN
    }


def _parcels(session: Session, case: ModerationCase) -> dict[str, Consignment]:
    """Return the newest parcel of each work of the present sample."""
    rows = session.scalars(
        select(Consignment)
        .where(Consignment.case_id == case.id, Consignment.sample_id == case.sample_id)
        .order_by(Consignment.id)
    )
    in_order = sorted(rows, key=lambda row: (row.despatched_at, row.received_at is None))
    return {item_id: row for row in in_order for item_id in row.contents}


def _unpacked(parcel: Consignment | None, item_id: str) -> FindingView | None:
    """Return what follows for a work from a parcel that was opened without a finding for each of its works."""
    if parcel is None or parcel.received_at is None:
        return None
    found = Finding.RECEIVED if item_id in (parcel.received_contents or ()) else Finding.MISSING
    return FindingView(found, "", parcel.received_by or "", parcel.received_at, parcel.id)


def _visited(session: Session, case: ModerationCase) -> bool:
    query = select(func.count()).select_from(Visit).where(Visit.case_id == case.id, Visit.held_at.is_not(None))
    return bool(session.scalar(query))


def _add_missing(session: Session, item_id: str, code: str, loss: str, note: str, actor: str, now: datetime) -> None:
    number = _next(session, MissingWork, item_id)
    session.add(
        MissingWork(sample_item_id=item_id, number=number, code=code, loss=loss, note=note, said_by=actor, said_at=now)
    )
    session.flush()


def _next(session: Session, table: type[ItemFinding] | type[MissingWork], item_id: str) -> int:
    query = select(func.coalesce(func.max(table.number), 0)).where(table.sample_item_id == item_id)
    return (session.scalar(query) or 0) + 1


def _missing_words(code: MissingCode, loss: LossReason | None, note: str) -> str:
    words = MISSING_WORDS[code]
    if loss is not None:
        words += f": {LOSS_WORDS[loss].lower()}"
    return f"{words}. {note}".strip() if note else words


def _finding_view(row: ItemFinding) -> FindingView:
    return FindingView(Finding(row.finding), row.note, row.found_by, row.found_at, row.consignment_id)
