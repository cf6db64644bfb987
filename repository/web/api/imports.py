"""Imports, for programs: files in, counts and located faults out."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.orm import Session

from repository.acts import imports
from repository.acts.imports import File, Imported, ImportKind
from repository.audit import Context
from repository.errors import NotFound, RequestMalformed
from repository.services import Services
from repository.web import authentication
from repository.web.problems import fault_as_json
from repository.web.requests import context_of, services_of

FILES_LIMIT = 50
FILE_LIMIT_BYTES = 64 * 1024 * 1024


class _DryRun(Exception):
    """Carries the result out of a transaction that must not be committed."""

    def __init__(self, done: Imported) -> None:
        self.done = done


async def create_entries(request: web.Request) -> web.Response:
    """Import entry files: an officer's, or an exams officer's own centre's."""
    return await _create(request, ImportKind.ENTRIES)


async def create_reference(request: web.Request) -> web.Response:
    """Import basedata or reference data."""
    return await _create(request, kind_of(request))


async def _create(request: web.Request, kind: ImportKind) -> web.Response:
    """Import the posted files, all or none; ``?dry_run=1`` does everything but keep it."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    files = await read_files(request)
    series_key = request.query.get("series")
    done = await import_files(
        services_of(request), context_of(request), kind, files, series_key, dry_run=request.query.get("dry_run") == "1"
    )
    return web.json_response(
        {
            "imports": [
                {
                    "name": receipt.name,
                    "kind": receipt.kind,
                    "series": receipt.series_key,
                    "centre_number": receipt.centre_number,
                    "counts": dict(receipt.counts),
                    "repeat": receipt.was_known,
                }
                for receipt in done.receipts
            ],
            "warnings": [fault_as_json(warning) for warning in done.warnings],
        }
    )


async def import_files(
    services: Services, context: Context, kind: ImportKind, files: list[File], series_key: str | None, *, dry_run: bool
) -> Imported:
    """Import files in one transaction, which a dry run does not commit."""

    def work(session: Session) -> Imported:
        done = imports.run(session, context, kind, files, series_key)
        if dry_run:
            raise _DryRun(done)
        return done

    try:
        return await services.database.write(work)
    except _DryRun as dry:
        return dry.done


def kind_of(request: web.Request) -> ImportKind:
    """Return what the address says is imported; raises ``NotFound`` for anything else."""
    try:
        return ImportKind(request.match_info["kind"])
    except ValueError as error:
        raise NotFound from error


async def read_files(request: web.Request) -> list[File]:
    """Return the files of a multipart body, each under its own name."""
    if not request.content_type.startswith("multipart/"):
        raise RequestMalformed("Send the files as multipart/form-data, in fields named `files`.")
    form = await request.post()
    fields = [field for field in form.getall("files", []) if isinstance(field, web.FileField)]
    if len(fields) > FILES_LIMIT:
        raise RequestMalformed(f"At most {FILES_LIMIT} files can be imported at once.")
    return [(field.filename, field.file.read()) for field in fields if field.filename]
