"""``nea series``: a whole series drawn, decided, confirmed and examined by an officer, or tried and not kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from moderation.submission import SETTLED, CaseState
from moderation.tables import ModerationCase, ModeratorMark, SampleItem

from ...benchmarks.national import steps
from ...benchmarks.national.series import SERIES, National
from .installation import SECOND, SURE, Installation, installation

__all__ = ["installation"]

SMALL = National(centres=4, seed=11)
WORDS = ("--series", SERIES.key, "--officer")


def _states(engine: Any) -> set[str]:
    with Session(engine) as session:
        return set(session.scalars(select(ModerationCase.state)))


def _until(installation: Installation, step: str) -> Any:
    engine = create_engine(installation.settings.database_url)
    steps.walk(engine, SMALL, until=step)
    return engine


def test_a_series_is_tried_drawn_and_named_in_the_log(installation: Installation) -> None:
    engine = _until(installation, "centre marks")
    status, out, err = installation.nea("series", "draw", *WORDS, SURE, "--dry-run")
    assert (status, err) == (0, "")
    assert "nothing was kept" in out
    assert _states(engine) == {CaseState.MARKS_SUBMITTED}
    status, out, err = installation.nea("series", "draw", *WORDS, SURE, "--json")
    assert (status, err) == (0, "")
    report = json.loads(out)
    assert report["counts"]["samples"] > 30
    assert report["left"] == []
    assert CaseState.MARKS_SUBMITTED not in _states(engine)
    assert installation.events().count("series.draw") == 1
    engine.dispose()


def test_outcomes_are_confirmed_but_not_by_who_proposed_them(installation: Installation) -> None:
    engine = _until(installation, "whole samples marked")
    status, out, err = installation.nea("series", "confirm", *WORDS, SECOND)
    assert (status, err) == (0, "")
    assert "moderated marks" in out
    assert _states(engine) & SETTLED
    status, out, _ = installation.nea("series", "confirm", *WORDS, SURE, "--json")
    assert status == 0
    assert "accepted" not in json.loads(out)["counts"]
    status, out, _ = installation.nea("series", "gate", *WORDS, SURE)
    assert "The gate is" in out
    assert "entries and what became of them" in out
    status, out, _ = installation.nea("series", "gate", *WORDS, SURE, "--json")
    assert json.loads(out)["results"] > 50
    assert installation.events().count("results.gate") == 2
    engine.dispose()


def test_what_was_read_and_not_followed_up_is_decided(installation: Installation) -> None:
    engine = _until(installation, "works handed in")
    with Session(engine) as session, session.begin():
        case = session.scalars(select(ModerationCase).where(ModerationCase.state == CaseState.SUBMITTED)).first()
        assert case is not None
        items = session.scalars(select(SampleItem).where(SampleItem.sample_id == case.sample_id)).all()
        session.add_all(
            ModeratorMark(
                sample_item_id=item.id, number=1, mark=item.centre_mark, marked_by="moderator", marked_at=steps.NOW
            )
            for item in items
        )
        case_id = case.id
    status, out, err = installation.nea("series", "decide", *WORDS, SURE, "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["counts"]["accepted"] == 1
    with Session(engine) as session:
        assert session.get_one(ModerationCase, case_id).state == CaseState.OUTCOME_PROPOSED
    engine.dispose()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("draw", "--series", "99-1A99", "--officer", SURE), "Nothing was changed."),
        (("confirm", "--series", SERIES.key, "--officer", "Nobody"), "officer"),
    ],
)
def test_a_refusal_is_one_sentence(
    installation: Installation, words: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    status, _, err = installation.nea("series", *words)
    assert status == 1
    assert sentence in err
    assert "Traceback" not in err
