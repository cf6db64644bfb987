"""Conflicts of interest: one's own, the officers' register, accounts of one person; and the proof of a series."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy.orm import Session

from moderation.independence import ACT_WORDS, KIND_WORDS, Act, ConflictKind, ConflictOrigin, Permission, Verdict
from repository.acts import conflicts, series
from repository.acts.conflicts import Account, Register
from repository.errors import FieldRefused
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.requests import context_of, read_form, services_of, text_field

KIND_CHOICES = {
    ConflictKind.EMPLOYED: "Works or worked at the centre",
    ConflictKind.TAUGHT: "Teaches or taught candidates there",
    ConflictKind.RELATED: "Is related to a candidate or to somebody at the centre",
    ConflictKind.OTHER: "Another interest, described below",
}
ALLOCATION_WORDS = {
    Permission.MODERATE: "To moderate",
    Permission.REVIEW: "To review the moderation",
    Permission.APPEAL: "To hear an appeal",
}
VERDICT_WORDS = {Verdict.CLEAR: "Clear", Verdict.ENDED: "Ended in time", Verdict.FAILED: "Not independent"}
VERDICT_COLOURS = {Verdict.CLEAR: "green", Verdict.ENDED: "yellow", Verdict.FAILED: "red"}
LINES_SHOWN = 200
"""So many lines of the register on a page, declared ones first; the filter leads to the rest."""
PROOFS_SHOWN = 500
"""A page stays readable; what failed is shown first, and the command line lists everything."""


async def show(request: web.Request) -> web.Response:
    """Show the register to officers, and to others their own conflicts of interest."""
    return await _conflicts_page(request)


async def declare(request: web.Request) -> web.Response:
    """Declare a conflict of interest."""
    form = await read_form(request)
    context = context_of(request)
    try:
        about = text_field(form, "person_id", required=False, limit=64) or None
        centre = text_field(form, "centre_number", limit=5)
        kind = kind_field(form)
        note = text_field(form, "note", required=False, limit=500)
        candidate = text_field(form, "candidate_number", required=False, limit=4)
        key = text_field(form, "series", required=False, limit=12)
        await services_of(request).database.write(
            lambda s: conflicts.declare(
                s, context, centre, kind, note, person_id=about, candidate_number=candidate, series_key=key
            )
        )
    except FORM_ERRORS as error:
        return await _conflicts_page(request, form=form, errors=errors_of(error), status=422)
    text = f"The conflict of interest with centre {centre} is in the register. Its work cannot be seen from now on."
    return await redirect(request, "/conflicts", title="Declared", text=text)


async def end(request: web.Request) -> web.Response:
    """End a declared conflict of interest, as a second person."""
    form = await read_form(request)
    context, conflict_id = context_of(request), request.match_info["conflict_id"]
    try:
        reason = text_field(form, "reason", required=False, limit=500)
        await services_of(request).database.write(lambda s: conflicts.end(s, context, conflict_id, reason))
    except FORM_ERRORS as error:
        errors = errors_of(error, {"reason": f"reason-{conflict_id}"})
        return await _conflicts_page(request, errors=errors, status=422)
    return await redirect(request, "/conflicts", title="Ended", text="The conflict of interest has ended.")


async def merge(request: web.Request) -> web.Response:
    """Note that two accounts are one person."""
    form = await read_form(request)
    context = context_of(request)
    try:
        one, other = (text_field(form, name, required=False, limit=64) for name in ("merge_person_id", "other_id"))
        reason = text_field(form, "merge_reason", required=False, limit=500)
        ended = await services_of(request).database.write(lambda s: conflicts.merge(s, context, one, other, reason))
    except FORM_ERRORS as error:
        ids = {"person_id": "merge_person_id", "reason": "merge_reason"}
        return await _conflicts_page(request, form=form, errors=errors_of(error, ids), status=422)
    text = "The two accounts count as one person from now on. " + (
        f"{ended} open allocation{'s were' if ended != 1 else ' was'} ended." if ended else "No open allocation fails."
    )
    return await redirect(request, "/conflicts", title="Noted", text=text)


async def show_proof(request: web.Request) -> web.Response:
    """Show the proof of independence of a series."""
    context, key = context_of(request), request.match_info["series_key"]
    row, found, names = await services_of(request).database.read(lambda s: conflicts.proof(s, context, key))
    order = {Verdict.FAILED: 0, Verdict.ENDED: 1, Verdict.CLEAR: 2}
    shown = sorted(found, key=lambda one: order[one.verdict])[:PROOFS_SHOWN]
    return await render(
        request,
        "conflicts/proof.html",
        series=row,
        proofs=shown,
        total=len(found),
        counts={verdict: sum(one.verdict is verdict for one in found) for verdict in Verdict},
        names=names,
        subject_words=subject_words,
        verdict_words=VERDICT_WORDS,
        verdict_colours=VERDICT_COLOURS,
        act_words=ACT_WORDS,
        kind_words=KIND_WORDS,
    )


def subject_words(subject: str, act: str) -> str:
    """Return what a proof is about: an allocation for some act, or something that was done."""
    return ALLOCATION_WORDS[Permission(act)] if subject == "allocation" else Act(act).value.capitalize()


def kind_field(form: Any) -> ConflictKind:
    """Return the chosen kind of a conflict of interest; raises ``FieldRefused``."""
    try:
        return ConflictKind(text_field(form, "kind", required=False, limit=20))
    except ValueError as error:
        raise FieldRefused("Choose what kind of conflict of interest it is.", field="kind") from error


async def _conflicts_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context = context_of(request)

    def read(session: Session) -> tuple[Register, tuple[Account, ...], list[dict[str, str]]]:
        found = conflicts.register(session, context)
        listed = [{"value": one.key, "text": one.title} for one in series.listed(session, context)]
        return found, conflicts.accounts(session, context) if found.is_whole else (), listed

    found, people, listed = await services_of(request).database.read(read)
    fields = ("person_id", "centre_number", "kind", "note", "candidate_number", "series")
    merging = ("merge_person_id", "other_id", "merge_reason")
    chosen = [{"value": "", "text": "Choose"}] + [{"value": one.person_id, "text": one.words} for one in people]
    centre = request.query.get("centre", "").strip() if found.is_whole else ""
    lines = [one for one in found.lines if centre in ("", one.tie.centre_number)]
    lines.sort(key=lambda one: (one.tie.origin is ConflictOrigin.AUTOMATIC, not one.is_live(context.now)))
    return await render(
        request,
        "conflicts/index.html",
        status=status,
        register=found,
        lines=lines[:LINES_SHOWN],
        lines_total=len(lines),
        centre=centre,
        people=chosen,
        series=[{"value": "", "text": "Choose"}, *listed],
        kinds=[{"value": str(kind), "text": words} for kind, words in KIND_CHOICES.items()],
        kind_words=KIND_WORDS,
        typed={name: str(form.get(name, "")) if form is not None else "" for name in (*fields, *merging)},
        wrong={error["href"]: error["text"] for error in errors or []},
        errors=errors or [],
    )
