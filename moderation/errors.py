"""What can be wrong in moderation; one class for each fact. Only the web layer turns a class into a status."""

from __future__ import annotations

import inspect
import re


class ModerationError(Exception):
    """Something in moderation is not as it must be."""

    def __init__(self, detail: str = "", /, **facts: object) -> None:
        self.detail = detail or inspect.cleandoc(type(self).__doc__ or "").splitlines()[0]
        self.facts = facts
        super().__init__(self.detail)

    @property
    def code(self) -> str:
        """Return the class name in kebab case, e.g. ``mark-out-of-range``."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__).lower()


# Things that do not exist


class UnknownCase(ModerationError):
    """There is no such moderation case. Go back to the list of components and choose one from it."""


class UnknownCandidate(ModerationError):
    """There is no such candidate for this component at this centre. Check the entries."""


class UnknownSeries(ModerationError):
    """There is no such series. Import its basedata first."""


class UnknownComponent(ModerationError):
    """There is no such component in this series. Import the basedata that describes it."""


class UnknownProfile(ModerationError):
    """There is no such sample profile. Choose one from the list of profiles."""


class UnknownSampleItem(ModerationError):
    """There is no such work in any sample. Open it again from the worklist."""


class NoSample(ModerationError):
    """No sample has been chosen for this component yet. It is chosen when the centre's marks are confirmed."""


class NoResults(ModerationError):
    """No results have been released for this series yet."""


# Marks


class MarkOutOfRange(ModerationError):
    """The mark must be a whole number from 0 to the maximum of the component."""


class CriteriaRefused(ModerationError):
    """The marks by criterion do not make a mark. Correct the ones named; nothing was saved."""


class MarkMissing(ModerationError):
    """A candidate is blank. Give a mark, or say why there is none: blank is neither zero nor absent."""


class MarkNotAllowed(ModerationError):
    """This status cannot carry a mark. Remove the mark or choose another status."""


class MarksRefused(ModerationError):
    """Some marks are not right. Nothing was saved: correct the marks named and save again."""


class DuplicateCandidate(ModerationError):
    """The same candidate appears twice. Keep one row for each candidate."""


class MarksIncomplete(ModerationError):
    """Some candidates have no mark or are not ticked as checked. Complete and check every candidate first."""


class MarksLocked(ModerationError):
    """The marks have been submitted and can no longer be changed here. Ask the awarding body to reopen them."""


class ReasonMissing(ModerationError):
    """This step needs a reason. Write one in a few words."""


class StaleVersion(ModerationError):
    """Somebody changed this while you were working. Load it again, compare, and save once more."""


# The case and its sample


class IllegalTransition(ModerationError):
    """This step is not possible in the present state of the case."""


class ProfileIncomplete(ModerationError):
    """The figures of this sample profile are not available. Import a version that has them, or assign another one."""


class ProfileInvalid(ModerationError):
    """The sample profile is not usable: its bands must start at 1, without gap or overlap."""


class PolicyInvalid(ModerationError):
    """The moderation policy is not usable: a limit, a number of days or a word in it is wrong."""


class ProfileNotPicked(ModerationError):
    """Under this profile the sample is chosen by a person, not by the picker."""


class ChoiceRefused(ModerationError):
    """The chosen sample does not keep to the profile. Nothing was chosen: put right what is named, and choose again."""


class NothingToRequest(ModerationError):
    """Every candidate who can be drawn is in the sample already. Have the whole sample read instead."""


class AlreadyReplaced(ModerationError):
    """Another work was asked for in place of this one already."""


class NotYoursToChoose(ModerationError):
    """Somebody else chooses this sample: the profile says who."""


class ExemptionRefused(ModerationError):
    """The exemption cannot be kept: it names a centre that exists, a component or a family, and a day to come."""


class UnknownExemption(ModerationError):
    """There is no such exemption. Open the list of exemptions again."""


class WrongSubmissionMode(ModerationError):
    """The work of this component travels another way. The mode is fixed by the entered option."""


class SampleIncomplete(ModerationError):
    """Some work of the sample has not arrived. Every sampled candidate needs work or a stated reason."""


class ConsignmentMissing(ModerationError):
    """No despatched consignment is recorded for this sample."""


class ReceiptDiscrepancy(ModerationError):
    """What arrived differs from the contents list, and the difference has not been described."""


# Tracking of submissions


class SlotsInvalid(ModerationError):
    """The evidence slots of a component are not usable: each needs its own name, and one must be required."""


class RequestUnknown(ModerationError):
    """There is no such request. Open the page again and choose from what it lists."""


class RequestOpen(ModerationError):
    """The same was asked before and waits for a decision. Wait for it, or tell the awarding body."""


class RequestDecided(ModerationError):
    """This request was decided in the meantime. Nothing was changed; load the page again to see the decision."""


class ExtensionRefused(ModerationError):
    """This extension is not possible: the new day must lie after the present one, and not after the day asked for."""


class NothingDue(ModerationError):
    """Nothing of this component is waited for now, so there is nothing to give more time for."""


class NotReopenable(ModerationError):
    """This cannot be given back to the centre now."""


class FindingUnexplained(ModerationError):
    """Work that is mislabelled or unreadable needs a note that says what is wrong with it."""


# Marking and outcome


class NotAllocated(ModerationError):
    """This centre's work is not allocated to you."""


class NotIndependent(ModerationError):
    """This person cannot act on this work: they have a tie to the centre, or had a part in judging it before."""


class UnknownConflict(ModerationError):
    """There is no such conflict of interest in the register. Open the register again and choose from it."""


