"""Steps 1 to 4 of the journey: basedata, entries and reference data in; centre marks; samples drawn."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any

from repository.demo import arithmetic
from repository.demo.client import Client
from repository.demo.stage import Case, SheetRow, Stage, read_sheet

REFERENCE_KINDS = {
    "centres": "centres.csv",
    "components": "components.csv",
    "boundaries": "boundaries.csv",
    "external-marks": "external_marks.csv",
    "consortia": "consortia.csv",
}
LETTERS = {"S": "syllabuses", "O": "options", "C": "components", "L": "links", "D": "disallowed pairs"}
JSON_CENTRE = 1
"""Index of the centre whose marks go in by JSON; the others send CSV files."""


async def import_basedata(stage: Stage) -> None:
    """Import the series, and see that a damaged file changes nothing."""
    report, files = stage.report, list(stage.basedata_files.items())
    name, data = files[0]
    lines = data.splitlines(keepends=True)
    answer = await stage.officer.ask("POST", "/api/imports/basedata", data=_form([(name, b"".join(lines[:-1]))]))
    report.check(
        "a file whose trailer is missing is refused whole, with its place",
        answer.status == 422 and answer.json()["faults"][0]["file"] == name,
        f"{name}: {answer.json().get('detail', '')[:90]}",
    )
    done = await stage.officer.send_files("/api/imports/basedata", files)
    trailers = {name: _records(data) for name, data in files}
    counted = {one["name"]: sum(one["counts"].values()) for one in done["imports"]}
    wrong = [name for name, count in trailers.items() if counted.get(name) != count]
    report.check(
        "every file loads with the count of its trailer",
        not wrong and len(done["imports"]) == len(files),
        f"{len(files)} files, {sum(trailers.values()):,} records" + (f"; differing: {wrong}" if wrong else ""),
    )
    again = await stage.officer.send_files("/api/imports/basedata", files)
    report.check("the same files again change nothing", all(one["repeat"] for one in again["imports"]))
    known = {one["key"] for one in (await stage.officer.get("/api/series"))["series"]}
    report.check("the series is there", stage.series in known, stage.rehearsal.series.title)


async def import_entries(stage: Stage) -> None:
    """Import each centre's entries by its own exams officer, and the reference data by the awarding body."""
    report, rehearsal = stage.report, stage.rehearsal
    for kind, name in REFERENCE_KINDS.items():
        if kind == "components":
            # Maxima, tolerances and weights must stand before entries open cases with them.
            await import_reference(stage, kind, name)
    entry_files = {n: d for n, d in rehearsal.files.items() if not n.endswith(".csv")}
    total = 0
    for number in rehearsal.centre_numbers:
        for name, data in entry_files.items():
            if f"{number}" in name:
                done = await stage.exams_officer(number).send_files("/api/imports/entries", [(name, data)])
                total += sum(one["counts"].get("candidates", 0) for one in done["imports"])
    report.check(
        "entries are in, each sent by its own centre",
        total == rehearsal.candidates_total,
        f"{total} candidates at {len(rehearsal.centre_numbers)} centres",
    )
    if len(rehearsal.centre_numbers) > 1:
        first, second = rehearsal.centre_numbers[:2]
        name, data = next((n, d) for n, d in entry_files.items() if second in n)
        answer = await stage.exams_officer(first).ask("POST", "/api/imports/entries", data=_form([(name, data)]))
        report.check("another centre's entries are refused", answer.status in {403, 404}, answer.status)
    for kind, name in REFERENCE_KINDS.items():
        if kind != "components" and (kind != "consortia" or rehearsal.consortia):
            await import_reference(stage, kind, name)
    stage.weights = {row["component"]: Fraction(row["weighted_maximum"]) for row in stage.rows("components.csv")}
    await _find_cases(stage)


async def import_reference(stage: Stage, kind: str, name: str) -> None:
    """Import one file of reference data, as the awarding body."""
    await stage.officer.send_files(f"/api/imports/{kind}?series={stage.series}", [(name, stage.rehearsal.files[name])])


