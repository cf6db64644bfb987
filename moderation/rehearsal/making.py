"""The files of a rehearsal: entries, marks, reference data and the moderator's marks of an invented series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from random import Random
from types import MappingProxyType

from moderation.entries import Series, SubmissionMode
from moderation.exchange.basedata import SeriesBasedata
from moderation.exchange.entry_files import EntryRecord, write_entries
from moderation.exchange.marks_csv import MarkSheetRow, write_marks_csv
from moderation.exchange.reference_csv import (
    Boundary,
    CentreName,
    ComponentSetting,
    ConsortiumGroup,
    ExternalMark,
    ModeratorMark,
    write_boundaries_csv,
    write_centres_csv,
    write_components_csv,
    write_consortia_csv,
    write_external_marks_csv,
    write_moderator_marks_csv,
)
from moderation.marks import MarkStatus
from moderation.rehearsal.choice import Choice, Part, Route, choose, parts_of
from moderation.rehearsal.cohorts import Judged, Profile, judge
from moderation.rehearsal.people import Person, invent
from moderation.sampling import DEFAULT_PROFILE_ID

CENTRES_LIMIT = 900
GRADES = (("A*", 85), ("A", 75), ("B", 65), ("C", 55), ("D", 45), ("E", 35))
"""Grades and the per cent of the weighted maximum at which each begins; invented."""

FIRST_PROFILES = (Profile.ACCURATE, Profile.LENIENT, Profile.DISORDERED)
_LATER_PROFILES = (*[Profile.ACCURATE] * 6, *[Profile.LENIENT] * 3, Profile.DISORDERED)
_CENTRE_WORDS = ("SPECIMEN", "PATTERN", "MODEL", "TEMPLATE", "SAMPLE", "EXAMPLE", "OUTLINE", "DRAFT")
_CENTRE_KINDS = ("SCHOOL", "ACADEMY", "COLLEGE")


@dataclass(frozen=True, slots=True)
class RehearsedCase:
    """A case that the files lead to, and how its centre marks."""

    centre_number: str
    component_code: str
    mode: SubmissionMode
    profile: Profile


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """An invented series: its files by name, and what is in them.

    ``assumed_maxima`` are the components for which the basedata has maximum 000 although marks arrive for them: the
    maximum that the marks of this rehearsal are out of, entered by ``components.csv``.
    """

    series: Series
    files: Mapping[str, bytes]
    centre_numbers: tuple[str, ...]
    cases: tuple[RehearsedCase, ...]
    consortia: tuple[ConsortiumGroup, ...]
    moderator_marks: tuple[ModeratorMark, ...]
    candidates_total: int
    assumed_maxima: Mapping[str, int]


@dataclass(slots=True)
class _Candidate:
    person: Person
    centre_number: str
    routes: list[Route]
    teaching_set: str
    kind: str  # "work", "absent", "zero" or "carried"
    ability: int  # per cent

    @property
    def number(self) -> str:
        return self.person.candidate_number


def make(basedata: SeriesBasedata, *, centres: int, seed: int) -> Rehearsal:
    """Return the files of a rehearsal of this series; the same arguments give the same bytes.

    Takes: ``centres``, 1 to 900; the first three mark accurately, leniently and out of order; with 4 or more there is
    a postal one and a consortium of two, with 6 or more a centre of over 100 candidates.
    Raises: ``ValueError`` for another number of centres, or a series without an option for upload.
    """
    if not 1 <= centres <= CENTRES_LIMIT:
        raise ValueError(f"the number of centres is from 1 to {CENTRES_LIMIT}")
    random = Random(seed)
    choice = choose(basedata)
    numbers = tuple(f"99{index:03d}" for index in range(1, centres + 1))
    visited = frozenset({2, 4} if centres == 4 else {2, 7})
    cohort = [
        one
        for index, number in enumerate(numbers, 1)
        for one in _cohort(index, number, choice, basedata, random, visited)
    ]
    profiles = {
        number: FIRST_PROFILES[index] if index < 3 else random.choice(_LATER_PROFILES)
        for index, number in enumerate(numbers)
    }
    consortia = _consortia(numbers, choice)
    for group in consortia:
        if group.component_code in {part.component_code for part in choice.upload.moderated}:
            profiles.update(dict.fromkeys(group.member_centre_numbers, Profile.ACCURATE))
    files: dict[str, bytes] = {}
    _add_entries(files, basedata.series, numbers, cohort)
    cases, moderated = _add_marks(files, basedata.series, cohort, profiles, consortia, random)
    known = {component.code: component.maximum_mark for component in basedata.components}
    assumed = {code: part.maximum_mark for code, (part, _) in parts_of(choice.routes).items() if not known[code]}
    _add_reference(files, basedata, choice, numbers, consortia, assumed)
    series = basedata.series
    external = _external_marks(cohort, random)
    files["external_marks.csv"] = write_external_marks_csv(external, series=series)
    files["moderator_marks.csv"] = write_moderator_marks_csv(moderated)
    return Rehearsal(
        series,
        MappingProxyType(files),
        numbers,
        tuple(cases),
        consortia,
        tuple(moderated),
        len(cohort),
        MappingProxyType(assumed),
    )


# Candidates


def _cohort(
    index: int, centre_number: str, choice: Choice, basedata: SeriesBasedata, random: Random, visited: frozenset[int]
) -> list[_Candidate]:
    """Return the candidates of a centre: its main route, and some carried forward, absent, worth nothing, on visit."""
    main = choice.postal if index == 4 and choice.postal is not None else choice.upload
    carried = choice.carried_forward
    size = random.randint(18, 22) if index <= 3 else _size(random)
    if index == 6:
        # A large centre, so that the sample of a group of more than 100 is rehearsed too.
        size = random.randint(101, 120)
    sets = ("SET A", "SET B", "SET C")[: 1 + size // 10]
    made = []
    for position in range(1, size + 1):
        person = invent(centre_number, 1000 + position, basedata.series.year, random)
        kind = "work"
        if size >= 8 and position == size:
            kind = "absent"
        elif size >= 8 and position == size - 1 and index % 2:
            kind = "zero"
        elif size >= 8 and position == size - 2 and carried is not None:
            kind = "carried"
        route = carried if kind == "carried" and carried is not None else main
        teaching_set = sets[position % len(sets)]
        made.append(_Candidate(person, centre_number, [route], teaching_set, kind, random.randint(30, 95)))
    if choice.visit is not None and index in visited:
        for one in made[: min(6, size)]:
            one.routes.append(choice.visit)
    return made


def _size(random: Random) -> int:
    # Most centres are small and a few are large: the smallest of three draws.
    return min(random.randint(3, 120) for _ in range(3))


def _consortia(numbers: Sequence[str], choice: Choice) -> tuple[ConsortiumGroup, ...]:
    """Return the consortium of two: for the upload component, or with four centres for the one moderated by visit.

    With four centres each upload centre shows an outcome of its own and the fourth posts, so none is free to pair up.
    """
    if len(numbers) >= 6:
        route, pair = choice.upload, (numbers[4], numbers[5])
    elif len(numbers) == 5:
        route, pair = choice.upload, (numbers[0], numbers[4])
    elif len(numbers) == 4 and choice.visit is not None:
        route, pair = choice.visit, (numbers[1], numbers[3])
    else:
        return ()
    return tuple(ConsortiumGroup(part.component_code, pair[0], pair) for part in route.moderated)


# Files


def _add_entries(files: dict[str, bytes], series: Series, numbers: Sequence[str], cohort: Sequence[_Candidate]) -> None:
    written_on = date(2000 + series.year, 2, 14)
    for number in numbers:
        entries = [_entry(one) for one in cohort if one.centre_number == number]
        name, data = write_entries(series, number, entries, written_on=written_on)
        files[name] = data


def _entry(one: _Candidate) -> EntryRecord:
    person = one.person
    return EntryRecord(
        person.candidate_number,
        person.surname,
        person.forenames,
        person.uci,
        tuple(route.option_code for route in one.routes),
        sex=person.sex,
        born_on=person.born_on,
        uln=person.uln,
    )


def _add_marks(
    files: dict[str, bytes],
    series: Series,
    cohort: Sequence[_Candidate],
    profiles: Mapping[str, Profile],
    consortia: Sequence[ConsortiumGroup],
    random: Random,
) -> tuple[list[RehearsedCase], list[ModeratorMark]]:
    by_case: dict[tuple[str, str], list[_Candidate]] = defaultdict(list)
    parts: dict[str, tuple[Part, SubmissionMode, Route]] = {}
    for one in cohort:
        for route in one.routes:
            for part in route.moderated:
                by_case[part.component_code, one.centre_number].append(one)
                parts[part.component_code] = (part, route.mode, route)
    cases, moderator = [], []
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    leads = {
        (one.component_code, member): one.lead_centre_number
        for one in consortia
        for member in one.member_centre_numbers
    }
    for code, number in sorted(by_case):
        groups[code, leads.get((code, number), number)].append(number)
    for (code, lead), members in sorted(groups.items()):
        part, mode, route = parts[code]
        profile = profiles[lead] if mode is SubmissionMode.UPLOAD else Profile.ACCURATE
        places = [
            (number, one.number, one.teaching_set)
            for number in members
            for one in by_case[code, number]
            if one.kind not in {"absent", "zero"} or one.routes[0] is not route
        ]
        judged = judge(places, profile, part.maximum_mark, part.tolerance_marks, random)
        works = {(work.centre_number, work.candidate_number): work for work in judged}
        moderator += [ModeratorMark(w.centre_number, code, w.candidate_number, w.moderator_mark) for w in judged]
        for number in members:
            cases.append(RehearsedCase(number, code, mode, profile))
            rows = [_sheet_row(one, route, works.get((number, one.number))) for one in by_case[code, number]]
            files[f"marks_{number}_{code.replace('/', '-')}.csv"] = write_marks_csv(
                rows, series=series, centre_number=number, component_code=code
            )
    return cases, sorted(moderator, key=lambda row: (row.centre_number, row.component_code, row.candidate_number))


def _sheet_row(one: _Candidate, route: Route, work: Judged | None) -> MarkSheetRow:
    if work is not None:
        mark, status = work.centre_mark, MarkStatus.PRESENT
    elif one.kind == "zero":
        mark, status = 0, MarkStatus.PRESENT
    else:
        return _row(one, route, None, MarkStatus.ABSENT)
    return _row(one, route, mark, status)


def _row(one: _Candidate, route: Route, mark: int | None, status: MarkStatus) -> MarkSheetRow:
    return MarkSheetRow(
        one.number,
        one.person.uci,
        one.person.surname,
        one.person.forenames,
        route.option_code,
        mark,
        status,
        one.teaching_set,
    )


def _external_marks(cohort: Sequence[_Candidate], random: Random) -> list[ExternalMark]:
    """Return a mark of each candidate for each component that is not moderated here; a mark for shared ones once."""
    rows: dict[tuple[str, str, str], ExternalMark] = {}
    for one in cohort:
        for route in one.routes:
            for part in route.parts:
                if part.moderated:
                    continue
                key = (part.component_code, one.centre_number, one.number)
                percent = min(100, max(0, one.ability + random.randint(-12, 12)))
                mark = (part.maximum_mark * percent + 50) // 100
                status = MarkStatus.CARRIED_FORWARD if part.carried_forward else MarkStatus.PRESENT
                rows.setdefault(key, ExternalMark(*key, mark, status))
    return [rows[key] for key in sorted(rows)]


def _add_reference(
    files: dict[str, bytes],
    basedata: SeriesBasedata,
    choice: Choice,
    numbers: Sequence[str],
    consortia: Sequence[ConsortiumGroup],
    assumed: Mapping[str, int],
) -> None:
    series = basedata.series
    settings = [
        ComponentSetting(
            code,
            _mode_of(part, route),
            part.tolerance_marks if part.moderated else None,
            part.weighted_maximum,
            DEFAULT_PROFILE_ID if part.moderated else None,
            assumed.get(code),
        )
        for code, (part, route) in sorted(parts_of(choice.routes).items())
    ]
    boundaries = [
        Boundary(route.option_code, grade, int(sum(part.weighted_maximum for part in route.parts)) * percent // 100)
        for route in choice.routes
        for grade, percent in GRADES
    ]
    names = [
        CentreName(number, f"{_CENTRE_WORDS[i % len(_CENTRE_WORDS)]} {_CENTRE_KINDS[i % len(_CENTRE_KINDS)]} {number}")
        for i, number in enumerate(numbers)
    ]
    files["components.csv"] = write_components_csv(settings, series=series)
    files["boundaries.csv"] = write_boundaries_csv(boundaries, series=series)
    files["consortia.csv"] = write_consortia_csv(consortia, series=series)
    files["centres.csv"] = write_centres_csv(names)


def _mode_of(part: Part, route: Route) -> SubmissionMode:
    if part.moderated:
        return route.mode
    return SubmissionMode.CARRIED_FORWARD if part.carried_forward else SubmissionMode.NONE
