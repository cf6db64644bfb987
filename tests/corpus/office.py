"""Office documents, written part by part: sound ones, and ones that reach for macros, other programs, files and networks."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from functools import partial
from xml.sax.saxutils import escape

from . import Case, Expected, refused, sound

_OOXML = "application/vnd.openxmlformats-officedocument."
DOCX, XLSX, PPTX = (
    _OOXML + "wordprocessingml.document",
    _OOXML + "spreadsheetml.sheet",
    _OOXML + "presentationml.presentation",
)
DOCM = "application/vnd.ms-word.document.macroenabled.12"
XLSM = "application/vnd.ms-excel.sheet.macroenabled.12"
PPTM = "application/vnd.ms-powerpoint.presentation.macroenabled.12"
ODT, ODS, ODP = (f"application/vnd.oasis.opendocument.{name}" for name in ("text", "spreadsheet", "presentation"))

PACKAGE = "http://schemas.openxmlformats.org/package/2006"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SLIDE = "http://schemas.openxmlformats.org/presentationml/2006/main"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {new} "{("&" + old + ";") * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)
OLD_HEAD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
Parts = Mapping[str, str | bytes]


def packed(parts: Parts) -> bytes:
    """A ZIP of parts."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content, zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED)
    return target.getvalue()


def content_list(main: str, kind: str) -> str:
    """The list of contents that says of which kind the main part is."""
    return (
        f'{HEAD}<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/><Default Extension="png" ContentType="image/png"/>'
        '<Default Extension="bin" ContentType="application/vnd.ms-office.vbaProject"/>'
        f'<Override PartName="/{main}" ContentType="{kind}"/>%s</Types>'
    )


def relations(*rows: tuple[str, str] | tuple[str, str, str]) -> str:
    """A part of relationships: kind and target, and whether it is outside."""
    lines = [
        f'<Relationship Id="rId{number}" Type="{RELATIONS}/{row[0]}" Target="{escape(row[1])}"'
        + (f' TargetMode="{row[2]}"' if len(row) == 3 else "")
        + "/>"
        for number, row in enumerate(rows, 1)
    ]
    return f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{"".join(lines)}</Relationships>'


def paragraph(text: str) -> str:
    """A paragraph of Word."""
    return f'<w:p><w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'


def word(body: str = "", *, prologue: str = "") -> str:
    """The main part of a Word document."""
    inside = body or paragraph("Work")
    return f'{HEAD}{prologue}<w:document xmlns:w="{WORD}" xmlns:r="{RELATIONS}"><w:body>{inside}</w:body></w:document>'


def docx(body: str = "", parts: Parts = {}, *, rows: tuple[tuple[str, ...], ...] = (), macros: bool = False) -> bytes:  # noqa: B006
    """A Word document with this body, more parts, and relationships of its main part."""
    kind = "application/vnd.ms-word.document.macroEnabled.main+xml" if macros else DOCX + ".main+xml"
    related: Parts = {"word/_rels/document.xml.rels": relations(*rows)} if rows else {}
    return packed(
        {
            "[Content_Types].xml": content_list("word/document.xml", kind) % "",
            "_rels/.rels": relations(("officeDocument", "word/document.xml")),
            "word/document.xml": word(body),
            **related,
            **parts,
        }
    )


def pages(count: int, lines: int = 25) -> bytes:
    """A Word document of so many pages."""
    text = "".join(
        paragraph(f"Line {n}: the candidate describes, measures and compares what was found") for n in range(lines)
    )
    turn = '<w:p><w:r><w:br w:type="page"/></w:r></w:p>'
    return docx(turn.join(paragraph(f"Page {number + 1}") + text for number in range(count)))


