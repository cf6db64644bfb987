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
    errors.SignInFailed: H.UNPROCESSABLE_ENTITY,
    errors.CodeWrong: H.UNPROCESSABLE_ENTITY,
    errors.TooManyTries: H.TOO_MANY_REQUESTS,
    errors.SetUpOver: H.GONE,
    errors.AttemptOver: H.FORBIDDEN,
    errors.ProviderUnavailable: H.FAILED_DEPENDENCY,
    errors.ProviderDeclined: H.FORBIDDEN,
    errors.SignInCancelled: H.FORBIDDEN,
    errors.ProviderAnswerRefused: H.FORBIDDEN,
    errors.AccountClosed: H.FORBIDDEN,
    errors.AccountNotAdmitted: H.FORBIDDEN,
    errors.SecondFactorNeeded: H.FORBIDDEN,
    errors.StepUpNeeded: H.FORBIDDEN,
    errors.LinkOver: H.GONE,
    errors.PasskeysUnavailable: H.CONFLICT,
    errors.TokenMistyped: H.UNAUTHORIZED,
    errors.TokenRefused: H.UNAUTHORIZED,
    errors.NotFound: H.NOT_FOUND,
    errors.HostUnknown: H.MISDIRECTED_REQUEST,
    errors.BodyTooLarge: H.REQUEST_ENTITY_TOO_LARGE,
    errors.RequestForged: H.FORBIDDEN,
    errors.RequestMalformed: H.BAD_REQUEST,
    errors.FieldRefused: H.UNPROCESSABLE_ENTITY,
    errors.ExportRefused: H.CONFLICT,
    errors.OffsetMismatch: H.CONFLICT,
    errors.UploadTooLong: H.BAD_REQUEST,
    errors.UploadBusy: H.LOCKED,
    errors.UploadGone: H.GONE,
    errors.UploadComplete: H.CONFLICT,
    errors.ChecksumMismatch: 460,
    errors.UploadOfOtherContent: H.CONFLICT,
    errors.ChecksumUnknown: H.BAD_REQUEST,
    errors.ProtocolVersionRefused: H.PRECONDITION_FAILED,
    errors.MediaTypeRefused: H.UNSUPPORTED_MEDIA_TYPE,
    errors.FileTooLarge: H.REQUEST_ENTITY_TOO_LARGE,
    errors.WrongSubmissionMode: H.CONFLICT,
    errors.SlotUnknown: H.UNPROCESSABLE_ENTITY,
    errors.SlotTypeRefused: H.UNSUPPORTED_MEDIA_TYPE,
    errors.SlotClosed: H.CONFLICT,
    errors.NotHeldAnyMore: H.CONFLICT,
    errors.OriginalRefused: H.CONFLICT,
    errors.ReplacementRefused: H.CONFLICT,
    errors.PracticeFull: H.SERVICE_UNAVAILABLE,
    errors.RangeRefused: H.REQUESTED_RANGE_NOT_SATISFIABLE,
    errors.DocumentNotReady: H.CONFLICT,
    errors.DocumentDestroyed: H.GONE,
    errors.HoldInForce: H.CONFLICT,
    errors.ShredRefused: H.CONFLICT,
    errors.OfficerUnknown: H.NOT_FOUND,
    errors.ClerkUnknown: H.NOT_FOUND,
    errors.CollectorStopped: H.CONFLICT,
    errors.KeyStillNeeded: H.CONFLICT,
    errors.BackupRefused: H.CONFLICT,
    errors.InspectionFailed: H.CONFLICT,
    errors.PictureRefused: H.UNPROCESSABLE_ENTITY,
    errors.EvidenceConflict: H.CONFLICT,
    errors.SecondPersonNeeded: H.CONFLICT,
    errors.ServiceBusy: H.SERVICE_UNAVAILABLE,
    errors.LogDamaged: H.SERVICE_UNAVAILABLE,
    errors.LogForked: H.SERVICE_UNAVAILABLE,
    errors.LogPlaceRefused: H.SERVICE_UNAVAILABLE,
    errors.EventUnknown: H.NOT_FOUND,
    errors.ReceiptUnreadable: H.UNPROCESSABLE_ENTITY,
    errors.DatabaseBehind: H.SERVICE_UNAVAILABLE,
    errors.PolicyMissing: H.SERVICE_UNAVAILABLE,
    errors.PolicyRefused: H.SERVICE_UNAVAILABLE,
    errors.GuardsMissing: H.SERVICE_UNAVAILABLE,
    FileRefused: H.UNPROCESSABLE_ENTITY,
    # Moderation
    moderation.errors.ModerationError: H.INTERNAL_SERVER_ERROR,
    **dict.fromkeys(
        (
            moderation.errors.UnknownCase,
            moderation.errors.UnknownCandidate,
            moderation.errors.UnknownSeries,
            moderation.errors.UnknownComponent,
            moderation.errors.UnknownProfile,
            moderation.errors.UnknownSampleItem,
            moderation.errors.UnknownWaitingFile,
            moderation.errors.UnknownConflict,
            moderation.errors.RequestUnknown,
            moderation.errors.NoSample,
            moderation.errors.UnknownExemption,
            moderation.errors.NoResults,
            moderation.errors.ConsignmentMissing,
            moderation.errors.OutcomeMissing,
            moderation.errors.AmendmentMissing,
            moderation.errors.CheckUnknown,
            moderation.errors.HoldMissing,
            moderation.errors.ThreadMissing,
            moderation.errors.NotAllocated,
            moderation.errors.ReportMissing,
        ),
        H.NOT_FOUND,
    ),
    **dict.fromkeys(
        (
            moderation.errors.MarkOutOfRange,
            moderation.errors.CriteriaRefused,
            moderation.errors.MessageRefused,
            moderation.errors.MarkMissing,
            moderation.errors.MarkNotAllowed,
            moderation.errors.MarksRefused,
            moderation.errors.DuplicateCandidate,
            moderation.errors.ReasonMissing,
            moderation.errors.StandardisationRefused,
            moderation.errors.ConflictInvalid,
            moderation.errors.MergeRefused,
            moderation.errors.FeedbackRefused,
            moderation.errors.TeamRefused,
            moderation.errors.ChoiceRefused,
            moderation.errors.ExemptionRefused,
            moderation.errors.ProfileIncomplete,
            moderation.errors.ProfileInvalid,
            moderation.errors.PolicyInvalid,
            moderation.errors.ReceiptDiscrepancy,
            moderation.errors.SlotsInvalid,
            moderation.errors.ExtensionRefused,
            moderation.errors.FindingUnexplained,
            moderation.errors.BoundariesInvalid,
            moderation.errors.ImportRefused,
            moderation.errors.ReportIncomplete,
            moderation.errors.MarksInReport,
            moderation.errors.UnknownCriterion,
        ),
        H.UNPROCESSABLE_ENTITY,
    ),
    **dict.fromkeys(
        (
            moderation.errors.MarksIncomplete,
            moderation.errors.MarksLocked,
            moderation.errors.StaleVersion,
            moderation.errors.AlreadyDecided,
            moderation.errors.NotApproved,
            moderation.errors.IllegalTransition,
            moderation.errors.ProfileNotPicked,
            moderation.errors.NothingToRequest,
            moderation.errors.AlreadyReplaced,
            moderation.errors.NotYoursToChoose,
            moderation.errors.WrongSubmissionMode,
            moderation.errors.SampleIncomplete,
            moderation.errors.RequestOpen,
            moderation.errors.RequestDecided,
            moderation.errors.NothingDue,
            moderation.errors.NotReopenable,
            moderation.errors.NotInStage,
            moderation.errors.ToleranceMissing,
            moderation.errors.OutcomeNotConfirmable,
            moderation.errors.SupportCallNeeded,
            moderation.errors.AmendmentNotPossible,
            moderation.errors.CheckMissing,
            moderation.errors.CheckNotPossible,
            moderation.errors.HoldNotPossible,
            moderation.errors.ConcernClosed,
            moderation.errors.SamePerson,
            moderation.errors.NotIndependent,
            moderation.errors.ConflictNotEndable,
            moderation.errors.RecordKept,
            moderation.errors.RecomputationDiffers,
            moderation.errors.ExplanationDiffers,
            moderation.errors.ReportLocked,
            moderation.errors.ResultsGateClosed,
            moderation.errors.OlderSequence,
            moderation.errors.DuplicateSequence,
            moderation.errors.EntriesMade,
        ),
        H.CONFLICT,
    ),
    **dict.fromkeys(
        (
            moderation.errors.ConsentRefused,
            moderation.errors.FindingRefused,
            moderation.errors.TermsInvalid,
        ),
        H.UNPROCESSABLE_ENTITY,
    ),
    **dict.fromkeys(
        (
            moderation.errors.ServiceNotOffered,
            moderation.errors.ReviewIncomplete,
            moderation.errors.ReviewerInvolved,
            moderation.errors.ResultVersionPending,
            moderation.errors.RetentionNotOver,
        ),
        H.CONFLICT,
    ),
    moderation.errors.UnknownReview: H.NOT_FOUND,
    moderation.errors.ResultsEmbargoed: H.FORBIDDEN,
    moderation.errors.ResultsWithdrawn: H.FORBIDDEN,
    # Examination scripts
    scripts.errors.ScriptsError: H.INTERNAL_SERVER_ERROR,
    scripts.errors.PagesNotConserved: H.INTERNAL_SERVER_ERROR,
    scripts.errors.CarrierFormatsInvalid: H.SERVICE_UNAVAILABLE,
    scripts.errors.BundleTooLarge: H.REQUEST_ENTITY_TOO_LARGE,
    **dict.fromkeys(
        (
            scripts.errors.LabelUnknown,
            scripts.errors.SittingUnknown,
            scripts.errors.PacketUnknown,
            scripts.errors.ScriptUnknown,
            scripts.errors.BundleUnknown,
            scripts.errors.PageUnknown,
            scripts.errors.DecisionUnknown,
            scripts.errors.CheckUnknown,
            scripts.errors.CaseUnknown,
        ),
        H.NOT_FOUND,
    ),
    **dict.fromkeys(
        (
            scripts.errors.EntryWaits,
            scripts.errors.EventConflict,
            scripts.errors.SittingConflict,
            scripts.errors.BundleMoveRefused,
            scripts.errors.PageHeld,
            scripts.errors.PageTaken,
            scripts.errors.ReleaseRefused,
            scripts.errors.TransitionRefused,
            scripts.errors.PageSettled,
            scripts.errors.CaseRefused,
            scripts.errors.SecondPersonNeeded,
        ),
        H.CONFLICT,
    ),
    **dict.fromkeys(
        (
            scripts.errors.CodeRefused,
            scripts.errors.UnreadableCover,
            scripts.errors.ForeignCode,
            scripts.errors.WrongExam,
            scripts.errors.LabelRefused,
            scripts.errors.TrackingNumberRefused,
            scripts.errors.DespatchRefused,
            scripts.errors.EventRefused,
            scripts.errors.CarrierFileRefused,
            scripts.errors.SittingRefused,
            scripts.errors.RegisterRefused,
            scripts.errors.PlanRefused,
            scripts.errors.BundleUnreadable,
            scripts.errors.BundleDiffers,
            scripts.errors.DecisionRefused,
        ),
        H.UNPROCESSABLE_ENTITY,
    ),
    # Storage: what is wrong there is never the asker's doing
    **dict.fromkeys(
        (
            storage.errors.StorageError,
            storage.errors.ObjectNotFound,
            storage.errors.StoreRefused,
            storage.errors.NameRefused,
            storage.errors.EndpointInsecure,
            storage.errors.ComposeRefused,
            storage.errors.LengthMismatch,
            storage.errors.RangeRefused,
            storage.errors.GeometryRefused,
            storage.errors.SuiteUnknown,
            storage.errors.ObjectTampered,
            storage.errors.KeyRefused,
            storage.errors.KeyringUnsafe,
            storage.errors.KeyringUnreadable,
        ),
        H.INTERNAL_SERVER_ERROR,
    ),
    storage.errors.BackendUnavailable: H.SERVICE_UNAVAILABLE,
    storage.errors.KeyUnavailable: H.SERVICE_UNAVAILABLE,
    storage.errors.StorageFull: H.INSUFFICIENT_STORAGE,
}
RETRY_AFTER_SECONDS: Mapping[type[Exception], int] = {
    errors.UploadBusy: 5,
    errors.ServiceBusy: 5,
    storage.errors.BackendUnavailable: 10,
    storage.errors.KeyUnavailable: 10,
}


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
        return _storage_problem(error, status)
    if isinstance(error, FileRefused):
        faults = [fault_as_json(fault) for fault in error.faults]
        return Problem(
            status, "file-refused", status_phrase(status), str(error), {"faults": faults, "total": error.total}, None
        )
    return Problem(
        status, error.code, status_phrase(status), error.detail, error.facts, RETRY_AFTER_SECONDS.get(type(error))
    )


def _storage_problem(error: StorageError, status: int) -> Problem:
    """Return what a client may know: that it can try again, or not. The diagnosis is for operators."""
    retry = RETRY_AFTER_SECONDS.get(type(error))
    if status == H.INSUFFICIENT_STORAGE:
        detail = (
            "There is no room left to receive more. What was acknowledged is safe; the awarding body has to add room."
        )
        return Problem(status, "storage-full", status_phrase(status), detail, {}, None)
    if retry is not None:
        detail = "The document store does not answer at the moment. Nothing was lost; try again in a few seconds."
        return Problem(status, "storage-unavailable", status_phrase(status), detail, {}, retry)
    detail = "The document cannot be read at the moment. The awarding body has been told."
    return Problem(status, "document-unreadable", status_phrase(status), detail, {}, None)


def fault_as_json(fault: object) -> dict[str, object]:
    """Return a located fault of a file as a JSON object."""
    names = ("code", "file", "line", "first_column", "last_column", "field", "message", "remedy", "severity")
    return {name: getattr(fault, name) for name in names}
