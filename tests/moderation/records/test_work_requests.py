from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import create_engine, update
from sqlalchemy.orm import Session

from moderation.errors import (
    AlreadyReplaced,
    ChoiceRefused,
    IllegalTransition,
    NoSample,
    NothingToRequest,
    ReasonMissing,
    StaleVersion,
    UnknownSampleItem,
)
from moderation.marks import MarkStatus
from moderation.outcome import Stage
from moderation.records.cases import advance, case_of, history_of, view_case
from moderation.records.exports import sample_lines
from moderation.records.marking import record_moderator_mark, stage_of
from moderation.records.marks import MarkEntry, check_marks, confirm_marks, save_marks, submit_marks
from moderation.records.outcomes import outcome_of
from moderation.records.ranked_lists import ranked_list, withdrawn_items
from moderation.records.samples import progress_of, sample_of, submit_sample
from moderation.records.work_requests import replace_sampled, request_all_work, request_more_work, requests_of
from moderation.sampling import PickReason, ReplacementReason, RequestKind
from moderation.submission import CaseEvent, CaseState
from moderation.tables import Base, CentreMark, Entry, SampleItem
from tests.moderation.records import stage
from tests.moderation.records.stage import MODERATOR, NOW, OFFICER

LATER = NOW + timedelta(days=14)


def read(session: Session, size: int = 40) -> str:
    """Return a case whose sample is with the moderator, with the mark of one work given."""
    stage.make_series(session)
    case_id = stage.make_centre(session, size)
    stage.confirm(session, case_id, [70 - i for i in range(size)])
    stage.hand_in(session, case_id)
    stage.give_to_moderator(session, case_id)
    first = next(item for item in sample_of(session, case_id).items if item.first_stage)
    record_moderator_mark(session, first.item_id, mark=first.centre_mark, moderator=MODERATOR, now=NOW)
    return case_id


def test_more_work_is_spread_over_those_not_drawn_and_has_its_own_clock(session: Session) -> None:
    case_id = read(session)
    before = sample_of(session, case_id)
    request = request_more_work(session, case_id, count=5, reason="Rank order unclear", actor=MODERATOR, now=LATER)
    assert view_case(session, case_id).state is CaseState.MORE_WORK_REQUESTED
    after = sample_of(session, case_id)
    assert after.stage is Stage.FULL_SAMPLE
    new = [item for item in after.items if item.request_id == request.request_id]
    assert {item.item_id for item in new} == set(request.item_ids)
    left = [n for n in range(1, 41) if n not in {item.position for item in before.items}]
    assert [item.position for item in new] == [left[place - 1] for place in (1, 7, 13, 19, 25)]
    assert {item.reason for item in new} == {PickReason.ADDED}
    assert {item.first_stage for item in new} == {False}
    assert request.due_at == datetime(2026, 6, 3, 22, 59, 59, tzinfo=UTC)
    assert {item.due_at for item in new} == {request.due_at}
    assert request.previous_due_at == before.due_at
    assert view_case(session, case_id).sample_due_at == request.due_at
    old_items = [item.item_id for item in before.items]
    progress = progress_of(session, case_id, old_items, LATER)
    assert (progress.expected, progress.received, progress.is_late) == (20, 15, False)
    assert progress_of(session, case_id, old_items, request.due_at + timedelta(seconds=1)).is_late
    assert [one.kind for one in requests_of(session, case_id)] == [RequestKind.MORE_WORK]
    everything = {item.item_id for item in after.items}
    submit_sample(session, case_id, items_with_work=everything, actor=OFFICER, now=LATER)
    assert view_case(session, case_id).state is CaseState.SUBMITTED
    assert len(stage_of(session, case_id).unread) == 19


def test_named_candidates_are_asked_for_and_nobody_else(session: Session) -> None:
    case_id = read(session)
    free = [line for line in ranked_list(session, case_id).lines if line.can_be_named]
    taken = next(line for line in ranked_list(session, case_id).lines if line.item is not None)
    with pytest.raises(ChoiceRefused):
        request_more_work(
            session,
            case_id,
            candidate_ids=[free[0].candidate_id, taken.candidate_id],
            reason="x",
            actor=OFFICER,
            now=NOW,
        )
    assert requests_of(session, case_id) == []
    request = request_more_work(
        session, case_id, candidate_ids=[free[3].candidate_id], reason="Queried by parent", actor=OFFICER, now=NOW
    )
    (item,) = [item for item in sample_of(session, case_id).items if item.request_id == request.request_id]
    assert item.candidate_id == free[3].candidate_id
    assert "named" in item.explanation


