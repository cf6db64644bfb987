"""What people get wrong on the journey beside uploads: a clear refusal, and every row what it was before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientResponse, FormData
from sqlalchemy import select

from moderation.entries import SubmissionMode
from moderation.exchange.basedata import write_basedata
from moderation.rehearsal import Rehearsal, synthetic_basedata
from moderation.submission import CaseState
from moderation.tables import Entry, ModerationCase, SampleItem
from repository import sign_in_lines
from repository.access import Role
from repository.tables import new_id
from scripts.tables import Packet, Script, Sitting

from ...worlds import MADE
from .conftest import Client, Service, csrf

FIRST, SECOND = "99001", "99002"


@dataclass
class Rehearsed:
    """A service with the rehearsal series in it, and what is asked of it."""

    service: Service
    series: Rehearsal

    async def rows(self) -> dict[str, list[str]]:
        return await self.service.rows()

    async def one(self, query: Any) -> Any:
        return await self.service.services.database.read(lambda session: session.scalars(query).first())

    async def case(self, **where: str) -> ModerationCase:
        found = await self.one(select(ModerationCase).filter_by(**where))
        assert isinstance(found, ModerationCase), where
        return found


@pytest.fixture
def rehearsed(service_on_each: Service, rehearsed_world: None) -> Rehearsed:
    """The rehearsal series over each kind of database."""
    return Rehearsed(service_on_each, MADE["rehearsed_world"])


async def refused(answer: ClientResponse, status: int) -> dict[str, Any]:
    """The answer is this refusal, as a problem with a sentence for a person."""
    assert answer.status == status, await answer.text()
    assert answer.content_type == "application/problem+json"
    problem: dict[str, Any] = await answer.json()
    assert problem["detail"].endswith("."), problem
    return problem


def rows_of(sheet: dict[str, Any], **changes: object) -> list[dict[str, Any]]:
    """The rows of a mark sheet as they are sent back, the first one changed."""
    rows = [{key: row[key] for key in ("candidate_number", "mark", "status", "teaching_set")} for row in sheet["rows"]]
    rows[0] = {**rows[0], **changes}
    return rows


async def test_marks(rehearsed: Rehearsed) -> None:
    case = await rehearsed.case(centre_number=FIRST)
    teacher = await rehearsed.service.client(Role.TEACHER, FIRST)
    officer = await rehearsed.service.client(Role.EXAMS_OFFICER, FIRST)
    path = f"/api/cases/{case.id}/marks"
    other = await rehearsed.service.client(Role.EXAMS_OFFICER, SECOND)
    sheet = await (await teacher.get(path)).json()
    before = await rehearsed.rows()

    async def save(version: object = sheet["version"], **changes: object) -> ClientResponse:
        return await teacher.put(path, json={"rows": rows_of(sheet, **changes), "version": version})

    for mark in (sheet["maximum"] + 1, -1, 10**12):
        problem = await refused(await save(mark=mark, status="PRESENT"), 422)
        assert str(sheet["maximum"]) in str(problem), problem
    for mark in ("12", 1.5, True, [1]):
        await refused(await save(mark=mark), 422)
    await refused(await save(candidate_number="9999"), 422)
    await refused(await save(status="ILL"), 422)
    await refused(await save(mark=5, status="ABSENT"), 422)
    await refused(await save(version=sheet["version"] + 1), 409)
    await refused(await teacher.put(path, json={"rows": "all", "version": sheet["version"]}), 422)
    await refused(await teacher.put(path, data=b"{"), 400)
    for text in (
        b"candidate_number,mark\r\n9999,12\r\n",
        b"candidate_number,mark\r\n1001,999\r\n",
        b"candidate_number,mark\r\n1001,12\r\n1001,13\r\n",
        b"candidate_number,mark\r\n1001,1,2\r\n",
        b"\xff\xfe\x00",
        b"",
    ):
        problem = await refused(await teacher.post(f"{path}/csv", data=text), 422)
        assert "marks" in str(problem), problem
    # A blank is not zero, and not every candidate is checked: marks cannot be submitted yet.
    await refused(await officer.post(f"{path}/submit", json={"control_total": sheet["control_total"]}), 409)
    assert await rehearsed.rows() == before

    checked = await (await teacher.post(f"{path}/check", json={"version": sheet["version"]})).json()
    before = await rehearsed.rows()
    wrong_total = {"control_total": sheet["control_total"] + 1, "version": checked["version"]}
    await refused(await officer.post(f"{path}/submit", json=wrong_total), 422)
    await refused(await teacher.post(f"{path}/submit", json=wrong_total), 404)  # a teacher never submits
    await refused(await other.post(f"{path}/submit", json=wrong_total), 404)
    assert await rehearsed.rows() == before


async def test_work_on_the_wrong_way_or_for_somebody_outside_the_sample(rehearsed: Rehearsed) -> None:
    posted = await rehearsed.case(submission_mode=SubmissionMode.POSTAL)
    uploaded = await rehearsed.case(submission_mode=SubmissionMode.UPLOAD, state=CaseState.SAMPLE_REQUESTED)
    item = await rehearsed.one(select(SampleItem).filter_by(case_id=posted.id))
    asked = await rehearsed.one(select(SampleItem).filter_by(case_id=uploaded.id))
    poster = await rehearsed.service.client(Role.EXAMS_OFFICER, posted.centre_number)
    uploader = await rehearsed.service.client(Role.EXAMS_OFFICER, uploaded.centre_number)
    before = await rehearsed.rows()

    def upload(item_id: str) -> dict[str, str]:
        from base64 import b64encode

        pairs = {"item": item_id, "slot": "work", "filename": "1001_work.pdf"}
        sent = ",".join(f"{name} {b64encode(value.encode()).decode()}" for name, value in pairs.items())
        return {"Tus-Resumable": "1.0.0", "Upload-Length": "10", "Upload-Metadata": sent}

    await refused(await poster.post("/uploads", headers=upload(item.id)), 409)
    await refused(await uploader.post("/uploads", headers=upload(item.id)), 404)  # another centre's
    await refused(await uploader.post("/uploads", headers=upload(new_id())), 404)  # not in any sample
    parcel = {"proof_of_posting_number": "PP 1", "sealed_by": "EO", "witnessed_by": "T", "items": [asked.id]}
    await refused(await uploader.post(f"/api/cases/{uploaded.id}/consignments", json=parcel), 409)
    await refused(await poster.post(f"/api/cases/{posted.id}/consignments", json={**parcel, "items": []}), 422)
    await refused(await uploader.post(f"/api/cases/{uploaded.id}/visit", json={"visit_on": "2026-06-01"}), 409)
    await refused(await uploader.post(f"/api/cases/{uploaded.id}/sample/submit"), 409)  # nothing has been sent
    await refused(
        await poster.post(f"/api/sample-items/{asked.id}/no-work", json={"code": "lost", "loss": "at_centre"}), 404
    )
    assert await rehearsed.rows() == before


async def test_moderator_marks_and_outcomes(rehearsed: Rehearsed) -> None:
    read = await rehearsed.case(submission_mode=SubmissionMode.POSTAL)
    proposed = await rehearsed.case(state=CaseState.OUTCOME_PROPOSED)
    people = await rehearsed.service.services.database.read(lambda s: {one.role: one for one in sign_in_lines.read(s)})

    async def rehearsal_client(role: Role) -> Client:
        client = await rehearsed.service.anonymous()
        answer = await client.post("/api/sessions", json={"token": people[role].token})
        client.session.headers["Authorization"] = f"Bearer {(await answer.json())['token']}"
        return client

    moderator, stranger = await rehearsal_client(Role.MODERATOR), await rehearsed.service.client(Role.MODERATOR)
    officer = await rehearsed.service.client(Role.AB_OFFICER)
    desk = await (await moderator.get(f"/api/cases/{read.id}/marking")).json()
    item = await rehearsed.one(select(SampleItem).filter_by(case_id=read.id).order_by(SampleItem.position))
    before = await rehearsed.rows()
    path = f"/api/sample-items/{item.id}/moderator-mark"
    for mark in (-1, 10_000, "five", None, 1.5):
        await refused(await moderator.put(path, json={"mark": mark}), 422)
    await refused(await stranger.put(path, json={"mark": 5}), 404)
    await refused(await officer.put(path, json={"mark": 5}), 404)
    await refused(await officer.post(f"/api/cases/{read.id}/outcome/confirm", json={"version": read.version}), 404)
    confirm = f"/api/cases/{proposed.id}/outcome/confirm"
    await refused(await officer.post(confirm, json={"version": proposed.version + 1}), 409)
    await refused(await moderator.post(confirm, json={"version": proposed.version}), 404)
    await refused(await officer.post(f"/api/series/{rehearsed.series.series.key}/results/release", json={}), 404)
    assert await rehearsed.rows() == before
    assert desk


async def test_scripts(rehearsed: Rehearsed) -> None:
    clerk = await rehearsed.service.client(Role.TRACKING_CLERK)
    centre = await rehearsed.service.client(Role.EXAMS_OFFICER, FIRST)
    sitting = await rehearsed.one(select(Sitting).filter_by(centre_number=FIRST))
    sent = await rehearsed.one(select(Sitting).filter_by(centre_number=SECOND))
    packet = await rehearsed.one(select(Packet).filter_by(sitting_id=sent.id))
    script = await rehearsed.one(select(Script).filter_by(sitting_id=sent.id))
    before = await rehearsed.rows()
    event = {"event_id": "e-1", "kind": "received", "place": "Desk"}
    for label in ("NEA1-UNKNOWN", "x" * 81, "", "\x00"):
        answer = await clerk.post("/api/tracking/events", json={**event, "label": label})
        assert answer.status in {404, 422}, (label, await answer.text())
    register = f"/api/sittings/{sitting.id}/register"
    for lines in ([{"candidate_number": "9999", "state": "present"}], [{"candidate_number": "1001"}], "all", [1]):
        await refused(await centre.put(register, json={"lines": lines}), 422)
    await refused(await centre.post(f"/api/sittings/{sitting.id}/packets", json={"capacity": 0}), 422)
    await refused(await centre.put(f"/api/sittings/{sent.id}/register", json={"lines": []}), 404)
    for bundle in (b"", b"no PDF"):
        answer = await clerk.post(f"/api/bundles?sitting={sent.id}&filename=b.pdf", data=bundle)
        assert 400 <= answer.status < 500, await answer.text()
    await refused(await clerk.post("/api/bundles?sitting=nothing", data=b"%PDF"), 404)
    assert await rehearsed.rows() == before
    assert packet.id
    assert script.id


@pytest.mark.parametrize("kind", ["basedata", "entries"])
async def test_files_that_are_damaged_are_refused_whole(rehearsed: Rehearsed, kind: str) -> None:
    officer = await rehearsed.service.client(Role.AB_OFFICER)
    files = (
        {name: data for name, data in rehearsed.series.files.items() if name.startswith("E")}
        if kind == "entries"
        else dict(write_basedata(synthetic_basedata(), written_on=synthetic_basedata().components[0].due_on))
    )
    name, data = sorted(files.items())[0]
    lines = data.split(b"\r\n")
    damaged = {
        "truncated": data[: len(data) // 2],
        "a record fewer than the trailer says": b"\r\n".join(lines[:1] + lines[2:]),
        "too long": b"\r\n".join([lines[0], lines[1] + b"X" * 40, *lines[2:]]),
        "another encoding": b"\r\n".join([lines[0], lines[1][:-2] + b"\x81\x8d", *lines[2:]]),
        "nothing": b"",
        "twice": data + data,
    }
    before = await rehearsed.rows()
    for what, content in damaged.items():
        form = FormData()
        for other, sound in files.items():
            form.add_field("files", content if other == name else sound, filename=other)
        answer = await officer.post(f"/api/imports/{kind}", data=form)
        problem = await refused(answer, 422)
        faults = problem.get("faults", [])
        assert any(fault["file"] == name and fault["message"] and fault["remedy"] for fault in faults), (what, problem)
    assert await rehearsed.rows() == before


async def test_a_page_lists_every_fault_of_a_file_and_tries_one_without_keeping_it(rehearsed: Rehearsed) -> None:
    browser = await rehearsed.service.browser(Role.EXAMS_OFFICER, FIRST)
    name = next(name for name in rehearsed.series.files if name.startswith("E") and FIRST in name)
    sound = rehearsed.series.files[name]
    token = await csrf(browser, "/imports")

    async def send(act: str, content: bytes | None, filename: str = name) -> tuple[int, str]:
        form = FormData(
            {"csrf_token": token, "act": act, "kind": "basedata"}, default_to_multipart=True
        )  # a centre's choice is not asked for
        if content is not None:
            form.add_field("files", content, filename=filename)
        answer = await browser.post("/imports", data=form)
        return answer.status, await answer.text()

    before = await rehearsed.rows()
    status, text = await send("import", sound[: len(sound) // 2])
    assert status == 422
    assert "What is wrong" in text
    assert name in text
    assert (await send("import", None))[0] == 422
    status, text = await send("check", sound)
    assert status == 200
    assert "nothing was imported" in text
    other = next(name for name in rehearsed.series.files if name.startswith("E") and SECOND in name)
    assert (await send("import", rehearsed.series.files[other], other))[0] == 404
    assert await rehearsed.rows() == before

    status, text = await send("import", sound)
    assert status == 200
    assert "Taken in before; nothing changed" in text
    assert await rehearsed.one(select(Entry).limit(1)) is not None
