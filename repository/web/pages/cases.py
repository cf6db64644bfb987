"""Pages of cases: the list, one case, and its marks."""

from __future__ import annotations

from aiohttp import web
from multidict import MultiDictProxy

from moderation.marks import MarkStatus
from moderation.records.marks import MarkSheet
from moderation.submission import MARKS_EDITABLE, SETTLED, CaseState
from repository.access import Action, scope_of
from repository.acts import cases, explanations, marks, sample_requests, samples
from repository.acts.marks import Typed
from repository.errors import FieldRefused, NotFound
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, number_field, read_form, services_of

TOTAL_LIMIT = 99_999_999


async def index(request: web.Request) -> web.Response:
    """List the components that the person works on."""
    actor = actor_of(request)
    found = await services_of(request).database.read(lambda s: cases.listed(s, context_of(request)))
    rows = [
        {"case": case, "state": cases.state_words(actor, case.state), "mode": cases.MODE_WORDS[case.submission_mode]}
        for case in found
    ]
    return await render(request, "cases/index.html", rows=rows)


async def show(request: web.Request) -> web.Response:
    """Show one component: where it stands and what comes next."""
    case_id, actor = request.match_info["case_id"], actor_of(request)
    page, is_to_choose, is_explained = await services_of(request).database.read(
        lambda s: (
            cases.page(s, context_of(request), case_id),
            sample_requests.is_waiting_for(s, context_of(request), case_id),
            explanations.is_open(s, context_of(request), case_id),
        )
    )
    return await render(
        request,
        "cases/show.html",
        page=page,
        steps=_steps(page.case.state),
        may_read_outcome=scope_of(actor, Action.OUTCOME_READ) is not None,
        may_read_messages=scope_of(actor, Action.MESSAGE_READ) is not None,
        may_request_work=scope_of(actor, Action.SAMPLE_REQUEST) is not None,
        is_to_choose=is_to_choose,
        is_explained=is_explained,
    )


async def show_marks(request: web.Request) -> web.Response:
    """Show the marks of a component."""
    case_id = request.match_info["case_id"]
    sheet = await services_of(request).database.read(lambda s: marks.sheet(s, context_of(request), case_id))
    return await _marks_page(request, sheet)


async def save_marks(request: web.Request) -> web.Response:
    """Save what was typed; with errors the page comes back as it was typed."""
    form = await read_form(request)
    case_id, context, services = request.match_info["case_id"], context_of(request), services_of(request)
    before = await services.database.read(lambda s: marks.sheet(s, context, case_id))
    try:
        version = number_field(form, "version", 0, 2**31)
        rows = [row for line in before.lines if (row := _typed(form, line.candidate_number)) is not None]
        saved = await services.database.write(lambda s: marks.save(s, context, case_id, rows, version))
    except FORM_ERRORS as error:
        ids = {line.candidate_number: f"mark-{line.candidate_number}" for line in before.lines}
        ids |= {line.candidate_id: f"mark-{line.candidate_number}" for line in before.lines}
        return await _marks_page(request, before, form=form, errors=errors_of(error, ids), status=422)
    text = f"Control total {saved.control_total}. " + (
        f"{saved.blank} candidates are still blank." if saved.blank else "Every candidate has a mark or is absent."
    )
    return await redirect(request, f"/cases/{case_id}/marks", title="Marks saved", text=text)


async def upload_marks(request: web.Request) -> web.Response:
    """Save marks from a CSV file: the whole file or nothing, every fault listed."""
    form = await read_form(request)
    case_id, context, services = request.match_info["case_id"], context_of(request), services_of(request)
    field = form.get("files")
    try:
        if not isinstance(field, web.FileField) or not field.filename:
            raise FieldRefused("Choose a CSV file.", field="files")
        name, data = field.filename, field.file.read()
        saved = await services.database.write(lambda s: marks.save_csv(s, context, case_id, name, data))
    except FORM_ERRORS as error:
        before = await services.database.read(lambda s: marks.sheet(s, context, case_id))
        return await _marks_page(request, before, errors=errors_of(error), status=422)
    text = f"Control total {saved.control_total}. Compare it with your own sum."
    return await redirect(request, f"/cases/{case_id}/marks", title="Marks read from the file", text=text)


async def check_marks(request: web.Request) -> web.Response:
    """Tick every candidate as checked."""
    form = await read_form(request)
    case_id, context, services = request.match_info["case_id"], context_of(request), services_of(request)
    try:
        version = number_field(form, "version", 0, 2**31)
        await services.database.write(lambda s: marks.check(s, context, case_id, version))
    except FORM_ERRORS as error:
        before = await services.database.read(lambda s: marks.sheet(s, context, case_id))
        return await _marks_page(request, before, errors=errors_of(error), status=422)
    return await redirect(
        request, f"/cases/{case_id}/marks", title="Marks checked", text="The exams officer can now submit them."
    )


