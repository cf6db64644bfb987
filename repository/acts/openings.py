"""Opening sittings from entries and the timetable, again and again as entries change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.tables import Candidate, Component, Entry, OptionComponent, SeriesRow
from repository import access, audit
from repository.access import Action
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.errors import NotFound
from scripts import records
from scripts.errors import SittingRefused
from scripts.records import Opening
from scripts.tables import Sitting

SESSIONS = {"A": "AM", "P": "PM", "E": "EV"}


@dataclass(frozen=True, slots=True)
class SeriesOpening:
    """What opening a whole series did: components opened, timetabled ones that have no day yet, and the figures."""

    components: int
    undated: tuple[str, ...]
    done: Opening


def open_all(session: Session, context: Context, series_key: str, component_code: str) -> tuple[Sitting, ...]:
    """Open the sitting of a written component at every centre that has entries, or bring it up to date with them.

    Returns: the sittings of the component, by centre.
    Raises: ``NotFound``; ``SittingRefused`` for a component without a day in the timetable.
    """
    access.require(actor_of(context), Action.SITTING_OPEN)
    component = session.get(Component, (series_key, component_code))
    if component is None:
        raise NotFound("There is no such component in this series.")
    if component.timetable_on is None:
        raise SittingRefused("The component has no day in the timetable. Import the timetable first.")
    done = _open(session, context, component, component.timetable_on)
    _recorded(session, context, "component", f"{series_key}/{component_code}", done)
    found = records.sittings(session, series_key=series_key)
    own = [one for one in found if one.component_code == component_code]
    return tuple(sorted(own, key=lambda one: (one.centre_number, one.held_on)))


def open_series(session: Session, context: Context, series_key: str) -> SeriesOpening:
    """Open the sittings of every timetabled component of a series at every centre that has entries.

    Done again, it brings registers up to date: late entries are added, withdrawn ones struck out; no mark is changed.
    Raises: ``NotFound`` for a series that is not here.
    """
    access.require(actor_of(context), Action.SITTING_OPEN)
    if session.get(SeriesRow, series_key) is None:
        raise NotFound("There is no such series.")
    query = select(Component).where(Component.series_key == series_key, Component.timetabled)
    components = list(session.scalars(query.order_by(Component.component_code)))
    done = Opening()
    for component in components:
        if component.timetable_on is not None:
            done += _open(session, context, component, component.timetable_on)
    _recorded(session, context, "series", series_key, done)
    undated = tuple(one.component_code for one in components if one.timetable_on is None)
    return SeriesOpening(len(components) - len(undated), undated, done)


def _open(session: Session, context: Context, component: Component, held_on: date) -> Opening:
    entered = session.execute(
        select(Candidate.centre_number, Candidate.candidate_number)
        .join(Entry, Entry.candidate_id == Candidate.id)
        .join(
            OptionComponent,
            (OptionComponent.series_key == Entry.series_key) & (OptionComponent.option_code == Entry.option_code),
        )
        .where(
            Candidate.series_key == component.series_key,
            OptionComponent.component_code == component.component_code,
            Entry.withdrawn_at.is_(None),
        )
        .distinct()
    )
    numbers: dict[str, list[str]] = {}
    for centre, number in entered:
        numbers.setdefault(centre, []).append(number)
    return records.open_component(
        session,
        series_key=component.series_key,
        component_code=component.component_code,
        held_on=held_on,
        session_of_day=SESSIONS.get(component.timetable_session, "AM"),
        entered=numbers,
        now=context.now,
    )


def _recorded(session: Session, context: Context, kind: str, subject: str, done: Opening) -> None:
    audit.record(
        session,
        context,
        Action.SITTING_OPEN,
        kind,
        subject,
        sittings=len(done.sitting_ids),
        opened=done.opened,
        late=done.late,
        withdrawn=done.withdrawn,
        restored=done.restored,
        kept=done.kept,
        rescheduled=done.rescheduled,
        stuck=done.stuck,
    )
