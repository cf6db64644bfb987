"""Files in and out over HTTP: what would change, what waits, who may have what, and when."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from aiohttp import FormData
from sqlalchemy import select

from moderation.entries import Series
from moderation.exchange.basedata import BoardComponent, Link, Option, SeriesBasedata, Syllabus, write_basedata
from moderation.exchange.entry_files import EntryRecord, read_entries, write_entries
from moderation.exchange.marks_records import MarkRecord, read_marks, write_marks
from moderation.exchange.reference_csv import (
    Boundary,
    ExternalMark,
    write_boundaries_csv,
    write_external_marks_csv,
)
from moderation.exchange.results_records import read_results, write_results
from moderation.exchange.results_xml_reading import read_results_xml
from moderation.marks import MarkStatus
from moderation.tables import (
    Candidate,
    Entry,
    ModerationCase,
    WaitingFile,
)
from repository.access import Role
from repository.acts import exports
from repository.acts.imports import COMMAND
from repository.audit import Context
from repository.tables import AuditEvent

from .conftest import Client, Service, csrf
from .test_journey_bad_input import FIRST, SECOND, Rehearsed, refused, rehearsed

__all__ = ["rehearsed"]


def posted(*files: tuple[str, bytes]) -> FormData:
    form = FormData(default_to_multipart=True)
    for name, data in files:
        form.add_field("files", data, filename=name)
    return form


async def post(client: Client, path: str, *files: tuple[str, bytes], status: int = 200) -> dict[str, Any]:
    answer = await client.post(path, data=posted(*files))
    assert answer.status == status, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


@pytest.fixture
async def entries(rehearsed: Rehearsed) -> list[EntryRecord]:
    """The entries of the first centre, as its file has them."""
    name = next(name for name in rehearsed.series.files if name.startswith("E") and FIRST in name)
    return list(read_entries(name, rehearsed.series.files[name]).entries)


def amendment(rehearsed: Rehearsed, sequence: int, *rows: EntryRecord, centre: str = FIRST) -> tuple[str, bytes]:
    day = rehearsed.service.clock().date()
    return write_entries(rehearsed.series.series, centre, rows, written_on=day, sequence=sequence, kind="A")


async def test_an_amendment_is_shown_before_it_is_kept_and_is_kept_once(
    rehearsed: Rehearsed, entries: list[EntryRecord]
) -> None:
    officer = await rehearsed.service.client(Role.EXAMS_OFFICER, FIRST)
    gone, renamed = replace(entries[0], options=()), replace(entries[1], surname="RENAMED")
    file = amendment(rehearsed, 2, gone, renamed)
    before = await rehearsed.rows()
    shown = await post(officer, "/api/imports/entries?dry_run=1", file)
    assert await rehearsed.rows() == before
    assert [(one["key"], one["field"], one["after"]) for one in shown["changes"]["changes"]] == [
        (f"{FIRST} {gone.candidate_number}", "entries", ""),
        (f"{FIRST} {renamed.candidate_number}", "surname", "RENAMED"),
    ]
    kept = await post(officer, "/api/imports/entries", file)
    assert kept["imports"][0]["counts"]["withdrawn_entries"] == len(entries[0].options)
    assert kept["changes"] is None
    after = await rehearsed.rows()
    again = await post(officer, "/api/imports/entries", file)
    assert again["imports"][0]["repeat"] is True
    compared = {name: rows for name, rows in (await rehearsed.rows()).items() if name != "import_turn"}
    assert compared == {name: rows for name, rows in after.items() if name != "import_turn"}
    assert (await post(officer, "/api/imports/entries?dry_run=1", file))["changes"]["total"] == 0
    await refused(await officer.post("/api/imports/entries", data=posted(amendment(rehearsed, 2, gone))), 409)


async def test_an_amendment_that_comes_too_early_waits_is_shown_and_follows(
    rehearsed: Rehearsed, entries: list[EntryRecord]
) -> None:
    officer = await rehearsed.service.client(Role.EXAMS_OFFICER, FIRST)
    other = await rehearsed.service.client(Role.EXAMS_OFFICER, SECOND)
    second, third = (
        amendment(rehearsed, n, replace(entries[0], forenames=f"NUMBER {w}")) for n, w in ((2, "TWO"), (3, "THREE"))
    )
    tried = await post(officer, "/api/imports/entries?dry_run=1", third)
    assert (tried["imports"], tried["waiting"][0]["waits_for"]) == ([], 2)
    waits = await post(officer, "/api/imports/entries", third)
    assert [(one["sequence"], one["waits_for"]) for one in waits["waiting"]] == [(3, 2)]
    assert (await (await officer.get("/api/imports/waiting")).json())["waiting"] == waits["waiting"]
    assert (await (await other.get("/api/imports/waiting")).json())["waiting"] == []
    browser = await rehearsed.service.browser(Role.EXAMS_OFFICER, FIRST)
    assert "Files that wait" in await (await browser.get("/imports")).text()
    done = await post(officer, "/api/imports/entries", second)
    assert [one["name"] for one in done["imports"]] == [second[0], third[0]]
    name = select(Candidate.forenames).where(
        Candidate.centre_number == FIRST, Candidate.candidate_number == entries[0].candidate_number
    )
    assert await rehearsed.one(name) == "NUMBER THREE"
    assert await rehearsed.one(select(WaitingFile)) is None


async def test_an_officer_takes_in_what_waits_or_forgets_it(rehearsed: Rehearsed, entries: list[EntryRecord]) -> None:
    officer = await rehearsed.service.browser(Role.AB_OFFICER)
    centre = await rehearsed.service.browser(Role.EXAMS_OFFICER, FIRST)
    stranger = await rehearsed.service.browser(Role.EXAMS_OFFICER, SECOND)
    api = await rehearsed.service.client(Role.AB_OFFICER)

    async def wait() -> str:
        await post(api, "/api/imports/entries", amendment(rehearsed, 5, replace(entries[0], forenames="FIVE")))
        return str((await rehearsed.one(select(WaitingFile))).id)

    async def settle(browser: Client, waiting: str, act: str) -> int:
        data = {"csrf_token": await csrf(browser, "/imports"), "waiting": waiting, "act": act}
        return (await browser.post("/imports/waiting", data=data, allow_redirects=False)).status

    waiting = await wait()
    assert await settle(stranger, waiting, "forget") == 422  # as for one that is not there
    assert await settle(centre, waiting, "take") == 404
    assert await settle(centre, waiting, "forget") == 303
    assert await rehearsed.one(select(WaitingFile)) is None
    assert await settle(centre, waiting, "forget") == 422
    assert await settle(officer, await wait(), "take") == 303
    assert await rehearsed.one(select(Candidate).where(Candidate.forenames == "FIVE")) is not None
    assert await rehearsed.one(select(AuditEvent).where(AuditEvent.action == "import.gap")) is not None
    day = rehearsed.service.clock().date()
    again = write_entries(rehearsed.series.series, FIRST, entries, written_on=day, sequence=7)
    for query in ("", "?accept_gap=1"):
        await refused(await api.post(f"/api/imports/entries{query}", data=posted(again)), 409)
    own = await rehearsed.service.client(Role.EXAMS_OFFICER, FIRST)
    late = amendment(rehearsed, 9, entries[0])
    assert (await own.post("/api/imports/entries?accept_gap=1", data=posted(late))).status == 404


async def test_entries_leave_as_the_file_they_came_in(rehearsed: Rehearsed, entries: list[EntryRecord]) -> None:
    officer = await rehearsed.service.client(Role.EXAMS_OFFICER, FIRST)
    key = rehearsed.series.series.key
    answer = await officer.get(f"/series/{key}/exports/entries/download?kind=A&sequence=2")
    assert answer.status == 200, await answer.text()
    read = read_entries("A", await answer.read())
    assert (read.kind, read.sequence, read.centre_number) == ("A", 2, FIRST)
    ordered = sorted(
        (replace(one, options=tuple(sorted(one.options))) for one in entries), key=lambda one: one.candidate_number
    )
    assert list(read.entries) == ordered
    for path, status in (
        (f"/series/{key}/exports/entries/download?centre={SECOND}", 404),
        (f"/series/{key}/exports/entries/download?sequence=x", 422),
        (f"/series/{key}/exports/entries/download?sequence=100", 409),
        (f"/series/{key}/exports/nothing/download", 404),
        (f"/series/{key}/exports/basedata/download", 404),
        ("/series/01-1A99/exports/entries/download", 404),
    ):
        assert (await officer.get(path)).status == status, path
    teacher = await rehearsed.service.client(Role.TEACHER, FIRST)
    assert (await teacher.get(f"/series/{key}/exports/entries/download")).status == 404


async def marks_of(rehearsed: Rehearsed, client: Client) -> tuple[str, bytes]:
    answer = await client.get(f"/series/{rehearsed.series.series.key}/exports/marks/download?centre={FIRST}")
    assert answer.status == 200, await answer.text()
    return "M.X01", await answer.read()


async def test_marks_leave_and_come_back_as_records(rehearsed: Rehearsed) -> None:
    officer = await rehearsed.service.client(Role.EXAMS_OFFICER, FIRST)
    _, content = await marks_of(rehearsed, officer)
    centre = read_marks("m", content).centres[0]
    row = next(row for row in centre.rows if row.flag == "M" and row.mark)
    changed = tuple(replace(one, mark=one.mark - 1) if one is row and one.mark else one for one in centre.rows)
    file = write_marks(
        rehearsed.series.series,
        [replace(centre, sequence=3, rows=changed)],
        written_on=rehearsed.service.clock().date(),
    )
    before = await rehearsed.rows()
    shown = await post(officer, "/api/imports/marks?dry_run=1", file)
    assert await rehearsed.rows() == before
    (change,) = shown["changes"]["changes"]
    assert (change["field"], change["before"], change["after"]) == ("mark", str(row.mark), str((row.mark or 0) - 1))
    done = await post(officer, "/api/imports/marks", file)
    assert done["imports"][0]["counts"]["control_total"] == centre.control_total - 1
    assert (await post(officer, "/api/imports/marks", file))["imports"][0]["repeat"] is True
    older = write_marks(
        rehearsed.series.series, [replace(centre, sequence=2)], written_on=rehearsed.service.clock().date()
    )
    await refused(await officer.post("/api/imports/marks", data=posted(older)), 409)
    other = await rehearsed.service.client(Role.EXAMS_OFFICER, SECOND)
    assert (await other.post("/api/imports/marks", data=posted(file))).status == 404


async def test_marks_that_contradict_the_entries_are_refused_whole(rehearsed: Rehearsed) -> None:
    officer = await rehearsed.service.client(Role.AB_OFFICER)
    _, content = await marks_of(rehearsed, officer)
    centre = read_marks("m", content).centres[0]
    wrong = MarkRecord("9999", centre.rows[0].component_code, centre.rows[0].option_code, "M", 1)
    submitted = await rehearsed.case(centre_number=SECOND)
    locked = MarkRecord("1001", submitted.component_code, "X", "M", 1)
    day = rehearsed.service.clock().date()
    name, data = write_marks(
        rehearsed.series.series,
        [
            replace(centre, sequence=9, rows=(*centre.rows, wrong), control_total=0),
            replace(centre, centre_number=SECOND, sequence=9, rows=(locked,), control_total=0),
        ],
        written_on=day,
    )
    before = await rehearsed.rows()
    problem = await refused(await officer.post("/api/imports/marks", data=posted((name, data))), 422)
    assert [fault["code"] for fault in problem["faults"]] == ["unknown-candidate"]
    assert problem["faults"][0]["line"] == len(centre.rows) + 3
    alone = write_marks(
        rehearsed.series.series, [replace(centre, centre_number=SECOND, sequence=9, rows=(locked,))], written_on=day
    )
    problem = await refused(await officer.post("/api/imports/marks", data=posted(alone)), 422)
    assert [fault["code"] for fault in problem["faults"]] == ["marks-submitted"]
    assert await rehearsed.rows() == before


async def test_marks_as_csv_come_in_the_same_way(rehearsed: Rehearsed) -> None:
    officer = await rehearsed.service.client(Role.EXAMS_OFFICER, FIRST)
    case: ModerationCase = await rehearsed.case(centre_number=FIRST)
    header = "series,centre,component,candidate_number,mark,status\r\n"
    begin = f"{case.series_key},{FIRST},{case.component_code}"
    numbers = await rehearsed.service.services.database.read(
        lambda session: session.scalars(
            select(Candidate.candidate_number)
            .join(Entry)
            .where(Candidate.centre_number == FIRST)
            .order_by(Candidate.candidate_number)
        ).first()
    )
    good = (header + f"{begin},{numbers},7,present\r\n").encode()
    shown = await post(officer, "/api/imports/marks?dry_run=1", ("m.csv", good))
    assert shown["imports"][0]["counts"]["missing"] > 0
    done = await post(officer, "/api/imports/marks", ("m.csv", good))
    assert done["imports"][0]["counts"]["marks"] == 1
    label = good.replace(case.series_key.encode(), case.series_key.partition("-")[2].encode())
    assert (await post(officer, "/api/imports/marks?dry_run=1", ("m.csv", label)))["changes"]["total"] == 0
    for text in ("", header, header + f"01-6A26,{FIRST},X,1,7,\r\n", header + f"x,{FIRST},X,1,7,\r\n"):
        assert (await officer.post("/api/imports/marks", data=posted(("m.csv", text.encode())))).status in {404, 422}


async def test_reference_data_shows_what_it_would_change_and_what_is_wrong(rehearsed: Rehearsed) -> None:
    officer = await rehearsed.service.client(Role.AB_OFFICER)
    key = rehearsed.series.series.key
    path = f"/api/imports/centres?series={key}&dry_run=1"
    shown = await post(officer, path, ("c.csv", f"centre,name\r\n{FIRST},RENAMED SCHOOL\r\n".encode()))
    (change,) = shown["changes"]["changes"]
    assert (change["key"], change["after"]) == (FIRST, "RENAMED SCHOOL")
    wrong = f"series,centre,component,candidate_number,mark,status\r\n{key},{FIRST},NONE/01,9999,1,present\r\n".encode()
    answer = await officer.post(
        f"/api/imports/external-marks?series={key}", data=posted(("x.csv", wrong), ("y.csv", b"z"))
    )
    problem = await refused(answer, 422)
    assert {fault["file"] for fault in problem["faults"]} == {"y.csv"}
    answer = await officer.post(f"/api/imports/external-marks?series={key}", data=posted(("x.csv", wrong)))
    problem = await refused(answer, 422)
    assert [(fault["file"], fault["code"]) for fault in problem["faults"]] == [("x.csv", "unknown-component")]


PAPERS = SeriesBasedata(
    Series("99", "1B", 26),
    1,
    (Syllabus("X1", "SPECIMEN"),),
    (Option("X1A", "X1", "SPECIMEN", "GCSE", "FC", component_count=2),),
    (BoardComponent("X1/01", "PAPER 1", "N", 70), BoardComponent("X1/02", "PAPER 2", "N", 70)),
    (Link("X1A", "X1/01"), Link("X1A", "X1/02")),
)
"""A series of written papers alone: its results wait for no moderation."""


async def release_papers(service: Service) -> Client:
    """Import a series of papers at two centres, all through files, and have two officers release it in ten minutes."""
    first, second = [await service.client(Role.AB_OFFICER) for _ in range(2)]
    series, day = PAPERS.series, service.clock().date()
    await post(first, "/api/imports/basedata", *write_basedata(PAPERS, written_on=day).items())
    people = [
        EntryRecord("0001", "EXAMPLE", "ADA", "999990241001C", ("X1A",), "F", day.replace(year=2009)),
        EntryRecord("0002", "SAMPLE", "BEN", "", ("X1A",), "M"),
    ]
    files = [write_entries(series, centre, people, written_on=day) for centre in (FIRST, SECOND)]
    await post(first, "/api/imports/entries", *files)
    rows = [
        ExternalMark(code, centre, number, None if absent else 60, MarkStatus.ABSENT if absent else MarkStatus.PRESENT)
        for centre in (FIRST, SECOND)
        for number in ("0001", "0002")
        for code, absent in (("X1/01", False), ("X1/02", number == "0002"))
    ]
    query = f"?series={series.key}"
    marks, boundaries = (
        write_external_marks_csv(rows, series=series),
        write_boundaries_csv([Boundary("X1A", "9", 120), Boundary("X1A", "1", 10)], series=series),
    )
    await post(first, f"/api/imports/external-marks{query}", ("m.csv", marks))
    await post(first, f"/api/imports/boundaries{query}", ("b.csv", boundaries))
    opens_at = (service.clock() + timedelta(minutes=10)).isoformat()
    body = {"restricted_at": opens_at, "candidates_at": opens_at}
    answer = await first.post(f"/api/series/{series.key}/results/propose", json=body)
    assert answer.status == 201, await answer.text()
    answer = await second.post(f"/api/series/{series.key}/results/release", json={})
    assert answer.status == 200, await answer.text()
    return first


OF_RESULTS = ("results-csv", "results-records", "results-xml", "component-marks", "cie", "outcomes")


async def test_results_and_outcomes_wait_for_their_reader(service_on_each: Service) -> None:
    centre = await service_on_each.client(Role.EXAMS_OFFICER, FIRST)
    series = PAPERS.series
    base = f"/series/{series.key}/exports"
    for what in OF_RESULTS:
        assert (await centre.get(f"{base}/{what}/download")).status == 404
    officer = await release_papers(service_on_each)
    for what in OF_RESULTS:
        assert (await centre.get(f"{base}/{what}/download")).status == 403, what
        answer = await officer.get(f"{base}/{what}/download?centre={FIRST}")
        assert answer.status == 200, await answer.text()
    assert (await centre.get(f"/series/{series.key}/results.xml")).status == 403
    refusals = select(AuditEvent).where(AuditEvent.action == "export.read", AuditEvent.outcome == "refused")
    noted = await service_on_each.services.database.read(lambda session: len(session.scalars(refusals).all()))
    assert noted == len(OF_RESULTS) + 1
    service_on_each.clock.advance(minutes=10)
    for what in OF_RESULTS:
        answer = await centre.get(f"{base}/{what}/download")
        assert answer.status == 200, await answer.text()
        assert (await centre.get(f"{base}/{what}/download?centre={SECOND}")).status == 404

    async def body(client: Client, what: str, query: str = "") -> bytes:
        return await (await client.get(f"{base}/{what}/download{query}")).read()

    table = list(csv.DictReader(StringIO((await body(centre, "results-csv")).decode("utf-8-sig"))))
    assert [(row["centre"], row["candidate_number"], row["total"], row["grade"]) for row in table] == [
        (FIRST, "0001", "120", "9"),
        (FIRST, "0002", "60", "1"),
    ]
    of_series, (records,) = read_results("r", await body(centre, "results-records"))
    assert (of_series, records.release, records.grades, records.total) == (series, 1, 2, 180)
    assert [part.flag for part in records.rows[1].components] == ["M", "A"]
    answer = await centre.get(f"/series/{series.key}/results.xml")
    assert answer.content_type == "application/xml"
    message = read_results_xml("x", await answer.read())
    assert [replace(row, surname="", forenames="", born_on=None) for row in message.results.rows] == list(records.rows)
    assert [(row.surname, row.born_on is None) for row in message.results.rows] == [
        ("EXAMPLE", False),
        ("SAMPLE", True),
    ]
    assert len(read_results("r", await body(officer, "results-records"))[1]) == 2
    assert (await officer.get(f"{base}/results-xml/download")).status == 422
    assert not (await body(centre, "results-csv", "?bom=0")).startswith(b"\xef\xbb\xbf")
    content = await body(officer, "results-records")
    context = Context(None, service_on_each.clock(), "test", origin=COMMAND)

    async def differs(data: bytes) -> list[tuple[str, str, str]]:
        found, _ = await service_on_each.write(
            lambda session: exports.compare_results(session, context, series.key, "r", data)
        )
        return [(one.field, one.before, one.after) for one in found.listed]

    assert await differs(content) == []
    assert await differs(await (await centre.get(f"/series/{series.key}/results.xml")).read()) == []
    wrong = replace(records, rows=(replace(records.rows[0], grade="8"), records.rows[1]))
    assert await differs(write_results(series, [wrong], written_on=context.now.date())[1]) == [("grade", "9", "8")]
    notes = list(csv.DictReader(StringIO((await body(centre, "component-marks")).decode("utf-8-sig"))))
    assert [row["Component Status Notes"] for row in notes] == ["", "", "", "Absent"]


async def test_the_page_of_downloads_and_the_page_of_imports(rehearsed: Rehearsed, entries: list[EntryRecord]) -> None:
    centre = await rehearsed.service.browser(Role.EXAMS_OFFICER, FIRST)
    officer = await rehearsed.service.browser(Role.AB_OFFICER)
    text = await (await centre.get("/exports")).text()
    assert "A2C-like, not certified" in text
    assert "Basedata" not in text.partition("<table")[2]
    text = await (await officer.get(f"/exports?centre={FIRST}")).text()
    assert f"/exports/entries/download?centre={FIRST}" in text
    assert (
        await officer.get(f"/series/{rehearsed.series.series.key}/exports/basedata/download")
    ).content_type == "application/zip"
    form = FormData(
        {"csrf_token": await csrf(centre, "/imports"), "act": "check", "kind": "entries"}, default_to_multipart=True
    )
    name, data = amendment(rehearsed, 2, replace(entries[0], options=()))
    form.add_field("files", data, filename=name)
    text = await (await centre.post("/imports", data=form)).text()
    assert "What would change" in text
    assert f"candidate {FIRST} {entries[0].candidate_number}" in text


async def test_sample_csv(rehearsed: Rehearsed) -> None:
    officer = await rehearsed.service.client(Role.AB_OFFICER)
    answer = await officer.get(f"/series/{rehearsed.series.series.key}/exports/sample/download")
    rows = list(csv.DictReader(StringIO((await answer.read()).decode("utf-8-sig"))))
    assert rows
    assert {row["reason"] for row in rows} <= {"picked", "teaching_set", "added", "replacement"}