async def submit_marks(request: web.Request) -> web.Response:
    """Submit the marks; the sample is chosen at once."""
    form = await read_form(request)
    case_id, context, services = request.match_info["case_id"], context_of(request), services_of(request)
    try:
        version = number_field(form, "version", 0, 2**31)
        total = number_field(form, "control_total", 0, TOTAL_LIMIT)
        case = await services.database.write(
            lambda s: marks.submit(s, context, services.signer, case_id, version, total)
        )
    except FORM_ERRORS as error:
        before = await services.database.read(lambda s: marks.sheet(s, context, case_id))
        return await _marks_page(request, before, form=form, errors=errors_of(error), status=422)
    link = ("Your receipts", f"/cases/{case_id}/receipts")
    if case.state == CaseState.WAITING_FOR_MEMBERS:
        text = "The sample is chosen when every centre of the consortium has submitted its marks."
        return await redirect(request, f"/cases/{case_id}", title="Marks received", text=text, link=link)
    try:
        await services.database.read(lambda s: samples.page(s, context, case_id))
    except NotFound:
        return await redirect(
            request, f"/cases/{case_id}", title="Marks received", text="No sample is needed.", link=link
        )
    text = "The sample has been chosen. This page says whose work to send."
    return await redirect(request, f"/cases/{case_id}/sample", title="Marks received", text=text, link=link)


async def _marks_page(
    request: web.Request,
    sheet: MarkSheet,
    *,
    form: MultiDictProxy[str] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    actor = actor_of(request)
    returned = sheet.case.state == CaseState.RETURNED_TO_CENTRE
    rows = []
    for line in sheet.lines:
        number = line.candidate_number
        # Returned marks are all given anew, so none of them stands in its field; what they were is beside it.
        typed_mark = "" if line.mark is None or returned else str(line.mark)
        absent = line.status == MarkStatus.ABSENT and not returned
        if form is not None and f"mark-{number}" in form:
            typed_mark, absent = str(form[f"mark-{number}"]), f"absent-{number}" in form
        error = next((e["text"] for e in errors or [] if e["href"] == f"#mark-{number}"), "")
        before = ("Absent" if line.mark is None else str(line.mark)) if returned else ""
        rows.append({"line": line, "mark": typed_mark, "absent": absent, "error": error, "before": before})
    editable = sheet.case.state in MARKS_EDITABLE and scope_of(actor, Action.MARKS_SAVE) is not None
    context = context_of(request)
    told = await services_of(request).database.read(lambda s: marks.feedback(s, context, sheet.case.case_id))
    return await render(
        request,
        "cases/marks.html",
        status=status,
        sheet=sheet,
        rows=rows,
        editable=editable,
        feedback=told if sheet.case.state in MARKS_EDITABLE else (),
        may_submit=scope_of(actor, Action.MARKS_SUBMIT) is not None,
        counts={
            "marked": sum(line.mark is not None for line in sheet.lines),
            "absent": sum(line.status == MarkStatus.ABSENT for line in sheet.lines),
        },
        typed_total=str(form.get("control_total", "")) if form is not None else "",
        errors=errors or [],
    )


def _typed(form: MultiDictProxy[str], number: str) -> Typed | None:
    """Return one candidate's line; a line left blank says nothing, and is neither zero nor absent."""
    text = str(form.get(f"mark-{number}", "")).strip()
    absent = f"absent-{number}" in form
    if absent and text:
        raise FieldRefused(
            f"Candidate {number} has a mark and is ticked as absent. Remove one of the two.", field=number
        )
    if absent:
        return Typed(number, None, MarkStatus.ABSENT)
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 4:
        raise FieldRefused(f"The mark of candidate {number} must be a whole number.", field=number)
    return Typed(number, int(text))


def _steps(state: CaseState) -> int:
    """Return how far a case is: 0 marks, 1 sample, 2 moderation, 3 finished."""
    s = CaseState
    if state in MARKS_EDITABLE or state in {s.MARKS_SUBMITTED}:
        return 0
    if state in {
        s.MARKS_CONFIRMED, s.WAITING_FOR_MEMBERS, s.SAMPLE_SELECTED, s.SAMPLE_REQUESTED, s.UPLOADING, s.DESPATCHED,
        s.VISIT_BOOKED, s.RECEIPT_QUERY,
    }:  # fmt: skip
        return 1
    return 3 if state in SETTLED else 2
