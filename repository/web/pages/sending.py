"""Pages of a sample before it is sent: looking at it as its moderator will, changing and moving files, declaring."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.orm import Session

from moderation.records.samples import sample_item_of
from moderation.slots import SlotScope, slots_of
from moderation.tracking import STATE_WORDS
from repository import evidence, people
from repository.access import Action, scope_of
from repository.acts import declarations, moving, previews, samples
from repository.acts.cases import permitted
from repository.acts.moving import Destination
from repository.acts.previews import Preview
from repository.acts.samples import SamplePage
from repository.documents import DocumentState
from repository.errors import FieldRefused, NotFound, SlotTypeRefused, SlotUnknown
from repository.evidence import AttachedDocument
from repository.records import OPEN_STATES
from repository.web import keys, viewer
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.pages.samples import ACCEPT, STATE_COLOURS
from repository.web.requests import actor_of, context_of, read_form, services_of, text_field

REFUSED_MOVE = (*FORM_ERRORS, SlotTypeRefused, SlotUnknown)
GROUP = "group"
"""Stands for the whole group where a candidate is chosen."""
ITEMS_LIMIT = 1000


async def preview(request: web.Request) -> web.Response:
    """Show one candidate's work as its moderator will see it, with what to make sure of."""
    services, context = services_of(request), context_of(request)
    case_id, item_id = request.match_info["case_id"], request.match_info.get("item_id")
    viewings, signed_in = request.app[keys.VIEWINGS], request[keys.SESSION]
    sign_in = people.hash_token(signed_in.token).hex() if signed_in else request[keys.SIGN_IN]

    def look(session: Session) -> Preview:
        return previews.look(session, context, case_id, item_id, lambda one: viewings.stands(sign_in, one, context.now))

    found = await services.database.write(look)
    for one in found.viewings:
        viewings.note(sign_in, one.document_id, context.now)
    titles = {one.document_id: one for one in found.verdicts}
    return await render(
        request,
        "samples/preview.html",
        found=found,
        shown=[viewer.shown(request, one, slot=titles[one.document_id].slot_title) for one in found.viewings],
        href=f"/cases/{case_id}/sample/preview",
        state=STATE_WORDS[found.item.tracked.standing.state],
        colour=STATE_COLOURS[found.item.tracked.standing.state.value],
        may_change=found.page.is_open and scope_of(actor_of(request), Action.DOCUMENT_MOVE) is not None,
    )


async def change(request: web.Request) -> web.Response:
    """Show what can be done with one file: replace, move or swap it, put it in order, remove it."""
    return await _change_page(request)


async def move(request: web.Request) -> web.Response:
    """Move a file to another candidate or place, or swap it with another file."""
    form = await read_form(request)
    services, context, document_id = services_of(request), context_of(request), request.match_info["document_id"]
    limit = services.settings.upload_limit_bytes

    def work(session: Session) -> str:
        if form.get("act") == "swap":
            other = text_field(form, "other", limit=36)
            return moving.swap_files(session, context, services.signer, document_id, other, limit)
        to, slot = text_field(form, "to", limit=36), text_field(form, "slot", limit=64)
        destination = Destination(None if to == GROUP else to, slot)
        return moving.move(session, context, services.signer, document_id, destination, limit)

    try:
        case_id = await services.database.write(work)
    except REFUSED_MOVE as error:
        return await _change_page(request, errors=errors_of(error), status=422)
    words = "The two files were swapped." if form.get("act") == "swap" else "The file was moved."
    return await redirect(
        request,
        f"/cases/{case_id}/sample",
        text=f"{words} Where every work stands was counted anew.",
        link=("Your receipts", f"/cases/{case_id}/receipts"),
    )


async def order(request: web.Request) -> web.Response:
    """Put a file before or after its neighbours."""
    form = await read_form(request)
    services, context, document_id = services_of(request), context_of(request), request.match_info["document_id"]
    place = str(form.get("place", ""))
    try:
        case_id = await services.database.write(lambda s: moving.place_in_order(s, context, document_id, place))
    except FORM_ERRORS as error:
        return await _change_page(request, errors=errors_of(error), status=422)
    item = form.get("item")
    anchor = f"#item-{item}" if isinstance(item, str) and len(item) < 40 else ""
    return await redirect(request, f"/cases/{case_id}/sample{anchor}")


