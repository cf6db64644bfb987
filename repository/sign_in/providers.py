"""What identity providers say of a person, and what it comes to here: pure rules over the claims of a checked token.

Words: an *issuer* is one identity provider as the operator pinned it; a *claim* is one thing that it says of a person;
a *rule* turns a claim into a centre or an offered role. What no rule names gives nothing.

Source: project policy (safety): who somebody is, is (issuer, subject); a first sign-in gives no role unless the operator
wrote down that the issuer's claims do; roles of the awarding body never without two factors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from repository.access import CENTRE_ROLES, Role
from repository.errors import ProviderAnswerRefused
from repository.sign_in.methods import Method

Claims = Mapping[str, Any]
CENTRE_NUMBER = re.compile(r"[0-9]{5}", re.ASCII)
VALUES_LIMIT = 500
"""So many values of one claim are looked at."""
SUBJECT_LIMIT = 255
"""Source: OpenID Connect Core 1.0, section 2: a subject is at most 255 ASCII characters."""
SID_LIMIT = 255
NAME_LIMIT = 200
EMAIL_LIMIT = 320
_EMAIL = re.compile(r"[!-?A-~]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", re.ASCII)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class CentreRule:
    """How an issuer's people come to a centre: always the same one, or by a claim, through a table or as it stands."""

    always: str = ""
    claim: str = ""
    table: Mapping[str, str] = field(default_factory=dict)
    as_it_is: bool = False


@dataclass(frozen=True, slots=True)
class RoleRule:
    """Who has ``value`` in ``claim`` is offered ``role``: to be granted by an officer, or at once."""

    claim: str
    value: str
    role: Role
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Issuer:
    """One identity provider, pinned: nothing that it says about itself changes what stands here."""

    key: str
    """Its name in addresses of this service."""
    name: str
    """Its name on the sign-in page."""
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...] = ("openid", "profile")
    centre: CentreRule | None = None
    roles: tuple[RoleRule, ...] = ()
    multi_factor_acr: frozenset[str] = frozenset()
    """Values of ``acr`` that mean two factors; none means that this claim shows nothing."""
    multi_factor_amr: frozenset[str] = frozenset()
    """Values of ``amr`` of which one means two factors."""
    others_wait: bool = True
    """Whether somebody whom no rule of roles names may ask for one."""

    @property
    def grantor(self) -> str:
        """Return who gave a role, where the claims of this issuer did."""
        return f"oidc:{self.key}"


@dataclass(frozen=True, slots=True, order=True)
class Offer:
    """A role at a centre, or of the awarding body, that the claims speak for."""

    role: Role
    centre_number: str | None
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in at an issuer, and what of its claims matters here."""

    issuer: Issuer
    subject: str
    name: str
    email: str | None
    """Where notices may go, if the issuer checked it; it proves nothing."""
    sid: str | None
    centres: tuple[str, ...]
    offers: tuple[Offer, ...]
    spoken_for: frozenset[tuple[Role, str | None]]
    """The roles that the claims speak for, those included that are not offered as two factors were not shown."""
    method: Method
    proved_at: datetime
    """When the person last showed the issuer who they are; long ago where it does not say."""

    @property
    def is_admitted(self) -> bool:
        """Return whether this person may be somebody here at all."""
        return bool(self.spoken_for) or self.issuer.others_wait


@dataclass(frozen=True, slots=True)
class Logout:
    """A provider's word that a sign-in there has ended: of one person, or one sign-in of theirs."""

    subject: str | None
    sid: str | None
    jti: str


def identity_of(issuer: Issuer, claims: Claims) -> Identity:
    """Return who the claims of a checked ID token speak of; raises ``ProviderAnswerRefused`` without a proper subject."""
    method = Method.PROVIDER_MULTI_FACTOR if shows_multi_factor(issuer, claims) else Method.PROVIDER
    centres = centres_of(issuer, claims)
    spoken_for = offers_of(issuer, claims, centres, with_two_factors=True)
    return Identity(
        issuer,
        subject_of(claims),
        _name(claims),
        _email(claims),
        sid_of(claims),
        centres,
        offers_of(issuer, claims, centres, with_two_factors=method is Method.PROVIDER_MULTI_FACTOR),
        frozenset((one.role, one.centre_number) for one in spoken_for),
        method,
        _proved_at(claims),
    )


