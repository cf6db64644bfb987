"""Acts on results: the gate, proposing a release, releasing as a second officer, and reading under embargo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from moderation.entries import is_practice
from moderation.exchange.csv_text import write_table
from moderation.records import gate as gate_records
from moderation.records import results as records
from moderation.records.gate import GateReport, GateRunView, RunReport
from moderation.records.results import ComputedResult, ReleaseView, ResultChange
from moderation.results import Audience, Embargo, IssueReason
from moderation.tables import ModerationCase, SeriesRow
from repository import access, audit
from repository.access import Action, Actor, Scope
from repository.acts import script_results
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.errors import FieldRefused, NotFound
from repository.tables import Person, ReleaseProposal, WithdrawalProposal, new_id

NUMERIC = frozenset({"total"})


LIVE_CASES_LIMIT = 2000
"""Above this many cases the page of the gate shows the newest recorded run, and runs it anew only when asked."""


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
    reason_code: IssueReason | None
    reason: str


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A wish of one officer to take back the results of a series."""

    proposal_id: str
    proposed_by: str
    proposed_by_name: str
    proposed_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class GatePage:
    """The gate of a series: what is open, what waits for a second officer, and the releases so far.

    ``report`` is ``None`` for a series too large to be examined while somebody waits; ``run`` is then what is shown.
    """

    series_key: str
    series_title: str
    report: GateReport | None
    run: RunReport | None
    runs: tuple[GateRunView, ...]
    proposal: Proposal | None
    withdrawal: Withdrawal | None
    releases: tuple[ReleaseView, ...]
    names: Mapping[str, str]

    @property
    def release(self) -> ReleaseView | None:
        """Return the newest release, withdrawn or not."""
        return self.releases[0] if self.releases else None


def gate(
    session: Session, context: Context, series_key: str, held_case_ids: Sequence[str] = (), *, live: bool = True
) -> GatePage:
    """Return whether the results of a series could be released now, and why not.

    Takes: ``live``, whether to examine the series now whatever its size.
    """
    access.require(actor_of(context), Action.RESULTS_GATE)
    series = _series(session, series_key)
    proposal = _open_proposal(session, series_key)
    report = None
    if live or _cases_total(session, series_key) <= LIVE_CASES_LIMIT:
        held = held_case_ids or (proposal.held_case_ids if proposal else ())
        report = _examine(session, series_key, held)
    runs = tuple(gate_records.runs_of(session, series_key))
    releases = tuple(records.releases_of(session, series_key))
    withdrawal = _open_withdrawal(session, series_key)
    named = {run.ran_by for run in runs} | {
        person for one in releases for person in (one.released_by_first, one.released_by_second)
    }
    people = session.execute(select(Person.id, Person.display_name).where(Person.id.in_(named)))
    return GatePage(
        series_key,
        series.title,
        report,
        None if report is not None else gate_records.newest_run(session, series_key),
        runs,
        proposal,
        withdrawal,
        releases,
        {person_id: name for person_id, name in people},  # noqa: C416 - a row is no pair to mypy
    )


