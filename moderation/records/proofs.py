"""Proof of independence of a whole series: every allocation and every act, judged anew from what is recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select, union_all
from sqlalchemy.orm import Session

from moderation.errors import UnknownSeries
from moderation.independence import Act, Given, Part, Proof, Tie, prove
from moderation.records.independence import ties_of
from moderation.tables import Allocation, Involvement, ModerationCase, PersonAlias, ReviewRequest, SeriesRow

_TOLD_EVERY = 1_000
_Place = tuple[str, str]
"""Component and centre."""


def unseen(_lines: int) -> None:
    """Take no notice of progress."""


def prove_series(
    session: Session,
    series_key: str,
    *,
    begun: Callable[[int], None] = unseen,
    seen: Callable[[int], None] = unseen,
) -> list[Proof]:
    """Return the proof of every allocation, and of whatever was marked, checked, confirmed, reviewed and appealed.

    It reads the register and what was noted; it does not rely on the guards having been there.
    Takes: ``begun``, told how many lines there will be; ``seen``, told of so many more as they are proven.
    Raises: ``UnknownSeries``.
    """
    if session.get(SeriesRow, series_key) is None:
        raise UnknownSeries(series_key=series_key)
    aliases = _aliases(session)
    ties = _ties_by_centre(session)
    cases = {
        case_id: (component, centre, consortium)
        for case_id, component, centre, consortium in session.execute(
            select(
                ModerationCase.id,
                ModerationCase.component_code,
                ModerationCase.centre_number,
                ModerationCase.consortium_id,
            ).where(ModerationCase.series_key == series_key)
        )
    }
    at: dict[_Place, str] = {(component, centre): case_id for case_id, (component, centre, _) in cases.items()}
    # A review of marked scripts has no case: what is judged there is known by the request.
    requests = session.execute(
        select(ReviewRequest.id, ReviewRequest.component_code, ReviewRequest.centre_number).where(
            ReviewRequest.series_key == series_key, ReviewRequest.case_id.is_(None)
        )
    )
    cases |= {request_id: (component, centre, None) for request_id, component, centre in requests}
    together: dict[str, list[str]] = defaultdict(list)
    for case_id, (_, _, consortium) in cases.items():
        together[consortium or case_id].append(case_id)
    parts = _parts(session, series_key)
    proofs = []
    everything = [*_allocations(session, series_key, at), *_deeds(parts, cases, series_key)]
    begun(len(everything))
    for number, given in enumerate(everything, 1):
        if number % _TOLD_EVERY == 0:
            seen(_TOLD_EVERY)
        accounts = aliases.get(given.person_id, frozenset({given.person_id}))
        group = together[cases[given.case_id][2] or given.case_id] if given.case_id else ()
        own_parts = _first_of_each(
            part for case_id in group for part in parts.get(case_id, ()) if part.person_id in accounts
        )
        own_ties = [
            tie
            for tie in ties.get(given.centre_number, ())
            if tie.person_id in accounts and tie.concerns(given.centre_number, series_key)
        ]
        proofs.append(prove(given, accounts, own_ties, own_parts))
    return proofs


def _first_of_each(parts: Iterable[Part]) -> list[Part]:
    """Return the first of each kind of part that an account had in what is moderated together, oldest first."""
    found: dict[tuple[str, Act], Part] = {}
    for part in sorted(parts, key=lambda one: one.done_at):
        found.setdefault((part.person_id, part.act), part)
    return list(found.values())


def _aliases(session: Session) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for one, other in session.execute(select(PersonAlias.person_id, PersonAlias.other_id)):
        found[one] |= {one, other}
    return {one: frozenset(others) for one, others in found.items()}


def _ties_by_centre(session: Session) -> Mapping[str, Sequence[Tie]]:
    found: dict[str, list[Tie]] = defaultdict(list)
    for tie in ties_of(session):
        found[tie.centre_number].append(tie)
    return found


def _parts(session: Session, series_key: str) -> Mapping[str, list[Part]]:
    """Return what each person first did to each case: case → parts. Marks of many works are one part."""
    wholes = union_all(
        select(ModerationCase.id).where(ModerationCase.series_key == series_key),
        select(ReviewRequest.id).where(ReviewRequest.series_key == series_key, ReviewRequest.case_id.is_(None)),
    ).subquery()
    rows = session.execute(
        select(Involvement.case_id, Involvement.person_id, Involvement.act, func.min(Involvement.done_at))
        .join(wholes, wholes.c.id == Involvement.case_id)
        .group_by(Involvement.case_id, Involvement.person_id, Involvement.act)
    )
    found: dict[str, list[Part]] = defaultdict(list)
    for case_id, person, act, done_at in rows:
        found[case_id].append(Part(person, case_id, Act(act), done_at))
    return found


def _allocations(session: Session, series_key: str, at: Mapping[_Place, str]) -> Iterator[Given]:
    rows = session.scalars(
        select(Allocation)
        .where(Allocation.series_key == series_key)
        .order_by(Allocation.component_code, Allocation.centre_number, Allocation.act, Allocation.id)
    )
    for row in rows:
        starts: list[datetime] = [instant for instant in (row.opens_at, row.granted_at) if instant is not None]
        yield Given(
            "allocation",
            row.id,
            row.person_id,
            series_key,
            row.component_code,
            row.centre_number,
            at.get((row.component_code, row.centre_number)),
            row.act,
            starts[0] if starts else None,
            row.closes_at,
        )


def _deeds(
    parts: Mapping[str, Sequence[Part]], cases: Mapping[str, tuple[str, str, str | None]], series_key: str
) -> Iterator[Given]:
    for case_id in sorted(parts, key=lambda one: cases[one][:2]):
        component, centre, _ = cases[case_id]
        for part in sorted(parts[case_id], key=lambda one: (list(Act).index(one.act), one.person_id)):
            if part.act is not Act.PROPOSED:
                yield Given(
                    part.act.lower(),
                    case_id,
                    part.person_id,
                    series_key,
                    component,
                    centre,
                    case_id,
                    part.act.value,
                    part.done_at,
                    None,
                )
