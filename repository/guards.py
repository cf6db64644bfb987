"""The service's own guards: a role at a centre is a conflict by itself, and two people are two humans here as well.

Source: project policy: automatic conflicts reach three years back; nobody declares or forgets them, the database writes
them when a role is given.
"""

from __future__ import annotations

from collections.abc import Sequence

from moderation import guards as of_moderation
from moderation.guards.history import guards_of_two_people
from moderation.guards.trigger import Guard, Refusal, Row
from repository.access import CENTRE_ROLES

TIE_YEARS = 3
"""So long after a role at a centre its holder stays tied to it."""

_ROLES = "(" + ", ".join(f"'{role}'" for role in sorted(CENTRE_ROLES)) + ")"


def _is_tie(row: Row) -> str:
    return f"{row.new}.role IN {_ROLES} AND {row.new}.centre_number IS NOT NULL"


def _ends(row: Row, at: str) -> str:
    """When a tie ends: a role that never held, because it ended before it began, ties nobody."""
    after = row.sql.years_after(f"{at}.valid_to", TIE_YEARS)
    return f"CASE WHEN {at}.valid_to <= {at}.valid_from THEN {at}.valid_from ELSE {after} END"


def _tie(row: Row) -> Sequence[str]:
    n = row.new
    other = "lower(hex(randomblob(16)))" if row.sql.is_sqlite else "CAST(gen_random_uuid() AS text)"
    known = f"c.source_id = {n}.id AND c.person_id = {n}.person_id AND c.centre_number = {n}.centre_number"
    identity = f"CASE WHEN EXISTS (SELECT 1 FROM conflict c WHERE c.id = {n}.id) THEN {other} ELSE {n}.id END"
    return (
        "INSERT INTO conflict (id, person_id, centre_number, kind, origin, note, source_id, declared_by, declared_at, "
        f"valid_from, valid_to, end_reason) SELECT {identity}, {n}.person_id, {n}.centre_number, 'EMPLOYED', 'AUTOMATIC', "
        f"'Has, or had, a role at this centre', {n}.id, 'system', {row.sql.now}, {n}.valid_from, {_ends(row, n)}, '' "
        f"WHERE {_is_tie(row)} AND NOT EXISTS (SELECT 1 FROM conflict c WHERE {known})",
    )


def _follow(row: Row) -> Sequence[str]:
    n = row.new
    return (
        *_tie(row),
        f"UPDATE conflict SET valid_to = {_ends(row, n)} WHERE source_id = {n}.id AND origin = 'AUTOMATIC' "
        f"AND person_id = {n}.person_id AND centre_number = {n}.centre_number",
    )


def _as_assigned(row: Row) -> Sequence[tuple[Refusal, str]]:
    """The end of an automatic conflict is what its role says, and nothing else."""
    n, o = row.new, row.old
    differs = row.sql.differs(f"{n}.valid_to", f"({_ends(row, 'a')})")
    told = f"EXISTS (SELECT 1 FROM assignment a WHERE a.id = {n}.source_id AND NOT ({differs}))"
    moved = row.sql.differs(f"{n}.valid_to", f"{o}.valid_to")
    return ((Refusal.AUTOMATIC_CONFLICT, f"{o}.origin = 'AUTOMATIC' AND {moved} AND NOT {told}"),)


TWO_PEOPLE = (("shred_proposal", "proposed_by", "confirmed_by"),)
"""Table, and the two columns that must name two different humans."""


def all_guards() -> tuple[Guard, ...]:
    """Return every guard of the database, those of moderation first."""
    return (
        *of_moderation.all_guards(),
        Guard("role_ties", "assignment", "INSERT", notes=_tie, by_row=True),
        Guard("role_ties_still", "assignment", "UPDATE", notes=_follow),
        Guard("conflict_as_assigned", "conflict", "UPDATE OF valid_to", _as_assigned),
        *guards_of_two_people(TWO_PEOPLE),
    )
