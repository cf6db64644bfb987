"""The results gate over HTTP: what is refused changes nothing but the record of the refusal."""

from __future__ import annotations

from sqlalchemy import func, select

from moderation.tables import GateRun
from repository.access import Role

from .test_journey_bad_input import Rehearsed, refused, rehearsed

__all__ = ["rehearsed"]

TIMES = {"restricted_at": "2026-08-12T00:01:00+01:00", "candidates_at": "2026-08-13T08:00:00+01:00"}


async def test_a_wrong_proposal_is_refused_and_nothing_is_kept(rehearsed: Rehearsed) -> None:
    officer = await rehearsed.service.client(Role.AB_OFFICER)
    path = f"/api/series/{rehearsed.series.series.key}/results"
    before = await rehearsed.rows()
    for wrong in (
        {"restricted_at": "tomorrow"},
        {"restricted_at": "2026-08-12T00:01:00"},
        {"restricted_at": "2026-08-14T00:01:00+01:00"},
        {"reason_code": "BECAUSE", "reason": "x"},
        {"reason_code": "CORRECTION"},
        {"reason_code": "CORRECTION", "reason": "x" * 501},
        {"reason_code": ["CORRECTION"], "reason": "x"},
    ):
        await refused(await officer.post(f"{path}/propose", json={**TIMES, **wrong}), 422)
    await refused(await officer.post(f"{path}/propose-withdrawal", json={"reason": "x"}), 404)
    await refused(await officer.post(f"{path}/withdraw", json={}), 404)
    assert await rehearsed.rows() == before


async def test_nobody_else_reaches_the_gate(rehearsed: Rehearsed) -> None:
    key = rehearsed.series.series.key
    roles = ((Role.EXAMS_OFFICER, "99001"), (Role.MODERATOR, None), (Role.TRACKING_CLERK, None))
    clients = [await rehearsed.service.client(role, centre) for role, centre in roles]
    before = await rehearsed.rows()
    for client in clients:
        await refused(await client.get(f"/api/series/{key}/gate"), 404)
        for act in ("propose", "release", "propose-withdrawal", "withdraw"):
            await refused(await client.post(f"/api/series/{key}/results/{act}", json=TIMES), 404)
        for act in ("run", "propose", "release", "propose-withdrawal", "withdraw"):
            answer = await client.post(f"/series/{key}/gate/{act}", data={})
            assert answer.status in {403, 404}
    assert await rehearsed.rows() == before


async def test_a_refused_release_leaves_the_run_that_refused_it(rehearsed: Rehearsed) -> None:
    key = rehearsed.series.series.key
    first, second = [await rehearsed.service.client(Role.AB_OFFICER) for _ in range(2)]
    assert (await first.post(f"/api/series/{key}/results/propose", json=TIMES)).status == 201
    before = await rehearsed.rows()
    problem = await refused(await second.post(f"/api/series/{key}/results/release", json={}), 409)
    assert problem["blocks"]
    after = await rehearsed.rows()
    assert {name for name in before if before[name] != after[name]} == {"gate_run"}
    runs = await rehearsed.one(select(func.count()).select_from(GateRun).where(GateRun.is_clear.is_(False)))
    assert runs == 1
    gate = await (await first.get(f"/api/series/{key}/gate")).json()
    assert not gate["open"]
    assert all(row["difference"] == 0 for row in gate["reconciliations"])
