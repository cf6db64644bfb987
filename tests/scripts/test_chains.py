"""Chains of custody: a change, a removal, an insertion or another order always shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.chains import Link, broken, canonical, following

CONTENTS = st.lists(st.text(max_size=8), min_size=1, max_size=8)


def chained(contents: list[str]) -> tuple[list[Link], str]:
    links: list[Link] = []
    head = ""
    for number, text in enumerate(contents, 1):
        said = canonical({"number": number, "said": text})
        head = following(head, said)
        links.append(Link(number, said, head))
    return links, head


@given(CONTENTS, st.randoms())
def test_a_whole_chain_holds_in_whatever_order_it_is_read(contents: list[str], random) -> None:
    links, head = chained(contents)
    random.shuffle(links)
    assert broken(links, count=len(links), head=head) == []


@given(CONTENTS, st.data())
def test_a_change_shows(contents: list[str], data: st.DataObject) -> None:
    links, head = chained(contents)
    at = data.draw(st.integers(0, len(links) - 1))
    links[at] = replace(links[at], contents=links[at].contents + " ")
    assert [one.number for one in broken(links, count=len(links), head=head)] == [at + 1]


@given(CONTENTS, st.data())
def test_a_removal_shows_the_last_ones_too(contents: list[str], data: st.DataObject) -> None:
    links, head = chained(contents)
    del links[data.draw(st.integers(0, len(links) - 1))]
    assert broken(links, count=len(links) + 1, head=head)


@given(st.lists(st.text(max_size=8), min_size=2, max_size=8), st.data())
def test_another_order_shows(contents: list[str], data: st.DataObject) -> None:
    links, head = chained(contents)
    at = data.draw(st.integers(0, len(links) - 2))
    first, second = links[at], links[at + 1]
    links[at], links[at + 1] = replace(second, number=first.number), replace(first, number=second.number)
    assert broken(links, count=len(links), head=head)


@given(CONTENTS)
def test_a_chain_begun_anew_over_other_contents_does_not_end_as_the_packet_says(contents: list[str]) -> None:
    _, head = chained(contents)
    forged, _ = chained([*contents[:-1], contents[-1] + "!"])
    assert [one.what for one in broken(forged, count=len(forged), head=head)] == ["head"]


def test_the_format_is_the_published_one() -> None:
    at = datetime(2026, 6, 8, 13, 0, 0, 5, tzinfo=timezone(timedelta(hours=1)))
    said = canonical({"number": 1, "at": at, "place": "Zürich"})
    assert said == '{"at":"2026-06-08T12:00:00.000005Z","number":1,"place":"Z\\u00fcrich"}'
    assert following("", '{"number":1}') == "69ae3ceb4d191521e9837cbc64d1a1ed711e69700811d66334f08416e7dc3401"
    assert len(following("", said)) == 64


def test_what_is_no_plain_value_is_refused() -> None:
    with pytest.raises(TypeError):
        canonical({"said": object()})
    with pytest.raises(ValueError, match="JSON"):
        canonical({"said": float("nan")})
    assert canonical({"at": datetime(2026, 1, 1, tzinfo=UTC)}) == '{"at":"2026-01-01T00:00:00.000000Z"}'
