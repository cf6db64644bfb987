"""Independence as rules on facts: when a tie holds, why somebody is barred, what a proof finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.independence import (
    Act,
    ConflictKind,
    ConflictOrigin,
    Given,
    Part,
    Tie,
    Verdict,
    prove,
    reasons_against,
)

NOW = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def tie(**changed: Any) -> Tie:
    return Tie(
        **{
            "conflict_id": "t",
            "person_id": "p",
            "centre_number": "99901",
            "series_key": None,
            "kind": ConflictKind.TAUGHT,
            "origin": ConflictOrigin.DECLARED,
            "declared_at": NOW,
            "valid_from": NOW,
            "valid_to": None,
            **changed,
        }
    )


def part(act: Act, at: datetime = NOW) -> Part:
    return Part("p", "c", act, at)


def allocation(act: str = "MODERATE", start: datetime | None = NOW, until: datetime | None = None) -> Given:
    return Given("allocation", "a", "p", "01-6A26", "X446/03", "99901", "c", act, start, until)


def deed(act: Act, at: datetime = NOW) -> Given:
    return Given(act.lower(), "c", "p", "01-6A26", "X446/03", "99901", "c", act.value, at, None)


@pytest.mark.parametrize(
    ("valid_to", "ended_at", "asked", "holds"),
    [
        (None, None, NOW, True),
        (None, None, NOW - DAY, False),
        (NOW + DAY, None, NOW + DAY, False),
        (NOW + DAY, None, NOW + DAY - timedelta(microseconds=1), True),
        (NOW + 2 * DAY, NOW + DAY, NOW + DAY, False),
        (None, NOW + DAY, NOW, True),
    ],
)
def test_a_tie_holds_from_its_beginning_until_before_its_end(
    valid_to: datetime | None, ended_at: datetime | None, asked: datetime, holds: bool
) -> None:
    assert tie(valid_to=valid_to, ended_at=ended_at).holds(asked) is holds


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(1, 6), st.integers(1, 6))
def test_a_tie_overlaps_a_window_when_some_instant_is_in_both(begun: int, opened: int, length: int, width: int) -> None:
    one = tie(valid_from=NOW + begun * DAY, valid_to=NOW + (begun + length) * DAY)
    instants = [NOW + (opened + step / 2) * DAY for step in range(width * 2)]
    assert one.holds(NOW + opened * DAY, NOW + (opened + width) * DAY) == any(one.holds(at) for at in instants)


def test_a_tie_to_a_candidate_concerns_one_series() -> None:
    one = tie(series_key="01-6A26")
    assert one.concerns("99901", "01-6A26")
    assert not one.concerns("99901", "01-6A27")
    assert tie().concerns("99901", "01-6A27")
    assert not tie().concerns("99902", "01-6A26")


def test_reasons_are_sentences_without_the_note() -> None:
    found = reasons_against("REVIEW", [tie()], [part(Act.CONFIRMED), part(Act.MODERATED), part(Act.MODERATED)])
    assert [reason.code for reason in found] == ["conflict", "involved", "involved"]
    assert [reason.detail for reason in found] == [
        "Declared: teaches or taught there, since 15 May 2026.",
        "Moderated it.",
        "Confirmed its outcome.",
    ]
    automatic = tie(origin=ConflictOrigin.AUTOMATIC)
    assert "role at the centre" in reasons_against("MODERATE", [automatic], [])[0].detail
    assert "candidate" in reasons_against("MODERATE", [tie(series_key="01-6A26")], [])[0].detail


def test_an_earlier_part_bars_from_no_moderating() -> None:
    assert reasons_against("MODERATE", [], [part(Act.MODERATED)]) == ()


@pytest.mark.parametrize(
    ("given_", "ties", "parts", "verdict"),
    [
        (allocation(), [], [part(Act.MODERATED)], Verdict.CLEAR),
        (allocation(), [tie()], [], Verdict.FAILED),
        (allocation(start=None), [tie()], [], Verdict.FAILED),
        (allocation(until=NOW + DAY), [tie(valid_from=NOW + DAY, declared_at=NOW + DAY)], [], Verdict.ENDED),
        (allocation(), [tie(valid_from=NOW + DAY, declared_at=NOW + DAY)], [], Verdict.FAILED),
        (allocation(until=NOW), [tie()], [], Verdict.CLEAR),
        (allocation("REVIEW"), [], [part(Act.MODERATED)], Verdict.FAILED),
        (allocation("REVIEW"), [], [part(Act.REVIEWED)], Verdict.CLEAR),
        (allocation("APPEAL"), [], [part(Act.REVIEWED)], Verdict.FAILED),
        (allocation("REVIEW"), [], [part(Act.MODERATED, NOW + DAY)], Verdict.CLEAR),
        (deed(Act.MODERATED), [tie(declared_at=NOW - DAY, valid_from=NOW - DAY)], [], Verdict.FAILED),
        (deed(Act.MODERATED), [tie(declared_at=NOW + DAY, valid_from=NOW - DAY)], [], Verdict.ENDED),
        (deed(Act.MODERATED), [tie(valid_from=NOW + DAY)], [], Verdict.CLEAR),
        (deed(Act.REVIEWED), [], [part(Act.CHECKED), part(Act.REVIEWED)], Verdict.FAILED),
        (deed(Act.REVIEWED), [], [part(Act.CHECKED, NOW + DAY), part(Act.REVIEWED)], Verdict.CLEAR),
        (deed(Act.CONFIRMED), [], [part(Act.MODERATED), part(Act.CONFIRMED)], Verdict.FAILED),
        (deed(Act.CONFIRMED), [], [part(Act.CHECKED), part(Act.CONFIRMED)], Verdict.CLEAR),
    ],
)
def test_what_a_proof_finds(given_: Given, ties: list[Tie], parts: list[Part], verdict: Verdict) -> None:
    proof = prove(given_, {"p"}, ties, parts)
    assert proof.verdict is verdict, proof.findings
    assert bool(proof.findings) or verdict is Verdict.CLEAR
