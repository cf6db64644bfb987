"""Step 9 of the journey, what follows the scanning: packets opened by two, the missing script's case, custody proved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

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
