"""The file that pins identity providers, read: what is not in it is not accepted, and what is misspelt is refused.

JSON, or TOML where the name ends in ``.toml``. infra/docs/sign-in.md shows one.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from repository import private_files
from repository.access import CENTRE_ROLES, ROLE_TITLES, ROLES_OF_TWO, Role
from repository.addresses import is_loopback
from repository.errors import SettingRefused
from repository.sign_in.providers import CENTRE_NUMBER, CentreRule, Issuer, RoleRule
from repository.sign_in.tables import LOCAL

VARIABLE = "NEA_OIDC_FILE"
LIMIT_BYTES = 256 * 1024
ISSUERS_LIMIT = 50
_KEY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", re.ASCII)
_GRANTS = {"by_officer": False, "at_once": True}
_OTHERS = {"wait": True, "refuse": False}


def read(path: Path) -> tuple[Issuer, ...]:
    """Return the identity providers that a file pins, with their secrets from files of their own.

    Raises: ``SettingRefused`` naming the place in the file, what is wrong there, and what is accepted.
    """
    document = _Place("", _parse(path))
    document.only("issuers")
    places = document.places("issuers")
    if len(places) > ISSUERS_LIMIT:
        raise _refused("issuers", f"names more than {ISSUERS_LIMIT} identity providers")
    issuers = tuple(_issuer(place, path.parent) for place in places)
    for what, words in (("key", [one.key for one in issuers]), ("issuer", [one.issuer for one in issuers])):
        twice = sorted({word for word in words if words.count(word) > 1})
        if twice:
            raise _refused("issuers", f"holds the {what} {twice[0]!r} twice")
    return issuers


def _parse(path: Path) -> object:
    try:
        if path.stat().st_mode & 0o022:
            raise _refused("", "can be changed by others on this machine; run `chmod 644` on it")
        with path.open("rb") as file:
            text = file.read(LIMIT_BYTES + 1).decode("utf-8")
        if len(text) > LIMIT_BYTES:
            raise _refused("", f"is larger than {LIMIT_BYTES} bytes")
        return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise _refused("", f"cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise _refused("", f"is not {'TOML' if path.suffix == '.toml' else 'JSON'}: {error}") from error


class _Place:
    """A table in the file, and where it stands, so that a refusal can say so."""

    def __init__(self, where: str, untrusted: object) -> None:
        if not isinstance(untrusted, dict):
            raise _refused(where, "must be a table of names and values")
        self.where = where
        self._values: Mapping[str, Any] = untrusted

    def only(self, *names: str) -> None:
        """Refuse every name but these."""
        unknown = sorted(str(name) for name in self._values if name not in names)
        if unknown:
            raise _refused(self.at(unknown[0]), f"is not known here; known are {', '.join(names)}")

    def at(self, name: str) -> str:
        """Return where a name of this table stands in the file."""
        return f"{self.where}.{name}" if self.where else name

    def has(self, name: str) -> bool:
        """Return whether the table has a name."""
        return name in self._values

    def text(self, name: str, *, default: str | None = None, limit: int = 500) -> str:
        """Return a text of printable characters."""
        value = self._values.get(name, default)
        if value is None:
            raise _refused(self.at(name), "is missing")
        if (
            not isinstance(value, str)
            or len(value) > limit
            or not value.isprintable()
            or (not value and default is None)
        ):
            raise _refused(self.at(name), f"must be text of 1 to {limit} characters")
        return value

    def texts(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return a list of texts."""
        values = self._values.get(name, list(default))
        if not isinstance(values, list) or not all(isinstance(one, str) and one for one in values):
            raise _refused(self.at(name), "must be a list of texts")
        return tuple(values)

    def choice(self, name: str, words: Mapping[str, bool], default: str) -> bool:
        """Return what one of a few words means."""
        word = self._values.get(name, default)
        if not isinstance(word, str) or word not in words:
            raise _refused(self.at(name), f"must be {' or '.join(words)}")
        return words[word]

    def flag(self, name: str) -> bool:
        """Return true or false; false where nothing is said."""
        value = self._values.get(name, False)
        if not isinstance(value, bool):
            raise _refused(self.at(name), "must be true or false")
        return value

    def names(self) -> tuple[str, ...]:
        """Return the names that the table has."""
        return tuple(self._values)

    def place(self, name: str) -> _Place | None:
        """Return the table of that name, if there is one."""
        return _Place(self.at(name), self._values[name]) if name in self._values else None

    def places(self, name: str) -> list[_Place]:
        """Return the tables listed under that name."""
        values = self._values.get(name, [])
        if not isinstance(values, list):
            raise _refused(self.at(name), "must be a list of tables")
        return [_Place(f"{self.at(name)}[{number}]", one) for number, one in enumerate(values)]


