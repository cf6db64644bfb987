"""Messages about a case: who a conversation is for, and to whom it is passed on. Pure rules."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum


class ThreadKind(StrEnum):
    """Between whom a conversation is."""

    DESK = "DESK"
    """Among the moderator, who leads and checks moderators, and officers; the centre never sees it."""
    CENTRE = "CENTRE"
    """Between officers and the exams officers of the centre; who moderates never sees it."""


class Party(StrEnum):
    """Whom a message is for: everybody of this kind who has to do with the case."""

    MODERATOR = "moderator"
    TEAM_LEADER = "team_leader"
    PRINCIPAL_MODERATOR = "principal_moderator"
    AB_OFFICER = "ab_officer"
    EXAMS_OFFICER = "exams_officer"


PARTIES = {
    ThreadKind.DESK: frozenset(Party) - {Party.EXAMS_OFFICER},
    ThreadKind.CENTRE: frozenset({Party.AB_OFFICER, Party.EXAMS_OFFICER}),
}
"""Who can take part in which kind. Source: a moderator never contacts the centre, OCR instruction; project policy."""
UPWARDS = (Party.MODERATOR, Party.TEAM_LEADER, Party.PRINCIPAL_MODERATOR, Party.AB_OFFICER)
"""The way up: each passes a question on to who comes after, or beyond."""


@dataclass(frozen=True, slots=True)
class Written:
    """What decides for whom a message is new: its number in the thread, who wrote it, whom it was addressed to."""

    number: int
    written_by: str
    addressed_to: str


def may_pass_to(kind: ThreadKind, writer: Party, present: Collection[Party]) -> tuple[Party, ...]:
    """Return whom somebody can address in a thread, nearest first.

    Takes: ``present``, the parties that somebody holds for this case: a thread is never passed to nobody.
    """
    if kind is ThreadKind.CENTRE:
        return (Party.EXAMS_OFFICER,) if writer is Party.AB_OFFICER else (Party.AB_OFFICER,)
    upwards = [one for one in UPWARDS if UPWARDS.index(one) > UPWARDS.index(writer)]
    downwards = [one for one in reversed(UPWARDS) if UPWARDS.index(one) < UPWARDS.index(writer)]
    return tuple(one for one in (*upwards, *downwards) if one in present)


def is_for(messages: Iterable[Written], person_id: str, party: str) -> bool:
    """Say whether a conversation is a person's: it was addressed to their kind, or they wrote in it."""
    return any(one.written_by == person_id or one.addressed_to == party for one in messages)


def unread(messages: Iterable[Written], person_id: str, party: str, read_to: int) -> int:
    """Return how many messages of others are new to a person; of a conversation that is not theirs, none."""
    every = tuple(messages)
    if not is_for(every, person_id, party):
        return 0
    return sum(one.number > read_to and one.written_by != person_id for one in every)
