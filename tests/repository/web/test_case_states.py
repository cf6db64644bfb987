"""What programs of a centre read of a case: never what a moderator has found so far."""

from __future__ import annotations

from dataclasses import replace

import pytest

from moderation.records.cases import view_case
from moderation.submission import CaseState
from repository import acting
from repository.access import Action, Actor, Role
from repository.acts.cases import CENTRE_WORDS, STATE_WORDS, shown_state, state_words
from repository.web.api.cases import case_json

from .uploading import CENTRE, Stage


def somebody(role: Role) -> Actor:
    return Actor("p", "a", "Somebody", role, CENTRE if role in {Role.TEACHER, Role.EXAMS_OFFICER} else None)


@pytest.mark.parametrize("role", [Role.TEACHER, Role.EXAMS_OFFICER])
@pytest.mark.fault("att:E13")
def test_states_with_the_same_words_are_the_same_state_to_a_centres_programs(role: Role) -> None:
    actor = somebody(role)
    words: dict[CaseState, set[str]] = {}
    for state in CaseState:
        words.setdefault(shown_state(actor, state), set()).add(state_words(actor, state))
    assert all(len(said) == 1 for said in words.values()), words
    hidden = {state for state in CENTRE_WORDS if CENTRE_WORDS[state] == "Being moderated"}
    assert {shown_state(actor, state) for state in hidden} == {CaseState.RECEIPT_COMPLETE}


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.TEACHER, Role.EXAMS_OFFICER}))
def test_the_awarding_body_reads_every_state(role: Role) -> None:
    assert all(shown_state(somebody(role), state) is state for state in STATE_WORDS)


async def test_what_the_api_says_follows_who_asks(stage: Stage) -> None:
    with acting.as_service("a test"):
        case = await stage.service.services.database.read(lambda s: view_case(s, stage.case_id))
    found = replace(case, state=CaseState.INVALID_ORDER)
    said = []
    for role in (Role.EXAMS_OFFICER, Role.AB_OFFICER):
        acting.set_person(somebody(role), Action.CASE_READ, stage.service.clock.now)
        said.append(case_json(found)["state"])
    acting.set_nobody()
    assert said == [CaseState.RECEIPT_COMPLETE, CaseState.INVALID_ORDER]
