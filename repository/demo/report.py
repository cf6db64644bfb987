"""What the demo checked, step by step, and its one table; for people and for machines."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked: what must be so, whether it is, and the figures."""

    step: str
    claim: str
    passed: bool
    figures: str


@dataclass(frozen=True, slots=True)
class Line:
    """A candidate's way through the journey. Marks that do not exist are None."""

    candidate_number: str
    centre_number: str
    component: str
    sampled: bool
    centre_mark: int | None
    moderator_mark: int | None
    outcome: str
    final_mark: int | None
    grade: str
    bytes_stored: int


class Report:
    """Collects checks and prints each as it is made."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._step = ""
        self.checks: list[Check] = []
        self.lines: list[Line] = []
        self.facts: dict[str, Any] = {}

    @property
    def passed(self) -> bool:
        """Return whether something was checked and everything held."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def step(self, title: str) -> None:
        """Begin a step."""
        self._step = title
        self._console.print(f"\n[bold]{escape(title)}[/bold]")

    def check(self, claim: str, passed: object, figures: object = "") -> bool:
        """Note that a claim was checked; returns whether it holds."""
        found = Check(self._step, claim, bool(passed), str(figures))
        self.checks.append(found)
        mark = "[green]✓[/green]" if found.passed else "[bold red]✗[/bold red]"
        after = f"  [dim]{escape(found.figures)}[/dim]" if found.figures else ""
        self._console.print(f"  {mark} {escape(claim)}{after}")
        return found.passed

    def fail(self, error: BaseException) -> None:
        """Note that a step could not be finished."""
        self.check("the step was finished", False, f"{type(error).__name__}: {error}")

    def show(self) -> None:
        """Print the table and the verdict."""
        table = Table(title="\nThe journey of every candidate", title_justify="left")
        columns = ("Candidate", "Centre", "Component", "Sample?", "Centre mark", "Moderator mark", "Outcome")
        for name in columns:
            table.add_column(name, justify="right" if name.endswith("mark") else "left")
        for name in ("Final mark", "Grade", "Bytes stored"):
            table.add_column(name, justify="left" if name == "Grade" else "right")
        for line in self.lines:
            table.add_row(
                line.candidate_number,
                line.centre_number,
                line.component,
                "yes" if line.sampled else "",
                *(_text(mark) for mark in (line.centre_mark, line.moderator_mark)),
                line.outcome,
                _text(line.final_mark),
                line.grade,
                f"{line.bytes_stored:,}" if line.bytes_stored else "",
            )
        if self.lines:
            self._console.print(table)
        for name, value in self.facts.items():
            shown = f"{value:,}" if isinstance(value, int) else value
            self._console.print(f"{name.replace('_', ' ').capitalize()}: {escape(str(shown))}")
        failed = [check for check in self.checks if not check.passed]
        if self.passed:
            self._console.print(f"[bold green]All {len(self.checks)} checks passed.[/bold green]")
            return
        self._console.print(f"[bold red]{len(failed)} of {len(self.checks)} checks failed:[/bold red]")
        for check in failed:
            self._console.print(f"  [red]✗[/red] {escape(check.step)}: {escape(check.claim)}  {escape(check.figures)}")

    def as_json(self) -> str:
        """Return everything as one JSON document."""
        return json.dumps(
            {
                "passed": self.passed,
                **self.facts,
                "checks": [asdict(check) for check in self.checks],
                "candidates": [asdict(line) for line in self.lines],
            },
            indent=1,
            ensure_ascii=False,
        )


def _text(mark: int | None) -> str:
    return "" if mark is None else str(mark)
