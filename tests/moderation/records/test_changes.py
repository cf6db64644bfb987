"""What an import changes is said before it is kept."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.records import changes
from moderation.records.changes import Change, ChangeKind, compare
from moderation.records.imports import BasedataRows, OptionRow
from moderation.records.reference import (
    CentreReference,
    ConsortiumReference,
    ExternalMarkRow,
    import_boundaries,
    import_external_marks,
    set_centres,
    set_consortium,
)
from moderation.tables import DisallowedPair, OptionComponent
from tests.moderation.records.test_imports import ADA, BASEDATA, BEN, SERIES, load_basedata, load_entries

KEY = SERIES.key


def test_an_amendment_shows_what_is_added_changed_and_withdrawn_by_candidate(session: Session) -> None:
    load_basedata(session)
    load_entries(session, ADA, BEN)
    before = changes.entries_of(session, KEY, ["99901"])
    cal = replace(ADA, candidate_number="1003", uci="")
    load_entries(
        session, replace(ADA, option_codes=("X999",), surname="RENAMED"), replace(BEN, option_codes=()), cal,
        content="f", sequence=2, kind="A",
    )  # fmt: skip
    session.flush()
    found = compare(before, changes.entries_of(session, KEY, ["99901"]))
    assert found.listed == (
        Change(ChangeKind.CHANGED, "candidate", "99901 1001", "entries", "X446A", "X999"),
        Change(ChangeKind.CHANGED, "candidate", "99901 1001", "surname", "EXAMPLE", "RENAMED"),
        Change(ChangeKind.CHANGED, "candidate", "99901 1002", "entries", "X446A", ""),
        Change(ChangeKind.ADDED, "candidate", "99901 1003", "", "", "entries X446A"),
    )
    assert found.counts == {("changed", "candidate"): 2, ("added", "candidate"): 1}
    assert [one.is_personal for one in found.listed] == [False, True, False, False]


def test_basedata_boundaries_marks_consortia_and_centres(session: Session) -> None:
    before = changes.basedata_of(session, KEY)
    load_basedata(session)
    load_entries(session, ADA)
    first = compare(before, changes.basedata_of(session, KEY))
    assert first.counts == {
        ("added", "component"): 4, ("added", "link"): 6, ("added", "option"): 4, ("added", "pair"): 1,
        ("added", "syllabus"): 1,
    }  # fmt: skip
    before = {
        **changes.boundaries_of(session, KEY), **changes.external_marks_of(session, KEY), **changes.consortia_of(session, KEY),
        **changes.centres_of(session, KEY),
    }  # fmt: skip
    import_boundaries(session, KEY, [("X446A", "A", 150)])
    import_external_marks(session, KEY, [ExternalMarkRow("X446/01", "99901", "1001", 90)])
    set_consortium(session, KEY, ConsortiumReference("X446/03", "99901", ("99901", "99902")))
    set_centres(session, [CentreReference("99901", "EXAMPLE SCHOOL")])
    after = {
        **changes.boundaries_of(session, KEY), **changes.external_marks_of(session, KEY), **changes.consortia_of(session, KEY),
        **changes.centres_of(session, KEY),
    }  # fmt: skip
    assert [(one.kind, one.thing, one.key, one.before, one.after) for one in compare(before, after).listed] == [
        ("added", "boundary", "X446A A", "", "mark 150"),
        ("changed", "centre", "99901", "", "EXAMPLE SCHOOL"),
        ("added", "centre", "99902", "", "nation england"),
        ("added", "consortium", "X446/03 99901", "", "members 99901 99902"),
        ("added", "mark", "99901 X446/01 1001", "", "mark 90, status present"),
    ]


def test_later_basedata_takes_out_links_and_pairs_that_it_lacks_but_not_of_what_is_entered(session: Session) -> None:
    load_basedata(session)
    load_entries(session, ADA)
    later = BasedataRows(SERIES, links=BASEDATA.links[2:4], disallowed=[("X447*", "X99*")])
    receipt = load_basedata(session, later, content="b", sequence=2)
    assert receipt.counts["removed"] == 3
    links = session.execute(select(OptionComponent.option_code, OptionComponent.component_code)).all()
    assert sorted(map(tuple, links)) == [
        ("X446A", "X446/01"), ("X446A", "X446/03"), ("X446B", "X446/01"), ("X446B", "X446/04"),
    ]  # fmt: skip
    assert session.scalars(select(DisallowedPair.option_code)).all() == ["X447*"]


def test_a_part_that_a_file_does_not_state_is_left_alone(session: Session) -> None:
    load_basedata(session)
    load_basedata(session, BasedataRows(SERIES, options=[OptionRow("X1", "X1", "NEW")]), content="b", sequence=2)
    assert len(session.scalars(select(OptionComponent.option_code)).all()) == 6


snapshots = st.dictionaries(
    st.tuples(st.sampled_from(["a", "b"]), st.sampled_from("123")),
    st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(["", "1", "2"])),
)


@given(snapshots, snapshots)
def test_nothing_is_said_of_what_stays_and_something_of_what_does_not(
    before: dict[tuple[str, str], dict[str, str]], after: dict[tuple[str, str], dict[str, str]]
) -> None:
    found = compare(before, after)
    touched = {(one.thing, one.key) for one in found.listed}
    assert all(before.get(key) != after.get(key) for key in touched)
    plain = lambda rows: {k: {n: t for n, t in row.items() if t} for k, row in rows.items()}  # noqa: E731
    assert touched == {key for key in before.keys() | after.keys() if plain(before).get(key) != plain(after).get(key)}
    assert compare(before, before).total == 0
