"""After results: the services a centre can ask for, the life of a request, who may ask, and what an outcome means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from moderation.entries import SubmissionMode
from moderation.errors import IllegalTransition
from moderation.outcome import OutcomeKind


class Service(StrEnum):
    """What a centre can ask for once results are out.

    Source: JCQ-board services as restated by centres and boards (copy); OCR,
    https://ocr-live-prd95.cambridgeassessment.org.uk/administration/general-qualifications/post-results/service-3-moderation-review.
    """

    CLERICAL_RECHECK = "1"
    REVIEW_OF_MARKING = "2"
    PRIORITY_REVIEW = "P2"
    REVIEW_OF_MODERATION = "3"
    SCRIPT_PRIORITY = "ATS-P"
    SCRIPT = "ATS"
    APPEAL_STAGE_1 = "APPEAL-1"
    APPEAL_STAGE_2 = "APPEAL-2"


MARKING = frozenset({Service.CLERICAL_RECHECK, Service.REVIEW_OF_MARKING, Service.PRIORITY_REVIEW})
"""Services about one candidate's mark in one component."""
REVIEWS_OF_MARKING = frozenset({Service.REVIEW_OF_MARKING, Service.PRIORITY_REVIEW})
SCRIPTS = frozenset({Service.SCRIPT_PRIORITY, Service.SCRIPT})
APPEALS = frozenset({Service.APPEAL_STAGE_1, Service.APPEAL_STAGE_2})
REVIEWS = MARKING | {Service.REVIEW_OF_MODERATION}
"""Services that end in an outcome against which an appeal can be made."""


class Consent(StrEnum):
    """What a candidate must have agreed to before a request may be sent."""

    NONE = "none"
    WRITTEN = "written"
    PERMISSION = "permission"


class Trigger(StrEnum):
    """From what a clock counts; it is always shown beside the date."""

    SUBMITTED = "submitted"
    ACKNOWLEDGED = "acknowledged"
    BEGUN = "begun"


class RequestState(StrEnum):
    """Where a request stands.

    Source: project policy, the states of post-results services.
    """

    DRAFT = "DRAFT"
    CONSENTED = "CONSENTED"
    SUBMITTED = "SUBMITTED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    IN_REVIEW = "IN_REVIEW"
    OUTCOME = "OUTCOME"
    INVOICED = "INVOICED"
    CLOSED = "CLOSED"
    WITHDRAWN = "WITHDRAWN"
    REFUSED = "REFUSED"


class RequestEvent(StrEnum):
    """What happens to a request."""

    RECORD_CONSENT = "RECORD_CONSENT"
    SUBMIT = "SUBMIT"
    ACKNOWLEDGE = "ACKNOWLEDGE"
    BEGIN_REVIEW = "BEGIN_REVIEW"
    CONFIRM_OUTCOME = "CONFIRM_OUTCOME"
    INVOICE = "INVOICE"
    CLOSE = "CLOSE"
    WITHDRAW = "WITHDRAW"
    REFUSE = "REFUSE"


_S, _E = RequestState, RequestEvent

TRANSITIONS: Final[MappingProxyType[tuple[RequestState, RequestEvent], RequestState]] = MappingProxyType(
    {
        (_S.DRAFT, _E.RECORD_CONSENT): _S.CONSENTED,
        # Only where the service needs no consent; ``move`` and the database look at it.
        (_S.DRAFT, _E.SUBMIT): _S.SUBMITTED,
        (_S.CONSENTED, _E.SUBMIT): _S.SUBMITTED,
        (_S.SUBMITTED, _E.ACKNOWLEDGE): _S.ACKNOWLEDGED,
        (_S.ACKNOWLEDGED, _E.BEGIN_REVIEW): _S.IN_REVIEW,
        (_S.IN_REVIEW, _E.CONFIRM_OUTCOME): _S.OUTCOME,
        (_S.OUTCOME, _E.INVOICE): _S.INVOICED,
        (_S.INVOICED, _E.CLOSE): _S.CLOSED,
        **{(state, _E.WITHDRAW): _S.WITHDRAWN for state in (_S.DRAFT, _S.CONSENTED, _S.SUBMITTED, _S.ACKNOWLEDGED)},
        **{(state, _E.REFUSE): _S.REFUSED for state in (_S.SUBMITTED, _S.ACKNOWLEDGED)},
    }
)
OPEN = frozenset({_S.DRAFT, _S.CONSENTED, _S.SUBMITTED, _S.ACKNOWLEDGED, _S.IN_REVIEW})
"""No outcome yet: what retention and a second request wait for."""
LODGED = frozenset({_S.SUBMITTED, _S.ACKNOWLEDGED, _S.IN_REVIEW})
"""With the awarding body."""
DONE = frozenset({_S.OUTCOME, _S.INVOICED, _S.CLOSED})
"""An outcome was given."""
SET_ASIDE = frozenset({_S.WITHDRAWN, _S.REFUSED})


