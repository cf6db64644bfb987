"""Guards of the life of a case: only the moves of ``moderation.submission``, and a history without gaps."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from moderation.guards.independence import Conditions
from moderation.guards.trigger import Guard, Refusal, Row
from moderation.submission import TRANSITIONS, CaseEvent, CaseState


@cache
def single_moves() -> Mapping[CaseState, frozenset[CaseState]]:
    """Return where one event can lead from each state."""
    return {
        state: frozenset(after for (before, _), after in TRANSITIONS.items() if before is state) - {state}
        for state in CaseState
    }


@cache
def reachable() -> Mapping[CaseState, frozenset[CaseState]]:
    """Return where several events can lead from each state."""
    found: dict[CaseState, frozenset[CaseState]] = {}
    for state in CaseState:
        seen: set[CaseState] = set()
        edge = {state}
        while edge:
            edge = {after for before in edge for after in single_moves()[before]} - seen
            seen |= edge
        found[state] = frozenset(seen)
    return found


def _listed(states: frozenset[CaseState]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states)) or "''"


def _among(before: str, after: str, moves: Mapping[CaseState, frozenset[CaseState]]) -> str:
    cases = " ".join(f"WHEN '{state}' THEN {after} IN ({_listed(moves[state])})" for state in CaseState)
    return f"CASE {before} {cases} ELSE false END"


def _moved(row: Row) -> Conditions:
    """A state follows the one before by one event; a step that makes several versions, by several."""
    n, o = row.new, row.old
    held = f"({o}.state = '{CaseState.MALPRACTICE_HOLD}' AND {n}.state = {o}.state_before_hold)"
    one = f"({n}.version = {o}.version + 1 AND {_among(f'{o}.state', f'{n}.state', single_moves())})"
    more = f"({n}.version > {o}.version + 1 AND {_among(f'{o}.state', f'{n}.state', reachable())})"
    return (
        (
            Refusal.ILLEGAL_MOVE,
            f"{n}.state <> {o}.state AND NOT (({held} AND {n}.version > {o}.version) OR {one} OR {more})",
        ),
    )


def _stepped(row: Row) -> Conditions:
    """Every step in the history is one of the moves, and begins where the one before it ended."""
    n = row.new
    by_event: dict[CaseEvent, list[str]] = {event: [] for event in CaseEvent}
    for (before, event), after in TRANSITIONS.items():
        by_event[event].append(f"'{before}>{after}'")
    by_event[CaseEvent.RELEASE_HOLD] = [
        f"'{CaseState.MALPRACTICE_HOLD}>{state}'" for state in CaseState if (state, CaseEvent.HOLD) in TRANSITIONS
    ]
    pair = f"({n}.from_state || '>' || {n}.to_state)"
    opened = (
        f"({n}.event = 'OPEN' AND {n}.number = 1 AND {n}.from_state = '' AND {n}.to_state = '{CaseState.MARKS_OPEN}')"
    )
    legal = " ".join(f"WHEN '{event}' THEN {pair} IN ({', '.join(sorted(pairs))})" for event, pairs in by_event.items())
    broken = (
        f"EXISTS (SELECT 1 FROM case_transition ct WHERE ct.case_id = {n}.case_id AND ct.number = {n}.number - 1 "
        f"AND ct.to_state <> {n}.from_state)"
    )
    return (
        (Refusal.ILLEGAL_MOVE, f"NOT ({opened} OR CASE {n}.event {legal} ELSE false END)"),
        (Refusal.HISTORY, broken),
    )


GUARDS: tuple[Guard, ...] = (
    Guard("case_moved", "moderation_case", "UPDATE OF state", _moved),
    Guard("case_stepped", "case_transition", "INSERT", _stepped),
)
