from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from moderation.reopening import ChangeKind, FileFact, MarkFact, file_changes, mark_changes

marks = st.lists(
    st.builds(MarkFact, st.sampled_from(["0001", "0002", "0003"]), st.just("PRESENT"), st.integers(1, 9)),
    unique_by=lambda fact: fact.candidate_number,
)
files = st.lists(
    st.builds(
        FileFact,
        st.integers(1, 9).map(str),
        st.sampled_from(["", "0001", "0002"]),
        st.sampled_from(["work", "log"]),
        st.just("a.pdf"),
        st.just("00"),
    ),
    unique_by=lambda fact: fact.document_id,
)


def test_only_marks_that_differ_are_shown() -> None:
    before = [MarkFact("0001", "PRESENT", 40), MarkFact("0002", "PRESENT", 30), MarkFact("0003", "ABSENT", None)]
    after = [MarkFact("0001", "PRESENT", 42), MarkFact("0002", "PRESENT", 30), MarkFact("0004", "PRESENT", 9)]
    changes = mark_changes(before, after)
    assert [(one.candidate_number, one.before, one.after) for one in changes] == [
        ("0001", before[0], after[0]),
        ("0003", before[2], None),
        ("0004", None, after[2]),
    ]


def test_a_file_that_went_and_one_that_came_in_its_place_are_a_replacement() -> None:
    old = [FileFact("a", "0001", "work", "old.pdf", "aa"), FileFact("b", "0002", "work", "same.pdf", "bb")]
    new = [FileFact("b", "0002", "work", "same.pdf", "bb"), FileFact("c", "0001", "work", "new.pdf", "cc")]
    (change,) = file_changes(old, new)
    assert (change.kind, change.before, change.after) == (ChangeKind.REPLACED, old[0], new[1])
    record = FileFact("d", "", "cohort", "record.pdf", "dd")
    assert [(one.kind, one.candidate_number) for one in file_changes(old, [*old, record])] == [(ChangeKind.ADDED, "")]
    assert [one.kind for one in file_changes(old, old[:1])] == [ChangeKind.WITHDRAWN]


@given(marks, marks)
def test_changes_of_marks_lead_from_one_submission_to_the_other(before: list[MarkFact], after: list[MarkFact]) -> None:
    held = {fact.candidate_number: fact for fact in before}
    for change in mark_changes(before, after):
        assert held.pop(change.candidate_number, None) == change.before
        if change.after is not None:
            held[change.candidate_number] = change.after
    assert sorted(held.values(), key=str) == sorted(after, key=str)
    assert mark_changes(before, before) == ()


@given(files, files)
def test_changes_of_files_lead_from_one_submission_to_the_other(before: list[FileFact], after: list[FileFact]) -> None:
    held = {fact.document_id: fact for fact in before}
    after = [held.get(fact.document_id, fact) for fact in after]  # a document is never another one under its id
    for change in file_changes(before, after):
        if change.before is not None:
            del held[change.before.document_id]
        if change.after is not None:
            held[change.after.document_id] = change.after
    assert held == {fact.document_id: fact for fact in after}
    assert file_changes(before, before) == ()
