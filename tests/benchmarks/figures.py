"""Figures of a benchmark: measured values held against targets, as a table and as JSON."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value; ``at_most`` says whether the target is a ceiling or a floor, ``target`` None means no target."""

    name: str
    value: float
    unit: str
    target: float | None = None
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        """Return whether the target is met, or None without one."""
        if self.target is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target


@dataclass(frozen=True, slots=True)
class Options:
    """How a benchmark is run: ``quick`` measures once and briefly."""

    quick: bool
    json_path: Path | None


def read_options(name: str, words: Sequence[str] | None = None) -> Options:
    """Read the command line that every benchmark has."""
    parser = argparse.ArgumentParser(prog=f"infra/bench {name}")
    parser.add_argument("--quick", action="store_true", help="measure once and briefly")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    arguments = parser.parse_args(words)
    return Options(arguments.quick, arguments.json)


def as_json(figures: Sequence[Figure]) -> str:
    """Return figures as the JSON document of benchmarks."""
    found = {
        figure.name: {"value": figure.value, "unit": figure.unit, "target": figure.target, "met": figure.met}
        for figure in figures
    }
    return json.dumps({"figures": found}, indent=1, ensure_ascii=False) + "\n"


def show(title: str, figures: Sequence[Figure], options: Options) -> int:
    """Print the table and write the JSON; returns 1 when a target is missed, else 0."""
    table = Table(title=f"{title} ({platform.machine()}, Python {platform.python_version()})", title_justify="left")
    for column, justify in (
        ("figure", "left"),
        ("value", "right"),
        ("unit", "left"),
        ("target", "right"),
        ("met", "left"),
    ):
        table.add_column(column, justify=justify)
    for figure in figures:
        sign = "≤" if figure.at_most else "≥"
        target = "" if figure.target is None else f"{sign} {figure.target:g}"
        table.add_row(
            figure.name, f"{figure.value:,.1f}", figure.unit, target, {None: "", True: "yes", False: "no"}[figure.met]
        )
    Console(width=None if Console().is_terminal else 110).print(table)
    if options.json_path is not None:
        options.json_path.write_text(as_json(figures), encoding="utf-8")
    return int(any(figure.met is False for figure in figures))
