"""Step 8 of the journey: the results gate, two officers, the embargo, and every total and grade computed again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from repository.demo import arithmetic
from repository.demo.report import Line
from repository.demo.stage import Stage, read_rows

OptionKey = tuple[str, str, str]
"""Centre number, candidate number, entry option."""


async def gate_refuses(stage: Stage) -> None:
    """Ask for results while moderation is under way: nothing may leave."""
    gate = await stage.officer.get(f"/api/series/{stage.series}/gate")
    await _propose(stage, timedelta(days=1))
    answer = await stage.second_officer.ask("POST", f"/api/series/{stage.series}/results/release", body={})
    stage.report.check(
        "while anything is open the results gate is shut, and says what is open",
        not gate["open"] and len(gate["blocks"]) >= len(stage.cases) and answer.status == 409,
        f"{len(gate['blocks'])} things open; {answer.detail[:80]}",
    )


async def release(stage: Stage) -> None:
    """Open the gate, release under embargo, see it hold, release again with the embargo over."""
    report, path = stage.report, f"/api/series/{stage.series}/results"
    gate = await stage.officer.get(f"/api/series/{stage.series}/gate")
    rows = gate["reconciliations"]
    report.check(
        "the gate is open and every entry is accounted for",
        gate["open"] and all(row["difference"] == 0 for row in rows),
        f"{sum(row['entries'] for row in rows)} entries = {sum(row['accepted'] for row in rows)} accepted"
        f" + {sum(row['adjusted'] for row in rows)} adjusted"
        f" + {sum(row['absent'] for row in rows)} absent + {sum(row['zero'] for row in rows)} zero"
        f" + {sum(row['carried_forward'] for row in rows)} carried forward",
    )
    opens_at = await _propose(stage, timedelta(days=2))
    alone = await stage.officer.ask("POST", f"{path}/release", body={})
    report.check("the officer who proposed the release cannot carry it out", not alone.ok, alone.detail[:80])
    await stage.second_officer.post(f"{path}/release")
    number = stage.rehearsal.centre_numbers[0]
    early = await stage.exams_officer(number).ask("GET", f"{path}?centre={number}")
    early_csv = await stage.exams_officer(number).ask("GET", f"/series/{stage.series}/results.csv")
    report.check(
        "before the embargo ends a centre is refused, with the time at which results open",
        early.status == 403 and datetime.fromisoformat(early.json()["opens_at"]) == opens_at and not early_csv.ok,
        f"opens {opens_at:%a %d %B %Y %H:%M} UTC",
    )
    own = next(case for case in stage.cases.values() if case.place[0] == number)
    explained = f"/cases/{own.case_id}/explanation.pdf"
    too_early = await stage.teacher(number).ask("GET", explained)
    teacher = await stage.teacher(number).ask("GET", path)
    report.check("a teacher is not shown results", not teacher.ok, teacher.status)
    await _propose(stage, timedelta(minutes=-5))
    await stage.second_officer.post(f"{path}/release")
    await _withdraw_and_issue_again(stage)
    await _check_results(stage)
    document = await stage.teacher(number).get_bytes(explained)
    report.check(
        "a teacher reads why the marks are what they are, once results are out and not before",
        too_early.status == 403 and document.startswith(b"%PDF"),
        f"{own.label}: {len(document):,} bytes of PDF",
    )
    proof = await stage.officer.get(f"/api/series/{stage.series}/independence")
    report.check(
        "nobody judged work of a centre they are tied to, or work they had judged before",
        proof["failed"] == 0 and proof["total"] > 0,
        f"{proof['total']} proofs",
    )


async def _withdraw_and_issue_again(stage: Stage) -> None:
    """Take the results back with two officers, see that a centre sees nothing, and issue them anew."""
    path, number = f"/api/series/{stage.series}/results", stage.rehearsal.centre_numbers[0]
    centre = stage.exams_officer(number)
    before = await centre.ask("GET", path)
    await stage.officer.post(f"{path}/propose-withdrawal", {"reason": "A rehearsal of taking results back"})
    alone = await stage.officer.ask("POST", f"{path}/withdraw", body={})
    await stage.second_officer.post(f"{path}/withdraw")
    after = await centre.ask("GET", path)
    stage.report.check(
        "results that two officers withdrew are seen by no centre any more, and one officer alone cannot do it",
        before.ok and not alone.ok and after.status == 403,
        after.detail[:80],
    )
    await _propose(stage, timedelta(minutes=-5), reason_code="CORRECTION", reason="Checked again, nothing was wrong")
    issued = await stage.second_officer.post(f"{path}/release")
    stage.report.check(
        "they are issued anew as a later version, with the reason",
        issued["version"] == 3,
        f"version {issued['version']}",
    )


async def _propose(stage: Stage, after: timedelta, **why: str) -> datetime:
    opens_at = (datetime.now(UTC) + after).replace(microsecond=0)
    later = opens_at + timedelta(hours=8) if after > timedelta(0) else opens_at + timedelta(minutes=1)
    await stage.officer.post(
        f"/api/series/{stage.series}/results/propose",
        {"restricted_at": opens_at.isoformat(), "candidates_at": later.isoformat(), **why},
    )
    return opens_at


async def _check_results(stage: Stage) -> None:
    """Compute every result again from the files sent, and compare page data and CSV."""
    expected = _expected(stage)
    found: dict[OptionKey, dict[str, Any]] = {}
    in_csv: dict[OptionKey, dict[str, str]] = {}
    foreign = 0
    for number in stage.rehearsal.centre_numbers:
        officer = stage.exams_officer(number)
        for row in (await officer.get(f"/api/series/{stage.series}/results?centre={number}"))["results"]:
            foreign += row["centre_number"] != number
            found[row["centre_number"], row["candidate_number"], row["entry_option"]] = row
        for line in read_rows(await officer.get_bytes(f"/series/{stage.series}/results.csv")):
            in_csv[line["centre"], line["candidate_number"], line["entry_option"]] = line
    wrong = [key for key, want in expected.items() if key not in found or _result(found[key]) != want]
    stage.report.check(
        "every total, grade and indicator is what exact fractions give from the marks sent",
        not wrong and set(found) == set(expected) and not foreign,
        f"{len(found)} results of {len({key[:2] for key in found})} candidates"
        + (
            f"; differing: {[(k, _result(found[k]) if k in found else None, expected[k]) for k in wrong[:3]]}"
            if wrong
            else ""
        ),
    )
    same = all(
        (line["total"], line["grade"], line["indicator"])
        == tuple(found[key][name] or "" for name in ("total", "grade", "indicator"))
        for key, line in in_csv.items()
    )
    stage.report.check("the results CSV says the same", same and set(in_csv) == set(found), f"{len(in_csv)} rows")
    _tabulate(stage, found)


def _result(row: dict[str, Any]) -> tuple[Fraction | None, str | None, str | None]:
    return (Fraction(row["total"]) if row["total"] else None, row["grade"], row["indicator"])


def _expected(stage: Stage) -> dict[OptionKey, tuple[Fraction | None, str | None, str | None]]:
    external = {
        (row["component"], row["centre"], row["candidate_number"]): int(row["mark"]) if row["mark"] else None
        for row in stage.rows("external_marks.csv")
    }
    boundaries: dict[str, dict[str, int]] = {}
    for row in stage.rows("boundaries.csv"):
        boundaries.setdefault(row["entry_option"], {})[row["grade"]] = int(row["boundary"])
    maxima = {one.code: one.maximum_mark for one in stage.basedata.components} | dict(stage.rehearsal.assumed_maxima)
    wanted: dict[OptionKey, tuple[Fraction | None, str | None, str | None]] = {}
    for centre, number, option in _entered(stage):
        parts = []
        for code in stage.basedata.components_of(option):
            case = stage.cases.get((centre, code))
            moderated = case is not None and number in case.final
            mark = case.final[number] if case is not None and moderated else external.get((code, centre, number))
            parts.append((mark, maxima[code], stage.weights[code]))
        known = [(mark, maximum, weight) for mark, maximum, weight in parts if mark is not None]
        if not known:
            wanted[centre, number, option] = (None, None, "A")
            continue
        points = arithmetic.total(known)
        indicator = "#" if len(known) < len(parts) else None
        wanted[centre, number, option] = (points, arithmetic.grade(points, boundaries[option]), indicator)
    return wanted


def _entered(stage: Stage) -> list[OptionKey]:
    """Return every entry, read from the entry files themselves by the positions of the format."""
    from moderation.exchange.entry_files import read_entries

    entered = []
    for name, data in stage.rehearsal.files.items():
        if not name.endswith(".csv"):
            file = read_entries(name, data)
            entered += [
                (file.centre_number, entry.candidate_number, option)
                for entry in file.entries
                for option in entry.options
            ]
    return entered


def _tabulate(stage: Stage, found: dict[OptionKey, dict[str, Any]]) -> None:
    for (centre, number, option), row in sorted(found.items()):
        components = stage.basedata.components_of(option)
        cases = [stage.cases[centre, code] for code in components if (centre, code) in stage.cases]
        grade = row["grade"] or ""
        shown = f"{grade} {row['indicator'] or ''}".strip()
        entered = [case for case in cases if number in case.final]
        for case in entered:
            sheet = case.sheet[number]
            stage.report.lines.append(
                Line(
                    number,
                    centre,
                    case.place[1],
                    number in case.items.values(),
                    sheet.mark,
                    case.given.get(number),
                    ", then ".join(one.replace("_", " ").lower() for one in case.found)
                    if sheet.mark is not None
                    else "absent",
                    case.final[number],
                    shown,
                    sum(len(work.content) for _, work in case.sent.get(number, [])),
                )
            )
        if not entered:
            carried = {
                part["component"]: part["mark"] for part in row["components"] if part["status"] == "CARRIED_FORWARD"
            }
            code = next(iter(carried), "")
            stage.report.lines.append(
                Line(number, centre, code, False, None, None, "carried forward", carried.get(code), shown, 0)
            )
