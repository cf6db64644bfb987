"""Located faults of a file: what is wrong, where, and what to do. They carry no personal data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

FAULTS_LIMIT = 200
"""The most faults that are listed; the total is given beside them."""


class Severity(StrEnum):
    """An error refuses the whole file; a warning is shown and the file is taken."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its stable ``code``, the file, line and 1-based columns, the field, and two sentences for a person."""

    code: str
    file: str
    line: int | None
    first_column: int | None
    last_column: int | None
    field: str
    message: str
    remedy: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        """Return the fault as one line, the way compilers print them."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        if self.first_column is not None:
            place += f":{self.first_column}-{self.last_column or self.first_column}"
        return f"{place}: {self.severity}: {self.message} {self.remedy}".rstrip()


class FileRefused(Exception):
    """The file has faults, so none of it was taken."""

    def __init__(self, faults: Sequence[Fault], total: int | None = None) -> None:
        self.faults = tuple(faults[:FAULTS_LIMIT])
        self.total = len(faults) if total is None else total
        count = "1 fault" if self.total == 1 else f"{self.total} faults"
        super().__init__(
            f"The file has {count}, so none of it was taken. Put them right and send the whole file again."
        )
