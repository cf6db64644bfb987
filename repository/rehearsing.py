"""Fills an empty database with a rehearsal series, so that everybody who signs in finds something due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.entries import SubmissionMode
from moderation.exchange.basedata import write_basedata
from moderation.records import samples as records
from moderation.rehearsal import Rehearsal, RehearsedCase, make, synthetic_basedata
from moderation.tables import ModerationCase, SeriesRow
from repository import people, sign_in_lines
from repository.access import ROLE_TITLES, Actor, Role
from repository.acts import (
    allocations,
    despatch,
    imports,
    marking,
    marks,
    openings,
    packet_plans,
    parcels,
    postal,
    registers,
    sittings,
    teams,
    tracking,
)
from repository.acts.imports import ImportKind
from repository.acts.script_calendars import centre_calendar, results_days
from repository.audit import Context
from repository.errors import RepositoryError
from repository.tables import Person, new_id
from scripts import records as records_of_scripts
from scripts.despatch import CollectionKind, DespatchLine
from scripts.packets import DEFAULT_CAPACITY
from scripts.reconciliation import RegisterState
from scripts.tables import Sitting

CENTRES = 6
SEED = 2026
ORIGIN = "rehearsal"
DAYS_TO_THE_DEADLINE = 10
DAYS_SINCE_A_PAPER = 7
DAYS_UNDER_WAY = (0, 6)
"""The first paper's packets left today; those of the second left the day after it, and what has not arrived is overdue."""
"""A rehearsal's days lie around the day that it is made: marks are due soon, scripts of a paper are on their way."""
STAFFED_CENTRES_LIMIT = 6
"""So many centres get people of their own; more would only lengthen the list of sign-in links."""

MODERATOR_NAME, REVIEWER_NAME = "Rehearsal moderator", "Rehearsal reviewer"
"""The first reads every case; the second saw none of them, and may therefore review one after results."""
AWARDING_BODY_PEOPLE = (
    (Role.AB_OFFICER, "Rehearsal awarding body officer A"),
    (Role.AB_OFFICER, "Rehearsal awarding body officer B"),
    (Role.MODERATOR, REVIEWER_NAME),
    (Role.MODERATOR, MODERATOR_NAME),
    (Role.TEAM_LEADER, "Rehearsal team leader"),
    (Role.PRINCIPAL_MODERATOR, "Rehearsal principal moderator"),
    (Role.TRACKING_CLERK, "Rehearsal script tracking clerk"),
    (Role.TRACKING_CLERK, "Rehearsal second script tracking clerk"),
)
REFERENCE_FILES = (
    (ImportKind.CENTRES, "centres.csv"),
    (ImportKind.COMPONENTS, "components.csv"),
    (ImportKind.BOUNDARIES, "boundaries.csv"),
    (ImportKind.EXTERNAL_MARKS, "external_marks.csv"),
    (ImportKind.CONSORTIA, "consortia.csv"),
)


POSTING = parcels.Posting("PP 0099 0001", "Rehearsal exams officer", "Rehearsal teacher")


