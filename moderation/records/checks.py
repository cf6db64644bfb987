"""Checks of moderators: works of an outcome marked again, blind, by a team leader or the principal moderator."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy.orm.exc import StaleDataError

from moderation.checking import Verdict, mean_difference, needs_check, works_to_check
from moderation.errors import (
    CheckNotPossible,
    CheckUnknown,
    ReasonMissing,
    SamePerson,
    StaleVersion,
    UnknownSampleItem,
)
from moderation.marking import check_moderator_mark
from moderation.outcome import OutcomeKind
from moderation.records.cases import case_of, component_of
from moderation.records.marking import reopen_marking
from moderation.records.rules import policy_for
from moderation.records.second_people import markers_of
from moderation.records.works import locked_group, works_of
from moderation.rules import TeamLeaderCheck
from moderation.submission import CaseState
from moderation.tables import (
    Allocation,
    Candidate,
    CheckItem,
    ModerationCase,
    ModeratorCheck,
    ModeratorMark,
    Outcome,
    SampleItem,
    new_id,
)

_IDS_ASKED_AT_ONCE = 500
"""Databases bound how many values one statement may name."""


@dataclass(frozen=True, slots=True)
class CheckedWork:
    """One work of a check; the moderator's mark is ``None`` until every work of the check has the checker's own."""

    item_id: str
    candidate_id: str
    candidate_number: str
    centre_number: str
    centre_mark: int | None
    mark: int | None
    comment: str
    moderator_mark: int | None

    @property
    def difference(self) -> int | None:
        """Return moderator mark minus own mark, once both may be seen; above zero the moderator was generous."""
        return None if self.moderator_mark is None or self.mark is None else self.moderator_mark - self.mark


@dataclass(frozen=True, slots=True)
class CheckView:
    """A check of a moderator's work on one outcome."""

    check_id: str
    case_id: str
    outcome_id: str
    number: int
    version: int
    is_principal: bool
    checker_id: str
    opened_at: datetime
    verdict: Verdict | None
    reason: str
    decided_at: datetime | None
    works: tuple[CheckedWork, ...]

    @property
    def is_compared(self) -> bool:
        """Say whether every work has the checker's own mark, so that the moderator's marks are shown."""
        return all(work.mark is not None for work in self.works)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far a moderator's work in a component was checked; ``drift`` is moderator minus checker, on average."""

    person_id: str
    component_code: str
    series_key: str
    cases: int
    cases_checked: int
    works_read: int
    works_checked: int
    drift: Fraction | None
    greatest: int | None

    @property
    def share(self) -> Fraction | None:
        """Return which part of the works read was checked, exactly."""
        return Fraction(self.works_checked, self.works_read) if self.works_read else None


def open_check(session: Session, case_id: str, *, checker: str, is_principal: bool, now: datetime) -> CheckView:
    """Begin a check of the proposed outcome of a case, or go on with the one the person began.

    The works are spread evenly over those that were read. What the moderator gave is kept aside until the checker has
    marked all of them.
    Raises: ``CheckNotPossible`` unless an outcome with works read waits to be confirmed; ``SamePerson`` for who marked.
    """
    members = locked_group(session, case_id)
    case = case_of(session, case_id)
    outcome = session.scalars(
        select(Outcome).where(Outcome.case_id == case_id, Outcome.superseded_at.is_(None))
    ).one_or_none()
    if outcome is None or case.state != CaseState.OUTCOME_PROPOSED:
        raise CheckNotPossible("A moderator is checked when an outcome is proposed and waits to be confirmed.")
    if checker in markers_of(session, members[0]):
        raise SamePerson("You marked works of this sample, so somebody else checks them.")
    mine = session.scalars(
        select(ModeratorCheck).where(ModeratorCheck.outcome_id == outcome.id, ModeratorCheck.checker_id == checker)
    ).one_or_none()
    if mine is not None:
        return check_of(session, mine.id)
    read = [work for work in works_of(session, case) if work.counts and work.mark is not None]
    own = [work for work in read if work.item.case_id == case_id] or read
    if not own:
        raise CheckNotPossible("No work was read for this outcome, so there is nothing to check.")
    number = session.scalar(select(func.max(ModeratorCheck.number)).where(ModeratorCheck.case_id == case_id)) or 0
    made = ModeratorCheck(
        id=new_id(),
        case_id=case_id,
        outcome_id=outcome.id,
        number=number + 1,
        is_principal=is_principal,
        checker_id=checker,
        opened_at=now,
    )
    session.add(made)
    try:
        session.flush()
    except IntegrityError:
        raise StaleVersion from None
    session.add_all(
        CheckItem(
            check_id=made.id,
            sample_item_id=work.item.id,
            moderator_id=work.mark.marked_by,
            moderator_mark=work.mark.mark,
        )
        for work in works_to_check(own)
        if work.mark is not None
    )
    session.flush()
    return check_of(session, made.id)