def xlsx(parts: Parts = {}, *, state: str = "", macros: bool = False, cells: str = "") -> bytes:  # noqa: B006
    """A spreadsheet of one sheet and one that may be hidden."""
    kind = "application/vnd.ms-excel.sheet.macroEnabled.main+xml" if macros else XLSX + ".main+xml"
    rows = cells or '<row r="1"><c r="A1" t="inlineStr"><is><t>Mark</t></is></c><c r="B1"><v>42</v></c></row>'
    sheet = f'{HEAD}<worksheet xmlns="{SHEET}"><sheetData>{rows}</sheetData></worksheet>'
    hidden = f'<sheet name="Two" sheetId="2" state="{state}" r:id="rId2"/>' if state else ""
    override = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_OOXML}spreadsheetml.worksheet+xml"/>'
        for n in (1, 2)
    )
    return packed(
        {
            "[Content_Types].xml": content_list("xl/workbook.xml", kind) % override,
            "_rels/.rels": relations(("officeDocument", "xl/workbook.xml")),
            "xl/workbook.xml": f'{HEAD}<workbook xmlns="{SHEET}" xmlns:r="{RELATIONS}"><sheets>'
            f'<sheet name="One" sheetId="1" r:id="rId1"/>{hidden}</sheets></workbook>',
            "xl/_rels/workbook.xml.rels": relations(
                ("worksheet", "worksheets/sheet1.xml"), ("worksheet", "worksheets/sheet2.xml")
            ),
            "xl/worksheets/sheet1.xml": sheet,
            "xl/worksheets/sheet2.xml": sheet,
            **parts,
        }
    )


def pptx(parts: Parts = {}, *, show: str = "", macros: bool = False) -> bytes:  # noqa: B006
    """A presentation of one slide."""
    kind = "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml" if macros else PPTX + ".main+xml"
    names = f'xmlns:a="{DRAWING}" xmlns:r="{RELATIONS}" xmlns:p="{SLIDE}"'
    tree = (
        '<p:cSld><p:spTree><p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>%s'
        "</p:spTree></p:cSld>"
    )
    shape = (
        '<p:sp><p:nvSpPr><p:cNvPr id="2" name="T"/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr><a:xfrm><a:off x="500000" '
        'y="500000"/><a:ext cx="6000000" cy="900000"/></a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom></p:spPr>'
        "<p:txBody><a:bodyPr/><a:p><a:r><a:t>Slide of a candidate</a:t></a:r></a:p></p:txBody></p:sp>"
    )
    part = f"{_OOXML}presentationml."
    override = "".join(
        f'<Override PartName="/ppt/{path}" ContentType="{part}{name}+xml"/>'
        for path, name in (
            ("slides/slide1.xml", "slide"),
            ("slideLayouts/slideLayout1.xml", "slideLayout"),
            ("slideMasters/slideMaster1.xml", "slideMaster"),
        )
    )
    colours = (
        '<p:clrMap bg1="lt1" tx1="dk1" bg2="lt2" tx2="dk2" accent1="accent1" accent2="accent2" accent3="accent3" '
        'accent4="accent4" accent5="accent5" accent6="accent6" hlink="hlink" folHlink="folHlink"/>'
    )
    attribute = f' show="{show}"' if show else ""
    return packed(
        {
            "[Content_Types].xml": content_list("ppt/presentation.xml", kind) % override,
            "_rels/.rels": relations(("officeDocument", "ppt/presentation.xml")),
            "ppt/presentation.xml": f"{HEAD}<p:presentation {names}><p:sldMasterIdLst>"
            '<p:sldMasterId id="2147483648" r:id="rId1"/></p:sldMasterIdLst><p:sldIdLst><p:sldId id="256" r:id="rId2"/>'
            '</p:sldIdLst><p:sldSz cx="9144000" cy="6858000"/><p:notesSz cx="6858000" cy="9144000"/></p:presentation>',
            "ppt/_rels/presentation.xml.rels": relations(
                ("slideMaster", "slideMasters/slideMaster1.xml"), ("slide", "slides/slide1.xml")
            ),
            "ppt/slides/slide1.xml": f"{HEAD}<p:sld {names}{attribute}>{tree % shape}</p:sld>",
            "ppt/slides/_rels/slide1.xml.rels": relations(("slideLayout", "../slideLayouts/slideLayout1.xml")),
            "ppt/slideLayouts/slideLayout1.xml": f"{HEAD}<p:sldLayout {names}>{tree % ''}</p:sldLayout>",
            "ppt/slideLayouts/_rels/slideLayout1.xml.rels": relations(
                ("slideMaster", "../slideMasters/slideMaster1.xml")
            ),
            "ppt/slideMasters/slideMaster1.xml": f"{HEAD}<p:sldMaster {names}>{tree % ''}{colours}<p:sldLayoutIdLst>"
            '<p:sldLayoutId id="2147483649" r:id="rId1"/></p:sldLayoutIdLst></p:sldMaster>',
            "ppt/slideMasters/_rels/slideMaster1.xml.rels": relations(
                ("slideLayout", "../slideLayouts/slideLayout1.xml")
            ),
            **parts,
        }
    )


