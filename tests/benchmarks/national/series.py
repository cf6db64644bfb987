"""A generated series of national size: centres, entries, marks and what moderators find. The same seed, the same series."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property
from hashlib import sha256
from random import Random
from zlib import crc32

from moderation.entries import Series, SubmissionMode, uci_check_letter
from moderation.marks import MarkFlag, MarkStatus
from moderation.records.entries import CandidateEntries
from moderation.records.imports import BasedataRows, ComponentRow, FileFacts, OptionRow
from moderation.records.reference import ComponentReference, ConsortiumReference
from moderation.records.whole_series_entries import CentreEntries
from moderation.records.whole_series_marking import SeriesWork, WorkMark
from moderation.records.whole_series_marks import SeriesMark

CENTRES = 6000
PROGRAMMES = 40
"""A programme is what a candidate takes: three moderated components in one, two or three options."""
MODERATORS = 300
SIZES: Sequence[tuple[tuple[int, int], int]] = (
    ((0, 0), 10),
    ((1, 1), 30),
    ((2, 5), 220),
    ((6, 14), 330),
    ((15, 15), 60),
    ((16, 16), 60),
    ((17, 26), 225),
    ((27, 55), 56),
    ((100, 100), 3),
    ((101, 101), 3),
    ((200, 200), 2),
    ((201, 201), 1),
)
"""How many candidates of a programme at a centre can be drawn, and how often of a thousand; the edges of bands are in."""
SERIES = Series("99", "6Z", 26)
TOLERANCES = (3, 4, 5, 6)
MAXIMA = (40, 60, 80, 100)


@dataclass(frozen=True, slots=True)
class Placement:
    """A programme at a centre: ``size`` candidates with marks above zero, then ``extra`` absent, lost or with zero."""

    centre_number: str
    programme: int
    first_number: int
    size: int
    extra: int


@dataclass(frozen=True)
class National:
    """The series, or a share of it: ``centres`` of its 6,000."""

    centres: int = CENTRES
    seed: int = 2026

    @cached_property
    def placements(self) -> dict[str, list[Placement]]:
        """Centre → what is taken there."""
        chance = Random(self.seed)
        bands, weights = [band for band, _ in SIZES], [weight for _, weight in SIZES]
        found: dict[str, list[Placement]] = {}
        for index in range(self.centres):
            centre_number = f"{10000 + index:05d}"
            programmes = sorted(chance.sample(range(PROGRAMMES), 3 + (index % 3 == 0)))
            number, placed = 1, []
            for programme, (first, last) in zip(programmes, chance.choices(bands, weights, k=4), strict=False):
                size = chance.randint(first, last)
                extra = 2 if size == 0 else (size + chance.randrange(20)) // 20
                placed.append(Placement(centre_number, programme, number, size, extra))
                number += size + extra
            found[centre_number] = placed
        return found

    @cached_property
    def by_programme(self) -> dict[int, list[Placement]]:
        """Programme → where it is taken."""
        found: dict[int, list[Placement]] = defaultdict(list)
        for placed in self.placements.values():
            for one in placed:
                found[one.programme].append(one)
        return found

    # Reference data

    def basedata(self) -> BasedataRows:
        """Return options, components and their links."""
        places = [(code, parts, programme) for programme in range(PROGRAMMES) for code, parts in options_of(programme)]
        options = [OptionRow(code, code[:4], f"SYNTHETIC OPTION {code}") for code, _, _ in places]
        links = [(code, component_code(programme, part)) for code, parts, programme in places for part in parts]
        components = [
            ComponentRow(
                component_code(programme, part),
                f"SYNTHETIC COMPONENT {programme}/{part + 1}",
                True,
                maximum_of(programme, part),
                submission_mode=SubmissionMode.UPLOAD,
            )
            for programme in range(PROGRAMMES)
            for part in range(3)
        ]
        syllabuses = sorted({(row.syllabus_code, f"SYNTHETIC {row.syllabus_code}") for row in options})
        return BasedataRows(SERIES, syllabuses, options, components, links)

    def references(self) -> Iterator[ComponentReference]:
        """Yield tolerances and weights."""
        for programme in range(PROGRAMMES):
            for part in range(3):
                yield ComponentReference(
                    component_code(programme, part),
                    tolerance_marks=TOLERANCES[(programme + part) % 4],
                    weighted_maximum=Fraction(100, 3) if programme % 2 else Fraction(maximum_of(programme, part)),
                )

    def consortia(self) -> Iterator[ConsortiumReference]:
        """Yield a consortium of two or three neighbours for the first part of every other programme."""
        for programme in range(0, PROGRAMMES, 2):
            there = self.by_programme.get(programme, [])
            members = tuple(one.centre_number for one in there[: 2 + programme % 3])
            if len(members) > 1:
                yield ConsortiumReference(component_code(programme, 0), members[0], members)

    def boundaries(self) -> Iterator[tuple[str, str, int]]:
        """Yield four grades for each option."""
        for programme in range(PROGRAMMES):
            for code, parts in options_of(programme):
                whole = sum(100 // 3 if programme % 2 else maximum_of(programme, part) for part in parts)
                for grade, share in (("A", 80), ("B", 65), ("C", 50), ("D", 35)):
                    yield code, grade, max(1, whole * share // 100)

    def allocations(self) -> Iterator[tuple[str, str, str]]:
        """Yield (moderator, component, centre)."""
        for placed in self.placements.values():
            for one in placed:
                for part in range(3):
                    code = component_code(one.programme, part)
                    yield moderator_of(code, one.centre_number), code, one.centre_number

    # Entries and marks

    def entries(self) -> Iterator[CentreEntries]:
        """Yield the entry file of each centre."""
        for centre_number, placed in self.placements.items():
            rows = []
            for one in placed:
                codes = tuple(code for code, _ in options_of(one.programme))
                for number in range(one.first_number, one.first_number + one.size + one.extra):
                    twelve = f"{centre_number}0{SERIES.year:02d}{number:04d}"
                    rows.append(
                        CandidateEntries(
                            f"{number:04d}",
                            f"SURNAME {crc32(twelve.encode()) % 9973}",
                            f"FORENAME {number % 997}",
                            twelve + uci_check_letter(twelve),
                            codes,
                            sex="FM"[number % 2],
                            born_on=date(2008, 1 + number % 12, 1 + number % 28),
                            uln=f"{crc32(twelve.encode()):010d}",
                            status="CP"[number % 50 == 0],
                            flags=tuple("X"[: number % 3 == 0] for _ in codes),
                        )
                    )
            digest = sha256(centre_number.encode()).hexdigest()
            yield CentreEntries(centre_number, rows, FileFacts("E", f"E{centre_number}.X01", digest, 512, 1))

    def marks(self, code: str) -> Iterator[SeriesMark]:
        """Yield the centres' marks for a component."""
        programme, part = programme_of(code)
        maximum = maximum_of(programme, part)
        for one in self.by_programme.get(programme, ()):
            yield from _marks(one, code, maximum, self.seed)


