"""Carriers' files: a file is tried first, line by line, and taken when a person says so."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from repository.acts import carrier_files
from repository.acts.carrier_files import Fate, FileDone
from repository.errors import FieldRefused
from repository.web.forms import errors_of, wrong_in
from repository.web.pages import render
from repository.web.requests import context_of, read_form, services_of, text_field
from scripts import carriers
from scripts.carriers import LINES_LIMIT, SIZE_LIMIT_BYTES, CarrierFormat
from scripts.errors import CarrierFileRefused

ROWS_SHOWN = 300
TRIED: Mapping[Fate, str] = {
    Fate.TAKEN: "Would be taken",
    Fate.KNOWN: "Known already",
    Fate.UNKNOWN_NUMBER: "Number unknown",
    Fate.BAD_TIME: "Time is wrong",
    Fate.LEFT_OUT: "Moves no packet",
    Fate.REFUSED: "Refused",
}
DONE: Mapping[Fate, str] = {**TRIED, Fate.TAKEN: "Taken"}
COLOURS: Mapping[Fate, str] = {
    Fate.TAKEN: "green",
    Fate.KNOWN: "grey",
    Fate.UNKNOWN_NUMBER: "yellow",
    Fate.BAD_TIME: "red",
    Fate.LEFT_OUT: "grey",
    Fate.REFUSED: "red",
}
ORDER = (Fate.REFUSED, Fate.BAD_TIME, Fate.UNKNOWN_NUMBER, Fate.TAKEN, Fate.KNOWN, Fate.LEFT_OUT)
"""What needs a person stands first."""


async def show(request: web.Request) -> web.Response:
    """Show where a carrier's file is sent in, and in which forms files are taken."""
    return await _page(request, await carrier_files.forms(services_of(request)))


async def submit(request: web.Request) -> web.Response:
    """Say what a file would do, or take the file that was tried."""
    form, services = await read_form(request), services_of(request)
    known = await carrier_files.forms(services)
    chosen = text_field(form, "format", required=False, limit=20)
    is_dry_run = form.get("act") != "take"
    try:
        carrier_form = carrier_files.form_of(known, chosen)
        sent = form.get("file")
        if is_dry_run:
            if not isinstance(sent, web.FileField) or not sent.filename:
                raise FieldRefused("Choose the file that the carrier sent.", field="file")
            text = carriers.decode(carrier_form, sent.file.read(SIZE_LIMIT_BYTES + 1))
        else:
            text = str(form.get("text", ""))
        done = await carrier_files.run(services, context_of(request), carrier_form, text, dry_run=is_dry_run)
    except (FieldRefused, CarrierFileRefused) as error:
        refused = FieldRefused(error.detail, field="file") if isinstance(error, CarrierFileRefused) else error
        return await _page(request, known, chosen=chosen, errors=errors_of(refused), status=422)
    return await _page(request, known, chosen=chosen, done=done, text=text if is_dry_run else "")


async def _page(
    request: web.Request,
    known: Mapping[str, CarrierFormat],
    *,
    chosen: str = "",
    done: FileDone | None = None,
    text: str = "",
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    lines = sorted(done.lines, key=lambda one: (ORDER.index(one.fate), one.said.line)) if done is not None else []
    return await render(
        request,
        "tracking/carrier_files.html",
        status=status,
        forms=known,
        chosen=chosen or next(iter(known)),
        done=done,
        lines=lines[:ROWS_SHOWN],
        words=TRIED if done is not None and done.is_dry_run else DONE,
        colours=COLOURS,
        order=ORDER,
        fates={one.name: one for one in Fate},
        text=text,
        lines_limit=LINES_LIMIT,
        errors=errors or [],
        wrong=wrong_in(errors),
    )
