from __future__ import annotations

import json
from typing import Any

import pytest

from scripts.errors import BundleUnreadable
from scripts.readings import PageReading, readings_from_json, readings_to_json

READINGS = (
    PageReading(0, "0" * 64, ("CV1|99999|1001|H446/01|1/1|D740",), width_px=1240, height_px=1754, rotation=180),
    PageReading(1, "1" * 64, notes=("turned", "grey_paper"), fingerprint="f" * 64),
    PageReading(2, "2" * 64, blank=True),
    PageReading(3, "3" * 64, mark=True),
    PageReading(4, "4" * 64, unreadable=True),
)


def test_the_description_of_a_bundle_goes_through_json_unharmed() -> None:
    assert readings_from_json(readings_to_json(READINGS)) == READINGS
    assert readings_from_json(readings_to_json(READINGS).encode()) == READINGS


@pytest.mark.parametrize(
    "change",
    [
        {"index": 1},
        {"sha256": "x"},
        {"codes": "CV1"},
        {"codes": ["9" * 82]},
        {"codes": [1]},
        {"codes": ["A"] * 9},
        {"blank": 1},
        {"width_px": "1"},
        {"width_px": -1},
        {"rotation": 45},
        {"rotation": True},
        {"notes": ["<b>"]},
        {"notes": "turned"},
        {"notes": [[]]},
        {"notes": ["turned"] * 100},
        {"fingerprint": "x"},
        {"fingerprint": None},
    ],
)
def test_a_description_that_is_not_one_is_refused(change: dict[str, Any]) -> None:
    header, line = readings_to_json(READINGS[:1]).splitlines()
    with pytest.raises(BundleUnreadable):
        readings_from_json("\n".join([header, json.dumps(json.loads(line) | change)]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"version":2,"pages":0}',
        '{"version":1,"pages":1}\n{}',
        '{"version":2,"pages":1}\n{}',
        '{"version":2,"pages":1}\n7',
        "[" * 100_000,
        readings_to_json(READINGS).rsplit("\n", 2)[0],
        readings_to_json(READINGS) + "{}",
    ],
    ids=["nothing", "list", "empty", "none", "version", "shape", "number", "deep", "short", "long"],
)
def test_no_description_at_all_is_refused(text: str) -> None:
    with pytest.raises(BundleUnreadable):
        readings_from_json(text)


def test_two_scans_of_a_page_look_alike() -> None:
    one = PageReading(0, "0" * 64, fingerprint="f" * 64)
    assert one.looks_like(PageReading(1, "1" * 64, fingerprint="f" * 63 + "0"))
    assert one.looks_like(PageReading(1, "0" * 64))
    assert not one.looks_like(PageReading(1, "1" * 64, fingerprint="0" * 64))
    assert not one.looks_like(PageReading(1, "1" * 64))
