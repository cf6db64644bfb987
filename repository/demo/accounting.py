"""Step 9 of the journey, what follows the scanning: packets opened by two, the missing script's case, custody proved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from repository import objects
from repository.demo.client import Client
from repository.demo.stage import Stage
from repository.receipts import verify


async def swap_label(stage: Stage, officer: Client, path: str) -> list[str]:
    """Have the first packet's label replaced by an emergency label; returns the labels that now hold."""
    first = (await officer.get(f"{path}/packets"))["packets"][0]
    asked = {"packet": first["id"], "reason": "The printed label was torn."}
    request = await officer.post(f"{path}/emergency-labels", asked)
    given = await stage.clerk.post(f"/api/emergency-labels/{request['id']}", {"decision": "issued"})
    packets = (await officer.get(f"{path}/packets"))["packets"]
    stage.report.check(
        "a torn label is replaced by an emergency label, and its packet has that one alone",
        packets[0]["label"] == given["label"] != first["label"] and packets[0]["emergency"],
        f"issue {first['issue']} → {packets[0]['issue']}",
    )
    return [packet["label"] for packet in packets]


async def open_packets(stage: Stage, counts: Sequence[tuple[str, int]]) -> None:
    """Open packets by two people; alone it is refused, and the same event sent twice in one batch is kept once."""
    at = datetime.now(UTC).isoformat()
    events: list[dict[str, Any]] = [
        {
            "event_id": f"demo-opened-{number}",
            "label": label,
            "kind": "opened",
            "occurred_at": at,
            "place": "Rehearsal scanning centre",
            "script_count": count,
            "second_operator": "Rehearsal second operator",
        }
        for number, (label, count) in enumerate(counts, 1)
    ]
    alone = {**events[0], "event_id": "demo-opened-alone", "second_operator": ""}
    answer = await stage.clerk.post("/api/tracking/events", {"events": [alone, *events, *events]})
    outcomes = [one["outcome"] for one in answer["events"]]
    stage.report.check(
        "packets are opened and counted by two people; alone it is refused, and events sent twice count once",
        outcomes[0] == "refused" and outcomes.count("recorded") == len(events) == outcomes.count("repeat"),
        ", ".join(f"{count} {outcome}" for outcome, count in answer["counts"].items() if count),
    )


async def case_of_missing(stage: Stage, sitting_id: str, missing: str) -> None:
    """Find the case of the missing script, and that it cannot be closed by a reason that does not add up."""
    cases = [
        one
        for one in (await stage.clerk.get("/api/script-cases"))["cases"]
        if one["sitting_id"] == sitting_id and one["state"] != "closed"
    ]
    about = [one for one in cases if missing in (one["subject"], *one["candidates"])]
    stage.report.check(
        "the missing script has a case that names it",
        len(about) == 1,
        ", ".join(f"{one['kind']} {one['subject']}" for one in cases) or "no case",
    )
    if not about:
        return
    case = f"/api/script-cases/{about[0]['id']}"
    early = await stage.clerk.ask(
        "POST", case, body={"act": "close", "reason": "counting_error", "text": "Miscounted."}
    )
    shown = await stage.clerk.get(case)
    stage.report.check(
        "a reason that does not balance the counts does not close its case",
        not early.ok and shown["state"] != "closed",
        early.detail[:70],
    )


async def certify(stage: Stage, officer: Client, sitting_id: str) -> None:
    """Have the custody of a sitting certified, and verify the certificate with its public key alone."""
    made = await officer.post(f"/api/sittings/{sitting_id}/custody/certificate")
    receipt = await officer.get(f"/api/receipts/{made['receipt']}")
    text, signature = receipt["signed_text"].encode("ascii"), bytes.fromhex(receipt["signature"])
    key = receipt["public_key"]
    stage.report.check(
        "the certificate of custody verifies offline with its public key, and not when altered",
        verify(text, signature, key) and not verify(text.replace(b"9", b"8", 1), signature, key),
        f"{len(text):,} bytes, key {key[:16]}…",
    )


async def tell_late(stage: Stage, label: str) -> None:
    """Have the carrier tell late of what came before the arrival: it takes its place, and the packet stays received."""
    event = {
        "event_id": "demo-carrier-late",
        "label": label,
        "kind": "in_transit",
        "occurred_at": (datetime.now(UTC) - timedelta(minutes=1)).isoformat(),
        "place": "Rehearsal carrier",
    }
    told = await stage.clerk.ask("POST", "/api/tracking/events", body=event)
    stage.report.check(
        "an event that a carrier tells late takes its place in time, and the packet stays received",
        told.ok and told.json()["state"] == "received",
        told.detail if not told.ok else "in transit, told after received",
    )


