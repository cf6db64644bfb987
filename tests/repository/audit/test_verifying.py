"""Every alteration of the log is found, and the first event it concerns is named."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from moderation.errors import RecordKept
from repository.audit import verifying
from repository.audit.merkle import leaf_hash
from repository.audit.notes import Checkpoint
from repository.audit.places import NEWEST
from repository.audit.sequencing import histories
from repository.audit.verifying import Report

from . import tampering
from .conftest import ORIGIN, Kept

SIZE = 300


async def verified(kept: Kept, since: int = 0) -> Report:
    """Verify the log as `nea audit verify` does."""
    known = await kept.database.read(histories)
    published = {one.number: [verifying.read_place(place, one) for place in kept.log.places] for one in known}
    return await kept.database.read(lambda session: verifying.verify(session, published, since))


@pytest.fixture
async def full(kept: Kept) -> Kept:
    """A log of more than a tile, with two checkpoints."""
    await kept.happen(100)
    await kept.signed()
    await kept.happen(SIZE - 100)
    await kept.signed()
    return kept


async def test_a_log_that_nobody_altered_is_sound(full: Kept) -> None:
    report = await verified(full)
    assert report.is_sound, report.findings
    assert (report.events, report.checkpoints) == (SIZE, 4)
    assert (await verified(full, since=257)).events == SIZE - 257


@pytest.mark.fault("inj:F18")
async def test_every_alteration_is_found_and_its_event_named(full: Kept) -> None:
    """A short form of the benchmark: alterations of every kind, each undone before the next."""
    known = await full.database.read(histories)
    published = {one.number: [verifying.read_place(place, one) for place in full.log.places] for one in known}
    chance = random.Random(5)

    def alter(connection: Connection) -> list[tuple[tampering.Tampering, list[int]]]:
        tampering.take_guards_down(connection)
        found = []
        for at in range(40):
            change = tampering.KINDS[at % len(tampering.KINDS)]
            with connection.begin():
                done, undo = change(connection, chance, SIZE)
            with Session(connection) as session:
                report = verifying.verify(session, published)
            with connection.begin():
                undo()
            found.append((done, [one.seq for one in report.findings]))
        with Session(connection) as session:
            assert verifying.verify(session, published).is_sound, "an alteration was not undone"
        return found

    for done, seqs in await full.database.on_connection(alter):
        assert seqs == [done.seq], done


async def test_a_row_and_tree_that_agree_are_found_by_what_was_published(full: Kept) -> None:
    """Who can write the whole database rewrites the event, its hash and the tree; what lies outside tells."""

    def alter(connection: Connection) -> None:
        tampering.take_guards_down(connection)
        with connection.begin():
            event = tampering.row_of(connection, 7)["event"].replace("test.act", "test.fog")
            leaf = leaf_hash(event.encode())
            tampering.set_column(connection, 7, "event", event)
            tampering.set_column(connection, 7, "leaf_hash", leaf)
            tampering.set_column(connection, 7, "action", "test.fog")
            tile = bytes(
                connection.execute(
                    text("SELECT hashes FROM audit_tile WHERE level = 0 AND tile_index = 0")
                ).scalar_one()
            )
            tampering.set_tile(connection, 0, tile[: 7 * 32] + leaf + tile[8 * 32 :])

    await full.database.on_connection(alter)
    report = await verified(full)
    assert [one.seq for one in report.findings] == [7]
    only_own = await full.database.read(lambda session: verifying.verify(session, {}))
    assert [one.seq for one in only_own.findings] == [0]
    assert "99" in only_own.findings[0].what  # the signed checkpoint of the first hundred says it


@pytest.mark.fault("inj:F18")
async def test_an_old_checkpoint_in_place_of_the_newest_is_found(full: Kept) -> None:
    place = full.log.places[0]
    old = place.get("audit/1/checkpoints/000000000100")
    assert old is not None
    place.put("audit/1/checkpoint", old)
    report = await verified(full)
    assert [one.seq for one in report.findings] == [100]
    assert "old checkpoint" in report.findings[0].what


async def test_a_checkpoint_of_somebody_else_is_found(full: Kept) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from repository.audit.notes import LogSigner

    forged = LogSigner(Ed25519PrivateKey.generate()).sign(ORIGIN, Checkpoint(ORIGIN, 150, bytes(32)).text())
    full.log.places[0].put("audit/1/checkpoints/000000000150", forged.encode())
    full.log.places[0].put(NEWEST, forged.encode())
    assert [one.seq for one in (await verified(full)).findings] == [149]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET outcome = 'refused' WHERE seq = 3",
        "DELETE FROM audit_log WHERE seq = 299",
        "UPDATE audit_checkpoint SET note = ''",
        "DELETE FROM audit_checkpoint",
        "UPDATE audit_tile SET hashes = substr(hashes, 2)",
        "DELETE FROM audit_tile",
        "UPDATE audit_history SET origin = 'other'",
        "INSERT INTO audit_log SELECT 1, 300, event, leaf_hash, inbox_id, 'forged', at, request_id, person_id, "
        "assignment_id, role, action, object_kind, object_id, centre_number, outcome, address_hash, details "
        "FROM audit_log WHERE seq = 1",
        "UPDATE audit_inbox SET outcome = 'refused'",
        "DELETE FROM audit_inbox",
    ],
)
async def test_the_database_itself_refuses(full: Kept, statement: str) -> None:
    await full.happen()

    def alter(connection: Connection) -> None:
        with connection.begin():
            connection.execute(text(statement))

    with pytest.raises((RecordKept, DBAPIError), match=r"RecordKept|history|kept|record"):
        await full.database.on_connection(alter)
    await full.signed()
    assert (await verified(full)).is_sound
