"""Worlds to look at: a few centres with everything that belongs to centres, made from a seed and kept as plain rows.

The rows are made without the record functions, and put into a database whose guards are down: it is who sees them that
is asked, not how they come about. Every table has rows of every centre, in whatever state chance gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import JSON, Boolean, Connection, Date, DateTime, Integer, LargeBinary, String, Table, insert
from sqlalchemy.types import TypeDecorator

from moderation import guards
from moderation.submission import CaseState
from repository.access import Role
from repository.database import metadatas
from repository.documents import DocumentState
from repository.guards import all_guards
from repository.scoping import row_security

NOW = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CENTRES = ("99001", "99002", "99003", "99004")
SERIES = ("01-6A25", "01-6A26")
COMPONENTS = ("X446/03", "Y100/02")
OPTIONS = {"X446/03": "X446A", "Y100/02": "Y100A"}
JOINED = ("99001", "99002")
"""The centres of the consortium, in the first component of the second series."""
SETS = ("", "A", "B")

Row = dict[str, Any]
Rows = dict[str, list[Row]]


@dataclass
class Someone:
    """A person under one assignment."""

    person_id: str
    assignment_id: str
    role: Role
    centre_number: str | None


@dataclass
class World:
    """Rows by table, and who is there to look at them."""

    rows: Rows = field(default_factory=dict)
    people: list[Someone] = field(default_factory=list)


def tables() -> dict[str, Table]:
    """Return every table by its name, those that others refer to first."""
    return {table.name: table for metadata in metadatas() for table in metadata.sorted_tables}


def make(seed: int, *, candidates: int = 2) -> World:
    """Make a world from a seed."""
    return _Maker(Random(seed), candidates).make()


def put(connection: Connection, world: World) -> None:
    """Put a world into a database that is as all migrations leave it."""
    guards.drop(connection)
    for name, table in tables().items():
        if world.rows.get(name):
            connection.execute(insert(table), world.rows[name])
    guards.install(connection, all_guards())
    row_security.let_guards_see(connection)


def filling(table: Table, number: int) -> Row:
    """Give every column that must have a value one that says nothing."""
    made: Row = {}
    for column in table.columns:
        if column.nullable or column.default is not None or column.server_default is not None:
            continue
        if any(key.target_fullname == "series.key" for key in column.foreign_keys):
            made[column.name] = SERIES[1]
            continue
        kind = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
        value = _VALUES[next(of for of in _VALUES if isinstance(kind, of))](table, number)
        made[column.name] = value[-kind.length :] if isinstance(kind, String) and kind.length else value
    if "id" in table.columns and isinstance(table.columns["id"].type, String):
        made["id"] = f"{table.name[:24]}-{number}"
    return made


_VALUES: Mapping[type, Callable[[Table, int], Any]] = {
    JSON: lambda _table, _number: [],
    Boolean: lambda _table, _number: False,
    DateTime: lambda _table, _number: NOW - 30 * DAY,
    Date: lambda _table, _number: date(2026, 5, 1),
    Integer: lambda _table, number: number,
    LargeBinary: lambda _table, number: number.to_bytes(32, "big"),
    String: lambda table, number: f"{table.name[:1]}{number}",
}


class _Maker:
    def __init__(self, chance: Random, candidates: int) -> None:
        self.chance, self.candidates = chance, candidates
        self.world, self.tables, self.numbers = World(), tables(), 0

    def add(self, table: str, **given: Any) -> Row:
        self.numbers += 1
        row = {**filling(self.tables[table], self.numbers), **given}
        # All rows of a table go in by one statement, so each must name every column that any names.
        self.world.rows.setdefault(table, []).append(row)
        return row

    def maybe(self, likely: float = 0.5) -> bool:
        return self.chance.random() < likely

    def make(self) -> World:
        self.reference()
        self.persons()
        for series in SERIES:
            for component in COMPONENTS:
                for centre in CENTRES:
                    if self.maybe(0.85) or centre in JOINED:
                        self.case(series, component, centre)
        self.samples()
        self.facts()
        self.results()
        self.scripts()
        self.offices()
        for name, rows in self.world.rows.items():
            named = {column for row in rows for column in row}
            columns = self.tables[name].columns
            for row in rows:
                for column in named - set(row):
                    default: Any = columns[column].default
                    row[column] = None if default is None or default.is_callable else default.arg
        return self.world

    def reference(self) -> None:
        for series in SERIES:
            self.add("series", key=series, awarding_body="01", code=series[3:5], year=int(series[5:]))
            for component in COMPONENTS:
                option = OPTIONS[component]
                self.add("entry_option", series_key=series, option_code=option)
                self.add("component", series_key=series, component_code=component, maximum_mark=70)
                self.add("option_component", series_key=series, option_code=option, component_code=component)
        for centre in CENTRES:
            self.add("centre", centre_number=centre)
            for series in SERIES:
                for _ in range(self.candidates):
                    candidate = self.add("candidate", series_key=series, centre_number=centre)
                    candidate["candidate_number"] = f"{self.numbers % 10000:04}"
                    for component in COMPONENTS:
                        if self.maybe(0.8):
                            self.add(
                                "entry",
                                candidate_id=candidate["id"],
                                option_code=OPTIONS[component],
                                series_key=series,
                                withdrawn_at=NOW if self.maybe(0.1) else None,
                            )
                    self.add(
                        "external_mark", series_key=series, component_code="P", candidate_id=candidate["id"], mark=5
                    )
            self.add("import_file", centre_number=centre)
            self.add("waiting_file", centre_number=centre)
        self.add("import_file", centre_number=None)
        joined = self.add(
            "consortium", series_key=SERIES[1], component_code=COMPONENTS[0], lead_centre_number=JOINED[0]
        )
        self.consortium_id = joined["id"]

    def person(self, role: Role, centre: str | None = None) -> Someone:
        person = self.add("person", display_name="Test Person")
        assignment = self.add(
            "assignment",
            person_id=person["id"],
            role=role.value,
            centre_number=centre,
            valid_from=NOW - 100 * DAY,
            valid_to=None,
        )
        someone = Someone(person["id"], assignment["id"], role, centre)
        self.world.people.append(someone)
        return someone

    def persons(self) -> None:
        for centre in CENTRES:
            self.person(Role.EXAMS_OFFICER, centre)
            for _ in range(2):
                teacher = self.person(Role.TEACHER, centre)
                for _ in range(self.chance.choice((0, 1, 1, 2))):
                    self.add(
                        "teaching",
                        assignment_id=teacher.assignment_id,
                        series_key=self.chance.choice((None, *SERIES)),
                        component_code=self.chance.choice((None, *COMPONENTS)),
                        teaching_set=self.chance.choice((None, "A", "B")),
                    )
        self.moderators = [self.person(Role.MODERATOR) for _ in range(6)]
        self.leaders = [self.person(Role.TEAM_LEADER) for _ in range(2)]
        self.principals = [self.person(Role.PRINCIPAL_MODERATOR) for _ in range(2)]
        self.person(Role.AB_OFFICER)
        self.person(Role.TRACKING_CLERK)
        self.readers = [*self.moderators, *self.leaders, *self.principals]

    def case(self, series: str, component: str, centre: str) -> None:
        joined = (series, component) == (SERIES[1], COMPONENTS[0]) and centre in JOINED
        case = self.add(
            "moderation_case",
            series_key=series,
            component_code=component,
            centre_number=centre,
            consortium_id=self.consortium_id if joined else None,
            submission_mode="UPLOAD",
            state=self.chance.choice(list(CaseState)).value,
            mark_set_version=self.chance.choice((1, 2)),
            version=1,
            sample_id=None,
        )
        of = {"case_id": case["id"]}
        for candidate in self.of_centre(centre, series):
            for version in (1, 2):
                self.add(
                    "centre_mark",
                    **of,
                    candidate_id=candidate["id"],
                    mark_set_version=version,
                    status="PRESENT",
                    mark=self.chance.randint(1, 70),
                    teaching_set=self.chance.choice(SETS),
                )
            self.add(
                "mark_amendment",
                **of,
                candidate_id=candidate["id"],
            )
        for table in ("case_transition", "visit", "extension", "reopening", "reminder", "support_call"):
            self.add(table, **of)
        self.add("receipt", **of, centre_number=centre, sitting_id=None)
        self.add("suspicion", **of, candidate_id=None)
        self.add("malpractice_hold", **of, candidate_id=None)
        self.add("safeguarding_concern", **of, candidate_id=None)
        for kind in ("DESK", "CENTRE"):
            thread = self.add("thread", **of, kind=kind, sample_item_id=None)
            self.add("message", thread_id=thread["id"])
            for someone in self.chance.sample(self.world.people, 6):
                self.add("thread_reading", thread_id=thread["id"], person_id=someone.person_id)
        for someone in self.chance.sample(self.world.people, 6):
            self.add("case_look", **of, person_id=someone.person_id)
        for someone in self.chance.sample(self.world.people, 3):
            self.add(
                "journal_entry", **of, person_id=someone.person_id, sample_item_id=None, document_id=None, revision=1
            )
        outcome = self.add("outcome", **of)
        self.add("centre_feedback", **of, outcome_id=outcome["id"])
        for candidate in self.of_centre(centre, series):
            self.add("moderated_mark", **of, outcome_id=outcome["id"], candidate_id=candidate["id"])
        check = self.add("moderator_check", **of, outcome_id=outcome["id"], version=1)
        case["_check"], case["_outcome"] = check["id"], outcome["id"]
        for _ in range(self.chance.randint(0, 2)):
            self.review(case)

    def review(self, case: Row) -> None:
        reviewer = self.chance.choice([None, *self.readers])
        request = self.add(
            "review_request",
            series_key=case["series_key"],
            centre_number=case["centre_number"],
            component_code=case["component_code"],
            service="3",
            candidate_id=None,
            case_id=self.chance.choice((case["id"], case["id"], None)),
            subject=f"s{self.numbers}",
            state=self.chance.choice(("IN_REVIEW", "SUBMITTED", "OUTCOME_ISSUED", "WITHDRAWN")),
            version=1,
            consent="NOT_NEEDED",
            reviewer=None if reviewer is None else reviewer.person_id,
        )
        of = {"request_id": request["id"]}
        if self.maybe():
            self.add("panel_member", **of, person_id=self.chance.choice(self.readers).person_id)
        for table in ("review_transition", "review_outcome", "review_consent"):
            self.add(table, **of)
        self.add("appeal", **of, acts_for_head=True)
        case["_request"] = request["id"]

    def of_centre(self, centre: str, series: str) -> list[Row]:
        return [
            row for row in self.world.rows["candidate"] if (row["centre_number"], row["series_key"]) == (centre, series)
        ]

    def samples(self) -> None:
        cases = self.world.rows["moderation_case"]
        pooled = [case for case in cases if case["consortium_id"] is not None]
        for group in ([case] for case in cases if case["consortium_id"] is None):
            self.sample(group)
        if pooled:
            self.sample(pooled)
        for case in cases:
            for extra in ("_check", "_outcome", "_request"):
                case.pop(extra, None)

    def sample(self, cases: list[Row]) -> None:
        first = cases[0]
        place = {"series_key": first["series_key"], "component_code": first["component_code"]}
        for standing in (False, True):
            if not self.maybe(0.9 if standing else 0.4):
                continue
            sample = self.add("sample", **place, consortium_id=first["consortium_id"])
            self.add("work_request", sample_id=sample["id"])
            report = self.add("moderator_report", sample_id=sample["id"])
            for case in cases:
                if standing:
                    case["sample_id"] = sample["id"]
                self.document(case, None)
                self.upload(case, None)
                self.add("consignment", case_id=case["id"], sample_id=sample["id"])
                for candidate in self.of_centre(case["centre_number"], case["series_key"]):
                    if self.maybe(0.7):
                        self.item(case, sample, report, candidate)

    def item(self, case: Row, sample: Row, report: Row, candidate: Row) -> None:
        item = self.add("sample_item", sample_id=sample["id"], case_id=case["id"], candidate_id=candidate["id"])
        of = {"sample_item_id": item["id"]}
        self.add("item_finding", **of)
        self.add("missing_work", **of)
        self.add("candidate_declaration", **of)
        self.add("work_look", **of, person_id=self.readers[0].person_id)
        mark = self.add("moderator_mark", **of)
        self.add("criterion_mark", moderator_mark_id=mark["id"], mark=1, maximum_mark=2)
        self.add("report_line", report_id=report["id"], **of, verdict="AGREED")
        self.add("check_item", check_id=case["_check"], **of)
        if "_request" in case:
            self.add("review_mark", request_id=case["_request"], **of)
        self.document(case, item)
        self.upload(case, item)

    def kept(self) -> Row:
        """Add a document that is nobody's yet, and everything that it rests on."""
        scope = self.add("scope_key", sk_id=f"sk{self.numbers}", scope=f"scope{self.numbers}")
        oid = f"oid-{self.numbers}"
        self.add("data_key", oid=oid, sk_id=scope["sk_id"])
        self.add("stored_object", oid=oid)
        state = self.chance.choice([DocumentState.RELEASED, *DocumentState]).value
        return self.add("document", oid=oid, state=state, uploaded_by=self.world.people[0].person_id)

    def document(self, case: Row, item: Row | None) -> None:
        document = self.kept()
        self.add(
            "evidence",
            document_id=document["id"],
            case_id=case["id"],
            sample_item_id=None if item is None else item["id"],
            withdrawn_at=NOW if self.maybe(0.1) else None,
        )
        shown = f"oid-{self.numbers}-shown"
        self.add("data_key", oid=shown, sk_id=self.world.rows["scope_key"][-1]["sk_id"])
        self.add("stored_object", oid=shown)
        self.add("derivative", document_id=document["id"], oid=shown)

    def upload(self, case: Row, item: Row | None) -> None:
        sender = self.world.people[0]
        self.add(
            "upload",
            oid=f"up-{self.numbers}",
            person_id=sender.person_id,
            assignment_id=sender.assignment_id,
            centre_number=case["centre_number"],
            case_id=case["id"],
            sample_item_id=None if item is None else item["id"],
            offset_bytes=0,
            total_bytes=5,
        )

    def facts(self) -> None:
        """Add who was given what, who is tied to what, and who had a part in what."""
        windows = ((None, None), (NOW - DAY, None), (NOW - DAY, NOW), (NOW, NOW + DAY), (NOW + DAY, None))
        cases = self.world.rows["moderation_case"]
        given = set()
        for someone in self.readers:
            for case in self.chance.sample(cases, 4):
                act = self.chance.choice(("MODERATE", "MODERATE", "REVIEW", "APPEAL"))
                place = (someone.person_id, case["series_key"], case["component_code"], case["centre_number"], act)
                if place in given:
                    continue
                given.add(place)
                opens, closes = self.chance.choice(windows)
                names = ("person_id", "series_key", "component_code", "centre_number", "act")
                self.add("allocation", **dict(zip(names, place, strict=True)), opens_at=opens, closes_at=closes)
                if self.maybe(0.3):
                    self.add(
                        "involvement",
                        case_id=self.chance.choice(cases)["id"],
                        person_id=someone.person_id,
                        act=self.chance.choice(("MODERATED", "REVIEWED", "APPEALED")),
                        work_id=f"w{self.numbers}",
                    )
        one, other = self.chance.sample(self.moderators, 2)
        for first, second in ((one, other), (other, one)):
            self.add("person_alias", person_id=first.person_id, other_id=second.person_id, merged_by="x", merged_at=NOW)
        for someone in self.readers:
            if self.maybe():
                self.tie(someone)
        for leader in self.leaders:
            for series in SERIES:
                for component in COMPONENTS:
                    self.team(leader, series, component)
        for series in SERIES:
            for component in COMPONENTS:
                named = {"series_key": series, "component_code": component}
                self.add("principal_moderator", **named, person_id=self.chance.choice(self.principals).person_id)

    def offices(self) -> None:
        """Add what people of each centre manage: invitations, addresses for notices."""
        for centre in CENTRES:
            self.add("invitation", role=Role.TEACHER.value, centre_number=centre)
            self.add("notification_contact", centre_number=centre)

    def team(self, leader: Someone, series: str, component: str) -> None:
        place = {"series_key": series, "component_code": component}
        taken = {
            row["person_id"]
            for row in self.world.rows.get("team_member", ())
            if (row["series_key"], row["component_code"]) == (series, component)
        }
        team = self.add("team", **place, leader_id=leader.person_id)
        for member in self.chance.sample(self.moderators, 2):
            if member.person_id not in taken:
                self.add(
                    "team_member",
                    **place,
                    person_id=member.person_id,
                    leader_id=leader.person_id,
                    team_id=team["id"],
                )

    def tie(self, someone: Someone) -> None:
        kinds: tuple[Row, ...] = (
            {"origin": "DECLARED", "valid_to": None},
            {"origin": "AUTOMATIC", "valid_to": NOW + DAY},
            {"origin": "AUTOMATIC", "valid_to": NOW},
            {"origin": "DECLARED", "valid_to": None, "ended_at": NOW - DAY, "ended_by": "x", "end_reason": "over"},
            {"origin": "DECLARED", "valid_from": NOW + DAY, "valid_to": None},
            {"origin": "DECLARED", "valid_to": None, "series_key": SERIES[0]},
        )
        chosen = self.chance.choice(kinds)
        self.add(
            "conflict",
            **{
                "person_id": someone.person_id,
                "centre_number": self.chance.choice(CENTRES),
                "kind": "OTHER",
                "declared_by": someone.person_id,
                "valid_from": NOW - 10 * DAY,
                **chosen,
            },
        )

    def results(self) -> None:
        for series in SERIES:
            run = self.add("gate_run", series_key=series, is_clear=True)
            for case in self.world.rows["moderation_case"]:
                if case["series_key"] == series and self.maybe(0.2):
                    self.add("gate_held", gate_run_id=run["id"], case_id=case["id"])
            self.add("release_proposal", series_key=series, proposed_by=self.world.people[0].person_id)
            self.add("withdrawal_proposal", series_key=series, proposed_by=self.world.people[0].person_id)
            for number in range(self.chance.randint(0, 2)):
                version = self.add(
                    "result_version",
                    series_key=series,
                    number=number,
                    gate_run_id=run["id"],
                    released_by_first="x",
                    released_by_second="y",
                    restricted_at=self.chance.choice((NOW - DAY, NOW, NOW + DAY)),
                )
                if self.maybe(0.3):
                    self.add(
                        "result_withdrawal", version_id=version["id"], withdrawn_by_first="x", withdrawn_by_second="y"
                    )
                for candidate in self.world.rows["candidate"]:
                    if candidate["series_key"] == series:
                        self.add("option_result", version_id=version["id"], candidate_id=candidate["id"])
        for candidate in self.world.rows["candidate"]:
            self.add(
                "missing_result",
                series_key=candidate["series_key"],
                centre_number=candidate["centre_number"],
                candidate_id=candidate["id"],
                version=1,
            )
            if self.world.rows.get("review_request") and self.maybe(0.3):
                request = self.chance.choice(self.world.rows["review_request"])
                self.add(
                    "external_mark_change",
                    series_key=candidate["series_key"],
                    candidate_id=candidate["id"],
                    request_id=request["id"],
                )

    def scripts(self) -> None:
        for centre in CENTRES:
            sitting = self.add("sitting", centre_number=centre, session_of_day="AM", series_key=SERIES[1])
            of = {"sitting_id": sitting["id"]}
            packet = self.add("packet", **of)
            self.add("packet_label", packet_id=packet["id"], payload=f"label{self.numbers}")
            self.add("packet_event", packet_id=packet["id"])
            self.add("packet_tracking_number", packet_id=packet["id"])
            case = self.chance.choice(self.world.rows["moderation_case"])
            self.add("sample_packet", packet_id=packet["id"], case_id=case["id"], consignment_id=None)
            self.add("register_line", **of, state="present")
            correction = self.add("register_correction", **of, field="name", asked_by="one", decision=None)
            self.add("register_change", **of, correction_id=correction["id"])
            self.add("label_print", **of)
            self.add("label_request", packet_id=packet["id"], decision=None)
            self.add("receipt", **of, centre_number=centre, case_id=None)
            script = self.add("script", **of, packet_id=packet["id"])
            self.add("script_event", script_id=script["id"])
            case = self.add(
                "script_case", **of, kind="missing", alarm="none", state="open", level="script", centre_from=NOW - DAY
            )
            self.add("script_case_event", script_case_id=case["id"])
            self.add("declared_missing", script_case_id=case["id"], script_id=script["id"])
            bundle = self.add("scan_bundle", **of)
            self.add("scan_page", bundle_id=bundle["id"])
            self.add("page_decision", bundle_id=bundle["id"], script_id=None)
            self.add("quality_check", script_id=script["id"])
            self.add("script_version", script_id=script["id"], document_id=self.kept()["id"])
            self.add("script_document", script_id=script["id"], document_id=self.kept()["id"])
            self.add("bundle_document", bundle_id=bundle["id"], document_id=self.kept()["id"])
            entry = self.add("despatch_entry", centre_number=centre, kind="sealed")
            self.add("despatch_line", entry_id=entry["id"], packet_id=packet["id"])
            self.add("custody_evidence", **of, document_id=self.kept()["id"], kind="signature")
            request = self.chance.choice(self.world.rows["review_request"])
            copied = {"script_id": script["id"], "request_id": request["id"], "document_id": self.kept()["id"]}
            self.add("script_copy", **copied, given_to=self.world.people[0].person_id)
            proposer = self.world.people[0].person_id
            self.add("script_destruction", **of, what="scans", proposed_by=proposer, confirmed_by=None, receipt_id=None)
        self.kept()
