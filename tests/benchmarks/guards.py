"""What the guards of the database cost: the same rows written with and without them.

    python -m tests.benchmarks.guards [DATABASE-URL] [CASES]

Prints, for every kind of row, seconds without and with guards, and microseconds for one row: processor time of this process
on SQLite, time on the clock on PostgreSQL, whose work is done elsewhere. The database named is emptied.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from moderation import guards
from moderation.records.bulk import change_rows, insert_rows
from moderation.records.proofs import prove_series
from moderation.tables import (
    Allocation,
    Base,
    Candidate,
    CaseTransition,
    Centre,
    Component,
    Conflict,
    ModeratedMark,
    ModerationCase,
    ModeratorMark,
    Outcome,
    Sample,
    SampleItem,
    SeriesRow,
)

SERIES, COMPONENT = "01-6A26", "X446/03"
NOW = datetime(2026, 5, 15, tzinfo=UTC)
COHORT, SAMPLED, MODERATORS = 15, 10, 600
Timings = dict[str, tuple[float, int]]


def ids(kind: str, number: int) -> list[str]:
    return [f"{kind}-{position:020d}" for position in range(number)]


class Rows:
    """A series of so many cases, written table by table."""

    def __init__(self, session: Session, cases: int) -> None:
        self.session, self.count = session, cases
        self.centres = [f"{number:05d}" for number in range(cases)]
        self.cases, self.items = ids("case", cases), ids("item", cases * SAMPLED)
        self.candidates, self.outcomes = ids("candidate", cases * COHORT), ids("outcome", cases)
        self.moderators = [f"moderator-{number % MODERATORS}" for number in range(cases)]

    def prepare(self) -> None:
        """Write what the guards do not look at, and two roles at every centre."""
        session = self.session
        session.add(SeriesRow(key=SERIES, awarding_body="01", code="6A", year=26, title="June 2026"))
        session.flush()
        session.add(Component(series_key=SERIES, component_code=COMPONENT, title="EXAMPLE", maximum_mark=60))
        session.flush()
        place = {"series_key": SERIES, "component_code": COMPONENT}
        insert_rows(session, Centre, ("centre_number",), [(centre,) for centre in self.centres])
        ties = [(f"tie-{n}", f"teacher-{n}", self.centres[n // 2], NOW, NOW) for n in range(2 * self.count)]
        columns = ("id", "person_id", "centre_number", "declared_at", "valid_from")
        same = {"kind": "EMPLOYED", "origin": "AUTOMATIC", "declared_by": "system"}
        insert_rows(session, Conflict, columns, ties, same)
        same = {**place, "submission_mode": "UPLOAD", "state": "RECEIPT_COMPLETE", "opened_at": NOW}
        insert_rows(
            session, ModerationCase, ("id", "centre_number"), list(zip(self.cases, self.centres, strict=True)), same
        )
        rows = [(one, self.centres[n // COHORT], f"{n % COHORT:04d}") for n, one in enumerate(self.candidates)]
        insert_rows(session, Candidate, ("id", "centre_number", "candidate_number"), rows, {"series_key": SERIES})
        same = {"profile_id": "p", "profile_version": 1, "picker_version": "1", "list_sha256": "x", "size": SAMPLED}
        same |= {**place, "candidates_total": COHORT, "requested_at": NOW, "due_at": NOW}
        insert_rows(session, Sample, ("id",), [(case,) for case in self.cases], same)
        items = [
            (
                item,
                self.cases[n // SAMPLED],
                self.cases[n // SAMPLED],
                self.candidates[n // SAMPLED * COHORT + n % SAMPLED],
                n,
            )
            for n, item in enumerate(self.items)
        ]
        same = {"centre_mark": 40, "reason": "x", "explanation": "x", "first_stage": True}
        insert_rows(session, SampleItem, ("id", "sample_id", "case_id", "candidate_id", "position"), items, same)

    def steps(self) -> dict[str, tuple[Callable[[], object], int]]:
        """Return what is timed: how to write each kind of row, and how many there are."""
        session, count = self.session, self.count
        place = {"series_key": SERIES, "component_code": COMPONENT}
        given = list(zip(ids("allocation", count), self.moderators, self.centres, strict=True))
        marks = [(f"mark-{n}", item, self.moderators[n // SAMPLED]) for n, item in enumerate(self.items)]
        found = list(zip(self.outcomes, self.cases, self.moderators, strict=True))
        moved = [(case, 1, "OUTCOME_PROPOSED", 2) for case in self.cases]
        stepped = list(zip(ids("step", count), self.cases, strict=True))
        confirmed = [(outcome, "officer", NOW + timedelta(days=1)) for outcome in self.outcomes]
        moderated = [
            (self.outcomes[n // COHORT], one, self.cases[n // COHORT]) for n, one in enumerate(self.candidates)
        ]
        of_allocation = {**place, "act": "MODERATE", "opens_at": NOW, "granted_at": NOW}
        of_outcome = {"number": 1, "kind": "ACCEPTED", "stage": "FULL_SAMPLE", "numbers": {}, "policy_version": "v"}
        of_outcome |= {"mark_set_version": 1, "proposed_at": NOW}
        of_step = {"number": 2, "from_state": "RECEIPT_COMPLETE", "to_state": "OUTCOME_PROPOSED"}
        of_step |= {"event": "PROPOSE_OUTCOME", "actor": "x", "occurred_at": NOW}
        of_mark = {"number": 1, "mark": 40, "marked_at": NOW}
        of_moderated = {"centre_mark": 40, "moderated_mark": 40, "status": "PRESENT"}

        def insert(
            table: type[Base], columns: tuple[str, ...], rows: list, same: dict
        ) -> tuple[Callable[[], object], int]:
            return lambda: insert_rows(session, table, columns, rows, same), len(rows)

        return {
            "allocations": insert(Allocation, ("id", "person_id", "centre_number"), given, of_allocation),
            "moderator marks": insert(ModeratorMark, ("id", "sample_item_id", "marked_by"), marks, of_mark),
            "outcomes": insert(Outcome, ("id", "case_id", "proposed_by"), found, of_outcome),
            "moves of cases": (
                lambda: change_rows(session, ModerationCase, ("id", "version"), ("state", "version"), moved),
                count,
            ),
            "steps of history": insert(CaseTransition, ("id", "case_id"), stepped, of_step),
            "confirmations": (
                lambda: change_rows(session, Outcome, ("id",), ("confirmed_by", "confirmed_at"), confirmed),
                count,
            ),
            "moderated marks": insert(
                ModeratedMark, ("outcome_id", "candidate_id", "case_id"), moderated, of_moderated
            ),
        }


def measure(engine: Engine, cases: int, *, guarded: bool) -> Timings:
    """Write everything into an emptied database; returns seconds and rows of each step."""
    clock = time.process_time if engine.dialect.name == "sqlite" else time.perf_counter
    with engine.begin() as connection:
        guards.drop(connection)
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    if guarded:
        with engine.begin() as connection:
            guards.install(connection)
    timings: Timings = {}
    with Session(engine) as session:
        rows = Rows(session, cases)
        rows.prepare()
        session.commit()
        for name, (write, number) in rows.steps().items():
            began = clock()
            write()
            session.commit()
            timings[name] = (clock() - began, number)
        began = clock()
        proofs = prove_series(session, SERIES)
        timings["proof"] = (clock() - began, len(proofs))
    return timings


def main(words: list[str]) -> None:
    engine = create_engine(words[0] if words else "sqlite://")
    cases = int(words[1]) if len(words) > 1 else 6_000
    without, with_guards = (measure(engine, cases, guarded=guarded) for guarded in (False, True))
    print(f"{'rows':<18}{'number':>9}{'without':>10}{'with':>9}{'each':>11}")
    for name, (seconds, number) in with_guards.items():
        each = (seconds - without[name][0]) / number * 1e6
        print(f"{name:<18}{number:>9}{without[name][0]:>9.2f}s{seconds:>8.2f}s{each:>8.1f} µs")


if __name__ == "__main__":
    main(sys.argv[1:])
