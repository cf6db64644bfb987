"""Standardisation over HTTP: two people agree a mark, moderators practise and are approved, and live work waits for that."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from moderation.records.marking import allocate
from moderation.records.samples import sample_of
from moderation.tables import Component
from repository.access import Role
from tests.moderation.records.stage import COMPONENT, SERIES, confirm, hand_in, make_centre

from ..files import pdf
from .conftest import Client, csrf
from .uploading import Stage

OTHER = "99902"
BASE = f"/series/{SERIES}/component/standardisation"
QUERY = f"?code={quote(COMPONENT, safe='')}"


async def send(client: Client, path: str, **fields: str) -> tuple[int, str]:
    """Send a form as a page does; returns the status and the page that follows."""
    fields["csrf_token"] = await csrf(client)
    answer = await client.post(path, data=fields, allow_redirects=False)
    if answer.status == 303:
        return 303, await (await client.get(answer.headers["Location"])).text()
    return answer.status, await answer.text()


async def people_of(stage: Stage) -> tuple[Client, Client, Client, str]:
    """A principal moderator, an officer, and a moderator of another centre with a sample that was handed in."""
    service = stage.service
    principal, officer, moderator = [
        await service.browser(role) for role in (Role.PRINCIPAL_MODERATOR, Role.AB_OFFICER, Role.MODERATOR)
    ]
    api = await service.client(Role.AB_OFFICER)
    body = {"series": SERIES, "component": COMPONENT, "person_id": principal.person_id}
    assert (await api.post("/api/principals", json=body)).status == 201

    def build(session: Session) -> str:
        case_id = make_centre(session, 6, OTHER)
        confirm(session, case_id, [61, 51, 41, 31, 21, 11])
        hand_in(session, case_id)
        place = {"series_key": SERIES, "component_code": COMPONENT, "centre_number": OTHER}
        allocate(session, person_id=moderator.person_id, **place)
        return case_id

    return principal, officer, moderator, await service.write(build)


async def uploaded(stage: Stage, item: int) -> str:
    data = pdf(text=f"Work {item}")
    made = await stage.create(len(data), data, item=item)
    assert (await stage.document(made))["state"] == "released"
    return made["Location"].rpartition("/")[2]


async def test_works_are_agreed_by_two_people_practised_on_and_approve_before_live_work(stage_on_each: Stage) -> None:
    stage = stage_on_each
    document_id = await uploaded(stage, 0)
    await uploaded(stage, 1)
    principal, officer, moderator, live = await people_of(stage)

    works = [
        {"item_id": stage.items[0], "kind": "PRACTICE", "agreed_mark": "40", "commentary": "Sound analysis"},
        {"item_id": stage.items[1], "kind": "APPROVAL", "agreed_mark": "30", "commentary": ""},
    ]
    for fields in works:
        status, page = await send(officer, BASE + "/works" + QUERY, **fields)
        assert (status, "To be confirmed" in page) == (303, True)
    for wrong in ({"agreed_mark": "71"}, {"kind": "LIVE"}, {"item_id": "nothing"}, {"item_id": stage.items[2]}):
        status, page = await send(officer, BASE + "/works" + QUERY, **works[0] | wrong)
        assert (status, "There is a problem" in page) == (422, True), wrong
    ids = re.findall(r"/standardisation/works/([0-9a-f-]{36})/retire", await page_of(officer, BASE + QUERY))
    assert len(ids) == 2
    assert await page_of(moderator, "/standardisation", holds="nothing to practise on")
    status, page = await send(officer, f"/standardisation/works/{ids[0]}/confirm")
    assert (status, "somebody else confirms it" in page) == (422, True)
    for work_id in ids:
        status, page = await send(principal, f"/standardisation/works/{work_id}/confirm")
        assert status == 303

    status, page = await send(principal, BASE + "/plan" + QUERY, asks="seeds")
    assert (status, "Seeds need works to be read blind" in page) == (422, True)
    assert (await send(principal, BASE + "/plan" + QUERY, asks="approval"))[0] == 303

    await page_of(moderator, "/standardisation", holds="Not approved yet")
    mine = await page_of(moderator, f"/series/{SERIES}/component/practice{QUERY}", holds="Practice 1")
    approval, practice = re.findall(r"/standardisation/works/([0-9a-f-]{36})", mine)
    work = await page_of(moderator, f"/standardisation/works/{practice}")
    for secret in ("1001_work", "99901", "EXAMPLE<", "Sound analysis", ">40<"):
        assert secret not in work
    assert (await moderator.get(f"/documents/{document_id}")).status == 200

    item_id = (await stage.service.services.database.read(lambda s: sample_of(s, live))).items[0].item_id
    refused = await moderator.post(
        f"/marking/{live}/marks",
        data={"item_id": item_id, "mark": "60", "comment": "", "number": "0", "csrf_token": await csrf(moderator)},
    )
    assert "not approved for this component yet" in await refused.text()

    status, page = await send(moderator, f"/standardisation/works/{practice}/mark", mark="71", comment="")
    assert (status, "There is a problem" in page) == (422, True)
    status, page = await send(moderator, f"/standardisation/works/{practice}/mark", mark="46", comment="Thin")
    assert (status, "Sound analysis" in page, "Outside tolerance" in page) == (303, True, True)
    status, page = await send(moderator, f"/standardisation/works/{practice}/mark", mark="40", comment="")
    assert (status, "You have marked this work" in page) == (422, True)
    status, page = await send(moderator, f"/standardisation/works/{approval}/mark", mark="36", comment="")
    assert (status, "Whoever answers for the component decides" in page) == (303, True)
    assert ">30<" not in await page_of(moderator, f"/standardisation/works/{approval}")

    person = moderator.person_id
    status, page = await send(principal, BASE + "/approvals" + QUERY, person_id=person, decision="approve", reason="")
    assert status == 422
    status, page = await send(
        principal, BASE + "/approvals" + QUERY, person_id=person, decision="approve", reason="Spoke to them"
    )
    assert (status, "1 of 1 outside tolerance" in page) == (303, True)
    status, page = await send(moderator, f"/marking/{live}/marks", item_id=item_id, mark="60", comment="", number="0")
    assert status == 303


async def test_who_has_no_part_in_a_component_sees_none_of_its_works(stage: Stage) -> None:
    document_id = await uploaded(stage, 0)
    principal, officer, moderator, _ = await people_of(stage)
    fields = {"item_id": stage.items[0], "kind": "PRACTICE", "agreed_mark": "40", "commentary": ""}
    assert (await send(officer, BASE + "/works" + QUERY, **fields))[0] == 303
    (work_id,) = re.findall(r"/standardisation/works/([0-9a-f-]{36})/retire", await page_of(officer, BASE + QUERY))
    # Before the second person: nobody is given it.
    assert (await moderator.get(f"/standardisation/works/{work_id}")).status == 404
    assert (await send(principal, f"/standardisation/works/{work_id}/confirm"))[0] == 303
    assert (await moderator.get(f"/standardisation/works/{work_id}")).status == 200
    stranger, own = [await stage.service.browser(Role.MODERATOR) for _ in range(2)]

    def to_own_centre(session: Session) -> None:
        place = {"series_key": SERIES, "component_code": COMPONENT, "centre_number": "99901"}
        allocate(session, person_id=own.person_id, **place)

    await stage.service.write(to_own_centre)
    other = await stage.service.browser(Role.PRINCIPAL_MODERATOR)
    for client, path in (
        (stranger, f"/standardisation/works/{work_id}"),
        (stranger, f"/documents/{document_id}"),
        (own, f"/standardisation/works/{work_id}"),  # would have read it as live work
        (other, BASE + QUERY),
        (stage.teacher, "/standardisation"),
    ):
        assert (await client.get(path)).status == 404, path
    assert (await send(officer, f"/standardisation/works/{work_id}/retire"))[0] == 303
    assert (await moderator.get(f"/standardisation/works/{work_id}")).status == 404
    assert (await moderator.get(f"/documents/{document_id}")).status == 404


async def page_of(client: Client, path: str, *, holds: str = "") -> str:
    answer = await client.get(path)
    text = await answer.text()
    assert answer.status == 200, text[:2000]
    assert holds in text, text
    return text


@pytest.mark.fault("att:H12")
async def test_a_seed_stands_among_blind_works_is_marked_like_them_and_counts_in_no_outcome(
    stage_on_each: Stage,
) -> None:
    stage = stage_on_each
    await uploaded(stage, 2)
    principal, officer, _, live = await people_of(stage)

    def blind(session: Session) -> None:
        session.execute(update(Component).where(Component.component_code == COMPONENT).values(read_blind=True))

    await stage.service.write(blind)
    fields = {"item_id": stage.items[2], "kind": "SEED", "agreed_mark": "33", "commentary": ""}
    assert (await send(officer, BASE + "/works" + QUERY, **fields))[0] == 303
    (work_id,) = re.findall(r"/standardisation/works/([0-9a-f-]{36})/retire", await page_of(officer, BASE + QUERY))
    assert (await send(principal, f"/standardisation/works/{work_id}/confirm"))[0] == 303
    assert (await send(principal, BASE + "/plan" + QUERY, asks="seeds"))[0] == 303
    api = await stage.service.client(Role.MODERATOR)

    def to_other(session: Session) -> None:
        place = {"series_key": SERIES, "component_code": COMPONENT, "centre_number": OTHER}
        allocate(session, person_id=api.person_id, **place)

    await stage.service.write(to_other)
    path = f"/api/cases/{live}/marking"
    desk = await (await api.get(path)).json()
    items = {one["id"]: one for one in desk["items"]}
    assert stage.items[2] in items
    assert await (await api.get(path)).json() == desk  # and it is the same one each time
    seed, others = items.pop(stage.items[2]), list(items.values())
    assert set(seed) == set(others[0])
    assert desk["items"][-1]["id"] != seed["id"]
    for secret in ("99901", "1003", "EXAMPLE"):
        assert secret not in str(seed)
    assert seed["wanted_now"]
    document = seed["documents"][0]["id"]
    assert (await (await api.get(f"/api/documents/{document}/annotations")).json())["annotations"] == []
    note = {
        "kind": "annotation", "entry_id": "n", "revision": 1, "tab": "t", "follows": [], "case": live, "item": seed["id"],
        "document": document, "body": {"text": "as on the others"}, "written_at": "2026-05-20T10:00:00+00:00",
    }  # fmt: skip
    kept = await (await api.post("/api/desk/journal", json={"entries": [note]})).json()
    assert kept["results"][0]["state"] == "kept"
    (shown,) = (await (await api.get(f"/api/documents/{document}/annotations")).json())["annotations"]
    assert (shown["mine"], shown["body"]) == (True, {"text": "as on the others"})
    browser = await stage.service.browser(Role.MODERATOR)

    def to_browser(session: Session) -> None:
        place = {"series_key": SERIES, "component_code": COMPONENT, "centre_number": OTHER}
        allocate(session, person_id=browser.person_id, **place)

    await stage.service.write(to_browser)
    work = f"/marking/{live}/works/{seed['id']}"
    assert "Messages about this work" in await page_of(browser, work)
    await page_of(browser, f"/cases/{live}/messages?work={seed['id']}")
    for kind, field in (("suspicion", "statement"), ("safeguarding", "concern")):
        status, _ = await send(browser, f"{work}/{kind}", **{field: "The same text twice."})
        assert status == 303, kind
    told = await page_of(officer, f"/cases/{live}/holds", holds="about seed 1 of")
    assert "The same text twice." in told
    for number, mark in enumerate((30, 34)):
        where = f"/api/sample-items/{seed['id']}/moderator-mark"
        answer = await api.put(where, json={"mark": mark, "number": number})
        assert answer.status in {200, 201}, await answer.text()
        other_window = await api.put(where, json={"mark": mark - 1, "number": number})
        assert other_window.status == 409  # which saw an earlier mark: as of live works
    for one in others:
        if one["wanted_now"]:
            body = {"mark": one["centre_mark"]}
            assert (await api.put(f"/api/sample-items/{one['id']}/moderator-mark", json=body)).status in {200, 201}
    outcome = await (await api.get(f"/api/cases/{live}/outcome")).json()
    assert seed["id"] not in str(outcome)
    late = await api.put(f"/api/sample-items/{seed['id']}/moderator-mark", json={"mark": 1})
    live_late = await api.put(f"/api/sample-items/{others[0]['id']}/moderator-mark", json={"mark": 1})
    assert late.status == live_late.status == 409
    page = await page_of(principal, BASE + QUERY, holds="0 of 1 outside tolerance, +1.0 on average")
    assert "None met" in page  # of the browser's moderator, who opened no desk
