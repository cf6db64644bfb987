"""The languages of the pages: which there are, which one a person reads, and the words of each.

A *language* is a column of this table and a catalog beside this file, ``<code>.po``; English is the language of the sources
and has none. What a catalog does not know is shown in English. ``infra/dev/languages.py`` keeps catalogs in step.
"""

from __future__ import annotations

import gettext
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

CATALOGS = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Language:
    """A language of the pages: its code, what a document in it says of itself, and its name in itself."""

    code: str
    tag: str
    own_name: str
    choice: str
    """What the button says that leads to it, in the language itself."""


ENGLISH = Language("en", "en-GB", "English", "Read this in English")
WELSH = Language("cy", "cy", "Cymraeg", "Darllen hwn yn Gymraeg")
LANGUAGES: Mapping[str, Language] = {one.code: one for one in (ENGLISH, WELSH)}


def choose(persons: str | None, cookies: str | None, untrusted_accepted: str) -> Language:
    """Return the language to show: what the person chose, else what this browser chose, else the first that it accepts.

    Takes: the person's code or None; the cookie's or None; the header ``Accept-Language``.
    Source: project policy; RFC 9110, section 12.5.4, for the header.
    """
    for code in (persons, cookies):
        if code is not None and code in LANGUAGES:
            return LANGUAGES[code]
    return next((LANGUAGES[code] for code in accepted(untrusted_accepted) if code in LANGUAGES), ENGLISH)


def accepted(untrusted_header: str) -> list[str]:
    """Return the languages of an ``Accept-Language`` header without their regions, best first; nonsense is left out."""
    weighed = []
    for place, part in enumerate(untrusted_header[:200].split(",")):
        tag, _, parameter = part.strip().partition(";")
        name, _, value = parameter.strip().partition("=")
        try:
            weight = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            continue
        if 0 < weight <= 1 and tag.strip():
            weighed.append((-weight, place, tag.partition("-")[0].lower()))
    return [code for _, _, code in sorted(weighed)]


def translations(language: Language) -> gettext.NullTranslations:
    """Return the words of a language, read from its catalog; English has none and says every text as it stands."""
    if language is ENGLISH:
        return gettext.NullTranslations()
    with (CATALOGS / f"{language.code}.po").open("rb") as file:
        catalog = read_po(file, locale=language.code)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
