"""How a sample came to be, and what is asked for beside it: more work, all work, replacements, a choice by a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from moderation.errors import ModerationError
from moderation.outcome import Stage
from moderation.sampling import ReplacementReason, RequestKind
from repository.access import CENTRE_ROLES
from repository.acts import sample_requests
from repository.acts.cases import state_words
from repository.web.api.sample_requests import COUNT_LIMIT, REASON_LIMIT, VERSION_LIMIT, reason_of
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.pages.rules import ALL_WORK_WORDS, BASIS_WORDS, PICKED_BY_WORDS, band_words
from repository.web.requests import actor_of, context_of, number_field, read_form, services_of, text_field

STAGE_WORDS: Mapping[Stage, str] = {
    Stage.NO_SAMPLE: "Nothing is to be read",
    Stage.SUB_SAMPLE: "The first part of the sample",
    Stage.FULL_SAMPLE: "The whole sample",
    Stage.ALL_WORK: "All work",
}
REASON_WORDS: Mapping[str, str] = {
    ReplacementReason.LOST: "The work is lost",
    ReplacementReason.ABSENT_IN_ERROR: "The candidate was absent; the mark was entered in error",
    ReplacementReason.UNREADABLE: "The work cannot be read",
    ReplacementReason.WITHDRAWN_AFTER_DRAW: "The candidate withdrew after the sample was drawn",
}
KIND_WORDS: Mapping[str, str] = {
    RequestKind.MORE_WORK: "More work",
    RequestKind.ALL_WORK: "All work",
    RequestKind.REPLACEMENT: "Replacement",
}


async def show(request: web.Request) -> web.Response:
    """Show how the sample came to be and what can be asked for."""
    return await _requests_page(request)


async def ask_more(request: web.Request) -> web.Response:
    """Ask for so many further works, or for those of the candidates ticked."""
    form, context, case_id = await read_form(request), context_of(request), request.match_info["case_id"]
    named = [str(value)[:64] for value in form.getall("candidates", [])]
    by_name = form.get("act") == "named"
    ids = {"reason": "named-reason", "count": "ranked"} if by_name else {"reason": "more-reason"}
    try:
        reason = text_field(form, "reason", limit=REASON_LIMIT)
        version = number_field(form, "version", 0, VERSION_LIMIT)
        count = 0 if by_name else number_field(form, "count", 1, COUNT_LIMIT)
        done = await services_of(request).database.write(
            lambda s: sample_requests.ask_more(
                s, context, case_id, count=count, candidate_ids=named, reason=reason, version=version
            )
        )
    except FORM_ERRORS as error:
        return await _requests_page(request, form=form, errors=_errors(error, ids, "ranked"), status=422)
    total = len(done.item_ids)
    text = f"{total} further work{'s are' if total != 1 else ' is'} asked for. The whole sample is now read."
    return await redirect(request, _path(case_id), title="More work asked for", text=text)


async def ask_all(request: web.Request) -> web.Response:
    """Ask for the work of everybody who can be drawn."""
    form, context, case_id = await read_form(request), context_of(request), request.match_info["case_id"]
    try:
        reason = text_field(form, "reason", limit=REASON_LIMIT)
        version = number_field(form, "version", 0, VERSION_LIMIT)
        done = await services_of(request).database.write(
            lambda s: sample_requests.ask_all(s, context, case_id, reason=reason, version=version)
        )
    except FORM_ERRORS as error:
        return await _requests_page(request, form=form, errors=_errors(error, {"reason": "all-reason"}), status=422)
    text = f"{len(done.item_ids)} works are asked for beside those already in the sample."
    return await redirect(request, _path(case_id), title="All work asked for", text=text)


async def replace(request: web.Request) -> web.Response:
    """Ask for another work in place of a sampled one."""
    form, context, case_id = await read_form(request), context_of(request), request.match_info["case_id"]
    try:
        item_id = text_field(form, "item", limit=64)
        reason, note = reason_of(form), text_field(form, "note", limit=REASON_LIMIT)
        version = number_field(form, "version", 0, VERSION_LIMIT)
        _, new = await services_of(request).database.write(
            lambda s: sample_requests.replace(s, context, item_id, reason=reason, note=note, version=version)
        )
    except FORM_ERRORS as error:
        ids = {"reason_code": "reason_code", "reason": "note"}
        return await _requests_page(request, form=form, errors=_errors(error, ids), status=422)
    if new is None:
        text = "Nobody is left to take the place; the work is no longer waited for."
    else:
        text = f"Candidate {new.candidate_number} of centre {new.centre_number} takes the place. {new.explanation}."
    return await redirect(request, _path(case_id), title="Replaced", text=text)


async def show_choice(request: web.Request) -> web.Response:
    """Show whom a person may choose from."""
    return await _choice_page(request)


async def choose(request: web.Request) -> web.Response:
    """Keep the candidates ticked as the sample."""
    form, context, case_id = await read_form(request), context_of(request), request.match_info["case_id"]
    named = [str(value)[:64] for value in form.getall("candidates", [])]
    try:
        reason = text_field(form, "reason", limit=REASON_LIMIT)
        version = number_field(form, "version", 0, VERSION_LIMIT)
        await services_of(request).database.write(
            lambda s: sample_requests.choose(s, context, case_id, named, reason=reason, version=version)
        )
    except FORM_ERRORS as error:
        return await _choice_page(request, form=form, errors=_errors(error, {}, "ranked"), status=422)
    title, text = "Sample chosen", f"{len(named)} works are asked for."
    return await redirect(request, f"/cases/{case_id}", title=title, text=text)


def _errors(error: Exception, ids: Mapping[str, str], otherwise: str = "main-content") -> list[dict[str, str]]:
    """Return the errors of a form; what names a candidate by an id leads to the list, once for each sentence."""
    if isinstance(error, ModerationError) and error.facts.get("faults"):
        faults: Any = error.facts["faults"]
        sentences = dict.fromkeys(fault[2] for fault in faults)
        return [{"text": text, "href": f"#{otherwise}"} for text in sentences]
    return errors_of(error, ids)


async def _requests_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, case_id, actor = context_of(request), request.match_info["case_id"], actor_of(request)
    page = await services_of(request).database.read(lambda s: sample_requests.page(s, context, case_id))
    names = ("count", "reason", "note", "item", "reason_code")
    return await render(
        request,
        "sample_requests/show.html",
        status=status,
        page=page,
        state=state_words(actor, page.case.state),
        stage=STAGE_WORDS[page.sample.stage] if page.sample else "",
        band_words=band_words,
        picked_by_words=PICKED_BY_WORDS,
        basis_words=BASIS_WORDS,
        all_work_words=ALL_WORK_WORDS,
        reason_words=REASON_WORDS,
        kind_words=KIND_WORDS,
        reasons=[{"value": str(code), "text": words} for code, words in REASON_WORDS.items()],
        typed={name: str(form.get(name, "")) if form is not None else "" for name in names},
        ticked=set(form.getall("candidates", [])) if form is not None else set(),
        replacing=request.query.get("replace", "")[:64],
        maximum_reason=REASON_LIMIT,
        errors=errors or [],
        wrong={error["href"]: error["text"] for error in errors or []},
    )


async def _choice_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, case_id, actor = context_of(request), request.match_info["case_id"], actor_of(request)
    page = await services_of(request).database.read(lambda s: sample_requests.choice(s, context, case_id))
    return await render(
        request,
        "sample_requests/choose.html",
        status=status,
        page=page,
        may_choose=page.may_choose,
        is_centre=actor.role in CENTRE_ROLES,
        band_words=band_words,
        picked_by_words=PICKED_BY_WORDS,
        ticked=set(form.getall("candidates", [])) if form is not None else set(),
        typed=str(form.get("reason", "")) if form is not None else "",
        maximum_reason=REASON_LIMIT,
        errors=errors or [],
        wrong={error["href"]: error["text"] for error in errors or []},
    )


def _path(case_id: str) -> str:
    return f"/cases/{case_id}/sample/requests"
