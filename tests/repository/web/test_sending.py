"""Before a sample is sent, over real HTTP: files replaced, moved, swapped, in order; declarations; what is missing."""

from __future__ import annotations

import csv
import io

import pytest
from aiohttp import FormData
from sqlalchemy import select

from repository.access import Role
from repository.tables import AuditEvent, ReceiptRow, WorkLook
from tests.moderation.records.stage import COMPONENT

from ..files import pdf
from .conftest import Client, csrf
from .test_submissions import bring_in_slots, refused, send_all, upload
from .uploading import CENTRE, Stage


@pytest.fixture
def stage(stage_on_each: Stage) -> Stage:
    return stage_on_each


async def post(browser: Client, path: str, status: int = 303, **fields: str) -> str:
    token = await csrf(browser, "/account")
    answer = await browser.post(path, data={"csrf_token": token, **fields}, allow_redirects=False)
    text = await answer.text()
    assert answer.status == status, text
    return text


async def files_of(stage: Stage) -> list[list[tuple[str, str, int]]]:
    """Return name, slot and version of every file, candidate by candidate, in their order."""
    answer = await stage.teacher.get(f"/api/cases/{stage.case_id}/sample")
    return [
        [(file["filename"], file["slot"], file["version"]) for file in one["documents"]]
        for one in (await answer.json())["items"]
    ]


async def ids_of(stage: Stage, item: int) -> dict[str, str]:
    answer = await stage.teacher.get(f"/api/cases/{stage.case_id}/sample")
    return {file["filename"]: file["id"] for file in (await answer.json())["items"][item]["documents"]}


async def states_of(stage: Stage) -> list[str]:
    answer = await stage.teacher.get(f"/api/cases/{stage.case_id}/sample")
    return [one["state"] for one in (await answer.json())["items"]]


async def kinds(stage: Stage) -> list[str]:
    query = select(ReceiptRow.kind).order_by(ReceiptRow.issued_at)
    return list(await stage.service.services.database.read(lambda s: s.scalars(query).all()))


