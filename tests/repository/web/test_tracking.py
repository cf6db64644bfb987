"""Tracking events over real HTTP, as programs send them: many at once, each with what became of it."""

from __future__ import annotations

import re
from datetime import date
from html import unescape
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository.access import Role
from repository.tables import new_id
from repository.web.pages.tracking import STATION
from scripts.labels import PacketLabel
from scripts.stations import Command
from scripts.tables import Packet, PacketEventRow, PacketLabelRow, PacketTrackingNumber, Sitting

from .conftest import Client, Service, csrf

CENTRE = "99901"


async def labelled(service: Service, count: int) -> list[str]:
    """Add a sitting with labelled packets; returns the labels."""
    now = service.clock.now

    def add(session: Session) -> list[str]:
        sitting = Sitting(
            series_key="01-6A26",
            centre_number=CENTRE,
            component_code="H446/01",
            held_on=date(2026, 6, 11),
            session_of_day="AM",
            opened_at=now,
        )
        session.add(sitting)
        session.flush()
        labels = []
        for number in range(1, count + 1):
            packet = Packet(sitting_id=sitting.id, number=number, of=count, candidate_numbers=[], state="label_issued")
            session.add(packet)
            session.flush()
            payload = PacketLabel(CENTRE, "6A26", "H446/01", number, count).payload
            session.add(PacketLabelRow(payload=payload, packet_id=packet.id, issue=1, issued_at=now, issued_by="x"))
            labels.append(payload)
        return labels

    return await service.write(add)


def event(event_id: str, label: str, **further: Any) -> dict[str, Any]:
    return {"event_id": event_id, "label": label, "kind": "received", "place": "Desk", **further}


@pytest.mark.fault("att:I01")
async def test_each_event_of_a_batch_has_its_outcome_and_a_bad_one_blocks_no_other(service: Service) -> None:
    first, second, third = await labelled(service, 3)
    clerk = await service.client(Role.TRACKING_CLERK)
    sent: list[Any] = [
        event("a", first),
        "no event",
        event("b", PacketLabel("99902", "6A26", "H446/01", 1, 1).payload),
        event("c", second, kind="opened", script_count=3),
        event("a", first),
        event("a", second),
        event("d", third, occurred_at="yesterday"),
        event("e", third, kind="opened", script_count=3, second_operator="Second clerk"),
    ]
    answer = await clerk.post("/api/tracking/events", json={"events": sent})
    assert answer.status == 200, await answer.text()
    body = await answer.json()
    outcomes = [one["outcome"] for one in body["events"]]
    assert outcomes == [
        "recorded",
        "refused",
        "unknown_label",
        "refused",
        "repeat",
        "conflict",
        "refused",
        "recorded",
    ]
    assert [one["line"] for one in body["events"]] == list(range(8))
    assert all(one["reason"] for one in body["events"] if one["outcome"] not in {"recorded", "repeat"})
    assert body["counts"] == {"recorded": 2, "repeat": 1, "conflict": 1, "unknown_label": 1, "refused": 3}
    assert body["events"][0]["waiting"] == [2]
    again = await (await clerk.post("/api/tracking/events", json={"events": sent})).json()
    assert again["counts"]["recorded"] == 0
    count = select(func.count()).select_from(PacketEventRow)
    assert await service.services.database.read(lambda s: s.scalar(count)) == 2


async def test_more_than_a_thousand_at_once_and_strange_bodies_are_refused_whole(service: Service) -> None:
    (label,) = await labelled(service, 1)
    clerk = await service.client(Role.TRACKING_CLERK)
    for events in ([event(str(at), label) for at in range(1_001)], [], "all", {"a": 1}, None):
        answer = await clerk.post("/api/tracking/events", json={"events": events})
        assert answer.status == 422, await answer.text()
    answer = await clerk.post("/api/tracking/events", json={"events": [event("a", label)], "source": "rumour"})
    assert answer.status == 422, await answer.text()
    officer = await service.client(Role.EXAMS_OFFICER, CENTRE)
    answer = await officer.post("/api/tracking/events", json={"events": [event("a", label)]})
    assert answer.status in {403, 404}
    assert await service.services.database.read(lambda s: s.scalar(select(PacketEventRow.id))) is None


