"""Facts that the service raises; ``web.problems`` alone turns them into a status."""

from __future__ import annotations

import inspect
import re


class RepositoryError(Exception):
    """Something in the service is not as it must be."""

    def __init__(self, detail: str = "", /, **facts: object) -> None:
        self.detail = detail or inspect.cleandoc(type(self).__doc__ or "").splitlines()[0]
        self.facts = facts
        super().__init__(self.detail)

    @property
    def code(self) -> str:
        """Return the stable name of the fact: the class name in kebab case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__).lower()


class SettingRefused(RepositoryError):
    """A setting has a value that the service cannot start with."""


class NotSignedIn(RepositoryError):
    """Sign in to see this page."""


class SignInRefused(RepositoryError):
    """That sign-in link or token is not valid. Ask for a new one."""


class SignInFailed(RepositoryError):
    """That name and password do not belong together. Check both, and that Caps Lock is off, then try again."""


class CodeWrong(RepositoryError):
    """That code is not right, or was used before. Wait for the next one in your app and type it in."""


class TooManyTries(RepositoryError):
    """There were too many wrong tries. Wait a little, then try again."""


class SetUpOver(RepositoryError):
    """This set-up link has been used or is too old. Run `nea set-up` on the server for a new one."""


class AttemptOver(RepositoryError):
    """This sign-in took too long or was finished already. Start again from the sign-in page."""


class ProviderUnavailable(RepositoryError):
    """The identity provider did not answer as it should. Try again in a few minutes, or sign in another way."""


class ProviderDeclined(RepositoryError):
    """The identity provider did not sign you in. Try again; if it happens again, ask the people who run it for you."""


class SignInCancelled(RepositoryError):
    """The sign-in was stopped at the identity provider. You can start again, or sign in another way."""


class ProviderAnswerRefused(RepositoryError):
    """The identity provider's answer could not be trusted, so nobody was signed in. Start again from the sign-in page."""

    def __init__(self, reason: str = "") -> None:
        super().__init__()
        self.reason = reason
        """Which check failed, for the record; whoever sent the answer is not told."""


class AccountClosed(RepositoryError):
    """This account has been closed here. Ask the exams officer of your centre, or the awarding body, to open it again."""


class AccountNotAdmitted(RepositoryError):
    """Accounts of this kind are not used here. Ask the exams officer of your centre which account to sign in with."""


class SecondFactorNeeded(RepositoryError):
    """Your role needs a second step at sign-in: a passkey, a code from your authenticator app, or a recovery code."""


class StepUpNeeded(RepositoryError):
    """This needs a fresh proof that it is you. Confirm it on the next page, then repeat what you did."""


class LinkOver(RepositoryError):
    """This link cannot be used: it was used or taken back, is too old, or a wrong code was entered too often. Ask for a new one."""


class PasskeysUnavailable(RepositoryError):
    """Passkeys cannot be used here. Sign in with your password and a code."""


class TokenMistyped(RepositoryError):
    """This is no token of this service: a part is missing or mistyped. Copy it again, the whole line, as it was shown."""


class TokenRefused(RepositoryError):
    """This token is not taken: unknown, over, revoked, or not from this network. An exams officer can make a new one."""


class OriginalRefused(RepositoryError):
    """This file is given to nobody as it was sent: no virus scanner has looked at all of it and found nothing."""


class NotHeldAnyMore(RepositoryError):
    """This file is not held any more: it is being checked, or it was replaced or withdrawn. Load the list again."""


class NotFound(RepositoryError):
    """There is nothing here that you can see. Check the address, or go back to your home page."""


class HostUnknown(RepositoryError):
    """The service does not answer under this address. Use the address that the awarding body gave you."""


class BodyTooLarge(RepositoryError):
    """What was sent is larger than is accepted here. Nothing was saved; send less, or split the file."""


class RequestForged(RepositoryError):
    """The request did not come from a page of this service. Open the page again and repeat what you did."""


class RequestMalformed(RepositoryError):
    """The request could not be read."""


class FieldRefused(RepositoryError):
    """A value on the form is not acceptable."""


class ExportRefused(RepositoryError):
    """Something cannot be written in the format asked for. Nothing was written: correct the value named."""


class OffsetMismatch(RepositoryError):
    """The upload continues from a different place. Ask where it stands with HEAD, then send from there."""


class UploadTooLong(RepositoryError):
    """The body holds more bytes than the upload declared. Nothing of the excess was kept."""


class UploadBusy(RepositoryError):
    """Another connection is writing this upload. Try again in a few seconds."""


