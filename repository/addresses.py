"""Addresses of the service and of proxies: which are safe to be reached by, and which are refused with the reason."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from repository.errors import SettingRefused

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|[0-9a-f:]*:[0-9a-f:.]+", re.ASCII)


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin(name: str, text: str) -> str:
    """Return an address without path, in lower case; raises ``SettingRefused`` for any other, and for http over a network."""
    text = text.rstrip("/")
    if not text.startswith(("http://", "https://")):
        raise SettingRefused(f"{name} is {text!r}; it must start with http:// or https://.", variable=name)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    plain = f"{parts.scheme}://[{host}]" if ":" in host else f"{parts.scheme}://{host}"
    if not _HOST.fullmatch(host) or text.lower() not in {plain, f"{plain}:{port}"}:
        raise SettingRefused(
            f"{name} is {text!r}; it must be a scheme and a host only, such as https://nea.example.org.", variable=name
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise SettingRefused(
            f"{name} is {text!r}; over a network it must start with https://. A proxy holds the certificate.",
            variable=name,
        )
    return text.lower()


def content_url(value: Mapping[str, str], base_url: str) -> str:
    """Return the address of uploaded bytes: as it is named, or on loopback this machine's other name.

    Raises: ``SettingRefused`` for none over a network, for the host of ``base_url`` whatever its port, for http beside https,
    and for a host that browsers would take for another site.
    """
    base = urlsplit(base_url)
    host = base.hostname or ""
    text = value["NEA_CONTENT_URL"]
    if not text:
        if not is_loopback(host):
            raise SettingRefused(
                "NEA_CONTENT_URL is missing. Uploaded files are shown from another host name than NEA_BASE_URL, "
                f"such as https://files.{host}.",
                variable="NEA_CONTENT_URL",
            )
        other = "127.0.0.1" if host == "localhost" else "localhost"
        return f"{base.scheme}://{other}" + (f":{base.port}" if base.port is not None else "")
    content = origin("NEA_CONTENT_URL", text)
    other = urlsplit(content).hostname or ""
    if other == host:
        raise SettingRefused(
            "NEA_CONTENT_URL has the host name of NEA_BASE_URL. Another port is not enough, as cookies ignore ports: "
            "use another host name.",
            variable="NEA_CONTENT_URL",
        )
    if urlsplit(content).scheme != base.scheme:
        raise SettingRefused(
            "NEA_CONTENT_URL and NEA_BASE_URL must both start with https://.", variable="NEA_CONTENT_URL"
        )
    if not is_loopback(host) and not _beside(host, other):
        raise SettingRefused(
            f"NEA_CONTENT_URL has the host {other}; it must be beside or below {host}, such as files.{host}: "
            "browsers would keep its cookie back otherwise.",
            variable="NEA_CONTENT_URL",
        )
    return content


def _beside(host: str, other: str) -> bool:
    parent = host.partition(".")[2]
    return other.endswith(f".{host}") or ("." in parent and other.endswith(f".{parent}"))


def networks(value: Mapping[str, str], name: str) -> tuple[Network, ...]:
    """Return addresses and networks in words; raises ``SettingRefused`` for others, and for one that is every address."""
    try:
        named = tuple(ipaddress.ip_network(word) for word in value[name].replace(",", " ").split())
    except ValueError as error:
        raise SettingRefused(
            f"{name} is {value[name]!r}; it must be addresses or networks, such as 10.0.0.5 or 10.1.0.0/16.",
            variable=name,
        ) from error
    if any(network.prefixlen == 0 for network in named):
        raise SettingRefused(f"{name} names every address; anybody could then say to be anybody.", variable=name)
    return named