async def show_swap(request: web.Request) -> web.Response:
    """Show the form that gives two candidates each the other's files."""
    return await _swap_page(request)


async def swap(request: web.Request) -> web.Response:
    """Give two candidates each the other's files."""
    form = await read_form(request)
    services, context, case_id = services_of(request), context_of(request), request.match_info["case_id"]
    limit = services.settings.upload_limit_bytes

    def work(session: Session) -> str:
        permitted(session, context, Action.DOCUMENT_MOVE, case_id)
        first, second = text_field(form, "item", limit=36), text_field(form, "other", limit=36)
        return moving.swap_candidates(session, context, services.signer, first, second, limit)

    try:
        await services.database.write(work)
    except REFUSED_MOVE as error:
        return await _swap_page(request, errors=errors_of(error), status=422)
    return await redirect(
        request,
        f"/cases/{case_id}/sample",
        text="The files of the two candidates were swapped. Where every work stands was counted anew.",
        link=("Your receipts", f"/cases/{case_id}/receipts"),
    )


async def declare(request: web.Request) -> web.Response:
    """Declare that the work of the chosen candidates is their own."""
    form = await read_form(request)
    services, context, case_id = services_of(request), context_of(request), request.match_info["case_id"]
    chosen = [str(value) for value in form.getall("items", [])][:ITEMS_LIMIT]

    def work(session: Session) -> str:
        if "confirm" not in form:
            raise FieldRefused("Tick that you declare it.", field="confirm")
        if chosen and any(sample_item_of(session, one).case_id != case_id for one in chosen):
            raise NotFound
        return declarations.declare(session, context, chosen)

    try:
        await services.database.write(work)
    except FORM_ERRORS as error:
        return await _declare_page(request, chosen=chosen, errors=errors_of(error), status=422)
    words = f"The work of {len(set(chosen))} candidate{'' if len(set(chosen)) == 1 else 's'} was declared."
    return await redirect(request, f"/cases/{case_id}/sample/declarations", text=words)


async def show_declarations(request: web.Request) -> web.Response:
    """Show whose work is declared, by whom and when, and the form to declare."""
    return await _declare_page(request)


async def take_back(request: web.Request) -> web.Response:
    """Take the declaration of a candidate's work back."""
    await read_form(request)
    services, context, item_id = services_of(request), context_of(request), request.match_info["item_id"]
    case_id = await services.database.write(lambda s: declarations.take_back(s, context, item_id))
    return await redirect(request, f"/cases/{case_id}/sample/declarations", text="The declaration was taken back.")


async def show_rules(request: web.Request) -> web.Response:
    """Show what bodies have declared of a component's work; for officers."""
    return await _rules_page(request)


async def set_rule(request: web.Request) -> web.Response:
    """Enter what is declared of a component's work."""
    form = await read_form(request)
    services, context = services_of(request), context_of(request)

    def work(session: Session) -> None:
        declarations.set_rule(
            session,
            context,
            text_field(form, "awarding_body", limit=2),
            text_field(form, "component_code", required=False, limit=12),
            text_field(form, "statement", required=False, limit=1000),
            each_candidate="each_candidate" in form,
        )

    try:
        await services.database.write(work)
    except FORM_ERRORS as error:
        return await _rules_page(request, errors=errors_of(error), status=422)
    return await redirect(request, "/rules/declarations", text="What is declared was saved.")


# Pages


async def _change_page(
    request: web.Request, *, errors: list[dict[str, str]] | None = None, status: int = 200
) -> web.Response:
    services, context, document_id = services_of(request), context_of(request), request.match_info["document_id"]

    def read(session: Session) -> tuple[SamplePage, str | None]:
        found = evidence.find(session, document_id)
        if found is None:
            raise NotFound
        _, item, case = found
        permitted(session, context, Action.DOCUMENT_MOVE, case.id)
        return samples.page(session, context, case.id), item.id if item else None

    page, item_id = await services.database.read(read)
    one = next((item for item in page.items if item.item.item_id == item_id), None)
    files = one.documents if one else page.cohort_documents
    document = next((file for file in files if file.document_id == document_id), None)
    if document is None:
        raise NotFound
    return await render(
        request,
        "samples/change.html",
        status=status,
        page=page,
        document=document,
        item_id=item_id or "",
        number=one.item.candidate_number if one else "",
        place=[file.document_id for file in files].index(document_id) + 1,
        places=len(files),
        slot_title=_titles(page).get(document.slot, document.slot),
        is_open=page.case.state in OPEN_STATES,
        may_move=document.state is DocumentState.RELEASED,
        destinations=_destinations(page),
        slots=_slots(page, one is None),
        others=_others(page, item_id),
        accept=ACCEPT,
        group=GROUP,
        errors=errors or [],
    )


