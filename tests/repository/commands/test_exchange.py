"""``nea import``, ``nea export`` and ``nea read``: the way of a file in, out and in again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from moderation.entries import Series
from moderation.exchange.basedata import (
    BoardComponent,
    Link,
    Option,
    SeriesBasedata,
    Syllabus,
    read_basedata,
    write_basedata,
)
from moderation.exchange.entry_files import EntryRecord, read_entries, write_entries
from moderation.exchange.marks_records import CentreMarks, MarkRecord, read_marks, write_marks

from .installation import Installation, installation

__all__ = ["installation"]

DAY = date(2026, 2, 14)
SERIES = Series("99", "6A", 26)
BASEDATA = SeriesBasedata(
    SERIES,
    3,
    (Syllabus("X446", "SPECIMEN"),),
    (Option("X446A", "X446", "SPECIMEN OCR REP", "GCE", "A", component_count=2, result_gradesets=("4", "")),),
    (
        BoardComponent("X446/01", "PAPER", "N", 140, due_on=None),
        BoardComponent("X446/03", "PROJECT", "Y", 70, due_on=date(2026, 5, 15)),
    ),
    (Link("X446A", "X446/01"), Link("X446A", "X446/03")),
)
ADA = EntryRecord(
    "1001", "EXAMPLE", "ADA TEST", "999990241001C", ("X446A",), "F", date(2009, 1, 1), "A123456789012", "9990000017",
    flags=("W",),
)  # fmt: skip
BEN = EntryRecord("1002", "SAMPLE", "BEN", "999990241002H", ("X446A",), "M", status="P")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with basedata, entries, an amendment and marks."""
    for name, data in write_basedata(BASEDATA, written_on=DAY).items():
        (tmp_path / name).write_bytes(data)
    for kind, sequence, rows in (
        ("E", 1, [ADA, BEN]),
        ("A", 2, [replace(BEN, surname="RENAMED")]),
        ("A", 3, [replace(ADA, options=())]),
    ):
        name, data = write_entries(SERIES, "99999", rows, written_on=DAY, kind=kind, sequence=sequence)
        (tmp_path / name).write_bytes(data)
    rows = (
        MarkRecord("1001", "X446/03", "X446A", "M", 62, "", "999990241001C", "SETA"),
        MarkRecord("1002", "X446/03", "X446A", "A"),
    )
    name, data = write_marks(SERIES, [CentreMarks("99999", 1, rows, 62)], written_on=DAY)
    (tmp_path / name).write_bytes(data)
    return tmp_path


def test_files_come_in_are_tried_first_and_leave_as_they_came(installation: Installation, files: Path) -> None:
    nea = installation.nea
    basedata = [str(path) for path in sorted(files.glob("[SOCLD]6A26*"))]
    status, out, _ = nea("import", "basedata", *basedata, "--dry-run")
    assert status == 0
    assert "option added 1" in out
    assert nea("import", "basedata", *basedata)[0] == 0
    entries = str(files / "E9999999.X01")
    status, out, _ = nea("import", "entries", entries, "--dry-run")
    assert status == 0
    assert "candidate added 2" in out
    assert "EXAMPLE" not in out
    assert nea("import", "entries", entries)[0] == 0
    assert "nothing" in nea("import", "entries", entries)[1]
    status, out, _ = nea("import", "marks", str(files / "M9999999.X01"), "--dry-run")
    assert status == 0
    assert "mark 62" in out
    assert nea("import", "marks", str(files / "M9999999.X01"))[0] == 0

    to = files / "out"
    for words in (
        ("entries", "--centre", "99999"),
        ("marks", "--sequence", "4"),
        ("basedata",),
        ("entries-csv", "--no-bom"),
        ("sample",),
    ):
        status, out, err = nea("export", words[0], "--series", SERIES.key, "--to", str(to), *words[1:])
        assert status == 0, err
    read = read_entries("E", (to / "E9999999.X01").read_bytes())
    assert list(read.entries) == [ADA, BEN]
    (centre,) = read_marks("M", (to / "M9999999.X04").read_bytes()).centres
    assert (centre.control_total, [row.flag for row in centre.rows]) == (62, ["M", "A"])
    assert [row.status for row in centre.rows] == ["C", "P"]
    (again,) = read_basedata([(path.name, path.read_bytes()) for path in sorted(to.glob("[SOCLD]6A26*"))]).series
    assert again == BASEDATA
    assert (to / f"entries-{SERIES.key}.csv").read_bytes().startswith(b"series,")
    for what in ("results-csv", "outcomes", "results-xml"):
        status, _, err = nea("export", what, "--series", SERIES.key, "--centre", "99999", "--to", str(to))
        assert (status, "released" in err) == (1, True)


