"""The tus 1.0.0 protocol: core, creation, creation-with-upload, expiration, checksum, termination.

Source: https://tus.io/protocols/resumable-upload. This module speaks HTTP; ``receiving`` decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.utils import format_datetime

from aiohttp import web

from repository import receiving
from repository.errors import MediaTypeRefused, ProtocolVersionRefused, RequestMalformed
from repository.receiving import NewUpload
from repository.uploads import (
    CHECKSUM_ALGORITHMS,
    UploadState,
    read_checksum,
    read_declared_sha256,
    read_filename,
    read_metadata,
    read_whole_number,
)
from repository.web import authentication, keys
from repository.web.requests import context_of, services_of

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"
BODY_TYPE = "application/offset+octet-stream"
OVERRIDABLE = frozenset({"PATCH", "DELETE", "HEAD"})


async def options(request: web.Request) -> web.Response:
    """Say what is offered."""
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
    """Open an upload; a body of the right type is its first bytes."""
    check_version(request)
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    if "Upload-Defer-Length" in request.headers:
        raise RequestMalformed("The length must be declared when the upload is created.", header="Upload-Defer-Length")
    if "Upload-Concat" in request.headers:
        raise RequestMalformed("Joining uploads is not offered.", header="Upload-Concat")
    metadata = read_metadata(request.headers.get("Upload-Metadata"))
    if not metadata.get("item"):
        raise RequestMalformed("The Upload-Metadata key item is missing: it names the sample item.", key="item")
    asked = NewUpload(
        sample_item_id=metadata["item"],
        slot=metadata.get("slot") or "work",
        filename=read_filename(metadata.get("filename", "")),
        media_type=(metadata.get("filetype") or None) and metadata["filetype"][:100],
        declared_sha256=read_declared_sha256(metadata.get("sha256")),
        total_bytes=read_whole_number(request.headers.get("Upload-Length"), "Upload-Length"),
    )
    has_body = request.body_exists and request.headers.get("Content-Type") == BODY_TYPE
    if request.body_exists and request.content_length != 0 and not has_body:
        raise MediaTypeRefused(f"The first bytes of an upload must be sent as {BODY_TYPE}.")
    services, context = services_of(request), context_of(request)
    created = await services.database.write(lambda s: receiving.create(s, services, context, asked))
    headers = {
        "Location": f"/uploads/{created.oid}",
        "Upload-Token": created.token,
        "Upload-Expires": format_datetime(created.expires_at, usegmt=True),
        "Document-Location": f"/api/documents/{created.oid}",
        "Upload-Offset": "0",
        "Tus-Resumable": VERSION,
    }
    if has_body or asked.total_bytes == 0:
        offset = await _append(request, created.oid, created.token, 0)
        headers["Upload-Offset"] = str(offset)
    return web.Response(status=201, headers=headers)


async def head(request: web.Request) -> web.Response:
    """Say where the upload stands: the committed offset, also after completion."""
    check_version(request)
    services, context = services_of(request), context_of(request)
    oid, token = request.match_info["oid"], request.headers.get("Upload-Token")
    stands = await services.database.read(lambda s: receiving.standing(s, oid, token, context.now))
    headers = {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(stands.offset_bytes),
        "Upload-Length": str(stands.total_bytes),
        "Cache-Control": "no-store",
    }
    if stands.state is UploadState.OPEN:
        headers["Upload-Expires"] = format_datetime(stands.expires_at, usegmt=True)
    return web.Response(status=200, headers=headers)


async def patch(request: web.Request) -> web.Response:
    """Append the body at the declared offset."""
    check_version(request)
    if request.content_type != BODY_TYPE:
        raise MediaTypeRefused(f"The body of a PATCH must be {BODY_TYPE}.")
    offset = read_whole_number(request.headers.get("Upload-Offset"), "Upload-Offset")
    offset = await _append(request, request.match_info["oid"], request.headers.get("Upload-Token"), offset)
    return web.Response(status=204, headers={"Tus-Resumable": VERSION, "Upload-Offset": str(offset)})


async def terminate(request: web.Request) -> web.Response:
    """End the upload and forget its bytes."""
    check_version(request)
    services, context = services_of(request), context_of(request)
    oid, token = request.match_info["oid"], request.headers.get("Upload-Token")
    unused = await services.database.write(lambda s: receiving.terminate(s, context, oid, token))
    await asyncio.to_thread(services.vault.discard, unused)
    return web.Response(status=204, headers={"Tus-Resumable": VERSION})


async def override(request: web.Request) -> web.Response:
    """Do what ``X-HTTP-Method-Override`` says, for clients that can only POST."""
    method = request.headers.get("X-HTTP-Method-Override", "").upper()
    if method not in OVERRIDABLE:
        raise web.HTTPMethodNotAllowed("POST", sorted(OVERRIDABLE))
    return await {"PATCH": patch, "DELETE": terminate, "HEAD": head}[method](request)


def check_version(request: web.Request) -> None:
    """Refuse other versions of the protocol; raises ``ProtocolVersionRefused``."""
    if request.headers.get("Tus-Resumable") != VERSION:
        raise ProtocolVersionRefused(version=VERSION)


async def _append(request: web.Request, oid: str, token: str | None, offset: int) -> int:
    def give_way() -> None:
        if request.transport is not None:
            request.transport.abort()

    return await request.app[keys.RECEIVER].append(
        context_of(request),
        oid,
        token,
        offset,
        _body(request),
        length_bytes=request.content_length,
        checksum=read_checksum(request.headers.get("Upload-Checksum")),
        give_way=give_way,
    )


async def _body(request: web.Request) -> AsyncIterator[bytes]:
    if request.body_exists:
        ended = False
        while not ended:
            # One piece as it came from the socket: joining pieces would copy every byte once more.
            chunk, _ = await request.content.readchunk()
            ended = not chunk and request.content.at_eof()
            yield chunk