class ConflictInvalid(ModerationError):
    """This conflict of interest is not complete: it needs the five digits of a centre's number."""


class MergeRefused(ModerationError):
    """These accounts cannot be noted as one person. Choose two different accounts."""


class ConflictNotEndable(ModerationError):
    """This conflict of interest cannot be ended by hand, or has ended already."""


class RecordKept(ModerationError):
    """This was recorded and stays as it is. Whatever corrects it is recorded beside it."""


class NotInStage(ModerationError):
    """This work is not to be read at this stage. The whole sample is read only when the first works differ."""


class ToleranceMissing(ModerationError):
    """No tolerance has been entered for this component. An officer must enter it as a whole number of marks."""


class OutcomeMissing(ModerationError):
    """No outcome has been proposed for this component yet."""


class OutcomeNotConfirmable(ModerationError):
    """This outcome carries no marks that could go to results. Return the marks to the centre, or decide as officer."""


class SamePerson(ModerationError):
    """This needs a second person: whoever did the step before cannot do this one."""


class ExplanationDiffers(ModerationError):
    """The arithmetic kept with this outcome does not give the recorded marks, so it is not shown. Ask the awarding body."""


class ReportMissing(ModerationError):
    """No moderator's report has been written for this component yet. The moderator writes it from the desk."""


class ReportLocked(ModerationError):
    """This report cannot be changed now: it has been handed in, or there is nothing to report on yet."""


class ReportIncomplete(ModerationError):
    """The report is not complete. Write every section, and a verdict on each work that was read."""


class MarksInReport(ModerationError):
    """The report states a mark. Centres are told what was agreed, generous or severe, never the moderator's marks."""


class UnknownCriterion(ModerationError):
    """There is no such criterion for this component. Import the component's criteria, or open the page again."""


class FeedbackRefused(ModerationError):
    """Feedback to a centre speaks of order and criteria, never of marks. Leave out whatever could be a mark."""


class SupportCallNeeded(ModerationError):
    """The order of merit failed a second time: note a support call with the centre first, or call all work."""


class AmendmentMissing(ModerationError):
    """There is no such amendment. Open it again from the page of the component."""


class AmendmentNotPossible(ModerationError):
    """This mark cannot be amended in this way now. The page says how it stands."""


class CheckMissing(ModerationError):
    """A team leader must check the moderator's marks before this outcome can be confirmed."""


class CheckUnknown(ModerationError):
    """There is no such check. Open the case again from your list."""


class CheckNotPossible(ModerationError):
    """This step of a check is not possible now. Open the check again and see how it stands."""


class HoldMissing(ModerationError):
    """There is no such hold or suspicion. Open it again from the page of holds."""


class ConcernClosed(ModerationError):
    """This concern has been closed already. Raise a new one if there is more to say."""


class MessageRefused(ModerationError):
    """This message cannot be sent like this. Choose who it is for, and write something."""


class ThreadMissing(ModerationError):
    """There is no such conversation."""


class HoldNotPossible(ModerationError):
    """This hold cannot be placed or ended as it stands. Open the page of holds again."""


class TeamRefused(ModerationError):
    """Nobody can be in their own team, and a moderator belongs to one team in a component."""


class RecomputationDiffers(ModerationError):
    """A second calculation of the moderated marks gives different marks. Nothing was confirmed."""


# Results


class ResultsGateClosed(ModerationError):
    """Results cannot be released: something is still open."""


class ResultsEmbargoed(ModerationError):
    """Results may not be seen yet."""


class ResultsWithdrawn(ModerationError):
    """The results of this series have been withdrawn. They can be seen again when they are issued anew."""


class BoundariesInvalid(ModerationError):
    """The grade boundaries contradict themselves: each grade once, each with its own mark."""


# After results


class UnknownReview(ModerationError):
    """There is no such request. Open it again from the list of reviews."""


class ServiceNotOffered(ModerationError):
    """This service is not offered for this component now. The reason is beside it on the page of reviews."""


class ConsentRefused(ModerationError):
    """The candidate's consent must be written after results came out, and before today ends. Check the day."""


class ReviewIncomplete(ModerationError):
    """Something of this review is missing: every work of the original sample needs a review mark first."""


class FindingRefused(ModerationError):
    """This finding does not fit the service, the marks or the reason given. Choose another finding or reason."""


class ReviewerInvolved(ModerationError):
    """This person worked on the original moderation, or on the decision that is appealed against. Choose somebody else."""


class TermsInvalid(ModerationError):
    """The terms of post-results services are not usable: a fee, a number of days or a word in them is wrong."""


class ResultVersionPending(ModerationError):
    """The changed mark is not in any release of results yet. Release the new version first: the fee depends on it."""


class RetentionNotOver(ModerationError):
    """This work must still be kept. The list of what is due says until when, and why."""


# Imports


class ImportRefused(ModerationError):
    """The file contradicts what is already here. Nothing of it was imported."""


class OlderSequence(ModerationError):
    """A file with a higher sequence number was imported before. Nothing of this older one was imported."""


class DuplicateSequence(ModerationError):
    """Another file with this sequence number came before. Nothing was imported: give the file the next number."""


class EntriesMade(ModerationError):
    """The centre's entries for this series were imported before. Send what changed as an amendment file (A)."""


class UnknownWaitingFile(ModerationError):
    """There is no such file that waits. It may have been imported in the meantime."""


class StandardisationRefused(ModerationError):
    """This work cannot be used for standardisation so."""


class AlreadyDecided(ModerationError):
    """This was decided before. Look at the page again."""


class NotApproved(ModerationError):
    """You are not approved for this component yet. Mark its approval works first; then its live work is opened to you."""
