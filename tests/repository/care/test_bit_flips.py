"""One random bit flipped in objects, recovery copies, key rows and part rows: every one is found, by its code.

What is flipped in the database are the columns by which an object is opened. `kid` is not among them: it names the root
key version for rotation, and the wrap itself carries that name authenticated.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from repository.care import scrubbing
from repository.care.scrubbing import Wish
from repository.tables import DataKeyRow, ObjectPart, ScopeKeyRow
from storage.streaming import HEADER_BYTES
from storage.vault import StoredObject

from .keeping import Kept, flipped

OBJECTS = 40
Expected = set[tuple[str, str]]


@dataclass
class Planted:
    """A flip: what the scrub must say of the object; for rows, how it is planted and undone; for blobs, what was there."""

    expected: Expected
    what: str
    plant: Callable[[Session], None] = lambda _: None
    undo: Callable[[Session], None] = lambda _: None
    undo_blob: tuple[str, bytes] | None = None


def flip_blob(kept: Kept, stored: StoredObject, draw: random.Random) -> Planted:
    key = draw.choice(stored.parts).key
    content = kept.backend.get(key)
    bit = draw.randrange(8 * len(content))
    kept.change(key, lambda blob: flipped(blob, bit))
    part_bytes = stored.parts[0].sealed_bytes if stored.layout == "whole" else len(content)
    code = "E3" if (bit // 8) % part_bytes < HEADER_BYTES else "E6"
    return Planted({("object", code)}, f"{key} bit {bit}", undo_blob=(key, content))


def flip_sidecar(kept: Kept, stored: StoredObject, draw: random.Random) -> Planted:
    oid = stored.data_key.oid
    key = f"k/{oid}.json"
    content = kept.backend.get(key)
    bit = draw.randrange(8 * len(content))
    kept.change(key, lambda blob: flipped(blob, bit))
    try:
        named = json.loads(kept.backend.get(key)).get("oid", oid)
    except ValueError:
        named = oid
    return Planted({("sidecar", "E2" if named == oid else "E1")}, f"{key} bit {bit}", undo_blob=(key, content))


def _column(table: type, column: str, where: dict[str, object], old: object, new: object, codes: Expected) -> Planted:
    def put(session: Session, value: object) -> None:
        session.execute(update(table).filter_by(**where).values(**{column: value}))

    return Planted(codes, f"{table.__name__}.{column}", lambda s: put(s, new), lambda s: put(s, old))


def _changed(value: object, draw: random.Random) -> object:
    if isinstance(value, bytes):
        return flipped(value, draw.randrange(8 * len(value)))
    if isinstance(value, int):
        return value ^ (1 << draw.randrange(20))
    while True:  # what a text column can hold at all
        text = flipped(str(value).encode(), draw.randrange(8 * len(str(value)))).decode("latin-1")
        if text.isascii() and text.isprintable():
            return text


def flip_key_row(_: Kept, stored: StoredObject, draw: random.Random) -> Planted:
    data_key, scope_key = stored.data_key, stored.scope_key
    table, column, where, old, code = draw.choice(
        [
            (DataKeyRow, "blob", {"oid": data_key.oid}, data_key.blob, "E1"),
            (DataKeyRow, "commitment", {"oid": data_key.oid}, data_key.commitment, "E2"),
            (DataKeyRow, "suite", {"oid": data_key.oid}, data_key.suite, "E1"),
            (DataKeyRow, "total_bytes", {"oid": data_key.oid}, data_key.total_bytes, "E1"),
            (ScopeKeyRow, "blob", {"sk_id": scope_key.sk_id}, scope_key.blob, "E1"),
            (ScopeKeyRow, "scope", {"sk_id": scope_key.sk_id}, scope_key.scope, "E1"),
        ]
    )
    return _column(table, column, where, old, _changed(old, draw), {("object", code)})


def flip_part_row(_: Kept, stored: StoredObject, draw: random.Random) -> Planted:
    part = draw.choice(stored.parts)
    column, old, codes = draw.choice(
        [
            ("key", part.key, {("object", "absent")}),
            ("header", part.header, {("object", "E3"), ("sidecar", "E3")}),
            ("sha256", part.sha256, {("object", "E6"), ("sidecar", "E3")}),
            ("plain_bytes", part.plain_bytes, {("object", "E4"), ("sidecar", "E3")}),
            ("sealed_bytes", part.sealed_bytes, {("object", "E4")}),
        ]
    )
    where = {"oid": stored.data_key.oid, "part_index": part.index}
    return _column(ObjectPart, column, where, old, _changed(old, draw), codes)


FLIPS = (flip_blob, flip_sidecar, flip_key_row, flip_part_row)


async def check_flips(kept: Kept, flips: int, seed: int | None) -> None:
    seed = random.SystemRandom().randrange(2**32) if seed is None else seed
    print(f"--seed {seed}")
    draw = random.Random(seed)
    size = kept.services.vault.part_plain_bytes
    oids = [await kept.released(os.urandom(draw.randrange(3 * size)), f"{uuid4()}/6A17") for _ in range(OBJECTS)]
    made = 0
    while made < flips:
        planted: dict[str, Planted] = {}
        for oid in draw.sample(oids, OBJECTS // 2 if flips > OBJECTS else min(flips, OBJECTS)):
            stored = await kept.stored(oid)
            planted[oid] = FLIPS[made % len(FLIPS)](kept, stored, draw)
            made += 1

        def plant(session, planted=planted):
            for one in planted.values():
                one.plant(session)

        await kept.write(plant)
        kept.services.vault.forget_keys()
        kept.clock.advance(minutes=1)
        report = await scrubbing.scrub(kept.services, kept.context(), Wish(older_than=None))
        seen: dict[str, Expected] = {}
        for finding in report.findings:
            seen.setdefault(finding.oid, set()).add((finding.place, finding.code))
        for oid, one in planted.items():
            assert seen.pop(oid, set()) == one.expected, (one.what, f"--seed {seed}")
        assert seen == {}
        assert not report.failed
        assert report.objects_read == OBJECTS

        def undo(session, planted=planted):
            for one in planted.values():
                one.undo(session)

        await kept.write(undo)
        for one in planted.values():
            if one.undo_blob is not None:
                kept.change(one.undo_blob[0], lambda _, one=one: one.undo_blob[1])
    kept.clock.advance(minutes=1)
    assert (await scrubbing.scrub(kept.services, kept.context(), Wish(older_than=None))).sound


@pytest.mark.fault("inj:F6")
async def test_two_hundred_flips_on_each_database(kept_on_each_database: Kept, pytestconfig: pytest.Config) -> None:
    await check_flips(kept_on_each_database, 200, pytestconfig.getoption("--seed"))


@pytest.mark.fault("inj:F6")
async def test_flips_on_each_store(kept_on_each_store: Kept, pytestconfig: pytest.Config) -> None:
    """Real sizes on the S3 server, so fewer."""
    small = kept_on_each_store.services.vault.part_plain_bytes < 2**20
    await check_flips(kept_on_each_store, 200 if small else 20, pytestconfig.getoption("--seed"))


@pytest.mark.long
@pytest.mark.fault("inj:F6")
async def test_ten_thousand_flips(kept: Kept, pytestconfig: pytest.Config) -> None:
    await check_flips(kept, 10_000, pytestconfig.getoption("--seed"))
