"""A key provider in a PKCS#11 token (a hardware security module): AES-GCM in the token, keys that cannot be taken out.

A version of the root key is an AES-256 key in the token, labelled `<label>-<number>`; the highest number wraps. The
nonce is made by us, since tokens differ in whether they make it; the token authenticates context and version.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.mechanisms import GCMParams

from storage.errors import KeyRefused, KeyUnavailable, StorageError
from storage.keyring import KEY_BYTES, NONCE_BYTES, SecretKey
from storage.keys.provider import associated_data, framed, unframed
from storage.streaming import Random

T = TypeVar("T")
TAG_BITS = 128
_ALTERED = (
    pkcs11.exceptions.EncryptedDataInvalid,
    pkcs11.exceptions.EncryptedDataLenRange,
    pkcs11.exceptions.DataInvalid,
    pkcs11.exceptions.DataLenRange,
    pkcs11.exceptions.SignatureInvalid,
)
_WORN_OUT = (
    pkcs11.exceptions.SessionHandleInvalid,
    pkcs11.exceptions.SessionClosed,
    pkcs11.exceptions.UserNotLoggedIn,
    pkcs11.exceptions.ObjectHandleInvalid,
    pkcs11.exceptions.KeyHandleInvalid,
)


class _NotSeen(Exception):
    """A search found no such key: it is not there, or the session lost its login, which a token does not tell apart."""

    def __init__(self, fact: StorageError) -> None:
        super().__init__(fact.detail)
        self.fact = fact


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Which token holds the root keys, and how it is opened."""

    module: Path
    token: str
    label: str
    pin: str = field(repr=False)


