"""The despatch log over HTTP: one bad entry holds up none, pictures come once, nobody sees another centre's log."""

from __future__ import annotations

import io
import re
import sqlite3
from datetime import timedelta
from typing import Any

import pypdfium2
import pytest
from aiohttp import FormData
from PIL import Image
from sqlalchemy import select

from repository.access import Role
from repository.tables import CustodyEvidence, DocumentRow
from repository.web.pages.despatch import PHONE
from scripts.tables import Sitting

from .conftest import Client, Service, csrf
from .test_before_the_exam import FIRST, done, lines_of, sitting

__all__ = ["sitting"]


def picture(colour: str = "white") -> bytes:
    """A photograph that says where and with what it was taken."""
    image, target = Image.new("RGB", (320, 200), colour), io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "Telephone"
    image.save(target, "JPEG", exif=exif)
    return target.getvalue()


@pytest.fixture
async def officer(service: Service, sitting: Sitting) -> Client:
    """An exams officer whose register is complete and whose scripts are planned into two packets of five."""
    client = await service.client(Role.EXAMS_OFFICER, FIRST)
    lines = [
        {"candidate_number": one["candidate_number"], "state": "present"} for one in await lines_of(client, sitting)
    ]
    await done(await client.put(f"/api/sittings/{sitting.id}/register", json={"lines": lines}))
    await done(await client.post(f"/api/sittings/{sitting.id}/packets", json={"capacity": 5, "again": True}), 201)
    return client


async def plan_of(client: Client) -> dict[str, Any]:
    return await done(await client.get("/api/despatch-log/plan"), 200)


async def send(service: Service, client: Client, *entries: Any) -> list[dict[str, Any]]:
    body = {"device": "phone-1", "sent_at": service.clock().isoformat(), "entries": list(entries)}
    return (await done(await client.post("/api/despatch-log", json=body), 200))["results"]


def sealing(service: Service, label: str, name: str, count: int = 5, **more: Any) -> dict[str, Any]:
    said = {"id": name, "kind": "sealed", "occurred_at": service.clock().isoformat(), "label": label}
    people = {"sealed_by": "A. Officer", "witnessed_by": "B. Witness", "storage_location": "Safe"}
    return said | people | {"script_count": count} | more


def hand_over(service: Service, labels: list[str], name: str, **more: Any) -> dict[str, Any]:
    said = {"id": name, "kind": "handed_over", "occurred_at": service.clock().isoformat(), "collection": "courier"}
    packets = [{"label": label, "script_count": 5} for label in labels]
    return said | {"signed_as": "glass", "driver_name": "C. Driver", "packets": packets} | more


async def test_a_bad_entry_holds_up_none_of_the_others(service: Service, officer: Client) -> None:
    labels = [one["label"] for one in (await plan_of(officer))["packets"]]
    entries = [
        sealing(service, labels[0], "seal-0001"),
        {"id": "bad-00001", "kind": "sealed"},
        "nonsense",
        sealing(service, labels[1], "seal-0002", count=4),
        sealing(service, labels[1], "seal-0003", corrects="not-there-yet"),
        sealing(service, "SL1|99002|6A26|H446/01|1/1|1|0000", "seal-0004"),
    ]
    results = await send(service, officer, *entries)
    assert [one["state"] for one in results] == ["recorded", "refused", "refused", "recorded", "later", "refused"]
    assert results[3]["codes"] == ["count_differs_without_remark", "log_count_differs"]
    assert results[5]["code"] == "label-unknown"
    again = await send(service, officer, *entries)
    assert [one["state"] for one in again] == ["repeated", "refused", "refused", "repeated", "later", "refused"]
    changed = await send(service, officer, sealing(service, labels[0], "seal-0001", count=3))
    assert (changed[0]["state"], changed[0]["code"]) == ("refused", "event-conflict")
    plan = await plan_of(officer)
    assert [(one["state"], one["counted"], one["expected"]) for one in plan["packets"]] == [
        ("packed", 5, 5),
        ("packed", 4, 5),
    ]