ODF_NAMES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"'
    for short, long in (
        ("office", "office"),
        ("text", "text"),
        ("table", "table"),
        ("draw", "drawing"),
        ("script", "script"),
        ("presentation", "presentation"),
        ("manifest", "manifest"),
        ("svg", "svg-compatible"),
    )
)
ODF_NAMES += ' xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dom="http://www.w3.org/2001/xml-events"'
ODF_NAMES += ' xmlns:ooo="http://openoffice.org/2004/office"'
ODF_BODIES = {
    ODT: ("text", "<text:p>Work of a candidate</text:p>"),
    ODS: (
        "spreadsheet",
        '<table:table table:name="One"><table:table-row><table:table-cell office:value-type="string"><text:p>Mark</text:p>'
        "</table:table-cell></table:table-row></table:table>",
    ),
    ODP: (
        "presentation",
        '<draw:page draw:name="One"><draw:frame svg:width="20cm" svg:height="3cm" svg:x="1cm" svg:y="1cm"><draw:text-box>'
        "<text:p>Slide of a candidate</text:p></draw:text-box></draw:frame></draw:page>",
    ),
}


def odf(
    kind: str = ODT,
    body: str = "",
    parts: Parts = {},  # noqa: B006
    *,
    prologue: str = "",
    before: str = "",
    manifest: str = "",
    family: str = "",
) -> bytes:
    """An OpenDocument file of a kind with this body."""
    own, default = ODF_BODIES[kind]
    listed = "".join(
        f'<manifest:file-entry manifest:full-path="{escape(name)}" manifest:media-type="text/xml"/>' for name in parts
    )
    family = family or own
    return packed(
        {
            "mimetype": kind,
            "content.xml": f"{HEAD.replace(' standalone=' + chr(34) + 'yes' + chr(34), '')}{prologue}"
            f'<office:document-content {ODF_NAMES} office:version="1.2">{before}<office:body>'
            f"<office:{family}>{body or default}</office:{family}></office:body></office:document-content>",
            "META-INF/manifest.xml": f'<manifest:manifest {ODF_NAMES} manifest:version="1.2">'
            f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
            f'<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml">{manifest}'
            f"</manifest:file-entry>{listed}</manifest:manifest>",
            **parts,
        }
    )


def old_container(stream: str) -> bytes:
    """The head of a file in the old Office container with a stream of this name."""
    return OLD_HEAD + bytes(504) + stream.encode("utf-16-le") + bytes(1024)


def field(*pieces: str) -> str:
    """A field of Word whose instruction is cut into pieces."""
    written = "".join(f"<w:r><w:instrText>{escape(piece)}</w:instrText></w:r>" for piece in pieces)
    begin, end = (f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "end"))
    return f"<w:p>{begin}{written}{end}</w:p>"


def picture_elsewhere(address: str) -> bytes:
    """A Word document that shows a picture from an address."""
    names = 'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"'
    inside = "http://schemas.openxmlformats.org/drawingml/2006/picture"
    body = (
        f'<w:p><w:r><w:drawing><wp:inline {names}><wp:extent cx="900000" cy="900000"/><wp:docPr id="1" name="p"/>'
        f'<a:graphic xmlns:a="{DRAWING}"><a:graphicData uri="{inside}"><pic:pic xmlns:pic="{inside}"><pic:nvPicPr>'
        '<pic:cNvPr id="1" name="p"/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip r:link="rId1"/><a:stretch>'
        '<a:fillRect/></a:stretch></pic:blipFill><pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="900000" cy="900000"/>'
        '</a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom></pic:spPr></pic:pic></a:graphicData></a:graphic>'
        f"</wp:inline></w:drawing></w:r></w:p>{paragraph('Work with a picture')}"
    )
    return docx(body, rows=(("image", address, "External"),))


def basic(code: str, event: str = "") -> bytes:
    """An OpenDocument text with a macro in Basic, run by the document itself when it is opened."""
    names = 'xmlns:script="http://openoffice.org/2000/script" xmlns:library="http://openoffice.org/2000/library"'
    xlink = 'xmlns:xlink="http://www.w3.org/1999/xlink"'
    listener = (
        '<office:scripts><office:event-listeners><script:event-listener script:language="ooo:script" '
        'script:event-name="dom:load" xlink:href="vnd.sun.star.script:Standard.Module1.Main?language=Basic&amp;location='
        'document" xlink:type="simple"/></office:event-listeners></office:scripts>'
    )
    return odf(
        ODT,
        "",
        {
            "Basic/script-lc.xml": f'<library:libraries {names} {xlink}><library:library library:name="Standard" '
            'library:link="false"/></library:libraries>',
            "Basic/Standard/script-lb.xml": f'<library:library {names} library:name="Standard" library:readonly="false" '
            'library:passwordprotected="false"><library:element library:name="Module1"/></library:library>',
            "Basic/Standard/Module1.xml": f'<script:module {names} script:name="Module1" script:language="StarBasic">'
            f"{escape(code)}</script:module>",
        },
        before=event or listener,
    )