class NotEmpty(RepositoryError):
    """The database holds data already. A rehearsal series is only put into an empty one."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """A person of the rehearsal and the token that signs them in."""

    role: Role
    centre_number: str | None
    person_id: str
    assignment_id: str
    name: str
    token: str

    def context(self, now: datetime) -> Context:
        """Return this person acting at ``now``."""
        actor = Actor(self.person_id, self.assignment_id, self.name, self.role, self.centre_number)
        return Context(actor, now, ORIGIN, origin=ORIGIN)


def is_empty(session: Session) -> bool:
    """Return whether nothing has been put into the database: no series and no people."""
    kept = (select(func.count()).select_from(table) for table in (SeriesRow, Person))
    return not any(session.scalar(query) for query in kept)


def add_people(session: Session, now: datetime, centre_numbers: Sequence[str]) -> list[SignIn]:
    """Add the people of a rehearsal: two officers, a moderator, who checks, a clerk, and two people at each centre."""
    made = [_add_person(session, now, role, name, None) for role, name in AWARDING_BODY_PEOPLE]
    for number in centre_numbers:
        for role in (Role.EXAMS_OFFICER, Role.TEACHER):
            name = f"Rehearsal {ROLE_TITLES[role].lower()}, centre {number}"
            made.append(_add_person(session, now, role, name, number))
    return made


def _add_person(session: Session, now: datetime, role: Role, name: str, centre_number: str | None) -> SignIn:
    assignment = people.add_person(session, name, role, now, centre_number=centre_number)
    token = sign_in_lines.token_of(assignment.id)
    people.add_sign_in_link(session, assignment.id, token)
    return SignIn(role, centre_number, assignment.person_id, assignment.id, name, token)


def seed(session: Session, now: datetime, *, centres: int = CENTRES, seed_number: int = SEED) -> Rehearsal:
    """Put the invented series into an empty database, through the acts that people use.

    The first centre's marks are saved and wait to be checked, and its register is open; of the others' samples some are
    due, one is with the moderator, and one outcome waits for an officer; their scripts are under way, and some are overdue.
    Raises: ``NotEmpty``.
    """
    if not is_empty(session):
        raise NotEmpty
    today = now.date()
    basedata = synthetic_basedata(
        today + timedelta(days=DAYS_TO_THE_DEADLINE), today - timedelta(days=DAYS_SINCE_A_PAPER)
    )
    rehearsal = make(basedata, centres=centres, seed=seed_number)
    staffed = rehearsal.centre_numbers[:STAFFED_CENTRES_LIMIT]
    signed = add_people(session, now, staffed)
    officer = next(one for one in signed if one.role is Role.AB_OFFICER).context(now)
    files = write_basedata(basedata, written_on=date(2000 + basedata.series.year, 1, 15))
    imports.run(session, officer, ImportKind.BASEDATA, list(files.items()))
    components = (ImportKind.COMPONENTS, "components.csv")
    _import(session, officer, rehearsal, *components)
    entry_files = [(name, data) for name, data in rehearsal.files.items() if not name.endswith(".csv")]
    imports.run(session, officer, ImportKind.ENTRIES, entry_files)
    for kind, name in REFERENCE_FILES:
        if (kind, name) != components and (kind is not ImportKind.CONSORTIA or rehearsal.consortia):
            _import(session, officer, rehearsal, kind, name)
    _allocate(session, officer, rehearsal, signed)
    _put_together_teams(session, officer, rehearsal, signed)
    ids = _enter_marks(session, now, rehearsal, signed)
    _send_samples(session, now, rehearsal, signed, ids)
    papers = [one.code for one in basedata.components if one.timetabled == "T"]
    for code, days in zip(papers, DAYS_UNDER_WAY, strict=False):
        opened = openings.open_all(session, officer, rehearsal.series.key, code)
        _send_scripts(session, now - timedelta(days=days), signed, opened, counted_short=days > 0)
    records_of_scripts.raise_alarms(
        session, today=today, now=now, calendar=centre_calendar(session), results_on=results_days(session)
    )
    return rehearsal


def _import(session: Session, context: Context, rehearsal: Rehearsal, kind: ImportKind, name: str) -> None:
    imports.run(session, context, kind, [(name, rehearsal.files[name])], rehearsal.series.key)


def _allocate(session: Session, officer: Context, rehearsal: Rehearsal, signed: Sequence[SignIn]) -> None:
    moderator = next(one for one in signed if one.name == MODERATOR_NAME)
    for case in rehearsal.cases:
        allocations.allocate(
            session,
            officer,
            moderator.person_id,
            rehearsal.series.key,
            case.component_code,
            case.centre_number,
        )


def _put_together_teams(session: Session, officer: Context, rehearsal: Rehearsal, signed: Sequence[SignIn]) -> None:
    """Put the moderator into the leader's team in every component, and name the principal moderator."""
    by_role = {one.role: one.person_id for one in signed}
    for code in sorted({case.component_code for case in rehearsal.cases}):
        teams.set_team(
            session, officer, rehearsal.series.key, code, by_role[Role.TEAM_LEADER], [by_role[Role.MODERATOR]]
        )
        teams.set_principal(session, officer, rehearsal.series.key, code, by_role[Role.PRINCIPAL_MODERATOR])


def _enter_marks(
    session: Session, now: datetime, rehearsal: Rehearsal, signed: Sequence[SignIn]
) -> dict[tuple[str, str], str]:
    """Enter the centres' marks; returns the cases by centre and component."""
    by_place = {(one.role, one.centre_number): one for one in signed}
    ids = {
        (row.centre_number, row.component_code): row.id
        for row in session.scalars(select(ModerationCase).where(ModerationCase.series_key == rehearsal.series.key))
    }
    first = rehearsal.centre_numbers[0]
    for case in rehearsal.cases:
        officer = by_place.get((Role.EXAMS_OFFICER, case.centre_number))
        if officer is None or case.mode is SubmissionMode.NONE:
            continue
        case_id = ids[case.centre_number, case.component_code]
        name = f"marks_{case.centre_number}_{case.component_code.replace('/', '-')}.csv"
        teacher = by_place[Role.TEACHER, case.centre_number].context(now)
        sheet = marks.save_csv(session, teacher, case_id, name, rehearsal.files[name])
        if case.centre_number == first:
            continue
        marks.check(session, teacher, case_id, sheet.case.version)
        marks.submit(session, officer.context(now), None, case_id, None, sheet.control_total)
    return ids


