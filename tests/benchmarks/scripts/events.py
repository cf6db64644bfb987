"""Tracking events a second, as a scanning bureau's queue or a carrier's file brings them, on each kind of database.

Each batch is one transaction of a tracking clerk, row security and all: events in any order and some of them sent again,
their labels found, their packets locked, each event put at the end of its packet's chain of hashes, the states of packets
and scripts brought up to date, the scripts' own events chained, cases opened, the batch audited, and all of it committed to
the disk. The three kinds of work are scattered over the packets, 16 scripts each, as on a national day.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from repository import acting, migrating, people
from repository.access import Action, Actor, Role
from repository.acts import tracking
from repository.acts.tracking import Sent
from repository.audit import Context
from repository.database import Database
from scripts import records
from scripts.labels import PacketLabel
from scripts.records import Outcome
from scripts.tables import Packet, PacketEventRow, PacketLabelRow, Script, Site, SiteRoute, Sitting, new_id

from ...servers.postgres import running_postgres
from ..figures import Figure

NOW = datetime(2026, 6, 12, 10, 0, tzinfo=UTC)
TARGET_PER_SECOND = 2_000
SCRIPTS_OF_PACKET = 16
"""400,000 scripts in 25,000 packets."""
STEPS = ("collected", "in_transit", "received", "opened")
SENT_AGAIN = 0.05
BATCHES = (50, 250, 1_000)
DURABLE = ("fsync=on", "full_page_writes=on", "shared_buffers=256MB")


def measure(quick: bool) -> list[Figure]:
    """Measure both databases, with batches of three sizes."""
    figures: list[Figure] = []
    for name, url in (("PostgreSQL", running_postgres(*DURABLE)), ("SQLite", _embedded())):
        with url as address:
            figures += asyncio.run(_measure(name, address, quick))
    return figures


@contextmanager
def _embedded() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="nea-bench-") as folder:
        yield f"sqlite:///{folder}/nea.sqlite3"


async def _measure(name: str, url: str, quick: bool) -> list[Figure]:
    database = Database(url, own_clock=True)
    await migrating.migrate(database)
    packets = 500 if quick else 2_500
    with acting.as_service("bench"):
        context = Context(await database.write(_clerk), NOW, "bench", origin="bench")
        lots = [await database.write(lambda s, at=at: _packets(s, at, packets)) for at in range(len(BATCHES))]
    acting.set_person(context.actor, Action.TRACKING_EVENT, NOW)
    figures = []
    for labels, size in zip(lots, BATCHES, strict=True):
        rate = await _rate(database, context, labels, size)
        target = TARGET_PER_SECOND if (name, size) == ("PostgreSQL", BATCHES[-1]) else None
        figures.append(Figure(f"{name}: tracking events, {size} at a time", rate, "a second", target))
    await _hold(database, lots)
    await database.close()
    return figures


def _clerk(session: Session) -> Actor:
    given = people.add_person(session, "Clerk", Role.TRACKING_CLERK, NOW - timedelta(days=1))
    return Actor(given.person_id, given.id, "Clerk", Role.TRACKING_CLERK, None)


def _packets(session: Session, lot: int, count: int) -> list[str]:
    """Add sittings of two packets each, labelled and with their scripts; returns the labels."""
    if lot == 0:
        session.execute(insert(Site), [{"code": code, "name": code, "kind": kind} for code, kind in _SITES])
        session.flush()
        session.execute(insert(SiteRoute), [{"awarding_body": "01", "component_code": "", "site_code": "SCAN-1"}])
    sittings, packets, labels, scripts = [], [], [], []
    for at in range(count):
        if at % 2 == 0:
            sittings.append(_sitting(lot, at))
        sitting, packet_id = sittings[-1], new_id()
        label = PacketLabel(sitting["centre_number"], "6A26", sitting["component_code"], at % 2 + 1, 2)
        packets.append({"id": packet_id, "sitting_id": sitting["id"], "number": at % 2 + 1, "of": 2, **_EMPTY})
        labels.append(
            {"payload": label.payload, "packet_id": packet_id, "issue": 1, "issued_at": NOW, "issued_by": "x"}
        )
        scripts += [
            {
                "id": new_id(),
                "sitting_id": sitting["id"],
                "candidate_number": f"{at % 2 * 100 + number:04}",
                "packet_id": packet_id,
                "state": "present",
            }
            for number in range(SCRIPTS_OF_PACKET)
        ]
    for kind, rows in ((Sitting, sittings), (Packet, packets), (PacketLabelRow, labels), (Script, scripts)):
        session.execute(insert(kind), rows)
    return [str(label["payload"]) for label in labels]


_SITES = (("HUB-1", "hub"), ("SCAN-1", "scanning"))
_EMPTY = {"state": "label_issued", "side_states": [], "candidate_numbers": []}


def _sitting(lot: int, at: int) -> dict[str, object]:
    return {
        "id": new_id(),
        "series_key": "01-6A26",
        "centre_number": f"{10_000 + at:05}",
        "component_code": f"H44{lot}/01",
        "held_on": date(2026, 6, 11),
        "session_of_day": "AM",
        "opened_at": NOW,
    }


async def _rate(database: Database, context: Context, labels: Sequence[str], size: int) -> float:
    sent = list(_sent(labels, random.Random(7)))
    batches = [sent[start : start + size] for start in range(0, len(sent), size)]
    recorded = 0
    started = time.perf_counter()
    for batch in batches:
        done = await database.write(lambda s, batch=batch: tracking.record_many(s, context, batch, source="api"))
        recorded += sum(one.outcome is Outcome.RECORDED for one in done)
    span = time.perf_counter() - started
    if recorded != len(labels) * len(STEPS):
        raise RuntimeError(f"{recorded} of {len(labels) * len(STEPS)} events were recorded")
    return len(sent) / span


def _sent(labels: Sequence[str], chance: random.Random) -> Iterator[Sent]:
    """Give every packet's steps, packets interleaved as vans and desks bring them, some events sent twice."""
    ready = dict.fromkeys(labels, 0)
    waiting = list(labels)
    while waiting:
        at = chance.randrange(len(waiting))
        label = waiting[at]
        step = STEPS[ready[label]]
        event = Sent(
            new_id(),
            step,
            label,
            occurred_at=NOW - timedelta(seconds=chance.randrange(7_200)),
            site="" if step == "collected" else "HUB-1" if step == "in_transit" else "SCAN-1",
            place="at the centre" if step == "collected" else "",
            script_count=SCRIPTS_OF_PACKET if step == "opened" else None,
            second_operator="operator 2" if step == "opened" else "",
        )
        yield event
        if chance.random() < SENT_AGAIN:
            yield replace(event)
        ready[label] += 1
        if ready[label] == len(STEPS):
            waiting[at] = waiting[-1]
            waiting.pop()


async def _hold(database: Database, lots: Sequence[Sequence[str]]) -> None:
    """Look at what was recorded: every packet opened, and a sample of chains whole."""

    def look(session: Session) -> None:
        packets = list(session.scalars(select(Packet).order_by(Packet.id).limit(50)))
        if any(records.broken_packet_chain(session, packet) for packet in packets):
            raise RuntimeError("a chain of custody is broken")
        opened = session.scalar(select(func.count()).where(Packet.state == "opened"))
        events = session.scalar(select(func.count()).select_from(PacketEventRow))
        wanted = sum(len(labels) for labels in lots)
        if (opened, events) != (wanted, wanted * len(STEPS)):
            raise RuntimeError(f"{opened} packets opened and {events} events, where {wanted} packets were")

    await database.read(look)
