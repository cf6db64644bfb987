"""What a certificate of custody says, and how it is held against itself. Pure.

Every line of events is a chain: each event carries the hash of itself and of the link before it, and the line says how many
there are and which is the last link. So whoever reads a changed certificate is told not only that the signature does not
fit, but what was taken out, changed or put elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from repository.receipts.signing import canonical

FORMAT = "nea-custody-certificate-1"
LINES = ("packets", "scripts")


def link(previous: str, event: Mapping[str, object]) -> str:
    """Return the link of an event that follows another: SHA-256 over the format's name, the link before, and the event."""
    text = canonical({name: value for name, value in event.items() if name != "link"}).decode("ascii")
    return hashlib.sha256(f"{FORMAT}\n{previous}\n{text}".encode("ascii")).hexdigest()


def chained(events: Iterable[Mapping[str, object]]) -> dict[str, object]:
    """Return events as a line of a certificate: numbered, linked, counted, with the last link."""
    made: list[dict[str, object]] = []
    previous = ""
    for number, event in enumerate(events, 1):
        one = {**event, "number": number}
        previous = link(previous, one)
        made.append({**one, "link": previous})
    return {"events": made, "count": len(made), "last_link": previous}


def whole(scripts: Sequence[Mapping[str, object]], packets: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Return how many lines there are, and one hash over the last links of all of them in their order."""
    return {
        "scripts": len(scripts),
        "packets": len(packets),
        "links_sha256": _over([*packets, *scripts]),
    }


def faults(custody: Mapping[str, Any]) -> list[str]:
    """Return what does not fit in a certificate, in plain words; nothing when it is whole.

    Takes: what a signed text holds under ``custody``, which may be anything at all.
    """
    try:
        found = [fault for kind in LINES for line in custody[kind] for fault in _of_line(kind, line)]
        for kind in LINES:
            wanted, here = custody["whole"][kind], len(custody[kind])
            if wanted != here:
                found.append(f"{wanted} {kind} were certified, and {here} are here.")
        if not found and custody["whole"]["links_sha256"] != _over([*custody["packets"], *custody["scripts"]]):
            found.append("The scripts or packets stand in another order, or one was put in place of another.")
    except (KeyError, TypeError, ValueError, AttributeError):
        return ["It is not written as a certificate of custody is."]
    return found


def _over(lines: Iterable[Mapping[str, Any]]) -> str:
    return hashlib.sha256("\n".join(str(line["last_link"]) for line in lines).encode("ascii")).hexdigest()


def _of_line(kind: str, line: Mapping[str, Any]) -> list[str]:
    name = f"packet {line['packet']}" if kind == "packets" else f"the script of candidate {line['candidate_number']}"
    events, count = line["events"], line["count"]
    numbers = [event["number"] for event in events]
    gone = [number for number in range(1, count + 1) if number not in numbers]
    if gone:
        which = ", ".join(str(number) for number in gone)
        return [f"Of {name}, event {which} of {count} was taken out."]
    if len(numbers) > count:
        return [f"Of {name}, {count} events were certified, and there are {len(numbers)}."]
    if numbers != sorted(numbers):
        return [f"The events of {name} stand in another order."]
    previous = ""
    for event in events:
        previous = link(previous, event)
        if event["link"] != previous:
            return [f"Of {name}, event {event['number']} ({event['kind']}) was changed, or the one before it."]
    if line["last_link"] != previous:
        return [f"The events of {name} end elsewhere than was certified."]
    return []
