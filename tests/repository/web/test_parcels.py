"""Parcels over real HTTP: opened work by work by the moderator, read by the centre, sent again; and work that is missing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pypdfium2
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.records.postal import despatch_consignment
from moderation.records.samples import sample_of
from moderation.tables import Allocation
from repository.access import Role
from scripts import records
from scripts.tables import Packet
from tests.moderation.records.stage import COMPONENT, SERIES, confirm, make_centre, make_series

from .conftest import Client, Service, csrf

CENTRE = "99901"


@dataclass
class Posted:
    """A posted sample of three, on its way, with its exams officer and its moderator."""

    service: Service
    case_id: str
    items: list[str]
    parcel_id: str
    officer: Client
    moderator: Client

    async def post_it(self, number: str, **further: str) -> Any:
        """Post the parcel that is packed, by the form of its page."""
        path = f"/cases/{self.case_id}/post"
        form = {"csrf_token": await csrf(self.officer, path), "packet": await self.packed(), **SEALED, **further}
        answer = await self.officer.post(path, data={**form, "proof_of_posting_number": number}, allow_redirects=False)
        assert answer.status == 303, await answer.text()

    async def packed(self) -> str:
        """Return the packet that waits for the post, as the page has it."""
        text = await (await self.officer.get(f"/cases/{self.case_id}/post")).text()
        return text.split('name="packet" value="')[1].split('"')[0]


SEALED = {"sealed_by": "EO", "witnessed_by": "Head of computing"}


async def pack(posted: Posted, *items: str) -> None:
    path = f"/cases/{posted.case_id}"
    form = {"csrf_token": await csrf(posted.officer, f"{path}/post"), "items": list(items)}
    answer = await posted.officer.post(f"{path}/parcels", data=form, allow_redirects=False)
    assert answer.status == 303, await answer.text()


@pytest.fixture
async def posted(service: Service) -> Posted:
    """As it was before parcels had labels: the consignment has no packet."""
    made = await asked_for(service)

    def despatch(session: Session) -> str:
        return despatch_consignment(
            session,
            made.case_id,
            proof_of_posting_number="P1",
            contents=made.items,
            actor="officer",
            now=service.clock(),
        ).consignment_id

    made.parcel_id = await service.write(despatch)
    return made


@pytest.fixture
async def asked(service_on_each: Service) -> Posted:
    """A sample of three that was asked for, and nothing packed yet; over each kind of database."""
    return await asked_for(service_on_each)


@pytest.fixture
async def asked_here(service: Service) -> Posted:
    """The same over SQLite: the way of a whole parcel is walked on each."""
    return await asked_for(service)


async def asked_for(service: Service) -> Posted:
    moderator = await service.browser(Role.MODERATOR)
    person: str = moderator.person_id

    def build(session):
        make_series(session, "POSTAL")
        case_id = make_centre(session, 3, CENTRE, mode="POSTAL")
        confirm(session, case_id, [60, 50, 40])
        items = [item.item_id for item in sample_of(session, case_id).items]
        session.add(
            Allocation(
                person_id=person, series_key=SERIES, component_code=COMPONENT, centre_number=CENTRE, act="moderate"
            )
        )
        return case_id, items

    case_id, items = await service.write(build)
    return Posted(service, case_id, items, "", await service.browser(Role.EXAMS_OFFICER, CENTRE), moderator)


async def test_a_parcel_is_opened_on_the_desk_and_what_is_wrong_is_sent_again(posted: Posted) -> None:
    one, two, three = posted.items
    desk = f"/marking/{posted.case_id}"
    found = {f"finding-{one}": "RECEIVED", f"finding-{two}": "MISLABELLED", f"finding-{three}": "MISSING"}
    form = {"csrf_token": await csrf(posted.moderator, desk), **found}
    receive = f"/consignments/{posted.parcel_id}/receive"
    answer = await posted.moderator.post(receive, data=form)
    assert (answer.status, "needs a note" in await answer.text()) == (422, True)
    answer = await posted.moderator.post(receive, data={**form, f"finding-{one}": "EATEN"})
    assert answer.status == 422
    answer = await posted.moderator.post(receive, data={"csrf_token": form["csrf_token"], f"finding-{one}": "RECEIVED"})
    assert (answer.status, "every work on the contents list" in await answer.text()) == (422, True)
    answer = await posted.moderator.post(receive, data={**form, f"note-{two}": "Two labels"}, allow_redirects=False)
    assert answer.status == 303, await answer.text()
    answer = await posted.moderator.post(receive, data={**form, f"note-{two}": "Two labels"})
    assert answer.status == 409

    path = f"/cases/{posted.case_id}/post"
    text = await (await posted.officer.get(path)).text()
    assert "Mislabelled: cannot tell whose it is. Two labels" in text
    assert f'value="{two}"' in text
    assert f'value="{one}"' not in text  # what is here is not asked for again
    assert "Answer the moderator" in await (await posted.officer.get("/")).text()
    assert "No parcel" not in text  # recorded before parcels had labels: shown as it was, and nothing is invented
    api = await posted.service.client(Role.EXAMS_OFFICER, CENTRE)
    (before,) = (await (await api.get(f"/api/cases/{posted.case_id}/parcels")).json())["parcels"]
    assert (before["packet"], before["events"], before["number"]) == (None, [], 1)
    await pack(posted, two, three)
    await posted.post_it("P2")
    assert "In the post" in await (await posted.officer.get(path)).text()
    assert "Parcel P2" in await (await posted.moderator.get(desk)).text()


async def test_a_parcel_that_does_not_arrive_is_overdue_for_both_sides(posted: Posted) -> None:
    posted.service.clock.now += timedelta(days=10)
    officer = await posted.service.browser(Role.EXAMS_OFFICER, CENTRE)
    text = await (await officer.get(f"/cases/{posted.case_id}/post")).text()
    assert "Overdue" in text
    assert "Ask the post office" in text
    body = await posted.service.browser(Role.AB_OFFICER)
    text = await (await body.get("/outstanding")).text()
    assert '<dt class="app-figures__label">parcels overdue</dt><dd class="app-figures__value">1</dd>' in text


async def test_missing_work_is_explained_on_the_page_of_the_sample(posted: Posted) -> None:
    path = f"/cases/{posted.case_id}/sample"
    one = posted.items[0]
    form = {"csrf_token": await csrf(posted.officer, path)}
    refused = await posted.officer.post(f"/sample-items/{one}/no-work", data=form)
    text = await refused.text()
    assert (refused.status, "There is a problem" in text, f'href="#code-{one}"' in text) == (422, True, True)
    refused = await posted.officer.post(f"/sample-items/{one}/no-work", data={**form, "code": "LOST"})
    assert (refused.status, "Say how the work was lost" in await refused.text()) == (422, True)
    lost = {**form, "code": "LOST", "loss": "IN_POST", "note": "Claim 7"}
    answer = await posted.officer.post(f"/sample-items/{one}/no-work", data=lost, allow_redirects=False)
    assert answer.status == 303
    text = await (await posted.officer.get(path)).text()
    assert "Lost through no fault of the candidate: in the post. Claim 7" in text
    back = await posted.officer.post(
        f"/sample-items/{one}/no-work", data={**form, "act": "found"}, allow_redirects=False
    )
    assert back.status == 303
    assert "Claim 7" not in await (await posted.officer.get(path)).text()
    stranger = await posted.service.browser(Role.EXAMS_OFFICER, "99902")
    theirs = {**lost, "csrf_token": await csrf(stranger)}
    assert (await stranger.post(f"/sample-items/{one}/no-work", data=theirs)).status == 404


async def test_a_sample_is_packed_labelled_posted_followed_and_opened_like_all_paper(asked: Posted) -> None:
    one, two, three = asked.items
    path = f"/cases/{asked.case_id}"
    officer = await asked.service.client(Role.EXAMS_OFFICER, CENTRE)
    body = {"items": [one, two, three]}
    parcel = await (await officer.post(f"/api{path}/parcels", json=body)).json()
    assert (parcel["label"].split("|")[:5], parcel["state"]) == (["SL1", CENTRE, "6A26", COMPONENT, "1/0"], "packed")
    again = await officer.post(f"/api{path}/parcels", json={"items": [one]})
    assert (again.status, "packed in parcel 1 already" in await again.text()) == (422, True)
    for name, text in (("label", parcel["label"]), ("covers", f"CV1|{CENTRE}|1001|{COMPONENT}")):
        answer = await asked.officer.get(f"{path}/parcels/{parcel['packet']}/{name}.pdf")
        document = pypdfium2.PdfDocument(await answer.read())
        assert text in document[0].get_textpage().get_text_range(), name
    # The free service is for unmarked work: no label of it, whoever asks.
    posting = {"packet": parcel["packet"], "proof_of_posting_number": "PP 1", **SEALED}
    for kind in ("yellow", "emergency"):
        answer = await officer.post(f"/api{path}/consignments", json={**posting, "label_kind": kind})
        assert (answer.status, "unmarked work only" in await answer.text()) == (422, True), kind
    answer = await officer.post(f"/api{path}/consignments", json={**posting, "witnessed_by": "eo "})
    assert (answer.status, "different person" in await answer.text()) == (422, True)
    assert (
        "yellow" not in (await (await asked.officer.get(f"{path}/post")).text()).split("<form", 2)[2].split("</form")[0]
    )

    made = await officer.post(f"/api{path}/consignments", json={**posting, "tracking_number": "RR473124829GB"})
    assert made.status == 201, await made.text()
    assert (await officer.post(f"/api{path}/consignments", json=posting)).status == 409  # it was posted
    repack = await asked.officer.post(
        f"{path}/parcels/{parcel['packet']}", data={"csrf_token": await csrf(asked.officer), "items": [one]}
    )
    assert (repack.status, "was posted" in await repack.text()) == (422, True)

    form = {"csrf_token": await csrf(asked.moderator, "/parcels"), "event_id": "arrival-1"}
    for code in ("SL1|nonsense", parcel["label"].replace("1/0", "2/0"), CENTRE):
        answer = await asked.moderator.post("/parcels", data={**form, "label": code})
        assert (answer.status, "nothing was recorded" in await answer.text()) == (422, True), code
    asked.service.clock.advance(minutes=10)
    typed = {**form, "label": f" {parcel['label'].lower()} "}
    for _ in range(2):  # scanned twice: it arrived once
        assert (await asked.moderator.post("/parcels", data=typed, allow_redirects=False)).status == 303
    assert "With the moderator, not opened yet" in await (await asked.officer.get(f"{path}/post")).text()
    receive = f"/consignments/{(await made.json())['id']}/receive"
    found = {f"finding-{one}": "RECEIVED", f"finding-{two}": "UNREADABLE", f"finding-{three}": "MISSING"}
    answer = await asked.moderator.post(receive, data={**form, **found, f"note-{two}": "Wet"}, allow_redirects=False)
    assert answer.status == 303, await answer.text()

    (now,) = (await (await officer.get(f"/api{path}/parcels")).json())["parcels"]
    kinds = [event["kind"] for event in now["events"]]
    assert kinds == ["packed", "collected", "received", "opened"]
    assert [event["script_count"] for event in now["events"] if event["kind"] in {"packed", "opened"}] == [3, 2]
    assert [(case["kind"], case["state"], case["candidate_numbers"]) for case in now["cases"]] == [
        ("register_present_no_script", "open", ["1003"])
    ]
    text = await (await asked.officer.get(f"{path}/post")).text()
    assert "Not in the parcel when it was opened: 1003" in text
    by_number = {work["candidate_number"]: work["script"] for work in now["works"]}
    for number, words in (("1001", "indexed"), ("1003", "packed")):
        line = await (await asked.officer.get(f"/scripts/{by_number[number]}")).text()
        assert number in line
        assert words in line.lower()

    await pack(asked, two, three)
    await asked.post_it("PP 2")
    (later,) = [
        one for one in (await (await officer.get(f"/api{path}/parcels")).json())["parcels"] if one["number"] == 2
    ]
    assert later["candidate_numbers"] == ["1002", "1003"]
    found = {f"finding-{two}": "RECEIVED", f"finding-{three}": "RECEIVED"}
    receive = f"/consignments/{later['consignment']}/receive"
    assert (await asked.moderator.post(receive, data={**form, **found}, allow_redirects=False)).status == 303
    first, second = (await (await officer.get(f"/api{path}/parcels")).json())["parcels"]
    assert [case["state"] for case in first["cases"]] == ["answered"]
    # An officer finds it among all cases, with its history.
    body = await asked.service.client(Role.AB_OFFICER)
    (case,) = (await (await body.get("/api/script-cases")).json())["cases"]
    told = await (await body.get(f"/api/script-cases/{case['id']}")).json()
    assert [event["kind"] for event in told["history"]] == ["opened", "answered"]
    # Opened without a scan of the label: it arrived then.
    assert [event["kind"] for event in second["events"]] == ["packed", "collected", "received", "opened"]
    assert not second["cases"]


async def test_a_parcel_is_overdue_by_the_clocks_of_all_paper(asked_here: Posted) -> None:
    await pack(asked_here, *asked_here.items)
    asked_here.service.clock.advance(days=40)
    asked_here.officer = await asked_here.service.browser(Role.EXAMS_OFFICER, CENTRE)
    path = f"/cases/{asked_here.case_id}/post"
    text = await (await asked_here.officer.get(path)).text()
    assert "Overdue" in text
    assert "To be posted by" in text
    await asked_here.post_it("P1", tracking_number="RR473124829GB")
    text = await (await asked_here.officer.get(path)).text()
    assert "Overdue" not in text
    assert "Expected with the moderator by" in text


async def test_a_sample_is_nowhere_among_exam_scripts_and_is_packed_nowhere_else(asked: Posted) -> None:
    await pack(asked, *asked.items)
    await asked.post_it("P1")

    def opened(session: Session) -> tuple[str, str]:
        packet = session.scalars(select(Packet)).one()
        records.open_case(
            session,
            packet.sitting_id,
            "register_present_no_script",
            "packet:1",
            now=asked.service.clock(),
            packet=packet,
        )
        return packet.sitting_id, packet.id

    sitting_id, _ = await asked.service.write(opened)
    officer, body = await asked.service.client(Role.EXAMS_OFFICER, CENTRE), await asked.service.client(Role.AB_OFFICER)
    listed = await (await officer.get("/api/sittings")).json()
    assert listed["sittings"] == []
    report = await (await body.get(f"/api/series/{SERIES}/missing-scripts")).json()
    assert not report.get("missing"), report
    gate = await (await body.get(f"/api/series/{SERIES}/gate")).json()
    assert gate["blocks"]
    assert "scripts-missing" not in json.dumps(gate)
    for act in ("register", "packets"):
        form = {"csrf_token": await csrf(asked.officer), "capacity": "25"}
        assert (await asked.officer.post(f"/sittings/{sitting_id}/{act}", data=form)).status == 404, act


async def test_nobody_else_packs_prints_or_receives(asked_here: Posted) -> None:
    await pack(asked_here, asked_here.items[0])
    packet, path = await asked_here.packed(), f"/cases/{asked_here.case_id}"
    await asked_here.post_it("P1")
    label = (await (await asked_here.moderator.get(f"/api{path}/parcels")).json())["parcels"][0]["label"]
    other = await asked_here.service.browser(Role.EXAMS_OFFICER, "99902")
    for address in (f"{path}/post", f"{path}/parcels/{packet}/label.pdf", f"{path}/parcels/{packet}/covers.pdf"):
        assert (await other.get(address)).status == 404
    stranger = await asked_here.service.browser(Role.MODERATOR)
    form = {"csrf_token": await csrf(stranger, "/parcels"), "event_id": "x", "label": label}
    answer = await stranger.post("/parcels", data=form)
    assert (answer.status, "No parcel that is on its way to you" in await answer.text()) == (422, True)
    for role in (Role.TRACKING_CLERK, Role.TEAM_LEADER, Role.PRINCIPAL_MODERATOR):
        assert (await (await asked_here.service.browser(role)).get("/parcels")).status == 404
    assert (await (await asked_here.service.browser(Role.TRACKING_CLERK)).get(f"{path}/post")).status == 404
