"""Acts on the second look at scripts, on their release to markers, and on what the marking system says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository import access, audit
from repository.access import Action, Role
from repository.acts.cases import actor_of
from repository.acts.sittings import permitted
from repository.audit import Context
from repository.bundles import versions
from repository.errors import FieldRefused, NotFound
from repository.tables import ScriptVersion
from scripts import records
from scripts.queues import blocks
from scripts.records import quality
from scripts.records.script_events import ScriptEvent, record_script_events
from scripts.states import ScriptState, require_script_move
from scripts.tables import QualityCheck, ScanPage, Script, ScriptEventRow, Sitting

FAULT_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "illegible": "It cannot be read",
        "page_missing": "A page is missing",
        "wrong_candidate": "A page is of another candidate",
        "page_order": "The pages are out of order",
        "cut_off": "Something is cut off",
        "too_dark_or_light": "It is too dark or too light",
    }
)
CHOSEN_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "random": "By chance",
        "made_anew": "Its images were made anew",
        "by_hand": "Pages of it were indexed by hand",
        "image_note": "Something is remarkable about an image of it",
        "turned": "A page of it was turned",
    }
)
BLOCK_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "held": "An enquiry into malpractice holds it",
        "not_sealed": "There is no scan of it",
        "check_waits": "A second person has still to look at it",
        "check_failed": "The second look found something wrong",
        "own_pages_wait": "Pages of it wait for a person",
        "unknown_pages_wait": "Pages of its sitting wait, and nobody knows whose they are",
        "case_open": "A case about it is open",
        "equation_open": "The arithmetic of its sitting does not close",
    }
)
TOLD = {"marked": ScriptState.MARKED, "returned": ScriptState.RETURNED, "archived": ScriptState.ARCHIVED}
"""What the marking system and the archive say of a script."""


@dataclass(frozen=True, slots=True)
class CheckPage:
    """A script in front of the second person: its pages, and why it was chosen."""

    check: QualityCheck
    script: Script
    sitting: Sitting
    pages: tuple[ScanPage, ...]


@dataclass(frozen=True, slots=True)
class ReleasePage:
    """What keeps a script from its marker; ``only_cases``: an officer may let it go."""

    script: Script
    sitting: Sitting
    blocks: tuple[str, ...]
    only_cases: bool


def waiting(session: Session, context: Context) -> tuple[int, tuple[tuple[str, int], ...]]:
    """Return how many scripts wait for a second look, and how many were chosen for what reason."""
    access.require(actor_of(context), Action.SCRIPT_QUALITY)
    rows = session.execute(
        select(QualityCheck.chosen_for, func.count())
        .where(quality.still_waits())
        .group_by(QualityCheck.chosen_for)
        .order_by(QualityCheck.chosen_for)
    )
    found = tuple((why, count) for why, count in rows)
    return sum(count for _, count in found), found


def take(session: Session, context: Context) -> str | None:
    """Take up the next script for a second look; returns the check's id, None when nothing waits for this person."""
    actor = actor_of(context)
    access.require(actor, Action.SCRIPT_QUALITY)
    found = quality.take_check(session, actor=actor.person_id, now=context.now)
    if found is None:
        return None
    audit.record(session, context, "quality.take", "script", found.script.id)
    return found.check.id


def page(session: Session, context: Context, check_id: str) -> CheckPage:
    """Return a script for its second look; raises ``NotFound``, ``CheckUnknown``."""
    found = quality.get_check(session, check_id)
    sitting = permitted(session, context, Action.SCRIPT_QUALITY, found.script.sitting_id)
    return CheckPage(found.check, found.script, sitting, tuple(records.script_pages(session, found.script.id)))


def answer(session: Session, context: Context, check_id: str, *, passed: bool, reason: str) -> None:
    """Say what the second look found.

    Raises: ``NotFound``, ``CheckUnknown``, ``SecondPersonNeeded``, ``DecisionRefused``.
    """
    found = quality.get_check(session, check_id)
    permitted(session, context, Action.SCRIPT_QUALITY, found.script.sitting_id)
    by = actor_of(context).person_id
    done = quality.answer_check(session, check_id, passed=passed, reason=reason, actor=by, now=context.now)
    audit.record(session, context, Action.SCRIPT_QUALITY, "script", found.script.id, outcome=done.outcome)


def release_page(session: Session, context: Context, script_id: str) -> ReleasePage:
    """Return what keeps a script from its marker, in codes; raises ``NotFound``."""
    script, sitting = _script(session, context, Action.SCRIPT_RELEASE, script_id)
    standing = quality.standing(session, script, version=_version(session, script_id))
    kept = blocks(standing)
    return ReleasePage(script, sitting, kept, bool(kept) and not blocks(standing, permitted=True))


def release(session: Session, context: Context, script_id: str, *, with_cases: bool = False) -> None:
    """Let a script go to its marker.

    Takes: ``with_cases``: with its cases or its equation open, which an officer of the awarding body may permit.
    Raises: ``NotFound``; ``FieldRefused`` for who may not permit it; ``ReleaseRefused`` naming what keeps it.
    """
    script, _ = _script(session, context, Action.SCRIPT_RELEASE, script_id)
    actor = actor_of(context)
    if with_cases and actor.role is not Role.AB_OFFICER:
        raise FieldRefused(
            "Only an officer of the awarding body lets a script go with a case open.", field="with_cases"
        )
    quality.release(
        session,
        script,
        version=_version(session, script_id),
        permitted=with_cases,
        actor=actor.person_id,
        now=context.now,
    )
    audit.record(session, context, Action.SCRIPT_RELEASE, "script", script_id, with_cases=with_cases)


def tell(session: Session, context: Context, script_id: str, event_id: str, kind: str, occurred_at: datetime) -> bool:
    """Record what the marking system or the archive says of a script; the same again changes nothing.

    Takes: ``event_id``: the sender's own key; ``kind``: ``marked``, ``returned`` or ``archived``.
    Returns: whether it was known already.
    Raises: ``NotFound``; ``FieldRefused`` for another kind; ``TransitionRefused`` for what does not follow.
    """
    script, _ = _script(session, context, Action.SCRIPT_RELEASE, script_id)
    if kind not in TOLD:
        raise FieldRefused(f"kind is one of {', '.join(TOLD)}.", field="kind")
    earlier = session.scalars(
        select(ScriptEventRow).where(ScriptEventRow.script_id == script_id, ScriptEventRow.kind == kind)
    ).all()
    if any(row.details.get("event_id") == event_id for row in earlier):
        return True
    state = require_script_move(ScriptState(script.state), TOLD[kind])
    by = actor_of(context).person_id
    event = ScriptEvent(script_id, kind, occurred_at, context.now, by, "", {"event_id": event_id}, "api", state=state)
    record_script_events(session, [event])
    audit.record(session, context, f"script.{kind}", "script", script_id)
    return False


def _script(session: Session, context: Context, action: Action, script_id: str) -> tuple[Script, Sitting]:
    script = session.get(Script, script_id)
    if script is None:
        raise NotFound
    return script, permitted(session, context, action, script.sitting_id)


def _version(session: Session, script_id: str) -> int | None:
    shown: ScriptVersion | None = versions.current(session, script_id)
    return shown.number if shown is not None else None
