"""Results of a series: released by two people as a version, withdrawn by two, and who may see them when."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import (
    NoResults,
    ReasonMissing,
    ResultsEmbargoed,
    ResultsGateClosed,
    ResultsWithdrawn,
    SamePerson,
)
from moderation.records.bulk import insert_rows
from moderation.records.calculation import Calculation, ResultLine
from moderation.records.gate import gate, record_run
from moderation.records.gate_examination import GateBlock
from moderation.records.holds import held_candidates
from moderation.records.ranges import centre_ranges
from moderation.records.reports import release_handed_in
from moderation.records.whole_series import CaseSteps, each_component, unseen
from moderation.results import Audience, Embargo, IssueReason
from moderation.submission import CaseEvent, CaseState
from moderation.tables import (
    Candidate,
    EntryOption,
    OptionResult,
    ResultVersion,
    ResultWithdrawal,
    new_id,
)

BLOCKS_TOLD = 200


@dataclass(frozen=True, slots=True)
class ComputedResult:
    """The result of a candidate in an option, before or after release; totals are exact texts."""

    candidate_id: str
    centre_number: str
    candidate_number: str
    uci: str
    surname: str
    forenames: str
    option_code: str
    option_title: str
    total: str | None
    grade: str | None
    indicator: str | None
    components: tuple[Mapping[str, Any], ...]
    is_protected: bool = False


@dataclass(frozen=True, slots=True)
class ReleaseView:
    """A release of results; ``withdrawn_at`` is set when two people took it back."""

    version_id: str
    series_key: str
    number: int
    digest: str
    gate_run_id: str
    reason_code: IssueReason
    reason: str
    released_by_first: str
    released_by_second: str
    created_at: datetime
    embargo: Embargo
    withdrawn_at: datetime | None
    withdrawal_reason: str


@dataclass(frozen=True, slots=True)
class ResultChange:
    """What a version changed for a candidate in an option; ``None`` where there was, or is, no result."""

    centre_number: str
    candidate_number: str
    option_code: str
    before: tuple[str | None, str | None, str | None] | None
    after: tuple[str | None, str | None, str | None] | None


def compute_results(
    session: Session, series_key: str, *, held_case_ids: Collection[str] = (), centre_number: str | None = None
) -> list[ComputedResult]:
    """Return the result of every entry of a series, or of one centre, from what is recorded now.

    Nothing is stored or released.
    """
    calculation = Calculation(
        session, series_key, held_case_ids=held_case_ids, held_candidates=held_candidates(session, series_key)
    )
    ranges = centre_ranges(session, series_key) if centre_number is None else [(centre_number, centre_number)]
    found = []
    for centres in ranges:
        rows = session.execute(
            select(Candidate.id, Candidate.uci, Candidate.surname, Candidate.forenames).where(
                Candidate.series_key == series_key, Candidate.centre_number.between(*centres)
            )
        )
        people = {candidate_id: (uci, surname, forenames) for candidate_id, uci, surname, forenames in rows}
        titles = _titles(session, series_key)
        found += [
            ComputedResult(
                line.candidate_id,
                line.centre_number,
                line.candidate_number,
                *people[line.candidate_id],
                line.option_code,
                titles[line.option_code],
                line.total,
                line.grade,
                line.indicator,
                tuple(line.components),
                line.is_protected,
            )
            for line in calculation.lines(centres)
        ]
    return found


def release_results(
    session: Session,
    series_key: str,
    *,
    first: str,
    second: str,
    embargo: Embargo,
    now: datetime,
    held_case_ids: Collection[str] = (),
    reason_code: IssueReason | None = None,
    reason: str = "",
    more_blocks: Iterable[GateBlock] = (),
    progress: Callable[[int, int], None] | None = None,
) -> ReleaseView:
    """Release the results of a series as a new version, under embargo; the same results again change nothing.

    The gate runs in the same transaction and is recorded; what is written has the digest that it cleared.
    Takes: ``reason_code`` and ``reason``, needed once a version with other results was released before.
    Raises: ``SamePerson`` unless two people release; ``ResultsGateClosed`` with ``blocks``; ``ReasonMissing``;
    ``UnknownSeries``.
    """
    if first == second:
        raise SamePerson
    cleared: list[list[_Cleared]] = []

    def take(lines: Sequence[ResultLine]) -> None:
        cleared.append([(line.text, line.is_protected) for line in lines])

    report = gate(
        session,
        series_key,
        held_case_ids=held_case_ids,
        more_blocks=more_blocks,
        progress=progress,
        take=take,
    )
    if not report.is_open:
        codes = sorted({block.code for block in report.blocks})
        raise ResultsGateClosed(
            f"Results cannot be released: {len(report.blocks)} things are open ({', '.join(codes)}).",
            blocks=report.as_json()["blocks"][:BLOCKS_TOLD],
        )
    latest = release_of(session, series_key)
    if latest is not None and not latest.withdrawn_at and (latest.digest, latest.embargo) == (report.digest, embargo):
        return latest
    code = _reason_code(latest, report.digest, reason_code, reason)
    version = ResultVersion(
        id=new_id(),
        series_key=series_key,
        number=1 if latest is None else latest.number + 1,
        gate_run_id=record_run(session, report, actor=second, now=now),
        digest=report.digest,
        reason_code=code.value,
        reason=reason.strip(),
        released_by_first=first,
        released_by_second=second,
        created_at=now,
        restricted_at=embargo.restricted_at,
        candidates_at=embargo.candidates_at,
        public_at=embargo.public_at,
    )
    session.add(version)
    session.flush()
    _write(session, version, cleared)
    _issue(session, series_key, set(report.held_case_ids), actor=second, now=now)
    release_handed_in(session, series_key, officer=second, now=now)
    session.flush()
    released = release_of(session, series_key)
    if released is None:
        raise NoResults(series_key=series_key)
    return released


def withdraw_results(
    session: Session, series_key: str, *, first: str, second: str, reason: str, now: datetime
) -> ReleaseView:
    """Take back the newest version of a series' results: outside the awarding body nobody sees it any more.

    The version stays as it was; a later release is a new one. Withdrawing twice changes nothing.
    Raises: ``SamePerson``; ``ReasonMissing``; ``NoResults``.
    """
    if first == second:
        raise SamePerson
    if not reason.strip():
        raise ReasonMissing("Say why the results are withdrawn.")
    latest = release_of(session, series_key)
    if latest is None:
        raise NoResults(series_key=series_key)
    if latest.withdrawn_at is None:
        session.add(
            ResultWithdrawal(
                version_id=latest.version_id,
                reason=reason.strip(),
                withdrawn_by_first=first,
                withdrawn_by_second=second,
                withdrawn_at=now,
            )
        )
        session.flush()
    return release_of(session, series_key) or latest


def release_of(session: Session, series_key: str) -> ReleaseView | None:
    """Return the newest release of a series, withdrawn or not, or ``None``; says nothing about its contents."""
    found = releases_of(session, series_key, limit=1)
    return found[0] if found else None


def releases_of(session: Session, series_key: str, limit: int | None = None) -> list[ReleaseView]:
    """Return the releases of a series, newest first."""
    rows = session.execute(
        select(ResultVersion, ResultWithdrawal)
        .outerjoin(ResultWithdrawal, ResultWithdrawal.version_id == ResultVersion.id)
        .where(ResultVersion.series_key == series_key)
        .order_by(ResultVersion.number.desc())
        .limit(limit)
    )
    return [_release_view(version, withdrawal) for version, withdrawal in rows]


def results_for(
    session: Session, series_key: str, *, audience: Audience, now: datetime, centre_number: str | None = None
) -> list[ComputedResult]:
    """Return the released results an audience may see now, of one centre or of all.

    Raises: ``NoResults`` before any release; ``ResultsEmbargoed`` with ``opens_at`` until the audience's instant;
    ``ResultsWithdrawn`` for everybody outside the awarding body while the newest version is withdrawn.
    """
    version = open_release(session, series_key, audience=audience, now=now)
    query = (
        select(OptionResult, Candidate, EntryOption.title)
        .join(Candidate, Candidate.id == OptionResult.candidate_id)
        .join(
            EntryOption,
            (EntryOption.series_key == Candidate.series_key) & (EntryOption.option_code == OptionResult.option_code),
        )
        .where(OptionResult.version_id == version.version_id)
        .order_by(Candidate.centre_number, Candidate.candidate_number, OptionResult.option_code)
    )
    if centre_number is not None:
        query = query.where(Candidate.centre_number == centre_number)
    return [
        ComputedResult(
            candidate.id,
            candidate.centre_number,
            candidate.candidate_number,
            candidate.uci,
            candidate.surname,
            candidate.forenames,
            row.option_code,
            title,
            row.total,
            row.grade,
            row.indicator,
            tuple(row.components),
            row.is_protected,
        )
        for row, candidate, title in session.execute(query)
    ]


def open_release(session: Session, series_key: str, *, audience: Audience, now: datetime) -> ReleaseView:
    """Return the release that an audience may see now.

    Raises: ``NoResults``; ``ResultsEmbargoed`` with ``opens_at``; ``ResultsWithdrawn``.
    """
    version = release_of(session, series_key)
    if version is None:
        raise NoResults(series_key=series_key)
    if version.withdrawn_at is not None and audience is not Audience.AWARDING_BODY:
        raise ResultsWithdrawn(series_key=series_key)
    if not version.embargo.is_open(audience, now):
        opens_at = version.embargo.opens_at(audience)
        raise ResultsEmbargoed(opens_at=None if opens_at is None else opens_at.isoformat())
    return version


def changes_of(session: Session, release: ReleaseView, *, centre_number: str | None = None) -> list[ResultChange]:
    """Return what a release changed against the newest earlier one that was not withdrawn before it.

    Returns: changes by centre, candidate and option; nothing for a first release.
    """
    earlier = [one for one in releases_of(session, release.series_key) if one.number < release.number]
    if not earlier:
        return []
    before = _contents(session, earlier[0].version_id, centre_number)
    after = _contents(session, release.version_id, centre_number)
    return [
        ResultChange(*key, before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def result_rows(results: Sequence[ComputedResult], series_key: str) -> list[dict[str, Any]]:
    """Return the rows of the results CSV, keyed by column name."""
    return [
        {
            "series": series_key,
            "centre": row.centre_number,
            "candidate_number": row.candidate_number,
            "uci": row.uci,
            "entry_option": row.option_code,
            "total": row.total or "",
            "grade": row.grade or "",
            "indicator": row.indicator or "",
            "provisional": "yes",
        }
        for row in results
    ]


# The release, piece by piece


def _reason_code(latest: ReleaseView | None, digest: str, reason_code: IssueReason | None, reason: str) -> IssueReason:
    if latest is None:
        return IssueReason.FIRST_ISSUE
    if latest.digest == digest and latest.withdrawn_at is None:
        return IssueReason.EMBARGO_CHANGED
    if reason_code is None or not reason.strip():
        raise ReasonMissing("Results were released before: say why they are issued again.")
    return reason_code


_Cleared = tuple[str, bool]
"""The text of a result that the digest is made of, and whether the published grade is protected: all that is kept of it."""


def _write(session: Session, version: ResultVersion, cleared: Iterable[Sequence[_Cleared]]) -> None:
    """Write the very results that the gate cleared, and refuse them unless they have the digest of the version."""
    digest = sha256()
    columns = ("candidate_id", "option_code", "total", "grade", "indicator", "components", "is_protected")
    for lines in cleared:
        digest.update("".join([text for text, _ in lines]).encode())
        insert_rows(session, OptionResult, columns, map(_row, lines), same={"version_id": version.id})
    if digest.hexdigest() != version.digest:
        raise ResultsGateClosed("What would be published is not what the gate cleared.")


def _row(cleared: _Cleared) -> tuple[Any, ...]:
    text, is_protected = cleared
    candidate_id, code, total, grade, indicator, components, *before = json.loads(text)
    return candidate_id, code, total, before[0] if is_protected else grade, indicator, components, is_protected


def _issue(session: Session, series_key: str, held: Collection[str], *, actor: str, now: datetime) -> None:
    """Move every case whose results leave for the first time; the others stay where they are."""
    for _, cases in each_component(session, series_key, {CaseState.OUTCOME_LOCKED}, unseen):
        steps = CaseSteps()
        for case in cases:
            if case.state is CaseState.OUTCOME_LOCKED and case.id not in held:
                steps.step(case, CaseEvent.ISSUE_RESULTS, actor=actor, now=now)
        steps.write(session)


def _titles(session: Session, series_key: str) -> Mapping[str, str]:
    rows = session.execute(
        select(EntryOption.option_code, EntryOption.title).where(EntryOption.series_key == series_key)
    )
    return dict(rows.all())


def _contents(
    session: Session, version_id: str, centre_number: str | None
) -> dict[tuple[str, str, str], tuple[str | None, str | None, str | None]]:
    query = (
        select(
            Candidate.centre_number,
            Candidate.candidate_number,
            OptionResult.option_code,
            OptionResult.total,
            OptionResult.grade,
            OptionResult.indicator,
        )
        .join(Candidate, Candidate.id == OptionResult.candidate_id)
        .where(OptionResult.version_id == version_id)
    )
    if centre_number is not None:
        query = query.where(Candidate.centre_number == centre_number)
    return {(row[0], row[1], row[2]): (row[3], row[4], row[5]) for row in session.execute(query)}


def _release_view(version: ResultVersion, withdrawal: ResultWithdrawal | None) -> ReleaseView:
    return ReleaseView(
        version.id,
        version.series_key,
        version.number,
        version.digest,
        version.gate_run_id,
        IssueReason(version.reason_code),
        version.reason,
        version.released_by_first,
        version.released_by_second,
        version.created_at,
        Embargo(version.restricted_at, version.candidates_at, version.public_at),
        None if withdrawal is None else withdrawal.withdrawn_at,
        "" if withdrawal is None else withdrawal.reason,
    )
