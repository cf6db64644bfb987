"""What the service writes to its log: one line an event, and of it only what the list of fields allows.

A line never holds what a person typed, a name, a candidate number, a query, a token or a message of a library, because
none of these is a field. Lines cannot be forged, as every value is escaped; each is bounded, and so is their number a
second, so that a flood of requests is not a flood of disk.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

FIELDS: Final[Mapping[str, type]] = {
    "request_id": str,
    "method": str,
    "route": str,
    "status": int,
    "duration_ms": float,
    "bytes_sent": int,
    "bytes_received": int,
    "site": str,
    "role": str,
    "directive": str,
    "kind": str,
    "reason": str,
    "code": str,
    "count": int,
    "attempts": int,
    "errors": str,
    "where": str,
    "source": str,
    "suppressed": int,
}
"""Everything a line may say beside its time, level and event. Words are of the program's own vocabulary, never a person's."""
WORD = re.compile(r"[A-Za-z0-9_.:/{}*+<>,()= \[\]-]*", re.ASCII)
VALUE_CHARACTERS = 400
LINE_CHARACTERS = 4096
LINES_PER_SECOND = 500
FRAMES_KEPT = 12
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_logger = logging.getLogger("nea")


class FieldUnknown(ValueError):
    """A field that the list does not have was to be written to the log. Add it to the list, if it can never name a person."""


def write(level: str, event: str, **fields: object) -> None:
    """Write one event.

    Takes: ``event``, a constant of the program; ``fields``, some of ``FIELDS``, of their types.
    Raises: ``FieldUnknown`` for any other field or type: a mistake of the program's, found by its tests.
    """
    check(fields)
    _logger.log(_LEVELS[level], event, extra={"nea_fields": fields})


def failed(event: str, **fields: object) -> None:
    """Write the exception that is being handled: its classes and places, under an event of ours."""
    check(fields)
    _logger.error(event, exc_info=True, extra={"nea_fields": fields})


def check(fields: Mapping[str, object]) -> None:
    """Refuse fields that are not in the list; raises ``FieldUnknown``."""
    for name, value in fields.items():
        wanted = FIELDS.get(name)
        if (
            wanted is None
            or not isinstance(value, (int, float) if wanted is float else wanted)
            or isinstance(value, bool)
        ):
            raise FieldUnknown(f"{name} is no field of the log, or not of its type")


def entry(record: logging.LogRecord) -> dict[str, object]:
    """Return a record as the log may keep it.

    Of a record of ours: its event and fields. Of a library's: who wrote it and from where, not its words, as they may quote
    anything. Of an exception: its classes and places, not its values.
    """
    fields = getattr(record, "nea_fields", None)
    said: dict[str, object] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
    }
    if fields is not None:
        said["event"] = _word(record.msg)
        said |= {name: _word(value) if isinstance(value, str) else value for name, value in fields.items()}
    elif record.name.split(".")[0] in {"repository", "storage", "moderation", "scripts"}:
        said["event"] = _word(record.msg)  # the constant before its arguments are put in
        said["source"] = _word(record.name)
    else:
        said |= {"event": "library", "source": _word(f"{record.name}:{record.lineno}")}
    if record.exc_info and record.exc_info[1] is not None:
        said |= described(record.exc_info[1])
    return said


def described(error: BaseException) -> dict[str, str]:
    """Return an exception's classes, outermost first, and where it arose: no message, as messages quote values."""
    classes: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(classes) < FRAMES_KEPT:
        classes.append(type(seen).__name__)
        seen = seen.__cause__ or seen.__context__
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_KEPT:]
    places = [f"{'/'.join(frame.filename.split('/')[-2:])}:{frame.lineno}" for frame in frames]
    return {"errors": _word(" < ".join(classes)), "where": _word(" > ".join(places))}


class Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a line that would be too long loses its last fields, and stays JSON."""
        said = entry(record)
        while len(line := json.dumps(said, ensure_ascii=True)) > LINE_CHARACTERS:
            said.popitem()
        return line


class Text(logging.Formatter):
    """The same for a person who reads along: ``time LEVEL event field=value``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        said = entry(record)
        head = f"{said.pop('time')} {str(said.pop('level')).upper()} {said.pop('event')}"
        return " ".join([head, *(f"{name}={value}" for name, value in said.items())])[:LINE_CHARACTERS]


class Rate(logging.Filter):
    """Lets so many lines a second through, and says how many it kept back when the next second begins."""

    def __init__(self, lines_per_second: int = LINES_PER_SECOND, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._limit, self._clock = lines_per_second, clock
        self._second, self._written, self._errors, self._suppressed = -1, 0, 0, 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether this line is written; errors have a number of their own, so that a flood cannot hide one."""
        second = int(self._clock())
        if second != self._second:
            if self._suppressed:
                fields: dict[str, Any] = dict(getattr(record, "nea_fields", None) or {})
                record.nea_fields = fields | {"suppressed": self._suppressed}
            self._second, self._written, self._errors, self._suppressed = second, 0, 0, 0
        if record.levelno >= logging.ERROR:
            self._errors += 1
            allowed = self._errors <= self._limit
        else:
            self._written += 1
            allowed = self._written <= self._limit
        self._suppressed += not allowed
        return allowed


def configure(log_format: str, stream: TextIO | None = None) -> None:
    """Make the list of fields hold for every logger of the process.

    Takes: ``log_format``, ``json`` (a line for each request as well) or ``text`` (what a person should know).
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Json() if log_format == "json" else Text())
    handler.addFilter(Rate())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    _logger.setLevel(logging.INFO if log_format == "json" else logging.WARNING)


def _word(value: object) -> str:
    """Return a word of the program's vocabulary; any other character becomes a question mark."""
    text = str(value)[:VALUE_CHARACTERS]
    return text if WORD.fullmatch(text) else "".join(one if WORD.fullmatch(one) else "?" for one in text)
