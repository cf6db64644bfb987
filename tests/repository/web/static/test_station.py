"""What the scanning station makes of what a scanner typed, and of what the service answered."""

from __future__ import annotations

from typing import Any

import pytest

from repository.acts.tracking import LOOK_AT
from scripts.labels import PacketLabel, PageCode, ScriptCover
from scripts.stations import Command

from .conftest import Ask

LABEL = PacketLabel("99999", "6A26", "H446/01", 1, 2)
SCAN = {"id": "s-1", "kind": "received", "again": False}
ANSWER = {
    "event_id": "s-1", "outcome": "recorded", "reason": "", "same_as": "", "packet_id": "p", "number": 1, "of": 2,
    "centre": "99999", "component": "H446/01", "state": "received", "before": "collected", "side_states": [],
    "logged_count": 5, "opened_count": None, "waiting": [],
}  # fmt: skip


def test_a_station_reads_what_the_service_prints_and_nothing_else(ask: Ask) -> None:
    cards = {command.payload: command.value for command in Command}
    cover, page = ScriptCover("99999", "1001", "H446/01"), PageCode("99999", "1001", "H446/01", 1, 1, 4)
    typed = [
        LABEL.payload,
        f" {LABEL.payload.lower()}\n",
        LABEL.payload.replace("|", "~"),
        *cards,
        "RR 473124829 GB",
        "RR473124828GB",
        "JD0002251234567890",
        cover.payload,
        page.payload,
        LABEL.payload[:-1],
        LABEL.payload.replace("99999", "99998"),
        "",
        "<script>",
        "x" * 5000,
    ]
    read = ask(special="scans", typed=typed, commands=cards)
    assert [one["label"]["payload"] for one in read[:3]] == [LABEL.payload] * 3
    assert [one["command"] for one in read[3:12]] == list(cards.values())
    assert read[12:15] == [{"number": "RR473124829GB"}, {"problem": "number"}, {"number": "JD0002251234567890"}]
    assert [one["problem"] for one in read[15:]] == ["cover", "cover", *["unread"] * 5]


@pytest.mark.parametrize(
    ("scan", "answers", "outcome", "is_recorded"),
    [
        ({}, [{}], "accepted", True),
        ({}, [{"side_states": ["received_without_despatch"]}], "accepted", True),
        ({}, [{"outcome": "repeat", "same_as": "s-1", "before": "received"}], "accepted", True),
        ({}, [{"outcome": "repeat", "same_as": "other"}], "repeated", False),
        ({}, [{"before": "opened"}], "repeated", True),
        ({"again": True}, [{}], "repeated", True),
        ({"kind": "forwarded"}, [{"before": "received"}], "accepted", True),
        ({"kind": "opened"}, [{"opened_count": 5, "before": "received"}], "accepted", True),
        ({"kind": "opened"}, [{"opened_count": 4, "before": "received"}], "attention", True),
        ({"kind": "opened"}, [{"opened_count": 4, "logged_count": None, "before": "received"}], "accepted", True),
        ({"kind": "withdrawn"}, [{}], "undone", True),
        ({"kind": "withdrawn"}, [{"outcome": "refused"}], "attention", False),
        ({}, [{"outcome": "conflict"}], "attention", False),
        ({}, [{"outcome": "unknown_label", "packet_id": None}], "unread", False),
        ({}, [{}, {"outcome": "refused"}], "attention", True),
        *[({}, [{"side_states": [side]}], "attention", True) for side in sorted(LOOK_AT)],
    ],
)
def test_what_an_answer_means_to_who_holds_the_scanner(
    ask: Ask, scan: dict[str, Any], answers: list[dict[str, Any]], outcome: str, is_recorded: bool
) -> None:
    told = ask(special="judged", scan=SCAN | scan, answers=[ANSWER | one for one in answers], odd=sorted(LOOK_AT))
    assert (told["outcome"], told["isRecorded"]) == (outcome, is_recorded)
    assert told["word"]
