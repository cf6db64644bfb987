"""Who sees which row, said a second time: in plain Python over plain rows, from the words of the policy and not from its SQL.

Words: ``infra/docs/access.md`` and the tables ``POLICY`` and ``SIGHT`` of ``repository.access``, which are data. Nothing here
is quick, nothing is shared with ``repository.scoping``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from repository.access import POLICY, SIGHT, Action, Kind, Role, Scope

from .world import Row, Rows, Someone

KINDS: dict[Kind, tuple[str, ...]] = {
    Kind.CASE: (
        "moderation_case", "centre_mark", "sample", "sample_item", "work_request", "case_transition", "mark_amendment",
        "consignment", "visit", "extension", "reopening", "reminder", "support_call", "centre_feedback", "item_finding",
        "missing_work", "candidate_declaration", "work_look", "sample_packet",
    ),
    Kind.CANDIDATE: ("candidate", "entry"),
    Kind.DOCUMENT: ("document", "evidence", "upload", "derivative"),
    Kind.RECEIPT: ("receipt",),
    Kind.JUDGEMENT: (
        "moderator_mark", "criterion_mark", "outcome", "moderated_mark", "moderator_report", "report_line",
    ),
    Kind.CHECK: ("moderator_check", "check_item"),
    Kind.CONCERN: ("suspicion", "malpractice_hold", "safeguarding_concern"),
    Kind.NOTE: ("journal_entry",),
    Kind.TALK: ("thread", "message", "thread_reading", "case_look"),
    Kind.RESULT: ("option_result", "external_mark", "external_mark_change"),
    Kind.REVIEW: (
        "review_request", "review_transition", "review_outcome", "review_mark", "review_consent", "appeal", "missing_result",
    ),
    Kind.SCRIPT: (
        "sitting", "packet", "register_line", "register_change", "register_correction", "label_print", "label_request",
        "packet_event", "packet_tracking_number", "packet_label", "script", "script_event", "script_case", "script_case_event",
        "declared_missing",
        "page_decision", "quality_check", "script_version",
        "scan_bundle", "scan_page", "script_document", "bundle_document", "custody_evidence", "script_copy",
        "script_destruction", "despatch_entry", "despatch_line", "document",
    ),
    Kind.IMPORT: ("import_file", "waiting_file"),
    Kind.GATE: ("gate_run", "gate_held", "release_proposal", "withdrawal_proposal"),
}  # fmt: skip
UP = (
    ("case_id", "moderation_case"), ("sample_item_id", "sample_item"), ("request_id", "review_request"),
    ("report_id", "moderator_report"), ("check_id", "moderator_check"), ("sample_id", "sample"),
    ("candidate_id", "candidate"), ("script_case_id", "script_case"), ("script_id", "script"), ("bundle_id", "scan_bundle"),
    ("packet_id", "packet"),
    ("sitting_id", "sitting"), ("moderator_mark_id", "moderator_mark"), ("thread_id", "thread"),
)  # fmt: skip
"""What a row hangs on, where nothing else is said: the first of these that it names."""
HANGS_ON = {
    "report_line": ("report_id", "moderator_report"),
    "check_item": ("check_id", "moderator_check"),
    "external_mark": ("candidate_id", "candidate"),
    "external_mark_change": ("candidate_id", "candidate"),
    "entry": ("candidate_id", "candidate"),
    "review_mark": ("request_id", "review_request"),
    "script": ("sitting_id", "sitting"),
    "script_case": ("sitting_id", "sitting"),
    "scan_page": ("bundle_id", "scan_bundle"),
    "page_decision": ("bundle_id", "scan_bundle"),
    "sample_packet": ("case_id", "moderation_case"),
    "script_copy": ("script_id", "script"),
}
AT_CENTRE = {"missing_result", "sitting", "despatch_entry", *KINDS[Kind.IMPORT], *KINDS[Kind.GATE]}
READERS = {Role.MODERATOR, Role.TEAM_LEADER, Role.PRINCIPAL_MODERATOR}


class Oracle:
    """Answers for one person doing one action at one instant."""

    def __init__(self, rows: Rows, who: Someone, action: Action | None, now: datetime, *, writes: bool = False) -> None:
        self.rows, self.who, self.action, self.now, self.writes = rows, who, action, now, writes

    def seen(self, table: str) -> list[Row]:
        """Return the rows of a table that the person sees."""
        return [row for row in self.all(table) if self.sees(table, row)]

    def sees(self, table: str, row: Row) -> bool:
        return any(
            self.reaches(table, row, scope, published, kind) and self.may_view(table, row, kind)
            for kind, names in KINDS.items()
            if table in names
            for scope, published in self.sights(kind)
        )

    def sights(self, kind: Kind) -> Iterable[tuple[Scope, bool]]:
        """How far the role sees this kind; an action that is done on cases reached one way shows those only."""
        asked = POLICY[self.action].get(self.who.role) if self.action is not None else None
        for sight in SIGHT.get(self.who.role, {}).get(kind, ()):
            narrowed = asked in {Scope.ALLOCATED, Scope.TEAM, Scope.COMPONENT}
            if not narrowed or sight.scope in {asked, Scope.ALL}:
                yield sight.scope, sight.published and not self.writes

    def may_view(self, table: str, row: Row, kind: Kind) -> bool:
        """Say whether what is there is fit to be shown: a moderator sees documents once they are released."""
        if self.action is not Action.DOCUMENT_VIEW or kind is not Kind.DOCUMENT or self.who.role not in READERS:
            return True
        if table == "document":
            return bool(row["state"] == "released")
        if table in {"evidence", "derivative"}:
            return bool(self.one("document", row["document_id"])["state"] == "released")
        return True

    def reaches(self, table: str, row: Row, scope: Scope, published: bool, kind: Kind) -> bool:
        if scope is Scope.ALL:
            return not str(row.get("centre_number") or "").startswith("P")
        if table == "moderation_case":
            return self.reaches_case(row, scope) and (not published or self.is_out(row["series_key"]))
        if table in AT_CENTRE:
            return scope is Scope.MY_CENTRE and row.get("centre_number") == self.who.centre_number is not None
        if table == "review_request":
            return self.reaches_request(row, scope)
        if table == "sample":
            return any(
                self.reaches("moderation_case", case, scope, published, kind)
                and (
                    case["sample_id"] == row["id"]
                    or any(
                        item["sample_id"] == row["id"] and item["case_id"] == case["id"]
                        for item in self.all("sample_item")
                    )
                )
                for case in self.all("moderation_case")
            )
        if table == "candidate":
            return self.reaches_candidate(row, scope, published)
        if table == "option_result":
            mine = self.reaches_candidate(self.one("candidate", row["candidate_id"]), scope, False)
            return mine and (not published or self.version_is_out(self.one("result_version", row["version_id"])))
        if table == "document":
            return self.reaches_document(row, scope, published, kind)
        if table == "derivative":
            return self.reaches_document(self.one("document", row["document_id"]), scope, published, kind)
        if table == "receipt":
            return self.hangs_on_seen(row, "case_id", "moderation_case", scope, published, kind) or self.hangs_on_seen(
                row, "sitting_id", "sitting", scope, published, kind
            )
        if table in {"thread_reading", "case_look"} and row["person_id"] != self.who.person_id:
            return False
        if table == "thread" and row["kind"] != ("CENTRE" if scope is Scope.MY_CENTRE else "DESK"):
            return False
        column, above = HANGS_ON.get(table) or next(way for way in UP if way[0] in row)
        found = self.hangs_on_seen(row, column, above, scope, published, kind)
        if scope is not Scope.TAUGHT:
            return found
        # What a teacher changes may follow from the marks of the whole component, so a change sees them all; not the works.
        if table == "sample_item" or (table == "centre_mark" and not self.writes):
            return found and self.teaches(self.one("moderation_case", row["case_id"]), row["candidate_id"])
        if table in {"evidence", "upload"} and row["sample_item_id"] is not None:
            return found and self.reaches(
                "sample_item", self.one("sample_item", row["sample_item_id"]), scope, published, kind
            )
        return found

    def hangs_on_seen(self, row: Row, column: str, above: str, scope: Scope, published: bool, kind: Kind) -> bool:
        return row.get(column) is not None and self.reaches(above, self.one(above, row[column]), scope, published, kind)

    # Cases

    def reaches_case(self, case: Row, scope: Scope) -> bool:
        if self.reaches_alone(case, scope):
            return True
        # Cases of a consortium are moderated as one, and what is done to one follows for all; but a centre reads its own.
        if case["consortium_id"] is None or (scope in {Scope.MY_CENTRE, Scope.TAUGHT} and not self.writes):
            return False
        joined = any(
            other["consortium_id"] == case["consortium_id"] and self.reaches_alone(other, scope)
            for other in self.all("moderation_case")
            if self.same_component(other, case)
        )
        return joined and (self.writes or not self.is_tied(case))

    def reaches_alone(self, case: Row, scope: Scope) -> bool:
        mine = self.who.centre_number is not None and case["centre_number"] == self.who.centre_number
        match scope:
            case Scope.MY_CENTRE:
                return mine
            case Scope.TAUGHT:
                return mine and any(self.taught(case))
            case Scope.ALLOCATED:
                return any(
                    given["person_id"] == self.who.person_id and self.is_free(given) for given in self.allocations(case)
                )
            case Scope.TEAM:
                members = {
                    one["person_id"]
                    for one in self.all("team_member")
                    if one["leader_id"] == self.who.person_id and self.same_component(one, case)
                }
                return not self.is_tied(case) and any(
                    given["act"] == "MODERATE" and given["person_id"] in members for given in self.allocations(case)
                )
            case Scope.COMPONENT:
                return not self.is_tied(case) and any(
                    one["person_id"] == self.who.person_id and self.same_component(one, case)
                    for one in self.all("principal_moderator")
                )
            case Scope.REVIEWING:
                return not self.is_tied(case) and any(
                    request["case_id"] == case["id"] and self.is_my_review(request)
                    for request in self.all("review_request")
                )
        return False

    def allocations(self, case: Row) -> Iterable[Row]:
        """Give the allocations of a case that are open now: from ``opens_at``, until just before ``closes_at``."""
        for given in self.all("allocation"):
            if (
                self.same_component(given, case)
                and given["centre_number"] == case["centre_number"]
                and (given["opens_at"] is None or given["opens_at"] <= self.now)
                and (given["closes_at"] is None or self.now < given["closes_at"])
            ):
                yield given

    def is_free(self, given: Row) -> bool:
        """Say whether nothing denies an allocation: no tie; for a review or appeal, no part in the work before."""
        if self.is_tied(given):
            return False
        if given["act"] not in {"REVIEW", "APPEAL"}:
            return True
        own_act = "REVIEWED" if given["act"] == "REVIEW" else "APPEALED"
        cases = [
            case
            for case in self.all("moderation_case")
            if self.same_component(case, given) and case["centre_number"] == given["centre_number"]
        ]
        together = {case["id"] for case in cases} | {
            case["id"]
            for case in self.all("moderation_case")
            for own in cases
            if self.same_component(case, own) and case["consortium_id"] == own["consortium_id"] is not None
        }
        return not any(
            part["case_id"] in together and part["act"] != own_act and part["person_id"] in self.accounts()
            for part in self.all("involvement")
        )

    def is_tied(self, place: Row) -> bool:
        """Say whether the human, under any account, has a tie to a centre that holds now: it wins over everything."""
        return any(
            tie["person_id"] in self.accounts()
            and tie["centre_number"] == place["centre_number"]
            and tie.get("series_key") in (None, place["series_key"])
            and tie["valid_from"] <= self.now
            and (tie["valid_to"] is None or self.now < tie["valid_to"])
            and (tie.get("ended_at") is None or self.now < tie["ended_at"])
            for tie in self.all("conflict")
        )

    def accounts(self) -> set[str]:
        mine = self.who.person_id
        return {mine} | {one["person_id"] for one in self.all("person_alias") if one["other_id"] == mine}

    # Teachers

    def taught(self, case: Row) -> Iterable[Row]:
        for given in self.all("teaching"):
            if (
                given["assignment_id"] == self.who.assignment_id
                and given["series_key"] in (None, case["series_key"])
                and given["component_code"] in (None, case["component_code"])
            ):
                yield given

    def teaches(self, case: Row, candidate_id: str) -> bool:
        """Say whether a candidate is in a group that the person teaches; one whose group nobody wrote down is everybody's."""
        groups = {
            mark["teaching_set"]
            for mark in self.all("centre_mark")
            if mark["case_id"] == case["id"]
            and mark["candidate_id"] == candidate_id
            and mark["mark_set_version"] == case["mark_set_version"]
        } - {""}
        return any(given["teaching_set"] is None or groups <= {given["teaching_set"]} for given in self.taught(case))

    # Candidates, documents, reviews, results

    def reaches_candidate(self, candidate: Row, scope: Scope, published: bool) -> bool:
        if scope is Scope.ALL:
            return True
        if scope is Scope.MY_CENTRE and candidate["centre_number"] == self.who.centre_number:
            return not published or self.is_out(candidate["series_key"])
        if scope is Scope.MY_CENTRE and not self.writes:
            return False
        options = {row["option_code"] for row in self.all("entry") if row["candidate_id"] == candidate["id"]}
        components = {
            row["component_code"]
            for row in self.all("option_component")
            if row["series_key"] == candidate["series_key"] and row["option_code"] in options
        }
        return any(
            case["component_code"] in components
            and case["centre_number"] == candidate["centre_number"]
            and case["series_key"] == candidate["series_key"]
            and self.reaches_case(case, scope)
            and (scope is not Scope.TAUGHT or self.writes or self.teaches(case, candidate["id"]))
            for case in self.all("moderation_case")
        )

    def reaches_document(self, row: Row, scope: Scope, published: bool, kind: Kind) -> bool:
        links = (
            ("evidence",)
            if kind is Kind.DOCUMENT
            else ("script_document", "script_version", "bundle_document", "custody_evidence")
        )
        return any(
            link["document_id"] == row["id"] and self.reaches(table, link, scope, published, kind)
            for table in links
            for link in self.all(table)
        )

    def reaches_request(self, request: Row, scope: Scope) -> bool:
        if scope is Scope.REVIEWING:
            return self.is_my_review(request) and not self.is_tied(request)
        return scope is Scope.MY_CENTRE and request["centre_number"] == self.who.centre_number is not None

    def is_my_review(self, request: Row) -> bool:
        return request["reviewer"] == self.who.person_id or any(
            one["request_id"] == request["id"] and one["person_id"] == self.who.person_id
            for one in self.all("panel_member")
        )

    def is_out(self, series: str) -> bool:
        return any(
            version["series_key"] == series and self.version_is_out(version) for version in self.all("result_version")
        )

    def version_is_out(self, version: Row) -> bool:
        gone = any(row["version_id"] == version["id"] for row in self.all("result_withdrawal"))
        return bool(version["restricted_at"] <= self.now) and not gone

    # Rows

    def all(self, table: str) -> list[Row]:
        return self.rows.get(table, [])

    def one(self, table: str, key: Any) -> Row:
        return next(row for row in self.all(table) if row["id"] == key)

    @staticmethod
    def same_component(one: Row, other: Row) -> bool:
        return (one["series_key"], one["component_code"]) == (other["series_key"], other["component_code"])
