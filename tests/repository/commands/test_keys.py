"""``nea keys``: as a person runs it, on both databases."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import pyrage
import pytest
from sqlalchemy import delete

from repository.tables import DataKeyRow, ObjectPart, ScopeKeyRow, StoredObjectRow
from storage.keys import age
from tests.repository.keys.test_providers import provider_environ
from tests.servers.fixtures import kms_address, token, transit

from .installation import SCOPE, SECOND, SURE, Installation, installation, random_bytes

__all__ = ["installation", "kms_address", "provider_environ", "token", "transit"]


class Recipient(NamedTuple):
    """An age recipient, and the file of its identity."""

    public: str
    file: str


def private(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def recipient(tmp_path: Path) -> Recipient:
    """Who opens a backup by an identity: a passphrase takes a second of work each time, which few tests are about."""
    identity = pyrage.x25519.Identity.generate()
    return Recipient(str(identity.to_public()), private(tmp_path / "identity", f"{identity}\n"))


@pytest.fixture
def passphrase(tmp_path: Path) -> str:
    return private(tmp_path / "passphrase", "four plain words here\n")


def test_list_names_provider_versions_scopes_and_states(installation: Installation) -> None:
    status, out, _ = installation.nea("keys", "list")
    assert status == 0
    installation.store(b"one")
    installation.store(b"two")
    assert installation.nea("keys", "rotate-scope", SCOPE)[0] == 0
    status, out, _ = installation.nea("keys", "list")
    assert status == 0
    for shown in ("key file", "keyring.json", "Version that wraps now: file-1-", SCOPE, "stands", "retired", " 2 "):
        assert shown in out
    root = json.loads(installation.settings.keyring_path.read_text())
    assert root["keys"][root["current"]] not in out


@pytest.mark.fault("att:F08")
def test_root_and_scope_are_rotated_and_an_old_version_is_retired(installation: Installation) -> None:
    oid = installation.store(b"the work")
    (before,) = installation.scope_keys().values()
    status, out, err = installation.nea("keys", "rotate-root")
    assert (status, err) == (0, "")
    assert "1 scope keys were wrapped under file-2-" in out
    status, out, err = installation.nea("keys", "rotate-scope", SCOPE)
    assert (status, err) == (0, "")
    assert "1 data keys were wrapped" in out
    assert "1 recovery copies renewed, 1 older scope keys retired" in out
    assert installation.nea("keys", "retire-root", before["kid"])[0] == 0
    assert installation.load(oid) == b"the work"
    status, _, err = installation.nea("keys", "retire-root", before["kid"])
    assert status == 1
    assert "older version" in err
    status, _, err = installation.nea("keys", "rotate-scope", "nowhere")
    assert (status, "nea keys list" in err) == (1, True)
    assert installation.events()[-3:] == ["keys.scope_superseded", "keys.scope_rotated", "keys.root_retired"]


@pytest.mark.fault("att:F08")
def test_root_keys_are_rotated_in_every_provider(
    provider_environ: dict[str, str],
    migrated_file: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Installation(provider_environ, capsys, monkeypatch)
    made.settings.data_dir.mkdir(exist_ok=True)
    shutil.copy(migrated_file, made.settings.data_dir / "nea.sqlite3")
    made.begin()
    if provider_environ["NEA_KEY_PROVIDER"] == "pkcs11":
        status, _, err = made.nea("keys", "list")
        assert (status, "nea keys rotate-root" in err) == (1, True)
        assert made.nea("keys", "rotate-root")[0] == 0
    oid = made.store(b"the work")
    (before,) = made.scope_keys().values()
    assert made.nea("keys", "rotate-root")[0] == 0
    (after,) = made.scope_keys().values()
    assert after["kid"] != before["kid"]
    assert after["kid"] in made.nea("keys", "list")[1]
    assert made.load(oid) == b"the work"
    status, _, err = made.nea("keys", "retire-root", before["kid"])
    assert (status, "disable" in err) == ((1, True) if provider_environ["NEA_KEY_PROVIDER"] == "kms" else (0, False))
    assert made.load(oid) == b"the work"


def test_a_backup_under_a_passphrase_brings_everything_back(
    installation: Installation, tmp_path: Path, passphrase: str
) -> None:
    oid = installation.store(b"the work")
    keys, keyring = installation.scope_keys(), installation.settings.keyring_path.read_bytes()
    file = tmp_path / "keys.age"
    status, out, _ = installation.nea("keys", "backup", str(file), "--passphrase-file", passphrase)
    assert (status, "scope keys and the key file" in out) == (0, True)
    assert file.stat().st_mode & 0o777 == 0o600
    (root,) = json.loads(keyring)["keys"].values()
    assert root.encode() not in file.read_bytes()
    for sealed in (keys[next(iter(keys))]["blob"].hex().encode(), b"scope_keys"):
        assert sealed not in file.read_bytes()

    async def lose(services):
        def all_rows(session):
            data = {c.name: getattr(session.get_one(DataKeyRow, oid), c.name) for c in DataKeyRow.__table__.columns}
            for table in (ObjectPart, StoredObjectRow, DataKeyRow, ScopeKeyRow):
                session.execute(delete(table))
            return data

        return await services.database.write(all_rows)

    facts = installation.within(lose)
    installation.settings.keyring_path.unlink()
    status, out, err = installation.nea("keys", "restore", str(file), "--passphrase-file", passphrase)
    assert (status, err) == (0, "")
    assert "1 scope keys were added" in out
    assert installation.settings.keyring_path.read_bytes() == keyring
    assert installation.settings.keyring_path.stat().st_mode & 0o777 == 0o600
    assert installation.scope_keys() == keys

    async def recovered(services):
        key = next(iter(keys.values()))
        from storage.vault import ScopeKey

        stored, _ = services.vault.recover(ScopeKey(key["sk_id"], key["scope"], key["kid"], key["blob"]), oid)
        assert stored.data_key.blob == facts["blob"]
        return b"".join(services.vault.open(stored).read(0, 8))

    assert installation.within(recovered) == b"the work"
    status, out, _ = installation.nea("keys", "restore", str(file), "--passphrase-file", passphrase)
    assert (status, "0 scope keys were added, 1 were there" in out) == (0, True)


def test_a_backup_to_a_recipient_opens_with_its_identity_only(installation: Installation, tmp_path: Path) -> None:
    installation.store(b"the work")
    mine, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    file = tmp_path / "keys.age"
    words = ("keys", "backup", str(file), "--recipient", str(mine.to_public()))
    assert installation.nea(*words)[0] == 0
    status, _, err = installation.nea(*words)
    assert (status, "is there already" in err) == (1, True)
    right = private(tmp_path / "right", f"# public key: {mine.to_public()}\n{mine}\n")
    wrong = private(tmp_path / "wrong", f"{other}\n")
    status, _, err = installation.nea("keys", "restore", str(file), "--identity", wrong)
    assert (status, "does not open" in err) == (1, True)
    assert installation.nea("keys", "restore", str(file), "--identity", right)[0] == 0
    Path(right).chmod(0o644)
    status, _, err = installation.nea("keys", "restore", str(file), "--identity", right)
    assert (status, "chmod 600" in err) == (1, True)
    altered = bytearray(file.read_bytes())
    altered[-1] ^= 1
    (tmp_path / "altered.age").write_bytes(altered)
    Path(right).chmod(0o600)
    assert installation.nea("keys", "restore", str(tmp_path / "altered.age"), "--identity", right)[0] == 1


def test_a_wrong_recipient_is_named(installation: Installation, tmp_path: Path) -> None:
    status, _, err = installation.nea("keys", "backup", str(tmp_path / "x"), "--recipient", "age1nobody")
    assert (status, "'age1nobody'" in err) == (1, True)
    assert not (tmp_path / "x").exists()


def test_restore_overwrites_nothing_that_differs(
    installation: Installation, tmp_path: Path, recipient: Recipient
) -> None:
    installation.store(b"the work")
    file = tmp_path / "keys.age"
    assert installation.nea("keys", "backup", str(file), "--recipient", recipient.public)[0] == 0
    restore = ("keys", "restore", str(file), "--identity", recipient.file)
    (sk_id,) = installation.scope_keys()

    def change(**values: object) -> None:
        async def changed(services):
            def write(session):
                for name, value in values.items():
                    setattr(session.get_one(ScopeKeyRow, sk_id), name, value)

            await services.database.write(write)

        installation.within(changed)

    before = installation.scope_keys()[sk_id]
    change(blob=b"another wrap")
    changed = installation.scope_keys()
    status, _, err = installation.nea(*restore)
    assert (status, sk_id in err, "Nothing was changed" in err) == (1, True, True)
    assert installation.scope_keys() == changed
    change(blob=before["blob"], scope="another/scope/of-it")
    assert installation.nea(*restore)[0] == 1
    change(scope=before["scope"])
    keyring = installation.settings.keyring_path
    kept = keyring.read_bytes()
    keyring.unlink()
    installation.nea("keys", "list")  # which makes another key file
    other = keyring.read_bytes()
    status, _, err = installation.nea(*restore)
    assert (status, "another key file" in err) == (1, True)
    assert keyring.read_bytes() == other != kept


def test_restore_knows_what_was_rotated_or_shredded_since(
    installation: Installation, tmp_path: Path, recipient: Recipient
) -> None:
    oid = installation.store(b"the work")
    installation.store(b"other work", scope="99002/01-6A26/original")
    file = tmp_path / "keys.age"
    assert installation.nea("keys", "backup", str(file), "--recipient", recipient.public)[0] == 0
    for words in (
        ("rotate-root",),
        ("rotate-scope", SCOPE),
        ("shred-scope", "99002/01-6A26/original", "--propose", "--as", SURE),
        ("shred-scope", "99002/01-6A26/original", "--confirm", "--as", SECOND),
    ):
        assert installation.nea("keys", *words)[0] == 0
    before = installation.scope_keys()
    status, out, err = installation.nea("keys", "restore", str(file), "--identity", recipient.file)
    assert (status, err) == (0, "")
    assert "0 scope keys were added, 0 were there, 1 were wrapped anew since, 1 were shredded since" in out
    assert installation.scope_keys() == before
    assert installation.load(oid) == b"the work"


@pytest.mark.parametrize("content", [b"", b"{}", b'{"v":2}', b'{"v":1,"scope_keys":[{}]}'])
def test_what_is_no_backup_is_refused(
    installation: Installation, tmp_path: Path, recipient: Recipient, content: bytes
) -> None:
    file = tmp_path / "keys.age"
    file.write_bytes(age.seal_for([recipient.public], content))
    status, _, err = installation.nea("keys", "restore", str(file), "--identity", recipient.file)
    assert (status, "Nothing was changed" in err) == (1, True)
    assert installation.nea("keys", "restore", str(tmp_path / "none"), "--identity", recipient.file)[0] == 1


def test_shredding_a_scope_takes_two_officers(installation: Installation) -> None:
    oid = installation.store(random_bytes(1000))
    shred = ("keys", "shred-scope", SCOPE)
    status, out, _ = installation.nea(*shred, "--dry-run")
    assert (status, "1 objects, 1,000 bytes" in out, "Nothing was changed" in out) == (0, True, True)
    assert installation.nea(*shred, "--propose", "--as", SURE, "--reason", "end of retention")[0] == 0
    status, _, err = installation.nea(*shred, "--confirm", "--as", SURE)
    assert (status, "second person" in err) == (1, True)
    status, _, err = installation.nea(*shred, "--confirm", "--as", "nobody")
    assert (status, "No awarding body officer" in err) == (1, True)
    assert len(installation.load(oid)) == 1000
    status, out, _ = installation.nea(*shred, "--confirm", "--as", SECOND)
    assert (status, "Destroyed: 1 objects" in out) == (0, True)
    assert all(row["blob"] == b"" for row in installation.scope_keys().values())
    assert "shredded" in installation.nea("keys", "list")[1]
