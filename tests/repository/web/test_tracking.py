"""Tracking events over real HTTP, as programs send them: many at once, each with what became of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository.access import Role
from scripts.labels import PacketLabel
from scripts.tables import Packet, PacketEventRow, PacketLabelRow, Sitting

from .conftest import Service

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
