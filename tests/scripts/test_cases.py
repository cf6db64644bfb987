from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from scripts import records
from scripts.cases import ABOUT_MISSING, CASE_POLICY, Level, Reason, decide_by, policy_of, weekdays_after
from scripts.errors import CaseRefused, CaseUnknown
from scripts.missing import Alarm
from scripts.records.searching import Where, search_list
from scripts.tables import DeclaredMissing, ScriptCase, ScriptEventRow
from tests.scripts import worlds
from tests.scripts.worlds import NOW, Bag, Made

LATER = NOW + timedelta(hours=3)


@pytest.fixture
def session() -> Iterator[Session]:
    with worlds.empty() as opened:
        yield opened


@pytest.fixture
def short(session: Session) -> Made:
    """Two packets; of the second one script of three is not there, and scanning says which."""
    made = worlds.sitting(session, [Bag(3, "opened", 3, 3, 3), Bag(3, "opened", 3, 2, 2)])
    records.reconcile(session, made.sitting.id, now=NOW)
    return made


def only(session: Session, kind: str | None = None) -> ScriptCase:
    query = select(ScriptCase) if kind is None else select(ScriptCase).where(ScriptCase.kind == kind)
    return session.scalars(query).one()


def told(session: Session, case: ScriptCase) -> list[str]:
    return [event.kind for event in records.case_events(session, [case.id])[case.id]]


def test_a_case_has_a_level_an_owner_and_a_day(session: Session, short: Made) -> None:
    case = only(session)
    assert (case.kind, case.subject, case.level, case.owner_role) == (
        "register_present_no_script", "packet:2", "script", "tracking_clerk",
    )  # fmt: skip
    assert case.due_at is not None
    assert case.due_at.date() == weekdays_after(NOW.date(), 3)
    assert case.details == {"candidates": ["1006"], "count": 1}
    assert told(session, case) == ["opened"]


def test_every_kind_has_a_policy_whose_reasons_are_of_its_level() -> None:
    assert all(policy.reasons and policy.due_days > 0 for policy in CASE_POLICY.values())
    assert policy_of("unreadable_cover").level is Level.PAGE
    assert all(Reason.ESTIMATED_MARK in policy_of(kind).reasons for kind in ABOUT_MISSING)


def test_a_case_is_given_talked_about_given_time_and_opened_again(session: Session, short: Made) -> None:
    case = only(session)
    records.assign(session, case.id, owner_role="ab_officer", owner="p1", actor="p1", now=NOW)
    records.comment(session, case.id, text="Asked the carrier.", actor="p1", now=NOW)
    records.change_due(session, case.id, due_at=LATER, text="The carrier looks.", actor="p1", now=NOW)
    records.reply(session, case.id, text="Nothing in the safe.", actor="e1", now=NOW)
    assert told(session, case) == ["opened", "assigned", "commented", "due_changed", "replied"]
    for wrong in ("", " " * 9, "x" * 2001):
        with pytest.raises(CaseRefused):
            records.comment(session, case.id, text=wrong, actor="p1", now=NOW)
    with pytest.raises(CaseUnknown):
        records.comment(session, "nothing", text="x", actor="p1", now=NOW)
    with pytest.raises(CaseRefused):
        records.reopen(session, case.id, text="x", actor="p1", now=NOW)
    records.close_case(session, case.id, reason="estimated_mark", actor="p1", now=LATER)
    with pytest.raises(CaseRefused, match="closed"):
        records.reply(session, case.id, text="too late", actor="e1", now=LATER)
    records.reopen(session, case.id, text="It may be in the annexe.", actor="p1", now=LATER)
    assert (case.state, case.reason, told(session, case)[-2:]) == ("open", "", ["closed", "reopened"])


