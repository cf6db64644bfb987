"""Leaving altogether: who signs out here may still be signed in at the identity provider, and so may the next person there."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from aiohttp import web

from repository.errors import RepositoryError
from repository.sign_in.tables import Account
from repository.web.keys import SignedIn
from repository.web.provider_client import PROVIDERS
from repository.web.requests import services_of

PARAMETER = "left"
"""Of the sign-in page: the provider at which somebody who just signed out may still be signed in."""


async def sign_in_page(request: web.Request, signed_in: SignedIn | None) -> str:
    """Return where a browser goes after signing out: the sign-in page, which says if something is left to do."""
    account_id = signed_in.account_id if signed_in is not None else None
    if account_id is None:
        return "/sign-in"
    services = services_of(request)
    account = await services.database.read(lambda s: s.get(Account, account_id))
    left = [one.key for one in services.issuers if account is not None and one.issuer == account.issuer]
    return f"/sign-in?{urlencode({PARAMETER: left[0]})}" if left else "/sign-in"


async def still_there(request: web.Request) -> dict[str, str] | None:
    """Return the provider at which somebody may still be signed in: its name, and where to sign out, if it says where.

    Source: OpenID Connect RP-Initiated Logout 1.0: without a token the provider asks the person first.
    """
    client = request.app[PROVIDERS].get(request.query.get(PARAMETER, ""))
    if client is None:
        return None
    try:
        address = (await client.metadata()).end_session_endpoint
    except RepositoryError:
        address = None
    if address is None:
        return {"name": client.issuer.name, "href": ""}
    joint = "&" if urlsplit(address).query else "?"
    return {"name": client.issuer.name, "href": f"{address}{joint}{urlencode({'client_id': client.issuer.client_id})}"}
