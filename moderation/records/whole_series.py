"""A whole series at once: its cases component by component, moved on together with their history.

The steps do what the records of single cases do (a test compares every row), but read and write many rows at a time.
Each step is one transaction of the caller: all of it, or nothing. What a step cannot do by rule it leaves as it was
and names. Sessions need a synchronous connection.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.entries import SubmissionMode
from moderation.errors import StaleVersion, UnknownSeries, WrongSubmissionMode
from moderation.records.bulk import change_rows, insert_rows, ordered_ids, read_rows
from moderation.submission import MODE_OF_EVENT, CaseEvent, CaseState, move
from moderation.tables import (
    Candidate,
    CaseTransition,
    Component,
    Entry,
    EntryOption,
    ModerationCase,
    OptionComponent,
    SeriesRow,
)

Seen = Callable[[int], None]
"""Is told how many more cases are done."""


def unseen(_cases: int) -> None:
    """Take no notice of progress."""


@dataclass(frozen=True, slots=True)
class Left:
    """A case that a step left as it was, and why; ``code`` in kebab case."""

    code: str
    detail: str
    component_code: str
    centre_number: str
    case_id: str


@dataclass(slots=True)
class StepReport:
    """What a step did to a series: how many of what, and the cases it left."""

    step: str
    counts: dict[str, int] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)

    def add(self, name: str, number: int) -> None:
        """Count so many more of something."""
        self.counts[name] = self.counts.get(name, 0) + number

    def leave(self, case: CaseLine, code: str, detail: str) -> None:
        """Note a case that is left as it was."""
        self.left.append(Left(code, detail, case.component_code, case.centre_number, case.id))


@dataclass(slots=True, eq=False)
class CaseLine:
    """A case as a step moves it; ``seen_version`` is what the database held when it was read."""

    id: str
    component_code: str
    centre_number: str
    consortium_id: str | None
    submission_mode: str
    state: CaseState
    version: int
    mark_set_version: int
    sample_id: str | None
    seen_version: int = 0

    def __post_init__(self) -> None:
        self.state = _STATES[self.state]
        self.seen_version = self.version


_STATES: Mapping[str, CaseState] = {state.value: state for state in CaseState}


def need_series(session: Session, series_key: str) -> None:
    """Refuse a series that has no data here: ``UnknownSeries``."""
    if session.get(SeriesRow, series_key) is None:
        raise UnknownSeries(series_key=series_key)


def count_cases(session: Session, series_key: str, states: Collection[CaseState]) -> int:
    """Return how many cases of a series stand in one of these states."""
    query = select(func.count()).where(ModerationCase.series_key == series_key, ModerationCase.state.in_(states))
    return session.scalar(query) or 0


def components_with(session: Session, series_key: str, states: Collection[CaseState]) -> list[Component]:
    """Return the components of a series that have a case in one of these states, in the order of their codes."""
    codes = (
        select(ModerationCase.component_code)
        .where(ModerationCase.series_key == series_key, ModerationCase.state.in_(states))
        .distinct()
    )
    return list(
        session.scalars(
            select(Component)
            .where(Component.series_key == series_key, Component.component_code.in_(codes))
            .order_by(Component.component_code)
        )
    )


def cases_of_component(session: Session, component: Component) -> list[CaseLine]:
    """Return every case of a component in the order of its centres."""
    rows = read_rows(
        session,
        select(
            ModerationCase.id,
            ModerationCase.component_code,
            ModerationCase.centre_number,
            ModerationCase.consortium_id,
            ModerationCase.submission_mode,
            ModerationCase.state,
            ModerationCase.version,
            ModerationCase.mark_set_version,
            ModerationCase.sample_id,
        )
        .where(
            ModerationCase.series_key == component.series_key,
            ModerationCase.component_code == component.component_code,
        )
        .order_by(ModerationCase.centre_number),
    )
    return [CaseLine(*row) for row in rows]


def groups_of(cases: Iterable[CaseLine]) -> list[list[CaseLine]]:
    """Return the cases moderated together: those that share a sample, else those of a consortium, else each alone."""
    groups: dict[str, list[CaseLine]] = defaultdict(list)
    for case in cases:
        groups[case.sample_id or case.consortium_id or case.id].append(case)
    return list(groups.values())


def entered_in(session: Session, component: Component) -> dict[str, tuple[str, str]]:
    """Return the candidates entered for a component by identifier, with their centre's number and their own.

    Withdrawn and carried-forward entries are left out.
    """
    modes = EntryOption.submission_mode
    # Two plain statements: over all four tables SQLite would read the whole series for each component.
    options = session.scalars(
        select(OptionComponent.option_code)
        .join(
            EntryOption,
            (EntryOption.series_key == OptionComponent.series_key)
            & (EntryOption.option_code == OptionComponent.option_code),
        )
        .where(
            OptionComponent.series_key == component.series_key,
            OptionComponent.component_code == component.component_code,
            modes.is_(None) | (modes != SubmissionMode.CARRIED_FORWARD.value),
        )
    ).all()
    rows = read_rows(
        session,
        select(Candidate.id, Candidate.centre_number, Candidate.candidate_number)
        .join(Entry, Entry.candidate_id == Candidate.id)
        .where(Entry.series_key == component.series_key, Entry.option_code.in_(options), Entry.withdrawn_at.is_(None)),
    )
    return {key: (centre_number, number) for key, centre_number, number in rows}


_HISTORY = ("id", "case_id", "number", "from_state", "to_state", "event", "actor", "reason", "occurred_at")


class CaseSteps:
    """Steps of many cases: every one legal, with its history row and its version; written together."""

    def __init__(self) -> None:
        self.ids = ordered_ids()
        self._history: list[tuple[object, ...]] = []
        self._moved: dict[str, CaseLine] = {}

    def step(self, case: CaseLine, event: CaseEvent, *, actor: str, now: datetime, reason: str = "") -> None:
        """Move a case on; nothing is written yet.

        Raises: ``IllegalTransition``; ``WrongSubmissionMode``.
        """
        mode = MODE_OF_EVENT.get(event)
        to_state = move(case.state, event)
        if mode is not None and case.submission_mode != mode:
            raise WrongSubmissionMode(expected=case.submission_mode, given=str(mode))
        case.version += 1
        self._history.append(
            (
                next(self.ids),
                case.id,
                case.version,
                case.state.value,
                to_state.value,
                event.value,
                actor,
                reason,
                now,
            )
        )
        case.state = to_state
        self._moved[case.id] = case

    def write(self, session: Session) -> int:
        """Write what was moved and return how many cases; raises ``StaleVersion`` when somebody moved one meanwhile."""
        moved = list(self._moved.values())
        if not moved:
            return 0
        changed = change_rows(
            session,
            ModerationCase,
            ("id", "version"),
            ("state", "version", "sample_id"),
            [(case.id, case.seen_version, case.state.value, case.version, case.sample_id) for case in moved],
        )
        if changed != len(moved):
            raise StaleVersion
        insert_rows(session, CaseTransition, _HISTORY, self._history)
        for case in moved:
            case.seen_version = case.version
        self._history, self._moved = [], {}
        return len(moved)


def each_component(
    session: Session, series_key: str, states: Collection[CaseState], seen: Seen
) -> Iterator[tuple[Component, list[CaseLine]]]:
    """Give each component with cases in these states, and all its cases; tells ``seen`` as each is finished with."""
    need_series(session, series_key)
    for component in components_with(session, series_key, states):
        cases = cases_of_component(session, component)
        wanted = sum(1 for case in cases if case.state in states)
        yield component, cases
        seen(wanted)
    session.expire_all()
