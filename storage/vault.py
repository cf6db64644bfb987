"""The one class of storage that others use: seals bytes into a backend, hands back facts, and reads by them.

The vault remembers nothing that matters. What it returns must be committed to the caller's database in this order: keys
before the first byte, a part or tail only after `seal_part` or `seal_tail` returned, the released layout only after
`release` returned.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from storage import keyring, names
from storage.backend import Backend, Composes, Copies, Purges
from storage.errors import (
    BackendUnavailable,
    ComposeRefused,
    KeyRefused,
    ObjectNotFound,
    ObjectTampered,
    StorageError,
    SuiteUnknown,
)
from storage.facts import DataKey, Layout, Part, ScopeKey, StoredObject, Tail
from storage.keyring import SecretKey
from storage.keys.provider import KeyProvider
from storage.reader import Reader, check_shape
from storage.scope_keys import ScopeKeys
from storage.sidecar import UntrustedSidecar, read_sidecar, sidecar_facts
from storage.streaming import SDR1, SUITE, Geometry, Random
from storage.writer import Buffers, Filling, Writer

__all__ = ["DataKey", "Filling", "Layout", "Part", "Reader", "ScopeKey", "StoredObject", "Tail", "Vault", "Writer"]


class Vault:
    """Encrypted objects in one backend under one key provider. Safe to call from several threads."""

    def __init__(
        self,
        backend: Backend,
        keys: KeyProvider,
        *,
        random: Random = os.urandom,
        geometry: Geometry = SDR1,
        clock: Callable[[], float] = time.monotonic,
        kept_buffers: int = 2,
    ) -> None:
        """Takes: `clock`, monotonic seconds, for the cache of scope keys; `geometry` other than SDR1 in tests only."""
        self._backend = backend
        self._scope_keys = ScopeKeys(keys, random, clock)
        self._random = random
        self._geometry = geometry
        self._buffers = Buffers(geometry.part_ciphertext_bytes, kept_buffers)

    @property
    def part_plain_bytes(self) -> int:
        """The plaintext length of every part but the last."""
        return self._geometry.part_plain_bytes

    @property
    def backend(self) -> Backend:
        """Where the objects lie, for collection and reconciliation."""
        return self._backend

    @property
    def keys(self) -> KeyProvider:
        """Who keeps the root keys, for their rotation and their probe."""
        return self._scope_keys.provider

    # Keys

    def new_scope_key(self, scope: str) -> ScopeKey:
        """A fresh key for a scope, wrapped; commit it before the first data key under it.

        Raises: KeyUnavailable.
        """
        return self._scope_keys.make(scope)

    def rewrap_scope_key(self, scope_key: ScopeKey) -> ScopeKey:
        """The same key under the provider's current version; the caller replaces its row.

        Raises: KeyRefused, KeyUnavailable.
        """
        return self._scope_keys.rewrap(scope_key)

    def new_data_key(self, scope_key: ScopeKey, oid: str, total_bytes: int) -> DataKey:
        """A fresh key for an object of that plaintext length; commit it before the first part is sealed.

        Raises: NameRefused, GeometryRefused, KeyRefused, KeyUnavailable.
        """
        names.checked_oid(oid)
        self._geometry.parts(total_bytes)
        key = keyring.new_key(self._random)
        blob = keyring.wrap_data_key(
            self._scope_keys.secret(scope_key),
            key,
            oid=oid,
            sk_id=scope_key.sk_id,
            total_bytes=total_bytes,
            random=self._random,
        )
        return DataKey(oid, scope_key.sk_id, SUITE, total_bytes, blob, keyring.commitment(key, oid))

    def rewrap_data_key(self, old: ScopeKey, data_key: DataKey, new: ScopeKey) -> DataKey:
        """The same data key under another scope key; the caller replaces its row, then renews the sidecar."""
        secret = self._data_secret(old, data_key)
        blob = keyring.wrap_data_key(
            self._scope_keys.secret(new),
            secret,
            oid=data_key.oid,
            sk_id=new.sk_id,
            total_bytes=data_key.total_bytes,
            random=self._random,
        )
        return replace(data_key, sk_id=new.sk_id, blob=blob)

    def at_hand(self, scope_key: ScopeKey) -> bool:
        """Whether the provider opened this very record moments ago, so that new objects may begin under it."""
        return self._scope_keys.at_hand(scope_key)

    def confirm(self, scope_key: ScopeKey) -> None:
        """Ask the provider for a scope key, remembered or not.

        Raises: KeyRefused, KeyUnavailable.
        """
        self._scope_keys.confirm(scope_key)

    def forget_keys(self) -> None:
        """Empty the cache of scope keys, at shutdown or after a rotation."""
        self._scope_keys.forget()

    def _data_secret(self, scope_key: ScopeKey, data_key: DataKey) -> SecretKey:
        if data_key.sk_id != scope_key.sk_id:
            raise KeyRefused(diagnosis="E1", level="data", oid=data_key.oid)
        secret = keyring.unwrap_data_key(
            self._scope_keys.secret(scope_key),
            data_key.blob,
            oid=data_key.oid,
            sk_id=data_key.sk_id,
            total_bytes=data_key.total_bytes,
            suite=data_key.suite,
        )
        if data_key.suite != SUITE:
            raise SuiteUnknown(suite=data_key.suite)
        keyring.check_commitment(secret, data_key.oid, data_key.commitment)
        return secret

    # Writing

    def resume(self, scope_key: ScopeKey, data_key: DataKey) -> Writer:
        """A writer for an object, new or half received; it is given no cipher state because there is none.

        Raises: KeyRefused (E1), ObjectTampered (E2), KeyUnavailable, SuiteUnknown.
        """
        secret = self._data_secret(scope_key, data_key)
        stream_key = keyring.derive(secret, "stream", data_key.oid)
        return Writer(self._backend, data_key, stream_key, self._geometry, self._random, self._buffers)

    def discard(self, keys: Iterable[str]) -> None:
        """Delete staged names if the store lets us; what remains is the collector's."""
        for key in keys:
            with suppress(StorageError):
                self._backend.delete(key)

    # Reading

    def open(self, stored: StoredObject) -> Reader:
        """An object, staged or released, for reading.

        Raises: KeyRefused (E1), ObjectTampered (E2, or E4 for facts that do not fit), KeyUnavailable, SuiteUnknown.
        """
        return self._reader(stored, self._data_secret(stored.scope_key, stored.data_key))

    def verify(self, stored: StoredObject, seen: Callable[[int], None] | None = None) -> str:
        """Read, compare and open everything.

        Takes: `seen`, called with the stored size in bytes of each part that was read; what it raises ends the reading.
        Returns: the SHA-256 of the plaintext, in hexadecimal, recomputed over the opened parts.
        Raises: as `open`, and ObjectTampered (E3, E4, E5, E6), ObjectNotFound, BackendUnavailable.
        """
        return self.open(stored).digest(seen)

    def export_key(self, stored: StoredObject) -> dict[str, object]:
        """What a stranger needs to open this one object without us; to be guarded like the document itself."""
        secret = self._data_secret(stored.scope_key, stored.data_key)
        stream_key = keyring.derive(secret, "stream", stored.data_key.oid)
        return {
            "suite": SUITE,
            "oid": stored.data_key.oid,
            "total_bytes": stored.data_key.total_bytes,
            "stream_key": stream_key.reveal().hex(),
        }

    def _reader(self, stored: StoredObject, secret: SecretKey) -> Reader:
        stream_key = keyring.derive(secret, "stream", stored.data_key.oid)
        return Reader(self._backend, stored, stream_key, self._geometry)

    # Release

    def record(self, stored: StoredObject, sealed: Mapping[str, object]) -> None:
        """Write the recovery copy of the facts, closed by their HMAC, with the business metadata sealed inside.

        Raises: as `open`, and BackendUnavailable, StorageFull.
        """
        self._record(stored, self._data_secret(stored.scope_key, stored.data_key), sealed)

    def _record(self, stored: StoredObject, secret: SecretKey, sealed: Mapping[str, object]) -> None:
        oid = stored.data_key.oid
        facts = sidecar_facts(stored, keyring.seal_metadata(secret, oid, sealed, self._random))
        self._backend.put(names.sidecar(oid), keyring.manifest(secret, oid, facts))

    def check_sidecar(self, stored: StoredObject) -> dict[str, object]:
        """Compare the recovery copy with the facts it is a copy of.

        Returns: the business metadata sealed in it.
        Raises: KeyRefused (E1) if it keeps another wrap of the key; ObjectTampered (E2 altered, E3 of an earlier state,
        E5 metadata); ObjectNotFound; as `open`.
        """
        oid = stored.data_key.oid
        untrusted = read_sidecar(self._backend.get(names.sidecar(oid)), oid)
        secret = self._data_secret(stored.scope_key, stored.data_key)
        metadata = self._sidecar_metadata(secret, untrusted)
        kept = untrusted.data_key
        if (kept.sk_id, kept.blob) != (stored.data_key.sk_id, stored.data_key.blob):
            raise KeyRefused(diagnosis="E1", level="data", oid=oid)
        if untrusted.facts != {**sidecar_facts(stored, untrusted.metadata), "mac": untrusted.facts.get("mac")}:
            raise ObjectTampered(diagnosis="E3", oid=oid)
        return metadata

    def renew_sidecar(self, stored: StoredObject, sealed: Mapping[str, object]) -> bool:
        """Write the recovery copy again unless it says exactly these facts; what it held of metadata is kept.

        Takes: `sealed`, the business metadata in case the old copy is absent or not to be believed.
        Returns: whether it was written.
        Raises: as `record`.
        """
        oid = stored.data_key.oid
        secret = self._data_secret(stored.scope_key, stored.data_key)
        try:
            self.check_sidecar(stored)
        except (KeyRefused, ObjectTampered, ObjectNotFound):
            try:
                kept = self._sidecar_metadata(secret, read_sidecar(self._backend.get(names.sidecar(oid)), oid))
            except (KeyRefused, ObjectTampered, ObjectNotFound):
                kept = dict(sealed)
            self._record(stored, secret, kept)
            return True
        return False

    def renew_wrap(self, stored: StoredObject, sealed: Mapping[str, object]) -> bool:
        """Write the recovery copy again if it keeps another wrap of the key and says the same in all else, or is absent.

        For after a scope key was rotated. A copy that differs in more is evidence, and is left as it is.
        Takes: `sealed`, the business metadata in case the copy is absent.
        Returns: whether it was written.
        Raises: ObjectTampered (E2 altered, E3 of another state, E5 metadata); KeyRefused (E1); as `record`.
        """
        oid = stored.data_key.oid
        secret = self._data_secret(stored.scope_key, stored.data_key)
        try:
            untrusted = read_sidecar(self._backend.get(names.sidecar(oid)), oid)
        except ObjectNotFound:
            self._record(stored, secret, sealed)
            return True
        metadata = self._sidecar_metadata(secret, untrusted)
        wanted = sidecar_facts(stored, untrusted.metadata)
        differs = {name for name, value in wanted.items() if untrusted.facts.get(name) != value}
        if not differs:
            return False
        if not differs <= {"sk_id", "wrapped_key"}:
            raise ObjectTampered(diagnosis="E3", oid=oid)
        self._record(stored, secret, metadata)
        return True

    def _sidecar_metadata(self, secret: SecretKey, untrusted: UntrustedSidecar) -> dict[str, object]:
        keyring.check_manifest(secret, untrusted.data_key.oid, untrusted.facts)
        return keyring.open_metadata(secret, untrusted.data_key.oid, untrusted.metadata)

    def recover(self, scope_key: ScopeKey, oid: str) -> tuple[StoredObject, dict[str, object]]:
        """The facts of an object from its sidecar, after the database was lost; never used while serving.

        Returns: the object and its business metadata, believed only since unwrap, commitment and HMAC all hold.
        Raises: KeyRefused (E1), ObjectTampered (E2, E3), ObjectNotFound, KeyUnavailable, BackendUnavailable.
        """
        untrusted = read_sidecar(self._backend.get(names.sidecar(names.checked_oid(oid))), oid)
        secret = self._data_secret(scope_key, untrusted.data_key)
        metadata = self._sidecar_metadata(secret, untrusted)
        parts = tuple(
            Part(
                index=index,
                key=self._found(oid, str(untrusted.facts["layout"]), index, header),
                header=header,
                sha256=digest,
                plain_bytes=plain_bytes,
                sealed_bytes=self._geometry.sealed_bytes(plain_bytes),
            )
            for index, (header, digest, plain_bytes) in enumerate(untrusted.parts)
        )
        return StoredObject(scope_key, untrusted.data_key, parts, Layout(str(untrusted.facts["layout"]))), metadata

    def _found(self, oid: str, layout: str, index: int, header: bytes) -> str:
        if layout == Layout.WHOLE:
            return names.document(oid)
        if layout == Layout.PARTS:
            return names.document_part(oid, index)
        for head in self._backend.list(f"{names.staged_prefix(oid)}{index}."):
            if self._backend.get(head.key, 0, len(header)) == header:
                return head.key
        raise ObjectNotFound(oid=oid, part=index)

    def release(
        self, stored: StoredObject, *, metadata: Mapping[str, str], sealed: Mapping[str, object]
    ) -> StoredObject:
        """Bring a verified object from staging to documents, without its bytes passing through us where the store can.

        Safe to repeat after any interruption: a finished earlier attempt is recognised and kept. The staged blobs stay
        until the caller has committed the answer and discards them.
        Takes: `metadata`, ASCII and not personal, kept beside the object; `sealed`, the business metadata for the
        sidecar.
        Returns: the object as it lies now, layout *whole* or *parts*.
        Raises: as `open`, and ObjectTampered (E3, E4), ObjectNotFound, BackendUnavailable, StorageFull.
        """
        check_shape(stored, self._geometry)
        secret = self._data_secret(stored.scope_key, stored.data_key)
        described = {**metadata, **_description(stored.data_key)}
        self._record(stored, secret, sealed)
        released = self._released(stored, described)
        try:
            self._reader(released, secret).check_headers()
        except ObjectTampered:
            if stored.layout != Layout.STAGED:
                raise
            # The store once copied something else there. What is staged is whole, so it is brought over anew.
            released = self._released(stored, described, anew=True)
            self._reader(released, secret).check_headers()
        self._record(released, secret, sealed)
        return released

    def _released(self, stored: StoredObject, described: Mapping[str, str], *, anew: bool = False) -> StoredObject:
        if stored.layout == Layout.PARTS:
            return stored
        data_key = stored.data_key
        target = names.document(data_key.oid)
        whole = replace(stored, layout=Layout.WHOLE, parts=tuple(replace(part, key=target) for part in stored.parts))
        size_bytes = self._geometry.stored_bytes(data_key.total_bytes)
        if stored.layout == Layout.WHOLE or (not anew and self._lies(target, size_bytes, described)):
            return whole
        backend = self._backend
        if isinstance(backend, Composes) and all(
            part.sealed_bytes >= backend.compose_minimum_bytes for part in stored.parts[:-1]
        ):
            try:
                backend.compose(target, [part.key for part in stored.parts], described)
            except ComposeRefused:
                return self._copied(stored, described, anew=anew)
            if not self._lies(target, size_bytes, described):
                raise BackendUnavailable("The store joined the parts but does not show the whole object.", key=target)
            return whole
        return self._copied(stored, described, anew=anew)

    def _copied(self, stored: StoredObject, described: Mapping[str, str], *, anew: bool) -> StoredObject:
        placed: list[Part] = []
        for part in stored.parts:
            target = names.document_part(stored.data_key.oid, part.index)
            if anew or not self._lies(target, part.sealed_bytes, described):
                if isinstance(self._backend, Copies):
                    self._backend.copy(part.key, target, described)
                else:
                    self._backend.put(target, self._backend.get(part.key), metadata=described, sha256=part.sha256)
            placed.append(replace(part, key=target))
        return replace(stored, layout=Layout.PARTS, parts=tuple(placed))

    def _lies(self, key: str, size_bytes: int, described: Mapping[str, str]) -> bool:
        try:
            head = self._backend.head(key)
        except ObjectNotFound:
            return False
        return head.size_bytes == size_bytes and dict(head.metadata) == dict(described)

    def shred(self, stored: StoredObject) -> None:
        """Delete every blob of an object, sidecar first, old versions included where the store keeps them; safe to
        repeat.

        The caller deletes the wrapped data key first; without it what backups hold is noise.
        Raises: BackendUnavailable if a listing afterwards still shows any.
        """
        oid = names.checked_oid(stored.data_key.oid)
        forget = self._backend.purge if isinstance(self._backend, Purges) else self._backend.delete
        places = (names.sidecar(oid), names.document(oid), names.staged_prefix(oid))
        known = [names.sidecar(oid), *(part.key for part in stored.parts)]
        listed = [head.key for place in places for head in self._backend.list(place)]
        for key in dict.fromkeys([*known, *listed]):
            forget(key)
        if any(True for place in places for _ in self._backend.list(place)):
            raise BackendUnavailable("Something of a shredded object is still listed.", oid=oid)


def _description(data_key: DataKey) -> dict[str, str]:
    return {
        "sdr": "1",
        "suite": data_key.suite,
        "oid": data_key.oid,
        "sk_id": data_key.sk_id,
        "len": str(data_key.total_bytes),
        "commit": data_key.commitment.hex(),
    }