def _send_samples(
    session: Session,
    now: datetime,
    rehearsal: Rehearsal,
    signed: Sequence[SignIn],
    ids: Mapping[tuple[str, str], str],
) -> None:
    """Deliver what is posted, so that the moderator has work; moderate a visit, so that officers have."""
    moderator = next(one for one in signed if one.name == MODERATOR_NAME).context(now)
    officers = {one.centre_number: one.context(now) for one in signed if one.role is Role.EXAMS_OFFICER}
    marked = {
        (row.centre_number, row.component_code, row.candidate_number): row.mark for row in rehearsal.moderator_marks
    }
    visited: list[RehearsedCase] = []
    for case in rehearsal.cases:
        officer, case_id = officers.get(case.centre_number), ids[case.centre_number, case.component_code]
        if officer is None or case.centre_number == rehearsal.centre_numbers[0]:
            continue
        if case.mode is SubmissionMode.POSTAL:
            items = [item.item_id for item in records.sample_of(session, case_id).items]
            parcel = postal.despatch(session, officer, None, case_id, POSTING, contents=items)
            postal.receive(session, moderator, parcel, None, "")
        elif case.mode is SubmissionMode.VISIT:
            postal.book_visit(session, officer, case_id, (now + timedelta(days=7)).date())
            postal.hold_visit(session, moderator, case_id)
            visited.append(case)
    for case in visited[-1:]:
        case_id = ids[case.centre_number, case.component_code]
        while wanted := marking.desk(session, moderator, case_id).wanted:
            for one in wanted:
                mark = marked[case.centre_number, case.component_code, one.item.candidate_number]
                marking.record_mark(session, moderator, one.item.item_id, mark, "")


def _send_scripts(
    session: Session, now: datetime, signed: Sequence[SignIn], opened: Sequence[Sitting], *, counted_short: bool
) -> None:
    """Send the scripts of every centre but the first; the second's arrive, so that the clerk has packets to open.

    Takes: ``counted_short``: they were opened too, and one script was not in its packet.
    """
    clerk = next(one for one in signed if one.role is Role.TRACKING_CLERK).context(now)
    officers = {one.centre_number: one.context(now) for one in signed if one.role is Role.EXAMS_OFFICER}
    for sitting in opened[1:]:
        officer = officers.get(sitting.centre_number)
        if officer is None:
            continue
        numbers = [line.candidate_number for line in sittings.page(session, officer, sitting.id).register]
        states = dict.fromkeys(numbers, RegisterState.PRESENT) | {numbers[-1]: RegisterState.ABSENT}
        registers.mark_register(session, officer, sitting.id, states)
        packets = packet_plans.make_packets(session, officer, sitting.id, DEFAULT_CAPACITY)
        labels = packet_plans.label_payloads(session, officer, sitting.id)
        lines = [
            DespatchLine(
                label=label.payload,
                script_count=len(packet.candidate_numbers),
                collection=CollectionKind.SCHEDULED,
                sealed_by="Rehearsal exams officer",
                witnessed_by="Rehearsal invigilator",
            )
            for packet, label in zip(packets, labels, strict=True)
        ]
        despatch.despatch(session, officer, None, sitting.id, [(new_id(), line) for line in lines])
        if sitting is opened[1]:
            for line in lines:
                _told(session, clerk, line.label, tracking.RECEIVED)
        if sitting is opened[1] and counted_short:
            short = lines[-1]
            for line in lines:
                _told(session, clerk, line.label, tracking.OPENED, line.script_count - (line is short))


def _told(session: Session, clerk: Context, label: str, kind: str, script_count: int | None = None) -> None:
    tracking.record(
        session,
        clerk,
        event_id=new_id(),
        label=label,
        kind=kind,
        occurred_at=clerk.now,
        place="Rehearsal scanning centre",
        script_count=script_count,
        second_operator="Rehearsal second operator" if script_count is not None else "",
    )
