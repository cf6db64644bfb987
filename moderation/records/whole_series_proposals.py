"""Outcomes that are proposed for many cases, written together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.outcome import Decision, OutcomeKind
from moderation.records.bulk import insert_rows
from moderation.records.whole_series import CaseLine, CaseSteps
from moderation.rules import ModerationPolicy
from moderation.submission import CaseEvent, CaseState
from moderation.tables import Component, ModerationCase, Outcome

_OUTCOME = (
    "id",
    "case_id",
    "number",
    "kind",
    "stage",
    "numbers",
    "policy_version",
    "mark_set_version",
    "reason",
    "proposed_by",
    "proposed_at",
)


class SampleFacts(NamedTuple):
    """What an outcome keeps of the sample it rests on."""

    sample_id: str
    profile_id: str
    profile_version: int


class Proposals:
    """Outcomes that are proposed, written together; one of before is superseded, not changed.

    Takes: ``before``, case → number of its latest outcome.
    """

    def __init__(self, policy: ModerationPolicy, before: Mapping[str, int]) -> None:
        self._policy = policy
        self._before = before
        self._rows: list[tuple[Any, ...]] = []
        self._superseded: list[tuple[Any, ...]] = []

    def propose(
        self,
        steps: CaseSteps,
        members: Iterable[CaseLine],
        decision: Decision,
        sample: SampleFacts | None,
        *,
        actor: str,
        now: datetime,
        reason: str = "",
        particulars: Mapping[str, Any] | None = None,
    ) -> None:
        """Propose one outcome for all cases moderated together, and move them on."""
        invalid = decision.kind is OutcomeKind.INVALID_ORDER
        event = CaseEvent.FIND_INVALID_ORDER if invalid else CaseEvent.PROPOSE_OUTCOME
        policy = {
            "policy_id": self._policy.policy_id,
            "version": self._policy.version,
            "team_leader_check": self._policy.team_leader_check.value,
        }
        numbers = {
            **decision.numbers(),
            "policy": policy,
            "sample": None if sample is None else sample._asdict(),
            **(particulars or {}),
        }
        for case in members:
            before = self._before.get(case.id, 0)
            if before:
                self._superseded.append((case.id, before))
            self._rows.append(
                (
                    next(steps.ids),
                    case.id,
                    before + 1,
                    decision.kind.value,
                    decision.stage.value,
                    numbers,
                    decision.policy_version,
                    case.mark_set_version,
                    reason,
                    actor,
                    now,
                )
            )
            steps.step(case, event, actor=actor, now=now, reason=reason or decision.kind.value)

    def write(self, session: Session) -> int:
        """Write what was proposed and return how many outcomes."""
        for case_id, number in self._superseded:
            old = session.scalars(select(Outcome).where(Outcome.case_id == case_id, Outcome.number == number)).one()
            old.superseded_at = old.superseded_at or self._rows[0][-1]
        governed = {"policy_id": self._policy.policy_id, "policy_revision": self._policy.version}
        return insert_rows(session, Outcome, _OUTCOME, self._rows, governed) if self._rows else 0


def outcomes_before(session: Session, component: Component, states: Collection[CaseState]) -> dict[str, int]:
    """Return the number of the latest outcome of each case of a component that has one and stands in these states."""
    rows = session.execute(
        select(Outcome.case_id, func.max(Outcome.number))
        .join(ModerationCase, ModerationCase.id == Outcome.case_id)
        .where(
            ModerationCase.series_key == component.series_key,
            ModerationCase.component_code == component.component_code,
            ModerationCase.state.in_(states),
        )
        .group_by(Outcome.case_id)
    )
    return {case_id: number for case_id, number in rows}  # noqa: C416
