"""Standardisation: a moderator's practice and approval, and what whoever answers for a component decides about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy.orm import Session

from moderation.standardisation import ApprovalState, WorkKind
from repository.access import Action, scope_of
from repository.acts import standardisation, standardisation_marks
from repository.errors import FieldRefused
from repository.web import viewer
from repository.web.forms import FORM_ERRORS, errors_of, typed_in, wrong_in
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, number_field, read_form, services_of, text_field

KIND_WORDS: Mapping[WorkKind, str] = {
    WorkKind.PRACTICE: "Practice",
    WorkKind.APPROVAL: "Approval",
    WorkKind.SEED: "Seed",
}
APPROVAL_WORDS: Mapping[ApprovalState, str] = {
    ApprovalState.NOT_NEEDED: "No approval needed",
    ApprovalState.WAITING: "Not approved yet",
    ApprovalState.TO_DECIDE: "Waits for a decision",
    ApprovalState.APPROVED: "Approved",
    ApprovalState.REFUSED: "Not approved",
}
APPROVAL_COLOURS: Mapping[ApprovalState, str] = {
    ApprovalState.NOT_NEEDED: "grey",
    ApprovalState.WAITING: "yellow",
    ApprovalState.TO_DECIDE: "orange",
    ApprovalState.APPROVED: "green",
    ApprovalState.REFUSED: "red",
}
MARK_LIMIT = 999
COMMENT_LIMIT = 2000
REASON_LIMIT = 500


async def index(request: web.Request) -> web.Response:
    """List the components: for a moderator with what is to be marked, for who answers for them with what is used."""
    context = context_of(request)
    lines = await services_of(request).database.read(lambda s: standardisation.listed(s, context))
    return await render(
        request,
        "standardisation/index.html",
        lines=lines,
        is_moderator=scope_of(actor_of(request), Action.STANDARDISATION_MARK) is not None,
        href=component_href,
        **_words(),
    )


async def show_component(request: web.Request) -> web.Response:
    """Show what is decided about a component."""
    return await _component_page(request)


async def show_mine(request: web.Request) -> web.Response:
    """Show a moderator the practice and approval works of a component."""
    context, key, code = context_of(request), request.match_info["series_key"], request.query.get("code", "")

    def read(session: Session) -> tuple[Any, Any]:
        lines = [
            one
            for one in standardisation.listed(session, context)
            if (one.series_key, one.component_code) == (key, code)
        ]
        return lines, standardisation_marks.mine_in(session, context, key, code)

    lines, readings = await services_of(request).database.read(read)
    return await render(
        request,
        "standardisation/mine.html",
        line=lines[0] if lines else None,
        readings=readings,
        code=code,
        **_words(),
    )


async def set_plan(request: web.Request) -> web.Response:
    """Keep whether approval is needed and seeds are used."""
    form = await read_form(request)
    context, key, code = context_of(request), request.match_info["series_key"], request.query.get("code", "")
    approval, seeds = "approval" in form.getall("asks", []), "seeds" in form.getall("asks", [])
    try:
        await services_of(request).database.write(
            lambda s: standardisation.set_plan(s, context, key, code, approval_required=approval, uses_seeds=seeds)
        )
    except FORM_ERRORS as error:
        return await _component_page(request, form=form, errors=errors_of(error), status=422)
    return await redirect(request, component_href(key, code), title="Saved", text=f"{code} was changed.")


async def propose(request: web.Request) -> web.Response:
    """Take a work with an agreed mark."""
    form = await read_form(request)
    context, key, code = context_of(request), request.match_info["series_key"], request.query.get("code", "")
    try:
        kind = _kind_field(form)
        item_id = text_field(form, "item_id", limit=36)
        agreed = number_field(form, "agreed_mark", 0, MARK_LIMIT)
        words = text_field(form, "commentary", required=False, limit=COMMENT_LIMIT)
        await services_of(request).database.write(
            lambda s: standardisation.propose(
                s, context, key, code, kind=kind, sample_item_id=item_id, agreed_mark=agreed, commentary=words
            )
        )
    except FORM_ERRORS as error:
        return await _component_page(request, form=form, errors=errors_of(error), status=422)
    text = "Somebody else confirms its mark; then moderators are given it."
    return await redirect(request, component_href(key, code), title="Work added", text=text)


async def confirm(request: web.Request) -> web.Response:
    """Confirm an agreed mark."""
    await read_form(request)
    context, work_id = context_of(request), request.match_info["work_id"]
    done = await services_of(request).database.write(lambda s: standardisation.confirm(s, context, work_id))
    where = component_href(done.series_key, done.component_code)
    return await redirect(request, where, title="Confirmed", text="Moderators are given this work from now on.")


async def retire(request: web.Request) -> web.Response:
    """Give a work to nobody any more."""
    await read_form(request)
    context, work_id = context_of(request), request.match_info["work_id"]
    done = await services_of(request).database.write(lambda s: standardisation.retire(s, context, work_id))
    where = component_href(done.series_key, done.component_code)
    return await redirect(request, where, title="Taken out", text="Nobody is given this work any more; its marks stay.")


async def decide(request: web.Request) -> web.Response:
    """Keep a decision about a moderator's approval."""
    form = await read_form(request)
    context, key, code = context_of(request), request.match_info["series_key"], request.query.get("code", "")
    person_id = str(form.get("person_id", ""))
    try:
        if form.get("decision") not in {"approve", "refuse"}:
            raise FieldRefused("Choose whether the moderator is approved.", field="decision")
        approved = form["decision"] == "approve"
        reason = text_field(form, "reason", limit=REASON_LIMIT)
        await services_of(request).database.write(
            lambda s: standardisation.decide(s, context, key, code, person_id, is_approved=approved, reason=reason)
        )
    except FORM_ERRORS as error:
        ids = {"reason": f"reason-{person_id}", "decision": f"decision-{person_id}"}
        return await _component_page(request, form=form, errors=errors_of(error, ids), status=422)
    text = "Live work is open to the moderator." if approved else "The moderator can mark no live work of it."
    return await redirect(request, component_href(key, code), title="Decided", text=text)


