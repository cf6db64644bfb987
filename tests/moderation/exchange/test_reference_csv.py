from __future__ import annotations

from fractions import Fraction

import pytest

from moderation.entries import Series, SubmissionMode
from moderation.exchange.faults import FileRefused
from moderation.exchange.reference_csv import (
    Boundary,
    CentreName,
    ComponentSetting,
    ConsortiumGroup,
    ExternalMark,
    ModeratorMark,
    read_boundaries_csv,
    read_centres_csv,
    read_components_csv,
    read_consortia_csv,
    read_external_marks_csv,
    read_moderator_marks_csv,
    write_boundaries_csv,
    write_centres_csv,
    write_components_csv,
    write_consortia_csv,
    write_external_marks_csv,
    write_moderator_marks_csv,
)
from moderation.marks import MarkStatus
from moderation.working_days import Nation

SERIES = Series("99", "6B", 26)


def test_components() -> None:
    rows = (
        ComponentSetting("X446/03", SubmissionMode.UPLOAD, 4, Fraction(80), "ocr-gq-current"),
        ComponentSetting("X446/04", None, None, Fraction(112, 3), None),
        ComponentSetting("X446/05", SubmissionMode.CARRIED_FORWARD, 0, Fraction("37.5"), None, 100, True),
    )
    data = write_components_csv(rows, series=SERIES, bom=False)
    assert data.splitlines()[1] == b"99-6B26,X446/03,UPLOAD,4,80,ocr-gq-current,,"
    assert data.splitlines()[3] == b"99-6B26,X446/05,CARRIED_FORWARD,0,37.5,,100,YES"
    assert read_components_csv("c.csv", data, series=SERIES).rows == rows


def test_faults_of_components() -> None:
    data = (
        b"series,component,submission_mode,tolerance_marks,weighted_maximum,sample_profile\r\n"
        b"6B26,X446/03,post,4.5,0,none\r\n99-6A26,x,,,,\r\n6B26,X446/03,,-1,1/0,\r\n"
    )
    with pytest.raises(FileRefused) as caught:
        read_components_csv("c.csv", data, series=SERIES)
    assert [(fault.line, fault.code) for fault in caught.value.faults] == [
        (3, "wrong-series"),
        (4, "duplicate-row"),
        (2, "value-unknown"),
        (2, "number-decimal"),
        (2, "number-invalid"),
        (2, "unknown-profile"),
        (3, "code-invalid"),
        (4, "number-negative"),
        (4, "number-invalid"),
    ]


def test_boundaries() -> None:
    rows = (Boundary("X446A", "A*", 300), Boundary("X446A", "A", 260), Boundary("X446B", "A", 260))
    assert read_boundaries_csv("b.csv", write_boundaries_csv(rows, series=SERIES), series=SERIES).rows == rows


def test_faults_of_boundaries() -> None:
    text = "series,entry_option,grade,boundary\n6B26,X446A,A,10\n6B26,X446A,A,9\n6B26,X446A,B,10\n6B26,X446AAA,U,x\n"
    with pytest.raises(FileRefused) as caught:
        read_boundaries_csv("b.csv", text.encode(), series=SERIES)
    assert [(fault.line, fault.code) for fault in caught.value.faults] == [
        (3, "duplicate-row"),
        (4, "duplicate-row"),
        (5, "code-invalid"),
        (5, "grade-invalid"),
        (5, "number-invalid"),
    ]


def test_external_marks() -> None:
    rows = (
        ExternalMark("X446/01", "99001", "0001", 60),
        ExternalMark("X446/01", "99001", "0002", None, MarkStatus.ABSENT),
        ExternalMark("X446/80", "99001", "0003", 41, MarkStatus.CARRIED_FORWARD),
        ExternalMark("X446/01", "99001", "0004", None, MarkStatus.LOST),
    )
    data = write_external_marks_csv(rows, series=SERIES)
    assert read_external_marks_csv("e.csv", data, series=SERIES).rows == rows


def test_faults_of_external_marks() -> None:
    text = (
        "series,centre,component,candidate_number,mark,status\n6B26,99001,X446/01,1,5,absent\n"
        "6B26,99001,X446/01,0001,,present\n6B26,99001,X446/80,0002,,carried_forward\n6B26,99001,X446/01,3,5,\n"
    )
    with pytest.raises(FileRefused) as caught:
        read_external_marks_csv("e.csv", text.encode(), series=SERIES)
    assert [(fault.line, fault.code) for fault in caught.value.faults] == [
        (3, "duplicate-row"),
        (2, "mark-not-allowed"),
        (3, "number-missing"),
        (4, "number-missing"),
        (5, "value-unknown"),
    ]


def test_consortia() -> None:
    rows = (
        ConsortiumGroup("X446/03", "99004", ("99004", "99005")),
        ConsortiumGroup("X446/03", "99006", ("99006", "99007")),
    )
    assert read_consortia_csv("c.csv", write_consortia_csv(rows, series=SERIES), series=SERIES).rows == rows


def test_a_lead_that_is_no_member_is_a_fault() -> None:
    text = (
        "series,component,lead_centre,member_centre\n6B26,X446/03,99001,99002\n6B26,X446/03,99001,99003\n"
        "6B26,X446/03,99004,99003\n"
    )
    with pytest.raises(FileRefused) as caught:
        read_consortia_csv("c.csv", text.encode(), series=SERIES)
    assert [(fault.line, fault.code) for fault in caught.value.faults] == [
        (4, "duplicate-row"),
        (2, "consortium-incomplete"),
        (4, "consortium-incomplete"),
    ]


def test_centres() -> None:
    rows = (CentreName("99001", "=Specimen School"), CentreName("00002", "Pattern College", Nation.NORTHERN_IRELAND))
    assert read_centres_csv("c.csv", write_centres_csv(rows)).rows == rows
    file = read_centres_csv("c.csv", b"centre,name\n2,Pattern College\n")
    assert file.rows == (CentreName("00002", "Pattern College"),)
    assert [fault.code for fault in file.warnings] == ["zeros-added"]
    with pytest.raises(FileRefused) as caught:
        read_centres_csv("c.csv", b"centre,name,nation\n1,,mars\n00001,x,\n")
    assert [fault.code for fault in caught.value.faults] == ["duplicate-row", "name-invalid", "value-unknown"]


def test_moderator_marks() -> None:
    rows = (ModeratorMark("99001", "X446/03", "0001", 0), ModeratorMark("99001", "X446/03", "0002", 70))
    assert read_moderator_marks_csv("m.csv", write_moderator_marks_csv(rows)).rows == rows
    with pytest.raises(FileRefused):
        read_moderator_marks_csv("m.csv", b"centre,component,candidate_number,mark\n99001,X446/03,1,\n")