@pytest.mark.fault("att:I02")
async def test_a_trigger_pulled_twice_is_one_event_under_any_id(service: Service) -> None:
    (label,) = await labelled(service, 1)
    clerk = await service.client(Role.TRACKING_CLERK)
    body = {"source": "scanner", "events": [event("a", label), event("b", label)]}
    done = (await (await clerk.post("/api/tracking/events", json=body)).json())["events"]
    assert [(one["outcome"], one["same_as"]) for one in done] == [("recorded", ""), ("repeat", "a")]


async def form(clerk: Client, label: str, **said: str) -> str:
    """Send the plain form of the station; returns the page."""
    fields = {"event_id": new_id(), "label": label, "kind": "received", "place": "Desk", "site": "", **said}
    answer = await clerk.post("/tracking", data={"csrf_token": await csrf(clerk, "/tracking"), **fields})
    page = await answer.text()
    assert answer.status in {200, 422}, page
    return page


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, name
    return unescape(found[1])


async def kinds(service: Service) -> list[str]:
    query = select(PacketEventRow.kind).order_by(PacketEventRow.chain_number)
    return await service.services.database.read(lambda s: list(s.scalars(query)))


async def test_the_station_works_as_a_plain_form_with_cards_and_takes_back_what_it_did(service: Service) -> None:
    first, second = await labelled(service, 2)
    clerk = await service.client(Role.TRACKING_CLERK)
    page = await form(clerk, first.replace("|", "~").lower())
    assert "Received" in page
    assert "Packet 1 of 2, H446/01, centre 99901." in page
    last = {"last_id": hidden(page, "last_id"), "last_label": hidden(page, "last_label")}
    page = await form(clerk, Command.OPENED.payload)
    assert "Packets are opened and counted" in page
    assert re.search(r'value="opened"[^>]* checked', page)
    assert await kinds(service) == ["received"]
    assert "Taken back" in await form(clerk, Command.UNDO.payload, **last)
    assert await kinds(service) == ["received", "withdrawn"]
    page = await form(clerk, Command.UNDO.payload, last_id="", last_label="")
    assert "There is no scan here to take back" in page
    assert "Put it aside" in await form(clerk, second, kind="damaged")
    page = await form(clerk, second, kind="opened", script_count="7", second_operator="Second clerk")
    assert "Put it aside" in page
    for label, said in ((second[:-1], {}), ("<b>x</b>", {}), (second, {"kind": "closed"}), (second, {"place": ""})):
        assert "There is a problem" in await form(clerk, label, **said), (label, said)
    assert sorted(await kinds(service)) == ["damaged", "opened", "received", "withdrawn"]
    cards = await clerk.get("/tracking/cards.pdf")
    assert (await cards.read()).startswith(b"%PDF")


async def test_a_station_is_told_whose_scans_it_keeps_and_each_person_has_a_key_of_their_own(service: Service) -> None:
    clerk, officer = await service.client(Role.TRACKING_CLERK), await service.client(Role.EXAMS_OFFICER, CENTRE)
    mine = await (await clerk.get("/api/tracking/station")).json()
    again = await (await clerk.get("/api/tracking/station")).json()
    other = await (await (await service.client(Role.TRACKING_CLERK)).get("/api/tracking/station")).json()
    assert mine["store"] == again["store"]
    assert mine["store"]["key"] != other["store"]["key"]
    assert mine["store"]["name"] != other["store"]["name"]
    assert (await officer.get("/api/tracking/station")).status in {403, 404}


