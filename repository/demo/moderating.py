"""Step 7 of the journey: the moderator reads and marks, an outcome follows, an officer confirms it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from repository.demo import arithmetic, entering, sending
from repository.demo.stage import Case, Stage

SUB_SAMPLE = 6
LENIENCY_MARKS = 1
"""How far the second marking of a returned centre lies above the moderator's marks: within every tolerance."""
ROUNDS_LIMIT = 3
FEEDBACK = "The candidates are not in the order that the criteria give. Mark everybody again, best work first."


async def allocate(stage: Stage) -> None:
    """Give the moderator every case; before that, none of them can be seen."""
    first = next(iter(stage.cases.values()))
    before = await stage.moderator.ask("GET", f"/api/cases/{first.case_id}/sample")
    for case in stage.cases.values():
        await stage.officer.post(
            "/api/allocations",
            {
                "person_id": stage.person_ids["moderator", None],
                "series": stage.series,
                "component": case.place[1],
                "centre_number": case.place[0],
            },
        )
    for component in sorted({case.place[1] for case in stage.cases.values()}):
        team = {"series": stage.series, "component": component, "leader_id": stage.person_ids["team leader", None]}
        await stage.officer.post("/api/teams", team | {"member_ids": [stage.person_ids["moderator", None]]})
    await _refuse_a_tie(stage, first)
    listed = {one["id"] for one in (await stage.moderator.get("/api/worklist"))["cases"]}
    stage.report.check("a moderator sees nothing that is not allocated", before.status == 404, before.status)
    stage.report.check(
        "the worklist holds what was allocated",
        listed == {case.case_id for case in stage.cases.values()},
        f"{len(listed)} cases",
    )


async def _refuse_a_tie(stage: Stage, case: Case) -> None:
    """Declare that somebody is tied to a centre, and see that its work cannot be given to them."""
    person = stage.person_ids["reviewer", None]
    centre = case.place[0]
    tie = {"person_id": person, "centre_number": centre, "kind": "EMPLOYED"}
    await stage.officer.post("/api/conflicts", tie)
    body = {"person_id": person, "series": stage.series, "component": case.place[1], "centre_number": centre}
    refused = await stage.officer.ask("POST", "/api/allocations", body=body)
    stage.report.check(
        "work of a centre cannot be given to somebody who works there", refused.status == 409, refused.detail[:80]
    )


async def moderate_all(stage: Stage) -> None:
    """Moderate every group; what is returned to its centre is marked, sampled, sent and moderated again."""
    pending = list(stage.groups())
    for round_number in range(1, ROUNDS_LIMIT + 1):
        returned = [group for group in pending if await _moderate(stage, group) == arithmetic.INVALID_ORDER]
        if not returned:
            return
        for group in returned:
            await _mark_again(stage, group)
        pending = returned
        states = [await _state(stage, case) for group in returned for case in group]
        stage.report.check(
            "what was returned was marked, sampled and sent again",
            set(states) == {"SUBMITTED"},
            f"{len(states)} case, round {round_number + 1}",
        )
    stage.report.check("every case was settled", False, f"{len(pending)} still open")


async def _moderate(stage: Stage, group: list[Case]) -> str:
    """Mark what is wanted until an outcome is proposed; check it; confirm it. Returns the outcome."""
    report, lead = stage.report, group[0]
    first_read: set[tuple[str, str]] = set()
    stages_read = 0
    for case in group:
        case.given = {}
    while True:
        wanted = [(case, item) for case in group for item in await _wanted(stage, case)]
        if not wanted:
            break
        stages_read += 1
        for case, item in wanted:
            number = item["candidate_number"]
            if stages_read == 1:
                first_read.add((case.place[0], number))
            case.given[number] = case.moderator[number]
            body = {"mark": case.moderator[number], "comment": ""}
            await stage.moderator.put(f"/api/sample-items/{item['id']}/moderator-mark", body)
    pairs = {
        (case.place[0], number): (case.sheet[number].mark or 0, case.moderator[number])
        for case in group
        for number in case.items.values()
    }
    sub = [pair for key, pair in pairs.items() if key in first_read]
    expected, mapping = arithmetic.outcome(sub, list(pairs.values()), lead.tolerance, lead.maximum)
    found = (await stage.officer.get(f"/api/cases/{lead.case_id}/outcome"))["outcome"] or {"kind": "none yet"}
    report.check(
        f"{lead.label}: {min(SUB_SAMPLE, len(pairs))} works read first, outcome {expected.replace('_', ' ').lower()}",
        len(first_read) == min(SUB_SAMPLE, len(pairs)) and found["kind"] == expected,
        _figures(found, len(pairs) if stages_read > 1 else len(sub)),
    )
    for case in group:
        case.found.append(str(found["kind"]))
    if expected == arithmetic.ADJUSTED:
        await _check_moderator(stage, lead)
    await _confirm(stage, lead)
    if expected != arithmetic.INVALID_ORDER:
        for case in group:
            case.final = {
                row.candidate_number: mapping.get(row.mark, row.mark) if row.mark is not None else None
                for row in case.sheet.values()
            }
        await _compare(stage, group, mapping, found)
    return expected