async def test_a_signature_makes_packets_collected_and_a_receipt(service: Service, officer: Client) -> None:
    labels = [one["label"] for one in (await plan_of(officer))["packets"]]
    here = "/api/despatch-log/hand-0001/evidence"
    assert (await officer.put(f"{here}/picture-1?kind=signature", data=picture())).status == 404
    (result,) = await send(service, officer, hand_over(service, labels, "hand-0001"))
    assert (result["codes"], result["receipts"]) == (["signature_to_come"], [])
    assert {one["state"] for one in (await plan_of(officer))["packets"]} == {"logged"}
    refused = await officer.put(f"{here}/picture-1?kind=signature", data=b"no picture at all")
    assert refused.status == 422
    taken = await done(await officer.put(f"{here}/picture-1?kind=signature", data=picture()), 201)
    assert len(taken["receipts"]) == 1
    assert (await officer.put(f"{here}/picture-1?kind=signature", data=picture())).status == 200
    assert (await officer.put(f"{here}/picture-1?kind=signature", data=picture("black"))).status == 409
    assert (await officer.put(f"{here}/picture-2?kind=video_still", data=picture())).status == 404
    assert (await officer.put(f"{here}/picture-2?kind=selfie", data=picture())).status == 422
    assert (await officer.put(f"{here}/picture-3?kind=photograph&line=1", data=picture())).status == 201
    plan = await plan_of(officer)
    assert {one["state"] for one in plan["packets"]} == {"collected"}
    assert [entry["signed"] for entry in plan["log"]] == [True]
    rows = await service.services.database.read(
        lambda session: [(one.kind, one.event_id) for one in session.scalars(select(CustodyEvidence))]
    )
    assert sorted(rows) == [
        ("photograph", "hand-0001:1:logged"),
        ("signature", "hand-0001:0:logged"),
        ("signature", "hand-0001:1:logged"),
    ]
    receipt = await (await officer.get(f"/receipts/{taken['receipts'][0]}")).text()
    assert "H446/01" in receipt


async def test_a_picture_is_our_own_drawing_and_goes_to_who_may_read_the_sitting(
    service: Service,
    officer: Client,
) -> None:
    labels = [one["label"] for one in (await plan_of(officer))["packets"]]
    await send(service, officer, hand_over(service, labels, "hand-0001"))
    await done(await officer.put("/api/despatch-log/hand-0001/evidence/picture-1?kind=signature", data=picture()), 201)
    rows = await service.services.database.read(
        lambda session: [
            (one.id, session.get_one(DocumentRow, one.document_id).media_type)
            for one in session.scalars(select(CustodyEvidence))
        ]
    )
    evidence = {one for one, _ in rows}
    assert {kind for _, kind in rows} == {"image/jpeg"}
    page = await service.browser(Role.EXAMS_OFFICER, FIRST)
    text = await (await page.get("/despatch-log")).text()
    (shown,) = re.findall(r"/content/custody/([0-9a-f-]{36})/pages/1\?ticket=", text)
    assert shown in evidence
    assert "C. Driver" in text
    elsewhere = await service.browser(Role.EXAMS_OFFICER, "99002")
    assert "C. Driver" not in await (await elsewhere.get("/despatch-log")).text()
    stranger = await service.client(Role.EXAMS_OFFICER, "99002")
    wrong = await stranger.put("/api/despatch-log/hand-0001/evidence/picture-9?kind=photograph", data=picture())
    assert wrong.status == 404


async def test_the_log_is_its_centre_s_alone(service: Service, officer: Client) -> None:
    label = (await plan_of(officer))["packets"][0]["label"]
    await send(service, officer, sealing(service, label, "seal-0001"))
    other = await service.client(Role.EXAMS_OFFICER, "99002")
    assert (await plan_of(other))["log"] == []
    (result,) = await send(service, other, sealing(service, label, "seal-0009"))
    assert result["code"] == "label-unknown"
    (taken,) = await send(service, other, sealing(service, label, "seal-0001"))
    assert taken["state"] == "refused"
    clerk = await service.client(Role.TRACKING_CLERK)
    assert (await clerk.get("/api/despatch-log/plan")).status == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"entries": [], "device": "d", "sent_at": "2026-05-15T10:00:00Z"},
        {"entries": [{}], "device": "d", "sent_at": "now"},
    ],
)
async def test_a_sending_without_its_parts_is_refused(service: Service, body: dict[str, Any]) -> None:
    officer = await service.client(Role.EXAMS_OFFICER, FIRST)
    answer = await officer.post("/api/despatch-log", json=body)
    assert answer.status == 422
    assert (await answer.json())["field"] in {"entries", "sent_at"}


