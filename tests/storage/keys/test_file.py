from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from storage.errors import KeyRefused, KeyringUnreadable, KeyringUnsafe, KeyUnavailable
from storage.keyring import SecretKey
from storage.keys.file import FileKeyring, PassphraseCost

KEY = SecretKey(bytes(range(32)))
CONTEXT = {"svc": "nea-storage", "scope": "99001/6A17/original", "sk_id": "one", "v": "1"}
CHEAP = PassphraseCost(iterations=1, lanes=1, memory_kib=64)


def test_it_is_made_at_first_start_for_its_owner_only(tmp_path):
    path = tmp_path / "keys" / "root.json"
    made = FileKeyring(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    blob = made.wrap(KEY, CONTEXT)
    assert FileKeyring(path).unwrap(blob, CONTEXT) == KEY
    assert FileKeyring(path).current() == made.current()
    assert [entry.name for entry in path.parent.iterdir()] == ["root.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_others_could_read_is_refused(tmp_path, mode):
    path = tmp_path / "root.json"
    FileKeyring(path)
    path.chmod(mode)
    with pytest.raises(KeyringUnsafe):
        FileKeyring(path)


@pytest.mark.parametrize(
    "change", [{"scope": "99002/6A17/original"}, {"sk_id": "two"}, {"svc": "other"}, {"more": "1"}]
)
def test_st20_a_wrap_opens_only_in_its_own_context(tmp_path, change):
    keys = FileKeyring(tmp_path / "root.json")
    blob = keys.wrap(KEY, CONTEXT)
    with pytest.raises(KeyRefused) as caught:
        keys.unwrap(blob, {**CONTEXT, **change})
    assert caught.value.facts == {"diagnosis": "E1", "level": "root"}


def test_every_flipped_byte_is_refused(tmp_path):
    keys = FileKeyring(tmp_path / "root.json")
    blob = keys.wrap(KEY, CONTEXT)
    for position in range(len(blob)):
        flipped = bytearray(blob)
        flipped[position] ^= 1
        with pytest.raises(KeyRefused):
            keys.unwrap(bytes(flipped), CONTEXT)
    for length in range(len(blob)):
        with pytest.raises(KeyRefused):
            keys.unwrap(blob[:length], CONTEXT)


def test_another_installation_does_not_open_it(tmp_path):
    blob = FileKeyring(tmp_path / "a.json").wrap(KEY, CONTEXT)
    with pytest.raises(KeyRefused):
        FileKeyring(tmp_path / "b.json").unwrap(blob, CONTEXT)


def test_st21_versions_stand_side_by_side_until_retired(tmp_path):
    path = tmp_path / "root.json"
    keys = FileKeyring(path)
    old = keys.wrap(KEY, CONTEXT)
    first = keys.current()
    second = keys.rotate()
    assert keys.versions() == (first, second)
    reopened = FileKeyring(path)
    assert reopened.current() == second
    assert reopened.unwrap(old, CONTEXT) == KEY
    new = reopened.wrap(KEY, CONTEXT)
    with pytest.raises(KeyRefused):
        reopened.retire(second)
    reopened.retire(first)
    assert FileKeyring(path).unwrap(new, CONTEXT) == KEY
    with pytest.raises(KeyRefused):
        FileKeyring(path).unwrap(old, CONTEXT)


def test_a_passphrase_hides_the_keys(tmp_path):
    path = tmp_path / "root.json"
    keys = FileKeyring(path, passphrase="four plain words here", cost=CHEAP)
    blob = keys.wrap(KEY, CONTEXT)
    assert FileKeyring(path, passphrase="four plain words here").unwrap(blob, CONTEXT) == KEY
    keys.rotate()
    assert FileKeyring(path, passphrase="four plain words here").unwrap(blob, CONTEXT) == KEY
    for wrong in ("another", None):
        with pytest.raises(KeyRefused):
            FileKeyring(path, passphrase=wrong)


def test_a_passphrase_for_an_open_file_is_refused(tmp_path):
    path = tmp_path / "root.json"
    FileKeyring(path)
    with pytest.raises(KeyRefused):
        FileKeyring(path, passphrase="four plain words here")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"v":2}', '{"v":1,"kdf":null,"current":"a","keys":{"a":"zz"}}'])
def test_a_file_that_is_no_keyring_is_refused(tmp_path, content):
    path = tmp_path / "root.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyringUnreadable):
        FileKeyring(path)


def test_an_unreachable_file_is_unavailable_not_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyUnavailable):
        FileKeyring(tmp_path / "file" / "root.json")
    os.symlink(tmp_path / "file", tmp_path / "root.json")
    with pytest.raises(KeyUnavailable):
        FileKeyring(tmp_path / "root.json")


def test_two_processes_that_start_together_share_one_key(tmp_path):
    path = tmp_path / "root.json"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: FileKeyring(path), range(8)))
    assert len({keys.current() for keys in made}) == 1
    assert all(keys.unwrap(made[0].wrap(KEY, CONTEXT), CONTEXT) == KEY for keys in made)


def test_it_shows_no_key(tmp_path):
    keys = FileKeyring(tmp_path / "root.json")
    assert repr(keys) == f"FileKeyring(current={keys.current()!r})"