def move(state: RequestState, event: RequestEvent, consent: Consent) -> RequestState:
    """Return the state after an event; raises ``IllegalTransition`` naming both.

    Takes: ``consent``, what the service needs: a draft goes off without consent only where none is needed.
    Source: project policy, the states of post-results services.
    """
    after = TRANSITIONS.get((state, event))
    if after is None or needs_consent_first(state, event, consent):
        raise IllegalTransition(
            f"This step ({event.lower().replace('_', ' ')}) is not possible while the request is "
            f"“{state.lower().replace('_', ' ')}”.",
            state=str(state),
            event=str(event),
        )
    return after


def needs_consent_first(state: RequestState, event: RequestEvent, consent: Consent) -> bool:
    """Say whether the step skips a consent that the service needs, or records one that it does not need."""
    if state is not _S.DRAFT:
        return False
    return (event is _E.SUBMIT and consent is not Consent.NONE) or (
        event is _E.RECORD_CONSENT and consent is Consent.NONE
    )


# What an outcome says


class Finding(StrEnum):
    """What a request led to."""

    NO_CHANGE = "NO_CHANGE"
    MARK_CHANGED = "MARK_CHANGED"
    UPHELD = "UPHELD"
    CENTRE_MARKS_REINSTATED = "CENTRE_MARKS_REINSTATED"
    MODERATION_CHANGED = "MODERATION_CHANGED"
    SCRIPT_GIVEN = "SCRIPT_GIVEN"
    APPEAL_DISMISSED = "APPEAL_DISMISSED"
    APPEAL_ALLOWED = "APPEAL_ALLOWED"


FINDINGS: Final[MappingProxyType[Service, frozenset[Finding]]] = MappingProxyType(
    {
        **dict.fromkeys(MARKING, frozenset({Finding.NO_CHANGE, Finding.MARK_CHANGED})),
        Service.REVIEW_OF_MODERATION: frozenset(
            {Finding.UPHELD, Finding.CENTRE_MARKS_REINSTATED, Finding.MODERATION_CHANGED}
        ),
        **dict.fromkeys(SCRIPTS, frozenset({Finding.SCRIPT_GIVEN})),
        **dict.fromkeys(
            APPEALS, frozenset({Finding.APPEAL_DISMISSED, Finding.APPEAL_ALLOWED, Finding.CENTRE_MARKS_REINSTATED})
        ),
    }
)
"""Which findings a service can have."""


class ReasonCode(StrEnum):
    """Why a mark or a grade changed, or did not, in the words of the regulator's return.

    Source: Ofqual, list of reasons for reviews of marking and moderation,
    https://assets.publishing.service.gov.uk/media/6527d9c6aea2d0000d219c3f/TQ_ROMM_Reason.csv/preview.
    """

    CENTRE_ERROR = "Centre error in submitting marks"
    PROCESSING_ERROR = "Processing error"
    OTHER_COMPONENT = "No mark change, grade change through another component"
    TOTALLING = "Totalling"
    MARK_INPUT = "Mark input"
    UNUSUAL_RESPONSE = "Unusual response"
    SPECIAL_CONSIDERATION = "Post-results special consideration"
    TRANSFER_ERROR = "Transfer error"
    RUBRIC = "Rubric or answer space"
    UNMARKED_WORK = "Unmarked work"
    POINTS_SCHEME = "Misapplied points scheme"
    MALPRACTICE_ESTIMATE = "Malpractice estimate"
    AUTO_MARKING = "Auto-marking"
    LEVELS_SCHEME = "Misapplied levels scheme"
    MODERATION_CRITERIA = "Moderation: misapplied criteria"
    HANDWRITING = "Unreadable handwriting"
    MISSING_SCRIPT = "Missing script located at review"


CLERICAL_REASONS = frozenset(
    {
        ReasonCode.CENTRE_ERROR,
        ReasonCode.PROCESSING_ERROR,
        ReasonCode.TOTALLING,
        ReasonCode.MARK_INPUT,
        ReasonCode.TRANSFER_ERROR,
        ReasonCode.UNMARKED_WORK,
        ReasonCode.MISSING_SCRIPT,
    }
)
"""What a clerical re-check can find: all parts marked, totals and recording. Project policy."""


