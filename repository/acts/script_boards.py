"""Boards of scripts per component, centre and sitting; what is missing; and the regulator's return on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session

from moderation.entries import Series
from moderation.exchange import ofqual
from moderation.exchange.csv_text import write_table
from moderation.exchange.ofqual import MissingScriptLine
from moderation.tables import Candidate, Entry, EntryOption, OptionComponent, SeriesRow, Syllabus
from repository import access, audit
from repository.access import Action, Scope
from repository.acts import script_results
from repository.acts.cases import actor_of
from repository.acts.script_calendars import centre_calendar, results_days
from repository.audit import Context
from repository.errors import FieldRefused, NotFound
from scripts import records
from scripts.cases import decide_by
from scripts.missing import Alarm, MissingScript
from scripts.ofqual import CAUSE_TEXT, STAGE_TEXT
from scripts.records import BoardLevel, BoardLine
from scripts.tables import DeclaredMissing, Script, Sitting

BOARD_COLUMNS = (
    "level", "component", "centre", "held_on", "session", "sittings", "expected", "present", "absent", "unmarked",
    "explained", "declared_missing", "logged", "collected", "received", "opened", "scanned", "indexed", "difference",
    "open_cases", "alarm",
)  # fmt: skip
MISSING_COLUMNS = (
    "alarm", "centre", "component", "candidate", "packet", "stage", "collected_on", "amber_on", "red_on", "days",
)  # fmt: skip
SHOWN_MISSING = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which board is looked at; blanks narrow nothing."""

    series_key: str = ""
    component_code: str = ""
    centre_number: str = ""


@dataclass(frozen=True, slots=True)
class BoardPage:
    """A board, what it is of, and the scripts that nobody has seen and that worry."""

    wanted: Wanted
    level: BoardLevel
    lines: tuple[BoardLine, ...]
    series: tuple[tuple[str, str], ...]
    missing: tuple[MissingScript, ...]
    missing_total: int
    results_on: date | None
    decide_by: date | None

    @property
    def red(self) -> int:
        """Return how many lines are red."""
        return sum(line.alarm is Alarm.RED for line in self.lines)


def board(session: Session, context: Context, wanted: Wanted) -> BoardPage:
    """Return the board that the actor may see: of all components, of the centres of one, or of the sittings of one.

    A centre sees its own: its components, then the sittings of one.
    """
    wanted, level, lines = _lines(session, context, wanted)
    scope_centre = wanted.centre_number or None
    today = context.now.date()
    calendar = centre_calendar(session)
    missing: list[MissingScript] = []
    if level is BoardLevel.SITTING or scope_centre is not None:
        missing = [
            one.as_missing(today)
            for one in records.unseen_scripts(
                session,
                today=today,
                calendar=calendar,
                series_key=wanted.series_key or None,
                centre_number=scope_centre,
            )
            if not wanted.component_code or one.component_code == wanted.component_code
        ]
    results_on = results_days(session).get(wanted.series_key)
    last_day = decide_by(results_on, calendar(scope_centre or "")) if results_on else None
    return BoardPage(
        wanted,
        level,
        lines,
        _series(session, wanted),
        tuple(missing[:SHOWN_MISSING]),
        len(missing),
        results_on,
        last_day,
    )


def as_csv(session: Session, context: Context, wanted: Wanted) -> bytes:
    """Return a board as a CSV file; that it was taken is recorded."""
    wanted, level, lines = _lines(session, context, wanted)
    audit.record(session, context, "script_board.export", "series", wanted.series_key or "all", rows=len(lines))
    rows: list[dict[str, str | int | None]] = [
        {
            "level": str(level),
            "component": line.component_code,
            "centre": line.centre_number,
            "held_on": line.held_on.isoformat() if line.held_on else None,
            "session": line.session_of_day,
            "sittings": line.sittings,
            "expected": line.expected,
            "present": line.present,
            "absent": line.absent,
            "unmarked": line.unmarked,
            "explained": line.explained,
            "declared_missing": line.declared,
            "logged": line.logged,
            "collected": line.collected,
            "received": line.received,
            "opened": line.opened,
            "scanned": line.scanned,
            "indexed": line.indexed,
            "difference": line.difference,
            "open_cases": line.open_cases,
            "alarm": str(line.alarm),
        }
        for line in lines
    ]
    words = {"level", "component", "centre", "held_on", "session", "alarm"}
    return write_table(BOARD_COLUMNS, rows, numeric=set(BOARD_COLUMNS) - words)


