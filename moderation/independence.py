"""Independence: who may judge whose work, as rules on facts; the database's guards refuse by the same rules.

A tie to a centre is a deny that wins over whatever else a person was given. Whoever had any part in judging a work does
not review it, nor sit on an appeal about it. There is no override: where nobody is independent, the work is judged
outside the awarding body.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

AUTOMATIC_YEARS = 3


class ConflictKind(StrEnum):
    """How a person is tied to a centre or a candidate.

    Source: project policy; the ties that awarding bodies ask their moderators to declare.
    """

    EMPLOYED = "EMPLOYED"
    TAUGHT = "TAUGHT"
    RELATED = "RELATED"
    OTHER = "OTHER"


class ConflictOrigin(StrEnum):
    """Where the knowledge of a tie comes from."""

    DECLARED = "DECLARED"
    AUTOMATIC = "AUTOMATIC"


class Act(StrEnum):
    """The part that somebody had in judging a work."""

    MODERATED = "MODERATED"
    CHECKED = "CHECKED"
    PROPOSED = "PROPOSED"
    CONFIRMED = "CONFIRMED"
    REVIEWED = "REVIEWED"
    APPEALED = "APPEALED"


class Permission(StrEnum):
    """What an allocation lets a person do."""

    MODERATE = "MODERATE"
    REVIEW = "REVIEW"
    APPEAL = "APPEAL"


OWN_ACT: Mapping[str, Act] = MappingProxyType({Permission.REVIEW: Act.REVIEWED, Permission.APPEAL: Act.APPEALED})
"""What somebody with such an allocation is there to do; any other part bars them."""

KIND_WORDS: Mapping[ConflictKind, str] = MappingProxyType(
    {
        ConflictKind.EMPLOYED: "works or worked there",
        ConflictKind.TAUGHT: "teaches or taught there",
        ConflictKind.RELATED: "is related to somebody there",
        ConflictKind.OTHER: "has another interest there",
    }
)
ACT_WORDS: Mapping[Act, str] = MappingProxyType(
    {
        Act.MODERATED: "moderated it",
        Act.CHECKED: "checked its moderation",
        Act.PROPOSED: "proposed its outcome",
        Act.CONFIRMED: "confirmed its outcome",
        Act.REVIEWED: "reviewed it",
        Act.APPEALED: "decided an appeal about it",
    }
)


@dataclass(frozen=True, slots=True)
class Tie:
    """A tie of a person to a centre; with a candidate, in that candidate's series alone. Half-open in time."""

    conflict_id: str
    person_id: str
    centre_number: str
    series_key: str | None
    kind: ConflictKind
    origin: ConflictOrigin
    declared_at: datetime
    valid_from: datetime
    valid_to: datetime | None
    ended_at: datetime | None = None

    @property
    def until(self) -> datetime | None:
        """Return when it stops to hold: its own end or the end that a second person set, whichever is earlier."""
        ends = [end for end in (self.valid_to, self.ended_at) if end is not None]
        return min(ends) if ends else None

    def holds(self, start: datetime, until: datetime | None = None) -> bool:
        """Say whether it holds at an instant, or at any time in [start, until)."""
        begun = self.valid_from <= start if until is None else self.valid_from < until
        return begun and (self.until is None or self.until > start)

    def concerns(self, centre_number: str, series_key: str) -> bool:
        """Say whether it is about this centre in this series."""
        return self.centre_number == centre_number and self.series_key in (None, series_key)


