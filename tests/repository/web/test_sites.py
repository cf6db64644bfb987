"""Sites and routes over real HTTP: set up by an officer, offered by stations, and what arrives elsewhere is noticed."""

from __future__ import annotations

from sqlalchemy import select

from repository.access import Role
from repository.tables import AuditEvent
from scripts.tables import Packet, Site, SiteRoute

from .conftest import Client, Service, csrf
from .test_tracking import event, labelled

SITE = {"code": "scan-1", "name": "North hall", "kind": "scanning", "time_zone": "Europe/London", "is_active": "yes"}


async def send(officer: Client, path: str, fields: dict[str, str]) -> tuple[int, str]:
    data = {"csrf_token": await csrf(officer, "/sites"), **fields}
    answer = await officer.post(path, data=data)
    return answer.status, await answer.text()


async def test_an_officer_sets_sites_up_and_stations_know_them(service_on_each: Service) -> None:
    service = service_on_each
    (label,) = await labelled(service, 1)
    officer, clerk = await service.client(Role.AB_OFFICER), await service.client(Role.TRACKING_CLERK)
    assert "There is no site yet" in await (await officer.get("/sites")).text()
    hub, second = SITE | {"code": "HUB-1", "kind": "hub"}, SITE | {"code": "SCAN-2", "name": "South hall"}
    for fields in (SITE, hub, second, second | {"name": "Hall in the south"}):
        status, page = await send(officer, "/sites", fields)
        assert status == 200, page
    status, page = await send(officer, "/sites/routes", {"body": "01", "component": "", "site": "SCAN-1"})
    assert status == 200
    assert "All others" in page
    page = await (await clerk.get("/tracking")).text()
    assert "Hall in the south (SCAN-2)" in page
    sent = [event("a", label, place="", site="HUB-1"), event("b", label, place="", site="SCAN-2")]
    done = (await (await clerk.post("/api/tracking/events", json={"events": sent})).json())["events"]
    assert [one["outcome"] for one in done] == ["recorded", "recorded"]
    packet = await service.services.database.read(lambda s: s.scalar(select(Packet)))
    assert packet is not None
    assert packet.side_states == ["misrouted"]
    for gone in (SITE | {"is_active": ""}, SITE | {"kind": "hub"}):
        status, page = await send(officer, "/sites", gone)
        assert status == 422
        assert "Packets are sent to this site" in page
    status, _ = await send(officer, "/sites/routes", {"body": "01", "component": "", "site": ""})
    assert status == 200
    status, _ = await send(officer, "/sites", SITE | {"is_active": ""})
    assert status == 200
    assert "SCAN-1" not in await (await clerk.get("/tracking")).text()
    assert await service.services.database.read(lambda s: s.scalar(select(SiteRoute.site_code))) is None
    kinds = await service.services.database.read(
        lambda s: set(s.scalars(select(AuditEvent.action).where(AuditEvent.action.like("site.%"))))
    )
    assert kinds == {"site.save", "site.route"}


async def test_what_is_no_site_is_refused_with_its_reason_and_nobody_else_sets_them_up(service: Service) -> None:
    officer = await service.client(Role.AB_OFFICER)
    wrong = (
        {"code": "north hall"},
        {"code": ""},
        {"name": ""},
        {"name": "a\x00b"},
        {"kind": "shed"},
        {"time_zone": "Moon/North"},
        {"time_zone": "../x"},
        {"code": "X" * 21},
    )
    for fields in wrong:
        status, page = await send(officer, "/sites", SITE | fields)
        assert status == 422, fields
        assert "There is a problem" in page
    for route in (
        {"body": "?", "component": "", "site": ""},
        {"body": "01", "component": "a b", "site": ""},
        {"body": "01", "component": "", "site": "NONE"},
    ):
        assert (await send(officer, "/sites/routes", route))[0] == 422, route
    assert await service.services.database.read(lambda s: s.scalar(select(Site.code))) is None
    for role, centre in ((Role.TRACKING_CLERK, None), (Role.EXAMS_OFFICER, "99901")):
        other = await service.client(role, centre)
        assert (await other.get("/sites")).status in {403, 404}
