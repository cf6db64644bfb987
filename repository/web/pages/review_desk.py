"""The reviewer's desk, and retention: what is due for disposal and why."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from moderation.errors import TermsInvalid
from moderation.records.review_outcomes import RATIONALE_LIMIT
from moderation.review import Finding, ReasonCode
from repository.acts import retention, review_decisions, series
from repository.acts.reviews import SERVICE_WORDS, STATE_WORDS, TRIGGER_WORDS
from repository.errors import RepositoryError
from repository.keys import shredding
from repository.web import authentication
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.pages.reviews import CONSENT_WORDS, FINDING_WORDS, choice_field, fee_words
from repository.web.requests import context_of, number_field, read_file, read_form, services_of, text_field

COMMENT_LIMIT = 2000
_BY_ITEM = frozenset({"#mark", "#comment"})
TERMS_LIMIT_BYTES = 1024 * 1024
ROWS_SHOWN = 500
"""A page stays readable: what is due comes first."""


async def show(request: web.Request) -> web.Response:
    """Show the original sample with the original marks, and a field for each review mark."""
    return await _desk(request)


async def mark(request: web.Request) -> web.Response:
    """Record a review mark."""
    form = await read_form(request)
    context, request_id = context_of(request), request.match_info["request_id"]
    try:
        item_id = text_field(form, "item_id", limit=36)
        given = number_field(form, "mark", 0, 9999)
        comment = text_field(form, "comment", required=False, limit=COMMENT_LIMIT)
        number = number_field(form, "number", 0, 2**31)
        await services_of(request).database.write(
            lambda s: review_decisions.mark(s, context, request_id, item_id, given, comment, number)
        )
    except FORM_ERRORS as error:
        return await _desk(request, form=form, errors=errors_of(error), status=422)
    return await redirect(request, f"/reviews/{request_id}/desk")


async def propose(request: web.Request) -> web.Response:
    """Propose what follows from the review marks."""
    form = await read_form(request)
    context, request_id = context_of(request), request.match_info["request_id"]
    try:
        rationale = text_field(form, "rationale", limit=RATIONALE_LIMIT)
        code = text_field(form, "reason_code", required=False, limit=80)
        reason: ReasonCode | None = choice_field(form, "reason_code", ReasonCode) if code else None
        await services_of(request).database.write(
            lambda s: review_decisions.propose_review(s, context, request_id, rationale, reason)
        )
    except FORM_ERRORS as error:
        return await _desk(request, form=form, errors=errors_of(error), status=422)
    return await redirect(
        request, f"/reviews/{request_id}/desk", title="Proposed", text="An officer checks it against your rationale."
    )


async def _desk(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, request_id = context_of(request), request.match_info["request_id"]
    database = services_of(request).database
    try:
        desk = await database.write(lambda s: review_decisions.desk(s, context, request_id))
        stuck = ""
    except FORM_ERRORS as error:
        desk = await database.write(lambda s: review_decisions.desk(s, context, request_id, is_decided=False))
        stuck = errors_of(error)[0]["text"]
    wrong_item = str(form.get("item_id", "")) if form is not None else ""
    names = {
        item.item_id: item.candidate_number
        + ("" if item.centre_number == desk.request.centre_number else f"-{item.centre_number}")
        for item, _ in desk.items
    }
    name = names.get(wrong_item, "")
    shown = [
        {"text": one["text"], "href": f"{one['href']}-{name}" if name and one["href"] in _BY_ITEM else one["href"]}
        for one in errors or []
    ]
    return await render(
        request,
        "reviews/desk.html",
        status=status,
        desk=desk,
        one=desk.request,
        stuck=stuck,
        state_words=STATE_WORDS,
        finding_words=FINDING_WORDS,
        changes=desk.found in {Finding.CENTRE_MARKS_REINSTATED, Finding.MODERATION_CHANGED},
        reasons=[{"value": code.value, "text": code.value} for code in ReasonCode],
        typed=form or {},
        wrong_item=wrong_item,
        rationale_limit=RATIONALE_LIMIT,
        errors=shown,
        wrong={error["href"]: error["text"] for error in shown},
    )


# Retention


async def show_retention(request: web.Request) -> web.Response:
    """Show until when each case's work is kept and why; the list is the dry run of a disposal."""
    return await _retention(request)