def bomb_part(name: str, build: str) -> bytes:
    """A document of which one part unpacks to 80 MB."""
    blanks = b" " * (80 * 1024 * 1024)
    target = io.BytesIO(docx() if build == "docx" else xlsx() if build == "xlsx" else odf())
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr(name, blanks)
    return target.getvalue()


def nested(levels: int) -> bytes:
    """A Word document in a Word document in a Word document."""
    inner = docx()
    for _ in range(levels):
        inner = docx("", {"word/embeddings/inner.docx": inner})
    return inner


DDE = ' DDEAUTO c:\\\\windows\\\\system32\\\\cmd.exe "/k calc.exe" '
VBA = {"word/vbaProject.bin": OLD_HEAD + bytes(600)}
COMMENTS = {"word/comments.xml": f'{HEAD}<w:comments xmlns:w="{WORD}"/>'}
DDE_LINK = {
    "xl/externalLinks/externalLink1.xml": f'{HEAD}<externalLink xmlns="{SHEET}"><ddeLink ddeService="cmd" ddeTopic="x"/>'
    "</externalLink>"
}
TRACKED = '<w:p><w:ins w:id="1" w:author="A" w:date="2026-01-01T00:00:00Z"><w:r><w:t>new</w:t></w:r></w:ins></w:p>'
HIDDEN = "<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>not to be seen</w:t></w:r></w:p>" + paragraph("Work")
DEEP = "<w:p>" * 2_000 + "</w:p>" * 2_000
XXE = '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
LOCKED = '<manifest:encryption-data manifest:checksum-type="SHA1" manifest:checksum="AAAA"/>'


def other_name(kind: str) -> Expected:
    """A file whose name disagrees with its content."""
    return Expected(kind, other_name=True)


def _main(text: str | bytes) -> bytes:
    return docx("", {"word/document.xml": text})


