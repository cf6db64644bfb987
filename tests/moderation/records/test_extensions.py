from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moderation.errors import (
    ExtensionRefused,
    NothingDue,
    ReasonMissing,
    RequestDecided,
    RequestOpen,
    RequestUnknown,
    SamePerson,
    UnknownComponent,
    UnknownSeries,
)
from moderation.records.cases import case_of, view_case
from moderation.records.extensions import (
    ask_extension,
    decide_extension,
    decide_incident,
    due_of,
    extensions_of,
    incidents,
    open_extensions,
    report_incident,
)
from moderation.records.samples import progress_of, sample_of
from moderation.tables import Component, Extension
from moderation.tracking import Subject
from moderation.working_days import end_of_day
from tests.moderation.records import stage
from tests.moderation.records.stage import COMPONENT, NOW, OFFICER, SERIES

AB_OFFICER, SECOND = "person-ab-officer", "person-ab-second"
DUE_ON, WANTED_ON = date(2026, 5, 20), date(2026, 5, 27)


def asked_for(session: Session) -> str:
    stage.make_series(session)
    case_id = stage.make_centre(session, 3)
    stage.confirm(session, case_id, [60, 50, 40])
    return case_id


def ask(session: Session, case_id: str, wanted_on: date = WANTED_ON, reason: str = "Flood") -> str:
    return ask_extension(session, case_id, reason=reason, wanted_on=wanted_on, actor=OFFICER, now=NOW).extension_id


def test_an_officer_grants_less_than_was_asked_and_lateness_uses_it(session: Session) -> None:
    case_id = asked_for(session)
    extension_id = ask(session, case_id)
    assert [one.extension_id for one in open_extensions(session)] == [extension_id]
    assert sample_of(session, case_id).due_at == end_of_day(DUE_ON)
    granted = decide_extension(
        session, extension_id, granted_on=date(2026, 5, 22), reason="Two days", officer=AB_OFFICER, now=NOW
    )
    assert granted.is_granted
    assert granted.due_before_at == end_of_day(DUE_ON)
    assert sample_of(session, case_id).due_at == end_of_day(date(2026, 5, 22)) == granted.granted_due_at
    assert view_case(session, case_id).sample_due_at == granted.granted_due_at
    assert not progress_of(session, case_id, [], end_of_day(DUE_ON) + timedelta(hours=1)).is_late
    assert progress_of(session, case_id, [], end_of_day(date(2026, 5, 23))).is_late
    assert open_extensions(session) == []
    again = ask(session, case_id)
    assert [one.extension_id for one in extensions_of(session, case_id)] == [extension_id, again]


def test_a_refused_request_changes_nothing_and_needs_a_reason(session: Session) -> None:
    case_id = asked_for(session)
    extension_id = ask(session, case_id)
    before = sample_of(session, case_id)
    with pytest.raises(ReasonMissing):
        decide_extension(session, extension_id, granted_on=None, reason=" ", officer=AB_OFFICER, now=NOW)
    refused = decide_extension(session, extension_id, granted_on=None, reason="No", officer=AB_OFFICER, now=NOW)
    assert (refused.is_open, refused.is_granted) == (False, False)
    assert sample_of(session, case_id) == before
    with pytest.raises(RequestDecided):
        decide_extension(session, extension_id, granted_on=WANTED_ON, reason="", officer=SECOND, now=NOW)
    assert sample_of(session, case_id) == before


def test_what_cannot_be_asked_or_granted(session: Session) -> None:
    case_id = asked_for(session)
    for wrong in (DUE_ON, date(2026, 5, 1)):
        with pytest.raises(ExtensionRefused):
            ask(session, case_id, wrong)
    with pytest.raises(ReasonMissing):
        ask(session, case_id, reason="  ")
    extension_id = ask(session, case_id)
    with pytest.raises(RequestOpen):
        ask(session, case_id)
    with pytest.raises(SamePerson):
        decide_extension(session, extension_id, granted_on=WANTED_ON, reason="", officer=OFFICER, now=NOW)
    for day in (date(2026, 5, 28), DUE_ON):
        with pytest.raises(ExtensionRefused):
            decide_extension(session, extension_id, granted_on=day, reason="", officer=AB_OFFICER, now=NOW)
    with pytest.raises(RequestUnknown):
        decide_extension(session, "none", granted_on=WANTED_ON, reason="", officer=AB_OFFICER, now=NOW)
    stage.hand_in(session, case_id)
    with pytest.raises(NothingDue):
        decide_extension(session, extension_id, granted_on=WANTED_ON, reason="", officer=AB_OFFICER, now=NOW)
    with pytest.raises(NothingDue):
        ask(session, case_id)
    assert extensions_of(session, case_id)[0].is_open


