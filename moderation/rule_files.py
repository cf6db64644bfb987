"""Rules files: profiles, policies and who is governed by which, in one JSON file, read with every fault located.

The format is described in infra/docs/sampling.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

from moderation.errors import PolicyInvalid, ProfileInvalid, UnknownProfile
from moderation.exchange.faults import Fault, FileRefused
from moderation.located_json import JsonFault, read_located
from moderation.profiles import AllWorkOutcome, Band, Basis, GradeMinimum, PickedBy, SampleProfile
from moderation.rules import ModerationPolicy, policy_from

FORMAT: Final = "nea-rules/1"
DEFAULT_PROFILE_ID: Final = "ocr-gq-current"
FILE_LIMIT_BYTES: Final = 1024 * 1024
PACKAGED: Final = "rules.json"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which profile and which policy govern what; ``None`` in a key field stands for anything.

    Takes: ``awarding_body``, two digits; ``family``, the letter of the qualification family; ``series``, such as
    ``6A26``; ``component``, a component code; a version of ``None`` means the newest.
    Source: project policy: sizes are data keyed by awarding body, qualification family and series.
    """

    awarding_body: str
    family: str | None = None
    series: str | None = None
    component: str | None = None
    profile_id: str | None = None
    profile_version: int | None = None
    policy_id: str | None = None
    policy_version: int | None = None

    @property
    def key(self) -> tuple[str, str | None, str | None, str | None]:
        """Return what it is about; a later assignment with the same key replaces it."""
        return self.awarding_body, self.family, self.series, self.component

    @property
    def specificity(self) -> tuple[bool, bool, bool]:
        """Return how closely it says whom it governs: a component counts most, then a series, then a family."""
        return self.component is not None, self.series is not None, self.family is not None

    @property
    def words(self) -> str:
        """Return what it is about in words."""
        parts = [f"awarding body {self.awarding_body}"]
        parts += [f"family {self.family}"] if self.family else []
        parts += [f"series {self.series}"] if self.series else []
        parts += [f"component {self.component}"] if self.component else []
        return ", ".join(parts)

    def governs(self, awarding_body: str, series: str, component: str) -> bool:
        """Say whether it is about a component of a series; ``series`` such as ``6A26``."""
        return (
            self.awarding_body == awarding_body
            and self.family in (None, series[1])
            and self.series in (None, series)
            and self.component in (None, component)
        )


@dataclass(frozen=True, slots=True)
class RulesFile:
    """What a rules file says; the rows keep each profile and policy as written, keyed by identifier and version."""

    profiles: tuple[SampleProfile, ...]
    policies: tuple[ModerationPolicy, ...]
    assignments: tuple[Assignment, ...]
    profile_rows: Mapping[tuple[str, int], Mapping[str, Any]]
    policy_rows: Mapping[tuple[str, int], Mapping[str, Any]]
    lines: Mapping[str, int]


def most_specific(assignments: Iterable[Assignment], names: str) -> Assignment | None:
    """Return the most specific of the assignments that name a profile (or a policy), or ``None``.

    Takes: ``assignments`` that all govern one component; ``names``, ``profile_id`` or ``policy_id``.
    """
    named = [one for one in assignments if getattr(one, names) is not None]
    return max(named, key=lambda one: one.specificity, default=None)


