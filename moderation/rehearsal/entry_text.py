"""Entry files of invented candidates: JCQ EDI type E, version 14.

Source: JCQ formats for the exchange of examination related data, version 14; record positions as implementations agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from moderation.entries import Series
from moderation.rehearsal.people import Person

RECORD_CHARACTERS = 192
SLOTS = 12


@dataclass(frozen=True, slots=True)
class Entered:
    """An invented candidate and the options entered for, at most twelve."""

    person: Person
    option_codes: tuple[str, ...]


def entry_file(series: Series, centre_number: str, candidates: Sequence[Entered]) -> bytes:
    """Return the first entry file of a centre for a series."""
    place = f"{centre_number}{series.awarding_body}{series.code}{series.year:02d}"
    records = [f"E1{place}SOPENNEA10014", f"E3{place}001ZZ99 9ZZ"]
    records += [_candidate(centre_number, one) for one in candidates]
    records.append(f"E7{centre_number}{len(records):07d}0101{series.year:02d}")
    records.append(f"E9{centre_number}{len(records) + 1:07d}0000001")
    return "".join(f"{record:<{RECORD_CHARACTERS}}\r\n" for record in records).encode("ascii")


def _candidate(centre_number: str, one: Entered) -> str:
    person = one.person
    name = f"{person.surname}:{person.forenames}"
    if len(name) > 40 or len(one.option_codes) > SLOTS:
        raise ValueError("the name or the number of entries does not fit the record")
    slots = "".join(f"{code:<7}" for code in one.option_codes)
    born = person.born_on.strftime("%d%m%y")
    numbers = f"{person.uci:<13}{'':13}{person.uln:<10}{'':13}"
    return f"E5C{centre_number}{person.candidate_number}{name:<40}{person.sex}{born}{numbers}{slots}"
