"""What can be wrong with packets, labels, scans and registers, named for what is so."""

from __future__ import annotations

import inspect
import re


class ScriptsError(Exception):
    """Something about examination scripts is not as it must be."""

    def __init__(self, detail: str = "", /, **facts: object) -> None:
        self.detail = detail or inspect.cleandoc(type(self).__doc__ or "").splitlines()[0]
        self.facts = facts
        super().__init__(self.detail)

    @property
    def code(self) -> str:
        """Return the stable name of the fact: the class name in kebab case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__).lower()


class CodeRefused(ScriptsError):
    """The scanned code cannot be used. Look at the paper and enter it by hand, with a second person."""


class UnreadableCover(CodeRefused):
    """The code is damaged: its check does not agree with its contents. Scan it again or enter it by hand."""


class ForeignCode(CodeRefused):
    """The code is not one of ours. Check that the sheet belongs to this examination."""


class WrongExam(CodeRefused):
    """The code is good but belongs to another series or component. Put it with its own packet."""


class LabelRefused(ScriptsError):
    """A label or cover sheet cannot be made from these values."""


class LabelUnknown(ScriptsError):
    """No label with this code has been issued. Check the code; nothing was recorded."""


class TrackingNumberRefused(ScriptsError):
    """The tracking number cannot be right. Check it against the proof of posting, or scan it."""


class DespatchRefused(ScriptsError):
    """The line of the despatch log cannot be accepted as it stands."""


class EntryWaits(ScriptsError):
    """The entry that this one corrects has not come yet. Send it again after that one."""


class CarrierFileRefused(ScriptsError):
    """The carrier's file cannot be read. Nothing of it was taken."""


class CarrierFormatsInvalid(ScriptsError):
    """The file of carriers' forms is wrong. Whoever runs the service puts it right; until then no carrier's file is taken."""


class EventConflict(ScriptsError):
    """An event with this id is already recorded with other contents. Send a new event under its own id."""


class EventRefused(ScriptsError):
    """The event cannot be recorded as it stands."""


class TransitionRefused(ScriptsError):
    """That step does not follow from the present state."""


class SittingUnknown(ScriptsError):
    """There is no such sitting."""


class SittingConflict(ScriptsError):
    """The sitting is already open with other candidates. Correct its register instead."""


class SittingRefused(ScriptsError):
    """The sitting cannot be opened from these values."""


class RegisterRefused(ScriptsError):
    """The attendance register cannot be marked like this. Nothing was changed."""


class PlanRefused(ScriptsError):
    """The packets cannot be planned like this. Nothing was changed."""


class PacketUnknown(ScriptsError):
    """There is no such packet."""


class ScriptUnknown(ScriptsError):
    """There is no such script."""


class BundleUnreadable(ScriptsError):
    """The scan bundle cannot be opened. Scan the packet again and send the new file."""


class BundleTooLarge(ScriptsError):
    """The scan bundle is larger than this place accepts. Send it in parts of at most 1,000 pages."""


class BundleUnknown(ScriptsError):
    """There is no such scan bundle."""


class PagesNotConserved(ScriptsError):
    """Pages in and pages out of a scan bundle differ. Nothing was stored; the operator must be told."""


class BundleMoveRefused(ScriptsError):
    """The bundle is not in a state in which this can be done. Open it again to see how far it has come."""


class BundleDiffers(ScriptsError):
    """The file that arrived is not the one that was announced: its hash differs. Nothing was kept; send it again."""


class DecisionRefused(ScriptsError):
    """This cannot be decided about the page."""


class DecisionUnknown(ScriptsError):
    """There is no such decision."""


class CheckUnknown(ScriptsError):
    """There is no such second look, or it was answered."""


class ReleaseRefused(ScriptsError):
    """The script cannot go to its marker yet. The page of the script says what keeps it."""


class PageHeld(ScriptsError):
    """An enquiry into malpractice holds this script. Its pages wait until the enquiry has ended."""


class PageTaken(ScriptsError):
    """Somebody else has this page in hand. Take the next one."""


class PageUnknown(ScriptsError):
    """There is no such page in the scan bundle."""


class PageSettled(ScriptsError):
    """The page has already been dealt with. Open the bundle again to see what was decided."""


class SecondPersonNeeded(ScriptsError):
    """This decision needs two different people."""


class CaseUnknown(ScriptsError):
    """There is no such case."""


class CaseRefused(ScriptsError):
    """The case cannot be closed like this: it needs a reason code from the list, and must still be open."""
