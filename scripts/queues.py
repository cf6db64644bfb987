"""Bundles on their way, pages that wait, and what people may decide about them: rules only.

A page is never lost: it is in a script, confirmed blank, discarded for a reason by two people, or it waits. What a bundle
went through is its state; what people decide is only ever added.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from scripts.errors import BundleMoveRefused, DecisionRefused, SecondPersonNeeded
from scripts.splitting import QueueReason

CLAIM_LASTS = timedelta(minutes=10)
"""So long a page stays with the person who took it up; project policy."""


class BundleState(StrEnum):
    """How far a bundle has come.

    Source: project policy (domain: scripts, section 11): a staging area, then pushed as a whole.
    """

    STAGED = "staged"
    READING = "reading"
    SPLIT = "split"
    PUSHED = "pushed"
    UNPLACED = "unplaced"
    """Nobody has said of which sitting it is, and no packet label in it says so."""
    FAILED = "failed"
    DISCARDED = "discarded"


_B = BundleState
UNDER_WAY = frozenset({_B.STAGED, _B.READING, _B.SPLIT})
BUNDLE_MOVES: Mapping[BundleState, frozenset[BundleState]] = MappingProxyType(
    {
        # A reader that died is followed by another, from the beginning.
        _B.STAGED: frozenset({_B.READING, _B.FAILED, _B.DISCARDED}),
        _B.READING: frozenset({_B.READING, _B.SPLIT, _B.UNPLACED, _B.FAILED}),
        _B.SPLIT: frozenset({_B.READING, _B.PUSHED, _B.FAILED}),
        _B.PUSHED: frozenset(),
        _B.UNPLACED: frozenset({_B.STAGED, _B.DISCARDED}),
        _B.FAILED: frozenset({_B.STAGED, _B.DISCARDED}),
        _B.DISCARDED: frozenset({_B.STAGED}),
    }
)


def require_bundle_move(before: BundleState, after: BundleState) -> BundleState:
    """Return ``after`` if a bundle may go there; raises ``BundleMoveRefused``.

    Source: project policy: once its pages count, a bundle is never taken back; pages of it may be discarded one by one.
    """
    if after not in BUNDLE_MOVES[before]:
        raise BundleMoveRefused(before=str(before), after=str(after))
    return after


class DecisionKind(StrEnum):
    """What a person can decide about pages.

    Source: project policy (domain: scripts, sections 8 and 11).
    """

    ASSIGN = "assign"
    """They belong to a candidate's script, beside what is there."""
    REPLACE = "replace"
    """They are the candidate's script, scanned again: what is there is superseded and kept."""
    DISCARD = "discard"
    BLANK = "blank"
    ROTATE = "rotate"
    RESCAN = "rescan"
    """The paper is to be scanned again; the pages wait, and the paper is kept."""
    UNDO = "undo"
    """An earlier decision is taken back, and its pages wait again."""


class Stage(StrEnum):
    """How far a decision has come."""

    DONE = "done"
    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    DISAGREED = "disagreed"


TWO_PEOPLE = frozenset({DecisionKind.ASSIGN, DecisionKind.REPLACE, DecisionKind.DISCARD})
"""What one person proposes and another confirms, each with the image in front of them (domain: scripts, section 8)."""
DISCARD_REASONS = ("duplicate_scan", "scanned_again", "not_ours", "separator_sheet", "test_sheet", "other_packet")
TURNS = frozenset({0, 90, 180, 270})


def require_decision(
    kind: DecisionKind, reasons: Iterable[str], *, candidate_number: str, reason: str, turn: int = 0
) -> None:
    """Refuse a decision that says too little, or that pages in these queues are not open to.

    Raises: ``DecisionRefused`` with the ``field`` at fault.
    """
    if kind in {DecisionKind.ASSIGN, DecisionKind.REPLACE} and not candidate_number:
        raise DecisionRefused("Enter the candidate number.", field="candidate_number")
    if kind is DecisionKind.DISCARD and reason not in DISCARD_REASONS:
        raise DecisionRefused("Choose why the page is discarded.", field="reason")
    if kind is DecisionKind.BLANK and set(reasons) != {str(QueueReason.BLANK)}:
        raise DecisionRefused("Only a page that was queued as blank can be confirmed as blank.", field="decision")
    if turn not in TURNS:
        raise DecisionRefused("A page is turned by 90, 180 or 270 degrees.", field="turn")


def require_second(first: str, second: str) -> None:
    """Refuse the same person twice; raises ``SecondPersonNeeded``."""
    if first == second:
        raise SecondPersonNeeded


