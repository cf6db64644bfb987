"""Walks the whole journey, step by step, and leaves a report."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from random import Random

from aiohttp import ClientSession, ClientTimeout

from moderation.exchange.basedata import SeriesBasedata, read_basedata, write_basedata
from moderation.rehearsal import make, synthetic_basedata
from repository.access import Role
from repository.demo import arriving, entering, files, keeping, moderating, releasing, scripting, sending, serving
from repository.demo.arriving import Arrivals, Arrived
from repository.demo.client import Unexpected, sign_in
from repository.demo.report import Report
from repository.demo.stage import Case, Stage
from repository.rehearsing import REVIEWER_NAME, SignIn
from repository.settings import Settings

TIMEOUT_SECONDS = 120
Who = tuple[str, str | None]
"""What somebody is called in the journey, and their centre."""
Step = tuple[str, Callable[[Stage], Awaitable[None]]]


class NothingToRehearse(Exception):
    """The basedata has no series with an entry option for upload."""


def choose_series(basedata_files: Mapping[str, bytes] | None) -> tuple[SeriesBasedata, dict[str, bytes]]:
    """Return the series to rehearse and the files to import: those given, or those of the invented series.

    Raises: ``NothingToRehearse``; ``FileRefused`` for files that cannot be read.
    """
    if basedata_files is None:
        basedata = synthetic_basedata()
        return basedata, dict(write_basedata(basedata, written_on=date(2000 + basedata.series.year, 1, 15)))
    read = read_basedata(list(basedata_files.items()))
    for basedata in sorted(read.series, key=lambda one: (one.series.year, one.series.key), reverse=True):
        try:
            make(basedata, centres=1, seed=0)
        except ValueError:
            continue
        return basedata, dict(basedata_files)
    raise NothingToRehearse("No series in these files has an entry option for upload.")


async def walk(
    report: Report,
    settings: Settings,
    basedata: SeriesBasedata,
    basedata_files: dict[str, bytes],
    *,
    centres: int,
    seed: int,
) -> None:
    """Do the journey on an empty data folder; everything that goes wrong ends up in the report."""
    begun = time.monotonic()
    rehearsal = make(basedata, centres=centres, seed=seed)
    report.facts["series"] = f"{rehearsal.series.title} ({rehearsal.series.key})"
    report.facts["candidates_entered"] = rehearsal.candidates_total
    signed: list[SignIn] = await serving.prepare(settings, rehearsal.centre_numbers)
    try:
        async with (
            serving.running(settings) as server,
            ClientSession(timeout=ClientTimeout(total=TIMEOUT_SECONDS)) as session,
            Arrivals(settings, server.address) as arrivals,
        ):
            people = await _people(arrivals, report, session, server.address, signed)
            clients = {who: one.client for who, one in people.items()}
            ids = {who: one.person_id for who, one in people.items()}
            marker, film = files.marker_of(seed), await files.film()
            stage = Stage(report, rehearsal, basedata, basedata_files, clients, ids, marker, film, Random(seed))
            await _walk(stage, None if signed else partial(_staff, arrivals))
            await _storage(stage, settings)
            await _log(stage, settings)
    except (OSError, serving.ServerFailed, Unexpected) as error:
        report.fail(error)
    report.facts["seconds"] = round(time.monotonic() - begun, 1)


async def _people(
    arrivals: Arrivals,
    report: Report,
    session: ClientSession,
    address: str,
    signed: list[SignIn],
) -> dict[Who, Arrived]:
    """Return everybody who acts, signed in: for real, or in a rehearsal by the development links."""
    report.step("0  Sign-in")
    if signed:
        return await _rehearsed(session, address, signed)
    people: dict[Who, Arrived] = {(name, None): await arrivals.officer(name) for name in ("officer A", "officer B")}
    first, second = people["officer A", None], people["officer B", None]
    for name, role in arriving.BODY:
        people[name, None] = await arrivals.guest(first, "/people", name, role, second=second)
    report.check(
        "everybody of the awarding body signs in with a password and a second factor",
        len({one.person_id for one in people.values()}) == len(people),
        f"{len(people)} people: two by set-up links, the others by invitations",
    )
    return people


async def _staff(arrivals: Arrivals, stage: Stage) -> None:
    """Have exams officers invited by an officer, once their centres are known, and teachers by them."""
    await entering.import_reference(stage, "centres", "centres.csv")
    officer = Arrived(stage.officer, stage.person_ids["officer A", None])
    blank = True
    for number in stage.rehearsal.centre_numbers:
        host = await arrivals.guest(officer, "/people", "exams officer", Role.EXAMS_OFFICER, number)
        teacher = await arrivals.guest(host, "/staff", "teacher", Role.TEACHER, number)
        seen = (await teacher.client.get("/api/cases"))["cases"]
        await arrivals.teach_whole_centre(host)
        blank = blank and not seen
        for name, one in (("exams officer", host), ("teacher", teacher)):
            stage.people[name, number], stage.person_ids[name, number] = one.client, one.person_id
    stage.report.check(
        "every centre's exams officer was invited by an officer, and invited a teacher",
        len(stage.people) == len(set(stage.person_ids.values())),
        f"{len(stage.people)} people in all",
    )
    stage.report.check("a teacher sees nothing before being given something to teach", blank)


async def _rehearsed(session: ClientSession, address: str, signed: list[SignIn]) -> dict[Who, Arrived]:
    names = {
        Role.MODERATOR: "moderator",
        Role.TEAM_LEADER: "team leader",
        Role.PRINCIPAL_MODERATOR: "principal",
        Role.TRACKING_CLERK: "clerk",
        Role.EXAMS_OFFICER: "exams officer",
        Role.TEACHER: "teacher",
    }
    people: dict[Who, Arrived] = {}
    for one in signed:
        name = names.get(one.role)
        if name == "clerk" and ("clerk", None) in people:
            name = "second clerk"
        if name is None:
            name = "officer B" if ("officer A", None) in people else "officer A"
        if one.name == REVIEWER_NAME:
            name = "reviewer"
        people[name, one.centre_number] = Arrived(await sign_in(session, address, one.token), one.person_id)
    return people


STEPS: tuple[Step, ...] = (
    ("2  Entries and reference data", entering.import_entries),
    ("3  Centre marks", entering.enter_marks),
    ("4  Samples", entering.check_samples),
)


async def _walk(stage: Stage, invite_staff: Callable[[Stage], Awaitable[None]] | None) -> None:
    steps: tuple[Step, ...] = (
        ("1  Basedata", entering.import_basedata),
        *([("   People of centres", invite_staff)] if invite_staff is not None else []),
        *STEPS,
        ("5  Uploads", _upload),
        ("6  Post and visits", sending.post_samples),
        ("7  Moderation", _moderate),
        ("8  Results", releasing.release),
        ("9  Examination scripts", scripting.send_scripts),
    )
    for title, step in steps:
        stage.report.step(title)
        try:
            await step(stage)
        except Exception as error:
            # Whatever it is, it is a finding: the report must still be written. What follows would only repeat it.
            stage.report.fail(error)
            return


async def _upload(stage: Stage) -> None:
    cases: list[Case] = list(stage.cases.values())
    await moderating.allocate(stage)
    await sending.upload_samples(stage, cases, first_round=True)
    await sending.submit_samples(stage, cases)
    await sending.read_back(stage, cases)


async def _moderate(stage: Stage) -> None:
    await releasing.gate_refuses(stage)
    await moderating.moderate_all(stage)
    kinds = [case.found for case in stage.cases.values()]
    if len(stage.rehearsal.centre_numbers) >= 3:
        wanted = ("ACCEPTED", "ADJUSTED", "INVALID_ORDER")
        stage.report.check(
            "one centre's marks were accepted, one's adjusted, one's order of merit was not valid",
            all(any(kind in found for found in kinds) for kind in wanted),
            ", ".join(f"{sum(kind in found for found in kinds)} {kind.replace('_', ' ').lower()}" for kind in wanted),
        )


async def _storage(stage: Stage, settings: Settings) -> None:
    report = stage.report
    report.step("What the store holds")
    wanted = [stage.marker.encode("ascii"), *stage.probes]
    found = await asyncio.to_thread(keeping.files_with, settings.data_dir, wanted)
    count, size = await asyncio.to_thread(keeping.bytes_in, settings.data_dir / "objects")
    report.check(
        "nothing that was uploaded can be read on the disk",
        not found and count > 0,
        f"{len(wanted)} texts looked for in {settings.data_dir.name}" + (f"; found in {found[:3]}" if found else ""),
    )
    report.facts["bytes_stored"] = size
    report.facts["objects_stored"] = count


async def _log(stage: Stage, settings: Settings) -> None:
    stage.report.step("What the log and the receipts prove")
    status, said = await serving.command(settings, "audit", "verify")
    verdict = said.strip().splitlines()[-1] if said.strip() else ""
    stage.report.check(
        "every view, change and refusal is in a log that holds against its checkpoints", not status, verdict
    )
    if not stage.receipts:
        return
    client, receipt_id, public_key = stage.receipts[0]
    content = await client.get_bytes(f"/receipts/{receipt_id}/download")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "receipt.json"
        held = []
        for data in (content, content.replace(b"99", b"98", 1)):
            file.write_bytes(data)
            status, said = await serving.command(settings, "receipt", "verify", str(file), "--key", public_key)
            held.append(not status)
        stage.report.check(
            "a downloaded receipt verifies with its proof from the log, and not with one character changed",
            held == [True, False],
            f"{len(content):,} bytes",
        )


def folder_files(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by name, hidden ones left out."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file() and path.name[0] != "."}
