"""Files that are held and wait for the awarding body."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from repository.acts import held_files, originals, reading
from repository.antivirus import ScanState
from repository.inspection import RemedyKind
from repository.web import content as bytes_host
from repository.web.pages import documents, redirect, render
from repository.web.requests import context_of, read_form, services_of

KIND_WORDS: Mapping[str, str] = {
    RemedyKind.RESCAN: "Inspect it again once what was missing is there",
    RemedyKind.REVIEW: "Look into it: inspect it again, or have the centre send another file",
}


SCAN_WORDS: Mapping[str, str] = {
    ScanState.CLEAN: "Nothing found",
    ScanState.PARTIAL: "Nothing found in the part that it takes",
    ScanState.FAILED: "It gave no answer that can be believed",
    ScanState.LIMITS: "It could not look into all of it",
    ScanState.NONE: "There is none",
    "": "Not asked yet",
}


async def index(request: web.Request) -> web.Response:
    """Show what is held and no centre can mend."""
    context = context_of(request)
    found = await services_of(request).database.read(lambda s: held_files.listed(s, context))
    return await render(request, "held_files/index.html", found=found, kinds=KIND_WORDS, scans=SCAN_WORDS)


async def original(request: web.Request) -> web.Response:
    """Lead an officer, who has just proved who it is, to a file as it was sent."""
    services, context, document_id = services_of(request), context_of(request), request.match_info["document_id"]
    await services.database.read(lambda s: originals.check(s, context, document_id))
    location = bytes_host.address(request, "documents", document_id, "original")
    return web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})


async def give_original(request: web.Request) -> web.StreamResponse:
    """Stream a file as it was sent, as something to be kept: of no type that a browser opens, on the content host."""
    services, context, document_id = services_of(request), context_of(request), request.match_info["document_id"]
    found = await services.database.write(lambda s: originals.give(s, context, document_id))
    return await documents.stream(
        request,
        "application/octet-stream",
        found.size_bytes,
        documents.attachment_header(found.filename),
        lambda start, stop: reading.pieces(services, context, document_id, found.stored, start, stop),
    )


async def inspect_again(request: web.Request) -> web.Response:
    """Send a held file to inspection again."""
    await read_form(request)
    services, context = services_of(request), context_of(request)
    document_id = request.match_info["document_id"]
    await services.database.write(lambda s: held_files.inspect_again(s, context, document_id))
    services.bell.ring()
    return await redirect(request, "/held-files", title="Sent", text="The file is being checked again.")
