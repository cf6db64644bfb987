"""Guards of results: no version without a clear run of the gate, and none while a case that it did not hold is open."""

from __future__ import annotations

from moderation.guards.independence import Conditions
from moderation.guards.trigger import Guard, Refusal, Row
from moderation.submission import SETTLED

_SETTLED = ", ".join(f"'{state}'" for state in sorted(SETTLED))


def _rests_on_the_gate(row: Row) -> Conditions:
    """The newest run of the gate of the series is clear and has the digest of what is to be published.

    Source: project policy, results gate: a constraint on the version, not a warning.
    """
    n = row.new
    cleared = (
        f"EXISTS (SELECT 1 FROM gate_run g WHERE g.id = {n}.gate_run_id AND g.series_key = {n}.series_key "
        f"AND g.is_clear AND g.digest = {n}.digest AND g.number = "
        f"(SELECT MAX(later.number) FROM gate_run later WHERE later.series_key = {n}.series_key))"
    )
    free = f"NOT EXISTS (SELECT 1 FROM gate_held h WHERE h.gate_run_id = {n}.gate_run_id AND h.case_id = c.id)"
    confirmed = (
        "EXISTS (SELECT 1 FROM outcome u WHERE u.case_id = c.id AND u.superseded_at IS NULL "
        "AND u.confirmed_at IS NOT NULL)"
    )
    pending = (
        f"EXISTS (SELECT 1 FROM moderation_case c WHERE c.series_key = {n}.series_key AND {free} "
        f"AND (c.state NOT IN ({_SETTLED}) OR NOT {confirmed}))"
    )
    return ((Refusal.GATE, f"NOT {cleared}"), (Refusal.GATE, pending))


GUARDS: tuple[Guard, ...] = (Guard("version_rests_on_gate", "result_version", "INSERT", _rests_on_the_gate),)