def _marks(one: Placement, code: str, maximum: int, seed: int) -> Iterator[SeriesMark]:
    chance = Random(crc32(f"{seed} {code} {one.centre_number}".encode()))
    middle, width = chance.randint(maximum // 3, 3 * maximum // 4), maximum // 3
    if chance.random() < 0.01:
        width = 0  # everybody has the same mark
    sets = 1 + one.size // 12
    for index in range(one.size):
        mark = middle + (chance.randrange(width + 1) + chance.randrange(width + 1) - width if width else 0)
        flags = (MarkFlag.PARENTAL_INTEREST.value,) if chance.random() < 0.002 else ()
        yield SeriesMark(
            one.centre_number,
            f"{one.first_number + index:04d}",
            min(maximum, max(1, mark)),
            None,
            f"SET {index % sets + 1}" if sets > 1 else "",
            flags,
        )
    for index in range(one.size, one.size + one.extra):
        number = f"{one.first_number + index:04d}"
        kind = chance.randrange(4)
        if kind == 3 and one.size:
            yield SeriesMark(one.centre_number, number, min(maximum, middle), MarkStatus.LOST)
        elif kind == 2:
            yield SeriesMark(one.centre_number, number, 0, None)
        else:
            yield SeriesMark(one.centre_number, number, None, MarkStatus.ABSENT)


# What moderators find

LENIENT, DISORDERED = 140, 143
"""Of a thousand cases so many are outside tolerance on a line, and then up to here in no order at all."""


def moderated(code: str, centre_number: str, centre_mark: int, seed: int) -> int:
    """Return the moderator's mark for a work: most centres are within tolerance, some lenient or severe, few without order."""
    programme, part = programme_of(code)
    maximum, tolerance = maximum_of(programme, part), TOLERANCES[(programme + part) % 4]
    fate = crc32(f"{seed} {code} {centre_number}".encode())
    kind, noise = fate % 1000, crc32(f"{fate} {centre_mark}".encode())
    if kind < LENIENT:
        shift = tolerance + 2 + fate // 1000 % 4
        mark = (centre_mark * (92 + fate // 7000 % 9) + 50) // 100 + (-shift if fate & 1 else shift) + noise % 3 - 1
    elif kind < DISORDERED:
        mark = noise % (maximum + 1)
    else:
        mark = centre_mark + noise % (tolerance + 1) - tolerance // 2
    return min(maximum, max(0, mark))


def marks_for(series: National, code: str, works: Sequence[SeriesWork]) -> Iterator[WorkMark]:
    """Yield the moderators' marks for works of a component."""
    for work in works:
        mark = moderated(code, work.centre_number, work.centre_mark, series.seed)
        yield WorkMark(work.item_id, mark, moderator_of(code, work.centre_number))


# Rules and codes


def rules() -> bytes:
    """Return a rules file that spares the body of this series the check by a team leader, which is a person's work."""
    policy = {
        "policy_id": "national",
        "version": 1,
        "title": "Synthetic body",
        "discordant_share": "1/20",
        "correlation": "9/10",
        "team_leader_check": "never",
        "disclosure": "differences",
        "sample_working_days": 3,
        "reminder_working_days": [],
        "source": "invented for a benchmark",
        "verified": False,
    }
    assignment = {"awarding_body": SERIES.awarding_body, "policy_id": "national"}
    content = {"format": "nea-rules/1", "profiles": [], "policies": [policy], "assignments": [assignment]}
    return json.dumps(content).encode()


def options_of(programme: int) -> list[tuple[str, tuple[int, ...]]]:
    """Return the options of a programme with the parts of each: one of three, two and one, or three of one."""
    groups = (((0, 1, 2),), ((0, 1), (2,)), ((0,), (1,), (2,)))[programme % 3]
    return [(f"N{programme:03d}{'ABC'[index]}", parts) for index, parts in enumerate(groups)]


def component_code(programme: int, part: int) -> str:
    """Return the code of a component, e.g. ``N007/02``."""
    return f"N{programme:03d}/{part + 1:02d}"


def programme_of(code: str) -> tuple[int, int]:
    """Return the programme and part of a component's code."""
    return int(code[1:4]), int(code[5:]) - 1


def maximum_of(programme: int, part: int) -> int:
    """Return the maximum mark of a component."""
    return MAXIMA[(programme * 3 + part) % 4]


def moderator_of(code: str, centre_number: str) -> str:
    """Return who moderates a component at a centre."""
    return f"moderator-{crc32(f'{code} {centre_number}'.encode()) % MODERATORS:03d}"
