"""Which passwords are taken: long enough, and not one that anybody would try first. Pure rules.

Source: NIST SP 800-63B-4 (length, a list of what is tried first, no rules of composition, no change by the calendar);
OWASP ASVS 5.0 §6.2. The lengths are project policy. Two lists: the 30,000 passwords that are met most often, from the
package ``zxcvbn``, and our own words of schools and examinations (``common_passwords.txt``), each in the usual forms.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from repository.errors import FieldRefused

LONGEST = 128
SHORTEST_ALONE = 15
SHORTEST_WITH_SECOND_FACTOR = 8
OURS = ("nea", "repository", "school", "college", "academy", "centre", "exam", "exams", "examination", "office", "officer",
        "teacher", "moderator", "coursework", "gcse", "alevel", "results", "sample", "marks")  # fmt: skip
"""Words of the place itself: with digits and signs around them they are the first guess."""
MOST_AROUND = 8
"""So many digits and signs around a common word leave it a common word; more of them are a number to be guessed."""
LEAST_REST = 4
"""So many letters must be left when all that is guessed first is taken away."""
_LIKE_LETTERS = str.maketrans(
    {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i"}
)
_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop",
         "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p")  # fmt: skip
_RUN = 4


def require_good(password: str, *, second_factor: bool, context: Iterable[str] = (), field: str = "password") -> None:
    """Refuse a password that is too short, too long, or guessed first; it is looked at exactly as it was typed.

    Takes: whether a ``second_factor`` is always shown with it; the ``context``: the person's name and sign-in name, the
    school, the centre number.
    Raises: ``FieldRefused`` naming the field, with what to do.
    """
    shortest = SHORTEST_WITH_SECOND_FACTOR if second_factor else SHORTEST_ALONE
    if len(password) < shortest:
        raise FieldRefused(
            f"The password must be at least {shortest} characters. Three or four words that do not belong together are good.",
            field=field,
        )
    if len(password) > LONGEST:
        raise FieldRefused(f"The password must be {LONGEST} characters or fewer.", field=field)
    if is_common(password):
        raise FieldRefused(
            "This password is among those that are tried first. Choose another: digits and signs at the end do not help.",
            field=field,
        )
    if is_of_the_place(password, context):
        raise FieldRefused(
            "This password is made of your name, your school or words of this service. Choose another.", field=field
        )


def is_common(password: str) -> bool:
    """Return whether a password is a common word in one of its usual forms, a run of keys, or one thing repeated."""
    plain = password.casefold()
    forms = {plain, plain.translate(_LIKE_LETTERS)}
    cores = {_core(form) for form in forms} | {_core(plain).translate(_LIKE_LETTERS)}
    if any(core in _common() or _once(core) in _common() or _without_runs(core) == "" for core in cores | forms):
        return True
    return len(set(plain)) < 4


def is_of_the_place(password: str, context: Iterable[str]) -> bool:
    """Return whether little is left of a password without the words of the place and the person."""
    words = {*OURS}
    for text in context:
        words |= {word for word in re.split(r"[\W_]+", text.casefold()) if len(word) >= 3}
    rest = password.casefold()
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, " ")
    return len(re.sub(r"[\W\d_]", "", rest)) < LEAST_REST and rest != password.casefold()


def _core(text: str) -> str:
    """Without what people put around a word: digits and signs, and all signs between."""
    text = re.sub(r"[\s._-]", "", text)
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text)
    return core if core and len(text) - len(core) <= MOST_AROUND else text


def _once(text: str) -> str:
    """``passwordpassword`` as ``password``."""
    for length in range(1, len(text) // 2 + 1):
        if len(text) % length == 0 and text[:length] * (len(text) // length) == text:
            return text[:length]
    return text


def _without_runs(text: str) -> str:
    """Take away runs along the alphabet and the rows of a keyboard, forwards and backwards, and repeated letters."""
    text = re.sub(r"(.)\1{2,}", "", text)
    for row in _ROWS:
        for way in (row, row[::-1]):
            for length in range(len(way), _RUN - 1, -1):
                for start in range(len(way) - length + 1):
                    text = text.replace(way[start : start + length], "")
    return text


@cache
def _common() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # a megabyte, for the few moments when a password is chosen

    text = files("repository.sign_in").joinpath("common_passwords.txt").read_text(encoding="utf-8")
    own = {line for line in text.splitlines() if line and not line.startswith("#")}
    return frozenset(own.union(FREQUENCY_LISTS["passwords"]))