def test_all_work_is_everybody_who_can_be_drawn(session: Session) -> None:
    case_id = read(session)
    request = request_all_work(session, case_id, reason="No reliable order", actor=OFFICER, now=LATER)
    assert len(request.item_ids) == 25
    sample = sample_of(session, case_id)
    assert sample.stage is Stage.ALL_WORK
    assert sorted(item.position for item in sample.items) == list(range(1, 41))
    assert view_case(session, case_id).state is CaseState.ALL_WORK_REQUESTED
    with pytest.raises(NothingToRequest):
        request_all_work(session, case_id, reason="again", actor=OFFICER, now=LATER)
    with pytest.raises(NothingToRequest):
        request_more_work(session, case_id, count=1, reason="again", actor=OFFICER, now=LATER)


def test_requests_need_a_reason_a_number_a_sample_and_the_version_seen(session: Session) -> None:
    case_id = read(session)
    with pytest.raises(ReasonMissing):
        request_more_work(session, case_id, count=1, reason="  ", actor=OFFICER, now=NOW)
    with pytest.raises(ChoiceRefused):
        request_more_work(session, case_id, count=0, reason="x", actor=OFFICER, now=NOW)
    with pytest.raises(StaleVersion):
        request_all_work(session, case_id, reason="x", actor=OFFICER, now=NOW, expected_version=1)
    other = stage.make_centre(session, 2, "99905")
    with pytest.raises(NoSample):
        request_more_work(session, other, count=1, reason="x", actor=OFFICER, now=NOW)
    move(session, case_id, CaseEvent.PROPOSE_OUTCOME, CaseEvent.CONFIRM_OUTCOME)
    with pytest.raises(IllegalTransition):
        request_more_work(session, case_id, count=1, reason="x", actor=OFFICER, now=NOW)


def test_a_replaced_work_stays_visible_and_is_neither_waited_for_nor_read(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 40)
    stage.confirm(session, case_id, [70 - i for i in range(40)])
    item = sample_of(session, case_id).items[3]
    new = replace_sampled(
        session, item.item_id, reason=ReplacementReason.LOST, note="Burst pipe", actor=OFFICER, now=NOW
    )
    assert new is not None
    assert (item.position, new.position, new.centre_mark) == (9, 8, 63)
    assert new.reason is PickReason.REPLACEMENT
    assert new.replaces_item_id == item.item_id
    assert new.explanation == "In place of position 9, work lost (1 mark apart)"
    assert new.first_stage == item.first_stage
    assert view_case(session, case_id).state is CaseState.SAMPLE_REQUESTED
    sample = sample_of(session, case_id)
    old = next(one for one in sample.items if one.item_id == item.item_id)
    assert old.is_replaced
    assert old.replacement_reason == "lost"
    assert "Replaced (work lost)" in old.no_work_reason
    asked = [(line.candidate_number, line.reason) for line in sample_lines(session, stage.SERIES)]
    assert len(asked) == 15
    assert (new.candidate_number, "replacement") in asked
    assert item.candidate_number not in dict(asked)
    with_work = [one.item_id for one in sample.items if one.item_id != item.item_id]
    progress = progress_of(session, case_id, with_work, NOW)
    assert (progress.expected, progress.received) == (15, 15)
    with pytest.raises(AlreadyReplaced):
        replace_sampled(session, item.item_id, reason=ReplacementReason.LOST, note="x", actor=OFFICER, now=NOW)
    with pytest.raises(UnknownSampleItem):
        replace_sampled(session, "none", reason=ReplacementReason.LOST, note="x", actor=OFFICER, now=NOW)
    submit_sample(session, case_id, items_with_work=with_work, actor=OFFICER, now=NOW)
    stage.give_to_moderator(session, case_id)
    assert item.item_id not in stage_of(session, case_id).unread


def test_an_unreadable_work_is_replaced_while_the_sample_is_read(session: Session) -> None:
    case_id = read(session)
    item = sample_of(session, case_id).items[-1]
    new = replace_sampled(
        session, item.item_id, reason=ReplacementReason.UNREADABLE, note="File is empty", actor=MODERATOR, now=LATER
    )
    assert new is not None
    assert new.position == 39
    assert view_case(session, case_id).state is CaseState.MORE_WORK_REQUESTED
    assert new.due_at == datetime(2026, 6, 3, 22, 59, 59, tzinfo=UTC)
    assert sample_of(session, case_id).stage is Stage.SUB_SAMPLE


def test_with_nobody_left_a_work_is_taken_out_and_said_so(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 3)
    stage.confirm(session, case_id, [30, 20, 10])
    item = sample_of(session, case_id).items[0]
    reason = ReplacementReason.ABSENT_IN_ERROR
    assert replace_sampled(session, item.item_id, reason=reason, note="x", actor=OFFICER, now=NOW) is None
    old = next(one for one in sample_of(session, case_id).items if one.item_id == item.item_id)
    assert "nobody is left" in old.no_work_reason


