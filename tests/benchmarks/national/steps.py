"""The steps of a national series, end to end, each in one transaction: what it costs and what it made."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from moderation.records import results
from moderation.records.imports import FileFacts, import_basedata
from moderation.records.reference import import_boundaries, set_component, set_consortium
from moderation.records.rules_import import import_rules
from moderation.records.whole_series_entries import enter_series
from moderation.records.whole_series_marking import allocate_series, hand_in_series, mark_series
from moderation.records.whole_series_marks import submit_series_marks
from moderation.records.whole_series_outcomes import confirm_series
from moderation.records.whole_series_samples import draw_series
from moderation.results import Embargo
from moderation.submission import SETTLED
from moderation.tables import ModerationCase

from .series import SERIES, National, marks_for, rules

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
TEACHERS, SYSTEM, OFFICER, SECOND_OFFICER = "centre", "system", "officer-1", "officer-2"
EMBARGO = Embargo(NOW.replace(month=8), NOW.replace(month=8, day=2), NOW.replace(month=8, day=2))


@dataclass(slots=True)
class Measured:
    """What each step cost, in its order, and what it made; ``processor`` is that of this process and of the server's."""

    seconds: dict[str, float] = field(default_factory=dict)
    processor: dict[str, float] = field(default_factory=dict)
    peak_mib: dict[str, float] = field(default_factory=dict)
    """The highest memory of this process up to the end of each step."""
    server_peak_kib: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Return the seconds from the first step to the last."""
        return sum(self.seconds.values())


def walk(
    engine: Engine,
    series: National,
    told: Callable[[str, float], None] = lambda _step, _seconds: None,
    *,
    until: str = "gate and release",
) -> Measured:
    """Do everything, from reference data to the release or ``until`` a step, and return what it cost."""
    measured = Measured()
    key = SERIES.key

    def step(name: str, work: Callable[[Session], Any]) -> Any:
        if until in measured.seconds:
            return None
        began, processor = time.perf_counter(), time.process_time()
        with Session(engine) as session, session.begin():
            server = Server.of(session)
            done = work(session)
            session.flush()
            measured.server_peak_kib = max(measured.server_peak_kib, server.peak_kib())
            spent = server.spent()
        measured.seconds[name] = time.perf_counter() - began
        measured.processor[name] = time.process_time() - processor + spent
        measured.peak_mib[name] = peak_mib()
        told(name, measured.seconds[name])
        for what, number in getattr(done, "counts", {}).items():
            measured.counts[f"{name}: {what}"] = number
        measured.counts[f"{name}: left"] = len(getattr(done, "left", ()))
        return done

    step("reference data", lambda session: prepare(session, series))
    step("entries", lambda session: enter_series(session, SERIES, series.entries(), actor=OFFICER, now=NOW))
    step("centre marks", lambda session: submit_series_marks(session, key, series.marks, actor=TEACHERS, now=NOW))
    step("samples", lambda session: draw_series(session, key, actor=SYSTEM, now=NOW))
    step("allocations", lambda session: allocate_series(session, key, series.allocations(), actor=OFFICER, now=NOW))
    step("works handed in", lambda session: hand_in_series(session, key, actor=TEACHERS, now=NOW))

    def moderators(session: Session) -> Any:
        return mark_series(session, key, lambda code, works: marks_for(series, code, works), now=NOW)

    step("first works marked", moderators)
    step("whole samples marked", moderators)
    step("outcomes confirmed", lambda session: confirm_series(session, key, officer=SECOND_OFFICER, now=NOW))
    held = step("cases held back", lambda session: unsettled(session, key))
    step("gate and release", lambda session: release(session, key, held))
    measured.counts["cases held back"] = len(held or ())
    with Session(engine) as session:
        measured.counts["rows"] = rows_total(session)
    return measured


@dataclass(frozen=True, slots=True)
class Server:
    """The server's process that works for a session, on this machine; none for SQLite, which works in ours."""

    pid: int | None
    began: float

    @classmethod
    def of(cls, session: Session) -> Server:
        """Return the process and what it has used until now."""
        if session.get_bind().dialect.name == "sqlite":
            return cls(None, 0.0)
        pid = int(session.scalar(select(func.pg_backend_pid())))
        return cls(pid, _processor_of(pid))

    def spent(self) -> float:
        """Return the processor seconds since."""
        return 0.0 if self.pid is None else _processor_of(self.pid) - self.began

    def peak_kib(self) -> int:
        """Return its peak memory, shared buffers that it touched included."""
        if self.pid is None:
            return 0
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _processor_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib() -> float:
    """Return the most memory this process has held, in MiB; what getrusage tells may come from the process before it."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the system does not tell how much memory a process has held")


def prepare(session: Session, series: National) -> None:
    """Put in the reference data, by the records that officers use."""
    import_rules(session, "rules.json", rules(), actor=OFFICER, now=NOW)
    import_basedata(session, series.basedata(), FileFacts("O", "synthetic", "0" * 64, 0), actor=OFFICER, now=NOW)
    for component in series.references():
        set_component(session, SERIES.key, component)
    import_boundaries(session, SERIES.key, list(series.boundaries()))
    for consortium in series.consortia():
        set_consortium(session, SERIES.key, consortium)


def unsettled(session: Session, series_key: str) -> list[str]:
    """Return the cases without a confirmed outcome: an officer has to decide them, or their centre marks again."""
    return list(
        session.scalars(
            select(ModerationCase.id).where(
                ModerationCase.series_key == series_key, ModerationCase.state.not_in(SETTLED)
            )
        )
    )


def release(session: Session, series_key: str, held: list[str]) -> Any:
    """Release the results by two people."""
    return results.release_results(
        session,
        series_key,
        first=OFFICER,
        second=SECOND_OFFICER,
        embargo=EMBARGO,
        now=NOW,
        held_case_ids=held,
    )


def rows_total(session: Session) -> int:
    """Return how many rows all tables of moderation hold."""
    from moderation.tables import Base

    tables = Base.metadata.sorted_tables
    return sum(session.scalar(select(func.count()).select_from(table)) or 0 for table in tables)