def test_personal_values_do_not_reach_the_terminal_and_a_gap_waits(installation: Installation, files: Path) -> None:
    nea = installation.nea
    nea("import", "basedata", *[str(path) for path in sorted(files.glob("[SOCLD]6A26*"))])
    nea("import", "entries", str(files / "E9999999.X01"))
    status, out, _ = nea("import", "entries", str(files / "A9999999.X03"))
    assert (status, "waits for sequence number 2" in out) == (0, True)
    status, out, _ = nea("import", "entries", str(files / "A9999999.X02"), "--dry-run")
    assert status == 0
    assert "RENAMED" not in out
    assert "(personal)" in out
    status, out, _ = nea("import", "entries", str(files / "A9999999.X02"))
    assert (status, "A9999999.X03" in out) == (0, True)
    status, _, _ = nea("import", "entries", str(files / "A9999999.X02"))
    assert status == 0
    other = write_entries(SERIES, "99999", [BEN], written_on=DAY, kind="A", sequence=9)[1]
    (files / "gap").write_bytes(other)
    status, out, _ = nea("import", "entries", str(files / "gap"), "--accept-gap")
    assert (status, "waits" in out) == (0, False)


def test_a_name_too_long_is_proposed_shorter_and_confirmed_by_a_person(installation: Installation, files: Path) -> None:
    nea = installation.nea
    nea("import", "basedata", *[str(path) for path in sorted(files.glob("[SOCLD]6A26*"))])
    nea("import", "entries", str(files / "E9999999.X01"))
    from sqlalchemy import update

    from moderation.tables import Candidate

    async def rename(services) -> None:
        change = update(Candidate).where(Candidate.candidate_number == "1001").values(surname="E" * 45)
        await services.database.write(lambda session: session.execute(change))

    installation.within(rename)
    words = ("export", "entries", "--series", SERIES.key, "--centre", "99999", "--to", str(files / "out"))
    status, _, err = nea(*words)
    proposal = "E" * 38 + ":A"
    assert (status, proposal in err) == (1, True)
    (files / "names.csv").write_text(f"candidate_number,name\n1001,{proposal}\n")
    assert nea(*words, "--names", str(files / "names.csv"))[0] == 0
    assert read_entries("E", (files / "out" / "E9999999.X01").read_bytes()).entries[0].surname == "E" * 38
    (files / "names.csv").write_text("x\n1\n")
    assert nea(*words, "--names", str(files / "names.csv"))[0] == 1


def test_any_file_is_read_and_its_faults_are_said(installation: Installation, files: Path) -> None:
    status, out, err = installation.nea("read", *[str(path) for path in sorted(files.glob("*.X0*"))])
    assert status == 0, err
    assert "JCQ-style" in out
    (files / "wrong").write_bytes((files / "M9999999.X01").read_bytes().replace(b"M0062", b"M0026"))
    status, _, err = installation.nea("read", str(files / "wrong"), str(files / "missing"))
    assert status == 1
    assert "wrong:5:21-28: error: The sum of marks says 62; the marks add up to 26." in err
    assert "missing cannot be read" in err