@pytest.mark.fault("att:H15")
def test_a_withdrawal_after_the_draw_is_offered_for_replacement_and_never_drawn_again(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 40)
    stage.confirm(session, case_id, [70 - i for i in range(40)])
    items = sample_of(session, case_id).items
    assert withdrawn_items(session, case_id=case_id) == []
    second = next(line for line in ranked_list(session, case_id).lines if line.position == 2)
    gone = [items[0].candidate_id, second.candidate_id]
    session.execute(update(Entry).where(Entry.candidate_id.in_(gone)).values(withdrawn_at=LATER))
    (offered,) = withdrawn_items(session, series_key=stage.SERIES)
    assert offered.item_id == items[0].item_id
    ranking = ranked_list(session, case_id)
    assert ranking.is_as_drawn  # whoever withdrew keeps a place in the list
    assert ranking.lines[0].is_withdrawn
    assert not ranking.lines[1].can_be_named
    new = replace_sampled(
        session,
        offered.item_id,
        reason=ReplacementReason.WITHDRAWN_AFTER_DRAW,
        note="Entry withdrawn on 29 May",
        actor=OFFICER,
        now=LATER,
    )
    assert new is not None
    assert new.position == 3  # 1 withdrew, and 2, the nearest, as well
    assert withdrawn_items(session, case_id=case_id) == []


def move(session: Session, case_id: str, *events: CaseEvent) -> None:
    for event in events:
        advance(session, case_of(session, case_id), event, actor="system", now=NOW)


def in_consortium(session: Session) -> tuple[str, str, str]:
    stage.make_series(session)
    first, second, third = stage.make_consortium(session, ["99901", "99902", "99903"], [20, 10, 2])
    stage.confirm(session, first, [70 - i for i in range(20)])
    stage.confirm(session, second, [45 - i for i in range(10)])
    stage.enter_marks(session, third, [0, 0])
    confirm_marks(session, third, actor="system", now=NOW)
    return first, second, third


def test_a_replacement_at_another_centre_tells_neither_centre_of_the_other(session: Session) -> None:
    first, second, _ = in_consortium(session)
    nobody_else = [line for line in ranked_list(session, second).lines if line.case_id == second and line.can_be_named]
    session.execute(
        update(Entry)
        .where(Entry.candidate_id.in_([line.candidate_id for line in nobody_else]))
        .values(withdrawn_at=LATER)
    )
    item = sample_of(session, second).items[-1]
    new = replace_sampled(session, item.item_id, reason=ReplacementReason.LOST, note="x", actor=OFFICER, now=LATER)
    assert new is not None
    assert new.case_id == first
    assert new.explanation == "In place of a candidate of another centre, work lost"
    old = next(one for one in sample_of(session, second).items if one.item_id == item.item_id)
    assert old.no_work_reason == "Replaced (work lost) by a candidate of another centre"
    assert new.item_id not in {one.item_id for one in sample_of(session, second).items}


@pytest.mark.fault("att:H14")
def test_members_without_new_items_stay_where_they_are(session: Session) -> None:
    first, second, third = in_consortium(session)
    for case_id in (first, second):
        stage.hand_in(session, case_id)
        move(session, case_id, CaseEvent.COMPLETE_RECEIPT)
    mine = [line for line in ranked_list(session, first).lines if line.can_be_named and line.case_id == first]
    request_more_work(
        session, second, candidate_ids=[mine[0].candidate_id], reason="One more", actor=OFFICER, now=LATER
    )
    states = [view_case(session, one).state for one in (first, second, third)]
    assert states == [CaseState.MORE_WORK_REQUESTED, CaseState.RECEIPT_COMPLETE, CaseState.SAMPLE_NOT_REQUIRED]


def test_what_was_found_for_others_of_a_consortium_is_read_again(session: Session) -> None:
    first, second, third = in_consortium(session)
    for case_id in (first, second):
        stage.hand_in(session, case_id)
        move(session, case_id, CaseEvent.COMPLETE_RECEIPT)
    for case_id in (first, second, third):
        move(session, case_id, CaseEvent.PROPOSE_OUTCOME)
    mine = [line for line in ranked_list(session, first).lines if line.can_be_named and line.case_id == first]
    request_more_work(session, first, candidate_ids=[mine[0].candidate_id], reason="More", actor=OFFICER, now=LATER)
    states = [view_case(session, one).state for one in (first, second, third)]
    assert states == [CaseState.MORE_WORK_REQUESTED, CaseState.FULL_SAMPLE, CaseState.FULL_SAMPLE]
    assert "another centre" in history_of(session, second)[-1].reason


