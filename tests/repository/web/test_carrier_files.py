"""Carriers' files over HTTP: tried line by line, taken by a person, and the same file again changes nothing."""

from __future__ import annotations

import html
import io
import json
import re
from datetime import date
from typing import Any

import pytest
from aiohttp import FormData
from sqlalchemy import func, select

from moderation.tables import Centre, SeriesRow
from repository.access import Role
from repository.audit.keeping import log_of
from repository.tables import AuditLog
from scripts.labels import PacketLabel
from scripts.records.tracking_numbers import labels_of_tracking_numbers
from scripts.tables import (
    Packet,
    PacketEventRow,
    PacketLabelRow,
    PacketTrackingNumber,
    Script,
    Sitting,
)

from .conftest import Client, Service, StartService, csrf

NUMBER, SHARED = "RR473124829GB", "PB1234567890"
HEADER = "tracking_number,event,occurred_at,place,remarks"
FILE = "\n".join(
    (
        HEADER,
        f"{NUMBER},collected,2026-05-14T16:10,Chester,",
        f"{NUMBER},in_transit,2026-05-14T21:00,Crewe hub,",
        "RR123456785GB,collected,2026-05-14T16:10,Chester,",
        f"{NUMBER},delivered,2026-05-35,,",
        f"{NUMBER},beamed up,2026-05-14T21:00,,",
        f"{SHARED},delivered,2026-05-15T09:30,,=HYPERLINK(1)",
        f"{SHARED},announced,,,",
        f"{NUMBER},collected,2026-05-14T16:10,Chester,",
        f"{NUMBER},in_transit,2026-05-15T23:00,Crewe hub,",
    )
)
COUNTS = {"taken": 4, "known": 1, "unknown_number": 1, "bad_time": 1, "left_out": 1, "refused": 1}


async def put_packets(service: Service) -> None:
    """Put down three packets whose labels were issued: one travels alone, two under one number."""
    now = service.clock()

    def put(session: Any) -> None:
        session.add(SeriesRow(key="01-6A26", awarding_body="01", code="6A", year=26, title="June 2026"))
        session.add(Centre(centre_number="99001", name="First"))
        session.flush()
        sitting = Sitting(series_key="01-6A26", component_code="H446/01", centre_number="99001",
                          held_on=date(2026, 5, 14), session_of_day="AM", opened_at=now)  # fmt: skip
        session.add(sitting)
        session.flush()
        for number, carried in ((1, NUMBER), (2, SHARED), (3, SHARED)):
            packet = Packet(
                sitting_id=sitting.id, number=number, of=3, state="label_issued", candidate_numbers=["1001"]
            )
            session.add(packet)
            session.flush()
            payload = PacketLabel("99001", "6A26", "H446/01", number, 3, 1).payload
            session.add(
                PacketLabelRow(
                    payload=payload, packet_id=packet.id, issue=1, kind="yellow", issued_at=now, issued_by="x"
                )
            )
            session.add(PacketTrackingNumber(number=carried, packet_id=packet.id))
        session.add(Script(sitting_id=sitting.id, candidate_number="1001", state="present"))

    await service.write(put)


async def events(service: Service) -> list[PacketEventRow]:
    query = select(PacketEventRow).order_by(PacketEventRow.packet_id, PacketEventRow.chain_number)
    return await service.services.database.read(lambda s: list(s.scalars(query)))


async def audited(service: Service) -> dict[str, int]:
    await log_of(service.services).sequence()
    query = select(AuditLog.action, func.count()).group_by(AuditLog.action)
    found: dict[str, int] = await service.services.database.read(lambda s: dict(s.execute(query).all()))
    return found


async def send(client: Client, data: str | bytes, **wish: str) -> Any:
    answer = await client.post("/api/carrier-files", params={"format": "general", **wish}, data=data)
    return answer.status, await answer.json()


