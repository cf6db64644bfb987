"""Reading results as XML in the shape of an A2C message. A2C-LIKE, NOT CERTIFIED: the schemas are not public.

Source: project policy, A2C-like files: the parser is closed to DTD and entities, unknown elements are kept and reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date

from moderation.entries import check_candidate_number, check_centre_number
from moderation.exchange.faults import Fault
from moderation.exchange.lines import Findings
from moderation.exchange.results_values import INDICATORS, CandidateResult, CentreResults, ComponentResult, check_exact
from moderation.exchange.safe_xml import Element, trees

NAMESPACE = "http://jcq.org.uk/a2c"
ROOT = "A2CMessage"
TRANSACTION = "ProcessResults"
BLOCKS = ("Party", "PartyName", "PartyRelationship", "PartyRelationshipRole", "QEOutcome")
ASSESSABLE, AWARD = "Assessable", "Award"
MARK, GRADE, INDICATOR = "Scaled/Weighted Mark", "Grade", "Indicator"
RAW, STATUS, MAXIMUM = "Raw Mark", "Mark Status", "Maximum Mark"
MAXIMUM_WEIGHTED = "Maximum Scaled/Weighted Mark"
STATUS_OF_FLAG = {"A": "Absent", "N": "None"}
CANDIDATE_NUMBER, UCI = "Candidate Number", "UCI"
UNKNOWN_LIMIT = 200

_KNOWN = frozenset(
    {
        "MsgInfo", "MessageID", "TimeStamp", "Sequence", "Initiator_Data", "Initiator_Party_Id", "Receiver_Data",
        "Receiver_Party_Id", "SchemaVersion", "Exchange_Name", "ExchangeSpec_Version", "TransactionInfo",
        "TransactionName", "Party_Id", "Party_Type", "Date_Of_Birth", "Full", "PartyName_CN", "Component_Type",
        "Component_Sequence", "Component_Value", "PartyRelationship_ID", "Party_Id_Originator", "Learner_Party_Id",
        "Role", "Identifier_Type", "Identifier", "QEOutcome_CN", "QualificationElementOutcome_ID",
        "Awarding_Organisation_Party_Id", "AO_Qualification_Element_Id", "Qualification_Element_Type",
        "QEA_Effective_Start_Date_Time", "QE_Outcome_Type", "QE_Outcome_Value_Type", "QE_Outcome_Date_Time",
        "QE_Outcome_Value", "QE_Outcome_Date", "QE_Outcome_Status_Type",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ResultsMessage:
    """A message as it was read; ``unknown`` are path and text of elements that have no place in the shape."""

    message_id: str
    sent_at: str
    awarding_body: str
    results: CentreResults
    unknown: tuple[tuple[str, str], ...]
    warnings: tuple[Fault, ...]


def read_results_xml(name: str, data: bytes) -> ResultsMessage:
    """Read a message of results; raises ``FileRefused`` with every fault located by line and column."""
    findings = Findings(name)
    reader = _Reader(findings)
    for path, element in trees(data, findings, namespace=NAMESPACE, root=ROOT, is_whole=_is_whole):
        reader.take(path, element)
    if not findings.total:
        reader.check_header()
    rows = () if findings.total else tuple(reader.rows())
    findings.refuse_if_any()
    for place, count in sorted(Counter(path for path, _ in reader.unknown).items()):
        findings.warn(
            "unknown-element", None, None, f"{place} is not known here ({count} times); it was kept aside.", ""
        )
    header = reader.header
    results = CentreResults(header["centre"], int(header["sequence"]), rows)
    return ResultsMessage(
        header["id"], header["sent_at"], header["body"], results, tuple(reader.unknown), tuple(findings.warnings)
    )


def _is_whole(path: tuple[str, ...]) -> bool:
    """Say which elements are handed over as trees: the header, and the members of the five sets."""
    return (
        (len(path) == 2 and path[1] != "DataBlock")
        or len(path) == 4
        or (len(path) == 3 and not path[2].endswith("_DS"))
    )


@dataclass(slots=True)
class _Reader:
    """Puts the five sets of a message together again."""

    findings: Findings
    header: dict[str, str] = field(default_factory=dict)
    born_on: dict[str, date] = field(default_factory=dict)
    names: dict[str, tuple[str, str]] = field(default_factory=dict)
    numbers: dict[tuple[str, str], str] = field(default_factory=dict)
    outcomes: list[tuple[str, CandidateResult, int]] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)

    def take(self, path: tuple[str, ...], element: Element) -> None:
        """Take one tree of the document."""
        takers = {"Party": self._party, "PartyName": self._name, "PartyRelationshipRole": self._role}
        takers["QEOutcome"] = self._outcome
        if path[-1] == "MsgHeader":
            self._header(element)
        elif len(path) == 4 and path[-1] in takers and path[2] == f"{path[-1]}_DS":
            takers[path[-1]](element)
        elif path[-1] not in {"DataBlockName", "PartyRelationship"}:
            self._keep("/".join(path), element)
            return
        self._keep_strangers("/".join(path), element)

    def check_header(self) -> None:
        """Note what the header lacks, once the whole message is here."""
        if not self.header:
            self.findings.error("header", None, None, "The message has no MsgHeader.", "Check it is the right file.")
            return
        for what, sound in (
            ("Receiver_Party_Id", _is(check_centre_number, self.header["centre"])),
            ("Initiator_Party_Id", self.header["body"] != ""),
            ("Sequence", self.header["sequence"].isascii() and self.header["sequence"].isdigit()),
            ("TransactionName", self.header["transaction"] == TRANSACTION),
        ):
            if not sound:
                line = int(self.header["line"])
                self.findings.error("header", line, None, f"{what} is not what a message of results has.", "Check it.")

    def rows(self) -> list[CandidateResult]:
        """Return the results in the order of the message, with names, numbers and birth dates."""
        rows = []
        seen: dict[tuple[str, str], int] = {}
        for learner, row, line in self.outcomes:
            number = self.numbers.get((learner, CANDIDATE_NUMBER), "")
            if not _is(check_candidate_number, number):
                self.findings.error(
                    "candidate-number", line, None, "The learner has no candidate number of four digits among its roles.",
                    "Add the role Learner with an identifier of type Candidate Number.",
                )  # fmt: skip
                continue
            if (number, row.option_code) in seen and row.option_code:
                self.findings.error(
                    "duplicate-result", line, None, f"The result stands on line {seen[number, row.option_code]} already.",
                    "Keep one of them.",
                )  # fmt: skip
            seen.setdefault((number, row.option_code), line)
            surname, forenames = self.names.get(learner, ("", ""))
            rows.append(
                replace(
                    row,
                    candidate_number=number,
                    uci=self.numbers.get((learner, UCI), ""),
                    surname=surname,
                    forenames=forenames,
                    born_on=self.born_on.get(learner),
                )
            )
        return rows

    def _header(self, element: Element) -> None:
        def text(*path: str) -> str:
            return element.first("MsgInfo", *path)

        self.header = {
            "id": text("MessageID"),
            "sent_at": text("TimeStamp"),
            "sequence": text("Sequence"),
            "body": text("Initiator_Data", "Initiator_Party_Id"),
            "centre": text("Receiver_Data", "Receiver_Party_Id"),
            "transaction": element.first("TransactionInfo", "TransactionName"),
            "line": str(element.line),
        }

    def _party(self, element: Element) -> None:
        born = element.first("Date_Of_Birth")
        if born:
            try:
                self.born_on[element.first("Party_Id")] = date.fromisoformat(born)
            except ValueError:
                self.findings.error("not-a-date", element.line, None, "Date_Of_Birth is no date.", "Write YYYY-MM-DD.")

    def _name(self, element: Element) -> None:
        parts = {
            part.first("Component_Type"): _exact_text(part, "Component_Value") for part in element.every("PartyName_CN")
        }
        self.names[element.first("Party_Id")] = (parts.get("Family", ""), parts.get("Given", ""))

    def _role(self, element: Element) -> None:
        if element.first("Role") == "Learner":
            key = (element.first("Party_Id"), element.first("Identifier_Type"))
            self.numbers[key] = element.first("Identifier")

    def _outcome(self, element: Element) -> None:
        learner = element.first("PartyRelationship_ID", "Learner_Party_Id")
        option = ""
        of_option: dict[str, str] = {}
        of_parts: dict[str, dict[str, str]] = {}
        for part in element.every("QEOutcome_CN"):
            identity = "QualificationElementOutcome_ID"
            code = part.first(identity, "AO_Qualification_Element_Id")
            values = of_option
            if part.first(identity, "Qualification_Element_Type") == AWARD:
                option = code
            else:
                values = of_parts.setdefault(code, {})
            values[part.first(identity, "QE_Outcome_Value_Type")] = part.first("QE_Outcome_Value")
        before = self.findings.total
        total = self._number(element, of_option.get(MARK, ""))
        indicator = of_option.get(INDICATOR, "")
        if indicator not in INDICATORS:
            self.findings.error("indicator", element.line, None, "The indicator is not X, #, Q or A.", "Check it.")
        parts = tuple(self._component(element, code, values) for code, values in of_parts.items())
        if self.findings.total == before:
            row = CandidateResult("", option, of_option.get(GRADE, ""), indicator, total, parts)
            self.outcomes.append((learner, row, element.line))

    def _component(self, element: Element, code: str, values: dict[str, str]) -> ComponentResult:
        flags = {word: flag for flag, word in STATUS_OF_FLAG.items()}
        raw = values.get(RAW, "")
        whole = int(raw) if raw.isascii() and raw.isdigit() and len(raw) <= 4 else None
        if (raw and whole is None) or not code:
            self.findings.error(
                "mark", element.line, None, "A raw mark is not a whole number, or has no code.", "Check it."
            )
        maximum = values.get(MAXIMUM, "0")
        return ComponentResult(
            code,
            "M" if whole is not None else flags.get(values.get(STATUS, ""), "N"),
            whole,
            int(maximum) if maximum.isascii() and maximum.isdigit() and len(maximum) <= 4 else 0,
            self._number(element, values.get(MARK, "")),
            self._number(element, values.get(MAXIMUM_WEIGHTED, "")),
        )

    def _number(self, element: Element, text: str) -> str:
        try:
            return check_exact(text) if text else ""
        except ValueError as error:
            self.findings.error("not-a-number", element.line, None, f"Of an outcome's value, {error}.", "Check it.")
            return ""

    def _keep_strangers(self, path: str, element: Element) -> None:
        for child in element.children:
            if child.name in _KNOWN:
                self._keep_strangers(f"{path}/{child.name}", child)
            else:
                self._keep(f"{path}/{child.name}", child)

    def _keep(self, path: str, element: Element) -> None:
        if len(self.unknown) < UNKNOWN_LIMIT:
            self.unknown.append((path, element.text.strip()))


def _exact_text(element: Element, name: str) -> str:
    """Return a text with the spaces it has: a name is compared exactly."""
    return next((child.text for child in element.children if child.name == name), "")


def _is(check: Callable[[str], object], text: str) -> bool:
    try:
        check(text)
    except ValueError:
        return False
    return True
