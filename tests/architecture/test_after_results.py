"""The diagrams of after-results.md say what the tables say."""

from __future__ import annotations

import re
from pathlib import Path

from moderation.review import TRANSITIONS, RequestEvent, RequestState, Service
from moderation.review_terms import packaged_terms
from moderation.submission import TRANSITIONS as CASE_TRANSITIONS
from moderation.submission import CaseEvent, CaseState

DOCUMENT = (Path(__file__).parents[2] / "infra/docs/after-results.md").read_text(encoding="utf-8")
AFTER_RESULTS = {
    CaseEvent.RELEASE_REPORT,
    CaseEvent.REQUEST_REVIEW,
    CaseEvent.COMPLETE_REVIEW,
    CaseEvent.OPEN_APPEAL,
    CaseEvent.CLOSE_APPEAL,
    CaseEvent.BEGIN_RETENTION,
    CaseEvent.DISPOSE,
}


def moves(heading: str) -> list[tuple[str, str, str]]:
    """The moves listed under a heading."""
    part = DOCUMENT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^([A-Z_]+) --([A-Z_]+)--> ([A-Z_]+)$", part, re.MULTILINE)


def test_every_move_of_a_request_is_drawn_and_no_other() -> None:
    drawn = moves("The life of a request")
    assert len(drawn) == len(set(drawn))
    assert {(RequestState(a), RequestEvent(b)): RequestState(c) for a, b, c in drawn} == dict(TRANSITIONS)


def test_every_move_of_a_case_after_results_is_drawn_and_no_other() -> None:
    drawn = {(CaseState(a), CaseEvent(b)): CaseState(c) for a, b, c in moves("The life of the case beside it")}
    assert drawn == {pair: after for pair, after in CASE_TRANSITIONS.items() if pair[1] in AFTER_RESULTS}


def test_the_picture_names_every_state() -> None:
    picture = DOCUMENT.partition("## The life of a request")[2].split("```")[1]
    assert set(re.findall(r"[A-Z][A-Z_]{4,}", picture)) == {state.value for state in RequestState}


def test_the_clocks_in_the_table_are_those_that_ship() -> None:
    days = {terms.service: terms.clock_days for terms in packaged_terms()}
    for service, words in (
        (Service.CLERICAL_RECHECK, "| 1 clerical re-check "),
        (Service.REVIEW_OF_MARKING, "| 2 review of marking "),
        (Service.PRIORITY_REVIEW, "| P2 priority "),
        (Service.REVIEW_OF_MODERATION, "| 3 review of moderation "),
    ):
        (row,) = [line for line in DOCUMENT.splitlines() if line.startswith(words)]
        assert f"| {days[service]} from " in row
