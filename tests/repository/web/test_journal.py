"""The journal of the desk over HTTP: each stroke once, two windows side by side, late ones apart, and who reads whose notes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Integer, LargeBinary, Table, delete, func, insert, select, update
from sqlalchemy.orm import Session

from moderation.records.marking import allocate
from moderation.records.results import release_results
from moderation.results import embargo_from
from repository import journal
from repository.access import Role
from repository.journal_tables import JournalEntry
from repository.tables import AuditEvent, DocumentRow
from tests.moderation.records.stage import CENTRE_B, COMPONENT, MODERATOR_B, SERIES

from .conftest import Client, Service, csrf
from .test_checking import lead, proposed
from .test_two_tabs import open_desk

CENTRE = "99901"


@dataclass
class Window:
    """One window of a person at the desk."""

    client: Client
    case_id: str
    tab: str = ""

    def stroke(self, entry_id: str, revision: int, follows: list[Any] | None = None, **more: Any) -> dict[str, Any]:
        self.tab = self.tab or str(uuid4())
        body = {"type": "note", "page": 1, "x": 10, "y": 10, "text": more.pop("text", "good")}
        return {
            "kind": "annotation", "entry_id": entry_id, "revision": revision, "tab": self.tab, "follows": follows or [],
            "case": self.case_id, "item": None, "document": None, "body": body,
            "written_at": "2026-05-20T10:00:00+00:00", **more,
        }  # fmt: skip

    async def send(self, *strokes: dict[str, Any], status: int = 200) -> list[str]:
        answer = await self.client.post("/api/desk/journal", json={"entries": strokes})
        assert answer.status == status, await answer.text()
        return [one["state"] for one in (await answer.json()).get("results", [])]

    async def entries(self) -> list[dict[str, Any]]:
        answer = await self.client.get("/api/desk/journal", params={"case": self.case_id})
        assert answer.status == 200, await answer.text()
        return list((await answer.json())["entries"])


async def count(service: Service) -> int:
    return await service.services.database.read(lambda s: s.scalar(select(func.count()).select_from(JournalEntry)) or 0)


def add_row(session: Session, table: Table, now: datetime, **known: Any) -> Any:
    """A row that says nothing but what is known, with the rows that it must refer to; returns its first key."""
    for column in table.columns:
        if column.name in known or column.nullable:
            continue
        if column.foreign_keys:
            (key,) = column.foreign_keys
            known[column.name] = add_row(session, key.column.table, now)
        elif isinstance(column.type, LargeBinary):
            known[column.name] = b"x"
        elif isinstance(column.type, Integer):
            known[column.name] = 1
        else:
            known[column.name] = (
                now if column.name.endswith("_at") else str(uuid4())[: getattr(column.type, "length", 36)]
            )
    session.execute(insert(table), known)
    return known[next(iter(table.primary_key.columns)).name]


async def add_document(service: Service, case_id: str) -> str:
    """A document of a case, as far as notes upon it need one."""
    now = service.clock.now

    def add(session: Session) -> str:
        tables = DocumentRow.metadata.tables
        document: str = add_row(session, tables["document"], now, state="released")
        add_row(session, tables["evidence"], now, document_id=document, case_id=case_id)
        return document

    return await service.write(add)


@pytest.mark.fault("att:H06")
async def test_each_stroke_is_kept_once_however_often_it_is_sent(service_on_each: Service) -> None:
    service = service_on_each
    desk = await open_desk(service, await service.client(Role.MODERATOR))
    window, note = Window(desk.moderator, desk.case_id), str(uuid4())
    first = window.stroke(note, 1)
    second = window.stroke(note, 2, [[1, window.tab]], text="better")
    assert await window.send(first) == ["kept"]
    assert await window.send(first, second) == ["kept", "kept"]
    answers = await asyncio.gather(*(window.send(first, second) for _ in range(4)))
    assert answers == [["kept", "kept"]] * 4
    assert await count(service) == 2
    (entry,) = await window.entries()
    assert (entry["revision"], entry["body"]["text"], entry["others"], entry["late"]) == (2, "better", [], False)
    # Another text under a number that is taken is told, and nothing is overwritten.
    assert await window.send(window.stroke(note, 2, [[1, window.tab]], text="other")) == ["refused"]
    (entry,) = await window.entries()
    assert entry["body"]["text"] == "better"


@pytest.mark.fault("att:H06")
async def test_what_two_windows_wrote_is_kept_side_by_side_until_the_person_decides(service_on_each: Service) -> None:
    service = service_on_each
    desk = await open_desk(service, await service.client(Role.MODERATOR))
    one, other, note = Window(desk.moderator, desk.case_id), Window(desk.moderator, desk.case_id), str(uuid4())
    await one.send(one.stroke(note, 1))
    await other.send(other.stroke(note, 2, [[1, one.tab]], text="by the other"))
    service.clock.advance(seconds=5)
    await one.send(one.stroke(note, 2, [[1, one.tab]], text="by the one"))
    (entry,) = await one.entries()
    assert entry["body"]["text"] == "by the one"
    assert [beside["body"]["text"] for beside in entry["others"]] == ["by the other"]
    await other.send(other.stroke(note, 3, [[2, one.tab], [2, other.tab]], text="both"))
    (entry,) = await one.entries()
    assert (entry["body"]["text"], entry["others"]) == ("both", [])
    assert await count(service) == 4  # nothing was taken away


@pytest.mark.fault("att:H07")
async def test_what_comes_after_the_outcome_is_kept_apart_and_changes_nothing(service_on_each: Service) -> None:
    service = service_on_each
    moderator = await service.client(Role.MODERATOR)
    case_id = await proposed(service, moderator, CENTRE_B, MODERATOR_B)
    before = await (await moderator.get(f"/api/cases/{case_id}/marking")).json()
    window = Window(moderator, case_id)
    assert await window.send(window.stroke(str(uuid4()), 1)) == ["late"]
    (entry,) = await window.entries()
    assert entry["late"]
    assert await (await moderator.get(f"/api/cases/{case_id}/marking")).json() == before

    def events(session: Session) -> list[Any]:
        return list(session.scalars(select(AuditEvent.details).where(AuditEvent.action == "journal.write")))

    (details,) = await service.services.database.read(events)
    assert details["late"] == 1
    assert "good" not in str(details)


async def test_a_journal_is_of_one_person_and_one_case_and_a_wrong_stroke_holds_back_no_other(service: Service) -> None:
    desk = await open_desk(service, await service.client(Role.MODERATOR))
    stranger = await service.client(Role.MODERATOR)
    window, note = Window(desk.moderator, desk.case_id), str(uuid4())
    elsewhere = {**window.stroke(note, 1), "case": str(uuid4())}
    foreign = window.stroke(str(uuid4()), 1, document=str(uuid4()))
    not_its = window.stroke(str(uuid4()), 1, item=str(uuid4()))
    good = window.stroke(str(uuid4()), 1, item=desk.items[0])
    assert await window.send(elsewhere, foreign, not_its, good) == ["refused", "refused", "refused", "kept"]
    assert await Window(stranger, desk.case_id).send(window.stroke(note, 1)) == ["refused"]
    assert (await stranger.get("/api/desk/journal", params={"case": desk.case_id})).status == 404
    # The same entry id of somebody else is another entry.
    place = {"series_key": SERIES, "component_code": COMPONENT, "centre_number": CENTRE}
    await service.write(lambda s: allocate(s, person_id=stranger.person_id, **place))
    theirs = Window(stranger, desk.case_id)
    assert await theirs.entries() == []
    assert await theirs.send({**good, "body": {"text": "mine"}}) == ["kept"]
    assert [one["body"]["text"] for one in await theirs.entries()] == ["mine"]
    assert [one["body"]["text"] for one in await window.entries()] == ["good"]
    first = await (await desk.moderator.get("/api/desk/journal/key")).json()
    second = await (await stranger.get("/api/desk/journal/key")).json()
    assert first != second
    assert len({*first.values(), *second.values()}) == 4
    assert first == await (await desk.moderator.get("/api/desk/journal/key")).json()


async def test_too_much_and_forged_requests_are_refused_whole(service: Service) -> None:
    desk = await open_desk(service, await service.client(Role.MODERATOR))
    window = Window(desk.moderator, desk.case_id)
    for entries in ([], [window.stroke(str(uuid4()), 1)] * 51, "x", None):
        assert (await desk.moderator.post("/api/desk/journal", json={"entries": entries})).status == 422
    wrong = [window.stroke(str(uuid4()), 1), window.stroke(str(uuid4()), 0)]
    await window.send(*wrong, status=422)
    assert await count(service) == 0
    browser = await service.browser(Role.MODERATOR)
    answer = await browser.post("/api/desk/journal", json={"entries": [window.stroke(str(uuid4()), 1)]})
    assert answer.status == 403
    token = await csrf(browser)
    answer = await browser.post(
        "/api/desk/journal", json={"entries": [window.stroke(str(uuid4()), 1)]}, headers={"X-CSRF-Token": token}
    )
    assert (answer.status, (await answer.json())["results"][0]["state"]) == (200, "refused")


async def test_a_journal_has_an_end(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = await open_desk(service, await service.client(Role.MODERATOR))
    window = Window(desk.moderator, desk.case_id)
    monkeypatch.setattr(journal, "STROKES_OF_A_CASE", 2)
    strokes = [window.stroke(str(uuid4()), 1) for _ in range(3)]
    assert [await window.send(one) for one in strokes] == [["kept"], ["kept"], ["refused"]]
    assert len(await window.entries()) == 2


async def test_who_reads_whose_notes(service_on_each: Service) -> None:
    service = service_on_each
    moderator, leader, officer = [
        await service.client(role) for role in (Role.MODERATOR, Role.TEAM_LEADER, Role.AB_OFFICER)
    ]
    centre, teacher = await service.client(Role.EXAMS_OFFICER, CENTRE), await service.client(Role.TEACHER, CENTRE)
    case_id = await proposed(service, moderator, CENTRE_B, MODERATOR_B)
    await lead(officer, leader, moderator)
    document = await add_document(service, case_id)
    path = f"/api/documents/{document}/annotations"
    window = Window(moderator, case_id)
    note, gone = window.stroke(str(uuid4()), 1, document=document), window.stroke(str(uuid4()), 1, document=document)
    await window.send(note, gone)
    await window.send({**gone, "revision": 2, "follows": [[1, window.tab]], "body": {"deleted": True}})

    async def texts(client: Client) -> list[tuple[str, bool]]:
        answer = await client.get(path)
        assert answer.status == 200, await answer.text()
        return [(one["body"]["text"], one["mine"]) for one in (await answer.json())["annotations"]]

    assert await texts(moderator) == [("good", True)]
    assert await texts(officer) == [("good", False)]
    # Who checks is blind until the own marks are in, and keeps notes that the moderator does not see.
    assert await texts(leader) == []
    own = Window(leader, case_id)
    assert await own.send(own.stroke(str(uuid4()), 1, document=document, text="leader’s")) == ["kept"]
    assert await texts(leader) == [("leader’s", True)]
    assert await texts(moderator) == [("good", True)]
    check = (await (await leader.post(f"/api/cases/{case_id}/check", json={})).json())["check"]
    assert await texts(leader) == [("leader’s", True)]
    for work in check["works"]:
        await leader.put(f"/api/checks/{check['id']}/works/{work['item_id']}", json={"mark": 30})
    assert sorted(await texts(leader)) == [("good", False), ("leader’s", True)]
    # Centres never, results or not.
    for person in (centre, teacher):
        assert (await person.get(path)).status == 404
        assert (await person.get("/api/desk/journal", params={"case": case_id})).status == 404
        assert (await person.get("/api/desk/journal/key")).status == 404
    verdict = {"verdict": "AGREED"}
    assert (await leader.post(f"/api/checks/{check['id']}/verdict", json=verdict)).status == 200
    assert (await officer.post(f"/api/cases/{case_id}/outcome/confirm", json={})).status == 200
    embargo = embargo_from(date(2026, 8, 12))

    def release(session: Session) -> None:
        release_results(session, SERIES, first="one", second="two", embargo=embargo, now=service.clock.now)

    await service.write(release)
    service.clock.now = embargo.restricted_at
    for role in (Role.EXAMS_OFFICER, Role.TEACHER):  # signed in anew: months have passed
        assert (await (await service.client(role, CENTRE)).get(path)).status == 404


async def test_what_was_written_stays(service_on_each: Service) -> None:
    service = service_on_each
    desk = await open_desk(service, await service.client(Role.MODERATOR))
    window = Window(desk.moderator, desk.case_id)
    await window.send(window.stroke(str(uuid4()), 1))
    for change in (
        update(JournalEntry).values(body="{}"),
        update(JournalEntry).values(is_late=True),
        delete(JournalEntry),
    ):
        with pytest.raises(Exception, match="recorded and stays as it is"):
            await service.write(lambda s, change=change: s.execute(change))
    assert await count(service) == 1
