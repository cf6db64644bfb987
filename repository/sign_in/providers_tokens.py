"""Tokens of identity providers, checked: whose signature, for whom, when, and in answer to what.

The JOSE work is joserfc's; here stands only what must hold. Nothing in a token, and nothing that a provider says about
itself, widens what is accepted.

Source: OpenID Connect Core 1.0, 3.1.3.7; Back-Channel Logout 1.0, 2.6; RFC 8725 (best practice for tokens).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import ClaimError, InvalidKeyIdError, JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, KeySet, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry

from repository.errors import ProviderAnswerRefused
from repository.sign_in.providers import Claims, Issuer, Logout, sid_of, subject_of

Keys = KeySet
"""The keys of a provider that may sign for it."""
ALGORITHMS = frozenset({"RS256", "PS256", "ES256", "EdDSA", "Ed25519"})
"""Signatures by public keys only. ``Ed25519`` is the name that RFC 9864 gives to what ``EdDSA`` is here."""
SKEW_SECONDS = 60
"""So far a provider's clock may be off."""
OLDEST_SECONDS = 600
"""So long ago a token may have been issued: as long as a sign-in may take. Captured ones are of no use later."""
KEYS_LIMIT = 100
RSA_BITS = range(2048, 8193)
_MODULUS_CHARACTERS = range(342, 1367)
"""As many as a modulus of those sizes has in base64url: others are not even read, as arithmetic on them costs time."""
_EXPONENT_CHARACTERS = 8
UNKNOWN_KEY = "unknown_key"
"""The reason for which keys are fetched anew, once."""
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_PUBLIC_MEMBERS = frozenset({"kty", "kid", "alg", "use", "n", "e", "crv", "x", "y"})
_TYPES_OF_ID_TOKENS = frozenset({"", "jwt"})
_TYPES_OF_LOGOUT_TOKENS = frozenset({"logout+jwt"})
"""Nothing less, so that no other token of the provider can log anybody out (OWASP ASVS 5.0, 10.5.5)."""
_MALFORMED = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


class _Allowed(JWSRegistry):
    """The signatures accepted, and no others. Headers that are not critical are ignored, as RFC 7515 says."""

    def __init__(self) -> None:
        super().__init__(algorithms=ALGORITHMS, strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        """Return the algorithm; without the library's warning of the older name ``EdDSA``."""
        if not isinstance(name, str) or name not in ALGORITHMS:
            raise ProviderAnswerRefused("algorithm")
        return self.algorithms[name]


def read_keys(untrusted_document: Mapping[str, Any]) -> Keys:
    """Return the keys of a provider that may sign for it: RSA of 2048 bits and more, P-256 and Ed25519.

    Others, and members of a key that do not belong to its public part, are left out.
    Raises: ``ProviderAnswerRefused`` when none is left.
    """
    listed = untrusted_document.get("keys")
    keys: list[Key] = []
    for one in listed[:KEYS_LIMIT] if isinstance(listed, list) else []:
        key = _key(one)
        if key is not None:
            keys.append(key)
    if not keys:
        raise ProviderAnswerRefused("no_keys")
    return KeySet(keys)


def check_id_token(issuer: Issuer, keys: Keys, untrusted_token: str, nonce: str, now: datetime) -> Claims:
    """Return the claims of an ID token that this issuer signed for us, now, in answer to ``nonce``.

    Raises: ``ProviderAnswerRefused`` with the check that failed; ``UNKNOWN_KEY`` when other keys may help.
    """
    claims = _checked(issuer, keys, untrusted_token, now, _TYPES_OF_ID_TOKENS, ("iss", "sub", "aud", "exp", "iat"))
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode("utf-8", "replace"), nonce.encode()):
        raise ProviderAnswerRefused("nonce")
    subject_of(claims)
    return claims


def check_logout_token(issuer: Issuer, keys: Keys, untrusted_token: str, now: datetime) -> Logout:
    """Return whose sign-in has ended, by a logout token that this issuer signed for us just now.

    Raises: ``ProviderAnswerRefused``. That it is not a repetition is for the caller to see, by ``jti``.
    """
    claims = _checked(issuer, keys, untrusted_token, now, _TYPES_OF_LOGOUT_TOKENS, ("iss", "aud", "iat", "jti"))
    if "nonce" in claims:  # an ID token, which everybody who signed in holds, must not log anybody out
        raise ProviderAnswerRefused("nonce")
    events, jti = claims.get("events"), claims.get("jti")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise ProviderAnswerRefused("events")
    if not isinstance(jti, str) or not jti:
        raise ProviderAnswerRefused("jti")
    subject = subject_of(claims) if "sub" in claims else None
    sid = sid_of(claims)
    if subject is None and sid is None:
        raise ProviderAnswerRefused("sub")
    return Logout(subject, sid, jti)


def _checked(
    issuer: Issuer, keys: Keys, untrusted_token: str, now: datetime, types: frozenset[str], wanted: tuple[str, ...]
) -> dict[str, Any]:
    try:
        token = jwt.decode(untrusted_token, keys, registry=_Allowed())
        if "crit" in token.header:
            raise ProviderAnswerRefused("crit")
        kind = token.header.get("typ", "")
        if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in types:
            raise ProviderAnswerRefused("typ")
        essential: dict[str, ClaimsOption] = {one: {"essential": True} for one in wanted}
        rules = JWTClaimsRegistry(int(now.timestamp()), SKEW_SECONDS, **essential)
        rules.validate(token.claims)
        _check_parties(issuer, token.claims)
        if token.claims["iat"] < now.timestamp() - OLDEST_SECONDS - SKEW_SECONDS:
            raise ProviderAnswerRefused("iat")
    except InvalidKeyIdError as error:
        raise ProviderAnswerRefused(UNKNOWN_KEY) from error
    except ClaimError as error:
        raise ProviderAnswerRefused(
            error.claim if error.claim in wanted or error.claim == "nbf" else "claims"
        ) from error
    except _MALFORMED as error:
        reason = error.error if isinstance(error, JoseError) else "malformed"
        raise ProviderAnswerRefused(reason or "malformed") from error
    return token.claims


def _check_parties(issuer: Issuer, claims: Claims) -> None:
    """Hold who speaks and to whom against what is pinned; one audience, as no other is trusted."""
    if claims["iss"] != issuer.issuer:
        raise ProviderAnswerRefused("iss")
    audience = claims["aud"]
    if audience not in (issuer.client_id, [issuer.client_id]):
        raise ProviderAnswerRefused("aud")
    if claims.get("azp", issuer.client_id) != issuer.client_id:
        raise ProviderAnswerRefused("azp")


def _key(untrusted_key: object) -> Key | None:
    if not isinstance(untrusted_key, dict) or untrusted_key.get("use", "sig") != "sig":
        return None
    public = {name: value for name, value in untrusted_key.items() if name in _PUBLIC_MEMBERS}
    if public.get("kty") not in ("RSA", "EC", "OKP") or not all(isinstance(one, str) for one in public.values()):
        return None
    if public["kty"] == "RSA" and (
        len(public.get("n", "")) not in _MODULUS_CHARACTERS or len(public.get("e", "")) > _EXPONENT_CHARACTERS
    ):
        return None
    try:
        key = JWKRegistry.import_key(public)
    except _MALFORMED:
        return None
    if isinstance(key, RSAKey):
        return key if key.raw_value.key_size in RSA_BITS else None
    if isinstance(key, ECKey):
        return key if key.curve_name == "P-256" else None
    return key if isinstance(key, OKPKey) and key.curve_name == "Ed25519" else None
