"""From the last byte to the release: what the scanner says, what a child does, what an officer sends to inspection again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from repository import app, derivatives, evidence, objects, people, releasing, work
from repository.acts import held_files, originals
from repository.antivirus import Reader, ScanResult, ScanState
from repository.audit import Context
from repository.derivatives import OF_PAGES, DerivativeKind
from repository.errors import NotHeldAnyMore, OriginalRefused
from repository.inspection import Frames, Inspection, Limits, choose
from repository.inspection.words import CANNOT_OPEN, REFUSALS
from repository.services import Services
from repository.tables import Derivative, DocumentRow, StoredObjectRow, Work, new_id
from storage.errors import BackendUnavailable
from tests.faults.life import AcceptsAll
from tests.faults.serving import Sent, Serving, serving
from tests.faults.stage import environ_of

from .files import pdf


class Says:
    """A scanner that answers what it is told to."""

    def __init__(self, result: ScanResult) -> None:
        self.result = result

    async def scan(self, read: Reader, size_bytes: int) -> ScanResult:
        async for _ in read():
            pass
        return self.result

    async def examine(self) -> ScanResult:
        return self.result


class Child(AcceptsAll):
    """Accepts everything, and has pages drawn by a child of the test's own making."""

    code = ""

    @asynccontextmanager
    async def derive(
        self, media_type: str, content: AsyncIterator[bytes], first: int, count: int, width_pixels: int
    ) -> AsyncIterator[Frames]:
        async with self.frames(["-c", self.code], content, 2**20, Limits(wall_seconds=4)) as found:
            yield found


def child(code: str) -> Inspection:
    """An inspection whose drawing child runs this code."""
    return type("ScriptedChild", (Child,), {"code": code, "__slots__": ()})(None)


@pytest.fixture
async def stage(tmp_path: Path, migrated_url: str) -> AsyncIterator[Serving]:
    environ = environ_of(tmp_path / "data", NEA_DATABASE_URL=migrated_url)
    async with serving(environ) as found:
        yield found


async def work_with(stage: Serving, **parts: Any) -> Services:
    """Let a worker with other parts do all that is due, once."""
    services = replace(stage.services, **parts)
    worker = app.worker_of(services)
    while await worker.step():
        pass
    return services


async def document(stage: Serving, sent: Sent) -> DocumentRow:
    return await stage.services.database.read(lambda session: session.get_one(DocumentRow, sent.oid))


async def send_pdf(stage: Serving, pages: int) -> Sent:
    data = pdf(pages)
    sha256, client = hashlib.sha256(data).hexdigest(), stage.client()
    made = await client.create(len(data), sha256)
    await client.send(made, data, lambda offset: len(data))
    return Sent(client.oid(made), sha256, made)


@pytest.mark.parametrize(
    ("found", "state", "remedy_kind"),
    [
        (ScanState.CLEAN, "released", None),
        (ScanState.PARTIAL, "released", None),
        (ScanState.NONE, "released", None),
        (ScanState.INFECTED, "rejected", "replace"),
        (ScanState.LIMITS, "held", "review"),
        (ScanState.FAILED, "held", "rescan"),
    ],
)
async def test_each_answer_of_the_scanner_has_its_state(
    stage: Serving, found: ScanState, state: str, remedy_kind: str | None
) -> None:
    sent = await stage.send(1000, 1)
    await work_with(stage, antivirus=Says(ScanResult(found, "Some.Signature")))
    row = await document(stage, sent)
    assert (row.state, row.remedy_kind, row.scan_state) == (state, remedy_kind, found.value)
    assert (row.reason is None) == (state == "released")
    said = " ".join(evidence.notes_of(row))
    assert ("virus" in said) == (found in {ScanState.PARTIAL, ScanState.NONE})


async def test_what_could_not_be_scanned_is_scanned_once_the_scanner_works(stage: Serving) -> None:
    sent = await stage.send(1000, 2)
    broken = await work_with(stage, antivirus=Says(ScanResult(ScanState.FAILED, why="it hangs")))
    assert await releasing.rescan(broken) == 0
    assert await stage.state(sent) == "held"
    mended = replace(stage.services, antivirus=Says(ScanResult(ScanState.CLEAN)))
    assert await releasing.rescan(mended) == 1
    await work_with(stage, antivirus=mended.antivirus)
    assert await stage.state(sent) == "released"
    assert await releasing.rescan(mended) == 0


