"""Invented candidates with valid identifiers; no name is that of a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from moderation.entries import uci_check_letter

SURNAMES = ("EXAMPLE", "SAMPLE", "SPECIMEN", "PATTERN", "MODEL", "TEMPLATE", "SKETCH", "OUTLINE", "DRAFT", "FIGURE")
FORENAMES = (
    ("ADA", "F"),
    ("BEN", "M"),
    ("CARA", "F"),
    ("DAN", "M"),
    ("EVA", "F"),
    ("FINN", "M"),
    ("GRACE", "F"),
    ("HUGH", "M"),
    ("IVY", "F"),
    ("JACK", "M"),
    ("KAY", "F"),
    ("LEO", "M"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """An invented candidate of a centre."""

    candidate_number: str
    surname: str
    forenames: str
    sex: str
    born_on: date
    uci: str
    uln: str


def invent(centre_number: str, number: int, year: int, random: Random) -> Person:
    """Return the candidate with this number; ``year`` is that of the series, two digits."""
    forename, sex = random.choice(FORENAMES)
    born_on = date(2000 + year - 18, 9, 1) + timedelta(days=random.randrange(365))
    return Person(
        f"{number:04d}",
        random.choice(SURNAMES),
        f"{forename} TEST",
        sex,
        born_on,
        uci_of(centre_number, year - 2, number),
        uln_of(int(centre_number) % 1000, number),
    )


def uci_of(centre_number: str, year: int, number: int) -> str:
    """Return the unique candidate identifier of a UK candidate first entered in a two-digit year."""
    body = f"{centre_number}0{year % 100:02d}{number:04d}"
    return body + uci_check_letter(body)


def uln_of(centre: int, number: int) -> str:
    """Return a valid unique learner number of the invented range 9…; each centre and number has its own.

    Source: Learning Records Service, weights 10 to 2, modulo 11; a remainder of 0 is never issued.
    """
    for extra in range(10):
        body = f"9{extra}{centre % 1000:03d}{number % 10_000:04d}"
        remainder = sum(int(digit) * weight for digit, weight in zip(body, range(10, 1, -1), strict=True)) % 11
        if remainder:
            return f"{body}{10 - remainder}"
    raise ValueError("no learner number can be made of these numbers")
