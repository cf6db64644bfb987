"""Sample rules for officers: what is known, what governs which component, imports with a preview, exemptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from moderation.exchange.faults import Fault, FileRefused
from moderation.profiles import SampleProfile
from moderation.records.rules_import import RulesImport
from moderation.rule_files import FILE_LIMIT_BYTES
from repository.acts import rules
from repository.errors import FieldRefused
from repository.web.api.rules import exemption_fields
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import LONDON, day_words, redirect, render
from repository.web.requests import context_of, read_form, services_of

PICKED_BY_WORDS: Mapping[str, str] = {"system": "The service", "centre": "The centre", "moderator": "The moderator"}
BASIS_WORDS: Mapping[str, str] = {
    "eligible": "candidates who can be drawn",
    "entered": "everybody entered",
}
ALL_WORK_WORDS: Mapping[str, str] = {
    "fit": "An adjustment is computed over all of it",
    "moderator_marks": "The moderator’s marks stand",
}


def band_words(profile: SampleProfile) -> str:
    """Return the bands of a profile in one line."""
    words = []
    for band in profile.bands:
        span = f"{band.first} and more" if band.last is None else f"{band.first} to {band.last}"
        size = "all" if band.size is None else (f"at most {band.size}" if profile.at_most else str(band.size))
        words.append(f"{span}: {size}")
    return "; ".join(words)


async def show(request: web.Request) -> web.Response:
    """Show every rule and what it governs."""
    return await _page(request)


async def submit(request: web.Request) -> web.Response:
    """Import a rules file, or only say what it would change."""
    form, context = await read_form(request), context_of(request)
    field = form.get("file")
    dry_run = form.get("act") != "import"
    try:
        if not isinstance(field, web.FileField) or not field.filename:
            raise FieldRefused("Choose a rules file.", field="file")
        name, data = field.filename, field.file.read(FILE_LIMIT_BYTES + 1)
        done = await services_of(request).database.write(
            lambda s: rules.import_file(s, context, name, data, dry_run=dry_run)
        )
    except FileRefused as refused:
        errors = [{"text": str(refused), "href": "#table-faults"}]
        return await _page(request, faults=refused.faults, errors=errors, status=422)
    except FORM_ERRORS as error:
        return await _page(request, errors=errors_of(error), status=422)
    return await _page(request, done=done, dry_run=dry_run)


async def grant_exemption(request: web.Request) -> web.Response:
    """Let a centre send no sample until a day."""
    form, context = await read_form(request), context_of(request)
    try:
        fields = exemption_fields(form)
        await services_of(request).database.write(lambda s: rules.grant_exemption(s, context, **fields))
    except FORM_ERRORS as error:
        return await _page(request, form=form, errors=errors_of(error), status=422)
    text = f"Centre {fields['centre_number']} need not send a sample until {day_words(fields['expires_on'])}."
    return await redirect(request, "/rules", title="Exemption granted", text=text)


async def end_exemption(request: web.Request) -> web.Response:
    """End an exemption at once."""
    await read_form(request)
    context, exemption_id = context_of(request), request.match_info["exemption_id"]
    await services_of(request).database.write(lambda s: rules.end_exemption(s, context, exemption_id))
    return await redirect(
        request, "/rules", title="Exemption ended", text="The centre’s next sample is drawn as any other."
    )


async def _page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    done: RulesImport | None = None,
    dry_run: bool = False,
    faults: tuple[Fault, ...] = (),
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    services, context = services_of(request), context_of(request)
    page = await services.database.read(lambda s: rules.page(s, context, request.query.get("series")))
    names = ("awarding_body", "centre_number", "family", "component_code", "expires_on", "reason")
    return await render(
        request,
        "rules/index.html",
        status=status,
        page=page,
        series=[{"value": one.key, "text": f"{one.title} ({one.key})"} for one in page.series],
        today=services.clock().astimezone(LONDON).date(),
        band_words=band_words,
        picked_by_words=PICKED_BY_WORDS,
        basis_words=BASIS_WORDS,
        all_work_words=ALL_WORK_WORDS,
        done=done,
        dry_run=dry_run,
        faults=faults,
        typed={name: str(form.get(name, "")) if form is not None else "" for name in names},
        errors=errors or [],
        wrong={error["href"]: error["text"] for error in errors or []},
    )
