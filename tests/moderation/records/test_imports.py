from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.entries import Series, SubmissionMode
from moderation.errors import BoundariesInvalid, ImportRefused, MarkOutOfRange, OlderSequence, UnknownSeries
from moderation.marks import MarkStatus
from moderation.records.cases import history_of, list_cases
from moderation.records.entries import CandidateEntries, import_entries
from moderation.records.imports import (
    BasedataRows,
    ComponentRow,
    FileFacts,
    ImportReceipt,
    OptionRow,
    import_basedata,
)
from moderation.records.marks import case_marks
from moderation.records.reference import (
    CentreReference,
    ComponentReference,
    ConsortiumReference,
    ExternalMarkRow,
    import_boundaries,
    import_external_marks,
    open_all_cases,
    set_centres,
    set_component,
    set_consortium,
)
from moderation.submission import CaseState
from moderation.tables import Candidate, Centre, Component, Entry, ExternalMark, GradeBoundary
from tests.moderation.records.stage import NOW, OFFICER

SERIES = Series("01", "6A", 26)
BASEDATA = BasedataRows(
    SERIES,
    syllabuses=[("X446", "EXAMPLE: COMPUTING")],
    options=[
        OptionRow("X446A", "X446", "EXAMPLE: UPLOAD", "GCE", "A", "C"),
        OptionRow("X446B", "X446", "EXAMPLE: POST", "GCE", "A", "C"),
        OptionRow("X446C", "X446", "EXAMPLE: FORWARD", "GCE", "A", "C", submission_mode=SubmissionMode.CARRIED_FORWARD),
        OptionRow("X999", "X999", "EXAMPLE: OTHER", "GCE", "A", "C"),
    ],
    components=[
        ComponentRow("X446/01", "EXAMPLE: PAPER", False, 140),
        ComponentRow("X446/03", "EXAMPLE: PROJECT", True, 70, submission_mode=SubmissionMode.UPLOAD),
        ComponentRow("X446/04", "EXAMPLE: PROJECT", True, 70, submission_mode=SubmissionMode.POSTAL),
        ComponentRow("X999/02", "EXAMPLE: FOLDER", True, 40),
    ],
    links=[
        ("X446A", "X446/01"),
        ("X446A", "X446/03"),
        ("X446B", "X446/01"),
        ("X446B", "X446/04"),
        ("X446C", "X446/03"),
        ("X999", "X999/02"),
    ],
    disallowed=[("X446*", "X99*")],
)
ADA = CandidateEntries("1001", "EXAMPLE", "ADA TEST", "999990241001C", ("X446A",))
BEN = CandidateEntries("1002", "SAMPLE", "BEN", "999990241002H", ("X446A",))


def a_file(kind: str, content: str, sequence: int = 1) -> FileFacts:
    return FileFacts(kind, f"{kind}.X26", content * 64, 100, sequence)


def load_basedata(
    session: Session, rows: BasedataRows = BASEDATA, content: str = "a", sequence: int = 1
) -> ImportReceipt:
    return import_basedata(session, rows, a_file("BASEDATA", content, sequence), actor=OFFICER, now=NOW)


def load_entries(
    session: Session, *people: CandidateEntries, content: str = "e", sequence: int = 1, kind: str = "E"
) -> ImportReceipt:
    return import_entries(session, SERIES, "99901", people, a_file(kind, content, sequence), actor=OFFICER, now=NOW)


def test_basedata_is_counted_and_the_same_file_is_known(session: Session) -> None:
    receipt = load_basedata(session)
    assert receipt.counts == {"syllabuses": 1, "options": 4, "components": 4, "links": 6, "disallowed": 1}
    again = load_basedata(session)
    assert again.was_known
    assert again.import_id == receipt.import_id


def test_later_basedata_updates_and_keeps_what_officers_entered(session: Session) -> None:
    load_basedata(session, sequence=2)
    reference = ComponentReference("X446/03", SubmissionMode.VISIT, 4, Fraction(100, 3), "pearson-2026")
    set_component(session, SERIES.key, reference)
    changed = replace(BASEDATA, components=[replace(BASEDATA.components[1], title="EXAMPLE: RENAMED")])
    load_basedata(session, changed, content="b", sequence=3)
    component = session.get_one(Component, (SERIES.key, "X446/03"))
    assert (component.title, component.submission_mode, component.tolerance_marks, component.weighted_maximum) == (
        "EXAMPLE: RENAMED",
        "VISIT",
        4,
        "100/3",
    )
    with pytest.raises(OlderSequence):
        load_basedata(session, content="c", sequence=1)


