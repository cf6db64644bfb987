"""The one place that turns a fact into a status: RFC 9457 problem+json for programs, a page for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import moderation.errors
import scripts.errors
import storage.errors
from moderation.errors import ModerationError
from moderation.exchange.faults import FileRefused
from repository import errors
from repository.errors import RepositoryError
from scripts.errors import ScriptsError
from storage.errors import StorageError

OUR_ERRORS = (RepositoryError, ModerationError, ScriptsError, StorageError, FileRefused)

H = HTTPStatus
STATUSES: Mapping[type[Exception], int] = {
    errors.RepositoryError: H.INTERNAL_SERVER_ERROR,
    errors.SettingRefused: H.INTERNAL_SERVER_ERROR,
    errors.NotSignedIn: H.UNAUTHORIZED,
    errors.SignInRefused: H.FORBIDDEN,
    errors.NotFound: H.NOT_FOUND,
    errors.RequestForged: H.FORBIDDEN,
    errors.RequestMalformed: H.BAD_REQUEST,
    errors.FieldRefused: H.UNPROCESSABLE_ENTITY,
    errors.OffsetMismatch: H.CONFLICT,
    errors.UploadTooLong: H.BAD_REQUEST,
    errors.UploadBusy: H.LOCKED,
    errors.UploadGone: H.GONE,
    errors.UploadComplete: H.CONFLICT,
    errors.ChecksumMismatch: 460,
    errors.ChecksumUnknown: H.BAD_REQUEST,
    errors.ProtocolVersionRefused: H.PRECONDITION_FAILED,
    errors.MediaTypeRefused: H.UNSUPPORTED_MEDIA_TYPE,
    errors.FileTooLarge: H.REQUEST_ENTITY_TOO_LARGE,
    errors.WrongSubmissionMode: H.CONFLICT,
    errors.SlotClosed: H.CONFLICT,
    errors.RangeRefused: H.REQUESTED_RANGE_NOT_SATISFIABLE,
    errors.DocumentNotReady: H.CONFLICT,
    errors.InspectionFailed: H.CONFLICT,
    errors.SecondPersonNeeded: H.CONFLICT,
    errors.ServiceBusy: H.SERVICE_UNAVAILABLE,
    errors.DatabaseBehind: H.SERVICE_UNAVAILABLE,
    FileRefused: H.UNPROCESSABLE_ENTITY,
}
RETRY_AFTER_SECONDS: Mapping[type[Exception], int] = {errors.UploadBusy: 5, errors.ServiceBusy: 5}
_modules = (errors, moderation.errors, scripts.errors, storage.errors)


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, for a program or a page."""

    status: int
    code: str
    title: str
    detail: str
    facts: Mapping[str, object]
    retry_after_seconds: int | None

    def as_json(self, request_id: str) -> dict[str, object]:
        """Return the RFC 9457 object."""
        return {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": request_id,
            **{name: value for name, value in self.facts.items() if name not in {"type", "status"}},
        }


def status_phrase(status: int) -> str:
    """Return the standard phrase of a status."""
    return "Checksum Mismatch" if status == 460 else HTTPStatus(status).phrase


def problem_of(error: RepositoryError | ModerationError | ScriptsError | StorageError | FileRefused) -> Problem:
    """Return the problem of one of our errors. Cryptographic failures look all the same, whatever their diagnosis."""
    status = int(STATUSES[type(error)])
    if isinstance(error, StorageError):
        # The diagnosis is for operators; a client learns only that the document cannot be read now.
        detail = "The document cannot be read at the moment. The awarding body has been told."
        return Problem(status, "document-unreadable", status_phrase(status), detail, {}, None)
    if isinstance(error, FileRefused):
        faults = [fault_as_json(fault) for fault in error.faults]
        return Problem(
            status, "file-refused", status_phrase(status), str(error), {"faults": faults, "total": error.total}, None
        )
    return Problem(
        status, error.code, status_phrase(status), error.detail, error.facts, RETRY_AFTER_SECONDS.get(type(error))
    )


def fault_as_json(fault: object) -> dict[str, object]:
    """Return a located fault of a file as a JSON object."""
    names = ("code", "file", "line", "first_column", "last_column", "field", "message", "remedy", "severity")
    return {name: getattr(fault, name) for name in names}
