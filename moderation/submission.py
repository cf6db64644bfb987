"""The life of a moderation case, from open marks to released results: states, events and the only legal moves."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from moderation.entries import SubmissionMode
from moderation.errors import IllegalTransition


class CaseState(StrEnum):
    """Where a case stands.

    Source: OCR's "submitted" and "confirmed" for marks; the other names are project policy.
    """

    MARKS_OPEN = "MARKS_OPEN"
    MARKS_SAVED = "MARKS_SAVED"
    MARKS_CHECKED = "MARKS_CHECKED"
    MARKS_SUBMITTED = "MARKS_SUBMITTED"
    MARKS_CONFIRMED = "MARKS_CONFIRMED"
    WAITING_FOR_MEMBERS = "WAITING_FOR_MEMBERS"
    SAMPLE_SELECTED = "SAMPLE_SELECTED"
    SAMPLE_NOT_REQUIRED = "SAMPLE_NOT_REQUIRED"
    SAMPLE_REQUESTED = "SAMPLE_REQUESTED"
    UPLOADING = "UPLOADING"
    DESPATCHED = "DESPATCHED"
    VISIT_BOOKED = "VISIT_BOOKED"
    MORE_WORK_REQUESTED = "MORE_WORK_REQUESTED"
    ALL_WORK_REQUESTED = "ALL_WORK_REQUESTED"
    SUBMITTED = "SUBMITTED"
    RECEIVED = "RECEIVED"
    RECEIPT_QUERY = "RECEIPT_QUERY"
    RECEIPT_COMPLETE = "RECEIPT_COMPLETE"
    FULL_SAMPLE = "FULL_SAMPLE"
    OUTCOME_PROPOSED = "OUTCOME_PROPOSED"
    INVALID_ORDER = "INVALID_ORDER"
    SUPPORT_CALL = "SUPPORT_CALL"
    RETURNED_TO_CENTRE = "RETURNED_TO_CENTRE"
    OUTCOME_LOCKED = "OUTCOME_LOCKED"
    RESULTS_ISSUED = "RESULTS_ISSUED"
    REPORT_RELEASED = "REPORT_RELEASED"
    REVIEW_REQUESTED = "REVIEW_REQUESTED"
    REVIEW_DONE = "REVIEW_DONE"
    APPEAL = "APPEAL"
    RETENTION = "RETENTION"
    DISPOSED = "DISPOSED"
    MALPRACTICE_HOLD = "MALPRACTICE_HOLD"


class CaseEvent(StrEnum):
    """What happens to a case."""

    SAVE_MARKS = "SAVE_MARKS"
    CHECK_MARKS = "CHECK_MARKS"
    SUBMIT_MARKS = "SUBMIT_MARKS"
    CONFIRM_MARKS = "CONFIRM_MARKS"
    REOPEN_MARKS = "REOPEN_MARKS"
    AMEND_MARKS = "AMEND_MARKS"
    WAIT_FOR_MEMBERS = "WAIT_FOR_MEMBERS"
    SELECT_SAMPLE = "SELECT_SAMPLE"
    NEED_NO_SAMPLE = "NEED_NO_SAMPLE"
    REQUEST_SAMPLE = "REQUEST_SAMPLE"
    REDRAW_SAMPLE = "REDRAW_SAMPLE"
    REQUEST_MORE_WORK = "REQUEST_MORE_WORK"
    REQUEST_ALL_WORK = "REQUEST_ALL_WORK"
    START_UPLOAD = "START_UPLOAD"
    DESPATCH = "DESPATCH"
    BOOK_VISIT = "BOOK_VISIT"
    SUBMIT_SAMPLE = "SUBMIT_SAMPLE"
    REOPEN_SAMPLE = "REOPEN_SAMPLE"
    RECEIVE = "RECEIVE"
    QUERY_RECEIPT = "QUERY_RECEIPT"
    COMPLETE_RECEIPT = "COMPLETE_RECEIPT"
    CALL_FULL_SAMPLE = "CALL_FULL_SAMPLE"
    PROPOSE_OUTCOME = "PROPOSE_OUTCOME"
    FIND_INVALID_ORDER = "FIND_INVALID_ORDER"
    OFFER_SUPPORT_CALL = "OFFER_SUPPORT_CALL"
    RETURN_TO_CENTRE = "RETURN_TO_CENTRE"
    CONFIRM_OUTCOME = "CONFIRM_OUTCOME"
    WITHDRAW_OUTCOME = "WITHDRAW_OUTCOME"
    ISSUE_RESULTS = "ISSUE_RESULTS"
    RELEASE_REPORT = "RELEASE_REPORT"
    REQUEST_REVIEW = "REQUEST_REVIEW"
    COMPLETE_REVIEW = "COMPLETE_REVIEW"
    OPEN_APPEAL = "OPEN_APPEAL"
    CLOSE_APPEAL = "CLOSE_APPEAL"
    BEGIN_RETENTION = "BEGIN_RETENTION"
    DISPOSE = "DISPOSE"
    HOLD = "HOLD"
    RELEASE_HOLD = "RELEASE_HOLD"


_S, _E = CaseState, CaseEvent

_SAMPLE_OUT = frozenset(
    {
        _S.SAMPLE_REQUESTED,
        _S.UPLOADING,
        _S.DESPATCHED,
        _S.VISIT_BOOKED,
        _S.MORE_WORK_REQUESTED,
        _S.ALL_WORK_REQUESTED,
        _S.SUBMITTED,
        _S.RECEIVED,
        _S.RECEIPT_QUERY,
        _S.RECEIPT_COMPLETE,
        _S.FULL_SAMPLE,
        _S.SAMPLE_NOT_REQUIRED,
    }
)
"""A sample is out or in, and no outcome is found yet."""
_FOUND = frozenset({_S.OUTCOME_PROPOSED, _S.INVALID_ORDER, _S.SUPPORT_CALL, _S.OUTCOME_LOCKED})
RELEASED = frozenset(
    {
        _S.RESULTS_ISSUED,
        _S.REPORT_RELEASED,
        _S.REVIEW_REQUESTED,
        _S.REVIEW_DONE,
        _S.APPEAL,
        _S.RETENTION,
        _S.DISPOSED,
    }
)
"""Results of the case have left at least once."""

TRANSITIONS: Final[MappingProxyType[tuple[CaseState, CaseEvent], CaseState]] = MappingProxyType(
    {
        # Marks
        (_S.MARKS_OPEN, _E.SAVE_MARKS): _S.MARKS_SAVED,
        (_S.MARKS_SAVED, _E.SAVE_MARKS): _S.MARKS_SAVED,
        (_S.MARKS_CHECKED, _E.SAVE_MARKS): _S.MARKS_SAVED,
        (_S.RETURNED_TO_CENTRE, _E.SAVE_MARKS): _S.MARKS_SAVED,
        (_S.MARKS_SAVED, _E.CHECK_MARKS): _S.MARKS_CHECKED,
        (_S.MARKS_CHECKED, _E.SUBMIT_MARKS): _S.MARKS_SUBMITTED,
        (_S.MARKS_SUBMITTED, _E.CONFIRM_MARKS): _S.MARKS_CONFIRMED,
        # Before the sample is drawn, a second person may give marks back to the centre.
        (_S.MARKS_SUBMITTED, _E.REOPEN_MARKS): _S.MARKS_SAVED,
        (_S.MARKS_CONFIRMED, _E.REOPEN_MARKS): _S.MARKS_SAVED,
        (_S.WAITING_FOR_MEMBERS, _E.REOPEN_MARKS): _S.MARKS_SAVED,
        # After it, marks change only by an amendment with a reason and an approver; what was found is found again.
        **{(state, _E.AMEND_MARKS): state for state in _SAMPLE_OUT},
        **{(state, _E.AMEND_MARKS): _S.RECEIPT_COMPLETE for state in _FOUND},
        **{(state, _E.REDRAW_SAMPLE): _S.MARKS_CONFIRMED for state in _SAMPLE_OUT | _FOUND},
        # The sample
        (_S.MARKS_CONFIRMED, _E.WAIT_FOR_MEMBERS): _S.WAITING_FOR_MEMBERS,
        (_S.MARKS_CONFIRMED, _E.SELECT_SAMPLE): _S.SAMPLE_SELECTED,
        (_S.WAITING_FOR_MEMBERS, _E.SELECT_SAMPLE): _S.SAMPLE_SELECTED,
        (_S.MARKS_CONFIRMED, _E.NEED_NO_SAMPLE): _S.SAMPLE_NOT_REQUIRED,
        (_S.WAITING_FOR_MEMBERS, _E.NEED_NO_SAMPLE): _S.SAMPLE_NOT_REQUIRED,
        (_S.SAMPLE_SELECTED, _E.REQUEST_SAMPLE): _S.SAMPLE_REQUESTED,
        **{
            (state, event): after
            for state in (_S.SAMPLE_REQUESTED, _S.MORE_WORK_REQUESTED, _S.ALL_WORK_REQUESTED, _S.RECEIPT_QUERY)
            for event, after in (
                (_E.START_UPLOAD, _S.UPLOADING),
                (_E.DESPATCH, _S.DESPATCHED),
                (_E.BOOK_VISIT, _S.VISIT_BOOKED),
            )
        },
        (_S.UPLOADING, _E.SUBMIT_SAMPLE): _S.SUBMITTED,
        (_S.SUBMITTED, _E.REOPEN_SAMPLE): _S.UPLOADING,
        (_S.DESPATCHED, _E.DESPATCH): _S.DESPATCHED,
        (_S.DESPATCHED, _E.RECEIVE): _S.RECEIVED,
        (_S.VISIT_BOOKED, _E.RECEIVE): _S.RECEIVED,
        (_S.SUBMITTED, _E.COMPLETE_RECEIPT): _S.RECEIPT_COMPLETE,
        (_S.RECEIVED, _E.COMPLETE_RECEIPT): _S.RECEIPT_COMPLETE,
        (_S.SUBMITTED, _E.QUERY_RECEIPT): _S.RECEIPT_QUERY,
        (_S.RECEIVED, _E.QUERY_RECEIPT): _S.RECEIPT_QUERY,
        (_S.RECEIPT_QUERY, _E.COMPLETE_RECEIPT): _S.RECEIPT_COMPLETE,
        # More work, or all of it, may be called while nothing is locked.
        **{
            (state, event): after
            for state in (
                _S.RECEIPT_COMPLETE,
                _S.FULL_SAMPLE,
                _S.OUTCOME_PROPOSED,
                _S.INVALID_ORDER,
                _S.SUPPORT_CALL,
            )
            for event, after in (
                (_E.REQUEST_MORE_WORK, _S.MORE_WORK_REQUESTED),
                (_E.REQUEST_ALL_WORK, _S.ALL_WORK_REQUESTED),
            )
        },
        # Of a consortium, a centre of which nobody was drawn may be asked for work later.
        (_S.SAMPLE_NOT_REQUIRED, _E.REQUEST_MORE_WORK): _S.MORE_WORK_REQUESTED,
        (_S.SAMPLE_NOT_REQUIRED, _E.REQUEST_ALL_WORK): _S.ALL_WORK_REQUESTED,
        # Marking
        (_S.INVALID_ORDER, _E.CALL_FULL_SAMPLE): _S.FULL_SAMPLE,
        (_S.SUPPORT_CALL, _E.CALL_FULL_SAMPLE): _S.FULL_SAMPLE,
        (_S.RECEIPT_COMPLETE, _E.CALL_FULL_SAMPLE): _S.FULL_SAMPLE,
        (_S.OUTCOME_PROPOSED, _E.CALL_FULL_SAMPLE): _S.FULL_SAMPLE,
        (_S.RECEIPT_COMPLETE, _E.PROPOSE_OUTCOME): _S.OUTCOME_PROPOSED,
        (_S.FULL_SAMPLE, _E.PROPOSE_OUTCOME): _S.OUTCOME_PROPOSED,
        (_S.SAMPLE_NOT_REQUIRED, _E.PROPOSE_OUTCOME): _S.OUTCOME_PROPOSED,
        (_S.RECEIPT_COMPLETE, _E.FIND_INVALID_ORDER): _S.INVALID_ORDER,
        (_S.FULL_SAMPLE, _E.FIND_INVALID_ORDER): _S.INVALID_ORDER,
        (_S.SAMPLE_NOT_REQUIRED, _E.FIND_INVALID_ORDER): _S.INVALID_ORDER,
        (_S.INVALID_ORDER, _E.OFFER_SUPPORT_CALL): _S.SUPPORT_CALL,
        (_S.INVALID_ORDER, _E.RETURN_TO_CENTRE): _S.RETURNED_TO_CENTRE,
        (_S.SUPPORT_CALL, _E.RETURN_TO_CENTRE): _S.RETURNED_TO_CENTRE,
        # An officer may accept the centre's marks outside tolerance, or against the order, only with a reason.
        (_S.INVALID_ORDER, _E.PROPOSE_OUTCOME): _S.OUTCOME_PROPOSED,
        (_S.SUPPORT_CALL, _E.PROPOSE_OUTCOME): _S.OUTCOME_PROPOSED,
        (_S.OUTCOME_PROPOSED, _E.PROPOSE_OUTCOME): _S.OUTCOME_PROPOSED,
        (_S.OUTCOME_PROPOSED, _E.CONFIRM_OUTCOME): _S.OUTCOME_LOCKED,
        (_S.OUTCOME_LOCKED, _E.WITHDRAW_OUTCOME): _S.RECEIPT_COMPLETE,
        # Results and after
        (_S.OUTCOME_LOCKED, _E.ISSUE_RESULTS): _S.RESULTS_ISSUED,
        **{(state, _E.ISSUE_RESULTS): state for state in RELEASED},
        **{(state, _E.WITHDRAW_OUTCOME): _S.RECEIPT_COMPLETE for state in RELEASED - {_S.RETENTION, _S.DISPOSED}},
        (_S.RESULTS_ISSUED, _E.RELEASE_REPORT): _S.REPORT_RELEASED,
        **{(state, _E.REQUEST_REVIEW): _S.REVIEW_REQUESTED for state in (_S.RESULTS_ISSUED, _S.REPORT_RELEASED)},
        (_S.REVIEW_REQUESTED, _E.COMPLETE_REVIEW): _S.REVIEW_DONE,
        (_S.REVIEW_DONE, _E.OPEN_APPEAL): _S.APPEAL,
        (_S.APPEAL, _E.CLOSE_APPEAL): _S.REVIEW_DONE,
        **{
            (state, _E.BEGIN_RETENTION): _S.RETENTION
            for state in (_S.RESULTS_ISSUED, _S.REPORT_RELEASED, _S.REVIEW_DONE)
        },
        (_S.RETENTION, _E.DISPOSE): _S.DISPOSED,
        **{(state, _E.HOLD): _S.MALPRACTICE_HOLD for state in _S if state not in RELEASED | {_S.MALPRACTICE_HOLD}},
    }
)

MARKS_EDITABLE = frozenset({_S.MARKS_OPEN, _S.MARKS_SAVED, _S.MARKS_CHECKED, _S.RETURNED_TO_CENTRE})
WORK_ASKED_FOR = frozenset({_S.SAMPLE_REQUESTED, _S.MORE_WORK_REQUESTED, _S.ALL_WORK_REQUESTED, _S.RECEIPT_QUERY})
"""Works are asked for and nothing of them is under way."""
WORK_EXPECTED = WORK_ASKED_FOR | {_S.UPLOADING, _S.DESPATCHED, _S.VISIT_BOOKED}
READABLE = frozenset({_S.SUBMITTED, _S.RECEIVED, _S.RECEIPT_COMPLETE, _S.FULL_SAMPLE})
SETTLED = RELEASED | {_S.OUTCOME_LOCKED}
"""An outcome is confirmed and in force."""

MODE_OF_EVENT = MappingProxyType(
    {
        _E.START_UPLOAD: SubmissionMode.UPLOAD,
        _E.SUBMIT_SAMPLE: SubmissionMode.UPLOAD,
        _E.DESPATCH: SubmissionMode.POSTAL,
        _E.BOOK_VISIT: SubmissionMode.VISIT,
    }
)


def move(state: CaseState, event: CaseEvent) -> CaseState:
    """Return the state after an event; raises ``IllegalTransition`` naming both.

    Source: project policy, the state table of moderation.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(
            f"This step ({event.lower().replace('_', ' ')}) is not possible while the case is "
            f"“{state.lower().replace('_', ' ')}”.",
            state=str(state),
            event=str(event),
        ) from None
