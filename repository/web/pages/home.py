"""The home page of each kind of user: what is due, and what to do next."""

from __future__ import annotations

from aiohttp import web

from repository.acts import tasks
from repository.web.pages import render
from repository.web.requests import context_of, services_of


async def show(request: web.Request) -> web.Response:
    """Show what is due for the person who asks, most urgent first."""
    services, context = services_of(request), context_of(request)
    board = await services.database.read(lambda s: tasks.board(s, context))
    return await render(request, "home.html", board=board)
