"""Guards of history: what was recorded stays as it was; two people are two humans, whatever accounts they use."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Table

from moderation.entries import PRACTICE_PREFIX
from moderation.guards.independence import Conditions, same
from moderation.guards.trigger import TRUNCATE, Guard, Refusal, Row
from moderation.tables import Base


@dataclass(frozen=True, slots=True)
class Kept:
    """What may still change in a row of history: ``once`` from nothing to something, ``freely`` at any time."""

    once: tuple[str, ...] = ()
    freely: tuple[str, ...] = ()
    practice: str = ""
    """A condition in SQL on ``{row}``, that the row is of a practice centre: such a one may be deleted, and no other."""


def of_practice(column: str) -> str:
    """Return the condition that a centre number, or the key of a series, is one of practice."""
    return f"substr({column}, 1, 1) = '{PRACTICE_PREFIX}'"


_PRACTICE_CASE = (
    "EXISTS (SELECT 1 FROM moderation_case pc WHERE pc.id = {row}.case_id AND " + of_practice("pc.centre_number") + ")"
)
_PRACTICE_ITEM = (
    "EXISTS (SELECT 1 FROM sample_item pi JOIN moderation_case pc ON pc.id = pi.case_id "
    "WHERE pi.id = {row}.sample_item_id AND " + of_practice("pc.centre_number") + ")"
)


_CONFIRMED_OR_SUPERSEDED = Kept(once=("confirmed_by", "confirmed_at", "superseded_at"))

HISTORY: Mapping[str, Kept] = {
    "allocation": Kept(freely=("opens_at", "closes_at", "granted_by", "granted_at")),
    "case_transition": Kept(practice=_PRACTICE_CASE),
    "moderator_mark": Kept(once=("superseded_at",)),
    "criterion_mark": Kept(),
    "safeguarding_concern": Kept(once=("taken_by", "taken_at", "closing_note", "closed_by", "closed_at")),
    "thread": Kept(),
    "moderator_approval": Kept(),
    "standardisation_work": Kept(once=("confirmed_by", "confirmed_at", "retired_at")),
    "standardisation_reading": Kept(
        freely=("number", "mark", "marked_at", "comment")
    ),  # a seed's changes as live marks do
    "message": Kept(),
    "outcome": _CONFIRMED_OR_SUPERSEDED,
    "moderated_mark": Kept(),
    "sample": Kept(
        once=("superseded_at",),
        freely=("stage", "due_at", "size", "swaps", "uncovered_sets"),
        practice=of_practice("{row}.series_key"),
    ),
    "sample_item": Kept(
        once=("replaced_at", "replaced_by", "replacement_reason"),
        freely=("first_stage", "no_work_reason"),
        practice=_PRACTICE_CASE,
    ),
    "sample_profile": Kept(),
    "moderation_policy": Kept(),
    "rule_assignment": Kept(once=("superseded_at",)),
    "sample_exemption": Kept(once=("ended_at", "ended_by")),
    "work_request": Kept(),
    "gate_run": Kept(),
    "gate_held": Kept(),
    "result_version": Kept(),
    "option_result": Kept(),
    "result_withdrawal": Kept(),
    "conflict": Kept(once=("ended_by", "ended_at", "end_reason"), freely=("valid_to",)),
    "involvement": Kept(),
    "person_alias": Kept(),
    "missing_work": Kept(practice=_PRACTICE_ITEM),
    "item_finding": Kept(),
    "moderator_report": Kept(
        once=(
            "submitted_at",
            "submitted_by",
            "returned_at",
            "returned_by",
            "return_reason",
            "released_at",
            "released_by",
        )
    ),
    "report_line": Kept(),
    "centre_feedback": Kept(),
    "support_call": Kept(),
    "review_transition": Kept(),
    "review_mark": Kept(once=("superseded_at",)),
    "review_outcome": Kept(once=("confirmed_by", "confirmed_at", "superseded_at"), freely=("fee_pence", "is_fee_due")),
    "external_mark_change": Kept(),
    "review_consent": Kept(freely=("keep_until",)),
    "appeal": Kept(),
    "panel_member": Kept(),
    "service_terms": Kept(),
}
"""Tables to which rows are only added. A new table of history goes here, and nowhere else."""

TWO_PEOPLE: tuple[tuple[str, str, str], ...] = (
    ("result_version", "released_by_first", "released_by_second"),
    ("result_withdrawal", "withdrawn_by_first", "withdrawn_by_second"),
    ("extension", "asked_by", "decided_by"),
    ("incident", "asked_by", "decided_by"),
    ("reopening", "asked_by", "decided_by"),
    ("mark_amendment", "proposed_by", "decided_by"),
    ("moderator_report", "submitted_by", "released_by"),
    ("suspicion", "raised_by", "decided_by"),
    ("team_member", "leader_id", "person_id"),
)
"""Table, and the two columns that must name two different humans."""


def guards_of_history(table: Table, kept: Kept) -> tuple[Guard, ...]:
    """Return the guards that keep the rows of a table as they were written."""
    frozen = [column.name for column in table.columns if column.name not in {*kept.once, *kept.freely}]

    def changed(row: Row) -> Conditions:
        touched = [row.sql.differs(f"{row.new}.{name}", f"{row.old}.{name}") for name in frozen]
        touched += [
            f"({_given(table, name, row.old)} AND {row.sql.differs(f'{row.new}.{name}', f'{row.old}.{name}')})"
            for name in kept.once
        ]
        return ((Refusal.HISTORY, " OR ".join(touched)),)

    return (
        Guard(f"{table.name}_kept", table.name, "UPDATE", changed),
        Guard(f"{table.name}_stays", table.name, "DELETE", lambda row: ((Refusal.HISTORY, _stays(row, kept)),)),
        Guard(f"{table.name}_stays_whole", table.name, TRUNCATE, lambda row: ((Refusal.HISTORY, _always(row)),)),
    )


def _given(table: Table, name: str, at: str) -> str:
    return f"{at}.{name} IS NOT NULL" if table.columns[name].nullable else f"{at}.{name} <> ''"


def _stays(row: Row, kept: Kept) -> str:
    return f"NOT ({kept.practice.format(row=row.old)})" if kept.practice else _always(row)


def _always(row: Row) -> str:
    return "1" if row.sql.is_sqlite else "true"


def guards_of_two_people(pairs: Iterable[tuple[str, str, str]]) -> tuple[Guard, ...]:
    """Return the guards that refuse one human under two accounts where two people must act."""
    made: list[Guard] = []
    for table, first, second in pairs:

        def refuses(row: Row, first: str = first, second: str = second) -> Conditions:
            n = row.new
            both = f"{n}.{first} IS NOT NULL AND {n}.{second} IS NOT NULL"
            return ((Refusal.SAME_PERSON, f"{both} AND {same(f'{n}.{first}', f'{n}.{second}')}"),)

        made.append(Guard(f"{table}_two_people", table, "INSERT", refuses))
        made.append(Guard(f"{table}_two_people_still", table, f"UPDATE OF {first}, {second}", refuses))
    return tuple(made)


def guards(only: Collection[str] | None = None) -> tuple[Guard, ...]:
    """Return every guard of history; ``only`` narrows to some tables."""
    tables = Base.metadata.tables
    wanted = {name: kept for name, kept in HISTORY.items() if only is None or name in only}
    kept = tuple(guard for name, rest in wanted.items() for guard in guards_of_history(tables[name], rest))
    return kept + guards_of_two_people(pair for pair in TWO_PEOPLE if only is None or pair[0] in only)