END = "sys.stdout.buffer.write(b'Z' + bytes(4)); sys.stdout.flush()"
PAGE = "sys.stdout.buffer.write(b'P' + (8 + 18).to_bytes(4, 'big') + bytes([0, 0, 0, 2, 0, 0, 0, 3]) + bytes(18))"
LIES = {
    "hangs": "import time; time.sleep(60)",
    "floods": "import sys\nwhile True: sys.stdout.buffer.write(b'x' * 65536)",
    "dies": f"import os, sys; {PAGE}; sys.stdout.flush(); os.kill(os.getpid(), 9)",
    "fails at its end": f"import sys; {PAGE}; {END}; sys.exit(1)",
    "never ends": f"import sys; {PAGE}; sys.stdout.flush()",
    "draws nothing": f"import sys; {END}",
    "draws too much": f"import sys; {PAGE}; {PAGE}; {END}",
    "says a wrong size": f"import sys; {PAGE.replace('3]', '4]')}; {END}",
    "says a huge size": "import sys; sys.stdout.buffer.write(b'P' + b'\\xff' * 4)",
    "says another letter": f"import sys; sys.stdout.buffer.write(b'Q' + bytes(4)); {END}",
    "says no words": f"import sys; {PAGE}; sys.stdout.buffer.write(b'T' + bytes([0, 0, 0, 2]) + b'[]'); {END}",
    "goes on after its end": f"import sys; {PAGE}; {END}; sys.stdout.buffer.write(b'x')",
}


@pytest.mark.fault("att:G07", "att:G09")
async def test_a_child_that_hangs_or_lies_holds_the_document_and_leaves_nothing(stage: Serving) -> None:
    for seed, (name, code) in enumerate(LIES.items()):
        sent = await stage.send(500, 100 + seed)
        await work_with(stage, inspection=child(code))
        row = await document(stage, sent)
        said = REFUSALS["too-heavy"].reason if name in {"hangs", "dies"} else CANNOT_OPEN.reason
        assert (row.state, row.reason) == ("held", said), name
        made = await stage.services.database.read(lambda s: s.scalar(select(func.count()).select_from(Derivative)))
        assert made == 0, name


