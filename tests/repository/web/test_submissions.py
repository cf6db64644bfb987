"""Slots, documents about the whole group, extensions and reopening over real HTTP: what is refused changes nothing."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from typing import Any

import pytest
from aiohttp import ClientResponse, FormData

from moderation.entries import Series
from moderation.exchange.slots_csv import write_slots_csv
from moderation.records.cases import advance
from moderation.slots import Slot, SlotScope
from moderation.submission import CaseEvent
from moderation.tables import Allocation, ModerationCase, ModeratorMark
from repository.access import Role
from repository.places import TYPE_WORDS
from tests.moderation.records.stage import COMPONENT, SERIES, make_consortium, make_series

from ..files import pdf
from .conftest import Client, Service, csrf
from .uploading import CENTRE, STREAM, TUS, Stage

MIB = 1024 * 1024
SLOTS = (
    Slot("work", "Work", media_types=("application/pdf",), max_bytes=MIB),
    Slot("log", "Log book", hint="Signed on every page", media_types=("application/pdf", "image/png"), max_bytes=MIB),
    Slot("talk", "Recording", required=False, media_types=("audio/mpeg",), max_bytes=2 * MIB),
    Slot("record", "Assessment record", scope=SlotScope.COHORT, media_types=("application/pdf",)),
)
WANTED = {"wanted_on": "2026-05-29", "reason": "Flood in the art room"}


@pytest.fixture
def stage(stage_on_each: Stage) -> Stage:
    return stage_on_each


async def refused(answer: ClientResponse, status: int, *words: str) -> dict[str, Any]:
    text = await answer.text()
    assert answer.status == status, text
    assert all(word in text for word in words), text
    return json.loads(text) if "json" in answer.content_type else {}


async def bring_in_slots(stage: Stage) -> None:
    officer = await stage.service.client(Role.AB_OFFICER)
    data = write_slots_csv([(COMPONENT, slot) for slot in SLOTS], series=Series.from_key(SERIES), type_words=TYPE_WORDS)
    form = FormData()
    form.add_field("files", io.BytesIO(data), filename="slots.csv")
    answer = await officer.post(f"/api/imports/slots?series={SERIES}", data=form)
    assert answer.status == 200, await answer.text()
    assert (await answer.json())["imports"][0]["counts"] == {"rows": 4}


async def upload(stage: Stage, body: bytes, name: str, **pairs: str) -> ClientResponse:
    headers = {
        **STREAM,
        "Upload-Length": str(len(body)),
        "Upload-Metadata": stage.metadata(filename=name, **pairs),
    }
    return await stage.teacher.post("/uploads", headers=headers, data=body)


async def send_all(stage: Stage, *, log: bool = True, record: bool = True) -> None:
    for number, item in enumerate(stage.items):
        answer = await upload(stage, pdf(1, f"Work {number}"), "work.pdf", item=item, slot="work")
        assert answer.status == 201, await answer.text()
        if log:
            answer = await upload(stage, pdf(1, f"Log {number}"), "log.pdf", item=item, slot="log")
            assert answer.status == 201, await answer.text()
    if record:
        answer = await upload(stage, pdf(1, "Record"), "record.pdf", case=stage.case_id, slot="record")
        assert answer.status == 201, await answer.text()
    await stage.service.settle(60)


async def sample(stage: Stage) -> dict[str, Any]:
    answer = await stage.teacher.get(f"/api/cases/{stage.case_id}/sample")
    assert answer.status == 200, await answer.text()
    return dict(await answer.json())


async def officers(stage: Stage) -> tuple[Client, Client, Client]:
    service = stage.service
    return (
        await service.client(Role.EXAMS_OFFICER, CENTRE),
        await service.client(Role.AB_OFFICER),
        await service.client(Role.AB_OFFICER),
    )


async def test_a_file_that_its_slot_does_not_take_is_refused_before_a_byte_is_taken(stage: Stage) -> None:
    await bring_in_slots(stage)
    before = await stage.service.rows()
    item = stage.items[0]

    async def ask(name: str = "log.pdf", size: int = 10, filetype: str = "", **pairs: str) -> ClientResponse:
        kind = {"filetype": filetype} if filetype else {}
        metadata = stage.metadata(**({"filename": name} if name else {}), **kind, **pairs)
        return await stage.post(size, **{"Upload-Metadata": metadata})

    await refused(await ask(item=item, slot="essay"), 422, "slot-unknown", "work (Work)", "log (Log book)")
    await refused(await ask(item=item, slot="record"), 422, "slot-unknown")
    await refused(await ask(case=stage.case_id, slot="work"), 422, "slot-unknown", "record (Assessment record)")
    await refused(await ask(case=stage.case_id), 422, "slot-unknown", "record (Assessment record)")
    await refused(await ask("log.mp3", item=item, slot="log"), 415, "Log book", "pdf or png, up to 1 MiB")
    await refused(await ask("film", item=item, slot="work"), 415, "pdf")
    await refused(await ask("", item=item, slot="work", filetype="image/png"), 415, "pdf")
    problem = await refused(await ask(item=item, slot="log", size=MIB + 1), 413, "Log book", "1 MiB")
    assert problem["limit_bytes"] == MIB
    await refused(await ask(item=item, case=stage.case_id, slot="work"), 400)
    await refused(await ask(slot="work"), 400)
    await refused(await ask(case="none", slot="record"), 404)
    assert await stage.service.rows() == before
    other = await stage.service.client(Role.TEACHER, "99902")
    metadata = stage.metadata(case=stage.case_id, slot="record", filename="record.pdf")
    await refused(await other.post("/uploads", headers={**TUS, "Upload-Length": "5", "Upload-Metadata": metadata}), 404)
    named = await ask("", item=item, slot="work", filetype="application/pdf")
    assert named.status == 201, await named.text()


async def test_the_plain_form_is_refused_as_resumable_uploads_are(stage: Stage) -> None:
    await bring_in_slots(stage)
    browser = await stage.service.browser(Role.TEACHER, CENTRE)
    path = f"/cases/{stage.case_id}/sample"
    token = await csrf(browser, path)

    async def send(name: str, body: bytes, **fields: str) -> ClientResponse:
        form = FormData()
        for field, value in {"csrf_token": token, **fields}.items():
            form.add_field(field, value)
        form.add_field("file", io.BytesIO(body), filename=name)
        return await browser.post(f"{path}/files", data=form, allow_redirects=False)

    before = await stage.service.rows()
    item = stage.items[0]
    await refused(await send("log.mp3", b"x", item=item, slot="log"), 422, "There is a problem", "pdf or png")
    await refused(await send("log.pdf", b"x", item=item, slot="essay"), 422, "Use one of")
    await refused(await send("log.pdf", bytes(MIB + 1), item=item, slot="log"), 422, "larger than the 1 MiB")
    await refused(await send("x.pdf", b"x", slot="work"), 422, "Use one of: record")
    assert await stage.service.rows() == before
    assert (await send("record.pdf", pdf(1), slot="record")).status == 303
    await stage.service.settle()
    found = await sample(stage)
    assert [one["filename"] for one in found["cohort_documents"]] == ["record.pdf"]
    assert found["missing_cohort_slots"] == []


async def test_a_file_that_turns_out_to_be_of_another_type_is_held(stage: Stage) -> None:
    await bring_in_slots(stage)
    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c6360000000020001"
        "48afa4710000000049454e44ae426082"
    )
    answer = await upload(stage, png, "work.png", item=stage.items[0], slot="log")
    assert answer.status == 201, await answer.text()
    made = dict(answer.headers)
    assert (await stage.document(made))["state"] == "released"
    # The same picture under the name of a PDF passes the first look, and is found out when it is opened.
    disguised = await upload(stage, png, "work.pdf", item=stage.items[1], slot="work")
    document = await stage.document(dict(disguised.headers))
    assert document["state"] == "held"
    assert document["reason"]
    found = await sample(stage)
    assert [one["state"] for one in found["items"][:3]] == ["INCOMPLETE", "INCOMPLETE", "EXPECTED"]


async def test_the_sample_is_complete_with_all_required_slots_and_the_receipt_lists_everything(stage: Stage) -> None:
    await bring_in_slots(stage)
    officer, _, _ = await officers(stage)
    await send_all(stage, log=False, record=False)
    submit = f"/api/cases/{stage.case_id}/sample/submit"
    found = await sample(stage)
    assert (found["state"], found["late"], found["complete"]) == ("INCOMPLETE", False, 0)
    assert found["items"][0]["missing_slots"] == ["log"]
    await refused(await officer.post(submit), 409, "Assessment record")
    body = pdf(1, "Record")
    record = await upload(stage, body, "record.pdf", case=stage.case_id, slot="record")
    assert record.status == 201
    await stage.service.settle()
    await refused(await officer.post(submit), 409, "sample-incomplete", "1001")
    for number, item in enumerate(stage.items[1:]):
        await upload(stage, pdf(1, f"Log {number}"), "log.pdf", item=item, slot="log")
    await stage.service.settle(60)
    first = stage.items[0]
    await refused(await officer.post(f"/api/sample-items/{first}/no-work", json={"code": "lost"}), 422)
    await refused(await officer.post(f"/api/sample-items/{first}/no-work", json={"code": "ill"}), 422)
    lost = {"code": "lost", "loss": "at_centre", "note": "Log book burnt"}
    assert (await officer.post(f"/api/sample-items/{first}/no-work", json=lost)).status == 204
    assert (await officer.delete(f"/api/sample-items/{first}/no-work")).status == 204
    assert (await sample(stage))["items"][0]["state"] == "INCOMPLETE"
    assert (await officer.post(f"/api/sample-items/{first}/no-work", json=lost)).status == 204
    found = await sample(stage)
    assert (found["items"][0]["state"], found["items"][0]["missing_code"], found["items"][0]["loss"]) == (
        "EXPLAINED",
        "LOST",
        "AT_CENTRE",
    )
    assert found["items"][1]["state"] == "RECEIVED"
    answer = await officer.post(submit)
    assert answer.status == 201, await answer.text()
    receipt = await (await officer.get(f"/api/receipts/{(await answer.json())['receipt_id']}")).json()
    said = receipt["body"]
    assert [file["name"] for file in said["cohort_files"]] == ["record.pdf"]
    assert said["cohort_files"][0]["sha256"] == hashlib.sha256(body).hexdigest()
    assert sorted(file["slot"] for file in said["candidates"][1]["files"]) == ["log", "work"]
    assert said["replaces"] is None
    page = await officer.get(f"/receipts/{receipt['id']}")
    assert "The whole group" in await page.text()


async def test_late_work_is_late_on_the_page_and_in_the_list_of_what_is_outstanding(stage: Stage) -> None:
    stage.service.clock.advance(days=7)  # due on 20 May, now 22 May: two working days
    stage.teacher = await stage.service.client(Role.TEACHER, CENTRE)  # whoever was signed in is so no more
    _, officer, _ = await officers(stage)
    found = await sample(stage)
    assert (found["state"], found["late"]) == ("LATE", True)
    listed = await (await officer.get("/api/outstanding")).json()
    (line,) = listed["lines"]
    assert (line["subject"], line["working_days_late"], len(line["missing"])) == ("SAMPLE", 2, 6)
    page = await officer.get("/outstanding?late=yes&centre=99901&page=x")
    assert "2 working days" in await page.text()
    empty = await officer.get("/outstanding?centre=12345")
    assert "Nothing is outstanding here." in await empty.text()
    text = await (await officer.get("/outstanding.csv")).text()
    assert text.splitlines()[1].startswith(f"{SERIES},{COMPONENT},99901,")
    await refused(await stage.teacher.get("/api/outstanding"), 404)


async def test_two_officers_decide_at_once_and_one_of_them_is_told(stage: Stage) -> None:
    centre, first, second = await officers(stage)
    asked = await centre.post(f"/api/cases/{stage.case_id}/extensions", json=WANTED)
    assert asked.status == 201, await asked.text()
    path = f"/api/extensions/{(await asked.json())['id']}/decide"
    answers = await asyncio.gather(
        first.post(path, json={"granted_on": "2026-05-27"}), second.post(path, json={"granted_on": "2026-05-28"})
    )
    assert sorted(answer.status for answer in answers) == [200, 409]
    (lost,) = [answer for answer in answers if answer.status == 409]
    await refused(lost, 409, "request-decided")
    (won,) = [await answer.json() for answer in answers if answer.status == 200]
    assert (await sample(stage))["due_at"] == won["granted_due_at"]
    after = await stage.service.rows()
    await refused(await first.post(path, json={"reason": "No"}), 409)
    assert await stage.service.rows() == after


async def test_who_asks_never_grants_and_strangers_see_nothing(stage: Stage) -> None:
    centre, officer, _ = await officers(stage)
    path = f"/api/cases/{stage.case_id}"
    other = await stage.service.client(Role.EXAMS_OFFICER, "99902")
    before = await stage.service.rows()
    await refused(await stage.teacher.post(f"{path}/extensions", json=WANTED), 404)
    await refused(await officer.post(f"{path}/extensions", json=WANTED), 404)
    await refused(await centre.post(f"{path}/extensions", json={**WANTED, "wanted_on": "soon"}), 422)
    await refused(await centre.post(f"{path}/extensions", json={**WANTED, "wanted_on": "2026-05-20"}), 422)
    await refused(await centre.post(f"{path}/extensions", json={"wanted_on": "2026-05-29"}), 422)
    await refused(await other.post(f"{path}/extensions", json=WANTED), 404)
    await refused(await other.get(f"{path}/requests"), 404)
    assert await stage.service.rows() == before
    extension = (await (await centre.post(f"{path}/extensions", json=WANTED)).json())["id"]
    before = await stage.service.rows()
    await refused(await centre.post(f"{path}/extensions", json=WANTED), 409, "request-open")
    await refused(await centre.post(f"/api/extensions/{extension}/decide", json={"granted_on": "2026-05-29"}), 404)
    await refused(await officer.post("/api/extensions/none/decide", json={}), 404)
    await refused(await officer.post(f"/api/extensions/{extension}/decide", json={}), 422)
    await refused(await officer.post(f"/api/extensions/{extension}/decide", json={"granted_on": "2026-06-30"}), 422)
    assert await stage.service.rows() == before


async def test_a_sample_is_reopened_changed_and_receipted_again(stage: Stage) -> None:
    centre, officer, second = await officers(stage)
    await send_all(stage, log=False, record=False)
    case = f"/api/cases/{stage.case_id}"
    await refused(await centre.post(f"{case}/reopenings", json={"reason": "x"}), 409, "amendment")
    first = (await (await centre.post(f"{case}/sample/submit")).json())["receipt_id"]
    asked = (await (await centre.post(f"{case}/reopenings", json={"reason": "Wrong file"})).json())["id"]
    await refused(await centre.post(f"{case}/reopenings", json={"reason": "again"}), 409, "request-open")
    before = await stage.service.rows()
    path = f"/api/reopenings/{asked}/decide"
    await refused(await centre.post(path, json={"grant": True}), 404)
    await refused(await officer.post(path, json={"grant": False}), 422)
    await refused(await officer.post(path, json={"grant": "yes"}), 422)
    await refused(await officer.post("/api/reopenings/none/decide", json={"grant": True}), 404)
    assert await stage.service.rows() == before
    answers = await asyncio.gather(*(one.post(path, json={"grant": True}) for one in (officer, second)))
    assert sorted(answer.status for answer in answers) == [200, 409]
    await refused(await centre.post(f"{case}/reopenings", json={"reason": "x"}), 409, "not-reopenable")
    found = await sample(stage)
    old = found["items"][0]["documents"][0]
    assert (await stage.teacher.delete(f"/api/documents/{old['id']}")).status == 204
    new = pdf(1, "The right work")
    assert (await upload(stage, new, "right.pdf", item=stage.items[0], slot="work")).status == 201
    await stage.service.settle(60)
    again = (await (await centre.post(f"{case}/sample/submit")).json())["receipt_id"]
    receipt = await (await centre.get(f"/api/receipts/{again}")).json()
    assert receipt["body"]["replaces"] == first
    for reader in (centre, officer):
        shown = (await (await reader.get(f"{case}/requests")).json())["reopenings"][0]
        (change,) = shown["files"]
        assert change["kind"] == "REPLACED"
        assert change["before"]["sha256"] == old["sha256"]
        assert change["after"]["sha256"] == hashlib.sha256(new).hexdigest()
        assert (shown["receipt_before"], shown["receipt_after"]) == (first, again)
        assert "Replaced" in await (await reader.get(f"/cases/{stage.case_id}/requests")).text()


@pytest.mark.fault("att:H01")
async def test_marks_stay_as_they_are_once_the_sample_is_drawn(stage: Stage) -> None:
    centre, _, _ = await officers(stage)
    case = f"/api/cases/{stage.case_id}"
    sheet = await (await stage.teacher.get(f"{case}/marks")).json()
    before = await stage.service.rows()
    changed = [{"candidate_number": "1001", "mark": 1}]
    await refused(
        await stage.teacher.put(f"{case}/marks", json={"rows": changed, "version": sheet["version"]}),
        409,
        "marks-locked",
    )
    await refused(await stage.teacher.post(f"{case}/marks/check", json={"version": sheet["version"]}), 409)
    total = {"control_total": sheet["control_total"], "version": sheet["version"]}
    await refused(await centre.post(f"{case}/marks/submit", json=total), 409)
    text = f"series,centre,component,candidate_number,mark\r\n{SERIES},{CENTRE},{COMPONENT},1001,1\r\n"
    answer = await stage.teacher.post(f"{case}/marks/csv", data=text.encode())
    assert answer.status in {409, 422}, await answer.text()
    await refused(await centre.post(f"{case}/reopenings", json={"reason": "A mark is wrong"}), 409, "amendment")
    assert await stage.service.rows() == before


async def test_a_moderator_reads_documents_about_the_group_and_asks_for_a_work_again(stage: Stage) -> None:
    centre, _, _ = await officers(stage)
    moderator = await stage.service.client(Role.MODERATOR)
    person: str = moderator.person_id

    def allocate(session):
        session.add(
            Allocation(
                person_id=person, series_key=SERIES, component_code=COMPONENT, centre_number=CENTRE, act="MODERATE"
            )
        )

    await stage.service.write(allocate)
    await send_all(stage, log=False, record=False)
    answer = await upload(stage, pdf(1, "Record"), "record.pdf", case=stage.case_id)
    assert answer.status == 201, await answer.text()
    document = answer.headers["Document-Location"].rpartition("/")[2]
    await stage.service.settle()
    first = stage.items[0]
    early = await moderator.post(f"/api/sample-items/{first}/finding", json={"finding": "missing"})
    await refused(early, 409)
    assert (await centre.post(f"/api/cases/{stage.case_id}/sample/submit")).status == 201
    desk = await (await moderator.get(f"/marking/{stage.case_id}")).text()
    assert "record.pdf" in desk
    work = await (await moderator.get(f"/marking/{stage.case_id}/works/{first}")).text()
    assert work.count("data-document=") >= 2  # the candidate's files, then those about the group
    assert f'data-document="{document}"' in work
    assert (await moderator.get(f"/documents/{document}")).status == 200
    await refused(await centre.post(f"/api/sample-items/{first}/finding", json={"finding": "missing"}), 404)
    await refused(await moderator.post(f"/api/sample-items/{first}/finding", json={"finding": "unreadable"}), 422)
    found = {"finding": "unreadable", "note": "Every page is blank"}
    assert (await moderator.post(f"/api/sample-items/{first}/finding", json=found)).status == 200
    item = (await sample(stage))["items"][0]
    assert (item["state"], item["finding_note"]) == ("INCOMPLETE", "Every page is blank")
    stage.service.clock.advance(minutes=1)
    assert (await upload(stage, pdf(1, "Readable"), "work.pdf", item=first)).status == 201
    await stage.service.settle()
    assert (await sample(stage))["items"][0]["state"] == "RECEIVED"
    assert (await centre.post(f"/api/cases/{stage.case_id}/sample/submit")).status == 201


async def test_officers_help_many_centres_after_an_incident(stage: Stage) -> None:
    first, second = await stage.service.browser(Role.AB_OFFICER), await stage.service.browser(Role.AB_OFFICER)
    token = await csrf(first, "/requests")
    facts = {
        "csrf_token": token,
        "series": SERIES,
        "reason": "Storm",
        "due_on": "2026-05-28",
        "centres": "",
        "component": "",
    }
    for wrong in ({"centres": "9990"}, {"due_on": "soon"}, {"reason": ""}, {"component": "X999/99"}):
        await refused(await first.post("/incidents", data={**facts, **wrong}), 422, "There is a problem")
    assert (await first.post("/incidents", data=facts, allow_redirects=False)).status == 303
    page = await (await second.get("/requests")).text()
    incident = page.partition('action="/incidents/')[2].partition("/")[0]
    own = await first.post(f"/incidents/{incident}/decide", data={"csrf_token": token, "act": "grant"})
    await refused(own, 422, "second person")
    theirs = {"csrf_token": await csrf(second, "/requests"), "act": "grant"}
    assert (await second.post(f"/incidents/{incident}/decide", data=theirs, allow_redirects=False)).status == 303
    await refused(await second.post(f"/incidents/{incident}/decide", data=theirs), 422, "was decided")
    assert (await second.post("/incidents/none/decide", data=theirs)).status == 404
    assert (await sample(stage))["due_at"].startswith("2026-05-28T22:59:59")


async def test_marks_come_back_while_a_consortium_waits_and_the_change_is_shown(service_on_each: Service) -> None:
    def build(session):
        make_series(session)
        return make_consortium(session, [CENTRE, "99902"], [3, 3])

    case_id, _ = await service_on_each.write(build)
    teacher = await service_on_each.client(Role.TEACHER, CENTRE)
    officer = await service_on_each.client(Role.EXAMS_OFFICER, CENTRE)
    body = await service_on_each.client(Role.AB_OFFICER)
    case = f"/api/cases/{case_id}"

    async def submit(second_mark: int) -> dict[str, Any]:
        numbers = zip(("1001", "1002", "1003"), (60, second_mark, 40), strict=True)
        marks = [{"candidate_number": number, "mark": mark} for number, mark in numbers]
        assert (await teacher.put(f"{case}/marks", json={"rows": marks})).status == 200
        assert (await teacher.post(f"{case}/marks/check", json={})).status == 200
        answer = await officer.post(f"{case}/marks/submit", json={"control_total": 100 + second_mark})
        assert answer.status == 200, await answer.text()
        return dict(await answer.json())

    await submit(50)
    await refused(await teacher.put(f"{case}/marks", json={"rows": [{"candidate_number": "1001", "mark": 1}]}), 409)
    asked = (await (await officer.post(f"{case}/reopenings", json={"reason": "Slip in 1002"})).json())["id"]
    answer = await body.post(f"/api/reopenings/{asked}/decide", json={"grant": True})
    assert (await answer.json())["subject"] == "MARKS"
    await submit(52)
    for reader in (officer, body):
        (shown,) = (await (await reader.get(f"{case}/requests")).json())["reopenings"]
        (change,) = shown["marks"]
        assert (change["candidate_number"], change["before"]["mark"], change["after"]["mark"]) == ("1002", 50, 52)
        text = await (await reader.get(f"/cases/{case_id}/requests")).text()
        assert '<td class="govuk-table__cell">50</td><td class="govuk-table__cell">52</td>' in text


async def test_when_more_work_is_asked_for_what_was_read_stays_as_it_is(stage: Stage) -> None:
    centre, officer, _ = await officers(stage)
    await send_all(stage, log=False, record=False)
    record = await upload(stage, pdf(1, "Record"), "record.pdf", case=stage.case_id)
    await stage.service.settle()
    first, second = stage.items[0], stage.items[1]
    assert (await centre.post(f"/api/cases/{stage.case_id}/sample/submit")).status == 201

    def read_one(session):
        now = stage.service.clock()
        session.add(
            ModeratorMark(sample_item_id=first, number=1, mark=50, marked_by="another", marked_at=now, comment="")
        )
        session.flush()
        case = session.get_one(ModerationCase, stage.case_id)
        for event in (CaseEvent.COMPLETE_RECEIPT, CaseEvent.REQUEST_MORE_WORK, CaseEvent.START_UPLOAD):
            advance(session, case, event, actor="another", now=now)

    await stage.service.write(read_one)
    items = {item["id"]: item for item in (await sample(stage))["items"]}
    read, unread = items[first]["documents"][0]["id"], items[second]["documents"][0]["id"]
    about_all = record.headers["Document-Location"]
    before = await stage.service.rows()
    await refused(await upload(stage, pdf(1, "Better"), "work.pdf", item=first), 409, "read this work already")
    await refused(await stage.teacher.delete(f"/api/documents/{read}"), 409, "read this work already")
    token = {**TUS, "Upload-Token": record.headers["Upload-Token"]}
    await refused(await stage.teacher.delete(record.headers["Location"], headers=token), 409, "read this work already")
    await refused(await stage.teacher.delete(about_all), 409, "read this work already")
    assert await stage.service.rows() == before
    assert (await stage.teacher.delete(f"/api/documents/{unread}")).status == 204
    assert (await upload(stage, pdf(1, "Another"), "work.pdf", item=second)).status == 201
    await stage.service.settle()
    assert (await centre.post(f"/api/cases/{stage.case_id}/sample/submit")).status == 201
    await refused(
        await centre.post(f"/api/cases/{stage.case_id}/reopenings", json={"reason": "x"}), 409, "not-reopenable"
    )
    assert "Something submitted" in await (await officer.get(f"/cases/{stage.case_id}/requests")).text()
