"""Pages of mail: whether it goes out, and what will not arrive."""

from __future__ import annotations

from aiohttp import web

from repository.acts import mail as acts
from repository.errors import NotFound
from repository.web.pages import redirect, render
from repository.web.requests import context_of, read_form, services_of


async def index(request: web.Request) -> web.Response:
    """Show how the queue stands and which messages failed."""
    context = context_of(request)
    page = await services_of(request).database.read(lambda s: acts.page(s, context))
    return await render(request, "mail/index.html", page=page)


async def send_again(request: web.Request) -> web.Response:
    """Queue a message that failed once more."""
    await read_form(request)
    context, message_id = context_of(request), request.match_info["message_id"]
    if not await services_of(request).database.write(lambda s: acts.send_again(s, context, message_id)):
        raise NotFound
    return await redirect(request, "/mail", text="The message is in the queue again.")