async def _swap_page(
    request: web.Request, *, errors: list[dict[str, str]] | None = None, status: int = 200
) -> web.Response:
    services, context, case_id = services_of(request), context_of(request), request.match_info["case_id"]

    def read(session: Session) -> SamplePage:
        permitted(session, context, Action.DOCUMENT_MOVE, case_id)
        return samples.page(session, context, case_id)

    page = await services.database.read(read)
    items = [
        {
            "value": one.item.item_id,
            "text": f"{one.item.candidate_number} {one.item.surname}, {one.item.forenames}: {_count(one.documents)}",
        }
        for one in page.items
        if not one.item.is_replaced
    ]
    chosen = request.query.get("item", "")
    return await render(
        request,
        "samples/swap.html",
        status=status,
        page=page,
        is_open=page.case.state in OPEN_STATES,
        items=items,
        chosen=chosen,
        errors=errors or [],
    )


async def _declare_page(
    request: web.Request,
    *,
    chosen: list[str] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    services, context, case_id = services_of(request), context_of(request), request.match_info["case_id"]

    def read(session: Session) -> SamplePage:
        permitted(session, context, Action.DECLARE, case_id)
        return samples.page(session, context, case_id)

    page = await services.database.read(read)
    return await render(
        request,
        "samples/declarations.html",
        status=status,
        page=page,
        chosen=chosen or [],
        may_declare=page.is_open,
        errors=errors or [],
    )


async def _rules_page(
    request: web.Request, *, errors: list[dict[str, str]] | None = None, status: int = 200
) -> web.Response:
    from moderation.declarations import DEFAULT_STATEMENT

    services, context = services_of(request), context_of(request)
    rules = await services.database.read(lambda s: declarations.rules(s, context))
    return await render(
        request,
        "rules/declarations.html",
        status=status,
        rules=rules,
        default=DEFAULT_STATEMENT,
        errors=errors or [],
    )


def _titles(page: SamplePage) -> dict[str, str]:
    return {slot.slot: slot.title for slot in page.tracking.slots}


def _destinations(page: SamplePage) -> list[dict[str, str]]:
    """Return whom a file can be given to: every sampled candidate, and the whole group where it has places."""
    found = [
        {
            "value": one.item.item_id,
            "text": f"{one.item.candidate_number} {one.item.surname}, {one.item.forenames}",
        }
        for one in page.items
        if not one.item.is_replaced
    ]
    if slots_of(page.tracking.slots, SlotScope.COHORT):
        found.append({"value": GROUP, "text": "The whole group"})
    return found


def _slots(page: SamplePage, of_group: bool) -> list[dict[str, str]]:
    """Return the places there are, those like the file's own first."""
    first, last = (SlotScope.COHORT, SlotScope.CANDIDATE) if of_group else (SlotScope.CANDIDATE, SlotScope.COHORT)
    return [
        {"value": slot.slot, "text": slot.title}
        for scope in (first, last)
        for slot in slots_of(page.tracking.slots, scope)
    ]


def _others(page: SamplePage, item_id: str | None) -> list[dict[str, str]]:
    """Return the files of other candidates that one can be swapped with."""
    titles = _titles(page)
    return [
        {
            "value": file.document_id,
            "text": f"{one.item.candidate_number}: {file.filename} ({titles.get(file.slot, file.slot)})",
        }
        for one in page.items
        if one.item.item_id != item_id and not one.item.is_replaced
        for file in one.documents
        if file.state is DocumentState.RELEASED
    ]


def _count(documents: tuple[AttachedDocument, ...]) -> str:
    return f"{len(documents)} file{'' if len(documents) == 1 else 's'}" if documents else "no file"
