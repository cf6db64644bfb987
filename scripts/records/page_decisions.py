"""What people decide about pages: taken up one at a time, proposed by one and confirmed by another, never overwritten."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from scripts.errors import (
    DecisionRefused,
    DecisionUnknown,
    PageHeld,
    PageSettled,
    PageTaken,
    PageUnknown,
    ScriptUnknown,
)
from scripts.queues import (
    CLAIM_LASTS,
    TWO_PEOPLE,
    DecisionKind,
    Group,
    Stage,
    Waiting,
    groups,
    is_free,
    require_decision,
    require_second,
)
from scripts.reconciliation import RegisterState
from scripts.records.enquiries import held_pages, is_held
from scripts.records.scans import COVER, SOURCE, get_bundle, script_pages
from scripts.records.script_events import ScriptEvent, record_script_events
from scripts.records.sittings import register, scripts_of
from scripts.splitting import Disposition
from scripts.tables import Packet, PageDecision, ScanBundle, ScanPage, Script, new_id
from scripts.tracking import PACKET_RANK, SCRIPT_TRANSITIONS, PacketState, ScriptState

K = DecisionKind
S = ScriptState


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody decides: the kind, and what goes with it: a candidate, a reason, a turn."""

    kind: DecisionKind
    candidate_number: str = ""
    reason: str = ""
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision as it was written down, and the scripts whose images are to be made anew."""

    decision: PageDecision
    changed_scripts: tuple[str, ...] = ()


# Taking up


def take_next(
    session: Session, *, actor: str, now: datetime, sitting_id: str | None = None, reason: str | None = None
) -> Group | None:
    """Take up what waits longest and nobody has: first what waits for a second person, never one's own proposal.

    Returns: the group, which is now the actor's for a while; None when nothing waits for this person.
    """
    query = (
        select(ScanPage)
        .join(ScanBundle, ScanBundle.id == ScanPage.bundle_id)
        .outerjoin(PageDecision, PageDecision.id == ScanPage.proposal_id)
        .where(
            ScanPage.disposition == str(Disposition.QUEUED),
            ScanPage.awaiting == "",
            or_(ScanPage.claimed_by.is_(None), ScanPage.claimed_by == actor, ScanPage.claimed_until <= now),
            or_(ScanPage.proposal_id.is_(None), PageDecision.decided_by != actor),
            ~is_held(ScanBundle.sitting_id, ScanPage.candidate_number),
        )
        .order_by(ScanPage.proposal_id.is_(None), ScanBundle.received_at, ScanBundle.id, ScanPage.page_index)
        .limit(1)
        .with_for_update(skip_locked=True, of=ScanPage)
    )
    if sitting_id is not None:
        query = query.where(ScanBundle.sitting_id == sitting_id)
    if reason is not None:
        query = query.where(ScanPage.reason == reason)
    page = session.scalars(query).first()
    if page is None:
        return None
    group = group_of(session, page.bundle_id, page.page_index)
    _claim(session, group, actor, now)
    return group


def take(session: Session, bundle_id: str, page_index: int, *, actor: str, now: datetime) -> Group:
    """Take up one page with those that wait with it; raises as ``group_of``, and ``PageTaken``."""
    group = group_of(session, bundle_id, page_index)
    _claim(session, group, actor, now)
    return group


def let_go(session: Session, bundle_id: str, page_index: int, *, actor: str) -> None:
    """Give back what one had taken up and not decided."""
    for row in _rows(session, bundle_id, group_of(session, bundle_id, page_index).indices):
        if row.claimed_by == actor:
            row.claimed_by = row.claimed_until = None


def group_of(session: Session, bundle_id: str, page_index: int) -> Group:
    """Return the pages that wait together with this one.

    Raises: ``PageUnknown``; ``PageSettled``; ``PageHeld`` while an enquiry into malpractice holds one of them.
    """
    for group in groups_of(session, bundle_id):
        if page_index in group.indices:
            _require_not_held(session, bundle_id, group.indices)
            return group
    page = session.get(ScanPage, (bundle_id, page_index))
    if page is None:
        raise PageUnknown
    raise PageSettled(disposition=page.disposition)


def groups_of(session: Session, bundle_id: str) -> tuple[Group, ...]:
    """Return what waits in a bundle, group by group."""
    query = select(ScanPage).where(ScanPage.bundle_id == bundle_id, ScanPage.disposition == str(Disposition.QUEUED))
    rows = session.scalars(query.order_by(ScanPage.page_index)).all()
    waiting = [
        Waiting(bundle_id, row.page_index, row.reason, row.candidate_number, row.proposal_id, row.awaiting)
        for row in rows
    ]
    return groups(waiting, frozenset(row.page_index for row in rows if COVER in row.notes))


def _claim(session: Session, group: Group, actor: str, now: datetime) -> None:
    rows = _rows(session, group.first.bundle_id, group.indices)
    if not all(is_free(row.claimed_by, row.claimed_until, actor, now) for row in rows):
        raise PageTaken
    for row in rows:
        row.claimed_by, row.claimed_until = actor, now + CLAIM_LASTS
    session.flush()


def _rows(session: Session, bundle_id: str, indices: Sequence[int]) -> list[ScanPage]:
    query = select(ScanPage).where(ScanPage.bundle_id == bundle_id, ScanPage.page_index.in_(indices))
    rows = session.scalars(query.order_by(ScanPage.page_index).with_for_update()).all()
    if len(rows) != len(set(indices)):
        raise PageUnknown
    _require_not_held(session, bundle_id, indices)
    return list(rows)


def _require_not_held(session: Session, bundle_id: str, indices: Sequence[int]) -> None:
    if not held_pages(session, bundle_id).isdisjoint(indices):
        raise PageHeld


# Deciding


def decide(
    session: Session, bundle_id: str, indices: Sequence[int], asked: Asked, *, actor: str, now: datetime
) -> Decided:
    """Decide about pages that wait; what takes two people is proposed, and waits for the second.

    Raises: ``PageUnknown``, ``PageSettled``, ``PageTaken``, ``PageHeld``; ``DecisionRefused`` naming the field;
        ``ScriptUnknown``.
    Source: project policy (domain: scripts, section 8): manual index by two people; nothing is discarded silently.
    """
    rows = _rows(session, bundle_id, indices)
    _require_open(rows, asked, actor, now)
    require_decision(
        asked.kind,
        [row.reason for row in rows],
        candidate_number=asked.candidate_number,
        reason=asked.reason,
        turn=asked.turn,
    )
    script = _script(session, bundle_id, asked.candidate_number) if asked.kind in {K.ASSIGN, K.REPLACE} else None
    if asked.kind not in TWO_PEOPLE:
        return _carry_out(session, rows, asked, None, Stage.DONE, actor=actor, now=now)
    decision = _written(rows, asked, script, Stage.PROPOSED, actor, now)
    session.add(decision)
    for row in rows:
        row.proposal_id, row.claimed_by, row.claimed_until = decision.id, None, None
    session.flush()
    return Decided(decision)


def _require_open(rows: Sequence[ScanPage], asked: Asked, actor: str, now: datetime) -> None:
    for row in rows:
        if not is_free(row.claimed_by, row.claimed_until, actor, now):
            raise PageTaken
        if asked.kind is not K.ROTATE and row.disposition != Disposition.QUEUED:
            raise PageSettled(disposition=row.disposition)
        if row.proposal_id is not None and asked.kind is not K.ROTATE:
            raise DecisionRefused("Something is proposed for this page already. Confirm it, or disagree first.")


def answer(session: Session, proposal_id: str, *, agrees: bool, actor: str, now: datetime) -> Decided:
    """Confirm what another person proposed, or disagree: then the pages wait as before.

    Raises: ``DecisionUnknown``; ``PageSettled`` when it was answered already; ``PageHeld``; ``SecondPersonNeeded``;
        ``ScriptUnknown``.
    """
    proposal = session.get(PageDecision, proposal_id)
    if proposal is None or proposal.stage != Stage.PROPOSED:
        raise DecisionUnknown
    rows = _rows(session, proposal.bundle_id, proposal.page_indices)
    if any(row.proposal_id != proposal_id for row in rows):
        raise PageSettled
    require_second(proposal.decided_by, actor)
    asked = Asked(K(proposal.kind), proposal.candidate_number or "", proposal.reason)
    if agrees:
        return _carry_out(session, rows, asked, proposal, Stage.CONFIRMED, actor=actor, now=now)
    for row in rows:
        row.proposal_id = row.claimed_by = row.claimed_until = None
    script = session.get(Script, proposal.script_id) if proposal.script_id else None
    decision = _written(rows, asked, script, Stage.DISAGREED, actor, now)
    decision.answers_id = proposal.id
    session.add(decision)
    session.flush()
    return Decided(decision)


def undo(session: Session, decision_id: str, *, actor: str, now: datetime) -> Decided:
    """Take back a decision as long as nothing followed from it: its pages wait again, as they did.

    Raises: ``DecisionUnknown``; ``PageHeld``; ``DecisionRefused`` when something follows, such as a look at quality or a
        later decision.
    """
    done = session.get(PageDecision, decision_id)
    if done is None or done.stage not in {Stage.DONE, Stage.CONFIRMED} or done.kind == K.UNDO:
        raise DecisionUnknown
    _require_not_held(session, done.bundle_id, done.page_indices)
    script = session.get(Script, done.script_id) if done.script_id else None
    if script is not None and script.state not in {S.INDEXED, *_BEFORE_INDEXED}:
        raise DecisionRefused(
            "The script has gone on since. Decide about its pages as they are now.", state=script.state
        )
    rows = [row for row in (session.get(ScanPage, (one[0], one[1])) for one in done.before) if row is not None]
    if _snapshot(rows) != done.after:
        raise DecisionRefused("Something was decided about these pages since. Take that back first.")
    decision = _written(rows, Asked(K.UNDO), script, Stage.DONE, actor, now)
    decision.bundle_id, decision.page_indices, decision.undoes_id = done.bundle_id, list(done.page_indices), done.id
    _restore(rows, done.before)
    for row in rows:
        row.proposal_id = row.claimed_by = row.claimed_until = None
    changed = tuple(dict.fromkeys([script.id] if script is not None else _shown(rows)))
    if script is not None:
        _undone(session, script, done, actor, now)
    decision.after = _snapshot(rows)
    session.add(decision)
    session.flush()
    return Decided(decision, changed)


def _undone(session: Session, script: Script, done: PageDecision, actor: str, now: datetime) -> None:
    script.pages = len(script_pages(session, script.id))
    packet = session.get(Packet, script.packet_id) if script.packet_id else None
    before = None
    if script.pages == 0:
        arrived = packet is not None and packet.received_at is not None
        logged = packet is not None and PACKET_RANK[PacketState(packet.state)] >= PACKET_RANK[PacketState.LOGGED]
        before = S.RECEIVED if arrived else S.IN_PACKET if logged else S.PRESENT
    details = {"decision_id": done.id, "pages": script.pages}
    record_script_events(
        session, [ScriptEvent(script.id, "index_undone", now, now, actor, "", details, SOURCE, state=before)]
    )


def _shown(rows: Iterable[ScanPage]) -> list[str]:
    """Return the scripts that show these pages."""
    return [row.script_id for row in rows if row.script_id and row.position]


_BEFORE_INDEXED = frozenset(state for state, after in SCRIPT_TRANSITIONS.items() if S.INDEXED in after)


def _carry_out(
    session: Session,
    rows: Sequence[ScanPage],
    asked: Asked,
    proposal: PageDecision | None,
    stage: Stage,
    *,
    actor: str,
    now: datetime,
) -> Decided:
    script = None
    if asked.kind in {K.ASSIGN, K.REPLACE}:
        script = _script(session, rows[0].bundle_id, asked.candidate_number)
    there = script_pages(session, script.id) if script is not None else []
    touched = list({(row.bundle_id, row.page_index): row for row in [*rows, *there]}.values())
    decision = _written(touched, asked, script, stage, actor, now)
    decision.bundle_id, decision.page_indices = rows[0].bundle_id, [row.page_index for row in rows]
    decision.answers_id = proposal.id if proposal is not None else None
    first = proposal.decided_by if proposal is not None else actor
    second = actor if proposal is not None else None
    changed = _settle(session, rows, there, asked, script, first, second, now)
    for row in rows:
        row.proposal_id = row.claimed_by = row.claimed_until = None
    session.flush()
    decision.after = _snapshot(touched)
    session.add(decision)
    if script is not None:
        _indexed_by_hand(session, script, decision, second or "", first, now)
    session.flush()
    return Decided(decision, changed)


def _settle(
    session: Session,
    rows: Sequence[ScanPage],
    there: Sequence[ScanPage],
    asked: Asked,
    script: Script | None,
    first: str,
    second: str | None,
    now: datetime,
) -> tuple[str, ...]:
    """Put the pages where the decision says; returns the scripts whose images change."""
    if asked.kind is K.ROTATE:
        for row in rows:
            row.rotation = asked.turn
        return tuple(dict.fromkeys(_shown(rows)))
    if asked.kind is K.RESCAN:
        for row in rows:
            row.awaiting = "rescan"
        return ()
    for row in rows:
        row.decided_by, row.seconded_by, row.decided_at = first, second, now
    if script is None:
        end = Disposition.BLANK_CONFIRMED if asked.kind is K.BLANK else Disposition.DISCARDED
        for row in rows:
            row.disposition, row.reason = str(end), asked.reason or row.reason
        return ()
    if asked.kind is K.REPLACE:
        for row in there:
            row.position = None
    for row in rows:
        row.disposition, row.script_id = str(Disposition.INDEXED), script.id
        row.candidate_number = script.candidate_number
    order = list(rows) if asked.kind is K.REPLACE else _in_order(there, rows)
    for position, row in enumerate(order, 1):
        row.position = position
    script.pages = len(order)
    return (script.id,)


def _in_order(there: Sequence[ScanPage], new: Iterable[ScanPage]) -> list[ScanPage]:
    """Put pages into a script where the bundle has them: behind the page of it that was scanned before, else at the end."""
    order = list(there)
    for page in new:
        same = [at for at, one in enumerate(order) if one.bundle_id == page.bundle_id]
        before = [at for at in same if order[at].page_index < page.page_index]
        at = before[-1] + 1 if before else same[0] if same else len(order)
        order.insert(at, page)
    return order


def _indexed_by_hand(
    session: Session, script: Script, decision: PageDecision, second: str, first: str, now: datetime
) -> None:
    moves = S.INDEXED in SCRIPT_TRANSITIONS[S(script.state)]
    details = {
        "bundle_id": decision.bundle_id,
        "pages": list(decision.page_indices),
        "seconded_by": second,
        "decision_id": decision.id,
        "replaces": decision.kind == K.REPLACE,
    }
    event = ScriptEvent(
        script.id, "indexed_by_hand", now, now, first, "", details, SOURCE, state=S.INDEXED if moves else None
    )
    record_script_events(session, [event])


def _script(session: Session, bundle_id: str, candidate_number: str) -> Script:
    sitting_id = get_bundle(session, bundle_id).sitting_id or ""
    lines = {line.candidate_number: line.state for line in register(session, sitting_id)}
    known = {script.candidate_number: script for script in scripts_of(session, sitting_id)}
    if lines.get(candidate_number) in {None, RegisterState.WITHDRAWN} or candidate_number not in known:
        raise ScriptUnknown("The candidate is not on the register of this sitting.", field="candidate_number")
    return known[candidate_number]


def _written(
    rows: Sequence[ScanPage],
    asked: Asked,
    script: Script | None,
    stage: Stage,
    actor: str,
    now: datetime,
) -> PageDecision:
    """Return a decision that whoever adds it has made whole: once it is in, nothing of it changes."""
    return PageDecision(
        id=new_id(),
        bundle_id=rows[0].bundle_id,
        page_indices=[row.page_index for row in rows],
        kind=str(asked.kind),
        stage=str(stage),
        candidate_number=asked.candidate_number or None,
        script_id=script.id if script is not None else None,
        reason=asked.reason,
        before=_snapshot(rows),
        after=_snapshot(rows),
        decided_by=actor,
        decided_at=now,
    )


_KEPT = ("disposition", "reason", "script_id", "candidate_number", "position", "rotation", "awaiting")


def _snapshot(rows: Sequence[ScanPage]) -> list[list[object]]:
    return [[row.bundle_id, row.page_index, *(getattr(row, name) for name in _KEPT)] for row in rows]


def _restore(rows: Sequence[ScanPage], before: Sequence[Sequence[object]]) -> None:
    for row, values in zip(rows, before, strict=True):
        for name, value in zip(_KEPT, values[2:], strict=True):
            setattr(row, name, value)


# What was decided


def decisions(session: Session, bundle_id: str, page_index: int | None = None) -> list[PageDecision]:
    """Return what was decided about a bundle's pages, or about one of them, oldest first."""
    query = select(PageDecision).where(PageDecision.bundle_id == bundle_id)
    found = session.scalars(query.order_by(PageDecision.decided_at, PageDecision.id)).all()
    return [one for one in found if page_index is None or page_index in one.page_indices]


def proposal_of(session: Session, group: Group) -> PageDecision | None:
    """Return what is proposed for a group and waits for a second person."""
    return session.get(PageDecision, group.first.proposal_id) if group.first.proposal_id else None


def copies(session: Session, sitting_id: str, candidate_number: str) -> list[Group]:
    """Return what waits in a sitting for one candidate: the copies of a collision, and extra booklets."""
    query = (
        select(ScanPage.bundle_id)
        .join(ScanBundle, ScanBundle.id == ScanPage.bundle_id)
        .where(
            ScanBundle.sitting_id == sitting_id,
            ScanPage.candidate_number == candidate_number,
            ScanPage.disposition == str(Disposition.QUEUED),
        )
        .distinct()
    )
    return [
        group
        for bundle_id in sorted(session.scalars(query))
        for group in groups_of(session, bundle_id)
        if group.first.candidate_number == candidate_number
    ]