def run_gate(
    session: Session,
    context: Context,
    series_key: str,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> GateReport:
    """Run the gate and record what it found.

    Takes: ``progress``, told (done, total) after each range of centres.
    """
    actor = actor_of(context)
    access.require(actor, Action.RESULTS_GATE)
    _series(session, series_key)
    proposal = _open_proposal(session, series_key)
    report = _examine(session, series_key, proposal.held_case_ids if proposal else (), progress)
    _note_run(session, context, report)
    return report


def propose(
    session: Session,
    context: Context,
    series_key: str,
    restricted_at: datetime,
    candidates_at: datetime,
    public_at: datetime | None = None,
    held_case_ids: Sequence[str] = (),
    reason_code: IssueReason | None = None,
    reason: str = "",
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
        reason_code="" if reason_code is None else reason_code.value,
        reason=reason,
    )
    session.add(row)
    session.flush()
    audit.record(session, context, "results.propose", "series", series_key, proposal=row.id)
    return row.id


def release(session: Session, context: Context, series_key: str) -> ReleaseView:
    """Carry out the proposed release, as an officer other than the one who proposed it.

    Raises: ``NotFound`` without a proposal; ``SamePerson``; ``ResultsGateClosed`` naming what is open, which
    ``note_refusal`` records; ``ReasonMissing``.
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
        reason_code=proposal.reason_code,
        reason=proposal.reason,
        more_blocks=script_results.blocks(session, series_key),
    )
    session.get_one(ReleaseProposal, proposal.proposal_id).released_at = context.now
    audit.record(
        session, context, Action.RESULTS_RELEASE, "series", series_key, version=done.number, digest=done.digest
    )
    return done


def note_refusal(session: Session, context: Context, series_key: str) -> None:
    """Record a run of the gate that kept results in; the refusal itself undid what it was part of."""
    report = run_gate(session, context, series_key)
    audit.record(
        session,
        context,
        Action.RESULTS_RELEASE,
        "series",
        series_key,
        outcome="refused",
        blocks=len(report.blocks),
    )


def propose_withdrawal(session: Session, context: Context, series_key: str, reason: str) -> None:
    """Propose to take back the newest release of a series; it replaces an earlier wish.

    Raises: ``NotFound`` where nothing is released; ``FieldRefused`` without a reason.
    """
    actor = actor_of(context)
    access.require(actor, Action.RESULTS_RELEASE)
    _series(session, series_key)
    latest = records.release_of(session, series_key)
    if latest is None or latest.withdrawn_at is not None:
        raise NotFound("No release of this series is in force.")
    if not reason.strip():
        raise FieldRefused("Say why the results should be withdrawn.", field="withdrawal-reason")
    for earlier in session.scalars(_open_wishes(series_key)):
        session.delete(earlier)
    session.add(
        WithdrawalProposal(
            id=new_id(),
            series_key=series_key,
            proposed_by=actor.person_id,
            proposed_at=context.now,
            reason=reason.strip(),
        )
    )
    session.flush()
    audit.record(session, context, "results.propose_withdrawal", "series", series_key, version=latest.number)


def withdraw(session: Session, context: Context, series_key: str) -> ReleaseView:
    """Take back the newest release as an officer other than the one who proposed it.

    Raises: ``NotFound`` without a proposal; ``SamePerson``.
    """
    actor = actor_of(context)
    access.require(actor, Action.RESULTS_RELEASE)
    wish = _open_withdrawal(session, series_key)
    if wish is None:
        raise NotFound("Nobody has proposed to withdraw the results. One officer proposes it, another withdraws.")
    done = records.withdraw_results(
        session, series_key, first=wish.proposed_by, second=actor.person_id, reason=wish.reason, now=context.now
    )
    session.get_one(WithdrawalProposal, wish.proposal_id).withdrawn_at = context.now
    audit.record(session, context, "results.withdraw", "series", series_key, version=done.number)
    return done


def read(
    session: Session, context: Context, series_key: str, centre_number: str | None = None
) -> tuple[ComputedResult, ...]:
    """Return the results that the person may see now; reading is recorded.

    Raises: ``NoResults``; ``ResultsEmbargoed`` with the time at which they open, and ``ResultsWithdrawn``, both of
    which ``note_embargo`` records.
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


def changes(session: Session, context: Context, release: ReleaseView) -> tuple[ResultChange, ...]:
    """Return what a release changed that the person may see: an officer everything, a centre its own, once it is open."""
    actor = actor_of(context)
    audience = audience_of(actor)
    if release.withdrawn_at is not None and audience is not Audience.AWARDING_BODY:
        return ()
    if not release.embargo.is_open(audience, context.now):
        return ()
    centre_number = None if audience is Audience.AWARDING_BODY else actor.centre_number
    return tuple(records.changes_of(session, release, centre_number=centre_number))


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
        if is_practice(series.key):
            continue
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


def is_waiting(session: Session, series_key: str) -> str:
    """Return who proposed a release that waits for a second officer, or nothing; examines no results."""
    proposal = _open_proposal(session, series_key)
    return "" if proposal is None else proposal.proposed_by_name


def _examine(
    session: Session,
    series_key: str,
    held_case_ids: Sequence[str],
    progress: Callable[[int, int], None] | None = None,
) -> GateReport:
    return gate_records.gate(
        session,
        series_key,
        held_case_ids=held_case_ids,
        more_blocks=script_results.blocks(session, series_key),
        progress=progress,
    )


def _note_run(session: Session, context: Context, report: GateReport) -> None:
    run_id = gate_records.record_run(session, report, actor=actor_of(context).person_id, now=context.now)
    audit.record(
        session,
        context,
        Action.RESULTS_GATE,
        "series",
        report.series_key,
        run=run_id,
        clear=report.is_open,
        digest=report.digest,
    )


def _cases_total(session: Session, series_key: str) -> int:
    total = select(func.count()).select_from(ModerationCase).where(ModerationCase.series_key == series_key)
    return session.scalar(total) or 0


def _series(session: Session, series_key: str) -> SeriesRow:
    series = session.get(SeriesRow, series_key)
    if series is None:
        raise NotFound
    return series


def _open(series_key: str) -> Select[ReleaseProposal]:
    return select(ReleaseProposal).where(
        ReleaseProposal.series_key == series_key, ReleaseProposal.released_at.is_(None)
    )


def _open_wishes(series_key: str) -> Select[WithdrawalProposal]:
    return select(WithdrawalProposal).where(
        WithdrawalProposal.series_key == series_key, WithdrawalProposal.withdrawn_at.is_(None)
    )


def _open_withdrawal(session: Session, series_key: str) -> Withdrawal | None:
    row = session.scalars(_open_wishes(series_key)).first()
    if row is None:
        return None
    person = session.get_one(Person, row.proposed_by)
    return Withdrawal(row.id, row.proposed_by, person.display_name, row.proposed_at, row.reason)


def _open_proposal(session: Session, series_key: str) -> Proposal | None:
    row = session.scalars(_open(series_key)).first()
    if row is None:
        return None
    person = session.get_one(Person, row.proposed_by)
    return Proposal(
        row.id,
        row.series_key,
        row.proposed_by,
        person.display_name,
        row.proposed_at,
        Embargo(row.restricted_at, row.candidates_at, row.public_at),
        tuple(row.held_case_ids),
        IssueReason(row.reason_code) if row.reason_code else None,
        row.reason,
    )