def test_an_orphan_link_refuses_the_file(session: Session) -> None:
    with pytest.raises(ImportRefused) as caught:
        load_basedata(session, replace(BASEDATA, links=[("X446A", "X000/01")]))
    assert caught.value.facts["faults"] == [
        ("X446A+X000/01", "orphan-link", "The link of X446A to X000/01 names something unknown.")
    ]


def test_entries_make_candidates_and_open_cases(session: Session) -> None:
    load_basedata(session)
    forward = CandidateEntries("1003", "SAMPLE", "CAL", "", ("X446C",))
    receipt = load_entries(session, ADA, BEN, forward)
    assert receipt.counts == {"candidates": 3, "new_entries": 3, "withdrawn_entries": 0, "cases_opened": 1}
    (case,) = list_cases(session, series_key=SERIES.key)
    assert (case.component_code, case.submission_mode, case.state) == (
        "X446/03",
        SubmissionMode.UPLOAD,
        CaseState.MARKS_OPEN,
    )
    assert [line.candidate_number for line in case_marks(session, case.case_id).lines] == ["1001", "1002"]
    assert [step.event for step in history_of(session, case.case_id)] == ["OPEN"]
    assert load_entries(session, ADA, BEN, forward).was_known


def test_an_amendment_restates_and_an_omission_is_a_withdrawal(session: Session) -> None:
    load_basedata(session)
    load_entries(session, ADA, BEN)
    receipt = load_entries(session, replace(BEN, option_codes=(), surname="RENAMED"), content="f", sequence=2, kind="A")
    assert receipt.counts["withdrawn_entries"] == 1
    (case,) = list_cases(session, series_key=SERIES.key)
    assert [line.surname for line in case_marks(session, case.case_id).lines] == ["EXAMPLE"]
    load_entries(session, BEN, content="g", sequence=3, kind="A")
    assert len(case_marks(session, case.case_id).lines) == 2
    assert session.scalar(select(func.count()).select_from(Entry)) == 2
    with pytest.raises(OlderSequence):
        load_entries(session, ADA, content="h", sequence=1, kind="A")


def test_wrong_entries_are_all_named_and_nothing_is_imported(session: Session) -> None:
    with pytest.raises(UnknownSeries):
        load_entries(session, ADA)
    load_basedata(session)
    wrong = [
        replace(ADA, option_codes=("X446A", "X999")),
        replace(BEN, option_codes=("NOSUCH",)),
        replace(BEN, option_codes=("X446A",)),
    ]
    with pytest.raises(ImportRefused) as caught:
        load_entries(session, *wrong)
    faults = caught.value.facts["faults"]
    assert isinstance(faults, list)
    assert [(number, code) for number, code, _ in faults] == [
        ("1001", "disallowed-combination"),
        ("1002", "unknown-option"),
        ("1002", "duplicate-candidate"),
    ]
    assert session.scalar(select(func.count()).select_from(Candidate)) == 0


def test_upload_and_postal_options_of_one_specification_are_refused(session: Session) -> None:
    load_basedata(session)
    session.commit()
    with pytest.raises(ImportRefused) as caught:
        load_entries(session, ADA, replace(BEN, option_codes=("X446B",)))
    session.rollback()
    assert "mixed_submission_mode" in str(caught.value.facts["faults"])
    assert session.scalar(select(func.count()).select_from(Candidate)) == 0


def test_a_mode_that_becomes_known_later_opens_the_case(session: Session) -> None:
    load_basedata(session)
    receipt = load_entries(session, replace(ADA, option_codes=("X999",)))
    assert receipt.warnings == ("mode-unknown: component X999/02 has no submission mode yet",)
    assert list_cases(session) == []
    set_component(session, SERIES.key, ComponentReference("X999/02", SubmissionMode.POSTAL))
    assert open_all_cases(session, SERIES.key, actor=OFFICER, now=NOW) == (1, [])
    assert open_all_cases(session, SERIES.key, actor=OFFICER, now=NOW) == (0, [])
    with pytest.raises(ImportRefused):
        set_component(session, SERIES.key, ComponentReference("X999/02", SubmissionMode.UPLOAD))
    with pytest.raises(MarkOutOfRange):
        set_component(session, SERIES.key, ComponentReference("X999/02", tolerance_marks=41))


