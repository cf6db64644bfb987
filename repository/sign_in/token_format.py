"""How a token of a school system is written, what it may be allowed, and from where it may come. Pure.

``sdr_<live|test>_<12 characters: id>_<43 characters: secret>_<8 characters: CRC-32>``: searchers for leaked secrets know
it by its shape, and its check digits tell a typing error from a refusal without asking the database.
Source: project policy (safety §7).
"""

from __future__ import annotations

import ipaddress
import re
import zlib
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from repository.access import Action
from repository.errors import FieldRefused

PREFIX = "sdr_"
DAYS_LIMIT = 400
DAYS_DEFAULT = 365
LIVE_LIMIT = 2
"""So many tokens of one integration hold at a time: the one in use, and the one that takes over."""
NAME_LIMIT = 60

_FORM = re.compile(r"sdr_(?P<kind>live|test)_(?P<id>[0-9a-z]{12})_(?P<secret>[0-9A-Za-z]{43})_(?P<check>[0-9a-f]{8})")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ID_LENGTH, _SECRET_LENGTH = 12, 43


class Grant(StrEnum):
    """What an exams officer can let a school's system do."""

    ENTRIES = "entries"
    MARKS = "marks"
    UPLOADS = "uploads"
    STATUS = "status"
    RECEIPTS = "receipts"


GRANT_WORDS: Mapping[Grant, tuple[str, str]] = {
    Grant.ENTRIES: ("Send entries", "Entry files of your centre, as on the import page."),
    Grant.MARKS: ("Send marks", "Read, save and check your centre’s marks. A person submits them."),
    Grant.UPLOADS: ("Send work", "Upload files to the sample. A person submits it. What was sent cannot be read back."),
    Grant.STATUS: ("See how things stand", "State of marks, samples and files, without their content."),
    Grant.RECEIPTS: ("Fetch receipts", "The receipts of your centre’s samples."),
}
_FIND = frozenset({Action.SERIES_READ, Action.CASE_READ})
GRANTS: Mapping[Grant, frozenset[Action]] = {
    Grant.ENTRIES: frozenset({Action.ENTRIES_IMPORT}),
    Grant.MARKS: _FIND | {Action.MARKS_IMPORT, Action.MARKS_READ, Action.MARKS_SAVE},
    Grant.UPLOADS: _FIND | {Action.SAMPLE_READ, Action.UPLOAD_CREATE, Action.UPLOAD_CONTINUE, Action.DOCUMENT_STATUS},
    Grant.STATUS: _FIND | {Action.SAMPLE_READ, Action.DOCUMENT_STATUS},
    Grant.RECEIPTS: frozenset({Action.RECEIPT_READ}),
}
"""The whole of what tokens can do. No content of documents, nothing of moderators, no results: not in it, so never."""


@dataclass(frozen=True, slots=True)
class Written:
    """A token as it is shown once, and the id by which it is known afterwards."""

    token_id: str
    text: str


def write(id_token: str, secret_token: str, *, live: bool) -> Written:
    """Return a new token.

    Takes: two texts of 256 random bits each; whether the service is a real one, not a rehearsal.
    """
    token_id = _digits(_number(id_token), 36, _ID_LENGTH)
    body = f"{PREFIX}{'live' if live else 'test'}_{token_id}_{_digits(_number(secret_token), 62, _SECRET_LENGTH)}"
    return Written(token_id, f"{body}_{_check(body)}")


def read_id(untrusted_text: str, *, live: bool) -> str | None:
    """Return the id in a token that is written as tokens are, of this kind of service; None for any other text."""
    match = _FORM.fullmatch(untrusted_text)
    if match is None or (match["kind"] == "live") is not live:
        return None
    body, _, check = untrusted_text.rpartition("_")
    return match["id"] if check == _check(body) else None


def actions_of(grants: Iterable[str]) -> frozenset[Action]:
    """Return every action of some grants; what is no grant (any more) allows nothing."""
    known = {one.value for one in Grant}
    return frozenset[Action]().union(*(GRANTS[Grant(one)] for one in grants if one in known))


def read_network(untrusted_text: str) -> str | None:
    """Return a network as it is kept, or None for none given; a single address is a network of one.

    Raises: ``FieldRefused`` for a text that is none.
    """
    if not untrusted_text:
        return None
    try:
        return str(ipaddress.ip_network(untrusted_text))
    except ValueError as error:
        raise FieldRefused(
            "Enter a network such as 192.0.2.0/24, or one address such as 192.0.2.7. Leave it blank for any address.",
            field="network",
        ) from error


def comes_from(network: str | None, address: str | None) -> bool:
    """Return whether an address is in a network; without a network any is, and no address is in none."""
    if network is None:
        return True
    try:
        came = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    if isinstance(came, ipaddress.IPv6Address) and came.ipv4_mapped is not None:
        came = came.ipv4_mapped
    return came in ipaddress.ip_network(network)


def _number(token: str) -> int:
    return int.from_bytes(urlsafe_b64decode(token + "=" * (-len(token) % 4)))


def _digits(number: int, base: int, length: int) -> str:
    """Return a number's last digits; 43 of base 62 hold 256 bits whole."""
    written = []
    for _ in range(length):
        number, digit = divmod(number, base)
        written.append(_DIGITS[digit])
    return "".join(written)


def _check(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
