"""Scope keys: made and wrapped anew by the key provider, and remembered for a while so that reading outlives it."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from storage import keyring
from storage.facts import ScopeKey
from storage.keyring import SecretKey
from storage.keys.provider import KeyProvider
from storage.streaming import Random

SERVICE = "nea-storage"
CACHE_SECONDS = 300.0
CONFIRMED_SECONDS = 10.0
"""A key service that went away is noticed this late by who wants to begin a new object; reading goes on from memory."""
CACHE_ENTRIES = 10_000


class ScopeKeys:
    """Scope keys under one provider. Safe to call from several threads."""

    def __init__(self, provider: KeyProvider, random: Random, clock: Callable[[], float]) -> None:
        """Takes: `clock`, monotonic seconds."""
        self.provider = provider
        self._random = random
        self._clock = clock
        self._cache: OrderedDict[str, tuple[ScopeKey, SecretKey, float]] = OrderedDict()
        self._lock = threading.Lock()

    def make(self, scope: str) -> ScopeKey:
        """A fresh key for a scope, wrapped.

        Raises: KeyUnavailable.
        """
        key = keyring.new_key(self._random)
        sk_id = str(uuid.UUID(bytes=self._random(16), version=4))
        kid = self.provider.current()
        made = ScopeKey(sk_id, scope, kid, self.provider.wrap(key, _context(scope, sk_id)))
        self._remember(made, key)
        return made

    def rewrap(self, scope_key: ScopeKey) -> ScopeKey:
        """The same key under the provider's current version.

        Raises: KeyRefused, KeyUnavailable.
        """
        key = self._unwrap(scope_key)
        # Asked before it wraps: a version made in between is then the one that wraps, and the row is only wrapped again.
        kid = self.provider.current()
        return replace(scope_key, kid=kid, blob=self.provider.wrap(key, _context(scope_key.scope, scope_key.sk_id)))

    def secret(self, scope_key: ScopeKey) -> SecretKey:
        """The key itself, from memory if the provider opened this very record in the last five minutes.

        Raises: KeyRefused, KeyUnavailable.
        """
        with self._lock:
            held = self._cache.get(scope_key.sk_id)
            # The whole record is compared, so that a swapped row is refused even while the right one is remembered.
            if held is not None and held[0] == scope_key and self._clock() < held[2] + CACHE_SECONDS:
                return held[1]
            self._cache.pop(scope_key.sk_id, None)
        key = self._unwrap(scope_key)
        self._remember(scope_key, key)
        return key

    def at_hand(self, scope_key: ScopeKey) -> bool:
        """Whether the provider opened this very record moments ago, so that new objects may begin under it."""
        with self._lock:
            held = self._cache.get(scope_key.sk_id)
        return held is not None and held[0] == scope_key and self._clock() < held[2] + CONFIRMED_SECONDS

    def confirm(self, scope_key: ScopeKey) -> None:
        """Ask the provider for a key, remembered or not.

        Raises: KeyRefused, KeyUnavailable.
        """
        self._remember(scope_key, self._unwrap(scope_key))

    def forget(self) -> None:
        """Remember nothing any more."""
        with self._lock:
            self._cache.clear()

    def _unwrap(self, scope_key: ScopeKey) -> SecretKey:
        return self.provider.unwrap(scope_key.blob, _context(scope_key.scope, scope_key.sk_id))

    def _remember(self, scope_key: ScopeKey, key: SecretKey) -> None:
        with self._lock:
            self._cache[scope_key.sk_id] = (scope_key, key, self._clock())
            self._cache.move_to_end(scope_key.sk_id)
            while len(self._cache) > CACHE_ENTRIES:
                self._cache.popitem(last=False)


def _context(scope: str, sk_id: str) -> dict[str, str]:
    return {"svc": SERVICE, "scope": scope, "sk_id": sk_id, "v": "1"}