PANEL_SIZE: Final[MappingProxyType[Service, int]] = MappingProxyType(
    {Service.APPEAL_STAGE_1: 1, Service.APPEAL_STAGE_2: 3}
)
"""How many uninvolved people hear an appeal at least: "somebody uninvolved", "usually a panel of three" (copy)."""


class Grounds(StrEnum):
    """On what an appeal rests.

    Source: JCQ-board practice as restated by boards (copy).
    """

    PROCEDURE = "Procedure not followed"
    MARKING = "Marking error"
    MODERATION = "Moderation error"
    MALPRACTICE = "Malpractice decision"
    ACCESS_ARRANGEMENTS = "Access arrangements decision"
    SPECIAL_CONSIDERATION = "Special consideration decision"


# Who may ask


class Refusal(StrEnum):
    """Why a service cannot be asked for, as its centre reads it."""

    CANDIDATE_NEEDED = "Choose the candidate: this service is about one candidate’s work in one component."
    CANDIDATE_NAMED = (
        "A review of moderation is for the whole component, never for one candidate. Leave the candidate out."
    )
    NOT_ENTERED = "This candidate is not entered for this component at your centre. Choose another component."
    NOT_MARKED_OUTSIDE = (
        "This component is marked by your centre. Ask for a review of moderation instead: reviews of marking are for "
        "components marked by the awarding body."
    )
    NO_SCRIPT = (
        "Work marked by the centre, oral tests and recordings have no script to be given out. Your centre has the work."
    )
    NOT_MODERATED = "This component was not moderated at your centre in this series, so there is nothing to review."
    ACCEPTED_UNCHANGED = "Your centre’s marks were accepted unchanged, so there is no moderation decision to review."
    NOT_LEAD_CENTRE = "Your centre was moderated as part of a consortium. Only its lead centre may ask for the review."
    NO_FILM = "This component was moderated at a visit and no filmed evidence is here, so it cannot be moderated again."
    NOT_SEALED = "The sample that was moderated is not sealed here, so it cannot be shown to be the original one."
    SAMPLE_CHANGED = (
        "Work of the sample was withdrawn, destroyed or changed since it was submitted, so no review is possible."
    )
    WORK_RETURNED = (
        "Confirm that the moderated work is in secure storage and was not returned. Without that no review is possible."
    )
    ALREADY_OPEN = "This service was asked for already and is not finished. Open the request that there is."
    ALREADY_DONE = "This was asked for before and has an outcome. After it, only an appeal is possible."
    RECHECK_AFTER_REVIEW = "A review of marking includes the clerical re-check, so a re-check after it is not possible."
    OTHER_OPEN = "Another check of this candidate’s mark is under way. Wait for its outcome."
    WINDOW_NOT_OPEN = "The window for this service is not open yet."
    WINDOW_CLOSED = "The window for this service has closed."
    LEVEL = "Priority reviews are for level 3 qualifications, such as A level, in the June series only."
    NO_PLACE_AT_STAKE = "Confirm that a university place depends on the result. Otherwise ask for a review of marking."
    NO_REVIEW_OUTCOME = "An appeal can be made only after the outcome of a review. There is none yet."
    STAGE_1_FIRST = "The second stage follows the outcome of the first. Ask for the first stage."
    WORK_DISPOSED = "The work of this component has been disposed of at the end of its time, so no review is possible."


@dataclass(frozen=True, slots=True)
class Before:
    """A request made earlier about the same thing."""

    service: Service
    state: RequestState


@dataclass(frozen=True, slots=True)
class ModeratedWork:
    """What is known about the moderation that a centre wants reviewed.

    Takes: ``kind`` of the outcome in force, or ``None`` where none is confirmed; ``moves_marks``, whether any mark of
    the group differs from its centre mark; ``is_sealed`` and ``is_intact``, whether the sealed manifest of the
    submitted sample exists and still verifies; ``is_kept``, the centre's declaration.
    """

    mode: SubmissionMode
    kind: OutcomeKind | None
    is_lead_centre: bool
    is_sealed: bool
    is_intact: bool
    is_filmed: bool
    is_kept: bool
    is_disposed: bool = False


REVIEWABLE = frozenset({OutcomeKind.ADJUSTED, OutcomeKind.MODERATOR_MARKS})
"""Outcomes in which the centre's marks did not simply stand."""


