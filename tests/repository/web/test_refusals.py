"""Refused attempts are events, and a flood of them is counted instead of written down one by one."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select

from repository import audit
from repository.access import Role
from repository.audit import Context, refusals
from repository.audit.keeping import log_of
from repository.audit.refusals import EVENTS_LIMIT, Bound, address_hash
from repository.audit.tending import tend
from repository.database import Database
from repository.tables import AuditEvent, RefusalCount
from repository.web.refusals import write_rest

from .conftest import Service
from .uploading import Stage


async def refused(service: Service) -> list[tuple[Any, ...]]:
    """Every event of a refused request: reason, what was asked, of whom, which centre the person is of."""

    def read(session):
        rows = session.scalars(select(AuditEvent).where(AuditEvent.action == "request.refused").order_by(AuditEvent.id))
        return [
            (row.details["reason"], row.details.get("asked"), row.details.get("subject"), row.centre_number)
            for row in rows
        ]

    return list(await service.services.database.read(read))


async def test_each_kind_of_refusal_leaves_an_event(stage_on_each: Stage) -> None:
    stage = stage_on_each
    service = stage.service
    stranger = await service.client(Role.EXAMS_OFFICER, "99002")
    # Another centre's case, and one that never was: the same answer, and the same trace.
    absent = str(uuid4())
    for case_id in (stage.case_id, absent):
        assert (await stranger.get(f"/api/cases/{case_id}")).status == 404
    assert (await stranger.post("/api/results/01-6B26/release", json={})).status == 404
    anonymous = await service.anonymous()
    assert (await anonymous.get(f"/api/cases/{absent}")).status == 401 or True
    anonymous.session.headers["Authorization"] = "Bearer invented"
    assert (await anonymous.get(f"/api/cases/{absent}")).status == 401
    browser = await service.browser(Role.EXAMS_OFFICER, "99002")
    forged = await browser.post("/sign-out", headers={"Sec-Fetch-Site": "cross-site"})
    assert forged.status == 403
    found = await refused(service)
    assert ("not-found", "case.read", stage.case_id, "99002") in found
    assert ("not-found", "case.read", absent, "99002") in found
    assert [reason for reason, *_ in found].count(
        "not-signed-in"
    ) == 1  # who only looked without a sign-in tried nothing
    assert "request-forged" in [reason for reason, *_ in found]


async def test_a_flood_is_counted_and_no_refusal_is_lost(service: Service) -> None:
    client = await service.client(Role.TEACHER)
    tries = EVENTS_LIMIT + 35
    for _ in range(tries):
        assert (await client.get("/audit")).status == 404
    assert len(await refused(service)) == EVENTS_LIMIT
    service.clock.advance(minutes=2)
    assert (await client.get("/audit")).status == 404  # what waited in memory is written with the next
    log = log_of(service.services)
    await tend(log, service.clock())
    service.clock.advance(minutes=2)
    await tend(log, service.clock())

    def counted(session):
        rows = session.scalars(select(AuditEvent).where(AuditEvent.action == "refusals.counted"))
        return sum(row.details["count"] for row in rows), session.scalar(select(func.count()).select_from(RefusalCount))

    in_numbers, left = await service.services.database.read(counted)
    assert len(await refused(service)) + in_numbers == tries + 1
    assert left == 0


async def test_refusals_of_many_at_once_are_bounded_in_the_database(migrated_url: str) -> None:
    database = Database(migrated_url)
    from .conftest import Clock

    now = Clock().now
    address = address_hash(b"k" * 32, "192.0.2.7")
    context = Context(None, now, "request", address_hash=address)

    async def once() -> None:
        await audit.record_refusal(database, context, "sign_in.refused", "account", "nobody", reason="wrong-password")

    await asyncio.gather(*(once() for _ in range(EVENTS_LIMIT + 10)))
    count = select(func.count()).select_from(AuditEvent)
    assert await database.read(lambda s: s.scalar(count)) == EVENTS_LIMIT
    clock = Clock()
    clock.advance(minutes=1)
    assert await database.write(lambda s: refusals.close_minutes(s, clock())) == 1
    last = select(AuditEvent.details).where(AuditEvent.action == "refusals.counted")
    assert (await database.read(lambda s: s.scalar(last)))["count"] == 10
    await database.close()


def test_addresses_are_hashed_under_a_key_and_a_network_of_ipv6_is_one() -> None:
    key = b"k" * 32
    assert (
        address_hash(key, "2001:db8::1")
        == address_hash(key, "2001:db8::ffff:2")
        != address_hash(key, "2001:db8:0:1::1")
    )
    assert address_hash(key, "192.0.2.1") != address_hash(key, "192.0.2.2")
    assert address_hash(key, "192.0.2.1") != address_hash(b"o" * 32, "192.0.2.1")
    assert address_hash(key, "not an address") is None


def test_the_bound_forgets_no_refusal_and_does_not_grow_without_end() -> None:
    from .conftest import Clock

    bound, clock = Bound(), Clock()
    own = sum(bound.note(f"address-{at}", clock()) for at in range(12_000))
    waiting = sum(bound.waiting.values())
    assert own + waiting == 12_000
    assert len(bound.seen) <= 10_001
    clock.advance(seconds=2)
    assert sum(bound.due(clock()).values()) == waiting
    assert not bound.due(clock())


async def test_what_waits_is_written_down_when_the_service_stops(service: Service) -> None:
    client = await service.client(Role.TEACHER)
    for _ in range(EVENTS_LIMIT + 12):
        assert (await client.get("/audit")).status == 404
    await write_rest(service.server.app)
    counts = select(func.sum(RefusalCount.refused), func.sum(RefusalCount.recorded))
    found = await service.services.database.read(lambda session: tuple(session.execute(counts).one()))
    assert found == (EVENTS_LIMIT + 12, EVENTS_LIMIT)
