"""A double of the transit engine's HTTP interface, written from its documentation: it is no Vault and no OpenBao.

It keeps the contract that `storage.keys.transit` relies on: versions of one key, AES-256-GCM with associated data,
`min_decryption_version`, tokens, and the status codes of refusals. What it cannot show is named in infra/docs/keys.md.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Refusal(Exception):
    """A status and what the engine says about it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Transit:
    """The engine's state, and the address it answers at."""

    key: str = "nea-root"
    token: str = "a-token-of-tests"
    address: str = ""
    sealed: bool = False
    versions: list[bytes] = field(default_factory=lambda: [os.urandom(32)])
    min_decryption_version: int = 1
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, token: str, asked: dict[str, Any]) -> dict[str, Any] | None:
        """What the engine answers; None is an answer without a body."""
        if self.sealed:
            raise Refusal(503, "Vault is sealed")
        if token != self.token:
            raise Refusal(403, "permission denied")
        with self.lock:
            match (method, path.removeprefix("/v1/transit/").split("/")):
                case ("GET", ["keys", self.key]):
                    return {"latest_version": len(self.versions), "type": "aes256-gcm96", "name": self.key}
                case ("POST", ["keys", self.key, "rotate"]):
                    self.versions.append(os.urandom(32))
                    return None
                case ("POST", ["keys", self.key, "config"]):
                    self.min_decryption_version = int(asked["min_decryption_version"])
                    return None
                case ("POST", ["encrypt", self.key]):
                    return self._encrypt(asked)
                case ("POST", ["decrypt", self.key]):
                    return self._decrypt(asked)
        raise Refusal(404, "no handler for route")

    def _encrypt(self, asked: dict[str, Any]) -> dict[str, Any]:
        version = int(asked.get("key_version") or len(self.versions))
        if not 1 <= version <= len(self.versions):
            raise Refusal(400, "requested version for encryption is greater than the latest key version")
        nonce = os.urandom(12)
        aad = base64.b64decode(asked.get("associated_data", ""))
        sealed = nonce + AESGCM(self.versions[version - 1]).encrypt(nonce, base64.b64decode(asked["plaintext"]), aad)
        return {"ciphertext": f"vault:v{version}:{base64.b64encode(sealed).decode()}", "key_version": version}

    def _decrypt(self, asked: dict[str, Any]) -> dict[str, Any]:
        parts = str(asked["ciphertext"]).split(":")
        if len(parts) != 3 or parts[0] != "vault" or not parts[1][1:].isdigit():
            raise Refusal(400, "invalid ciphertext: no prefix")
        version = int(parts[1][1:])
        if version > len(self.versions):
            raise Refusal(400, "invalid ciphertext: version is too new")
        if version < self.min_decryption_version:
            raise Refusal(400, "ciphertext or signature version is disallowed by policy (too old)")
        try:
            sealed = base64.b64decode(parts[2], validate=True)
            aad = base64.b64decode(asked.get("associated_data", ""))
            plain = AESGCM(self.versions[version - 1]).decrypt(sealed[:12], sealed[12:], aad)
        except (ValueError, InvalidTag):
            raise Refusal(400, "cipher: message authentication failed") from None
        return {"plaintext": base64.b64encode(plain).decode()}


@contextmanager
def running_transit() -> Iterator[Transit]:
    """Answer on a free loopback port until the end."""
    engine = Transit()

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            asked = json.loads(self.rfile.read(length) or b"{}")
            try:
                data = engine.answer(self.command, self.path, self.headers.get("X-Vault-Token", ""), asked)
                status, body = (204, b"") if data is None else (200, json.dumps({"data": data}).encode())
            except Refusal as refusal:
                status, body = refusal.status, json.dumps({"errors": [str(refusal)]}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _reply  # noqa: N815

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    engine.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield engine
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
