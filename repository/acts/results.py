"""Acts on results: the gate, proposing a release, releasing as a second officer, and reading under embargo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from moderation.exchange.csv_text import write_table
from moderation.records import gate as gate_records
from moderation.records import results as records
from moderation.records.gate import GateReport
from moderation.records.results import ComputedResult, ReleaseView
from moderation.results import Audience, Embargo
from moderation.tables import SeriesRow
from repository import access, audit
from repository.access import Action, Actor, Scope
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.errors import FieldRefused, NotFound
from repository.tables import Person, ReleaseProposal, new_id

NUMERIC = frozenset({"total"})


@dataclass(frozen=True, slots=True)
class Proposal:
    """A release that one officer proposed."""

    proposal_id: str
    series_key: str
    proposed_by: str
    proposed_by_name: str
    proposed_at: datetime
    embargo: Embargo
    held_case_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GatePage:
    """The gate of a series: what is open, the release that waits for a second officer, and the one in force."""

    series_key: str
    series_title: str
    report: GateReport
    proposal: Proposal | None
    release: ReleaseView | None


def gate(session: Session, context: Context, series_key: str, held_case_ids: Sequence[str] = ()) -> GatePage:
    """Return whether the results of a series could be released now, and why not."""
    access.require(actor_of(context), Action.RESULTS_GATE)
    series = _series(session, series_key)
    proposal = _open_proposal(session, series_key)
    held = held_case_ids or (proposal.held_case_ids if proposal else ())
    report = gate_records.gate(session, series_key, held_case_ids=held)
    return GatePage(series_key, series.title, report, proposal, records.release_of(session, series_key))


def propose(
    session: Session,
    context: Context,
    series_key: str,
    restricted_at: datetime,
    candidates_at: datetime,
    public_at: datetime | None = None,
    held_case_ids: Sequence[str] = (),
) -> str:
    """Propose to release a series under an embargo; returns the proposal's id. It replaces an earlier one.

    Raises: ``FieldRefused`` when the instants are out of order.
    """
    actor = actor_of(context)
    access.require(actor, Action.RESULTS_RELEASE)
    _series(session, series_key)
    try:
        embargo = Embargo(restricted_at, candidates_at, public_at or candidates_at)
    except ValueError as error:
        raise FieldRefused(f"Of the times, {error}.", field="restricted_at") from error
    for earlier in session.scalars(_open(series_key)):
        session.delete(earlier)
    row = ReleaseProposal(
        id=new_id(),
        series_key=series_key,
        proposed_by=actor.person_id,
        proposed_at=context.now,
        restricted_at=embargo.restricted_at,
        candidates_at=embargo.candidates_at,
        public_at=embargo.public_at,
        held_case_ids=list(held_case_ids),
    )
    session.add(row)
    session.flush()
    audit.record(session, context, "results.propose", "series", series_key, proposal=row.id)
    return row.id


def release(session: Session, context: Context, series_key: str) -> ReleaseView:
    """Carry out the proposed release, as an officer other than the one who proposed it.

    Raises: ``NotFound`` without a proposal; ``SamePerson``; ``ResultsGateClosed`` naming what is open.
    """
    actor = actor_of(context)
    access.require(actor, Action.RESULTS_RELEASE)
    proposal = _open_proposal(session, series_key)
    if proposal is None:
        raise NotFound("No release has been proposed for this series. One officer proposes it, another releases.")
    done = records.release_results(
        session,
        series_key,
        first=proposal.proposed_by,
        second=actor.person_id,
        embargo=proposal.embargo,
        now=context.now,
        held_case_ids=proposal.held_case_ids,
    )
    session.get_one(ReleaseProposal, proposal.proposal_id).released_at = context.now
    audit.record(
        session, context, Action.RESULTS_RELEASE, "series", series_key, version=done.number, digest=done.digest
    )
    return done


def read(
    session: Session, context: Context, series_key: str, centre_number: str | None = None
) -> tuple[ComputedResult, ...]:
    """Return the results that the person may see now; reading is recorded.

    Raises: ``NoResults``; ``ResultsEmbargoed`` with the time at which they open, which ``note_embargo`` records.
    """
    actor = actor_of(context)
    scope = access.scope_of(actor, Action.RESULTS_READ)
    if scope is Scope.MY_CENTRE:
        if centre_number not in {None, actor.centre_number}:
            raise NotFound
        centre_number = actor.centre_number
    audience = audience_of(actor)
    found = records.results_for(session, series_key, audience=audience, now=context.now, centre_number=centre_number)
    audit.record(session, context, Action.RESULTS_READ, "series", series_key, centre=centre_number, rows=len(found))
    return tuple(found)


def note_embargo(session: Session, context: Context, series_key: str) -> None:
    """Record that somebody asked for results before their time; the refusal itself undid what it was part of."""
    audit.record(session, context, Action.RESULTS_READ, "series", series_key, outcome="refused")


def audience_of(actor: Actor) -> Audience:
    """Return as whom the person sees results; raises ``NotFound`` where the policy gives no entry."""
    scope = access.scope_of(actor, Action.RESULTS_READ)
    if scope is None:
        raise NotFound
    return Audience.AWARDING_BODY if scope is Scope.ALL else Audience.CENTRE


def as_csv(results: Sequence[ComputedResult], series_key: str) -> bytes:
    """Return results as a CSV file for people: formula-safe, with a byte order mark."""
    rows = records.result_rows(results, series_key)
    columns = (
        list(rows[0])
        if rows
        else ["series", "centre", "candidate_number", "entry_option", "total", "grade", "indicator"]
    )
    return write_table(columns, rows, numeric=NUMERIC & set(columns))


def released_series(session: Session, context: Context) -> tuple[tuple[SeriesRow, ReleaseView], ...]:
    """Return the series that have a release, whether or not its embargo has ended."""
    audience_of(actor_of(context))
    found = []
    for series in session.scalars(select(SeriesRow).order_by(SeriesRow.year.desc(), SeriesRow.key)):
        released = records.release_of(session, series.key)
        if released is not None:
            found.append((series, released))
    return tuple(found)


def released_one(session: Session, context: Context, series_key: str) -> tuple[SeriesRow, ReleaseView]:
    """Return a series and its release in force; raises ``NotFound`` before there is one."""
    for series, released in released_series(session, context):
        if series.key == series_key:
            return series, released
    raise NotFound


def _series(session: Session, series_key: str) -> SeriesRow:
    series = session.get(SeriesRow, series_key)
    if series is None:
        raise NotFound
    return series


def _open(series_key: str) -> Select[ReleaseProposal]:
    return select(ReleaseProposal).where(
        ReleaseProposal.series_key == series_key, ReleaseProposal.released_at.is_(None)
    )


def _open_proposal(session: Session, series_key: str) -> Proposal | None:
    row = session.scalars(_open(series_key)).first()
    if row is None:
        return None
    person = session.get_one(Person, row.proposed_by)
    embargo = Embargo(row.restricted_at, row.candidates_at, row.public_at)
    return Proposal(
        row.id, row.series_key, row.proposed_by, person.display_name, row.proposed_at, embargo, tuple(row.held_case_ids)
    )