@pytest.mark.parametrize("reason", ["estimated_mark", "result_x", "other_route"])
def test_a_case_that_is_opened_again_takes_back_what_it_decided(session: Session, short: Made, reason: str) -> None:
    """Regression: a case opened again closed as found, without the script, since the first decision still stood."""
    case = only(session)
    for _ in range(2):
        records.close_case(session, case.id, reason=reason, text="Decided.", actor="o", now=NOW)
        assert records.reconcile(session, short.sitting.id, now=NOW).closes
        records.reopen(session, case.id, text="It may be in the annexe.", actor="p1", now=LATER)
        assert not records.figures(session, short.sitting.id).closes
        with pytest.raises(CaseRefused, match="1006"):
            records.close_case(session, case.id, reason="located_late", actor="o", now=LATER)
    short.scripts["1006"].state = "indexed"
    records.close_case(session, case.id, reason="located_late", actor="o", now=LATER)
    assert (case.state, records.figures(session, short.sitting.id).declared) == ("closed", 0)
    steps = [row.kind for row in session.scalars(select(ScriptEventRow).order_by(ScriptEventRow.chain_number))]
    kinds = (
        ["explained", "explanation_withdrawn"]
        if reason == "other_route"
        else ["declared_missing", "declaration_withdrawn"]
    )
    assert steps == kinds * 2


@pytest.mark.fault("att:I06")
def test_a_reason_that_does_not_balance_is_refused_and_says_what_is_open(session: Session, short: Made) -> None:
    case = only(session)
    with pytest.raises(CaseRefused) as caught:
        records.close_case(session, case.id, reason="located_late", actor="o", now=NOW)
    assert "1 script is still not accounted for: 1006" in caught.value.detail
    for reason in ("because", "pages_settled", "explained"):
        with pytest.raises(CaseRefused):
            records.close_case(session, case.id, reason=reason, actor="o", now=NOW)
    with pytest.raises(CaseRefused, match="Write down why"):
        records.close_case(session, case.id, reason="other_route", actor="o", now=NOW)
    with pytest.raises(CaseRefused, match="not one whom"):
        records.close_case(session, case.id, reason="other_route", numbers=["1001"], text="x", actor="o", now=NOW)
    assert case.state == "open"
    records.close_case(session, case.id, reason="other_route", text="Sent by the courier.", actor="o", now=NOW)
    assert (case.state, short.lines["1006"].explained, short.lines["1006"].late) == ("closed", "other_route", True)
    found = records.reconcile(session, short.sitting.id, now=LATER)
    assert (found.explained, found.cases, found.closes) == (1, (), True)
    event = session.scalars(select(ScriptEventRow).where(ScriptEventRow.kind == "explained")).one()
    assert (event.actor, event.details["why"]) == ("o", "Sent by the courier.")


def test_when_only_the_count_is_known_the_candidate_must_be_named(session: Session) -> None:
    made = worlds.sitting(session, [Bag(4, "opened", 4, 3)])
    records.reconcile(session, made.sitting.id, now=NOW)
    case = only(session)
    with pytest.raises(CaseRefused, match="Choose the candidates"):
        records.close_case(session, case.id, reason="result_x", actor="o", now=NOW)
    records.close_case(session, case.id, reason="result_x", numbers=["1003"], actor="o", now=NOW)
    declared = session.scalars(select(DeclaredMissing)).one()
    assert (declared.script_id, declared.outcome) == (made.scripts["1003"].id, "result_x")
    found = records.reconcile(session, made.sitting.id, now=LATER)
    assert (found.declared, found.cases) == (1, ())


def test_a_script_that_arrives_after_it_was_declared_missing_closes_as_located_late(
    session: Session, short: Made
) -> None:
    """Regression: script arriving after ``missing`` was declared."""
    case = only(session)
    records.close_case(session, case.id, reason="estimated_mark", actor="o", now=NOW)
    assert records.reconcile(session, short.sitting.id, now=NOW).closes
    short.scripts["1006"].state = "indexed"
    session.flush()
    for _ in range(2):
        done = records.reconcile_many(session, [short.sitting.id], now=LATER)
    assert done.located == 0
    session.expire_all()
    declared = session.scalars(select(DeclaredMissing)).one()
    assert declared.located_at == LATER
    assert (case.state, case.reason) == ("closed", "located_late")
    assert told(session, case) == ["opened", "closed", "located", "closed"]
    history = records.case_events(session, [case.id])[case.id]
    assert history[1].details["reason"] == "estimated_mark"
    assert records.figures(session, short.sitting.id).declared == 0
    steps = [row.kind for row in session.scalars(select(ScriptEventRow).order_by(ScriptEventRow.chain_number))]
    assert steps == ["declared_missing", "located_late"]


