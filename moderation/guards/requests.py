"""Guards of requests after results: they begin as drafts and move only as ``moderation.review`` says, consent first."""

from __future__ import annotations

from moderation.guards.independence import Conditions
from moderation.guards.trigger import Guard, Refusal, Row
from moderation.review import TRANSITIONS, Consent, RequestEvent, RequestState

_MOVES = ", ".join(sorted({f"'{before}>{after}'" for (before, _), after in TRANSITIONS.items()}))


def _begun(row: Row) -> Conditions:
    return ((Refusal.ILLEGAL_MOVE, f"{row.new}.state <> '{RequestState.DRAFT}'"),)


def _moved(row: Row) -> Conditions:
    n, o = row.new, row.old
    pair = f"({o}.state || '>' || {n}.state)"
    unasked = (
        f"{o}.state = '{RequestState.DRAFT}' AND {n}.state = '{RequestState.SUBMITTED}' "
        f"AND ({o}.consent <> '{Consent.NONE}' OR {n}.consent <> '{Consent.NONE}')"
    )
    return (
        (Refusal.ILLEGAL_MOVE, f"{n}.state <> {o}.state AND {pair} NOT IN ({_MOVES})"),
        (Refusal.ILLEGAL_MOVE, unasked),
    )


def _stepped(row: Row) -> Conditions:
    """Every step in the history is one of the moves of the table."""
    n = row.new
    by_event: dict[RequestEvent, list[str]] = {event: [] for event in RequestEvent}
    for (before, event), after in TRANSITIONS.items():
        by_event[event].append(f"'{before}>{after}'")
    pair = f"({n}.from_state || '>' || {n}.to_state)"
    legal = " ".join(f"WHEN '{event}' THEN {pair} IN ({', '.join(sorted(pairs))})" for event, pairs in by_event.items())
    return ((Refusal.ILLEGAL_MOVE, f"NOT (CASE {n}.event {legal} ELSE false END)"),)


def _deleted(row: Row) -> Conditions:
    return ((Refusal.HISTORY, f"{row.old}.id = {row.old}.id"),)


GUARDS: tuple[Guard, ...] = (
    Guard("request_begun", "review_request", "INSERT", _begun),
    Guard("request_moved", "review_request", "UPDATE OF state", _moved),
    Guard("request_stepped", "review_transition", "INSERT", _stepped),
    Guard("request_stays", "review_request", "DELETE", _deleted),
)
