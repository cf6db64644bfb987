"""Pages of packets: a box to find one by what is in somebody's hand, and everything that is known of one."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from repository.acts import custody, packets, script_case_words
from repository.acts.custody import KIND_WORDS
from repository.acts.packets import FOUND_LIMIT
from repository.acts.tracking import ODD_WORDS
from repository.web import content
from repository.web.pages import render
from repository.web.requests import context_of, services_of
from scripts.clocks import Alarm
from scripts.tracking import PacketState, SideState

ALARM_WORDS = {
    Alarm.NONE: ("In time", "green"),
    Alarm.UNKNOWN: ("Unknown", "grey"),
    Alarm.AMBER: ("Late", "yellow"),
    Alarm.RED: ("Overdue", "red"),
}
DUE_WORDS = {
    PacketState.PACKED: "To be packed and sealed",
    PacketState.COLLECTED: "To be collected",
    PacketState.RECEIVED: "To arrive",
    PacketState.OPENED: "To be opened and counted",
    PacketState.RECONCILED: "To be added up",
}
SIDE_WORDS = {**ODD_WORDS, SideState.RECEIVED_WITHOUT_DESPATCH: "It arrived, and its despatch log has not come yet."}
BROKEN_WORDS = {
    "changed": "An event was changed.",
    "missing": "An event is missing.",
    "head": "The end does not agree.",
}
TYPED_LIMIT = 200


async def find(request: web.Request) -> web.Response:
    """Find packets by a label, a carrier's number or a centre; one alone is opened at once."""
    text = request.query.get("q", "").strip()[:TYPED_LIMIT]
    context = context_of(request)
    found = await services_of(request).database.read(lambda s: packets.find(s, context, text)) if text else ()
    if len(found) == 1:
        return web.Response(status=303, headers={"Location": f"/packets/{found[0].packet.id}"})
    shown = packets.by_sitting(found[:FOUND_LIMIT])
    return await render(
        request, "packets/find.html", text=text, sittings=shown, limit=FOUND_LIMIT, is_cut=len(found) > FOUND_LIMIT,
        states=KIND_WORDS, sides=SIDE_WORDS,
    )  # fmt: skip


async def show(request: web.Request) -> web.Response:
    """Show one packet: what is in it, where it is, what is due, and everything that happened to it."""
    context, packet_id = context_of(request), request.match_info["packet_id"]
    found = await services_of(request).database.read(lambda s: packets.page(s, context, packet_id))
    return await render(
        request,
        "packets/show.html",
        page=found,
        address=partial(content.address, request),
        states=KIND_WORDS,
        sides=SIDE_WORDS,
        alarms=ALARM_WORDS,
        dues=DUE_WORDS,
        broken=BROKEN_WORDS,
        case_words=script_case_words.kind_words,
        subject_words=script_case_words.subject_words,
        words_of=custody.words_of,
    )
