"""The first start: whoever runs the server makes the first officer, from this machine, with a link that works once."""

from __future__ import annotations

from aiohttp import web

from repository.errors import FieldRefused, NotFound
from repository.sign_in import local, passwords, set_up
from repository.web import hosts
from repository.web.forms import errors_of, typed_in
from repository.web.pages import render
from repository.web.pages.sign_in import go_on
from repository.web.requests import context_of, read_form, secret_field, services_of, text_field


async def show(request: web.Request) -> web.Response:
    """Show the form of the first officer."""
    await _require_open(request)
    return await render(request, "sign_in/set_up.html", display_name="", name="", errors=[])


async def submit(request: web.Request) -> web.Response:
    """Make the first officer and begin the sign-in; the second factor follows."""
    await _require_open(request)
    form = await read_form(request)
    services, context, token = services_of(request), context_of(request), request.match_info["token"]
    try:
        display_name = text_field(form, "display_name", required=False, limit=200)
        if not display_name:
            raise FieldRefused("Enter your name.", field="display_name")
        name, password = local.clean_name(text_field(form, "name", required=False)), secret_field(form, "password")
        passwords.require_good(password, second_factor=True, context=[display_name, name])
        phc = await services.hasher.hash(password)
        attempt = await services.database.write(
            lambda s: set_up.make_officer(s, context, token, display_name, name, phc)
        )
    except FieldRefused as error:
        typed = typed_in(form, "display_name", "name")
        return await render(request, "sign_in/set_up.html", status=422, errors=errors_of(error), **typed)
    if not services.settings.on_loopback:
        # Under the machine's own address nobody can be signed in: cookies belong to the address that people use.
        return await render(request, "sign_in/set_up_done.html", sign_in_at=services.settings.base_url + "/sign-in")
    return await go_on(request, attempt)


async def _require_open(request: web.Request) -> None:
    """Refuse whoever does not sit at this machine (absent), and a link that is over; raises ``SetUpOver``."""
    services, now, token = services_of(request), context_of(request).now, request.match_info["token"]
    if services.settings.rehearsal or not hosts.is_from_this_machine(request):
        raise NotFound
    await services.database.read(lambda s: set_up.require_open(s, token, now))
