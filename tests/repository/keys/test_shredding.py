"""Two officers destroy an object or a scope; a hold stops it whoever asks; nothing that is cut short stays half done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from moderation import guards
from moderation.errors import SamePerson
from repository.access import Role
from repository.audit import Context
from repository.errors import (
    DocumentDestroyed,
    HoldInForce,
    NotFound,
    OfficerUnknown,
    RepositoryError,
    SecondPersonNeeded,
    ShredRefused,
)
from repository.keys import holds, rotation, shredding
from repository.keys.holds import OBJECT, SCOPE
from repository.people import officer_named
from repository.tables import Assignment, LegalHold, ShredProposal, new_id
from storage.backend import Backend, ObjectHead
from storage.errors import BackendUnavailable
from storage.vault import Vault
from tests.repository.files import pdf

from .conftest import SCOPE as THE_SCOPE
from .conftest import Keeping
from .test_rotation import OF_ONE


class Stopping:
    """A store that stops answering after so many deletions."""

    def __init__(self, inner: Backend, deletions: int) -> None:
        self.inner, self.left = inner, deletions
        self.put, self.get, self.head = inner.put, inner.get, inner.head

    def delete(self, key: str) -> None:
        self.left -= 1
        if self.left < 0:
            raise BackendUnavailable
        self.inner.delete(key)

    def list(self, prefix: str) -> Iterator[ObjectHead]:
        return self.inner.list(prefix)


async def propose(keeping: Keeping, officer: Context, kind: str, subject: str) -> str:
    return await keeping.services.database.write(lambda s: shredding.propose(s, officer, kind, subject, "as ordered"))


async def confirm(keeping: Keeping, officer: Context, kind: str, subject: str) -> str:
    return await keeping.services.database.write(lambda s: shredding.confirm(s, officer, kind, subject))


async def hold(keeping: Keeping, officer: Context, kind: str, subject: str) -> None:
    await keeping.services.database.write(lambda s: holds.place(s, officer, kind, subject, "a court asks"))


async def state(keeping: Keeping) -> list[tuple[object, ...]]:
    """Return every row that a shredding changes."""

    def load(session: Session) -> list[tuple[object, ...]]:
        return [(row.id, row.confirmed_by, row.finished_at) for row in session.scalars(select(ShredProposal))]

    scopes, data_keys = await keeping.rows()
    keys = [(row.sk_id, row.blob, row.shredded_at, row.superseded_at) for row in scopes.values()]
    wraps = [(row.oid, row.sk_id, row.blob, row.shredded_at) for row in data_keys.values()]
    return sorted(keys) + sorted(wraps) + await keeping.services.database.read(load)


@pytest.mark.fault("att:F16")
async def test_st22_two_officers_destroy_one_object_and_nothing_of_it_is_left(keeping: Keeping) -> None:
    gone, kept = await keeping.receive(2)
    first, second = await keeping.officer(), await keeping.officer()
    stored = await keeping.stored(gone)
    proposal = await propose(keeping, first, OBJECT, gone)
    assert await propose(keeping, first, OBJECT, gone) == proposal
    assert await keeping.read(gone) == keeping.files[gone]
    assert await confirm(keeping, second, OBJECT, gone) == proposal
    assert await shredding.carry_out(keeping.services, second, proposal) == OF_ONE
    assert keeping.names_of(gone) == []
    _, data_keys = await keeping.rows()
    assert (data_keys[gone].blob, data_keys[gone].shredded_at) == (b"", keeping.now)
    with pytest.raises(DocumentDestroyed):
        await keeping.read(gone)
    answer = await keeping.stage.teacher.get(f"/documents/{gone}/content")
    assert answer.status in {404, 410}
    for path in keeping.stage.service.folder.rglob("*"):
        if path.is_file():
            assert stored.data_key.blob not in path.read_bytes(), path
    assert await keeping.read(kept) == keeping.files[kept]
    people = [context.actor.person_id for context in (first, second, second) if context.actor]
    assert await keeping.events("shred.") == [
        ("shred.proposed", gone, people[0]),
        ("shred.started", gone, people[1]),
        ("shred.finished", gone, people[2]),
    ]
    with pytest.raises(DocumentDestroyed):
        await propose(keeping, first, OBJECT, gone)
    with pytest.raises(DocumentDestroyed):
        await hold(keeping, first, OBJECT, gone)


async def test_one_person_alone_destroys_nothing(keeping: Keeping) -> None:
    (oid,) = await keeping.receive(1)
    first, second = await keeping.officer(), await keeping.officer()
    with pytest.raises(ShredRefused, match="proposal"):
        await confirm(keeping, first, OBJECT, oid)
    await propose(keeping, first, OBJECT, oid)
    before = await state(keeping)
    with pytest.raises(SecondPersonNeeded):
        await confirm(keeping, first, OBJECT, oid)
    with pytest.raises(ShredRefused, match="Another officer"):
        await propose(keeping, second, OBJECT, oid)
    with pytest.raises(OfficerUnknown):
        await confirm(keeping, keeping.context, OBJECT, oid)
    assert await state(keeping) == before
    assert await keeping.read(oid) == keeping.files[oid]


async def test_the_statement_itself_wants_two_persons_and_no_hold(keeping: Keeping) -> None:
    """Whoever reached the deletion past every check before it still destroys nothing."""
    (oid,) = await keeping.receive(1)
    first, second = await keeping.officer(), await keeping.officer()
    proposal = await propose(keeping, first, OBJECT, oid)

    def destroy(kind: str, subject: str):
        return lambda s: shredding._destroy(s, second, proposal, kind, subject, THE_SCOPE)

    def confirmed_by(person: str | None):
        def change(session: Session) -> None:
            session.get_one(ShredProposal, proposal).confirmed_by = person

        return change

    def take_down(connection: Connection) -> None:
        guards.drop(connection)
        connection.commit()

    assert first.actor is not None
    assert second.actor is not None
    for kind, subject in ((OBJECT, oid), (SCOPE, THE_SCOPE)):
        with pytest.raises(ShredRefused):
            await keeping.services.database.write(destroy(kind, subject))
    # The guard of the database does not even let the same person's name be written.
    with pytest.raises(SamePerson):
        await keeping.services.database.write(confirmed_by(first.actor.person_id))
    await keeping.services.database.on_connection(take_down)
    await keeping.services.database.write(confirmed_by(first.actor.person_id))
    for kind, subject in ((OBJECT, oid), (SCOPE, THE_SCOPE)):
        with pytest.raises(ShredRefused):
            await keeping.services.database.write(destroy(kind, subject))
    await keeping.services.database.write(confirmed_by(second.actor.person_id))
    await hold(keeping, first, OBJECT, oid)
    for kind, subject in ((OBJECT, oid), (SCOPE, THE_SCOPE)):
        with pytest.raises(HoldInForce):
            await keeping.services.database.write(destroy(kind, subject))
    assert await keeping.read(oid) == keeping.files[oid]


async def test_an_officer_whose_role_has_ended_neither_proposes_nor_confirms(keeping: Keeping) -> None:
    (oid,) = await keeping.receive(1)
    first, second = await keeping.officer(), await keeping.officer()
    await propose(keeping, first, OBJECT, oid)

    def end(context: Context, at: object):
        def change(session: Session) -> None:
            assert context.actor is not None
            session.get_one(Assignment, context.actor.assignment_id).valid_to = at

        return change

    for ended in (first, second):
        await keeping.services.database.write(end(ended, keeping.now))
        with pytest.raises(SecondPersonNeeded):
            await confirm(keeping, second, OBJECT, oid)
        assert ended.actor is not None
        person = ended.actor.person_id
        with pytest.raises(OfficerUnknown):
            await keeping.services.database.read(lambda s, p=person: officer_named(s, p, keeping.now))
        await keeping.services.database.write(end(ended, None))
    await confirm(keeping, second, OBJECT, oid)


async def test_officers_are_found_by_name_or_id_and_nobody_else_is(keeping: Keeping) -> None:
    officer = await keeping.officer()
    assert officer.actor is not None
    find = keeping.services.database.read
    by_name = await find(lambda s: officer_named(s, officer.actor.name, keeping.now))
    assert by_name == officer.actor
    teacher_id, _ = await keeping.stage.service.add_person(Role.TEACHER, "99901")
    for words in (teacher_id, "nobody", ""):
        with pytest.raises(OfficerUnknown):
            await find(lambda s, w=words: officer_named(s, w, keeping.now))
    await keeping.officer()
    with pytest.raises(OfficerUnknown, match="Several"):
        await find(lambda s: officer_named(s, officer.actor.name, keeping.now))


async def test_a_proposal_lapses_after_a_fortnight(keeping: Keeping) -> None:
    (oid,) = await keeping.receive(1)
    first, second = await keeping.officer(), await keeping.officer()
    await propose(keeping, first, OBJECT, oid)
    keeping.stage.service.clock.advance(days=14)
    late = Context(second.actor, keeping.now, new_id())
    with pytest.raises(ShredRefused, match="proposal"):
        await confirm(keeping, late, OBJECT, oid)


@pytest.mark.fault("att:F16")
async def test_st22_a_hold_wins_whichever_path_asks(keeping: Keeping) -> None:
    (oid,) = await keeping.receive(1)
    first, second = await keeping.officer(), await keeping.officer()
    paths = ((OBJECT, oid), (SCOPE, THE_SCOPE))
    for asked in paths:
        await propose(keeping, first, *asked)
    for held in paths:
        await hold(keeping, first, *held)
        before = await state(keeping)
        for asked in paths:
            with pytest.raises(HoldInForce):
                await confirm(keeping, second, *asked)
            with pytest.raises(HoldInForce):
                await propose(keeping, second, *asked)
            seen = await keeping.services.database.read(lambda s, a=asked: shredding.preview(s, second, *a))
            assert (seen.held, seen.objects) == (True, OF_ONE)
        assert await state(keeping) == before
        assert await keeping.services.database.write(lambda s, h=held: holds.lift(s, second, *h))
        with pytest.raises(NotFound):
            await keeping.services.database.write(lambda s, h=held: holds.lift(s, second, *h))
    assert await keeping.read(oid) == keeping.files[oid]
    await confirm(keeping, second, OBJECT, oid)


@pytest.mark.fault("att:F16")
async def test_of_a_hold_and_a_confirmation_at_once_exactly_one_has_its_way(keeping: Keeping) -> None:
    oids = await keeping.receive(6)
    first, second = await keeping.officer(), await keeping.officer()
    for oid in oids:
        await propose(keeping, first, OBJECT, oid)

    async def tried(work) -> bool:
        try:
            await work
        except RepositoryError:
            return False
        return True

    for oid in oids:
        outcomes = await asyncio.gather(
            tried(hold(keeping, first, OBJECT, oid)), tried(confirm(keeping, second, OBJECT, oid))
        )
        assert sorted(outcomes) == [False, True]
        _, data_keys = await keeping.rows()

        def held(session: Session, one: str = oid) -> bool:
            return session.scalar(select(LegalHold.id).where(LegalHold.oid == one)) is not None

        assert (data_keys[oid].blob == b"") == (not await keeping.services.database.read(held)) == outcomes[1]


@pytest.mark.fault("inj:F1")
async def test_a_destruction_stopped_at_any_deletion_is_finished(keeping: Keeping) -> None:
    oids = await keeping.receive(2)
    first, second = await keeping.officer(), await keeping.officer()
    await propose(keeping, first, SCOPE, THE_SCOPE)
    backend = keeping.services.vault.backend
    stopped = 0
    for deletions in count():
        broken = keeping.with_vault(Vault(Stopping(backend, deletions), keeping.services.vault.keys))
        proposal = await confirm(broken, second, SCOPE, THE_SCOPE)
        for oid in oids:
            with pytest.raises(DocumentDestroyed):
                await keeping.read(oid)
        try:
            await shredding.carry_out(broken.services, second, proposal)
        except BackendUnavailable:
            stopped += 1
            continue
        break
    assert stopped >= 2
    assert [keeping.names_of(oid) for oid in oids] == [[], []]
    events = [action for action, *_ in await keeping.events("shred.")]
    assert events == ["shred.proposed", "shred.started", "shred.finished"]


@pytest.mark.fault("att:F16")
async def test_st22_a_destroyed_scope_takes_every_version_and_every_object_and_lets_new_work_begin(
    keeping: Keeping,
) -> None:
    await keeping.receive(2)
    await rotation.rotate_scope(keeping.services, keeping.context, THE_SCOPE)
    data = pdf(1, "Half received")
    half = await keeping.stage.create(len(data), data[:500], item=4)
    first, second = await keeping.officer(), await keeping.officer()
    await propose(keeping, first, SCOPE, THE_SCOPE)
    proposal = await confirm(keeping, second, SCOPE, THE_SCOPE)
    assert await shredding.carry_out(keeping.services, second, proposal) == 2 * OF_ONE + 1
    assert keeping.documents() == {}
    scopes, data_keys = await keeping.rows()
    assert all(row.blob == b"" and row.shredded_at for row in scopes.values())
    assert all(row.blob == b"" and row.shredded_at for row in data_keys.values())
    assert (await keeping.stage.patch(half, 500, data[500:]))[0] == 410
    with pytest.raises(NotFound):
        await rotation.rotate_scope(keeping.services, keeping.context, THE_SCOPE)
    keeping.files.clear()
    await keeping.receive(1)
    await keeping.all_open()
    scopes, _ = await keeping.rows()
    assert len(scopes) == 3


async def test_a_rotation_does_not_bring_a_destroyed_object_back(keeping: Keeping) -> None:
    gone, kept = await keeping.receive(2)
    first, second = await keeping.officer(), await keeping.officer()
    await propose(keeping, first, OBJECT, gone)
    proposal = await confirm(keeping, second, OBJECT, gone)
    done = await rotation.rotate_scope(keeping.services, keeping.context, THE_SCOPE)
    assert (done.rewrapped, done.retired) == (OF_ONE, 1)
    await shredding.carry_out(keeping.services, second, proposal)
    assert keeping.names_of(gone) == []
    assert await keeping.read(kept) == keeping.files[kept]


async def test_what_does_not_exist_is_not_found(keeping: Keeping) -> None:
    officer = await keeping.officer()
    for kind, subject in ((OBJECT, new_id()), (SCOPE, "99999/01-6A26/original")):
        for work in (propose, confirm, hold):
            with pytest.raises(NotFound):
                await work(keeping, officer, kind, subject)


async def test_a_dry_run_changes_nothing(keeping: Keeping) -> None:
    await keeping.receive(2)
    before = await state(keeping)
    context = keeping.context
    seen = await keeping.services.database.read(lambda s: shredding.preview(s, context, SCOPE, THE_SCOPE))
    assert seen.objects == 2 * OF_ONE
    assert seen.size_bytes > sum(map(len, keeping.files.values()))
    assert (seen.held, seen.proposed_by, seen.confirmed) == (False, None, False)
    assert await state(keeping) == before
    assert timedelta(days=14) == shredding.PROPOSAL_LASTS
