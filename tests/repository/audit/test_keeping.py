"""The log as it is kept: order, crashes, two at once, restores and forks."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import audit
from repository.audit import Context, proofs, sequencing
from repository.audit.keeping import Log
from repository.audit.merkle import leaf_hash
from repository.audit.notes import LogSigner, check_proof, open_checkpoint, read_proof
from repository.audit.places import NEWEST, FolderPlace
from repository.database import Database
from repository.errors import EventUnknown, LogForked
from repository.tables import AuditEvent, AuditInbox, AuditLog
from storage.errors import BackendUnavailable

from .conftest import NOW, ORIGIN, Kept
from .test_merkle import naive


async def logged(kept: Kept) -> list[tuple[int, int, str]]:
    rows = await kept.database.read(
        lambda s: s.execute(
            select(AuditLog.history, AuditLog.seq, AuditLog.event_id).order_by(AuditLog.history, AuditLog.seq)
        ).all()
    )
    return [tuple(row) for row in rows]


async def test_events_enter_the_log_in_their_order_and_leave_the_inbox(kept: Kept) -> None:
    made = await kept.happen(7)
    assert await kept.log.sequence() == 7
    assert await kept.log.sequence() == 0
    assert await logged(kept) == [(1, seq, event) for seq, event in enumerate(made)]
    assert await kept.database.read(sequencing.waiting) == 0


async def test_readers_see_every_event_before_and_after_it_is_logged(kept: Kept) -> None:
    made = await kept.happen(3)
    await kept.log.sequence()
    made = [*made, *await kept.happen(2)]
    rows = await kept.database.read(lambda s: s.scalars(select(AuditEvent).order_by(AuditEvent.id)).all())
    assert [row.event_id for row in rows] == made
    assert [row.details["number"] for row in rows] == [0, 1, 2, 3, 4]


async def test_more_than_a_batch_and_more_than_a_tile(kept: Kept) -> None:
    await kept.happen(3)
    await kept.log.sequence()
    await kept.happen(620)
    assert await kept.log.sequence() == 620
    signed = await kept.signed()
    leaves = await kept.database.read(lambda s: s.scalars(select(AuditLog.leaf_hash).order_by(AuditLog.seq)).all())
    assert open_checkpoint(signed.note, ORIGIN, kept.log.signer.public_key).root == naive(list(leaves))


async def test_a_proof_is_checked_with_nothing_but_the_key(kept: Kept) -> None:
    (event_id,) = await kept.happen()
    await kept.happen(4)
    signed = await kept.signed()
    text = await kept.database.read(lambda s: proofs.proof_under(s, event_id, signed))
    proof = read_proof(text)
    assert proof.text() == text
    found = check_proof(proof, leaf_hash(proof.event), ORIGIN, kept.log.signer.public_key)
    assert (found.size, proof.index) == (5, 0)
    assert event_id.encode() in proof.event
    with pytest.raises(EventUnknown):
        await kept.database.read(lambda s: proofs.proof_under(s, "no such event", signed))


async def test_two_sequencers_at_once_leave_one_log(kept: Kept) -> None:
    made = await kept.happen(60)
    counts = await asyncio.gather(*(kept.log.sequence() for _ in range(4)), kept.log.checkpoint())
    del counts
    await kept.log.sequence()
    assert [event for _, _, event in await logged(kept)] == made
    assert await kept.database.read(lambda s: s.scalars(select(AuditInbox.id)).all()) == []


def copy_of(kept: Kept, path: Path) -> Kept:
    """The database as it is now, to be restored later; of SQLite, as that is a file."""
    source = sqlite3.connect(str(kept.database.url.database))
    with sqlite3.connect(path) as target:
        source.backup(target)
    source.close()
    return kept.beside(Database(f"sqlite:///{path}"))


@pytest.fixture
async def embedded(tmp_path: Path, migrated_file: Path) -> AsyncIterator[Kept]:
    """A log over SQLite, whose backups are files."""
    shutil.copy(migrated_file, tmp_path / "nea.sqlite3")
    database = Database(f"sqlite:///{tmp_path / 'nea.sqlite3'}")
    folder = tmp_path / "published"
    signer = LogSigner(Ed25519PrivateKey.generate())
    yield Kept(Log(database, signer, (FolderPlace(folder),), ORIGIN, lambda: NOW), folder)
    await database.close()


@pytest.mark.fault("inj:F18")
async def test_a_restore_that_lost_entries_goes_on_under_a_new_name(embedded: Kept, tmp_path: Path) -> None:
    await embedded.happen(5)
    await embedded.signed()
    restored = copy_of(embedded, tmp_path / "backup.sqlite3")
    await embedded.happen(4)
    lost = await embedded.signed()
    await restored.happen(2)
    await restored.log.go_on()
    await restored.log.go_on()  # a second start does not begin again
    after = await restored.signed()
    assert (after.history.number, after.history.origin, after.size) == (2, f"{ORIGIN}/2", 3)
    first = await restored.database.read(lambda s: s.scalars(select(AuditLog).where(AuditLog.history == 2)).first())
    assert first is not None
    said = open_checkpoint(lost.note, ORIGIN, restored.log.signer.public_key)
    assert first.action == "log.restored"
    assert {name: first.details[name] for name in ("origin_before", "size", "root", "kept", "lost")} == {
        "origin_before": ORIGIN, "size": 9, "root": said.root.hex(), "kept": 5, "lost": 4,
    }  # fmt: skip
    await restored.database.close()


@pytest.mark.fault("inj:F18")
async def test_a_database_that_was_lost_whole_does_not_sign_the_old_name(
    embedded: Kept, tmp_path: Path, migrated_file: Path
) -> None:
    await embedded.happen(3)
    await embedded.signed()
    shutil.copy(migrated_file, tmp_path / "new.sqlite3")
    fresh = embedded.beside(Database(f"sqlite:///{tmp_path / 'new.sqlite3'}"))
    await fresh.happen(5)
    after = await fresh.signed()
    assert (after.history.origin, after.size) == (f"{ORIGIN}/2", 6)
    await fresh.database.close()


@pytest.mark.fault("inj:F18")
async def test_what_was_restored_and_then_written_is_not_signed(embedded: Kept, tmp_path: Path) -> None:
    """The sequencer ran on before anybody looked: the log is longer than what is published, and differs from it."""
    await embedded.happen(5)
    await embedded.signed()
    restored = copy_of(embedded, tmp_path / "backup.sqlite3")
    await embedded.happen(2)
    published = await embedded.signed()
    await restored.happen(6)
    await restored.log.sequence()
    with pytest.raises(LogForked):
        await restored.log.checkpoint()
    with pytest.raises(LogForked):
        await restored.log.go_on()
    assert restored.log.places[0].get(NEWEST) == published.note.encode()
    history = await restored.log.begin_after_loss()
    assert history.origin == f"{ORIGIN}/2"
    await restored.happen()
    assert (await restored.signed()).history.number == 2
    await restored.database.close()


async def test_a_crash_between_commit_and_publishing_loses_nothing(kept: Kept) -> None:
    class Down:
        def put(self, key: str, data: bytes) -> None:
            raise BackendUnavailable(key=key)

        def get(self, key: str) -> bytes | None:
            return None

        def names(self, prefix: str) -> list[str]:
            return []

    await kept.happen(3)
    with pytest.raises(BackendUnavailable):
        await replace(kept.log, places=(Down(),)).checkpoint()
    assert kept.log.places[0].get(NEWEST) is None
    await kept.happen(2)
    signed = await kept.signed()
    assert signed.size == 5
    # What was signed and not yet shown is shown now, beside the newest.
    assert [name[-2:] for name in kept.log.places[0].names("audit/1/checkpoints/")] == ["03", "05"]


async def test_another_key_signs_nothing_of_this_name(kept: Kept) -> None:
    await kept.happen()
    await kept.signed()
    other = replace(kept.log, signer=LogSigner(Ed25519PrivateKey.generate()))
    with pytest.raises(LogForked, match="signing key"):
        await other.checkpoint()
    await other.begin_after_loss()
    assert (await other.checkpoint()).history.origin == f"{ORIGIN}/2"


async def test_what_was_rolled_back_leaves_no_event(kept: Kept) -> None:
    """SF-10: no event exists whose change was rolled back."""

    def act(session: Session) -> None:
        audit.record(session, Context(None, NOW, "request"), "test.act", "test", "thing")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await kept.database.write(act)
    assert await kept.log.sequence() == 0


async def test_events_of_one_object_keep_their_order_while_all_write_at_once(kept: Kept) -> None:
    """The later act on a thing began after the earlier was committed, however many write and sequence at once."""

    async def acts_on(thing: str) -> None:
        for number in range(12):

            def act(session: Session, number: int = number) -> None:
                context = Context(None, NOW, "request", origin="test")
                audit.record(session, context, "test.act", "test", thing, number=number)

            await kept.database.write(act)

    async def sequencing_on() -> None:
        for _ in range(10):
            await kept.log.sequence()

    await asyncio.gather(*(acts_on(f"thing-{at}") for at in range(5)), sequencing_on(), sequencing_on())
    await kept.log.sequence()
    rows = await kept.database.read(lambda s: s.scalars(select(AuditLog).order_by(AuditLog.seq)).all())
    assert [row.seq for row in rows] == list(range(60))
    for thing in {row.object_id for row in rows}:
        assert [row.details["number"] for row in rows if row.object_id == thing] == list(range(12))
