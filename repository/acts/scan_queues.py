"""Acts on pages that wait for a person: taken up one at a time, decided with the image in front of them, by two where two are
asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from repository import access, audit
from repository.access import Action
from repository.acts.cases import actor_of
from repository.acts.scan_proofs import Seen, seen
from repository.audit import Context
from repository.bundles import staging, versions
from repository.errors import NotFound
from scripts import records
from scripts.queues import BundleState, DecisionKind, Group
from scripts.records import Asked
from scripts.records.enquiries import held_pages, is_held
from scripts.splitting import Disposition
from scripts.tables import PageDecision, RegisterLine, ScanBundle, ScanPage, Sitting


@dataclass(frozen=True, slots=True)
class Queue:
    """The pages that wait for one reason: how many, since when, and how many of them wait for a second person."""

    reason: str
    pages: int
    since: datetime
    proposed: int
    awaiting: int


@dataclass(frozen=True, slots=True)
class WorkPage:
    """One group of pages in front of a person, with what lies before and after, and what may be done."""

    bundle: ScanBundle
    sitting: Sitting | None
    group: Group
    page: ScanPage
    rows: tuple[ScanPage, ...]
    before: ScanPage | None
    after: ScanPage | None
    proposal: PageDecision | None
    is_own_proposal: bool
    candidates: tuple[str, ...]
    copies: tuple[Group, ...]
    decisions: tuple[PageDecision, ...]
    seen: Seen


@dataclass(frozen=True, slots=True)
class AwaitedPage:
    """A page that is to be scanned again: where it is, and why it waited."""

    bundle_id: str
    filename: str
    page_index: int
    reason: str
    candidate_number: str | None
    received_at: datetime


def queues(session: Session, context: Context) -> tuple[Queue, ...]:
    """Return what waits, by reason, the longest wait first."""
    access.require(actor_of(context), Action.BUNDLE_WRITE)
    query = (
        select(
            ScanPage.reason,
            func.count(),
            func.min(ScanBundle.received_at),
            func.count(ScanPage.proposal_id),
            func.count(func.nullif(ScanPage.awaiting, "")),
        )
        .join(ScanBundle, ScanBundle.id == ScanPage.bundle_id)
        .where(ScanPage.disposition == str(Disposition.QUEUED), ~_is_held())
        .group_by(ScanPage.reason)
        .order_by(func.min(ScanBundle.received_at), ScanPage.reason)
    )
    return tuple(Queue(*row) for row in session.execute(query))


def _is_held() -> ColumnElement[bool]:
    return is_held(ScanBundle.sitting_id, ScanPage.candidate_number)


def held(session: Session, context: Context) -> int:
    """Return how many pages wait for the end of an enquiry into malpractice: nobody is given them before."""
    access.require(actor_of(context), Action.BUNDLE_WRITE)
    query = select(func.count()).select_from(ScanPage).join(ScanBundle, ScanBundle.id == ScanPage.bundle_id)
    return session.scalar(query.where(ScanPage.disposition == str(Disposition.QUEUED), _is_held())) or 0


def awaited(session: Session, context: Context, *, limit: int = 200) -> tuple[AwaitedPage, ...]:
    """Return the pages whose paper is to be scanned again, the longest wait first: nobody is given them as the next one."""
    access.require(actor_of(context), Action.BUNDLE_WRITE)
    query = (
        select(
            ScanPage.bundle_id,
            ScanBundle.filename,
            ScanPage.page_index,
            ScanPage.reason,
            ScanPage.candidate_number,
            ScanBundle.received_at,
        )
        .join(ScanBundle, ScanBundle.id == ScanPage.bundle_id)
        .where(ScanPage.disposition == str(Disposition.QUEUED), ScanPage.awaiting != "", ~_is_held())
        .order_by(ScanBundle.received_at, ScanBundle.id, ScanPage.page_index)
        .limit(limit)
    )
    return tuple(AwaitedPage(*row) for row in session.execute(query))


def take_next(session: Session, context: Context, *, reason: str | None = None) -> tuple[str, int] | None:
    """Take up the next page for this person; returns the bundle's id and the page's index, None when nothing waits."""
    actor = actor_of(context)
    access.require(actor, Action.BUNDLE_WRITE)
    group = records.take_next(session, actor=actor.person_id, now=context.now, reason=reason or None)
    if group is None:
        return None
    audit.record(session, context, "page.take", "bundle", group.first.bundle_id, page=group.first.index)
    return group.first.bundle_id, group.first.index


def page(session: Session, context: Context, bundle_id: str, page_index: int) -> WorkPage:
    """Return a page that waits, with those that wait with it.

    Raises: ``NotFound``; ``PageUnknown``; ``PageSettled`` when somebody decided meanwhile; ``PageHeld``.
    """
    bundle = staging.permitted(session, context, bundle_id)
    actor = actor_of(context)
    group = records.group_of(session, bundle_id, page_index)
    hidden = held_pages(session, bundle_id)
    known = {row.page_index: row for row in records.bundle_pages(session, bundle_id) if row.page_index not in hidden}
    rows = tuple(known[index] for index in group.indices)
    proposal = records.proposal_of(session, group)
    sitting = session.get(Sitting, bundle.sitting_id) if bundle.sitting_id else None
    candidate = group.first.candidate_number
    others = records.copies(session, sitting.id, candidate) if sitting is not None and candidate else []
    return WorkPage(
        bundle,
        sitting,
        group,
        known[page_index],
        rows,
        known.get(group.indices[0] - 1),
        known.get(group.indices[-1] + 1),
        proposal,
        proposal is not None and proposal.decided_by == actor.person_id,
        _candidates(session, sitting),
        tuple(one for one in others if one.first != group.first),
        tuple(records.decisions(session, bundle_id, page_index)),
        seen(known[page_index], bundle),
    )


def _candidates(session: Session, sitting: Sitting | None) -> tuple[str, ...]:
    if sitting is None:
        return ()
    query = select(RegisterLine.candidate_number).where(
        RegisterLine.sitting_id == sitting.id, RegisterLine.state != "withdrawn"
    )
    return tuple(session.scalars(query.order_by(RegisterLine.candidate_number)))


def let_go(session: Session, context: Context, bundle_id: str, page_index: int) -> None:
    """Give a page back undecided."""
    staging.permitted(session, context, bundle_id)
    records.let_go(session, bundle_id, page_index, actor=actor_of(context).person_id)
    audit.record(session, context, "page.let_go", "bundle", bundle_id, page=page_index)


def decide(
    session: Session, context: Context, bundle_id: str, page_index: int, asked: Asked, *, only_this: bool = False
) -> PageDecision:
    """Decide about a page and those that wait with it; what takes two people waits for the second.

    Takes: ``only_this``: the page alone, not its group.
    Raises: ``NotFound``, ``PageUnknown``, ``PageSettled``, ``PageTaken``, ``DecisionRefused``, ``ScriptUnknown``.
    """
    staging.permitted(session, context, bundle_id)
    alone = only_this or asked.kind is DecisionKind.ROTATE
    indices = (page_index,) if alone else records.group_of(session, bundle_id, page_index).indices
    done = records.decide(session, bundle_id, indices, asked, actor=actor_of(context).person_id, now=context.now)
    return _followed(session, context, done, f"page.{asked.kind}")


def answer(session: Session, context: Context, decision_id: str, *, agrees: bool) -> PageDecision:
    """Confirm what another person proposed, or disagree.

    Raises: ``NotFound``; ``DecisionUnknown``; ``PageSettled``; ``SecondPersonNeeded``.
    """
    _permitted(session, context, decision_id)
    done = records.answer(session, decision_id, agrees=agrees, actor=actor_of(context).person_id, now=context.now)
    return _followed(session, context, done, "page.confirm" if agrees else "page.disagree")


def undo(session: Session, context: Context, decision_id: str) -> PageDecision:
    """Take back a decision from which nothing followed.

    Raises: ``NotFound``; ``DecisionUnknown``; ``DecisionRefused``.
    """
    _permitted(session, context, decision_id)
    done = records.undo(session, decision_id, actor=actor_of(context).person_id, now=context.now)
    return _followed(session, context, done, "page.undo")


def _permitted(session: Session, context: Context, decision_id: str) -> None:
    access.require(actor_of(context), Action.BUNDLE_WRITE)
    decision = session.get(PageDecision, decision_id)
    if decision is None:
        raise NotFound
    staging.permitted(session, context, decision.bundle_id)


def _followed(session: Session, context: Context, done: records.Decided, action: str) -> PageDecision:
    versions.anew(session, done.changed_scripts, context.now)
    decision = done.decision
    audit.record(
        session,
        context,
        action,
        "bundle",
        decision.bundle_id,
        decision_id=decision.id,
        pages=len(decision.page_indices),
    )
    return decision


@dataclass(frozen=True, slots=True)
class BundleLine:
    """A bundle in the list: where it stands, and how many of its pages wait."""

    bundle: ScanBundle
    sitting: Sitting | None
    queued: int


@dataclass(frozen=True, slots=True)
class BundlePage:
    """One bundle: its pages by where they ended, and what was decided."""

    bundle: ScanBundle
    sitting: Sitting | None
    counts: Mapping[str, int]
    pages: tuple[ScanPage, ...]
    decisions: tuple[PageDecision, ...]
    sittings: tuple[Sitting, ...]
    held: frozenset[int]
    """Indices of pages that an enquiry into malpractice holds."""

    @property
    def is_conserved(self) -> bool:
        """Return whether every page that came in has its place."""
        return self.bundle.state != BundleState.PUSHED or sum(self.counts.values()) == self.bundle.pages


def bundles(session: Session, context: Context, *, limit: int = 200) -> tuple[BundleLine, ...]:
    """Return the newest bundles, those that need somebody first."""
    access.require(actor_of(context), Action.BUNDLE_WRITE)
    waits = (
        select(func.count())
        .where(ScanPage.bundle_id == ScanBundle.id, ScanPage.disposition == str(Disposition.QUEUED))
        .correlate(ScanBundle)
        .scalar_subquery()
    )
    calls = ScanBundle.state.in_([str(BundleState.FAILED), str(BundleState.UNPLACED)])
    query = (
        select(ScanBundle, Sitting, waits)
        .outerjoin(Sitting, Sitting.id == ScanBundle.sitting_id)
        .order_by(calls.desc(), ScanBundle.received_at.desc(), ScanBundle.id)
        .limit(limit)
    )
    return tuple(BundleLine(*row) for row in session.execute(query))


def bundle(session: Session, context: Context, bundle_id: str) -> BundlePage:
    """Return one bundle with every page of it; raises ``NotFound``."""
    found = staging.permitted(session, context, bundle_id)
    sitting = session.get(Sitting, found.sitting_id) if found.sitting_id else None
    unplaced = found.state in {BundleState.UNPLACED, BundleState.FAILED} and sitting is None
    return BundlePage(
        found,
        sitting,
        records.bundle_counts(session, bundle_id),
        tuple(records.bundle_pages(session, bundle_id)),
        tuple(records.decisions(session, bundle_id)),
        tuple(records.sittings(session)) if unplaced else (),
        held_pages(session, bundle_id),
    )