def _issuer(place: _Place, folder: Path) -> Issuer:
    place.only(
        "key",
        "name",
        "issuer",
        "client_id",
        "client_secret_file",
        "scopes",
        "multi_factor",
        "centre",
        "roles",
        "others",
    )
    key = place.text("key")
    if not _KEY.fullmatch(key):
        raise _refused(place.at("key"), "must be small letters, digits and hyphens, 32 at most")
    scopes = place.texts("scopes", ("openid", "profile"))
    if "openid" not in scopes or any(" " in scope for scope in scopes):
        raise _refused(place.at("scopes"), "must be single words with openid among them")
    acr, amr = _multi_factor(place)
    return Issuer(
        key=key,
        name=place.text("name", limit=60),
        issuer=_address(place, "issuer"),
        client_id=place.text("client_id", limit=255),
        client_secret=_secret(place, folder),
        scopes=scopes,
        centre=_centre(place.place("centre")),
        roles=tuple(_role(one, place.has("centre")) for one in place.places("roles")),
        multi_factor_acr=acr,
        multi_factor_amr=amr,
        others_wait=place.choice("others", _OTHERS, "wait"),
    )


def _multi_factor(place: _Place) -> tuple[frozenset[str], frozenset[str]]:
    inner = place.place("multi_factor")
    if inner is None:
        return frozenset(), frozenset()
    inner.only("acr", "amr")
    return frozenset(inner.texts("acr")), frozenset(inner.texts("amr"))


def _centre(place: _Place | None) -> CentreRule | None:
    if place is None:
        return None
    place.only("always", "claim", "table", "as_it_is")
    if place.has("always"):
        if place.has("claim") or place.has("table") or place.has("as_it_is"):
            raise _refused(place.where, "has always, which leaves no room for other ways to a centre")
        return CentreRule(always=_centre_number(place, "always"))
    claim = place.text("claim")
    as_it_is = place.flag("as_it_is")
    table = place.place("table")
    if as_it_is == (table is not None):
        raise _refused(place.where, "needs a table from values of the claim to centres, or as_it_is true, and not both")
    if table is None:
        return CentreRule(claim=claim, as_it_is=True)
    return CentreRule(claim=claim, table={value: _centre_number(table, value) for value in table.names()})


def _role(place: _Place, has_centre: bool) -> RoleRule:
    place.only("claim", "value", "role", "grant")
    word = place.text("role")
    if word not in set(Role):
        raise _refused(place.at("role"), f"must be one of {', '.join(ROLE_TITLES)}")
    role = Role(word)
    if role in CENTRE_ROLES and not has_centre:
        raise _refused(place.at("role"), "is a role of a centre, but the issuer has no `centre` to say which")
    if role in ROLES_OF_TWO and place.choice("grant", _GRANTS, "by_officer"):
        raise _refused(place.at("grant"), f"cannot be at_once for {word}: two officers give this role")
    return RoleRule(place.text("claim"), place.text("value"), role, place.choice("grant", _GRANTS, "by_officer"))


def _centre_number(place: _Place, name: str) -> str:
    number = place.text(name)
    if not CENTRE_NUMBER.fullmatch(number):
        raise _refused(place.at(name), "must be a centre number of five digits, as text")
    return number


def _address(place: _Place, name: str) -> str:
    """Return an issuer exactly as written: it is compared letter by letter with what the provider says."""
    text = place.text(name)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    plain = bool(host) and not (parts.query or parts.fragment or parts.username) and "?" not in text and "#" not in text
    if text == LOCAL or not plain or not is_fit(text):
        raise _refused(place.at(name), "must be an address that starts with https:// (http:// for this machine only)")
    return text


def is_fit(address: str, *, loopback: bool = True) -> bool:
    """Return whether an address may be called: https, or, where ``loopback`` says so, http on this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host) and not parts.username
    return loopback and parts.scheme == "http" and is_loopback(host)


def _secret(place: _Place, folder: Path) -> str:
    name = "client_secret_file"
    try:
        text = private_files.read(folder / place.text(name)).decode("utf-8").strip()
    except OSError as error:
        raise _refused(place.at(name), f"names a file that cannot be read: {error.strerror}") from error
    except private_files.UnsafeFile as error:
        raise _refused(place.at(name), f"names a file that {error.remedy}") from error
    except UnicodeDecodeError as error:
        raise _refused(place.at(name), "names a file that is not text") from error
    if not text:
        raise _refused(place.at(name), "names an empty file")
    return text


def _refused(where: str, what: str) -> SettingRefused:
    place = f"{VARIABLE}: {where} {what}" if where else f"{VARIABLE} names a file that {what}"
    return SettingRefused(f"{place}.", variable=VARIABLE)


def load(path: Path | None) -> tuple[Issuer, ...]:
    """Return the identity providers of a service; none without a file.

    Raises: ``SettingRefused``, also when the extra is not installed: whoever pinned providers must not find them missing.
    """
    if path is None:
        return ()
    if find_spec("joserfc") is None:
        raise _refused("", "needs the extra: pip install 'nea-repository[oidc]'")
    return read(path)


def shown(issuer: Issuer) -> dict[str, object]:
    """Return what an operator is shown of an identity provider; never its secret."""
    shows = sorted(issuer.multi_factor_acr | issuer.multi_factor_amr)
    return {
        "key": issuer.key,
        "name": issuer.name,
        "issuer": issuer.issuer,
        "client": issuer.client_id,
        "two factors": shows or "never shown: no role of the awarding body by this provider alone",
        "roles by claims": sorted(
            f"{one.role} ({'at once' if one.at_once else 'by an officer'})" for one in issuer.roles
        ),
        "others": "wait for an officer" if issuer.others_wait else "are refused",
    }