class TokenProvider:
    """Wraps scope keys by AES-256-GCM inside a token. One session, used by one thread at a time."""

    def __init__(self, settings: TokenSettings, *, random: Random = os.urandom) -> None:
        """Nothing is opened yet."""
        self._settings = settings
        self._random = random
        self._lock = threading.Lock()
        self._session: Any = None
        self._pin_refused = False

    def __repr__(self) -> str:
        return f"TokenProvider({self._settings.token!r}, {self._settings.label!r})"

    def current(self) -> str:
        """The label of the highest version.

        Raises: KeyUnavailable, also if the token holds none yet.
        """
        return self._done(self._newest)

    def versions(self) -> tuple[str, ...]:
        """The labels of every version in the token, oldest first."""
        return self._done(self._labels)

    def wrap(self, key: SecretKey, context: Mapping[str, str]) -> bytes:
        """The key under the highest version: frame, nonce, ciphertext and tag.

        Raises: KeyUnavailable.
        """
        return self._done(partial(self._wrapped, key, context))

    def unwrap(self, blob: bytes, context: Mapping[str, str]) -> SecretKey:
        """The key back.

        Raises: KeyRefused (E1), KeyUnavailable.
        """
        kid, sealed = unframed(blob)
        if self._number(kid) is None or len(sealed) != NONCE_BYTES + KEY_BYTES + TAG_BITS // 8:
            raise KeyRefused(diagnosis="E1", level="root")
        return self._done(partial(self._unwrapped, kid, sealed, context))

    def rotate(self) -> str:
        """Make a key in the token, the first if there is none, that can be used there and never be read.

        Raises: KeyUnavailable.
        """
        return self._done(self._made)

    def retire(self, kid: str) -> None:
        """Destroy a version in the token.

        Raises: KeyRefused if it is the highest one or not there; KeyUnavailable.
        """
        self._done(partial(self._destroyed, kid))

    def _newest(self, session: Any) -> str:
        labels = self._labels(session)
        if not labels:
            raise _NotSeen(
                KeyUnavailable(
                    f"The token {self._settings.token!r} holds no key labelled {self._settings.label}-1 yet. "
                    "Make the first with `nea keys rotate-root`."
                )
            )
        return labels[-1]

    def _wrapped(self, key: SecretKey, context: Mapping[str, str], session: Any) -> bytes:
        kid = self._newest(session)
        nonce = self._random(NONCE_BYTES)
        sealed = self._key(session, kid).encrypt(
            key.reveal(),
            mechanism=Mechanism.AES_GCM,
            mechanism_param=GCMParams(nonce, associated_data(kid, context), TAG_BITS),
        )
        return framed(kid, nonce + bytes(sealed))

    def _unwrapped(self, kid: str, sealed: bytes, context: Mapping[str, str], session: Any) -> SecretKey:
        held = self._key(session, kid)
        params = GCMParams(sealed[:NONCE_BYTES], associated_data(kid, context), TAG_BITS)
        try:
            plain = held.decrypt(sealed[NONCE_BYTES:], mechanism=Mechanism.AES_GCM, mechanism_param=params)
        except _ALTERED:
            raise KeyRefused(diagnosis="E1", level="root") from None
        except pkcs11.exceptions.GeneralError:
            # Some tokens answer a wrong tag so. Whether it was one, a wrap of our own under the same key tells.
            self._proven(held)
            raise KeyRefused(diagnosis="E1", level="root") from None
        return SecretKey(bytes(plain))

    def _proven(self, held: Any) -> None:
        params = GCMParams(self._random(NONCE_BYTES), b"", TAG_BITS)
        sealed = held.encrypt(bytes(KEY_BYTES), mechanism=Mechanism.AES_GCM, mechanism_param=params)
        held.decrypt(sealed, mechanism=Mechanism.AES_GCM, mechanism_param=params)

    def _made(self, session: Any) -> str:
        labels = self._labels(session)
        kid = f"{self._settings.label}-{(self._number(labels[-1]) or 0) + 1 if labels else 1}"
        made = session.generate_key(
            KeyType.AES,
            KEY_BYTES * 8,
            label=kid,
            store=True,
            template={
                Attribute.SENSITIVE: True,
                Attribute.EXTRACTABLE: False,
                Attribute.ENCRYPT: True,
                Attribute.DECRYPT: True,
                Attribute.WRAP: False,
                Attribute.UNWRAP: False,
                Attribute.SIGN: False,
                Attribute.VERIFY: False,
                Attribute.DERIVE: False,
            },
        )
        if len(self._labelled(session, kid)) != 1:  # two of one label would leave open which of them wrapped
            made.destroy()
            raise KeyUnavailable("Another process made a version of the root key in this moment. Repeat the command.")
        return kid

    def _destroyed(self, kid: str, session: Any) -> None:
        labels = self._labels(session)
        if kid not in labels or kid == labels[-1]:
            raise KeyRefused("Only an older version of the root key can be retired.")
        self._key(session, kid).destroy()

    def _number(self, label: str) -> int | None:
        match = re.fullmatch(re.escape(self._settings.label) + r"-([1-9][0-9]{0,5})", label)
        return int(match[1]) if match else None

    def _labels(self, session: Any) -> tuple[str, ...]:
        found = session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES})
        numbers = {self._number(key.label): key.label for key in found}
        return tuple(numbers[number] for number in sorted(number for number in numbers if number is not None))

    def _labelled(self, session: Any, kid: str) -> list[Any]:
        return list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: kid}))

    def _key(self, session: Any, kid: str) -> Any:
        found = self._labelled(session, kid)
        if len(found) != 1:
            gone = "The root key that wrapped this key is not in the token."
            raise _NotSeen(KeyRefused(gone, diagnosis="E1", level="root", found=len(found)))
        return found[0]

    def _done(self, work: Callable[[Any], T]) -> T:
        with self._lock, _as_unavailable():
            # Twice anew: what still refers to a lost session ends, when it dies, a newer one of the same number.
            for _ in range(2):
                try:
                    return work(self._opened())
                except (*_WORN_OUT, _NotSeen):
                    self._close()
            try:
                return work(self._opened())
            except _NotSeen as missing:
                raise missing.fact from None

    def _opened(self) -> Any:
        if self._pin_refused:  # tokens lock themselves after a few wrong PINs, so it is offered once
            raise KeyUnavailable("The token refused the PIN. Correct it, then start again.")
        if self._session is None:
            settings = self._settings
            module = pkcs11.lib(str(settings.module))
            module.initialize()
            token = module.get_token(token_label=settings.token)
            try:
                self._session = token.open(rw=True, user_pin=settings.pin)
            except pkcs11.exceptions.UserAlreadyLoggedIn:  # by another session of this process, which is as good
                self._session = token.open(rw=True)
            except pkcs11.exceptions.PinIncorrect:
                self._pin_refused = True
                raise
        return self._session

    def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            try:
                session.close()
            except pkcs11.exceptions.PKCS11Error:
                return


@contextmanager
def _as_unavailable() -> Iterator[None]:
    try:
        yield
    except pkcs11.exceptions.PinIncorrect as error:
        raise KeyUnavailable("The token refuses the PIN.") from error
    except pkcs11.exceptions.NoSuchToken as error:
        raise KeyUnavailable("There is no token of that label. Check the module and the label.") from error
    except (pkcs11.exceptions.PKCS11Error, RuntimeError, OSError) as error:
        raise KeyUnavailable(cause=type(error).__name__) from error