def test_a_difference_that_comes_back_opens_its_case_again(session: Session, short: Made) -> None:
    case = only(session)
    short.scripts["1006"].state = "indexed"
    records.reconcile(session, short.sitting.id, now=NOW)
    assert case.state == "answered"
    records.close_case(session, case.id, reason="located_late", actor="o", now=NOW)
    short.scripts["1006"].state = "in_packet"
    records.reconcile(session, short.sitting.id, now=LATER)
    assert (case.state, told(session, case)[-1]) == ("open", "reopened")


@pytest.mark.fault("att:I07")
def test_a_double_feed_on_the_last_sheet_closes_by_a_count_that_agrees(session: Session, short: Made) -> None:
    """Regression: double feed on the last sheet."""
    made = worlds.bundle(session, short, ["indexed"] * 10, sheets=6)
    case = records.open_case(session, short.sitting.id, "double_feed", f"bundle:{made.id}", now=NOW)
    with pytest.raises(CaseRefused, match="Count the sheets"):
        records.close_case(session, case.id, reason="counting_error", actor="o", now=NOW)
    with pytest.raises(CaseRefused, match="6 sheets have 12"):
        records.close_case(session, case.id, reason="counting_error", sheets=6, actor="o", now=NOW)
    records.close_case(session, case.id, reason="counting_error", sheets=5, actor="o", now=NOW)
    assert (made.sheets, made.sheets_checked) == (6, 5)
    assert all(one.holds for one in records.figures(session, short.sitting.id).equations if one.number == 6)


@pytest.mark.fault("att:I08")
def test_a_case_of_pages_waits_for_the_last_of_them(session: Session, short: Made) -> None:
    """Regression: front and back of a sheet with different ids."""
    made = worlds.bundle(session, short, ["indexed", "queued"], reason="front_back_mismatch")
    case = records.open_case(session, short.sitting.id, "front_back_mismatch", f"bundle:{made.id}", now=NOW)
    with pytest.raises(CaseRefused, match="1 page still waits"):
        records.close_case(session, case.id, reason="pages_settled", actor="o", now=NOW)
    records.bundle_pages(session, made.id)[1].disposition = "discarded"
    session.flush()
    records.close_case(session, case.id, reason="pages_settled", actor="o", now=NOW)


def test_an_event_that_comes_twice_opens_one_case(session: Session, short: Made) -> None:
    one = records.open_case(session, short.sitting.id, "damaged", "packet:1", now=NOW, packet=short.packets[1])
    assert records.open_case(session, short.sitting.id, "damaged", "packet:1", now=LATER).id == one.id
    assert told(session, one) == ["opened"]
    with pytest.raises(CaseRefused, match="Write down why"):
        records.close_case(session, one.id, reason="other", actor="o", now=NOW)
    records.close_case(session, one.id, reason="other", text="Only the envelope.", actor="o", now=NOW)


def test_the_search_list_names_siblings_queues_and_other_centres_of_the_batch(session: Session, short: Made) -> None:
    worlds.bundle(session, short, ["queued", "queued"], reason="extra_booklet_unmatched").batch = "B7"
    beside = worlds.sitting(session, [Bag(1, "opened", 1, 1, 1)], centre="99002")
    worlds.bundle(session, beside, ["indexed"]).batch = "B7"
    session.flush()
    found = search_list(session, only(session), short.sitting)
    assert [(one.where, one.number, one.count, one.centre_number) for one in found] == [
        (Where.SIBLING, 1, 3, ""),
        (Where.SIBLING, 2, 2, ""),
        (Where.QUEUE, 0, 2, ""),
        (Where.SAME_BATCH, 0, 1, "99002"),
    ]


def test_the_last_day_to_decide_is_ten_working_days_before_results() -> None:
    assert decide_by(date(2026, 8, 20), weekdays_after) == date(2026, 8, 6)
    assert weekdays_after(date(2026, 6, 12), 1) == date(2026, 6, 15)
    assert weekdays_after(date(2026, 6, 15), -1) == date(2026, 6, 12)
    assert Alarm.RED in set(Alarm)
