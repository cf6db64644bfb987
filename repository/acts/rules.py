"""Acts on rules: importing profiles, policies and assignments, seeing which govern what, exempting centres."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from moderation.profiles import SampleProfile
from moderation.records import exemptions, rules
from moderation.records.exemptions import ExemptionView
from moderation.records.rules import Governing
from moderation.records.rules_import import RulesImport, import_rules
from moderation.rule_files import Assignment
from moderation.rules import ModerationPolicy
from moderation.tables import SeriesRow
from repository import access, audit
from repository.access import Action
from repository.acts import series
from repository.acts.cases import actor_of
from repository.acts.imports import COMMAND
from repository.audit import Context
from repository.errors import NotSignedIn


@dataclass(frozen=True, slots=True)
class RulesPage:
    """Every rule that is known, and which of them govern which component."""

    profiles: tuple[SampleProfile, ...]
    policies: tuple[ModerationPolicy, ...]
    assignments: tuple[Assignment, ...]
    governing: tuple[Governing, ...]
    exemptions: tuple[ExemptionView, ...]
    series: tuple[SeriesRow, ...]
    series_key: str
    """The series whose components are shown; nothing when there is none."""


def page(session: Session, context: Context, series_key: str | None = None) -> RulesPage:
    """Return every rule, and which govern the components of a series: the newest, unless another is named."""
    access.require(actor_of(context), Action.RULES_WRITE)
    known = series.listed(session, context)
    shown = series_key if series_key in {one.key for one in known} else (known[0].key if known else "")
    return RulesPage(
        tuple(rules.listed_profiles(session)),
        tuple(rules.listed_policies(session)),
        tuple(rules.listed_assignments(session)),
        tuple(rules.governing_of(session, shown)),
        tuple(exemptions.listed_exemptions(session)),
        known,
        shown or "",
    )


def import_file(session: Session, context: Context, name: str, data: bytes, *, dry_run: bool) -> RulesImport:
    """Import a rules file, or say what it would change and keep nothing.

    Raises: ``FileRefused`` with every located fault.
    """
    if context.actor is not None:
        access.require(context.actor, Action.RULES_WRITE)
    elif context.origin != COMMAND:
        raise NotSignedIn
    actor = context.actor.person_id if context.actor else COMMAND
    kept = session.begin_nested()
    done = import_rules(session, name, data, actor=actor, now=context.now)
    if dry_run:
        kept.rollback()
        return done
    kept.commit()
    changed = sum(line.what != "unchanged" for line in done.lines)
    audit.record(
        session,
        context,
        "rules.import",
        "rules",
        "file",
        outcome="done" if done.is_new else "repeated",
        changed=changed,
        components=len(done.moves),
    )
    return done


def grant_exemption(
    session: Session,
    context: Context,
    *,
    awarding_body: str,
    centre_number: str,
    family: str,
    component_code: str,
    expires_on: date,
    reason: str,
) -> ExemptionView:
    """Let a centre send no sample of a component or family until a day."""
    actor = actor_of(context)
    access.require(actor, Action.RULES_WRITE)
    made = exemptions.grant_exemption(
        session,
        awarding_body=awarding_body,
        centre_number=centre_number,
        family=family,
        component_code=component_code,
        expires_on=expires_on,
        reason=reason,
        officer=actor.person_id,
        now=context.now,
    )
    audit.record(session, context, "exemption.grant", "exemption", made.exemption_id, centre=centre_number)
    return made


def end_exemption(session: Session, context: Context, exemption_id: str) -> None:
    """End an exemption at once."""
    actor = actor_of(context)
    access.require(actor, Action.RULES_WRITE)
    exemptions.end_exemption(session, exemption_id, officer=actor.person_id, now=context.now)
    audit.record(session, context, "exemption.end", "exemption", exemption_id)