def test_the_database_itself_wants_two_people_and_one_open_request(session: Session) -> None:
    case_id = asked_for(session)
    ask(session, case_id)
    session.commit()
    facts = {
        "case_id": case_id,
        "subject": "SAMPLE",
        "reason": "x",
        "wanted_on": WANTED_ON,
        "due_before_at": NOW,
        "asked_by": "one",
        "asked_at": NOW,
    }
    for more in ({}, {"decided_by": "one", "decided_at": NOW}):
        session.add(Extension(**facts, **more))
        with pytest.raises((IntegrityError, SamePerson)):
            session.flush()
        session.rollback()


def test_more_time_for_marks_is_the_centres_own(session: Session) -> None:
    stage.make_series(session)
    case_id, other = stage.make_centre(session, 2), stage.make_centre(session, 2, "99902")
    assert due_of(session, case_of(session, case_id)) is None
    with pytest.raises(NothingDue):
        ask(session, case_id)
    session.get_one(Component, (SERIES, COMPONENT)).due_on = DUE_ON
    session.flush()
    extension_id = ask(session, case_id)
    assert extensions_of(session, case_id)[0].subject is Subject.MARKS
    decide_extension(session, extension_id, granted_on=WANTED_ON, reason="", officer=AB_OFFICER, now=NOW)
    assert view_case(session, case_id).marks_due_on == WANTED_ON
    assert view_case(session, other).marks_due_on == DUE_ON


def test_an_incident_helps_every_centre_it_concerns_once(session: Session) -> None:
    stage.make_series(session)
    first, second, third = (stage.make_centre(session, 2, number) for number in ("99901", "99902", "99903"))
    for case_id in (first, second, third):
        stage.confirm(session, case_id, [60, 50])
    decide_extension(
        session,
        ask(session, third, date(2026, 6, 30)),
        granted_on=date(2026, 6, 30),
        reason="",
        officer=SECOND,
        now=NOW,
    )
    stage.hand_in(session, second)
    facts = {"series_key": SERIES, "reason": "Storm", "due_on": WANTED_ON, "actor": AB_OFFICER, "now": NOW}
    for wrong, error in (
        ({"reason": " "}, ReasonMissing),
        ({"due_on": date(2026, 5, 1)}, ExtensionRefused),
        ({"series_key": "01-9Z99"}, UnknownSeries),
        ({"component_code": "X999/99"}, UnknownComponent),
    ):
        with pytest.raises(error):
            report_incident(session, **{"component_code": None, "centre_numbers": [], **facts, **wrong})
    incident = report_incident(session, component_code=COMPONENT, centre_numbers=[], **facts)
    with pytest.raises(SamePerson):
        decide_incident(session, incident.incident_id, grant=True, reason="", officer=AB_OFFICER, now=NOW)
    assert sample_of(session, first).due_at == end_of_day(DUE_ON)
    done = decide_incident(session, incident.incident_id, grant=True, reason="", officer=SECOND, now=NOW)
    assert done.cases_extended == 1
    assert sample_of(session, first).due_at == end_of_day(WANTED_ON)
    assert sample_of(session, second).due_at == end_of_day(DUE_ON)  # it was sent already
    assert sample_of(session, third).due_at == end_of_day(date(2026, 6, 30))  # it had more time already
    (kept,) = extensions_of(session, first)
    assert (kept.incident_id, kept.due_before_at, kept.asked_by) == (done.incident_id, end_of_day(DUE_ON), AB_OFFICER)
    with pytest.raises(RequestDecided):
        decide_incident(session, incident.incident_id, grant=False, reason="x", officer=SECOND, now=NOW)
    with pytest.raises(RequestUnknown):
        decide_incident(session, "none", grant=True, reason="", officer=SECOND, now=NOW)
    assert [one.incident_id for one in incidents(session)] == [incident.incident_id]


def test_an_incident_may_concern_some_centres_only_and_a_consortium_keeps_one_day(session: Session) -> None:
    stage.make_series(session)
    first, second = stage.make_consortium(session, ["99901", "99902"], [5, 5])
    other = stage.make_centre(session, 2, "99903")
    for case_id, marks in ((first, [60, 50, 40, 30, 20]), (second, [55, 45, 35, 25, 15]), (other, [60, 50])):
        stage.confirm(session, case_id, marks)
    incident = report_incident(
        session,
        series_key=SERIES,
        component_code=None,
        centre_numbers=["99902", "99901"],
        reason="Storm",
        due_on=WANTED_ON,
        actor=AB_OFFICER,
        now=NOW,
    )
    with pytest.raises(ReasonMissing):
        decide_incident(session, incident.incident_id, grant=False, reason="", officer=SECOND, now=NOW)
    done = decide_incident(session, incident.incident_id, grant=True, reason="", officer=SECOND, now=NOW)
    assert done.cases_extended == 2
    assert {extensions_of(session, case_id)[0].due_before_at for case_id in (first, second)} == {end_of_day(DUE_ON)}
    assert sample_of(session, first).due_at == sample_of(session, second).due_at == end_of_day(WANTED_ON)
    assert sample_of(session, other).due_at == end_of_day(DUE_ON)
