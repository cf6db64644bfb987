"""The tus 1.0.0 protocol: core, creation, creation-with-upload, expiration, checksum, termination.

Source: https://tus.io/protocols/resumable-upload. This module speaks HTTP; ``receiving`` decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from email.utils import format_datetime

from aiohttp import HttpVersion11, web

from moderation.slots import COHORT_SLOT, WORK_SLOT
from repository import ending, receiving
from repository.errors import (
    ChecksumMismatch,
    FileTooLarge,
    MediaTypeRefused,
    ProtocolVersionRefused,
    RequestMalformed,
    UploadTooLong,
)
from repository.receiving import Progress
from repository.records import Created, NewUpload, Standing
from repository.uploads import (
    CHECKSUM_ALGORITHMS,
    Checksum,
    UploadState,
    read_checksum,
    read_declared_sha256,
    read_filename,
    read_metadata,
    read_whole_number,
)
from repository.web import authentication, keys
from repository.web.middleware import TUS_VERSION as VERSION
from repository.web.requests import context_of, services_of

EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"
BODY_TYPE = "application/offset+octet-stream"
SILENCE_SECONDS = 60.0
"""A body of which nothing comes for so long is taken for a broken line: what had arrived is kept, the line closed."""


async def options(request: web.Request) -> web.Response:
    """Say what is offered; the version asked for does not matter."""
    if (asked := effective_method(request)) != "OPTIONS":  # nothing else may be had without an upload's permissions
        raise web.HTTPMethodNotAllowed(asked, ["OPTIONS"])
    return web.Response(
        status=204,
        headers={
            "Tus-Resumable": VERSION,
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Checksum-Algorithm": ",".join(CHECKSUM_ALGORITHMS),
            "Tus-Max-Size": str(services_of(request).settings.upload_limit_bytes),
        },
    )


async def create(request: web.Request) -> web.Response:
    """Open an upload; a body of the right type is its first bytes. Refused first bytes leave no upload behind."""
    method = effective_method(request)
    if method == "OPTIONS":
        return await options(request)
    if method != "POST":
        raise web.HTTPMethodNotAllowed(method, ["OPTIONS", "POST"])
    check_version(request)
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    if "Upload-Defer-Length" in request.headers:
        raise RequestMalformed("The length must be declared when the upload is created.", header="Upload-Defer-Length")
    if "Upload-Concat" in request.headers:
        raise RequestMalformed("Joining uploads is not offered.", header="Upload-Concat")
    metadata = read_metadata(header_of(request, "Upload-Metadata"))
    item, case = metadata.get("item") or None, metadata.get("case") or None
    if (item is None) == (case is None):
        raise RequestMalformed(
            "One of the Upload-Metadata keys item and case must be there: item names the sample item, "
            "case the case to whose whole group the file belongs.",
            key="item",
        )
    asked = NewUpload(
        sample_item_id=item,
        case_id=case,
        slot=metadata.get("slot") or (COHORT_SLOT if item is None else WORK_SLOT),
        filename=read_filename(metadata.get("filename", "")),
        media_type=(metadata.get("filetype") or None) and metadata["filetype"][:100],
        declared_sha256=read_declared_sha256(metadata.get("sha256")),
        sent_metadata=header_of(request, "Upload-Metadata"),
        total_bytes=read_whole_number(header_of(request, "Upload-Length"), "Upload-Length"),
        replaces=metadata.get("replaces") or None,
    )
    has_body = request.body_exists and request.content_length != 0
    if has_body:
        check_body_type(request)
    declared_checksum(request)
    services, context = services_of(request), context_of(request)
    created = await receiving.open_upload(services, context, asked)
    headers = {
        "Location": f"/uploads/{created.stands.oid}",
        "Upload-Token": created.token,
        "Document-Location": f"/api/documents/{created.stands.oid}",
    }
    stands = Progress(0, created.stands.expires_at)
    if has_body or asked.total_bytes == 0:
        stands = await _take_first_bytes(request, created)
    return web.Response(status=201, headers=headers | _progress_headers(stands.offset_bytes, stands.expires_at))


async def _take_first_bytes(request: web.Request, created: Created) -> Progress:
    try:
        return await _append(request, created.stands.oid, created.token, 0, created.stands)
    except (ChecksumMismatch, FileTooLarge, RequestMalformed, UploadTooLong):
        # The answer will not name the upload, so nobody could ever go on with it.
        await _end(request, created.stands.oid, created.token)
        raise


async def upload(request: web.Request) -> web.Response:
    """Do what is asked of one upload: the method, or what ``X-HTTP-Method-Override`` says in its stead."""
    method = effective_method(request)
    if method == "OPTIONS":
        return await options(request)
    if method not in METHODS:
        raise web.HTTPMethodNotAllowed(method, ["OPTIONS", *METHODS])
    check_version(request)
    return await METHODS[method](request)


async def head(request: web.Request) -> web.Response:
    """Say where the upload stands: the committed offset, also after completion."""
    oid, token = request.match_info["oid"], header_of(request, "Upload-Token")
    stands = await request.app[keys.RECEIVER].look(context_of(request), oid, token)
    headers = _progress_headers(stands.offset_bytes, stands.expires_at if stands.state is UploadState.OPEN else None)
    headers |= {"Upload-Length": str(stands.total_bytes), "Cache-Control": "no-store"}
    if stands.sent_metadata:
        headers["Upload-Metadata"] = stands.sent_metadata
    return web.Response(status=200, headers=headers)


async def patch(request: web.Request) -> web.Response:
    """Append the body at the declared offset."""
    check_body_type(request)
    offset = read_whole_number(header_of(request, "Upload-Offset"), "Upload-Offset")
    stands = await _append(request, request.match_info["oid"], header_of(request, "Upload-Token"), offset)
    return web.Response(status=204, headers=_progress_headers(stands.offset_bytes, stands.expires_at))


async def terminate(request: web.Request) -> web.Response:
    """End the upload and forget its bytes."""
    await _end(request, request.match_info["oid"], header_of(request, "Upload-Token"))
    return web.Response(status=204, headers={"Tus-Resumable": VERSION})


METHODS: Mapping[str, Callable[[web.Request], Awaitable[web.Response]]] = {
    "HEAD": head,
    "PATCH": patch,
    "DELETE": terminate,
}


def header_of(request: web.Request, name: str) -> str | None:
    """Return a header that has one value at most; raises ``RequestMalformed`` for several, as one of them would go unread."""
    values = request.headers.getall(name, [])
    if len(values) > 1:
        raise RequestMalformed(f"The {name} header stands {len(values)} times. Send it once.", header=name)
    return values[0] if values else None


def effective_method(request: web.Request) -> str:
    """Return the method that counts: what ``X-HTTP-Method-Override`` says, or the actual one."""
    asked = header_of(request, "X-HTTP-Method-Override")
    return (request.method if asked is None else asked).upper()


def declared_checksum(request: web.Request) -> Checksum | None:
    """Return the checksum declared for the body.

    Raises: ``RequestMalformed`` for one that is announced as a trailer, which would go unread; as ``read_checksum``.
    """
    if "upload-checksum" in request.headers.get("Trailer", "").lower():
        raise RequestMalformed("A checksum after the body is not offered. Send Upload-Checksum as a header.")
    return read_checksum(header_of(request, "Upload-Checksum"))


def check_version(request: web.Request) -> None:
    """Refuse other versions of the protocol; raises ``ProtocolVersionRefused``."""
    if header_of(request, "Tus-Resumable") != VERSION:
        raise ProtocolVersionRefused(version=VERSION)


def check_body_type(request: web.Request) -> None:
    """Refuse a body that is not plain bytes of an upload; raises ``MediaTypeRefused``."""
    if request.content_type != BODY_TYPE:
        raise MediaTypeRefused(f"The bytes of an upload must be sent as {BODY_TYPE}.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise MediaTypeRefused("The bytes of an upload must be sent as they are, without Content-Encoding.")


def _progress_headers(offset_bytes: int, expires_at: datetime | None) -> dict[str, str]:
    headers = {"Tus-Resumable": VERSION, "Upload-Offset": str(offset_bytes)}
    if expires_at is not None:
        headers["Upload-Expires"] = format_datetime(expires_at, usegmt=True)
    return headers


async def _end(request: web.Request, oid: str, token: str | None) -> None:
    services, context = services_of(request), context_of(request)
    unused = await services.database.write(lambda s: ending.terminate(s, context, oid, token))
    await asyncio.to_thread(services.vault.discard, unused)


async def _append(
    request: web.Request, oid: str, token: str | None, offset: int, created: Standing | None = None
) -> Progress:
    def give_way() -> None:
        # A body that is wholly here needs its line no more: it is committed in a moment, and its sender is told so.
        if request.transport is not None and not request.content.is_eof():
            request.transport.abort()

    return await request.app[keys.RECEIVER].append(
        context_of(request),
        oid,
        token,
        offset,
        _body(request),
        length_bytes=request.content_length,
        checksum=declared_checksum(request),
        give_way=give_way,
        created=created,
    )


async def no_leave_yet(request: web.Request) -> None:
    """Leave ``Expect: 100-continue`` unanswered until the body is wanted: who is refused hears it before sending a film."""


async def _give_leave(request: web.Request) -> None:
    if request.version == HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # this was no answer yet


async def _body(request: web.Request) -> AsyncIterator[bytes]:
    if request.body_exists:
        ended = False
        await _give_leave(request)
        while not ended:
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    # One piece as it came from the socket: joining pieces would copy every byte once more.
                    chunk, _ = await request.content.readchunk()
            except TimeoutError:
                if request.transport is not None:
                    request.transport.abort()
                raise ConnectionResetError("nothing came for too long") from None
            ended = not chunk and request.content.at_eof()
            yield chunk
