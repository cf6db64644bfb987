from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from fractions import Fraction

import pytest

from moderation.entries import SubmissionMode, check_uln
from moderation.exchange.basedata import read_basedata, write_basedata
from moderation.exchange.entry_checks import check_entries
from moderation.exchange.entry_files import read_entries
from moderation.exchange.marks_csv import read_marks_csv
from moderation.exchange.reference_csv import (
    read_boundaries_csv,
    read_centres_csv,
    read_components_csv,
    read_consortia_csv,
    read_external_marks_csv,
    read_moderator_marks_csv,
)
from moderation.marking import Work, report_stage
from moderation.marks import MarkStatus, is_drawable
from moderation.outcome import Stage
from moderation.rehearsal.choice import choose
from moderation.rehearsal.making import Rehearsal, make
from moderation.rehearsal.people import uci_of, uln_of
from moderation.rehearsal.synthetic import synthetic_basedata
from moderation.results import check_boundaries
from moderation.sampling import Drawable, first_stage, pick, profile_of

BASEDATA = synthetic_basedata()


def entered(rehearsal: Rehearsal, centre_number: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return surname and options by candidate number, read back from the entry file."""
    name = f"E{centre_number}99.X01"
    file = read_entries(name, rehearsal.files[name])
    assert file.warnings == ()
    assert check_entries(file, BASEDATA) == []
    return {entry.candidate_number: (entry.surname, entry.options) for entry in file.entries}


def read_case(rehearsal: Rehearsal, centre_number: str, code: str) -> dict[str, int]:
    """Return the drawable marks of a case, read back from its file."""
    candidates = {
        number: surname
        for number, (surname, options) in entered(rehearsal, centre_number).items()
        if any(link.component_code == code and link.option_code in options for link in BASEDATA.links)
    }
    maximum = next(one.maximum_mark for one in BASEDATA.components if one.code == code)
    name = f"marks_{centre_number}_{code.replace('/', '-')}.csv"
    file = read_marks_csv(
        name,
        rehearsal.files[name],
        series=BASEDATA.series,
        centre_number=centre_number,
        component_code=code,
        maximum_mark=maximum,
        candidates=candidates,
    )
    assert file.warnings == ()
    assert file.missing == ()
    return {row.candidate_number: row.mark for row in file.rows if row.mark and is_drawable(row.status, row.mark)}


def outcome_of(rehearsal: Rehearsal, centre_number: str, code: str) -> str:
    """Moderate a case as the service does: draw, read the first works, then the rest if they differ."""
    setting = next(
        row
        for row in read_components_csv("c", rehearsal.files["components.csv"], series=BASEDATA.series).rows
        if row.component_code == code
    )
    assert setting.tolerance_marks is not None
    maximum = next(one.maximum_mark for one in BASEDATA.components if one.code == code)
    marks = read_case(rehearsal, centre_number, code)
    moderated = {
        row.candidate_number: row.mark
        for row in read_moderator_marks_csv("m", rehearsal.files["moderator_marks.csv"]).rows
        if (row.centre_number, row.component_code) == (centre_number, code)
    }
    assert moderated.keys() == marks.keys()
    profile = profile_of(setting.sample_profile_id)
    cohort = [Drawable(mark, centre_number, number, number) for number, mark in marks.items()]
    picks = pick(cohort, profile, setting.tolerance_marks).picks
    first = first_stage(picks, profile.sub_sample_size)
    works = [Work(one.key, one.mark, moderated[one.key], one.key in first) for one in picks]
    for stage in (Stage.SUB_SAMPLE, Stage.FULL_SAMPLE):
        report = report_stage(works, stage, tolerance_marks=setting.tolerance_marks, maximum=maximum)
        if report.decision is not None:
            return report.decision.kind.value
    raise AssertionError("no outcome")


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, again, other = (make(BASEDATA, centres=6, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.files["moderator_marks.csv"] != other.files["moderator_marks.csv"]


@pytest.mark.parametrize("seed", range(12))
def test_the_first_three_centres_show_the_three_outcomes(seed: int) -> None:
    rehearsal = make(BASEDATA, centres=3, seed=seed)
    code = choose(BASEDATA).upload.moderated[0].component_code
    found = [outcome_of(rehearsal, number, code) for number in rehearsal.centre_numbers]
    assert found == ["ACCEPTED", "ADJUSTED", "INVALID_ORDER"]
    assert 54 <= rehearsal.candidates_total <= 66


@pytest.mark.parametrize("centres", [1, 3, 4, 5, 12])
def test_every_file_reads_back_without_a_fault(centres: int) -> None:
    rehearsal = make(BASEDATA, centres=centres, seed=centres)
    series, files = BASEDATA.series, rehearsal.files
    for case in rehearsal.cases:
        assert read_case(rehearsal, case.centre_number, case.component_code)
    assert len(read_centres_csv("c", files["centres.csv"]).rows) == centres
    assert read_consortia_csv("c", files["consortia.csv"], series=series).rows == rehearsal.consortia
    assert len(rehearsal.consortia) == (1 if centres >= 4 else 0)
    assert read_moderator_marks_csv("m", files["moderator_marks.csv"]).rows == rehearsal.moderator_marks
    weights = {
        row.component_code: row.weighted_maximum
        for row in read_components_csv("c", files["components.csv"], series=series).rows
    }
    by_option = defaultdict(list)
    for row in read_boundaries_csv("b", files["boundaries.csv"], series=series).rows:
        by_option[row.option_code].append((row.grade, row.mark))
    for option_code, pairs in by_option.items():
        linked = [weights[link.component_code] for link in BASEDATA.links if link.option_code == option_code]
        check_boundaries(pairs, sum((weight for weight in linked if weight is not None), Fraction(0)))


def test_every_unmoderated_component_of_every_candidate_has_a_mark_within_its_maximum() -> None:
    rehearsal = make(BASEDATA, centres=5, seed=3)
    rows = read_external_marks_csv("e", rehearsal.files["external_marks.csv"], series=BASEDATA.series).rows
    given = {(row.centre_number, row.candidate_number, row.component_code) for row in rows}
    moderated = {(case.centre_number, case.component_code) for case in rehearsal.cases}
    maxima = {one.code: one.maximum_mark for one in BASEDATA.components}
    for centre_number in rehearsal.centre_numbers:
        for number, (_, options) in entered(rehearsal, centre_number).items():
            for link in BASEDATA.links:
                if link.option_code in options and (centre_number, link.component_code) not in moderated:
                    assert (centre_number, number, link.component_code) in given
    assert all(row.mark is not None and 0 <= row.mark <= maxima[row.component_code] for row in rows)
    assert MarkStatus.CARRIED_FORWARD in {row.status for row in rows}
    assert rehearsal.assumed_maxima == {}


def test_the_sixth_centre_is_large() -> None:
    rehearsal = make(BASEDATA, centres=6, seed=9)
    sizes = [len(entered(rehearsal, number)) for number in rehearsal.centre_numbers]
    assert sizes[5] > 100
    assert max(sizes[:5]) <= 120
    assert min(sizes) >= 3


def test_four_centres_have_a_consortium_that_is_visited() -> None:
    rehearsal = make(BASEDATA, centres=4, seed=2026)
    (group,) = rehearsal.consortia
    assert group.member_centre_numbers == ("99002", "99004")
    assert group.component_code == "X555/02"
    cases = {case.centre_number: case for case in rehearsal.cases if case.component_code == "X555/02"}
    assert {case.mode for case in cases.values()} == {SubmissionMode.VISIT}
    assert sorted(cases) == ["99002", "99004"]


def test_routes_are_what_was_asked() -> None:
    rehearsal = make(BASEDATA, centres=6, seed=1)
    modes = defaultdict(set)
    for case in rehearsal.cases:
        modes[case.centre_number].add(case.mode)
    assert modes["99001"] == {SubmissionMode.UPLOAD}
    assert modes["99002"] == {SubmissionMode.UPLOAD, SubmissionMode.VISIT}
    assert modes["99004"] == {SubmissionMode.POSTAL}
    assert rehearsal.consortia[0].member_centre_numbers == ("99005", "99006")


def test_marks_hold_an_absence_a_zero_and_teaching_sets() -> None:
    rehearsal = make(BASEDATA, centres=1, seed=1)
    (name,) = (name for name in rehearsal.files if name.startswith("marks_"))
    lines = rehearsal.files[name].decode("utf-8-sig").splitlines()[1:]
    statuses = Counter(tuple(line.split(",")[8:10]) for line in lines)
    assert statuses["", "absent"] == 1
    assert statuses["0", "present"] == 1
    assert len({line.split(",")[10] for line in lines}) >= 2


def test_identifiers_are_valid() -> None:
    assert [uci_of("99999", 24, number) for number in (1001, 1002, 1003)] == [
        "999990241001C",
        "999990241002H",
        "999990241003T",
    ]
    ulns = [uln_of(centre, number) for centre in range(1, 30) for number in range(1001, 1040)]
    assert len(set(ulns)) == len(ulns)
    assert [check_uln(uln) for uln in ulns] == ulns


def test_the_basedata_survives_writing_and_reading() -> None:
    files = write_basedata(BASEDATA, written_on=date(2026, 1, 12))
    read = read_basedata(list(files.items()))
    assert read.series == (BASEDATA,)
    assert read.warnings == ()


@pytest.mark.parametrize("centres", [0, 901])
def test_an_impossible_number_of_centres_is_refused(centres: int) -> None:
    with pytest.raises(ValueError, match="centres"):
        make(BASEDATA, centres=centres, seed=1)
