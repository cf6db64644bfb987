"""What is printed at the first start: the one-time link of the first officer."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from repository.audit import Context
from repository.services import Services
from repository.sign_in import set_up


async def new_link(services: Services) -> str:
    """Return the token of a new link if no officer can sign in yet, or nothing; the second's is asked for."""
    token, context = services.new_token(), Context(None, services.clock(), "nea serve", origin="command")

    def make(session: Session) -> bool:
        if set_up.officers(session, context.now):
            return False
        set_up.make_link(session, context, token)
        return True

    return token if await services.database.write(make) else ""


def words(address: str, token: str) -> Sequence[str]:
    """Return what is printed with a link.

    Takes: the ``address`` that the service listens on. The link is for this machine only, so where the service listens
    on every address it names the loopback one.
    """
    parts = urlsplit(address)
    host = parts.hostname or "127.0.0.1"
    try:
        if ipaddress.ip_address(host).is_unspecified:
            host = "[::1]" if ":" in host else "127.0.0.1"
        elif ":" in host:
            host = f"[{host}]"
    except ValueError:
        pass
    return (
        "To set up an awarding body officer, open this once, on this computer, within an hour:",
        f"  http://{host}:{parts.port or 80}/set-up/{token}",
        "For the second officer, or a new link, run `nea set-up`.",
    )
