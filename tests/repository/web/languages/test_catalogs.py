"""Every text of the pages can be translated, catalogs hold them all, and a translation says no less and no more."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from repository.web.languages import CATALOGS, ENGLISH, LANGUAGES

ROOT = Path(__file__).resolve().parents[4]
TEMPLATES = ROOT / "repository" / "web" / "templates"
CODES = sorted(set(LANGUAGES) - {ENGLISH.code})
JINJA = re.compile(r"\{#.*?#\}|\{% *trans\b.*?endtrans *%\}|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
PLACEHOLDER = re.compile(r"%\(\w+\)s|%%")
TAG = re.compile(r"<[^>]+>")
WORD = re.compile(r"[^\W\d_]{2}")
SAID = ("alt", "aria-label", "placeholder", "title")
NOT_WORDS = re.compile(r"app-[a-z-]+|/[a-z/?=]*|aria-describedby=\W*")
"""What stands outside of tags and is read by nobody: names of styles in the block container_class, addresses, attributes."""
ONE_LANGUAGE = frozenset({"NEA Repository", "GOV.UK"})


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("languages_tool", ROOT / "infra" / "dev" / "languages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Words(HTMLParser):
    """The words of a template that stand in no ``_()``."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in {"script", "style"}
        self.found += [value for name, value in attrs if name in SAID and value and WORD.search(value)]

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        for line in data.splitlines():
            said = line.strip(" ·")
            if not self.silent and WORD.search(said) and said not in ONE_LANGUAGE and not NOT_WORDS.fullmatch(said):
                self.found.append(said)


def translated(code: str) -> Iterator[Message]:
    with (CATALOGS / f"{code}.po").open("rb") as file:
        yield from (one for one in read_po(file, locale=code) if one.id and one.string and any(forms(one.string)))


def forms(words: object) -> tuple[str, ...]:
    return tuple(str(one) for one in words) if isinstance(words, list | tuple) else (str(words),)


@pytest.mark.parametrize(
    "path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.relative_to(TEMPLATES).as_posix()
)
def test_a_template_says_no_words_but_by_the_translation(path: Path) -> None:
    reader = Words()
    reader.feed(JINJA.sub("·", path.read_text("utf-8")))
    assert reader.found == []


def test_words_outside_the_translation_are_found() -> None:
    reader = Words()
    reader.feed(JINJA.sub("·", "<p>{{ _('said') }} unsaid</p><a title=\"{{ x }} more\">{% if y %}again{% endif %}</a>"))
    assert reader.found == ["unsaid", "· more", "again"]


@pytest.mark.parametrize("code", CODES)
def test_a_catalog_holds_every_text_of_the_sources_and_no_other(code: str) -> None:
    """`infra/dev/languages.py` brings it up."""
    kept = tool()
    assert (CATALOGS / f"{code}.po").read_bytes() == kept.brought_up(code, kept.of_sources())


@pytest.mark.parametrize("code", CODES)
def test_a_translation_has_the_placeholders_and_the_markup_of_its_text(code: str) -> None:
    seen = 0
    for message in translated(code):
        wanted = {name for form in forms(message.id) for name in PLACEHOLDER.findall(form)}
        tags = sorted(TAG.findall(forms(message.id)[0]))
        for form in filter(None, forms(message.string)):
            seen += 1
            assert set(PLACEHOLDER.findall(form)) == wanted, message.id
            assert sorted(TAG.findall(form)) == tags, message.id
            # Texts stand in attributes too, as they are.
            assert '"' not in TAG.sub("", form), message.id
    assert seen > 300
