"""Office documents (OOXML and ODF): looked through part by part, and converted to a PDF that is then a stranger's again.

Nothing here is believed for what it is called: the kind comes from the content list, the main part has to be of that kind,
and every part of XML is read by a parser that takes no definitions, so that none can grow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.parsers import expat

from . import conversion
from .archives import Archive
from .findings import Findings, Refused
from .frames import Frame

XML_LIMIT_BYTES = 256 * 1024 * 1024
PART_LIMIT_BYTES = 128 * 1024 * 1024
TEXT_LIMIT_CHARACTERS = 1024 * 1024
DEPTH_LIMIT = 512

_OOXML_FOLDERS = (
    "word/",
    "xl/",
    "ppt/",
    "docprops/",
    "_rels/",
    "customxml/",
    "docmetadata/",
    "customui/",
    "_xmlsignatures/",
)
_ODF_PLACES = (
    "meta-inf/",
    "pictures/",
    "thumbnails/",
    "configurations2/",
    "objectreplacements/",
    "object ",
    "media/",
    "fonts/",
)
_ODF_PARTS = frozenset(
    (
        "mimetype",
        "content.xml",
        "styles.xml",
        "meta.xml",
        "settings.xml",
        "manifest.rdf",
        "layout-cache",
        "dialogs/",
        "basic/",
    )
)
_KNOWN_ENDINGS = frozenset(
    (
        "xml", "rels", "vml", "rdf", "png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff", "emf", "wmf", "emz", "wmz", "wdp", "svg",
        "svm", "bin", "fntdata", "odttf", "ttf", "otf", "sigs", "webp", "mp3", "wav", "m4a", "mp4", "m4v", "mov", "avi", "wmv",
        "docx", "xlsx", "pptx", "xlsb", "dat", "json", "ole", "",
    )
)  # fmt: skip
_RECORDINGS = frozenset(("mp3", "wav", "m4a", "mp4", "m4v", "mov", "avi", "wmv"))
_XML = frozenset(("xml", "rels", "vml", "rdf"))

_ROOTS: Mapping[str, str] = {"word": "document", "sheet": "workbook", "presentation": "presentation"}
_BODIES: Mapping[str, str] = {"text": "text", "spreadsheet": "spreadsheet", "presentation": "presentation"}
_DDE = re.compile(r"\bDDE(?:AUTO)?\b", re.IGNORECASE)
_LOCAL = re.compile(r"^(?:#|\.?/?(?:Pictures|Object|ObjectReplacements|Media|Thumbnails)\b|$)")


def inspect(data: bytes, kind: str) -> Findings:
    """Return what an office document holds that a person should know.

    Raises: ``Refused`` when it is protected, damaged, a bomb, of two kinds at once, or not what its content list says.
    """
    archive = Archive(data)
    archive.check()
    names = archive.names()
    if "mimetype" in names and "[Content_Types].xml" in names:
        raise Refused("polyglot")
    look = _OpenDocument(archive, kind) if "opendocument" in kind else _OfficeOpen(archive, kind)
    look.over()
    return Findings(notes=tuple(sorted(look.notes)), facts={"parts": len(names)})


def convert(data: bytes, kind: str) -> Iterator[Frame]:
    """Give the frames of a PDF of the document; takes and raises as ``conversion.pdf``."""
    return conversion.pdf(data, kind)


class _Look:
    """One look over all parts of a document; ``notes`` fills up."""

    def __init__(self, archive: Archive, kind: str) -> None:
        self.archive = archive
        self.kind = kind
        self.notes: set[str] = set()
        self._left_bytes = XML_LIMIT_BYTES
        self._written: list[str] = []

    def over(self) -> None:
        """Look at every part by its name, and into those of XML."""
        for name in self.archive.names():
            if name.endswith("/"):
                continue
            lower = name.casefold()
            ending = lower.rpartition("/")[2].rpartition(".")[2] if "." in lower.rpartition("/")[2] else ""
            self.part(lower)
            if ending in _RECORDINGS:
                self.notes.add("recording-inside")
            if ending not in _KNOWN_ENDINGS:
                self.notes.add("strange-part")
            if ending in _XML:
                self._read(name)
        self.end()

    def part(self, name: str) -> None:
        """Note what the name of a part says, in lower case."""
        raise NotImplementedError

    def element(self, part: str, depth: int, name: str, attributes: Mapping[str, str]) -> None:
        """Note what an element says; names are without prefixes."""
        raise NotImplementedError

    def end(self) -> None:
        """Say what only the whole shows."""

    def text(self, part: str, text: str) -> None:
        """Take some text of a part."""

    def _read(self, name: str) -> None:
        content = self.archive.read(name, min(PART_LIMIT_BYTES, self._left_bytes))
        self._left_bytes -= len(content)
        depth = 0
        parser = expat.ParserCreate()
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

        def forbidden(*_: object) -> None:
            raise Refused("entities")

        def start(element: str, attributes: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            if depth > DEPTH_LIMIT:
                raise Refused("too-deep")
            self.element(name, depth, element.rpartition(":")[2], attributes)

        def end(_: str) -> None:
            nonlocal depth
            depth -= 1

        parser.StartDoctypeDeclHandler = forbidden
        parser.EntityDeclHandler = forbidden
        if self.wants(name.casefold()):
            parser.StartElementHandler = start
            parser.EndElementHandler = end
            parser.CharacterDataHandler = lambda text: self.text(name, text)
        try:
            parser.Parse(content, True)
        except expat.ExpatError as error:
            raise Refused("damaged") from error

    def wants(self, part: str) -> bool:
        """Return whether the elements of a part are of interest: the cells of a large sheet are not."""
        return True


class _OfficeOpen(_Look):
    """Word, Excel and PowerPoint since 2007."""

    def __init__(self, archive: Archive, kind: str) -> None:
        super().__init__(archive, kind)
        self._family = next(name for name in ("word", "sheet", "presentation") if name in kind)
        if self._family == "presentation" or "powerpoint" in kind:
            self._family = "presentation"
        self._main: str | None = None
        self._root = ""

    def part(self, name: str) -> None:
        """Note what the name of a part says, in lower case."""
        if name != "[content_types].xml" and not name.startswith(_OOXML_FOLDERS):
            self.notes.add("strange-part")
        last = name.rpartition("/")[2]
        if last.startswith("vbaproject") or "/macrosheets/" in name or "/dialogsheets/" in name:
            self.notes.add("macros")
        if "/embeddings/" in name or "/activex/" in name or last.startswith("oleobject"):
            self.notes.add("embedded-object")
        if last.startswith("comments") or "/threadedcomments/" in name:
            self.notes.add("margin-comments")
        if "/externallinks/" in name and name.endswith(".xml"):
            self.notes.add("outside-content")

    def wants(self, part: str) -> bool:
        """Return whether the elements of a part are of interest: the cells of a large sheet are not."""
        return not part.startswith(("xl/worksheets/sheet", "xl/sharedstrings", "xl/styles"))

    def element(self, part: str, depth: int, name: str, attributes: Mapping[str, str]) -> None:
        """Note what an element says; names are without prefixes."""
        if part == "word/document.xml" or part == "xl/workbook.xml" or part == "ppt/presentation.xml":
            self._root = self._root or name
        if name == "Relationship":
            self._relationship(part, attributes)
        elif name in {"ddeLink", "oleLink"}:
            self.notes.add("dde" if name == "ddeLink" else "outside-content")
        elif name in {"ins", "del", "moveFrom", "moveTo"} and part.startswith("word/") and _says(attributes, "author"):
            self.notes.add("tracked-changes")
        elif name == "fldSimple":
            self._written.append(_value(attributes, "instr") + " ")
        elif _is_hidden(part, depth, name, attributes):
            self.notes.add("hidden-parts")
        self._instruction = name == "instrText"

    def text(self, part: str, text: str) -> None:
        """Collect the instructions of fields, which may be cut into pieces."""
        if self._instruction and len(self._written) < TEXT_LIMIT_CHARACTERS:
            self._written.append(text)

    def end(self) -> None:
        """Say what only the whole shows."""
        if _DDE.search("".join(self._written)):
            self.notes.add("dde")
        if self._main is None or self._root != _ROOTS[self._family]:
            raise Refused("office-disagrees")

    def _relationship(self, part: str, attributes: Mapping[str, str]) -> None:
        kind = _value(attributes, "Type").rpartition("/")[2]
        outside = _value(attributes, "TargetMode") == "External"
        if part == "_rels/.rels" and kind == "officeDocument":
            self._main = _value(attributes, "Target")
        if outside and kind == "hyperlink":
            self.notes.add("links")
        elif outside:
            self.notes.add("outside-template" if kind == "attachedTemplate" else "outside-content")
        if kind in {"oleObject", "package", "control"}:
            self.notes.add("embedded-object")

    _instruction = False


class _OpenDocument(_Look):
    """Text, spreadsheet and presentation of LibreOffice and its relatives."""

    def __init__(self, archive: Archive, kind: str) -> None:
        super().__init__(archive, kind)
        self._wanted = _BODIES[kind.rpartition(".")[2]]
        self._body = ""

    def part(self, name: str) -> None:
        """Note what the name of a part says, in lower case."""
        if name.startswith(("basic/", "scripts/")) and not name.endswith(
            ("script-lc.xml", "script-lb.xml", "dialog-lc.xml")
        ):
            self.notes.add("macros")
        elif name not in _ODF_PARTS and not name.startswith((*_ODF_PLACES, "basic/", "scripts/", "dialogs/")):
            self.notes.add("strange-part")
        if name.startswith("object ") or "/object " in name:
            self.notes.add("embedded-object")

    def element(self, part: str, depth: int, name: str, attributes: Mapping[str, str]) -> None:
        """Note what an element says; names are without prefixes."""
        if part == "META-INF/manifest.xml" and name == "encryption-data":
            raise Refused("password")
        if part == "content.xml" and depth == 3 and not self._body and name in _BODIES.values():
            self._body = name
        if name in {"dde-source", "dde-connection-decl", "dde-link"}:
            self.notes.add("dde")
        elif name in {"script", "event-listener"}:
            self.notes.add("macros")
        elif name == "annotation":
            self.notes.add("margin-comments")
        elif name == "changed-region":
            self.notes.add("tracked-changes")
        elif name == "plugin":
            self.notes.add("recording-inside")
        elif name in {"object", "object-ole"}:
            self.notes.add("embedded-object")
        href = attributes.get("xlink:href", "")
        if href and name != "event-listener" and not _LOCAL.match(href):
            self.notes.add("links" if name == "a" else "outside-template" if name == "template" else "outside-content")

    def end(self) -> None:
        """Say what only the whole shows."""
        if self._body != self._wanted:
            raise Refused("office-disagrees")


def _is_hidden(part: str, depth: int, name: str, attributes: Mapping[str, str]) -> bool:
    """Return whether an element says that text, a sheet or a slide is not to be seen."""
    if name == "vanish":
        return part.startswith("word/document") and _value(attributes, "val") not in {"0", "false"}
    if name == "sheet":
        return _value(attributes, "state") in {"hidden", "veryHidden"}
    return name == "sld" and depth == 1 and _value(attributes, "show") in {"0", "false"}


def _value(attributes: Mapping[str, str], name: str) -> str:
    """Return an attribute by its name without prefix."""
    return next((value for key, value in attributes.items() if key.rpartition(":")[2] == name), "")


def _says(attributes: Mapping[str, str], name: str) -> bool:
    return any(key.rpartition(":")[2] == name for key in attributes)