async def test_a_file_is_tried_then_taken_and_the_same_file_again_changes_nothing(service_on_each: Service) -> None:
    service = service_on_each
    await put_packets(service)
    clerk = await service.client(Role.TRACKING_CLERK)
    before = await audited(service)
    status, tried = await send(clerk, FILE, dry_run="1")
    assert (status, tried["dry_run"], tried["counts"]) == (200, True, COUNTS)
    assert await events(service) == []
    assert await audited(service) == before
    status, taken = await send(clerk, FILE)
    assert (status, taken["dry_run"], taken["counts"]) == (200, False, COUNTS)
    assert [one["outcome"] for one in taken["lines"]] == [one["outcome"] for one in tried["lines"]]
    by_line = {one["line"]: one for one in taken["lines"]}
    assert "Send the file again once the centre's log has arrived" in by_line[4]["reason"]
    assert "not written as the form says" in by_line[5]["reason"]
    assert "does not know this code" in by_line[6]["reason"]
    assert [one["number"] for one in by_line[7]["packets"]] == [2, 3]
    assert by_line[2]["packets"][0]["state"] == "in_transit"
    assert "ahead of our clock" in by_line[10]["reason"]
    rows = await events(service)
    assert len(rows) == 5
    assert {(one.source, one.actor) for one in rows} == {("csv", "carrier:general")}
    assert {one.details["tracking_number"] for one in rows} == {NUMBER, SHARED}
    other = await service.client(Role.TRACKING_CLERK)
    status, again = await send(other, FILE.replace("\n", "\r\n"))
    assert again["counts"] == COUNTS | {"taken": 0, "known": 5}
    assert len(await events(service)) == 5
    assert (await audited(service))["carrier_file.take"] == 2


async def test_what_a_carrier_says_before_the_log_came_is_taken_when_the_file_is_sent_again(service: Service) -> None:
    await put_packets(service)
    clerk = await service.client(Role.TRACKING_CLERK)
    late = f"{HEADER}\nRR123456785GB,collected,2026-05-10T16:10,Chester,\n"
    _, first = await send(clerk, late)
    assert first["counts"]["unknown_number"] == 1
    label = (await service.services.database.read(lambda s: labels_of_tracking_numbers(s, [NUMBER])))[NUMBER][0]
    event = {"event_id": "arrival", "label": label, "kind": "received", "place": "Site A",
             "tracking_number": "RR123456785GB", "occurred_at": "2026-05-15T09:00:00+01:00"}  # fmt: skip
    answer = await clerk.post("/api/tracking/events", json=event)
    assert answer.status == 200, await answer.text()
    _, second = await send(clerk, late)
    assert second["counts"]["taken"] == 1
    (packet,) = second["lines"][0]["packets"]
    assert (packet["number"], packet["state"]) == (1, "received"), "an earlier event takes nothing back"
    rows = [one for one in await events(service) if one.kind == "collected"]
    assert rows[0].occurred_at < rows[0].received_at


