"""Files in: basedata and reference data from officers, entries from them or from a centre, tried first if wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from moderation.errors import ModerationError
from moderation.exchange.faults import Fault, FileRefused
from repository.access import Action, scope_of
from repository.acts import import_entries, series
from repository.acts.imports import Imported, ImportKind
from repository.errors import FieldRefused
from repository.web.api.imports import import_files, read_files
from repository.web.forms import errors_of
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, read_form, services_of, text_field

KIND_WORDS: Mapping[ImportKind, tuple[str, str]] = {
    ImportKind.BASEDATA: ("Basedata", "JCQ EDI files of one or more series: S, O, C, L and D, together."),
    ImportKind.ENTRIES: (
        "Entries",
        "JCQ EDI entry (E) and amendment (A) files of centres, in the order of their numbers.",
    ),
    ImportKind.COMPONENTS: ("Components", "CSV: how work is sent, tolerance, weight of each component."),
    ImportKind.BOUNDARIES: ("Grade boundaries", "CSV: the lowest total of each grade of each option."),
    ImportKind.EXTERNAL_MARKS: ("Marks of papers", "CSV: marks of components that are not moderated here."),
    ImportKind.CONSORTIA: ("Consortia", "CSV: centres that teach together and are moderated as one."),
    ImportKind.MARKS: (
        "Centre marks",
        "The project’s marks file (M) of one centre or many, or the CSV of one component at one centre.",
    ),
    ImportKind.CENTRES: ("Centres", "CSV: name and nation of each centre; the nation decides its bank holidays."),
    ImportKind.CRITERIA: (
        "Criteria",
        "CSV: the marking criteria of each component, which the moderator’s report goes through.",
    ),
    ImportKind.SLOTS: ("Evidence slots", "CSV: the files each component asks for, their types and sizes."),
}
FILE_WORDS: Mapping[str, str] = {
    "s": "Syllabuses",
    "o": "Options",
    "c": "Components",
    "l": "Links of options and components",
    "d": "Options that exclude each other",
    "e": "Entries",
    "a": "Amendments of entries",
    "m": "Centre marks",
    **{str(kind): title for kind, (title, _) in KIND_WORDS.items()},
}
"""What a file was, by the kind its import was recorded under."""


OF_CENTRES = frozenset({ImportKind.ENTRIES, ImportKind.MARKS})
"""What an exams officer imports for their own centre."""


async def show(request: web.Request) -> web.Response:
    """Show what can be imported."""
    return await _page(request)


async def submit(request: web.Request) -> web.Response:
    """Import the chosen files, all or none; or only try them."""
    form = await read_form(request)
    typed = {name: text_field(form, name, required=False, limit=40) for name in ("kind", "series")}
    try:
        kind = kind_field(request, typed["kind"])
        dry_run = form.get("act") != "import"
        done = await import_files(
            services_of(request),
            context_of(request),
            kind,
            await read_files(request),
            typed["series"] or None,
            dry_run=dry_run,
        )
    except FileRefused as refused:
        errors = [{"text": str(refused), "href": "#table-faults"}]
        return await _page(request, typed=typed, faults=refused.faults, total=refused.total, errors=errors, status=422)
    except (FieldRefused, ModerationError) as error:
        return await _page(request, typed=typed, errors=errors_of(error), status=422)
    return await _page(request, typed=typed, done=done, dry_run=dry_run)


async def settle_waiting(request: web.Request) -> web.Response:
    """Take in a file that waits although one is missing before it, or forget it."""
    form = await read_form(request)
    waiting_id, act = text_field(form, "waiting", limit=36), text_field(form, "act", limit=10)
    context, database = context_of(request), services_of(request).database
    try:
        if act == "take":
            await database.write(lambda s: import_entries.take_waiting(s, context, waiting_id))
            return await redirect(request, "/imports", text="The file was taken in although one before it is missing.")
        view = await database.write(lambda s: import_entries.discard_waiting(s, context, waiting_id))
    except FileRefused as refused:
        errors = [{"text": str(refused), "href": "#table-faults"}]
        return await _page(request, faults=refused.faults, total=refused.total, errors=errors, status=422)
    except ModerationError as error:
        return await _page(request, errors=errors_of(error), status=422)
    return await redirect(request, "/imports", text=f"{view.name} does not wait any more. Nothing of it was imported.")


def kind_field(request: web.Request, text: str) -> ImportKind:
    """Return what is imported; a centre chooses between entries and marks. Raises ``FieldRefused``."""
    if scope_of(actor_of(request), Action.REFERENCE_IMPORT) is None:
        return ImportKind.MARKS if text == ImportKind.MARKS else ImportKind.ENTRIES
    try:
        return ImportKind(text)
    except ValueError as error:
        raise FieldRefused("Choose what the files hold.", field="kind") from error


async def _page(
    request: web.Request,
    *,
    typed: Mapping[str, str] | None = None,
    done: Imported | None = None,
    dry_run: bool = False,
    faults: tuple[Fault, ...] = (),
    total: int = 0,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context = context_of(request)
    database = services_of(request).database
    known = await database.read(lambda s: series.listed(s, context))
    waiting = await database.read(lambda s: import_entries.listed_waiting(s, context))
    is_officer = scope_of(actor_of(request), Action.REFERENCE_IMPORT) is not None
    kinds: list[dict[str, Any]] = [
        {"value": str(kind), "text": title, "hint": hint}
        for kind, (title, hint) in KIND_WORDS.items()
        if is_officer or kind in OF_CENTRES
    ]
    return await render(
        request,
        "imports/show.html",
        status=status,
        is_officer=is_officer,
        waiting=waiting,
        kinds=kinds,
        kind_words=FILE_WORDS,
        series=[{"value": one.key, "text": one.title} for one in known],
        typed=typed or {"kind": "", "series": ""},
        done=done,
        dry_run=dry_run,
        faults=faults,
        faults_total=total,
        errors=errors or [],
        wrong={error["href"]: error["text"] for error in errors or []},
    )