@pytest.mark.fault("att:H13")
@pytest.mark.parametrize(
    "status", [status for status in MarkStatus if status is not MarkStatus.PRESENT], ids=lambda status: str(status)
)
def test_excluded_statuses_are_never_drawn_nor_asked_for(session: Session, status: MarkStatus) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 30)
    ids = stage.candidate_ids(session)
    marked = [MarkEntry(one, 60 - i) for i, one in enumerate(ids)]
    save_marks(session, case_id, marked, actor=stage.TEACHER, now=NOW)
    # The statuses that only the awarding body gives are set where they are kept.

    kept = 20 if status is MarkStatus.LOST else (0 if status.startswith("ZERO") else None)
    session.execute(
        update(CentreMark).where(CentreMark.candidate_id.in_(ids[::3])).values(status=status.value, mark=kept)
    )
    check_marks(session, case_id, actor=stage.TEACHER, now=NOW)
    submit_marks(session, case_id, actor=OFFICER, now=NOW)
    confirm_marks(session, case_id, actor="system", now=NOW)
    sample = sample_of(session, case_id)
    assert (sample.candidates_total, sample.size) == (20, 15)
    stage.hand_in(session, case_id)
    request_all_work(session, case_id, reason="All", actor=OFFICER, now=LATER)
    asked = {item.candidate_id for item in sample_of(session, case_id).items}
    assert asked == set(ids) - set(ids[::3])


def mark_what_is_unread(session: Session, case_id: str) -> None:
    """Mark everything that is to be read six marks lower, stage after stage."""
    for _ in range(2):
        for item_id in stage_of(session, case_id).unread:
            item = session.get_one(SampleItem, item_id)
            record_moderator_mark(session, item_id, mark=max(0, item.centre_mark - 6), moderator=MODERATOR, now=LATER)


def test_all_work_leads_to_an_outcome_over_all_of_it(session: Session) -> None:
    case_id = read(session, 20)
    mark_what_is_unread(session, case_id)
    before = outcome_of(session, case_id)
    assert before is not None
    assert before.stage is Stage.FULL_SAMPLE
    request_all_work(session, case_id, reason="Two readings of the task", actor=MODERATOR, now=LATER)
    everything = {item.item_id for item in sample_of(session, case_id).items}
    submit_sample(session, case_id, items_with_work=everything, actor=OFFICER, now=LATER)
    mark_what_is_unread(session, case_id)
    after = outcome_of(session, case_id)
    assert after is not None
    assert (after.stage, len(after.numbers["pairs"])) == (Stage.ALL_WORK, 20)
    assert view_case(session, case_id).state is CaseState.OUTCOME_PROPOSED


@pytest.mark.fault("att:H14")
def test_a_consortium_asked_for_more_is_found_again_as_one(session: Session) -> None:
    first, second, third = in_consortium(session)
    for case_id in (first, second):
        stage.hand_in(session, case_id)
        stage.give_to_moderator(session, case_id)
    mark_what_is_unread(session, first)
    assert {view_case(session, one).state for one in (first, second, third)} == {CaseState.OUTCOME_PROPOSED}
    mine = [line for line in ranked_list(session, first).lines if line.can_be_named and line.case_id == first]
    asked = [mine[0].candidate_id]
    request_more_work(session, second, candidate_ids=asked, reason="One more", actor=OFFICER, now=LATER)
    items = {item.item_id for item in sample_of(session, first).items}
    submit_sample(session, first, items_with_work=items, actor=OFFICER, now=LATER)
    mark_what_is_unread(session, first)
    found = [outcome_of(session, one) for one in (first, second, third)]
    assert {view_case(session, one).state for one in (first, second, third)} == {CaseState.OUTCOME_PROPOSED}
    assert {len(one.numbers["pairs"]) for one in found if one is not None} == {16}


@pytest.mark.postgres
def test_two_who_ask_at_once_do_not_ask_twice(postgres_url: str) -> None:
    """The second waits for the first on the database's own rule, and is then told to look again."""
    engine = create_engine(postgres_url)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        case_id = read(session, 20)
        session.commit()
    refused: list[Exception] = []
    asked = Barrier(2)

    def ask() -> None:
        with Session(engine) as session:
            case_of(session, case_id)  # seen before the other has committed
            asked.wait()
            try:
                request_all_work(session, case_id, reason="All", actor=OFFICER, now=LATER)
                session.commit()
            except (StaleVersion, IllegalTransition, NothingToRequest) as error:
                refused.append(error)

    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    with Session(engine) as session:
        assert len(requests_of(session, case_id)) == 1
        assert len(sample_of(session, case_id).items) == 20
    engine.dispose()