def why_not_moderation(
    work: ModeratedWork | None, *, candidate_named: bool, before: Sequence[Before]
) -> Refusal | None:
    """Return why a review of moderation cannot be asked for, or ``None``.

    Source: OCR service 3 (not where centre marks were accepted unchanged; never one candidate; not for a visit without
    filmed evidence); AQA (work that has left secure storage); consortium lead and sealed manifest are project policy.
    """
    if candidate_named:
        return Refusal.CANDIDATE_NAMED
    if work is None or work.kind is None:
        return Refusal.NOT_MODERATED
    if not work.is_lead_centre:
        return Refusal.NOT_LEAD_CENTRE
    same = [one for one in before if one.service is Service.REVIEW_OF_MODERATION]
    if any(one.state in OPEN for one in same):
        return Refusal.ALREADY_OPEN
    if any(one.state in DONE for one in same):
        return Refusal.ALREADY_DONE
    if work.kind not in REVIEWABLE:
        return Refusal.ACCEPTED_UNCHANGED
    if work.is_disposed:
        return Refusal.WORK_DISPOSED
    if work.mode is SubmissionMode.VISIT and not work.is_filmed:
        return Refusal.NO_FILM
    if not work.is_sealed:
        return Refusal.NOT_SEALED
    if not work.is_intact:
        return Refusal.SAMPLE_CHANGED
    return None if work.is_kept else Refusal.WORK_RETURNED


@dataclass(frozen=True, slots=True)
class MarkedWork:
    """What is known about a candidate's mark that a centre asks about."""

    is_entered: bool
    is_marked_by_centre: bool
    levels: frozenset[str] = frozenset()
    is_june: bool = False
    place_at_stake: bool = False


def why_not_marking(
    service: Service, work: MarkedWork | None, *, before: Sequence[Before], levels: frozenset[str]
) -> Refusal | None:
    """Return why a re-check, a review of marking or a script cannot be asked for, or ``None``.

    Takes: ``work``, or ``None`` when no candidate is named; ``levels`` for which a priority review is offered, empty
    for all.
    Source: JCQ-board rules as restated by boards (copy): per component; several services may be open for one award; in
    one component 1 then 2 is possible; scripts never of internally assessed components.
    """
    if work is None:
        return Refusal.CANDIDATE_NEEDED
    if not work.is_entered:
        return Refusal.NOT_ENTERED
    if work.is_marked_by_centre and service in REVIEWS_OF_MARKING:
        return Refusal.NOT_MARKED_OUTSIDE
    if work.is_marked_by_centre and service in SCRIPTS:
        return Refusal.NO_SCRIPT
    if service is Service.PRIORITY_REVIEW:
        if not work.is_june or (levels and not work.levels & levels):
            return Refusal.LEVEL
        if not work.place_at_stake:
            return Refusal.NO_PLACE_AT_STAKE
    return _why_not_again(service, before)


def _why_not_again(service: Service, before: Sequence[Before]) -> Refusal | None:
    standing = [one for one in before if one.state not in SET_ASIDE]
    if service in SCRIPTS:
        same = [one for one in standing if one.service in SCRIPTS]
        return (Refusal.ALREADY_OPEN if same[0].state in OPEN else Refusal.ALREADY_DONE) if same else None
    for one in standing:
        if one.service in SCRIPTS:
            continue
        if one.service is service or (one.service in REVIEWS_OF_MARKING and service in REVIEWS_OF_MARKING):
            return Refusal.ALREADY_OPEN if one.state in OPEN else Refusal.ALREADY_DONE
        if one.state in OPEN:
            return Refusal.OTHER_OPEN
        if service is Service.CLERICAL_RECHECK:
            return Refusal.RECHECK_AFTER_REVIEW
    return None


def why_not_appeal(stage: Service, about: Before | None, *, before: Sequence[Before]) -> Refusal | None:
    """Return why an appeal cannot be made, or ``None``.

    Takes: ``about``, the review for stage 1, the appeal of stage 1 for stage 2; ``before``, appeals about it.
    Source: JCQ-board practice as restated by boards (copy): only after a review outcome; stage 2 follows stage 1.
    """
    wanted = REVIEWS if stage is Service.APPEAL_STAGE_1 else {Service.APPEAL_STAGE_1}
    if about is None or about.service not in wanted or about.state not in DONE:
        return Refusal.NO_REVIEW_OUTCOME if stage is Service.APPEAL_STAGE_1 else Refusal.STAGE_1_FIRST
    same = [one for one in before if one.service is stage and one.state not in SET_ASIDE]
    if same:
        return Refusal.ALREADY_OPEN if same[0].state in OPEN else Refusal.ALREADY_DONE
    return None