class UploadGone(RepositoryError):
    """The upload has ended: it was cancelled, withdrawn or has expired."""


class UploadComplete(RepositoryError):
    """The upload is complete and part of a submitted sample; it cannot be removed now."""


class ChecksumMismatch(RepositoryError):
    """The bytes received do not match their checksum. Nothing of this request was kept; send it again."""


class UploadOfOtherContent(RepositoryError):
    """This is not the file that was begun here: its size or content differs. Choose that file, or send this one as new."""


class ChecksumUnknown(RepositoryError):
    """The checksum algorithm is not offered. Use sha256 or sha1."""


class ProtocolVersionRefused(RepositoryError):
    """The upload protocol version is not offered. Use tus 1.0.0."""


class MediaTypeRefused(RepositoryError):
    """The body has the wrong media type for this address."""


class FileTooLarge(RepositoryError):
    """The file is larger than this place accepts."""


class WrongSubmissionMode(RepositoryError):
    """The work of this component is not uploaded; its entry option fixes another way."""


class SlotUnknown(RepositoryError):
    """This component has no place of that name for files."""


class SlotTypeRefused(RepositoryError):
    """Files of this type are not taken in this place."""


class SlotClosed(RepositoryError):
    """The sample has been submitted, so files can no longer be added, replaced or removed."""


class ReplacementRefused(RepositoryError):
    """The file to be replaced is not in this place any more. Load the page again and choose it anew."""


class PracticeFull(RepositoryError):
    """As many practice centres as there can be are in use. Try again tomorrow, when old ones have been wiped."""


class RangeRefused(RepositoryError):
    """The requested range lies outside the document."""


class DocumentNotReady(RepositoryError):
    """The document has not been checked and released yet."""


class DocumentDestroyed(RepositoryError):
    """The document was destroyed on the order of two officers. Only the record of it remains."""


class HoldInForce(RepositoryError):
    """A legal hold is in force. Nothing was destroyed; it must be lifted first."""


class ShredRefused(RepositoryError):
    """This cannot be destroyed as asked. Nothing was changed."""


class OfficerUnknown(RepositoryError):
    """No awarding body officer of that id or name holds that role now."""


class ClerkUnknown(RepositoryError):
    """No one tracking clerk has the id or name in NEA_SCAN_FOLDER_CLERK. Files of the scan folder stay until it is mended."""


class CollectorStopped(RepositoryError):
    """The collector stopped before it deleted anything."""


class KeyStillNeeded(RepositoryError):
    """The root key version still protects keys, so it cannot be retired."""


class BackupRefused(RepositoryError):
    """The key backup cannot be taken back as asked. Nothing was changed."""


class InspectionFailed(RepositoryError):
    """The file could not be read safely."""


class PictureRefused(RepositoryError):
    """This is no picture that can be kept. Take it again, as JPEG or PNG."""


class EvidenceConflict(RepositoryError):
    """Another picture was sent under this id before. Nothing was changed; send this one under an id of its own."""


class SecondPersonNeeded(RepositoryError):
    """This step needs a second person: somebody other than the one who did the step before."""


class ServiceBusy(RepositoryError):
    """The service is busy. Nothing was lost; try again in a few seconds."""


class LogDamaged(RepositoryError):
    """The audit log, or a proof of it, is not what was signed. Keep everything as it is and find out who changed it."""


class LogForked(RepositoryError):
    """The audit log differs from what was published of it, so nothing more of it is signed. Run `nea audit verify`."""


class LogPlaceRefused(RepositoryError):
    """The folder that the audit log is published to cannot be read or written. Check NEA_AUDIT_PUBLISH_DIR."""


class ReceiptUnreadable(RepositoryError):
    """That is not a receipt file of this service. Choose the file that was downloaded or came by mail, ending in .json."""


class EventUnknown(RepositoryError):
    """There is no such event in the audit log. Give its number in the log, or its id."""


class DatabaseBehind(RepositoryError):
    """The database is older than this version of the service. Run `nea migrate`."""


class PolicyMissing(RepositoryError):
    """Row security of the database is missing or differs. After an upgrade run `nea migrate`; else find out who changed it."""

    SENTENCE = "Row security of the database is missing or differs. After an upgrade run `nea migrate`; else see who changed it."


class PolicyRefused(RepositoryError):
    """The database's user may not make the roles of people. Have them made as infra/docs/access.md says, then migrate again."""


class GuardsMissing(RepositoryError):
    """Guards of the database are missing or differ. After an upgrade run `nea migrate`; else find out who changed them."""

    SENTENCE = "Guards of the database are missing or differ. After an upgrade run `nea migrate`; else find out who changed them."
