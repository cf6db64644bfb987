"""A teacher sees and changes what they teach: components, and groups within them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, select

from moderation.records.samples import sample_of
from moderation.tables import CentreMark
from repository.access import Role
from repository.sign_in.people_tables import Teaching
from repository.tables import Assignment
from tests.moderation.records.stage import COMPONENT, SERIES, confirm, make_centre, make_series

from .conftest import Service
from .uploading import CENTRE, TUS

pytestmark = pytest.mark.postgres


async def teach(service: Service, person_id: str, *taught: tuple[str | None, str | None]) -> None:
    """Let somebody teach just these: component, group."""

    def write(session: Any) -> None:
        assignment = session.scalars(select(Assignment.id).where(Assignment.person_id == person_id)).one()
        session.execute(delete(Teaching).where(Teaching.assignment_id == assignment))
        session.add_all(
            Teaching(assignment_id=assignment, series_key=SERIES, component_code=component, teaching_set=group)
            for component, group in taught
        )

    await service.write(write)


async def make_case(service: Service) -> tuple[str, dict[str, str]]:
    """A case of four candidates in two groups; returns it with item by candidate number."""

    def build(session: Any) -> tuple[str, dict[str, str]]:
        make_series(session)
        case_id = make_centre(session, 4, CENTRE)
        confirm(session, case_id, [60, 50, 40, 30])
        for index, mark in enumerate(session.scalars(select(CentreMark).order_by(CentreMark.mark.desc()))):
            mark.teaching_set = "AB"[index % 2]
        return case_id, {one.candidate_number: one.item_id for one in sample_of(session, case_id).items}

    return await service.write(build)


async def numbers_of(client: Any, path: str, of: str) -> set[str]:
    answer = await client.get(path)
    assert answer.status == 200, await answer.text()
    return {one["candidate_number"] for one in (await answer.json())[of]}


async def test_a_teacher_of_a_group_reads_its_candidates_only(service_on_each: Service) -> None:
    service = service_on_each
    case_id, items = await make_case(service)
    teacher = await service.client(Role.TEACHER, CENTRE)
    officer = await service.client(Role.EXAMS_OFFICER, CENTRE)
    await teach(service, teacher.person_id, (COMPONENT, "A"))
    assert await numbers_of(officer, f"/api/cases/{case_id}/marks", "rows") == {"1001", "1002", "1003", "1004"}
    assert await numbers_of(teacher, f"/api/cases/{case_id}/marks", "rows") == {"1001", "1003"}
    assert await numbers_of(teacher, f"/api/cases/{case_id}/sample", "items") == {"1001", "1003"}
    page = await (await teacher.get(f"/cases/{case_id}/marks", headers={"Accept": "text/html"})).text()
    assert "1003" in page
    assert "1002" not in page
    metadata = "item {}, slot d29yaw==, filename MTAwMl93b3JrLnBkZg=="
    for number, status in (("1001", 201), ("1002", 404)):
        from base64 import b64encode

        sent = {"Upload-Length": "10", "Upload-Metadata": metadata.format(b64encode(items[number].encode()).decode())}
        assert (await teacher.post("/uploads", headers={**TUS, **sent})).status == status


async def test_a_teacher_of_nothing_or_of_another_component_sees_no_case(service_on_each: Service) -> None:
    service = service_on_each
    case_id, _ = await make_case(service)
    teacher = await service.client(Role.TEACHER, CENTRE)
    assert len((await (await teacher.get("/api/cases")).json())["cases"]) == 1
    for taught in ((), (("X999/09", None),)):
        await teach(service, teacher.person_id, *taught)
        assert (await (await teacher.get("/api/cases")).json())["cases"] == []
        absent = await (await teacher.get("/api/cases/nothing-here")).json()
        hidden = await (await teacher.get(f"/api/cases/{case_id}")).json()
        assert {**hidden, "instance": ""} == {**absent, "instance": ""}


async def test_a_teacher_of_a_group_changes_its_marks_only(service_on_each: Service) -> None:
    service = service_on_each

    def build(session: Any) -> str:
        make_series(session)
        return make_centre(session, 3, CENTRE)

    case_id = await service.write(build)
    officer = await service.client(Role.EXAMS_OFFICER, CENTRE)
    teacher = await service.client(Role.TEACHER, CENTRE)
    await teach(service, teacher.person_id, (COMPONENT, "A"))
    path = f"/api/cases/{case_id}/marks"
    others = {"candidate_number": "1002", "mark": 50, "teaching_set": "B"}
    assert (await officer.put(path, json={"rows": [others]})).status == 200
    refused = await teacher.put(path, json={"rows": [{"candidate_number": "1002", "mark": 1}]})
    unknown = await teacher.put(path, json={"rows": [{"candidate_number": "9999", "mark": 1}]})
    assert (refused.status, unknown.status) == (422, 422)
    assert (await refused.json())["detail"] == (await unknown.json())["detail"].replace("9999", "1002")
    foreign = {"candidate_number": "1001", "mark": 60, "teaching_set": "B"}
    assert (await teacher.put(path, json={"rows": [foreign]})).status == 422
    own = {"candidate_number": "1001", "mark": 60, "teaching_set": "A"}
    saved = await teacher.put(path, json={"rows": [own]})
    assert saved.status == 200
    assert {one["candidate_number"] for one in (await saved.json())["rows"]} == {"1001", "1003"}
    assert (await teacher.post(f"{path}/check", json={})).status == 422
    assert (await officer.get(path)).status == 200
    marks = {one["candidate_number"]: one["mark"] for one in (await (await officer.get(path)).json())["rows"]}
    assert marks == {"1001": 60, "1002": 50, "1003": None}
