"""``nea prove``: a series whose independence holds, one where it was broken, and bad input."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from moderation import guards
from moderation.independence import ConflictKind
from moderation.records import independence
from moderation.records.marking import allocate
from tests.moderation.records.stage import COMPONENT, SERIES, make_centre, make_series

from .installation import Installation, installation

__all__ = ["installation"]

NOW = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)


def give(session, person: str) -> None:
    allocate(
        session,
        person_id=person,
        series_key=SERIES,
        component_code=COMPONENT,
        centre_number="99901",
        opens_at=NOW,
    )


def fill(session) -> None:
    make_series(session)
    make_centre(session, 1)
    give(session, "untied-one")


def give_without_guards(session) -> None:
    give(session, "tied")
    guards.drop(session.connection())
    independence.declare_conflict(
        session,
        person_id="tied",
        centre_number="99901",
        kind=ConflictKind.RELATED,
        note="",
        declared_by="tied",
        now=NOW,
    )


@pytest.mark.fault("att:H11")
def test_a_series_is_proven_or_not(installation: Installation) -> None:
    installation.within(lambda services: services.database.write(fill))
    status, out, err = installation.nea("prove", "independence", "--series", SERIES)
    assert (status, err) == (0, "")
    assert "1 clear, 0 ended, 0 failed" in out

    installation.within(lambda services: services.database.write(give_without_guards))
    status, _, err = installation.nea("prove", "independence", "--series", SERIES)
    assert (status, "Guards of the database are missing" in err) == (1, True)

    installation.nea("migrate")
    status, out, _ = installation.nea("prove", "independence", "--series", SERIES, "--json")
    found = json.loads(out)
    assert (status, found["total"], found["failed"]) == (1, 2, 1)
    (failed,) = [one for one in found["proofs"] if one["verdict"] == "FAILED"]
    assert (failed["person_id"], failed["conflicts_looked_at"][0]["kind"]) == ("tied", "RELATED")
    status, out, _ = installation.nea("prove", "independence", "--series", SERIES, "--failed")
    assert (status, "untied-one" in out, "tied" in out) == (1, False, True)


def test_an_unknown_series_is_said(installation: Installation) -> None:
    status, out, err = installation.nea("prove", "independence", "--series", "none")
    assert (status, out) == (2, "")
    assert err.startswith("nea: There is no such series")
