"""Opening sittings from entries and the timetable."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.tables import Candidate, Component, Entry, OptionComponent
from repository import access, audit
from repository.access import Action
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.errors import NotFound
from scripts import records
from scripts.tables import Sitting


def open_all(session: Session, context: Context, series_key: str, component_code: str) -> tuple[Sitting, ...]:
    """Open the sitting of a written component at every centre that has entries; doing it again changes nothing."""
    access.require(actor_of(context), Action.SITTING_OPEN)
    component = session.get(Component, (series_key, component_code))
    if component is None:
        raise NotFound("There is no such component in this series.")
    entered = session.execute(
        select(Candidate.centre_number, Candidate.candidate_number)
        .join(Entry, Entry.candidate_id == Candidate.id)
        .join(
            OptionComponent,
            (OptionComponent.series_key == Entry.series_key) & (OptionComponent.option_code == Entry.option_code),
        )
        .where(
            Candidate.series_key == series_key,
            OptionComponent.component_code == component_code,
            Entry.withdrawn_at.is_(None),
        )
        .distinct()
    )
    numbers: dict[str, list[str]] = {}
    for centre, number in entered:
        numbers.setdefault(centre, []).append(number)
    opened = tuple(
        records.open_sitting(
            session,
            series_key=series_key,
            centre_number=centre,
            component_code=component_code,
            held_on=component.timetable_on or context.now.date(),
            session_of_day=_session_of_day(component.timetable_session),
            candidate_numbers=sorted(candidates),
            now=context.now,
        )
        for centre, candidates in sorted(numbers.items())
    )
    audit.record(
        session, context, Action.SITTING_OPEN, "component", f"{series_key}/{component_code}", sittings=len(opened)
    )
    return opened


def _session_of_day(code: str) -> str:
    return {"A": "AM", "P": "PM", "E": "EV"}.get(code, "AM")