async def test_files_are_moved_swapped_ordered_and_replaced_until_the_sample_is_submitted(stage: Stage) -> None:
    await bring_in_slots(stage)
    first, second = stage.items[:2]
    for name, item, slot in (("a.pdf", first, "work"), ("b.pdf", first, "work"), ("c.pdf", second, "work")):
        assert (await upload(stage, pdf(1, name), name, item=item, slot=slot)).status == 201
        await stage.service.settle(60)
        stage.service.clock.advance(seconds=5)
    browser = await stage.service.browser(Role.EXAMS_OFFICER, CENTRE)
    stranger = await stage.service.browser(Role.EXAMS_OFFICER, "99902")
    a, b = (await ids_of(stage, 0))["a.pdf"], (await ids_of(stage, 0))["b.pdf"]

    # What must not be, changes nothing.
    before = await stage.service.rows()
    for path in (f"/documents/{a}/move", f"/documents/{a}/order"):
        await post(stranger, path, 404, to=second, slot="work", place="down")
    assert (await stranger.get(f"/documents/{a}/change")).status == 404
    await post(browser, f"/documents/{a}/move", 422, to=first, slot="work")
    await post(browser, f"/documents/{a}/move", 422, to=second, slot="essay")
    assert "another type" in await post(browser, f"/documents/{a}/move", 422, to=second, slot="talk")
    await post(browser, f"/documents/{a}/move", 404, to="none", slot="work")
    await post(browser, f"/documents/{a}/order", 422, place="sideways")
    await post(browser, f"/cases/{stage.case_id}/sample/swap", 422, item=first, other=first)
    await post(browser, f"/cases/{stage.case_id}/sample/swap", 404, item=first, other="none")
    assert await stage.service.rows() == before

    await post(browser, f"/documents/{b}/order", place="up")
    assert (await files_of(stage))[0] == [("b.pdf", "work", 1), ("a.pdf", "work", 1)]
    await post(browser, f"/documents/{b}/order", place="2")
    assert [one[0] for one in (await files_of(stage))[0]] == ["a.pdf", "b.pdf"]

    await post(browser, f"/documents/{b}/move", to=second, slot="log")
    assert (await states_of(stage))[:2] == ["INCOMPLETE", "RECEIVED"]
    assert (await files_of(stage))[:2] == [[("a.pdf", "work", 1)], [("b.pdf", "log", 1), ("c.pdf", "work", 1)]]
    await post(browser, f"/cases/{stage.case_id}/sample/swap", item=first, other=second)
    assert (await states_of(stage))[:2] == ["RECEIVED", "INCOMPLETE"]
    await post(browser, f"/documents/{a}/move", act="swap", other=(await ids_of(stage, 0))["c.pdf"])
    assert {one[0] for one in (await files_of(stage))[0]} == {"a.pdf", "b.pdf"}
    assert await kinds(stage) == ["files-moved"] * 3

    # The old file stays until the new one is released; what replaces it cannot be replaced before.
    form = FormData()
    for name, value in {
        "csrf_token": await csrf(browser, "/account"),
        "item": first,
        "slot": "work",
        "replaces": a,
    }.items():
        form.add_field(name, value)
    form.add_field("file", io.BytesIO(pdf(2, "better")), filename="better.pdf")
    answer = await browser.post(f"/cases/{stage.case_id}/sample/files", data=form, allow_redirects=False)
    assert answer.status == 303, await answer.text()
    await stage.service.settle(60)
    assert sorted((await files_of(stage))[0]) == [("b.pdf", "log", 1), ("better.pdf", "work", 2)]
    assert await kinds(stage) == ["files-moved"] * 3 + ["document-withdrawn"]
    gone = await upload(stage, pdf(1, "again"), "again.pdf", item=first, slot="work", replaces=a)
    await refused(gone, 409, "replacement-refused")

    # Submitted, everything stays as it is.
    for number, item in enumerate(stage.items[1:]):
        await upload(stage, pdf(1, f"Log {number}"), "log.pdf", item=item, slot="log")
        if number:
            await upload(stage, pdf(1, f"Work {number}"), "work.pdf", item=item, slot="work")
    await upload(stage, pdf(1, "Record"), "record.pdf", case=stage.case_id, slot="record")
    await stage.service.settle(60)
    await post(browser, f"/cases/{stage.case_id}/sample/submit", declaration="yes")
    before = await stage.service.rows()
    assert "has been submitted" in await post(browser, f"/documents/{b}/move", 422, to=second, slot="log")
    await post(browser, f"/documents/{b}/order", 422, place="up")
    await post(browser, f"/cases/{stage.case_id}/sample/swap", 422, item=first, other=second)
    assert await stage.service.rows() == before


async def test_a_sample_goes_when_every_candidate_is_declared_and_the_receipt_says_by_whom(stage: Stage) -> None:
    officer, browser = await stage.service.browser(Role.AB_OFFICER), await stage.service.browser(Role.TEACHER, CENTRE)
    centre = await stage.service.browser(Role.EXAMS_OFFICER, CENTRE)
    await post(officer, "/rules/declarations", 422, awarding_body="1", statement="x")
    words = "I declare that this is the candidate's own work."
    fields = {"awarding_body": "01", "component_code": COMPONENT, "statement": words, "each_candidate": "yes"}
    await post(officer, "/rules/declarations", **fields)
    assert words.replace("'", "&#39;") in await (await officer.get("/rules/declarations")).text()
    await post(centre, "/rules/declarations", 404, **fields)
    await send_all(stage, log=False, record=False)
    stage.service.clock.advance(minutes=1)
    submit = f"/cases/{stage.case_id}/sample/submit"
    assert "not declared yet: 1001, " in await post(centre, submit, 422, declaration="yes")

    declare = f"/cases/{stage.case_id}/sample/declare"
    await post(browser, declare, 422, items=stage.items[0])
    await post(browser, declare, 422, confirm="yes")
    token = await csrf(browser, "/account")
    for item in stage.items:
        form = {"csrf_token": token, "items": item, "confirm": "yes"}
        assert (await browser.post(declare, data=form, allow_redirects=False)).status == 303
    await post(browser, f"/sample-items/{stage.items[1]}/declaration/take-back")
    assert "not declared yet: 1002" in await post(centre, submit, 422, declaration="yes")
    await post(browser, declare, items=stage.items[1], confirm="yes")

    # A file that came after it overtakes a declaration.
    stage.service.clock.advance(minutes=1)
    await upload(stage, pdf(1, "More"), "more.pdf", item=stage.items[2], slot="work")
    await stage.service.settle(60)
    page = await (await browser.get(f"/cases/{stage.case_id}/sample/declarations")).text()
    assert page.count("Declare again: files changed since") == 1
    assert "not declared yet: 1003" in await post(centre, submit, 422, declaration="yes")
    await post(browser, declare, items=stage.items[2], confirm="yes")

    await post(centre, submit, declaration="yes")
    await post(browser, declare, 422, items=stage.items[2], confirm="yes")
    receipts = await (await centre.get("/receipts")).text()
    receipt = receipts.partition('href="/receipts/')[2].partition('"')[0]
    shown = await (await centre.get(f"/receipts/{receipt}")).text()
    assert words.replace("'", "&#39;") in shown
    assert "declared by Test teacher 99901, teacher" in shown.replace("  ", " ")


