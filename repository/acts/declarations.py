"""Acts on declarations: who declared which candidate's work, declaring it, and what a body has declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from moderation.declarations import (
    STATE_WORDS,
    UNDECLARED,
    DeclarationState,
    DeclarationTerms,
    declaration_state,
)
from moderation.errors import UnknownSampleItem
from moderation.records import declarations as records
from moderation.records import samples
from moderation.records.declarations import DeclarationView, RuleView
from moderation.records.tracking import TrackedItem
from repository import audit
from repository.access import ROLE_TITLES, Action, Role
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.errors import FieldRefused, NotFound
from repository.evidence import AttachedDocument
from repository.people import names_of


@dataclass(frozen=True, slots=True)
class ItemDeclaration:
    """How the declaration of one candidate's work stands, and who made it."""

    state: DeclarationState
    declared: DeclarationView | None
    by_name: str = ""

    @property
    def words(self) -> str:
        """Return the state in words."""
        return STATE_WORDS[self.state]

    @property
    def by_words(self) -> str:
        """Return who declared, with the role."""
        if self.declared is None:
            return ""
        role = self.declared.declared_as
        return f"{self.by_name}, {ROLE_TITLES[Role(role)].lower()}" if role in set(Role) else self.by_name


@dataclass(frozen=True, slots=True)
class Declarations:
    """What is declared of a sample, and how it stands candidate by candidate."""

    terms: DeclarationTerms
    items: Mapping[str, ItemDeclaration]

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the sample items whose required declaration is not there; none where none is required."""
        if not self.terms.each_candidate:
            return ()
        return tuple(item_id for item_id, one in self.items.items() if one.state in UNDECLARED)


def of_items(
    session: Session,
    terms: DeclarationTerms,
    tracked: Iterable[TrackedItem],
    documents: Mapping[str, Sequence[AttachedDocument]],
) -> Declarations:
    """Return how the declarations of a sample stand."""
    found = tuple(tracked)
    declared = records.declared_of(session, [one.item.item_id for one in found])
    names = names_of(session, {one.declared_by for one in declared.values()})
    items = {}
    for one in found:
        item_id = one.item.item_id
        said = declared.get(item_id)
        state = declaration_state(
            said.declared_at if said else None,
            changed_at(documents.get(item_id, ())),
            no_work=bool(one.item.no_work_reason) or one.item.is_replaced,
        )
        items[item_id] = ItemDeclaration(state, said, names.get(said.declared_by, "") if said else "")
    return Declarations(terms, items)


def changed_at(documents: Iterable[AttachedDocument]) -> datetime | None:
    """Return when a file of a work last came to its place."""
    return max((one.attached_at for one in documents), default=None)


def declare(session: Session, context: Context, item_ids: Sequence[str]) -> str:
    """Declare the work of one or several sampled candidates of one case; returns the case's id.

    Raises: ``NotFound``; ``FieldRefused`` when none was chosen; ``SampleIncomplete`` once the sample is submitted.
    """
    if not item_ids:
        raise FieldRefused("Choose the candidates whose work you declare.", field="items")
    actor = actor_of(context)
    cases = {_case_of(session, context, item_id) for item_id in item_ids}
    if len(cases) != 1:
        raise NotFound
    for item_id in dict.fromkeys(item_ids):
        records.declare(session, item_id, role=actor.role.value, actor=actor.person_id, now=context.now)
        audit.record(session, context, Action.DECLARE, "sample_item", item_id)
    return cases.pop()


def take_back(session: Session, context: Context, item_id: str) -> str:
    """Take the declaration of a candidate's work back; returns the case's id."""
    case_id = _case_of(session, context, item_id)
    records.take_back(session, item_id, actor=actor_of(context).person_id, now=context.now)
    audit.record(session, context, "declare.take_back", "sample_item", item_id)
    return case_id


def rules(session: Session, context: Context) -> list[RuleView]:
    """Return what bodies have declared; for officers."""
    if actor_of(context).role is not Role.AB_OFFICER:
        raise NotFound
    return records.listed_terms(session)


def set_rule(
    session: Session,
    context: Context,
    awarding_body: str,
    component_code: str,
    statement: str,
    *,
    each_candidate: bool,
) -> None:
    """Enter what is declared of a component's work, or of every component's; without words it is taken away."""
    actor = actor_of(context)
    if actor.role is not Role.AB_OFFICER:
        raise NotFound
    if not (len(awarding_body) == 2 and awarding_body.isascii() and awarding_body.isdigit()):
        raise FieldRefused("Enter the awarding body as two digits, for example 01.", field="awarding_body")
    records.set_terms(
        session,
        awarding_body,
        component_code,
        statement,
        each_candidate=each_candidate,
        actor=actor.person_id,
        now=context.now,
    )
    audit.record(
        session,
        context,
        "declaration.set",
        "component",
        f"{awarding_body}/{component_code}",
        each_candidate=each_candidate,
    )


def _case_of(session: Session, context: Context, item_id: str) -> str:
    try:
        item = samples.sample_item_of(session, item_id)
    except UnknownSampleItem as error:
        raise NotFound from error
    permitted(session, context, Action.DECLARE, item.case_id)
    return item.case_id
