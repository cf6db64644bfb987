"""Acts on how long scripts are kept: until when the scans and the paper of each sitting are, what keeps them, the rules.

What is over may be destroyed (``script_endings``); nothing here destroys anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.entries import Series
from moderation.records.retention import keeping_in
from moderation.retention import Keeping, Kept, Retention, retain_until
from moderation.review_terms import retention_margin_days
from repository import access, audit
from repository.access import Action
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.errors import FieldRefused
from repository.tables import (
    ScriptDestruction,
    ScriptRetentionRule,
)
from scripts.tables import ScanBundle, ScanPage, Script, ScriptCase, Sitting

SCANS, PAPER = "scans", "paper"
ANY = "*"
RULES_LISTED = 100
MARGIN_DAYS_LIMIT = 3650


@dataclass(frozen=True, slots=True)
class EndingLine:
    """A sitting whose scripts end one day: until when each kind is kept, by what, and what is under way."""

    sitting: Sitting
    scripts: int
    scans: Retention
    paper: Retention
    open: Mapping[str, ScriptDestruction]
    done: Mapping[str, ScriptDestruction]
    margins: Mapping[str, int]
    """For how many days more each kind is kept."""


def due(session: Session, context: Context, series_key: str) -> tuple[EndingLine, ...]:
    """Return every sitting of a series with until when its scans and its paper are kept; changes nothing."""
    access.require(actor_of(context), Action.SCRIPT_RETENTION)
    sittings = session.scalars(
        select(Sitting)
        .where(Sitting.series_key == series_key, Sitting.purpose == "scripts")
        .order_by(Sitting.component_code, Sitting.centre_number, Sitting.held_on)
    ).all()
    counted: dict[str, int] = dict(
        session.execute(
            select(Script.sitting_id, func.count())
            .where(Script.sitting_id.in_([one.id for one in sittings]))
            .group_by(Script.sitting_id)
        ).all()
    )
    found: dict[str, list[ScriptDestruction]] = defaultdict(list)
    for row in session.scalars(
        select(ScriptDestruction).where(
            ScriptDestruction.sitting_id.in_([one.id for one in sittings]), ScriptDestruction.withdrawn_at.is_(None)
        )
    ):
        found[row.sitting_id].append(row)
    keeping = ScriptsKeeping(session, series_key, context, [one.id for one in sittings])
    lines = []
    for sitting in sittings:
        rows = found[sitting.id]
        lines.append(
            EndingLine(
                sitting,
                counted.get(sitting.id, 0),
                keeping.retention(sitting, SCANS),
                keeping.retention(sitting, PAPER),
                {row.what: row for row in rows if row.finished_at is None},
                {row.what: row for row in rows if row.finished_at is not None},
                {what: keeping.margin_days(sitting, what) for what in (SCANS, PAPER)},
            )
        )
    return tuple(lines)


class ScriptsKeeping:
    """What keeps the scripts of sittings of one series, asked for once for all of them."""

    def __init__(self, session: Session, series_key: str, context: Context, sitting_ids: Sequence[str]) -> None:
        self._of_place = keeping_in(session, series_key, context.now)
        self._cases = set(
            session.scalars(
                select(ScriptCase.sitting_id)
                .where(ScriptCase.sitting_id.in_(sitting_ids), ScriptCase.state != "closed")
                .distinct()
            )
        )
        self._pages = set(
            session.scalars(
                select(ScanBundle.sitting_id)
                .join(ScanPage, ScanPage.bundle_id == ScanBundle.id)
                .where(ScanBundle.sitting_id.in_(sitting_ids), ScanPage.disposition == "queued")
                .distinct()
            )
        )
        self._body = Series.from_key(series_key).awarding_body
        self._rules = session.scalars(
            select(ScriptRetentionRule)
            .where(ScriptRetentionRule.awarding_body.in_([self._body, ANY]))
            .order_by(ScriptRetentionRule.set_at, ScriptRetentionRule.id)
        ).all()

    def retention(self, sitting: Sitting, what: str) -> Retention:
        """Return until when the scans or the paper of a sitting are kept, and by what."""
        kept = list(self._of_place(sitting.component_code, sitting.centre_number))
        kept += [Kept(Keeping.OPEN_CASE, None)] if sitting.id in self._cases else []
        kept += [Kept(Keeping.WAITING_PAGES, None)] if sitting.id in self._pages else []
        return retain_until(kept, margin_days=self.margin_days(sitting, what))

    def margin_days(self, sitting: Sitting, what: str) -> int:
        """Return for how many days more they are kept: the most exact rule, the newest of equals, or the package's figure.

        Source: project policy (domain: moderation, section 17); no board publishes a figure for scripts.
        """
        fitting = [
            rule for rule in self._rules if rule.what == what and rule.component_code in {sitting.component_code, ANY}
        ]
        exact = [(rule.component_code != ANY, rule.awarding_body != ANY, at) for at, rule in enumerate(fitting)]
        return fitting[max(exact)[2]].margin_days if exact else retention_margin_days()


def rules(session: Session, context: Context) -> tuple[ScriptRetentionRule, ...]:
    """Return the rules that were set of how many days more scripts are kept, the newest first: all stay on record."""
    access.require(actor_of(context), Action.SCRIPT_RETENTION)
    query = select(ScriptRetentionRule).order_by(ScriptRetentionRule.set_at.desc(), ScriptRetentionRule.id)
    return tuple(session.scalars(query.limit(RULES_LISTED)))


def set_rule(
    session: Session, context: Context, *, body: str, component: str, what: str, days: int, source: str
) -> str:
    """Set for how many days scripts are kept after the last thing that keeps them; returns the rule's id.

    Raises: ``FieldRefused`` naming the field.
    """
    actor = actor_of(context)
    access.require(actor, Action.SCRIPT_RETENTION)
    if what not in {SCANS, PAPER}:
        raise FieldRefused("Choose scans or paper.", field="what")
    if body != ANY and not (len(body) == 2 and body.isascii() and body.isalnum()):
        raise FieldRefused("Enter the awarding body as two characters, or * for every one.", field="awarding_body")
    if not 0 <= days <= MARGIN_DAYS_LIMIT:
        raise FieldRefused(f"Enter days from 0 to {MARGIN_DAYS_LIMIT:,}.", field="margin_days")
    rule = ScriptRetentionRule(
        awarding_body=body,
        component_code=component or ANY,
        what=what,
        margin_days=days,
        source=source,
        set_by=actor.person_id,
        set_at=context.now,
    )
    session.add(rule)
    session.flush()
    audit.record(session, context, "script.retention.rule", "script_retention_rule", rule.id, days=days, what=what)
    return rule.id