def missing(
    session: Session, context: Context, series_key: str, centre_number: str | None = None
) -> tuple[MissingScript, ...]:
    """Return scripts that are missing or outstanding, most urgent first."""
    actor = actor_of(context)
    if access.scope_of(actor, Action.SITTING_READ) is Scope.MY_CENTRE:
        centre_number = actor.centre_number
    access.require(actor, Action.SITTING_READ, centre_number=centre_number)
    today = context.now.date()
    found = records.unseen_scripts(
        session,
        today=today,
        calendar=centre_calendar(session),
        series_key=series_key or None,
        centre_number=centre_number,
    )
    return tuple(one.as_missing(today) for one in found)


def missing_csv(session: Session, context: Context, series_key: str, centre_number: str | None = None) -> bytes:
    """Return what is missing or outstanding as a CSV file; that it was taken is recorded."""
    found = missing(session, context, series_key, centre_number)
    audit.record(session, context, "missing_scripts.export", "series", series_key or "all", rows=len(found))
    rows: list[dict[str, str | int | None]] = [
        {
            "alarm": str(one.alarm),
            "centre": one.centre_number,
            "component": one.component_code,
            "candidate": one.candidate_number,
            "packet": one.packet_number,
            "stage": str(one.stage),
            "collected_on": one.collected_on.isoformat() if one.collected_on else None,
            "amber_on": one.amber_on.isoformat() if one.amber_on else None,
            "red_on": one.red_on.isoformat() if one.red_on else None,
            "days": one.age_days,
        }
        for one in found
    ]
    return write_table(MISSING_COLUMNS, rows, numeric={"packet", "days"})


def set_results_day(session: Session, context: Context, series_key: str, results_on: date) -> None:
    """Say on which day candidates get the results of a series: decisions about missing scripts are due before it."""
    access.require(actor_of(context), Action.SCRIPT_DECIDE)
    series = session.get(SeriesRow, series_key)
    if series is None:
        raise NotFound("There is no such series.")
    if results_on < context.now.date():
        raise FieldRefused("The day of results is past.", field="results_on")
    series.results_on = results_on
    audit.record(session, context, "series.results_day", "series", series_key, day=results_on.isoformat())


def return_lines(session: Session, context: Context, series_key: str) -> tuple[MissingScriptLine, ...]:
    """Return the regulator's return on missing scripts of a series: every script declared missing and not found since.

    Work that is not an exam has no script here: a postal sample is left out.
    """
    access.require(actor_of(context), Action.MISSING_EXPORT)
    series = session.get(SeriesRow, series_key)
    if series is None:
        raise NotFound("There is no such series.")
    label = ofqual.series_label(Series.from_key(series_key))
    about = _about(session, series_key)
    nothing = "", "", "", "", ""
    lines = []
    for link in script_results.links(session, series_key=series_key):
        if link.located_at is not None:
            continue
        place = link.centre_number, link.candidate_number, link.component_code
        qan, level, specification, title, uci = about.get(place, nothing)
        lines.append(
            MissingScriptLine(
                label,
                context.now.date(),
                series.awarding_body,
                qan,
                level,
                link.component_code[:10],
                specification[:7],
                title,
                link.centre_number,
                uci,
                STAGE_TEXT.get(link.stage_lost, ""),
                CAUSE_TEXT.get(link.cause, ""),
            )
        )
    return tuple(lines)


@dataclass(frozen=True, slots=True)
class Return:
    """A series, and how many lines its return has."""

    key: str
    title: str
    lines: int