async def test_what_was_said_by_a_carriers_number_is_taken_back_by_it(service: Service) -> None:
    labels = await labelled(service, 2)
    clerk = await service.client(Role.TRACKING_CLERK)

    def travelling(session: Session) -> None:
        for packet in session.scalars(select(Packet)):
            session.add(PacketTrackingNumber(number="RR473124829GB", packet_id=packet.id))

    await service.write(travelling)
    sent = {"event_id": "n-1", "tracking_number": "RR473124829GB", "kind": "received", "place": "Desk"}
    back = {**sent, "event_id": "n-2", "kind": "withdrawn", "corrects_id": "n-1"}
    body = {"source": "scanner", "events": [sent]}
    done = (await (await clerk.post("/api/tracking/events", json=body)).json())["events"]
    assert [(one["outcome"], one["state"]) for one in done] == [("recorded", "received")] * len(labels)
    assert all(one["logged_count"] is None for one in done)
    done = (await (await clerk.post("/api/tracking/events", json=body)).json())["events"]
    assert [(one["outcome"], one["same_as"]) for one in done] == [("repeat", "n-1")] * len(labels), "one's own repeat"
    done = (await (await clerk.post("/api/tracking/events", json={"events": [back]})).json())["events"]
    assert [(one["outcome"], one["state"]) for one in done] == [("recorded", "label_issued")] * len(labels)


async def test_a_packet_is_found_by_what_is_in_the_hand_and_only_by_who_may_see_it(service: Service) -> None:
    first, second = await labelled(service, 2)
    clerk = await service.client(Role.TRACKING_CLERK)
    officer = await service.client(Role.EXAMS_OFFICER, CENTRE)
    stranger = await service.client(Role.EXAMS_OFFICER, "99902")
    await clerk.post("/api/tracking/events", json={"events": [event("a", first)]})
    for who in (clerk, officer):
        for text in (first, first[-4:].lower(), f" {first.lower()} "):
            answer = await who.get("/packets", params={"q": text})
            page = await answer.text()
            assert answer.url.path.startswith("/packets/"), page
            assert "Packet 1 of 2" in page
            assert "Script tracking clerk" in page
            assert "The chain of its events is whole" in page
        page = await (await who.get("/packets", params={"q": CENTRE})).text()
        assert page.count("/packets/") == 2
    found = (await clerk.get("/packets", params={"q": second})).url.path
    assert "this one has not: look for it" in await (await clerk.get(found)).text()
    for text in (first, CENTRE, first[-4:], "RR473124829GB", "%", "\x00", "x" * 500, "SL1|", "____"):
        answer = await stranger.get("/packets", params={"q": text})
        assert answer.status == 200
        assert "No packet that you may see" in await answer.text(), text
    assert (await stranger.get(found)).status == 404
    body = await service.client(Role.AB_OFFICER)
    assert "Whose scripts they are is shown when you ask" in await (await body.get(found)).text()


async def test_the_station_as_a_browser_keeps_it_holds_nothing_of_anybody(service: Service) -> None:
    browser = await service.browser(Role.TRACKING_CLERK)
    shown, kept = await browser.get("/tracking"), await browser.get("/tracking?kept=1")
    assert "Test tracking_clerk" in await shown.text()
    text = await kept.text()
    assert "Test tracking_clerk" not in text
    assert '<meta name="csrf-token" content="">' in text
    for answer in (shown, kept):
        policy = answer.headers["Content-Security-Policy"]
        assert "worker-src 'self'" in policy
        assert "trusted-types nea-worker;" in policy
        assert "unsafe" not in policy
    worker = await browser.get("/tracking/worker.js")
    assert worker.headers["Service-Worker-Allowed"] == "/tracking"
    script = await worker.text()
    needed = STATION.needed(service.services.settings.frontend_dir)
    for address in needed:
        assert f'"{address}"' in script
        assert (await browser.get(address)).status == 200, address
    on_page = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', text))
    assert on_page - set(needed) == set()
    assert set(STATION.named(service.services.settings.frontend_dir)) <= on_page