def test_a_consortium_joins_cases_that_are_open_for_marks(session: Session) -> None:
    load_basedata(session)
    load_entries(session, ADA)
    row = ConsortiumReference("X446/03", "99901", ("99901", "99902"))
    consortium_id = set_consortium(session, SERIES.key, row)
    assert list_cases(session)[0].consortium_id == consortium_id
    with pytest.raises(ImportRefused):
        set_consortium(session, SERIES.key, ConsortiumReference("X446/03", "99903", ("99902", "99903")))
    with pytest.raises(ImportRefused):
        set_consortium(session, SERIES.key, ConsortiumReference("X446/03", "99905", ("99903", "99904")))
    set_centres(session, [CentreReference("99902", "EXAMPLE: SCHOOL")])
    assert session.get_one(Centre, "99902").name == "EXAMPLE: SCHOOL"


def test_external_marks_all_or_nothing_and_replaced(session: Session) -> None:
    load_basedata(session)
    load_entries(session, ADA, BEN)
    one = ExternalMarkRow("X446/01", "99901", "1001", 90)
    two = ExternalMarkRow("X446/01", "99901", "1002", None, MarkStatus.ABSENT)
    wrong = [one, one, replace(two, candidate_number="9999"), replace(two, mark=3), replace(one, mark=141)]
    with pytest.raises(ImportRefused) as caught:
        import_external_marks(session, SERIES.key, wrong)
    faults = caught.value.facts["faults"]
    assert isinstance(faults, list)
    assert [code for _, code, _ in faults] == [
        "duplicate-candidate",
        "unknown-candidate",
        "mark-not-allowed",
        "mark-out-of-range",
    ]
    assert import_external_marks(session, SERIES.key, [one, two]) == 2
    assert import_external_marks(session, SERIES.key, [replace(one, mark=91)]) == 1
    session.expire_all()
    assert sorted(session.scalars(select(ExternalMark.mark).where(ExternalMark.mark.is_not(None)))) == [91]


def test_boundaries_are_replaced_by_option(session: Session) -> None:
    load_basedata(session)
    import_boundaries(session, SERIES.key, [("X446A", "A", 150), ("X446A", "B", 120)])
    import_boundaries(session, SERIES.key, [("X446A", "A", 151)])
    assert session.scalars(select(GradeBoundary.mark)).all() == [151]
    with pytest.raises(BoundariesInvalid):
        import_boundaries(session, SERIES.key, [("X446A", "A", 150), ("X446A", "B", 150)])
    with pytest.raises(ImportRefused):
        import_boundaries(session, SERIES.key, [("NOSUCH", "A", 150)])


def test_a_maximum_that_the_basedata_lacks_is_entered_and_kept(session: Session) -> None:
    rows = BasedataRows(Series("01", "6B", 17), components=(ComponentRow("H446/01", "PAPER", False, 0),))
    import_basedata(session, rows, FileFacts("C", "c.x01", "a" * 64, 1, 1), actor="x", now=NOW)
    set_component(session, "01-6B17", ComponentReference("H446/01", maximum_mark=140))
    import_basedata(session, rows, FileFacts("C", "c.x02", "b" * 64, 1, 2), actor="x", now=NOW)
    assert session.get_one(Component, ("01-6B17", "H446/01")).maximum_mark == 140
    with pytest.raises(MarkOutOfRange):
        set_component(session, "01-6B17", ComponentReference("H446/01", maximum_mark=0))


def test_a_maximum_of_the_basedata_stands(session: Session) -> None:
    rows = BasedataRows(Series("01", "6B", 17), components=(ComponentRow("H446/03", "PROJECT", True, 70),))
    import_basedata(session, rows, FileFacts("C", "c.x01", "a" * 64, 1, 1), actor="x", now=NOW)
    with pytest.raises(MarkOutOfRange, match="70"):
        set_component(session, "01-6B17", ComponentReference("H446/03", maximum_mark=80))
