"""Who may see or change what: one table, read top to bottom. What is not in it is denied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from moderation.entries import is_practice
from repository.errors import NotFound, NotSignedIn


class Role(StrEnum):
    """What a person acts as; a sign-in acts under exactly one."""

    TEACHER = "teacher"
    EXAMS_OFFICER = "exams_officer"
    MODERATOR = "moderator"
    TEAM_LEADER = "team_leader"
    PRINCIPAL_MODERATOR = "principal_moderator"
    AB_OFFICER = "ab_officer"
    TRACKING_CLERK = "tracking_clerk"


ROLE_TITLES: Mapping[Role, str] = {
    Role.TEACHER: "Teacher",
    Role.EXAMS_OFFICER: "Exams officer",
    Role.MODERATOR: "Moderator",
    Role.TEAM_LEADER: "Team leader",
    Role.PRINCIPAL_MODERATOR: "Principal moderator",
    Role.AB_OFFICER: "Awarding body officer",
    Role.TRACKING_CLERK: "Script tracking clerk",
}
CENTRE_ROLES = frozenset({Role.TEACHER, Role.EXAMS_OFFICER})
ROLES_OF_TWO = frozenset({Role.AB_OFFICER, Role.TRACKING_CLERK})
"""Roles that see everything of a kind, whichever centre it is of: one officer proposes them, another confirms."""
GIVES: Mapping[Role, frozenset[Role]] = {
    Role.EXAMS_OFFICER: CENTRE_ROLES,
    Role.AB_OFFICER: frozenset(Role) - {Role.TEACHER},
}
"""Who gives and ends which roles: an exams officer those of the own centre, an awarding body officer all but teachers'."""
CHECKERS = frozenset({Role.TEAM_LEADER, Role.PRINCIPAL_MODERATOR})
"""Who marks works of a moderator again, blind."""


class Scope(StrEnum):
    """Over which rows a permission reaches."""

    ALL = "all"
    MY_CENTRE = "my_centre"
    ALLOCATED = "allocated"
    """The person has an open allocation for the case's component and centre."""
    TEAM = "team"
    """The case is moderated by somebody of the person's team."""
    COMPONENT = "component"
    """The person answers for the case's component as principal moderator."""
    OWN = "own"
    """The thing is the person's own, such as an upload in flight."""
    TAUGHT = "taught"
    """The case is of the person's centre, and of a component and group that they teach."""
    REVIEWING = "reviewing"
    """The person was given the case to review after results."""


OF_CENTRES = frozenset({Scope.MY_CENTRE, Scope.TAUGHT})
"""The scopes of people of a centre. What a teacher teaches is looked at with the row itself (``scoping``)."""


class Kind(StrEnum):
    """What rows are about: who may see one row of a kind may see the others in the same reach."""

    CASE = "case"
    """A centre's work for a component: candidates asked for, marks, sample, parcels, requests for time."""
    CANDIDATE = "candidate"
    DOCUMENT = "document"
    JUDGEMENT = "judgement"
    """What a moderator marked and found."""
    CHECK = "check"
    """What somebody else marked of a moderator's works."""
    CONCERN = "concern"
    """Suspicions and holds."""
    NOTE = "note"
    """What somebody noted on works and drafted at the desk: a judgement that no centre is ever shown."""
    TALK = "talk"
    """Messages about a case, among those who moderate it or of officers with the centre; and who has seen what."""
    RECEIPT = "receipt"
    REVIEW = "review"
    RESULT = "result"
    SCRIPT = "script"
    IMPORT = "import"
    GATE = "gate"