async def _state(stage: Stage, case: Case) -> str:
    return str((await stage.officer.get(f"/api/cases/{case.case_id}"))["state"])


async def _wanted(stage: Stage, case: Case) -> list[dict[str, Any]]:
    desk = await stage.moderator.get(f"/api/cases/{case.case_id}/marking")
    return [item for item in desk["items"] if item["wanted_now"] and item["id"] in case.items]


def _figures(found: dict[str, Any], read: int) -> str:
    numbers = found["numbers"]
    words = f"{read} read, largest difference {numbers['greatest_difference']}, tolerance {numbers['tolerance_marks']}"
    if numbers.get("slope") and found["kind"] != arithmetic.ACCEPTED:
        words += f", slope {float(Fraction(numbers['slope'])):.4f}, r {numbers['correlation']}"
        words += f", {numbers['discordant']}/{numbers['comparable']} out of order"
    return words


async def _check_moderator(stage: Stage, lead: Case) -> None:
    """See an adjustment refused without a check; let the team leader mark some works blind, compare, and agree."""
    confirm = f"/api/cases/{lead.case_id}/outcome/confirm"
    unchecked = await stage.officer.ask("POST", confirm, body={})
    check = (await stage.team_leader.post(f"/api/cases/{lead.case_id}/check", {}))["check"]
    blind = all(work["moderator_mark"] is None for work in check["works"])
    for work in check["works"]:
        given = next(
            case.moderator[number]
            for case in stage.cases.values()
            for item_id, number in case.items.items()
            if item_id == work["item_id"]
        )
        body = {"mark": given, "comment": ""}
        check = (await stage.team_leader.put(f"/api/checks/{check['id']}/works/{work['item_id']}", body))["check"]
    shown = all(work["difference"] == 0 for work in check["works"])
    done = (await stage.team_leader.post(f"/api/checks/{check['id']}/verdict", {"verdict": "AGREED"}))["check"]
    stage.report.check(
        f"{lead.label}: not confirmed before a team leader marked works blind and agreed",
        unchecked.status == 409 and blind and shown and done["verdict"] == "AGREED",
        f"{len(check['works'])} works marked again",
    )


async def _confirm(stage: Stage, lead: Case) -> None:
    is_invalid = lead.found[-1] == arithmetic.INVALID_ORDER
    path = f"/api/cases/{lead.case_id}/outcome/{'return' if is_invalid else 'confirm'}"
    case = await stage.officer.get(f"/api/cases/{lead.case_id}")
    body = {"version": case["version"]} | ({"feedback": FEEDBACK} if is_invalid else {})
    refused = await stage.moderator.ask("POST", path, body=body)
    await stage.officer.post(path, body)
    after = await _state(stage, lead)
    wanted = "RETURNED_TO_CENTRE" if is_invalid else "OUTCOME_LOCKED"
    words = "returned it with feedback" if is_invalid else "confirmed it"
    stage.report.check(
        f"{lead.label}: an officer {words}, the moderator could not",
        not refused.ok and after == wanted,
        after.replace("_", " ").lower(),
    )


async def _compare(stage: Stage, group: list[Case], mapping: Any, found: dict[str, Any]) -> None:
    """Hold every moderated mark of the cohort against our own arithmetic."""
    wrong = []
    changed = total = 0
    for case in group:
        page = await stage.officer.get(f"/api/cases/{case.case_id}/outcome")
        recorded = {one["candidate_number"]: one["moderated_mark"] for one in page["moderated"]}
        wrong += [number for number, mark in case.final.items() if recorded.get(number, -1) != mark]
        changed += sum(mark != case.sheet[number].mark for number, mark in case.final.items())
        total += len(case.final)
    theirs = found["numbers"].get("mapping")
    same = not mapping or list(mapping.values()) == theirs
    stage.report.check(
        f"{group[0].label}: every final mark is what exact fractions give, sampled or not",
        not wrong and same,
        f"{total} marks, {changed} changed" + (f"; differing: {wrong[:5]}" if wrong else ""),
    )


async def _mark_again(stage: Stage, group: list[Case]) -> None:
    """Let the centre mark again, in the moderator's order and a little more kindly, and send a new sample."""
    for case in group:
        for number, row in case.sheet.items():
            if row.is_drawable:
                mark = min(case.maximum, max(1, case.moderator[number] + LENIENCY_MARKS))
                case.sheet[number] = replace(row, mark=mark)
        await entering.submit_marks(stage, case, by_json=True)
    await entering.check_samples(stage, group)
    await sending.upload_samples(stage, group, first_round=False)
    await sending.submit_samples(stage, group)
