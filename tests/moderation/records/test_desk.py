"""The desk as records: marks by criterion, what is new, concerns, conversations; on both kinds of database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from moderation.errors import (
    ConcernClosed,
    CriteriaRefused,
    HoldMissing,
    MessageRefused,
    ReasonMissing,
    RecordKept,
    StaleVersion,
    ThreadMissing,
    UnknownCandidate,
    UnknownSampleItem,
)
from moderation.exchange.criteria_csv import CriterionRow
from moderation.messages import Party, ThreadKind
from moderation.outcome import OutcomeKind, Stage
from moderation.records import concerns, looks, messages
from moderation.records.criteria import set_criteria
from moderation.records.marking import record_moderator_mark, reopen_marking, standing, worklist
from moderation.records.moderator_marks import marks_of_item
from moderation.records.samples import sample_of
from moderation.records.teams import set_team
from moderation.submission import CaseEvent
from moderation.tables import CriterionMark, Message, SafeguardingConcern, Thread

from .stage import (
    CENTRE_B,
    COMPONENT,
    LEADER,
    MODERATOR,
    MODERATOR_B,
    NOW,
    OFFICER,
    SERIES,
    candidate_ids,
    confirm,
    give_to_moderator,
    hand_in,
    make_centre,
    make_series,
    moderate,
)

CRITERIA = [
    CriterionRow(COMPONENT, "AO1", "Research", 20),
    CriterionRow(COMPONENT, "AO2", "Making", 30),
    CriterionRow(COMPONENT, "AO3", "Judging", 20),
]
SOON = timedelta(days=2)


@pytest.fixture
def case_id(session: Session) -> str:
    make_series(session)
    made = make_centre(session, len(CENTRE_B))
    confirm(session, made, CENTRE_B)
    hand_in(session, made)
    give_to_moderator(session, made)
    return made


def first_item(session: Session, case_id: str) -> str:
    return sample_of(session, case_id).items[0].item_id


def mark(session: Session, item_id: str, total: int | None, criteria: dict[str, int | None], **more: object) -> None:
    record_moderator_mark(
        session,
        item_id,
        mark=total,
        criteria=criteria,
        moderator=MODERATOR,
        now=NOW,
        **more,
    )


def test_a_mark_is_the_sum_of_its_criteria_and_keeps_them_as_they_stood(session: Session, case_id: str) -> None:
    set_criteria(session, SERIES, CRITERIA)
    item_id = first_item(session, case_id)
    mark(session, item_id, None, {"AO1": 19, "AO2": 28, "AO3": 15})
    set_criteria(session, SERIES, [CriterionRow(COMPONENT, "AO1", "Something else", 70)])
    (kept,) = marks_of_item(session, item_id)
    assert kept.mark == 62
    assert [(one.code, one.title, one.maximum_mark, one.mark) for one in kept.criteria] == [
        ("AO1", "Research", 20, 19),
        ("AO2", "Making", 30, 28),
        ("AO3", "Judging", 20, 15),
    ]


def test_what_is_wrong_with_criteria_saves_nothing(session: Session, case_id: str) -> None:
    set_criteria(session, SERIES, CRITERIA)
    item_id = first_item(session, case_id)
    for total, given in ((None, {"AO1": 19}), (50, {"AO1": 19, "AO2": 28, "AO3": 15}), (None, {"AO9": 1})):
        with pytest.raises(CriteriaRefused):
            mark(session, item_id, total, given)
    assert marks_of_item(session, item_id) == []


def test_another_split_of_the_same_total_is_a_new_mark_and_the_same_again_is_none(
    session: Session, case_id: str
) -> None:
    set_criteria(session, SERIES, CRITERIA)
    item_id = first_item(session, case_id)
    mark(session, item_id, None, {"AO1": 19, "AO2": 28, "AO3": 15}, expected_number=0)
    mark(session, item_id, 62, {"AO1": 19, "AO2": 28, "AO3": 15}, expected_number=0)
    assert len(marks_of_item(session, item_id)) == 1
    mark(session, item_id, None, {"AO1": 18, "AO2": 29, "AO3": 15}, expected_number=1)
    assert [(one.number, one.mark, one.superseded_at is None) for one in marks_of_item(session, item_id)] == [
        (1, 62, False),
        (2, 62, True),
    ]
    with pytest.raises(StaleVersion):
        mark(session, item_id, 62, {}, expected_number=1)


def test_marks_by_criterion_stay_as_they_were_written(session: Session, case_id: str) -> None:
    set_criteria(session, SERIES, CRITERIA)
    mark(session, first_item(session, case_id), None, {"AO1": 19, "AO2": 28, "AO3": 15})
    session.commit()
    for statement in (update(CriterionMark).values(mark=1), delete(CriterionMark)):
        with pytest.raises(RecordKept):
            session.execute(statement)
        session.rollback()


def test_the_standing_of_a_case_is_what_its_rules_say(session: Session, case_id: str) -> None:
    assert standing(session, case_id).left == 6
    record_moderator_mark(session, first_item(session, case_id), mark=62, moderator=MODERATOR, now=NOW)
    found = standing(session, case_id)
    assert (found.left, found.widest, found.first_is_within) == (5, 6, False)
    moderate(session, case_id, dict(zip(CENTRE_B, MODERATOR_B, strict=True)))
    found = standing(session, case_id)
    assert (found.report.stage, found.would_find, found.order_holds) == (
        Stage.FULL_SAMPLE,
        OutcomeKind.ADJUSTED,
        True,
    )


def test_the_worklist_says_how_many_are_wanted_and_which_comes_next(session: Session, case_id: str) -> None:
    (line,) = worklist(session, MODERATOR, NOW)
    assert (line.wanted, line.next_item_id, line.closes_at) == (6, first_item(session, case_id), None)
    record_moderator_mark(session, first_item(session, case_id), mark=62, moderator=MODERATOR, now=NOW)
    (line,) = worklist(session, MODERATOR, NOW)
    assert line.wanted == 5
    assert line.next_item_id != first_item(session, case_id)


def test_what_others_did_since_a_look_is_new(session: Session, case_id: str) -> None:
    assert looks.news_of(session, [case_id], MODERATOR) == {case_id: None}
    moderate(session, case_id, dict(zip(CENTRE_B, MODERATOR_B, strict=True)))
    looks.note_look(session, case_id, MODERATOR, NOW + SOON)
    assert looks.news_of(session, [case_id], MODERATOR) == {case_id: ()}
    reopen_marking(session, case_id, reason="Look again", officer=OFFICER, now=NOW + 2 * SOON)
    assert looks.news_of(session, [case_id], MODERATOR) == {case_id: (CaseEvent.CALL_FULL_SAMPLE,)}
    looks.note_look(session, case_id, MODERATOR, NOW + 3 * SOON)
    assert looks.news_of(session, [case_id], MODERATOR) == {case_id: ()}
    assert looks.news_of(session, [case_id], LEADER) == {case_id: None}


def test_a_concern_is_raised_taken_and_closed_once(session: Session, case_id: str) -> None:
    who = candidate_ids(session)[0]
    made = concerns.raise_concern(session, case_id, candidate_id=who, statement=" page 3 ", actor=MODERATOR, now=NOW)
    assert (made.statement, made.candidate_number, made.taken_by) == ("page 3", "1001", None)
    assert concerns.take_concern(session, made.concern_id, officer=OFFICER, now=NOW).taken_by == OFFICER
    assert concerns.take_concern(session, made.concern_id, officer="another", now=NOW).taken_by == OFFICER
    with pytest.raises(ReasonMissing):
        concerns.close_concern(session, made.concern_id, note=" ", officer=OFFICER, now=NOW)
    done = concerns.close_concern(session, made.concern_id, note="The lead was called", officer=OFFICER, now=NOW)
    assert (done.closing_note, done.closed_by) == ("The lead was called", OFFICER)
    with pytest.raises(ConcernClosed):
        concerns.close_concern(session, made.concern_id, note="again", officer=OFFICER, now=NOW)
    assert concerns.concerns_of(session, series_key=SERIES, is_open=True) == []
    assert len(concerns.concerns_of(session, case_id=case_id)) == 1


def test_what_is_no_concern_is_refused(session: Session, case_id: str) -> None:
    with pytest.raises(ReasonMissing):
        concerns.raise_concern(session, case_id, candidate_id=None, statement=" ", actor=MODERATOR, now=NOW)
    with pytest.raises(UnknownCandidate):
        concerns.raise_concern(session, case_id, candidate_id="nobody", statement="x", actor=MODERATOR, now=NOW)
    with pytest.raises(HoldMissing):
        concerns.take_concern(session, "nothing", officer=OFFICER, now=NOW)
    session.add(SafeguardingConcern(case_id=case_id, statement="x", raised_by=MODERATOR, raised_at=NOW))
    session.commit()
    with pytest.raises(RecordKept):
        session.execute(update(SafeguardingConcern).values(statement="y"))


def begin(session: Session, case_id: str, to: Party = Party.TEAM_LEADER, item_id: str | None = None) -> str:
    return messages.open_thread(
        session,
        case_id,
        item_id=item_id,
        kind=ThreadKind.DESK,
        subject="One task or two?",
        body="Which counts?",
        addressed_to=to,
        person_id=MODERATOR,
        party=Party.MODERATOR,
        now=NOW,
    )


def test_a_conversation_goes_to_whom_it_is_for_is_read_and_passed_on(session: Session, case_id: str) -> None:
    set_team(session, series_key=SERIES, component_code=COMPONENT, leader_id=LEADER, member_ids=[MODERATOR])
    thread_id = begin(session, case_id, item_id=first_item(session, case_id))

    def new(person_id: str, party: Party) -> int:
        return sum(messages.unread_by_case(session, person_id, party).values())

    assert (new(LEADER, Party.TEAM_LEADER), new(MODERATOR, Party.MODERATOR), new(OFFICER, Party.AB_OFFICER)) == (
        1,
        0,
        0,
    )
    messages.mark_read(session, thread_id, LEADER, 1, NOW)
    messages.mark_read(session, thread_id, LEADER, 0, NOW)
    assert new(LEADER, Party.TEAM_LEADER) == 0
    reply = {"person_id": LEADER, "party": Party.TEAM_LEADER, "now": NOW + SOON}
    assert messages.reply(session, thread_id, body="Two", addressed_to=Party.AB_OFFICER, **reply) == 2
    assert messages.reply(session, thread_id, body="Two", addressed_to=Party.AB_OFFICER, **reply) == 2
    assert (new(MODERATOR, Party.MODERATOR), new(OFFICER, Party.AB_OFFICER)) == (1, 2)
    with pytest.raises(StaleVersion):
        messages.reply(session, thread_id, body="Late", expected_number=1, **reply)
    found = messages.thread_of(session, thread_id, OFFICER, Party.AB_OFFICER)
    assert [(one.number, one.body, one.addressed_to) for one in found.messages] == [
        (1, "Which counts?", Party.TEAM_LEADER),
        (2, "Two", Party.AB_OFFICER),
    ]


def test_a_conversation_is_refused_that_is_for_nobody_or_says_nothing(session: Session, case_id: str) -> None:
    for to in (Party.TEAM_LEADER, Party.EXAMS_OFFICER, Party.MODERATOR):  # there is no team; the centre; oneself
        with pytest.raises(MessageRefused):
            begin(session, case_id, to)
    with pytest.raises(UnknownSampleItem):
        begin(session, case_id, Party.AB_OFFICER, item_id="nothing")
    thread_id = begin(session, case_id, Party.AB_OFFICER)
    with pytest.raises(MessageRefused):
        messages.reply(session, thread_id, body=" ", person_id=OFFICER, party=Party.AB_OFFICER, now=NOW)
    with pytest.raises(ThreadMissing):
        messages.reply(session, "nothing", body="x", person_id=OFFICER, party=Party.AB_OFFICER, now=NOW)


def test_messages_are_only_added(session: Session, case_id: str) -> None:
    begin(session, case_id, Party.AB_OFFICER)
    session.commit()
    for statement in (
        update(Message).values(body="x"),
        delete(Message),
        update(Thread).values(subject="x"),
        delete(Thread),
    ):
        with pytest.raises(RecordKept):
            session.execute(statement)
        session.rollback()