async def show_work(request: web.Request) -> web.Response:
    """Show a practice or approval work, to be marked."""
    return await _work_page(request)


async def mark_work(request: web.Request) -> web.Response:
    """Keep a moderator's mark of such a work."""
    form = await read_form(request)
    context, work_id = context_of(request), request.match_info["work_id"]
    try:
        value = number_field(form, "mark", 0, MARK_LIMIT)
        comment = text_field(form, "comment", required=False, limit=COMMENT_LIMIT)
        kept = await services_of(request).database.write(
            lambda s: standardisation_marks.mark(s, context, work_id, value, comment)
        )
    except FORM_ERRORS as error:
        return await _work_page(request, form=form, errors=errors_of(error), status=422)
    if kept.work.kind is WorkKind.PRACTICE:
        where, text = f"/standardisation/works/{work_id}", "Now compare it with the agreed mark."
    else:
        where = mine_href(kept.work.series_key, kept.work.component_code)
        text = "Your marks are compared with the agreed ones when all of these works are marked."
    return await redirect(request, where, title="Mark kept", text=text)


def component_href(series_key: str, component_code: str) -> str:
    """Return where a component's standardisation is decided."""
    return f"/series/{series_key}/component/standardisation?{urlencode({'code': component_code})}"


def mine_href(series_key: str, component_code: str) -> str:
    """Return where a moderator finds the works of a component."""
    return f"/series/{series_key}/component/practice?{urlencode({'code': component_code})}"


def _words() -> dict[str, Any]:
    return {
        "kind_words": KIND_WORDS,
        "kinds": WorkKind,
        "approval_words": APPROVAL_WORDS,
        "approval_colours": APPROVAL_COLOURS,
        "mine_href": mine_href,
        "component_href": component_href,
    }


def _kind_field(form: MultiDictProxy[Any]) -> WorkKind:
    try:
        return WorkKind(str(form.get("kind", "")))
    except ValueError as error:
        raise FieldRefused("Choose what the work is used for.", field="kind") from error


async def _component_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, key, code = context_of(request), request.match_info["series_key"], request.query.get("code", "")
    centre = request.query.get("centre", "").strip()
    page = await services_of(request).database.read(lambda s: standardisation.page(s, context, key, code, centre))
    asks = [name for name, on in (("approval", page.approval_required), ("seeds", page.uses_seeds)) if on]
    return await render(
        request,
        "standardisation/component.html",
        status=status,
        page=page,
        asks=asks,
        choices=[{"value": "", "text": "Choose"}]
        + [
            {
                "value": one.item_id,
                "text": f"Centre {one.centre_number}, {one.candidate_number}, centre mark {one.centre_mark}",
            }
            for one in page.choices
        ],
        kind_choices=[{"value": kind.value, "text": words} for kind, words in KIND_WORDS.items()],
        typed=typed_in(form, "item_id", "agreed_mark", "commentary", "kind", "reason", "person_id", "decision"),
        wrong=wrong_in(errors),
        query=urlencode({"code": code}),
        centre=centre,
        errors=errors or [],
        **_words(),
    )


async def _work_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, work_id = context_of(request), request.match_info["work_id"]
    page = await services_of(request).database.write(lambda s: standardisation_marks.reading(s, context, work_id))
    return await render(
        request,
        "standardisation/work.html",
        status=status,
        page=page,
        shown=viewer.all_shown(request, page.documents),
        typed=typed_in(form, "mark", "comment"),
        wrong=wrong_in(errors),
        errors=errors or [],
        **_words(),
    )