class Action(StrEnum):
    """Everything a person can ask of the service. Every route names one."""

    PUBLIC = "public"
    """No sign-in needed: sign-in itself, static files, help."""
    HOME = "home"
    ACCOUNT = "account"
    """One's own account: where one is signed in, as what."""
    ACCOUNT_SECURITY = "account.security"
    """One's own password, second factors and passkeys."""
    SERIES_READ = "series.read"
    REFERENCE_IMPORT = "reference.import"
    ENTRIES_IMPORT = "entries.import"
    MARKS_IMPORT = "marks.import"
    EXPORT_READ = "export.read"
    CASE_READ = "case.read"
    MARKS_READ = "marks.read"
    MARKS_SAVE = "marks.save"
    MARKS_SUBMIT = "marks.submit"
    SAMPLE_READ = "sample.read"
    SAMPLE_SUBMIT = "sample.submit"
    SAMPLE_CHOOSE = "sample.choose"
    SAMPLE_REQUEST = "sample.request"
    RULES_WRITE = "rules.write"
    UPLOAD_CREATE = "upload.create"
    UPLOAD_CONTINUE = "upload.continue"
    DOCUMENT_STATUS = "document.status"
    DOCUMENT_VIEW = "document.view"
    DOCUMENT_WITHDRAW = "document.withdraw"
    DOCUMENT_INSPECT = "document.inspect"
    """Sending a held file to inspection again."""
    DOCUMENT_ORIGINAL = "document.original"
    """A file as it was sent, by exception."""
    HELD_READ = "held.read"
    """Files that are held and wait for the awarding body."""
    DOCUMENT_MOVE = "document.move"
    """Putting a file into another place, or files of a candidate in order, before the sample is submitted."""
    SAMPLE_PREVIEW = "sample.preview"
    """Looking, before a sample is sent, at the works as a moderator will see them."""
    DECLARE = "declare"
    """Declaring that a candidate's work is the candidate's own."""
    PRACTICE = "practice"
    """A practice centre of one's own: made with one click, used, and wiped."""
    READINESS_READ = "readiness.read"
    """What is missing at one's own centre, of everything."""
    RECEIPT_READ = "receipt.read"
    WHO_LOOKED = "who_looked"
    """Who looked at the work and marks of one's own centre."""
    AUDIT_READ = "audit.read"
    """All events, as metadata."""
    MAIL_READ = "mail.read"
    MAIL_RESEND = "mail.resend"
    CONSIGNMENT_READ = "consignment.read"
    CONSIGNMENT_DESPATCH = "consignment.despatch"
    CONSIGNMENT_RECEIVE = "consignment.receive"
    VISIT_BOOK = "visit.book"
    REQUESTS_READ = "requests.read"
    EXTENSION_ASK = "extension.ask"
    EXTENSION_GRANT = "extension.grant"
    REOPEN_ASK = "reopen.ask"
    REOPEN_GRANT = "reopen.grant"
    OUTSTANDING_READ = "outstanding.read"
    WORKLIST_READ = "worklist.read"
    MODERATOR_MARK_READ = "moderator_mark.read"
    MODERATOR_MARK_WRITE = "moderator_mark.write"
    OUTCOME_READ = "outcome.read"
    OUTCOME_CONFIRM = "outcome.confirm"
    AMENDMENT_READ = "amendment.read"
    AMENDMENT_PROPOSE = "amendment.propose"
    AMENDMENT_DECIDE = "amendment.decide"
    JOURNAL_WRITE = "journal.write"
    """One's own journal of the desk: notes on works, drafts of marks, the place where one is."""
    ANNOTATION_READ = "annotation.read"
    CHECK_LIST = "check.list"
    CHECK_READ = "check.read"
    CHECK_WRITE = "check.write"
    COVERAGE_READ = "coverage.read"
    SUSPICION_RAISE = "suspicion.raise"
    SAFEGUARDING_RAISE = "safeguarding.raise"
    SAFEGUARDING_READ = "safeguarding.read"
    SAFEGUARDING_WRITE = "safeguarding.write"
    MESSAGE_READ = "message.read"
    MESSAGE_WRITE = "message.write"
    STANDING_READ = "standing.read"
    """How the marks given so far stand: differences, tolerance, order."""
    STANDARDISATION = "standardisation"
    """The list of components that one practises in, or answers for."""
    STANDARDISATION_READ = "standardisation.read"
    STANDARDISATION_WRITE = "standardisation.write"
    STANDARDISATION_MARK = "standardisation.mark"
    """One's own marks of works with an agreed mark."""
    HOLD_READ = "hold.read"
    HOLD_WRITE = "hold.write"
    TEAM_READ = "team.read"
    TEAM_WRITE = "team.write"
    ALLOCATION_WRITE = "allocation.write"
    CONFLICT_DECLARE = "conflict.declare"
    CONFLICT_REGISTER = "conflict.register"
    INDEPENDENCE_READ = "independence.read"
    EXPLANATION_READ = "explanation.read"
    REPORT_READ = "report.read"
    REPORT_WRITE = "report.write"
    REPORT_RETURN = "report.return"
    WHAT_IF = "what_if"
    RESULTS_GATE = "results.gate"
    RESULTS_RELEASE = "results.release"
    RESULTS_READ = "results.read"
    REVIEW_REQUEST = "review.request"
    REVIEW_READ = "review.read"
    REVIEW_DECIDE = "review.decide"
    REVIEW_DESK = "review.desk"
    REVIEW_TERMS = "review.terms"
    RETENTION = "retention"
    SITTING_OPEN = "sitting.open"
    SITTING_READ = "sitting.read"
    REGISTER_WRITE = "register.write"
    PACKET_WRITE = "packet.write"
    LABEL_ISSUE = "label.issue"
    """Answering a centre that asks for an emergency label."""
    TRACKING_EVENT = "tracking.event"
    BUNDLE_WRITE = "bundle.write"
    SCRIPT_CASE_READ = "script_case.read"
    """Cases of scripts; a centre sees its own from the day on which it is asked."""
    SCRIPT_CASE_WORK = "script_case.work"
    SCRIPT_CASE_REPLY = "script_case.reply"
    SCRIPT_CASE_CLOSE = "script_case.close"
    SCRIPT_DECIDE = "script.decide"
    """Declaring a script missing, or explaining why it does not come; the day of results, by which that is done."""
    MISSING_EXPORT = "missing.export"
    """The regulator's return on missing scripts, which names candidates by their identifiers."""
    SCRIPT_IMAGE = "script.image"
    SCRIPT_LOOK = "script.look"
    """Looking at a script's pages from its history, for a stated reason."""
    SCRIPT_QUALITY = "script.quality"
    SCRIPT_RELEASE = "script.release"
    SCRIPT_COPY = "script.copy"
    SCRIPT_COPIES_READ = "script.copies"
    SCRIPT_RETENTION = "script.retention"
    CUSTODY_CERTIFY = "custody.certify"
    """Having what is known of scripts certified."""
    TOKEN_READ = "token.read"  # noqa: S105 — tokens of school systems
    TOKEN_WRITE = "token.write"  # noqa: S105
    PEOPLE_READ_CENTRE = "people.read.centre"
    PEOPLE_MANAGE_CENTRE = "people.manage.centre"
    PEOPLE_READ_BODY = "people.read.body"
    PEOPLE_MANAGE_BODY = "people.manage.body"
    CONTACTS_READ = "contacts.read"
    CONTACTS_MANAGE = "contacts.manage"