async def decide_loose(stage: Stage, bundle_id: str, indices: Sequence[int]) -> None:
    """Discard loose sheets: one clerk proposes it with a reason, another confirms it."""
    for index in indices:
        asked = {"decision": "discard", "reason": "not_ours"}
        proposed = await stage.clerk.post(f"/api/bundles/{bundle_id}/pages/{index}", asked)
        answer = f"/api/page-decisions/{proposed['id']}"
        alone = await stage.clerk.ask("POST", answer, body={"agrees": True})
        confirmed = await stage.second_clerk.ask("POST", answer, body={"agrees": True})
        stage.report.check(
            "a page is discarded by two people with a reason, never by one",
            proposed["stage"] == "proposed" and not alone.ok and confirmed.ok,
            alone.detail[:70] or confirmed.detail,
        )


async def settle_missing(stage: Stage, officer: Client, sitting_id: str, missing: str) -> None:
    """Settle the missing script's case: the centre is asked and answers, and an officer declares what the result says."""
    cases = (await stage.clerk.get("/api/script-cases"))["cases"]
    about = [
        one
        for one in cases
        if one["sitting_id"] == sitting_id
        and one["state"] != "closed"
        and missing in (one["subject"], *one["candidates"])
    ]
    if not about:
        return
    case = f"/api/script-cases/{about[0]['id']}"
    await stage.clerk.post(case, {"act": "comment", "text": "Please look in the secure room.", "to_centre": True})
    replied = await officer.ask("POST", f"{case}/reply", body={"text": "The log and the room were looked through."})
    declared = {"act": "close", "reason": "result_x", "candidates": [missing], "text": "Not found after a search."}
    by_clerk = await stage.clerk.ask("POST", case, body=declared)
    by_officer = await stage.officer.ask("POST", case, body=declared)
    shown = await officer.get(case)
    stage.report.check(
        "the centre answers the case of its missing script, and an officer alone closes it by a decision on the result",
        replied.ok and not by_clerk.ok and by_officer.ok and shown["state"] == "closed",
        by_officer.detail or f"{shown['kind'].replace('_', ' ')}: {shown['state']}, X for 1 candidate",
    )


async def give_copy(stage: Stage, officer: Client, component: str, number: str) -> None:
    """Have access to a script asked for and granted by two officers: only then is a copy given, and it is recorded."""
    before = await officer.get("/api/script-copies")
    wanted = {"component": f"{stage.series}|{component}", "service": "ATS-P", "candidate_number": number}
    review = f"/api/reviews/{(await officer.post('/api/reviews', wanted))['id']}"
    await officer.post(f"{review}/consent", {"given_on": datetime.now(UTC).date().isoformat()})
    await officer.post(f"{review}/submit")
    await stage.officer.post(f"{review}/decide", {"step": "ACKNOWLEDGE"})
    await stage.officer.post(f"{review}/begin", {"people": []})
    await stage.officer.post(f"{review}/outcome", {"finding": "SCRIPT_GIVEN", "rationale": "A copy is given."})
    await stage.second_officer.post(f"{review}/confirm")
    entitled = (await officer.get("/api/script-copies"))["entitled"]
    if not entitled:
        stage.report.check("access that was asked for and granted opens a script to its centre", False, "none is open")
        return
    copy = await officer.ask("POST", f"/api/script-copies/{entitled[0]['script']}", body={})
    given = (await officer.get("/api/script-copies"))["given"]
    stage.report.check(
        "a copy of a script is given to the centre that asked for access and was granted it, and each copy is recorded",
        not before["entitled"]
        and [one["candidate_number"] for one in entitled] == [number]
        and copy.ok
        and copy.body.startswith(b"%PDF-")
        and [one["sha256"] for one in given] == [objects.sha256_hex(copy.body)],
        f"{len(copy.body):,} bytes, {given[0]['pages']} pages" if given else copy.detail,
    )


async def keep(stage: Stage, sitting_id: str) -> None:
    """See until when the scripts are kept, and by what."""
    lines = (await stage.officer.get(f"/api/series/{stage.series}/script-retention"))["sittings"]
    kept = [one for one in lines if one["sitting"] == sitting_id]
    stage.report.check(
        "scripts are kept until their time is over, and are not destroyed before",
        len(kept) == 1
        and all(kept[0][what]["kept_by"] and not kept[0][what]["destruction"] for what in ("scans", "paper")),
        ", ".join(one.replace("_", " ") for one in kept[0]["scans"]["kept_by"]) if kept else "not listed",
    )
