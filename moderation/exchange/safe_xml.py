"""XML from strangers, read without anything that XML can do to a reader: no DTD, no entities, bounded in every direction.

The parser is the standard library's expat with everything forbidden that reaches outside the document or makes a small
one large. A document is handed over in small trees, so that a long one is never in memory as a whole.
Source: project policy, A2C-like files: no DTD, no external entities, limits of size and depth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from moderation.exchange.lines import Field, Findings

SIZE_LIMIT_BYTES = 64 * 1024 * 1024
DEPTH_LIMIT = 16
ELEMENTS_LIMIT = 3_000_000
TEXT_LIMIT_CHARACTERS = 1_000
ATTRIBUTES_LIMIT = 16
_CHUNK_BYTES = 64 * 1024
_SPACE = "\n"
"""What expat puts between namespace and name: no namespace can hold a line end."""


@dataclass(slots=True)
class Element:
    """An element with its own text and its children; names in our namespace are plain, others ``{namespace}name``."""

    name: str
    line: int
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def first(self, *path: str) -> str:
        """Return the text of the first element at a path below this one, or nothing."""
        here: Element | None = self
        for name in path:
            here = next((child for child in here.children if child.name == name), None) if here else None
        return here.text.strip() if here else ""

    def every(self, name: str) -> Iterator[Element]:
        """Yield the children of a name."""
        return (child for child in self.children if child.name == name)


class _Refused(Exception):
    """Parsing ends here; the fault is noted."""


@dataclass(slots=True)
class _Reading:
    """What one parser knows while it reads."""

    findings: Findings
    namespace: str
    root: str
    is_whole: Callable[[tuple[str, ...]], bool]
    path: list[str] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)
    ready: list[tuple[tuple[str, ...], Element]] = field(default_factory=list)
    elements: int = 0

    def refuse(self, parser: expat.XMLParserType, code: str, message: str, remedy: str) -> None:
        column = parser.CurrentColumnNumber + 1
        place = Field("/".join(self.path), column, column)
        self.findings.error(code, parser.CurrentLineNumber, place, message, remedy)
        raise _Refused

    def begin(self, parser: expat.XMLParserType, name: str, attributes: list[str]) -> None:
        self.elements += 1
        space, _, local = name.rpartition(_SPACE)
        plain = local if space == self.namespace else f"{{{space}}}{local}"
        if not self.path and plain != self.root:
            self.refuse(
                parser,
                "wrong-root",
                f"The document is not {self.root} of {self.namespace}.",
                "Check it is the right file.",
            )
        self.path.append(plain)
        for counted, limit, what in (
            (len(self.path), DEPTH_LIMIT, "deep"),
            (self.elements, ELEMENTS_LIMIT, "long"),
            (len(attributes) // 2, ATTRIBUTES_LIMIT, "wide"),
        ):
            if counted > limit:
                self.refuse(parser, f"too-{what}", f"The document is too {what}: over {limit}.", "Send it in parts.")
        if self.open or self.is_whole(tuple(self.path)):
            element = Element(plain, parser.CurrentLineNumber)
            if self.open:
                self.open[-1].children.append(element)
            self.open.append(element)

    def end(self, _name: str) -> None:
        if self.open:
            element = self.open.pop()
            if not self.open:
                self.ready.append((tuple(self.path), element))
        self.path.pop()

    def text(self, parser: expat.XMLParserType, words: str) -> None:
        if self.open:
            element = self.open[-1]
            element.text += words
            if len(element.text) > TEXT_LIMIT_CHARACTERS:
                self.refuse(parser, "text-too-long", "The text is over 1,000 characters.", "Check the element.")


def trees(
    data: bytes, findings: Findings, *, namespace: str, root: str, is_whole: Callable[[tuple[str, ...]], bool]
) -> Iterator[tuple[tuple[str, ...], Element]]:
    """Yield the parts of a document in its order, path and tree each; faults are noted and end the reading.

    Takes: ``is_whole``, whether the element at a path is handed over as one tree.
    """
    if len(data) > SIZE_LIMIT_BYTES:
        findings.error("too-large", None, None, "The document is larger than 64 MB.", "Send it in parts.")
        return
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in data[:4]:
        findings.error("utf-16", 1, None, "The document is not in UTF-8.", "Save it as UTF-8.")
        return
    reading = _Reading(findings, namespace, root, is_whole)
    parser = _closed_parser(reading)
    try:
        for start in range(0, max(len(data), 1), _CHUNK_BYTES):
            chunk = data[start : start + _CHUNK_BYTES]
            parser.Parse(chunk, start + _CHUNK_BYTES >= len(data))
            yield from reading.ready
            reading.ready.clear()
    except _Refused:
        return
    except expat.ExpatError as error:
        place = Field("/".join(reading.path), error.offset + 1, error.offset + 1)
        findings.error(
            "not-xml", error.lineno, place, f"The document is no well-formed XML: {expat.ErrorString(error.code)}.",
            "It may have been cut off. Export it again.",
        )  # fmt: skip


def _closed_parser(reading: _Reading) -> expat.XMLParserType:
    parser = expat.ParserCreate("UTF-8", _SPACE)
    parser.buffer_text = True
    parser.ordered_attributes = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def forbidden(*_: object) -> Any:
        reading.refuse(
            parser, "dtd", "The document has a document type or entities, which are never read.",
            "Export it without a DOCTYPE.",
        )  # fmt: skip

    def declaration(_version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.upper() != "UTF-8":
            reading.refuse(parser, "encoding", "The document says it is not in UTF-8.", "Save it as UTF-8.")

    parser.XmlDeclHandler = declaration
    parser.StartDoctypeDeclHandler = forbidden
    parser.EntityDeclHandler = forbidden
    parser.UnparsedEntityDeclHandler = forbidden
    parser.ExternalEntityRefHandler = forbidden
    parser.SkippedEntityHandler = forbidden
    parser.StartElementHandler = lambda name, attributes: reading.begin(parser, name, attributes)
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = lambda words: reading.text(parser, words)
    return parser