STEP_UP: frozenset[Action] = frozenset(
    {
        Action.ACCOUNT_SECURITY,
        Action.DOCUMENT_ORIGINAL,
        Action.EXPORT_READ,
        Action.HOLD_WRITE,
        Action.MISSING_EXPORT,
        Action.PEOPLE_MANAGE_BODY,
        Action.PEOPLE_MANAGE_CENTRE,
        Action.RESULTS_RELEASE,
        Action.RETENTION,
        Action.SCRIPT_IMAGE,
        Action.SCRIPT_LOOK,
        Action.SCRIPT_RETENTION,
        Action.TEAM_WRITE,
        Action.TOKEN_WRITE,
    }
)
"""What can do great harm: it asks for a proof, minutes old at most, that it is still the same person.

Source: project policy (safety §7): originals, exports, grants of sight, holds, destruction, release.
"""

SHOWS_MODERATOR_MARKS = frozenset({Action.EXPLANATION_READ, Action.REPORT_READ, Action.STANDING_READ})
"""What shows a moderator's marks or comments: closed to who checks them until the check's own marks are in."""

_T, _E, _M, _A, _C = Role.TEACHER, Role.EXAMS_OFFICER, Role.MODERATOR, Role.AB_OFFICER, Role.TRACKING_CLERK
_L, _P = Role.TEAM_LEADER, Role.PRINCIPAL_MODERATOR
_ALL, _CENTRE, _ALLOCATED, _OWN = Scope.ALL, Scope.MY_CENTRE, Scope.ALLOCATED, Scope.OWN
_TEAM, _COMPONENT, _TAUGHT, _REVIEWING = Scope.TEAM, Scope.COMPONENT, Scope.TAUGHT, Scope.REVIEWING

