"""Pages of tracking: the scanning station, as a page that keeps what is scanned and as a plain form, and its cards."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from repository.acts import tracking
from repository.acts.tracking import Done, Sent
from repository.errors import FieldRefused, RepositoryError
from repository.tables import new_id
from repository.web import headers, hosts, keeping, keys
from repository.web.api.sittings import CAPACITY_LIMIT, pdf_response
from repository.web.forms import FORM_ERRORS, errors_of, typed_in
from repository.web.keeping import KeptPage
from repository.web.pages import render
from repository.web.requests import context_of, number_field, read_form, services_of, text_field
from scripts.records import Outcome
from scripts.stations import NOTICES, STEPS, Command, as_scanned, read_command
from scripts.tracking import EventKind

ID_LIMIT = 64
MODE_WORDS: Mapping[EventKind, str] = {
    EventKind.RECEIVED: "Packets arrive",
    EventKind.OPENED: "Packets are opened and counted",
    EventKind.COLLECTED: "Packets are collected",
    EventKind.IN_TRANSIT: "Packets pass through",
    EventKind.FORWARDED: "Packets are sent on",
    EventKind.DAMAGED: "The next packet is damaged",
    EventKind.OPENED_IN_TRANSIT: "The next packet came open",
}
"""What is being done at a station; the last two are said of one packet, and then it goes on as before."""
DONE_WORDS: Mapping[EventKind, str] = {
    EventKind.RECEIVED: "Received",
    EventKind.OPENED: "Opened and counted",
    EventKind.COLLECTED: "Collected",
    EventKind.IN_TRANSIT: "On its way",
    EventKind.FORWARDED: "Sent on",
    EventKind.DAMAGED: "Noted as damaged",
    EventKind.OPENED_IN_TRANSIT: "Noted as opened on the way",
    EventKind.WITHDRAWN: "Taken back",
}
STATION = KeptPage("station", "/tracking", "/tracking?kept=1", ("tracking/page.js",), (), ("tracking/station.html",))
OF_NOBODY: Mapping[str, Any] = {
    "actor": None, "navigation": [], "csrf_token": "", "now": None, "notice": None, "languages": (),
}  # fmt: skip
FIELDS = ("site", "place", "kind", "second_operator", "camera", "last_id", "last_label")
"""What the plain form keeps from one scan to the next."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the plain form says of the last scan: ``kind`` of result, as the page colours it, and in words."""

    kind: str
    title: str
    text: str = ""


async def station(request: web.Request) -> web.Response:
    """Show the scanning station; ``?kept``: as a browser may keep it, with nothing of anybody on it."""
    return await _station_page(request, is_kept="kept" in request.query)


async def worker(request: web.Request) -> web.Response:
    """Answer the service worker of the station's page."""
    return await keeping.worker(request, STATION)


async def cards(_request: web.Request) -> web.Response:
    """Answer the command cards as a PDF to print."""
    from scripts import command_sheets  # a PDF library that few requests need

    return pdf_response(await asyncio.to_thread(command_sheets.cards_pdf), "command-cards")


async def scan_label(request: web.Request) -> web.Response:
    """Take one scan of the plain form: a packet's label, a carrier's number, or a command card."""
    form = await read_form(request)
    said = dict(typed_in(form, *FIELDS))
    try:
        text = text_field(form, "label", limit=200)
        command = read_command(text)
        if command is not None and command not in {Command.UNDO, Command.RESET}:
            kind = {**STEPS, **NOTICES}[command]
            return await _station_page(
                request, said={**said, "kind": str(kind)}, shown=Shown("ready", MODE_WORDS[kind])
            )
        if command is Command.RESET:
            said |= {"last_id": "", "last_label": ""}
            return await _station_page(request, said=said, shown=Shown("ready", "Start again"))
        sent = _taken_back(form) if command is Command.UNDO else _scan(form, as_scanned(text))
        context = context_of(request)
        done = await services_of(request).database.write(lambda s: tracking.record_one(s, context, sent, source="page"))
        tracking.scanned(done)
    except (*FORM_ERRORS, RepositoryError) as error:
        return await _station_page(request, errors=errors_of(error), status=422, said=said)
    is_new = done.outcome is Outcome.RECORDED and command is not Command.UNDO
    said |= {"last_id": sent.event_id if is_new else "", "last_label": sent.label or sent.tracking_number}
    if sent.kind in NOTICES.values():
        said["kind"] = str(EventKind.RECEIVED)
    return await _station_page(request, said=said, shown=_shown(sent, done))