def returns(session: Session, context: Context) -> tuple[Return, ...]:
    """Return of which series there is a return on missing scripts."""
    access.require(actor_of(context), Action.MISSING_EXPORT)
    found = []
    for key, title in _series(session, Wanted()):
        waiting = script_results.links(session, series_key=key)
        found.append(Return(key, title, sum(one.located_at is None for one in waiting)))
    return tuple(found)


def return_csv(session: Session, context: Context, series_key: str) -> bytes:
    """Return the regulator's return as a CSV file; that it was taken is recorded."""
    lines = return_lines(session, context, series_key)
    audit.record(session, context, Action.MISSING_EXPORT, "series", series_key, rows=len(lines))
    return b"".join(ofqual.missing_scripts_csv(lines))


def _lines(session: Session, context: Context, wanted: Wanted) -> tuple[Wanted, BoardLevel, tuple[BoardLine, ...]]:
    actor = actor_of(context)
    scope = access.scope_of(actor, Action.SITTING_READ)
    if scope is None:
        raise NotFound
    if scope is Scope.MY_CENTRE:
        wanted = Wanted(wanted.series_key, wanted.component_code, actor.centre_number or "")
    if wanted.component_code and wanted.centre_number:
        level = BoardLevel.SITTING
    elif wanted.component_code:
        level = BoardLevel.CENTRE
    else:
        level = BoardLevel.COMPONENT
    lines = records.board(
        session,
        level,
        series_key=wanted.series_key or None,
        component_code=wanted.component_code or None,
        centre_number=wanted.centre_number or None,
    )
    return wanted, level, tuple(lines)


def _series(session: Session, wanted: Wanted) -> tuple[tuple[str, str], ...]:
    """Return the series that have sittings, newest first, for somebody to choose from."""
    query = (
        select(Sitting.series_key)
        .where(Sitting.purpose == "scripts")
        .group_by(Sitting.series_key)
        .order_by(Sitting.series_key.desc())
    )
    if wanted.centre_number:
        query = query.where(Sitting.centre_number == wanted.centre_number)
    return tuple((key, Series.from_key(key).title) for key in session.scalars(query))


def _about(session: Session, series_key: str) -> dict[tuple[str, str, str], tuple[str, str, str, str, str]]:
    """Return, by centre, candidate and component: QAN, level, specification and its title, and the candidate's UCI."""
    rows: Sequence[tuple[str, ...]] = session.execute(
        select(
            Candidate.centre_number,
            Candidate.candidate_number,
            OptionComponent.component_code,
            EntryOption.qan,
            EntryOption.level,
            EntryOption.syllabus_code,
            Syllabus.title,
            Candidate.uci,
        )
        .join(Entry, Entry.candidate_id == Candidate.id)
        .join(
            OptionComponent,
            and_(OptionComponent.series_key == Entry.series_key, OptionComponent.option_code == Entry.option_code),
        )
        .join(
            EntryOption,
            and_(EntryOption.series_key == Entry.series_key, EntryOption.option_code == Entry.option_code),
        )
        .outerjoin(
            Syllabus,
            and_(Syllabus.series_key == EntryOption.series_key, Syllabus.syllabus_code == EntryOption.syllabus_code),
        )
        .where(Candidate.series_key == series_key, Candidate.id.in_(_declared_candidates(series_key)))
    ).all()
    return {(row[0], row[1], row[2]): (row[3], row[4], row[5], row[6] or "", row[7]) for row in rows}


def _declared_candidates(series_key: str) -> Select[str]:
    return (
        select(Candidate.id)
        .join(
            Sitting, and_(Sitting.series_key == Candidate.series_key, Sitting.centre_number == Candidate.centre_number)
        )
        .join(Script, and_(Script.sitting_id == Sitting.id, Script.candidate_number == Candidate.candidate_number))
        .join(DeclaredMissing, DeclaredMissing.script_id == Script.id)
        .where(Candidate.series_key == series_key, DeclaredMissing.stands())
    )
