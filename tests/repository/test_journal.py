"""Strokes as windows send them, and which revisions of an entry nothing follows."""

from __future__ import annotations

import random
from typing import Any
from uuid import uuid4

import pytest

from repository.errors import FieldRefused
from repository.journal import BODY_CHARACTERS, EntryKind, ends_of, stroke_of

GOOD: dict[str, Any] = {
    "kind": "annotation", "entry_id": str(uuid4()), "revision": 2, "tab": str(uuid4()), "follows": [[1, "t"]],
    "case": str(uuid4()), "item": None, "document": str(uuid4()), "body": {"text": "good", "x": 1},
    "written_at": "2026-05-20T10:00:00.000Z",
}  # fmt: skip


def test_a_stroke_is_read_as_it_was_sent() -> None:
    stroke = stroke_of(GOOD, "entries[0]")
    assert (stroke.kind, stroke.revision, stroke.follows) == (EntryKind.ANNOTATION, 2, ((1, "t"),))
    assert (stroke.sample_item_id, stroke.document_id) == (None, GOOD["document"])
    assert stroke.body == '{"text":"good","x":1}'
    other_order = stroke_of({**GOOD, "body": {"x": 1, "text": "good"}}, "entries[0]")
    assert other_order.body == stroke.body


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "mark"), ("kind", None), ("entry_id", ""), ("entry_id", "x" * 65), ("entry_id", 5), ("entry_id", "né"),
        ("revision", 0), ("revision", True), ("revision", "1"), ("revision", 10**7), ("tab", "x" * 37), ("tab", None),
        ("follows", "1"), ("follows", [[1]]), ("follows", [[0, "t"]]), ("follows", [[1, "t"]] * 21), ("case", None),
        ("item", 5), ("document", ["x"]), ("body", "text"), ("body", {"text": "x" * BODY_CHARACTERS}),
        ("body", {"text": "\x00"}), ("body", {"text": "\ud800"}), ("written_at", "today"),
        ("written_at", "2026-05-20T10:00:00"),
    ],
)  # fmt: skip
def test_what_is_no_stroke_is_refused_by_its_place(name: str, value: object) -> None:
    with pytest.raises(FieldRefused) as refused:
        stroke_of({**GOOD, name: value}, "entries[7]")
    assert "entries[7]" in refused.value.detail


@pytest.mark.parametrize("untrusted", [None, [], "x", 3])
def test_only_an_object_is_a_stroke(untrusted: object) -> None:
    with pytest.raises(FieldRefused):
        stroke_of(untrusted, "entries[0]")


def test_what_nothing_follows_is_an_end() -> None:
    one = (1, "a", [])
    assert ends_of([]) == set()
    assert ends_of([one, (2, "a", [[1, "a"]])]) == {(2, "a")}
    apart = [one, (2, "a", [[1, "a"]]), (2, "b", [[1, "a"]])]
    assert ends_of(apart) == {(2, "a"), (2, "b")}
    assert ends_of([*apart, (3, "b", [[2, "a"], [2, "b"]])]) == {(3, "b")}


@pytest.mark.parametrize("seed", range(20))
def test_ends_do_not_depend_on_the_order_in_which_strokes_came(seed: int) -> None:
    """A window that was offline sends what others have written past: the same strokes, the same ends."""
    chance = random.Random(seed)
    strokes: list[tuple[int, str, list[list[Any]]]] = [(1, "a", [])]
    for number in range(2, 30):
        before = chance.sample(strokes, chance.randint(1, min(2, len(strokes))))
        strokes.append((number, chance.choice("abc"), [[revision, tab] for revision, tab, _ in before]))
    wanted = ends_of(strokes)
    chance.shuffle(strokes)
    assert ends_of(strokes) == wanted
    assert (29, strokes[[revision for revision, _, _ in strokes].index(29)][1]) in wanted
