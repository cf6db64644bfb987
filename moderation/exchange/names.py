"""Names in files that carry plain ASCII only: the published table of letters, and what becomes of a name too long.

Source: project policy: names are kept with their accents; a file gets what the table gives, and what the table lacks is
refused, never replaced by a question mark; a name is never cut without a person's word.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

NAME_LIMIT_CHARACTERS = 40
"""``SURNAME:Forenames``, colon included."""

TRANSLITERATION: Mapping[str, str] = {
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
    "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ħ": "h", "Ħ": "H", "ı": "i", "ŋ": "n", "Ŋ": "N",
    "‘": "'", "’": "'", "ʼ": "'", "´": "'", "“": '"', "”": '"', "‐": "-", "‑": "-", "–": "-", "—": "-", "\u00a0": " ",
}  # fmt: skip
"""What losing its accents does not explain. All other Latin letters lose them: é → e, Å → A, ş → s, ệ → e."""


class NameTooLong(ValueError):
    """A name does not fit; ``proposal`` is shorter, and a person has to confirm it. The text of the error names nobody."""

    def __init__(self, candidate_number: str, length: int, proposal: str) -> None:
        self.candidate_number = candidate_number
        self.proposal = proposal
        super().__init__(
            f"the name of candidate {candidate_number} has {length} characters; {NAME_LIMIT_CHARACTERS} fit. "
            "Confirm a shorter one"
        )


def to_ascii(text: str) -> str:
    """Return a name as the file can carry it, by a fixed table; raises ``ValueError`` for what the table lacks."""
    if text.isascii():
        return text
    plain = "".join(TRANSLITERATION.get(c, c) for c in unicodedata.normalize("NFC", text))
    plain = "".join(c for c in unicodedata.normalize("NFD", plain) if not unicodedata.combining(c))
    if not plain.isascii():
        missing = next(c for c in plain if not c.isascii())
        raise ValueError(f"the character U+{ord(missing):04X} has no ASCII form in the published table")
    return plain


def file_form(surname: str, forenames: str) -> str:
    """Return a name as one field, ``SURNAME:Forenames``; raises ``ValueError`` for what no file can carry."""
    if ":" in surname:
        raise ValueError("a surname cannot hold a colon, which ends it")
    return to_ascii(f"{surname}:{forenames}")


def shortened(name: str, limit: int = NAME_LIMIT_CHARACTERS) -> str:
    """Return the shortening of a field ``SURNAME:Forenames`` that is proposed to a person.

    Forenames after the first become initials, from the last on; then they are left out; then the first becomes an
    initial; only then the surname loses its end.
    Source: project policy; no published rule exists.
    """
    surname, _, given = name.partition(":")
    forenames = given.split()
    for place in range(len(forenames) - 1, 0, -1):
        if _length(surname, forenames) <= limit:
            break
        forenames[place] = forenames[place][0]
    while len(forenames) > 1 and _length(surname, forenames) > limit:
        forenames.pop()
    if forenames and _length(surname, forenames) > limit:
        forenames[0] = forenames[0][0]
    rest = " ".join(forenames)
    return f"{surname[: limit - 1 - len(rest)]}:{rest}".strip()


def _length(surname: str, forenames: list[str]) -> int:
    return len(surname) + 1 + len(" ".join(forenames))