async def test_what_is_shown_is_stored_page_by_page_before_the_release(
    stage: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repository.deriving.PAGES_OF_ONE_CHILD", 2)
    monkeypatch.setattr("repository.deriving.VOLUME_BYTES", 1)
    sent = await send_pdf(stage, 5)
    services = await work_with(stage, inspection=await choose())
    assert await stage.state(sent) == "released"

    def shown(session):
        shapes = derivatives.shapes(session, sent.oid)
        places = [derivatives.page(session, sent.oid, DerivativeKind.TEXT, one.number) for one in shapes]
        return shapes, [(objects.stored_object(session, one.oid), one.start, one.stop) for one in places]

    shapes, places = await services.database.read(shown)
    assert [(one.number, one.width_pixels) for one in shapes] == [(number, 1240) for number in range(1, 6)]
    for number, (stored, start, stop) in enumerate(places, 1):
        found = b"".join([piece async for piece in objects.read(services.vault, stored, start, stop)])
        assert f"{number}," in {word[4] for word in json.loads(found)["words"]}


async def test_an_outage_in_the_middle_of_what_is_shown_doubles_nothing(stage: Serving) -> None:
    """The store takes no more after so many writes, for every such number, until the document is released."""
    backend, sent = stage.services.vault.backend, await stage.send(1000, 3)
    put, writes = backend.put, 0
    allowed = 0

    def failing(*arguments: Any, **further: Any) -> Any:
        nonlocal writes
        writes += 1
        if writes > allowed:
            raise BackendUnavailable
        return put(*arguments, **further)

    backend.put = failing
    while await stage.state(sent) != "released":
        writes, allowed = 0, allowed + 1
        await stage.work_once()
        stage.clock.now += timedelta(minutes=6)
    assert allowed > 5, "the outage was never in the middle"
    backend.put = put
    rows = await stage.services.database.read(lambda s: [one.kind for one in s.scalars(select(Derivative))])
    assert sorted(rows) == sorted(OF_PAGES)
    found = await stage.document(sent)
    assert found["events"]["document.derived"] == found["events"]["document.released"] == 1


async def test_an_officer_sends_what_was_given_up_to_inspection_again(stage: Serving) -> None:
    class Breaks(AcceptsAll):
        async def inspect(self, filename: str, content: AsyncIterator[bytes]) -> Any:
            raise ValueError

    sent = await stage.send(1000, 4)
    for _ in range(work.ATTEMPTS_LIMIT):
        await work_with(stage, inspection=Breaks(None))
        stage.clock.now += timedelta(minutes=6)
    row = await document(stage, sent)
    assert (row.state, row.remedy_kind) == ("held", "review")
    officer_id = stage.prepared.officers[0][0]
    database, now = stage.services.database, stage.clock.now
    actor = await database.read(lambda s: people.officer_named(s, officer_id, now))
    context = Context(actor, now, new_id())
    (held,) = await database.read(lambda s: held_files.listed(s, context))
    assert (held.document_id, held.attempts, held.last_error) == (sent.oid, work.ATTEMPTS_LIMIT, "ValueError")
    await database.write(lambda s: held_files.inspect_again(s, context, sent.oid))
    with pytest.raises(NotHeldAnyMore):
        await database.write(lambda s: held_files.inspect_again(s, context, sent.oid))
    await stage.work()
    assert (await document(stage, sent)).state == "released"
    assert await database.read(lambda s: held_files.listed(s, context)) == ()


async def test_what_was_released_before_gets_its_pages_in_the_background(stage: Serving) -> None:
    sent = await stage.send(1000, 5)
    await stage.work()

    def as_before(session) -> None:
        session.execute(delete(Derivative))
        work.add(session, "derive", sent.oid, stage.clock.now, lane="derive")

    await stage.services.database.write(as_before)
    await stage.work()
    assert await stage.services.database.read(lambda s: derivatives.pages_made(s, sent.oid)) == 1
    assert await stage.state(sent) == "released"


@pytest.mark.fault("att:G06", "att:G09")
async def test_two_workers_race_for_one_document_and_one_has_it(stage: Serving) -> None:
    """One is held up in each step until its claim is over; the other finishes, and what the first did counts for nothing."""
    sent = await stage.send(1000, 6)
    database, clock = stage.services.database, stage.clock

    class Slow(AcceptsAll):
        @asynccontextmanager
        async def derive(self, *arguments: Any) -> AsyncIterator[Frames]:
            clock.now += timedelta(seconds=work.CLAIM_SECONDS)
            await stage.work_once()  # the other worker takes it over and goes to the end
            async with super().derive(*arguments) as found:
                yield found

    await work_with(stage, inspection=Slow(None))
    found = await stage.document(sent)
    assert found["state"] == "released"
    assert {found["events"][name] for name in ("document.derived", "document.released")} == {1}
    rows = await database.read(lambda s: [one.kind for one in s.scalars(select(Derivative))])
    assert sorted(rows) == sorted(OF_PAGES)
    assert await database.read(lambda s: s.scalar(select(func.count()).select_from(StoredObjectRow))) == 4
    assert await database.read(lambda s: s.scalars(select(Work.finished_at)).one()) is not None


async def test_an_original_is_given_to_an_officer_once_it_was_scanned_clean_and_recorded(stage: Serving) -> None:
    unscanned, scanned = await stage.send(1000, 7), await stage.send(1001, 8)
    await work_with(stage)
    officer_id = stage.prepared.officers[0][0]
    database, now = stage.services.database, stage.clock.now
    context = Context(await database.read(lambda s: people.officer_named(s, officer_id, now)), now, new_id())
    with pytest.raises(OriginalRefused):
        await database.write(lambda s: originals.give(s, context, unscanned.oid))

    def clean(session) -> None:
        session.get_one(DocumentRow, scanned.oid).scan_state = ScanState.CLEAN.value

    await database.write(clean)
    given = await database.write(lambda s: originals.give(s, context, scanned.oid))
    assert given.size_bytes == 1001
    assert (await stage.document(scanned))["events"]["document.original"] == 1
    assert "document.original" not in (await stage.document(unscanned))["events"]
