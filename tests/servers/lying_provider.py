"""An identity provider inside the test's own process: right in everything, until a test makes it lie.

It signs with joserfc, which the service checks with, and, where a token must be wrong in a way that a library would not
make, by hand.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jws, jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

CLIENT_ID = "nea-repository"
SECRET = "a secret of tests: / + %"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@cache
def signing_key(kind: str, kid: str) -> Key:
    """A key of a kind, made once for each name."""
    parameters: Any = {"kid": kid, "use": "sig"}
    if kind == "RSA":
        return RSAKey.generate_key(2048, parameters)
    return ECKey.generate_key("P-256", parameters) if kind == "EC" else OKPKey.generate_key("Ed25519", parameters)


KINDS = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP", "Ed25519": "OKP", "RS512": "RSA"}


class _Anything(JWSRegistry):
    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


@dataclass
class LyingProvider:
    """The provider, and everything that a test may make it say."""

    clock: Callable[[], datetime]
    address: str = ""
    subject: str = "subject-1"
    claims: dict[str, Any] = field(default_factory=dict)
    """Added to every ID token, in the place of what would stand there; None takes a claim away."""
    algorithm: str = "RS256"
    kid: str = "key-1"
    header: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    keys: list[dict[str, Any]] | None = None
    token_answer: Callable[[dict[str, Any]], web.StreamResponse | dict[str, Any]] | None = None
    forge: Callable[[dict[str, Any]], str] | None = None
    """Makes the ID token in the place of the right way."""
    delays: dict[str, float] = field(default_factory=dict)
    answers: dict[str, Callable[[], web.StreamResponse]] = field(default_factory=dict)
    """Whole answers of a path in the place of the right ones."""
    asked: list[str] = field(default_factory=list)
    _codes: dict[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def public_keys(self) -> list[dict[str, Any]]:
        if self.keys is not None:
            return self.keys
        return [dict(signing_key(KINDS.get(self.algorithm, "RSA"), "key-1").as_dict(private=False))]

    def code_for(self, location: str) -> tuple[str, dict[str, str]]:
        """Sign in, as a browser that was sent to `location` would; returns the code and what was asked."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert asked["code_challenge_method"] == "S256"
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return code, asked

    def id_claims(self, nonce: str) -> dict[str, Any]:
        now = int(self.clock().timestamp())
        claims = {
            "iss": self.address,
            "sub": self.subject,
            "aud": CLIENT_ID,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            "name": "Robin Rehearsal",
        } | self.claims
        return {name: value for name, value in claims.items() if value is not None}

    def sign(self, claims: dict[str, Any], *, typ: str = "JWT", key: Key | None = None) -> str:
        header = {"alg": self.algorithm, "kid": self.kid, "typ": typ} | self.header
        header = {name: value for name, value in header.items() if value is not None}
        key = key or signing_key(KINDS[self.algorithm], "key-1")
        return jwt.encode(header, claims, key, registry=_Anything(strict_check_header=False), default_type=None)

    def sign_bytes(self, payload: bytes) -> str:
        """Sign what is no table of claims."""
        header = {"alg": self.algorithm, "kid": self.kid}
        return jws.serialize_compact(header, payload, signing_key(KINDS[self.algorithm], "key-1"), registry=_Anything())

    def logout_token(self, *, typ: str = "logout+jwt", key: Key | None = None, **changes: Any) -> str:
        now = int(self.clock().timestamp())
        claims = {
            "iss": self.address,
            "sub": self.subject,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 120,
            "jti": secrets.token_urlsafe(8),
            "events": {LOGOUT_EVENT: {}},
        } | changes
        return self.sign({name: value for name, value in claims.items() if value is not None}, typ=typ, key=key)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        await asyncio.sleep(self.delays.get(request.path, 0))
        if request.path in self.answers:
            return self.answers[request.path]()
        if request.path == "/.well-known/openid-configuration":
            return web.json_response(
                {
                    "issuer": self.address,
                    "authorization_endpoint": f"{self.address}/authorize",
                    "token_endpoint": f"{self.address}/token",
                    "jwks_uri": f"{self.address}/keys",
                    "end_session_endpoint": f"{self.address}/end",
                    "authorization_response_iss_parameter_supported": True,
                }
                | self.metadata
            )
        if request.path == "/keys":
            return web.json_response({"keys": self.public_keys})
        if request.path == "/token":
            return self._token(request, dict(await request.post()))
        raise web.HTTPNotFound

    def _token(self, request: web.Request, form: dict[str, Any]) -> web.StreamResponse:
        basic = base64.b64encode(b"nea-repository:a+secret+of+tests%3A+%2F+%2B+%25").decode()
        if request.headers.get("Authorization") != f"Basic {basic}":
            return web.json_response({"error": "invalid_client"}, status=401)
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if (
            asked is None
            or not hmac.compare_digest(asked["code_challenge"].encode(), challenge)
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        claims = self.id_claims(asked["nonce"])
        token = self.forge(claims) if self.forge else self.sign(claims)
        answer: dict[str, Any] = {"access_token": "not used", "token_type": "Bearer", "id_token": token}
        if self.token_answer is not None:
            changed = self.token_answer(answer)
            if not isinstance(changed, dict):
                return changed
            answer = changed
        return web.json_response(answer)


def by_hand(header: object, claims: object, signature: bytes = b"") -> str:
    """A token as no library would make it."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@asynccontextmanager
async def running_liar(clock: Callable[[], datetime]) -> AsyncIterator[LyingProvider]:
    """Answer on a free loopback port until the end."""
    liar = LyingProvider(clock)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", liar._answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    liar.address = f"http://127.0.0.1:{server.port}"
    try:
        yield liar
    finally:
        await server.close()
