"""What the steps of the journey share: who is signed in, which files there are, what was sent, what must come of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random

from moderation.entries import SubmissionMode
from moderation.exchange.basedata import SeriesBasedata
from moderation.rehearsal import Profile, Rehearsal
from repository.demo.client import Client
from repository.demo.files import WorkFile
from repository.demo.report import Report

Place = tuple[str, str]
"""Centre number and component code."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A candidate's line of a centre's marks; ``mark`` is None for an absent one."""

    candidate_number: str
    status: str
    mark: int | None
    teaching_set: str

    @property
    def is_drawable(self) -> bool:
        """Return whether there is work to sample: present, and worth something."""
        return self.mark is not None and self.mark > 0


@dataclass(slots=True)
class Case:
    """A component at a centre, as the journey knows it from its own files and from the service's answers."""

    place: Place
    case_id: str
    mode: SubmissionMode
    profile: Profile
    maximum: int
    tolerance: int
    sheet: dict[str, SheetRow]
    moderator: dict[str, int]
    """What the moderator will give, by candidate."""
    group: tuple[Place, ...] = ()
    """The cases moderated together: a consortium's, or just this one."""
    items: dict[str, str] = field(default_factory=dict)
    """Sample item → candidate, of this centre."""
    sent: dict[str, list[tuple[str, WorkFile]]] = field(default_factory=dict)
    """Candidate → the documents sent."""
    given: dict[str, int] = field(default_factory=dict)
    """The moderator marks given in the present round, by candidate."""
    found: list[str] = field(default_factory=list)
    """The outcomes found, round by round."""
    final: dict[str, int | None] = field(default_factory=dict)
    """The final mark that our own arithmetic expects, by candidate."""

    @property
    def label(self) -> str:
        """Return the case in words."""
        return f"{self.place[1]} at centre {self.place[0]}"

    @property
    def control_total(self) -> int:
        """Return the sum of all marks."""
        return sum(row.mark or 0 for row in self.sheet.values())


@dataclass(slots=True)
class Stage:
    """The whole journey's state."""

    report: Report
    rehearsal: Rehearsal
    basedata: SeriesBasedata
    basedata_files: dict[str, bytes]
    people: dict[tuple[str, str | None], Client]
    person_ids: dict[tuple[str, str | None], str]
    marker: str
    film: bytes | None
    random: Random
    cases: dict[Place, Case] = field(default_factory=dict)
    uploaded: int = 0
    """How many files have been made, so that types take turns."""
    weights: dict[str, Fraction] = field(default_factory=dict)
    probes: list[bytes] = field(default_factory=list)
    receipts: list[tuple[Client, str, str]] = field(default_factory=list)
    """Who can fetch which receipt, and the public key that it verifies with."""

    @property
    def series(self) -> str:
        """Return the key of the series."""
        return self.rehearsal.series.key

    @property
    def officer(self) -> Client:
        """Return the awarding body's first officer."""
        return self.people["officer A", None]

    @property
    def second_officer(self) -> Client:
        """Return the awarding body's second officer."""
        return self.people["officer B", None]

    @property
    def moderator(self) -> Client:
        """Return the moderator."""
        return self.people["moderator", None]

    @property
    def team_leader(self) -> Client:
        """Return the team leader, who checks the moderator."""
        return self.people["team leader", None]

    @property
    def clerk(self) -> Client:
        """Return the script tracking clerk."""
        return self.people["clerk", None]

    @property
    def second_clerk(self) -> Client:
        """Return the clerk who looks again at what the first decided about scanned pages."""
        return self.people["second clerk", None]

    def exams_officer(self, centre_number: str) -> Client:
        """Return a centre's exams officer."""
        return self.people["exams officer", centre_number]

    def teacher(self, centre_number: str) -> Client:
        """Return a centre's teacher."""
        return self.people["teacher", centre_number]

    def rows(self, name: str) -> list[dict[str, str]]:
        """Return the rows of one of the rehearsal's CSV files."""
        return read_rows(self.rehearsal.files[name])

    def groups(self) -> Iterable[list[Case]]:
        """Give the cases moderated together, each group once."""
        seen: set[Place] = set()
        for place, case in self.cases.items():
            if place not in seen:
                group = [self.cases[other] for other in case.group]
                seen.update(case.group)
                yield group


def read_rows(data: bytes) -> list[dict[str, str]]:
    """Return the rows of a CSV file as any program would read them."""
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def read_sheet(data: bytes) -> dict[str, SheetRow]:
    """Return a centre's marks by candidate number."""
    return {
        row["candidate_number"]: SheetRow(
            row["candidate_number"],
            row["status"].upper(),
            int(row["mark"]) if row["mark"] else None,
            row["teacher"],
        )
        for row in read_rows(data)
    }
