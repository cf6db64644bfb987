"""What-if over HTTP: officers only, nothing stored, every refusal names its field."""

from __future__ import annotations

import pytest

from moderation.rules import Disclosure
from repository.access import Role
from tests.moderation.records.stage import SERIES

from .conftest import Service
from .explaining import ADJUSTING, events, issue, moderated, page_text

CODE = "X446%2F03"
COMPONENT_PATH = f"/series/{SERIES}/component/what-if"


@pytest.fixture
async def case_id(service: Service) -> str:
    case_id = await service.write(lambda s: moderated(s, ADJUSTING, Disclosure.DIFFERENCES))
    await service.write(lambda s: issue(s, case_id))
    return case_id


async def test_an_officer_sees_who_would_move_and_nothing_is_stored(service: Service, case_id: str) -> None:
    officer = await service.client(Role.AB_OFFICER)
    before = await service.rows()
    path = f"/cases/{case_id}/what-if"
    text = await page_text(officer, path)
    assert "Nobody’s mark would move." in text
    text = await page_text(officer, f"{path}?tolerance=2000&correlation=&discordant=")
    assert "What would change" in text
    assert "The centre’s marks stand" in text
    assert "10 of 10" in text
    answer = await officer.get(f"{path}.csv?tolerance=2000")
    lines = (await answer.read()).decode("utf-8-sig").splitlines()
    assert (
        lines[0] == "centre,candidate_number,centre_mark,mark_before,mark_after,entry_option,grade_before,grade_after"
    )
    assert len(lines) == 11
    text = await page_text(officer, f"{path}?candidate=1001&mark=8000&whose=moderator")
    assert "10 of 10" in text
    text = await page_text(officer, f"{COMPONENT_PATH}?code={CODE}&tolerance=2000")
    assert "Centres where something would change" in text
    assert "99901" in text
    for of in ("", "&of=candidates"):
        answer = await officer.get(f"{COMPONENT_PATH}.csv?code={CODE}&tolerance=2000{of}")
        assert answer.status == 200
        assert len((await answer.read()).decode("utf-8-sig").splitlines()) == (11 if of else 2)
    assert await service.rows() == before
    looks = await events(service, "what_if")
    assert len(looks) == 7
    assert {person for person, _ in looks} == {officer.person_id}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("tolerance=-1", "tolerance"),
        ("tolerance=many", "tolerance"),
        ("tolerance=99999", "tolerance"),
        ("discordant=2", "discordant"),
        ("discordant=1/0", "discordant"),
        ("discordant=1e-9", "discordant"),
        ("correlation=nan", "correlation"),
        ("correlation=-1", "correlation"),
        ("candidate=x&mark=1", "candidate"),
        ("mark=1", "candidate"),
        ("candidate=1001&mark=", "mark"),
    ],
)
async def test_what_cannot_be_asked_names_its_field(service: Service, case_id: str, query: str, field: str) -> None:
    officer = await service.client(Role.AB_OFFICER)
    text = await page_text(officer, f"/cases/{case_id}/what-if?{query}", 422)
    assert f'href="#{field}"' in text
    assert f'id="{field}"' in text
    assert (await officer.get(f"/cases/{case_id}/what-if.csv?{query}")).status == 422
    if field not in {"candidate", "mark"}:
        await page_text(officer, f"{COMPONENT_PATH}?code={CODE}&{query}", 422)


async def test_a_candidate_that_is_not_there(service: Service, case_id: str) -> None:
    officer = await service.client(Role.AB_OFFICER)
    text = await page_text(officer, f"/cases/{case_id}/what-if?candidate=9999&mark=1", 422)
    assert "no such candidate" in text
    await page_text(officer, f"{COMPONENT_PATH}?code=X999", 404)
    await page_text(officer, COMPONENT_PATH, 404)
    await page_text(officer, "/cases/nothing/what-if", 404)


async def test_officers_only(service: Service, case_id: str) -> None:
    for role in (Role.TEACHER, Role.EXAMS_OFFICER, Role.MODERATOR, Role.TRACKING_CLERK):
        client = await service.client(role, "99901" if role in {Role.TEACHER, Role.EXAMS_OFFICER} else None)
        for path in (f"/cases/{case_id}/what-if", f"{COMPONENT_PATH}?code={CODE}"):
            await page_text(client, path, 404)