@dataclass(frozen=True, slots=True)
class Waiting:
    """One page that waits: where it is, why, whose it may be, and what somebody has proposed or asked for."""

    bundle_id: str
    index: int
    reason: str
    candidate_number: str | None = None
    proposal_id: str | None = None
    awaiting: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Pages that wait together: one after the other in a bundle, for the same reason and the same candidate."""

    pages: tuple[Waiting, ...]

    @property
    def first(self) -> Waiting:
        """Return the page by which the group is known."""
        return self.pages[0]

    @property
    def indices(self) -> tuple[int, ...]:
        """Return where its pages are in the bundle."""
        return tuple(page.index for page in self.pages)


def groups(waiting: Sequence[Waiting], begins: frozenset[int] = frozenset()) -> tuple[Group, ...]:
    """Put pages that wait side by side for the same reason into groups; blank pages are looked at one by one.

    Takes: the waiting pages of one bundle, in order; ``begins``, indices at which something begins by itself, such as a
    second copy of a cover.
    """
    found: list[list[Waiting]] = []
    for page in waiting:
        last = found[-1][-1] if found else None
        alike = last is not None and (
            (last.reason, last.candidate_number, last.proposal_id, last.awaiting)
            == (page.reason, page.candidate_number, page.proposal_id, page.awaiting)
            and last.index + 1 == page.index
            and page.reason not in {QueueReason.BLANK, QueueReason.DUPLICATE_PAGE}
            and page.index not in begins
        )
        if alike:
            found[-1].append(page)
        else:
            found.append([page])
    return tuple(Group(tuple(pages)) for pages in found)


# Quality

QUALITY_PERCENT = 5
"""Project policy: so many of a hundred scripts are looked at by a second person at random; it is a setting."""
QUALITY_REASONS = ("illegible", "page_missing", "wrong_candidate", "page_order", "cut_off", "too_dark_or_light")


@dataclass(frozen=True, slots=True)
class Risk:
    """What speaks for a second look at a script, beside chance."""

    by_hand: bool
    turned: bool
    noted: bool
    version: int


def chosen_for_check(script_id: str, percent: int, risk: Risk) -> str:
    """Say why a second person looks at a version of a script, or an empty text.

    Takes: ``percent``, 0 to 100, of all scripts, chosen by chance: the hash of the script's random id decides, so that
    asking again gives the same answer.
    Source: project policy (domain: scripts, section 11): a random and risk-based look by a second person.
    """
    if risk.version > 1:
        return "made_anew"
    if risk.by_hand:
        return "by_hand"
    if risk.noted:
        return "image_note"
    if risk.turned:
        return "turned"
    number = int.from_bytes(hashlib.sha256(f"quality|{script_id}".encode("ascii")).digest()[:4], "big")
    return "random" if number % 10_000 < percent * 100 else ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a script when it is to be released."""

    is_sealed: bool
    check: str | None
    """None: no check was asked of this version; else its outcome, empty while it waits."""
    own_pages_waiting: int
    unknown_pages_waiting: int
    open_cases: tuple[str, ...]
    equation_closes: bool
    is_held: bool
    """Whether an enquiry into malpractice holds it."""


def blocks(standing: Standing, *, permitted: bool = False) -> tuple[str, ...]:
    """Say what keeps a script from its marker.

    Takes: ``permitted``, whether somebody who may close cases lets it go with its cases open.
    Returns: codes, none when it may be released.
    Source: project policy (domain: scripts, section 11): script complete, equation closed or case open with permission;
        section 8: what an enquiry into malpractice holds goes to nobody.
    """
    found: list[str] = ["held"] if standing.is_held else []
    if not standing.is_sealed:
        found.append("not_sealed")
    if standing.check == "":
        found.append("check_waits")
    if standing.check == "failed":
        found.append("check_failed")
    if standing.own_pages_waiting:
        found.append("own_pages_wait")
    if standing.unknown_pages_waiting:
        found.append("unknown_pages_wait")
    if not permitted:
        found += ["case_open"] if standing.open_cases else []
        found += [] if standing.equation_closes else ["equation_open"]
    return tuple(found)


def is_free(claimed_by: str | None, claimed_until: datetime | None, actor: str, now: datetime) -> bool:
    """Say whether somebody may take up a page: nobody has it, they have it themself, or the claim has run out."""
    return claimed_by in {None, actor} or claimed_until is None or claimed_until <= now
