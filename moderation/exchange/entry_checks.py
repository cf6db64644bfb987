"""Entry files held against the series they are for: options, pairs that exclude each other, one way of submission."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from itertools import combinations

from moderation.entries import SubmissionMode
from moderation.exchange.basedata import Option, SeriesBasedata
from moderation.exchange.entry_files import EntryFile
from moderation.exchange.faults import Fault
from moderation.exchange.lines import Field, Findings


def check_entries(
    entry_file: EntryFile,
    basedata: SeriesBasedata,
    *,
    confirmed_modes: Mapping[str, SubmissionMode] | None = None,
) -> list[Fault]:
    """Hold an entry file against the series it is for.

    Takes: ``confirmed_modes``, submission mode by option code where an officer has confirmed it; for the other options
    the title's proposal counts.
    Returns: the first faults: options that do not exist, disallowed pairs, and candidates of one unit entered under
    different submission modes at this centre (one unit × one centre × one series = one mode).
    Source: OCR, https://support.ocr.org.uk/hc/en-gb/articles/5826606521106
    """
    return check_findings(entry_file, basedata, confirmed_modes=confirmed_modes).errors


def check_findings(
    entry_file: EntryFile,
    basedata: SeriesBasedata,
    *,
    confirmed_modes: Mapping[str, SubmissionMode] | None = None,
) -> Findings:
    """Return what ``check_entries`` finds, with the total beside the first faults."""
    findings = Findings(entry_file.name)
    used: dict[tuple[str, ...], dict[SubmissionMode, tuple[int, Field]]] = defaultdict(dict)
    is_disallowed = _disallowed_in(basedata)
    for entry in entry_file.entries:
        known: list[tuple[str, tuple[int, Field]]] = []
        for position, code in enumerate(entry.options):
            option = basedata.option_by_code.get(code)
            line, where = entry.place_of(position)
            if option is None:
                findings.error(
                    "unknown-option", line, where, f"Option {code} does not exist in {basedata.series.title}.",
                    "Check the code against the awarding body's basedata.",
                )  # fmt: skip
                continue
            known.append((code, (line, where)))
            mode = (confirmed_modes or {}).get(code, option.proposed_mode)
            unit = _unit_of(option)
            if unit is not None and mode in _TRAVELLING:
                used[unit].setdefault(mode, (line, where))
        for (first, _), (second, (line, where)) in combinations(known, 2):
            if is_disallowed(first, second):
                findings.error(
                    "disallowed-pair", line, where, f"Options {first} and {second} may not be taken together.",
                    "Withdraw one of the two.",
                )  # fmt: skip
    for unit, modes in used.items():
        if len(modes) > 1:
            line, where = max(modes.values(), key=lambda place: place[0])
            names = " and ".join(sorted(mode.lower() for mode in modes))
            findings.error(
                "mixed_submission_mode", line, where,
                f"Candidates for {unit[0]} are entered under different ways of submission: {names}.",
                "All candidates of a unit at a centre share one way of submission. Enter all for the same option.",
            )  # fmt: skip
    return findings


_TRAVELLING = frozenset({SubmissionMode.UPLOAD, SubmissionMode.POSTAL, SubmissionMode.VISIT})


def _unit_of(option: Option) -> tuple[str, ...] | None:
    """Return what options of one unit share, or ``None`` for a unit that basedata does not tell from its siblings.

    Where the syllabus of a unit option is the unit itself, the option's code continues the syllabus code (measured:
    all 515 unit options of June 2017 whose title names a mode). Units that share a syllabus may differ in mode.
    """
    if option.exam_item == "U" and not option.code.startswith(option.syllabus_code or " "):
        return None
    return option.syllabus_code, option.qualification, option.level


def _disallowed_in(basedata: SeriesBasedata) -> Callable[[str, str], bool]:
    """Return the test of two options; each pair is held against all disallowed pairs once."""

    @cache
    def is_disallowed(first: str, second: str) -> bool:
        return any(pair.matches(first, second) for pair in basedata.disallowed)

    return is_disallowed