@dataclass(frozen=True, slots=True)
class Part:
    """A part that a person had in judging a case, or one moderated together with it."""

    person_id: str
    case_id: str
    act: Act
    done_at: datetime


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a person cannot be chosen: a code in kebab case, and words that an officer may read."""

    code: str
    detail: str


def reasons_against(act: str, ties: Iterable[Tie], parts: Iterable[Part]) -> tuple[Reason, ...]:
    """Return why somebody cannot be given work: their ties that hold to its centre, and their parts in judging it.

    Takes: ``ties`` and ``parts`` of all accounts of the person, already narrowed to the work.
    Source: project policy: a tie bars from every act, an earlier part from review and appeal.
    """
    found = [Reason("conflict", _tie_words(tie)) for tie in ties]
    if act in OWN_ACT:
        acts = sorted({part.act for part in parts}, key=list(Act).index)
        found += [Reason("involved", f"{ACT_WORDS[one].capitalize()}.") for one in acts]
    return tuple(dict.fromkeys(found))


def _tie_words(tie: Tie) -> str:
    if tie.origin is ConflictOrigin.AUTOMATIC:
        words = "Has, or had in the last three years, a role at the centre"
    elif tie.series_key is not None:
        words = "Declared: is tied to a candidate there"
    else:
        words = f"Declared: {KIND_WORDS[tie.kind]}"
    return f"{words}, since {tie.valid_from.day} {tie.valid_from:%B %Y}."


# Proof


class Verdict(StrEnum):
    """What a proof finds: only ``FAILED`` says that independence was broken."""

    CLEAR = "CLEAR"
    ENDED = "ENDED"
    """A tie came to be known later, and ended it from then on."""
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Given:
    """An allocation, or something done to a case, whose independence is to be proven."""

    subject: str
    """``allocation``, or the act in lower case: ``checked``, ``reviewed`` …"""
    subject_id: str
    person_id: str
    series_key: str
    component_code: str
    centre_number: str
    case_id: str | None
    act: str
    start: datetime | None
    """When it was given or done."""
    until: datetime | None
    """When an allocation closes; ``None`` for one without end."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One allocation or act with everything that was looked at, and what follows."""

    given: Given
    accounts: tuple[str, ...]
    ties: tuple[Tie, ...]
    parts: tuple[Part, ...]
    verdict: Verdict
    findings: tuple[str, ...]


def prove(given: Given, accounts: Collection[str], ties: Sequence[Tie], parts: Sequence[Part]) -> Proof:
    """Judge one allocation or act anew, from the register and from what was noted, not from what guards said.

    Takes: ``ties`` and ``parts`` of all accounts of the person that are about the same centre and case.
    Source: project policy: what was given or done against a tie that held, or by somebody with an earlier part, fails;
    a tie that came to be known later must have ended what was open.
    """
    if given.subject == "allocation":
        verdict, findings = _allocation(given, ties, parts)
    else:
        verdict, findings = _deed(given, ties, parts)
    return Proof(given, tuple(sorted(accounts)), tuple(ties), tuple(parts), verdict, findings)


def _allocation(given: Given, ties: Sequence[Tie], parts: Sequence[Part]) -> tuple[Verdict, tuple[str, ...]]:
    failed, ended = [], []
    start, until = given.start, given.until
    if start is not None and until is not None and until <= start:
        return Verdict.CLEAR, ("It was never open.",)
    for tie in ties:
        overlaps = tie.holds(start, until or datetime.max.replace(tzinfo=start.tzinfo)) if start else tie.until is None
        if not overlaps:
            continue
        known = max(tie.declared_at, tie.valid_from)
        if (start is not None and known <= start) or start is None:
            failed.append(f"It was given while a tie held ({_tie_words(tie)[:-1]}).")
        else:
            failed.append(f"A tie became known, and it stayed open ({_tie_words(tie)[:-1]}).")
    for tie in ties:
        known = max(tie.declared_at, tie.valid_from)
        if not failed and until is not None and until == known:
            ended.append(f"A tie became known and ended it ({_tie_words(tie)[:-1]}).")
    own = OWN_ACT.get(given.act)
    if own is not None:
        before = {part.act for part in parts if part.act is not own and (start is None or part.done_at <= start)}
        failed += [f"The person {ACT_WORDS[act]} before." for act in Act if act in before]
    verdict = Verdict.FAILED if failed else Verdict.ENDED if ended else Verdict.CLEAR
    return verdict, tuple(failed or ended)


def _deed(given: Given, ties: Sequence[Tie], parts: Sequence[Part]) -> tuple[Verdict, tuple[str, ...]]:
    done_at = given.start
    failed, later = [], []
    for tie in ties:
        if done_at is not None and tie.holds(done_at):
            if tie.declared_at <= done_at:
                failed.append(f"It was done while a tie held ({_tie_words(tie)[:-1]}).")
            else:
                later.append(f"A tie that held became known only later ({_tie_words(tie)[:-1]}).")
    act = Act(given.act)
    before = {part.act for part in parts if done_at is None or part.done_at <= done_at} - {act}
    if act in OWN_ACT.values():
        failed += [f"The person {ACT_WORDS[one]} before." for one in Act if one in before]
    elif act is Act.CONFIRMED and Act.MODERATED in before:
        failed.append("The person moderated it before.")
    verdict = Verdict.FAILED if failed else Verdict.ENDED if later else Verdict.CLEAR
    return verdict, tuple(failed or later)