async def close_case(request: web.Request) -> web.Response:
    """Close a case for good, propose to destroy its files, or confirm that as another officer."""
    form = await read_form(request)
    context, case_id, services = context_of(request), request.match_info["case_id"], services_of(request)
    key = text_field(form, "series", limit=12)
    step = form.get("step")
    try:
        if step == "begin":
            await services.database.write(lambda s: retention.begin(s, context, case_id))
            text = "The case is closed. Its works can now be disposed of, by two officers."
        elif step == "propose":
            files = await services.database.write(lambda s: retention.propose(s, context, case_id))
            text = f"{files} files are proposed for destruction. Another officer confirms."
        else:
            proposals = await services.database.write(lambda s: retention.confirm(s, context, case_id))
            for proposal in proposals:
                await shredding.carry_out(services, context, proposal)
            text = f"{len(proposals)} files are destroyed: their keys are gone, their hashes stay in the records."
    except (*FORM_ERRORS, RepositoryError) as error:
        return await _retention(request, key=key, errors=errors_of(error), status=409)
    return await redirect(request, f"/retention?series={key}", title="Done", text=text)


async def _retention(
    request: web.Request, *, key: str = "", errors: list[dict[str, str]] | None = None, status: int = 200
) -> web.Response:
    context, database = context_of(request), services_of(request).database
    every = await database.read(lambda s: series.listed(s, context))
    chosen = key or request.query.get("series", "") or (every[0].key if every else "")
    lines = await database.read(lambda s: retention.due(s, context, chosen)) if chosen else ()
    return await render(
        request,
        "reviews/retention.html",
        status=status,
        series=every,
        chosen=chosen,
        lines=sorted(lines, key=lambda one: not one.line.is_due)[:ROWS_SHOWN],
        total=len(lines),
        due=sum(one.line.is_due for one in lines),
        errors=errors or [],
    )


# Terms and returns


async def import_terms(request: web.Request) -> web.Response:
    """Import terms of services from a JSON file."""
    form = await read_form(request)
    context = context_of(request)
    sent = form.get("file")
    try:
        body = sent.file.read(TERMS_LIMIT_BYTES + 1) if isinstance(sent, web.FileField) else b""
        text = terms_text(body)
        added = await services_of(request).database.write(lambda s: review_decisions.take_terms(s, context, text))
    except FORM_ERRORS as error:
        return await _terms(request, errors=errors_of(error, {"": "file"}), status=422)
    return await redirect(request, "/reviews/terms", title="Imported", text=f"{added} rows are new.")


async def show_terms(request: web.Request) -> web.Response:
    """Show the terms of every service of a series, with their sources."""
    return await _terms(request)


async def api_import_terms(request: web.Request) -> web.Response:
    """Import terms of services, for programs."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    text = terms_text(await read_file(request, TERMS_LIMIT_BYTES))
    context = context_of(request)
    added = await services_of(request).database.write(lambda s: review_decisions.take_terms(s, context, text))
    return web.json_response({"rows": added}, status=201)


def terms_text(body: bytes) -> str:
    """Return a file of terms as text; raises ``TermsInvalid``."""
    if len(body) > TERMS_LIMIT_BYTES:
        raise TermsInvalid("The file is too large to hold terms of services.", field="file")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TermsInvalid("The file is not text in UTF-8.", field="file") from error


async def _terms(
    request: web.Request, *, errors: list[dict[str, str]] | None = None, status: int = 200
) -> web.Response:
    context, database = context_of(request), services_of(request).database
    every = await database.read(lambda s: series.listed(s, context))
    chosen = request.query.get("series", "") or (every[0].key if every else "")
    terms = await database.read(lambda s: review_decisions.terms_of(s, context, chosen)) if chosen else ()
    return await render(
        request,
        "reviews/terms.html",
        status=status,
        series=every,
        chosen=chosen,
        terms=terms,
        service_words=SERVICE_WORDS,
        trigger_words=TRIGGER_WORDS,
        consent_words=CONSENT_WORDS,
        fee=fee_words,
        errors=errors or [],
    )


async def show_csv(request: web.Request) -> web.Response:
    """Answer the reviews of a series in the public columns of the regulator's returns."""
    context, key = context_of(request), request.match_info["series_key"]
    body = await services_of(request).database.write(lambda s: review_decisions.as_csv(s, context, key))
    return web.Response(
        body=body,
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="reviews-{key}.csv"'},
    )
