"""What an outcome gives to each candidate, and whether a second calculation from the stored marks gives the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.marks import is_adjustable
from moderation.outcome import OutcomeKind
from moderation.recomputation import disagreements, is_adjustable_order, own_mark_disagreements
from moderation.records.cases import candidates_of, component_of
from moderation.records.reviewed_marks import reviewed_marks
from moderation.tables import CentreMark, ModeratedMark, ModerationCase, ModeratorMark, Outcome, SampleItem


class Given(NamedTuple):
    """A candidate's mark before and after an outcome; ``moderated_mark`` ``None`` where there is none to give."""

    candidate_id: str
    status: str
    centre_mark: int | None
    moderated_mark: int | None


def marks_given(session: Session, case: ModerationCase, outcome: Outcome) -> list[Given]:
    """Return what an outcome gives to every candidate still entered, whether or not it is confirmed."""
    mapping = outcome.numbers["mapping"] if outcome.kind == OutcomeKind.ADJUSTED else None
    own = outcome.numbers.get("moderator_marks") or {}
    entered = {candidate.id for candidate in candidates_of(session, case)}
    rows = session.execute(
        select(CentreMark.candidate_id, CentreMark.status, CentreMark.mark).where(
            CentreMark.case_id == case.id, CentreMark.mark_set_version == case.mark_set_version
        )
    )
    given = []
    for candidate_id, status, mark in rows:
        if candidate_id not in entered:
            continue
        moderated = mark
        if mark is not None and is_adjustable(status, mark):
            if mapping is not None:
                moderated = mapping[mark]
            elif outcome.kind == OutcomeKind.MODERATOR_MARKS:
                moderated = own.get(candidate_id)
        given.append(Given(candidate_id, status, mark, moderated))
    return given


def without_own_mark(outcome: Outcome, given: Sequence[Given]) -> list[str]:
    """Return the candidates whom moderator's marks would leave without one though nothing is pending about them."""
    left_out = set(outcome.numbers.get("left_out") or ())
    return [
        row.candidate_id
        for row in given
        if _is_due(row) and row.moderated_mark is None and row.candidate_id not in left_out
    ]


def write_marks(session: Session, case: ModerationCase, outcome: Outcome, given: Sequence[Given]) -> None:
    """Write the moderated mark of every candidate."""
    session.add_all(
        ModeratedMark(
            outcome_id=outcome.id,
            candidate_id=row.candidate_id,
            case_id=case.id,
            centre_mark=row.centre_mark,
            moderated_mark=row.moderated_mark,
            status=row.status,
        )
        for row in given
    )
    session.flush()


def stored_marks(session: Session, outcome: Outcome) -> list[Given]:
    """Return the moderated marks that a confirmed outcome wrote."""
    rows = session.scalars(select(ModeratedMark).where(ModeratedMark.outcome_id == outcome.id))
    return [Given(row.candidate_id, row.status, row.centre_mark, row.moderated_mark) for row in rows]


def differing(session: Session, case: ModerationCase, outcome: Outcome, given: Sequence[Given]) -> list[str]:
    """Return the candidates whose marks a second calculation does not give; empty when all agree.

    The calculation starts from the stored marks: an outcome made from older marks differs for every candidate.
    """
    everybody = [row.candidate_id for row in given]
    if outcome.mark_set_version != case.mark_set_version:
        return everybody
    marks = {
        candidate_id: (status, mark)
        for candidate_id, status, mark in session.execute(
            select(CentreMark.candidate_id, CentreMark.status, CentreMark.mark).where(
                CentreMark.case_id == case.id, CentreMark.mark_set_version == case.mark_set_version
            )
        )
    }
    found = [row.candidate_id for row in given if marks.get(row.candidate_id) != (row.status, row.centre_mark)]
    unchanged = [row for row in given if not _is_due(row) or outcome.kind == OutcomeKind.ACCEPTED]
    found += [row.candidate_id for row in unchanged if row.moderated_mark != row.centre_mark]
    due = [row for row in given if _is_due(row)]
    left_out = set(outcome.numbers.get("left_out") or ())
    if outcome.kind == OutcomeKind.ADJUSTED:
        pairs = list(_read(session, case, left_out).values())
        limits = outcome.numbers["limits"]
        if not is_adjustable_order(pairs, limits["discordant_share"], limits["correlation"]):
            return everybody
        rows = ((row.candidate_id, row.centre_mark or 0, row.moderated_mark) for row in due)
        found += [row.key for row in disagreements(rows, pairs, component_of(session, case).maximum_mark)]
    if outcome.kind == OutcomeKind.MODERATOR_MARKS:
        read = {key: moderator for key, (_, moderator) in _read(session, case, left_out).items()}
        pending = [row for row in due if row.candidate_id in left_out]
        found += [row.candidate_id for row in pending if row.moderated_mark is not None]
        own = ((row.candidate_id, row.moderated_mark) for row in due if row.candidate_id not in left_out)
        found += own_mark_disagreements(own, read)
    return found


def _is_due(row: Given) -> bool:
    return row.centre_mark is not None and is_adjustable(row.status, row.centre_mark)


def _read(session: Session, case: ModerationCase, left_out: set[str]) -> dict[str, tuple[int, int]]:
    """Return candidate → pair read, from the marks themselves, not from the outcome; after a review, from its marks."""
    reviewed = reviewed_marks(session, [case.sample_id])
    rows = session.execute(
        select(SampleItem.id, SampleItem.candidate_id, CentreMark.status, CentreMark.mark, ModeratorMark.mark)
        .join(CentreMark, SampleItem.candidate_id == CentreMark.candidate_id)
        .join(ModerationCase, (ModerationCase.id == CentreMark.case_id) & (ModerationCase.id == SampleItem.case_id))
        .join(ModeratorMark, ModeratorMark.sample_item_id == SampleItem.id)
        .where(
            SampleItem.sample_id == case.sample_id,
            SampleItem.no_work_reason == "",
            SampleItem.replaced_at.is_(None),
            CentreMark.mark_set_version == ModerationCase.mark_set_version,
            ModeratorMark.superseded_at.is_(None),
        )
    )
    return {
        candidate_id: (centre, reviewed.get(item_id, moderator))
        for item_id, candidate_id, status, centre, moderator in rows
        if centre is not None and is_adjustable(status, centre) and candidate_id not in left_out
    }
