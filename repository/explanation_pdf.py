"""An explained outcome as a PDF to keep and to print: the same words, tables and plot as the page, and nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from io import BytesIO
from typing import Any

from reportlab.graphics.shapes import Circle, Drawing, Group, Line, Polygon, PolyLine, Rect, String
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from moderation.explanation import Explanation
from moderation.records.cases import CaseView
from moderation.records.explanations import CentreReport, ExplainedOutcome
from repository import explanation_text as text
from repository.differences_plot import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Plot, plot_of, signed

PLOT_WIDTH = 170 * mm


def explanation_pdf(case: CaseView, shown: ExplainedOutcome, *, made: str, is_preview: bool) -> bytes:
    """Return the PDF of an explained outcome.

    Takes: ``made``, when it was made, in words of UK time.
    Returns: the file; the same explanation at the same time gives the same bytes.
    """
    title = f"How the marks were moderated: {case.component_code}, centre {case.centre_number}"
    sheet = BytesIO()
    document = SimpleDocTemplate(
        sheet,
        pagesize=A4,
        leftMargin=18 * mm,
        rightMargin=18 * mm,
        topMargin=18 * mm,
        bottomMargin=20 * mm,
        title=title,
        author="NEA Repository",
        subject=f"Outcome of moderation, series {case.series_key}",
        lang="en-GB",
        displayDocTitle=True,
        invariant=1,
    )
    foot = f"{title}. Made {made}, UK time."
    story = _story(case, shown, title, is_preview=is_preview)

    def footer(canvas: Canvas, _document: Any) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(18 * mm, 11 * mm, _plain(foot))
        canvas.drawRightString(A4[0] - 18 * mm, 11 * mm, f"Page {canvas.getPageNumber()}")

    document.build(story, onFirstPage=footer, onLaterPages=footer)
    return sheet.getvalue()


# Piece by piece

_SHEET = getSampleStyleSheet()
_BODY = ParagraphStyle("words", parent=_SHEET["BodyText"], fontSize=10, leading=14, spaceAfter=4)
_CELL = ParagraphStyle("cell", parent=_BODY, fontSize=8.5, leading=11, spaceAfter=0)
_SECTION = ParagraphStyle("section", parent=_SHEET["Heading2"], keepWithNext=1)
_PART = ParagraphStyle("part", parent=_SHEET["Heading3"], fontName="Helvetica-Bold", keepWithNext=1)
_HEAD = ParagraphStyle("head", parent=_CELL, fontName="Helvetica-Bold")


def _plain(words: str) -> str:
    """Return words in the letters that the standard fonts have."""
    return words.replace("−", "–").encode("cp1252", "replace").decode("cp1252")


def _words(words: str, style: ParagraphStyle = _BODY) -> Paragraph:
    return Paragraph(escape(_plain(words), quote=False), style)


def _heading(words: str) -> Paragraph:
    return _words(words, _SECTION)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]], widths: Sequence[float]) -> Table:
    cells = [[_words(one, _HEAD) for one in head]]
    cells += [[_words("–" if one is None else str(one), _CELL) for one in row] for row in rows]
    made = Table(cells, colWidths=[width * mm for width in widths], repeatRows=1, hAlign="LEFT")
    made.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, 0), 1, colors.black),
                ("LINEBELOW", (0, 1), (-1, -1), 0.25, colors.grey),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
            ]
        )
    )
    return made


def _story(case: CaseView, shown: ExplainedOutcome, title: str, *, is_preview: bool) -> list[Flowable]:
    one = shown.explanation
    story: list[Flowable] = [_words(title, _SHEET["Title"])]
    if is_preview:
        story.append(_words("Preview for the awarding body and the moderator. The centre has not been shown this yet."))
    facts = [
        ("Component", f"{case.component_code}, {case.component_title}"),
        ("Centre and series", f"{case.centre_number}, {case.series_key}"),
        ("Outcome", text.KIND_WORDS[one.kind][0]),
        ("What was read", text.STAGE_WORDS[one.stage]),
        ("Tolerance", f"{one.tolerance_marks} marks, either way"),
        ("Rule", f"{one.policy_version}. {text.NOT_A_BOARDS_RULE}"),
    ]
    story += [_table(("", ""), facts, (40, 134)), Spacer(1, 4 * mm)]
    for heading, sentences in (
        ("What happened", one.what_happened),
        ("What it means for your candidates", one.what_it_means),
        ("What you can do now", one.what_you_can_do),
    ):
        story += [_heading(heading), *(_words(sentence) for sentence in sentences)]
    story += _marks(one)
    story += _arithmetic(one)
    story += _differences(one)
    if shown.report is not None:
        story += _report(shown.report)
    return story


def _marks(one: Explanation) -> list[Flowable]:
    rows = [
        (
            mark.candidate_number,
            mark.centre_mark,
            mark.moderated_mark,
            text.change_words(mark),
            text.reason_words(mark),
        )
        for mark in one.marks
    ]
    head = ("Candidate", "Your mark", "After moderation", "Change", "Why")
    return [_heading("Your candidates"), _table(head, rows, (22, 22, 30, 18, 82))]


def _arithmetic(one: Explanation) -> list[Flowable]:
    if one.line is None:
        return []
    head = ("Candidate", "Your mark", "The rule gives exactly", "About", "Rounded half up", "From 0 to maximum", "Mark")
    return [
        _heading("How each mark was made"),
        _words(f"The rule, found from {one.line.works} works: {text.rule_words(one.line)}."),
        _words("Each result is rounded once, half up, and kept from 0 to the maximum. A mark of 0 stays 0."),
        _table(head, text.step_rows(one), (20, 20, 42, 24, 24, 26, 18)),
    ]


def _differences(one: Explanation) -> list[Flowable]:
    if one.differences is None:
        return [_words(text.WITHHELD)]
    if not one.differences.points:
        return [_heading("Differences"), _words("None of your works was read.")]
    plot = plot_of(one.differences, one.maximum, one.tolerance_marks)
    rows = [
        (
            point.candidate_number,
            point.centre_mark,
            point.moderator_mark,
            signed(point.difference),
            "Within" if point.is_within else "Outside",
        )
        for point in one.differences.points
    ]
    head = ("Candidate", "Your mark", "Moderator’s mark", "Difference", "Tolerance")
    return [
        KeepTogether(
            [
                _heading("Differences between your marks and the moderator’s"),
                _words(plot.summary),
                _drawn(plot),
                *(_words(words, _CELL) for words in text.legend_of(plot, one.tolerance_marks)),
                Spacer(1, 3 * mm),
            ]
        ),
        _table(head, rows, (28, 28, 36, 28, 28)),
        *(_words(words) for words in text.group_and_order(one.differences)),
    ]


def _report(report: CentreReport) -> list[Flowable]:
    story: list[Flowable] = [_heading("The moderator’s report")]
    for section, words in report.sections:
        story.append(_words(text.SECTION_WORDS[section], _PART))
        story += [_words(line) for line in words.splitlines() if line.strip()]
    rows = [
        (
            line.candidate_number,
            f"{line.criterion_code} {line.criterion_title}".strip() or "The whole work",
            text.VERDICT_WORDS[line.verdict][0],
            line.comment or None,
        )
        for line in report.lines
    ]
    return [*story, _table(("Candidate", "Criterion", "Marking", "Comment"), rows, (22, 52, 24, 76))]


def _drawn(plot: Plot) -> Drawing:
    """Return the plot as a vector drawing; shapes tell works apart without colour."""
    drawing = Drawing(WIDTH, HEIGHT)

    def y(down: float) -> float:
        return HEIGHT - down

    right, foot = WIDTH - RIGHT, HEIGHT - BOTTOM
    grey, black = colors.Color(0.88, 0.88, 0.88), colors.black
    drawing.add(
        Rect(
            LEFT, y(plot.band_bottom), right - LEFT, plot.band_bottom - plot.band_top, fillColor=grey, strokeColor=None
        )
    )
    for edge in (plot.band_top, plot.band_bottom):
        drawing.add(Line(LEFT, y(edge), right, y(edge), strokeColor=colors.grey, strokeDashArray=[2, 3]))
    drawing.add(Line(LEFT, y(plot.zero_y), right, y(plot.zero_y), strokeColor=black, strokeWidth=1))
    drawing.add(Line(LEFT, y(TOP), LEFT, y(foot), strokeColor=black, strokeWidth=1))
    drawing.add(Line(LEFT, y(foot), right, y(foot), strokeColor=black, strokeWidth=1))
    for tick in plot.x_ticks:
        drawing.add(Line(tick.at, y(foot), tick.at, y(foot + 5), strokeColor=black))
        drawing.add(String(tick.at, y(foot + 18), tick.text, textAnchor="middle", fontSize=11))
    for tick in plot.y_ticks:
        drawing.add(Line(LEFT - 5, y(tick.at), LEFT, y(tick.at), strokeColor=black))
        drawing.add(String(LEFT - 9, y(tick.at + 4), _plain(tick.text), textAnchor="end", fontSize=11))
    drawing.add(String((LEFT + right) / 2, y(HEIGHT - 14), "Your mark", textAnchor="middle", fontSize=12))
    middle = Group(String(0, 0, "Your mark less the moderator’s", textAnchor="middle", fontSize=12))
    middle.translate(18, y((TOP + foot) / 2))
    middle.rotate(90)
    drawing.add(middle)
    if plot.line:
        points = [value for x, down in plot.line for value in (x, y(down))]
        drawing.add(PolyLine(points, strokeColor=black, strokeWidth=1.5, strokeDashArray=[6, 4]))
    for dot in plot.unread:
        drawing.add(Circle(dot.x, y(dot.y), 3, fillColor=colors.white, strokeColor=black))
    for dot in plot.dots:
        x, up = dot.x, y(dot.y)
        drawing.add(
            Circle(x, up, 4.5, fillColor=black, strokeColor=colors.white)
            if dot.is_within
            else Polygon(
                [x - 6, up, x, up + 6, x + 6, up, x, up - 6], fillColor=colors.white, strokeColor=black, strokeWidth=2
            )
        )
    scale = PLOT_WIDTH / WIDTH
    drawing.scale(scale, scale)
    drawing.width, drawing.height = PLOT_WIDTH, HEIGHT * scale
    return drawing
