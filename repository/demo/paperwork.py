"""Step 9 of the journey, what the centre writes down: the register and its corrections, and the despatch log of a phone."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from PIL import Image, ImageDraw

from repository.demo.client import Client
from repository.demo.stage import Stage

SIGNATURE = [(20, 90), (60, 30), (90, 100), (130, 40), (170, 95), (230, 50), (300, 70)]


async def register(stage: Stage, officer: Client, path: str, numbers: Sequence[str], absent: str) -> None:
    """Mark and sign the register with one mistake, which stands until a second person signs its correction."""
    wrong = numbers[1]
    lines = [{"candidate_number": n, "state": "absent" if n in {absent, wrong} else "present"} for n in numbers]
    await officer.put(f"{path}/register", {"lines": lines})
    stage.report.check(
        "a sitting has its register from the entries",
        len(numbers) > 2,
        f"{len(numbers)} entered, {len({absent, wrong})} marked absent",
    )
    await officer.ask("POST", f"{path}/sign-off", body={})
    changed = await officer.ask(
        "PUT", f"{path}/register", body={"lines": [{"candidate_number": wrong, "state": "present"}]}
    )
    asked = {
        "candidate_number": wrong,
        "field": "mark",
        "after": "present",
        "reason": "Came after the register was taken round.",
    }
    correction = await officer.post(f"{path}/corrections", asked)
    before = await _state(officer, path, wrong)
    alone = await officer.ask(
        "POST", f"{path}/signatures", body={"correction": correction["id"], "decision": "confirmed"}
    )
    await officer.ask("POST", f"{path}/signatures", body={"correction": correction["id"], "decision": "refused"})
    await officer.post(f"{path}/corrections", asked | {"second_name": "Rehearsal invigilator"})
    stage.report.check(
        "a signed register is changed only by a correction that two people sign",
        not changed.ok and not alone.ok and before == "absent" and await _state(officer, path, wrong) == "present",
        alone.detail[:70],
    )


async def _state(officer: Client, path: str, number: str) -> str:
    lines = (await officer.get(f"{path}/register"))["lines"]
    return str(next(line["state"] for line in lines if line["candidate_number"] == number))


async def log_despatch(stage: Stage, officer: Client, packets: Sequence[tuple[str, int]]) -> None:
    """Keep the log on a phone without a signal, and send it twice: what was sent before is known and changes nothing."""
    at = datetime.now(UTC).isoformat()
    entries: list[dict[str, Any]] = [
        {
            "id": f"demo-sealed-{number}",
            "kind": "sealed",
            "occurred_at": at,
            "label": label,
            "script_count": count,
            "sealed_by": "Rehearsal exams officer",
            "witnessed_by": "Rehearsal invigilator",
            "storage_location": "Secure room",
        }
        for number, (label, count) in enumerate(packets, 1)
    ]
    entries.append(
        {
            "id": "demo-handed-over",
            "kind": "handed_over",
            "occurred_at": at,
            "collection": "scheduled",
            "carrier": "Rehearsal carrier",
            "signed_as": "glass",
            "driver_name": "Rehearsal driver",
            "packets": [{"label": label, "script_count": count} for label, count in packets],
        }
    )
    sent = {"device": "demo-phone", "sent_at": at, "entries": entries}
    answers = [await officer.post("/api/despatch-log", sent) for _ in range(2)]
    states = [[one["state"] for one in answer["results"]] for answer in answers]
    stage.report.check(
        "a despatch log that a phone kept without a signal is taken once, however often it is sent",
        states == [["recorded"] * len(entries), ["repeated"] * len(entries)],
        "; ".join(f"{len(one)} entries {one[0]}" for one in states),
    )
    picture = await officer.ask(
        "PUT",
        "/api/despatch-log/demo-handed-over/evidence/demo-signature?kind=signature",
        data=_signature(),
        headers={"Content-Type": "image/png"},
    )
    stage.report.check("the driver's signature on glass is kept as evidence", picture.status == 201, picture.detail)


def _signature() -> bytes:
    image = Image.new("RGB", (320, 120), "white")
    ImageDraw.Draw(image).line(SIGNATURE, fill="black", width=4)
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()