POLICY: Mapping[Action, Mapping[Role, Scope]] = {
    Action.ACCOUNT: dict.fromkeys(Role, _OWN),
    Action.ACCOUNT_SECURITY: dict.fromkeys(Role, _OWN),
    Action.HOME: {_T: _OWN, _E: _OWN, _M: _OWN, _L: _OWN, _P: _OWN, _A: _OWN, _C: _OWN},
    Action.SERIES_READ: {_T: _ALL, _E: _ALL, _M: _ALL, _L: _ALL, _P: _ALL, _A: _ALL, _C: _ALL},
    Action.REFERENCE_IMPORT: {_A: _ALL},
    Action.ENTRIES_IMPORT: {_E: _CENTRE, _A: _ALL},
    Action.MARKS_IMPORT: {_E: _CENTRE, _A: _ALL},
    Action.EXPORT_READ: {_E: _CENTRE, _A: _ALL},
    Action.CASE_READ: {_T: _TAUGHT, _E: _CENTRE, _M: _ALLOCATED, _L: _TEAM, _P: _COMPONENT, _A: _ALL},
    Action.MARKS_READ: {_T: _TAUGHT, _E: _CENTRE, _M: _ALLOCATED, _L: _TEAM, _P: _COMPONENT, _A: _ALL},
    Action.MARKS_SAVE: {_T: _TAUGHT, _E: _CENTRE},
    Action.MARKS_SUBMIT: {_E: _CENTRE},
    Action.SAMPLE_READ: {_T: _TAUGHT, _E: _CENTRE, _M: _ALLOCATED, _L: _TEAM, _P: _COMPONENT, _A: _ALL},
    Action.SAMPLE_SUBMIT: {_E: _CENTRE},
    Action.SAMPLE_CHOOSE: {_E: _CENTRE, _M: _ALLOCATED, _A: _ALL},
    Action.SAMPLE_REQUEST: {_M: _ALLOCATED, _A: _ALL},
    Action.RULES_WRITE: {_A: _ALL},
    Action.UPLOAD_CREATE: {_T: _TAUGHT, _E: _CENTRE},
    Action.UPLOAD_CONTINUE: {_T: _OWN, _E: _OWN},
    Action.DOCUMENT_STATUS: {_T: _TAUGHT, _E: _CENTRE, _M: _ALLOCATED, _L: _TEAM, _P: _COMPONENT, _A: _ALL},
    Action.DOCUMENT_VIEW: {_T: _TAUGHT, _E: _CENTRE, _M: _ALLOCATED, _L: _TEAM, _P: _COMPONENT},
    Action.DOCUMENT_WITHDRAW: {_T: _TAUGHT, _E: _CENTRE},
    Action.DOCUMENT_INSPECT: {_A: _ALL},
    Action.DOCUMENT_ORIGINAL: {_A: _ALL},
    Action.HELD_READ: {_A: _ALL},
    Action.DOCUMENT_MOVE: {_T: _TAUGHT, _E: _CENTRE},
    Action.SAMPLE_PREVIEW: {_T: _TAUGHT, _E: _CENTRE},
    Action.DECLARE: {_T: _TAUGHT, _E: _CENTRE},
    Action.READINESS_READ: {_T: _TAUGHT, _E: _CENTRE},
    Action.PRACTICE: {_E: _CENTRE},
    Action.RECEIPT_READ: {_T: _TAUGHT, _E: _CENTRE, _A: _ALL},
    Action.WHO_LOOKED: {_E: _CENTRE},
    Action.AUDIT_READ: {_A: _ALL},
    Action.MAIL_READ: {_E: _CENTRE, _A: _ALL},
    Action.MAIL_RESEND: {_E: _CENTRE, _A: _ALL},
    Action.CONSIGNMENT_READ: {_T: _TAUGHT, _E: _CENTRE, _M: _ALLOCATED, _A: _ALL},
    Action.CONSIGNMENT_DESPATCH: {_E: _CENTRE},
    Action.CONSIGNMENT_RECEIVE: {_M: _ALLOCATED},
    Action.VISIT_BOOK: {_E: _CENTRE},
    Action.REQUESTS_READ: {_T: _TAUGHT, _E: _CENTRE, _A: _ALL},
    Action.EXTENSION_ASK: {_E: _CENTRE},
    Action.EXTENSION_GRANT: {_A: _ALL},
    Action.REOPEN_ASK: {_E: _CENTRE},
    Action.REOPEN_GRANT: {_A: _ALL},
    Action.OUTSTANDING_READ: {_A: _ALL},
    Action.WORKLIST_READ: {_M: _OWN},
    Action.MODERATOR_MARK_READ: {_M: _ALLOCATED, _A: _ALL},
    Action.MODERATOR_MARK_WRITE: {_M: _ALLOCATED},
    Action.OUTCOME_READ: {_M: _ALLOCATED, _A: _ALL},
    Action.OUTCOME_CONFIRM: {_A: _ALL},
    # A team leader marks blind, so nothing that shows a moderator's marks is open to one but the check itself.
    Action.AMENDMENT_READ: {_E: _CENTRE, _M: _ALLOCATED, _A: _ALL},
    Action.AMENDMENT_PROPOSE: {_E: _CENTRE, _M: _ALLOCATED, _A: _ALL},
    Action.AMENDMENT_DECIDE: {_A: _ALL},
    Action.JOURNAL_WRITE: {_M: _ALLOCATED, _L: _TEAM, _P: _COMPONENT},
    Action.ANNOTATION_READ: {_M: _ALLOCATED, _L: _TEAM, _P: _COMPONENT, _A: _ALL},
    Action.CHECK_LIST: {_L: _OWN, _P: _OWN},
    Action.CHECK_READ: {_L: _TEAM, _P: _COMPONENT},
    Action.CHECK_WRITE: {_L: _TEAM, _P: _COMPONENT},
    Action.COVERAGE_READ: {_P: _COMPONENT, _A: _ALL},
    Action.SUSPICION_RAISE: {_M: _ALLOCATED, _L: _TEAM, _P: _COMPONENT, _A: _ALL},
    Action.SAFEGUARDING_RAISE: {_M: _ALLOCATED, _L: _TEAM, _P: _COMPONENT, _A: _ALL},
    Action.SAFEGUARDING_READ: {_A: _ALL},
    Action.SAFEGUARDING_WRITE: {_A: _ALL},
    # A moderator never writes to a centre: what a centre sees of messages is another kind of thread (``scoping``).
    Action.MESSAGE_READ: {_E: _CENTRE, _M: _ALLOCATED, _L: _TEAM, _P: _COMPONENT, _A: _ALL},
    Action.MESSAGE_WRITE: {_E: _CENTRE, _M: _ALLOCATED, _L: _TEAM, _P: _COMPONENT, _A: _ALL},
    Action.STANDING_READ: {_M: _ALLOCATED, _L: _TEAM, _P: _COMPONENT, _A: _ALL},
    Action.STANDARDISATION: {_M: _OWN, _P: _OWN, _A: _ALL},
    Action.STANDARDISATION_READ: {_P: _COMPONENT, _A: _ALL},
    Action.STANDARDISATION_WRITE: {_P: _COMPONENT, _A: _ALL},
    Action.STANDARDISATION_MARK: {_M: _OWN},
    Action.HOLD_READ: {_A: _ALL},
    Action.HOLD_WRITE: {_A: _ALL},
    Action.TEAM_READ: {_A: _ALL},
    Action.TEAM_WRITE: {_A: _ALL},
    Action.ALLOCATION_WRITE: {_A: _ALL},
    Action.CONFLICT_DECLARE: {_M: _OWN, _L: _OWN, _P: _OWN, _A: _ALL},
    Action.CONFLICT_REGISTER: {_A: _ALL},
    Action.INDEPENDENCE_READ: {_A: _ALL},
    Action.EXPLANATION_READ: {_T: _TAUGHT, _E: _CENTRE, _M: _ALLOCATED, _L: _TEAM, _P: _COMPONENT, _A: _ALL},
    Action.REPORT_READ: {_M: _ALLOCATED, _L: _TEAM, _P: _COMPONENT, _A: _ALL},
    Action.REPORT_WRITE: {_M: _ALLOCATED},
    Action.REPORT_RETURN: {_A: _ALL},
    Action.WHAT_IF: {_A: _ALL},
    Action.RESULTS_GATE: {_A: _ALL},
    Action.RESULTS_RELEASE: {_A: _ALL},
    Action.RESULTS_READ: {_E: _CENTRE, _A: _ALL},
    Action.REVIEW_REQUEST: {_E: _CENTRE},
    Action.REVIEW_READ: {_E: _CENTRE, _A: _ALL},
    Action.REVIEW_DECIDE: {_A: _ALL},
    Action.REVIEW_DESK: {_M: _OWN, _L: _OWN, _P: _OWN},
    Action.REVIEW_TERMS: {_A: _ALL},
    Action.RETENTION: {_A: _ALL},
    Action.SITTING_OPEN: {_A: _ALL},
    Action.SITTING_READ: {_E: _CENTRE, _A: _ALL, _C: _ALL},
    Action.REGISTER_WRITE: {_E: _CENTRE},
    Action.PACKET_WRITE: {_E: _CENTRE},
    Action.LABEL_ISSUE: {_A: _ALL, _C: _ALL},
    Action.TRACKING_EVENT: {_C: _ALL},
    Action.BUNDLE_WRITE: {_C: _ALL},
    Action.SCRIPT_CASE_READ: {_E: _CENTRE, _A: _ALL, _C: _ALL},
    Action.SCRIPT_CASE_WORK: {_A: _ALL, _C: _ALL},
    Action.SCRIPT_CASE_REPLY: {_E: _CENTRE},
    Action.SCRIPT_CASE_CLOSE: {_A: _ALL, _C: _ALL},
    Action.SCRIPT_DECIDE: {_A: _ALL},
    Action.MISSING_EXPORT: {_A: _ALL},
    Action.SCRIPT_IMAGE: {_A: _ALL, _C: _ALL},
    Action.SCRIPT_LOOK: {_A: _ALL, _C: _ALL},
    Action.SCRIPT_QUALITY: {_C: _ALL},
    Action.SCRIPT_RELEASE: {_C: _ALL, _A: _ALL},
    Action.SCRIPT_COPY: {_E: _CENTRE},
    Action.SCRIPT_COPIES_READ: {_E: _CENTRE, _A: _ALL},
    Action.SCRIPT_RETENTION: {_A: _ALL},
    Action.CUSTODY_CERTIFY: {_E: _CENTRE, _A: _ALL},
    Action.TOKEN_READ: {_E: _CENTRE, _A: _ALL},
    Action.TOKEN_WRITE: {_E: _CENTRE},
    Action.PEOPLE_READ_CENTRE: {_E: _CENTRE},
    Action.PEOPLE_MANAGE_CENTRE: {_E: _CENTRE},
    Action.PEOPLE_READ_BODY: {_A: _ALL},
    Action.PEOPLE_MANAGE_BODY: {_A: _ALL},
    Action.CONTACTS_READ: {_E: _CENTRE, _A: _ALL},
    Action.CONTACTS_MANAGE: {_E: _CENTRE},
}


