"""Speaks to identity providers: what they say of themselves, their keys, and the exchange of a code for an ID token.

Every answer is bounded in time and size, no redirect is followed, and nothing is asked over plain http but on this machine.
Source: OpenID Connect Discovery 1.0; OpenID Connect Core 1.0, 3.1.3; RFC 7636 (PKCE); RFC 9700 (best practice).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp
from aiohttp import web

from repository import logs
from repository.errors import AttemptOver, ProviderAnswerRefused, ProviderUnavailable
from repository.sign_in.providers import Claims, Issuer, Logout
from repository.sign_in.providers_file import is_fit

if TYPE_CHECKING:
    from repository.sign_in.providers_tokens import Keys

T = TypeVar("T")
ANSWER_LIMIT_BYTES = 256 * 1024
PATIENCE_SECONDS = 10.0
KEPT_SECONDS = 3600
"""So long what a provider says of itself, and its keys, are believed without asking again."""
REFETCH_SECONDS = 60
"""Unknown names of keys make us ask for keys at most so often: forged tokens must not become a flood at the provider."""
AT_ONCE_LIMIT = 20
"""So many questions to one provider are under way at once; further ones are refused rather than queued."""
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a provider says of itself, as far as it is used and was found fit."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None
    says_issuer: bool
    """Whether its answers name their issuer (RFC 9207)."""
    takes_basic: bool


@dataclass(frozen=True, slots=True)
class Question:
    """The secrets of one sign-in at a provider: they are the browser's alone, in its cookie, until the answer comes."""

    state: str
    nonce: str
    verifier: str


