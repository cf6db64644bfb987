"""The explained outcome as a page and as a PDF: for the centre when results are out, for others as a preview."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from moderation.errors import ExplanationDiffers, ResultsEmbargoed, ResultsWithdrawn
from moderation.rules import Disclosure
from repository import explanation_text as text
from repository.access import Action, Role, scope_of
from repository.acts import explanations
from repository.acts.explanations import ExplanationPage
from repository.differences_plot import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, plot_of, signed
from repository.errors import FieldRefused
from repository.explanation_pdf import explanation_pdf
from repository.web.pages import instant_words, render
from repository.web.requests import actor_of, context_of, services_of

LEVEL_WORDS = {
    Disclosure.OUTCOME: "Outcome and report only",
    Disclosure.ARITHMETIC: "And the arithmetic of its own marks",
    Disclosure.DIFFERENCES: "And the differences of its own works",
}
FRAME = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT, "top": TOP, "foot": HEIGHT - BOTTOM}


async def show(request: web.Request) -> web.Response:
    """Show why each mark is what it is; before its time a centre is told when."""
    try:
        page = await _read(request)
    except (ResultsEmbargoed, ResultsWithdrawn) as error:
        opens_at = error.facts.get("opens_at")
        return await render(
            request,
            "explanations/closed.html",
            status=403,
            detail=error.detail,
            opens_at=datetime.fromisoformat(str(opens_at)) if opens_at else None,
            case_id=request.match_info["case_id"],
        )
    one = page.shown.explanation
    differences = one.differences
    plot = plot_of(differences, one.maximum, one.tolerance_marks) if differences and differences.points else None
    return await render(
        request,
        "explanations/show.html",
        page=page,
        case=page.case,
        one=one,
        report=page.shown.report,
        kind=text.KIND_WORDS[one.kind],
        stage=text.STAGE_WORDS[one.stage],
        not_a_boards_rule=text.NOT_A_BOARDS_RULE,
        withheld=text.WITHHELD if one.differences is None else "",
        rule=text.rule_words(one.line) if one.line else "",
        steps=text.step_rows(one),
        reason_words=text.reason_words,
        change_words=text.change_words,
        sections=text.SECTION_WORDS,
        verdicts=text.VERDICT_WORDS,
        signed=signed,
        plot=plot,
        legend=text.legend_of(plot, one.tolerance_marks) if plot else (),
        order_words=text.group_and_order(differences) if differences else (),
        frame=FRAME,
        may_ask=scope_of(actor_of(request), Action.REVIEW_REQUEST) is not None,
        may_choose=actor_of(request).role is Role.AB_OFFICER,
        levels=[{"value": str(level), "text": words} for level, words in LEVEL_WORDS.items()],
        query=f"?level={one.level}" if request.query.get("level") else "",
    )


async def download(request: web.Request) -> web.Response:
    """Answer the same as a PDF."""
    page = await _read(request)
    made = instant_words(context_of(request).now)
    body = explanation_pdf(page.case, page.shown, made=made, is_preview=page.is_preview)
    name = f"moderation-{page.case.component_code.replace('/', '-')}-{page.case.centre_number}.pdf"
    return web.Response(
        body=body,
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _read(request: web.Request) -> ExplanationPage:
    """Return what the person may see; a look before its time is recorded as refused, and so is one that cannot be explained.

    Raises: as ``repository.acts.explanations.read``.
    """
    context, case_id, level = context_of(request), request.match_info["case_id"], _level(request)
    database = services_of(request).database
    try:
        return await database.write(lambda s: explanations.read(s, context, case_id, level))
    except (ResultsEmbargoed, ResultsWithdrawn, ExplanationDiffers):
        await database.write(lambda s: explanations.note_refusal(s, context, case_id))
        raise


def _level(request: web.Request) -> Disclosure | None:
    asked = request.query.get("level", "")
    if not asked:
        return None
    try:
        return Disclosure(asked)
    except ValueError as error:
        raise FieldRefused("Choose how much the centre is shown from the list.", field="level") from error