IN_PRACTICE: frozenset[Action] = frozenset(
    {
        Action.ACCOUNT,
        Action.ACCOUNT_SECURITY,
        Action.CASE_READ,
        Action.DECLARE,
        Action.DOCUMENT_MOVE,
        Action.DOCUMENT_STATUS,
        Action.DOCUMENT_VIEW,
        Action.DOCUMENT_WITHDRAW,
        Action.HOME,
        Action.MARKS_READ,
        Action.MARKS_SAVE,
        Action.MARKS_SUBMIT,
        Action.PRACTICE,
        Action.READINESS_READ,
        Action.RECEIPT_READ,
        Action.SAMPLE_PREVIEW,
        Action.SAMPLE_READ,
        Action.SAMPLE_SUBMIT,
        Action.UPLOAD_CONTINUE,
        Action.UPLOAD_CREATE,
        Action.WHO_LOOKED,
    }
)
"""All that can be done in a practice centre: nothing that reaches anybody else, by mail, token, file or request."""


@dataclass(frozen=True, slots=True)
class Sight:
    """How far somebody sees rows of a kind, whatever they are doing; ``published``: to read them, results must be out."""

    scope: Scope
    published: bool = False
    writes: bool = False
    """In a transaction that may write: what is done may have to follow from rows that its author cannot read."""


