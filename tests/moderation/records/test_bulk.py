"""Many rows at once: defaults, types and refusals as every other way in has them."""

from __future__ import annotations

import gc
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moderation.errors import IllegalTransition
from moderation.records.bulk import change_rows, insert_rows, many_rows, ordered_ids, uncollected
from moderation.tables import CaseTransition, Centre, ImportFile

from .stage import NOW, make_centre, make_series

IMPORT = ("id", "kind", "name", "sha256", "size_bytes", "imported_at", "imported_by")


def test_identifiers_follow_each_other_and_do_not_repeat() -> None:
    ids = ordered_ids()
    first = [next(ids) for _ in range(1000)]
    again = ordered_ids()
    assert first == sorted(first)
    assert len({*first, *(next(again) for _ in range(1000))}) == 2000
    assert {len(one) for one in first} == {36}
    assert {one[14] for one in first} == {"7"}


def test_rows_get_defaults_and_types_of_their_table(session: Session) -> None:
    rows = (("a", "E", "tab\there \\ and\nline", "0" * 64, 1, NOW, "o") for _ in range(1))
    assert insert_rows(session, ImportFile, IMPORT, rows, {"sequence": 3}) == 1
    row = session.scalars(select(ImportFile)).one()
    assert (row.counts, row.warnings, row.sequence, row.series_key) == ({}, [], 3, None)
    assert row.name == "tab\there \\ and\nline"
    assert row.imported_at == NOW


def test_a_column_without_value_is_named(session: Session) -> None:
    with pytest.raises(ValueError, match=r"import_file\.kind needs a value"):
        insert_rows(session, ImportFile, ("id",), [("a",)])


def test_an_instant_without_zone_is_refused(session: Session) -> None:
    naive = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        insert_rows(session, ImportFile, IMPORT, [("a", "E", "n", "0" * 64, 1, naive, "o")])


def test_a_constraint_speaks_as_it_does_everywhere(session: Session) -> None:
    insert_rows(session, Centre, ("centre_number",), [("10001",)])
    with pytest.raises(IntegrityError):
        insert_rows(session, Centre, ("centre_number",), [("10001",)])


def test_a_guard_speaks_as_it_does_everywhere(session: Session) -> None:
    make_series(session)
    case_id = make_centre(session, 3)
    row = ("a", case_id, 2, "MARKS_OPEN", "OUTCOME_LOCKED", "CONFIRM_OUTCOME", "x", NOW)
    columns = ("id", "case_id", "number", "from_state", "to_state", "event", "actor", "occurred_at")
    with pytest.raises(IllegalTransition):
        insert_rows(session, CaseTransition, columns, [row])


def test_only_rows_that_match_are_changed(session: Session) -> None:
    insert_rows(session, Centre, ("centre_number", "name"), [("10001", "A"), ("10002", "B")])
    rows = [("10001", "A", "C"), ("10002", "other", "D")]
    assert change_rows(session, Centre, ("centre_number", "name"), ("name",), rows, {"nation": "WALES"}) == 1
    names = {row.centre_number: (row.name, row.nation) for row in session.scalars(select(Centre))}
    assert names == {"10001": ("C", "WALES"), "10002": ("B", "ENGLAND")}


def test_the_collector_and_the_cache_are_as_they_were_afterwards(session: Session) -> None:
    connection = session.connection()
    query = "PRAGMA cache_size" if connection.dialect.name == "sqlite" else "SELECT 1"
    before = connection.exec_driver_sql(query).scalar()
    with many_rows(session), uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert connection.exec_driver_sql(query).scalar() == before
