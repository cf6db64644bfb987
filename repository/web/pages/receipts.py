"""Pages of receipts: one to read and to keep, those of a component and of a centre, and how they are checked."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from aiohttp import web

from repository.access import CENTRE_ROLES
from repository.acts import receipts
from repository.acts.receipts import Receipt
from repository.audit import proofs
from repository.errors import FieldRefused
from repository.receipts.sheet import facts_of, known_of
from repository.web.pages import render
from repository.web.requests import actor_of, context_of, services_of

CHECKING_PAGE = Path(__file__).parent.parent / "static" / "verify-receipt.html"
CHECKING_PAGE_NAME = "check-nea-receipts.html"
_CENTRE = re.compile(r"[0-9]{5}")
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


async def show(request: web.Request) -> web.Response:
    """Show a receipt for people: what it says, what it proves, and how to keep and check it."""
    found = await _read(request)
    back = f"/cases/{found.case_id}" if found.case_id else f"/sittings/{found.sitting_id}"
    return await render(
        request,
        "receipts/show.html",
        receipt=found,
        facts=[{"key": name, "value": value} for name, value in facts_of(_readable(found))],
        back=back,
        known_of=known_of,
        public_key=services_of(request).signer.public_key_hex,
    )


async def download(request: web.Request) -> web.Response:
    """Answer the file of a receipt: the proof, to keep."""
    found = await _read(request)
    text = found.as_file(services_of(request).signer).text()
    return web.Response(
        text=text,
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="receipt-{found.receipt_id}.json"'},
    )


async def download_pdf(request: web.Request) -> web.Response:
    """Answer a receipt as a PDF, to read and to print."""
    found = await _read(request)
    file = found.as_file(services_of(request).signer)
    from repository.receipts.sheet import receipt_pdf

    pdf = await asyncio.to_thread(receipt_pdf, file)
    return web.Response(
        body=pdf,
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="receipt-{found.receipt_id}.pdf"'},
    )


async def of_case(request: web.Request) -> web.Response:
    """List the receipts of a component."""
    context, case_id = context_of(request), request.match_info["case_id"]
    case, lines = await services_of(request).database.read(lambda s: receipts.of_case(s, context, case_id))
    title = f"Receipts of {case.component_code}, centre {case.centre_number}"
    return await render(
        request,
        "receipts/index.html",
        title=title,
        lines=lines,
        limit=receipts.LISTED_LIMIT,
        case=case,
        centre_number="",
        errors=[],
    )


async def index(request: web.Request) -> web.Response:
    """List the receipts of a centre: one's own, or for officers any."""
    context, actor = context_of(request), actor_of(request)
    asked = request.query.get("centre", "").strip()
    number = actor.centre_number if actor.role in CENTRE_ROLES else asked or None
    errors = []
    lines: tuple[receipts.ReceiptLine, ...] = ()
    if number is not None and not _CENTRE.fullmatch(number):
        errors = [{"text": FieldRefused("The number of a centre has five digits.").detail, "href": "#centre"}]
    elif number is not None:
        lines = await services_of(request).database.read(lambda s: receipts.of_centre(s, context, number))
    title = f"Receipts of centre {number}" if number is not None and not errors else "Receipts"
    return await render(
        request,
        "receipts/index.html",
        status=422 if errors else 200,
        title=title,
        lines=lines,
        limit=receipts.LISTED_LIMIT,
        case=None,
        centre_number=asked,
        errors=errors,
    )


async def show_keys(request: web.Request) -> web.Response:
    """Show the public keys, to compare with those in receipts: for everybody."""
    services = services_of(request)
    log_keys = await proofs.verifier_keys(services)
    return await render(request, "receipts/keys.html", public_key=services.signer.public_key_hex, log_keys=log_keys)


async def checking_page(_request: web.Request) -> web.Response:
    """Answer the page that checks receipts without this service: it asks nothing of anybody."""
    return _page_of_its_own()


async def download_checking_page(_request: web.Request) -> web.Response:
    """Answer the page that checks receipts as a file to keep."""
    answer = _page_of_its_own()
    answer.headers["Content-Disposition"] = f'attachment; filename="{CHECKING_PAGE_NAME}"'
    return answer


def _page_of_its_own() -> web.Response:
    text, policy = _checking_page()
    return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})


@cache
def _checking_page() -> tuple[str, str]:
    """Return the page, and the policy by which its own script and style, and nothing else, may run."""
    text = CHECKING_PAGE.read_text(encoding="utf-8")
    hashes = {name: _hash(inner) for name, inner in _INLINE.findall(text)}
    policy = (
        f"default-src 'none'; script-src '{hashes['script']}'; style-src '{hashes['style']}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return text, policy


def _hash(inner: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode("ascii")


async def _read(request: web.Request) -> Receipt:
    context, receipt_id = context_of(request), request.match_info["receipt_id"]
    return await services_of(request).database.read(lambda s: receipts.read(s, context, receipt_id))


def _readable(found: Receipt) -> dict[str, object]:
    return {"receipt": found.receipt_id, **found.content}