def _sees(*scopes: Scope, published: bool = False) -> tuple[Sight, ...]:
    return tuple(Sight(scope, published) for scope in scopes)


# Every row that belongs to a centre or a candidate is of one kind. What is not named here for a role, no SELECT of such
# a person finds, and PostgreSQL itself shows it none. The action narrows this further (``POLICY``); a tie to the centre
# takes ALLOCATED, TEAM, COMPONENT and REVIEWING away, whatever else was given.
SIGHT: Mapping[Role, Mapping[Kind, tuple[Sight, ...]]] = {
    _T: {
        Kind.CASE: _sees(_TAUGHT),
        Kind.CANDIDATE: _sees(_TAUGHT),
        Kind.DOCUMENT: _sees(_TAUGHT),
        Kind.RECEIPT: _sees(_TAUGHT),
        Kind.JUDGEMENT: _sees(_TAUGHT, published=True),
    },
    _E: {
        Kind.CASE: _sees(_CENTRE),
        Kind.CANDIDATE: _sees(_CENTRE),
        Kind.DOCUMENT: _sees(_CENTRE),
        Kind.RECEIPT: _sees(_CENTRE),
        Kind.JUDGEMENT: _sees(_CENTRE, published=True),
        Kind.REVIEW: _sees(_CENTRE),
        Kind.RESULT: _sees(_CENTRE, published=True),
        Kind.SCRIPT: _sees(_CENTRE),
        Kind.IMPORT: _sees(_CENTRE),
        Kind.TALK: _sees(_CENTRE),
    },
    _M: {
        Kind.CASE: _sees(_ALLOCATED, _REVIEWING),
        Kind.CANDIDATE: _sees(_ALLOCATED, _REVIEWING),
        Kind.DOCUMENT: _sees(_ALLOCATED, _REVIEWING),
        Kind.JUDGEMENT: _sees(_ALLOCATED, _REVIEWING),
        Kind.CHECK: _sees(_ALLOCATED),
        Kind.CONCERN: _sees(_ALLOCATED),
        Kind.REVIEW: _sees(_REVIEWING),
        Kind.TALK: _sees(_ALLOCATED),
        Kind.NOTE: _sees(_ALLOCATED),
    },
    _L: {
        Kind.CASE: _sees(_TEAM, _REVIEWING),
        Kind.CANDIDATE: _sees(_TEAM, _REVIEWING),
        Kind.DOCUMENT: _sees(_TEAM, _REVIEWING),
        Kind.JUDGEMENT: _sees(_TEAM, _REVIEWING),
        Kind.CHECK: _sees(_TEAM),
        Kind.CONCERN: _sees(_TEAM),
        Kind.REVIEW: _sees(_REVIEWING),
        Kind.TALK: _sees(_TEAM),
        Kind.NOTE: _sees(_TEAM),
    },
    _P: {
        Kind.CASE: _sees(_COMPONENT, _REVIEWING),
        Kind.CANDIDATE: _sees(_COMPONENT, _REVIEWING),
        Kind.DOCUMENT: _sees(_COMPONENT, _REVIEWING),
        Kind.JUDGEMENT: _sees(_COMPONENT, _REVIEWING),
        Kind.CHECK: _sees(_COMPONENT),
        Kind.CONCERN: _sees(_COMPONENT),
        Kind.REVIEW: _sees(_REVIEWING),
        Kind.TALK: _sees(_COMPONENT),
        Kind.NOTE: _sees(_COMPONENT),
    },
    _A: {kind: _sees(_ALL) for kind in Kind},
    _C: {Kind.SCRIPT: _sees(_ALL)},
}


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person, acting under one assignment."""

    person_id: str
    assignment_id: str
    name: str
    role: Role
    centre_number: str | None
    token_id: str | None = None
    """The token of a school system that asks in a person's stead; None for a person."""
    actions: frozenset[Action] | None = None
    """What such a token may do at most, of what its role may; None for a person: all of it."""

    @property
    def role_title(self) -> str:
        """Return the role in plain words."""
        return ROLE_TITLES[self.role]

    @property
    def is_in_practice(self) -> bool:
        """Say whether this person is in a practice centre, where nothing counts."""
        return is_practice(self.centre_number)


