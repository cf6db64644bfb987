"""A passkey in software, which can also be told to lie: what a browser and a device send, made with the key's own hands."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import sha256, websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

FLAG = AuthenticatorData.FLAG
ORIGIN = "http://localhost:18300"


@dataclass
class Authenticator:
    """A device with one passkey. What it says can be changed before it answers."""

    origin: str = ORIGIN
    counts: bool = True
    flags: int = FLAG.UP | FLAG.UV
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: uuid4().bytes)
    counter: int = 0
    user_handle: bytes | None = None

    def make(self, options: dict[str, Any], **lies: Any) -> str:
        """Answer `navigator.credentials.create`."""
        self.user_handle = websafe_decode(options["user"]["id"])
        public = ES256.from_cryptography_key(self.key.public_key())
        public = lies.get("public_key", public)
        data = AttestedCredentialData.create(Aaguid.NONE, self.credential_id, public)
        told = AuthenticatorData.create(
            sha256(lies.get("host", options["rp"]["id"]).encode()), self.flags | FLAG.AT, self._count(), data
        )
        client = self._client("webauthn.create", options, lies)
        attestation = AttestationObject.create("none", told, {})
        return self._sent(
            {
                "clientDataJSON": websafe_encode(client),
                "attestationObject": websafe_encode(attestation),
                "transports": ["internal", "no such thing", 7],
            }
        )

    def answer(self, options: dict[str, Any], **lies: Any) -> str:
        """Answer `navigator.credentials.get`."""
        counter = lies["counter"] if "counter" in lies else self._count()
        told = AuthenticatorData.create(sha256(lies.get("host", options["rpId"]).encode()), self.flags, counter)
        client = self._client("webauthn.get", options, lies)
        signature = self.key.sign(bytes(told) + sha256(client), ec.ECDSA(hashes.SHA256()))
        handle = lies.get("user_handle", self.user_handle)
        return self._sent(
            {
                "clientDataJSON": websafe_encode(client),
                "authenticatorData": websafe_encode(told),
                "signature": websafe_encode(signature),
                **({} if handle is None else {"userHandle": websafe_encode(handle)}),
            }
        )

    def _count(self) -> int:
        self.counter += self.counts
        return self.counter

    def _client(self, kind: str, options: dict[str, Any], lies: dict[str, Any]) -> bytes:
        return bytes(
            CollectedClientData.create(
                lies.get("kind", kind),
                lies.get("challenge", websafe_decode(options["challenge"])),
                lies.get("origin", self.origin),
                lies.get("cross_origin", False),
            )
        )

    def _sent(self, response: dict[str, Any]) -> str:
        identity = websafe_encode(self.credential_id)
        return json.dumps(
            {
                "id": identity,
                "rawId": identity,
                "type": "public-key",
                "clientExtensionResults": {},
                "response": response,
            }
        )
