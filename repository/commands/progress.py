"""A progress bar on standard error, for what takes longer than two seconds."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

AFTER_SECONDS = 2.0


class Bar:
    """Shows how far something is. Called from any thread; nothing is shown before ``AFTER_SECONDS``, or to no terminal."""

    def __init__(self, title: str, *, in_bytes: bool = False, console: Console | None = None) -> None:
        counted: tuple[ProgressColumn, ...] = (
            (DownloadColumn(binary_units=True), TransferSpeedColumn()) if in_bytes else (MofNCompleteColumn(),)
        )
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            *counted,
            TimeRemainingColumn(),
            console=console or Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task(title, total=None)
        self._shown = False
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._progress.stop()

    def total(self, amount: int) -> None:
        """Say how much there is to do."""
        self._progress.update(self._task, total=amount)

    def seen(self, amount: int) -> None:
        """Say that so much more is done."""
        self._progress.update(self._task, advance=amount)
        if not self._shown and time.monotonic() - self._began > AFTER_SECONDS and self._progress.console.is_terminal:
            self._shown = True
            self._progress.start()
