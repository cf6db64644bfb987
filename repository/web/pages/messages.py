"""Messages about a case: the conversations, one of them, a new one. Everything is read and written without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from moderation.messages import Party, ThreadKind
from repository.access import Role
from repository.acts import messages
from repository.web.forms import FORM_ERRORS, errors_of, typed_in, wrong_in
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, number_field, read_form, services_of, text_field

BODY_LIMIT = 4000
SUBJECT_LIMIT = 120
PARTY_WORDS: Mapping[Party, str] = {
    Party.MODERATOR: "The moderator",
    Party.TEAM_LEADER: "The team leader",
    Party.PRINCIPAL_MODERATOR: "The principal moderator",
    Party.AB_OFFICER: "An officer of the awarding body",
    Party.EXAMS_OFFICER: "The exams officer of the centre",
}
KIND_WORDS: Mapping[ThreadKind, str] = {
    ThreadKind.DESK: "About the moderation; the centre never sees it",
    ThreadKind.CENTRE: "With the centre; who moderates never sees it",
}


async def index(request: web.Request) -> web.Response:
    """Show a person's conversations, what is new first."""
    context = context_of(request)
    found = await services_of(request).database.read(lambda s: messages.inbox(s, context))
    return await render(request, "messages/index.html", found=found, kind_words=KIND_WORDS)


async def show_case(request: web.Request) -> web.Response:
    """Show the conversations about a case, and the form for a new one."""
    return await _case_page(request)


async def start(request: web.Request) -> web.Response:
    """Begin a conversation about a case or one work of it."""
    form = await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    item_id = str(form.get("item_id", ""))[:64] or None
    try:
        addressed_to = text_field(form, "addressed_to", limit=32)
        subject = text_field(form, "subject", limit=SUBJECT_LIMIT)
        body = text_field(form, "body", limit=BODY_LIMIT)
        made = await services_of(request).database.write(
            lambda s: messages.start(
                s, context, case_id, item_id=item_id, addressed_to=addressed_to, subject=subject, body=body
            )
        )
    except FORM_ERRORS as error:
        return await _case_page(request, item_id=item_id, form=form, errors=errors_of(error), status=422)
    return await redirect(
        request, f"/threads/{made}", title="Sent", text="Whoever it is for finds it on their home page."
    )


async def show(request: web.Request) -> web.Response:
    """Show one conversation, which is read with that."""
    return await _thread_page(request)


async def reply(request: web.Request) -> web.Response:
    """Add a message to a conversation, and pass it on if that is asked for."""
    form = await read_form(request)
    context, thread_id = context_of(request), request.match_info["thread_id"]
    try:
        body = text_field(form, "body", limit=BODY_LIMIT)
        addressed_to = text_field(form, "addressed_to", required=False, limit=32)
        seen = number_field(form, "number", 0, 100_000)
        await services_of(request).database.write(
            lambda s: messages.reply(s, context, thread_id, body=body, addressed_to=addressed_to, expected_number=seen)
        )
    except FORM_ERRORS as error:
        return await _thread_page(request, form=form, errors=errors_of(error), status=422)
    return await redirect(request, f"/threads/{thread_id}", title="Sent", text="Your message is in the conversation.")


async def _case_page(
    request: web.Request,
    *,
    item_id: str | None = None,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, case_id = context_of(request), request.match_info["case_id"]
    wanted = item_id or request.query.get("work", "")[:64] or None
    page = await services_of(request).database.read(lambda s: messages.page(s, context, case_id, wanted))
    choices = [
        {"value": party.value, "text": PARTY_WORDS[party]} for parties in page.addressees.values() for party in parties
    ]
    return await render(
        request,
        "messages/case.html",
        status=status,
        page=page,
        case=page.case,
        back=_back(request, page.case.case_id, page.item_id),
        choices=choices,
        kind_words=KIND_WORDS,
        typed=typed_in(form, "addressed_to", "subject", "body"),
        wrong=wrong_in(errors),
        maximum_body=BODY_LIMIT,
        errors=errors or [],
    )


async def _thread_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, thread_id = context_of(request), request.match_info["thread_id"]
    page = await services_of(request).database.write(lambda s: messages.read(s, context, thread_id))
    nobody = {"value": "", "text": "Leave it with those it is for"}
    return await render(
        request,
        "messages/thread.html",
        status=status,
        page=page,
        case=page.case,
        thread=page.thread,
        back=_back(request, page.case.case_id, page.thread.item_id),
        pass_to=[nobody, *({"value": one.value, "text": PARTY_WORDS[one]} for one in page.pass_to)],
        party_words={party.value: words for party, words in PARTY_WORDS.items()},
        kind_words=KIND_WORDS,
        typed=typed_in(form, "body", "addressed_to"),
        wrong=wrong_in(errors),
        maximum_body=BODY_LIMIT,
        errors=errors or [],
    )


def _back(request: web.Request, case_id: str, item_id: str | None) -> str:
    """Return where a person goes on with a case: the work or case on the desk, the check, the case."""
    role = actor_of(request).role
    if role is Role.MODERATOR:
        return f"/marking/{case_id}/works/{item_id}" if item_id else f"/marking/{case_id}"
    return f"/checks/{case_id}" if role in {Role.TEAM_LEADER, Role.PRINCIPAL_MODERATOR} else f"/cases/{case_id}"
