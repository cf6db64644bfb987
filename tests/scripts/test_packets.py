from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.errors import LabelRefused
from scripts.packets import candidate_range, plan_packets

NUMBERS = st.sets(st.integers(1, 9999).map(lambda number: f"{number:04d}"), max_size=120)


@given(NUMBERS, st.integers(1, 40))
def test_every_candidate_is_in_exactly_one_packet(numbers: set[str], capacity: int) -> None:
    packets = plan_packets(numbers, capacity=capacity)
    assert [number for packet in packets for number in packet.candidate_numbers] == sorted(numbers)
    assert [(packet.number, packet.of) for packet in packets] == [(n + 1, len(packets)) for n in range(len(packets))]
    assert all(1 <= len(packet.candidate_numbers) <= capacity for packet in packets)


def test_the_range_is_what_the_envelope_says() -> None:
    assert plan_packets(["1002", "1001", "1003"], capacity=2)[0].candidate_range == "1001–1002"
    assert candidate_range(["1003"]) == "1003"
    assert candidate_range([]) == ""


def test_an_envelope_takes_at_least_one_script() -> None:
    with pytest.raises(LabelRefused):
        plan_packets(["1001"], capacity=0)
    with pytest.raises(LabelRefused):
        plan_packets((f"{number:04d}" for number in range(1, 1002)), capacity=1)