async def test_a_clerk_looks_at_every_line_before_the_file_is_taken(service: Service) -> None:
    await put_packets(service)
    clerk = await service.browser(Role.TRACKING_CLERK)

    async def post(**fields: Any) -> tuple[int, str]:
        form = FormData({"csrf_token": await csrf(clerk), "format": "general"})
        for name, value in fields.items():
            if name == "file":
                form.add_field("file", value, filename="events.csv", content_type="text/csv")
            else:
                form.add_field(name, value)
        answer = await clerk.post("/carrier-files", data=form)
        return answer.status, html.unescape(await answer.text())

    page = await (await clerk.get("/carrier-files")).text()
    for form in ("General form", "Parcelforce", "Royal Mail", "EMSEVT"):
        assert form in page
    status, text = await post(act="check", file=FILE.encode())
    assert status == 200
    assert "Nothing was changed yet" in text
    assert await events(service) == []
    first = re.findall(r"<tbody.*?</tr>", text, re.DOTALL)[0]
    assert "Refused" in first, "what needs a person stands first"
    (kept,) = re.findall(r'name="text" value="([^"]*)"', text)
    status, text = await post(act="take", text=kept)
    assert status == 200
    assert "Lines that were taken: 4. Known already: 1." in text
    assert len(await events(service)) == 5
    status, text = await post(act="check", file=FILE.encode())
    assert "no line of it would change anything" in text
    for fields, words in (
        ({"act": "check"}, "Choose the file that the carrier sent."),
        ({"act": "check", "file": b"a,b\n1,2\n"}, "Line 1: no column is called"),
        ({"act": "check", "file": b"\xff\xfea\x00"}, "the file is no text"),
        ({"act": "take"}, "The file is empty."),
    ):
        status, text = await post(**fields)
        assert (status, 'href="#file"' in text) == (422, True)
        assert words in text
    wrong = FormData({"csrf_token": await csrf(clerk), "format": "pigeon", "act": "check"})
    answer = await clerk.post("/carrier-files", data=wrong)
    assert answer.status == 422
    assert 'href="#format"' in await answer.text()
    script = await service.services.database.read(lambda s: s.scalars(select(Script)).one())
    packet = await service.services.database.read(lambda s: s.scalars(select(Packet).filter_by(number=2)).one())
    await service.write(lambda s: setattr(s.get_one(Script, script.id), "packet_id", packet.id))
    centre = await service.browser(Role.EXAMS_OFFICER, "99001")
    timeline = html.unescape(await (await centre.get(f"/scripts/{script.id}")).text())
    assert "Carrier says: =HYPERLINK(1)" in timeline
    assert (await centre.get("/carrier-files")).status == 404


async def test_a_file_of_thousands_of_lines_is_taken_in_parts_and_a_line_that_comes_again_is_known(
    service: Service,
) -> None:
    await put_packets(service)
    clerk = await service.client(Role.TRACKING_CLERK)
    rows = [f"{NUMBER},in_transit,2026-05-14T{n // 60:02}:{n % 60:02},Hub,x" for n in range(1_100)]
    data = "\n".join((HEADER, *rows, rows[0]))
    _, tried = await send(clerk, data, dry_run="1")
    _, taken = await send(clerk, data)
    assert tried["counts"] == taken["counts"]
    assert (taken["counts"]["taken"], taken["counts"]["known"], len(await events(service))) == (1_100, 1, 1_100)
    answer = await clerk.post("/api/carrier-files?format=general", data=io.BytesIO(b"x" * (1024 * 1024 + 1)))
    assert answer.status == 413


async def test_forms_declared_for_the_service_stand_beside_those_of_the_package(
    start_service: StartService, tmp_path: Any
) -> None:
    path = tmp_path / "forms.json"
    form = {
        "key": "own", "title": "Own van", "carrier": "Van", "source": "a contract", "delimiter": ";",
        "columns": {"number": ["parcel"], "code": ["what"], "at": ["when"]},
        "events": {"P": {"kind": "collected", "says": "Picked up"}},
    }  # fmt: skip
    path.write_text(json.dumps({"format": "nea-carrier-formats/1", "formats": [form]}))
    service = await start_service(None, NEA_CARRIER_FORMATS_FILE=str(path))
    await put_packets(service)
    clerk = await service.client(Role.TRACKING_CLERK)
    known = (await (await clerk.get("/api/carrier-formats")).json())["formats"]
    assert {one["key"] for one in known} >= {"general", "own"}
    _, taken = await send(clerk, f"parcel;what;when\n{NUMBER};p;2026-05-14T10:30\n", format="own")
    assert taken["counts"]["taken"] == 1
    path.write_text("{}")
    answer = await clerk.get("/api/carrier-formats")
    assert answer.status == 503
    assert "The file of carriers' forms is not one" in (await answer.json())["detail"]


@pytest.mark.parametrize("wish", [{"format": ""}, {"format": "pigeon"}])
async def test_a_program_names_a_form_that_is_known(service: Service, wish: dict[str, str]) -> None:
    clerk = await service.client(Role.TRACKING_CLERK)
    status, answer = await send(clerk, FILE, **wish)
    assert (status, answer["field"]) == (422, "format")
