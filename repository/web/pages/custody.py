"""Pages of custody: every script of a sitting at a glance, and the history of one script."""

from __future__ import annotations

from functools import partial
from typing import Any

from aiohttp import web

from repository.access import Action, scope_of
from repository.acts import custody, custody_certificates
from repository.acts.custody import STEP_WORDS, WORDS, ScriptCustody, SittingCustody, words_of
from repository.acts.custody_certificates import checkpoint_of
from repository.web import content
from repository.web.pages import LONDON, render
from repository.web.requests import actor_of, context_of, read_form, services_of
from scripts.custody import STEPS, Standing, Step

COLOURS = {
    Standing.SCRIPT: "green",
    Standing.PACKET: "blue",
    Standing.LATE: "yellow",
    Standing.OVERDUE: "red",
}
SIGNS = {
    Standing.SCRIPT: "●",
    Standing.PACKET: "○",
    Standing.WAITING: "…",
    Standing.LATE: "▲",
    Standing.OVERDUE: "!",
    Standing.UNKNOWN: "?",
    Standing.AHEAD: "·",
    Standing.NONE: "–",
}
"""A sign of each standing, so that colour is never all that tells them apart."""
ENDS = {"returned": "given back", "destroyed": "destroyed"}


async def show_script(request: web.Request) -> web.Response:
    """Show every hand-over of one script, and what is due next."""
    context, script_id = context_of(request), request.match_info["script_id"]
    services = services_of(request)
    # To an officer of the awarding body this says whose script it is: that is written down.
    transact = services.database.write if custody.counts_first(context) else services.database.read
    found: ScriptCustody = await transact(lambda s: custody.of_script(s, context, script_id))
    return await render(
        request,
        "custody/script.html",
        page=found,
        may_certify=scope_of(actor_of(request), Action.CUSTODY_CERTIFY) is not None,
        may_look=scope_of(actor_of(request), Action.SCRIPT_LOOK) is not None,
        words_of=words_of,
        source_words=custody.SOURCE_WORDS,
        **_words(request),
    )


async def show_sitting(request: web.Request) -> web.Response:
    """Show a sitting at a glance: one line a script or, to who sees counts first, how many stand how."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    found = await services_of(request).database.read(lambda s: custody.of_sitting(s, context, sitting_id))
    return await _sitting(request, found)


async def reveal(request: web.Request) -> web.Response:
    """Show whose scripts they are, to who saw the counts first; that it was asked is recorded."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    found = await services_of(request).database.write(lambda s: custody.reveal(s, context, sitting_id))
    return await _sitting(request, found)


async def _sitting(request: web.Request, found: SittingCustody) -> web.Response:
    return await render(
        request,
        "custody/sitting.html",
        page=found,
        may_certify=scope_of(actor_of(request), Action.CUSTODY_CERTIFY) is not None,
        **_words(request),
    )


def _words(request: web.Request) -> dict[str, Any]:
    return {
        "address": partial(content.address, request),
        "colours": COLOURS,
        "signs": SIGNS,
        "standings": {one.name: one for one in Standing},
        "words_for": WORDS,
        "step_words": STEP_WORDS,
        "steps": STEPS,
        "ends": ENDS,
        "last_step": Step.ARCHIVED,
        "on": lambda at: at.astimezone(LONDON).date(),
    }


async def certify_script(request: web.Request) -> web.Response:
    """Issue the certificate of custody of one script, and lead to it."""
    await read_form(request)
    context, script_id = context_of(request), request.match_info["script_id"]
    services = services_of(request)
    checkpoint = await checkpoint_of(services)
    receipt_id = await services.database.write(
        lambda s: custody_certificates.of_script(s, context, services.signer, script_id, checkpoint)
    )
    return web.Response(status=303, headers={"Location": f"/receipts/{receipt_id}"})


async def certify_sitting(request: web.Request) -> web.Response:
    """Issue the certificate of custody of every script of a sitting, and lead to it."""
    await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    services = services_of(request)
    checkpoint = await checkpoint_of(services)
    receipt_id = await services.database.write(
        lambda s: custody_certificates.of_sitting(s, context, services.signer, sitting_id, checkpoint)
    )
    return web.Response(status=303, headers={"Location": f"/receipts/{receipt_id}"})