def check_of(session: Session, check_id: str) -> CheckView:
    """Return a check as its maker may see it; raises ``CheckUnknown``."""
    check = session.get(ModeratorCheck, check_id)
    if check is None:
        raise CheckUnknown
    rows = session.execute(
        select(CheckItem, SampleItem, Candidate)
        .join(SampleItem, SampleItem.id == CheckItem.sample_item_id)
        .join(Candidate, Candidate.id == SampleItem.candidate_id)
        .where(CheckItem.check_id == check_id)
        .order_by(SampleItem.position, SampleItem.id)
    ).all()
    seen = all(row.mark is not None for row, _, _ in rows)
    centre = {work.item.id: work.centre_mark for work in works_of(session, case_of(session, check.case_id))}
    works = tuple(
        CheckedWork(
            item.id,
            candidate.id,
            candidate.candidate_number,
            candidate.centre_number,
            centre.get(item.id, item.centre_mark),
            row.mark,
            row.comment,
            row.moderator_mark if seen else None,
        )
        for row, item, candidate in rows
    )
    return CheckView(
        check.id,
        check.case_id,
        check.outcome_id,
        check.number,
        check.version,
        check.is_principal,
        check.checker_id,
        check.opened_at,
        None if check.verdict is None else Verdict(check.verdict),
        check.reason,
        check.decided_at,
        works,
    )


def checks_of(session: Session, case_id: str) -> list[CheckView]:
    """Return every check of a case, oldest first."""
    ids = session.scalars(
        select(ModeratorCheck.id).where(ModeratorCheck.case_id == case_id).order_by(ModeratorCheck.number)
    ).all()
    return [check_of(session, check_id) for check_id in ids]


def record_check_mark(
    session: Session,
    check_id: str,
    item_id: str,
    *,
    mark: int,
    comment: str = "",
    checker: str,
    now: datetime,
    expected_version: int | None = None,
) -> CheckView:
    """Keep the checker's own mark of a work, in its own place; when all are in, the moderator's marks are shown.

    Raises: ``CheckUnknown`` unless the check is the person's; ``UnknownSampleItem``; ``MarkOutOfRange``;
    ``StaleVersion``; ``CheckNotPossible`` once the moderator's marks were shown: a blind mark cannot change after that.
    """
    check = _mine(session, check_id, checker)
    _unchanged(check, expected_version)
    check_moderator_mark(mark, component_of(session, case_of(session, check.case_id)).maximum_mark)
    rows = session.scalars(select(CheckItem).where(CheckItem.check_id == check_id)).all()
    row = next((one for one in rows if one.sample_item_id == item_id), None)
    if row is None:
        raise UnknownSampleItem(item_id=item_id)
    if (row.mark, row.comment) == (mark, comment.strip()):
        return check_of(session, check_id)
    if check.verdict is not None or all(one.mark is not None for one in rows):
        raise CheckNotPossible("You have seen the moderator’s marks, so your own can no longer change.")
    row.mark, row.comment, row.saved_at = mark, comment.strip(), now
    _touch(session, check)
    return check_of(session, check_id)


def decide_check(
    session: Session,
    check_id: str,
    *,
    verdict: Verdict,
    reason: str,
    checker: str,
    now: datetime,
    expected_version: int | None = None,
) -> CheckView:
    """End a check: agreed, returned to the moderator, or passed to the principal moderator; twice changes nothing.

    Raises: ``CheckUnknown``; ``StaleVersion``; ``ReasonMissing`` unless it is agreed; ``CheckNotPossible`` before every
    work is marked, for another verdict after the first, or when the outcome is no longer the one that was checked.
    """
    check = _mine(session, check_id, checker)
    if check.verdict is not None:
        if (check.verdict, check.reason) == (verdict.value, reason.strip()):
            return check_of(session, check_id)
        raise CheckNotPossible("This check has ended already.")
    _unchanged(check, expected_version)
    view = check_of(session, check_id)
    if not view.is_compared:
        raise CheckNotPossible("Mark every work of the check first.")
    outcome = session.get_one(Outcome, check.outcome_id)
    if outcome.superseded_at is not None or outcome.confirmed_at is not None:
        raise CheckNotPossible("The outcome changed or was confirmed while you checked. Begin a new check.")
    if verdict is not Verdict.AGREED and not reason.strip():
        raise ReasonMissing
    if verdict is Verdict.ESCALATED and check.is_principal:
        raise CheckNotPossible("The principal moderator agrees or returns; there is nobody to pass it to.")
    check.verdict, check.reason, check.decided_at = verdict.value, reason.strip(), now
    _touch(session, check)
    if verdict is Verdict.RETURNED:
        reopen_marking(
            session, check.case_id, reason=f"Check {check.number}: {reason.strip()}"[:500], officer=checker, now=now
        )
    return check_of(session, check_id)


def may_see_marks(session: Session, case_id: str, person_id: str) -> bool:
    """Say whether who checks moderators may see the moderator's marks of a case: own marks are in, or it is settled."""
    outcome = session.scalars(
        select(Outcome).where(Outcome.case_id == case_id, Outcome.superseded_at.is_(None))
    ).one_or_none()
    if outcome is None:
        return False
    if outcome.confirmed_at is not None:
        return True
    return any(
        one.is_compared
        for one in checks_of(session, case_id)
        if one.checker_id == person_id and one.outcome_id == outcome.id
    )