async def test_what_is_missing_counts_as_the_sample_does_and_looking_is_remembered(stage: Stage) -> None:
    browser = await stage.service.browser(Role.EXAMS_OFFICER, CENTRE)
    await upload(stage, pdf(1, "Work"), "work.pdf", item=stage.items[0], slot="work")
    await stage.service.settle(60)
    page = await (await browser.get("/readiness")).text()
    assert "1 of 6 candidates’ works in" in page
    assert "Nothing sent</" not in page
    assert "Nothing sent: 1002, 1003, 1004, 1005, 1006" in page
    assert (await states_of(stage)).count("RECEIVED") == 1
    assert (
        "Nothing that is missing is of this kind." in await (await browser.get("/readiness?missing=declaration")).text()
    )
    assert "Nothing sent" in await (await browser.get("/readiness?missing=work&due=x&order=y&teacher=")).text()
    text = await (await browser.get("/readiness.csv?missing=work")).text()
    found = list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))
    assert [(row["component"], row["candidate"], row["detail"]) for row in found] == [
        (COMPONENT, str(number), "Nothing sent") for number in range(1002, 1007)
    ]
    empty = await stage.service.browser(Role.EXAMS_OFFICER, "99902")
    assert "Nothing is missing." in await (await empty.get("/readiness")).text()
    moderator = await stage.service.browser(Role.MODERATOR)
    assert (await moderator.get("/readiness")).status == 404

    # Late, it stands first and says what may follow.
    stage.service.clock.advance(days=7)
    browser = await stage.service.browser(Role.EXAMS_OFFICER, CENTRE)
    page = await (await browser.get("/readiness?due=late")).text()
    assert "Late by 2 working days" in page
    assert "the candidates would have no result" in page

    path = f"/cases/{stage.case_id}/sample/preview"
    first = await (await browser.get(path)).text()
    assert "1 of 6 looked at" in first
    assert "Opens: 1 page." in first
    assert "Not virus-scanned" in first
    second = await (await browser.get(f"{path}/{stage.items[1]}")).text()
    assert "2 of 6 looked at" in second
    assert "Nothing was sent for this candidate yet." in second
    assert "2 of 6 looked at" in await (await browser.get(f"/cases/{stage.case_id}/sample")).text()
    assert (await browser.get(f"{path}/none")).status == 404
    assert (await (await stage.service.browser(Role.MODERATOR)).get(path)).status == 404
    query = select(AuditEvent.action).where(AuditEvent.action == "sample.preview")
    assert len(await stage.service.services.database.read(lambda s: s.scalars(query).all())) == 2
    assert len(await stage.service.services.database.read(lambda s: s.scalars(select(WorkLook)).all())) == 2
    # A file that came since makes it unseen.
    stage.service.clock.advance(minutes=1)
    stage.teacher = await stage.service.client(Role.TEACHER, CENTRE)
    await upload(stage, pdf(1, "More"), "more.pdf", item=stage.items[0], slot="work")
    await stage.service.settle(60)
    assert "1 of 6 looked at" in await (await browser.get(f"/cases/{stage.case_id}/sample")).text()
