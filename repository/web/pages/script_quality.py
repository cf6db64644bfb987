"""Pages of the second look at scripts, and of their release to markers."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from repository.access import Action, scope_of
from repository.acts import scan_words, script_quality
from repository.web import authentication, content, step_up
from repository.web.api.results import instant_field
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, read_form, read_json, services_of, text_field
from scripts.errors import ReleaseRefused


async def index(request: web.Request) -> web.Response:
    """Say how many scripts wait for a second look."""
    context = context_of(request)
    total, reasons = await services_of(request).database.read(lambda s: script_quality.waiting(s, context))
    return await render(
        request, "scans/quality.html", total=total, reasons=reasons, words=script_quality.CHOSEN_WORDS, errors=[]
    )


async def take(request: web.Request) -> web.Response:
    """Take up the next script, and open it."""
    await read_form(request)
    return await _next(request)


async def _next(request: web.Request) -> web.Response:
    context = context_of(request)
    check_id = await services_of(request).database.write(lambda s: script_quality.take(s, context))
    if check_id is None:
        return await redirect(request, "/quality", text="No script waits here for you now.")
    return web.Response(status=303, headers={"Location": f"/quality/{check_id}"})


async def show(request: web.Request) -> web.Response:
    """Show a script for its second look."""
    step_up.require_proof(request, Action.SCRIPT_IMAGE)
    return await _page(request)


async def _page(request: web.Request, *, errors: list[dict[str, str]] | None = None, status: int = 200) -> web.Response:
    context, check_id = context_of(request), request.match_info["quality_check_id"]
    page = await services_of(request).database.read(lambda s: script_quality.page(s, context, check_id))
    return await render(
        request,
        "scans/look.html",
        status=status,
        page=page,
        address=partial(content.address, request),
        chosen_words=script_quality.CHOSEN_WORDS,
        fault_words=script_quality.FAULT_WORDS,
        note_words=scan_words.NOTE_WORDS,
        errors=errors or [],
    )


async def answer(request: web.Request) -> web.Response:
    """Say what the look found, and open the next script."""
    form, context, check_id = await read_form(request), context_of(request), request.match_info["quality_check_id"]
    try:
        passed = text_field(form, "outcome", required=False, limit=10) == "passed"
        reason = text_field(form, "reason", required=False, limit=40)
        await services_of(request).database.write(
            lambda s: script_quality.answer(s, context, check_id, passed=passed, reason=reason)
        )
    except FORM_ERRORS as error:
        return await _page(request, errors=errors_of(error), status=422)
    return await _next(request)


async def show_release(request: web.Request) -> web.Response:
    """Show what keeps a script from its marker."""
    return await _release(request)


async def _release(
    request: web.Request, *, errors: list[dict[str, str]] | None = None, status: int = 200
) -> web.Response:
    context, script_id = context_of(request), request.match_info["script_id"]
    page = await services_of(request).database.read(lambda s: script_quality.release_page(s, context, script_id))
    officer = scope_of(actor_of(request), Action.SCRIPT_RETENTION) is not None
    return await render(
        request,
        "scans/release.html",
        status=status,
        page=page,
        may_permit=officer and page.only_cases,
        block_words=script_quality.BLOCK_WORDS,
        errors=errors or [],
    )


async def release(request: web.Request) -> web.Response:
    """Let a script go to its marker."""
    form, context, script_id = await read_form(request), context_of(request), request.match_info["script_id"]
    with_cases = form.get("with_cases") == "yes"
    try:
        await services_of(request).database.write(
            lambda s: script_quality.release(s, context, script_id, with_cases=with_cases)
        )
    except (*FORM_ERRORS, ReleaseRefused) as error:
        return await _release(request, errors=errors_of(error), status=409)
    return await redirect(request, f"/scripts/{script_id}/release", text="The script is released for marking.")


async def tell(request: web.Request) -> web.Response:
    """Record what the marking system or the archive says of a script."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body, context, script_id = await read_json(request), context_of(request), request.match_info["script_id"]
    event_id, kind = text_field(body, "event_id", limit=64), text_field(body, "kind", limit=20)
    at = instant_field(body, "occurred_at") if body.get("occurred_at") else context.now
    known = await services_of(request).database.write(
        lambda s: script_quality.tell(s, context, script_id, event_id, kind, at)
    )
    return web.json_response({"script_id": script_id, "kind": kind, "repeat": known}, status=200 if known else 201)