def subject_of(claims: Claims) -> str:
    """Return the subject; raises ``ProviderAnswerRefused`` for one that is empty, too long, or not printable ASCII."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject.strip():
        raise ProviderAnswerRefused("sub")
    if len(subject) > SUBJECT_LIMIT or not (subject.isascii() and subject.isprintable()):
        raise ProviderAnswerRefused("sub")
    return subject


def sid_of(claims: Claims) -> str | None:
    """Return the issuer's own name of the sign-in there, where it gave one."""
    sid = claims.get("sid")
    return sid if isinstance(sid, str) and 0 < len(sid) <= SID_LIMIT else None


def shows_multi_factor(issuer: Issuer, claims: Claims) -> bool:
    """Return whether ``acr`` or ``amr`` shows two factors, by the values written down for this issuer.

    Source: OpenID Connect Core 1.0, section 2; RFC 8176 for usual values. Without values nothing shows it.
    """
    acr, amr = claims.get("acr"), claims.get("amr")
    if isinstance(acr, str) and acr in issuer.multi_factor_acr:
        return True
    return isinstance(amr, list) and any(isinstance(one, str) and one in issuer.multi_factor_amr for one in amr)


def centres_of(issuer: Issuer, claims: Claims) -> tuple[str, ...]:
    """Return the centres that the claims put the person at, in order of their numbers."""
    rule = issuer.centre
    if rule is None:
        return ()
    if rule.always:
        return (rule.always,)
    values = _values(claims, rule.claim)
    if rule.as_it_is:
        return tuple(sorted(value for value in values if CENTRE_NUMBER.fullmatch(value)))
    return tuple(sorted({rule.table[value] for value in values & rule.table.keys()}))


def offers_of(issuer: Issuer, claims: Claims, centres: tuple[str, ...], *, with_two_factors: bool) -> tuple[Offer, ...]:
    """Return the roles that the claims speak for, each once; those of the awarding body only with two factors."""
    found: dict[tuple[Role, str | None], bool] = {}
    for rule in issuer.roles:
        if rule.value not in _values(claims, rule.claim):
            continue
        if rule.role in CENTRE_ROLES:
            places: tuple[str | None, ...] = centres
        else:
            places = (None,) if with_two_factors else ()
        for place in places:
            found[rule.role, place] = found.get((rule.role, place), False) or rule.at_once
    ordered = sorted(found.items(), key=lambda one: (one[0][0], one[0][1] or ""))
    return tuple(Offer(role, place, at_once) for (role, place), at_once in ordered)


def _values(claims: Claims, name: str) -> set[str]:
    value = claims.get(name)
    listed = value[:VALUES_LIMIT] if isinstance(value, list) else [value]
    return {str(one) for one in listed if isinstance(one, str | int) and not isinstance(one, bool)}


def _email(claims: Claims) -> str | None:
    email = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(email, str) or len(email) > EMAIL_LIMIT:
        return None
    return email if _EMAIL.fullmatch(email) else None


def _proved_at(claims: Claims) -> datetime:
    """Return when the person was last asked who they are: a provider that knows them does not ask each time."""
    said = claims.get("auth_time")
    if isinstance(said, int | float) and not isinstance(said, bool) and 0 <= said <= _LATEST:
        return datetime.fromtimestamp(said, UTC)
    return LONG_AGO


def _name(claims: Claims) -> str:
    """Return how a person is called, as officers will see it: what the issuer says, never as proof of anything."""
    name = claims.get("name")
    if not isinstance(name, str):
        given = (claims.get("given_name"), claims.get("family_name"))
        name = " ".join(one for one in given if isinstance(one, str))
    name = " ".join("".join(one if one.isprintable() else " " for one in name).split())[:NAME_LIMIT]
    return name or "Somebody without a name"
