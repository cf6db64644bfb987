from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation import recomputation
from moderation.adjustment import OrderLimits, fit, is_order_valid, statistics_of
from moderation.recomputation import disagreements, is_adjustable_order, recompute_mark


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 60)), min_size=3, max_size=25))
def test_both_calculations_agree_on_every_mark(pairs: list[tuple[int, int]]) -> None:
    fitted = fit(pairs, 60)
    assert is_adjustable_order(pairs, "0.05", "0.9") == (fitted.mapping is not None)
    if fitted.mapping is not None:
        assert [recompute_mark(pairs, mark, 60) for mark in range(61)] == list(fitted.mapping)


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=3, max_size=9))
def test_both_order_tests_agree(pairs: list[tuple[int, int]]) -> None:
    sums = statistics_of(pairs)
    if sums.n_sxx:
        assert is_adjustable_order(pairs, "1/20", "9/10") == is_order_valid(sums, OrderLimits())


@pytest.mark.fault("att:H10")
def test_a_wrong_mark_is_named() -> None:
    pairs = [(30, 20), (20, 10), (10, 5)]
    fitted = fit(pairs, 40)
    assert fitted.mapping is not None
    rows = [("a", 30, fitted.mapping[30]), ("b", 20, fitted.mapping[20] + 1), ("c", 10, None)]
    assert [row.key for row in disagreements(rows, pairs, 40)] == ["b", "c"]


def test_it_shares_no_code_with_the_first_calculation() -> None:
    tree = ast.parse(Path(recomputation.__file__).read_text("utf-8"))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name for name in imported if name.startswith("moderation")}
