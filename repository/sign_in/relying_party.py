"""At which address passkeys work: a browser binds each to the host name in its address bar, and to nothing else. Pure.

Source: https://www.w3.org/TR/webauthn-3/#rp-id: the id is a domain, so an address of numbers has none; and
https://www.w3.org/TR/secure-contexts/: browsers offer passkeys over https, and over http on ``localhost`` alone.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

LOCALHOST = "localhost"


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Us, as browsers and passkeys know us: ``host`` is the rp id, ``origin`` the one address that may ask."""

    host: str
    origin: str


def relying_party(base_url: str) -> RelyingParty | None:
    """Return who we are to passkeys, or None where no browser would offer them.

    Takes: ``base_url``, the address that people use. 127.0.0.1 is an address of numbers, so a service on one machine that
    is to have passkeys is opened as ``localhost``.
    """
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if port == 0:
        return None  # picked anew at each start, so no passkey could find it again
    if not host or _is_numbers(host) or (parts.scheme != "https" and host != LOCALHOST):
        return None
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    return RelyingParty(host, f"{parts.scheme}://{host}" + ("" if port in (None, usual) else f":{port}"))


def _is_numbers(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
