"""A key provider in the transit engine of HashiCorp Vault or OpenBao: root keys that never leave the service.

Called *transit* here, since `Vault` is our own class. The key must be of an authenticated type that takes associated
data, such as `aes256-gcm96`. The token is read anew for every request, as an agent beside us renews it in its file.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from storage.errors import KeyRefused, KeyUnavailable
from storage.keyring import KEY_BYTES, SecretKey
from storage.keys.provider import associated_data, framed, unframed
from storage.s3 import checked_endpoint

TIMEOUT_SECONDS = 10.0
ANSWER_LIMIT_BYTES = 1024 * 1024
_OK = frozenset({200, 204})
_REFUSED = 400
_FORBIDDEN = 403
_UNKNOWN = 404
_CIPHERTEXT = re.compile(r"vault:v([1-9][0-9]{0,8}):[A-Za-z0-9+/=]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class TransitSettings:
    """Where the service is. `token` gives the present token; it is asked before every request."""

    address: str
    key: str
    token: Callable[[], str]
    mount: str = "transit"
    namespace: str = ""
    ca_file: Path | None = None


class TransitProvider:
    """Wraps scope keys by transit encryption, with context and version as associated data."""

    def __init__(self, settings: TransitSettings) -> None:
        """Nothing is sent yet.

        Raises: EndpointInsecure unless the address is https, or http to this machine; KeyUnavailable for a file of
        certificates that cannot be read.
        """
        parts = urlsplit(checked_endpoint(settings.address))
        self._settings = settings
        self._host, self._port = parts.hostname or "", parts.port
        self._root = f"{parts.path}/v1/{quote(settings.mount)}"
        self._tls: ssl.SSLContext | None = None
        if parts.scheme == "https":
            try:
                self._tls = ssl.create_default_context(cafile=settings.ca_file)
            except OSError as error:
                raise KeyUnavailable("The certificates of the key service cannot be read.") from error

    def __repr__(self) -> str:
        return f"TransitProvider({self._settings.address!r}, {self._settings.key!r})"

    def current(self) -> str:
        """The name and newest version of the key."""
        return self._kid(self._latest())

    def wrap(self, key: SecretKey, context: Mapping[str, str]) -> bytes:
        """The key as the service encrypted it under the newest version, behind the id of that version."""
        version = self._latest()
        kid = self._kid(version)
        asked = {
            "plaintext": base64.b64encode(key.reveal()).decode("ascii"),
            "associated_data": base64.b64encode(associated_data(kid, context)).decode("ascii"),
            "key_version": version,
        }
        text = str(self._told("POST", "encrypt", asked).get("ciphertext", ""))
        if _version(text) != version:
            raise KeyUnavailable("The key service did not answer with a ciphertext of the version it was asked for.")
        return framed(kid, text.encode("ascii"))

    def unwrap(self, blob: bytes, context: Mapping[str, str]) -> SecretKey:
        """The key back.

        Raises: KeyRefused (E1), KeyUnavailable.
        """
        kid, sealed = unframed(blob)
        text = sealed.decode("ascii", "replace")
        version = _version(text)
        if version is None or kid != self._kid(version):
            raise KeyRefused(diagnosis="E1", level="root")
        asked = {
            "ciphertext": text,
            "associated_data": base64.b64encode(associated_data(kid, context)).decode("ascii"),
        }
        answer = self._told("POST", "decrypt", asked, refusals=True)
        try:
            plain = base64.b64decode(str(answer["plaintext"]), validate=True)
        except (KeyError, ValueError):
            raise KeyUnavailable("The key service did not answer with a key.") from None
        if len(plain) != KEY_BYTES:
            raise KeyRefused(diagnosis="E1", level="root")
        return SecretKey(plain)

    def rotate(self) -> str:
        """Let the service make a new version of the key."""
        before = self._latest()
        self._asked("POST", f"keys/{quote(self._settings.key)}/rotate", {})
        after = self._latest()
        if after <= before:
            raise KeyUnavailable("The key service did not make a new version.")
        return self._kid(after)

    def retire(self, kid: str) -> None:
        """Let the service refuse this version and every older one.

        Raises: KeyRefused if it is the newest one or not a version of this key; KeyUnavailable.
        """
        name, _, number = kid.rpartition(":")
        newest = self._latest()
        if name != self._settings.key or not number.isdigit() or not 0 < int(number) < newest:
            raise KeyRefused("Only an older version of the root key can be retired.")
        wanted = {"min_decryption_version": int(number) + 1}
        self._asked("POST", f"keys/{quote(self._settings.key)}/config", wanted)

    def _kid(self, version: int) -> str:
        return f"{self._settings.key}:{version}"

    def _latest(self) -> int:
        answer = self._asked("GET", f"keys/{quote(self._settings.key)}", None)
        version = answer.get("latest_version")
        if not isinstance(version, int) or version < 1:
            raise KeyUnavailable("The key service did not answer properly.")
        return version

    def _told(self, method: str, verb: str, asked: Mapping[str, object], *, refusals: bool = False) -> dict[str, Any]:
        return self._asked(method, f"{verb}/{quote(self._settings.key)}", asked, refusals=refusals)

    def _asked(
        self, method: str, path: str, asked: Mapping[str, object] | None, *, refusals: bool = False
    ) -> dict[str, Any]:
        headers = {"X-Vault-Token": self._settings.token(), "X-Vault-Request": "true"}
        if self._settings.namespace:
            headers["X-Vault-Namespace"] = self._settings.namespace
        body = None if asked is None else json.dumps(asked).encode("ascii")
        try:
            status, answered = self._sent(method, f"{self._root}/{path}", headers, body)
        except (OSError, http.client.HTTPException) as error:
            raise KeyUnavailable(cause=type(error).__name__) from error
        if status in _OK:
            return _data(answered)
        if refusals and status == _REFUSED:
            raise KeyRefused(diagnosis="E1", level="root")
        if status == _FORBIDDEN:
            raise KeyUnavailable("The key service refuses our token. Check its file and its policy.", status=status)
        if status == _UNKNOWN:
            raise KeyUnavailable("The key service does not know the root key. Check its name and the mount.")
        raise KeyUnavailable(status=status)

    def _sent(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> tuple[int, bytes]:
        connection: http.client.HTTPConnection
        if self._tls is None:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        else:
            connection = http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT_SECONDS, context=self._tls)
        try:
            connection.request(method, path, body=body, headers=dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read(ANSWER_LIMIT_BYTES)
        finally:
            connection.close()


def _version(ciphertext: str) -> int | None:
    match = _CIPHERTEXT.fullmatch(ciphertext)
    return int(match[1]) if match else None


def _data(answered: bytes) -> dict[str, Any]:
    try:
        data = json.loads(answered)["data"] if answered else {}
    except (ValueError, KeyError, TypeError):
        raise KeyUnavailable("The key service did not answer properly.") from None
    return data if isinstance(data, dict) else {}