CASES = (
    Case("docx", "1001.docx", docx, sound(DOCX)),
    Case("docx of five pages", "1001.docx", partial(pages, 5), sound(DOCX)),
    Case("xlsx", "1001.xlsx", xlsx, sound(XLSX)),
    Case("pptx", "1001.pptx", pptx, sound(PPTX)),
    Case("odt", "1001.odt", partial(odf, ODT), sound(ODT)),
    Case("ods", "1001.ods", partial(odf, ODS), sound(ODS)),
    Case("odp", "1001.odp", partial(odf, ODP), sound(ODP)),
    Case("docm with macros", "1001.docm", partial(docx, "", VBA, macros=True), sound(DOCM, None, "macros")),
    Case(
        "xlsm with macros",
        "1001.xlsm",
        partial(xlsx, {"xl/vbaProject.bin": b"x"}, macros=True),
        sound(XLSM, None, "macros"),
    ),
    Case(
        "pptm with macros",
        "1001.pptm",
        partial(pptx, {"ppt/vbaProject.bin": b"x"}, macros=True),
        sound(PPTM, None, "macros"),
    ),
    Case("macros in a docx", "1001.docx", partial(docx, "", VBA), sound(DOCX, None, "macros")),
    Case(
        "sheet of old macros",
        "1001.xlsx",
        partial(xlsx, {"xl/macrosheets/sheet1.xml": f'<m xmlns="{SHEET}"/>'}),
        sound(XLSX, None, "macros"),
    ),
    Case(
        "template from a server",
        "1001.docx",
        partial(
            docx,
            "",
            {
                "word/settings.xml": f'{HEAD}<w:settings xmlns:w="{WORD}"/>',
                "word/_rels/settings.xml.rels": relations(
                    ("attachedTemplate", "http://127.0.0.1:9/evil.dotm", "External")
                ),
            },
        ),
        sound(DOCX, None, "outside-template"),
    ),
    Case(
        "picture from a server",
        "1001.docx",
        partial(picture_elsewhere, "http://127.0.0.1:9/p.png"),
        sound(DOCX, None, "outside-content"),
    ),
    Case(
        "picture from a share",
        "1001.docx",
        partial(picture_elsewhere, "file://///server/share/p.png"),
        sound(DOCX, None, "outside-content"),
    ),
    Case(
        "hyperlink",
        "1001.docx",
        partial(docx, rows=(("hyperlink", "https://example.org/", "External"),)),
        sound(DOCX, None, "links"),
    ),
    Case("dde field", "1001.docx", partial(docx, field(DDE)), sound(DOCX, None, "dde")),
    Case(
        "dde field in pieces", "1001.docx", partial(docx, field(" D", "DE", "AUTO c:\\\\x ")), sound(DOCX, None, "dde")
    ),
    Case(
        "dde in a simple field",
        "1001.docx",
        partial(docx, f'<w:p><w:fldSimple w:instr="{escape(" DDE cmd x y ")}"/></w:p>'),
        sound(DOCX, None, "dde"),
    ),
    Case("dde of a spreadsheet", "1001.xlsx", partial(xlsx, DDE_LINK), sound(XLSX, None, "dde", "outside-content")),
    Case(
        "another workbook",
        "1001.xlsx",
        partial(
            xlsx,
            {
                "xl/externalLinks/externalLink1.xml": f'<externalLink xmlns="{SHEET}"/>',
                "xl/externalLinks/_rels/externalLink1.xml.rels": relations(
                    ("externalLinkPath", "file:///c:/x.xlsx", "External")
                ),
            },
        ),
        sound(XLSX, None, "outside-content"),
    ),
    Case(
        "ole object",
        "1001.docx",
        partial(
            docx, "", {"word/embeddings/oleObject1.bin": OLD_HEAD}, rows=(("oleObject", "embeddings/oleObject1.bin"),)
        ),
        sound(DOCX, None, "embedded-object"),
    ),
    Case(
        "ole object elsewhere",
        "1001.docx",
        partial(docx, rows=(("oleObject", "http://127.0.0.1:9/x.rtf", "External"),)),
        sound(DOCX, None, "embedded-object", "outside-content"),
    ),
    Case(
        "spreadsheet inside",
        "1001.docx",
        lambda: docx("", {"word/embeddings/a.xlsx": xlsx()}, rows=(("package", "embeddings/a.xlsx"),)),
        sound(DOCX, None, "embedded-object"),
    ),
    Case(
        "active control",
        "1001.docx",
        partial(docx, "", {"word/activeX/activeX1.xml": "<ax/>", "word/activeX/activeX1.bin": b"x"}),
        sound(DOCX, None, "embedded-object"),
    ),
    Case("documents three deep", "1001.docx", partial(nested, 3), refused("archive-bomb", DOCX)),
    Case("laughs", "1001.docx", partial(_main, word("<w:p>&i;</w:p>", prologue=LAUGHS)), refused("entities", DOCX)),
    Case(
        "entity of a file", "1001.docx", partial(_main, word("<w:p>&x;</w:p>", prologue=XXE)), refused("entities", DOCX)
    ),
    Case(
        "laughs in two-byte letters",
        "1001.docx",
        partial(_main, word("<w:p>&i;</w:p>", prologue=LAUGHS).replace("UTF-8", "UTF-16").encode("utf-16")),
        refused("entities", DOCX),
    ),
    Case(
        "laughs in a relationship",
        "1001.docx",
        partial(docx, "", {"word/_rels/document.xml.rels": LAUGHS + "<r>&i;</r>"}),
        refused("entities", DOCX),
    ),
    Case(
        "laughs in odt",
        "1001.odt",
        partial(odf, ODT, "<text:p>&i;</text:p>", prologue=LAUGHS),
        refused("entities", ODT),
    ),
    Case("xlsx named docx", "1001.docx", xlsx, other_name(XLSX)),
    Case("docx named pdf", "1001.pdf", docx, other_name(DOCX)),
    Case(
        "docm named docx",
        "1001.docx",
        partial(docx, "", VBA, macros=True),
        Expected(DOCM, None, frozenset({"macros"}), other_name=True),
    ),
    Case(
        "content list of another kind",
        "1001.docx",
        partial(docx, "", {"word/document.xml": f'<workbook xmlns="{SHEET}"/>'}),
        refused("office-disagrees", DOCX),
    ),
    Case(
        "content list without its part",
        "1001.docx",
        lambda: packed({"[Content_Types].xml": content_list("word/document.xml", DOCX + ".main+xml") % ""}),
        refused("office-disagrees", DOCX),
    ),
    Case(
        "odt that is a spreadsheet",
        "1001.odt",
        partial(odf, ODT, family="spreadsheet"),
        refused("office-disagrees", ODT),
    ),
    Case(
        "both families",
        "1001.odt",
        partial(odf, ODT, "", {"[Content_Types].xml": "<Types/>"}),
        refused("polyglot", ODT),
    ),
    Case("locked docx", "1001.docx", partial(old_container, "EncryptedPackage"), refused("password")),
    Case("locked odt", "1001.odt", partial(odf, ODT, manifest=LOCKED), refused("password", ODT)),
    Case("docx bomb", "1001.docx", partial(bomb_part, "word/footer.xml", "docx"), refused("archive-bomb", DOCX)),
    Case(
        "xlsx bomb", "1001.xlsx", partial(bomb_part, "xl/worksheets/sheet9.xml", "xlsx"), refused("archive-bomb", XLSX)
    ),
    Case("odt bomb", "1001.odt", partial(bomb_part, "styles.xml", "odt"), refused("archive-bomb", ODT)),
    Case("docx cut short", "1001.docx", lambda: docx()[:-200], refused("archive-damaged")),
    Case("broken text", "1001.docx", partial(_main, word("<w:p>")), refused("damaged", DOCX)),
    Case("nested deep", "1001.docx", partial(_main, word(DEEP)), refused("too-deep", DOCX)),
    Case("part outside", "1001.docx", partial(docx, "", {"../../evil.xml": "<a/>"}), refused("archive-names")),
    Case(
        "program inside",
        "1001.docx",
        partial(docx, "", {"word/media/run.exe": b"MZ"}),
        sound(DOCX, None, "strange-part"),
    ),
    Case("comments", "1001.docx", partial(docx, "", COMMENTS), sound(DOCX, None, "margin-comments")),
    Case("tracked changes", "1001.docx", partial(docx, TRACKED), sound(DOCX, None, "tracked-changes")),
    Case("hidden text", "1001.docx", partial(docx, HIDDEN), sound(DOCX, None, "hidden-parts")),
    Case("hidden sheet", "1001.xlsx", partial(xlsx, state="veryHidden"), sound(XLSX, None, "hidden-parts")),
    Case("hidden slide", "1001.pptx", partial(pptx, show="0"), sound(PPTX, None, "hidden-parts")),
    Case(
        "film in slides",
        "1001.pptx",
        partial(pptx, {"ppt/media/m.mp4": b"film"}),
        sound(PPTX, None, "recording-inside"),
    ),
    Case("macro in Basic", "1001.odt", partial(basic, "Sub Main\nEnd Sub"), sound(ODT, None, "macros")),
    Case(
        "macro in Python",
        "1001.odt",
        partial(odf, ODT, "", {"Scripts/python/x.py": "import os"}),
        sound(ODT, None, "macros", "strange-part"),
    ),
    Case(
        "odt picture from a server",
        "1001.odt",
        partial(
            odf, ODT, '<text:p><draw:frame><draw:image xlink:href="http://127.0.0.1:9/p.png"/></draw:frame></text:p>'
        ),
        sound(ODT, None, "outside-content"),
    ),
    Case(
        "odt section from a file",
        "1001.odt",
        partial(
            odf,
            ODT,
            '<text:section text:name="S"><text:section-source xlink:href="file:///etc/passwd"/><text:p/></text:section>',
        ),
        sound(ODT, None, "outside-content"),
    ),
    Case(
        "odt dde",
        "1001.odt",
        partial(
            odf,
            ODT,
            '<text:section text:name="S"><office:dde-source office:dde-application="cmd"/><text:p/></text:section>',
        ),
        sound(ODT, None, "dde"),
    ),
    Case("old word", "1001.doc", partial(old_container, "WordDocument"), refused("old-office")),
    Case("old excel", "1001.xls", partial(old_container, "Workbook"), refused("old-office")),
    Case("old powerpoint", "1001.ppt", partial(old_container, "PowerPoint Document"), refused("old-office")),
    Case(
        "word template",
        "1001.dotx",
        lambda: packed(
            {"[Content_Types].xml": content_list("word/document.xml", _OOXML + "wordprocessingml.template.main+xml")}
        ),
        refused("office"),
    ),
)
