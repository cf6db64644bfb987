"""Setting up an authenticator app: the code to photograph, the first number, then ten recovery codes, shown once."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from typing import Any

import segno
from aiohttp import web
from markupsafe import Markup
from sqlalchemy.orm import Session

from repository.sign_in import one_time_codes
from repository.sign_in.tables import Account
from repository.web.pages import render
from repository.web.requests import context_of, services_of, text_field


async def show(
    request: web.Request, account_id: str, place: tuple[str, ...], *, status: int = 200, errors: object = ()
) -> web.Response:
    """Show the code to photograph, and the same as text."""
    services = services_of(request)
    secret = one_time_codes.new_secret(services.secrets_box, *place)
    name = await services.database.read(lambda s: s.get_one(Account, account_id).subject)
    return await render(
        request,
        "sign_in/app.html",
        status=status,
        picture=_picture(one_time_codes.address(secret, name)),
        key_words=one_time_codes.key_words(secret),
        errors=errors,
    )


async def submit(
    request: web.Request,
    form: Mapping[str, Any],
    account_id: str,
    place: tuple[str, ...],
    enrolled: Callable[[Session], None],
    next_href: str,
) -> web.Response:
    """Keep the app once its first code is right, and show the recovery codes.

    Takes: the ``place`` that ``show`` was given; what else is done in the transaction; where the page leads on to.
    """
    services, context = services_of(request), context_of(request)
    secret = one_time_codes.new_secret(services.secrets_box, *place)
    step = one_time_codes.matching_step(secret, text_field(form, "code", required=False, limit=20), context.now)
    if step is None:
        text = "That code is not right. Type the six digits that your app shows now; the phone’s clock must be right."
        return await show(request, account_id, place, status=422, errors=[{"text": text, "href": "#code"}])

    def write(session: Session) -> list[str]:
        enrolled(session)
        one_time_codes.enrol(session, context, account_id, secret, step, services.secrets_box)
        return one_time_codes.make_recovery_codes(session, context, account_id, random_bytes())

    codes = await services.database.write(write)
    return await render(request, "sign_in/recovery_codes.html", codes=codes, next_href=next_href)


def random_bytes() -> list[bytes]:
    """Return what ten recovery codes are made of."""
    return [os.urandom(one_time_codes.RECOVERY_BYTES) for _ in range(one_time_codes.RECOVERY_CODES)]


def _picture(address: str) -> Markup:
    """Return the QR code as a picture in the page itself: it holds a secret, so it has no address of its own."""
    file = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        file, kind="svg", scale=5, border=4, xmldecl=False, svgclass="app-qr", lineclass=None, dark="#000", light="#fff",
        title="Code for your authenticator app",
    )  # fmt: skip
    return Markup(file.getvalue().decode())  # noqa: S704 — made here, of base32 and an escaped address