class ProviderClient:
    """One identity provider as this service reaches it; what it says is kept for an hour."""

    def __init__(
        self, issuer: Issuer, session: aiohttp.ClientSession, clock: Callable[[], datetime], redirect_uri: str
    ) -> None:
        self.issuer = issuer
        self.redirect_uri = redirect_uri
        self._session = session
        self._clock = clock
        self._lock = asyncio.Lock()
        self._under_way = 0
        self._failures = 0
        self._metadata: tuple[datetime, Metadata] | None = None
        self._keys: tuple[datetime, Keys] | None = None

    async def address_of(self, question: Question, *, afresh: bool = False) -> str:
        """Return where the browser goes to sign in.

        Takes: ``afresh``, whether the person must show who they are even if they are signed in there.
        Raises: ``ProviderUnavailable``, ``ProviderAnswerRefused``.
        """
        metadata = await self.metadata()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(question.verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self.issuer.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(self.issuer.scopes),
            "state": question.state,
            "nonce": question.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        if self.issuer.multi_factor_acr:
            query["acr_values"] = " ".join(sorted(self.issuer.multi_factor_acr))
        if afresh:
            query |= {"prompt": "login", "max_age": "0"}
        joint = "&" if urlsplit(metadata.authorization_endpoint).query else "?"
        return f"{metadata.authorization_endpoint}{joint}{urlencode(query)}"

    async def check_issuer(self, untrusted_issuer: str | None) -> None:
        """Hold the issuer that an answer names against ours: an answer of another provider is a mix-up.

        Source: RFC 9207. Raises: ``ProviderAnswerRefused``.
        """
        if untrusted_issuer is None:
            if (await self.metadata()).says_issuer:
                raise ProviderAnswerRefused("no_issuer")
        elif untrusted_issuer != self.issuer.issuer:
            raise ProviderAnswerRefused("mix_up")

    async def redeem(self, untrusted_code: str, question: Question) -> Claims:
        """Return the claims of the ID token that a code stands for.

        Raises: ``AttemptOver`` for a code that the provider does not take; ``ProviderUnavailable``;
        ``ProviderAnswerRefused`` for a token that does not hold.
        """
        from repository.sign_in import providers_tokens as tokens

        metadata = await self.metadata()
        form = {
            "grant_type": "authorization_code",
            "code": untrusted_code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": question.verifier,
        }
        headers = {}
        if metadata.takes_basic:
            # RFC 6749, 2.3.1: both are form-encoded before they are joined.
            pair = f"{quote_plus(self.issuer.client_id)}:{quote_plus(self.issuer.client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": self.issuer.client_id, "client_secret": self.issuer.client_secret}
        status, answer = await self._ask("POST", metadata.token_endpoint, form=form, headers=headers)
        if status in {400, 401, 403}:
            error = answer.get("error")
            if error == "invalid_grant":
                raise AttemptOver
            logs.write("warning", "identity-provider-refuses-us", source=self.issuer.key, status=status)
            raise ProviderUnavailable
        token = answer.get("id_token")
        if status != 200 or not isinstance(token, str):
            raise ProviderAnswerRefused("no_id_token")
        now = self._clock()
        return await self._with_keys(lambda keys: tokens.check_id_token(self.issuer, keys, token, question.nonce, now))

    async def read_logout(self, untrusted_token: str) -> Logout:
        """Return whose sign-in has ended; raises ``ProviderAnswerRefused``, ``ProviderUnavailable``."""
        from repository.sign_in import providers_tokens as tokens

        now = self._clock()
        return await self._with_keys(lambda keys: tokens.check_logout_token(self.issuer, keys, untrusted_token, now))

    async def examine(self) -> None:
        """Find out whether people could sign in; raises ``ProviderUnavailable``, ``ProviderAnswerRefused``."""
        await self._current_keys(KEPT_SECONDS)

    async def metadata(self) -> Metadata:
        """Return what the provider says of itself; raises ``ProviderAnswerRefused`` for one that says to be another."""
        async with self._in_turn():
            if self._metadata is None or self._is_old(self._metadata[0], KEPT_SECONDS):
                address = f"{self.issuer.issuer.rstrip('/')}/.well-known/openid-configuration"
                status, document = await self._ask("GET", address)
                if status != 200:
                    raise ProviderUnavailable
                self._metadata = (self._clock(), _metadata(self.issuer, document))
            return self._metadata[1]

    async def _with_keys(self, check: Callable[[Keys], T]) -> T:
        """Check a token with the keys known; with new ones, once, when it names a key that is not among them."""
        from repository.sign_in.providers_tokens import UNKNOWN_KEY

        keys = await self._current_keys(KEPT_SECONDS)
        try:
            return check(keys)
        except ProviderAnswerRefused as refused:
            if refused.reason != UNKNOWN_KEY:
                raise
        newer = await self._current_keys(REFETCH_SECONDS)
        if newer is keys:
            raise ProviderAnswerRefused(UNKNOWN_KEY)
        return check(newer)

    async def _current_keys(self, age_seconds: int) -> Keys:
        from repository.sign_in.providers_tokens import read_keys

        metadata = await self.metadata()
        async with self._in_turn():
            if self._keys is None or self._is_old(self._keys[0], age_seconds):
                status, document = await self._ask("GET", metadata.jwks_uri)
                if status != 200:
                    raise ProviderUnavailable
                self._keys = (self._clock(), read_keys(document))
            return self._keys[1]

    @contextlib.asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        """One asks for all who wait; when it failed, they are told at once instead of trying one after another."""
        failures = self._failures
        async with self._lock:
            if self._failures != failures:
                raise ProviderUnavailable
            try:
                yield
            except ProviderUnavailable:
                self._failures += 1
                raise

    def _is_old(self, at: datetime, seconds: int) -> bool:
        return self._clock() - at >= timedelta(seconds=seconds)

    async def _ask(
        self,
        method: str,
        address: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Ask, and return the status and the JSON object that came back, in bounded time and size."""
        if self._under_way >= AT_ONCE_LIMIT:
            raise ProviderUnavailable
        self._under_way += 1
        try:
            async with (
                asyncio.timeout(PATIENCE_SECONDS),
                self._session.request(
                    method,
                    address,
                    data=form,
                    headers={"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})},
                    allow_redirects=False,
                ) as answer,
            ):
                if "Content-Encoding" in answer.headers or 300 <= answer.status < 400 or answer.status >= 500:
                    raise ProviderUnavailable
                body = bytearray()
                async for chunk in answer.content.iter_chunked(16 * 1024):
                    body += chunk
                    if len(body) > ANSWER_LIMIT_BYTES:
                        raise ProviderUnavailable
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            logs.write("warning", "identity-provider-silent", source=self.issuer.key, reason=type(error).__name__)
            raise ProviderUnavailable from error
        finally:
            self._under_way -= 1
        return status, _object(body, status)


def _object(body: bytearray, status: int) -> dict[str, Any]:
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    if status == 200:
        raise ProviderAnswerRefused("malformed")
    return {}


def _metadata(issuer: Issuer, document: Mapping[str, Any]) -> Metadata:
    if document.get("issuer") != issuer.issuer:
        raise ProviderAnswerRefused("discovery_issuer")
    # A provider on another machine must not send us to services of this one.
    loopback = issuer.issuer.startswith("http://")
    for name in _ENDPOINTS:
        address = document.get(name)
        if not isinstance(address, str) or not is_fit(address, loopback=loopback):
            raise ProviderAnswerRefused("discovery_endpoint")
    end = document.get("end_session_endpoint")
    methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return Metadata(
        authorization_endpoint=document["authorization_endpoint"],
        token_endpoint=document["token_endpoint"],
        jwks_uri=document["jwks_uri"],
        end_session_endpoint=end if isinstance(end, str) and is_fit(end, loopback=loopback) else None,
        says_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        takes_basic=not isinstance(methods, list)
        or "client_secret_basic" in methods
        or "client_secret_post" not in methods,
    )


Providers = Mapping[str, ProviderClient]
PROVIDERS: web.AppKey[Providers] = web.AppKey("providers")
"""The identity providers of a running service, by their keys."""


def buttons(issuers: Iterable[Issuer], next_path: str) -> list[dict[str, str]]:
    """Return what a page shows of identity providers: the name of each, and where its button leads."""
    query = f"?{urlencode({'next': next_path})}" if next_path != "/" else ""
    return [{"name": one.name, "href": f"/sign-in/provider/{one.key}{query}"} for one in issuers]


def answer_path(key: str) -> str:
    """Return the path to which a provider sends people back; each has its own, so that none can answer for another."""
    return f"/sign-in/provider/{key}/answer"


@contextlib.asynccontextmanager
async def opened(
    issuers: Iterable[Issuer], base_url: str, clock: Callable[[], datetime]
) -> AsyncIterator[dict[str, ProviderClient]]:
    """Hold lines to identity providers open; gives the providers by their keys."""
    async with aiohttp.ClientSession(
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        timeout=aiohttp.ClientTimeout(total=PATIENCE_SECONDS),
    ) as session:
        yield {one.key: ProviderClient(one, session, clock, base_url + answer_path(one.key)) for one in issuers}


def reach(
    issuers: Iterable[Issuer], base_url: str, clock: Callable[[], datetime]
) -> Callable[[web.Application], AsyncIterator[None]]:
    """Return what keeps the application's lines to its identity providers open while it runs."""

    async def keep(app: web.Application) -> AsyncIterator[None]:
        async with opened(issuers, base_url, clock) as providers:
            app[PROVIDERS] = providers
            yield

    return keep
