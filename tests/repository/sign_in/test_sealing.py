"""The key of signing in: made once, kept from others, and what it seals opens at its place only."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository.errors import SettingRefused
from repository.sign_in import sealing
from repository.sign_in.sealing import SecretsBox

BOX = SecretsBox(bytes(range(32)))


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "sign-in.key"
    box = sealing.load(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sealing.load(path) == box
    assert [one.name for one in path.parent.iterdir()] == ["sign-in.key"]
    assert box.key.hex() not in repr(box)


def test_a_key_that_others_can_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sign-in.key"
    sealing.load(path)
    path.chmod(0o640)
    with pytest.raises(SettingRefused, match="chmod 600"):
        sealing.load(path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(SettingRefused, match=r"32 bytes|random"):
        sealing.load(path)


@given(st.binary(max_size=64), st.text(max_size=40).filter(lambda text: text.isascii()))
def test_what_is_sealed_opens_at_its_place(secret: bytes, place: str) -> None:
    sealed = BOX.seal(secret, place)
    assert BOX.open(sealed, place) == secret
    assert BOX.open(sealed, place + "x") is None
    assert SecretsBox(bytes(32)).open(sealed, place) is None


@given(st.binary(min_size=1, max_size=40), st.data())
def test_one_changed_bit_opens_nothing(secret: bytes, data: st.DataObject) -> None:
    sealed = bytearray(BOX.seal(secret, "account"))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    assert BOX.open(bytes(sealed), "account") is None
    assert BOX.open(bytes(sealed[:5]), "account") is None


def test_fingerprints_keep_kinds_and_words_apart() -> None:
    prints = [BOX.fingerprint("name", "ada"), BOX.fingerprint("code", "ada"), BOX.fingerprint("name", "ad", "a"),
              BOX.fingerprint("name", "ada", ""), SecretsBox(bytes(32)).fingerprint("name", "ada")]  # fmt: skip
    assert len(set(prints)) == len(prints)
