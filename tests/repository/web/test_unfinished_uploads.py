"""Uploads that were begun and not finished: listed for the centre, gone on with anywhere, by whoever has the same file."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import select

from moderation.records.samples import submit_sample
from repository.access import Role
from repository.tables import AuditEvent, DocumentRow, UploadRow
from tests.repository.files import pdf

from .conftest import Client, csrf
from .uploading import CENTRE, STREAM, TUS, Stage

DATA = pdf(1)
SHA256 = hashlib.sha256(DATA).hexdigest()
SAME = {"sha256": SHA256, "size_bytes": len(DATA)}


@pytest.fixture
def stage(stage_on_each: Stage) -> Stage:
    """On each kind of database."""
    return stage_on_each


async def begun(stage: Stage) -> dict[str, str]:
    """A file of which the first forty bytes are here."""
    return await stage.create(len(DATA), DATA[:40], sha256=SHA256)


def oid_of(made: dict[str, str]) -> str:
    return made["Location"].rpartition("/")[2]


async def listed(stage: Stage, client: Client) -> list[dict[str, object]]:
    answer = await client.get(f"/api/cases/{stage.case_id}/uploads")
    assert answer.status == 200, await answer.text()
    return list((await answer.json())["uploads"])


async def test_what_was_not_finished_is_listed_until_it_is_or_its_time_is_over(stage: Stage) -> None:
    assert await listed(stage, stage.teacher) == []
    begun_at = stage.service.clock.now
    made = await begun(stage)
    await stage.create(9)
    stage.service.clock.advance(seconds=1)
    (one, other) = sorted(await listed(stage, stage.teacher), key=lambda one: one["sha256"] is None)
    assert one == {
        "id": oid_of(made),
        "item_id": stage.items[0],
        "slot": "work",
        "filename": "1001_work.pdf",
        "size_bytes": len(DATA),
        "sha256": SHA256,
        "offset_bytes": 40,
        "begun_at": begun_at.isoformat(),
        "expires_at": one["expires_at"],
        "own": True,
    }
    assert (other["sha256"], other["offset_bytes"]) == (None, 0)
    assert await stage.patch(made, 40, DATA[40:]) == (204, str(len(DATA)))
    assert [one["id"] for one in await listed(stage, stage.teacher)] == [other["id"]]
    stage.service.clock.advance(days=30)
    fresh = await stage.service.client(Role.EXAMS_OFFICER, CENTRE)
    assert await listed(stage, fresh) == []


@pytest.mark.fault("att:D03")
async def test_a_colleague_with_the_same_file_sends_only_the_rest(stage: Stage) -> None:
    made = await begun(stage)
    officer = await stage.service.client(Role.EXAMS_OFFICER, CENTRE)
    (one,) = await listed(stage, officer)
    assert one["own"] is False
    answer = await officer.post(f"/api/uploads/{one['id']}/continue", json=SAME)
    assert answer.status == 200, await answer.text()
    rest = await answer.json()
    assert rest["offset_bytes"] == 40
    # Who had it before is stopped, and what had arrived is kept.
    assert (await stage.patch(made, 40, DATA[40:]))[0] == 404
    passed_on = {"Location": rest["location"], "Upload-Token": rest["token"]}
    assert await stage.offset(passed_on) == 40
    assert await stage.patch(passed_on, 40, DATA[40:]) == (204, str(len(DATA)))
    await stage.service.settle()

    def kept(session):
        document = session.scalars(select(DocumentRow)).one()
        event = session.scalars(select(AuditEvent).where(AuditEvent.action == "upload.continue")).one()
        told = {name: value for name, value in event.details.items() if name != "origin"}
        return document.state, document.sha256, document.uploaded_by, event.person_id, told

    state, sha256, uploaded_by, who, details = await stage.service.services.database.read(kept)
    assert (state, sha256) == ("released", SHA256)
    assert uploaded_by == who == officer.person_id
    assert details == {"offset_bytes": 40, "size_bytes": len(DATA), "passed_on": True}


async def test_nobody_puts_other_bytes_behind_those_that_are_here(stage: Stage) -> None:
    made, untold = await begun(stage), await stage.create(9)
    path = f"/api/uploads/{oid_of(made)}/continue"
    other = hashlib.sha256(b"other").hexdigest()
    for body in ({**SAME, "sha256": other}, {**SAME, "size_bytes": len(DATA) + 1}):
        answer = await stage.teacher.post(path, json=body)
        assert (answer.status, (await answer.json())["type"]) == (409, "/problems/upload-of-other-content")
    answer = await stage.teacher.post(f"/api/uploads/{oid_of(untold)}/continue", json={**SAME, "size_bytes": 9})
    assert answer.status == 409
    assert "never said" in (await answer.json())["detail"]
    for body in ({}, {"sha256": "x", "size_bytes": 1}, {**SAME, "size_bytes": "many"}, {**SAME, "size_bytes": -1}, []):
        assert (await stage.teacher.post(path, json=body)).status in {400, 422}
    # None of them took the upload from whoever has it; and a lie about the content is found out in the end.
    assert await stage.offset(made) == 40
    assert await stage.patch(made, 40, b"x" * (len(DATA) - 40)) == (204, str(len(DATA)))
    assert (await stage.document(made))["state"] != "released"


async def test_only_the_centre_goes_on_and_only_while_work_is_asked_for(stage: Stage) -> None:
    made = await begun(stage)
    for role, centre in ((Role.TEACHER, "99902"), (Role.EXAMS_OFFICER, "99902"), (Role.MODERATOR, None)):
        stranger = await stage.service.client(role, centre)
        assert (await stranger.get(f"/api/cases/{stage.case_id}/uploads")).status == 404
        assert (await stranger.post(f"/api/uploads/{oid_of(made)}/continue", json=SAME)).status == 404
    assert await stage.offset(made) == 40
    forged = await stage.service.browser(Role.TEACHER, CENTRE)
    assert (await forged.post(f"/api/uploads/{oid_of(made)}/continue", json=SAME)).status == 403

    def submitted(session):
        submit_sample(session, stage.case_id, items_with_work=stage.items, actor="officer", now=stage.service.clock.now)

    await stage.service.write(submitted)
    answer = await stage.teacher.post(f"/api/uploads/{oid_of(made)}/continue", json=SAME)
    assert (answer.status, (await answer.json())["type"]) == (409, "/problems/slot-closed")


async def test_what_has_ended_is_not_gone_on_with(stage: Stage) -> None:
    given_up, expired = await begun(stage), await begun(stage)
    assert (await stage.ask("DELETE", given_up)).status == 204
    assert (await stage.teacher.post(f"/api/uploads/{oid_of(given_up)}/continue", json=SAME)).status == 410

    def run_out(session):
        row = session.get_one(UploadRow, oid_of(expired))
        row.expires_at = stage.service.clock.now - timedelta(seconds=1)

    await stage.service.write(run_out)
    assert await listed(stage, stage.teacher) == []
    assert (await stage.teacher.post(f"/api/uploads/{oid_of(expired)}/continue", json=SAME)).status == 410


@pytest.mark.fault("real:R25")
async def test_signing_out_stops_no_upload_and_signing_in_again_goes_on_with_the_page(stage: Stage) -> None:
    browser = await stage.service.browser(Role.TEACHER, CENTRE)
    first = await csrf(browser)
    same_origin = {"Sec-Fetch-Site": "same-origin"}
    sent = {
        **TUS, **same_origin, "X-CSRF-Token": first, "Upload-Length": str(len(DATA)),
        "Upload-Metadata": stage.metadata(item=stage.items[0], slot="work", filename="a.pdf", sha256=SHA256),
    }  # fmt: skip
    made = dict((await browser.post("/uploads", headers=sent)).headers)
    assert (await browser.post("/sign-out", data={"csrf_token": first}, allow_redirects=False)).status == 303
    writes = {**STREAM, **same_origin, "Upload-Token": made["Upload-Token"]}
    answer = await browser.patch(made["Location"], headers={**writes, "Upload-Offset": "0"}, data=DATA)
    assert answer.status == 204
    # The token is good for these bytes and for nothing else.
    assert (
        await browser.get(made["Document-Location"], headers={**writes, "Accept": "application/json"})
    ).status == 401
    assert (await browser.get(f"/api/cases/{stage.case_id}/uploads", headers=writes)).status == 401
    again = await stage.service.browser(Role.TEACHER, CENTRE)
    answer = await again.get(f"/api/cases/{stage.case_id}/uploads")
    sent["X-CSRF-Token"] = answer.headers["X-CSRF-Token"]
    assert (await again.post("/uploads", headers=sent)).status == 201
    assert (await again.post("/uploads", headers={**sent, "X-CSRF-Token": first})).status == 403
    assert "X-CSRF-Token" not in (await stage.teacher.get(f"/api/cases/{stage.case_id}/uploads")).headers
    assert (await stage.document(made))["state"] == "released"
