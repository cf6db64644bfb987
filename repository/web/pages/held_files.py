"""Files that are held and wait for the awarding body."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from repository.acts import held_files
from repository.inspection import RemedyKind
from repository.web.pages import redirect, render
from repository.web.requests import context_of, read_form, services_of

KIND_WORDS: Mapping[str, str] = {
    RemedyKind.RESCAN: "Inspect it again once what was missing is there",
    RemedyKind.REVIEW: "Look into it: inspect it again, or have the centre send another file",
}


async def index(request: web.Request) -> web.Response:
    """Show what is held and no centre can mend."""
    context = context_of(request)
    found = await services_of(request).database.read(lambda s: held_files.listed(s, context))
    return await render(request, "held_files/index.html", found=found, kinds=KIND_WORDS)


async def inspect_again(request: web.Request) -> web.Response:
    """Send a held file to inspection again."""
    await read_form(request)
    services, context = services_of(request), context_of(request)
    document_id = request.match_info["document_id"]
    await services.database.write(lambda s: held_files.inspect_again(s, context, document_id))
    services.bell.ring()
    return await redirect(request, "/held-files", title="Sent", text="The file is being checked again.")