def scope_of(actor: Actor, action: Action) -> Scope | None:
    """Return over which rows ``actor`` may do ``action``, or None if the policy has no entry: denied."""
    if actor.actions is not None and action not in actor.actions:
        return None
    if actor.is_in_practice and action not in IN_PRACTICE:
        return None
    return POLICY.get(action, {}).get(actor.role)


def require_role(actor: Actor | None, action: Action) -> None:
    """Refuse an action that the role never has, before anything is looked up.

    Raises: ``NotSignedIn`` without an actor; ``NotFound`` where the policy has no entry, as if nothing were there.
    """
    if action is Action.PUBLIC:
        return
    if actor is None:
        raise NotSignedIn
    if scope_of(actor, action) is None:
        raise NotFound


def require(
    actor: Actor, action: Action, *, centre_number: str | None = None, allocated: bool = False, own: bool = False
) -> None:
    """Permit ``action`` on one thing, or raise.

    Takes: the thing's ``centre_number`` (None if it has none); whether the person reaches it by an open allocation, a
    team or a component, whichever the scope names; whether it is the person's own.
    Raises: ``NotFound`` when it is outside the scope: a forbidden thing looks the same as an absent one.
    """
    scope = scope_of(actor, action)
    permitted = (
        scope is Scope.ALL
        or (scope in OF_CENTRES and centre_number is not None and centre_number == actor.centre_number)
        or (scope in {Scope.ALLOCATED, Scope.TEAM, Scope.COMPONENT} and allocated)
        or (scope is Scope.OWN and own)
    )
    if not permitted:
        raise NotFound