def cases_to_check(session: Session, case_ids: Collection[str], *, escalated: bool = False) -> set[str]:
    """Return the cases whose proposed outcome waits for a check; with ``escalated``, those passed to the principal."""
    wanted, found = sorted(case_ids), set()
    rules: dict[tuple[str, str], TeamLeaderCheck] = {}
    for begin in range(0, len(wanted), _IDS_ASKED_AT_ONCE):
        rows = session.execute(
            select(ModerationCase, Outcome.id, Outcome.kind, Outcome.numbers["n"].as_integer())
            .join(Outcome, (Outcome.case_id == ModerationCase.id) & Outcome.superseded_at.is_(None))
            .where(
                ModerationCase.id.in_(wanted[begin : begin + _IDS_ASKED_AT_ONCE]),
                ModerationCase.state == CaseState.OUTCOME_PROPOSED.value,
            )
        ).all()
        last = _last_verdicts(session, [outcome_id for _, outcome_id, _, _ in rows])
        for case, outcome_id, kind, works_read in rows:
            place = case.series_key, case.component_code
            if place not in rules:
                rules[place] = policy_for(session, component_of(session, case)).team_leader_check
            if not needs_check(OutcomeKind(kind), rules[place], works_read or 0):
                continue
            verdict = last.get(outcome_id)
            if verdict == Verdict.ESCALATED if escalated else verdict is None:
                found.add(case.id)
    return found


def coverage(session: Session, places: Collection[tuple[str, str]]) -> list[Coverage]:
    """Return, for each moderator of the components, what was read, what of it was checked, and the drift.

    Takes: ``places``, (series, component).
    """
    lines = []
    for series_key, code in sorted(places):
        people = session.scalars(
            select(Allocation.person_id)
            .where(Allocation.series_key == series_key, Allocation.component_code == code, Allocation.act == "MODERATE")
            .distinct()
            .order_by(Allocation.person_id)
        ).all()
        lines += [_coverage(session, series_key, code, person_id) for person_id in people]
    return lines


def _coverage(session: Session, series_key: str, code: str, person_id: str) -> Coverage:
    in_component = (ModerationCase.series_key == series_key, ModerationCase.component_code == code)
    read = session.execute(
        select(ModerationCase.id, SampleItem.id)
        .join(SampleItem, SampleItem.case_id == ModerationCase.id)
        .join(ModeratorMark, ModeratorMark.sample_item_id == SampleItem.id)
        .where(*in_component, ModeratorMark.marked_by == person_id, ModeratorMark.superseded_at.is_(None))
    ).all()
    rows: Sequence[tuple[str, str, int, int]] = [
        (row[0], row[1], row[2], row[3])
        for row in session.execute(
            select(ModeratorCheck.case_id, CheckItem.sample_item_id, CheckItem.moderator_mark, CheckItem.mark)
            .join(ModeratorCheck, ModeratorCheck.id == CheckItem.check_id)
            .join(ModerationCase, ModerationCase.id == ModeratorCheck.case_id)
            .where(*in_component, CheckItem.moderator_id == person_id, ModeratorCheck.verdict.is_not(None))
        )
        if row[3] is not None
    ]
    pairs = [(moderator, own) for _, _, moderator, own in rows]
    return Coverage(
        person_id,
        code,
        series_key,
        len({case_id for case_id, _ in read}),
        len({case_id for case_id, *_ in rows}),
        len(read),
        len({item_id for _, item_id, *_ in rows}),
        mean_difference(pairs),
        max((abs(moderator - own) for moderator, own in pairs), default=None),
    )


def _last_verdicts(session: Session, outcome_ids: Sequence[str]) -> dict[str, str | None]:
    """Return outcome → verdict of the latest check that ended."""
    rows = session.execute(
        select(ModeratorCheck.outcome_id, ModeratorCheck.verdict)
        .where(ModeratorCheck.outcome_id.in_(outcome_ids), ModeratorCheck.verdict.is_not(None))
        .order_by(ModeratorCheck.decided_at, ModeratorCheck.number)
    )
    return {outcome_id: verdict for outcome_id, verdict in rows}  # noqa: C416


def _mine(session: Session, check_id: str, checker: str) -> ModeratorCheck:
    check = session.scalars(
        select(ModeratorCheck)
        .where(ModeratorCheck.id == check_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if check is None or check.checker_id != checker:
        raise CheckUnknown
    return check


def _unchanged(check: ModeratorCheck, expected_version: int | None) -> None:
    if expected_version is not None and check.version != expected_version:
        raise StaleVersion(expected=expected_version, found=check.version)


def _touch(session: Session, check: ModeratorCheck) -> None:
    flag_modified(check, "reason")
    try:
        session.flush()
    except StaleDataError:
        raise StaleVersion from None
