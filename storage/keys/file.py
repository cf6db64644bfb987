"""A key provider in one file: root keys of this installation, readable by its owner only, optionally under a
passphrase.

The file is JSON: `v`, `kdf` (null or the Argon2id parameters), `current`, and `keys`, a map of version id to key. Under
a passphrase each key is AES-256-GCM sealed under the key that Argon2id derives. The file is only ever replaced whole.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from storage.directory import flush_folder, make_folders
from storage.errors import KeyRefused, KeyringUnreadable, KeyringUnsafe, KeyUnavailable
from storage.keyring import NONCE_BYTES, SecretKey, new_key
from storage.keys.provider import associated_data, framed, unframed
from storage.streaming import Random

_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class PassphraseCost:
    """What one guess at a passphrase costs.

    Source: RFC 9106 §4, second recommended option, https://www.rfc-editor.org/rfc/rfc9106#section-4
    """

    iterations: int = 3
    lanes: int = 4
    memory_kib: int = 65_536

    def derive(self, passphrase: str, salt: bytes) -> bytes:
        """The key that opens the file."""
        kdf = Argon2id(salt=salt, length=32, iterations=self.iterations, lanes=self.lanes, memory_cost=self.memory_kib)
        return kdf.derive(passphrase.encode("utf-8"))


class FileKeyring:
    """The key provider of an installation that keeps its own root keys."""

    def __init__(
        self,
        path: Path,
        *,
        random: Random = os.urandom,
        passphrase: str | None = None,
        cost: PassphraseCost | None = None,
    ) -> None:
        """Open the file, or make it with a first key if there is none.

        Raises: KeyringUnsafe, KeyringUnreadable, KeyRefused (wrong or missing passphrase), KeyUnavailable.
        """
        self._path = path
        self._random = random
        self._passphrase = passphrase
        self._cost = cost or PassphraseCost()
        self._lock = threading.Lock()
        self._keys: dict[str, SecretKey] = {}
        self._current = ""
        self._seen: tuple[int, int, int] | None = None
        try:
            if not path.exists():
                self._make_first()
            self._load()
        except OSError as error:
            raise KeyUnavailable(errno=error.errno) from error

    def __repr__(self) -> str:
        return f"FileKeyring(current={self._current!r})"

    def current(self) -> str:
        """The id of the version that wraps now."""
        self._notice()
        return self._current

    def versions(self) -> tuple[str, ...]:
        """The ids of every version held, oldest first."""
        self._notice()
        return tuple(self._keys)

    def wrap(self, key: SecretKey, context: Mapping[str, str]) -> bytes:
        """The key under the current version: version byte, id length, id, nonce, ciphertext and tag."""
        self._notice()
        with self._lock:
            kid, held = self._current, self._keys[self._current]
        nonce = self._random(NONCE_BYTES)
        return framed(kid, nonce + AESGCM(held.reveal()).encrypt(nonce, key.reveal(), associated_data(kid, context)))

    def unwrap(self, blob: bytes, context: Mapping[str, str]) -> SecretKey:
        """The key back.

        Raises: KeyRefused (E1).
        """
        kid, rest = unframed(blob)
        self._notice()
        held = self._keys.get(kid)
        if held is None:
            raise KeyRefused("The root key that wrapped this key is not in the key file.", diagnosis="E1", level="root")
        aad = associated_data(kid, context)
        try:
            return SecretKey(AESGCM(held.reveal()).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], aad))
        except (InvalidTag, ValueError):
            raise KeyRefused(diagnosis="E1", level="root") from None

    def rotate(self) -> str:
        """Add a new version that wraps from now on; the older ones still unwrap.

        Returns: its id.
        """
        with self._alone(), self._lock:
            kid = self._fresh_kid(len(self._keys) + 1)
            keys = {**self._keys, kid: new_key(self._random)}
            self._replace(self._written(keys, kid))
            self._keys, self._current = keys, kid
            return kid

    def retire(self, kid: str) -> None:
        """Forget a version under which no wrap remains.

        Raises: KeyRefused if it is the current one or not held.
        """
        with self._alone(), self._lock:
            if kid == self._current or kid not in self._keys:
                raise KeyRefused("Only an older version of the root key can be retired.")
            keys = {name: key for name, key in self._keys.items() if name != kid}
            self._replace(self._written(keys, self._current))
            self._keys = keys

    def _notice(self) -> None:
        """Read the file again if another process replaced it: a command rotated, say, while the service runs."""
        try:
            found = self._path.stat()
        except OSError:
            return  # what was read at the start is still right
        if (found.st_dev, found.st_ino, found.st_mtime_ns) != self._seen:
            with self._lock:
                try:
                    self._load()
                except OSError as error:
                    raise KeyUnavailable(errno=error.errno) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from replacing the file meanwhile: of two versions made at once, one would be lost."""
        handle = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._notice()
            yield
        finally:
            os.close(handle)

    def _fresh_kid(self, number: int) -> str:
        return f"file-{number}-{self._random(4).hex()}"

    def _make_first(self) -> None:
        make_folders(self._path.parent)
        kid = self._fresh_kid(1)
        temporary = self._write_temporary(self._written({kid: new_key(self._random)}, kid))
        # A link refuses to replace, so of two processes starting together one makes the file and both read it.
        try:
            with suppress(FileExistsError):
                os.link(temporary, self._path)
        finally:
            temporary.unlink()
        flush_folder(self._path.parent)

    def _replace(self, content: bytes) -> None:
        try:
            os.rename(self._write_temporary(content), self._path)
            flush_folder(self._path.parent)
        except OSError as error:
            raise KeyUnavailable(errno=error.errno) from error

    def _write_temporary(self, content: bytes) -> Path:
        temporary = self._path.with_name(f".{self._path.name}.{os.urandom(8).hex()}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return temporary

    def _written(self, keys: Mapping[str, SecretKey], current: str) -> bytes:
        if self._passphrase is None:
            kdf = None
            shown = {kid: key.reveal().hex() for kid, key in keys.items()}
        else:
            salt = self._random(_SALT_BYTES)
            cost = self._cost
            kdf = {
                "name": "argon2id",
                "salt": salt.hex(),
                "iterations": cost.iterations,
                "lanes": cost.lanes,
                "memory_kib": cost.memory_kib,
            }
            sealing = AESGCM(cost.derive(self._passphrase, salt))
            shown = {}
            for kid, key in keys.items():
                nonce = self._random(NONCE_BYTES)
                shown[kid] = (nonce + sealing.encrypt(nonce, key.reveal(), kid.encode("ascii"))).hex()
        # Insertion order is the order of age, so this file is not canonical JSON.
        return json.dumps({"v": 1, "kdf": kdf, "current": current, "keys": shown}, indent=1).encode("ascii")

    def _load(self) -> None:
        handle = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(file.fileno())
            if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.geteuid():
                raise KeyringUnsafe(mode=oct(stat.S_IMODE(found.st_mode)))
            content = file.read()
        seen = (found.st_dev, found.st_ino, found.st_mtime_ns)
        try:
            read = json.loads(content)
            if read["v"] != 1 or read["current"] not in read["keys"]:
                raise KeyringUnreadable
            blobs = {str(kid): bytes.fromhex(value) for kid, value in read["keys"].items()}
            keys = self._opened(blobs, read["kdf"])
        except (ValueError, KeyError, TypeError):
            raise KeyringUnreadable from None
        self._keys, self._current, self._seen = keys, str(read["current"]), seen

    def _opened(self, blobs: Mapping[str, bytes], kdf: Mapping[str, object] | None) -> dict[str, SecretKey]:
        if kdf is None:
            if self._passphrase is not None:
                raise KeyRefused(
                    "The key file is not under a passphrase, though one was given.", diagnosis="E1", level="root"
                )
            return {kid: SecretKey(blob) for kid, blob in blobs.items()}
        if kdf["name"] != "argon2id":
            raise KeyringUnreadable
        if self._passphrase is None:
            raise KeyRefused("The key file is under a passphrase and none was given.", diagnosis="E1", level="root")
        self._cost = PassphraseCost(
            iterations=int(str(kdf["iterations"])), lanes=int(str(kdf["lanes"])), memory_kib=int(str(kdf["memory_kib"]))
        )
        opening = AESGCM(self._cost.derive(self._passphrase, bytes.fromhex(str(kdf["salt"]))))
        try:
            return {
                kid: SecretKey(opening.decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], kid.encode("ascii")))
                for kid, blob in blobs.items()
            }
        except InvalidTag:
            raise KeyRefused("The passphrase does not open the key file.", diagnosis="E1", level="root") from None