async def _find_cases(stage: Stage) -> None:
    """Find the service's cases, and hold them against those that the rehearsal leads to."""
    listed = (await stage.officer.get(f"/api/cases?series={stage.series}"))["cases"]
    by_place = {(one["centre_number"], one["component"]): one for one in listed}
    settings = {row["component"]: row for row in stage.rows("components.csv")}
    moderator: dict[tuple[str, str], dict[str, int]] = {}
    for row in stage.rows("moderator_marks.csv"):
        moderator.setdefault((row["centre"], row["component"]), {})[row["candidate_number"]] = int(row["mark"])
    members = {
        (number, one.component_code): tuple((other, one.component_code) for other in one.member_centre_numbers)
        for one in stage.rehearsal.consortia
        for number in one.member_centre_numbers
    }
    for one in stage.rehearsal.cases:
        place = (one.centre_number, one.component_code)
        found = by_place.get(place)
        if found is None:
            continue
        name = f"marks_{place[0]}_{place[1].replace('/', '-')}.csv"
        stage.cases[place] = Case(
            place,
            found["id"],
            one.mode,
            one.profile,
            found["maximum"],
            int(settings[place[1]]["tolerance_marks"]),
            read_sheet(stage.rehearsal.files[name]),
            moderator.get(place, {}),
            group=members.get(place, (place,)),
        )
    modes = {place: by_place[place]["submission_mode"] for place in stage.cases}
    right = all(modes[place] == case.mode for place, case in stage.cases.items())
    counts = ", ".join(
        f"{sum(m == mode for m in modes.values())} {mode.lower()}" for mode in sorted(set(modes.values()))
    )
    stage.report.check(
        "entry options led to a case for each moderated component, with its submission mode",
        right and set(stage.cases) == set(by_place) and len(stage.cases) == len(stage.rehearsal.cases),
        counts,
    )


# Centre marks


async def enter_marks(stage: Stage) -> None:
    """Enter every centre's marks: saved, checked, submitted, confirmed; each sample is drawn at once."""
    report = stage.report
    case = next(iter(stage.cases.values()))
    await _refusals(stage, case)
    json_centre = stage.rehearsal.centre_numbers[min(JSON_CENTRE, len(stage.rehearsal.centre_numbers) - 1)]
    samples = 0
    for one in stage.cases.values():
        samples += await submit_marks(stage, one, by_json=one.place[0] == json_centre)
    listed = (await stage.officer.get(f"/api/cases?series={stage.series}"))["cases"]
    asked = [case["state"] for case in listed if case["state"] == "SAMPLE_REQUESTED"]
    report.check(
        "every case was saved, checked, submitted and confirmed, and its sample drawn at once or with its consortium",
        len(asked) == len(stage.cases),
        f"{len(stage.cases)} cases, {samples} drawn on submission",
    )


async def _refusals(stage: Stage, case: Case) -> None:
    """Try what must not be possible before any mark is in."""
    report, teacher = stage.report, stage.teacher(case.place[0])
    name = f"marks_{case.place[0]}_{case.place[1].replace('/', '-')}.csv"
    data = stage.rehearsal.files[name]
    row = next(row for row in case.sheet.values() if row.is_drawable)
    wrong = data.replace(f",{row.mark},".encode(), f",{case.maximum + 1},".encode(), 1)
    answer = await teacher.ask(
        "POST", f"/api/cases/{case.case_id}/marks/csv", data=wrong, headers={"Content-Type": "text/csv"}
    )
    sheet = await teacher.get(f"/api/cases/{case.case_id}/marks")
    report.check(
        "a marks file with one mark over the maximum is refused whole",
        answer.status == 422 and all(one["mark"] is None for one in sheet["rows"]),
        f"maximum {case.maximum}: {answer.detail[:80]}",
    )


