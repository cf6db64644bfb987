"""The key backup: every scope key as it is wrapped, and the key file if there is one, in one age file.

With a key service the backup is useless without it, as it holds wraps only; with a key file whoever opens the backup
holds the root keys. Taking it back adds what is absent and overwrites nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import audit
from repository.audit import Context
from repository.errors import BackupRefused
from repository.settings import KmsKeys, Settings, TokenKeys, TransitKeys
from repository.tables import ScopeKeyRow

VERSION = 1


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds, its shape checked: who kept the root keys, the key file if any, and the scope keys."""

    made_at: datetime
    provider: str
    keyring: bytes | None
    rows: tuple[Mapping[str, object], ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of the scope keys of a backup. ``newer`` were wrapped anew since, ``destroyed`` shredded since."""

    added: int
    kept: int
    newer: int
    destroyed: int


def provider_of(settings: Settings) -> str:
    """Return who keeps the root keys, as `NEA_KEY_PROVIDER` says it."""
    match settings.key_service:
        case KmsKeys():
            return "kms"
        case TokenKeys():
            return "pkcs11"
        case TransitKeys():
            return "transit"
        case None:
            return "file"


def collect(session: Session, context: Context, settings: Settings) -> tuple[bytes, int]:
    """Return the content of a backup, not encrypted yet, and how many scope keys are in it; destroyed ones are not."""
    rows = session.scalars(select(ScopeKeyRow).where(ScopeKeyRow.blob != b"").order_by(ScopeKeyRow.sk_id)).all()
    content = {
        "v": VERSION,
        "made_at": context.now.isoformat(),
        "provider": provider_of(settings),
        "keyring": None if settings.key_service else settings.keyring_path.read_text(encoding="ascii"),
        "scope_keys": [
            {
                "sk_id": row.sk_id,
                "scope": row.scope,
                "kid": row.kid,
                "blob": row.blob.hex(),
                "created_at": row.created_at.isoformat(),
                "superseded_at": row.superseded_at.isoformat() if row.superseded_at else None,
            }
            for row in rows
        ],
    }
    audit.record(session, context, "keys.backed_up", "scope_key", "all", count=len(rows))
    return json.dumps(content, indent=1).encode("ascii"), len(rows)


def read(untrusted: bytes) -> Backup:
    """Return a backup that was opened, if it is one.

    Raises: ``BackupRefused``.
    """
    try:
        found = json.loads(untrusted)
        if found["v"] != VERSION:
            raise BackupRefused("This backup was made by another version of the service. Nothing was changed.")
        rows = tuple(
            {
                "sk_id": str(row["sk_id"]),
                "scope": str(row["scope"]),
                "kid": str(row["kid"]),
                "blob": bytes.fromhex(row["blob"]),
                "created_at": datetime.fromisoformat(row["created_at"]),
                "superseded_at": datetime.fromisoformat(row["superseded_at"]) if row["superseded_at"] else None,
            }
            for row in found["scope_keys"]
        )
        keyring = None if found["keyring"] is None else str(found["keyring"]).encode("ascii")
        return Backup(datetime.fromisoformat(found["made_at"]), str(found["provider"]), keyring, rows)
    except (ValueError, KeyError, TypeError):
        raise BackupRefused("The file is not a key backup. Nothing was changed.") from None


def check_rows(session: Session, backup: Backup) -> None:
    """Raise ``BackupRefused`` naming the scope keys that differ from those of the database."""
    differing = [str(row["sk_id"]) for row in backup.rows if _differs(session.get(ScopeKeyRow, row["sk_id"]), row)]
    if differing:
        raise BackupRefused(
            f"{len(differing)} scope keys of the database differ from the backup, among them {differing[0]}. "
            "Restore the database first, or find out which of the two was altered. Nothing was changed.",
            sk_ids=differing,
        )


def restore_rows(session: Session, context: Context, backup: Backup) -> Restored:
    """Add the scope keys that are absent; one that stands in for another of its scope comes back as superseded.

    Raises: as ``check_rows``.
    """
    check_rows(session, backup)
    added = kept = newer = destroyed = 0
    for row in backup.rows:
        there = session.get(ScopeKeyRow, row["sk_id"])
        if there is None:
            session.add(_row(session, row, context.now))
            session.flush()
            added += 1
        elif there.shredded_at is not None:
            destroyed += 1
        elif there.blob != row["blob"]:
            newer += 1
        else:
            kept += 1
    audit.record(session, context, "keys.restored", "scope_key", "all", added=added, kept=kept, destroyed=destroyed)
    return Restored(added, kept, newer, destroyed)


def check_keyring(settings: Settings, backup: Backup) -> bool:
    """Return whether the key file must be written.

    Raises: ``BackupRefused`` if there is one that lacks a key of the backup, or if root keys are kept elsewhere now.
    """
    present = provider_of(settings)
    if backup.provider != present:
        raise BackupRefused(
            f"The backup was made with the key provider {backup.provider}, but NEA_KEY_PROVIDER is {present}. "
            "Nothing was changed.",
        )
    if backup.keyring is None:
        return False
    try:
        existing = settings.keyring_path.read_bytes()
    except FileNotFoundError:
        return True
    if existing != backup.keyring and not _holds_all(existing, backup.keyring):
        raise BackupRefused(
            f"There is another key file at {settings.keyring_path}, which lacks keys of the backup. Move it away first, "
            "if nothing was ever wrapped under it. Nothing was changed."
        )
    return False


def write_private(path: Path, content: bytes) -> None:
    """Write a file that its owner alone can read, and that was not there before.

    Raises: ``BackupRefused``.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                path.unlink()
            raise
    except FileExistsError:
        raise BackupRefused(f"{path} is there already. Choose another name, or move it away.") from None
    except OSError as error:
        raise BackupRefused(f"{path} cannot be written: {error.strerror}.") from error


def _differs(there: ScopeKeyRow | None, row: Mapping[str, object]) -> bool:
    if there is None:
        return False
    if there.scope != row["scope"]:
        return True
    gone = there.shredded_at is not None or there.retired_at is not None
    return not gone and there.kid == row["kid"] and there.blob != row["blob"]


def _row(session: Session, row: Mapping[str, object], now: datetime) -> ScopeKeyRow:
    made = ScopeKeyRow(**row)
    stands = select(ScopeKeyRow.sk_id).where(ScopeKeyRow.scope == made.scope, ScopeKeyRow.superseded_at.is_(None))
    if made.superseded_at is None and session.scalars(stands).first() is not None:
        made.superseded_at = now
    return made


def _holds_all(existing: bytes, wanted: bytes) -> bool:
    """Return whether a key file has every key of another one. An id is never given to two keys."""
    try:
        here, there = json.loads(existing), json.loads(wanted)
        keys: Sequence[str] = list(there["keys"])
        if here["kdf"] is None and there["kdf"] is None:
            return all(here["keys"].get(kid) == there["keys"][kid] for kid in keys)
        return all(kid in here["keys"] for kid in keys)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
