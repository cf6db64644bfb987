"""People for programs: the same rules as on the pages."""

from __future__ import annotations

import pytest

from repository.access import Role
from tests.moderation.records.stage import COMPONENT, SERIES

from .test_people_centre import assignment_of
from .uploading import CENTRE, Stage


async def test_staff_are_listed_taught_and_ended(stage_on_each: Stage) -> None:
    service = stage_on_each.service
    officer = await service.client(Role.EXAMS_OFFICER, CENTRE)
    teacher = await service.client(Role.TEACHER, CENTRE)
    there = f"/api/staff/{await assignment_of(service, teacher)}"

    async def teaches() -> list[dict[str, object]]:
        found = (await (await officer.get("/api/staff")).json())["people"]
        (one,) = [person for person in found if person["id"] == teacher.person_id]
        return list(one["roles"][0]["teaches"])

    (whole,) = await teaches()
    assert (whole["series"], whole["component"], whole["teaching_set"]) == (None, None, None)
    body = {"series": SERIES, "component": COMPONENT, "teaching_set": "7A"}
    made = await officer.post(f"{there}/teaching", json=body)
    assert made.status == 201, await made.text()
    assert {**body, "id": (await made.json())["id"]} in await teaches()
    assert (await officer.delete(f"{there}/teaching/{whole['id']}")).status == 204
    assert (await officer.delete(f"{there}/teaching/{whole['id']}")).status == 404
    assert len(await teaches()) == 1
    assert (await teacher.get("/api/staff")).status == 404
    assert (await teacher.delete(there)).status == 404
    assert (await officer.delete(there)).status == 204
    assert (await officer.delete(there)).status == 404
    assert (await teacher.get("/api/cases")).status == 401
    own = f"/api/staff/{await assignment_of(service, officer)}"
    refused = await officer.delete(own)
    assert (refused.status, (await refused.json())["type"]) == (409, "/problems/same-person")


async def test_officers_list_and_end_everywhere(stage: Stage) -> None:
    service = stage.service
    officer, moderator = await service.client(Role.AB_OFFICER), await service.client(Role.MODERATOR)
    found = await (await officer.get("/api/people/roles", params={"role": "moderator"})).json()
    assert [one["id"] for one in found["people"]] == [moderator.person_id]
    assert found["total"] == 1
    there = f"/api/people/roles/{await assignment_of(service, moderator)}"
    assert (await moderator.delete(there)).status == 404
    assert (await officer.delete(there)).status == 204
    assert (await moderator.get("/api/worklist")).status == 401
    teacher = f"/api/people/roles/{await assignment_of(service, stage.teacher)}"
    assert (await officer.delete(teacher)).status == 404  # a teacher's role is the centre's to end
    assert (await (await officer.get("/api/contacts", params={"centre": CENTRE})).json()) == {"contacts": []}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"role": "king"}, "role"),
        ({"page": "0"}, "page"),
        ({"page": "x"}, "page"),
        ({"centre": "123456"}, "centre"),
        ({"words": "x" * 201}, "words"),
        ({"words": "\x00"}, "words"),
    ],
)
async def test_a_bad_search_is_named(stage: Stage, query: dict[str, str], field: str) -> None:
    officer = await stage.service.client(Role.AB_OFFICER)
    answer = await officer.get("/api/people/roles", params=query)
    assert (answer.status, (await answer.json())["field"]) == (422, field)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"series": SERIES}, "component"),
        ({"component": "NONE/01"}, "component"),
        ({"component": COMPONENT, "teaching_set": "x" * 21}, "teaching_set"),
        ({"component": [COMPONENT]}, "component"),
        ({"component": COMPONENT, "series": {"a": 1}}, "series"),
    ],
)
async def test_what_cannot_be_taught_is_named(stage: Stage, body: dict[str, object], field: str) -> None:
    officer = await stage.service.client(Role.EXAMS_OFFICER, CENTRE)
    answer = await officer.post(f"/api/staff/{await assignment_of(stage.service, stage.teacher)}/teaching", json=body)
    assert (answer.status, (await answer.json())["field"]) == (422, field)