async def submit_marks(stage: Stage, case: Case, *, by_json: bool) -> int:
    """Take one case's marks through to submission; returns 1 when its sample was drawn at once."""
    teacher, officer = stage.teacher(case.place[0]), stage.exams_officer(case.place[0])
    path = f"/api/cases/{case.case_id}/marks"
    sheet = await teacher.get(path)
    if by_json:
        rows = [_typed(row) for row in case.sheet.values()]
        sheet = await teacher.put(path, {"version": sheet["version"], "rows": rows})
    else:
        name = f"marks_{case.place[0]}_{case.place[1].replace('/', '-')}.csv"
        sheet = await teacher.send_csv(f"{path}/csv", stage.rehearsal.files[name])
    _compare(stage, case, sheet)
    sheet = await teacher.post(f"{path}/check", {"version": sheet["version"]})
    await _wrong_total(stage, case, officer, sheet)
    done = await officer.post(f"{path}/submit", {"version": sheet["version"], "control_total": case.control_total})
    return int(done["sample_id"] is not None)


async def _wrong_total(stage: Stage, case: Case, officer: Client, sheet: Mapping[str, Any]) -> None:
    if case is not next(iter(stage.cases.values())) or case.found:
        return
    path = f"/api/cases/{case.case_id}/marks/submit"
    teacher = await stage.teacher(case.place[0]).ask(
        "POST", path, body={"version": sheet["version"], "control_total": case.control_total}
    )
    wrong = await officer.ask("POST", path, body={"version": sheet["version"], "control_total": case.control_total + 1})
    stage.report.check("a teacher cannot submit marks", teacher.status in {403, 404}, teacher.status)
    stage.report.check("a wrong control total is refused", wrong.status == 422, wrong.detail[:90])


def _typed(row: SheetRow) -> dict[str, Any]:
    status = None if row.mark is not None else row.status
    return {
        "candidate_number": row.candidate_number,
        "mark": row.mark,
        "status": status,
        "teaching_set": row.teaching_set,
    }


def _compare(stage: Stage, case: Case, sheet: Mapping[str, Any]) -> None:
    stored = {row["candidate_number"]: row for row in sheet["rows"]}
    same = set(stored) == set(case.sheet) and all(
        stored[number]["mark"] == row.mark and (row.mark is not None or stored[number]["status"] == "ABSENT")
        for number, row in case.sheet.items()
    )
    absent = sum(row.mark is None for row in case.sheet.values())
    zero = sum(row.mark == 0 for row in case.sheet.values())
    stage.report.check(
        f"{case.label}: marks stand as sent; absent is not zero",
        same and sheet["control_total"] == case.control_total,
        f"{len(stored)} candidates, {absent} absent, {zero} with zero, control total {sheet['control_total']}",
    )


# Samples


async def check_samples(stage: Stage, cases: list[Case] | None = None) -> None:
    """Hold every sample against the published band table and the marks."""
    wanted = stage.cases.values() if cases is None else cases
    for case in wanted:
        sample = await stage.exams_officer(case.place[0]).get(f"/api/cases/{case.case_id}/sample")
        case.items = {one["id"]: one["candidate_number"] for one in sample["items"] if one["case_id"] == case.case_id}
        case.sent, case.given = {}, {}
        cohort = [row for place in case.group for row in stage.cases[place].sheet.values() if row.is_drawable]
        expected = arithmetic.sample_size(len(cohort))
        marks = {row.candidate_number: row.mark for row in case.sheet.values() if row.mark is not None and row.mark > 0}
        drawn = [marks.get(number) for number in case.items.values()]
        extremes = len(case.group) > 1 or {max(marks.values()), min(marks.values())} <= set(drawn)
        told = all(one["explanation"] for one in sample["items"])
        due, asked = (datetime.fromisoformat(sample[name]) for name in ("due_at", "requested_at"))
        stage.report.check(
            f"{case.label}: the sample has the size of the band, highest and lowest in it, nobody absent or with zero",
            sample["size"] == expected and None not in drawn and extremes and told and (due - asked).days >= 2,
            f"{expected} of {len(cohort)}, {len(case.items)} here, due {due:%a %d %B %Y %H:%M}",
        )


# Files


def _form(files: list[tuple[str, bytes]]) -> Any:
    from aiohttp import FormData

    form = FormData(quote_fields=False)
    for name, data in files:
        form.add_field("files", data, filename=name, content_type="application/octet-stream")
    return form


def _records(data: bytes) -> int:
    """Return the number of records that a file's own trailer announces, without the two records around them."""
    trailer = next(line for line in data.splitlines() if line[1:2] == b"7")
    return int(trailer[7:14]) - 2
