"""Tickets and passes to uploaded bytes: who may load which document from the content host, without the sign-in's cookie.

A page of the application writes a ticket of a minute into the addresses of the pictures it shows; the content host answers
the first of them with a pass, a cookie for that document alone. Neither says who the person is, and neither is leave by
itself: with every request the sign-in behind it must stand and the policy must still permit.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

TICKET_SECONDS = 60
KEY_BYTES = 32
TEXT_LIMIT = 400


@dataclass(frozen=True, slots=True)
class Leave:
    """A document, script or bundle that one sign-in asked to see. ``session_sha256`` is the hash of its token."""

    session_sha256: bytes
    kind: str
    subject_id: str


def write(key: bytes, purpose: str, leave: Leave, until: datetime) -> str:
    """Return a ticket or a pass as text that stands in an address or a cookie as it is.

    Takes: ``purpose``, ``ticket`` or ``pass``: one is never taken for the other.
    """
    words = (purpose, leave.session_sha256.hex(), leave.kind, leave.subject_id, str(int(until.timestamp())))
    body = "|".join(words).encode("ascii")
    return f"{_text(body)}.{_text(_mac(key, body))}"


def read(key: bytes, purpose: str, untrusted_text: str, now: datetime) -> Leave | None:
    """Return what a ticket or a pass gives leave to, or None: forged, for another purpose, or over."""
    body, _, mac = untrusted_text[:TEXT_LIMIT].partition(".")
    try:
        read_body, read_mac = _bytes(body), _bytes(mac)
    except (binascii.Error, ValueError):
        return None
    if not hmac.compare_digest(_mac(key, read_body), read_mac):
        return None
    said, session_sha256, kind, subject_id, until = read_body.decode("ascii").split("|")
    if said != purpose or now.timestamp() >= int(until):
        return None
    return Leave(bytes.fromhex(session_sha256), kind, subject_id)


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, b"nea content leave v1\x00" + body, hashlib.sha256).digest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