async def test_the_phone_s_page_holds_nothing_of_anybody_and_may_work_off_line(
    service: Service, sitting: Sitting
) -> None:
    browser = await service.browser(Role.EXAMS_OFFICER, FIRST)
    answer = await browser.get("/despatch")
    text, policy = await answer.text(), answer.headers["Content-Security-Policy"]
    assert "Test exams_officer" not in text
    assert FIRST not in text
    assert '<meta name="csrf-token" content="">' in text
    assert "'wasm-unsafe-eval'" in policy
    assert "worker-src 'self'" in policy
    assert "trusted-types nea-worker;" in policy
    assert "camera=(self)" in answer.headers["Permissions-Policy"]
    other = await browser.get("/despatch-log")
    assert "'wasm-unsafe-eval'" not in other.headers["Content-Security-Policy"]
    assert "camera=()" in other.headers["Permissions-Policy"]
    worker = await browser.get("/despatch/worker.js")
    assert worker.headers["Service-Worker-Allowed"] == "/despatch"
    assert worker.headers["Content-Security-Policy"].startswith(
        "default-src 'none'; script-src 'self'; connect-src 'self'"
    )
    kept = await worker.text()
    for address in PHONE.needed(service.services.settings.frontend_dir):
        assert f'"{address}"' in kept
        assert (await browser.get(address)).status == 200, address
    wasm = await browser.get("/static/build/zxing/reader/zxing_reader.wasm")
    assert wasm.headers["Content-Type"] == "application/wasm"


async def test_bookings_photographs_and_the_paper_log_work_without_scripts(service: Service, officer: Client) -> None:
    labels = [one["label"] for one in (await plan_of(officer))["packets"]]
    await send(service, officer, hand_over(service, labels, "hand-0001", signed_as="paper"))
    page = await service.browser(Role.EXAMS_OFFICER, FIRST)
    token = {"csrf_token": await csrf(page)}
    soon = {"booking_reference": "REF1", "collection_at": "2026-05-15T15:00"}
    answer = await page.post("/despatch-log/bookings", data=token | soon)
    assert answer.status == 422
    assert "at least 24 hours" in await answer.text()
    later = {"booking_reference": "REF1", "collection_at": "2026-05-18T15:00"}
    answer = await page.post("/despatch-log/bookings", data=token | later, allow_redirects=False)
    assert answer.status == 303
    assert [one["reference"] for one in (await plan_of(officer))["bookings"]] == ["REF1"]
    form = FormData({"csrf_token": token["csrf_token"], "kind": "paper_log"})
    form.add_field("picture", picture(), filename="log.jpg", content_type="image/jpeg")
    answer = await page.post("/despatch-log/hand-0001/pictures", data=form, allow_redirects=False)
    assert answer.status == 303, await answer.text()
    form = FormData({"csrf_token": token["csrf_token"], "kind": "paper_log"})
    assert (await page.post("/despatch-log/hand-0001/pictures", data=form)).status == 422
    text = await (await page.get("/despatch-log")).text()
    assert "Photograph of the paper log" in text
    assert "REF1" in text
    for query in ("", "?blank=1", "?day=never"):
        pdf = await page.get(f"/despatch-log/paper.pdf{query}")
        assert (await pdf.read()).startswith(b"%PDF-")


async def test_what_the_log_says_is_never_changed(service: Service, officer: Client) -> None:
    label = (await plan_of(officer))["packets"][0]["label"]
    await send(service, officer, sealing(service, label, "seal-0001"))
    with sqlite3.connect(service.folder / "nea.sqlite3") as database:
        for statement in ("UPDATE despatch_entry SET device = 'x'", "DELETE FROM despatch_line"):
            with pytest.raises(sqlite3.IntegrityError):
                database.execute(statement)


async def test_the_paper_log_of_a_day_long_past_still_names_its_packets(service: Service, officer: Client) -> None:
    labels = [one["label"] for one in (await plan_of(officer))["packets"]]
    day = service.clock().date().isoformat()
    await send(service, officer, *(sealing(service, label, f"seal-000{at}") for at, label in enumerate(labels)))
    await send(service, officer, hand_over(service, labels, "hand-0001", signed_as="paper"))
    service.clock.now += timedelta(days=3)
    page = await service.browser(Role.EXAMS_OFFICER, FIRST)
    pdf = await (await page.get(f"/despatch-log/paper.pdf?day={day}")).read()
    text = "\n".join(one.get_textpage().get_text_range() for one in pypdfium2.PdfDocument(pdf))
    assert [label for label in labels if label not in text] == []
    assert "A. Officer" in text