def _scan(form: MultiDictProxy[str], text: str) -> Sent:
    kind = text_field(form, "kind", limit=20)
    if kind not in set(MODE_WORDS):
        raise FieldRefused("Choose what is being done.", field="kind")
    site, place = (
        text_field(form, "site", required=False, limit=20),
        text_field(form, "place", required=False, limit=100),
    )
    if not site and not place:
        raise FieldRefused("Say where this station is.", field="place")
    is_label = "|" in text or len(text) > tracking.NUMBER_LIMIT
    return Sent(
        text_field(form, "event_id", limit=ID_LIMIT),
        kind,
        label=text[: tracking.LABEL_LIMIT] if is_label else "",
        tracking_number="" if is_label else text,
        site=site,
        place=place,
        script_count=number_field(form, "script_count", 0, CAPACITY_LIMIT) if kind == EventKind.OPENED else None,
        second_operator=text_field(form, "second_operator", required=False, limit=100),
        camera=text_field(form, "camera", required=False, limit=100),
    )


def _taken_back(form: MultiDictProxy[str]) -> Sent:
    """Return the event that takes back the last scan of this form; raises ``FieldRefused`` where there is none."""
    last_id = text_field(form, "last_id", required=False, limit=ID_LIMIT)
    last = text_field(form, "last_label", required=False, limit=tracking.LABEL_LIMIT)
    if not last_id or not last:
        raise FieldRefused("There is no scan here to take back: nothing was recorded by the last one.", field="label")
    is_label = "|" in last
    return Sent(
        text_field(form, "event_id", limit=ID_LIMIT),
        str(EventKind.WITHDRAWN),
        label=last if is_label else "",
        tracking_number="" if is_label else last,
        site=text_field(form, "site", required=False, limit=20),
        place=text_field(form, "place", required=False, limit=100),
        corrects_id=last_id,
    )


def _shown(sent: Sent, done: Done) -> Shown:
    packet, sitting = done.packet, done.sitting
    if packet is None or sitting is None:
        return Shown("attention", "Not recorded", done.reason)
    of = f" of {packet.of}" if packet.of else ""
    where = f"Packet {packet.number}{of}, {sitting.component_code}, centre {sitting.centre_number}."
    if done.outcome is Outcome.REPEAT:
        return Shown("repeated", "Already scanned", f"{where} It had been recorded before; nothing changed.")
    odd = sorted(set(packet.side_states) & tracking.LOOK_AT)
    if odd and sent.kind != EventKind.WITHDRAWN:
        return Shown("attention", "Put it aside", f"{where} {' '.join(tracking.ODD_WORDS[one] for one in odd)}")
    return Shown("accepted", DONE_WORDS[EventKind(sent.kind)], where)


async def _station_page(
    request: web.Request,
    *,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
    said: Mapping[str, str] | None = None,
    shown: Shown | None = None,
    is_kept: bool = False,
) -> web.Response:
    context = context_of(request)
    sites = await services_of(request).database.read(lambda s: tracking.sites(s, context))
    response = await render(
        request,
        "tracking/station.html",
        status=status,
        sites=sites,
        modes=[{"value": str(kind), "text": words} for kind, words in MODE_WORDS.items()],
        once=[str(kind) for kind in NOTICES.values()],
        commands={command.payload: command.value for command in Command},
        kinds={command.value: str(kind) for command, kind in {**STEPS, **NOTICES}.items()},
        done_words={str(kind): words for kind, words in DONE_WORDS.items()},
        odd_words=tracking.ODD_WORDS,
        event_id=new_id(),
        said={
            "place": "" if sites else "Receipt desk",
            "kind": tracking.RECEIVED,
            **{k: v for k, v in (said or {}).items() if v or k != "kind"},
        },
        shown=shown,
        errors=errors or [],
        **(OF_NOBODY if is_kept else {}),
    )
    origin = hosts.content_origin(request)
    response.headers["Content-Security-Policy"] = headers.kept_policy(request[keys.NONCE], origin)
    return response