def read_rules(name: str, data: bytes) -> RulesFile:
    """Return what a rules file says.

    Raises: ``FileRefused`` with every fault: the line, the path of the value, what is wrong and what to do.
    """
    reader = _RulesReader(name)
    if len(data) > FILE_LIMIT_BYTES:
        reader.fault("file-too-large", "", f"The file is larger than {FILE_LIMIT_BYTES} bytes.", "Split it.")
        raise FileRefused(reader.faults)
    try:
        value, reader.lines = read_located(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        reader.fault("encoding", "", "The file is not UTF-8 text.", "Save it as UTF-8.")
        raise FileRefused(reader.faults) from None
    except JsonFault as fault:
        reader.fault("not-json", fault.path, fault.message, "Correct the file and send it again.", fault.line)
        raise FileRefused(reader.faults) from None
    found = reader.read(value)
    if reader.faults:
        raise FileRefused(reader.faults)
    return found


def profile_from(row: Mapping[str, Any]) -> SampleProfile:
    """Return the profile that a row of a rules file describes, already checked for its kinds; raises ``ProfileInvalid``."""
    return SampleProfile(
        **{
            **row,
            "bands": tuple(Band(**band) for band in row["bands"]),
            "basis": Basis(row["basis"]),
            "picked_by": PickedBy(row["picked_by"]),
            "all_work_outcome": AllWorkOutcome(row["all_work_outcome"]),
            "minima": tuple(GradeMinimum(**one) for one in row.get("minima", ())),
            "conditions": tuple(row.get("conditions", ())),
        }
    )


@cache
def packaged_rules() -> RulesFile:
    """Return the rules that ship with the package."""
    return read_rules(PACKAGED, resources.files("moderation.data").joinpath(PACKAGED).read_bytes())


@cache
def packaged_profiles() -> Mapping[str, SampleProfile]:
    """Return the newest version of each profile that ships with the package, by identifier."""
    return MappingProxyType({one.profile_id: one for one in sorted(packaged_rules().profiles, key=lambda p: p.version)})


def profile_of(profile_id: str | None) -> SampleProfile:
    """Return the packaged profile (the default for ``None``); raises ``UnknownProfile``."""
    try:
        return packaged_profiles()[profile_id or DEFAULT_PROFILE_ID]
    except KeyError:
        raise UnknownProfile(f"There is no sample profile {profile_id}.", profile_id=profile_id) from None


# Reading


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31


def _is_word_of(kind: type[Any]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value in {str(one) for one in kind}


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\x00" not in value and len(value) <= 1000


_TEXT = (_is_text, "a text of at most 1000 characters")
_INT = (_is_int, "a whole number")
_INT_OR_NULL = (lambda value: value is None or _is_int(value), "a whole number, or null")
_BOOL = (lambda value: isinstance(value, bool), "true or false")
_LIST = (lambda value: isinstance(value, list), "a list")
_Kind = tuple[Callable[[Any], bool], str]


def _choice(kind: type[Any]) -> _Kind:
    return _is_word_of(kind), "one of " + ", ".join(str(one) for one in kind)


_BAND: Mapping[str, _Kind] = {"first": _INT, "last": _INT_OR_NULL, "size": _INT_OR_NULL}
_MINIMUM: Mapping[str, _Kind] = {
    "grade": _TEXT,
    "at_least": _INT,
    "lowest_mark": _INT_OR_NULL,
    "highest_mark": _INT_OR_NULL,
}
_PROFILE: Mapping[str, _Kind] = {
    "profile_id": _TEXT,
    "version": _INT,
    "title": _TEXT,
    "bands": _LIST,
    "basis": _choice(Basis),
    "sub_sample_size": _INT,
    "picked_by": _choice(PickedBy),
    "all_work_outcome": _choice(AllWorkOutcome),
    "source": _TEXT,
    "verified": _BOOL,
    "extremes_required": _BOOL,
    "teaching_set_cover": _BOOL,
    "at_most": _BOOL,
    "minima": _LIST,
    "conditions": (
        lambda value: isinstance(value, list) and all(_is_text(one) for one in value),
        "a list of texts",
    ),
    "unpublished": _TEXT,
}
_PROFILE_NEEDS = tuple(_PROFILE)[:10]
_POLICY: Mapping[str, _Kind] = {"policy_id": _TEXT, "version": _INT, "title": _TEXT, "source": _TEXT, "verified": _BOOL}
_CODE = {
    "family": (r"[A-Z]", "the letter of a qualification family"),
    "series": (r"[1-9ABC][A-Z][0-9]{2}", "a series such as 6A26"),
    "component": (r"[!-~]{1,12}", "a component code"),
}


def _code(name: str) -> _Kind:
    pattern, words = _CODE[name]
    return (
        lambda value: value is None or (isinstance(value, str) and re.fullmatch(pattern, value) is not None),
        f"{words}, or null for any",
    )


_TEXT_OR_NULL = (lambda value: value is None or _is_text(value), "a text, or null")
_ASSIGNMENT: Mapping[str, _Kind] = {
    **{name: _code(name) for name in _CODE},
    "awarding_body": (
        lambda value: isinstance(value, str) and re.fullmatch(r"[0-9]{2}", value) is not None,
        "two digits",
    ),
    "profile_id": _TEXT_OR_NULL,
    "profile_version": _INT_OR_NULL,
    "policy_id": _TEXT_OR_NULL,
    "policy_version": _INT_OR_NULL,
}


class _RulesReader:
    """Collects what a file says and every fault of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[str, int] = {}
        self.faults: list[Fault] = []

    def fault(self, code: str, path: str, message: str, remedy: str, line: int | None = None) -> None:
        at = path
        while line is None and at and at not in self.lines:
            at = at.rpartition(".")[0] if "." in at.rpartition("[")[2] or "[" not in at else at.rpartition("[")[0]
        self.faults.append(Fault(code, self.name, line or self.lines.get(at), None, None, path, message, remedy))

    def read(self, value: Any) -> RulesFile:
        empty = RulesFile((), (), (), {}, {}, self.lines)
        if not isinstance(value, dict):
            self.fault("not-rules", "", "The file is not a JSON object.", "See the description of rules files.")
            return empty
        if value.get("format") != FORMAT:
            self.fault("format", "format", f"The format must be {FORMAT!r}.", "Give the file's format.")
        for name in value.keys() - {"format", "profiles", "policies", "assignments", "note"}:
            self.fault("unknown-name", name, f"{name!r} is not part of a rules file.", "Remove it.")
        profile_rows = [
            (path, row) for path, row in self._rows(value, "profiles") if self._profile_row_is_sound(row, path)
        ]
        policy_rows = [
            (path, row) for path, row in self._rows(value, "policies") if self._policy_row_is_sound(row, path)
        ]
        profiles = self._made(profile_rows, profile_from)
        policies = self._made(policy_rows, policy_from)
        assignments = self._assignments(value)
        self._refuse_twins(profiles, "profile_id")
        self._refuse_twins(policies, "policy_id")
        return RulesFile(
            tuple(one for _, one in profiles),
            tuple(one for _, one in policies),
            assignments,
            {(row["profile_id"], row["version"]): row for _, row in profile_rows},
            {(row["policy_id"], row["version"]): row for _, row in policy_rows},
            self.lines,
        )

    def _rows(self, value: Mapping[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
        rows = value.get(name, [])
        if not isinstance(rows, list):
            self.fault("not-a-list", name, f"{name} must be a list.", "Write it in square brackets.")
            return []
        return [(f"{name}[{index}]", row) for index, row in enumerate(rows)]

    def _is_sound(self, row: Any, path: str, kinds: Mapping[str, _Kind], needs: Sequence[str], *, closed: bool) -> bool:
        before = len(self.faults)
        if not isinstance(row, dict):
            self.fault("not-an-object", path, "This must be an object with names and values.", "Correct it.")
            return False
        for name in needs:
            if name not in row:
                self.fault("missing", path, f"{name!r} is missing.", f"Add {name!r}: {kinds[name][1]}.")
        for name, value in row.items():
            if name not in kinds:
                if closed:
                    self.fault("unknown-name", f"{path}.{name}", f"{name!r} is not known here.", "Remove it.")
            elif not kinds[name][0](value):
                self.fault("wrong-kind", f"{path}.{name}", f"{name} must be {kinds[name][1]}.", "Correct it.")
        return len(self.faults) == before

    def _profile_row_is_sound(self, row: Any, path: str) -> bool:
        if not self._is_sound(row, path, _PROFILE, _PROFILE_NEEDS, closed=True):
            return False
        parts = [
            self._is_sound(one, f"{path}.{name}[{index}]", kinds, needs, closed=True)
            for name, kinds, needs in (("bands", _BAND, tuple(_BAND)), ("minima", _MINIMUM, ("grade", "at_least")))
            for index, one in enumerate(row.get(name, []))
        ]
        return all(parts)

    def _policy_row_is_sound(self, row: Any, path: str) -> bool:
        known = {one.name for one in fields(ModerationPolicy)} - {"limits"} | {"discordant_share", "correlation"}
        if not self._is_sound(row, path, _POLICY, tuple(_POLICY), closed=False):
            return False
        for name in sorted(row.keys() - known):
            self.fault("unknown-name", f"{path}.{name}", f"{name!r} is not known here.", "Remove it.")
        return not row.keys() - known

    def _made(
        self, rows: Sequence[tuple[str, dict[str, Any]]], make: Callable[[Mapping[str, Any]], Any]
    ) -> list[tuple[str, Any]]:
        made = []
        for path, row in rows:
            try:
                made.append((path, make(row)))
            except (ProfileInvalid, PolicyInvalid) as error:
                field = str(error.facts.get("field", ""))
                where = f"{path}.{field}" if field else path
                self.fault(error.code, where, error.detail, "Correct it and send the file again.")
        return made

    def _assignments(self, value: Mapping[str, Any]) -> tuple[Assignment, ...]:
        made: dict[tuple[str | None, ...], Assignment] = {}
        for path, row in self._rows(value, "assignments"):
            if not self._is_sound(row, path, _ASSIGNMENT, ("awarding_body",), closed=True):
                continue
            one = Assignment(**row)
            if one.profile_id is None and one.policy_id is None:
                self.fault("missing", path, "Neither a profile nor a policy is named.", "Name one of them, or both.")
            elif one.family is not None and one.series is not None and one.series[1] != one.family:
                self.fault(
                    "contradiction",
                    f"{path}.series",
                    f"Series {one.series} is not of family {one.family}.",
                    "Leave out one of them.",
                )
            elif one.key in made:
                self.fault("twice", path, f"There are two assignments for {one.words}.", "Keep one.")
            else:
                made[one.key] = one
        return tuple(made.values())

    def _refuse_twins(self, made: Sequence[tuple[str, Any]], name: str) -> None:
        seen: set[tuple[str, int]] = set()
        for path, one in made:
            key = (getattr(one, name), one.version)
            if key in seen:
                self.fault("twice", path, f"Version {key[1]} of {key[0]} is given twice.", "Keep one of them.")
            seen.add(key)
