"""Codes of authenticator apps and recovery codes: right, late, early, used, and two at once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import people
from repository.access import Role
from repository.audit import Context
from repository.database import Database
from repository.sign_in import local, one_time_codes, sealing
from repository.sign_in.local_tables import OneTimeCode, RecoveryCode
from repository.sign_in.one_time_codes import code_of, matching_step
from repository.sign_in.sealing import SecretsBox

NOW = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
STEP = int(NOW.timestamp()) // 30
SECRET = b"12345678901234567890"
BOX = SecretsBox(bytes(32))
CONTEXT = Context(None, NOW, "a test")


def test_the_codes_are_those_of_the_standard() -> None:
    """RFC 6238, appendix B, SHA-1, the last six of its eight digits."""
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")):
        assert code_of(SECRET, seconds // 30) == code


@pytest.mark.parametrize(("steps", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_differ_by_one_step(steps: int, taken: bool) -> None:
    assert (matching_step(SECRET, code_of(SECRET, STEP + steps), NOW) == STEP + steps) is taken


def test_a_code_of_a_used_or_earlier_step_is_wrong() -> None:
    assert matching_step(SECRET, code_of(SECRET, STEP), NOW, STEP) is None
    assert matching_step(SECRET, code_of(SECRET, STEP - 1), NOW, STEP) is None
    assert matching_step(SECRET, code_of(SECRET, STEP + 1), NOW, STEP) == STEP + 1


@given(st.text(max_size=12))
def test_what_is_no_code_is_wrong_and_breaks_nothing(text: str) -> None:
    right = {code_of(SECRET, STEP + one) for one in (-1, 0, 1)}
    typed = "".join(text.split())
    assert (matching_step(SECRET, text, NOW) is not None) is (typed in right)


def test_spaces_in_a_code_do_not_matter() -> None:
    code = code_of(SECRET, STEP)
    assert matching_step(SECRET, f" {code[:3]} {code[3:]}\n", NOW) == STEP


def test_the_address_is_what_apps_read() -> None:
    address = one_time_codes.address(SECRET, "ada@example.org")
    assert address.startswith("otpauth://totp/NEA%20Repository:ada%40example.org?")
    assert f"secret={base64.b32encode(SECRET).decode()}" in address
    assert one_time_codes.key_words(SECRET).replace(" ", "") == base64.b32encode(SECRET).decode()


async def _account(database: Database) -> str:
    def add(session: Session) -> str:
        assignment = people.add_person(session, "Ada Example", Role.AB_OFFICER, NOW)
        return local.add_account(session, CONTEXT, assignment.person_id, "ada@example.org", "x")

    return await database.write(add)


@pytest.fixture
async def database(migrated_url: str) -> Database:
    return Database(migrated_url)


async def test_a_code_is_used_once_and_its_secret_is_not_in_the_database(database: Database) -> None:
    account_id = await _account(database)
    await database.write(lambda s: one_time_codes.enrol(s, CONTEXT, account_id, SECRET, STEP - 1, BOX))
    code = code_of(SECRET, STEP)
    assert await database.write(lambda s: one_time_codes.use(s, account_id, code, NOW, BOX))
    assert not await database.write(lambda s: one_time_codes.use(s, account_id, code, NOW, BOX))
    row = await database.read(lambda s: s.get_one(OneTimeCode, account_id))
    assert SECRET not in row.sealed
    other = SecretsBox(bytes([1]) * 32)
    late = NOW + timedelta(seconds=30)
    assert not await database.write(lambda s: one_time_codes.use(s, account_id, code_of(SECRET, STEP + 1), late, other))
    await database.close()


async def test_recovery_codes_work_once_each_and_only_their_hashes_are_kept(database: Database) -> None:
    account_id = await _account(database)
    raw = [bytes([number]) * 10 for number in range(10)]
    codes = await database.write(lambda s: one_time_codes.make_recovery_codes(s, CONTEXT, account_id, raw))
    assert len(set(codes)) == 10
    assert all(len(base64.b32decode(code.replace("-", "").upper())) * 8 == 80 for code in codes)

    def use(code: str, whose: str = account_id) -> object:
        return database.write(lambda s: one_time_codes.use_recovery_code(s, CONTEXT, whose, code))

    typed = codes[3].upper().replace("-", " ")
    assert await use(typed)
    assert not await use(codes[3])
    assert not await use("")
    assert not await use(codes[4], "somebody-else")
    assert await database.read(lambda s: one_time_codes.recovery_codes_left(s, account_id)) == 9
    hashes = await database.read(lambda s: set(s.scalars(select(RecoveryCode.code_sha256))))
    assert hashlib.sha256(codes[4].replace("-", "").encode()).digest() in hashes
    again = [bytes([number + 100]) * 10 for number in range(10)]
    await database.write(lambda s: one_time_codes.make_recovery_codes(s, CONTEXT, account_id, again))
    assert not await use(codes[5])
    await database.close()


async def test_of_two_who_bring_the_same_code_at_once_one_is_late(database: Database) -> None:
    account_id = await _account(database)
    await database.write(lambda s: one_time_codes.enrol(s, CONTEXT, account_id, SECRET, STEP - 1, BOX))
    raw = [bytes([number]) * 10 for number in range(10)]
    codes = await database.write(lambda s: one_time_codes.make_recovery_codes(s, CONTEXT, account_id, raw))
    code = code_of(SECRET, STEP)
    apps = (database.write(lambda s: one_time_codes.use(s, account_id, code, NOW, BOX)) for _ in range(6))
    assert sorted(await asyncio.gather(*apps)) == [False] * 5 + [True]
    use = one_time_codes.use_recovery_code
    papers = (database.write(lambda s: use(s, CONTEXT, account_id, codes[0])) for _ in range(6))
    assert sorted(await asyncio.gather(*papers)) == [False] * 5 + [True]
    await database.close()


def test_a_secret_to_enrol_is_the_same_at_its_place_and_nowhere_else(tmp_path: Path) -> None:
    box = sealing.load(tmp_path / "sign-in.key")
    first = one_time_codes.new_secret(box, "attempt", "one")
    assert len(first) == 20
    assert first == one_time_codes.new_secret(box, "attempt", "one")
    assert first != one_time_codes.new_secret(box, "attempt", "two")
    assert first != one_time_codes.new_secret(BOX, "attempt", "one")
